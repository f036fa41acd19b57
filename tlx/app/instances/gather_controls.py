"""Gathering without a mouse: by what both models say, or by class, domain, split and one model's answer (5.2)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pandas as pd
import streamlit as st

from tlx.app import gathered_instances, gathering, settings
from tlx.app.gathering import BOTH, GROUPS, WRONG, Gathering
from tlx.app.layout import beside
from tlx.app.once import once
from tlx.cases import DOMAINS, MODELS

_NONE, _ANY = ("none",), ("any",)  # choices that are no class; a box takes None for an empty one


def controls(instances: pd.DataFrame, class_name: str) -> None:
    """Four groups by what both models say, each gathered by one click, and a panel that describes anything else.

    class_name: whose images are meant until somebody asks for others.
    """
    wanted = gathering.read(settings.get(gathering.SETTING)) or Gathering(BOTH, class_name)
    _groups(instances, wanted)
    with st.popover("Gather by class and prediction", icon=":material/filter_alt:"):
        places = beside(2, name="gathering", least=150)
        names, splits = once(_names, instances), once(_splits, instances)
        _part(places[0], "Class", names, wanted, "class_name")
        _part(places[1], "Domain", DOMAINS, wanted, "domain")
        _part(places[0], "Split", splits, wanted, "split")
        _answer(places[1], once(_answers, instances), wanted)


def _groups(instances: pd.DataFrame, wanted: Gathering) -> None:
    meant = replace(wanted, says=BOTH, answer=None)
    numbers = once(gathering.counts, instances, meant)
    key = "gather groups"
    st.session_state[key] = wanted.answer if wanted.says == BOTH else None

    def take() -> None:
        gathered_instances.describe(replace(meant, answer=st.session_state[key]))

    st.pills(
        f"What both models say of {gathering.words(meant)}",
        list(GROUPS),
        format_func=lambda name: f"{GROUPS[name]} ({numbers[name]:,})",
        key=key,
        on_change=take,
        wrap=True,
        help="Gained are images that transfer put right, lost are those that it spoiled: negative transfer, image by "
        "image. One click gathers a group, another lets it go.",
    )


def _answer(place: Any, answers: Sequence[str], wanted: Gathering) -> None:
    """What one model says: of the target model the answers come first."""
    options = [(_NONE, ""), *((answer, model) for model in MODELS[::-1] for answer in (WRONG, *answers)), (_ANY, "")]

    def told(one: tuple[Any, str]) -> str:
        answer, model = one
        if answer in (_NONE, _ANY):
            return "not chosen" if answer == _NONE else "anything"
        return f"{model} model: {'a wrong class' if answer == WRONG else answer}"

    if wanted.says == BOTH:
        now: tuple[Any, str] = (_NONE, "")
    else:
        now = (_ANY, "") if wanted.answer is None else (wanted.answer, wanted.says)
    if now not in options:
        options.append(now)

    def chosen(one: tuple[Any, str]) -> Gathering:
        answer, model = one
        if answer == _NONE:
            return replace(wanted, says=BOTH, answer=None)
        return replace(wanted, says=model or "target", answer=None if answer == _ANY else answer)

    _box(place, "Answer", options, now, chosen, shown=told)


def _part(place: Any, label: str, options: Sequence[str], wanted: Gathering, name: str) -> None:
    """A box for a part of a description that is one of these, or any."""
    now = getattr(wanted, name)

    def changed(one: Any) -> Gathering:
        part: dict[str, Any] = {name: None if one == _ANY else one}
        return replace(wanted, **part)

    _box(
        place,
        label,
        [_ANY, *options],
        _ANY if now is None else now,
        changed,
        shown=lambda one: "any" if one == _ANY else str(one),
    )


def _box(
    place: Any,
    label: str,
    options: Sequence[Any],
    value: Any,
    changed: Callable[[Any], Gathering],
    *,
    shown: Callable[[Any], str],
) -> None:
    """A box that shows one part of what is gathered and changes it."""
    key = f"gather {label.lower()}"
    offered = [*options] if value in options else [*options, value]
    st.session_state[key] = value

    def take() -> None:
        gathered_instances.describe(changed(st.session_state[key]))

    place.selectbox(label, offered, key=key, format_func=shown, on_change=take)


def _names(instances: pd.DataFrame) -> list[str]:
    return list(dict.fromkeys(instances["label"].tolist()))


def _splits(instances: pd.DataFrame) -> list[str]:
    return list(dict.fromkeys(instances["split"].tolist()))


def _answers(instances: pd.DataFrame) -> list[str]:
    return sorted({*instances["prediction"].tolist(), *instances["source_prediction"].tolist()})
