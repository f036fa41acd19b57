"""What the eye should find in the zig-zag, in words with its numbers."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from tlx.app.text import escape
from tlx.results import MEASURES, Measure, Network, Reuse

HEADLINES = ("kept", "correspondence")


def summary(reuse: Reuse, network: Network) -> str:
    """Where the target model reuses most and least of the source model, beside chance (Markdown)."""
    index = {layer.name: str(layer.index) for layer in network.layers}
    sentences = []
    for name in HEADLINES:
        measure, rows = MEASURES[name], reuse.of(name).dropna(subset="value")
        if len(rows):
            ends = [f"{_share(row, measure)} {_where(row, measure, index)}" for _, row in _ends(rows)]
            sentences.append(f"{measure.sentence}: {_both(ends)}")
    return "  \n".join(sentences)


def _where(row: pd.Series, measure: Measure, index: Mapping[str, str]) -> str:
    first = index[row["first"]]
    return f"from layer {first} to {index[row['second']]}" if measure.edges else f"in layer {first}"


def reuse_caption(chosen: str, second: str | None) -> str:
    """What the lines over depth are (Markdown)."""
    beside = f"; dashed, with diamonds: class {escape(second)}" if second is not None else ""
    return (
        f"Blue: class {escape(chosen)}{beside}. Grey band: 95 % of what chance gives for class {escape(chosen)}; what "
        "lies in it is no more than chance. For edges chance is the source model's important edges at random, every "
        "neuron's number of edges kept. Thin grey lines: the other classes that have been compared."
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
            values = [measure.written(row[column]) for column in ("value", "value_other")]
            parts.append(f"{measure.short} in {where} (**{values[0]}** and **{values[1]}**)")
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
        return f"**{value}**"
    verdict = "no more than chance" if row["value"] <= row["high"] else "by chance"
    return f"**{value}** ({verdict}: {chance}, {low} to {high})"


def _both(ends: list[str]) -> str:
    return f"most, {ends[0]}; least, {ends[1]}." if len(ends) > 1 else f"{ends[0]}."
