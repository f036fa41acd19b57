"""Both models' confusion matrices side by side; a tap on a mistake opens its images, on the diagonal a class (5.1)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import pandas as pd
import streamlit as st

from tlx import findings, pipeline
from tlx.app import costs, frame, gathered_instances, navigation, settings
from tlx.app.bokeh_view import Event, bokeh_view
from tlx.app.gathering import Gathering
from tlx.app.layout import beside
from tlx.app.numbers import numbers
from tlx.app.selection import choose
from tlx.cases import MODELS, Case
from tlx.figures.confusion import BESIDE, confusion
from tlx.words import classes as words

SIZES = (BESIDE, 60)  # classes shown where there are more


def confusion_matrices(case: Case, class_name: str, split: str) -> None:
    """Counts on the target domain's headline split, source model left, target model right, one fixed scale."""
    both = {
        model: costs.require(f"Count the {model} model's confusions", pipeline.confusion, case, model)
        for model in MODELS
    }
    shown = _shown(both, class_name)
    st.caption(
        "Darkness is the share of a row, from 0 to 1 in both matrices. Tap a mistake to see its images, the diagonal "
        "to choose the class."
    )
    places = beside(2, name="confusion") if len(shown) <= BESIDE else (st.container(), st.container())
    for model, column in zip(MODELS, places, strict=True):
        with column:
            counts = both[model]
            names = [name for name in shown if name in counts.columns]
            drawn = partial(confusion, counts, model=model, split=split, chosen=class_name, shown=names)
            label = f"Confusion matrix of the {model} model on the target domain's {split} data"
            bokeh_view(drawn, key=f"confusion {model}", label=label, on_tap=taker(counts, names, model, split))
            if len(names) < len(counts):
                st.caption(words.among(counts, names))
            table = partial(numbers, partial(long_form, counts), case.name, model=model, split=split)
            frame.downloads(f"confusion {model}", table, name=f"confusion-{case.name}-{model}")


def _shown(both: Mapping[str, pd.DataFrame], class_name: str) -> list[str]:
    """The classes to draw: all of few; of many as many as were asked for, most confused first, and the chosen one."""
    every = list(dict.fromkeys(str(name) for counts in both.values() for name in counts.columns))
    if len(every) <= BESIDE:
        return every
    most = settings.one_of(
        st.selectbox,
        "Classes shown",
        [*(size for size in SIZES if size < len(every)), 0],
        "statistics.confused",
        default=SIZES[0],
        format_func=lambda size: f"the {size} most confused" if size else f"all {len(every)}",
        width=220,
        help="Those that either model mistakes, or says by mistake, most often come first. All of them stand in their "
        "own order; zoom in to read every name.",
    )
    if not most:
        return every
    ordered = findings.by_confusion(both.values())
    first = ordered[:most]
    return first if class_name in first or class_name not in ordered else [*first[:-1], class_name]


def taker(counts: pd.DataFrame, names: Sequence[str], model: str, split: str) -> Callable[[Event], None]:
    """What to do with a tap: a cell with mistakes opens its images on the Instances page, another chooses its class.

    counts: of the model, (C, C); names: of the classes drawn, in their order. Taps beside the matrix choose nothing.
    """

    def tap(event: Event) -> None:
        row, column = int(event["y"] // 1), int(event["x"] // 1)
        if not (0 <= row < len(names) and 0 <= column < len(names)):
            return
        true, said = names[row], names[column]
        choose(class_name=true)
        if row != column and counts.loc[true, said]:
            gathered_instances.describe(Gathering(model, true, said, split=split))
            navigation.go_to("Instances")

    return tap


def long_form(counts: pd.DataFrame) -> pd.DataFrame:
    """One row a cell: true_class, predicted_class, count."""
    table = counts.rename_axis(index="true_class").reset_index()
    return table.melt(id_vars="true_class", var_name="predicted_class", value_name="count")
