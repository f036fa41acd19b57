"""The table in which a row is chosen, by its box or by a click in it."""

from __future__ import annotations

import pytest
from streamlit_help import script

from tlx.app.chosen_row import row_of


def told(rows=(), cells=()):
    return {"rows": list(rows), "columns": [], "cells": list(cells)}


@pytest.mark.parametrize(
    ("state", "row"),
    [
        (told([2]), 2),
        (told([2], [(1, "n")]), 1),  # the cell was clicked, the box of row 2 was ticked before
        (told([0]), 0),
        (told(), 0),
    ],
)
def test_the_row_is_that_of_the_cell_or_of_the_box(state, row):
    assert row_of(state, 0) == row


def view():
    import pandas as pd
    import streamlit as st

    from tlx.app.chosen_row import chosen_row

    def take(row):
        st.session_state.at = row
        st.session_state.taken = [*st.session_state.get("taken", []), row]

    at = st.session_state.setdefault("at", 1)
    chosen_row(pd.DataFrame({"name": ["a", "b", "c"]}), at, take, key="table")
    st.session_state.shown = dict(st.session_state["table"]["selection"])
    st.button("elsewhere", on_click=lambda: st.session_state.update(at=0))


def click(page, selection):
    """The table reports this selection, as the browser would."""
    import json

    states = page._tree.get_widget_states()
    widget = states.widgets.add()
    widget.id, widget.string_value = page.dataframe[0].proto.id, json.dumps({"selection": selection})
    return page._run(states)


def test_a_click_is_taken_once_and_leaves_its_row_ticked():
    """A cell is not kept chosen, the row of one's own is no choice, and the table stays the same element."""
    page = script(view).run()
    first = page.dataframe[0].proto.id
    assert list(page.session_state["shown"]["rows"]) == [1]
    click(page, told([1], [(2, "name")]))
    assert page.session_state["taken"] == [2]
    assert page.session_state["shown"] == told([2])
    click(page, told([2], [(2, "name")]))
    click(page, told([0]))
    assert page.session_state["taken"] == [2, 0]
    assert page.dataframe[0].proto.id == first


def test_a_row_chosen_elsewhere_is_ticked():
    page = script(view).run()
    click(page, told([2]))
    page.button[0].click().run()
    assert page.session_state["shown"] == told([0])
    assert page.session_state["taken"] == [2]
