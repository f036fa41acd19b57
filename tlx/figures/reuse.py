"""How much is reused, over depth: one line for each class, the chosen one beside its chance (5.3.2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from textwrap import wrap

import pandas as pd
from bokeh.models import ColumnDataSource, FixedTicker, HoverTool, Range1d
from bokeh.plotting import figure

from tlx.figures import theme
from tlx.figures.chart import chart
from tlx.results import MEASURES, Network, Reuse

SECOND = theme.CLASS_PALETTE[0]  # the class compared with: far from blue, red and grey
HEIGHT = 118  # px
_TOLD = ("x", "value", "class_name", "place", "n", "counted", "chance", "low", "high")  # of a point, where one points
_TITLE, _LABELS = 15, 17  # characters that fit into a line above the chart, and along its axis
_HOVER = """<div style="font-size:12px;line-height:1.5"><b>class @class_name, @place</b>
<div>@value{0.00} of @n @counted</div><div>by chance @chance{0.00} (@low{0.00} to @high{0.00})</div></div>"""


def reuse(
    network: Network, known: Mapping[str, Reuse], chosen: str, measure: str, *, second: str | None = None
) -> figure:
    """One measure over depth, small enough to stand beside the others.

    known: by class name; chosen: the class drawn in blue, with chance's 95 % range; second: a class to compare it with,
    drawn in another colour, dashed and with diamonds.

    Sources: lines (one row for each class), points (all classes), chance, shown (see `shown`). Raises KeyError for an
    unknown measure.
    """
    about = MEASURES[measure]
    data = table(network, known, measure)
    places = list(dict.fromkeys(data["place"]))
    data["x"] = [places.index(place) + 0.5 for place in data["place"]]
    plot = chart(
        "\n".join([*wrap(about.title, _TITLE), " "][:2]),  # of two lines each, so that the charts stand in line
        x_range=Range1d(0, len(places)),
        y_range=(-1.05, 1.05) if (data["value"] < 0).any() else (-0.03, 1.05),
        height=HEIGHT,
        tools="",
        min_border=4,
        min_border_right=10,
    )
    plot.title.text_font_size = "12px"
    plot.xgrid.visible = False
    plot.yaxis.ticker = FixedTicker(ticks=[-1, 0, 0.5, 1])
    written = _thinned(places)
    plot.xaxis.ticker = FixedTicker(ticks=list(written))
    plot.xaxis.major_label_overrides = written
    plot.axis.minor_tick_line_color = None
    plot.toolbar_location = None
    columns = ColumnDataSource({"x": []}, name="shown")
    plot.vbar("x", 1, 1.05, bottom=-1.05, source=columns, fill_color=theme.TARGET, fill_alpha=0.12, line_color=None)
    rows = data[data["class_name"] == chosen]
    band = ColumnDataSource(rows[["x", "low", "high", "chance"]].to_dict("list"), name="chance")
    plot.varea("x", "low", "high", source=band, fill_color=theme.NEUTRAL, fill_alpha=0.25)
    plot.line("x", "chance", source=band, line_color=theme.NEUTRAL, line_dash="dotted", line_width=1.5)
    _classes(plot, data, _looks(known, chosen, second))
    return plot


def shown(network: Network, reuse: Reuse, measure: str, layers: Sequence[str]) -> dict[str, list[float]]:
    """The places whose matrices, or weights between them, are drawn: columns of the source of that name."""
    places = _places(network, reuse.of(measure))
    return {"x": [at + 0.5 for at, (ends, _) in enumerate(places) if set(ends) <= set(layers)]}


def tapped(network: Network, reuse: Reuse, measure: str, x: float) -> tuple[str, ...] | None:
    """The layer, or the two layers of the pair, that a tap at x means; None beside all places."""
    places = list(dict.fromkeys(_places(network, reuse.of(measure))))
    return places[int(x)][0] if 0 <= x < len(places) else None


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


def table(network: Network, known: Mapping[str, Reuse], measure: str) -> pd.DataFrame:
    """One row for each class and layer (or pair): class_name, place, counted, and what `Reuse.table` says."""
    every = pd.concat({name: of.table for name, of in known.items()}, names=["class_name", "row"])  # once for all
    data = every[every["measure"] == measure].reset_index("class_name").reset_index(drop=True)
    data["place"] = [place for _, place in _places(network, data)]
    return data.assign(counted=MEASURES[measure].counted)


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


def _classes(plot: figure, data: pd.DataFrame, looks: Mapping[str, _Look]) -> None:
    """A line for each class in the order of `looks`, the last one on top, and a point for each of its numbers."""
    groups = {name: rows for name, rows in data.groupby("class_name", sort=False) if name in looks}
    lines = [(name, groups[name]["x"].tolist(), groups[name]["value"].tolist()) for name in looks if name in groups]
    columns: dict[str, list[object]] = {
        "name": [name for name, *_ in lines],
        "xs": [xs for _, xs, _ in lines],
        "ys": [ys for *_, ys in lines],
    }
    for part in ("colour", "alpha", "width", "dash"):
        columns[part] = [getattr(looks[name], part) for name, *_ in lines]
    source = ColumnDataSource(columns, name="lines")
    look = {"line_color": "colour", "line_alpha": "alpha", "line_width": "width", "line_dash": "dash"}
    plot.multi_line("xs", "ys", source=source, **look)
    styled = {
        part: [getattr(looks[name], part) for name in data["class_name"]] for part in ("colour", "marker", "size")
    }
    points = ColumnDataSource(data.assign(**styled)[[*_TOLD, *styled]].to_dict("list"), name="points")
    drawn = plot.scatter(
        "x", "value", source=points, marker="marker", size="size", fill_color="colour", line_color=None,
        fill_alpha=0.8,
    )  # fmt: skip
    plot.add_tools(HoverTool(renderers=[drawn], tooltips=_HOVER, visible=False))
