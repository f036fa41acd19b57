"""Advice beside the truth on the paper's cases: candidate sources, strategies, criteria (docs/advice.md).

    PYTHONPATH=. python benchmarks/proven.py mnistm-mnist|office31 [--jobs 12] [--classes bike pen]

Needs the case's images (docs/cases.md). Everything goes through the store and on where it was interrupted; several
processes share one card, where there is one. On a card this is a matter of minutes, on two cores of a night. The
ladder, the source model with its last 1, 3, 5, 7 layers drawn anew, is judged apart from the other sources.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from pathlib import Path

import pandas as pd
from joblib import Parallel, delayed

from tlx import load_case, pipeline
from tlx.analysis import advice_words, freezing, regret
from tlx.casefiles import builtin, fingerprints
from tlx.cases import MODELS, Case, ModelPlan
from tlx.images import rendered_digits
from tools.sources import ladder

RUNGS = (1, 3, 5, 7)  # of the ladder
SHARES = (0.05, 0.5)  # of a layer silenced, over which curves are averaged


def candidates(case: Case) -> Iterator[Case]:
    """The case itself and other sources for its target, their files looked at anew."""
    plan, how = case.source_model, case.source_model.training
    yield case
    yield _other(case, "random", "Random weights", source_model=ModelPlan(training=replace(how, epochs=0)))
    if case.architecture == "alexnet":
        few, short = replace(case.source, per_class=10), replace(how, epochs=2)
        yield _other(case, "few", "Ten images of a class", source=few)
        yield _other(case, "half", "Trained for two epochs", source_model=replace(plan, training=short))
        yield _other(case, "scratch", "From random weights", source_model=replace(plan, initial=""))
        only = replace(plan, training=replace(how, epochs=0))
        yield _other(case, "convolutions", "ImageNet's convolutions, the rest drawn", source_model=only)
        return
    yield _other(case, "half", "Trained for one epoch", source_model=replace(plan, training=replace(how, epochs=1)))
    digits = builtin.digits()
    printed = ModelPlan(training=digits.source_model.training)
    for kind, words in rendered_digits.KINDS.items():
        source = replace(digits.source, title=f"printed, {words}", dataset=kind, per_class=300)
        yield _other(case, kind or "cluttered", f"Printed: {words}", source=source, source_model=printed)


def rungs(case: Case) -> Iterator[Case]:
    """The source model with its last 1, 3, 5, 7 layers and the head drawn anew, whose order is known beforehand."""
    folder = Path(tempfile.gettempdir()) / f"{case.name}-ladder"
    folder.mkdir(exist_ok=True)
    for count, path in zip(RUNGS, ladder(case, folder, RUNGS), strict=True):
        plan = ModelPlan(checkpoint=str(path))
        what = "layer" if count == 1 else f"{count} layers"
        yield _other(case, f"ladder-{count}", f"Its last {what} drawn anew", source_model=plan)


def _other(case: Case, name: str, title: str, **changes: object) -> Case:
    other = replace(case, name=f"{case.name}-{name}", title=title, files=(), **changes)  # type: ignore[arg-type]
    return replace(other, files=fingerprints.of_case(other))


def each_tuned(case: Case) -> list[tuple[str, float, int]]:
    """Strategy, rate and seed of every training that `pipeline.strategies` compares."""
    return [asked for _, (_, *asked) in pipeline.strategies.made_of(case)]


def compared(case: Case, names: list[str]) -> Iterator[pd.DataFrame]:
    """By criterion, over these classes: agreement with conductance; accuracy without its neurons; the reading of reuse.

    The first two are means over classes and layers, the last counts the classes for which a measure of reuse is least
    in the same place as under conductance.
    """
    found = [pipeline.criteria(case, name) for name in names]
    agreement = pd.concat([one.agreement for one in found], ignore_index=True)
    yield agreement[agreement["first"] == "conductance"].groupby("second")[["overlap", "rank", "chance"]].mean()
    deletion = pd.concat([one.deletion for one in found], ignore_index=True)
    some = deletion[deletion["share"].between(*SHARES)]
    yield some.groupby(["criterion", "order"])["accuracy"].mean().unstack()
    reading = pd.concat([one.reading.assign(of=one.class_name) for one in found], ignore_index=True)
    reading = reading.dropna(subset=["value"])
    least = reading.loc[reading.groupby(["of", "measure", "criterion"])["value"].idxmin()]
    where = least.assign(place=least["first"] + " " + least["second"]).pivot(
        index=["of", "measure"], columns="criterion", values="place"
    )
    yield where.eq(where["conductance"], axis=0).groupby("measure").sum()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("case", choices=("mnistm-mnist", "office31"))
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--classes", nargs="*", help="whose criteria are compared; default: all")
    given = parser.parse_args()
    case, parallel = load_case(given.case), Parallel(given.jobs)
    kinds = list(candidates(case))
    parallel(delayed(pipeline.trained)(one, "source") for one in kinds)
    for every in kinds, list(rungs(case)):
        parallel(
            [delayed(pipeline.promise)(one) for one in every]
            + [
                delayed(pipeline.few_labels)(one, 0, seed, "fine-tuned")
                for one, seed in product(every, range(pipeline.SEEDS))
            ]
        )
        sources = pipeline.sources(every)
        print(sources.drop(columns="candidate").round(3).to_string(index=False))
        print(regret.judged(sources).round(3).to_string(index=False), flush=True)

    pipeline.trained(case, "target")
    parallel(delayed(pipeline.tuned)(case, *asked) for asked in each_tuned(case))
    names = given.classes or list(pipeline.classes(case))
    for model in MODELS:
        pipeline.conductance(case, model, "target")
    parallel(delayed(pipeline.reuse)(case, name) for name in names)
    strategies, gradients = pipeline.strategies(case), pipeline.block_gradients(case)
    print(strategies.drop(columns="strategy").round(3).to_string(index=False))
    print(freezing.table(gradients, pipeline.kept_edges(case), strategies).round(3).to_string(index=False))
    print(*advice_words.what_to_freeze(gradients, strategies), sep="\n", flush=True)

    parallel(delayed(pipeline.criteria)(case, name) for name in names)
    print(*(table.round(2).to_string() for table in compared(case, names)), sep="\n")


if __name__ == "__main__":
    main()
