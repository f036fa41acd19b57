"""What the eye should find in the zig-zag, in words with its numbers."""

from __future__ import annotations

import pandas as pd

from tlx.app.text import escape
from tlx.results import Network, Reuse


def summary(reuse: Reuse, network: Network) -> str:
    """Where the target model reuses most and least of the source model, beside chance (Markdown)."""
    index = {layer.name: str(layer.index) for layer in network.layers}
    same, ranks, inherited = (
        reuse.of(measure).dropna(subset="value") for measure in ("same_index", "rank_agreement", "inherited")
    )
    said = []
    if len(same):
        ends = [f"{_share(row)} in layer {index[row['first']]}" for _, row in _ends(same)]
        said.append("Target neurons whose best match is the source neuron of the same index: " + _both(ends))
    if len(ranks):
        ends = [f"{_share(row)} in layer {index[row['first']]}" for _, row in _ends(ranks)]
        said.append("Agreement of the two models on which neurons matter (Spearman's ρ): " + _both(ends))
    if len(inherited):
        ends = [
            f"{_share(row)} from layer {index[row['first']]} to {index[row['second']]}" for _, row in _ends(inherited)
        ]
        said.append("Important target edges that are inherited: " + _both(ends))
    return "  \n".join(said)


def reuse_caption(chosen: str, second: str | None) -> str:
    """What the lines over depth are (Markdown)."""
    beside = f"; dashed, with diamonds: class {escape(second)}" if second is not None else ""
    return (
        f"Blue: class {escape(chosen)}{beside}. Grey band: 95 % of what 200 random trades of the source neurons give "
        f"for class {escape(chosen)}. Thin grey lines: the other classes that have been compared."
    )


def difference(ours: Reuse, other: Reuse, network: Network) -> str:
    """For each measure the layer, or the pair of layers, where two classes differ most (Markdown)."""
    index = {layer.name: str(layer.index) for layer in network.layers}
    said = []
    for measure, about in _ABOUT.items():
        both = ours.of(measure).merge(other.of(measure), on=["measure", "first", "second"], suffixes=("", "_other"))
        both = both.dropna(subset=["value", "value_other"])
        if len(both):
            row = both.iloc[int((both["value"] - both["value_other"]).abs().to_numpy().argmax())]
            where = f"layer {index[row['first']]}" + (f" to {index[row['second']]}" if row["second"] else "")
            form = "{:.2f}" if measure == "rank_agreement" else "{:.0%}"
            said.append(
                f"{about} in {where} (**{form.format(row['value'])}** and **{form.format(row['value_other'])}**)"
            )
    names = f"Classes {escape(ours.class_name)} and {escape(other.class_name)}"
    return f"{names} differ most: {'; '.join(said)}." if said else ""


_ABOUT = {"same_index": "same-index matches", "rank_agreement": "rank agreement", "inherited": "inherited edges"}


def _ends(rows: pd.DataFrame) -> list[tuple[object, pd.Series]]:
    """The rows of the largest and the least value, or the only one."""
    value = rows["value"].to_numpy()
    places = dict.fromkeys([int(value.argmax()), int(value.argmin())])
    return [(at, rows.iloc[at]) for at in places]


def _share(row: pd.Series) -> str:
    form = "{:.2f}" if row["measure"] == "rank_agreement" else "{:.0%}"
    value, chance, low, high = (form.format(row[name]) for name in ("value", "chance", "low", "high"))
    return f"**{value}**" + (f" (by chance {chance}, {low} to {high})" if row["low"] == row["low"] else "")


def _both(ends: list[str]) -> str:
    return f"most, {ends[0]}; least, {ends[1]}." if len(ends) > 1 else f"{ends[0]}."
