"""The numbers of the similarity matrices: cells, matches and the histograms of the other regions (Figure 4 B)."""

from __future__ import annotations

from weakref import WeakKeyDictionary

import numpy as np

from tlx.figures import shades, theme
from tlx.figures.zigzag import margin_bars
from tlx.figures.zigzag.layout import Block, Layout
from tlx.figures.zigzag.margin_bars import Bars, Columns, append, tally
from tlx.figures.zigzag.subject import Options, Subject
from tlx.results import Comparison, Similarity

UNDEFINED = 9999  # among thousandths: beyond every value
MANY = 2500  # cells of a block from which on it is drawn, and told, more sparingly
BINS = 20  # of a similarity histogram, over [-1, 1]
RELATIONS = (
    "",
    "best match: the source neuron of the largest cosine of conductance",
    "counterparts",
    "counterparts, and best match by the cosine of conductance",
)
_counted: WeakKeyDictionary[Comparison | Similarity, dict[str, np.ndarray]] = WeakKeyDictionary()
_KINDS = {"right": ("important", "other"), "below": ("other", "important"), "corner": ("other", "other")}


def cells(layout: Layout, subject: Subject, options: Options) -> Columns:
    """One image for each layer, and beside it, cell by cell, what the tooltip says.

    image: (rows, columns) signed similarity in `thousandths` of the way from white, the similarity drawn white, to 1;
    source, target, source_rank, target_rank: (rows, columns) neuron indices and their places in their layer; relation:
    index into RELATIONS.
    """
    names: tuple[str, ...] = ("image", "source", "target", "source_rank", "target_rank", "relation", "layer", "white")
    names += ("x", "y", "dw", "dh")
    columns: Columns = {name: [] for name in names}
    for block in layout.of_kind("similarity"):
        rows, across = (np.array(strip.shown.neurons, dtype=np.int64) for strip in (block.rows, block.columns))
        values = oriented(block, subject)[np.ix_(rows, across)]
        grid = np.broadcast_arrays(rows[:, None], across[None, :])
        for strip, neurons in zip((block.rows, block.columns), grid, strict=True):
            rank = subject.model(strip.model).rank(strip.layer)
            columns[strip.model].append(neurons.astype(np.uint16))
            columns[f"{strip.model}_rank"].append(rank[neurons].astype(np.uint16))
        source, target = (columns[model][-1] for model in ("source", "target"))
        twins = subject.counterpart(block.rows.layer), subject.comparison.match[block.rows.layer]
        counterparts, best = (twin[target] == source for twin in twins)
        columns["relation"].append((2 * counterparts + best).astype(np.uint8))
        white = subject.white(block.rows.layer, options)
        columns["image"].append(thousandths(beyond(values, white)))
        columns["layer"].append(subject.title(block.rows.layer))
        columns["white"].append(white)
        place(columns, block)
    return columns


def beyond(values: np.ndarray, white: float) -> np.ndarray:
    """Where similarities lie on the way from the one drawn white to 1: 0 and 1 at the ends, negative below."""
    return (values - white) / (1 - white) if 0 < white < 1 else values


def thousandths(values: np.ndarray) -> np.ndarray:
    """int16 (int32 where one is too low) of values up to 1, UNDEFINED where NaN: all that shades and tooltips tell.

    Of many values at once steps of a hundredth, which halves the bytes again.
    """
    step = 10 if values.size > MANY else 1
    rounded = np.where(np.isnan(values), UNDEFINED, step * np.rint(np.nan_to_num(values) * (1000 / step)))
    return rounded.astype(np.int16 if rounded.min(initial=0) >= np.iinfo(np.int16).min else np.int32)


def place(columns: Columns, block: Block) -> None:
    """Appends where the cells of a block lie."""
    columns["x"].append(block.columns.start)
    columns["y"].append(block.rows.start)
    columns["dw"].append(block.columns.extent)
    columns["dh"].append(block.rows.extent)


def oriented(block: Block, subject: Subject) -> np.ndarray:
    """(rows, columns) of all neurons of the layer, rows in the block's row model."""
    similarity = subject.similarity(block.rows.layer)
    return similarity if block.rows.model == "source" else similarity.T


def matches(layout: Layout, subject: Subject) -> Columns:
    """One mark for the best match of each target neuron shown, if that source neuron is shown too.

    x, y: middle of the cell; width, height: of the cell; best: whether the source neuron is also the target neuron's
    best match (the paper's, by the cosine of conductance); corner_x, corner_y: (3,) the triangle in the upper right
    that says so; link_x, link_y: (3,) from the row's head to the cell and up to the column's, where the counterpart has
    another index.
    """
    names = ("x", "y", "width", "height", "source", "target", "best", "similarity", "layer")
    columns: Columns = {name: [] for name in (*names, "corner_x", "corner_y", "link_x", "link_y")}
    for block in layout.of_kind("similarity"):
        target_is_row = block.rows.model == "target"
        target, source = (block.rows, block.columns) if target_is_row else (block.columns, block.rows)
        places = {neuron: at for at, neuron in enumerate(source.shown.neurons)}
        similarity, match = subject.similarity(target.layer), subject.comparison.match[target.layer]
        counterpart = subject.counterpart(target.layer)
        for at, neuron in enumerate(target.shown.neurons):
            twin = int(counterpart[neuron])
            if twin in places:
                row, column = (at, places[twin]) if target_is_row else (places[twin], at)
                cell = block.columns.centre(column), block.rows.centre(row), block.columns.pitch, block.rows.pitch
                best = bool(match[neuron] == twin)
                facts = twin, neuron, best, float(similarity[twin, neuron]), subject.title(target.layer)
                link = _link(block, *cell[:2]) if twin != neuron else ([], [])
                append(columns, (*cell, *facts, *_corner(*cell, filled=best), *link))
    return columns


def _link(block: Block, x: float, y: float) -> tuple[list[float], list[float]]:
    return [block.columns.start, x, x], [y, y, block.rows.start]


def _corner(x: float, y: float, width: float, height: float, *, filled: bool) -> tuple[list[float], list[float]]:
    side, right, top = min(width, height) * 0.5, x + width / 2, y - height / 2
    return ([right - side, right, right], [top, top, top + side]) if filled else ([], [])


def regions(block: Block, subject: Subject) -> dict[str, np.ndarray]:
    """Counts (BINS + 1,) of the three regions with other neurons: "right", "below", "corner" (Figure 4 B).

    The whole matrix is gone through once; the regions follow by taking away the rows and columns shown.
    """
    matrix = oriented(block, subject)
    rows, across = list(block.rows.shown.neurons), list(block.columns.shown.neurons)
    parts = (matrix[rows], matrix[:, across], matrix[np.ix_(rows, across)])
    upper, left, core = (tally(part, -1.0, 1.0, BINS) for part in parts)
    whole = _whole(subject.alike, block.rows.layer)
    return {"right": upper - core, "below": left - core, "corner": whole - upper - left + core}


def _whole(alike: Comparison | Similarity, layer: str) -> np.ndarray:
    """(BINS + 1,) of all pairs of a layer, counted once while the matrices live: no option changes them."""
    known = _counted.setdefault(alike, {})
    if layer not in known:
        known[layer] = tally(alike.similarity[layer], -1.0, 1.0, BINS)
    return known[layer]


def histograms(layout: Layout, subject: Subject, options: Options) -> Columns:
    """Bars of the similarities in the three regions, in the same brightness as the cells.

    left, right, top, bottom: a bar; count, share: pairs in it, and their share of the region; span: the similarities
    it holds; colour: that of the middle of its span; hatch: a pattern for undefined pairs, " " otherwise.
    """
    columns = margin_bars.empty()
    spans = (*margin_bars.spans(-1, 1, BINS), margin_bars.UNDEFINED)
    middles = np.arange(-1 + 1 / BINS, 1, 2 / BINS)
    for block in layout.of_kind("similarity"):
        if block.rows.band:
            drawn = beyond(middles, subject.white(block.rows.layer, options))
            colours = (*(shades.shade(shades.NEUTRAL_INK, value) for value in drawn), theme.PAPER)
            for region, counts in regions(block, subject).items():
                bars = Bars(counts, spans, colours, f"{subject.title(block.rows.layer)}, {_about(block, region)}")
                margin_bars.add(columns, bars, margin_bars.room(block, region), upright=region != "right")
    return columns


def _about(block: Block, region: str) -> str:
    strips = zip(_KINDS[region], (block.rows, block.columns), strict=True)
    return " with ".join(f"{kind} {strip.model} neurons" for kind, strip in strips)
