"""What stands around the cells: indices, bars in the domains' colours, titles, and a sentence where no edges are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from textwrap import wrap

import numpy as np

from tlx.figures import theme
from tlx.figures.zigzag.layout import BAR, GAP, OTHER_MODEL, TEXT, Block, EdgeHit, Layout, Strip
from tlx.figures.zigzag.margin_bars import Columns, append
from tlx.figures.zigzag.subject import Subject
from tlx.results import MEASURES, NeuronRef

Focus = tuple[str, str, int] | None
"""The neuron to point out: model, layer, index."""


def indices(layout: Layout, subject: Subject) -> Columns:
    """The neuron indices on the left and on the top of each matrix, and again at the far ends of weights.

    text, angle, x, y: as drawn; rank, units: its place in its layer of that many; rank_there: the place of the
    same index in the other model; twin, similarity: its counterpart there, -1 and NaN where there is none;
    pitch, level, room: distance to the next index in its lane, the largest k so that 2^k divides its place there, and
    the room for each of its digits, for thinning out; alpha: 1 where it is drawn at natural size.
    """
    names = ("x", "y", "text", "angle", "align", "model", "layer", "neuron", "rank", "rank_there", "units")
    columns: Columns = {name: [] for name in (*names, "there", "twin", "similarity", "pitch", "level", "room", "alpha")}
    for strip, across, upright, before in _named(layout, subject):
        _add_indices(columns, strip, across.start - before, subject, upright=upright)
    return columns


def _named(layout: Layout, subject: Subject) -> Iterator[tuple[Strip, Strip, bool, float]]:
    """The strips whose indices stand beside cells: of what, across what, whether on top, how far before the cells."""
    for row, column in zip(layout.rows, layout.columns, strict=True):
        for strip, across, upright in ((row, column, False), (column, row, True)):
            if strip.shown.neurons:
                yield strip, across, upright, strip.depth - strip.lanes * strip.lane
    for block in layout.of_kind("weights"):
        strip, across = (block.columns, block.rows) if block.above else (block.rows, block.columns)
        if strip.shown.neurons and block.pair in subject.model(block.model).edges:
            yield strip, across, block.above, GAP


def _add_indices(columns: Columns, strip: Strip, close: float, subject: Subject, *, upright: bool) -> None:
    there = OTHER_MODEL[strip.model]
    ranks = subject.model(strip.model).rank(strip.layer), subject.model(there).rank(strip.layer)
    title, units = subject.title(strip.layer), len(ranks[0])
    longest = max(len(str(neuron)) for neuron in strip.shown.neurons)
    for place, neuron in enumerate(strip.shown.neurons):
        lane = close - strip.lane * (place % strip.lanes)
        spot = (strip.centre(place), lane) if upright else (lane, strip.centre(place))
        pitch, level = strip.pitch * strip.lanes, _level(place // strip.lanes)
        room = strip.lane * (strip.lanes if place % strip.lanes == 0 else 1) / longest
        look = (str(neuron), np.pi / 2 if upright else 0.0, "left" if upright else "right")
        facts = (strip.model, title, neuron, int(ranks[0][neuron]), int(ranks[1][neuron]))
        twin = (units, there, *_twin(subject, strip, neuron))
        append(columns, (*spot, *look, *facts, *twin, pitch, level, room, float(pitch * 2**level >= TEXT)))


def _level(place: int) -> int:
    return 10 if place == 0 else (place & -place).bit_length() - 1


def _twin(subject: Subject, strip: Strip, neuron: int) -> tuple[int, float]:
    """The counterpart in the other model, and the similarity of the two; -1 and NaN where there is none."""
    counterpart = subject.counterpart(strip.layer)
    if strip.model == "source":
        own = np.flatnonzero(counterpart == neuron)
        pair = (neuron, int(own[0])) if len(own) else (neuron, -1)
    else:
        pair = int(counterpart[neuron]), neuron
    there = pair[1] if strip.model == "source" else pair[0]
    return there, float(subject.similarity(strip.layer)[pair]) if there >= 0 else float("nan")


def heads(layout: Layout, subject: Subject, looks: Mapping[NeuronRef, str]) -> Columns:
    """The feature images between indices and bars of each matrix, as far as there are any and room for them.

    looks: addresses of images; x, y: middle; side: of the square.
    """
    columns: Columns = {name: [] for name in ("x", "y", "side", "url", "model", "layer", "neuron")}
    for row, column in zip(layout.rows, layout.columns, strict=True):
        for strip, across, upright in ((row, column, False), (column, row, True)):
            middle, side = across.start - GAP - BAR - strip.look / 2, min(strip.pitch, strip.look) - 2
            for place, neuron in enumerate(strip.shown.neurons if strip.look else ()):
                url = looks.get(NeuronRef(strip.model, strip.layer, neuron))
                if url is not None:
                    spot = (strip.centre(place), middle) if upright else (middle, strip.centre(place))
                    append(columns, (*spot, side, url, strip.model, subject.title(strip.layer), neuron))
    return columns


def bars(layout: Layout) -> Columns:
    """A bar in its model's colour along every row and column of blocks, thinner beside the other neurons."""
    columns: Columns = {name: [] for name in ("left", "right", "top", "bottom", "colour", "alpha", "about")}
    for block in layout.of_kind("similarity"):
        _add_bars(columns, block.rows, block.columns.start, upright=False)
        _add_bars(columns, block.columns, block.rows.start, upright=True)
    return columns


def _add_bars(columns: Columns, strip: Strip, across: float, *, upright: bool) -> None:
    low, high = across - GAP - BAR, across - GAP
    parts = [(strip.start, strip.end, 1.0, f"{len(strip.shown.neurons):,} important neurons shown one by one")]
    if strip.band:
        end = strip.band_start + strip.band
        parts.append((strip.band_start, end, 0.4, f"{strip.shown.others:,} other neurons, summarised"))
    for start, end, alpha, about in parts:
        sides = (start, end, low, high) if upright else (low, high, start, end)
        append(columns, (*sides, theme.COLOURS[strip.model], alpha, f"{about} ({strip.model} model)"))


def papers(layout: Layout, subject: Subject) -> Columns:
    """The paper under the cells and under each region; colour: of its frame, the model's for weights."""
    columns: Columns = {name: [] for name in ("left", "right", "top", "bottom", "frame", "hatch")}
    for block in layout.blocks:
        if block.kind == "similarity" or block.pair in subject.model(block.model).edges:
            frame = theme.NEUTRAL if block.kind == "similarity" else theme.COLOURS[block.model]
            rows, across = block.rows, block.columns
            append(columns, (across.start, across.end, rows.start, rows.end, frame, "/"))
            if rows.band:
                right, below = (
                    (across.band_start, across.band_start + across.band),
                    (rows.band_start, rows.band_start + rows.band),
                )
                for x, y in ((right, (rows.start, rows.end)), ((across.start, across.end), below), (right, below)):
                    append(columns, (*x, *y, frame, " "))
    return columns


def titles(layout: Layout, subject: Subject) -> Columns:
    """The layer's title above its matrix and below it, at range_y, what it shows; both also short, for little room.

    range: the median similarity of counterparts and of other pairs among the important neurons.
    """
    columns: Columns = {name: [] for name in ("x", "y", "text", "short", "range_y", "range", "short_range", "align")}
    for block in layout.of_kind("similarity"):
        top, layer = block.rows.head + 4, block.rows.layer
        titled = subject.title(layer), f"Layer {subject.network.layer(layer).index}"
        x, align = _beginning(block, layout)
        append(columns, (x, top, *titled, top + 17, *_medians(subject, layer), align))
    return columns


def _medians(subject: Subject, layer: str) -> tuple[str, str]:
    """Of counterparts and of other pairs, at length and in short."""
    pairs, others = (
        f"{value:.2f}" if np.isfinite(value) else "–" for value in subject.scales.medians(subject.measure, layer)
    )
    return f"counterparts {pairs}, others {others}", f"{pairs} vs {others}"


def captions(layout: Layout, subject: Subject) -> Columns:
    """What each weight block holds, above it, in its model's colour; of target edges how many are kept.

    short: the same for little room.
    """
    columns: Columns = {name: [] for name in ("x", "y", "text", "short", "model", "align")}
    for block in layout.of_kind("weights"):
        first, second = (subject.network.layer(layer).index for layer in block.pair)
        known = block.model == "target" and block.pair in subject.comparison.kept
        kept = subject.comparison.share("kept", block.pair) if known else float("nan")
        share = f", {MEASURES['kept'].written(kept)} kept" if np.isfinite(kept) else ""
        short = f"{first} → {second}{share}"
        named = block.columns.names if block.above else GAP
        x, align = _beginning(block, layout)
        spot = x, block.rows.start - named - 3
        append(columns, (*spot, f"{block.model} weights {short}", short, block.model, align))
    return columns


def _beginning(block: Block, layout: Layout) -> tuple[float, str]:
    """Where a block's text is set, and to which side: that of the last column ends with the view, not beyond it."""
    last = len(layout.columns) > 1 and block.column == len(layout.columns) - 1
    return (block.columns.tail, "right") if last else (block.columns.start, "left")


def gaps(layout: Layout, subject: Subject) -> Columns:
    """Where two layers have no edges: one sentence that says why, in the room of the weights."""
    columns: Columns = {name: [] for name in ("x", "y", "text")}
    for block in layout.of_kind("weights"):
        if block.pair not in subject.model(block.model).edges:
            width = max(int((block.columns.extent + block.columns.band) / 6.6), 12)
            spot = block.columns.start, block.rows.start
            append(columns, (*spot, "\n".join(wrap(_why(block, subject), width))))
    return columns


def _why(block: Block, subject: Subject) -> str:
    first, second = (subject.network.layer(layer).index for layer in block.pair)
    if second - first > 1:
        return f"No edges: layers {first} and {second} are not neighbours. Choose the layers between them, too."
    return f"No edges: {subject.network.apart.get(block.pair, 'no single module joins these two layers')}"


def focus(layout: Layout, chosen: Focus) -> Columns:
    """A frame around everything that belongs to the chosen neuron; empty when it is not shown."""
    columns: Columns = {name: [] for name in ("left", "right", "top", "bottom")}
    if chosen is None:
        return columns
    for block in layout.blocks:
        for strip, across, upright in ((block.rows, block.columns, False), (block.columns, block.rows, True)):
            if (strip.model, strip.layer) == chosen[:2] and chosen[2] in strip.shown.neurons:
                middle = strip.centre(strip.shown.neurons.index(chosen[2]))
                start = across.start - (strip.depth if block.kind == "similarity" else 0.0)
                long, thick = (start, across.tail), (middle - strip.pitch / 2, middle + strip.pitch / 2)
                append(columns, (*thick, *long) if upright else (*long, *thick))
    return columns


def edge_focus(layout: Layout, edges: Sequence[EdgeHit]) -> Columns:
    """A frame around the weight cell of each edge that is shown, a little larger than the cell."""
    columns: Columns = {name: [] for name in ("left", "right", "top", "bottom", "model")}
    for block in layout.of_kind("weights"):
        for edge in edges:
            ends = ((block.first, edge.first), (block.second, edge.second))
            if (edge.model, edge.pair) == (block.model, block.pair) and all(
                end in strip.shown.neurons for strip, end in ends
            ):
                sides = {
                    strip is block.rows: _around(strip.centre(strip.shown.neurons.index(end)), strip.pitch)
                    for strip, end in ends
                }
                append(columns, (*sides[False], *sides[True], edge.model))
    return columns


def _around(middle: float, pitch: float) -> tuple[float, float]:
    return middle - pitch / 2 - 1, middle + pitch / 2 + 1
