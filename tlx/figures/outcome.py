"""What the transfer came to: each model's accuracy on the target as a dot with its interval, named where it stands."""

from __future__ import annotations

import math

import pandas as pd
from bokeh.models import FixedTicker, HoverTool, Range1d
from bokeh.plotting import figure

from tlx.figures import theme
from tlx.figures.chart import chart
from tlx.figures.sources import source_of
from tlx.findings import percent

ROW = 46  # px of the height for each model
LOOKS = {"source": (theme.SOURCE, "x"), "target": (theme.TARGET, "circle")}
OTHER = (theme.NEUTRAL, "triangle")  # what the models are held against

_TOOLTIP = """<div style="font-size:13px"><b>@title</b><br><b>@accuracy{0.0 %}</b> of @n{0,0} @split images right<br>
@told</div>"""


def outcome(table: pd.DataFrame) -> figure:
    """A row for each of the table's, the first on top. Source "accuracies".

    table: title, model ("source", "target" or another), accuracy, low, high (shares; no whisker where they are NaN), n,
    split.
    """
    lowest = float(table[["accuracy", "low"]].min().min())
    first = max(0.0, math.floor(lowest * 10 - 0.5) / 10)  # dots need no zero, and their intervals need the room
    step = 0.1 if first >= 0.5 else 0.2
    n = sorted(set(table["n"]), reverse=True)
    images = f"{'' if len(n) > 1 else f'{n[0]:,} '}{table['split'].iloc[0]} images"
    plot = chart(
        f"Accuracy on the target's {images}, 95 % intervals",
        height=60 + ROW * len(table),
        x_range=Range1d(first, 1 + 0.17 * (1 - first)),  # room for a number beside a dot at 100 %
        y_range=Range1d(-0.35, len(table) - 0.1),
        toolbar_location=None,
        min_border_right=6,
        name="outcome",
    )
    ticks = [tick / 10 for tick in range(round(10 * first), 11) if tick % round(10 * step) == 0]
    plot.xaxis.ticker = FixedTicker(ticks=ticks)
    plot.xaxis.major_label_overrides = {tick: f"{100 * tick:.0f} %" for tick in ticks}
    plot.yaxis.visible = plot.ygrid.visible = False
    rows = table.assign(
        place=[len(table) - 1.0 - at for at in range(len(table))],
        colour=[LOOKS.get(model, OTHER)[0] for model in table["model"]],
        marker=[LOOKS.get(model, OTHER)[1] for model in table["model"]],
        number=table["accuracy"].map(percent),
        told=[_told(low, high) for low, high in zip(table["low"], table["high"], strict=True)],
        end=table["high"].fillna(table["accuracy"]),
        left=first,
    )
    source = source_of(rows, "accuracies")
    plot.segment("low", "place", "high", "place", source=source, line_color="colour", line_width=3, line_alpha=0.75)
    marks = plot.scatter(
        "accuracy", "place", source=source, marker="marker", size=11, color="colour", line_width=3, name="marks"
    )
    words = {"source": source, "text_baseline": "middle", "text_font_size": "13px"}
    plot.text("end", "place", "number", x_offset=9, text_font_style="bold", **words)
    plot.text("left", "place", "title", x_offset=2, y_offset=-ROW * 0.45, **words)
    plot.add_tools(HoverTool(renderers=[marks], tooltips=_TOOLTIP))
    return plot


def _told(low: float, high: float) -> str:
    return "" if math.isnan(low) else f"95 % interval {percent(low)} to {percent(high)}"
