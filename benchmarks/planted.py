"""What the measures say where the answer is known: one row for each planted case (method 12), as Markdown.

    PYTHONPATH=. python benchmarks/planted.py [CASE] [--classes 8 1] [--seeds 2] [--splits 10] [--per-class 40]

For reuse it prints the mean over classes and seeds by layer or pair of layers, beside the upper end of chance; for
domains how the most domain-specific neuron stands, and how often halves of one domain are told apart.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path

import pandas as pd

from tlx import findings, load_case, pipeline
from tlx.casefiles import planted
from tlx.cases import DOMAINS, Case

KINDS = ("identical", "permuted", "one-layer-permuted", "head-only", "reinitialised", "independent")
KEPT = ("kept", "kept_by_function")
HEAD = ("planted", "same function, by layer", "kept edges, by pair", "… by function", "upper end of chance")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("case", nargs="?", default="digits")
    parser.add_argument("--classes", nargs="+", default=["8", "1"])
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--splits", type=int, default=10, help="of one domain into halves")
    parser.add_argument("--per-class", type=int, default=40, help="target images of a class, 0 for all")
    options = parser.parse_args()
    case = load_case(options.case)
    case = replace(case, target=replace(case.target, per_class=options.per_class))
    images = {domain: pipeline.images(case, domain) for domain in DOMAINS}
    source, network = pipeline.trained(case, "source"), pipeline.network(case)
    with tempfile.TemporaryDirectory() as home:

        @cache
        def grown(kind: str, seed: int) -> Case:
            soil = planted.Soil(case, source, images, network, seed, Path(home) / f"{kind} {seed}")
            return load_case(planted.plant(kind, soil))

        print(f"| {' | '.join(HEAD)} |\n{'| --- ' * len(HEAD)}|")
        for kind in KINDS:
            cases = [grown(kind, seed) for seed in range(options.seeds)]
            tables = [pipeline.reuse(one, name).table for one in cases for name in options.classes]
            print(f"| {kind} | {' | '.join(shares(pd.concat(tables)))} |", flush=True)
        print(*domains(grown, options.classes, options.splits), sep="\n")


def shares(rows: pd.DataFrame) -> Iterator[str]:
    """A cell for each column of HEAD but the first."""
    means = rows.groupby(["measure", "first", "second"], sort=False)[["value", "high"]].mean().reset_index()
    for measure, number in (("correspondence", "value"), *((name, "value") for name in KEPT), ("kept", "high")):
        yield " ".join(f"{value:.2f}" for value in means.loc[means["measure"] == measure, number])


def domains(grown: Callable[[str, int], Case], classes: list[str], splits: int) -> Iterator[str]:
    """A sentence on the marked case, and one on halves of one domain."""
    marked = grown("marked", 0)
    for name in classes:
        result = pipeline.discriminability(marked, name)
        first = result.by_auc[0]
        yield (
            f"marked, class {name}: the leading neuron has AUC {result.auc[first]:.2f} and is among the first five in "
            f"{result.stability[first]:.0%} of resamples"
        )
    halves = [(grown("no-difference", seed), name) for seed in range(splits) for name in classes]
    results = [(pipeline.discriminability(case, name), pipeline.network(case)) for case, name in halves]
    beyond = sum(not result.chance for result, _ in results)
    said = [findings.most_domain_specific(*one) for one in results]
    found = sum(one is not None and one.neuron is not None for one in said)
    yield f"no difference: told apart beyond chance in {beyond} of {len(results)}, a finding in {found}"


if __name__ == "__main__":
    main()
