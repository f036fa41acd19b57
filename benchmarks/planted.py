"""What the measures of reuse say where the answer is known: one row for each planted case (method 12).

    PYTHONPATH=. python benchmarks/planted.py [CASE] [--classes 8 1] [--seeds 2] [--per-class 40]

Prints, by layer or pair of layers, the mean over classes and seeds beside the upper end of chance.
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import replace
from pathlib import Path

import pandas as pd

from tlx import load_case, pipeline
from tlx.casefiles import planted
from tlx.cases import DOMAINS

KINDS = ("identical", "permuted", "one-layer-permuted", "head-only", "reinitialised", "independent")
SHOWN = ("correspondence", "kept", "kept_by_function", "inherited")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("case", nargs="?", default="digits")
    parser.add_argument("--classes", nargs="+", default=["8", "1"])
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--per-class", type=int, default=40, help="target images of a class, 0 for all")
    options = parser.parse_args()
    case = load_case(options.case)
    case = replace(case, target=replace(case.target, per_class=options.per_class))
    images = {domain: pipeline.images(case, domain) for domain in DOMAINS}
    source, network = pipeline.trained(case, "source"), pipeline.network(case)
    with tempfile.TemporaryDirectory() as home:
        for kind in KINDS:
            tables = []
            for seed in range(options.seeds):
                soil = planted.Soil(case, source, images, network, seed, Path(home) / f"{kind} {seed}")
                grown = load_case(planted.plant(kind, soil))
                tables += [pipeline.reuse(grown, name).table for name in options.classes]
            print(kind)
            show(pd.concat(tables))


def show(rows: pd.DataFrame) -> None:
    means = rows.groupby(["measure", "first", "second"], sort=False)[["value", "high"]].mean().reset_index()
    for measure in SHOWN:
        of = means[means["measure"] == measure]
        print(f"  {measure:17}", *(f"{value:.2f} ({high:.2f})" for value, high in of[["value", "high"]].to_numpy()))


if __name__ == "__main__":
    main()
