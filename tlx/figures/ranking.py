"""The feature ranking list: one row a neuron, with its feature image, mirrored histogram and weight (5.4.2)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from bokeh.models import ColumnDataSource, HoverTool, Range1d
from bokeh.plotting import figure
from PIL import Image

from tlx.figures import theme
from tlx.results import Discriminability, Network

ROW = 92  # height of a row in pixels
HEAD = 34
WIDTH = 640.0  # of the list in its own units; about pixels on a wide screen
BINS = 25
PICTURE = 72  # side of a feature image in pixels

# Left edges of the columns, in units of WIDTH.
_TICK, _PLACE, _IMAGE, _TEXT, _BARS, _WEIGHT = 16.0, 42.0, 78.0, 168.0, 306.0, 566.0
_BARS_END, _WEIGHT_HALF = 498.0, 48.0
TICK_ZONE = 70.0  # a tap left of this ticks the row, elsewhere it chooses the neuron

_NEURON = """<div style="font-size:13px;line-height:1.45"><b>#@place &nbsp;@title, neuron @neuron</b><br>
weight u @weight{+0.000}: more conductance looks <b>@towards</b><br>
importance for the class: @class_rank{0} of @units in its layer</div>"""
_BAR = """<div style="font-size:13px"><b>@count</b> of @n @domain instances (@share{0.0 %})<br>
conductance @left{0.000 a} to @right{0.000 a}</div>"""


@dataclass(frozen=True)
class Hit:
    """What a tap on the list meant: the row (from 0), and whether its box or the row itself was meant."""

    row: int
    tick: bool


def hit(x: float, y: float, rows: int) -> Hit | None:
    """Which of the `rows` rows lies at these data coordinates of the figure; None for the head and beyond."""
    row = int(np.floor(y))
    if not (0 <= row < rows and 0 <= x <= WIDTH):
        return None
    return Hit(row, tick=x < TICK_ZONE)


def ranking_table(result: Discriminability, network: Network, class_ranks: Mapping[str, np.ndarray]) -> pd.DataFrame:
    """All ranked neurons, most domain-specific first: place, layer, title, neuron, weight, class_rank, units, column.

    class_ranks: of each layer (U,), the neuron's place by rank score for the class (`Abstraction.rank`).
    """
    neurons = [result.neurons[column] for column in result.ranking]
    layers = [network.layer(layer) for layer, _ in neurons]
    weights = result.weights[result.ranking]
    return pd.DataFrame(
        {
            "place": np.arange(1, len(neurons) + 1),
            "layer": [layer.name for layer in layers],
            "title": [layer.title for layer in layers],
            "neuron": [index for _, index in neurons],
            "weight": weights,
            "towards": np.where(weights > 0, "target-like", "source-like"),
            "class_rank": [int(class_ranks[layer][index]) for layer, index in neurons],
            "units": [layer.units for layer in layers],
            "column": result.ranking,
        }
    )


def ranking(
    rows: pd.DataFrame,
    result: Discriminability,
    images: Mapping[tuple[str, int], np.ndarray],
    *,
    active: Collection[int],
    chosen: tuple[str, int] | None = None,
) -> figure:
    """Some rows of `ranking_table` as a list.

    images: feature images by (layer, neuron), as far as they are there; active: columns whose box is ticked; chosen:
    (layer, neuron) whose row stands out. Sources: "rows", "bars", "weights", "images".
    """
    plot = figure(
        height=HEAD + ROW * len(rows) + 4,
        sizing_mode="stretch_width",
        min_width=520,
        x_range=Range1d(0, WIDTH, name="x range"),
        y_range=Range1d(len(rows), -HEAD / ROW, name="y range"),
        tools="save",
        toolbar_location=None,
        min_border=0,
        outline_line_alpha=0,
        background_fill_alpha=0,
        border_fill_alpha=0,
        name="ranking",
    )
    plot.axis.visible = plot.grid.visible = False
    _draw_head(plot)
    _draw_rows(plot, row_table(rows, active, chosen))
    _draw_images(plot, rows, images)
    _draw_bars(plot, bar_table(rows, result))
    _draw_weights(plot, weight_table(rows, result))
    return plot


def row_table(rows: pd.DataFrame, active: Collection[int], chosen: tuple[str, int] | None) -> pd.DataFrame:
    """What is written in each row; y is the row's middle."""
    data = rows.reset_index(drop=True).copy()
    ticked = data["column"].isin(list(active)).to_numpy()
    is_chosen = np.array([pair == chosen for pair in zip(data["layer"], data["neuron"], strict=True)], dtype=bool)
    data["y"] = np.arange(len(data)) + 0.5
    data["rank"] = "#" + data["place"].astype(str)
    data["tick"] = np.where(ticked, "✓", "")
    data["box"] = np.where(ticked, 1.0, 0.0)
    data["band"] = np.where(is_chosen, 0.16, 0.0)
    data["what"] = [f"neuron {neuron}" for neuron in data["neuron"]]
    data["score"] = [f"{n}. of {units} for class" for n, units in zip(data["class_rank"], data["units"], strict=True)]
    return data


def bar_table(rows: pd.DataFrame, result: Discriminability) -> pd.DataFrame:
    """The bars of all rows' mirrored histograms: share of each domain's instances, one scale for both in a row."""
    return pd.concat([_bars(at, column, result) for at, column in enumerate(rows["column"])], ignore_index=True)


def _bars(at: int, column: int, result: Discriminability) -> pd.DataFrame:
    values = result.values[:, column]
    edges = np.linspace(values.min(), values.max(), BINS + 1)
    across = _BARS + (edges - edges[0]) / (edges[-1] - edges[0]) * (_BARS_END - _BARS)
    counts = {domain: np.histogram(values[result.domain == domain], edges)[0] for domain in theme.COLOURS}
    shares = {domain: count / max(count.sum(), 1) for domain, count in counts.items()}
    tallest = max(share.max() for share in shares.values())
    middle = at + 0.46
    parts = []
    for domain, side in (("source", -1), ("target", 1)):  # the vertical axis points down, as the rows do
        height = 0.36 * shares[domain] / tallest
        parts.append(
            pd.DataFrame(
                {
                    "x0": across[:-1],
                    "x1": across[1:],
                    "y0": middle,
                    "y1": middle + side * height,
                    "left": edges[:-1],
                    "right": edges[1:],
                    "count": counts[domain],
                    "share": shares[domain],
                    "n": counts[domain].sum(),
                    "domain": domain,
                    "colour": theme.COLOURS[domain],
                    "row": at,
                }
            )
        )
    return pd.concat(parts)


def weight_table(rows: pd.DataFrame, result: Discriminability) -> pd.DataFrame:
    """A bar for each row's weight, to the left and red towards source, to the right and blue towards target."""
    strongest = np.abs(result.weights).max() or 1.0
    weights = rows["weight"].to_numpy()
    return pd.DataFrame(
        {
            "x0": _WEIGHT + 0.0 * weights,
            "x1": _WEIGHT + weights / strongest * _WEIGHT_HALF,
            "y": np.arange(len(rows)) + 0.46,
            "weight": weights,
            "label": [f"{weight:+.3f}".replace("-", "−") for weight in weights],
            "colour": np.where(weights > 0, theme.TARGET, theme.SOURCE),
            **{name: rows[name].to_numpy() for name in ("place", "title", "neuron", "towards", "class_rank", "units")},
        }
    )


def _draw_head(plot: figure) -> None:
    words = {
        _TICK - 12: "axis",
        _PLACE: "rank",
        _IMAGE - 2: "feature",
        _TEXT: "neuron",
        _BARS: "conductance: source ↑ target ↓",
        _WEIGHT - 24: "weight u",
    }
    plot.text(
        list(words),
        [-0.12] * len(words),
        text=list(words.values()),
        text_font_size="12px",
        text_font_style="bold",
        text_alpha=0.75,
        name="head",
    )


def _draw_rows(plot: figure, data: pd.DataFrame) -> None:
    source = ColumnDataSource({name: data[name].to_numpy() for name in data}, name="rows")
    band = plot.rect(
        WIDTH / 2, "y", WIDTH, 1, source=source, fill_color=theme.NEUTRAL, fill_alpha="band", line_alpha=0, name="rows"
    )
    plot.segment(0, [*range(len(data))], WIDTH, [*range(len(data))], line_color=theme.GRID)
    plot.scatter(
        _TICK,
        "y",
        source=source,
        marker="square",
        size=18,
        line_color=theme.NEUTRAL,
        line_width=1.5,
        fill_color=theme.TARGET,
        fill_alpha="box",
        name="boxes",
    )
    plot.text(_TICK, "y", text="tick", source=source, text_align="center", text_baseline="middle", text_color="#ffffff",
              text_font_size="14px", text_font_style="bold")  # fmt: skip
    plot.text(_PLACE, "y", text="rank", source=source, text_baseline="middle", text_font_size="14px")
    for column, up, weight in (("title", -17, "bold"), ("what", 0, "normal"), ("score", 17, "normal")):
        plot.text(
            _TEXT,
            "y",
            text=column,
            source=source,
            y_offset=up,
            text_baseline="middle",
            text_font_size="12px",
            text_font_style=weight,
            text_alpha=1.0 if column != "score" else 0.75,
        )
    plot.add_tools(HoverTool(renderers=[band], tooltips=_NEURON, attachment="above"))


def _draw_images(plot: figure, rows: pd.DataFrame, images: Mapping[tuple[str, int], np.ndarray]) -> None:
    """Feature images, all of one size on the screen; a faint square where one is still being drawn."""
    pairs = list(zip(rows["layer"], rows["neuron"], strict=True))
    middles = np.arange(len(pairs)) + 0.5
    waiting = [pair not in images for pair in pairs]
    x = _IMAGE + 4
    plot.scatter(
        x + PICTURE / 2, middles[waiting], marker="square", size=PICTURE, fill_color=theme.GRID, line_color=theme.GRID
    )
    there = [at for at, missing in enumerate(waiting) if not missing]
    plot.image_rgba(
        image="image",
        x="x",
        y="y",
        dw=PICTURE,
        dh=PICTURE,
        dw_units="screen",
        dh_units="screen",
        anchor="center",
        source=ColumnDataSource(
            {
                "image": [rgba(images[pairs[at]]) for at in there],
                "x": np.full(len(there), x + PICTURE / 2),
                "y": middles[there],
            },
            name="images",
        ),
        name="images",
    )


def rgba(image: np.ndarray, largest: int = 128) -> np.ndarray:
    """(H, W, 3) uint8 to Bokeh's (H, W) uint32, bottom row first, at most `largest` pixels wide."""
    if image.shape[1] > largest:
        image = np.asarray(Image.fromarray(image).resize((largest, largest), Image.Resampling.LANCZOS))
    opaque = np.full((*image.shape[:2], 1), 255, dtype=np.uint8)
    return np.ascontiguousarray(np.concatenate([image, opaque], axis=2)[::-1]).view(np.uint32)[..., 0]


def _draw_bars(plot: figure, data: pd.DataFrame) -> None:
    source = ColumnDataSource({name: data[name].to_numpy() for name in data}, name="bars")
    bars = plot.quad(
        "x0", "x1", "y1", "y0", source=source, color="colour", fill_alpha=0.85, line_width=0.5, name="bars"
    )
    plot.add_tools(HoverTool(renderers=[bars], tooltips=_BAR))
    ends = data.groupby("row").agg(low=("left", "min"), high=("right", "max"))
    for x, values, align in ((_BARS, ends["low"], "left"), (_BARS_END, ends["high"], "right")):
        words = [f"{value:.2g}".replace("-", "−") for value in values]
        plot.text(x, ends.index.to_numpy() + 0.97, text=words, text_align=align, text_font_size="12px", text_alpha=0.75)
    crossing = ends[(ends["low"] < 0) & (ends["high"] > 0)]
    zero = _BARS - crossing["low"] / (crossing["high"] - crossing["low"]) * (_BARS_END - _BARS)
    plot.segment(zero, crossing.index + 0.06, zero, crossing.index + 0.84, line_color=theme.NEUTRAL, line_dash="dotted")


def _draw_weights(plot: figure, data: pd.DataFrame) -> None:
    source = ColumnDataSource({name: data[name].to_numpy() for name in data}, name="weights")
    bars = plot.hbar(y="y", left="x0", right="x1", height=0.2, source=source, color="colour", name="weights")
    plot.segment(_WEIGHT, data["y"] - 0.2, _WEIGHT, data["y"] + 0.2, line_color=theme.NEUTRAL)
    plot.text(
        _WEIGHT,
        "y",
        text="label",
        source=source,
        y_offset=30,
        text_align="center",
        text_baseline="middle",
        text_font_size="12px",
    )
    plot.add_tools(HoverTool(renderers=[bars], tooltips=_NEURON))
