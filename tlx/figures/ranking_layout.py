"""Where everything of the feature ranking list lies, and its tables: pure numbers, no figure (5.4.2)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from tlx.figures import theme
from tlx.results import Contribution, Discriminability, Network

ROW = 92  # height of a row in pixels
HEAD = 34
MIDDLE, HALF = 0.43, 0.32  # of a row's height: the line its histogram grows from, and how far at most
ENDS = 0.9  # where the histogram's ends are written
WIDTH = 640.0  # of the list in its own units; about pixels on a wide screen
BINS = 25

# Left edges of the columns, in units of WIDTH.
TICK, PLACE, IMAGE, TEXT, BARS, WEIGHT = 16.0, 42.0, 78.0, 168.0, 306.0, 566.0
BARS_END, WEIGHT_HALF = 498.0, 48.0
LOWERS = "▼"  # beside a neuron that lowers the class score in the mean
TICK_ZONE = 70.0  # a tap left of this ticks the row, elsewhere it chooses the neuron


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


def ranking_table(
    result: Discriminability, network: Network, class_ranks: Mapping[str, np.ndarray], contribution: Contribution
) -> pd.DataFrame:
    """All ranked neurons, most domain-specific first: place, layer, title, short_title, neuron, weight, class_rank,
    units, contribution, lowers, column.

    class_ranks: of each layer (U,), the neuron's place by rank score for the class (`Abstraction.rank`); contribution:
    what each neuron adds to the class's score in the mean, and whether it lowers it.
    """
    neurons = [result.neurons[column] for column in result.ranking]
    layers = [network.layer(layer) for layer, _ in neurons]
    weights = result.weights[result.ranking]
    return pd.DataFrame(
        {
            "place": np.arange(1, len(neurons) + 1),
            "layer": [layer.name for layer in layers],
            "title": [layer.title for layer in layers],
            "short_title": [layer.short_title for layer in layers],
            "neuron": [index for _, index in neurons],
            "weight": weights,
            "towards": np.where(weights > 0, "target-like", "source-like"),
            "class_rank": [int(class_ranks[layer][index]) for layer, index in neurons],
            "units": [layer.count(result.model) for layer in layers],
            "contribution": [float(contribution.layer(layer)[index]) for layer, index in neurons],
            "lowers": [bool(contribution.lowers(layer)[index]) for layer, index in neurons],
            "column": result.ranking,
        }
    )


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
    marks = np.where(data["lowers"], f" {LOWERS}", "")
    data["what"] = [f"neuron {neuron}{mark}" for neuron, mark in zip(data["neuron"], marks, strict=True)]
    data["score"] = [f"{n}. of {units} for class" for n, units in zip(data["class_rank"], data["units"], strict=True)]
    return data


def bar_table(rows: pd.DataFrame, result: Discriminability) -> pd.DataFrame:
    """The bars of all rows' mirrored histograms: share of each domain's instances, one scale for both in a row."""
    return pd.concat([_bars(at, column, result) for at, column in enumerate(rows["column"])], ignore_index=True)


def _bars(at: int, column: int, result: Discriminability) -> pd.DataFrame:
    values = result.values[:, column]
    edges = np.linspace(values.min(), values.max(), BINS + 1)
    across = BARS + (edges - edges[0]) / (edges[-1] - edges[0]) * (BARS_END - BARS)
    counts = {domain: np.histogram(values[result.domain == domain], edges)[0] for domain in theme.COLOURS}
    shares = {domain: count / max(count.sum(), 1) for domain, count in counts.items()}
    tallest = max(share.max() for share in shares.values())
    middle = at + MIDDLE
    parts = []
    for domain, side in (("source", -1), ("target", 1)):  # the vertical axis points down, as the rows do
        height = HALF * shares[domain] / tallest
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
    told = ("place", "title", "neuron", "towards", "class_rank", "units", "contribution")
    weights = rows["weight"].to_numpy()
    return pd.DataFrame(
        {
            "x0": WEIGHT + 0.0 * weights,
            "x1": WEIGHT + weights / strongest * WEIGHT_HALF,
            "y": np.arange(len(rows)) + MIDDLE,
            "weight": weights,
            "label": [f"{weight:+.3f}".replace("-", "−") for weight in weights],
            "colour": np.where(weights > 0, theme.TARGET, theme.SOURCE),
            **{name: rows[name].to_numpy() for name in told},
        }
    )
