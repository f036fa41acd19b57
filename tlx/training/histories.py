"""Accuracy histories as CSV files: ours, or a user's with the same columns."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tlx import pointers
from tlx.cases import DOMAINS
from tlx.errors import DataError, first_line

COLUMNS = ("model", "domain", "split", "epoch", "accuracy", "n")
_NAMES = {"model": ("source", "target", "scratch"), "domain": DOMAINS, "split": ("training", "validation")}


def read(path: Path, model: str) -> pd.DataFrame:
    """The rows of one model (and, for the target, of the control) from a history CSV, other columns left out.

    model: "source", "target" or "scratch" (the target model trained from random weights); domain: "source" or
    "target", whose images; split: "training" or "validation"; epoch: 0 is before training; accuracy: a share from 0 to
    1, empty where unknown; n: images it was measured on. Raises DataError naming the first line that is wrong.
    """
    if pointers.is_pointer(path):
        raise DataError(f"history {path} {pointers.WHY}", key="history")
    try:
        table = pd.read_csv(path, dtype=str, skipinitialspace=True)
    except FileNotFoundError:
        lacking = f"history {path} does not exist; give a CSV with the columns {', '.join(COLUMNS)}"
        raise DataError(lacking, key="history") from None
    except (OSError, ValueError) as error:
        raise DataError(f"history {path} cannot be read as CSV: {first_line(error)}", key="history") from None
    if missing := [name for name in COLUMNS if name not in table]:
        lacking = f"history {path} lacks the column(s) {', '.join(missing)}; it needs {', '.join(COLUMNS)}"
        raise DataError(lacking, key="history")
    for column, valid in _NAMES.items():
        table[column] = table[column].str.strip().str.lower()
        _refuse(path, table, column, ~table[column].isin(valid), f"one of {', '.join(valid)}")
    table["epoch"] = _numbers(path, table, "epoch", whole=True)
    table["n"] = _numbers(path, table, "n", whole=True)
    table["accuracy"] = _numbers(path, table, "accuracy", whole=False)
    own = (model, "scratch") if model == "target" else (model,)
    return table.loc[table["model"].isin(own), list(COLUMNS)].reset_index(drop=True)


def _numbers(path: Path, table: pd.DataFrame, column: str, *, whole: bool) -> pd.Series[Any]:
    numbers: pd.Series[Any] = pd.to_numeric(table[column], errors="coerce")
    if whole:
        _refuse(path, table, column, ~((numbers >= 0) & (numbers % 1 == 0)), "a whole number from 0 on")
        return numbers.astype(np.int64)
    expected = "a share from 0 to 1 (divide percent by 100), or empty where unknown"
    _refuse(path, table, column, ~(numbers.between(0, 1) | table[column].isna()), expected)
    return numbers.astype(np.float64)


def _refuse(path: Path, table: pd.DataFrame, column: str, wrong: pd.Series[bool], expected: str) -> None:
    if wrong.any():
        at = int(np.flatnonzero(wrong)[0])
        given = table[column].iloc[at]
        shown = "empty" if pd.isna(given) else repr(given)
        raise DataError(f"history {path}, line {at + 2}: {column} is {shown}; it must be {expected}", key="history")
