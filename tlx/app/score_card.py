"""The transferability score as the statistics view shows it, left of the accuracy chart (5.1, Figure 1 A)."""

from __future__ import annotations

import streamlit as st

from tlx.findings import percent, points, points_between
from tlx.results import Transferability


def score_card(found: Transferability) -> None:
    """The score with its interval, the accuracies it is the difference of, and what it means in one sentence."""
    with st.container(border=True):
        st.metric(
            "Transferability score",
            points(found.score),
            help="Best accuracy of the target model minus best accuracy of the source model, both on the target "
            "domain's validation data. A point is one instance in a hundred. The interval comes from resampling the "
            "instances with both models' answers.",
        )
        between = points_between(found.low, found.high)
        st.caption(_unbroken(f"{between}  \n95 % interval, n = {found.n:,}"))
        st.markdown(
            f"Target model: **{percent(found.target_accuracy)}**{_epoch(found.target_epoch)}  \n"
            f"Source model: **{percent(found.source_accuracy)}**{_epoch(found.source_epoch)}  \n"
            + ("" if found.scratch_accuracy is None else f"From scratch: **{percent(found.scratch_accuracy)}**\n")
        )
        st.markdown(meaning(found))


def _epoch(number: int) -> str:
    """Nothing where it is unknown: a checkpoint need not say from which epoch it is."""
    return f", epoch {number}" if number else ""


def _unbroken(said: str) -> str:
    """Numbers stay on the line of their units; only line ends of the text itself break it."""
    return "  \n".join(line.replace(" ", "\N{NO-BREAK SPACE}") for line in said.split("  \n"))


def meaning(found: Transferability) -> str:
    """What the sign of the whole interval says about the target model; a negative transfer is called one."""
    if found.negative:
        return "Negative transfer: on the target domain it is worse than the model it started from, beyond chance."
    if found.low > 0:
        return "The transfer helped: on the target domain it beats the model it started from, beyond chance."
    return "No clear gain or loss: the interval holds 0, so chance alone may have made the difference."
