"""Numbers as files, in one convention, so that what several pages and cases gave can be put together.

The first column is `case`, the second `class` where rows are of one. Accuracies, shares and confidences are fractions,
columns are named in lower case and hold one number or word a cell: nothing of how a figure draws them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

import pandas as pd

Table = pd.DataFrame | Callable[[], pd.DataFrame]

_NAMES = {"class_name": "class", "label": "class", "true_class": "class"}
# What figures and lists are drawn with, and titles that another column has in plain.
_DRAWN = frozenset({"short_title", "column", "marker", "angle", "size", "alpha", "fill", "border", "width", "halo"})


def numbers(
    table: Table, case: str, class_name: str | None = None, *, drop: Collection[str] = (), **fixed: Any
) -> pd.DataFrame:
    """The table as it goes into a file. Given to `frame.downloads` as a `partial`, so that nobody waits for it.

    table: or a function that puts it together; class_name: of all its rows; drop: columns that are of the figure alone;
    fixed: further columns that are the same in every row, such as a model.
    """
    made = table if isinstance(table, pd.DataFrame) else table()
    made = made.drop(columns=[name for name in made if name in _DRAWN or name in drop]).rename(columns=_NAMES)
    first: dict[str, Any] = {"case": case}
    if class_name is not None:
        first["class"] = class_name
    elif "class" in made:
        first["class"] = made["class"]
    first |= fixed
    rest = made.drop(columns=[name for name in first if name in made])
    return pd.DataFrame(first, index=rest.index).join(rest)


def of_cases(table: pd.DataFrame) -> pd.DataFrame:
    """A table of several cases, whose `name` or `candidate` says which, as it goes into a file."""
    made = table.rename(columns={"name": "case", "candidate": "case"})
    if "compared" in made:  # "3 of 10"
        there = made["compared"].str.extract(r"(?P<classes_compared>\d+) of (?P<classes>\d+)").astype("Int64")
        made = made.drop(columns="compared").join(there)
    return made[["case", *(name for name in made if name != "case")]]


def of_classes(table: pd.DataFrame) -> pd.DataFrame:
    """`pipeline.class_table` with the most frequent mistake of each class and its count in place of all of them.

    The confusion matrices' files have all.
    """
    first = [counts[0] if counts else ("", 0) for counts in table["misclassified_as"]]
    taken = {"most_taken_for": [name for name, _ in first], "times": [count for _, count in first]}
    return table.drop(columns="misclassified_as").assign(**taken)


def of_instances(table: pd.DataFrame) -> pd.DataFrame:
    """Rows of `pipeline.instances`, or marks of a scatterplot, with what each model says and whether it is right.

    Those that a model gets wrong come first, so that the file of all of them begins with the wrong images.
    """
    told = pd.DataFrame({name: table[name] for name in ("domain", "instance", "name", "split")})
    told["class"] = table["label"]
    for model, prefix in (("source", "source_"), ("target", "")):
        told[f"{model}_prediction"] = table[f"{prefix}prediction"]
        told[f"{model}_confidence"] = table[f"{prefix}confidence"]
        told[f"{model}_right"] = table[f"{prefix}prediction"] == table["label"]
    for name in ("x", "y"):  # places in an embedding
        if name in table:
            told[name] = table[name]
    return told.sort_values(["target_right", "source_right"], kind="stable", ignore_index=True)
