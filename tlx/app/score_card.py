"""What the transfer was worth, as the start page and the statistics view show it (5.1, method 2)."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from types import MappingProxyType

import streamlit as st

from tlx import glossary, needs
from tlx.app import jobs
from tlx.cases import Case
from tlx.errors import UserError
from tlx.findings import percent, points
from tlx.results import CONTROLS, Control, Probe, Transferability
from tlx.words import score as words


def controls_of(case: Case) -> dict[str, Control]:
    """What is at hand of training from scratch, by how long it was trained."""
    there = {}
    for length in CONTROLS:
        with suppress(UserError):
            there[length] = jobs.stored(needs.control, case, length)
    return {length: control for length, control in there.items() if control is not None}


def score_card(
    result: Transferability, probe: Probe | None = None, controls: Mapping[str, Control] = MappingProxyType({})
) -> None:
    """The score with its interval and what it means in one sentence; what it rests on stands behind "In detail".

    probe: what the target model is held against where there is no score; controls: by length, those that are there.
    Against the source model and against training from scratch are two verdicts.
    """
    with st.container(border=True, gap="small"):
        if result.known:
            _scored(result)
        else:
            _unscored(result)
        st.markdown(words.meaning(result))
        for control in controls.values():
            st.markdown(f"{words.against_scratch(control)} {words.verdict(control)}")
        if part := words.partial(result):
            st.caption(part)
        with st.expander("In detail"):
            st.markdown("\n\n".join(words.details(result, probe, controls)))


def _scored(result: Transferability) -> None:
    st.metric(
        "Transferability score",
        points(result.score),
        help=glossary.help_for("transferability score", "bootstrap interval", "from scratch"),
    )
    st.caption(words.between(result))


def _unscored(result: Transferability) -> None:
    st.metric(
        "Target model's accuracy",
        percent(result.target_accuracy),
        help=f"On the target domain's {result.split} images. There is no transferability score: the source model has "
        "no name for any of the target's classes, so it has no accuracy on them.",
    )
    st.caption(words.unbroken(f"n = {result.n:,} {result.split} images"))
