"""The class table (5.1): sortable by every column; a row chosen is the class of every page."""

from __future__ import annotations

from functools import partial
from typing import Any

import pandas as pd
import streamlit as st

from tlx.app import frame
from tlx.app.chosen_row import chosen_row
from tlx.app.numbers import numbers, of_classes
from tlx.app.once import once
from tlx.app.selection import choose
from tlx.figures import theme
from tlx.words import classes as words

KEY = "statistics class table"
WHOLE = 16  # classes that are seen without scrolling the table


def class_table(table: pd.DataFrame, class_name: str, case_name: str) -> None:
    """Draws the table with the chosen class's row ticked, and says which rows rest on few instances."""
    split = str(table["split"].iloc[0])
    if few := words.few(table):
        st.warning(few, icon=":material/warning:")
    names = table["class_name"].tolist()
    chosen_row(
        once(words.shown, table),
        names.index(class_name),
        lambda row: choose(class_name=names[row]),
        key=KEY,
        height="content" if len(table) <= WHOLE else 40 + 35 * WHOLE,
        column_config=_columns(split),
        alt=f"Accuracy of both models on each class of the target domain's {split} data",
    )
    # Streamlit's own file, above the table, would leave names that a spreadsheet takes for formulas.
    frame.numbers_file(partial(numbers, partial(of_classes, table), case_name), name=f"classes-{case_name}")


def _columns(split: str) -> dict[str, Any]:
    def share(model: str, hint: str) -> Any:
        return st.column_config.ProgressColumn(
            f"{model} model", format="%.1f %%", min_value=0, max_value=100, help=hint, color=theme.COLOURS[model]
        )

    return {
        "class_name": st.column_config.TextColumn("class", pinned=True),
        "n": st.column_config.NumberColumn("n", help=f"The target domain's {split} instances of the class."),
        "source_accuracy": share("source", "Accuracy of the source model on these instances."),
        "target_accuracy": share("target", "Accuracy of the target model on the same instances."),
        "difference": st.column_config.NumberColumn(
            "difference", format="%+.1f points", help="Accuracy of the target model minus that of the source model."
        ),
        "errors": st.column_config.NumberColumn("errors", help="Instances the target model got wrong."),
        "misclassified_as": st.column_config.TextColumn(
            "misclassified as", help="The classes the target model said instead and how many times, most often first."
        ),
        "note": st.column_config.TextColumn("note"),
    }
