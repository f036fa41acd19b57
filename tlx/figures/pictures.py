"""Pictures in tooltips: windows on the sheets of `Thumbnails`, so that no image is sent twice."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from bokeh.models import CustomJSHover

HOVER = 112  # side of a picture in a tooltip, in CSS pixels


@dataclass(frozen=True)
class Pictures:
    """Where the sheets of both domains are served: addresses by domain, side of a tile, tiles in a row, the sheets."""

    urls: Mapping[str, tuple[str, ...]]
    tile: int
    columns: int
    sheets: Mapping[str, tuple[bytes, ...]] = field(default_factory=dict)

    @property
    def all_urls(self) -> list[str]:
        """The sheets of both domains in one list; places count along it."""
        return [url for urls in self.urls.values() for url in urls]

    def place(self, instance: int) -> tuple[int, int, int]:
        """(sheet of its domain, column, row) of an instance's tile."""
        sheet, cell = divmod(instance, self.columns**2)
        row, column = divmod(cell, self.columns)
        return sheet, column, row

    def columns_of(self, domains: np.ndarray, instances: np.ndarray, size: int = HOVER) -> dict[str, np.ndarray]:
        """Data source columns sheet, left, top (CSS pixels) of the instances' tiles, each `size` pixels wide."""
        sheet, cell = np.divmod(np.asarray(instances, dtype=np.int64), self.columns**2)
        row, column = np.divmod(cell, self.columns)
        for domain, urls in self.urls.items():
            sheet[np.asarray(domains) == domain] += self.all_urls.index(urls[0]) if urls else 0
        return {
            "sheet": sheet.astype(np.uint8 if len(self.all_urls) <= 256 else np.uint16),
            "left": (column * size).astype(np.int32),
            "top": (row * size).astype(np.int32),
        }

    def tooltip(self, size: int = HOVER) -> str:
        """A box in a Bokeh tooltip over a source with `columns_of`; needs `formatters`."""
        sharp = "image-rendering:pixelated;" if self.tile < size else ""
        return (
            f"<div style=\"width:{size}px;height:{size}px;{sharp}background-image:url('@{{sheet}}{{url}}');"
            f"background-repeat:no-repeat;background-size:{self.columns * size}px auto;"
            'background-position:-@{left}px -@{top}px"></div>'
        )

    def formatters(self) -> dict[str, CustomJSHover]:
        """Turns the column `sheet` into its address, for the hover tool that shows `tooltip`."""
        return {"@{sheet}": CustomJSHover(args={"urls": self.all_urls}, code="return urls[value] ?? ''")}
