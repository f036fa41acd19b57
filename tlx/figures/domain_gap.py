"""How well each layer tells the domains apart, over depth, before and after transfer."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from bokeh.models import ColumnDataSource, HoverTool, Span, Whisker
from bokeh.plotting import figure

from tlx.figures import theme
from tlx.figures.chart import chart
from tlx.results import LayerGap, Network

ASIDE = {"source": -0.08, "target": 0.08}  # the two models stand beside each other, so that no interval hides one

_TOOLTIP = """<div style="font-size:13px"><b>@title</b>, @model model<br>held-out accuracy <b>@accuracy{0.0 %}</b>
(95 % interval @low{0.0 %} to @high{0.0 %})<br>proxy A-distance @a_distance{0.00}, from @neurons neurons</div>"""


def domain_gap(gaps: Sequence[LayerGap], network: Network) -> figure:
    """A line for each model over the layers, from chance (0.5) to perfect (1). Sources "source" and "target"."""
    data = gap_table(gaps, network)
    plot = chart(
        "How well each layer alone tells the domains apart",
        height=300,
        x="analysed layer, shallow to deep",
        y="held-out accuracy",
        y_range=(min(0.45, float(data["low"].min()) - 0.02), 1.02),
        name="domain gap",
        toolbar_location="right",
    )
    plot.xgrid.visible = False
    plot.xaxis.ticker = [layer.index for layer in network.layers]
    plot.xaxis.major_label_overrides = {layer.index: f"{layer.index}\n{layer.kind}" for layer in network.layers}
    plot.add_layout(Span(location=0.5, dimension="width", line_color=theme.NEUTRAL, line_dash="dashed", line_width=1.5))
    for model, rows in data.groupby("model", sort=False):
        _draw_model(plot, str(model), rows)
    plot.add_layout(plot.legend[0], "above")
    plot.legend[0].update(
        orientation="horizontal", border_line_alpha=0, background_fill_alpha=0, padding=2, margin=2, spacing=14
    )
    return plot


def gap_table(gaps: Sequence[LayerGap], network: Network) -> pd.DataFrame:
    """One row a layer and model: model, layer, title, x, neurons, accuracy, low, high, a_distance."""
    layers = [network.layer(gap.layer) for gap in gaps]
    return pd.DataFrame(
        {
            "model": [gap.model for gap in gaps],
            "layer": [gap.layer for gap in gaps],
            "title": [layer.title for layer in layers],
            "x": [layer.index + ASIDE[gap.model] for layer, gap in zip(layers, gaps, strict=True)],
            "neurons": [gap.neurons for gap in gaps],
            "accuracy": [gap.accuracy for gap in gaps],
            "low": [gap.low for gap in gaps],
            "high": [gap.high for gap in gaps],
            "a_distance": [2 * (1 - 2 * (1 - gap.accuracy)) for gap in gaps],
        }
    )


def _draw_model(plot: figure, model: str, rows: pd.DataFrame) -> None:
    source = ColumnDataSource({name: np.asarray(rows[name]) for name in rows}, name=model)
    colour = theme.COLOURS[model]
    label = {"source": "source model (before)", "target": "target model (after)"}[model]
    plot.line("x", "accuracy", source=source, line_color=colour, line_width=2, legend_label=label)
    marks = plot.scatter(
        "x", "accuracy", source=source, marker=theme.MARKERS[model], size=10, color=colour, legend_label=label,
        line_width=2,
    )  # fmt: skip
    whisker = Whisker(base="x", lower="low", upper="high", source=source, line_color=colour, line_width=1.5)
    whisker.upper_head.line_color = whisker.lower_head.line_color = colour
    plot.add_layout(whisker)
    plot.add_tools(HoverTool(renderers=[marks], tooltips=_TOOLTIP))
