"""How source-like or target-like the instances of some classes are: one histogram a class (5.2, 5.4.1)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import pandas as pd
import streamlit as st

from tlx import defaults
from tlx.app import frame, settings
from tlx.app.bokeh_view import bokeh_view
from tlx.app.layout import beside
from tlx.app.numbers import numbers
from tlx.app.once import once
from tlx.app.selection import case_name
from tlx.figures.domain_score import domain_score, mark
from tlx.results import Discriminability, InstanceRef
from tlx.text import escape
from tlx.words import domains as words

_ROW = defaults.HISTOGRAMS  # beside each other
PILLS = 12  # classes at most that are pills; more are searched by name


def panels(chosen: Sequence[str]) -> Iterator[tuple[str, Any]]:
    """Classes to draw, each with the column of the page it goes to; the first two of `chosen` unless others are asked.

    Every class needs a classifier of its own, so that thirty-one of them are not trained unasked.
    """
    pills = len(chosen) <= PILLS
    look: dict[str, Any] = {"selection_mode": "multi", "format_func": escape} if pills else {}
    shown = settings.some_of(
        st.pills if pills else st.multiselect,
        "Histograms of classes",
        chosen,
        "instances.histograms",  # another choice above starts afresh
        default=chosen[:_ROW],
        help="Each class has a linear classifier of its own that tells its source from its target instances.",
        **look,
    )
    if not shown:
        st.caption("Choose a class above to see its histogram.")
    for at in range(0, len(shown), _ROW):
        yield from zip(shown[at : at + _ROW], beside(_ROW, name=f"domain scores {at}"), strict=False)


def draw(result: Discriminability, picked: InstanceRef | None) -> None:
    """One class's histogram, how far it can be trusted, and its numbers as a file."""
    name = result.class_name
    place = (picked.domain, picked.index) if picked else None
    bokeh_view(
        partial(domain_score, result),
        key=f"domain score {name}",
        label=f"Domain scores of class {name}",
        overlay=once(mark, result, place),
    )
    note(result)
    case = case_name() or ""
    table = partial(numbers, partial(score_table, result), case, name)
    frame.downloads(f"domain score {name}", table, name=f"domain-score-{case}-{name}")


def note(result: Discriminability) -> None:
    """How far the domain scores can be trusted, in one sentence."""
    (st.warning if result.chance else st.caption)(words.scores(result))


def score_table(result: Discriminability) -> pd.DataFrame:
    """The scores as a table: domain, instance, signed distance from the classifier's boundary."""
    return pd.DataFrame({"domain": result.domain, "instance": result.instances, "signed_distance": result.decision})
