"""What is stored of every known case, side by side: score, accuracies, reuse and domain gap. Nothing is computed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd
import streamlit as st

from tlx import needs, pipeline
from tlx.analysis import means
from tlx.app import jobs
from tlx.app.score_card import controls_of
from tlx.cases import HEAD, MODELS, Case, Training
from tlx.errors import UserError
from tlx.figures.side_by_side import COMPARED
from tlx.results import Control, Network, Transferability
from tlx.storage.held import Held

FEW = 16  # classes; means over more are kept as one result
SEEN = 30  # seconds after which what is stored of a case that is not chosen is looked up again
_whole = Held(most=256)  # by fingerprint, the summaries of cases of which everything is stored: they stay as they are
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
        by_class = _of_classes(case, now=name == chosen)
        control = controls_of(case).get("budget")
        all_cases.append(replace(by_class, case=case, score=score, note=note, control=control))
    return all_cases


def _of_classes(case: Case, *, now: bool) -> CaseSummary:
    key = case.fingerprint()
    if (known := _whole.get(key)) is not None:
        whole: CaseSummary = known[0]
        return whole
    found = summary(case) if now else _seen(key, case)
    if found.stored and all(there == possible for there, possible in found.stored.values()):
        _whole.put(key, found)
    return found


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
    reused, reuses = _means(pipeline.reuse_means, means.of_reuse, pipeline.reuse, case, of_target)
    gaps, measured = _means(pipeline.domain_gap_means, means.of_gaps, pipeline.domain_gap, case, both)
    told, distances = _distances(case, both)
    return CaseSummary(
        case,
        None,
        pd.concat([reuse_by_depth(network, reused), gap_by_depth(network, gaps)], ignore_index=True),
        dict(zip(told["model"], told["value"].astype(float), strict=True)),
        {"reuse": reuses, "distance": distances, "gap": measured},
    )


def _means(
    whole: Any, mean: Callable[[dict[str, Any]], pd.DataFrame], part: Any, case: Case, names: Sequence[str]
) -> tuple[pd.DataFrame, tuple[int, int]]:
    """Means over the classes that have such a result, and (how many have one, how many can).

    whole: the means over all classes as one result, which is kept where there are many; part: the result of one class.
    """
    if whole.is_stored(case):
        return whole(case), (len(names), len(names))
    there, possible = _stored(part, case, names)
    table = mean(there)
    _keep(whole, table, case, len(names), complete=len(there) == len(names))
    return table, (len(there), possible)


def _distances(case: Case, names: Sequence[str]) -> tuple[pd.DataFrame, tuple[int, int]]:
    """The same of the domain gap by either model's important neurons."""
    if pipeline.discriminability_means.is_stored(case):
        return pipeline.discriminability_means(case), (len(names), len(names))
    both = {model: _stored(pipeline.discriminability, case, names, model) for model in MODELS}
    table = means.of_distances({model: there for model, (there, _) in both.items()})
    there, possible = min(len(there) for there, _ in both.values()), min(possible for _, possible in both.values())
    _keep(pipeline.discriminability_means, table, case, len(names), complete=there == len(names))
    return table, (there, possible)


def _keep(whole: Any, table: pd.DataFrame, case: Case, count: int, *, complete: bool) -> None:
    """Stores the means over all of many classes: reading a result for each of them takes seconds."""
    if complete and count > FEW and not case.bundle:
        whole.put(table, case)


def _stored(part: Any, case: Case, names: Sequence[str], *rest: str) -> tuple[dict[str, Any], int]:
    """The results of the classes that have one, by class name, and how many classes can have one."""
    there, possible = {}, len(names)
    for name in names:
        try:
            result = jobs.stored(part, case, name, *rest)
        except UserError:  # it is stored that there is none
            possible -= 1
            continue
        if result is not None:
            there[name] = result
    return there, possible


def reuse_by_depth(network: Network, reused: pd.DataFrame) -> pd.DataFrame:
    """The measures that cases are compared by, by relative depth; reused: of `means.of_reuse`; columns DEPTH."""
    rows = reused[reused["measure"].isin(COMPARED)]
    ends = [(first, second or first) for first, second in zip(rows["first"], rows["second"], strict=True)]
    depth = [(_depth(network, first) + _depth(network, second)) / 2 for first, second in ends]
    return rows.assign(depth=depth, place=[_place(network, *pair) for pair in ends])[DEPTH]


def gap_by_depth(network: Network, gaps: pd.DataFrame) -> pd.DataFrame:
    """The target model's proxy A-distance by relative depth; chance is 0; gaps: of `means.of_gaps`; columns DEPTH."""
    rows = gaps[gaps["model"] == "target"]
    depth = [_depth(network, layer) for layer in rows["layer"]]
    place = [_place(network, layer, layer) for layer in rows["layer"]]
    return rows.assign(depth=depth, place=place, measure="domain_gap", chance=0.0)[DEPTH]


def table(summaries: list[CaseSummary]) -> pd.DataFrame:
    """One row a case, the best score first: who it is, its score and accuracies, its means over depth.

    NaN where nothing is stored.
    """
    rows = pd.DataFrame([_row(one) for one in summaries])
    return rows.sort_values("score", ascending=False, kind="stable", ignore_index=True)


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
    words = "all layers"
    if how.freeze_until:
        words = f"frozen up to {how.freeze_until}"
    elif how.train_only:
        words = f"{' and '.join([*(name for name in how.train_only if name != HEAD), 'last layer'])} only"
    elif how.head_epochs:
        words = f"last layer first ({how.head_epochs} epochs), then all"
    return f"{words}, at rates of their own" if how.layer_rates else words


def _score(case: Case) -> tuple[Transferability | None, str]:
    try:
        score = jobs.stored(needs.score, case)
    except UserError as error:
        return None, str(error)
    if score is None:
        return None, "not computed yet"
    return score, "" if score.known else "no score: the source model can name none of the target's classes"


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
