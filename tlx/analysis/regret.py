"""Advice beside the truth: candidates for one target, and how well each measure orders those that were run (method 10).

Neither torch nor scikit-learn is needed here, so that stored results can be shown without them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from tlx.cases import Case
from tlx.errors import SelectionError
from tlx.results import PROMISES, Promise

DRAWS = 1_000  # bootstraps of candidates
LEAST = 3  # candidates from which on an order means anything


def comparable(cases: Sequence[Case]) -> None:
    """Raises SelectionError where a case's source is its target, or the cases have different targets."""
    for case in cases:
        if _same(case, "source", case, "target"):
            raise SelectionError(
                f"the source of case {case.name!r} is the target itself, so it is no candidate: name a case whose "
                "source model was trained on other images"
            )
        if not _same(cases[0], "target", case, "target"):
            raise SelectionError(
                f"cases {cases[0].name!r} and {case.name!r} have different targets, so that their sources cannot be "
                "compared: name cases with one target"
            )


def _same(one: Case, domain: str, other: Case, its: str) -> bool:
    """Whether two domains hold the same images: the same description, and the same files where there are any."""
    plain = [replace(of.domain(name), title="", path="", per_class=0) for of, name in ((one, domain), (other, its))]
    files = [
        sorted(digest for role, digest in of.files if role.partition(".")[0] == name)
        for of, name in ((one, domain), (other, its))
    ]
    return plain[0] == plain[1] and files[0] == files[1]


def row(case: Case, measured: Promise, accuracies: Sequence[float]) -> dict[str, object]:
    """One candidate's row of the table of sources."""
    known = [one for one in accuracies if one == one]
    mean = float(np.mean(known)) if known else float("nan")
    by_seed = {f"accuracy_{at}": value for at, value in enumerate(accuracies)}
    numbers = {name: getattr(measured, name) for name in PROMISES}
    return {"candidate": case.name, "title": case.title, **numbers, "accuracy": mean, **by_seed}


def judged(table: pd.DataFrame, seed: int = 0) -> pd.DataFrame:
    """How well each measure orders the candidates that were fine-tuned: the advice beside the truth.

    table: of `pipeline.sources`. One row for each of `PROMISES`: measure, n (candidates), tau (Vigna's weighted Kendall
    τ with the accuracy, which counts exchanges at the top most), low, high (95 % over bootstraps of the candidates),
    picked (the candidate it puts first), regret (accuracy given away by that choice), and random (the mean regret of a
    candidate drawn at random). NaN and "" with fewer than three candidates, or where all are equal by the measure.
    """
    rng, rows = np.random.default_rng(seed), []
    for name, about in PROMISES.items():
        known = table.dropna(subset=[name, "accuracy"])
        value, truth = about.better * known[name].to_numpy(), known["accuracy"].to_numpy()
        found: dict[str, object] = dict.fromkeys(("tau", "low", "high", "regret", "random"), float("nan"))
        found |= {"measure": name, "n": len(known), "picked": ""}
        if len(known) >= LEAST and np.ptp(value) > 0:
            drawn = [
                weighted_tau(value[rows_], truth[rows_]) for rows_ in rng.integers(0, len(known), (DRAWS, len(known)))
            ]
            low, high = np.nanquantile(drawn, (0.025, 0.975))
            best = int(value.argmax())
            found |= {"tau": weighted_tau(value, truth), "low": float(low), "high": float(high)}
            found |= {"picked": str(known["candidate"].iloc[best]), "regret": float(truth.max() - truth[best])}
            found["random"] = float(truth.max() - truth.mean())
        rows.append(found)
    return pd.DataFrame(rows)[["measure", "n", "tau", "low", "high", "picked", "regret", "random"]]


def weighted_tau(one: np.ndarray, other: np.ndarray) -> float:
    """Weighted Kendall τ of two rankings (Vigna 2015), larger first: exchanges at the top count most.

    A pair counts by the sum of the hyperbolic weights 1 / rank of its two; the mean over ranks by either of the two, as
    `scipy.stats.weightedtau`, which is not where stored results are shown. NaN where one of the two does not vary.
    """
    signs = [np.sign(values[:, None] - values[None, :]) for values in (one, other)]
    found = []
    for first, second in ((one, other), (other, one)):
        rank = np.empty(len(one))
        rank[np.lexsort((second, first))[::-1]] = np.arange(1, len(one) + 1)
        weight = 1 / rank[:, None] + 1 / rank[None, :]
        together, *alone = (float((weight * a * b).sum()) for a, b in (signs, signs[:1] * 2, signs[1:] * 2))
        found.append(together / np.sqrt(alone[0] * alone[1]) if min(alone) > 0 else np.nan)
    return float(np.mean(found))
