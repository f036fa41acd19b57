"""Thumbnails of a whole domain on a few sheets, so that hovering a thousand points costs one small download."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from tlx.results import DomainImages, Thumbnails

LARGEST = 96  # side of a tile in pixels; smaller images keep their own size
SHEET = 1_536  # side of a sheet in pixels at most
_QUALITY = 88


def thumbnails(images: DomainImages) -> Thumbnails:
    """Every image of a domain as one tile, row by row, instance order; WebP."""
    tile = min(LARGEST, images.pixels.shape[1])
    columns = min(32, SHEET // tile)
    per_sheet = columns**2
    sheets = [
        _sheet(images.pixels[start : start + per_sheet], tile, columns) for start in range(0, len(images), per_sheet)
    ]
    return Thumbnails(tile, columns, tuple(sheets))


def _sheet(pixels: np.ndarray, tile: int, columns: int) -> bytes:
    rows = -(-len(pixels) // columns)
    sheet = Image.new("RGB", (columns * tile, rows * tile))
    for at, image in enumerate(pixels):
        row, column = divmod(at, columns)
        sheet.paste(_tile(image, tile), (column * tile, row * tile))
    buffer = io.BytesIO()
    sheet.save(buffer, "WEBP", quality=_QUALITY)
    return buffer.getvalue()


def _tile(image: np.ndarray, tile: int) -> Image.Image:
    """(H, W, 1 or 3) uint8 -> RGB of tile x tile."""
    picture = Image.fromarray(image if image.shape[-1] == 3 else image[..., 0]).convert("RGB")
    return picture if picture.size == (tile, tile) else picture.resize((tile, tile), Image.Resampling.LANCZOS)


def enlarged(pixels: np.ndarray, least: int = 96) -> np.ndarray:
    """(H, W, 3) uint8 made `least` pixels wide or more, smoothly and by a whole number, where it is smaller."""
    height, width = pixels.shape[:2]
    factor = -(-least // width)
    if factor <= 1:
        return pixels
    size = (width * factor, height * factor)
    return np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BICUBIC))
