"""A learner's prediction: made in a form, kept in the session and nowhere else."""

from __future__ import annotations

from typing import Any

import streamlit as st

from tlx.lessons.told import OneOf, Prediction, Share

_SAID, _SHOWN = "tlx lesson said", "tlx lesson shown"
SHORT = 3  # letters of options that stand beside each other


def said(number: int) -> Prediction | None:
    """What was predicted at this step; None before that."""
    kept: dict[int, Prediction] = st.session_state.setdefault(_SAID, {})
    return kept.get(number)


def revealed(number: int) -> bool:
    """Whether the answer was asked for, which takes a prediction."""
    shown: set[int] = st.session_state.setdefault(_SHOWN, set())
    return number in shown and said(number) is not None


def reveal(number: int, shown: bool) -> None:
    """Has the answer shown from now on, or hidden again; call it in a callback."""
    numbers: set[int] = st.session_state.setdefault(_SHOWN, set())
    (numbers.add if shown else numbers.discard)(number)


def form(number: int, predicted: Share | OneOf) -> None:
    """A slider or some answers, and the button that keeps what is chosen."""
    key, before = f"tlx lesson prediction {number}", said(number)
    with st.form(f"tlx lesson form {number}", border=False):
        if isinstance(predicted, Share):
            start = 50 if before is None else round(100 * float(before))
            st.session_state.setdefault(key, start)
            st.slider(predicted.asked, 0, 100, key=key, format="%d %%")
        else:
            beside = max(map(len, predicted.options)) <= SHORT
            at: Any = predicted.options.index(str(before)) if before in predicted.options else None
            st.radio(predicted.asked, predicted.options, at, key=key, horizontal=beside)
        label = "Keep my prediction" if before is None else "Change my prediction"
        # By its key it stays the same button, so that the keyboard is still at it.
        st.form_submit_button(label, key=f"tlx lesson keep {number}", on_click=_keep, args=(number, predicted, key))


def _keep(number: int, predicted: Share | OneOf, key: str) -> None:
    given = st.session_state[key]
    if given is not None:
        said(number)
        st.session_state[_SAID][number] = given / 100 if isinstance(predicted, Share) else given
