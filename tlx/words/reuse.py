"""What the charts over depth say, in words with their numbers."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from tlx.results import MEASURES, Measure, Network, Reuse
from tlx.text import escape


def spoken(reuse: Reuse, network: Network, measure: str) -> str:
    """Where most and least is reused by one measure, for who does not see its chart."""
    about, rows = MEASURES[measure], reuse.of(measure).dropna(subset="value")
    if rows.empty:
        return f"{about.title}: nothing to measure."
    index = {layer.name: str(layer.index) for layer in network.layers}
    ends = [f"{_share(row, about)} {_where(row, about, index)}" for _, row in _ends(rows)]
    return f"{about.sentence}: {_both(ends)}"


def _where(row: pd.Series, measure: Measure, index: Mapping[str, str]) -> str:
    first = index[row["first"]]
    return f"from layer {first} to {index[row['second']]}" if measure.edges else f"in layer {first}"


def caption(chosen: str, second: str | None, *, others: bool) -> str:
    """What the lines over depth are (Markdown). others: whether further classes are drawn."""
    beside = f" Dashed, with diamonds: class {escape(second)}." if second is not None else ""
    thin = " Thin and grey: the other classes." if others else ""
    return (
        f"Blue: class {escape(chosen)}.{beside}{thin} Grey band: what chance gives, in 95 of 100 draws. "
        "Click a layer to open its matrices below."
    )


def difference(own: Reuse, other: Reuse, network: Network) -> str:
    """For each measure the layer, or the pair of layers, where two classes differ most (Markdown)."""
    index = {layer.name: str(layer.index) for layer in network.layers}
    parts = []
    for name, measure in MEASURES.items():
        both = own.of(name).merge(other.of(name), on=["measure", "first", "second"], suffixes=("", "_other"))
        both = both.dropna(subset=["value", "value_other"])
        if len(both):
            row = both.iloc[int((both["value"] - both["value_other"]).abs().to_numpy().argmax())]
            where = f"layer {index[row['first']]}" + (f" to {index[row['second']]}" if row["second"] else "")
            ours, theirs = (measure.written(row[column]) for column in ("value", "value_other"))
            if ours != theirs:
                parts.append(f"{measure.short} in {where} (**{ours}** and **{theirs}**)")
    names = f"Classes {escape(own.class_name)} and {escape(other.class_name)}"
    return f"{names} differ most: {'; '.join(parts)}." if parts else ""


def _ends(rows: pd.DataFrame) -> list[tuple[object, pd.Series]]:
    """The rows of the largest and the least value, or the only one."""
    value = rows["value"].to_numpy()
    places = dict.fromkeys([int(value.argmax()), int(value.argmin())])
    return [(at, rows.iloc[at]) for at in places]


def _share(row: pd.Series, measure: Measure) -> str:
    value, chance, low, high = (measure.written(row[name]) for name in ("value", "chance", "low", "high"))
    if row["low"] != row["low"]:  # nothing to be found by chance
        return value
    verdict = "no more than chance" if row["value"] <= row["high"] else "by chance"
    return f"{value} ({verdict}: {chance}, {low} to {high})"


def _both(ends: list[str]) -> str:
    return f"most, {ends[0]}; least, {ends[1]}." if len(ends) > 1 else f"{ends[0]}."
