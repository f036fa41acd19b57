"""How often the intervals of domain discriminability hold the truth, by simulation; no case is needed.

    PYTHONPATH=. python benchmarks/intervals.py [--repeats 200] [--folds 10]

First an AUC's (2,000 samples a row): the one tlx gives, and DeLong's own, AUC ± 1.96 standard errors. Then that of a
held-out accuracy, with the correction for folds that share their rows and without: how often it holds what the folds'
classifiers are worth on fresh rows, and in how many repeats the domains are called different.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

import numpy as np
from scipy.stats import rankdata

from tlx.analysis import discriminability, separation
from tlx.analysis.intervals import Z, wilson

SAMPLES = 2000  # of two domains, for each row on AUC
SIZES = ((300, 180), (30, 30), (12, 150), (150, 12), (10, 10))
Draw = Callable[[np.random.Generator, tuple[int, ...], bool], np.ndarray]


def _normal(gap: float, spread: float = 1.0) -> Draw:
    return lambda rng, shape, target: rng.normal(size=shape) * (spread if target else 1) + gap * target


def _active(gap: float) -> Draw:
    """Like a neuron behind a ReLU: many zeros, so many ties."""
    return lambda rng, shape, target: np.maximum(0, rng.normal(size=shape) + gap * target - 0.5)


def _heavy(gap: float) -> Draw:
    return lambda rng, shape, target: rng.standard_t(2, size=shape) + gap * target


NEURONS = {
    "normal, no gap": _normal(0),
    "normal, gap 1": _normal(1),
    "normal, gap 2.5": _normal(2.5),
    "normal, gap 4": _normal(4),
    "four times as wide": _normal(0, 4),
    "ReLU, no gap": _active(0),
    "ReLU, gap 2": _active(2),
    "heavy tails, gap 3": _heavy(3),
}


def aucs() -> None:
    print(f"\nAUC: share of {SAMPLES} intervals that hold the truth, tlx / DeLong")
    print(f"{'':20s} {'AUC':>5s} " + " ".join(f"{f'{n}+{m}':>13s}" for n, m in SIZES))
    for name, draw in NEURONS.items():
        rng = np.random.default_rng(0)
        truth = separation.areas(draw(rng, (200_000, 1), False), draw(rng, (200_000, 1), True))[0, 0]
        cells = [_covered(draw(rng, (n, SAMPLES), False), draw(rng, (m, SAMPLES), True), truth) for n, m in SIZES]
        print(f"{name:20s} {truth:5.3f} " + " ".join(f"{tlx:.3f} / {other:.3f}" for tlx, other in cells), flush=True)


def _covered(source: np.ndarray, target: np.ndarray, truth: float) -> tuple[float, float]:
    n, m = len(source), len(target)
    low, high = separation.intervals(source, target)
    ranks = rankdata(np.concatenate([source, target]), axis=0)
    of_target = (ranks[n:] - rankdata(target, axis=0)) / n
    of_source = (ranks[:n] - rankdata(source, axis=0)) / m
    half = Z * np.sqrt(of_target.var(axis=0, ddof=1) / m + of_source.var(axis=0, ddof=1) / n)
    inside = (low <= truth) & (truth <= high)
    return float(inside.mean()), float((np.abs(of_target.mean(axis=0) - truth) <= half).mean())


def accuracies(repeats: int, most: int) -> None:
    print(f"\nheld-out accuracy in {most} folds, {repeats} repeats: intervals that hold the truth; above chance")
    print("sizes, neurons, gap           truth   corrected      uncorrected")
    for n, m, neurons in ((90, 90, 6), (90, 90, 56), (30, 60, 20), (15, 15, 10)):
        for gap in (0.0, 0.7):
            truths, shares = _repeated(n, m, neurons, gap, repeats=repeats, most=most)
            cells = []
            for corrected in (True, False):
                ends = np.array([_ends(share, n, m, most, corrected=corrected) for share in shares])
                inside = (ends[:, 0] <= truths) & (truths <= ends[:, 1])
                cells.append(f"{inside.mean():.3f}; {(ends[:, 0] > 0.5).mean():.3f}")
            print(
                f"{n:3d} + {m:3d}, {neurons:2d}, gap {gap:.1f}      {truths.mean():.3f}   {'   '.join(cells)}",
                flush=True,
            )


def _ends(share: float, n: int, m: int, most: int, *, corrected: bool) -> tuple[float, float]:
    if corrected:
        return discriminability.accuracy_interval(share, n, m, folds=most)
    return wilson(share, discriminability.effective_size(n, m))


def _repeated(n: int, m: int, neurons: int, gap: float, *, repeats: int, most: int) -> tuple[np.ndarray, np.ndarray]:
    """(repeats,) what the folds' classifiers are worth on fresh rows, and (repeats,) the held-out accuracies."""
    rng = np.random.default_rng(0)
    fresh, fresh_label = _rows(rng, 4000, 4000, neurons, gap)
    truths, shares = [], []
    for _ in range(repeats):
        columns, label = _rows(rng, n, m, neurons, gap)
        folds = discriminability.held_out(columns, label, most=most)
        says = (one.distance(fresh) > 0 for one in folds.classifiers)
        truths.append(np.mean([discriminability.balanced_accuracy(answers, fresh_label) for answers in says]))
        shares.append(folds.accuracy)
    return np.array(truths), np.array(shares)


def _rows(rng: np.random.Generator, n: int, m: int, neurons: int, gap: float) -> tuple[np.ndarray, np.ndarray]:
    """Two domains of normal neurons, of which the first is `gap` apart."""
    columns, label = rng.normal(size=(n + m, neurons)), np.repeat([0, 1], [n, m])
    columns[n:, 0] += gap
    return columns, label


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=200)
    parser.add_argument("--folds", type=int, default=10)
    given = parser.parse_args()
    aucs()
    accuracies(given.repeats, given.folds)


if __name__ == "__main__":
    main()
