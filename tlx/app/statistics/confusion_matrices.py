"""Both models' confusion matrices side by side; a tap chooses the true class (5.1)."""

from __future__ import annotations

from functools import partial

import pandas as pd
import streamlit as st

from tlx import pipeline
from tlx.app import frame, jobs
from tlx.app.bokeh_view import Event, bokeh_view
from tlx.app.layout import beside
from tlx.app.selection import choose
from tlx.cases import MODELS, Case
from tlx.figures.confusion import confusion


def confusion_matrices(case: Case, class_name: str, split: str) -> None:
    """Counts on the target domain's headline split, source model left, target model right, one fixed scale."""
    st.caption("Darkness is the share of a row, from 0 to 1 in both matrices. Tap a row to choose its class.")
    for model, column in zip(MODELS, beside(2, name="confusion"), strict=True):
        with column:
            counts = jobs.result(pipeline.confusion, case, model)
            if counts is None:
                continue
            drawn = confusion(counts, model=model, split=split, chosen=class_name)
            label = f"Confusion matrix of the {model} model on the target domain's {split} data"
            names = [str(name) for name in counts.index]
            bokeh_view(drawn, key=f"confusion {model}", label=label, on_tap=partial(tap, names=names))
            frame.downloads(drawn, long_form(counts), name=f"confusion-{case.name}-{model}")


def tap(event: Event, names: list[str]) -> None:
    """Chooses the true class of the tapped cell; taps beside the matrix choose nothing."""
    row, column = int(event["y"] // 1), int(event["x"] // 1)
    if 0 <= row < len(names) and 0 <= column < len(names):
        choose(class_name=names[row])


def long_form(counts: pd.DataFrame) -> pd.DataFrame:
    """One row a cell: true_class, predicted_class, count."""
    table = counts.rename_axis(index="true_class").reset_index()
    return table.melt(id_vars="true_class", var_name="predicted_class", value_name="count")
