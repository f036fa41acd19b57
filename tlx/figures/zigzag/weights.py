"""The numbers of the weights between two layers of one model: cells, important edges, boxes, pies (Figure 4 C)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from tlx.figures import shades
from tlx.figures.zigzag import margin_bars
from tlx.figures.zigzag.layout import BAND, PIES, Block, Layout, Strip
from tlx.figures.zigzag.margin_bars import Bars, Columns, append
from tlx.figures.zigzag.matrices import MANY, place, thousandths
from tlx.figures.zigzag.subject import Subject
from tlx.results import Edges

BINS = 12  # of a histogram of weights
INKS = {"source": shades.SOURCE_INK, "target": shades.TARGET_INK}
STATES = ("no", "yes", "yes, kept")
_THICKEST = 0.85  # of a cell
_WIDEST = 16.0  # a box in a roomy block is no thicker than this cell's


@dataclass(frozen=True, eq=False)
class Woven:
    """The edges of one weight block, and which of the important ones join which neurons shown.

    value, important: as in `Edges`; kept: (K,) bool, all False for the source model; first, second: (K,) place
    of each important edge's ends among the neurons shown, -1 for another neuron.
    """

    block: Block
    edges: Edges
    kept: np.ndarray
    first: np.ndarray
    second: np.ndarray

    @property
    def weight(self) -> np.ndarray:
        """(K,) values of the important edges."""
        weight: np.ndarray = self.edges.value[self.edges.important[:, 0], self.edges.important[:, 1]]
        return weight

    @property
    def large(self) -> bool:
        """Whether so many cells are shown that marks of their own would make the view slow."""
        return len(self.block.rows.shown.neurons) * len(self.block.columns.shown.neurons) > MANY


def woven(layout: Layout, subject: Subject) -> Iterator[Woven]:
    """Every weight block that has edges."""
    for block in layout.of_kind("weights"):
        edges = subject.model(block.model).edges.get(block.pair)
        if edges is not None:
            none = np.zeros(len(edges.important), dtype=bool)
            kept = subject.comparison.kept[block.pair] if block.model == "target" else none
            shape = edges.value.shape
            first = _places(block.first, shape[0])[edges.important[:, 0]]
            second = _places(block.second, shape[1])[edges.important[:, 1]]
            yield Woven(block, edges, np.asarray(kept), first, second)


def _places(strip: Strip, units: int) -> np.ndarray:
    places = np.full(units, -1, dtype=np.int64)
    places[list(strip.shown.neurons)] = np.arange(len(strip.shown.neurons))
    return places


def cells(layout: Layout, subject: Subject, model: str) -> Columns:
    """One image for each pair of layers, and beside it, cell by cell, what the tooltip says.

    image: (rows, columns) `thousandths` of the largest value that either model has between the two layers; count,
    first, second, match_first, match_second (the ends' counterparts, for the target model), state (index into STATES):
    (rows, columns); darkest: the value of the darkest shade, 1 where none is positive; n: instances the
    counts are out of.
    """
    grids = ("image", "count", "first", "second", "match_first", "match_second", "state")
    columns: Columns = {name: [] for name in (*grids, "shallow", "deep", "model", "darkest", "n")}
    columns |= {name: [] for name in ("x", "y", "dw", "dh")}
    for one in woven(layout, subject):
        if one.block.model == model:
            darkest = _darkest(one.block, subject)
            for name, grid in _shown(one, subject, darkest).items():
                columns[name].append(grid if one.block.first is one.block.rows else grid.T.copy())
            columns["shallow"].append(subject.title(one.block.first.layer))
            columns["deep"].append(subject.title(one.block.second.layer))
            columns["model"].append(model)
            columns["darkest"].append(darkest)
            columns["n"].append(subject.model(model).n)
            place(columns, one.block)
    return columns


def _at(one: Woven) -> tuple[np.ndarray, ...]:
    """Selects (shallow, deep) the neurons shown."""
    first, second = (np.array(strip.shown.neurons, dtype=np.int64) for strip in (one.block.first, one.block.second))
    return np.ix_(first, second)


def _darkest(block: Block, subject: Subject) -> float:
    """Of both models and of all neurons, so that the two can be compared and no option changes a shade."""
    both = (subject.model(model).edges.get(block.pair) for model in INKS)
    return max((float(edges.value.max(initial=0.0)) for edges in both if edges is not None), default=0.0) or 1.0


def _shown(one: Woven, subject: Subject, darkest: float) -> dict[str, np.ndarray]:
    """(shallow, deep) grids of the neurons shown."""
    first, second = at = _at(one)
    state = _state(one)
    strips = one.block.first, one.block.second
    twins = (subject.counterpart(strip.layer)[end] for strip, end in zip(strips, at, strict=True))
    ends = dict(zip(("first", "second", "match_first", "match_second"), (first, second, *twins), strict=True))
    return {
        "image": thousandths(np.maximum(one.edges.value[at] / darkest, -1)),
        "count": np.array(one.edges.counts[at], dtype=np.int32),
        **{name: np.array(np.broadcast_to(end, state.shape), dtype=np.int32) for name, end in ends.items()},
        "state": state,
    }


def _state(one: Woven) -> np.ndarray:
    """(shallow, deep) uint8 of the neurons shown: index into STATES."""
    state = np.zeros((len(one.block.first.shown.neurons), len(one.block.second.shown.neurons)), dtype=np.uint8)
    inside = (one.first >= 0) & (one.second >= 0)
    state[one.first[inside], one.second[inside]] = 1 + one.kept[inside]
    return state


def marks(layout: Layout, subject: Subject) -> Columns:
    """The important edges among the neurons shown: x, y, width, height of the cell.

    dot: radius of the dot that says kept, NaN for the others.
    """
    columns: Columns = {name: [] for name in ("x", "y", "width", "height", "model", "kept", "dot")}
    for one in woven(layout, subject):
        if one.large:
            continue
        inside = (one.first >= 0) & (one.second >= 0)
        block = one.block
        row, column = (one.first, one.second) if block.first is block.rows else (one.second, one.first)
        width, height = block.columns.pitch, block.rows.pitch
        radius = min(width, height, 18.0) * 0.26
        for at in np.flatnonzero(inside):
            centre = block.columns.centre(int(column[at])), block.rows.centre(int(row[at]))
            dot = radius if one.kept[at] else float("nan")
            look = (block.model, bool(one.kept[at]), dot)
            append(columns, (*centre, width, height, *look))
    return columns


def many_marks(layout: Layout, subject: Subject) -> Columns:
    """The marks of large blocks: images (3 rows, 3 columns) uint8, nine points to a cell.

    0 is nothing; the corners of an important edge's cell are 1 for the source and 2 for the target model; the middle
    of a kept one is 3.
    """
    columns: Columns = {name: [] for name in ("image", "x", "y", "dw", "dh")}
    for one in woven(layout, subject):
        if one.large:
            state = _state(one)
            points = np.zeros((3 * state.shape[0], 3 * state.shape[1]), dtype=np.uint8)
            for corner in ((0, 0), (0, 2), (2, 0), (2, 2)):
                points[corner[0] :: 3, corner[1] :: 3] = np.where(state > 0, 2 if one.block.model == "target" else 1, 0)
            points[1::3, 1::3] = np.where(state == 2, 3, 0)
            columns["image"].append(points if one.block.first is one.block.rows else points.T.copy())
            place(columns, one.block)
    return columns


def boxes(layout: Layout, subject: Subject) -> Columns:
    """One box plot for each neuron shown that has important edges to the other neurons of the neighbouring layer.

    count, least, lower, median, upper, most: number and five-number summary of these edges' values; kept, share:
    how many of them are; left, right, top, bottom: the box, as thick as there are edges; x0, y0, x1, y1: whiskers;
    m0, n0, m1, n1: the median's line; pie_x, pie_y, pie_radius: NaN on the source side, which has no pies.
    """
    names: tuple[str, ...] = ("model", "neuron", "layer", "other", "count", "kept", "share")
    names += ("least", "lower", "median", "upper", "most", "left", "right", "top", "bottom")
    columns: Columns = {name: [] for name in (*names, "x0", "y0", "x1", "y1", "m0", "n0", "m1", "n1")}
    columns |= {name: [] for name in ("pie_x", "pie_y", "pie_radius", "pie_start", "pie_end")}
    for one in woven(layout, subject):
        if one.block.rows.band:
            _add_boxes(columns, one, subject)
    return columns


def _add_boxes(columns: Columns, one: Woven, subject: Subject) -> None:
    """Boxes of column neurons stand below the cells, boxes of row neurons lie to their right.

    All boxes of a block share one scale, from the least to the largest value that any of them holds.
    """
    crossing = (one.first >= 0) != (one.second >= 0)
    weight = one.weight
    low, high = (weight[crossing].min(), weight[crossing].max()) if crossing.any() else (0.0, 1.0)
    groups = [
        (strip, other, own, values, kept)
        for strip, other, own_places, other_places in (
            (one.block.first, one.block.second, one.first, one.second),
            (one.block.second, one.block.first, one.second, one.first),
        )
        for own, values, kept in _grouped(own_places, other_places, weight, one.kept)
    ]
    most = max((len(values) for *_, values, _ in groups), default=1)
    cell = min(one.block.rows.pitch, one.block.columns.pitch, _WIDEST)
    for strip, other, own, values, kept in groups:
        five = np.quantile(values, [0, 0.25, 0.5, 0.75, 1])
        facts = (strip.model, strip.shown.neurons[own], subject.title(strip.layer), subject.title(other.layer))
        counts = (len(values), int(kept.sum()), float(kept.mean()))
        thick = cell * _THICKEST * len(values) / most
        shape = _shape(
            strip, other, own, (five - low) / ((high - low) or 1.0), thick, upright=strip is one.block.columns
        )
        append(columns, (*facts, *counts, *(float(value) for value in five), *shape, *_slice(counts[2])))


def _slice(share: float) -> tuple[float, float]:
    """Of a pie: from noon, clockwise, in radians; a whole one ends just before, since Bokeh's SVG has it empty else."""
    return np.pi / 2, np.pi / 2 - 2 * np.pi * min(share, 0.9999)


def _grouped(
    own: np.ndarray, other: np.ndarray, weight: np.ndarray, kept: np.ndarray
) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
    """Per neuron shown: its place, value of its important edges to neurons not shown, and whether they are kept."""
    chosen = np.flatnonzero((own >= 0) & (other < 0))
    chosen = chosen[np.argsort(own[chosen], kind="stable")]
    places, starts = np.unique(own[chosen], return_index=True)
    for at, part in zip(places, np.split(chosen, starts[1:]), strict=False):
        yield int(at), weight[part], kept[part]


def _shape(strip: Strip, other: Strip, at: int, five: np.ndarray, thick: float, *, upright: bool) -> tuple[float, ...]:
    """Box, whiskers, median and pie of a summary scaled to [0, 1], across the band of the `other` strip."""
    middle, half = strip.centre(at), thick / 2
    radius = min(strip.pitch * 0.45, 5.5) if strip.model == "target" else float("nan")
    if upright:
        base = other.band_start + BAND
        least, lower, median, upper, most = (base - float(value) * BAND for value in five)
        box = (middle - half, middle + half, upper, lower)
        lines = (middle, least, middle, most, middle - half, median, middle + half, median)
        return (*box, *lines, middle, base + PIES / 2, radius)
    base = other.band_start
    least, lower, median, upper, most = (base + float(value) * BAND for value in five)
    box = (lower, upper, middle - half, middle + half)
    lines = (least, middle, most, middle, median, middle - half, median, middle + half)
    return (*box, *lines, base + BAND + PIES / 2, middle, radius)


def histograms(layout: Layout, subject: Subject) -> Columns:
    """Bars of the important edges whose ends are both among the other neurons (region 4)."""
    columns = margin_bars.empty()
    for one in woven(layout, subject):
        outside = (one.first < 0) & (one.second < 0)
        if one.block.rows.band and outside.any():
            values = one.weight[outside]
            low, high = min(0.0, float(values.min())), float(values.max())
            middles = (np.arange(BINS) + 0.5) / BINS
            colours = tuple(shades.shade(INKS[one.block.model], middle) for middle in middles)
            about = (
                f"important edges of the {one.block.model} model between the other neurons of "
                f"{subject.title(one.block.first.layer)} and {subject.title(one.block.second.layer)}"
            )
            counts = margin_bars.tally(values, low, high, BINS)[:BINS]
            bars = Bars(counts, margin_bars.spans(low, high, BINS), colours, about)
            margin_bars.add(columns, bars, margin_bars.room(one.block, "corner"), upright=True)
    return columns
