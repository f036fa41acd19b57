"""The control: what the target's images teach the same network without the source model (method 2).

`loop.train` trains it at the transfer's own budget. Here it is trained to its own end, and either is judged.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from tlx.cases import Case
from tlx.errors import EmptyError
from tlx.networks import devices, models
from tlx.results import DomainImages, TrainedModel
from tlx.training import loop

LONGEST = 16  # times the budget, at most
RISE = 0.005  # of validation accuracy that twice the epochs must bring to be doubled again
RISING = f"its validation accuracy was still rising at {LONGEST} times the budget"


def to_its_end(
    case: Case, both: Mapping[str, DomainImages], first: TrainedModel, *, folder: Path | None = None
) -> TrainedModel:
    """The control of twice the epochs, and twice again, until its accuracy on target validation no longer rises.

    Each is a whole training with its own schedule from random weights, of the same images and seed; the first that
    gains less than half a point over the one before is the last. Of these two the better one is returned, by
    validation. Only target images are looked at.

    Args:
        first: the control at the case's own budget.
        folder: where unfinished trainings are kept, to be gone on with.

    Raises EmptyError where the target has no validation image.
    """
    best, reached, times = first, _validated(first), 1
    if np.isnan(reached):
        raise EmptyError("without validation images nobody can say when training from scratch has come to its end")
    while times < LONGEST:
        times *= 2
        kept_at = folder / f"scratch-{times}.pt" if folder else None
        longer = loop.train(
            _longer(case, times), "target", {"target": both["target"]}, start=None, called="scratch", kept_at=kept_at
        )
        loop.forget(kept_at)
        gain = _validated(longer) - reached
        if gain > 0:
            best, reached = longer, reached + gain
        if gain < RISE:
            return best
    return replace(best, notes=(*best.notes, RISING))


def _longer(case: Case, times: int) -> Case:
    plan = case.plan("target")
    training = replace(plan.training, epochs=times * plan.training.epochs)
    return replace(case, target_model=replace(plan, training=training))


def _validated(model: TrainedModel) -> float:
    """Its best accuracy on target validation after training began."""
    rows = model.history
    own = rows[(rows["domain"] == "target") & (rows["split"] == "validation") & (rows["epoch"] > 0)]
    return float(own["accuracy"].astype(float).max())


def right(case: Case, model: TrainedModel, images: DomainImages) -> np.ndarray:
    """(n,) bool: on which instances of the target's headline split the model says their class."""
    network = models.fill(models.build(case, len(model.classes), "target"), model.tensors).to(devices.default())
    judged = np.flatnonzero(images.judged)
    return loop.right_answers(network, model.classes, images, judged, case.seen_by("target"))


def epochs(history: pd.DataFrame) -> int:
    """How many epochs a training of this history had."""
    return int(history["epoch"].max())
