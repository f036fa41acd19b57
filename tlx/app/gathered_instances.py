"""Instances gathered by lasso, box or description: what the plots mark and the gallery shows, on every page (5.2).

They live in the session under one key of ours, as (domain, index) pairs of a case: they hold in both models' plots and
outlive a change of layer, as long as they are drawn; another case has none of them.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import streamlit as st

from tlx.app import pictures as views
from tlx.app.bokeh_view import Event
from tlx.app.selection import case_name, choose
from tlx.app.text import csv
from tlx.cases import DOMAINS
from tlx.figures.pictures import Pictures
from tlx.figures.scatter import rows_of
from tlx.results import InstanceRef

_LASSO = "instances lasso"
Pair = tuple[str, int]


def lasso() -> list[Pair]:
    """The instances of the case last chosen by lasso or box, in the order of the plot."""
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


def take_points(points: pd.DataFrame) -> Callable[[Event], None]:
    """What to do with a selection in a scatterplot: one mark is the shared instance, several are the gallery."""

    def take(event: Event) -> None:
        rows = points.iloc[[at for at in event["indices"] if 0 <= at < len(points)]]
        pairs = [(str(domain), int(at)) for domain, at in zip(rows["domain"], rows["instance"], strict=True)]
        gather(pairs if len(pairs) > 1 else [])
        if len(pairs) == 1:
            choose(instance=InstanceRef(*pairs[0]))

    return take


def gallery(pictures: Pictures, instances: pd.DataFrame) -> None:
    """The lassoed instances as pictures, with their table as a download."""
    pairs = lasso()
    if not pairs:
        st.caption("Draw a lasso around marks, or gather by class and prediction, to see their pictures here.")
        return
    domains, numbers = (np.array(part) for part in zip(*pairs, strict=True))
    rows = instances.iloc[rows_of(instances, domains, numbers)].reset_index(drop=True)
    rows = rows.sort_values("mispredicted", ascending=False, kind="stable")  # what went wrong is seen first
    wrong = int(rows["mispredicted"].sum())
    counts = rows["domain"].value_counts()
    by_domain = ", ".join(f"{int(counts.get(domain, 0)):,} {domain}" for domain in DOMAINS)
    st.markdown(f"**{len(rows):,} instances** ({by_domain}); the target model mispredicts {wrong:,} of them.")
    views.gallery(pictures, rows)
    head = st.container(horizontal=True)
    head.download_button(
        "Selection (CSV)",
        lambda: csv(rows),
        file_name="instances.csv",
        mime="text/csv",
        on_click="ignore",
        icon=":material/download:",
    )
    head.button("Clear the selection", on_click=lambda: st.session_state.pop(_LASSO, None))
