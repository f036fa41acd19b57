"""The transferability score as the statistics view shows it, left of the accuracy chart (5.1, Figure 1 A)."""

from __future__ import annotations

import streamlit as st

from tlx.findings import percent, points, points_between
from tlx.results import Transferability


def score_card(result: Transferability) -> None:
    """The score with its interval, the accuracies it is the difference of, and what it means in one sentence."""
    with st.container(border=True):
        st.metric(
            "Transferability score",
            points(result.score),
            help="Best accuracy of the target model minus best accuracy of the source model, both on the target "
            "domain's validation data. A point is one instance in a hundred. The interval comes from resampling the "
            "instances with both models' answers.",
        )
        between = points_between(result.low, result.high)
        st.caption(_unbroken(f"{between}  \n95 % interval, n = {result.n:,}"))
        st.markdown(
            f"Target model: **{percent(result.target_accuracy)}**{_epoch(result.target_epoch)}  \n"
            f"Source model: **{percent(result.source_accuracy)}**{_epoch(result.source_epoch)}  \n"
            + ("" if result.scratch_accuracy is None else f"From scratch: **{percent(result.scratch_accuracy)}**\n")
        )
        st.markdown(meaning(result))


def _epoch(number: int) -> str:
    """Nothing where it is unknown: a checkpoint need not say from which epoch it is."""
    return f", epoch {number}" if number else ""


def _unbroken(text: str) -> str:
    """Numbers stay on the line of their units; only line ends of the text itself break it."""
    return "  \n".join(line.replace(" ", "\N{NO-BREAK SPACE}") for line in text.split("  \n"))


def meaning(result: Transferability) -> str:
    """What the sign of the whole interval says about the target model; a negative transfer is called one."""
    if result.negative:
        return "Negative transfer: on the target domain it is worse than the model it started from, beyond chance."
    if result.low > 0:
        return "The transfer helped: on the target domain it beats the model it started from, beyond chance."
    return "No clear gain or loss: the interval holds 0, so chance alone may have made the difference."
