"""What the transfer was worth, as the start page and the statistics view show it (5.1, method 2)."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from types import MappingProxyType

import streamlit as st

from tlx import needs
from tlx.app import jobs
from tlx.cases import Case
from tlx.errors import UserError
from tlx.findings import few, percent, points, points_between
from tlx.results import CONTROLS, Control, Probe, Transferability


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
    """The score with its interval, the accuracies it is the difference of, and what it means in one sentence.

    probe: shown where there is no score, beside what else the target model's accuracy can be held against; controls:
    by length, those that are there. Against the source model and against training from scratch are two verdicts.
    """
    with st.container(border=True):
        if result.known:
            _scored(result)
        else:
            _unscored(result, probe)
        st.markdown(meaning(result))
        if result.known and result.best:
            st.caption(
                f"Best epochs (paper): {points(result.best.score)}. Over the epochs the target model reaches "
                f"{percent(result.best.target_accuracy)} on n = {result.best.n:,} validation images (epoch "
                f"{result.best.target_epoch}), the source model {percent(result.best.source_accuracy)} (epoch "
                f"{result.best.source_epoch})."
            )
    if controls:
        with st.container(border=True):
            st.markdown("**Against training from scratch**")
            for control in controls.values():
                st.markdown(f"{_against_scratch(control)}\n\n{verdict(control)}")
            st.caption(_unbroken(f"In brackets 95 % intervals,  \nn = {control.n:,} {control.split} images"))


def _against_scratch(control: Control) -> str:
    """Both numbers, without a break between a number and its unit."""
    how = {"budget": "At the same budget", "end": "To its own end"}[control.length]
    accuracy, gain = _unbroken(percent(control.accuracy)), _unbroken(points(control.difference))
    between = _unbroken(points_between(control.low, control.high))
    return f"{how} ({control.epochs} epochs): **{accuracy}**  \nTarget model: {gain} ({between})"


def verdict(control: Control) -> str:
    """What the interval of the target model's difference to a control says; for the two lengths never the same."""
    end = control.length == "end"
    if control.low > 0:
        sentence = f"{'Even then' if end else 'At this budget'} the target model is better, beyond chance."
    elif control.high < 0:
        sentence = f"{'Then' if end else 'Even at this budget'} training from scratch is better, beyond chance."
    else:
        sentence = f"{'Then' if end else 'At this budget'} neither is better beyond chance."
    return sentence + few(control.n) + (f" Yet {control.note}." if control.note else "")


def _scored(result: Transferability) -> None:
    st.metric(
        "Transferability score",
        points(result.score),
        help="Accuracy of the target model minus accuracy of the source model, each as kept by its own validation, on "
        f"the target domain's {result.split} images. A point is one image in a hundred. The interval comes from "
        "resampling the images with both models' answers.",
    )
    between = points_between(result.low, result.high)
    st.caption(_unbroken(f"{between}  \n95 % interval, n = {result.n:,} {result.split} images"))
    st.markdown(
        f"Target model: **{percent(result.target_accuracy)}**{_epoch(result.target_epoch)}  \n"
        f"Source model: **{percent(result.source_accuracy)}**{_epoch(result.source_epoch)}"
    )
    if result.uneven:
        st.caption(
            f"Every class counted alike: target model {percent(result.target_balanced)}, source model "
            f"{percent(result.source_balanced)}. The largest class has more than twice the images of the smallest."
        )
    if result.partial:
        st.caption(
            f"The score rests on {result.n:,} of {result.all_n:,} images: those of the {result.classes} of "
            f"{result.all_classes} classes that the source model can name. On all of them the target model reaches "
            f"{percent(result.overall)}."
        )


def _unscored(result: Transferability, probe: Probe | None) -> None:
    st.metric(
        "Target model's accuracy",
        percent(result.target_accuracy),
        help=f"On the target domain's {result.split} images. There is no transferability score: the source model has "
        "no name for any of the target's classes, so it has no accuracy on them.",
    )
    st.caption(_unbroken(f"n = {result.n:,} {result.split} images"))
    lines = [f"Always the largest class: **{percent(result.majority)}**"]
    if probe is not None:
        lines.append(f"Linear probe of the source model: **{percent(probe.accuracy)}**")
    st.markdown("  \n".join(lines))
    if probe is not None:
        st.caption(
            f"The probe is a linear classifier on the source model's activations, fit on the target's training images "
            f"({percent(probe.low)} to {percent(probe.high)}, 95 % interval)."
        )
    if result.uneven:
        st.caption(f"Every class counted alike the target model reaches {percent(result.target_balanced)}.")


def _epoch(number: int) -> str:
    """Nothing where it is unknown: a checkpoint need not say from which epoch it is."""
    return f", epoch {number}" if number else ""


def _unbroken(text: str) -> str:
    """Numbers stay on the line of their units; only line ends of the text itself break it."""
    return "  \n".join(line.replace(" ", "\N{NO-BREAK SPACE}") for line in text.split("  \n"))


def meaning(result: Transferability) -> str:
    """What the sign of the whole interval says about the target model; a negative transfer is called one.

    "The model it started from" is said only where that is known.
    """
    if not result.known:
        return f"No score: the source model can name none of the target's classes.{few(result.n)}"
    other = "the model it started from" if result.descended else "the source model"
    helped = "The transfer helped" if result.descended else "The target model is better"
    worse = "Negative transfer" if result.descended else "The target model is worse"
    if result.negative:
        sentence = f"{worse}: on the target domain it does less well than {other}, beyond chance."
    elif result.low > 0:
        sentence = f"{helped}: on the target domain it beats {other}, beyond chance."
    else:
        sentence = "No clear gain or loss: the interval holds 0, so chance alone may have made the difference."
    return f"{sentence}{few(result.n)}"
