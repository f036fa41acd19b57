"""How a neuron's conductance is distributed over instances, mirrored by its most similar neuron (5.3.2)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from bokeh.models import ColumnDataSource, CustomJSTickFormatter, HoverTool
from bokeh.plotting import figure

from tlx.figures import theme
from tlx.figures.chart import chart

BINS = 24
_TOOLTIP = """<div style="font-size:12px"><b>@count</b> of @n instances<br>conductance @left{0.000} to @right{0.000}<br>
@who</div>"""


@dataclass(frozen=True, eq=False)
class Distribution:
    """The conductance (N,) of one neuron on the same instances. model: "source" | "target"; name: of the neuron."""

    model: str
    name: str
    values: np.ndarray


def conductance(parts: Sequence[Distribution]) -> figure:
    """Histogram of one neuron's conductance above the axis and, if there is a second one, its own below.

    Both on one scale and with the same bins. The source is named "bars".
    """
    edges = np.histogram_bin_edges(np.concatenate([part.values for part in parts]), BINS)
    names = ("left", "right", "top", "count", "n", "who", "colour")
    columns: dict[str, list[object]] = {name: [] for name in names}
    for part, side in zip(parts, (1, -1), strict=False):
        for left, right, count in zip(edges, edges[1:], np.histogram(part.values, edges)[0], strict=False):
            many = len(part.values)
            row = (left, right, side * int(count), int(count), many, part.name, theme.COLOURS[part.model])
            for column, value in zip(columns.values(), row, strict=True):
                column.append(value)
    plot = chart(
        " above, ".join(part.name for part in parts) + (" below" if len(parts) > 1 else ""),
        height=210,
        x="conductance (largest on the neuron's map)",
        y="instances",
    )
    source = ColumnDataSource(columns, name="bars")
    bars = plot.quad("left", "right", "top", 0, source=source, fill_color="colour", line_color="colour", fill_alpha=0.8)
    plot.add_tools(HoverTool(renderers=[bars], tooltips=_TOOLTIP, visible=False))
    plot.yaxis.formatter = CustomJSTickFormatter(code="return `${Math.abs(tick)}`")
    return plot
