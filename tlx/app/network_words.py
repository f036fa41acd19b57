"""What the eye should find in the zig-zag, in words with its numbers."""

from __future__ import annotations

import pandas as pd

from tlx.app.text import escape
from tlx.results import Network, Reuse


def summary(reuse: Reuse, network: Network) -> str:
    """Where the target model reuses most and least of the source model, beside chance (Markdown)."""
    index = {layer.name: str(layer.index) for layer in network.layers}
    same, inherited = (reuse.of(measure).dropna(subset="value") for measure in ("same_index", "inherited"))
    said = []
    if len(same):
        ends = [f"{_share(row)} in layer {index[row['first']]}" for _, row in _ends(same)]
        said.append("Target neurons whose best match is the source neuron of the same index: " + _both(ends))
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


def _ends(rows: pd.DataFrame) -> list[tuple[object, pd.Series]]:
    """The rows of the largest and the least value, or the only one."""
    value = rows["value"].to_numpy()
    places = dict.fromkeys([int(value.argmax()), int(value.argmin())])
    return [(at, rows.iloc[at]) for at in places]


def _share(row: pd.Series) -> str:
    chance = (
        f" (by chance {row['chance']:.0%}, {row['low']:.0%} to {row['high']:.0%})" if row["low"] == row["low"] else ""
    )
    return f"**{row['value']:.0%}**{chance}"


def _both(ends: list[str]) -> str:
    return f"most, {ends[0]}; least, {ends[1]}." if len(ends) > 1 else f"{ends[0]}."
