"""What few target labels teach, with the source model to start from and without (method 2)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tlx.cases import Case, Training
from tlx.images import splits
from tlx.networks import devices, models
from tlx.networks.draws import Draws
from tlx.progress import track
from tlx.results import DomainImages, TrainedModel
from tlx.training import loop, strategies
from tlx.training.state import Run


def accuracy(case: Case, images: DomainImages, start: TrainedModel | None, *, labels: int, seed: int) -> float:
    """Accuracy on the target's headline split after learning from so many training images of each class.

    The last epoch counts: no validation image, whose label would be one more, chooses another.

    Args:
        images: of the target domain, as the target model takes them.
        start: the source model, or None to begin from random weights.
        labels: of each class, 0 for all.
        seed: which images they are, and the training's own.
    """
    case = case.seen_by("target")
    chosen = splits.few(images.labels, images.training, labels, seed)
    learned = images.of(chosen)
    how = shortened(case.plan("target").training, int(images.training.sum()), len(chosen), seed)
    how = strategies.from_scratch(how) if start is None else how
    draws = Draws(how.seed)
    with draws:
        network, _ = loop.begun(case, "target", images.classes, start, how)
    network = network.to(devices.default())
    groups = strategies.groups(network, how, models.example(case).to(devices.default()))
    run = Run(network, how, len(chosen), "target", draws, groups)
    for epoch in track(range(1, how.epochs + 1), f"training on {len(chosen):,} images"):
        run.learn(learned, case, epoch)
    judged = np.flatnonzero(images.judged)
    return float(loop.right_answers(network, images.classes, images, judged, case).mean())


def shortened(how: Training, everything: int, few: int, seed: int) -> Training:
    """The case's training for fewer images: as many steps in all, so more epochs of fewer batches.

    A case whose target model comes from scratch is fine-tuned with all layers here.
    """
    steps = how.epochs * -(-everything // how.batch_size)
    epochs = max(1, round(steps / -(-few // how.batch_size)))
    head = min(round(how.head_epochs * epochs / how.epochs), epochs - 1)
    strategy = "all" if how.strategy == "scratch" else how.strategy
    return replace(how, epochs=epochs, head_epochs=head, strategy=strategy, seed=how.seed + seed)
