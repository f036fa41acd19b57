"""Sources against targets: what each transfer gained, one cell a case (several sources, several targets; method 10)."""

from __future__ import annotations

import pandas as pd
from bokeh.models import ColumnDataSource, FactorRange, HoverTool
from bokeh.plotting import figure

from tlx.figures import shades, theme
from tlx.figures.chart import chart

_SIDE = 64  # px of a cell's height
_HOVER = """<div style="font-size:13px;line-height:1.5"><b>@title</b><br>@source to @target<br>score
<b>@points{+0.0}</b> points (95 % interval @low{+0.0} to @high{+0.0})<br>target model @target_accuracy{0.0 %}, source
model @source_accuracy{0.0 %}</div>"""


def source_target(table: pd.DataFrame, chosen: str) -> figure:
    """A matrix of scores: rows are sources, columns targets; blue gains and red losses, darkest at the largest of all.

    table: of `compare.source_target.cells`; chosen: name of the case that is framed. Source "cells": one row a case.
    """
    rows, columns = (list(dict.fromkeys(table[side])) for side in ("source", "target"))
    largest = max(float(table["score"].abs().max()), 0.01)
    inks = {True: theme.DARKEST["target"], False: theme.DARKEST["source"]}
    fills = [shades.shade(inks[score >= 0], abs(score) / largest) for score in table["score"]]
    cells = table.assign(
        fill=fills,
        ink=[theme.text_on(fill) for fill in fills],
        points=100 * table["score"],
        low=100 * table["low"],
        high=100 * table["high"],
        written=[f"{100 * score:+.1f}".replace("-", "−") for score in table["score"]],
        frame=[float(name == chosen) for name in table["name"]],
    )
    plot = chart(
        "Points gained, source by target",
        x_range=FactorRange(*columns),
        y_range=FactorRange(*reversed(rows)),
        x="target",
        y="source",
        height=120 + _SIDE * len(rows),
        tools="save",
    )
    plot.grid.visible = False
    source = ColumnDataSource(cells.to_dict("list"), name="cells")
    drawn = plot.rect(
        "target", "source", 0.96, 0.92, source=source, fill_color="fill", line_color=shades.MATCH, line_width=3,
        line_alpha="frame",
    )  # fmt: skip
    plot.text(
        "target", "source", "written", source=source, text_color="ink", text_align="center", text_baseline="middle",
        text_font_size="15px",
    )  # fmt: skip
    plot.add_tools(HoverTool(renderers=[drawn], tooltips=_HOVER, visible=False))
    return plot
