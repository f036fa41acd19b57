"""Attribution criteria compared: agreement with conductance over depth, and accuracy as neurons are silenced."""

from __future__ import annotations

import pandas as pd
from bokeh.models import ColumnDataSource, FixedTicker, HoverTool, NumeralTickFormatter, Range1d
from bokeh.plotting import figure

from tlx.figures import theme
from tlx.figures.chart import chart
from tlx.figures.key import Entry, line, mark
from tlx.results import CRITERIA, Criteria, Network

OWN = next(iter(CRITERIA))  # what the others are held against
COLOURS = dict(zip(CRITERIA, (theme.TARGET, *theme.CLASS_PALETTE), strict=False))
MARKERS = dict(zip(CRITERIA, ("circle", "square", "triangle", "diamond", "hex", "inverted_triangle"), strict=True))
MEASURES = {"overlap": "Same important neurons as conductance", "rank": "Same order of neurons as conductance"}
_UNITS = {"overlap": "overlap (Jaccard)", "rank": "Spearman's ρ"}
_ASIDE = 0.09  # between the criteria's marks of a layer, so that none hides another
_AGREES = """<div style="font-size:12px;line-height:1.5"><b>@name</b>, layer @index
<div>@value{0.00} with conductance</div></div>"""
_LEFT = """<div style="font-size:12px;line-height:1.5"><b>@name</b>, @k silenced
<div>accuracy @accuracy{0.0 %}</div></div>"""


def agreement(result: Criteria, network: Network, measure: str) -> figure:
    """How far each criterion agrees with conductance in each layer, by one of `MEASURES`.

    Sources: points (all), and chance for the overlap. Raises KeyError for another measure.
    """
    table = agreement_table(result, network, measure)
    plot = chart(MEASURES[measure], height=210, y=_UNITS[measure], tools="", min_border=4, name=f"criteria {measure}")
    plot.title.text_font_size = "12px"
    plot.toolbar_location = None
    plot.xgrid.visible = False
    plot.y_range = Range1d(min(-0.03, float(table["value"].min()) - 0.05), 1.05)
    plot.xaxis.ticker = FixedTicker(ticks=[layer.index for layer in network.layers])
    plot.xaxis.major_label_overrides = {layer.index: f"{layer.index}\n{layer.kind}" for layer in network.layers}
    plot.axis.minor_tick_line_color = None
    if measure == "overlap":
        rows = table.drop_duplicates("layer")
        chance = ColumnDataSource(rows[["index", "chance"]].to_dict("list"), name="chance")
        plot.line("index", "chance", source=chance, line_color=theme.NEUTRAL, line_dash="dotted", line_width=1.5)
    points = ColumnDataSource(table.to_dict("list"), name="points")
    for name, rows in table.groupby("criterion", sort=False):
        plot.line(rows["x"].tolist(), rows["value"].tolist(), line_color=COLOURS[str(name)], line_width=1.2)
    drawn = plot.scatter("x", "value", source=points, marker="marker", size=8, fill_color="colour", line_color=None)
    plot.add_tools(HoverTool(renderers=[drawn], tooltips=_AGREES, visible=False))
    return plot


def agreement_table(result: Criteria, network: Network, measure: str) -> pd.DataFrame:
    """One row a criterion and layer: criterion, layer, index, value, chance, and how it is drawn."""
    rows = with_own(result.agreement)
    names = list(dict.fromkeys(rows["criterion"]))
    index = rows["layer"].map({layer.name: layer.index for layer in network.layers})
    aside = rows["criterion"].map({name: _ASIDE * (at - (len(names) - 1) / 2) for at, name in enumerate(names)})
    return pd.DataFrame(
        {
            "criterion": rows["criterion"],
            "name": [CRITERIA[name].title for name in rows["criterion"]],
            "layer": rows["layer"],
            "index": index,
            "x": index + aside,
            "value": rows[measure],
            "chance": rows["chance"],
            "colour": rows["criterion"].map(COLOURS),
            "marker": rows["criterion"].map(MARKERS),
        }
    ).reset_index(drop=True)


def with_own(agreement: pd.DataFrame) -> pd.DataFrame:
    """The rows of `Criteria.agreement` that hold a criterion against conductance, with its name as `criterion`."""
    return agreement[agreement["first"] == OWN].rename(columns={"second": "criterion"}).drop(columns="first")


def deletion(result: Criteria, network: Network, layer: str) -> figure:
    """Accuracy on the class over the share of a layer that is silenced, most important neurons first.

    A thin dotted line has a criterion's least important ones first; the band holds random important neurons.
    Sources: points (of the criteria's first), last, random.
    """
    rows = result.deletion[result.deletion["layer"] == layer]
    plot = chart(
        network.layer(layer).title,
        height=165,
        tools="",
        min_border=4,
        min_border_right=10,
        y_range=Range1d(-0.03, 1.05),
        name=f"deletion {layer}",
    )
    plot.title.text_font_size = "12px"
    plot.toolbar_location = None
    plot.axis.formatter = NumeralTickFormatter(format="0 %")
    plot.axis.minor_tick_line_color = None
    plot.xaxis.ticker = FixedTicker(ticks=[0, 0.25, 0.5])
    plot.yaxis.ticker = FixedTicker(ticks=[0, 0.5, 1])
    random = rows[rows["order"] == "random"].sort_values("k")
    band = ColumnDataSource(random[["share", "accuracy", "low", "high"]].to_dict("list"), name="random")
    plot.varea("share", "low", "high", source=band, fill_color=theme.NEUTRAL, fill_alpha=0.25)
    plot.line("share", "accuracy", source=band, line_color=theme.NEUTRAL, line_width=1.5, line_dash="dashed")
    for order in ("last", "first"):
        some = rows[rows["order"] == order].sort_values(["criterion", "k"])
        lines = [(str(name), of) for name, of in some.groupby("criterion") if name != OWN]
        lines += [(str(name), of) for name, of in some.groupby("criterion") if name == OWN]  # on top
        source = ColumnDataSource(
            {
                "criterion": [name for name, _ in lines],
                "xs": [of["share"].tolist() for _, of in lines],
                "ys": [of["accuracy"].tolist() for _, of in lines],
                "colour": [COLOURS[name] for name, _ in lines],
                "width": [2.5 if name == OWN else 1.5 for name, _ in lines],
            },
            name=order,
        )
        look = (
            {"line_alpha": 0.7, "line_width": 1, "line_dash": "dotted"} if order == "last" else {"line_width": "width"}
        )
        plot.multi_line("xs", "ys", source=source, line_color="colour", **look)
    first = rows[(rows["order"] == "first") & (rows["k"] > 0)]
    columns = first.assign(
        name=[CRITERIA[name].title for name in first["criterion"]],
        colour=first["criterion"].map(COLOURS),
        marker=first["criterion"].map(MARKERS),
    )
    points = ColumnDataSource(columns.to_dict("list"), name="points")
    drawn = plot.scatter(
        "share", "accuracy", source=points, marker="marker", size=6, fill_color="colour", line_color=None
    )
    plot.add_tools(HoverTool(renderers=[drawn], tooltips=_LEFT, visible=False))
    return plot


def key(result: Criteria) -> list[Entry]:
    """What marks and lines mean, for both kinds of charts."""
    return [
        *(mark(CRITERIA[name].title, MARKERS[name], COLOURS[name]) for name in result.names),
        line("thin: least important first", theme.NEUTRAL, "2 3"),
        line("random important neurons", theme.NEUTRAL, "6 4"),
    ]
