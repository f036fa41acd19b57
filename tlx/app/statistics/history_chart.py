"""The accuracy chart with the choice of its lines (5.1)."""

from __future__ import annotations

from functools import partial

import pandas as pd
import streamlit as st

from tlx.app import frame, settings
from tlx.app.bokeh_view import bokeh_view
from tlx.app.numbers import numbers
from tlx.app.once import once
from tlx.app.selection import Selection
from tlx.cases import MODELS
from tlx.figures.accuracy import accuracy, drawn_at_first, lines_of


@st.fragment
def history_chart(history: pd.DataFrame, selection: Selection) -> None:
    """The lines chosen, at first those of the paper and the two whose gap is the score."""
    frame.now(selection)
    names, place = once(lines_of, history), st.container()
    lines = settings.some_of(
        st.pills,
        "Lines: data and, in brackets, the model (S source, T target)",
        list(names),
        "statistics.lines",
        default=once(drawn_at_first, history),
        selection_mode="multi",
        format_func=names.__getitem__,
    )
    chart = partial(accuracy, history, sorted(lines, key=list(names).index))
    with place:
        bokeh_view(chart, key="accuracy", label="Accuracy of both models on both domains over the epochs")
    frame.downloads("accuracy", partial(numbers, history, selection.case.name), name=f"accuracy-{selection.case.name}")
    for model in [model for model in MODELS if model not in set(history["model"])]:
        st.caption(f"The {model} model has no accuracy history, so its lines are missing.")
