"""What silencing neurons did, in words that say what its chart shows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pandas as pd

from tlx.figures.silencing import VERDICTS, change_table, count_draws
from tlx.findings import counted, percent, points, points_between
from tlx.results import REPLACEMENTS, Silenced
from tlx.text import escape


def silenced_words(result: Silenced, titles: Mapping[str, str]) -> str:
    """What was compared, a point for each verdict with the mean, and which ones another replacement changes (Markdown).

    titles: of the layers.
    """
    table = change_table(result)
    if table.empty:
        return "There are no held-out images to ask the model about."
    points_of = [f"- {_verdict(row)}" for _, row in table[table["replacement"] == "mean"].iterrows()]
    return "\n".join([" ".join(_compared(result, titles)), "", *points_of, "", _drawn(table)])


def _compared(result: Silenced, titles: Mapping[str, str]) -> Iterator[str]:
    draws, count = count_draws(result), len(result.neurons)
    ticked = f"the {count} ticked ones" if count > 1 else "the ticked one"
    yield f"Silenced neurons answer with {REPLACEMENTS['mean']} whatever the image: {ticked}"
    yield (
        f"and, drawn {draws} times, as many other important neurons of the same layers. 95 % of these draws give the "
        "range to compare with."
        if draws
        else "alone, since their layers have no others to compare them with."
    )
    for layer, important, size in result.filled:
        few = f"only {important} other" if important else "no other"
        known = f"{escape(titles[layer])} has {few} important neuron{'s' if important > 1 else ''}"
        yield f"{known}: there the draws are from the {size} next by rank."


def _verdict(row: pd.Series) -> str:
    words = VERDICTS[row["verdict"]]
    loud = f"**{words}**" if row["verdict"] in ("more", "less") else words
    others = points_between(row["control_low"], row["control_high"])
    images = counted(int(row["n"]), "image")
    return (
        f"**{escape(row['scope'])}, {row['domain']} domain** ({images}): {percent(row['before'])} → "
        f"{percent(row['after'])}, a change of {points(row['change'])} (95 % interval "
        f"{points_between(row['low'], row['high'])}); {f'by others {others}: ' if row['verdict'] else ''}{loud}."
    )


def _drawn(table: pd.DataFrame) -> str:
    """Where answering as to another image changes the verdict."""
    by_mean, drawn = (table[table["replacement"] == name].reset_index(drop=True) for name in REPLACEMENTS)
    differs = drawn[drawn["verdict"] != by_mean["verdict"]]
    begin = f"If they answer with {REPLACEMENTS['drawn']} instead,"
    if differs.empty:
        return f"{begin} every verdict is the same."
    parts = [
        f"{escape(row['scope'])}, {row['domain']} domain, {VERDICTS[row['verdict']]}" for _, row in differs.iterrows()
    ]
    return f"{begin} {len(differs)} of {len(drawn)} verdicts differ: {'; '.join(parts)}."
