"""What the transfer was worth, as the start page and the statistics view show it (5.1, method 2)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from types import MappingProxyType

import streamlit as st

from tlx import glossary, needs
from tlx.app import jobs
from tlx.cases import Case
from tlx.errors import UserError
from tlx.findings import counted, few, percent, points, points_between
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
    """The score with its interval and what it means in one sentence; what it rests on stands behind "In detail".

    probe: what the target model is held against where there is no score; controls: by length, those that are there.
    Against the source model and against training from scratch are two verdicts.
    """
    with st.container(border=True, gap="small"):
        if result.known:
            _scored(result)
        else:
            _unscored(result)
        st.markdown(meaning(result))
        for control in controls.values():
            st.markdown(f"{_against_scratch(control)} {verdict(control)}")
        if result.partial:
            st.caption(
                f"The score rests on {result.n:,} of {counted(result.all_n, 'image')}: those of the "
                f"{result.classes} of {counted(result.all_classes, 'class', 'classes')} that the source model can name."
            )
        with st.expander("In detail"):
            st.markdown("\n\n".join(_details(result, probe, controls)))


def _against_scratch(control: Control) -> str:
    """What the target model gains over training from scratch; without a break between a number and its unit."""
    how = {"budget": "From scratch at the same budget", "end": "From scratch to its own end"}[control.length]
    return f"{how} ({counted(control.epochs, 'epoch')}): **{_unbroken(points(control.difference))}**."


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
        help=glossary.help_for("transferability score", "bootstrap interval", "from scratch"),
    )
    between = points_between(result.low, result.high)
    st.caption(_unbroken(f"{between}  \n95 % interval, n = {result.n:,} {result.split} images"))


def _unscored(result: Transferability) -> None:
    st.metric(
        "Target model's accuracy",
        percent(result.target_accuracy),
        help=f"On the target domain's {result.split} images. There is no transferability score: the source model has "
        "no name for any of the target's classes, so it has no accuracy on them.",
    )
    st.caption(_unbroken(f"n = {result.n:,} {result.split} images"))


def _details(result: Transferability, probe: Probe | None, controls: Mapping[str, Control]) -> Iterator[str]:
    """The accuracies behind the score, each with what it is of, as paragraphs."""
    yield f"Target model: **{percent(result.target_accuracy)}**{_epoch(result.target_epoch)}."
    if result.known:
        yield f"Source model: **{percent(result.source_accuracy)}**{_epoch(result.source_epoch)}."
    else:
        yield f"Always the largest class: **{percent(result.majority)}**."
    if probe is not None:
        yield (
            f"Linear probe of the source model: **{percent(probe.accuracy)}** (95 % interval {percent(probe.low)} to "
            f"{percent(probe.high)}): a linear classifier on the source model's activations, fit on the target's "
            "training images."
        )
    for control in controls.values():
        yield (
            f"From scratch, {counted(control.epochs, 'epoch')}: **{percent(control.accuracy)}** on n = {control.n:,} "
            f"{control.split} images. Target model: {_unbroken(points(control.difference))} (95 % interval "
            f"{_unbroken(points_between(control.low, control.high))})."
        )
    if result.uneven:
        source = f", source model {percent(result.source_balanced)}" if result.known else ""
        yield (
            f"Every class counted alike: target model {percent(result.target_balanced)}{source}. The largest class has "
            "more than twice the images of the smallest."
        )
    if result.partial:
        yield f"On all {result.all_n:,} images the target model reaches {percent(result.overall)}."
    if result.known and (best := result.best):
        yield (
            f"Best epochs (paper): {points(best.score)}. Over the epochs the target model reaches "
            f"{percent(best.target_accuracy)} on n = {best.n:,} validation images (epoch {best.target_epoch}), the "
            f"source model {percent(best.source_accuracy)} (epoch {best.source_epoch})."
        )


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
