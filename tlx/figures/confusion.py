"""A confusion matrix as one image: rows true classes, columns what the model said (5.1)."""

from __future__ import annotations

import numpy as np
import pandas as pd
from bokeh.models import ColumnDataSource, CustomJSHover, FixedTicker, HoverTool, LinearColorMapper, Range1d
from bokeh.plotting import figure

from tlx.figures import theme
from tlx.figures.chart import chart

WRITTEN = 16  # up to so many classes every cell also says its count
NAMED = 64  # up to so many classes the axes have names; beyond, the tooltip does

_TOOLTIP = """<div style="font-size:13px">true class <b>@image{true}</b>, predicted <b>@image{said}</b><br>
@count{0,0} of @row{0,0} instances (@share{0.0 %})</div>"""


def confusion(counts: pd.DataFrame, *, model: str, split: str = "validation", chosen: str | None = None) -> figure:
    """One model's confusion matrix; a cell's darkness is its share of the row, 0 to 1 in every matrix.

    counts: (C, C), rows true classes; split: what they are of; chosen: class whose row is framed. Sources "cells" (one
    image: share, count, row) and "counts" (the numbers written where there are few classes).
    """
    names = [str(name) for name in counts.columns]
    size = len(names)
    plot = chart(
        f"{model.capitalize()} model on the target's {split} data",
        height=max(340, min(1100, 90 + size * (30 if size <= WRITTEN else 17))),
        x="predicted class",
        y="true class",
        x_range=Range1d(0, size),
        y_range=Range1d(size, 0),  # the first class on top
        tools="pan,wheel_zoom,reset,save",
        background_fill_color=theme.PAPER,
        name=f"confusion {model}",
    )
    plot.grid.visible = False
    _image(plot, counts, model, names)
    if size <= WRITTEN:
        _numbers(plot, counts, model)
    _axes(plot, names)
    if chosen in names:
        row = ColumnDataSource({"x": [size / 2], "y": [names.index(chosen) + 0.5], "name": [chosen]}, name="chosen")
        plot.rect("x", "y", size, 1, source=row, fill_alpha=0, line_color=theme.INK, line_width=2.5)
    return plot


def shares(counts: pd.DataFrame) -> np.ndarray:
    """(C, C) each row divided by its sum; rows without instances stay 0."""
    values: np.ndarray = counts.to_numpy(dtype=np.float64)
    share: np.ndarray = values / np.maximum(values.sum(axis=1, keepdims=True), 1)
    return share


def _image(plot: figure, counts: pd.DataFrame, model: str, names: list[str]) -> None:
    size, values = len(names), counts.to_numpy(dtype=np.float64)
    share = shares(counts)
    # An image's first row lies at `y`, its lowest coordinate: with the axis upside down that is the top.
    data = {"image": [share], "share": [share], "count": [values]}
    data["row"] = [np.repeat(values.sum(axis=1, keepdims=True), size, axis=1)]
    cells = plot.image(
        "image",
        source=ColumnDataSource(data, name="cells"),
        x=0,
        y=0,
        dw=size,
        dh=size,
        color_mapper=LinearColorMapper(theme.ramp(model), low=0, high=1),
        name="matrix",
    )
    names_at = CustomJSHover(
        args={"names": names},
        code="return names[Math.floor(format == 'true' ? special_vars.y : special_vars.x)] ?? ''",
    )
    plot.add_tools(HoverTool(renderers=[cells], tooltips=_TOOLTIP, formatters={"@image": names_at}))


def _numbers(plot: figure, counts: pd.DataFrame, model: str) -> None:
    rows, columns = np.nonzero(counts.to_numpy())
    values, palette = counts.to_numpy()[rows, columns], theme.ramp(model)
    share = shares(counts)[rows, columns]
    data = {
        "x": columns + 0.5,
        "y": rows + 0.5,
        "count": [f"{value}" for value in values],
        "colour": [theme.text_on(palette[round(255 * at)]) for at in share],
    }
    plot.text(
        "x",
        "y",
        "count",
        source=ColumnDataSource(data, name="counts"),
        text_color="colour",
        text_align="center",
        text_baseline="middle",
        text_font_size="12px",
    )


def _axes(plot: figure, names: list[str]) -> None:
    for axis in (plot.xaxis[0], plot.yaxis[0]):
        axis.ticker = FixedTicker(ticks=[at + 0.5 for at in range(len(names))] if len(names) <= NAMED else [])
        axis.major_label_overrides = {at + 0.5: name for at, name in enumerate(names)}
        axis.minor_tick_line_color = axis.major_tick_line_color = None
        axis.major_label_text_font_size = "12px"
    if max(map(len, names), default=0) * len(names) > 60:
        plot.xaxis[0].major_label_orientation = 1.1
