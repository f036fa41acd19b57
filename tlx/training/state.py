"""A training epoch by epoch: what it learns from, what it remembers, and how it goes on after it was stopped."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from tlx.cases import Case, Training
from tlx.errors import AstrayError, ModelError
from tlx.networks import models
from tlx.networks.draws import Draws
from tlx.progress import track
from tlx.results import DomainImages
from tlx.training import strategies
from tlx.training.augmentation import augmented

Rows = list[dict[str, Any]]
"""Rows of an accuracy history."""
SECONDS = 30.0  # of work that whoever is killed may lose
SHARE = 0.1  # of the time, at most, goes into writing what a training needs to go on


@dataclass(eq=False)
class Run:
    """A training as it stands between two epochs."""

    network: nn.Module
    training: Training
    images: int  # that are learned from
    called: str
    draws: Draws
    groups: list[dict[str, Any]]  # of parameters, each with its rate
    epoch: int = -1
    history: Rows = field(default_factory=list)
    best: dict[str, np.ndarray] = field(default_factory=dict)
    best_epoch: int = 0
    best_accuracy: float = -1.0
    next_writing: float = field(default_factory=lambda: time.monotonic() + SECONDS)  # of what it remembers

    def __post_init__(self) -> None:
        how = self.training
        rates = [group["lr"] for group in self.groups]
        self.optimiser = torch.optim.AdamW(self.groups, lr=how.learning_rate, weight_decay=how.weight_decay)
        self.batches = -(-self.images // how.batch_size)
        self.schedule = torch.optim.lr_scheduler.OneCycleLR(
            self.optimiser, max_lr=rates, total_steps=max(how.epochs * self.batches, 1), pct_start=0.2
        )
        self.rng = np.random.default_rng(how.seed)

    def learn(self, images: DomainImages, case: Case, epoch: int) -> None:
        """One epoch over the training split."""
        device = models.device_of(self.network)
        held = strategies.held(self.network, self.training, epoch, models.example(case).to(device))
        strategies.hold(self.network, held)
        parts = np.array_split(self.rng.permutation(np.flatnonzero(images.training)), self.batches)
        for batch in track(parts, f"epoch {epoch} of {self.training.epochs}"):
            pictures = models.inputs(self.network, images.given[batch], case)
            labels = torch.from_numpy(np.array(images.labels[batch])).to(device)
            self.optimiser.zero_grad()
            with self.draws:
                loss = functional.cross_entropy(self._scores(augmented(pictures, self.training.augment)), labels)
                loss.backward()  # type: ignore[no-untyped-call]
            self.optimiser.step()
            self.schedule.step()
        if not torch.isfinite(loss):
            raise AstrayError(
                f"training the {self.called} model went astray in epoch {epoch}: its loss is not a number; choose a "
                f"learning_rate below {self.training.learning_rate:g}"
            )

    def _scores(self, pictures: Tensor) -> Tensor:
        try:
            scores: Tensor = self.network(pictures)
        except ValueError as error:
            if len(pictures) > 1 or "more than 1 value per channel" not in str(error):
                raise
            raise ModelError(
                "this network's batch norm cannot learn from a batch of one image; choose a batch_size of 2 or more "
                "and have as many images for training"
            ) from None
        return scores

    def note(self, epoch: int, rows: Rows, model: str) -> None:
        """Adds an epoch's accuracies, and keeps its tensors if it is the best on the model's own validation split."""
        self.epoch = epoch
        self.history += rows
        own = next(row["accuracy"] for row in rows if (row["domain"], row["split"]) == (model, "validation"))
        # Epoch 0 is untrained, so it is kept only until the first; without a validation split the last one is kept.
        if epoch == 0 or not own <= self.best_accuracy:
            self.best, self.best_epoch = tensors(self.network), epoch
            self.best_accuracy = own if epoch else -1.0

    def keep(self, path: Path | None) -> None:
        """Writes everything the next epochs depend on; whoever is killed while writing leaves the older file.

        That is three times the network's size and more: it is not written after each short epoch, and not after the
        last one, whose result is stored.
        """
        began = time.monotonic()
        if path is None or began < self.next_writing or self.epoch == self.training.epochs:
            return
        held = {name: getattr(self, name) for name in ("epoch", "history", "best_epoch", "best_accuracy")}
        states = {name: getattr(self, name).state_dict() for name in ("network", "optimiser", "schedule")}
        best = {} if self.best_epoch == self.epoch else {name: torch.from_numpy(one) for name, one in self.best.items()}
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(f".{os.getpid()}")
        torch.save(held | states | {"best": best, "random": self.draws.state, "torch": str(torch.__version__)}, partial)
        partial.replace(path)
        ended = time.monotonic()
        self.next_writing = ended + max(SECONDS, (ended - began) / SHARE)

    def resume(self, path: Path | None) -> None:
        """Goes on from a kept file, if there is one that can be read."""
        if path is None or not path.is_file():
            return
        try:
            kept = torch.load(path, map_location="cpu", weights_only=True)
        except Exception:  # not ours, or damaged: the training begins anew
            return
        if kept.get("torch") != str(torch.__version__):
            return
        for name in ("network", "optimiser", "schedule"):
            getattr(self, name).load_state_dict(kept[name])
        for name in ("epoch", "history", "best_epoch", "best_accuracy"):
            setattr(self, name, kept[name])
        self.best = {name: one.numpy() for name, one in kept["best"].items()} or tensors(self.network)
        self.draws.state = kept["random"]
        for _ in range(self.epoch):  # the order of the batches of the epochs that are done
            self.rng.permutation(self.images)


def tensors(network: nn.Module) -> dict[str, np.ndarray]:
    """The network's state dict as arrays of their own, on the processor."""
    return {name: tensor.detach().cpu().numpy().copy() for name, tensor in network.state_dict().items()}
