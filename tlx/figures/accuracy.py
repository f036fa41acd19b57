"""The accuracy chart: both models' accuracies over the epochs (5.1, Figure 1 A)."""

from __future__ import annotations

from typing import Any

import pandas as pd
from bokeh.models import FixedTicker, GlyphRenderer, HoverTool, Legend, LegendItem, NumeralTickFormatter, Range1d
from bokeh.plotting import figure

from tlx.figures import theme
from tlx.figures.chart import chart
from tlx.figures.sources import source_of

MODELS = {"source": "(S)", "target": "(T)"}
# The six lines of the paper: for each model both domains' training data and its own domain's validation data …
LINES = [
    (model, domain, split)
    for model in MODELS
    for domain, split in (("source", "training"), ("target", "training"), (model, "validation"))
]
# … and three that answer a second question each; they wait in the legend until they are clicked.
EXTRA = [("source", "target", "validation"), ("target", "source", "validation"), ("scratch", "target", "validation")]
_SUFFIX = MODELS | {"scratch": "(from scratch)"}
_MARKER = theme.MARKERS | {"scratch": "triangle"}

_TOOLTIP = """<div style="font-size:13px"><b>@line</b><br>epoch @epoch: accuracy <b>@accuracy{0.0 %}</b><br>
@n{0,0} instances</div>"""


def accuracy(history: pd.DataFrame) -> figure:
    """The six lines of the paper, and on demand the source model on target validation and the other controls.

    history: as `pipeline.history`. Colour is the data's domain, dashes are validation data, a cross is the source
    model and a circle the target model. Lines whose rows the history lacks are not drawn. Sources are named
    "model domain split".
    """
    plot = chart(
        "Accuracy over the epochs",
        height=380,
        x="epoch (0 = before training)",
        y="accuracy (instances predicted right)",
        y_range=Range1d(0, 1.02),
        tools="xpan,xwheel_zoom,box_zoom,reset,save",
        name="accuracy",
    )
    plot.yaxis.ticker = FixedTicker(ticks=[0, 0.2, 0.4, 0.6, 0.8, 1])
    plot.yaxis.formatter = NumeralTickFormatter(format="0 %")
    plot.xaxis.ticker.min_interval, plot.xaxis.ticker.num_minor_ticks = 1, 0  # there is no half epoch
    present = set(zip(history["model"], history["domain"], history["split"], strict=True))
    lines = [line for line in [*LINES, *EXTRA] if line in present]
    visible = [line for line in lines if line in LINES] or lines  # of the control alone there is nothing else to see
    items = [_line(plot, history, line, visible=line in visible) for line in lines]
    plot.add_layout(
        Legend(
            items=items,
            click_policy="hide",
            title="data (model), click to hide",
            border_line_alpha=0,
            background_fill_alpha=0,
            inactive_fill_color=theme.NEUTRAL,
            inactive_fill_alpha=0.35,
        ),
        "right",
    )
    crosses = [renderer for item in items for renderer in item.renderers if renderer.name.startswith("points")]
    plot.add_tools(HoverTool(renderers=crosses, tooltips=_TOOLTIP, point_policy="snap_to_data"))
    return plot


def _line(plot: figure, history: pd.DataFrame, line: tuple[str, str, str], *, visible: bool) -> LegendItem:
    model, domain, split = line
    rows = history[(history["model"] == model) & (history["domain"] == domain) & (history["split"] == split)]
    label = f"{domain} {split} {_SUFFIX[model]}"
    source = source_of(rows.sort_values("epoch")[["epoch", "accuracy", "n"]].assign(line=label), " ".join(line))
    look: dict[str, Any] = {"color": theme.COLOURS[domain], "visible": visible}
    drawn: list[GlyphRenderer] = [
        plot.line(
            "epoch",
            "accuracy",
            source=source,
            line_width=2,
            line_dash="dashed" if split == "validation" else "solid",
            line_alpha=0.85,
            name=f"line {source.name}",
            **look,
        ),
        plot.scatter(
            "epoch",
            "accuracy",
            source=source,
            marker=_MARKER[model],
            size=8,
            line_width=2,
            fill_alpha=0.9 if split == "training" else 0,
            name=f"points {source.name}",
            **look,
        ),
    ]
    return LegendItem(label=label, renderers=drawn)
