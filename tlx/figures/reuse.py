"""How much is reused, over depth: one line for each class, the chosen one beside its chance (5.3.2)."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from bokeh.models import ColumnDataSource, HoverTool, MultiLine, Patches, Scatter, VBar
from bokeh.plotting import figure

from tlx.figures import theme
from tlx.figures.panels import Panel, Panels, grouped, titled
from tlx.figures.sources import source_of
from tlx.results import MEASURES, Network, Reuse

SECOND = theme.CLASS_PALETTE[0]  # the class compared with: far from blue, red and grey
HEIGHT = 50  # px of a chart
GROUPS = grouped(MEASURES, 3)  # as a page draws them, a figure for each: what a telephone has room for

_LEFT = 0.27  # of a chart's room, for what stands along its axis
_TOLD = ("value", "class_name", "place", "n", "counted", "chance", "low", "high")  # of a point one points at
_TITLE, _LABELS = 15, 17  # characters that fit into a line above the chart, and along its axis
_HOVER = """<div style="font-size:12px;line-height:1.5"><b>class @class_name, @place</b>
<div>@value{0.00} of @n @counted</div><div>by chance @chance{0.00} (@low{0.00} to @high{0.00})</div></div>"""


def reuse(
    network: Network,
    known: Mapping[str, Reuse],
    chosen: str,
    measures: Sequence[str] = tuple(MEASURES),
    *,
    second: str | None = None,
) -> figure:
    """Measures over depth, a small chart for each beside the others.

    known: by class name; chosen: the class drawn in blue, with chance's 95 % range; second: a class to compare it with,
    drawn in another colour, dashed and with diamonds.

    Sources, of all measures: lines (one for each class), points (all classes), chance, shown (see `shown`). Raises
    KeyError for an unknown measure.
    """
    data = table(network, known, measures)
    signed = set(data.loc[data["value"] < 0, "measure"])
    panels = _panels(network, known[chosen], measures, signed)
    for at, measure in enumerate(measures):
        rows = data["measure"] == measure
        places = [place for _, place in _places(network, known[chosen].of(measure))]
        data.loc[rows, "x"] = panels.x(at, [places.index(place) + 0.5 for place in data.loc[rows, "place"]])
        for column in ("value", "chance", "low", "high"):  # what chance gives may reach below the chart, and ends there
            data.loc[rows, f"{column}_y"] = panels.y(at, data.loc[rows, column]).clip(panels.bottom, panels.top)
    plot = panels.figure()
    columns = ColumnDataSource({"x": [], "width": []}, name="shown")
    open_ones = VBar(
        x="x", width="width", bottom=panels.bottom, top=panels.top, fill_color=theme.TARGET, fill_alpha=0.12,
        line_color=None,
    )  # fmt: skip
    plot.add_glyph(columns, open_ones)
    _chance(plot, data[data["class_name"] == chosen])
    _classes(plot, data, _looks(known, chosen, second))
    return plot


def shown(network: Network, reuse: Reuse, measures: Sequence[str], layers: Sequence[str]) -> dict[str, list[float]]:
    """The places whose matrices, or weights between them, are drawn: columns of the source of that name."""
    panels = _panels(network, reuse, measures)
    columns: dict[str, list[float]] = {"x": [], "width": []}
    for at, measure in enumerate(measures):
        opened = [place for place, ends in enumerate(_ends(network, reuse, measure)) if set(ends) <= set(layers)]
        columns["x"] += panels.x(at, np.array(opened) + 0.5).tolist()
        columns["width"] += [float(np.diff(panels.x(at, [0, 1]))[0])] * len(opened)
    return columns


def tapped(network: Network, reuse: Reuse, measures: Sequence[str], x: float) -> tuple[str, ...] | None:
    """The layer, or the two layers of the pair, that a tap at x means; None beside all places."""
    hit = _panels(network, reuse, measures).hit(x)
    places = _ends(network, reuse, measures[hit[0]]) if hit else []
    return places[int(hit[1])] if hit and 0 <= hit[1] < len(places) else None


def _panels(network: Network, reuse: Reuse, measures: Sequence[str], signed: Container[str] = ()) -> Panels:
    """A chart for each measure, its places one apart. signed: measures with a value below 0."""
    return Panels([_panel(network, reuse, measure, signed=measure in signed) for measure in measures], HEIGHT, _LEFT)


def _panel(network: Network, reuse: Reuse, measure: str, *, signed: bool) -> Panel:
    places = [name for _, name in _places(network, reuse.of(measure))]
    return Panel(
        titled(MEASURES[measure].title, _TITLE),
        x=(0, max(len(places), 1)),
        y=(-1.05, 1.05) if signed else (-0.03, 1.05),
        x_ticks=_thinned(places),
        y_ticks={-1.0: "-1", 0.0: "0", 1.0: "1"} if signed else {0.0: "0", 0.5: "0.5", 1.0: "1"},
    )


def _ends(network: Network, reuse: Reuse, measure: str) -> list[tuple[str, ...]]:
    return [ends for ends, _ in _places(network, reuse.of(measure))]


def _places(network: Network, rows: pd.DataFrame) -> list[tuple[tuple[str, ...], str]]:
    """Of each row the layer, or the pair of layers, and how it is written along the axis."""
    index = {layer.name: str(layer.index) for layer in network.layers}
    ends = [
        (first, second) if second else (first,) for first, second in zip(rows["first"], rows["second"], strict=True)
    ]
    return [(both, "→".join(index[name] for name in both)) for both in ends]


def _thinned(places: Sequence[str]) -> dict[float, str]:
    """The places' names by where they stand, as many as do not run into each other."""
    room = max(_LABELS // (1 + max(map(len, places), default=0)), 1)
    return {at + 0.5: place for at, place in list(enumerate(places))[:: max(-(-len(places) // room), 1)]}


def table(network: Network, known: Mapping[str, Reuse], measures: Sequence[str]) -> pd.DataFrame:
    """One row for each class and layer (or pair): class_name, place, counted, and what `Reuse.table` says."""
    every = pd.concat({name: of.table for name, of in known.items()}, names=["class_name", "row"])  # once for all
    data = every[every["measure"].isin(measures)].reset_index("class_name").reset_index(drop=True)
    data["place"] = [place for _, place in _places(network, data)]
    return data.assign(counted=data["measure"].map(lambda measure: MEASURES[measure].counted))


@dataclass(frozen=True)
class _Look:
    """How the line of a class and its points are drawn."""

    colour: str = theme.NEUTRAL
    alpha: float = 0.45
    width: float = 1.0
    dash: str = "solid"
    marker: str = "circle"
    size: int = 4


def _looks(known: Mapping[str, Reuse], chosen: str, second: str | None) -> dict[str, _Look]:
    compared = {
        chosen: _Look(theme.TARGET, 1.0, 2.5, size=7),
        second: _Look(SECOND, 1.0, 2.5, dash="dashed", marker="diamond", size=9),
    }
    return {name: compared.get(name, _Look()) for name in known}


def _chance(plot: figure, rows: pd.DataFrame) -> None:
    """Of each measure the range by chance, and what is expected."""
    drawn = []
    for measure, part in rows.groupby("measure", sort=False):
        band = part.dropna(subset=["low_y", "high_y"])
        around = {"band_xs": [*band["x"], *band["x"][::-1]], "band_ys": [*band["low_y"], *band["high_y"][::-1]]}
        drawn.append({"measure": measure, "xs": [*part["x"]], "ys": [*part["chance_y"]]} | around)
    source = ColumnDataSource(pd.DataFrame(drawn).to_dict("list"), name="chance")
    grey = theme.NEUTRAL
    plot.add_glyph(source, Patches(xs="band_xs", ys="band_ys", fill_color=grey, fill_alpha=0.25, line_color=None))
    plot.add_glyph(source, MultiLine(xs="xs", ys="ys", line_color=grey, line_dash="dotted", line_width=1.5))


def _classes(plot: figure, data: pd.DataFrame, looks: Mapping[str, _Look]) -> None:
    """A line for each measure and class in the order of `looks`, the last class on top, and a point for each number."""
    groups = dict(iter(data.groupby(["class_name", "measure"], sort=False)))
    lines = [
        (name, groups[name, measure])
        for name in looks
        for measure in data["measure"].unique()
        if (name, measure) in groups
    ]
    columns: dict[str, list[object]] = {
        "name": [name for name, _ in lines],
        "measure": [rows["measure"].iloc[0] for _, rows in lines],
        "xs": [rows["x"].tolist() for _, rows in lines],
        "ys": [rows["value_y"].tolist() for _, rows in lines],
    }
    for part in ("colour", "alpha", "width", "dash"):
        columns[part] = [getattr(looks[name], part) for name, _ in lines]
    look = {"line_color": "colour", "line_alpha": "alpha", "line_width": "width", "line_dash": "dash"}
    plot.add_glyph(ColumnDataSource(columns, name="lines"), MultiLine(xs="xs", ys="ys", **look))
    styled = {
        part: [getattr(looks[name], part) for name in data["class_name"]] for part in ("colour", "marker", "size")
    }
    points = source_of(data.assign(**styled)[["measure", "x", "value_y", *_TOLD, *styled]], "points")
    marks = Scatter(
        x="x", y="value_y", marker="marker", size="size", fill_color="colour", line_color=None, fill_alpha=0.8
    )
    drawn = plot.add_glyph(points, marks)
    plot.add_tools(HoverTool(renderers=[drawn], tooltips=_HOVER, visible=False))
