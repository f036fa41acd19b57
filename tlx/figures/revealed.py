"""What is true beside what was predicted: numbers with their intervals, guessing and a prediction on one axis."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from bokeh.models import ColumnDataSource, FixedTicker, GlyphRenderer, HoverTool, Legend, LegendItem, Range1d
from bokeh.plotting import figure

from tlx.figures import theme
from tlx.figures.chart import chart
from tlx.figures.sources import source_of
from tlx.findings import WRITTEN

LINE, ROW = 16, 14  # px of a line of a title, and of what is added for a row
MARGIN = 0.05  # of the axis beyond its ends, so that no mark is cut
MANY = 4  # things that the key has to say
LETTERS = 20  # of a line of a title
LOOKS = {"source": (theme.SOURCE, "x"), "target": (theme.TARGET, "circle")}
BOTTOM, AWAY = -0.5, -9.0  # of lines across all rows, and where the key's marks are out of sight
OTHER = (theme.NEUTRAL, "triangle")
SAID = theme.rim("#7d53c7")  # what was predicted
_TOOLTIP = """<div style="font-size:13px"><b>@title</b>@series<br><b>@number</b>@told</div>"""


def revealed(
    table: pd.DataFrame,
    *,
    x: str,
    unit: str,
    ends: tuple[float, float],
    guess: float,
    guessing: str,
    said: str,
) -> figure:
    """A row for each title of the table, the first on top.

    table: title, series ("" where there is one only), model ("source", "target" or another), value, low, high (NaN
    without an interval), chance_low, chance_high (NaN without a band of chance); x: what the axis means; unit: one of
    WRITTEN; ends: of the axis; guess: where a line says what guessing gives, NaN for none; guessing: its name; said:
    what the prediction will be, a "line" across the axis, the band of a "row", or "" where it is in no picture.
    Sources "truth", "chance" and "guess"; "said" and "chosen" are for `mark`.
    """
    titles = list(dict.fromkeys(table["title"]))
    wrapped = ["\n".join(textwrap.wrap(title, LETTERS)) for title in titles]
    row = LINE * max(1 + title.count("\n") for title in wrapped) + ROW
    low, high = ends
    left, right = low - MARGIN * (high - low), high + MARGIN * (high - low)
    plot = chart(
        height=92 + row * len(titles),
        x=x,
        x_range=Range1d(left, right),
        y_range=Range1d(-0.55, len(titles) - 0.25),
        toolbar_location=None,
        min_border_right=6,
        name="revealed",
    )
    written, ticks = WRITTEN[unit], _ticks(low, high)
    plot.xaxis.ticker = FixedTicker(ticks=ticks)
    plot.xaxis.major_label_overrides = {tick: _tick(tick, unit) for tick in ticks}
    places = [len(titles) - 1.0 - at for at in range(len(titles))]
    plot.yaxis.ticker = FixedTicker(ticks=places)
    plot.yaxis.major_label_overrides = dict(zip(places, wrapped, strict=True))
    plot.yaxis.update(major_label_text_font_size="12px", axis_line_color=None, major_tick_line_color=None)
    plot.ygrid.visible = False
    rows = table.assign(
        place=[places[titles.index(title)] for title in table["title"]],
        colour=[LOOKS.get(model, OTHER)[0] for model in table["model"]],
        marker=[LOOKS.get(model, OTHER)[1] for model in table["model"]],
        number=table["value"].map(written),
        told=[_told(*one, written) for one in zip(table["low"], table["high"], strict=True)],
        **_numbers_at(table, (left + right) / 2),
        series=[f", {one}" if one else "" for one in table["series"]],
    )
    _chosen(plot, left, right)
    bands = rows.dropna(subset=["chance_low"])
    grey = {"fill_color": theme.NEUTRAL, "fill_alpha": 0.35, "line_color": None}
    plot.hbar("place", height=0.5, left="chance_low", right="chance_high", source=source_of(bands, "chance"), **grey)
    at = [] if math.isnan(guess) else [guess]
    line = {"x": at, "y0": [BOTTOM] * len(at), "y1": [len(titles) - 0.4] * len(at)}
    guessed = ColumnDataSource(line, name="guess")
    plot.segment("x", "y0", "x", "y1", source=guessed, line_color=theme.NEUTRAL, line_dash="dotted", line_width=2)
    source = source_of(rows, "truth")
    plot.segment("low", "place", "high", "place", source=source, line_color="colour", line_width=3, line_alpha=0.75)
    marks = plot.scatter(
        "value", "place", source=source, marker="marker", size=11, color="colour", line_width=3, name="marks"
    )
    words: dict[str, Any] = {"text_baseline": "middle", "text_font_size": "13px", "text_font_style": "bold"}
    plot.text("beside", "place", "number", source=source, x_offset="shift", text_align="side", **words)
    _said(plot)
    key = [("your prediction", _sample(plot, "dashed", SAID) if said == "line" else _square(plot, SAID))] * bool(said)
    key += [(guessing, _sample(plot, "dotted", theme.NEUTRAL))] * len(at)
    key += [("chance", _square(plot, theme.NEUTRAL))] * bool(len(bands))
    for series, model in dict(zip(table["series"], table["model"], strict=True)).items():
        if series:
            colour, marker = LOOKS.get(model, OTHER)
            key.append((series, plot.scatter([0], [AWAY], marker=marker, size=10, color=colour, line_width=3)))
    items = [LegendItem(label=label, renderers=[sample]) for label, sample in key]
    look = {"border_line_alpha": 0, "background_fill_alpha": 0, "padding": 2, "margin": 2, "spacing": 14}
    columns = "auto" if len(items) < MANY else 2  # a telephone has room for no more
    plot.add_layout(Legend(items=items, orientation="horizontal", ncols=columns, **look), "above")
    plot.add_tools(HoverTool(renderers=[marks], tooltips=_TOOLTIP))
    return plot


def mark(table: pd.DataFrame, said: float | str) -> Mapping[str, Mapping[str, list[Any]]]:
    """What puts a prediction into the figure: a line at a number, or a band behind the row of a title."""
    titles = list(dict.fromkeys(table["title"]))
    if isinstance(said, str):
        places = [len(titles) - 1.0 - titles.index(said)] if said in titles else []
        return {"said": {"x": [], "y0": [], "y1": []}, "chosen": {"y": places}}
    line = {"x": [said], "y0": [BOTTOM], "y1": [len(titles) - 0.4]}
    return {"said": line, "chosen": {"y": []}}


def _numbers_at(table: pd.DataFrame, middle: float) -> dict[str, pd.Series]:
    """Where a row's number stands: beyond its whisker, on the side that has more room."""
    beyond = table["value"] > middle
    ends = {"low": table["low"].fillna(table["value"]), "high": table["high"].fillna(table["value"])}
    return {
        "beside": ends["low"].where(beyond, ends["high"]),
        "shift": beyond.map({True: -9, False: 9}),
        "side": beyond.map({True: "right", False: "left"}),
    }


def _said(plot: figure) -> None:
    empty: dict[str, list[float]] = {"x": [], "y0": [], "y1": []}
    source = ColumnDataSource(empty, name="said")
    plot.segment(
        "x", "y0", "x", "y1", source=source, line_color=SAID, line_width=2.5, line_dash="dashed", name="said line"
    )
    plot.scatter("x", "y1", source=source, marker="inverted_triangle", size=12, color=SAID)


def _chosen(plot: figure, left: float, right: float) -> None:
    source = ColumnDataSource({"y": []}, name="chosen")
    look = {"fill_color": SAID, "fill_alpha": 0.16, "line_color": SAID, "line_dash": "dashed"}
    plot.hbar("y", height=0.96, left=left, right=right, source=source, name="chosen band", **look)


def _sample(plot: figure, dash: str, colour: str) -> GlyphRenderer:
    """A line for the key, out of sight."""
    return plot.line([0], [AWAY], line_color=colour, line_dash=dash, line_width=2.5)


def _square(plot: figure, colour: str) -> GlyphRenderer:
    return plot.scatter([0], [AWAY], marker="square", size=12, color=colour, fill_alpha=0.35)


def _ticks(low: float, high: float) -> list[float]:
    step = next(one for one in (0.05, 0.1, 0.2, 0.25, 0.5) if (high - low) / one <= 6)
    first = math.ceil(low / step - 1e-9)
    return [round(at * step, 6) for at in range(first, math.floor(high / step + 1e-9) + 1)]


def _tick(value: float, unit: str) -> str:
    if unit == "plain":
        return f"{value:.2g}"
    signed = f"{100 * value:.0f}".replace("-", "−")
    return f"+{signed}" if unit == "points" and value > 0 else signed + " %" * (unit == "share")


def _told(low: float, high: float, written: Any) -> str:
    return "" if np.isnan(low) else f", from {written(low)} to {written(high)}"
