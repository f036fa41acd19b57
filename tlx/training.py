"""Models trained with their history, or read from checkpoints (method 2).

Strategies, seeds and budgets are comparable: every strategy sees the same batches in the same order over the same
epochs and learning rates; they differ in where the training starts and in what it holds (`starts`, `strategies`).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn
from torch.nn import functional

from tlx import checkpoints, histories, models, starts, strategies
from tlx.augmentation import augmented
from tlx.cases import DOMAINS, Case, Training
from tlx.errors import DataError, ModelError
from tlx.histories import COLUMNS
from tlx.progress import track
from tlx.results import DomainImages, TrainedModel

EVALUATION_BATCH = 256
Rows = list[dict[str, Any]]


def train(
    case: Case,
    model: str,
    both: Mapping[str, DomainImages],
    *,
    start: TrainedModel | None,
    called: str = "",
    kept_at: Path | None = None,
    told: Callable[[Rows], None] | None = None,
) -> TrainedModel:
    """Trains one model on its own domain and keeps the epoch that is best on that domain's validation split.

    Args:
        case: says the architecture and, in its plan of `model`, how to train.
        model: "source" or "target", the domain whose training split is learned.
        both: the images of both domains; accuracies are kept on all four splits.
        start: the model to begin from (the source model, for a transfer).
        called: the history's name of the model where it is not `model` (the control "scratch").
        kept_at: file that holds the training after each epoch; one that is there is gone on with, to the same result.
        told: hears the accuracies of each epoch as rows of the history.
    """
    own, training = both[model], case.plan(model).training
    if called == "scratch":
        training = strategies.from_scratch(training)
    if own.validation.all():
        raise DataError(f"the {model} domain has no image for training; give it more images or another split")
    torch.manual_seed(training.seed)
    network, notes = begun(case, model, own.classes, start, training)
    run = _Run(network.to(models.default_device()), training, int((~own.validation).sum()), called or model)
    run.resume(kept_at)
    for epoch in track(range(run.epoch + 1, training.epochs + 1), f"training the {run.called} model"):
        if epoch:
            run.learn(own, case, epoch)
        rows = [row | {"model": run.called, "epoch": epoch} for row in accuracies(network, own.classes, both, case)]
        run.note(epoch, rows, model)
        run.keep(kept_at)
        if told is not None:
            told(rows)
    return TrainedModel(run.best, own.classes, run.best_epoch, pd.DataFrame(run.history, columns=COLUMNS), notes)


def begun(
    case: Case, model: str, classes: tuple[str, ...], start: TrainedModel | None, training: Training
) -> tuple[nn.Module, tuple[str, ...]]:
    """The network as its training finds it, and sentences on what was taken over from where and what is held.

    Raises UserError for whatever would stop the training: an unknown layer to freeze, a checkpoint that does not fit.
    """
    network = models.probe(models.build(case, len(classes), model), case, len(classes), model)
    one, notes = models.example(case), strategies.said(network, training, models.example(case))
    if training.strategy == "scratch":
        return network, notes
    if start is not None:
        return network, (starts.from_source(network, start, classes, strategies.head(network, one)), *notes)
    initial = case.plan(model).initial
    return network, ((starts.from_checkpoint(network, Path(initial)), *notes) if initial else notes)


@dataclass(eq=False)
class _Run:
    """A training as it stands between two epochs."""

    network: nn.Module
    training: Training
    images: int  # that are learned from
    called: str
    epoch: int = -1
    history: Rows = field(default_factory=list)
    best: dict[str, np.ndarray] = field(default_factory=dict)
    best_epoch: int = 0
    best_accuracy: float = -1.0

    def __post_init__(self) -> None:
        how = self.training
        # What is held has no gradient, which the optimiser passes over: one serves every strategy.
        self.optimiser = torch.optim.AdamW(
            self.network.parameters(), lr=how.learning_rate, weight_decay=how.weight_decay
        )
        self.batches = -(-self.images // how.batch_size)
        self.schedule = torch.optim.lr_scheduler.OneCycleLR(
            self.optimiser, max_lr=how.learning_rate, total_steps=how.epochs * self.batches, pct_start=0.2
        )
        self.rng = np.random.default_rng(how.seed)

    def learn(self, images: DomainImages, case: Case, epoch: int) -> None:
        """One epoch over the training split."""
        device = models.device_of(self.network)
        held = strategies.held(self.network, self.training, epoch, models.example(case).to(device))
        strategies.hold(self.network, held)
        parts = np.array_split(self.rng.permutation(np.flatnonzero(~images.validation)), self.batches)
        for batch in track(parts, f"epoch {epoch} of {self.training.epochs}"):
            pictures = augmented(models.inputs(self.network, images.pixels[batch], case), self.training.augment)
            labels = torch.from_numpy(np.array(images.labels[batch])).to(device)
            loss = functional.cross_entropy(self._scores(pictures), labels)
            self.optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            self.optimiser.step()
            self.schedule.step()
        if not torch.isfinite(loss):
            raise ModelError(
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
            self.best, self.best_epoch = _tensors(self.network), epoch
            self.best_accuracy = own if epoch else -1.0

    def keep(self, path: Path | None) -> None:
        """Writes everything the next epochs depend on; whoever is killed while writing leaves the older file."""
        if path is None:
            return
        held = {name: getattr(self, name) for name in ("epoch", "history", "best_epoch", "best_accuracy")}
        states = {name: getattr(self, name).state_dict() for name in ("network", "optimiser", "schedule")}
        best = {} if self.best_epoch == self.epoch else {name: torch.from_numpy(one) for name, one in self.best.items()}
        random = [torch.get_rng_state(), *(torch.cuda.get_rng_state_all() if torch.cuda.is_available() else ())]
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(f".{os.getpid()}")
        torch.save(held | states | {"best": best, "random": random, "torch": str(torch.__version__)}, partial)
        partial.replace(path)

    def resume(self, path: Path | None) -> None:
        """Goes on from a kept file, if there is one that can be read."""
        if path is None or not path.is_file():
            return
        try:
            found = torch.load(path, map_location="cpu", weights_only=True)
        except Exception:  # not ours, or damaged: the training begins anew
            return
        if found.get("torch") != str(torch.__version__):
            return
        for name in ("network", "optimiser", "schedule"):
            getattr(self, name).load_state_dict(found[name])
        for name in ("epoch", "history", "best_epoch", "best_accuracy"):
            setattr(self, name, found[name])
        self.best = {name: one.numpy() for name, one in found["best"].items()} or _tensors(self.network)
        first, *others = found["random"]
        torch.set_rng_state(first)
        if others:
            torch.cuda.set_rng_state_all(others)
        for _ in range(self.epoch):  # the order of the batches of the epochs that are done
            self.rng.permutation(self.images)


def train_all(
    case: Case,
    both: Mapping[str, DomainImages],
    folder: Path | None,
    *,
    kept: Path | None = None,
    told: Callable[[Rows], None] | None = None,
) -> list[Path]:
    """Trains source, target and control anew and writes models and history; returns the files.

    They are written where the case expects them, or to `source`, `target` (.safetensors) and history.csv in a folder.
    kept: folder for unfinished trainings; they are removed when everything is written.
    """
    at = {name: kept / f"{name}.pt" if kept else None for name in ("source", "target", "scratch")}
    source = train(case, "source", both, start=None, kept_at=at["source"], told=told)
    target = train(case, "target", both, start=source, kept_at=at["target"], told=told)
    scratch = train(case, "target", both, start=None, called="scratch", kept_at=at["scratch"], told=told)
    table = pd.concat([source.history, target.history, scratch.history])
    written: dict[Path, None] = {}
    for name, model in (("source", source), ("target", target)):
        plan = case.plan(name)
        path = folder / f"{name}.safetensors" if folder else Path(plan.checkpoint)
        checkpoints.write(model, path)
        history = Path(plan.history) if plan.history and not folder else path.parent / "history.csv"
        table.to_csv(history, index=False, float_format="%.6f")
        written |= dict.fromkeys((path, history))
    for file in at.values():
        forget(file)
    return list(written)


def forget(kept_at: Path | None) -> None:
    """Removes what was kept of a training that is finished."""
    if kept_at is not None:
        kept_at.unlink(missing_ok=True)


@torch.inference_mode()
def accuracies(network: nn.Module, classes: tuple[str, ...], both: Mapping[str, DomainImages], case: Case) -> Rows:
    """Accuracy on the training and validation split of both domains; an instance of a foreign class is never right."""
    network.eval()
    rows: Rows = []
    for domain in DOMAINS:
        images = both[domain]
        said = [
            network(models.inputs(network, images.pixels[at : at + EVALUATION_BATCH], case)).argmax(1).cpu()
            for at in track(range(0, len(images), EVALUATION_BATCH), f"accuracy on the {domain} domain")
        ]
        right = (
            np.array(classes, dtype=object)[torch.cat(said).numpy()]
            == np.array(images.classes, dtype=object)[images.labels]
        )
        for split, members in (("training", ~images.validation), ("validation", images.validation)):
            share = float(right[members].mean()) if members.any() else float("nan")
            rows.append({"domain": domain, "split": split, "accuracy": share, "n": int(members.sum())})
    return rows


def _tensors(network: nn.Module) -> dict[str, np.ndarray]:
    return {name: tensor.detach().cpu().numpy().copy() for name, tensor in network.state_dict().items()}


def read(case: Case, model: str, classes: tuple[str, ...]) -> TrainedModel:
    """The model of a case's checkpoint, with the history that belongs to it.

    Raises ModelError when the file is missing, holds anything but tensors, or does not fit the network.
    """
    plan = case.plan(model)
    network = models.build(case, len(classes), model)
    found = checkpoints.complete(network, Path(plan.checkpoint))
    if found.classes and set(found.classes) != set(classes):
        raise ModelError(
            f"{found.called} was trained on other classes than those of the {model} domain: "
            f"{_others(found.classes, classes)}"
        )
    history = histories.read(Path(plan.history), model) if plan.history else pd.DataFrame(columns=COLUMNS)
    notes = () if len(history) or not plan.history else (f"history {Path(plan.history).name} has no row of this model",)
    return TrainedModel(_tensors(network), found.classes or classes, found.epoch, history, notes)


def _others(theirs: tuple[str, ...], ours: tuple[str, ...]) -> str:
    only = {"only it": sorted(set(theirs) - set(ours)), "only the domain": sorted(set(ours) - set(theirs))}
    return "; ".join(f"{who} has {', '.join(names[:5])}" for who, names in only.items() if names)
