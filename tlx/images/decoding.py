"""One image file to pixels, whatever its kind: 8 or 16 bits, palette, transparency, CMYK, turned by EXIF, too large."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from tlx.errors import DataError

LARGEST = 89_478_485  # pixels, above which PIL warns that an image may be a bomb (above twice that it refuses)
REDUCED = 2**24  # pixels above which a JPEG is decoded at a fraction of its size, which costs a fraction of the memory


def read(path: Path, size: int, channels: int) -> np.ndarray:
    """(size, size, channels) uint8; an image of another shape is squeezed into the square.

    Raises DataError with one sentence when the file is no image, is broken, or is too large.
    """
    try:
        with Image.open(path) as picture:
            if picture.width * picture.height > LARGEST:
                raise Image.DecompressionBombError
            if picture.width * picture.height > REDUCED:
                picture.draft(None, (4 * size, 4 * size))
            return pixels(ImageOps.exif_transpose(picture), size, channels)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise DataError(
            f"image {path} has more than {LARGEST / 1e6:.0f} million pixels, which may be meant to exhaust memory; "
            "make it smaller"
        ) from None
    except FileNotFoundError:
        raise DataError(f"image {path} does not exist") from None
    except Exception as error:  # decoders of some thirty formats raise whatever they like on broken files
        lines = str(error).replace(str(path), "it").splitlines() or [type(error).__name__]
        raise DataError(f"{path} cannot be read as an image ({lines[0]}); remove or replace it") from None


def pixels(picture: Image.Image, size: int, channels: int) -> np.ndarray:
    """(size, size, channels) uint8 of an open image. Raises ValueError for floating-point pixels."""
    opaque = _opaque(_eight_bits(picture)).convert("L" if channels == 1 else "RGB")
    return np.asarray(opaque.resize((size, size), Image.Resampling.BILINEAR)).reshape(size, size, channels)


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
