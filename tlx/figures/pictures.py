"""Pictures in tooltips and galleries: windows on the sheets of `Thumbnails`, so that no image is sent twice."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from bokeh.models import CustomJSHover

HOVER = 112  # side of a picture in a tooltip, in CSS pixels


@dataclass(frozen=True)
class Pictures:
    """Where the sheets of both domains are served: addresses by domain, side of a tile, tiles in a row."""

    urls: Mapping[str, tuple[str, ...]]
    tile: int
    columns: int

    @property
    def all_urls(self) -> list[str]:
        """The sheets of both domains in one list; places count along it."""
        return [url for urls in self.urls.values() for url in urls]

    def place(self, domain: str, instance: int) -> tuple[int, int, int]:
        """(sheet in `all_urls`, column, row) of an instance's tile."""
        first = self.all_urls.index(self.urls[domain][0])
        sheet, cell = divmod(instance, self.columns**2)
        row, column = divmod(cell, self.columns)
        return first + sheet, column, row

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

    def css(self, domain: str, instance: int, size: int) -> str:
        """The style of an HTML box of `size` pixels that shows an instance."""
        sheet, column, row = self.place(domain, instance)
        return self._window(size, self.all_urls[sheet], f"{column * size}", f"{row * size}")

    def tooltip(self, size: int = HOVER) -> str:
        """The same box as part of a Bokeh tooltip over a source with `columns_of`; needs `formatters`."""
        return f'<div style="{self._window(size, "@{sheet}{url}", "@{left}", "@{top}")}"></div>'

    def formatters(self) -> dict[str, CustomJSHover]:
        """Turns the column `sheet` into its address, for the hover tool that shows `tooltip`."""
        return {"@{sheet}": CustomJSHover(args={"urls": self.all_urls}, code="return urls[value] ?? ''")}

    def _window(self, size: int, url: str, left: str, top: str) -> str:
        sharp = "image-rendering:pixelated;" if self.tile < size else ""
        return (
            f"width:{size}px;height:{size}px;{sharp}background-image:url('{url}');background-repeat:no-repeat;"
            f"background-size:{self.columns * size}px auto;background-position:-{left}px -{top}px"
        )
