"""Instances gathered by lasso, box or description: what the plots mark and the gallery shows, on every page (5.2).

Those of a lasso live in the session under one key of ours, as (domain, index) pairs of a case: they hold in the plots
of both models and outlive a change of layer; another case has none of them. A description is a setting, see
`gathering`. What came last counts.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import pandas as pd
import streamlit as st

from tlx.app import frame, gathering, settings
from tlx.app import pictures as views
from tlx.app.bokeh_view import Event
from tlx.app.gathering import Gathering, Pair
from tlx.app.numbers import numbers, of_instances
from tlx.app.once import once
from tlx.app.selection import case_name, choose
from tlx.cases import DOMAINS
from tlx.figures.pictures import Pictures
from tlx.figures.scatter import rows_of
from tlx.findings import counted
from tlx.results import InstanceRef

_LASSO = "instances lasso"


def gathered(instances: pd.DataFrame) -> list[Pair]:
    """The instances last chosen by lasso or box, in the order of the plot, or those described."""
    wanted = described()
    return _lasso() if wanted is None else once(gathering.matching, instances, wanted)


def described() -> Gathering | None:
    """What is gathered by description; None where nothing is."""
    wanted = gathering.read(settings.get(gathering.SETTING))
    return None if wanted is None or wanted.is_open else wanted


def _lasso() -> list[Pair]:
    case: str | None
    pairs: list[Pair]
    case, pairs = st.session_state.get(_LASSO, (None, []))
    return pairs if case == case_name() else []


def indices_of(points: pd.DataFrame, pairs: list[Pair]) -> list[int]:
    """Rows of `scatter.points` that show these instances."""
    wanted = set(pairs)
    drawn = zip(points["domain"], points["instance"].tolist(), strict=True)
    return [at for at, pair in enumerate(drawn) if pair in wanted]


def gather(pairs: list[Pair]) -> None:
    """Makes these instances the ones the gallery shows and the plots mark."""
    st.session_state[_LASSO] = (case_name(), pairs)
    settings.put(gathering.SETTING, None)


def describe(wanted: Gathering | None) -> None:
    """Gathers by description, or nothing."""
    st.session_state.pop(_LASSO, None)
    settings.put(gathering.SETTING, None if wanted is None else wanted.text)


def take_points(points: pd.DataFrame) -> Callable[[Event], None]:
    """What to do with a selection in a scatterplot: one mark is the shared instance, several are the gallery.

    To look at one of those gathered changes nothing of them; a tap beside all marks lets them go.
    """

    def take(event: Event) -> None:
        rows = points.iloc[[at for at in event["indices"] if 0 <= at < len(points)]]
        pairs = [(str(domain), int(at)) for domain, at in zip(rows["domain"], rows["instance"], strict=True)]
        if len(pairs) == 1:
            choose(instance=InstanceRef(*pairs[0]))
        else:
            gather(pairs)

    return take


def gallery(pictures: Pictures, instances: pd.DataFrame) -> None:
    """The gathered instances as pictures, named, with their table as a download."""
    pairs, wanted = gathered(instances), described()
    if not pairs:
        how = "Draw a lasso around marks, or gather by what the models say, to see their pictures here."
        st.caption(f"There are no {gathering.words(wanted)}." if wanted else how)
        return
    rows = once(_wrong_first, instances, pairs)
    st.markdown(once(_counted, rows, wanted))
    with st.container(key="gathered-pictures"):
        views.gallery(pictures, rows)
    head = st.container(horizontal=True)
    case = case_name() or ""
    with head:
        told = partial(numbers, partial(of_instances, rows), case)
        frame.numbers_file(told, name=f"gathered-{case}", label="Selection (CSV)")
    head.button("Clear the selection", on_click=lambda: describe(None))


def _wrong_first(instances: pd.DataFrame, pairs: list[Pair]) -> pd.DataFrame:
    """Rows of `pipeline.instances`; what went wrong is seen first."""
    domains, numbers = (np.array(part) for part in zip(*pairs, strict=True))
    rows = instances.iloc[rows_of(instances, domains, numbers)].reset_index(drop=True)
    return rows.sort_values("mispredicted", ascending=False, kind="stable")


def _counted(rows: pd.DataFrame, wanted: Gathering | None) -> str:
    """How many there are, and what they are (Markdown)."""
    many = counted(len(rows), "instance")
    counts = rows["domain"].value_counts()
    by_domain = ", ".join(f"{int(counts.get(domain, 0)):,} {domain}" for domain in DOMAINS)
    named = f": {gathering.words(wanted)}" if wanted else ""
    return f"**{many}** ({by_domain}){named}; the target model mispredicts {int(rows['mispredicted'].sum()):,} of them."
