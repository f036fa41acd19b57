"""Models trained with their history, or read from checkpoints (method 2).

Strategies, seeds and budgets are comparable: every strategy sees the same batches in the same order over the same
epochs and learning rates; they differ in where the training starts (`initial_weights`)
and in what it holds (`strategies`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import nn

from tlx.cases import Case, Domain, Training, in_natural_order
from tlx.errors import DataError, ModelError, some
from tlx.networks import answers, checkpoints, devices, kept, models
from tlx.networks.draws import Draws
from tlx.progress import track
from tlx.results import DomainImages, TrainedModel
from tlx.training import histories, initial_weights, strategies
from tlx.training.histories import COLUMNS
from tlx.training.state import Rows, Run, tensors

EVALUATION_BATCH = 256


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
        both: the images of both domains as the model takes them; accuracies are kept on all four splits.
        start: the model to begin from (the source model, for a transfer).
        called: the history's name of the model where it is not `model` (the control "scratch").
        kept_at: file that holds the training as it stood less than a minute ago; one that is there is gone on with, to
            the same result.
        told: hears the accuracies of each epoch as rows of the history.
    """
    case = case.seen_by(model)
    own, training = both[model], case.plan(model).training
    if called == "scratch":
        training = strategies.from_scratch(training)
    if not own.training.any():
        raise DataError(f"the {model} domain has no image for training; give it more images or another split")
    draws = Draws(training.seed)
    with draws:
        network, notes = begun(case, model, own.classes, start, training)
    network = network.to(devices.default())
    groups = strategies.groups(network, training, models.example(case).to(devices.default()))
    run = Run(network, training, int(own.training.sum()), called or model, draws, groups)
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

    Raises UserError for whatever would stop the training: an unknown layer to freeze, a checkpoint that does not fit, a
    module of a notebook, whose weights are somebody's and can be drawn anew by nobody else.
    """
    if case.architecture_of(model).startswith(f"{kept.PREFIX}:"):
        raise ModelError(
            "the models of this case were made in a notebook and are explained as they are; train there what should be "
            "compared with them, and make a case of that"
        )
    case = case.seen_by(model)
    network = models.probe(models.build(case, len(classes), model), case, len(classes), model)
    one = models.example(case)
    notes = (*answers.notes(network), *strategies.notes(network, training, one))
    if training.strategy == "scratch":
        return network, notes
    if start is not None:
        return network, (
            initial_weights.from_source(
                network, start, classes, strategies.head(network, one), case.plan(model).layers
            ),
            *notes,
        )
    plan = case.plan(model)
    if not plan.initial:
        return network, notes
    return network, (*initial_weights.from_checkpoint(network, Path(plan.initial), plan.checkpoint_key), *notes)


def train_all(
    case: Case,
    images: Mapping[str, Mapping[str, DomainImages]],
    folder: Path | None,
    *,
    kept: Path | None = None,
    told: Callable[[Rows], None] | None = None,
) -> list[Path]:
    """Trains source, target and control anew and writes models and history; returns the files.

    They are written where the case expects them, or to `source`, `target` (.safetensors) and history.csv in a folder.
    images: of both domains as each model takes them, by model; kept: folder for unfinished trainings; they are removed
    when everything is written.
    """
    at = {name: kept / f"{name}.pt" if kept else None for name in ("source", "target", "scratch")}
    source = train(case, "source", images["source"], start=None, kept_at=at["source"], told=told)
    target = train(case, "target", images["target"], start=source, kept_at=at["target"], told=told)
    scratch = train(case, "target", images["target"], start=None, called="scratch", kept_at=at["scratch"], told=told)
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


def accuracies(network: nn.Module, classes: tuple[str, ...], both: Mapping[str, DomainImages], case: Case) -> Rows:
    """Accuracy on the training and validation split of the domains; an instance of a foreign class is never right.

    The test split is not looked at: nothing about a training may depend on it.
    """
    rows: Rows = []
    for domain, images in both.items():
        used = np.flatnonzero(~images.test)
        right = right_answers(network, classes, images, used, case)
        for split, members in (("training", images.training), ("validation", images.validation)):
            answers = right[members[used]]
            share = float(answers.mean()) if len(answers) else float("nan")
            rows.append({"domain": domain, "split": split, "accuracy": share, "n": len(answers)})
    return rows


@torch.inference_mode()
def right_answers(
    network: nn.Module, classes: tuple[str, ...], images: DomainImages, chosen: np.ndarray, case: Case
) -> np.ndarray:
    """(n,) bool: on which of the chosen instances the network says their class; classes: what its outputs mean."""
    network.eval()
    parts = [chosen[at : at + EVALUATION_BATCH] for at in range(0, len(chosen), EVALUATION_BATCH)]
    answers = [
        network(models.inputs(network, images.given[part], case)).argmax(1).cpu().numpy()
        for part in track(parts, "accuracy")
    ]
    told = np.array(classes, dtype=object)[np.concatenate([np.empty(0, dtype=np.int64), *answers])]
    return np.asarray(told == np.array(images.classes, dtype=object)[images.labels[chosen]])


def read(case: Case, model: str, classes: tuple[str, ...]) -> TrainedModel:
    """The model of a case's checkpoint, with the history that belongs to it.

    Raises ModelError when the file is missing, holds anything but tensors, or does not fit the network.
    """
    plan = case.plan(model)
    network = models.build(case, len(classes), model)
    checkpoint = checkpoints.complete(network, Path(plan.checkpoint), plan.checkpoint_key)
    outputs = _outputs(checkpoint, case.domain(model), model, classes)
    history = histories.read(Path(plan.history), model) if plan.history else pd.DataFrame(columns=COLUMNS)
    without = plan.history and not len(history)
    notes = (f"history {Path(plan.history).name} has no row of this model",) if without else ()
    notes = (*notes, *checkpoint.notes, *answers.notes(network))
    return TrainedModel(tensors(network), outputs, checkpoint.epoch, history, notes)


def _outputs(
    checkpoint: checkpoints.Checkpoint, domain: Domain, model: str, classes: tuple[str, ...]
) -> tuple[str, ...]:
    """The class of each output of a checkpoint, in order.

    Raises ModelError where its own names are others than the domain's, where they contradict an order that the case
    gives, and where nothing says which of two usual orders is meant.
    """
    renamed = dict(domain.rename)
    told = tuple(name if name in classes else renamed.get(name, name) for name in checkpoint.classes)
    if not told:
        by_number = in_natural_order(classes)
        if (
            domain.classes
            or domain.order
            or domain.kind not in ("folder", "csv")
            or by_number == tuple(sorted(classes))
        ):
            return classes
        raise ModelError(
            f"{checkpoint.called} does not say which output is which class, and the classes of the {model} domain have "
            f"two usual orders: alphabetical ({some(classes)}) and by number ({some(by_number)}); say which in "
            f'[{model}]: classes = "alphabetical", classes = "natural", or their list in the order of the outputs',
            key=f"{model}.order",
        )
    if set(told) != set(classes):
        raise ModelError(
            f"{checkpoint.called} was trained on other classes than those of the {model} domain: "
            f"{_others(told, classes)}",
            key=f"{model}.classes",
        )
    if told != classes and (domain.classes or domain.order):
        raise ModelError(
            f"{checkpoint.called} has its outputs in the order {some(told)}, and the case gives the classes of the "
            f"{model} domain as {some(classes)}; leave classes out, or give them in the order of the checkpoint",
            key=f"{model}.classes" if domain.classes else f"{model}.order",
        )
    return told


def _others(checkpoint_classes: tuple[str, ...], domain_classes: tuple[str, ...]) -> str:
    only = {
        "only it": sorted(set(checkpoint_classes) - set(domain_classes)),
        "only the domain": sorted(set(domain_classes) - set(checkpoint_classes)),
    }
    return "; ".join(f"{who} has {', '.join(names[:5])}" for who, names in only.items() if names)
