"""Training from scratch beside the transfer, and on few labels: buttons that say what each costs (method 2)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import streamlit as st

from tlx import needs
from tlx.app import costs, frame
from tlx.app.bokeh_view import bokeh_view
from tlx.app.numbers import numbers
from tlx.cases import Case
from tlx.figures.label_efficiency import label_efficiency
from tlx.results import CONTROLS, Control
from tlx.words import score as words

_OFFERS = {"budget": "From scratch", "end": "To its own end"}  # in a narrow column, with the cost behind


def offers(case: Case, there: Mapping[str, Control]) -> None:
    """A button with its cost for the next control that is lacking; a short one that the case asks for is trained."""
    if case.plan("target").training.strategy == "scratch":
        return  # the target model is the control
    lacking = next((length for length in CONTROLS if length not in there), None)
    given = None
    if lacking == "budget" and case.control:
        given = costs.ask(_OFFERS[lacking], needs.control, case, lacking)
    elif lacking is not None:
        given = costs.offer(_OFFERS[lacking], needs.control, case, lacking)
    if given is not None:  # the card and the chart above were drawn without it
        st.rerun()


@st.fragment
def label_efficiency_panel(case: Case) -> None:
    """The curve, or a button with its cost."""
    st.subheader("How many labels does it take?", anchor=False)
    result = costs.offer("Draw the label-efficiency curve", needs.label_efficiency, case)
    if result is None:
        st.caption("How many labelled target images the transfer saves: trainings on 1, 2, 5, … images of each class.")
        return
    chart = partial(label_efficiency, result)
    bokeh_view(chart, key="label efficiency", label="Accuracy over the number of target labels, both ways, by seed")
    table = partial(numbers, result.table, case.name, split=result.split, n=result.n)
    frame.downloads("label efficiency", table, name=f"labels-{case.name}")
    st.caption(words.LABELS)
