"""Several cases side by side: their scores with intervals, and how much each reuses over depth."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pandas as pd
from bokeh.models import (
    ColumnDataSource,
    FactorRange,
    HoverTool,
    MultiLine,
    Range1d,
    Scatter,
    Span,
    TapTool,
    Whisker,
)
from bokeh.plotting import figure

from tlx.figures import theme
from tlx.figures.chart import chart
from tlx.figures.key import Entry, line, mark
from tlx.figures.panels import Panel, Panels, grouped, titled
from tlx.figures.sources import source_of
from tlx.results import MEASURES

MARKERS = ("circle", "square", "triangle", "diamond", "inverted_triangle", "hex")  # repeat what colour says
LONGEST = 34  # letters of a title on the axis
COMPARED = {name: measure for name, measure in MEASURES.items() if measure.compared}
PANELS = {name: (measure.title, measure.unit, (measure.lowest - 0.03, 1.05)) for name, measure in COMPARED.items()} | {
    "domain_gap": ("Domain gap of the target model", "proxy A-distance", (-0.6, 2.1))
}
GROUPS = grouped(PANELS, 2)  # a figure for each: what a telephone has room for
HEIGHT = 215  # px of a chart over depth

_LEFT = 0.27  # of such a chart's room, for what stands along its axis
_TITLE = 20  # characters that fit into a line above it
_DRAWN = ("chance", "value")  # the second on top

_SCORE = """<div style="font-size:13px"><b>@title</b><br>score <b>@points{+0.0}</b> points
(95 % interval @low{+0.0} to @high{+0.0}, n = @n{0,0})<br>target model @target_accuracy{0.0 %}, source model
@source_accuracy{0.0 %}<br>@strategy</div>"""
_DEPTH = """<div style="font-size:13px"><b>@title</b>, @place<br><b>@value{0.00}</b>, by chance @chance{0.00}<br>
mean of @classes classes</div>"""


def looks(names: list[str]) -> pd.DataFrame:
    """name, colour, marker of each case, in the order given; no colour is a domain's."""
    colours = theme.class_colours(names)
    return pd.DataFrame(
        {
            "name": names,
            "colour": [colours[name] for name in names],
            "marker": [MARKERS[at % len(MARKERS)] for at in range(len(names))],
        }
    )


def scores(table: pd.DataFrame, chosen: str) -> figure:
    """A dot and a whisker for each case that has a score, in accuracy points; 0 is no gain.

    table: name, title, score, low, high (shares), n, source_accuracy, target_accuracy, strategy, one row a case; the
    first stands on top, and those without a score keep their row empty. Source "scores" has the rows with a score.
    """
    rows = table.merge(looks(table["name"].tolist()), on="name")
    labels = _labels(rows)
    drawn = rows.assign(
        place=labels, points=100 * rows["score"], size=[13 if name == chosen else 9 for name in rows["name"]]
    )
    drawn = drawn[drawn["score"].notna()].assign(low=100 * rows["low"], high=100 * rows["high"])
    ends = [0.0, *drawn["low"], *drawn["high"]]
    plot = chart(
        "Transferability score",
        x_range=Range1d(min(ends) - 2, max(ends) + 2),
        y_range=FactorRange(*reversed(labels)),
        height=110 + 27 * len(rows),
        x="accuracy points gained, with 95 % interval",
        tools="xpan,xwheel_zoom,reset,save",
        name="scores",
    )
    plot.ygrid.visible = False
    plot.add_layout(Span(location=0, dimension="height", line_color=theme.NEUTRAL, line_dash="dashed", line_width=1.5))
    source = source_of(drawn, "scores")
    whisker = Whisker(
        base="place", lower="low", upper="high", source=source, dimension="width", line_color="colour", line_width=2
    )
    whisker.upper_head.line_color = whisker.lower_head.line_color = theme.NEUTRAL
    plot.add_layout(whisker)
    look = {"marker": "marker", "size": "size", "color": "colour"}
    marks = plot.scatter("points", "place", source=source, nonselection_alpha=1.0, name="marks", **look)
    plot.add_tools(HoverTool(renderers=[marks], tooltips=_SCORE), TapTool(renderers=[marks]))
    return plot


def over_depth(table: pd.DataFrame, measures: Sequence[str], names: list[str], chosen: str) -> figure:
    """Measures over relative depth (0 the first analysed layer, 1 the last), a line for each case; chance dotted.

    table: name, title, measure, depth, place, value, chance, classes. names: of all cases, for their looks. Sources
    "lines", "chance" (one row for each measure and case) and "points". Raises KeyError for an unknown measure.
    """
    known = table[table["measure"].isin(measures)].merge(looks(names), on="name")
    panels = Panels([_panel(measure, known[known["measure"] == measure]) for measure in measures], HEIGHT, _LEFT)
    rows = [(at, known[known["measure"] == measure]) for at, measure in enumerate(measures)]
    placed = pd.concat(
        part.assign(x=panels.x(at, part["depth"]), **{f"{name}_y": panels.y(at, part[name]) for name in _DRAWN})
        for at, part in rows
    )
    plot = panels.figure()
    for column, name in zip(_DRAWN, ("chance", "lines"), strict=True):
        dash, alpha = ("dotted", 0.7) if name == "chance" else ("solid", 1.0)
        look = {"line_color": "colour", "line_width": "width", "line_dash": dash, "line_alpha": alpha}
        plot.add_glyph(_lines(placed, f"{column}_y", chosen, name), MultiLine(xs="xs", ys="ys", **look))
    points = source_of(placed.assign(size=[9 if name == chosen else 6 for name in placed["name"]]), "points")
    look = {"marker": "marker", "size": "size", "fill_color": "colour", "line_color": "colour"}
    marks = plot.add_glyph(points, Scatter(x="x", y="value_y", **look))
    plot.add_tools(HoverTool(renderers=[marks], tooltips=_DEPTH, visible=False))
    return plot


def _panel(measure: str, rows: pd.DataFrame) -> Panel:
    title, unit, (low, high) = PANELS[measure]
    low = min([low, *rows["value"].dropna(), *rows["chance"].dropna()])
    step = 0.25 if high - low < 2 else 0.5  # between the numbers along the axis
    heights = [step * at for at in range(math.ceil(low / step), math.floor(high / step) + 1)]
    return Panel(
        titled(title, _TITLE),
        x=(-0.05, 1.05),
        y=(low, high),
        x_ticks={at: f"{at:g}" for at in (0.0, 0.5, 1.0)},
        y_ticks={at: f"{at:g}" for at in heights},
        unit=unit,
        below="depth: first to last layer",
    )


def key(table: pd.DataFrame) -> list[Entry]:
    """What the colours and marks of the charts over depth mean; table: as for `scores`."""
    rows = table.merge(looks(table["name"].tolist()), on="name")
    titles = _labels(rows)
    cases = [mark(title, *look) for title, *look in zip(titles, rows["marker"], rows["colour"], strict=True)]
    return [*cases, line("by chance, in a case's colour", theme.NEUTRAL, "2 3")]


def _labels(rows: pd.DataFrame) -> list[str]:
    """Titles short enough for an axis; two that would look alike say the case's name too."""
    short = rows["title"].map(lambda title: title if len(title) <= LONGEST else title[: LONGEST - 1] + "…")
    alike = short.duplicated(keep=False)
    return [
        f"{title} ({name})" if twice else title for title, name, twice in zip(short, rows["name"], alike, strict=True)
    ]


def _lines(rows: pd.DataFrame, column: str, chosen: str, name: str) -> ColumnDataSource:
    """One row a measure and case: xs, ys, its colour, and a width that tells the chosen one apart."""
    groups = [
        (measure, of, group.sort_values("depth"))
        for (measure, of), group in rows.groupby(["measure", "name"], sort=False)
    ]
    return ColumnDataSource(
        {
            "measure": [measure for measure, *_ in groups],
            "name": [of for _, of, _ in groups],
            "xs": [group["x"].tolist() for *_, group in groups],
            "ys": [group[column].tolist() for *_, group in groups],
            "colour": [group["colour"].iloc[0] for *_, group in groups],
            "width": [3.0 if of == chosen else 1.5 for _, of, _ in groups],
        },
        name=name,
    )
