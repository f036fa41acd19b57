"""Tensors of a user's files: `.safetensors` or a state dict of torch, alone or in the usual wrapping.

A file is read with torch's tensors-only unpickler: one that holds other objects is refused, and nothing in it is run.
"""

from __future__ import annotations

import re
import warnings
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file
from torch import Tensor, nn

from tlx.errors import ModelError, first_line
from tlx.networks import models
from tlx.results import TrainedModel

WRAPPERS = (
    "state_dict", "model_state_dict", "model", "net", "network", "weights", "state_dict_ema", "model_ema", "ema",
)  # fmt: skip
CLASSES = ("classes", "class_names", "categories")
PREFIXES = ("module.", "_orig_mod.", "model.", "backbone.", "net.", "network.", "encoder.")
_ONLY_FOR_TRAINING = ("aux1.", "aux2.", "AuxLogits.")  # second heads of GoogLeNet and Inception
_KINDS = "a .safetensors file or a state dict (.pt, .pth)"


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """What a file holds: tensors by name as they are stored, and remarks.

    key: under which they lay, "" at the top; others: further keys under which weights of as many tensors lie.
    """

    tensors: dict[str, Tensor]
    remarks: dict[str, str]
    called: str
    key: str = ""
    others: tuple[str, ...] = ()

    @property
    def epoch(self) -> int:
        return int(self.remarks.get("epoch", 0)) if self.remarks.get("epoch", "0").isdigit() else 0

    @property
    def classes(self) -> tuple[str, ...]:
        """What the outputs mean, in order; empty where the file does not say."""
        return tuple(self.remarks.get("classes", "").split("\n")) if self.remarks.get("classes") else ()


def read(path: Path, key: str = "") -> Checkpoint:
    """The weights of a file, or those that lie under a key ("model.ema": under `ema` within `model`).

    Raises ModelError, one sentence, for whatever is not a file of tensors only, and for a key that holds none.
    """
    called = f"checkpoint {path}"
    if path.is_dir():
        raise ModelError(f"{called} is a folder; give {_KINDS}")
    if not path.is_file():
        raise ModelError(f"{called} does not exist; give {_KINDS}, or train it: python -m tlx train CASE")
    if path.stat().st_size == 0:
        raise ModelError(f"{called} is empty; save it again")
    if key and path.suffix == ".safetensors":
        useless = f"{called} has one set of tensors and no keys; leave checkpoint_key = {key!r} out"
        raise ModelError(useless, key="checkpoint_key")
    try:
        checkpoint = _safetensors(path, called) if path.suffix == ".safetensors" else _torch(path, called, key)
    except ModelError:
        raise
    except Exception as error:  # whatever a damaged or hostile file makes the readers raise
        raise ModelError(f"{called} is not a file of tensors only ({_why(error)}); save model.state_dict()") from None
    if not checkpoint.tensors:
        raise ModelError(f"{called} holds no tensors; save model.state_dict()")
    return checkpoint


def _why(error: Exception) -> str:
    wanted = re.search(r"GLOBAL (\S+)", str(error)) or re.search(r"class (\S+) was not an allowed", str(error))
    if wanted:
        return f"it would need {wanted[1]}, and only tensors are read"
    if isinstance(error, SafetensorError | EOFError | zipfile.BadZipFile) or "PytorchStreamReader" in str(error):
        return f"it is damaged or cut off: {first_line(error)}"
    return first_line(error).removesuffix(". This file can still be loaded, to do so you have two options")[:200]


def _safetensors(path: Path, called: str) -> Checkpoint:
    with safe_open(path, framework="pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        return Checkpoint(tensors, dict(file.metadata() or {}), called)


def _torch(path: Path, called: str, key: str) -> Checkpoint:
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            members = archive.namelist()
        if any(name.endswith(".npy") for name in members):
            raise ModelError(f"{called} is a NumPy archive; give {_KINDS}")
        if any(name.endswith("/constants.pkl") for name in members):
            raise ModelError(f"{called} is a TorchScript archive, a program; save its state_dict() and give that")
    elif path.read_bytes()[:2] == b"PK":
        raise ModelError(f"{called} is damaged or cut off: it is an archive without an end; copy or save it again")
    with warnings.catch_warnings(action="ignore"):  # about old pickle protocols; what matters is refused anyway
        content = torch.load(path, map_location="cpu", weights_only=True)
    key, tensors = _state_dict(_under(content, key, called), called, key)
    others = tuple(other for other, count in _weights(content) if other != key and count >= len(tensors))
    return Checkpoint(tensors, _remarks(content, called), called, key, others)


def _remarks(content: Any, called: str) -> dict[str, str]:
    """What a wrapping says of its outputs: `class_to_idx`, `idx_to_class`, or a list of names."""
    named: Any = None
    if isinstance(content, Mapping):
        if isinstance(told := content.get("class_to_idx"), Mapping):
            named = {place: name for name, place in told.items()}
        elif isinstance(told := content.get("idx_to_class"), Mapping):
            named = {int(place): name for place, name in told.items() if str(place).isdecimal()}
        else:
            told = next((content[key] for key in CLASSES if isinstance(content.get(key), list | tuple)), ())
            named = dict(enumerate(told))
    if not named or not all(isinstance(name, str) for name in named.values()):
        return {}
    if sorted(named) != list(range(len(named))):
        raise ModelError(f"{called} names outputs {sorted(named)[:5]} …; its class_to_idx should number them from 0")
    return {"classes": "\n".join(named[at] for at in range(len(named)))}


def _under(content: Any, key: str, called: str) -> Any:
    """What lies under a key, whose parts are parted by dots. Raises ModelError naming the keys there are."""
    found = content
    for part in filter(None, key.split(".")):
        if not isinstance(found, Mapping) or part not in found:
            there = ", ".join(repr(name) for name, _ in _weights(content)) or "none; leave checkpoint_key out"
            strange = f"{called} has nothing under {key!r}; keys that hold weights: {there}"
            raise ModelError(strange, key="checkpoint_key")
        found = found[part]
    return found


def _weights(content: Any, above: str = "", depth: int = 3) -> Iterator[tuple[str, int]]:
    """Every key within the file under which tensors lie by name, and how many."""
    for name, inner in content.items() if isinstance(content, Mapping) and depth else ():
        if isinstance(inner, Mapping):
            key = f"{above}{name}"
            if count := sum(isinstance(one, Tensor) for one in inner.values()):
                yield key, count
            yield from _weights(inner, f"{key}.", depth - 1)


def _state_dict(content: Any, called: str, key: str) -> tuple[str, dict[str, Tensor]]:
    """The tensors in a state dict, or in the first known wrapping, and under which key of the file they lay.

    Epochs, optimisers and the like stay outside.
    """
    if not isinstance(content, Mapping):
        raise ModelError(f"{called} holds {type(content).__name__} and no state dict; save model.state_dict()")
    for name in WRAPPERS:
        if isinstance(content.get(name), Mapping):
            return _state_dict(content[name], called, f"{key}.{name}".lstrip("."))
    tensors = {str(name): one for name, one in content.items() if isinstance(one, Tensor)}
    if not tensors:
        held = ", ".join(map(str, list(content)[:5]))
        raise ModelError(f"{called} holds no tensors{f' but {held}' if held else ''}; save model.state_dict()")
    return key, tensors


def named_for(network: nn.Module, checkpoint: Checkpoint) -> dict[str, Tensor]:
    """The tensors under the names of this network: without the prefixes wrappers put before them, as far as that helps.

    Raises ModelError where a tensor that is asked for holds something that is not a number.
    """
    expected = network.state_dict()
    best = max(_renamed(checkpoint.tensors, depth=3), key=lambda one: len(one.keys() & expected.keys()))
    kept = {name: one for name, one in best.items() if name in expected or not name.startswith(_ONLY_FOR_TRAINING)}
    for name in expected:
        # Only of the right shape are they looked at: another may promise more numbers than the file holds.
        fits = name in kept and kept[name].shape == expected[name].shape
        if fits and (bad := int((~torch.isfinite(kept[name].float())).sum())):
            raise ModelError(
                f"tensor {name!r} of {checkpoint.called} holds {bad:,} value(s) that are NaN or infinite; the training "
                "it comes from went astray, so give an earlier state of it"
            )
    return kept


def _renamed(tensors: dict[str, Tensor], depth: int) -> Iterator[dict[str, Tensor]]:
    yield tensors
    for prefix in PREFIXES if depth else ():
        if any(name.startswith(prefix) for name in tensors):
            bare = {name: one for name, one in tensors.items() if not name.startswith(prefix)}
            bare |= {name[len(prefix) :]: one for name, one in tensors.items() if name.startswith(prefix)}
            yield from _renamed(bare, depth - 1)


def complete(network: nn.Module, path: Path, key: str = "") -> Checkpoint:
    """Fills the network with a file's tensors. Raises ModelError naming what is missing, left over or misshapen."""
    checkpoint = read(path, key)
    models.fill(network, named_for(network, checkpoint), checkpoint.called)
    return checkpoint


def write(model: TrainedModel, path: Path) -> None:
    """Saves a model's tensors: `.safetensors` with its epoch and classes, or else a state dict of torch."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".safetensors":
        remarks = {"epoch": str(model.epoch), "classes": "\n".join(model.classes)}
        # safetensors writes an array's memory as it lies, so a transposed one would come back as another.
        save_file({name: np.asarray(one, order="C") for name, one in model.tensors.items()}, path, metadata=remarks)
    else:
        torch.save({name: torch.from_numpy(tensor.copy()) for name, tensor in model.tensors.items()}, path)
