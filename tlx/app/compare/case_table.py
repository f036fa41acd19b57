"""The comparison of cases: its table, and what a chosen case offers: its views, and what is not computed yet."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd
import streamlit as st

from tlx import needs, pipeline
from tlx.app import costs
from tlx.app.bokeh_view import Event
from tlx.app.chosen_row import chosen_row
from tlx.app.compare.summaries import CaseSummary
from tlx.app.navigation import link
from tlx.app.once import once
from tlx.app.selection import Choice, choose
from tlx.figures.side_by_side import COMPARED
from tlx.findings import counted

KEY = "compare table"
VIEWS = ("Statistics", "Instances", "Network", "Features")
WHOLE = 30  # cases that are seen without scrolling the table
_SHARES = ("source_accuracy", "target_accuracy", "scratch_accuracy", *COMPARED)
_FIRST = ("title", "strategy", "score", "low", "high", *_SHARES)
_LAST = ("split", "source_distance", "target_distance", "source", "target", "network", "compared", "note")


def shown(table: pd.DataFrame) -> pd.DataFrame:
    """The columns of `summaries.table` a person reads: shares in per cent, scores in points, a note where due."""
    view = table[[*_FIRST, *_LAST]].copy()
    view[["score", "low", "high", *_SHARES]] *= 100
    return view if view["note"].any() else view.drop(columns="note")


def case_table(table: pd.DataFrame, chosen: str) -> None:
    """Sortable by every column; a row chosen is the case of every page."""
    names = table["name"].tolist()
    chosen_row(
        once(shown, table),
        names.index(chosen),
        lambda row: choose(case=names[row]),
        key=KEY,
        height="content" if len(table) <= WHOLE else 40 + 35 * WHOLE,
        placeholder="–",
        column_config=_columns(),
        alt="Cases with their scores, accuracies, reuse and domain gap",
    )


def take_point(names: list[str]) -> Callable[[Event], None]:
    """What to do with a dot tapped in the score figure: its case is chosen. names: of the rows drawn."""

    def take(event: Event) -> None:
        rows = [at for at in event["indices"] if 0 <= at < len(names)]
        if rows:
            choose(case=names[rows[-1]])

    return take


def views(choice: Choice) -> None:
    """Links that open the chosen case in each view."""
    row = st.container(horizontal=True)
    for title in VIEWS:
        with row:
            link(title, choice, label=f"Open in {title}")


def offers(one: CaseSummary) -> None:
    """A button with its cost for each kind of result that the chosen case lacks."""
    case = one.case
    if one.score is None:
        costs.offer("Score the transfer", needs.score, case)
    wanted = (
        ("reuse", "Compare the neurons", pipeline.reuse_by_class),
        ("distance", "Measure the domain gap", pipeline.discriminability_by_class),
        ("gap", "Measure the domain gap layer by layer", pipeline.domain_gap_by_class),
    )
    for name, label, function in wanted:
        there, possible = one.stored.get(name, (0, 0))
        lacking = possible - there
        if (
            lacking
            and costs.offer(f"{label}, {counted(lacking, 'more class', 'more classes')}", function, case) is not None
        ):
            st.caption(f"{label}: no such result for {counted(lacking, 'class', 'classes')}.")
    if one.score is not None and all(there == possible for there, possible in one.stored.values()):
        st.caption("Everything that cases are compared by is computed for this case.")


def _columns() -> dict[str, Any]:
    number, text = st.column_config.NumberColumn, st.column_config.TextColumn

    def share(name: str, about: str) -> Any:
        return number(name, format="%.1f %%", help=about)

    return {
        "title": text("case", pinned=True),
        "source": text("source"),
        "target": text("target"),
        "network": text("network"),
        "strategy": text("strategy", help="Which layers the target model's training changed."),
        "score": number(
            "score", format="%+.1f points", help="Target minus source model's accuracy on the target domain."
        ),
        "low": number("from", format="%+.1f", help="Lower end of the score's 95 % interval."),
        "high": number("to", format="%+.1f", help="Upper end of the score's 95 % interval."),
        "source_accuracy": share("source model", "Accuracy on the target domain's images of that split."),
        "target_accuracy": share("target model", "Accuracy on the target domain's images of that split."),
        "scratch_accuracy": share(
            "from scratch", "The control: the same training from random weights, where it was run."
        ),
        **{name: share(name.replace("_", " "), measure.compared) for name, measure in COMPARED.items()},
        "source_distance": number(
            "gap before",
            format="%.2f",
            help="Proxy A-distance of the domains by the source model's important neurons; 0 is no gap, 2 the largest.",
        ),
        "target_distance": number("gap after", format="%.2f", help="The same by the target model's important neurons."),
        "split": text("judged on", help="The split of the target domain that the score and the accuracies are of."),
        "compared": text(
            "classes compared", help="Classes whose neurons have been compared: the means are over these."
        ),
        "note": text("note"),
    }
