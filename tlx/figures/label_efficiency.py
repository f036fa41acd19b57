"""The label-efficiency curve: accuracy over the number of target labels, with the source model and without it."""

from __future__ import annotations

from bokeh.models import FixedTicker, HoverTool, NumeralTickFormatter, Range1d
from bokeh.plotting import figure

from tlx.figures import theme
from tlx.figures.chart import chart
from tlx.figures.sources import source_of
from tlx.results import LabelEfficiency

LOOKS = {"fine-tuned": (theme.TARGET, "circle", "solid"), "from scratch": (theme.NEUTRAL, "triangle", "dashed")}

_TOOLTIP = """<div style="font-size:13px"><b>@how</b>, @images{0,0} labels (@each)<br>
accuracy <b>@accuracy{0.0 %}</b>, seed @seed</div>"""


def label_efficiency(result: LabelEfficiency) -> figure:
    """A dot for each seed, a line through the means; the number of labels on a logarithmic axis.

    Sources "dots fine-tuned", "line fine-tuned", and the same of "from scratch".
    """
    numbers = sorted(set(result.table["images"].tolist()))
    plot = chart(
        "Accuracy over the number of target labels",
        height=340,
        x="labelled target images learned from",
        y=f"accuracy on {result.n:,} {result.split} images",
        x_axis_type="log",
        x_range=Range1d(numbers[0] / 1.25, numbers[-1] * 1.25),
        y_range=Range1d(0, 1.02),
        name="label efficiency",
    )
    plot.xaxis.ticker = FixedTicker(ticks=numbers)
    plot.xaxis.formatter = NumeralTickFormatter(format="0,0")
    plot.yaxis.formatter = NumeralTickFormatter(format="0 %")
    marks = [_curve(plot, result, how) for how in LOOKS]
    plot.add_tools(HoverTool(renderers=marks, tooltips=_TOOLTIP))
    plot.legend.location, plot.legend.background_fill_alpha, plot.legend.border_line_alpha = "bottom_right", 0, 0
    return plot


def _curve(plot: figure, result: LabelEfficiency, how: str) -> object:
    colour, marker, dash = LOOKS[how]
    rows = result.table[result.table["how"] == how]
    means = rows.groupby("images")["accuracy"].mean().reset_index()
    line = source_of(means, f"line {how}")
    plot.line("images", "accuracy", source=line, line_color=colour, line_width=2, line_dash=dash, legend_label=how)
    each = ["all" if labels == 0 else f"{labels} of each class" for labels in rows["labels"]]
    dots = source_of(rows.assign(each=each), f"dots {how}")
    return plot.scatter(
        "images", "accuracy", source=dots, marker=marker, size=8, color=colour, fill_alpha=0.6, legend_label=how
    )
