"""The images of the built-in `digits` case: printed digits rendered here, handwritten ones from scikit-learn.

Printed: one coloured digit in one of twelve fonts that ship with matplotlib, turned and sheared a little, on a
coloured gradient with clutter (lines, blobs, parts of neighbouring digits), blurred and noisy, as house numbers are.
Handwritten: the UCI digits (8 x 8, 17 grey levels), enlarged. Other kinds of printed ones (`KINDS`) are other sources
for the same target.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from tlx.progress import track

CLASSES = tuple("0123456789")
LETTERS = tuple("ABCDEFGHIJ")
KINDS = {
    "": "coloured digits on clutter",
    "clean": "black digits on white",
    "inverted": "white digits on black",
    "coloured": "digits in one colour on another",
    "rotated": "coloured digits on clutter, turned by 90 degrees",
    "letters": "letters A to J, coloured, on clutter",
}
CANVAS = 64  # printed digits are drawn at this size and reduced, so that strokes have soft edges
FONTS = (
    "DejaVuSans",
    "DejaVuSans-Bold",
    "DejaVuSans-Oblique",
    "DejaVuSansMono-Bold",
    "DejaVuSerif",
    "DejaVuSerif-Bold",
    "STIXGeneral",
    "STIXGeneralBol",
    "STIXGeneralItalic",
    "cmr10",
    "cmss10",
    "cmtt10",
)


def handwritten() -> tuple[np.ndarray, np.ndarray]:
    """All 1,797 handwritten digits as they are: (N, 8, 8) with grey levels 0 to 16, and (N,) labels."""
    from sklearn.datasets import load_digits

    bunch = load_digits()
    return bunch.images, bunch.target.astype(np.int64)


def enlarged(grey: np.ndarray, size: int) -> np.ndarray:
    """(N, 8, 8) grey levels 0 to 16 to (N, size, size, 3) uint8, with a narrow black edge."""
    edge = size // 16
    inner = (size - 2 * edge,) * 2
    pictures = [
        Image.fromarray((one * 255 / 16).astype(np.uint8)).resize(inner, Image.Resampling.BICUBIC) for one in grey
    ]
    framed = np.zeros((len(pictures), size, size), dtype=np.uint8)
    framed[:, edge : size - edge, edge : size - edge] = np.stack([np.asarray(picture) for picture in pictures])
    return np.repeat(framed[..., None], 3, axis=3)


def printed_labels(per_class: int) -> np.ndarray:
    """(N,) labels of the printed digits, classes interleaved."""
    return np.tile(np.arange(len(CLASSES)), per_class)


def classes(kind: str) -> tuple[str, ...]:
    """The classes of a kind of printed characters."""
    return LETTERS if kind == "letters" else CLASSES


def printed(size: int, per_class: int, seed: int, kind: str = "") -> np.ndarray:
    """`per_class` renderings of every class in the order of `printed_labels`: (N, size, size, 3) uint8."""
    names, labels = classes(kind), track(printed_labels(per_class), "printed digits")
    drawn = (_render(names[label], size, np.random.default_rng((seed, at)), kind) for at, label in enumerate(labels))
    return np.stack([np.rot90(one).copy() if kind == "rotated" else one for one in drawn])


_FIXED = {"clean": ((255, 255, 255), (0, 0, 0)), "inverted": ((0, 0, 0), (255, 255, 255))}  # paper and ink
_PLAIN = {*_FIXED, "coloured"}  # without gradient and clutter


@lru_cache(maxsize=512)
def _font(at: int, points: int) -> ImageFont.FreeTypeFont:
    import matplotlib

    return ImageFont.truetype(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / f"{FONTS[at]}.ttf", points)


def _any_font(rng: np.random.Generator, smallest: int, largest: int) -> ImageFont.FreeTypeFont:
    return _font(int(rng.integers(len(FONTS))), int(rng.integers(smallest, largest)))


def _render(digit: str, size: int, rng: np.random.Generator, kind: str = "") -> np.ndarray:
    paper, ink = _FIXED.get(kind) or _two_colours(rng)
    picture = Image.new("RGB", (CANVAS, CANVAS), paper) if kind in _PLAIN else _gradient(paper, rng)
    if kind not in _PLAIN:
        _clutter(ImageDraw.Draw(picture), rng, paper, ink)
    picture.paste(Image.new("RGB", picture.size, ink), mask=_glyph(digit, rng))
    picture = picture.filter(ImageFilter.GaussianBlur(rng.uniform(0.3, 2.4)))
    small = np.asarray(picture.resize((size, size), Image.Resampling.LANCZOS), dtype=np.float32)
    noise = rng.standard_normal(small.shape, dtype=np.float32) * np.float32(rng.uniform(1, 8))
    return (small + noise).clip(0, 255).astype(np.uint8)


def _two_colours(rng: np.random.Generator) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """A paper and an ink colour whose brightnesses differ enough to be read, in either order."""
    while True:
        paper, ink = rng.integers(0, 256, (2, 3))
        brightness = (paper - ink) @ np.array([0.299, 0.587, 0.114])
        if abs(brightness) > 70:
            return tuple(int(v) for v in paper), tuple(int(v) for v in ink)


def _gradient(paper: tuple[int, ...], rng: np.random.Generator) -> Image.Image:
    direction = rng.normal(size=2)
    ramp = np.add.outer(*(np.linspace(-1, 1, CANVAS) * d for d in direction)) * rng.uniform(0, 30)
    shaded = np.array(paper) + ramp[..., None] * rng.uniform(0.3, 1, 3)
    return Image.fromarray(shaded.clip(0, 255).astype(np.uint8))


def _clutter(draw: ImageDraw.ImageDraw, rng: np.random.Generator, paper: tuple[int, ...], ink: tuple[int, ...]) -> None:
    """Faint lines and blobs anywhere, and in half of the pictures a neighbouring digit cut off at each side."""
    for _ in range(rng.integers(0, 5)):
        x, y, far_x, far_y = (float(v) for v in rng.uniform(-8, CANVAS + 8, 4))
        tone = _mixed(paper, tuple(int(v) for v in rng.integers(0, 256, 3)), rng.uniform(0.2, 0.6))
        if rng.random() < 0.5:
            draw.line((x, y, far_x, far_y), fill=tone, width=int(rng.integers(1, 5)))
        else:
            radius = float(rng.uniform(3, 14))
            draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=tone)
    if rng.random() < 0.5:
        font = _any_font(rng, 40, 60)
        for x in (-rng.uniform(4, 14), CANVAS + rng.uniform(4, 14)):
            neighbour = str(rng.integers(10))
            draw.text((x, CANVAS / 2 + rng.normal(0, 4)), neighbour, fill=ink, font=font, anchor="mm")


def _mixed(first: tuple[int, ...], second: tuple[int, ...], share: float) -> tuple[int, ...]:
    return tuple(int(a + (b - a) * share) for a, b in zip(first, second, strict=True))


def _glyph(digit: str, rng: np.random.Generator) -> Image.Image:
    """The digit as a mask, turned, sheared and moved a little."""
    mask = Image.new("L", (CANVAS, CANVAS), 0)
    ImageDraw.Draw(mask).text((CANVAS / 2, CANVAS / 2), digit, fill=255, font=_any_font(rng, 44, 68), anchor="mm")
    turn, shear = np.deg2rad(rng.normal(0, 8)), rng.normal(0, 0.12)
    stretch_x, stretch_y = rng.uniform(0.85, 1.2, 2)
    matrix = np.array([[np.cos(turn), -np.sin(turn) + shear], [np.sin(turn), np.cos(turn)]]) * [
        [stretch_x],
        [stretch_y],
    ]
    middle = np.full(2, CANVAS / 2)
    offset = middle + rng.normal(0, 2.5, 2) - matrix @ middle
    coefficients = (matrix[0, 0], matrix[0, 1], offset[0], matrix[1, 0], matrix[1, 1], offset[1])
    return mask.transform(mask.size, Image.Transform.AFFINE, coefficients, Image.Resampling.BILINEAR)
