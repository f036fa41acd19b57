"""A confusion matrix as one image: rows true classes, columns what the model said (5.1)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from bokeh.models import ColumnDataSource, CustomJSHover, CustomJSTicker, HoverTool, LinearColorMapper, Range1d
from bokeh.plotting import figure

from tlx.figures import theme
from tlx.figures.chart import chart

WRITTEN = 16  # up to so many classes every cell also says its count
BESIDE = 30  # up to so many classes two matrices have room beside each other
NAMED = {"x": 48, "y": 64}  # names that an axis has room for; of more, each second, third … until one zooms in
LONGEST = 24  # letters of a name on an axis; the tooltip says all of it
LETTER = 5.5  # px that a letter takes of the height where names stand upright, about

_TICKS = """
const low = Math.max(Math.min(cb_data.range.start, cb_data.range.end), 0)
const high = Math.min(Math.max(cb_data.range.start, cb_data.range.end), size)
const step = Math.max(Math.ceil((high - low) / most), 1)
const ticks = []
for (let at = Math.ceil((low - 0.5) / step) * step; at + 0.5 <= high; at += step) ticks.push(at + 0.5)
return ticks
"""
_TOOLTIP = """<div style="font-size:13px">true class <b>@image{true}</b>, predicted <b>@image{said}</b><br>
@count{0,0} of @row{0,0} instances (@share{0.0 %})</div>"""


def confusion(
    counts: pd.DataFrame,
    *,
    model: str,
    split: str = "validation",
    chosen: str | None = None,
    shown: Sequence[str] | None = None,
) -> figure:
    """One model's confusion matrix; a cell's darkness is its share of the row, 0 to 1 in every matrix.

    counts: (C, C), rows true classes; split: what they are of; chosen: class whose row is framed; shown: the classes
    drawn and their order, all unless given; shares stay those of whole rows. Sources "cells" (one image: share, count,
    row) and "counts" (the numbers written where there are few classes).
    """
    share = pd.DataFrame(shares(counts), counts.index, counts.columns)
    row = counts.sum(axis=1)
    if shown is not None:
        kept = list(shown)
        counts, share, row = counts.loc[kept, kept], share.loc[kept, kept], row.loc[kept]
    names = [str(name) for name in counts.columns]
    size = len(names)
    upright = _are_upright(names)
    below = round(LETTER * min(max(map(len, names), default=0), LONGEST)) if upright else 0
    plot = chart(
        f"{model.capitalize()} model on the target's {split} data",
        height=max(340, min(1100, 90 + size * (30 if size <= WRITTEN else 17))) + below,
        x="predicted class",
        y="true class",
        x_range=Range1d(0, size, bounds=(0, size)),
        y_range=Range1d(size, 0, bounds=(0, size)),  # the first class on top
        tools="box_zoom,pan,wheel_zoom,reset,save",
        active_drag="box_zoom",
        background_fill_color=theme.PAPER,
        name=f"confusion {model}",
    )
    plot.grid.visible = False
    _image(plot, counts, share, row, model)
    if size <= WRITTEN:
        _numbers(plot, counts, share, model)
    _axes(plot, names, upright)
    if chosen in names:
        row = ColumnDataSource({"x": [size / 2], "y": [names.index(chosen) + 0.5], "name": [chosen]}, name="chosen")
        plot.rect("x", "y", size, 1, source=row, fill_alpha=0, line_color=theme.INK, line_width=2.5)
    return plot


def shares(counts: pd.DataFrame) -> np.ndarray:
    """(C, C) each row divided by its sum; rows without instances stay 0."""
    values: np.ndarray = counts.to_numpy(dtype=np.float64)
    share: np.ndarray = values / np.maximum(values.sum(axis=1, keepdims=True), 1)
    return share


def _image(plot: figure, counts: pd.DataFrame, share: pd.DataFrame, row: pd.Series[int], model: str) -> None:
    names = [str(name) for name in counts.columns]
    size = len(names)
    # An image's first row lies at `y`, its lowest coordinate: with the axis upside down that is the top.
    image = share.to_numpy(dtype=np.float32)
    data = {"image": [image], "share": [image], "count": [counts.to_numpy(dtype=np.int32)]}
    data["row"] = [np.repeat(row.to_numpy(dtype=np.int32)[:, None], size, axis=1)]
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


def _numbers(plot: figure, counts: pd.DataFrame, share: pd.DataFrame, model: str) -> None:
    rows, columns = np.nonzero(counts.to_numpy())
    values, palette = counts.to_numpy()[rows, columns], theme.ramp(model)
    data = {
        "x": columns + 0.5,
        "y": rows + 0.5,
        "count": [f"{value}" for value in values],
        "colour": [theme.text_on(palette[round(255 * at)]) for at in share.to_numpy()[rows, columns]],
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


def _axes(plot: figure, names: list[str], upright: bool) -> None:
    """As many names as there is room for; zooming in brings the others."""
    for axis, most in ((plot.xaxis[0], NAMED["x"]), (plot.yaxis[0], NAMED["y"])):
        axis.ticker = CustomJSTicker(args={"size": len(names), "most": most}, major_code=_TICKS)
        axis.major_label_overrides = {at + 0.5: short(name) for at, name in enumerate(names)}
        axis.minor_tick_line_color = axis.major_tick_line_color = None
        axis.major_label_text_font_size = "12px"
    if upright:
        plot.xaxis[0].major_label_orientation = 1.1


def _are_upright(names: list[str]) -> bool:
    """Whether the names are too long to stand beside each other below the matrix."""
    return max(map(len, names), default=0) * len(names) > 60


def short(name: str) -> str:
    """A name as an axis has room for it: of a long one the two ends, which tell it apart from others like it."""
    return name if len(name) <= LONGEST else f"{name[: LONGEST // 2 - 1]}…{name[-LONGEST // 2 :]}"
