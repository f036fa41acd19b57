"""What is stored of every known case, side by side: score, accuracies, reuse and domain gap. Nothing is computed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from tlx import needs, pipeline
from tlx.app import jobs
from tlx.app.score_card import controls_of
from tlx.cases import MODELS, Case, Training
from tlx.errors import UserError
from tlx.figures.side_by_side import COMPARED
from tlx.results import Control, LayerGap, Network, Reuse, Transferability

SEEN = 30  # seconds after which what is stored of a case that is not chosen is looked up again
DEPTH = ["measure", "depth", "place", "value", "chance", "classes"]


@dataclass(frozen=True, eq=False)
class CaseSummary:
    """One case's stored results.

    depth: columns DEPTH, one row for each measure compared, or "domain_gap", and layer or pair, means
    over the classes stored; distance: model -> mean proxy A-distance of its important neurons; stored: kind of result
    ("reuse", "distance" or "gap") -> (classes it is there for, classes it can be there for); note: why there is no
    score, plain text, "" where there is one; control: at the same budget.
    """

    case: Case
    score: Transferability | None
    depth: pd.DataFrame
    distance: Mapping[str, float]
    stored: Mapping[str, tuple[int, int]]
    note: str = ""
    control: Control | None = None


def summaries(known: Mapping[str, Case], chosen: str) -> list[CaseSummary]:
    """What is stored of each case; of the chosen one as it is now, of the others as it was a moment ago."""
    all_cases = []
    for name, case in known.items():
        score, note = _score(case)
        by_class = summary(case) if name == chosen else _seen(case.fingerprint(), case)
        control = controls_of(case).get("budget")
        all_cases.append(replace(by_class, case=case, score=score, note=note, control=control))
    return all_cases


@st.cache_data(ttl=SEEN, max_entries=256, show_spinner=False)
def _seen(fingerprint: str, _case: Case) -> CaseSummary:
    return summary(_case)


def summary(case: Case) -> CaseSummary:
    """What is stored of a case class by class, without its score."""
    nothing = CaseSummary(case, None, pd.DataFrame(columns=DEPTH), {}, {})
    try:
        known = jobs.stored(needs.frame, case)
    except UserError:
        return nothing
    if known is None:
        return nothing
    network, domains = known
    of_target, both = domains["target"].present, pipeline.in_both_domains(case)
    reused = _stored(pipeline.reuse, case, of_target)
    gaps = _stored(pipeline.domain_gap, case, both)
    told = {model: _stored(pipeline.discriminability, case, both, model) for model in MODELS}
    return CaseSummary(
        case,
        None,
        pd.concat([reuse_by_depth(network, reused), gap_by_depth(network, gaps)], ignore_index=True),
        {
            model: float(np.mean([of.a_distance for of in results.values()]))
            for model, results in told.items()
            if results
        },
        {
            "reuse": (len(reused), len(of_target)),
            "distance": (min(map(len, told.values())), len(both)),
            "gap": (len(gaps), len(both)),
        },
    )


def reuse_by_depth(network: Network, by_class: Mapping[str, Reuse]) -> pd.DataFrame:
    """The measures that cases are compared by, by relative depth, means over classes; columns DEPTH."""
    if not by_class:
        return pd.DataFrame(columns=DEPTH)
    rows = pd.concat([of.table for of in by_class.values()], ignore_index=True)
    rows = rows[rows["measure"].isin(COMPARED)]
    means = rows.groupby(["measure", "first", "second"], sort=False)[["value", "chance"]].mean().reset_index()
    ends = [(first, second or first) for first, second in zip(means["first"], means["second"], strict=True)]
    means["depth"] = [(_depth(network, first) + _depth(network, second)) / 2 for first, second in ends]
    means["place"] = [_place(network, *pair) for pair in ends]
    return means.assign(classes=len(by_class))[DEPTH]


def gap_by_depth(network: Network, by_class: Mapping[str, tuple[LayerGap, ...]]) -> pd.DataFrame:
    """The target model's proxy A-distance by relative depth, means over classes; chance is 0; columns DEPTH."""
    rows = [(gap.layer, 4 * gap.accuracy - 2) for of in by_class.values() for gap in of if gap.model == "target"]
    means = pd.DataFrame(rows, columns=["layer", "value"]).groupby("layer", sort=False)["value"].mean().reset_index()
    means["depth"] = [_depth(network, layer) for layer in means["layer"]]
    means["place"] = [_place(network, layer, layer) for layer in means["layer"]]
    return means.assign(measure="domain_gap", chance=0.0, classes=len(by_class))[DEPTH]


def table(summaries: list[CaseSummary]) -> pd.DataFrame:
    """One row a case: who it is, its score and accuracies, its means over depth; NaN where nothing is stored."""
    return pd.DataFrame([_row(one) for one in summaries])


def depth_table(summaries: list[CaseSummary]) -> pd.DataFrame:
    """The cases' rows over depth, with name and title."""
    parts = [one.depth.assign(name=one.case.name, title=one.case.title) for one in summaries if len(one.depth)]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=[*DEPTH, "name", "title"])


def strategy(case: Case) -> str:
    """How the target model came to be, in a few words."""
    plan = case.plan("target")
    how = plan.training
    if plan.checkpoint and how == Training():
        return "given checkpoint"
    if how.strategy != "all":
        return {"head": "last layer only", "scratch": "from scratch"}[how.strategy]
    if how.freeze_until:
        return f"frozen up to {how.freeze_until}"
    return f"last layer first ({how.head_epochs} epochs), then all" if how.head_epochs else "all layers"


def _score(case: Case) -> tuple[Transferability | None, str]:
    try:
        score = jobs.stored(needs.score, case)
    except UserError as error:
        return None, str(error)
    if score is None:
        return None, "not computed yet"
    return score, "" if score.known else "no score: the source model can name none of the target's classes"


def _stored(function: Any, case: Case, names: Sequence[str], *rest: str) -> dict[str, Any]:
    """The results of the classes that have one on disk, by class name."""
    return {name: function(case, name, *rest) for name in names if function.is_stored(case, name, *rest)}


def _row(one: CaseSummary) -> dict[str, object]:
    case, score = one.case, one.score

    def mean(measure: str, column: str) -> float:
        return float(one.depth.loc[one.depth["measure"] == measure, column].astype(float).mean())

    def of_score(read: Callable[[Transferability], float | None]) -> float:
        value = None if score is None else read(score)
        return float("nan") if value is None else float(value)

    return {
        "name": case.name,
        "title": case.title,
        "source": case.source.title,
        "target": case.target.title,
        "network": case.architecture.rpartition(":")[2],
        "strategy": strategy(case),
        "score": of_score(lambda of: of.score),
        "low": of_score(lambda of: of.low),
        "high": of_score(lambda of: of.high),
        "n": 0 if score is None else score.n,
        "source_accuracy": of_score(lambda of: of.source_accuracy),
        "target_accuracy": of_score(lambda of: of.target_accuracy),
        "scratch_accuracy": float("nan") if one.control is None else one.control.accuracy,
        "split": "" if score is None else score.split,
        **{name: mean(name, "value") for name in COMPARED},
        **{f"{name}_chance": mean(name, "chance") for name in COMPARED},
        "source_distance": one.distance.get("source", float("nan")),
        "target_distance": one.distance.get("target", float("nan")),
        "compared": "{} of {}".format(*one.stored["reuse"]) if one.stored else "",
        "note": one.note,
    }


def _depth(network: Network, layer: str) -> float:
    return (network.layer(layer).index - 1) / max(len(network.layers) - 1, 1)


def _place(network: Network, first: str, second: str) -> str:
    here, there = network.layer(first), network.layer(second)
    return here.title if first == second else f"layers {here.index} → {there.index}"
