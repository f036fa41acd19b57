"""What measures say of sources against what fine-tuning comes to: one small scatter for each measure (method 10)."""

from __future__ import annotations

import numpy as np
import pandas as pd
from bokeh.models import ColumnDataSource, HoverTool, NumeralTickFormatter
from bokeh.plotting import figure

from tlx.figures import theme
from tlx.figures.chart import chart
from tlx.results import PROMISES

HEIGHT = 190  # px
LADDER = "ladder"  # how the names of a ladder's rungs begin, which are drawn as triangles
_HOVER = """<div style="font-size:12px;line-height:1.5"><b>@title</b><div>by the measure @value{0.000}</div>
<div>fine-tuned @accuracy{0.0 %} in the mean of @seeds seeds</div></div>"""


def promise(table: pd.DataFrame, measure: str, chosen: str = "") -> figure:
    """One measure against the accuracy after fine-tuning: a dot for each seed of a candidate, a ring at their mean.

    table: of `pipeline.sources`; chosen: the candidate drawn in the target's blue; rungs of a ladder have triangles.
    Sources: runs (each seed), means. What was not fine-tuned is not drawn.
    """
    about = PROMISES[measure]
    known = table.dropna(subset=[measure, "accuracy"])
    seeds = [name for name in table.columns if name.startswith("accuracy_")]
    plot = chart(about.title + (" (baseline)" if about.baseline else ""), height=HEIGHT, tools="", min_border=4)
    plot.title.text_font_size = "12px"
    plot.toolbar_location = None
    plot.yaxis.formatter = NumeralTickFormatter(format="0 %")
    plot.axis.minor_tick_line_color = None
    plot.xaxis.ticker.desired_num_ticks = 3
    if about.better < 0:
        plot.x_range.flipped = True  # more promising is to the right in every chart
    colours = np.where(known["candidate"] == chosen, theme.TARGET, theme.NEUTRAL)
    runs = ColumnDataSource(
        {
            "value": np.repeat(known[measure].to_numpy(), len(seeds)),
            "accuracy": known[seeds].to_numpy().ravel(),
            "colour": np.repeat(colours, len(seeds)),
        },
        name="runs",
    )
    plot.scatter("value", "accuracy", source=runs, size=4, fill_color="colour", line_color=None, fill_alpha=0.6)
    means = ColumnDataSource(
        {
            "value": known[measure].to_numpy(),
            "accuracy": known["accuracy"].to_numpy(),
            "title": known["title"].to_numpy(),
            "colour": colours,
            "marker": np.where(known["candidate"].str.startswith(f"{LADDER}-"), "triangle", "circle"),
            "seeds": known[seeds].notna().sum(axis=1).to_numpy(),
        },
        name="means",
    )
    drawn = plot.scatter(
        "value", "accuracy", source=means, marker="marker", size=10, fill_alpha=0, line_color="colour", line_width=1.6
    )
    plot.add_tools(HoverTool(renderers=[drawn], tooltips=_HOVER, visible=False))
    return plot
