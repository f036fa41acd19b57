"""Which source? What the measures and the runs say, in sentences and as a table (method 10)."""

from __future__ import annotations

import pandas as pd

from tlx.analysis import regret
from tlx.findings import counted, percent, points
from tlx.results import PROMISES
from tlx.text import escape

KNOWN = (
    "No measure is best everywhere, and a list ordered by the size of the networks often does as well "
    "(Agostinelli et al. 2022, arXiv:2204.01403)."
)


def telling(judged: pd.DataFrame) -> list[str]:
    """The measures that order the candidates."""
    return [str(name) for name, tau in zip(judged["measure"], judged["tau"], strict=True) if tau == tau]


def shown(table: pd.DataFrame) -> pd.DataFrame:
    """The table as a person reads it, best source first: shares in per cent."""
    view = table[["title", "accuracy", *PROMISES]].sort_values("accuracy", ascending=False, na_position="last")
    shares = ["accuracy", "neighbours", "linear_probe", "source_accuracy"]
    return view.assign(**{name: 100 * view[name] for name in shares})


def verdict(table: pd.DataFrame, judged: pd.DataFrame) -> str:
    """Which source the runs say is best, which measure saw it, and what is known of such measures (Markdown)."""
    run = table.dropna(subset="accuracy")
    if len(run) < regret.LEAST:
        measured = counted(len(table), "source")
        return f"Measured: {measured}; none can be said to be best before three of them were fine-tuned."
    accuracy = run["accuracy"].to_numpy()
    seeds = sum(name.startswith("accuracy_") for name in table.columns)
    said = (
        f"Fine-tuned from {len(run)} sources, {counted(seeds, 'seed')} each, the target is learned best from "
        f"**{escape(run['title'].iloc[int(accuracy.argmax())])}**: {percent(float(accuracy.max()))} in the mean; the "
        f"worst comes to {percent(float(accuracy.min()))}. "
    )
    tau = dict(zip(judged["measure"], judged["tau"].astype(float), strict=True))
    ordered = sorted((name for name, value in tau.items() if value == value), key=lambda name: -tau[name])
    if not ordered:
        return said + KNOWN
    said += f"{PROMISES[ordered[0]].title} orders them best (weighted τ {tau[ordered[0]]:.2f})"
    baseline = next((name for name in ordered if PROMISES[name].baseline), ordered[0])
    if baseline != ordered[0]:
        said += f"; the best baseline is {PROMISES[baseline].title.lower()} ({tau[baseline]:.2f})"
    return f"{said}. {KNOWN}"


def spoken(judged: pd.DataFrame, measure: str) -> str:
    """What one measure is worth here (Markdown)."""
    row = judged[judged["measure"] == measure].iloc[0]
    tau, low, high, lost, random = (float(row[name]) for name in ("tau", "low", "high", "regret", "random"))
    if tau != tau:
        return f"{PROMISES[measure].words} It cannot order these sources."
    return (
        f"{PROMISES[measure].words} τ {tau:.2f} ({low:.2f} to {high:.2f}); its choice gives away "
        f"{points(lost).lstrip('+')} of accuracy, one at random {points(random).lstrip('+')}."
    )
