"""The accuracy chart: both models' accuracies over the epochs, each line named at its end (5.1, Figure 1 A)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from bokeh.models import FixedTicker, GlyphRenderer, HoverTool, LinearAxis, NumeralTickFormatter, Range1d
from bokeh.plotting import figure

from tlx.figures import theme
from tlx.figures.chart import chart
from tlx.figures.labels import apart
from tlx.figures.sources import source_of
from tlx.results import Control

Line = tuple[str, str, str]  # model, domain, split

MODELS = {"source": "(S)", "target": "(T)"}
# The two whose gap is what the transfer gained on the target domain …
GAP: list[Line] = [("target", "target", "validation"), ("source", "target", "validation")]
# … the paper's six lines: for each model both domains' training data and its own domain's validation data …
LINES: list[Line] = [
    (model, domain, split)
    for model in MODELS
    for domain, split in (("source", "training"), ("target", "training"), (model, "validation"))
]
# … and two that answer a second question each; they wait until they are asked for.
EXTRA: list[Line] = [("target", "source", "validation"), ("scratch", "target", "validation")]
_SUFFIX = MODELS | {"scratch": "(from scratch)"}
_MARKER = theme.MARKERS | {"scratch": "triangle"}

HEIGHT, FRAME = 380, 290.0  # px of the figure and, about, of its frame
LETTER_LINE = 17.0  # px from one name to the next
TOP = 1.02

_TOOLTIP = """<div style="font-size:13px"><b>@line</b><br>epoch @epoch: accuracy <b>@accuracy{0.0 %}</b><br>
@n{0,0} instances</div>"""


def lines_of(history: pd.DataFrame) -> dict[str, str]:
    """ "model domain split" -> its name, of every line there is, those of the score first."""
    present = set(zip(history["model"], history["domain"], history["split"], strict=True))
    ordered = dict.fromkeys([*GAP, *LINES, *EXTRA])
    return {" ".join(line): name_of(line) for line in ordered if line in present}


def drawn_at_first(history: pd.DataFrame) -> list[str]:
    """The two lines of the score and the others of the paper; of a control alone its own."""
    there = lines_of(history)
    usual = {" ".join(line) for line in (*GAP, *LINES)}
    return [line for line in there if line in usual] or list(there)


def name_of(line: Line) -> str:
    """ "target validation (S)": data, and in brackets the model."""
    model, domain, split = line
    return f"{domain} {split} {_SUFFIX[model]}"


def accuracy(history: pd.DataFrame, lines: Sequence[str] | None = None) -> figure:
    """Accuracies over the epochs, each line named at the right, where no two names meet.

    history: as `pipeline.history`; lines: which of `lines_of`, by default those drawn at first. Colour is the data's
    domain, dashes are validation data, a cross is the source model and a circle the target model; the two lines whose
    gap is the score are the thick ones. Sources are named "model domain split".
    """
    last, first = max(history["epoch"], default=1), min(history["epoch"], default=0)
    room = 0.07 * max(last - first, 1)  # between a line's end and its name
    plot = chart(
        "Accuracy over the epochs",
        height=HEIGHT,
        x="epoch (0 = before training)",
        y="accuracy (instances predicted right)",
        x_range=Range1d(first - room / 3, last + room),
        y_range=Range1d(0, TOP),
        tools="xpan,xwheel_zoom,xbox_zoom,reset,save",
        name="accuracy",
    )
    plot.yaxis.ticker = FixedTicker(ticks=[0, 0.2, 0.4, 0.6, 0.8, 1])
    plot.yaxis.formatter = NumeralTickFormatter(format="0 %")
    plot.xaxis.ticker.min_interval, plot.xaxis.ticker.num_minor_ticks = 1, 0  # there is no half epoch
    asked = drawn_at_first(history) if lines is None else lines
    chosen: list[Line] = [line for line in (*GAP, *LINES, *EXTRA) if " ".join(line) in asked]
    drawn = {line: _rows(history, line) for line in dict.fromkeys(chosen)}
    drawn = {line: rows for line, rows in drawn.items() if len(rows)}
    _names(plot, drawn)
    marks = [_line(plot, rows, line) for line, rows in drawn.items()]
    plot.add_tools(HoverTool(renderers=marks, tooltips=_TOOLTIP, point_policy="snap_to_data"))
    return plot


def _rows(history: pd.DataFrame, line: Line) -> pd.DataFrame:
    of_line = np.logical_and.reduce(
        [history[column] == value for column, value in zip(("model", "domain", "split"), line, strict=True)]
    )
    return history[of_line].sort_values("epoch")[["epoch", "accuracy", "n"]].assign(line=name_of(line))


def _names(plot: figure, drawn: dict[Line, pd.DataFrame]) -> None:
    """Each line's name beside the plot, at the height where it ends as far as names leave each other room.

    A thin line leads from its end to its mark there. Source "name of lines".
    """
    ends = np.array([float(rows["accuracy"].iloc[-1]) for rows in drawn.values()])
    heights = places(ends, LETTER_LINE / FRAME * TOP)
    edge = plot.x_range.end - (plot.x_range.end - plot.x_range.start) * 0.012
    table = pd.DataFrame(
        {
            "name": [name_of(line) for line in drawn],
            "x": [float(rows["epoch"].iloc[-1]) for rows in drawn.values()],
            "y": ends,
            "edge": edge,
            "height": heights,
            "colour": [theme.COLOURS[domain] for _, domain, _ in drawn],
            "marker": [_MARKER[model] for model, *_ in drawn],
            "filled": [0.9 * (split == "training") for *_, split in drawn],
        }
    )
    source = source_of(table, "name of lines")
    plot.segment("x", "y", "edge", "height", source=source, line_color="colour", line_dash="dotted", line_alpha=0.8)
    look: dict[str, Any] = {"size": 8, "line_width": 2, "color": "colour", "fill_alpha": "filled"}
    plot.scatter("edge", "height", source=source, marker="marker", **look)
    axis = LinearAxis(
        ticker=FixedTicker(ticks=heights.tolist()),
        major_label_overrides=dict(zip(heights.tolist(), table["name"], strict=True)),
        major_label_standoff=2,
        axis_line_color=None,
        major_tick_line_color=None,
        major_label_text_font_size="12px",
        name="names",
    )
    plot.add_layout(axis, "right")


def places(ends: np.ndarray, least: float) -> np.ndarray:
    """Heights for names of lines that end at these, at least `least` from each other and inside the plot."""
    moved = apart(ends, least)
    order = np.argsort(moved, kind="stable")
    count = np.arange(len(ends))
    moved[order] = np.minimum(moved[order], TOP - least * (0.5 + count[::-1]))
    moved[order] = np.maximum(moved[order], least * (0.5 + count))
    return moved


def _line(plot: figure, rows: pd.DataFrame, line: Line) -> GlyphRenderer:
    model, domain, split = line
    source, thick = source_of(rows, " ".join(line)), line in GAP
    plot.line(
        "epoch",
        "accuracy",
        source=source,
        color=theme.COLOURS[domain],
        line_width=3.5 if thick else 1.5,
        line_dash="dashed" if split == "validation" else "solid",
        line_alpha=1.0 if thick else 0.7,
        name=f"line {source.name}",
    )
    return plot.scatter(
        "epoch",
        "accuracy",
        source=source,
        marker=_MARKER[model],
        color=theme.COLOURS[domain],
        size=9 if thick else 6,
        line_width=2.5 if thick else 1.5,
        fill_alpha=0.9 if split == "training" else 0,
        name=f"points {source.name}",
    )


def with_control(history: pd.DataFrame, there: Mapping[str, Control]) -> pd.DataFrame:
    """The accuracy histories with that of the control at the same budget, where it is there and they lack it."""
    if "budget" not in there or "scratch" in set(history["model"]):
        return history
    table: pd.DataFrame = pd.concat([history, there["budget"].history], ignore_index=True)
    return table
