"""How source-like or target-like a class's instances are: distances from the domain classifier's boundary (5.4.1)."""

from __future__ import annotations

import numpy as np
from bokeh.models import ColumnDataSource, CustomJSTickFormatter, HoverTool, Span
from bokeh.plotting import figure

from tlx.figures import theme
from tlx.figures.chart import chart
from tlx.results import Discriminability

BINS = 30

_TOOLTIP = """<div style="font-size:13px"><b>@count</b> of @n @domain instances<br>
distance @left{0.00} to @right{0.00}</div>"""


def domain_score(result: Discriminability, picked: tuple[str, int] | None = None) -> figure:
    """Histograms of the held-out signed distances, source above and target below one axis, on one scale.

    Left of 0 the classifier takes an instance for source, right of it for target. picked: (domain, instance) whose
    value is marked. Sources "source", "target" (one row a bar) and "picked".
    """
    plot = chart(
        f"Class {result.class_name}, {result.model} model",
        height=320,
        x="← source-like · distance from the boundary · target-like →",
        y="instances (target ↓, source ↑)",
        tools="xpan,xwheel_zoom,reset,save",
        name="domain score",
    )
    edges = _edges(result.decision)
    for domain, side in (("source", 1), ("target", -1)):
        _bars(plot, result.decision[result.domain == domain], edges, domain, side)
    plot.add_layout(plot.legend[0], "above")
    plot.legend[0].update(orientation="horizontal", border_line_alpha=0, background_fill_alpha=0, padding=2)
    plot.add_layout(Span(location=0, dimension="height", line_color=theme.NEUTRAL, line_dash="dashed", line_width=2))
    plot.yaxis.formatter = CustomJSTickFormatter(code="return `${Math.abs(tick)}`")
    _mark(plot, result, picked)
    return plot


def _edges(decision: np.ndarray) -> np.ndarray:
    """BINS equal bins over all values, with 0 on an edge, so that no bar stands on both sides of the boundary."""
    low, high = min(float(decision.min()), 0.0), max(float(decision.max()), 0.0)
    width = (high - low) / BINS or 1.0
    return width * np.arange(np.floor(low / width), np.ceil(high / width) + 1)


def _bars(plot: figure, values: np.ndarray, edges: np.ndarray, domain: str, side: int) -> None:
    count = np.histogram(values, edges)[0]
    data = {"left": edges[:-1], "right": edges[1:], "top": side * count, "count": count}
    data |= {"domain": np.repeat(domain, len(count)), "n": np.repeat(len(values), len(count))}
    bars = plot.quad(
        "left",
        "right",
        "top",
        0,
        source=ColumnDataSource(data, name=domain),
        fill_color=theme.COLOURS[domain],
        line_color=theme.COLOURS[domain],
        fill_alpha=0.8,
        legend_label=f"{domain} instances ({len(values)})",
        name=domain,
    )
    plot.add_tools(HoverTool(renderers=[bars], tooltips=_TOOLTIP))


def mark(result: Discriminability, picked: tuple[str, int] | None) -> dict[str, dict[str, np.ndarray]]:
    """The source "picked", which marks the value of an instance (domain, number), by its name."""
    domain, instance = picked or ("", -1)
    rows = np.flatnonzero((result.domain == domain) & (result.instances == instance))
    data = {"x": result.decision[rows], "y": np.zeros(len(rows)), "instance": result.instances[rows]}
    return {"picked": data | {"domain": np.repeat(domain, len(rows))}}


def _mark(plot: figure, result: Discriminability, picked: tuple[str, int] | None) -> None:
    source = ColumnDataSource(mark(result, picked)["picked"], name="picked")
    for width, colour in ((5.5, "#ffffff"), (2.5, theme.INK)):
        marks = plot.scatter("x", "y", source=source, size=16, marker="diamond", fill_alpha=0, line_color=colour)
        marks.glyph.line_width = width
    plot.add_tools(HoverTool(renderers=[marks], tooltips="@domain instance @instance: distance @x{0.00}"))
