"""One image file to pixels, whatever its kind: 8 or 16 bits, palette, transparency, CMYK, turned by EXIF, too large.

Resizing and cropping are those of torchvision's `Resize` and `CenterCrop` on PIL images, to the pixel. A large JPEG is
decoded whole: PIL's draft mode, which decodes a fraction of it, would give other pixels than everybody else sees.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from tlx import pointers
from tlx.cases import Preprocessing
from tlx.errors import DataError
from tlx.images import kinds

LARGEST = 89_478_485  # pixels, above which PIL warns that an image may be a bomb (above twice that it refuses)


def read(path: Path, how: Preprocessing) -> np.ndarray:
    """(image_size, image_size, channels) uint8.

    Raises DataError with one sentence when the file is no image, is broken, or is too large.
    """
    try:
        with Image.open(path, formats=kinds.formats()) as picture:
            if picture.width * picture.height > LARGEST:
                raise Image.DecompressionBombError
            if how.orientation == "turned":
                ImageOps.exif_transpose(picture, in_place=True)
            return pixels(picture, how)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise DataError(
            f"image {path} has more than {LARGEST / 1e6:.0f} million pixels, which may be meant to exhaust memory; "
            "make it smaller"
        ) from None
    except FileNotFoundError:
        raise DataError(f"image {path} does not exist") from None
    except Exception as error:  # decoders of some thirty formats raise whatever they like on broken files
        if pointers.is_pointer(path):
            raise DataError(f"image {path} {pointers.WHY}") from None
        if kinds.is_unread(path.name):
            raise DataError(
                f"image {path} is of a kind that Pillow cannot read; convert it or install a plug-in"
            ) from None
        lines = str(error).replace(str(path), "it").splitlines() or [type(error).__name__]
        raise DataError(f"{path} cannot be read as an image ({lines[0]}); remove or replace it") from None


def spread(path: Path) -> tuple[int, int, int] | None:
    """The lowest and the highest level of an image file, and the one that is white: 255 or 65,535.

    None where it cannot be read, or its levels are not its own (of a palette, of two colours, floating-point).
    """
    try:
        with Image.open(path, formats=kinds.formats()) as picture:
            if picture.width * picture.height > LARGEST or picture.mode in ("1", "P", "PA", "F"):
                return None
            bands = picture.getextrema()
    except Exception:  # whatever it is, reading the image says it
        return None
    each = bands if isinstance(bands[0], tuple) else (bands,)
    colours = [pair for pair, band in zip(each, picture.getbands(), strict=True) if band != "A"]
    low, high = int(min(pair[0] for pair in colours)), int(max(pair[1] for pair in colours))
    return low, high, 65_535 if picture.mode.startswith("I") else 255


def pixels(picture: Image.Image, how: Preprocessing) -> np.ndarray:
    """(image_size, image_size, channels) uint8 of an open image. Raises ValueError where its white is unknown."""
    if how.levels == "scaled":
        picture = _eight_bits(picture)
    picture = _opaque(picture) if how.transparency == "white" else _without_alpha(picture)
    if picture.mode not in ("RGB", "L"):
        picture = picture.convert("RGB")
    if picture.mode != (wanted := "L" if how.channels == 1 else "RGB"):
        picture = picture.convert(wanted)
    return shaped(picture, how)


def shaped(picture: Image.Image, how: Preprocessing) -> np.ndarray:
    """(image_size, image_size, channels) uint8 of an "RGB" or "L" image: resized, and its middle taken."""
    width, height = picture.size
    side = how.resize_to or how.image_size
    if how.resize == "squash":
        size = side, side
    else:
        longer = int(side * max(width, height) / min(width, height))
        size = (side, longer) if width <= height else (longer, side)
        if side * longer > LARGEST:
            raise ValueError(f"{width} x {height} px are too long and thin to be resized to {side} px and cropped")
    resized = picture if picture.size == size else picture.resize(size, Image.Resampling[how.interpolation.upper()])
    return middle(np.asarray(resized).reshape(size[1], size[0], -1), how.image_size)


def middle(picture: np.ndarray, side: int) -> np.ndarray:
    """(side, side, channels): the middle of (H, W, channels), with black around it where the picture is smaller."""
    short = [max(side - length, 0) for length in picture.shape[:2]]
    if any(short):  # on the odd pixel torchvision pads the end and rounds the start of a crop to the even number
        picture = np.pad(picture, [(lack // 2, (lack + 1) // 2) for lack in short] + [(0, 0)])
    top, left = (round((length - side) / 2) for length in picture.shape[:2])
    return picture[top : top + side, left : left + side]


def _eight_bits(picture: Image.Image) -> Image.Image:
    """16 bits scaled to 8; PIL's own conversion would cut everything above 255 off."""
    if picture.mode == "F":
        raise ValueError("its pixels are floating-point numbers, whose white is unknown; save it with 8 or 16 bits")
    if not picture.mode.startswith("I"):
        return picture
    values = np.asarray(picture).astype(np.int64)
    if values.min() < 0 or values.max() > 65_535:
        raise ValueError("its pixels have more than 16 bits; save it with 8 or 16")
    return Image.fromarray(np.rint(values / 257).astype(np.uint8))


def _opaque(picture: Image.Image) -> Image.Image:
    """Transparent parts become white, as on a page; without this their hidden colours would show."""
    if picture.mode not in ("RGBA", "LA", "PA", "La", "RGBa") and "transparency" not in picture.info:
        return picture
    layer = picture.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer)


def _without_alpha(picture: Image.Image) -> Image.Image:
    """What hides behind transparent parts is shown. PIL does so by itself, but warns of alpha in a palette."""
    if picture.mode != "P" or "transparency" not in picture.info:
        return picture
    plain = picture.copy()
    del plain.info["transparency"]
    return plain
