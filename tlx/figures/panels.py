"""Small charts beside each other in one figure: a browser draws it in a fraction of the time of as many figures.

All panels are equally wide. Along a figure one is a panel's whole width, upwards one is a pixel, so that texts have the
room they need; `Panels.x` and `Panels.y` say where a panel's own numbers lie.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from textwrap import wrap
from typing import Any

import numpy as np
import pandas as pd
from bokeh.models import Range1d, Segment, Text
from bokeh.plotting import figure

from tlx.figures import theme
from tlx.figures.chart import chart
from tlx.figures.sources import source_of

LINE = 15  # px of a line of text
_TICK = 4  # px of an axis' ticks, and from them to their labels
_RIGHT = 0.05  # of a panel's width, right of its chart


@dataclass(frozen=True)
class Panel:
    """A chart. x, y: where its axes begin and end; x_ticks, y_ticks: what is written along them, by place; unit, below:
    what they mean."""

    title: str
    x: tuple[float, float]
    y: tuple[float, float]
    x_ticks: Mapping[float, str]
    y_ticks: Mapping[float, str]
    unit: str = ""
    below: str = ""


@dataclass(frozen=True)
class Panels:
    """Panels in a row. height: of each chart, px, without its texts; left: share of a panel's width before it."""

    panels: Sequence[Panel]
    height: int
    left: float

    @property
    def bottom(self) -> int:
        """Where the charts begin, px above the figure's lower end."""
        return LINE + 2 * _TICK + (LINE + _TICK if any(panel.below for panel in self.panels) else 0)

    @property
    def top(self) -> int:
        """Where they end."""
        return self.bottom + self.height

    def x(self, at: int, values: Any) -> np.ndarray:
        """Where numbers of panel `at` lie along the figure."""
        return np.asarray(at + self.left + (1 - self.left - _RIGHT) * _share(values, self.panels[at].x))

    def y(self, at: int, values: Any) -> np.ndarray:
        """And upwards."""
        return np.asarray(self.bottom + self.height * _share(values, self.panels[at].y))

    def hit(self, x: float) -> tuple[int, float] | None:
        """The panel at a place along the figure, and the number on its own axis; None beside all panels."""
        at = int(np.floor(x))
        if not 0 <= at < len(self.panels):
            return None
        low, high = self.panels[at].x
        return at, low + (high - low) * (x - at - self.left) / (1 - self.left - _RIGHT)

    def figure(self) -> figure:
        """The panels' axes, grids and titles, and nothing in them yet."""
        lines = max(panel.title.count("\n") + 1 for panel in self.panels)
        height = self.top + 2 * _TICK + lines * LINE
        plot = chart(
            height=height,
            tools="",
            toolbar_location=None,
            x_range=Range1d(0, len(self.panels)),
            y_range=Range1d(0, height),
            x_axis_type=None,
            y_axis_type=None,
            outline_line_color=None,
            min_border=0,
        )
        ends = {"x0": "x0", "y0": "y0", "x1": "x1", "y1": "y1"}
        plot.add_glyph(source_of(self._strokes(), "strokes"), Segment(**ends, line_color="colour"), level="underlay")
        looks = {"x": "x", "y": "y", "text": "text", "angle": "angle"}
        looks |= {f"text_{name}": name for name in ("align", "baseline", "font_style")}
        plot.add_glyph(source_of(self._words(), "words"), Text(**looks, text_font_size="12px", text_line_height=1.0))
        return plot

    def _strokes(self) -> pd.DataFrame:
        """Lines: across each chart at its y ticks, its axes, and their ticks. x0, y0, x1, y1, colour."""
        rows: list[tuple[float, float, float, float, str]] = []
        for at, panel in enumerate(self.panels):
            left, right = self.x(at, panel.x)
            axes = (left, self.bottom, right, self.bottom), (left, self.bottom, left, self.top)
            ticks = [(x, self.bottom - _TICK, x, self.bottom) for x in self.x(at, [*panel.x_ticks])]
            rows += [(left, y, right, y, theme.GRID) for y in self.y(at, [*panel.y_ticks])]
            rows += [(*ends, theme.NEUTRAL) for ends in (*axes, *ticks)]
        return pd.DataFrame(rows, columns=["x0", "y0", "x1", "y1", "colour"])

    def _words(self) -> pd.DataFrame:
        """x, y, text, angle (radians), align, baseline, font_style."""
        rows: list[tuple[float, float, str, float, str, str, str]] = []
        for at, panel in enumerate(self.panels):
            left, right = self.x(at, panel.x)
            rows.append((left, self.top + 2 * _TICK, panel.title, 0.0, "left", "bottom", "bold"))
            places = zip(self.x(at, [*panel.x_ticks]), panel.x_ticks.values(), strict=True)
            rows += [(x, self.bottom - 2 * _TICK, text, 0.0, "center", "top", "normal") for x, text in places]
            heights = zip(self.y(at, [*panel.y_ticks]), panel.y_ticks.values(), strict=True)
            before = left - self.left / 8
            rows += [(before, y, text, 0.0, "right", "middle", "normal") for y, text in heights]
            middle = (self.bottom + self.top) / 2
            if panel.unit:
                rows.append((at + 0.01, middle, panel.unit, np.pi / 2, "center", "top", "italic"))
            if panel.below:
                rows.append(((left + right) / 2, _TICK, panel.below, 0.0, "center", "bottom", "italic"))
        return pd.DataFrame(rows, columns=["x", "y", "text", "angle", "align", "baseline", "font_style"])


def titled(text: str, width: int) -> str:
    """A title in lines of so many characters, two at least, so that charts of several figures stand in line."""
    lines = wrap(text, width)
    return "\n".join([*lines, *[" "] * (2 - len(lines))])


def grouped(names: Iterable[str], most: int) -> tuple[tuple[str, ...], ...]:
    """The names in groups of at most so many, as equal as can be, the larger ones first."""
    every = list(names)
    return tuple(tuple(map(str, part)) for part in np.array_split(every, -(-len(every) // most)))


def _share(values: Any, ends: tuple[float, float]) -> np.ndarray:
    low, high = ends
    return (np.asarray(values, dtype=float) - low) / (high - low)
