"""What strategies of a transfer come to, on the target and on the source: one row each, a dot for each seed."""

from __future__ import annotations

import numpy as np
import pandas as pd
from bokeh.models import (
    ColumnDataSource,
    FixedTicker,
    HoverTool,
    Legend,
    LegendItem,
    NumeralTickFormatter,
    Range1d,
)
from bokeh.plotting import figure

from tlx.figures import theme
from tlx.figures.chart import chart
from tlx.figures.sources import source_of

ROW = 27  # px
LONGEST = 30  # letters of a title on the axis
COLUMNS = {"target": ("accuracy", 0.16), "source": ("source", -0.16)}  # of the table, and how far above its row
_RUN = """<div style="font-size:13px;line-height:1.45"><b>@title</b><br>@domain images: <b>@accuracy{0.0 %}</b>,
seed @seed, mean @mean{0.0 %}<br>at @rate{0.[0]} times the case's learning rate</div>"""


def what_to_freeze(table: pd.DataFrame, advised: str = "") -> figure:
    """Accuracy of each strategy by seed on the target's and the source's held-out images, means as strokes.

    table: of `freezing.compared`, drawn from top to bottom; advised: the strategy that is marked. Sources "target" and
    "source" (a row for each run), "means target", "means source", and "advised" (at most one row).
    """
    places = np.arange(len(table))[::-1].astype(float)
    labels = [
        _short(title) + " (advised)" * (name == advised)
        for name, title in zip(table["strategy"], table["title"], strict=True)
    ]
    every = table.filter(regex=r"^(accuracy|source)_\d+$").to_numpy()
    low = max(0.0, float(np.nanmin(every, initial=1.0)) - 0.04)
    plot = chart(
        "Accuracy by strategy",
        height=120 + ROW * len(table),
        x="accuracy on held-out images, by seed",
        x_range=Range1d(low, 1.01),
        y_range=Range1d(-0.6, len(table) - 0.4),
        name="what to freeze",
    )
    plot.yaxis.ticker = FixedTicker(ticks=places.tolist())
    plot.yaxis.major_label_overrides = dict(zip(places.tolist(), labels, strict=True))
    plot.yaxis.minor_tick_line_color = None
    plot.ygrid.visible = False
    plot.xaxis.formatter = NumeralTickFormatter(format="0 %")
    band = ColumnDataSource({"y": places[(table["strategy"] == advised).to_numpy()]}, name="advised")
    plot.hbar(
        "y", height=0.92, left=low, right=1.01, source=band, fill_color=theme.NEUTRAL, fill_alpha=0.22, line_color=None
    )
    items = []
    for domain, (column, aside) in COLUMNS.items():
        runs, means = _runs(table.assign(place=places + aside), column, domain), table[column].to_numpy()
        marks = plot.scatter(
            "accuracy", "place", source=source_of(runs, domain), marker=theme.MARKERS[domain], size=8,
            line_color=theme.rim(theme.COLOURS[domain]), fill_color=theme.COLOURS[domain], fill_alpha=0.6,
        )  # fmt: skip
        ends = {"x": means, "y0": places + aside - 0.2, "y1": places + aside + 0.2}
        stroke = plot.segment(
            "x", "y0", "x", "y1", source=ColumnDataSource(ends, name=f"means {domain}"), line_width=2.5,
            line_color=theme.rim(theme.COLOURS[domain]),
        )  # fmt: skip
        plot.add_tools(HoverTool(renderers=[marks], tooltips=_RUN, visible=False))
        items += [LegendItem(label=f"{domain} images", renderers=[marks, stroke])]
    style = {"border_line_alpha": 0, "background_fill_alpha": 0, "padding": 2, "margin": 2, "spacing": 14}
    plot.add_layout(Legend(items=items, orientation="horizontal", **style), "above")
    return plot


def _runs(table: pd.DataFrame, column: str, domain: str) -> pd.DataFrame:
    """A row for each seed of each strategy: title, rate, place, domain, seed, accuracy, mean."""
    seeds = [name for name in table.columns if name.startswith(f"{column}_")]
    rows = [
        table[["title", "rate", "place"]].assign(
            domain=domain, seed=at, accuracy=table[name], mean=table[column].to_numpy()
        )
        for at, name in enumerate(seeds)
    ]
    return pd.concat(rows, ignore_index=True)


def _short(title: str) -> str:
    """The end of a long title, where a layer's own name stands."""
    return title if len(title) <= LONGEST else "…" + title[1 - LONGEST :]
