"""Which instances are held out (method 2): a stratified share of images, or whole groups of images of one object.

The held-out part is divided in the same way once more where a share of it is set aside for test.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def stratified(labels: np.ndarray, kept_share: float, seed: int) -> np.ndarray:
    """(N,) bool, True for the held out: stratified by class and seeded; a class's only instance is kept.

    Of every class the share is rounded to whole instances, and with two or more instances both sides get one.
    """
    held = np.zeros(len(labels), dtype=bool)
    rng = np.random.default_rng(seed)
    for label in np.unique(labels):
        members = rng.permutation(np.flatnonzero(labels == label))
        if len(members) > 1:
            held[members[_kept(kept_share, len(members)) :]] = True
    return held


def shares(counts: Sequence[int], total: int) -> list[int]:
    """How many of each part, so that they are `total` in all, or all there are, in the parts' proportions.

    Each part that has one gives one at least, as far as `total` goes round.
    """
    there = np.asarray(counts)
    total = min(total, int(there.sum()))
    exact = total * there / max(1, there.sum())
    taken = np.maximum(np.floor(exact), there > 0).astype(np.int64)
    least = int(total >= (there > 0).sum())
    while taken.sum() > total:
        taken[np.where(taken > least, taken - exact, -np.inf).argmax()] -= 1
    while taken.sum() < total:
        taken[np.where(taken < there, exact - taken, -np.inf).argmax()] += 1
    return [int(n) for n in taken]


def grouped(labels: np.ndarray, groups: np.ndarray, kept_share: float, seed: int) -> np.ndarray:
    """(N,) bool, True for the held out: the same, but a group lies as a whole on one side.

    groups: (N,) names. In seeded order a group is held out where that brings its classes nearer to their share and
    leaves each of them another group; a class that would have none held out gives its smallest such one. A class's
    only group is kept.
    """
    names, group = np.unique(groups, return_inverse=True)
    counts = np.zeros((len(names), int(labels.max()) + 1), dtype=np.int64)  # images by group and class
    np.add.at(counts, (group, labels), 1)
    wanted = np.array([n - _kept(kept_share, n) if n > 1 else 0 for n in counts.sum(0)])
    held = np.zeros(len(names), dtype=bool)
    for at in np.random.default_rng(seed).permutation(len(names)):
        left, own = wanted - counts[held].sum(0), counts[at] > 0
        nearer = np.abs(left - counts[at])[own].sum() < np.abs(left)[own].sum()
        held[at] = nearer and _spared(counts, held, int(at))
    for label in np.flatnonzero((wanted > 0) & (counts[held].sum(0) == 0)):
        able = [int(at) for at in np.flatnonzero((counts[:, label] > 0) & ~held) if _spared(counts, held, int(at))]
        if able:
            held[min(able, key=lambda at: counts[at].sum())] = True
    return held[group]


def few(labels: np.ndarray, among: np.ndarray, count: int, seed: int) -> np.ndarray:
    """Ascending indices of `count` instances of each class, seeded, or of all there are; 0 takes every one.

    among: (N,) bool, who may be chosen. With the same seed fewer instances are a part of more.
    """
    rng = np.random.default_rng(seed)
    each = [rng.permutation(np.flatnonzero(among & (labels == label))) for label in np.unique(labels[among])]
    return np.sort(np.concatenate([np.empty(0, dtype=np.int64), *(members[: count or None] for members in each)]))


def _spared(counts: np.ndarray, held: np.ndarray, at: int) -> bool:
    """Whether every class of a group keeps another group when this one is held out."""
    others = ~held
    others[at] = False
    return bool((counts[others].sum(0)[counts[at] > 0] > 0).all())


def _kept(kept_share: float, count: int) -> int:
    return int(np.clip(round(kept_share * count), 1, count - 1))
