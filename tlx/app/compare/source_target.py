"""Sources by targets: the cases as a matrix, where they form one (the experts' wish for more than one of either)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import pandas as pd
import streamlit as st

from tlx.app import frame
from tlx.app.bokeh_view import Event, bokeh_view
from tlx.app.compare.summaries import CaseSummary
from tlx.app.numbers import of_cases
from tlx.app.once import once
from tlx.app.selection import choose
from tlx.cases import Case
from tlx.figures.source_target import source_target

COLUMNS = ["source", "target", "name", "title", "score", "low", "high", "source_accuracy", "target_accuracy"]


def section(summaries: Sequence[CaseSummary], table: pd.DataFrame, chosen: str) -> None:
    """The matrix; nothing where the cases have one source or one target, or no cell has a neighbour."""
    cells = once(cells_of, tuple(one.case for one in summaries), table)
    if cells.empty:
        return
    st.subheader("Sources by targets", anchor=False)
    drawn = partial(source_target, cells, chosen)
    label = f"Matrix of scores, {cells['source'].nunique()} sources by {cells['target'].nunique()} targets"
    bokeh_view(drawn, key="source by target", label=label, on_tap=partial(tap, cells=cells))
    st.caption(
        "Of several cases with one source and target a cell shows the one that gained most. Click it to choose it."
    )
    frame.downloads("source by target", partial(of_cases, cells), name="sources-by-targets")


def cells_of(cases: Sequence[Case], table: pd.DataFrame) -> pd.DataFrame:
    """One row for each source and target that a case with a score joins: the best of several; COLUMNS.

    Domains are the same where they hold the same images, whatever a case calls them. Empty where there are not two of
    either, or no source or target is met twice.
    """
    names = {case.name: tuple(_identity(case, side) for side in ("source", "target")) for case in cases}
    known = table.dropna(subset="score").sort_values("score", ascending=False, kind="stable")
    ends = pd.DataFrame([names[name] for name in known["name"]], columns=["source", "target"], index=known.index)
    titles = _titles(cases)
    joined = known.assign(**ends).drop_duplicates(["source", "target"])
    many = joined["source"].nunique() > 1 and joined["target"].nunique() > 1
    met_twice = joined["source"].duplicated().any() or joined["target"].duplicated().any()
    if not (many and met_twice):
        return pd.DataFrame(columns=COLUMNS)
    shown = joined.assign(**{side: joined[side].map(titles) for side in ("source", "target")})
    return shown[COLUMNS].reset_index(drop=True)


def _identity(case: Case, side: str) -> str:
    """What is the same for the same images: the domain's description but for its title and place, and its files."""
    files = sorted(digest for role, digest in case.files if role.partition(".")[0] == side)
    return repr((replace(case.domain(side), title="", path=""), files))


def _titles(cases: Sequence[Case]) -> dict[str, str]:
    """A title for each domain; two that would read alike are numbered."""
    found: dict[str, str] = {}
    for case in cases:
        for side in ("source", "target"):
            title, identity = case.domain(side).title, _identity(case, side)
            if identity not in found:
                alike = sum(one == title or one.startswith(f"{title} (") for one in found.values())
                found[identity] = f"{title} ({alike + 1})" if alike else title
    return found


def tap(event: Event, cells: pd.DataFrame) -> None:
    """Chooses the case of the cell that was tapped; a tap on an empty one chooses nothing."""
    columns, rows = list(dict.fromkeys(cells["target"])), list(reversed(dict.fromkeys(cells["source"])))
    across, up = int(event["x"] // 1), int(event["y"] // 1)
    if 0 <= across < len(columns) and 0 <= up < len(rows):
        here = cells[(cells["target"] == columns[across]) & (cells["source"] == rows[up])]
        if len(here):
            choose(case=str(here["name"].iloc[0]))
