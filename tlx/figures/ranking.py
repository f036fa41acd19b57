"""The feature ranking list: one row a neuron, with its feature image, mirrored histogram and weight (5.4.2)."""

from __future__ import annotations

import base64
import io
from collections.abc import Collection, Mapping

import numpy as np
import pandas as pd
from bokeh.models import ColumnDataSource, HoverTool, Range1d
from bokeh.plotting import figure
from PIL import Image

from tlx.figures import theme
from tlx.figures.chart import chart
from tlx.figures.ranking_layout import (
    BARS,
    BARS_END,
    ENDS,
    HALF,
    HEAD,
    IMAGE,
    MIDDLE,
    NARROWEST,
    NUMBERS,
    PLACE,
    ROW,
    TEXT,
    TICK,
    WIDTH,
    bar_table,
    first_words,
    number_table,
    row_table,
)
from tlx.figures.sources import source_of
from tlx.results import RESAMPLES, Discriminability

PICTURE = 60  # side of a feature image in pixels
FAINT_TEXT = 0.8  # of words that matter less, still 4.5 : 1 on either theme's page

_NEURON = """<div style="font-size:13px;line-height:1.45"><b>#@place &nbsp;@title, neuron @neuron</b><br>
alone: AUC @auc{0.00} (95 % interval @auc_low{0.00} to @auc_high{0.00}), larger for <b>@larger</b> instances<br>
among the first FIRST of all in @times of RESAMPLES bootstraps<br>
weight u @weight{+0.000} in the joint classifier: more conductance looks <b>@towards</b><br>
importance for the class: @class_rank{0} of @units in its layer<br>
contributes @contribution{+0.000} to the class score in the mean</div>"""
_BAR = """<div style="font-size:13px"><b>@count</b> of @n @domain instances (@share{0.0 %})<br>
conductance @left{0.000 a} to @right{0.000 a}</div>"""


def ranking(
    rows: pd.DataFrame,
    result: Discriminability,
    images: Mapping[tuple[str, int], np.ndarray],
    *,
    active: Collection[int],
    chosen: tuple[str, int] | None = None,
) -> figure:
    """Some rows of `ranking_table` as a list.

    images: feature images by (layer, neuron), as far as they are there; active: columns whose box is ticked; chosen:
    (layer, neuron) whose row stands out. Sources: "rows", "bars", "numbers", "images".
    """
    plot = chart(
        height=HEAD + ROW * len(rows) + 4,
        min_width=NARROWEST,
        x_range=Range1d(0, WIDTH, name="x range"),
        y_range=Range1d(len(rows), -HEAD / ROW, name="y range"),
        toolbar_location=None,  # a telephone has no room for it; the page's own buttons save it
        min_border=0,
        outline_line_alpha=0,
        name="ranking",
    )
    plot.axis.visible = plot.grid.visible = False
    _draw_head(plot)
    _draw_rows(plot, row_table(rows, active, chosen), result.first)
    _draw_images(plot, rows, images)
    _draw_bars(plot, bar_table(rows, result))
    _draw_numbers(plot, number_table(rows, result))
    return plot


def states(
    rows: pd.DataFrame, active: Collection[int], chosen: tuple[str, int] | None
) -> dict[str, dict[str, np.ndarray]]:
    """What a choice changes in the source "rows": which boxes are ticked, and the row that stands out."""
    table = row_table(rows, active, chosen)
    return {"rows": {name: table[name].to_numpy() for name in ("tick", "box", "band")}}


def _draw_head(plot: figure) -> None:
    words = [
        (TICK, "axis", "center"),
        (PLACE + 14, "#", "left"),
        (IMAGE, "feature", "center"),
        (TEXT, "neuron", "left"),
        (BARS - 4, "source ↑ target ↓", "left"),
        (WIDTH - 4, "AUC, u", "right"),
    ]
    at, text, align = (list(part) for part in zip(*words, strict=True))
    source = ColumnDataSource({"x": at, "text": text, "align": align})
    plot.text("x", -0.12, text="text", text_align="align", source=source, text_font_size="12px", text_alpha=FAINT_TEXT)


def _draw_rows(plot: figure, data: pd.DataFrame, first: int) -> None:
    source = source_of(data.assign(first=first_words(data, first)), "rows")
    band = plot.rect(
        WIDTH / 2, "y", WIDTH, 1, source=source, fill_color=theme.NEUTRAL, fill_alpha="band", line_alpha=0, name="rows"
    )
    plot.segment(0, [*range(len(data))], WIDTH, [*range(len(data))], line_color=theme.GRID)
    plot.scatter(
        TICK,
        "y",
        source=source,
        marker="square",
        size=18,
        line_color=theme.NEUTRAL,
        line_width=1.5,
        fill_color=theme.TARGET_DARK,
        fill_alpha="box",
        name="boxes",
    )
    plot.text(TICK, "y", text="tick", source=source, text_align="center", text_baseline="middle", text_color="#ffffff",
              text_font_size="14px", text_font_style="bold")  # fmt: skip
    plot.text(PLACE, "y", text="rank", source=source, text_baseline="middle", text_font_size="13px")
    for column, up, weight in (("short_title", -17, "bold"), ("what", 0, "normal"), ("first", 17, "normal")):
        plot.text(
            TEXT,
            "y",
            text=column,
            source=source,
            y_offset=up,
            text_baseline="middle",
            text_font_size="12px",
            text_font_style=weight,
            text_alpha=1.0 if column != "first" else FAINT_TEXT,
        )
    tooltip = _NEURON.replace("FIRST", str(first)).replace("RESAMPLES", str(RESAMPLES))
    plot.add_tools(HoverTool(renderers=[band], tooltips=tooltip, attachment="above"))


def _draw_images(plot: figure, rows: pd.DataFrame, images: Mapping[tuple[str, int], np.ndarray]) -> None:
    """Feature images, all of one size on the screen; a faint square where one is still being drawn."""
    pairs = list(zip(rows["layer"], rows["neuron"], strict=True))
    middles = np.arange(len(pairs)) + 0.5
    waiting = [pair not in images for pair in pairs]
    plot.scatter(IMAGE, middles[waiting], marker="square", size=PICTURE, fill_color=theme.GRID, line_color=theme.GRID)
    there = [at for at, missing in enumerate(waiting) if not missing]
    plot.image_url(
        url="url",
        x="x",
        y="y",
        w=PICTURE,
        h=PICTURE,
        w_units="screen",
        h_units="screen",
        anchor="center",
        source=ColumnDataSource(
            {
                "url": [address(images[pairs[at]]) for at in there],
                "x": np.full(len(there), IMAGE),
                "y": middles[there],
            },
            name="images",
        ),
        name="images",
    )


def address(image: np.ndarray, largest: int = 2 * PICTURE) -> str:
    """A feature image, (H, W, 3) uint8, as a data address, of at most so many pixels a side: WebP, some 4 kB."""
    small, buffer = Image.fromarray(image), io.BytesIO()
    small.thumbnail((largest, largest), Image.Resampling.LANCZOS)
    small.save(buffer, "WEBP", quality=90)
    return "data:image/webp;base64," + base64.b64encode(buffer.getvalue()).decode()


def _draw_bars(plot: figure, data: pd.DataFrame) -> None:
    source = source_of(data, "bars")
    bars = plot.quad(
        "x0", "x1", "y1", "y0", source=source, color="colour", fill_alpha=0.85, line_width=0.5, name="bars"
    )
    plot.add_tools(HoverTool(renderers=[bars], tooltips=_BAR))
    ends = data.groupby("row").agg(low=("left", "min"), high=("right", "max"))
    for x, values, align in ((BARS, ends["low"], "left"), (BARS_END, ends["high"], "right")):
        words = [f"{value:.2g}".replace("-", "−") for value in values]
        plot.text(
            x, ends.index.to_numpy() + ENDS, text=words, text_align=align, text_font_size="11px", text_alpha=FAINT_TEXT
        )
    crossing = ends[(ends["low"] < 0) & (ends["high"] > 0)]
    zero = BARS - crossing["low"] / (crossing["high"] - crossing["low"]) * (BARS_END - BARS)
    top, bottom = crossing.index + MIDDLE - HALF, crossing.index + MIDDLE + HALF
    plot.segment(zero, top, zero, bottom, line_color=theme.NEUTRAL, line_dash="dotted")


def _draw_numbers(plot: figure, data: pd.DataFrame) -> None:
    source = source_of(data, "numbers")
    plot.hbar(y="y", left="x0", right="x1", height=0.13, source=source, color="colour", name="numbers")
    plot.segment(NUMBERS, data["y"] - 0.1, NUMBERS, data["y"] + 0.1, line_color=theme.NEUTRAL)
    plot.text(
        NUMBERS,
        "label_y",
        text="label",
        source=source,
        text_align="center",
        text_baseline="middle",
        text_font_size="12px",
    )
