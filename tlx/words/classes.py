"""The class table as a person reads it, and what there is to say of it and of confusions (5.1)."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from tlx.findings import FEW, counted
from tlx.text import escape

_ONLY = {"both": "", "source": "source domain only", "target": "target domain only"}


def mistakes(counts: tuple[tuple[str, int], ...]) -> str:
    """ "5 (3×), 9 (1×)": three instances were taken for class 5, one for class 9."""
    return ", ".join(f"{name} ({count:,}×)" for name, count in counts)


def few(table: pd.DataFrame) -> str:
    """That some classes of `pipeline.class_table` have few images, where they have; else "" (Markdown)."""
    names, split = [str(name) for name in table.loc[table["small"], "class_name"]], str(table["split"].iloc[0])
    if not names:
        return ""
    named = escape(", ".join(names[:6]) + (", …" if len(names) > 6 else ""))
    return (
        f"Fewer than {FEW} {split} instances: {len(names)} of {counted(len(table), 'class', 'classes')} ({named}). "
        "One instance moves such an accuracy by 5 points or more."
    )


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


def among(counts: pd.DataFrame, names: Sequence[str]) -> str:
    """How many of a model's mistakes the part of its matrix that is drawn has."""
    values, places = counts.to_numpy(), counts.columns.get_indexer(pd.Index(names))
    inside, all_of_them = (int(part.sum() - part.diagonal().sum()) for part in (values[places][:, places], values))
    return f"{inside:,} of the {all_of_them:,} mistakes lie between these classes."
