"""How much of the source model the target model reuses, layer by layer, beside what chance would give (5.3.2).

Chance: the source neurons of every layer trade their rank scores and similarities at random, 200 times, and thus their
target neurons; their indices and edges stay. What then still agrees, agrees without any neuron having kept its part.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from tlx.results import Abstraction, Comparison, Network, Reuse

DRAWS = 200
_SEED = 0


def reuse(network: Network, comparison: Comparison, source: Abstraction, target: Abstraction) -> Reuse:
    """Shares of same-index matches and rank agreement per layer, share of inherited edges per pair; with chance."""
    rng = np.random.default_rng(_SEED)
    trades = {layer.name: _trades(rng, layer.units) for layer in network.layers}
    rows = []
    for layer in network.layers:
        match = comparison.match[layer.name]
        scores = source.rank_score[layer.name], target.rank_score[layer.name]
        measured = {"same_index": _same_index(match), "rank_agreement": _rank_agreement(*scores)}
        sizes = {"same_index": int((match >= 0).sum()), "rank_agreement": layer.units}
        for measure, share in measured.items():
            rows.append(_row(measure, (layer.name, ""), sizes[measure], [share(trade) for trade in trades[layer.name]]))
    for pair, edges in target.edges.items():
        inherited = _inherited(comparison, source, pair, edges.important)
        both = list(zip(trades[pair[0]], trades[pair[1]], strict=True))
        rows.append(_row("inherited", pair, len(edges.important), [inherited(*trade) for trade in both]))
    return Reuse(comparison.class_name, pd.DataFrame(rows, columns=_COLUMNS))


_COLUMNS = ["measure", "first", "second", "n", "value", "chance", "low", "high"]


def _trades(rng: np.random.Generator, units: int) -> list[np.ndarray]:
    """DRAWS permutations: entry i says which neuron comes to stand in place of neuron i. The first is no trade."""
    return [np.arange(units), *(rng.permutation(units) for _ in range(DRAWS))]


def _row(measure: str, layers: tuple[str, str], n: int, shares: list[float]) -> tuple[object, ...]:
    """The measure as it is, which is the first of `shares`, and the mean and 95 % range of the others."""
    true, *others = shares
    chance = np.array(others)
    if np.isnan(chance).any():
        return measure, *layers, n, true, np.nan, np.nan, np.nan
    return measure, *layers, n, true, float(chance.mean()), *map(float, np.quantile(chance, [0.025, 0.975]))


def _same_index(match: np.ndarray) -> Callable[[np.ndarray], float]:
    """Share of target neurons with a match whose most similar source neuron has the same index (n' = n)."""
    neurons = np.flatnonzero(match >= 0)

    def share(trade: np.ndarray) -> float:
        return float((trade[match[neurons]] == neurons).mean()) if len(neurons) else float("nan")

    return share


def _rank_agreement(source: np.ndarray, target: np.ndarray) -> Callable[[np.ndarray], float]:
    """Spearman's rank correlation of the two models' rank scores over the neurons of a layer, NaN without spread.

    NaN, too, where the models' networks have different numbers of neurons there.
    """
    if len(source) != len(target):
        return lambda trade: float("nan")  # noqa: ARG005
    here, there = (_centred(rankdata(scores)) for scores in (source, target))

    def share(trade: np.ndarray) -> float:
        length = np.linalg.norm(here) * np.linalg.norm(there)
        return float(here[trade] @ there / length) if length > 0 else float("nan")

    return share


def _centred(values: np.ndarray) -> np.ndarray:
    centred: np.ndarray = values - values.mean()
    return centred


def _inherited(
    comparison: Comparison, source: Abstraction, pair: tuple[str, str], important: np.ndarray
) -> Callable[[np.ndarray, np.ndarray], float]:
    """Share of important target edges whose counterpart is an important source edge (5.3.2)."""
    edges = source.edges[pair]
    important = important[np.argsort(important[:, 0], kind="stable")]  # row after row: the table is read in order
    known = np.zeros(edges.counts.shape, dtype=bool)
    known[edges.important[:, 0], edges.important[:, 1]] = True
    first, second = comparison.match[pair[0]][important[:, 0]], comparison.match[pair[1]][important[:, 1]]
    defined = (first >= 0) & (second >= 0)
    first, second = first[defined], second[defined]

    def share(trade: np.ndarray, next_trade: np.ndarray) -> float:
        if len(important) == 0:
            return float("nan")
        return float(known[trade[first], next_trade[second]].sum() / len(important))

    return share
