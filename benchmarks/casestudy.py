"""The numbers of docs/case-office31.md, or of another case.

    PYTHONPATH=. python benchmarks/casestudy.py [CASE CLASS …]

Prints accuracies, the score, the classes that change most, and for each named class and over all classes what of the
source model is found again by depth, beside chance, and how well the domains can be told apart. Reads what
`python -m tlx run CASE` stored; what is missing is computed.
"""

from __future__ import annotations

import sys

import pandas as pd

from tlx import load_case, pipeline
from tlx.cases import DOMAINS, MODELS, Case

SHOWN = 6  # classes at either end of the table


def accuracies(case: Case) -> None:
    found = pipeline.history(case)
    best = found[found["epoch"] > 0].groupby(["model", "domain", "split"], sort=False)["accuracy"].max()
    print("best accuracy over the epochs\n" + best.unstack(["domain", "split"]).round(3).to_string())
    for model in MODELS:
        for domain in DOMAINS:
            told = pipeline.predictions(case, model, domain)
            right = (told["label"] == told["prediction"]).groupby(told["split"]).mean()
            print(f"kept {model} model on {domain}: {right.round(3).to_dict()}")
    score = pipeline.transferability(case)
    print(f"transferability {score.score:.3f} [{score.low:.3f}, {score.high:.3f}], n = {score.n}")


def classes(case: Case) -> None:
    """By all target instances: validation has a handful of each class."""
    told = {model: pipeline.predictions(case, model, "target") for model in MODELS}
    share = {model: (one["label"] == one["prediction"]).groupby(one["label"]).mean() for model, one in told.items()}
    table = pd.DataFrame(share | {"n": told["target"]["label"].value_counts()})
    table["gap"] = table["target"] - table["source"]
    table = table.sort_values("gap", ascending=False, kind="stable").round(2)
    print(f"\nclasses by gap, all target instances\n{table.head(SHOWN).to_string()}\n{table.tail(SHOWN).to_string()}")


def depth(case: Case, names: list[str]) -> None:
    """Shares and rank agreement by layer or pair; the mean over all classes last."""
    everything = pipeline.reuse_by_class(case)
    rows = {name: everything[name].table for name in names}
    joined = pd.concat([one.table for one in everything.values()])
    rows["all classes"] = (
        joined.groupby(["measure", "first", "second"], sort=False).mean(numeric_only=True).reset_index()
    )
    for name, table in rows.items():
        shown = table[["measure", "first", "second", "n", "value", "chance", "low", "high"]].round(3)
        print(f"\n{name}\n{shown.to_string(index=False)}")


def gap(case: Case, names: list[str]) -> None:
    print("\nheld-out accuracy of telling the domains apart")
    for name in names:
        for model in MODELS:
            found = pipeline.discriminability(case, name, model)
            told = [
                f"{layer}:{index} AUC {found.auc[at]:.2f} [{found.auc_low[at]:.2f}, {found.auc_high[at]:.2f}], "
                f"first {found.first} in {found.stability[at]:.0%}"
                for at, (layer, index) in ((at, found.neurons[at]) for at in found.by_auc)
            ]
            print(f"{name} {model}: {found.accuracy:.3f} [{found.low:.3f}, {found.high:.3f}], {told[:3]} … {told[-3:]}")


def main() -> None:
    name, *named = sys.argv[1:] or ["office31", "bike", "file_cabinet"]
    case = load_case(name)
    accuracies(case)
    classes(case)
    depth(case, named)
    gap(case, named)


if __name__ == "__main__":
    main()
