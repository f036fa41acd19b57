"""Where a training starts: tensors taken over by name and shape, and one sentence on which were not.

A head whose classes differ is taken over class by class, by name: a class that both have keeps its weights.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from tlx.cases import renamed
from tlx.errors import ModelError
from tlx.networks import checkpoints, models
from tlx.results import TrainedModel

SHOWN = 4  # names of tensors in a sentence


def from_checkpoint(network: nn.Module, path: Path, key: str = "") -> tuple[str, ...]:
    """Takes over what fits of a checkpoint's tensors; returns sentences on what. Raises ModelError if none does."""
    checkpoint = checkpoints.read(path, key)
    given = checkpoints.named_for(network, checkpoint)
    return take(network, given, f"checkpoint {path.name}"), *checkpoint.notes


def from_source(
    network: nn.Module,
    source: TrainedModel,
    classes: tuple[str, ...],
    head: str,
    names: Iterable[tuple[str, str]] = (),
) -> str:
    """Takes over what fits of the source model; head: name of the target network's last layer.

    names: (the source network's, the target network's) of modules that are called otherwise.
    """
    tensors = {renamed(name, names): one for name, one in source.tensors.items()}
    if source.classes != classes:
        for name, fresh in network.state_dict().items():
            given = tensors.get(name)
            if name.rpartition(".")[0] == head and given is not None and len(given) == len(source.classes):
                tensors[name] = _rows(given, fresh, source.classes, classes)
    sentence = take(network, tensors, "the source model")
    kept = len(set(source.classes) & set(classes))
    return sentence if kept == len(classes) else f"{sentence}; of the head {kept} of {len(classes)} classes, by name"


def _rows(given: np.ndarray, fresh: Tensor, source_classes: tuple[str, ...], classes: tuple[str, ...]) -> np.ndarray:
    rows: np.ndarray = fresh.detach().cpu().numpy().copy()
    if given.shape[1:] != rows.shape[1:]:
        return given
    for at, name in enumerate(classes):
        if name in source_classes:
            rows[at] = given[source_classes.index(name)]
    return rows


def take(network: nn.Module, tensors: Mapping[str, np.ndarray | Tensor], called: str) -> str:
    """Copies every tensor that fits by name and shape; says how many, and which of the network's start anew and why."""
    expected = network.state_dict()
    given = {name: tuple(one.shape) for name, one in tensors.items() if name in expected}
    fitting = [name for name, shape in given.items() if shape == tuple(expected[name].shape)]
    if not fitting:
        raise ModelError(
            f"no tensor of {called} fits this network: it has {_some(sorted(tensors))}, the network "
            f"{_some(list(expected))}",
            key="initial",
        )
    copies = {
        name: torch.as_tensor(np.array(one) if isinstance(one, np.ndarray) else one)
        for name, one in tensors.items()
        if name in fitting
    }
    models.load(network, copies)
    anew = [
        f"{name} ({_size(given[name])} there, {_size(tuple(expected[name].shape))} here)" if name in given else name
        for name in expected
        if name not in copies and not name.endswith("num_batches_tracked")
    ]
    return f"{len(copies)} of {len(expected)} tensors taken from {called}" + (f", not {_some(anew)}" if anew else "")


def _some(names: list[str]) -> str:
    more = len(names) - SHOWN
    return ", ".join(names[:SHOWN]) + (f" and {more} more" if more > 0 else "")


def _size(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape)) or "1"
