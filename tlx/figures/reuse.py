"""How much is reused, over depth: one line for each class, the chosen one beside its chance (5.3.2)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd
from bokeh.models import ColumnDataSource, FactorRange, HoverTool
from bokeh.plotting import figure

from tlx.figures import theme
from tlx.figures.chart import chart
from tlx.results import MEASURES, Network, Reuse

SECOND = theme.CLASS_PALETTE[0]  # the class compared with: far from blue, red and grey
_HOVER = """<div style="font-size:12px;line-height:1.5"><b>class @class_name, @place</b>
<div>@value{0.00} of @n @counted</div><div>by chance @chance{0.00} (@low{0.00} to @high{0.00})</div></div>"""


def reuse(
    network: Network, known: Mapping[str, Reuse], chosen: str, measure: str, *, second: str | None = None
) -> figure:
    """One measure over depth. known: by class name; chosen: the class drawn in blue, with chance's 95 % range.

    second: a class to compare it with, drawn in another colour, dashed and with diamonds.

    Sources: lines (one row for each class), points (all classes), chance. Raises KeyError for an unknown measure.
    """
    about = MEASURES[measure]
    data = table(network, known, measure)
    places = list(dict.fromkeys(data["place"]))
    plot = chart(
        about.title,
        x_range=FactorRange(*places),
        y_range=(-1.05, 1.05) if (data["value"] < 0).any() else (-0.03, 1.05),
        y=about.unit,
        x="layers" if about.edges else "layer",
        height=250,
        tools="save,reset",
        min_border_right=12,
    )
    plot.xgrid.visible = False
    rows = data[data["class_name"] == chosen]
    band = ColumnDataSource(rows[["place", "low", "high", "chance"]].to_dict("list"), name="chance")
    plot.varea("place", "low", "high", source=band, fill_color=theme.NEUTRAL, fill_alpha=0.25)
    plot.line("place", "chance", source=band, line_color=theme.NEUTRAL, line_dash="dotted", line_width=1.5)
    _classes(plot, data, _looks(known, chosen, second))
    return plot


def table(network: Network, known: Mapping[str, Reuse], measure: str) -> pd.DataFrame:
    """One row for each class and layer (or pair): class_name, place, counted, and what `Reuse.table` says."""
    index = {layer.name: str(layer.index) for layer in network.layers} | {"": ""}
    every = pd.concat({name: of.table for name, of in known.items()}, names=["class_name", "row"])  # once for all
    data = every[every["measure"] == measure].reset_index("class_name").reset_index(drop=True)
    data["place"] = [
        index[first] + (f"→{index[second]}" if second else "")
        for first, second in zip(data["first"], data["second"], strict=True)
    ]
    return data.assign(counted=MEASURES[measure].counted)


@dataclass(frozen=True)
class _Look:
    """How the line of a class and its points are drawn."""

    colour: str = theme.NEUTRAL
    alpha: float = 0.45
    width: float = 1.0
    dash: str = "solid"
    marker: str = "circle"
    size: int = 5


def _looks(known: Mapping[str, Reuse], chosen: str, second: str | None) -> dict[str, _Look]:
    compared = {
        chosen: _Look(theme.TARGET, 1.0, 2.5, size=9),
        second: _Look(SECOND, 1.0, 2.5, dash="dashed", marker="diamond", size=12),
    }
    return {name: compared.get(name, _Look()) for name in known}


def _classes(plot: figure, data: pd.DataFrame, looks: Mapping[str, _Look]) -> None:
    """A line for each class in the order of `looks`, the last one on top, and a point for each of its numbers."""
    groups = {name: rows for name, rows in data.groupby("class_name", sort=False) if name in looks}
    lines = [(name, groups[name]["place"].tolist(), groups[name]["value"].tolist()) for name in looks if name in groups]
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
    points = ColumnDataSource(data.assign(**styled).to_dict("list"), name="points")
    drawn = plot.scatter(
        "place", "value", source=points, marker="marker", size="size", fill_color="colour", line_color=None,
        fill_alpha=0.8,
    )  # fmt: skip
    plot.add_tools(HoverTool(renderers=[drawn], tooltips=_HOVER, visible=False))
