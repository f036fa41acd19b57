"""Which source? Candidates for one target by every measure, beside what fine-tuning from each came to (method 10)."""

from __future__ import annotations

import time
from collections.abc import Mapping
from functools import lru_cache, partial
from typing import Any

import pandas as pd
import streamlit as st

from tlx import pipeline
from tlx.analysis import regret
from tlx.app import frame, jobs
from tlx.app.bokeh_view import bokeh_view
from tlx.app.layout import beside
from tlx.app.numbers import of_cases
from tlx.app.once import once
from tlx.casefiles import candidates
from tlx.cases import Case
from tlx.errors import UserError
from tlx.figures.promise import promise
from tlx.results import PROMISES
from tlx.text import escape
from tlx.words import sources as words

SEEN = 30  # seconds after which what is stored of a candidate is looked up again


def which_source(known: Mapping[str, Case], case: Case) -> None:
    """The section; a sentence where this case's target has no other candidate that was measured."""
    st.subheader("Which source?", anchor=False)
    table = once(_table, _candidates(known, case))
    if len(table) < regret.LEAST:
        st.caption(
            f"Cases with the target of {escape(case.title)} and other sources stand side by side here once three of "
            "them are measured: `python -m tlx sources CASE CASE …` does that, with `--prove` it fine-tunes them, too."
        )
        return
    judged = once(regret.judged, table)
    st.markdown(once(words.verdict, table, judged))
    telling = once(words.telling, judged)
    columns = beside(4, name="promise", least=200, gap="small") * 2
    for measure, column in zip(telling, columns, strict=False):
        with column:
            drawn = partial(promise, table, measure, case.name)
            bokeh_view(drawn, key=f"promise {measure}", label=once(words.spoken, judged, measure))
            st.caption(once(words.spoken, judged, measure))
    if silent := [PROMISES[name].title.lower() for name in PROMISES if name not in telling]:
        st.caption(f"Of no use here, since all sources are alike by it: {', '.join(silent)}.")
    st.dataframe(once(words.shown, table), hide_index=True, column_config=_columns(), alt="Sources by every measure")
    frame.downloads([f"promise {name}" for name in telling], partial(of_cases, table), name="sources")


def _candidates(known: Mapping[str, Case], case: Case) -> dict[Case, str]:
    """The cases with this one's target whose sources are measured, the shipped ones included, and how far each is."""
    found: dict[str, Case] = {}
    for other in (case, *known.values(), *candidates.beside(case)):
        try:
            regret.comparable([case, other])
        except UserError:
            continue
        found.setdefault(other.name, other)
    now = int(time.monotonic() / SEEN)
    return {one: state for one in found.values() if (state := _state(one, now))}


@lru_cache(maxsize=1_024)
def _state(case: Case, _: int) -> str:
    """What is stored of a candidate, looked up at most once within each `SEEN` seconds."""
    try:
        measured, proved = (jobs.stored(asked, case) is not None for asked in (pipeline.promise, pipeline.fine_tuned))
    except UserError:  # it cannot be, or not here
        return ""
    return ("proved" if proved else "measured") if measured else ""


def _table(cases: Mapping[Case, str]) -> pd.DataFrame:
    return pipeline.sources([*cases]) if cases else pd.DataFrame()


def _columns() -> dict[str, Any]:
    percents, number = {"neighbours", "linear_probe", "source_accuracy"}, st.column_config.NumberColumn
    named = {
        name: number(about.title, help=about.words, format="%.1f %%" if name in percents else "%.3g")
        for name, about in PROMISES.items()
    }
    own = {
        "title": st.column_config.TextColumn("source", pinned=True),
        "accuracy": number("fine-tuned", format="%.1f %%", help="Mean over the seeds."),
    }
    return own | named
