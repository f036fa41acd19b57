"""Where everything of the feature ranking list lies, and its tables: pure numbers, no figure (5.4.2)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from tlx.figures import theme
from tlx.results import RESAMPLES, Contribution, Discriminability, Network

ROW = 70  # height of a row in pixels: a page of the list fits a laptop's screen
HEAD = 30
MIDDLE, HALF = 0.42, 0.34  # of a row's height: the line its histogram grows from, and how far at most
ENDS = 0.94  # where the histogram's ends are written
AUC_TEXT, AUC_BAR, WEIGHT_TEXT, WEIGHT_BAR = 0.2, 0.37, 0.66, 0.83  # what stands beside it
WIDTH = 640.0  # of the list in its own units; a telephone has half as many pixels for it
NARROWEST = 340  # pixels in which everything finds room
BINS = 25

# Left edges of the columns, in units of WIDTH; of boxes, images and the last one the middle.
TICK, PLACE, IMAGE, TEXT, BARS, NUMBERS = 18.0, 44.0, 142.0, 200.0, 384.0, 576.0
BARS_END, NUMBERS_HALF = 506.0, 56.0
LOWERS = "▼"  # beside a neuron that lowers the class score in the mean
TICK_ZONE = 60.0  # a tap left of this ticks the row, elsewhere it chooses the neuron


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
    """All ranked neurons, most domain-specific first, that is by |AUC - 0.5|.

    Columns place, layer, title, short_title, neuron, auc, auc_low, auc_high, stability, weight, towards (where more
    conductance leads the joint classifier), class_rank, units, contribution, lowers, column.
    class_ranks: of each layer (U,), the neuron's place by rank score for the class (`Abstraction.rank`); contribution:
    what each neuron adds to the class's score in the mean, and whether it lowers it.
    """
    order = result.by_auc
    neurons = [result.neurons[column] for column in order]
    layers = [network.layer(layer) for layer, _ in neurons]
    return pd.DataFrame(
        {
            "place": np.arange(1, len(neurons) + 1),
            "layer": [layer.name for layer in layers],
            "title": [layer.title for layer in layers],
            "short_title": [layer.short_title for layer in layers],
            "neuron": [index for _, index in neurons],
            **{name: getattr(result, name)[order] for name in ("auc", "auc_low", "auc_high", "stability")},
            "weight": result.weights[order],
            "towards": np.where(result.weights[order] > 0, "target-like", "source-like"),
            "class_rank": [int(class_ranks[layer][index]) for layer, index in neurons],
            "units": [layer.count(result.model) for layer in layers],
            "contribution": [float(contribution.layer(layer)[index]) for layer, index in neurons],
            "lowers": [bool(contribution.lowers(layer)[index]) for layer, index in neurons],
            "column": order,
        }
    )


def by_weight(table: pd.DataFrame) -> pd.DataFrame:
    """The same rows by |u|, the weight in the joint classifier, largest first, with their places in this order."""
    ordered = table.iloc[(-table["weight"].abs()).to_numpy().argsort(kind="stable")]
    return ordered.assign(place=np.arange(1, len(table) + 1))


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
    data["larger"] = np.where(data["auc"] > 0.5, "target", "source")
    data["times"] = np.round(RESAMPLES * data["stability"]).astype(int)
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


def number_table(rows: pd.DataFrame, result: Discriminability) -> pd.DataFrame:
    """Two bars a row, its AUC above its weight: left and red towards source, right and blue towards target.

    An AUC's bar begins at 0.5 and reaches its column's end at 0 and 1, the largest weight's reaches it too.
    """
    strongest = np.abs(result.weights).max() or 1.0
    auc, weights = rows["auc"].to_numpy(), rows["weight"].to_numpy()
    lengths = np.concatenate([2 * auc - 1, weights / strongest])
    labels = [*(f"AUC {area:.2f}" for area in auc), *(f"u {weight:+.3f}".replace("-", "−") for weight in weights)]
    middles = np.arange(len(rows))
    return pd.DataFrame(
        {
            "x0": NUMBERS + 0.0 * lengths,
            "x1": NUMBERS + lengths * NUMBERS_HALF,
            "y": np.concatenate([middles + AUC_BAR, middles + WEIGHT_BAR]),
            "label_y": np.concatenate([middles + AUC_TEXT, middles + WEIGHT_TEXT]),
            "label": labels,
            "colour": np.where(lengths > 0, theme.TARGET, theme.SOURCE),
        }
    )


def first_words(data: pd.DataFrame, first: int) -> list[str]:
    """What each row of `row_table` says of its stability."""
    return [f"first {first}: {times}/{RESAMPLES}" for times in data["times"]]
