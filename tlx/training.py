"""Models trained with their history, or read from checkpoints (method 2). Only tensors are ever read."""

from __future__ import annotations

import pickle
import warnings
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional

from tlx import models
from tlx.cases import DOMAINS, Case, ModelPlan
from tlx.errors import DataError, ModelError
from tlx.progress import track
from tlx.results import DomainImages, TrainedModel

COLUMNS = ("model", "domain", "split", "epoch", "accuracy", "n")
EVALUATION_BATCH = 256


def train(
    case: Case,
    model: str,
    both: Mapping[str, DomainImages],
    *,
    start: Mapping[str, np.ndarray] | None,
    called: str = "",
) -> TrainedModel:
    """Trains one model on its own domain and keeps the epoch that is best on that domain's validation split.

    Args:
        case: says the architecture and, in its plan of `model`, how to train.
        model: "source" or "target", the domain whose training split is learned.
        both: the images of both domains; accuracies are kept on all four splits.
        start: tensors to begin from (the source model's, for a transfer); a head of another size starts anew.
        called: the history's name of the model where it is not `model` (the control "scratch").
    """
    own, plan = both[model], case.plan(model)
    torch.manual_seed(plan.training.seed)
    network = models.build(case, len(own.classes))
    initialise(network, _initial(plan) if start is None and not called else start)
    history: list[dict[str, Any]] = []
    best, kept = -1.0, (0, _tensors(network))
    for epoch, _ in enumerate(_epochs(network, own, case, plan, called or model)):
        rows = [
            row | {"model": called or model, "epoch": epoch} for row in accuracies(network, own.classes, both, case)
        ]
        history += rows
        accuracy = next(
            float(row["accuracy"]) for row in rows if (row["domain"], row["split"]) == (model, "validation")
        )
        if epoch and accuracy > best:
            best, kept = accuracy, (epoch, _tensors(network))
    return TrainedModel(kept[1], own.classes, kept[0], pd.DataFrame(history, columns=COLUMNS))


def train_all(case: Case, both: Mapping[str, DomainImages], folder: Path) -> dict[str, float]:
    """Trains source, target and control anew, writes `source`, `target` (.safetensors) and history.csv to a folder.

    Returns each one's best accuracy on its own domain's validation split.
    """
    source = train(case, "source", both, start=None)
    target = train(case, "target", both, start=source.tensors)
    scratch = train(case, "target", both, start=None, called="scratch")
    write(source, folder / "source.safetensors")
    write(target, folder / "target.safetensors")
    history = pd.concat([source.history, target.history, scratch.history])
    history.to_csv(folder / "history.csv", index=False, float_format="%.6f")
    own = history[(history["split"] == "validation") & (history["epoch"] > 0)]
    own = own[own["domain"] == own["model"].replace("scratch", "target")]
    return {str(name): float(best) for name, best in own.groupby("model")["accuracy"].max().items()}


def _epochs(network: nn.Module, images: DomainImages, case: Case, plan: ModelPlan, called: str) -> Iterator[None]:
    """Yields before training and after each epoch."""
    yield
    training = plan.training
    members = np.flatnonzero(~images.validation)
    if training.strategy == "head":
        _freeze_all_but(network, models.head(network))
    learned = [parameter for parameter in network.parameters() if parameter.requires_grad]
    optimiser = torch.optim.AdamW(learned, lr=training.learning_rate, weight_decay=training.weight_decay)
    batches = -(-len(members) // training.batch_size)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, max_lr=training.learning_rate, total_steps=training.epochs * batches, pct_start=0.2
    )
    rng = np.random.default_rng(training.seed)
    for _ in track(range(training.epochs), f"training the {called} model"):
        network.train()
        for batch in np.array_split(rng.permutation(members), batches):
            pictures = augmented(models.normalised(images.pixels[batch], case), training.augment)
            loss = functional.cross_entropy(network(pictures), torch.from_numpy(np.array(images.labels[batch])))
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            schedule.step()
        yield


def _freeze_all_but(network: nn.Module, name: str) -> None:
    network.requires_grad_(False)
    network.get_submodule(name).requires_grad_(True)


def augmented(pictures: Tensor, how: str) -> Tensor:
    """Training pictures varied at random: (n, channels, H, W) in and out; see `cases.Training`."""
    if how == "none":
        return pictures
    count = len(pictures)
    turn = torch.randn(count) * (0.1 if how == "digits" else 0.05)
    scale = torch.empty(count).uniform_(0.9, 1.1) if how == "digits" else torch.empty(count).uniform_(0.6, 1.0)
    room = 0.12 if how == "digits" else 1 - scale
    shift = (torch.rand(count, 2) * 2 - 1) * (room if how == "digits" else room[:, None])  # type: ignore[index]
    flip = torch.where(torch.rand(count) < 0.5, -1.0, 1.0) if how == "photos" else torch.ones(count)
    cos, sin = torch.cos(turn) * scale, torch.sin(turn) * scale
    rows = (torch.stack([cos * flip, -sin, shift[:, 0]], 1), torch.stack([sin * flip, cos, shift[:, 1]], 1))
    grid = functional.affine_grid(torch.stack(rows, 1), list(pictures.shape), align_corners=False)
    return functional.grid_sample(pictures, grid, padding_mode="border", align_corners=False)


@torch.inference_mode()
def accuracies(
    network: nn.Module, classes: tuple[str, ...], both: Mapping[str, DomainImages], case: Case
) -> list[dict[str, Any]]:
    """Accuracy on the training and validation split of both domains; an instance of a foreign class is never right."""
    network.eval()
    rows: list[dict[str, Any]] = []
    for domain in DOMAINS:
        images = both[domain]
        said = [network(models.normalised(images.pixels[batch], case)).argmax(1) for batch in _batches(len(images))]
        right = (
            np.array(classes, dtype=object)[torch.cat(said).numpy()]
            == np.array(images.classes, dtype=object)[images.labels]
        )
        for split, members in (("training", ~images.validation), ("validation", images.validation)):
            share = float(right[members].mean()) if members.any() else float("nan")
            rows.append({"domain": domain, "split": split, "accuracy": share, "n": int(members.sum())})
    return rows


def _batches(count: int) -> list[np.ndarray]:
    return [np.arange(at, min(at + EVALUATION_BATCH, count)) for at in range(0, count, EVALUATION_BATCH)]


def _tensors(network: nn.Module) -> dict[str, np.ndarray]:
    return {name: tensor.detach().numpy().copy() for name, tensor in network.state_dict().items()}


def initialise(network: nn.Module, start: Mapping[str, np.ndarray | Tensor] | None) -> tuple[str, ...]:
    """Copies every tensor of `start` that fits by name and shape; returns the names that were taken."""
    ours = network.state_dict()
    fitting = {
        name: torch.as_tensor(np.array(tensor))
        for name, tensor in (start or {}).items()
        if name in ours and ours[name].shape == tensor.shape
    }
    if start and not fitting:
        raise ModelError("no tensor of the initial checkpoint fits this network; use one of the same architecture")
    network.load_state_dict(fitting, strict=False)
    return tuple(fitting)


def _initial(plan: ModelPlan) -> dict[str, np.ndarray] | None:
    return read_tensors(Path(plan.initial))[0] if plan.initial else None


def read(case: Case, model: str, classes: tuple[str, ...]) -> TrainedModel:
    """The model of a case's checkpoint, with the history that belongs to it.

    Raises ModelError when the file is missing, holds anything but tensors, or does not fit the network.
    """
    plan = case.plan(model)
    tensors, facts = read_tensors(Path(plan.checkpoint))
    models.fill(models.build(case, len(classes)), tensors)  # says now, in one sentence, what does not fit
    history = read_history(Path(plan.history), model) if plan.history else pd.DataFrame(columns=COLUMNS)
    return TrainedModel(tensors, classes, int(facts.get("epoch", 0)), history)


def read_tensors(path: Path) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Tensors by name from `.safetensors` or a state dict, and the file's remarks. Pickled objects are refused."""
    if not path.is_file():
        raise ModelError(f"checkpoint {path} does not exist; give a .safetensors file or a state dict (.pt, .pth)")
    try:
        if path.suffix == ".safetensors":
            from safetensors import safe_open

            with safe_open(path, framework="numpy") as file:
                facts = dict(file.metadata() or {})
            return load_file(path), facts
        with warnings.catch_warnings(action="ignore"):  # about old pickle protocols; what matters is refused anyway
            found = torch.load(path, map_location="cpu", weights_only=True)
    except (SafetensorError, pickle.UnpicklingError, RuntimeError, EOFError, zipfile.BadZipFile) as error:
        first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise ModelError(f"checkpoint {path} is not a file of tensors only ({first}); save a state dict") from None
    if not isinstance(found, dict) or not all(isinstance(tensor, Tensor) for tensor in found.values()):
        raise ModelError(f"checkpoint {path} does not hold a state dict of tensors; save model.state_dict()")
    return {str(name): tensor.float().numpy() for name, tensor in found.items()}, {}


def read_history(path: Path, model: str) -> pd.DataFrame:
    """The rows of one model (and, for the target, of the control) from a history CSV."""
    try:
        table = pd.read_csv(path, dtype={"model": str, "domain": str, "split": str})
    except (OSError, ValueError) as error:
        raise DataError(f"history {path} cannot be read as CSV: {error}") from None
    if missing := [name for name in COLUMNS if name not in table]:
        raise DataError(f"history {path} lacks the column(s) {', '.join(missing)}; it needs {', '.join(COLUMNS)}")
    own = (model, "scratch") if model == "target" else (model,)
    return table.loc[table["model"].isin(own), list(COLUMNS)].reset_index(drop=True)


def write(found: TrainedModel, path: Path) -> None:
    """Saves a model's tensors and its epoch as `.safetensors`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(dict(found.tensors), path, metadata={"epoch": str(found.epoch), "classes": "\n".join(found.classes)})
