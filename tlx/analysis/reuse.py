"""How much of the source model the target model reuses, layer by layer, beside what chance would give (method 4).

What chance is differs by what is counted. Of edges: the source's important edges at random, with every neuron's number
of edges kept (`chance`). Of neurons' matches and ranks: the source neurons of a layer trade places at random, 200
times. Of functions: a random assignment, of which one neuron in U falls on its own index. Of weights: other pairs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import numpy as np
import pandas as pd
from scipy.stats import poisson, rankdata

from tlx.analysis.chance import RandomEdges, random_edges, shared
from tlx.analysis.comparison import carried
from tlx.results import (
    MEASURES,
    Abstraction,
    Comparison,
    Correspondence,
    Layer,
    LayerCorrespondence,
    Network,
    Pair,
    Reuse,
)

DRAWS = 200
_SEED = 0
_COLUMNS = ["measure", "first", "second", "n", "value", "chance", "low", "high"]
_NONE = (float("nan"),) * 3
Row = tuple[str, str, str, int, float, float, float, float]


def reuse(
    network: Network, comparison: Comparison, correspondence: Correspondence, both: Mapping[str, Abstraction]
) -> Reuse:
    """Every measure of `MEASURES` by layer or pair of layers, beside chance; both: the models' abstractions."""
    rng = np.random.default_rng(_SEED)
    rows: list[Row] = []
    for layer in network.layers:
        trades = _trades(rng, layer.units)
        rows += _of_layer(layer, comparison, correspondence.layers[layer.name], both, trades)
    for pair in both["target"].edges:
        rows += _of_pair(pair, comparison, correspondence, both)
    rows.sort(key=lambda row: list(MEASURES).index(row[0]))
    return Reuse(comparison.class_name, pd.DataFrame(rows, columns=_COLUMNS))


def _of_layer(
    layer: Layer,
    comparison: Comparison,
    neurons: LayerCorrespondence,
    both: Mapping[str, Abstraction],
    trades: list[np.ndarray],
) -> Iterator[Row]:
    name, match = layer.name, comparison.match[layer.name]
    scores = [both[model].rank_score[name] for model in ("source", "target")]
    responding = np.flatnonzero(~np.isnan(neurons.strength))
    yield "correspondence", name, "", len(responding), *_same_function(neurons.function, responding)
    yield "weight_cosine", name, "", len(neurons.weight_cosine), *_weights(neurons)
    yield "same_index", name, "", int((match >= 0).sum()), *_traded(_same_index(match), trades)
    yield "rank_agreement", name, "", layer.units, *_traded(_rank_agreement(*scores), trades)


def _of_pair(
    pair: Pair, comparison: Comparison, correspondence: Correspondence, both: Mapping[str, Abstraction]
) -> Iterator[Row]:
    source, target = (both[model].edges[pair] for model in ("source", "target"))
    active = comparison.active[pair]
    graph = random_edges(source.important, source.counts.shape)
    counterparts = {
        "kept": {layer: correspondence.layers[layer].source for layer in pair},
        "kept_by_function": {layer: correspondence.layers[layer].function for layer in pair},
        "inherited": comparison.match,
    }
    for measure, neurons in counterparts.items():
        wanted = carried(target.important[active], neurons, pair)
        yield measure, *pair, len(wanted), comparison.share(measure, pair), *_at_random(graph, wanted)


def _at_random(graph: RandomEdges, wanted: np.ndarray) -> tuple[float, float, float]:
    return shared(graph, wanted[(wanted >= 0).all(axis=1)], len(wanted))


def _same_function(function: np.ndarray, responding: np.ndarray) -> tuple[float, float, float, float]:
    """Share of neurons assigned to their own index; of a random assignment that number is about Poisson(1).

    responding: the neurons whose response changes at all; others have no function to be known by.
    """
    count = len(responding)
    if count == 0:
        return float("nan"), *_NONE
    low, high = (min(1.0, float(poisson.ppf(end, 1)) / count) for end in (0.025, 0.975))
    return float((function[responding] == responding).mean()), 1 / count, low, high


def _weights(neurons: LayerCorrespondence) -> tuple[float, float, float, float]:
    """Median cosine of same-index neurons beside the median and 95 % range of other pairs."""
    return (
        (float(np.nanmedian(neurons.weight_cosine)), *neurons.others)
        if len(neurons.weight_cosine)
        else (np.nan, *_NONE)
    )


def _trades(rng: np.random.Generator, units: int) -> list[np.ndarray]:
    """DRAWS permutations: entry i says which neuron comes to stand in place of neuron i. The first is no trade."""
    return [np.arange(units), *(rng.permutation(units) for _ in range(DRAWS))]


def _traded(share: Callable[[np.ndarray], float], trades: list[np.ndarray]) -> tuple[float, float, float, float]:
    """The share as it is, and its mean and 95 % range where neurons trade places."""
    true, *others = (share(trade) for trade in trades)
    if np.isnan(others).any():
        return true, *_NONE
    low, high = np.quantile(others, [0.025, 0.975])
    return true, float(np.mean(others)), float(low), float(high)


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
