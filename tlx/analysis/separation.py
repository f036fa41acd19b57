"""How well a neuron alone tells the domains apart: the area under the ROC curve (AUC), its interval, its stability.

The AUC is the share of pairs of a source and a target instance in which the target one has the larger value, ties
counting half: 0.5 says nothing, 1 and 0 say everything (Hanley and McNeil 1982). It depends on ranks alone.
"""

from __future__ import annotations

import numpy as np
from scipy.stats import rankdata

from tlx.analysis.intervals import wilson
from tlx.results import RESAMPLES, distinctness


def areas(source: np.ndarray, target: np.ndarray, times: tuple[np.ndarray, np.ndarray] | None = None) -> np.ndarray:
    """(B, P) AUC of each column, target above source, for B ways to weigh the instances.

    source, target: (n, P) and (m, P) values; times: how often each of them counts, (B, n) and (B, m), in every way as
    many in all; once each by default.
    """
    from_source, from_target = times or (np.ones((1, len(source))), np.ones((1, len(target))))
    pairs = np.empty((len(from_source), source.shape[1]))
    for column, (low, high) in enumerate(zip(source.T, target.T, strict=True)):
        order = np.argsort(low)
        up_to = np.pad(np.cumsum(from_source[:, order], axis=1), ((0, 0), (1, 0)))
        left, right = (np.searchsorted(low[order], high, side) for side in ("left", "right"))
        pairs[:, column] = ((up_to[:, left] + up_to[:, right]) / 2 * from_target).sum(axis=1)
    return np.asarray(pairs / (from_source.sum(axis=1) * from_target.sum(axis=1))[:, None])


def intervals(source: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(P,) lower and (P,) upper ends of the 95 % intervals of the columns' AUC.

    Wilson's interval on the number of instances whose share would vary as much: AUC (1 - AUC) / V, with the variance V
    of DeLong et al. (1988), by ranks (Sun and Xu 2014). That number is at least that of the smaller domain's instances
    (Birnbaum and Klose 1957), and we take it for no more than three times as many, which is what an AUC of 0.5 is worth
    against endless others: where few pairs are left in the wrong order, DeLong's estimate comes near nothing.
    `benchmarks/intervals.py` shows how often such intervals hold the truth.
    """
    n, m = len(source), len(target)
    ranks = rankdata(np.concatenate([source, target]), axis=0)
    below_target = (ranks[n:] - rankdata(target, axis=0)) / n  # for each target instance, the share of source below it
    below_source = (ranks[:n] - rankdata(source, axis=0)) / m
    area = below_target.mean(axis=0)
    variance = below_target.var(axis=0, ddof=1) / m + below_source.var(axis=0, ddof=1) / n
    spread, least = area * (1 - area), min(n, m)
    sizes = np.divide(spread, variance, out=np.zeros_like(spread), where=variance > 0).clip(least, 3 * least)
    ends = np.array([wilson(share, size) for share, size in zip(area, sizes, strict=True)]).reshape(-1, 2)
    return ends[:, 0], ends[:, 1]


def stability(source: np.ndarray, target: np.ndarray, *, first: int, seed: int = 0) -> np.ndarray:
    """(P,) in which share of bootstrap resamples a column is among the `first` by |AUC - 0.5|.

    Instances are resampled within their domain. Columns that tie share the places they tie for: of eight copies each
    has five eighths of a place among the first five.
    """
    rng = np.random.default_rng(seed)
    sizes = len(source), len(target)
    times = tuple(rng.multinomial(size, np.full(size, 1 / size), RESAMPLES).astype(float) for size in sizes)
    away = distinctness(areas(source, target, (times[0], times[1])))
    least = np.partition(away, -first, axis=1)[:, [-first]]
    above, level = away > least, away == least
    places = first - above.sum(axis=1, keepdims=True)
    return np.asarray((above + level * places / level.sum(axis=1, keepdims=True)).mean(axis=0))
