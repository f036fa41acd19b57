"""What silencing some neurons does to each class, beside random neurons of the same layers."""

from __future__ import annotations

import numpy as np
import pandas as pd
from bokeh.models import ColumnDataSource, FactorRange, HoverTool, NumeralTickFormatter, Span
from bokeh.plotting import figure

from tlx.figures import theme
from tlx.figures.chart import chart
from tlx.results import Silenced

_CHANGE = """<div style="font-size:13px;line-height:1.45"><b>class @class_name</b>, @domain domain, @n instances<br>
accuracy @before{0.0 %} → <b>@after{0.0 %}</b> (@change_points{+0.0} points)<br>
random neurons instead: @random_points{+0.0} points on average, from @low_points{+0.0} to @high_points{+0.0}</div>"""


def change_table(result: Silenced) -> pd.DataFrame:
    """One row a class and domain that has instances of it: accuracies, change, and the change by random neurons.

    Columns class_name, domain, n, before, after, change, random (mean), low, high (extremes of the draws), and the
    changes in accuracy points (`…_points`).
    """
    parts = []
    for domain in theme.COLOURS:
        before, draws = result.before[domain], result.random[domain] - result.before[domain]
        part = pd.DataFrame(
            {
                "class_name": result.classes,
                "domain": domain,
                "n": result.n[domain],
                "before": before,
                "after": result.after[domain],
                "change": result.after[domain] - before,
                "random": draws.mean(axis=0),
                "low": draws.min(axis=0),
                "high": draws.max(axis=0),
            }
        )
        parts.append(part[part["n"] > 0])
    table = pd.concat(parts, ignore_index=True)
    return table.assign(**{f"{name}_points": 100 * table[name] for name in ("change", "random", "low", "high")})


def silencing(result: Silenced) -> figure:
    """Change in accuracy per class: one bar a domain, and a grey band where random neurons come to lie.

    Sources "source" and "target", one row a class.
    """
    table = change_table(result)
    plot = chart(
        f"Silencing {len(result.neurons)} neurons of the {result.model} model: change in validation accuracy",
        x_range=FactorRange(*result.classes),
        height=320,
        x="class",
        y="change in accuracy",
        name="silencing",
        toolbar_location="right",
    )
    plot.xgrid.visible = False
    plot.yaxis.formatter = NumeralTickFormatter(format="+0 %")
    for domain, aside in (("source", -0.19), ("target", 0.19)):
        _draw_domain(plot, table[table["domain"] == domain], domain, aside)
    plot.add_layout(Span(location=0, dimension="width", line_color=theme.NEUTRAL, line_width=1.5))
    plot.add_layout(plot.legend[0], "above")
    plot.legend[0].update(orientation="horizontal", border_line_alpha=0, background_fill_alpha=0, padding=2, spacing=16)
    return plot


def _draw_domain(plot: figure, rows: pd.DataFrame, domain: str, aside: float) -> None:
    source = ColumnDataSource({name: np.asarray(rows[name]) for name in rows}, name=domain)
    source.data["x"] = [(name, aside) for name in rows["class_name"]]
    bars = plot.vbar(
        "x", width=0.3, top="change", source=source, color=theme.COLOURS[domain], legend_label=f"{domain} domain",
        name=domain,
    )  # fmt: skip
    band = plot.vbar(
        "x", width=0.36, bottom="low", top="high", source=source, fill_color=theme.NEUTRAL, fill_alpha=0.45,
        line_color=theme.NEUTRAL, legend_label="range of random neurons of the same layers", name=f"random {domain}",
    )  # fmt: skip
    plot.add_tools(HoverTool(renderers=[bars, band], tooltips=_CHANGE))
