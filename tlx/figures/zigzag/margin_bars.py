"""Histograms beside the cells: of similarities in three regions, of weights in one (Figure 4 B and C)."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from tlx.figures.zigzag.layout import BAND, Block

Columns = dict[str, list[Any]]
UNDEFINED = "undefined"
_ROWS = 512  # of a large matrix tallied at once, so that its temporaries stay small


@dataclass(frozen=True, eq=False)
class Bars:
    """One histogram. counts: per bar; spans: the values each holds; colours; about: what the histogram is of."""

    counts: np.ndarray
    spans: tuple[str, ...]
    colours: tuple[str, ...]
    about: str


def spans(low: float, high: float, bins: int) -> tuple[str, ...]:
    """What each of `bins` equal bars over [low, high] holds, in words."""
    edges = np.linspace(low, high, bins + 1) + 0.0
    return tuple(f"{start:.2g} to {stop:.2g}" for start, stop in pairwise(edges))


def tally(values: np.ndarray, low: float, high: float, bins: int) -> np.ndarray:
    """(bins + 1,) counts over [low, high], outliers in the end bars; the last entry counts the undefined."""
    counts = np.zeros(bins + 1, dtype=np.int64)
    for start in range(0, len(values), _ROWS):
        part = np.asarray(values[start : start + _ROWS], dtype=np.float64)
        defined = np.isfinite(part)
        places = ((part[defined] - low) * (bins / ((high - low) or 1.0))).astype(np.int32).clip(0, bins - 1)
        counts[:bins] += np.bincount(places, minlength=bins)
        counts[bins] += part.size - len(places)
    return counts


def room(block: Block, region: str) -> tuple[float, float, float, float]:
    """Left, top, right and bottom of a region beside the cells: "right", "below" or "corner"."""
    rows, across = block.rows, block.columns
    left, right = (across.start, across.end) if region == "below" else (across.band_start, across.band_start + BAND)
    top, bottom = (rows.start, rows.end) if region == "right" else (rows.band_start, rows.band_start + BAND)
    return left, top, right, bottom


def empty() -> Columns:
    """Columns of no bar yet."""
    names = ("left", "right", "top", "bottom", "count", "share", "span", "colour", "hatch", "about")
    return {name: [] for name in names}


def add(columns: Columns, bars: Bars, into: tuple[float, float, float, float], *, upright: bool) -> None:
    """Appends a histogram that fills its room: bars rise, or grow to the right (not upright) with values rising."""
    left, top, right, bottom = into
    total, tallest = int(bars.counts.sum()), int(bars.counts.max(initial=0))
    thick = ((right - left) if upright else (bottom - top)) / len(bars.counts)
    for at in np.flatnonzero(bars.counts):
        grown = float(bars.counts[at] / tallest) * (bottom - top if upright else right - left)
        sides: tuple[float, ...]
        if upright:
            sides = (left + at * thick, left + (at + 1) * thick, bottom - grown, bottom)
        else:
            sides = (left, left + grown, bottom - (at + 1) * thick, bottom - at * thick)
        count, hatch = int(bars.counts[at]), "/" if bars.spans[at] == UNDEFINED else " "
        append(columns, (*sides, count, count / total, bars.spans[at], bars.colours[at], hatch, bars.about))


def append(columns: Columns, values: tuple[Any, ...]) -> None:
    """Adds one row: a value to each column, in their order."""
    for column, value in zip(columns.values(), values, strict=True):
        column.append(value)
