"""Pictures cut out of the sheets of `Thumbnails`, and galleries of them as HTML; what came with the data is escaped."""

from __future__ import annotations

import base64
import io
from collections.abc import Hashable, Mapping
from functools import lru_cache

import numpy as np
import pandas as pd
from PIL import Image

from tlx.figures import theme
from tlx.figures.pictures import Pictures
from tlx.results import Thumbnails
from tlx.text import escape_html

SHOWN = 96  # pictures of a gallery at most


def uncut(thumbnails: Mapping[str, Thumbnails]) -> Pictures:
    """The sheets of both domains for pages that show no more than pictures cut out of them: nothing is served."""
    first = next(iter(thumbnails.values()))
    return Pictures({}, first.tile, first.columns, {domain: of.sheets for domain, of in thumbnails.items()})


def gallery_html(pictures: Pictures, rows: pd.DataFrame, size: int) -> str:
    """The gallery's first pictures as HTML; everything that came with the data is escaped."""
    tiles = "".join(_tile(pictures, row, size) for row in rows.head(SHOWN).to_dict("records"))
    return f'<div style="display:flex;flex-wrap:wrap;gap:10px 8px">{tiles}</div>'


def row_html(pictures: Pictures, rows: pd.DataFrame, size: int) -> str:
    """One line of pictures with their classes, as many as fit in its width, as HTML.

    rows: domain, instance, name, label.
    """
    tiles = "".join(_small_tile(pictures, row, size) for row in rows.to_dict("records"))
    return (
        f'<div style="display:flex;flex-wrap:wrap;column-gap:8px;row-gap:20px;height:{size + 26}px;overflow:hidden">'
        f"{tiles}</div>"
    )


def _small_tile(pictures: Pictures, row: Mapping[Hashable, object], size: int) -> str:
    domain, instance = str(row["domain"]), int(str(row["instance"]))
    what = escape_html(f"{row['name']}: {domain} domain, class {row['label']}")
    return (
        f'<div style="width:{size}px;font-size:13px;line-height:18px;text-align:center" title="{what}">'
        f'<img alt="{what}" style="{box(pictures, size)};border-radius:4px;display:block;'
        f'border-bottom:4px solid {theme.COLOURS[domain]};box-sizing:content-box" '
        f'src="{address_of(pictures, domain, instance)}">'
        '<div style="overflow:hidden;white-space:nowrap;text-overflow:ellipsis;margin-top:3px">'
        f"{escape_html(row['label'])}</div></div>"
    )


def _tile(pictures: Pictures, row: Mapping[Hashable, object], size: int) -> str:
    domain, instance = str(row["domain"]), int(str(row["instance"]))
    wrong = bool(row["mispredicted"])
    caption = escape_html(row.get("caption") or (f"{row['label']} → {row['prediction']}" if wrong else row["label"]))
    what = escape_html(
        f"{row['name']}: {domain} domain, instance {instance}, class {row['label']}, target model says "
        f"{row['prediction']}"
    )
    ring = f"outline:2px solid {theme.NEUTRAL};outline-offset:1px;" if wrong else ""
    return (
        f'<div style="width:{size}px;font-size:12px;line-height:1.3;text-align:center" title="{what}">'
        f'<img alt="{what}" style="{box(pictures, size)};border-radius:4px;{ring}'
        f'border-bottom:4px solid {theme.COLOURS[domain]};box-sizing:content-box" '
        f'src="{address_of(pictures, domain, instance)}">'
        f'<div style="overflow-wrap:anywhere;margin-top:3px">{caption}</div></div>'
    )


def address(pixels: np.ndarray, largest: int = 512, *, exact: bool = False) -> str:
    """An image, (H, W, 1 or 3) uint8, as a data address, of at most so many pixels a side; exact: it loses nothing."""
    image, buffer = Image.fromarray(pixels if pixels.shape[2] == 3 else pixels[..., 0]), io.BytesIO()
    image.thumbnail((largest, largest))
    image.save(buffer, "WEBP", quality=90, lossless=exact)
    return f"data:image/webp;base64,{base64.b64encode(buffer.getvalue()).decode()}"


def box(pictures: Pictures, size: int) -> str:
    """The style of a picture of so many pixels a side."""
    sharp = ";image-rendering:pixelated" if pictures.tile < size else ""
    return f"width:{size}px;height:{size}px{sharp}"


def cut_out(pictures: Pictures, domain: str, instance: int) -> np.ndarray:
    """An instance's picture, (tile, tile, 3) uint8."""
    sheet, column, row = pictures.place(instance)
    left, top = column * pictures.tile, row * pictures.tile
    # A copy: whoever keeps it would keep the whole sheet.
    return _pixels(pictures.sheets[domain][sheet])[top : top + pictures.tile, left : left + pictures.tile].copy()


def address_of(pictures: Pictures, domain: str, instance: int) -> str:
    """An instance's picture as a data address: half a kilobyte, where its sheet is two hundred."""
    return address(cut_out(pictures, domain, instance))


def forget() -> None:
    """Lets the decoded sheets go: megabytes each, decoded again in a moment."""
    _pixels.cache_clear()


@lru_cache(maxsize=3)  # decoded sheets take megabytes each, and a gallery cuts from several in turn
def _pixels(sheet: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(sheet)) as image:
        return np.asarray(image if image.mode == "RGB" else image.convert("RGB"))
