"""Where everything in the zig-zag lies (paper Figure 4 A): pure geometry, without numbers and without Bokeh.

The view is a square grid with one row and one column of blocks for each layer. Lengths are in screen pixels at the
view's natural size; x grows to the right, y grows downwards, as one reads. The similarity matrices lie on the diagonal.
Every second one swaps its domains, so that a row of blocks belongs to one model and a column of blocks to one model:
the blocks beside the diagonal then join two layers of one and the same model, and hold its weights.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

OTHER_MODEL = {"source": "target", "target": "source"}

TITLE = 36.0  # height of a layer's title and of its range above its matrix
DIGIT = 7.0  # room for one digit of a neuron's index
BAR = 5.0  # the bar in the domain's colour between indices and cells
GAP = 4.0  # between cells and what stands beside them
BAND = 38.0  # depth of a histogram or box plot
PIES = 15.0  # beyond a band, for pie glyphs, and clearance to the next block
TEXT = 13.0  # closest distance at which two indices can be read
LOOK = 30.0  # room for a neuron's feature image at the head of its row or column
_SEEN = 16.0  # least length of a cell beside which such an image can be seen


@dataclass(frozen=True)
class Shown:
    """What one model shows of one layer: neuron indices in drawing order; others: how many it has besides."""

    neurons: tuple[int, ...]
    others: int


@dataclass(frozen=True)
class Strip:
    """One row or column of blocks: the neurons of one layer of one model along one direction.

    head: where the strip begins, with its indices; start: where the first cell begins; extent: length of all cells;
    band: depth of the room for the other neurons behind the cells, 0 when there is none; lanes, lane: how many lanes
    its indices stand in, and the room for each; look: the room for its neurons' images, 0 where they have none.
    """

    layer: str
    model: str
    shown: Shown
    head: float
    start: float
    extent: float
    band: float
    lanes: int
    lane: float
    look: float = 0.0

    @property
    def names(self) -> float:
        """Depth of the room that its indices take where they are repeated: without bar and images."""
        return GAP + self.lanes * self.lane

    @property
    def depth(self) -> float:
        """Depth of all that stands before the cells of its matrix: indices, images, bar."""
        return self.names + self.look + BAR + GAP

    @property
    def pitch(self) -> float:
        """Length of one cell."""
        return self.extent / max(len(self.shown.neurons), 1)

    @property
    def end(self) -> float:
        """Where the cells end."""
        return self.start + self.extent

    @property
    def band_start(self) -> float:
        """Where the room for the other neurons begins."""
        return self.end + GAP

    @property
    def tail(self) -> float:
        """Where the strip ends, pies included."""
        return self.band_start + self.band + (PIES if self.band else GAP)

    def centre(self, place: int) -> float:
        """Middle of the cell at a place of the drawing order."""
        return self.start + (place + 0.5) * self.pitch

    def place(self, position: float) -> int | None:
        """Place of the cell at this position, None outside the cells."""
        if not self.shown.neurons or not self.start <= position < self.end:
            return None
        return min(int((position - self.start) / self.pitch), len(self.shown.neurons) - 1)


@dataclass(frozen=True)
class Block:
    """One block of the grid: "similarity" on the diagonal, "weights" beside it. row, column: its place in the grid."""

    kind: str
    row: int
    column: int
    rows: Strip
    columns: Strip

    @property
    def model(self) -> str:
        """The model whose weights a weight block holds; rows and columns are then both its neurons."""
        return self.rows.model

    @property
    def above(self) -> bool:
        """Whether a weight block lies above the diagonal: its columns then have their names on top, else its rows."""
        return self.row < self.column

    @property
    def pair(self) -> tuple[str, str]:
        """The two layers that meet here, shallow first."""
        return self.first.layer, self.second.layer

    @property
    def first(self) -> Strip:
        """The strip of the shallower layer."""
        return self.rows if self.row <= self.column else self.columns

    @property
    def second(self) -> Strip:
        """The strip of the deeper layer."""
        return self.columns if self.row <= self.column else self.rows


@dataclass(frozen=True)
class NeuronHit:
    """An index was tapped."""

    model: str
    layer: str
    neuron: int


@dataclass(frozen=True)
class CellHit:
    """A cell of a similarity matrix was tapped."""

    layer: str
    source: int
    target: int


@dataclass(frozen=True)
class EdgeHit:
    """A weight was tapped: the edge from neuron `first` of the shallow layer to `second` of the deep."""

    model: str
    pair: tuple[str, str]
    first: int
    second: int


Hit = NeuronHit | CellHit | EdgeHit


@dataclass(frozen=True)
class Layout:
    """The whole view: strips of rows and columns, one each per layer, and the blocks where they cross."""

    rows: tuple[Strip, ...]
    columns: tuple[Strip, ...]
    blocks: tuple[Block, ...]
    width: float
    height: float

    def of_kind(self, kind: str) -> tuple[Block, ...]:
        return tuple(block for block in self.blocks if block.kind == kind)


def arrange(
    shown: dict[tuple[str, str], Shown], layers: Sequence[str], *, others: bool, source: bool, looks: bool = False
) -> Layout:
    """The layout of the chosen layers, shallow first.

    Args:
        shown: what each (model, layer) shows.
        layers: names, at least one.
        others: whether the regions of the other neurons are drawn.
        source: whether the weights of the source model are drawn.
        looks: whether feature images stand at the heads of rows and columns that have room for them.
    """
    rows, columns = (_strips(shown, layers, direction, others=others, looks=looks) for direction in (0, 1))
    blocks = []
    for row, along in enumerate(rows):
        for column in range(max(row - 1, 0), min(row + 2, len(layers))):
            kind = "similarity" if row == column else "weights"
            block = Block(kind, row, column, along, columns[column])
            if kind == "similarity" or source or block.model == "target":
                blocks.append(block)
    return Layout(rows, columns, tuple(blocks), columns[-1].tail, rows[-1].tail)


def _strips(
    shown: dict[tuple[str, str], Shown], layers: Sequence[str], direction: int, *, others: bool, looks: bool
) -> tuple[Strip, ...]:
    """Strips of rows (direction 0) or columns (direction 1): rows start with source, columns with target."""
    strips: list[Strip] = []
    for at, layer in enumerate(layers):
        model = ("source", "target")[(at + direction) % 2]
        both = [shown[model, layer], shown[OTHER_MODEL[model], layer]]
        extent, most = max(_extent(len(one.neurons)) for one in both), max(len(one.neurons) for one in both)
        band = BAND if others and any(one.others for one in both) else 0.0
        lanes = 1 if extent / max(most, 1) >= TEXT else 2
        lane = GAP + DIGIT * max(len(str(neuron)) for one in both for neuron in one.neurons or (0,))
        look = LOOK if looks and most and extent / most >= _SEEN else 0.0
        strips.append(Strip(layer, model, both[0], 0.0, 0.0, extent, band, lanes, lane, look))
    # Before the cells of a strip stand the names of what crosses it: of its layer's matrix, and of the next layer's
    # neurons at their weights.
    head, title = 0.0, TITLE if direction == 0 else 0.0
    for at, (strip, after) in enumerate(zip(strips, [*strips[1:], None], strict=True)):
        start = head + title + max(strip.depth, after.names if after else 0.0)
        strips[at] = replace(strip, head=head, start=start)
        head = strips[at].tail
    return tuple(strips)


def _extent(count: int) -> float:
    """Room for this many cells: never too narrow for a title, at most twice the usual width however many there are."""
    return min(max(9.0 * count, 116.0), 198.0 + 0.5 * max(count - 22, 0), 400.0)


def locate(layout: Layout, x: float, y: float) -> Hit | None:
    """What lies at a point: an index, a cell, an edge; None for anything else.

    A point in a band belongs to the neuron whose box or bar stands there.
    """
    for block in layout.blocks:
        if block.columns.head <= x < block.columns.tail and block.rows.head <= y < block.rows.tail:
            return _hit(block, block.rows.place(y), block.columns.place(x), x, y)
    return None


def _hit(block: Block, row: int | None, column: int | None, x: float, y: float) -> Hit | None:
    rows, columns = block.rows, block.columns
    if row is not None and column is not None:
        first, second = rows.shown.neurons[row], columns.shown.neurons[column]
        if block.kind == "similarity":
            source, target = (first, second) if rows.model == "source" else (second, first)
            return CellHit(rows.layer, source, target)
        if block.row > block.column:
            first, second = second, first
        return EdgeHit(block.model, block.pair, first, second)
    if row is not None and _names(block, x, columns, upright=False):
        return NeuronHit(rows.model, rows.layer, rows.shown.neurons[row])
    if column is not None and _names(block, y, rows, upright=True):
        return NeuronHit(columns.model, columns.layer, columns.shown.neurons[column])
    return None


def _names(block: Block, position: float, across: Strip, *, upright: bool) -> bool:
    """Whether a point beside the cells still speaks of one neuron: its index, or its box plot among the weights."""
    before = position < across.start
    if block.kind == "similarity":
        return before
    return (before and upright == block.above) or (position >= across.band_start and across.band > 0)


def stops(layout: Layout, titles: Mapping[str, str]) -> list[dict[str, object]]:
    """Where the keyboard can go, a grid for each block: its title, places x and y, and what stands across and down.

    titles: of the layers. The first place of a similarity matrix's x and y is where its indices stand; it has no words.
    """
    return [_grid(block, titles) for block in layout.blocks if block.rows.shown.neurons and block.columns.shown.neurons]


def _grid(block: Block, titles: Mapping[str, str]) -> dict[str, object]:
    first, second = (titles[layer] for layer in block.pair)
    of_pair = f"{block.model} weights, {first} to {second}"
    sides: dict[str, object] = {"title": f"{first}, similarity" if block.kind == "similarity" else of_pair}
    for strip, places, words in ((block.columns, "x", "across"), (block.rows, "y", "down")):
        cells = [round(strip.centre(place), 1) for place in range(len(strip.shown.neurons))]
        names = [f"{strip.model} neuron {neuron}" for neuron in strip.shown.neurons]
        if block.kind == "similarity":
            cells, names = [round(strip.start - strip.depth + strip.names / 2, 1), *cells], ["", *names]
        sides |= {places: cells, words: names}
    return sides
