"""A sortable table in which one row is chosen: by its box or by a click anywhere in it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast

import pandas as pd
import streamlit as st


def chosen_row(table: pd.DataFrame, at: int, take: Callable[[int], object], *, key: str, **look: Any) -> None:
    """Draws the table with row `at` ticked; take: called with another row's number before the page runs again.

    Rows are numbered as in `table`, however a browser has sorted it. The table stays the same element whatever is
    chosen, so that it keeps its sort and its place; a row chosen elsewhere is ticked through the session.
    look: what else `st.dataframe` is told.
    """
    wanted: dict[str, Any] = {"rows": [at], "columns": [], "cells": []}
    told = _told(key)
    if told is not None and told != wanted:  # a cell is clicked, never chosen; or the choice was made elsewhere
        st.session_state[key] = {"selection": wanted}

    def clicked() -> None:
        row = row_of(_told(key) or wanted, at)
        if row != at and row < len(table):
            take(row)

    st.dataframe(
        table,
        key=key,
        hide_index=True,
        on_select=clicked,
        selection_mode=["single-row-required", "single-cell"],
        selection_default=cast(Any, {"selection": wanted}),
        **look,
    )


def row_of(told: Mapping[str, Any], at: int) -> int:
    """The row a browser tells of: that of a clicked cell, or the ticked one; `at` where it tells of none."""
    if told["cells"]:
        return int(told["cells"][0][0])
    return int(told["rows"][0]) if told["rows"] else at


def _told(key: str) -> dict[str, Any] | None:
    state = st.session_state.get(key)
    return None if state is None else {part: list(state["selection"][part]) for part in ("rows", "columns", "cells")}
