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
from tlx.app.text import escape
from tlx.figures import theme
from tlx.findings import FEW, counted

KEY = "statistics class table"
WHOLE = 16  # classes that are seen without scrolling the table
_ONLY = {"both": "", "source": "source domain only", "target": "target domain only"}


def mistakes(counts: tuple[tuple[str, int], ...]) -> str:
    """ "5 (3×), 9 (1×)": three instances were taken for class 5, one for class 9."""
    return ", ".join(f"{name} ({count:,}×)" for name, count in counts)


def shown(table: pd.DataFrame) -> pd.DataFrame:
    """The columns of `pipeline.class_table` a person reads, in that order, accuracies in per cent and their difference
    in points; a note only where one is needed.
    """
    shares = ["source_accuracy", "target_accuracy", "difference"]
    view = table[["class_name", "n", *shares, "errors"]].copy()
    view[shares] *= 100
    view["misclassified_as"] = table["misclassified_as"].map(mistakes)
    small = table["small"].map({True: "few instances", False: ""})
    view["note"] = [", ".join(filter(None, pair)) for pair in zip(table["domains"].map(_ONLY), small, strict=True)]
    return view if view["note"].any() else view.drop(columns="note")


def class_table(table: pd.DataFrame, class_name: str, case_name: str) -> None:
    """Draws the table with the chosen class's row ticked, and says which rows rest on few instances."""
    few, split = [str(name) for name in table.loc[table["small"], "class_name"]], str(table["split"].iloc[0])
    if few:
        named = escape(", ".join(few[:6]) + (", …" if len(few) > 6 else ""))
        st.warning(
            f"Fewer than {FEW} {split} instances: {len(few)} of {counted(len(table), 'class', 'classes')} ({named}). "
            "One instance moves such an accuracy by 5 points or more.",
            icon=":material/warning:",
        )
    names = table["class_name"].tolist()
    chosen_row(
        once(shown, table),
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
