"""The accuracies that say what the transfer was worth, as a small chart (5.1, method 2)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from tlx.app.bokeh_view import bokeh_view
from tlx.app.once import once
from tlx.figures.outcome import outcome
from tlx.results import Control, Probe, Transferability
from tlx.words.score import accuracies


def chart(result: Transferability, probe: Probe | None, controls: Mapping[str, Control]) -> None:
    """Source model, from scratch, target model; or what there is to hold the target model against."""
    table = once(accuracies, result, probe, controls)
    drawn = partial(outcome, table)
    bokeh_view(drawn, key="outcome", label="Accuracy of the models on the target, with 95 % intervals")
