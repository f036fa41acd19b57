"""The key of the zig-zag: what each mark means, drawn where the zig-zag leaves room."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tlx.figures import ink, theme
from tlx.figures.zigzag_bars import Columns, append
from tlx.figures.zigzag_layout import Layout
from tlx.figures.zigzag_subject import Options

_WIDTH = 276.0
_LINE = 20.0
_SAMPLE = 44.0  # width of what a line explains
_CELL = 14.0


@dataclass(frozen=True)
class Line:
    """One line of the key: a sample (a ramp of this ink, or a mark by its name) and what it means."""

    sample: str
    text: str


def lines(options: Options) -> tuple[Line, ...]:
    """What is on show and needs explaining."""
    source = (Line(ink.SOURCE_INK, "source weights, 0 to the block's largest"),) if options.source else ()
    others = (
        Line("histogram", "all pairs with other neurons"),
        Line("box", "important edges to other neurons;"),
        Line("", "the thicker, the more of them"),
        Line("pie", "inherited share of these"),
    )
    return (
        Line("source", "source neurons"),
        Line("target", "target neurons"),
        Line(ink.NEUTRAL_INK, "similarity, 0 to 1"),
        Line("match", "best match of a target neuron"),
        Line("same", "best match with the same index"),
        Line("undefined", "undefined: an inactive neuron"),
        Line(ink.TARGET_INK, "target weights, 0 to the block's largest"),
        *source,
        Line("edge", "important edge"),
        Line("inherited", "inherited: important in the source, too"),
        *(others if options.others else ()),
    )


def spot(layout: Layout, width: float, height: float) -> tuple[float, float]:
    """Left and top of the key: above the diagonal from three layers on, right of the blocks before."""
    for column, row in zip(layout.columns[2:], layout.rows[1:], strict=False):
        if row.head >= height:  # beyond the column that is the first to begin below the key
            return max(column.head + 24, layout.width - width), 4.0
    return layout.width + 20, 4.0


@dataclass(frozen=True, eq=False)
class Key:
    """Columns of the key's quads, triangles, dots, slices and texts; right, bottom: where it ends."""

    quads: Columns
    corners: Columns
    dots: Columns
    slices: Columns
    texts: Columns
    right: float
    bottom: float


def key(layout: Layout, options: Options, zoom: float = 1.0) -> Key:
    """The key at its spot. zoom: how much larger to draw it, where the view will be drawn that much smaller."""
    width, height = _WIDTH * zoom, len(lines(options)) * _LINE * zoom
    left, top = spot(layout, width, height)
    drawn = Key(
        {name: [] for name in ("left", "right", "top", "bottom", "fill", "line", "hatch")},
        {name: [] for name in ("corner_x", "corner_y")},
        {name: [] for name in ("x", "y", "radius", "fill", "line")},
        {name: [] for name in ("x", "y", "radius", "end")},
        {name: [] for name in ("x", "y", "text")},
        left + width,
        top + height,
    )
    for at, line in enumerate(lines(options)):
        middle = (at + 0.5) * _LINE
        append(drawn.texts, (_SAMPLE + 10, middle, line.text))
        _SAMPLES.get(line.sample, _nothing)(drawn, 0.0, middle)
        if line.sample.startswith("#"):
            _ramp(drawn, 0.0, middle, line.sample)
    for columns in (drawn.quads, drawn.corners, drawn.dots, drawn.slices, drawn.texts):
        _move(columns, left, top, zoom)
    return drawn


def _move(columns: Columns, left: float, top: float, zoom: float) -> None:
    """Puts what was drawn around the origin in its place, in place."""
    origins = {"left": left, "right": left, "x": left, "corner_x": left, "radius": 0.0}
    origins |= {"top": top, "bottom": top, "y": top, "corner_y": top}
    for name in origins.keys() & columns.keys():
        columns[name] = [(origins[name] + zoom * np.asarray(value)).tolist() for value in columns[name]]


def _quad(drawn: Key, sides: tuple[float, float, float, float], fill: str, line: str, hatch: str = " ") -> None:
    append(drawn.quads, (*sides, fill, line, hatch))


def _cell(drawn: Key, left: float, middle: float, value: float, line: str, hatch: str = " ") -> None:
    """A cell of this similarity, in the middle of the sample's room."""
    x = left + (_SAMPLE - _CELL) / 2
    fill = ink.shade(ink.NEUTRAL_INK, value)
    _quad(drawn, (x, x + _CELL, middle - _CELL / 2, middle + _CELL / 2), fill, line, hatch)


def _ramp(drawn: Key, left: float, middle: float, darkest: str) -> None:
    steps = 11
    width = _SAMPLE / steps
    for at in range(steps):
        fill = ink.shade(darkest, at / (steps - 1))
        _quad(drawn, (left + at * width, left + (at + 1) * width, middle - 6, middle + 6), fill, fill)


def _nothing(drawn: Key, left: float, middle: float) -> None:
    """A line that continues the one above has no sample."""


def _bar(drawn: Key, left: float, middle: float, colour: str) -> None:
    _quad(drawn, (left, left + _SAMPLE, middle - 2.5, middle + 2.5), colour, colour)


def _source(drawn: Key, left: float, middle: float) -> None:
    _bar(drawn, left, middle, theme.SOURCE)


def _target(drawn: Key, left: float, middle: float) -> None:
    _bar(drawn, left, middle, theme.TARGET)


def _match(drawn: Key, left: float, middle: float) -> None:
    _cell(drawn, left, middle, 0.85, ink.MATCH)


def _same(drawn: Key, left: float, middle: float) -> None:
    _match(drawn, left, middle)
    right, top = left + (_SAMPLE + _CELL) / 2, middle - _CELL / 2
    append(drawn.corners, ([right - _CELL / 2, right, right], [top, top, top + _CELL / 2]))


def _undefined(drawn: Key, left: float, middle: float) -> None:
    _cell(drawn, left, middle, 0.0, theme.NEUTRAL, "/")


def _edge(drawn: Key, left: float, middle: float) -> None:
    x = left + (_SAMPLE - _CELL) / 2
    fill = ink.shade(ink.TARGET_INK, 0.25)
    _quad(drawn, (x, x + _CELL, middle - _CELL / 2, middle + _CELL / 2), fill, ink.TARGET_INK)


def _inherited(drawn: Key, left: float, middle: float) -> None:
    _edge(drawn, left, middle)
    append(drawn.dots, (left + _SAMPLE / 2, middle, 3.6, theme.SOURCE, theme.PAPER))


def _histogram(drawn: Key, left: float, middle: float) -> None:
    for at, grown in enumerate((3, 6, 12, 15, 11, 7, 4)):
        x = left + 6 + at * 4.6
        fill = ink.shade(ink.NEUTRAL_INK, at / 6)
        _quad(drawn, (x, x + 4.6, middle + 8 - grown, middle + 8), fill, theme.NEUTRAL)


def _box(drawn: Key, left: float, middle: float) -> None:
    fill = ink.shade(ink.TARGET_INK, 0.35)
    _quad(drawn, (left + 2, left + _SAMPLE - 2, middle - 0.3, middle + 0.3), fill, ink.TARGET_INK)
    _quad(drawn, (left + 12, left + 30, middle - 5, middle + 5), fill, ink.TARGET_INK)
    _quad(drawn, (left + 19.7, left + 20.3, middle - 5, middle + 5), ink.TARGET_INK, ink.TARGET_INK)


def _pie(drawn: Key, left: float, middle: float) -> None:
    append(drawn.dots, (left + _SAMPLE / 2, middle, 6.5, theme.PAPER, theme.NEUTRAL))
    append(drawn.slices, (left + _SAMPLE / 2, middle, 6.5, float(np.pi / 2 - 2 * np.pi / 3)))


_SAMPLES = {
    "source": _source,
    "target": _target,
    "match": _match,
    "same": _same,
    "undefined": _undefined,
    "edge": _edge,
    "inherited": _inherited,
    "histogram": _histogram,
    "box": _box,
    "pie": _pie,
}
