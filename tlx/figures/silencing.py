"""What silencing some neurons does to accuracy, beside other important neurons of the same layers."""

from __future__ import annotations

from itertools import product

import numpy as np
import pandas as pd
from bokeh.models import (
    ColumnDataSource,
    FactorRange,
    HoverTool,
    Legend,
    LegendItem,
    NumeralTickFormatter,
    Range1d,
    Span,
    Whisker,
)
from bokeh.plotting import figure

from tlx.figures import theme
from tlx.figures.chart import chart
from tlx.findings import counted
from tlx.results import REPLACEMENTS, SCOPES, Silenced

ASIDE = {"mean": -0.18, "drawn": 0.18}  # the two replacements stand beside each other
SHAPES = {"mean": "circle", "drawn": "diamond"}
SIZES = {"mean": 12, "drawn": 16}
CHANCE = 0.025, 0.975  # quantiles of the draws: 95 % lie between
VERDICTS = {
    "more": "they matter more than others",
    "no more": "they matter no more than others",
    "less": "they matter less than others",
    "": "there are no others to compare with",
}

_IN_POINTS = ("change", "low", "high", "control", "control_low", "control_high")
_CHANGE = """<div style="font-size:13px;line-height:1.45"><b>@scope</b>, @domain domain, @n images<br>
silenced neurons answer with @instead: accuracy @before{0.0 %} → <b>@after{0.0 %}</b><br>
change <b>@change_points{+0.0}</b> points (95 % interval @low_points{+0.0} to @high_points{+0.0})<br>
by other important neurons @control_points{+0.0}, 95 % of DRAWS draws from @control_low_points{+0.0} to
@control_high_points{+0.0}: <b>@words</b></div>"""


def change_table(result: Silenced) -> pd.DataFrame:
    """One row for each of SCOPES, domain and replacement that has instances, and what is to be read from it.

    Columns scope ("class 8", "all classes"), domain, replacement, n, before, after, change, low, high (its 95 % paired
    interval), control (median change by other important neurons), control_low, control_high (95 % of their draws) and
    verdict (of VERDICTS): "more" where accuracy falls below those 95 % and the interval of its change below 0, "less"
    where it ends above those 95 %, else "no more"; "" where no other neurons could be drawn.
    """
    places = list(product(range(len(SCOPES)), theme.COLOURS, range(len(REPLACEMENTS))))
    table = pd.DataFrame([_row(result, *place) for place in places])
    return table[table["n"] > 0].reset_index(drop=True)


def _row(result: Silenced, scope: int, domain: str, replacement: int) -> dict[str, object]:
    before = float(result.before[domain][scope])
    after, low, high = (float(values[domain][replacement, scope]) for values in (result.after, result.low, result.high))
    draws = result.controls[domain][replacement, :, scope] - before
    ends = np.quantile(draws, [CHANCE[0], 0.5, CHANCE[1]]) if len(draws) else np.full(3, np.nan)
    return {
        "scope": f"class {result.class_name}" if SCOPES[scope] == "class" else SCOPES[scope],
        "domain": domain,
        "replacement": list(REPLACEMENTS)[replacement],
        "n": int(result.n[domain][scope]),
        "before": before,
        "after": after,
        "change": after - before,
        "low": low,
        "high": high,
        "control": ends[1],
        "control_low": ends[0],
        "control_high": ends[2],
        "verdict": _verdict(after - before, high, ends),
    }


def _verdict(change: float, high: float, ends: np.ndarray) -> str:
    """On which side of the band of draws the change lies, as the chart shows."""
    if np.isnan(ends).any():
        return ""
    least, _, most = np.round(ends, 9)
    if round(change, 9) < least and high < 0:
        return "more"
    return "less" if round(change, 9) > most else "no more"


def silencing(result: Silenced) -> figure:
    """Change in accuracy on the class and on all classes, with its interval, in front of the band of other neurons.

    A mark is filled where its verdict is "more" or "less". Sources "source" and "target", one row a mark.
    """
    table = change_table(result)
    plot = chart(
        f"Silencing {counted(len(result.neurons), 'neuron')} of the {result.model} model",
        x_range=FactorRange(*dict.fromkeys(zip(table["scope"], table["domain"], strict=True))),
        height=340,
        y="change in held-out accuracy",
        name="silencing",
        toolbar_location="right",
    )
    plot.xgrid.visible = False
    plot.y_range = _all_of(table)
    plot.yaxis.formatter = NumeralTickFormatter(format="+0.0 %")
    plot.add_layout(Span(location=0, dimension="width", line_color=theme.NEUTRAL, line_width=1.5))
    for domain, rows in table.groupby("domain", sort=False):
        _draw_domain(plot, rows, str(domain), count_draws(result))
    _legend(plot, count_draws(result))
    return plot


def _all_of(table: pd.DataFrame) -> Range1d:
    """A range that holds every mark, interval and band, and 0: Bokeh leaves whiskers out of its own."""
    ends = table[["change", "low", "high", "control_low", "control_high"]].to_numpy()
    low, high = min(0.0, np.nanmin(ends, initial=0.0)), max(0.0, np.nanmax(ends, initial=0.0))
    margin = 0.06 * ((high - low) or 1.0)
    return Range1d(low - margin, high + margin)


def count_draws(result: Silenced) -> int:
    """D, how often other neurons were silenced."""
    return int(result.controls["target"].shape[1])


def _draw_domain(plot: figure, rows: pd.DataFrame, domain: str, draws: int) -> None:
    source = ColumnDataSource({name: np.asarray(column) for name, column in _marks(rows).items()}, name=domain)
    source.data["x"] = [
        (scope, domain, ASIDE[replacement])
        for scope, replacement in zip(rows["scope"], rows["replacement"], strict=True)
    ]
    band = plot.vbar(
        "x", width=0.26, bottom="control_low", top="control_high", source=source, fill_color=theme.NEUTRAL,
        fill_alpha=0.35, line_color=theme.NEUTRAL, name=f"others {domain}",
    )  # fmt: skip
    colour = theme.COLOURS[domain]
    whisker = Whisker(base="x", lower="low", upper="high", source=source, line_color=colour, line_width=2)
    whisker.upper_head.line_color = whisker.lower_head.line_color = colour
    plot.add_layout(whisker)
    marks = plot.scatter(
        "x", "change", source=source, marker="marker", size="size", line_color=colour, line_width=2.5,
        fill_color=colour, fill_alpha="filled", name=domain,
    )  # fmt: skip
    plot.add_tools(HoverTool(renderers=[marks, band], tooltips=_CHANGE.replace("DRAWS", str(draws))))


def _marks(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows with how each is drawn and what its tooltip says."""
    return rows.assign(
        **{f"{name}_points": 100 * rows[name] for name in _IN_POINTS},
        instead=rows["replacement"].map(REPLACEMENTS),
        marker=rows["replacement"].map(SHAPES),
        size=rows["replacement"].map(SIZES),
        filled=np.where(rows["verdict"].isin(["more", "less"]), 1.0, 0.0),
        words=rows["verdict"].map(VERDICTS),
    )


def _legend(plot: figure, draws: int) -> None:
    """Shapes, filling and band explained above the plot; colours are the axis's."""
    first, nowhere = [plot.x_range.factors[0]], [np.nan]
    items = []
    for label, shape, fill in (
        ("answer: their mean", SHAPES["mean"], 0.0),
        ("answer: as to another", SHAPES["drawn"], 0.0),
        ("filled: unlike others", SHAPES["mean"], 1.0),
    ):
        mark = plot.scatter(
            first, nowhere, marker=shape, size=12, color=theme.NEUTRAL, line_width=2, fill_alpha=fill
        )  # fmt: skip
        items.append(LegendItem(label=label, renderers=[mark]))
    band = plot.vbar(x=first, top=nowhere, fill_color=theme.NEUTRAL, fill_alpha=0.35, line_color=theme.NEUTRAL)
    items.append(LegendItem(label=f"95 % of {draws} draws of others", renderers=[band]))
    style = {"border_line_alpha": 0, "background_fill_alpha": 0, "padding": 2, "margin": 2, "spacing": 3}
    plot.add_layout(Legend(items=items, ncols=2, **style), "above")  # in two lines, for which a telephone has room
