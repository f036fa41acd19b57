"""How many path steps are enough: conductance at few steps and in bfloat16 against 400 steps, on the `digits` case.

    PYTHONPATH=. python benchmarks/fidelity.py [--images 100]

Per row: median completeness error over instances and layers, mean rank correlation of neurons within an instance, and
share of identical important neurons over classes and layers.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace

import numpy as np
from scipy.stats import spearmanr

from tlx import load_case, pipeline
from tlx.analysis import attribution
from tlx.analysis.abstraction import important_neurons
from tlx.results import Conductance

ROWS = ((2, "float32"), (4, "float32"), (8, "float32"), (16, "float32"), (32, "float32"), (16, "bfloat16"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=100)
    given = parser.parse_args()
    case = load_case("digits")
    images = pipeline.images(case, "target")
    chosen = np.sort(np.random.default_rng(0).permutation(len(images))[: given.images])

    def compute(steps: int, precision: str) -> tuple[Conductance, float]:
        began = time.perf_counter()
        found = attribution.of_instances(
            pipeline.load_model(case, "target"),
            pipeline.network(case),
            images,
            chosen,
            case=replace(case, n_steps=steps, precision=precision),
            outputs=images.classes,
        )
        return found, time.perf_counter() - began

    exact, _ = compute(400, "float32")
    heads = ("completeness error", "rank corr.", "same important")
    print(f"{'steps':>6} {'precision':10} {'seconds':>8} {heads[0]:>20} {heads[1]:>11} {heads[2]:>15}")
    for steps, precision in ROWS:
        found, seconds = compute(steps, precision)
        error = 100 * np.nanmedian(found.completeness_error)
        share = agreement(found, exact, images.labels[chosen])
        print(
            f"{steps:6} {precision:10} {seconds:8.2f} {error:18.2f} % {ranks(found, exact):11.4f} {100 * share:13.1f} %"
        )


def ranks(found: Conductance, exact: Conductance) -> float:
    """Mean Spearman correlation of the neurons' conductance, over instances and layers."""
    values = [
        spearmanr(a, b).statistic
        for name in found.layers
        for a, b in zip(found.layer(name), exact.layer(name), strict=True)
        if a.any() and b.any()
    ]
    return float(np.mean(values))


def agreement(found: Conductance, exact: Conductance, labels: np.ndarray) -> float:
    """Share of the exact important neurons that are important at fewer steps too."""
    same = total = 0
    for label in np.unique(labels):
        for name in found.layers:
            ours, theirs = (important_neurons(one.layer(name)[labels == label]) for one in (found, exact))
            same, total = same + len(np.intersect1d(ours, theirs)), total + len(theirs)
    return same / total


if __name__ == "__main__":
    main()
