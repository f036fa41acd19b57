"""Tensors of a user's files: `.safetensors` or a state dict of torch, alone or in the usual wrapping.

A file is read with torch's tensors-only unpickler: one that holds other objects is refused, and nothing in it is run.
"""

from __future__ import annotations

import json
import re
import unicodedata
import warnings
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file
from torch import Tensor, nn

from tlx import pointers
from tlx.errors import ModelError, first_line, some
from tlx.networks import models, nearest
from tlx.results import TrainedModel

WRAPPERS = (
    "state_dict", "model_state_dict", "model", "net", "network", "weights", "state_dict_ema", "model_ema", "ema",
)  # fmt: skip
CLASSES = ("classes", "class_names", "categories", "CLASSES", "label_names")
BY_NAME, BY_PLACE = ("class_to_idx", "label2id", "class_to_index"), ("idx_to_class", "id2label", "index_to_class")
# Where in a file these lie: at its top, beside the weights, or among what a run of training keeps of its settings.
_SETTINGS = ("", "hyper_parameters", "config", "meta", "meta.dataset_meta", "args", "hparams", "model", "state_dict")
_UNNAMED = re.compile(r"LABEL_\d+")  # what transformers calls classes that nobody has named
PREFIXES = ("module.", "_orig_mod.", "model.", "backbone.", "net.", "network.", "encoder.")
_ONLY_FOR_TRAINING = ("aux1.", "aux2.", "AuxLogits.")  # second heads of GoogLeNet and Inception
_KINDS = "a .safetensors file or a state dict (.pt, .pth)"


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """What a file holds: tensors by name as they are stored, and remarks.

    key: under which they lay, "" at the top; others: further keys under which weights of as many tensors lie; passed:
    tensors that the network it was read for does not have.
    """

    tensors: dict[str, Tensor]
    remarks: dict[str, str]
    called: str
    key: str = ""
    others: tuple[str, ...] = ()
    passed: tuple[str, ...] = ()

    @property
    def epoch(self) -> int:
        return int(self.remarks.get("epoch", 0)) if self.remarks.get("epoch", "0").isdigit() else 0

    @property
    def classes(self) -> tuple[str, ...]:
        """What the outputs mean, in order; empty where the file does not say."""
        return tuple(self.remarks.get("classes", "").split("\n")) if self.remarks.get("classes") else ()

    @property
    def notes(self) -> tuple[str, ...]:
        """What was read where more than one could have been, and what was not."""
        told = []
        if self.others:
            read = f"the weights under {self.key!r} of its file were" if self.key else "the weights at the top were"
            told.append(
                f"{read} read, and others lie under {', '.join(map(repr, self.others[:3]))}; the key checkpoint_key "
                "chooses"
            )
        if self.passed:
            count, be = (f"{len(self.passed)} tensors", "are") if len(self.passed) > 1 else ("1 tensor", "is")
            told.append(f"{count} beside the network's {be} passed by, such as {self.passed[0]!r}")
        return tuple(told)


def read(path: Path, key: str = "") -> Checkpoint:
    """The weights of a file, or those that lie under a key ("model.ema": under `ema` within `model`).

    The last parts of a key may also be how the names of tensors begin.

    Raises ModelError, one sentence, for whatever is not a file of tensors only, and for a key that holds none.
    """
    called = f"checkpoint {path}"
    if path.is_dir():
        raise ModelError(f"{called} is a folder; give {_KINDS}")
    if not path.is_file():
        raise ModelError(f"{called} does not exist; give {_KINDS}, or train it: python -m tlx train CASE")
    if path.stat().st_size == 0:
        raise ModelError(f"{called} is empty; save it again")
    if pointers.is_pointer(path):
        raise ModelError(f"{called} {pointers.WHY}")
    try:
        checkpoint = _safetensors(path, called, key) if _is_safetensors(path) else _torch(path, called, key)
    except ModelError:
        raise
    except Exception as error:  # whatever a damaged or hostile file makes the readers raise
        raise ModelError(f"{called} is not a file of tensors only ({_why(error)}); save model.state_dict()") from None
    if not checkpoint.tensors:
        raise ModelError(f"{called} holds no tensors; save model.state_dict()")
    return checkpoint


def _is_safetensors(path: Path) -> bool:
    """By how the file begins, or else by its name: the length of a header of JSON, which any other kind lacks."""
    with path.open("rb") as file:
        start = file.read(9)
    if start[8:] == b"{" and int.from_bytes(start[:8], "little") < path.stat().st_size:
        return True
    return path.suffix.lower() == ".safetensors" and not start.startswith(b"PK\x03\x04")


def _why(error: Exception) -> str:
    wanted = re.search(r"GLOBAL (\S+)", str(error)) or re.search(r"class (\S+) was not an allowed", str(error))
    if wanted:
        return f"it would need {wanted[1]}, and only tensors are read from a file"
    if isinstance(error, SafetensorError | EOFError | zipfile.BadZipFile) or "PytorchStreamReader" in str(error):
        return f"it is damaged or cut off: {first_line(error)}"
    if "Weights only load failed" in str(error):
        return "it is none that torch.save or safetensors writes"
    return first_line(error)[:200]


def _safetensors(path: Path, called: str, key: str) -> Checkpoint:
    with safe_open(path, framework="pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        remarks = dict(file.metadata() or {})
        told = {name: _of_json(remarks[name]) for name in (*CLASSES, *BY_NAME, *BY_PLACE) if name in remarks}
        return Checkpoint(_under(tensors, key, called), remarks | _remarks(told, called), called, key)


def _of_json(text: str) -> Any:
    """What a remark holds that is written as JSON; nothing of any other, such as our own lines of names."""
    try:
        return json.loads(text)
    except ValueError:
        return None


def _torch(path: Path, called: str, key: str) -> Checkpoint:
    content = _content(path, called)
    key, tensors = _state_dict(_under(content, key, called), called, key)
    others = tuple(
        other
        for other, count in _weights(content)
        if other != key and count >= len(tensors) and not key.startswith(f"{other}.")
    )
    return Checkpoint(tensors, _remarks(content, called), called, key, others)


def _content(path: Path, called: str) -> Any:
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            members = archive.namelist()
        if any(name.endswith(".npy") for name in members):
            raise ModelError(f"{called} is a NumPy archive; give {_KINDS}")
        if any(name.endswith("/constants.pkl") for name in members):
            raise ModelError(f"{called} is a TorchScript archive, a program; save its state_dict() and give that")
        if not any(name.endswith("/data.pkl") for name in members):
            held = some(members, 3) or "nothing"
            raise ModelError(f"{called} is an archive that torch.save did not write, which holds {held}; give {_KINDS}")
    elif path.read_bytes()[:2] == b"PK":
        raise ModelError(f"{called} is damaged or cut off: it is an archive without an end; copy or save it again")
    # Open, since torch judges by the name otherwise; warnings are of old pickle protocols, which are refused anyway.
    with path.open("rb") as file, warnings.catch_warnings(action="ignore"):
        return torch.load(file, map_location="cpu", weights_only=True)


def _remarks(content: Any, called: str) -> dict[str, str]:
    """What a wrapping, or the settings kept in it, says of its outputs: names by place or places by name, or a list."""
    for settings in _SETTINGS:
        held = content
        for part in settings.split(".") if settings else ():
            held = held.get(part) if isinstance(held, Mapping) else None
        for key in (*BY_NAME, *BY_PLACE, *CLASSES) if isinstance(held, Mapping) else ():
            if names := _by_place(held.get(key), by_name=key in BY_NAME):
                if sorted(names) != list(range(len(names))):
                    places = some([*map(str, sorted(names))], 5)
                    raise ModelError(f"{called} names outputs {places}; its {key} should number them from 0")
                return {"classes": "\n".join(names[at] for at in range(len(names)))}
    return {}


def _by_place(told: Any, *, by_name: bool) -> dict[int, str]:
    """Names by output, of {name: place}, {place: name} or a list of names; nothing of anything else.

    by_name: which of the first two is looked for first, since names may be numbers as well.
    """
    if isinstance(told, list | tuple):
        told, by_name = dict(enumerate(told)), False
    pairs = [*told.items()] if isinstance(told, Mapping) else []
    turned = [(place, name) for name, place in pairs]
    for some_pairs in (turned, pairs) if by_name else (pairs, turned):
        places = [_place(place) for place, _ in some_pairs]
        found = {
            place: unicodedata.normalize("NFC", name)
            for place, (_, name) in zip(places, some_pairs, strict=True)
            if place is not None and isinstance(name, str) and not _UNNAMED.fullmatch(name)
        }
        if len(found) == len(pairs):
            return found
    return {}


def _place(one: Any) -> int | None:
    """A whole number, also where it is written as 1.0 or "1"."""
    if isinstance(one, str):
        return int(one) if one.isdecimal() else None
    return int(one) if isinstance(one, int | float) and not isinstance(one, bool) and one == int(one) else None


def _under(content: Any, key: str, called: str) -> Any:
    """What lies under a key, whose parts are parted by dots: within one another, or tensors whose names begin so.

    Raises ModelError naming the keys there are.
    """
    found, parts = content, key.split(".") if key else []
    for at, part in enumerate(parts):
        held = found if isinstance(found, Mapping) else {}
        if part not in held:
            if begun := _begun(held, ".".join([*parts[at:], ""])):
                return begun
            raise ModelError(f"{called} has nothing under {key!r}; {_keys(content)}", key="checkpoint_key")
        found = held[part]
    return found


def _keys(content: Any) -> str:
    """What may be chosen as the key of a file's weights."""
    if keys := [repr(name) for name, _ in _weights(content)]:
        return f"keys that hold weights: {some(keys, 8)}"
    starts = [repr(start) for start in _beginnings(content)] if isinstance(content, Mapping) else []
    begin = f"the names of its tensors begin with {some(starts)}; " if starts else ""
    return f"{begin}leave checkpoint_key out"


def _begun(tensors: Mapping[Any, Any], start: str) -> dict[str, Tensor]:
    """The tensors whose names begin so, without that beginning."""
    return {
        name[len(start) :]: one
        for name, one in tensors.items()
        if isinstance(name, str) and isinstance(one, Tensor) and name.startswith(start)
    }


def _beginnings(tensors: Mapping[Any, Any]) -> list[str]:
    """The first parts of tensors' names: `student.` and `teacher.`, for instance."""
    named = (name for name, one in tensors.items() if isinstance(name, str) and isinstance(one, Tensor))
    return list(dict.fromkeys(f"{name.partition('.')[0]}." for name in named if "." in name))


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
        inner = [name for name, _ in _weights(content) if not re.search("optim|sched|scaler", name)]
        if len(inner) == 1:
            return _state_dict(_under(content, inner[0], called), called, f"{key}.{inner[0]}".lstrip("."))
        if inner:
            keys = some([repr(f"{key}.{name}".lstrip(".")) for name in inner], 8)
            raise ModelError(f"{called} holds weights under {keys}; choose with checkpoint_key", key="checkpoint_key")
        held = ", ".join(map(str, list(content)[:5]))
        raise ModelError(f"{called} holds no tensors{f' but {held}' if held else ''}; save model.state_dict()")
    return key, tensors


def named_for(network: nn.Module, checkpoint: Checkpoint) -> dict[str, Tensor]:
    """The tensors under the names of this network: without the prefixes wrappers put before them, as far as that helps.

    Another prefix is taken off where with it, and it alone, all of the network's tensors are there; where the network
    wraps the one that was saved, its own prefix is put before. Raises ModelError where several prefixes could be meant,
    and where a tensor that is asked for holds something that is not a number.
    """
    expected, own = network.state_dict(), _wrapper(network)
    best = _matched(checkpoint, expected)
    if own and _lacking(expected, best):
        inner = {name.removeprefix(own): one for name, one in expected.items()}
        if not _lacking(inner, saved := _matched(checkpoint, inner)):
            best = {f"{own}{name}": one for name, one in saved.items()}
    kept = {name: one for name, one in best.items() if name in expected or not name.startswith(_ONLY_FOR_TRAINING)}
    for name in expected:
        # Only of the right shape are they looked at: another may promise more numbers than the file holds.
        fits = name in kept and kept[name].shape == expected[name].shape
        if fits and (kind := _no_numbers(kept[name], expected[name])):
            raise ModelError(
                f"tensor {name!r} of {checkpoint.called} holds {kind}; give the weights as plain floating-point numbers"
            )
        if fits and (bad := int((~torch.isfinite(kept[name].float())).sum())):
            raise ModelError(
                f"tensor {name!r} of {checkpoint.called} holds {bad:,} value(s) that are NaN or infinite; the training "
                "it comes from went astray, so give an earlier state of it"
            )
    return kept


def _no_numbers(given: Tensor, expected: Tensor) -> str:
    """What a tensor holds instead of the numbers themselves; "" where it holds these."""
    if given.is_quantized or (expected.is_floating_point() and not given.is_floating_point()):
        return f"numbers of type {given.dtype}, as quantisation leaves them"
    if given.is_meta:
        return "a shape without numbers"
    return "" if given.layout == torch.strided else f"numbers in the layout {given.layout}"


def _wrapper(network: nn.Module) -> str:
    """How the names of all tensors of a network begin that only wraps another, "model."; "" for any other."""
    starts = _beginnings(network.state_dict())
    return starts[0] if len(starts) == 1 and all(name.startswith(starts[0]) for name in network.state_dict()) else ""


def _matched(checkpoint: Checkpoint, expected: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors under the names, as far as these can be found, that a network expects."""
    best = _best(checkpoint.tensors, expected)
    whole = _whole(checkpoint.tensors, expected) if _lacking(expected, best) else []
    if not whole:
        return best
    if len(whole) > 1:
        keys = [repr(".".join(filter(None, (checkpoint.key, start[:-1])))) for start in whole]
        raise ModelError(
            f"{checkpoint.called} holds the weights of this network {len(whole)} times, with names that begin with "
            f"{some([repr(start) for start in whole])}; choose with checkpoint_key = {' or '.join(keys[:4])}",
            key="checkpoint_key",
        )
    others = {name: one for name, one in checkpoint.tensors.items() if not name.startswith(whole[0])}
    return others | _begun(checkpoint.tensors, whole[0])


def _best(tensors: dict[str, Tensor], expected: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return max(_renamed(tensors, depth=3), key=lambda one: len(one.keys() & expected.keys()))


def _lacking(expected: Mapping[str, Tensor], given: Mapping[str, Tensor]) -> list[str]:
    """The network's tensors that are not there; batch norm's counters are not needed, and older files have none."""
    return [name for name in expected if name not in given and not name.endswith("num_batches_tracked")]


def _whole(tensors: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> list[str]:
    """Beginnings of names, "student.", after which every tensor of the network is named."""
    needed = _lacking(expected, {})
    if not needed:
        return []
    starts = [name.removesuffix(needed[0]) for name in tensors if name.endswith(f".{needed[0]}")]
    return [start for start in starts if all(f"{start}{name}" in tensors for name in needed)]


def _renamed(tensors: dict[str, Tensor], depth: int) -> Iterator[dict[str, Tensor]]:
    yield tensors
    for prefix in PREFIXES if depth else ():
        if any(name.startswith(prefix) for name in tensors):
            bare = {name: one for name, one in tensors.items() if not name.startswith(prefix)}
            bare |= {name[len(prefix) :]: one for name, one in tensors.items() if name.startswith(prefix)}
            yield from _renamed(bare, depth - 1)


def complete(network: nn.Module, path: Path, key: str = "") -> Checkpoint:
    """Fills the network with a file's tensors, and passes by those that the network does not have.

    Raises ModelError, the first of `faults`.
    """
    checkpoint = read(path, key)
    given = named_for(network, checkpoint)
    if wrong := _faults(network, checkpoint, given, path):
        raise ModelError(wrong[0])
    expected = network.state_dict()
    models.fill(network, {name: one for name, one in given.items() if name in expected}, checkpoint.called)
    return _told(checkpoint, given, expected)


def faults(network: nn.Module, path: Path, key: str = "") -> list[str]:
    """Why a file does not fill the network, one sentence each. Raises ModelError where it cannot be read at all."""
    checkpoint = read(path, key)
    return _faults(network, checkpoint, named_for(network, checkpoint), path)


def _told(checkpoint: Checkpoint, given: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> Checkpoint:
    """The checkpoint with what of its file was passed by: single tensors, and further sets of the same weights."""
    held = _whole(checkpoint.tensors, expected)
    taken = {id(one) for name, one in given.items() if name in expected}
    one = next(iter(_lacking(expected, {})), "")
    others = tuple(start for start in held if id(checkpoint.tensors[f"{start}{one}"]) not in taken)
    where = {start: ".".join(filter(None, (checkpoint.key, start[:-1]))) for start in held}
    key = checkpoint.key
    if others and (own := [start for start in held if start not in others]):
        key = where[own[0]]
    passed = tuple(name for name in given if name not in expected and not name.startswith(others))
    return replace(checkpoint, key=key, others=(*checkpoint.others, *(where[start] for start in others)), passed=passed)


def _faults(network: nn.Module, checkpoint: Checkpoint, given: Mapping[str, Tensor], path: Path) -> list[str]:
    expected, called = network.state_dict(), checkpoint.called
    wrong = [f"in {called} {one}" for one in models.misfits(network, given)]
    if first := _of_another(network, checkpoint, given):
        wrong.insert(0, first)
    elif not wrong or models.only_the_head_differs(network, given):
        return wrong
    hint = _key_that_fits(expected, checkpoint, path) or _nearest(network, checkpoint)
    return [f"{wrong[0]}; {hint}"] if hint else wrong  # what is of another network misfits all over


def _of_another(network: nn.Module, checkpoint: Checkpoint, given: Mapping[str, Tensor]) -> str:
    """How the names of a file's tensors are others than the network's; "" where those beside its own do no harm."""
    expected, called = network.state_dict(), checkpoint.called
    more = [name for name in given if name not in expected]
    if lacking := _lacking(expected, given):
        too = f", and has {len(more)} that it does not, such as {more[0]!r}" if 0 < len(more) < len(given) else ""
        return (
            f"{called} lacks {len(lacking)} of this network's {len(expected)} tensors, such as {lacking[0]!r}{too}; "
            f"the names in it are {_few_names(checkpoint.tensors)}"
        )
    within = [name for name in more if given[name].is_floating_point() and _is_within(network, name)]
    if within:
        return (
            f"{called} has {len(within)} tensor(s) more in parts of this network than the network has there, such as "
            f"{within[0]!r}; it comes from a larger one"
        )
    return ""


def _is_within(network: nn.Module, name: str) -> bool:
    """Whether a tensor of this name belongs to a part that the network has too, or to one more of its sequence."""
    while start := _wrapper(network):
        network, name = network.get_submodule(start[:-1]), name.removeprefix(start)
    first = name.partition(".")[0]
    return first.isdecimal() or any(first == part for part, _ in network.named_children())


def _few_names(tensors: Mapping[str, Tensor]) -> str:
    """A few of a file's names, and how all of them begin."""
    starts = _beginnings(tensors)
    same = len(starts) == 1 and all(name.startswith(starts[0]) for name in tensors)
    return some([repr(name) for name in tensors], 3) + (f", all beginning with {starts[0]!r}" if same else "")


def _key_that_fits(expected: Mapping[str, Tensor], checkpoint: Checkpoint, path: Path) -> str:
    """Says which other key of the file holds weights that fit the network whole; "" where none does."""
    content: Any = {} if _is_safetensors(path) else _content(path, checkpoint.called)
    for key, _ in _weights(content):
        given = _best({str(name): one for name, one in _under(content, key, "").items()}, expected)
        if all(name in given and given[name].shape == expected[name].shape for name in _lacking(expected, {})):
            return f"its weights under {key!r} fit, so say checkpoint_key = {key!r}"
    return ""


def _nearest(network: nn.Module, checkpoint: Checkpoint) -> str:
    held = checkpoint.tensors
    named = [*_renamed(held, depth=3), *(_begun(held, start) for start in _beginnings(held))]
    name, fitting, total = nearest.architecture(named, network)
    share = f"all {total}" if fitting == total else f"{fitting} of the {total}"
    return f"the nearest of torchvision's networks is {name}, {share} tensors of which fit" if name else ""


def write(model: TrainedModel, path: Path) -> None:
    """Saves a model's tensors: `.safetensors` with its epoch and classes, or else a state dict of torch."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".safetensors":
        remarks = {"epoch": str(model.epoch), "classes": "\n".join(model.classes)}
        # safetensors writes an array's memory as it lies, so a transposed one would come back as another.
        save_file({name: np.asarray(one, order="C") for name, one in model.tensors.items()}, path, metadata=remarks)
    else:
        torch.save({name: torch.from_numpy(tensor.copy()) for name, tensor in model.tensors.items()}, path)
