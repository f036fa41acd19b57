"""How far attribution criteria agree on which neurons matter, what silencing says of each, and of reuse (method 9)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import combinations

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from tlx.analysis import abstraction, comparison
from tlx.analysis.silencing import OF_CLASS
from tlx.cases import MODELS
from tlx.progress import track
from tlx.results import Abstraction, Correspondence, DomainImages, OnClass

SHARES = (0.05, 0.1, 0.2, 0.3, 0.5)  # of a layer's neurons that are silenced
DRAWS = 20  # choices of random important neurons
POOL = 2  # times as many neurons, those of highest mean rank, are drawn from

Neurons = tuple[tuple[str, int], ...]
Right = Callable[[Sequence[Neurons]], np.ndarray]
"""Choices of neurons of a layer -> (1 + choices, N) whether the model is right, first with none silenced."""


def structures(measured: Mapping[str, OnClass], of_case: Mapping[str, Abstraction]) -> dict[str, Abstraction]:
    """Both models' abstractions by another criterion; measured: by model, of_case: by the case's own.

    Edges are what kernels answer, whatever neurons are ranked by: they are the case's.
    """
    return {
        model: abstraction.abstraction(
            {name: measured[model].layer(name) for name in measured[model].layers},
            of_case[model].edges,
            model=model,
            class_name=of_case[model].class_name,
        )
        for model in MODELS
    }


def agreement(by_criterion: Mapping[str, Abstraction]) -> pd.DataFrame:
    """The table of `Criteria.agreement`, of one model's abstractions."""
    rows = []
    for first, second in combinations(by_criterion, 2):
        one, other = by_criterion[first], by_criterion[second]
        for layer, scores in one.rank_score.items():
            share = abstraction.top_count(len(scores)) / len(scores)
            overlap = jaccard(one.important[layer], other.important[layer])
            rank = spearman(scores, other.rank_score[layer])
            rows.append((layer, first, second, overlap, share / (2 - share), rank))
    return pd.DataFrame(rows, columns=["layer", "first", "second", "overlap", "chance", "rank"])


def jaccard(one: np.ndarray, other: np.ndarray) -> float:
    """Share of the neurons in either that are in both; NaN of none. Of two random shares p it is about p / (2 - p)."""
    either = len(np.union1d(one, other))
    return len(np.intersect1d(one, other)) / either if either else float("nan")


def spearman(one: np.ndarray, other: np.ndarray) -> float:
    """Rank correlation; NaN where either has no spread, or they are of different length."""
    if len(one) != len(other) or np.ptp(one) == 0 or np.ptp(other) == 0:
        return float("nan")
    return float(np.corrcoef(rankdata(one), rankdata(other))[0, 1])


def held_out(images: DomainImages, class_name: str, *, seed: int) -> np.ndarray:
    """The class's instances of the headline split, a sample where they are many."""
    rows = np.intersect1d(np.flatnonzero(images.judged), images.of_class(class_name))
    return np.sort(np.random.default_rng(seed).permutation(rows)[:OF_CLASS])


def deletion(by_criterion: Mapping[str, Abstraction], right: Right, *, seed: int) -> pd.DataFrame:
    """The table of `Criteria.deletion`, of one model's abstractions."""
    rng = np.random.default_rng(seed)
    layers = list(next(iter(by_criterion.values())).rank_score)
    parts = [_of_layer(layer, by_criterion, right, rng) for layer in track(layers, "silencing, layer by layer")]
    columns = ["layer", "criterion", "order", "k", "share", "accuracy", "low", "high"]
    return pd.DataFrame([row for part in parts for row in part], columns=columns)


def _of_layer(
    layer: str, by_criterion: Mapping[str, Abstraction], right: Right, rng: np.random.Generator
) -> list[tuple[object, ...]]:
    orders = {name: order(one, layer) for name, one in by_criterion.items()}
    units = len(next(iter(orders.values())))
    counts = sorted({max(1, round(share * units)) for share in SHARES})
    together = np.argsort(np.sum([np.argsort(one) for one in orders.values()], axis=0), kind="stable")
    asked = [
        *((name, "first", k, [ranked[:k]]) for name, ranked in orders.items() for k in counts),
        *((name, "last", k, [ranked[units - k :]]) for name, ranked in orders.items() for k in counts),
        *(("", "random", k, _drawn(together[: POOL * k], k, rng)) for k in counts),
    ]
    choices = [tuple((layer, int(index)) for index in some) for *_, drawn in asked for some in drawn]
    answers = right(choices)
    plain, *after = answers.mean(axis=1) if answers.shape[1] else np.full(len(answers), np.nan)
    shares = iter(after)
    rows: list[tuple[object, ...]] = []
    for name, kind, k, drawn in asked:
        of_draws = [next(shares) for _ in drawn]
        ends = np.quantile(of_draws, [0.025, 0.975]) if kind == "random" else (np.nan, np.nan)
        rows.append((layer, name, kind, k, k / units, float(np.mean(of_draws)), *map(float, ends)))
    begins = dict.fromkeys((name, kind) for name, kind, *_ in asked)
    ends = {"random": (float(plain), float(plain))}
    starts = [(layer, name, kind, 0, 0.0, float(plain), *ends.get(kind, (np.nan, np.nan))) for name, kind in begins]
    return [*starts, *rows]


def order(one: Abstraction, layer: str) -> np.ndarray:
    """The layer's neurons, the most important first and inactive ones last; of equal ones the lower index first."""
    return np.lexsort((np.arange(len(one.active[layer])), -one.rank_score[layer], ~one.active[layer]))


def _drawn(pool: np.ndarray, k: int, rng: np.random.Generator) -> list[np.ndarray]:
    return [rng.choice(pool, k, replace=False) for _ in range(DRAWS)]


def reading(
    measured: Mapping[str, Mapping[str, OnClass]],
    by_criterion: Mapping[str, Mapping[str, Abstraction]],
    correspondence: Correspondence,
) -> pd.DataFrame:
    """The table of `Criteria.reading`; measured, by_criterion: by criterion and model."""
    rows = [
        (name, *row)
        for name in track(list(measured), "reuse, criterion by criterion")
        for row in _of_criterion(measured[name], by_criterion[name], correspondence)
    ]
    return pd.DataFrame(rows, columns=["criterion", "measure", "first", "second", "value"])


def _of_criterion(
    measured: Mapping[str, OnClass], both: Mapping[str, Abstraction], correspondence: Correspondence
) -> Iterator[tuple[str, str, str, float]]:
    layers = list(both["source"].rank_score)
    source, target = ({layer: measured[model].layer(layer) for layer in layers} for model in MODELS)
    compared = comparison.comparison(source, target, both, correspondence)
    for measure in ("kept", "inherited"):
        for pair in both["target"].edges:
            yield measure, *pair, compared.share(measure, pair)
    for layer in layers:
        yield "rank_agreement", layer, "", spearman(*(both[model].rank_score[layer] for model in MODELS))
