"""The accuracies that say what the transfer was worth, as a small chart (5.1, method 2)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import numpy as np
import pandas as pd

from tlx.analysis.intervals import wilson
from tlx.app.bokeh_view import bokeh_view
from tlx.app.once import once
from tlx.figures.outcome import outcome
from tlx.findings import counted
from tlx.results import Control, Probe, Transferability

_SCRATCH = {
    "budget": "From scratch, {epochs} (same budget)",
    "end": "From scratch, {epochs} (to its end)",
}


def chart(result: Transferability, probe: Probe | None, controls: Mapping[str, Control]) -> None:
    """Source model, from scratch, target model; or what there is to hold the target model against."""
    table = once(table_of, result, probe, controls)
    drawn = partial(outcome, table)
    bokeh_view(drawn, key="outcome", label="Accuracy of the models on the target, with 95 % intervals")


def table_of(result: Transferability, probe: Probe | None, controls: Mapping[str, Control]) -> pd.DataFrame:
    """title, model, accuracy, low, high, n, split; Wilson intervals, none for what was not measured on images.

    The source model comes first and the target model last. Where there is no score the source model has no accuracy:
    always naming the largest class and a probe of the source model stand in its place.
    """
    rows = []
    if result.known:
        rows.append(_row("Source model", "source", result.source_accuracy, result.n, result.split))
    else:
        rows.append(("Always the largest class", "none", result.majority, np.nan, np.nan, result.n, result.split))
        if probe is not None:
            of_probe = probe.accuracy, probe.low, probe.high, probe.n, probe.split
            rows.append(("Linear probe of the source model", "probe", *of_probe))
    for length, control in controls.items():
        title = _SCRATCH[length].format(epochs=counted(control.epochs, "epoch"))
        rows.append(_row(title, "scratch", control.accuracy, control.n, control.split))
    rows.append(_row("Target model", "target", result.target_accuracy, result.n, result.split))
    return pd.DataFrame(rows, columns=["title", "model", "accuracy", "low", "high", "n", "split"])


def _row(title: str, model: str, accuracy: float, n: int, split: str) -> tuple[str, str, float, float, float, int, str]:
    return title, model, accuracy, *wilson(accuracy, n), n, split
