"""`tlx.case`: a case of modules and data in memory.

What it is given is copied, as it is at the time of the call, into a folder of the user's data folder: tensors as
.safetensors files and a case file that names them (`places.data`/notebook/NAME-DIGEST). Everything follows from that:
the fingerprint is of the content, another process shows the case as any other, and what is trained afterwards in the
notebook changes nothing. Modules are programs and written nowhere; `networks.kept` has them while this process lives.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from tlx import pipeline, places
from tlx.casefiles import builtin, loading, writing
from tlx.cases import DOMAINS, MODELS, Case
from tlx.errors import CaseError, DataError, ModelError, UserError, first_line, some, unknown
from tlx.images import files, listings, tensors
from tlx.networks import answers, kept
from tlx.notebook import given
from tlx.notebook.given import Given
from tlx.results import DomainImages

CASE_FILE = "case.toml"
Numbers = float | Sequence[float]
_BEYOND = 0.1  # of the range from 0 to 1: how far resampling may carry the pictures of float images
_LOOKED_AT = 4  # images that a model is run on before a case is made
_LARGEST_LEVEL = 2.0  # of a mean or deviation of images from 0 to 1; those of 0 to 255 have tens


def case(
    *,
    source_model: nn.Module,
    target_model: nn.Module,
    source: Any,
    target: Any,
    classes: Sequence[str] | Mapping[str, Sequence[str]] | None = None,
    mean: Numbers | None = None,
    std: Numbers | None = None,
    source_split: str | Sequence[str] | None = None,
    target_split: str | Sequence[str] | None = None,
    source_title: str = "source",
    target_title: str = "target",
    name: str = "notebook",
    title: str = "",
    about: str = "",
    layers: Sequence[str] = (),
    baseline: str = Case.baseline,
    n_steps: int = Case.n_steps,
    precision: str = Case.precision,
    seed: int = Case.seed,
    output: str = "",
) -> Case:
    """The case of two models and two domains as they are now; the same weights, code and data make the same case.

    Args:
        source_model, target_model: any modules that answer with class scores, (n, classes) logits. They are copied,
            evaluated as copies on this process's device, and left as they are.
        source, target: (images, labels), or a dataset or loader of (image, label). Images are uint8 levels, which the
            models get as (levels / 255 - mean) / std, or floats, which they get as they are: (n, H, W, channels) or
            (n, channels, H, W) arrays or tensors, or lists of such images or of PIL images. Labels are the indices of
            the models' outputs, or class names.
        classes: the names of the outputs in order, for each side ({"source": …, "target": …}) where they differ. Left
            out, a dataset's own names, or else the outputs' numbers.
        mean, std: one number, or one a channel, on the scale from 0 to 1. Needed for levels; of float images they say
            how to show them, and may be left out where these lie from 0 to 1.
        source_split, target_split: "training", "validation" or "test" of each image, or one of them for all. Left out,
            all images count as validation, since nothing says which of them the models learned from.
        source_title, target_title, name, title, about: what pages and addresses call the domains and the case.
        layers, baseline, n_steps, precision, seed, output: as in a case file (docs/cases.md).

    Raises UserError, one sentence on what was given and what would be right.
    """
    domains = {"source": given.read(source, "source"), "target": given.read(target, "target")}
    level = _normalisation(domains, mean, std)
    images = {side: _as_taken(domains[side], side, *level) for side in DOMAINS}
    modules = {"source": source_model, "target": target_model}
    copies = {side: _copied(modules[side], f"{side}_model") for side in MODELS}
    states = {side: _state(copies[side], f"{side}_model") for side in MODELS}
    networks = {side: kept.keep(copies[side]) for side in MODELS}
    told = {side: _told(classes, side) or domains[side].classes for side in DOMAINS}
    outputs = {
        side: _outputs(networks[side], _few(images[side], level), len(told[side]) or None, output, f"{side}_model")
        for side in MODELS
    }
    splits = {"source": source_split, "target": target_split}
    titles = {"source": source_title, "target": target_title}
    parts = {
        side: _domain(domains[side], images[side], _names(side, told[side], domains[side], outputs), splits[side], side)
        for side in DOMAINS
    }
    table: dict[str, Any] = {
        "name": _called(name),
        "title": title or name,
        "about": about or _about([titles[side] for side in DOMAINS if splits[side] is None]),
        "architecture": networks["source"],
        "image_size": domains["source"].size[0],
        "channels": domains["source"].size[2],
        "mean": level[0],
        "std": level[1],
        "layers": list(layers),
        "baseline": baseline,
        "n_steps": n_steps,
        "precision": precision,
        "seed": seed,
        "output": output,
        **{side: {"kind": "tensors", "title": titles[side], "path": f"{side}.safetensors"} for side in DOMAINS},
        **{f"{model}_model": {"checkpoint": f"{model}_model.safetensors"} for model in MODELS},
    }
    if networks["target"] != networks["source"]:
        table["target_model"]["architecture"] = networks["target"]
    table = {key: value.item() if isinstance(value, np.generic) else value for key, value in table.items()}
    made = _written(table, parts, states)
    pipeline.network(made)  # that a layer is unknown, or the two networks' layers do not meet, is told here
    return made


def _called(name: str) -> str:
    if name in builtin.cases():
        raise CaseError(f"name {name!r} is that of a case that comes with tlx; choose another")
    return name


def _about(titles: list[str]) -> str:
    if not titles:
        return "Made in a notebook."
    return (
        f"Made in a notebook. Nothing said which images of {' and '.join(titles)} the models had learned from: all of "
        "them count as validation."
    )


def _normalisation(domains: Mapping[str, Given], mean: Any, std: Any) -> tuple[list[float], list[float]]:
    """Mean and deviation by channel. Raises CaseError where they are missing, and where the two sides do not match."""
    source, target = (domains[side] for side in DOMAINS)
    if source.size != target.size:
        shapes = (" x ".join(map(str, one.size)) for one in (source, target))
        raise CaseError(f"the images of source are {next(shapes)} and those of target {next(shapes)}; make them alike")
    if mean is None and std is None:
        for side, one in domains.items():
            low, high = one.images.min(), one.images.max()
            if one.images.dtype == np.uint8:
                raise CaseError(
                    f"the images of {side} are levels from 0 to 255; say with mean and std how the models take "
                    "them, (levels / 255 - mean) / std, or mean=0, std=1 where levels / 255 is all"
                )
            if low < 0 or high > 1:
                raise CaseError(
                    f"the images of {side} are numbers from {low:.3g} to {high:.3g}, which the models take as they "
                    "are; give mean and std of their normalisation, so that they can be shown"
                )
        mean, std = 0.0, 1.0
    mean, std = (_by_channel(called, one, source.size[2]) for called, one in (("mean", mean), ("std", std)))
    if not all(np.isfinite(mean)) or not all(0 < one < np.inf for one in std):
        raise CaseError(f"mean must be finite and std above 0, not {mean} and {std}")
    if max(*mean, *std) > _LARGEST_LEVEL:
        raise CaseError(f"mean and std are of levels from 0 to 1, so divide {mean} and {std} by 255")
    return mean, std


def _by_channel(called: str, value: Any, channels: int) -> list[float]:
    try:
        numbers = np.atleast_1d(np.asarray(value, dtype=np.float64))
        if numbers.shape not in ((1,), (channels,)):
            raise ValueError
    except (TypeError, ValueError):
        raise CaseError(f"{called} must be one number, or one for each of {channels} channels, not {value!r}") from None
    return [float(one) for one in np.broadcast_to(numbers, channels)]


def _as_taken(one: Given, side: str, mean: list[float], std: list[float]) -> tuple[np.ndarray, np.ndarray | None]:
    """(N, H, W, channels) uint8 pixels to show, and what the models take where that is not these, normalised.

    Floats that are levels, normalised, in every bit (as torchvision's usual transforms make them) are kept as levels.
    Raises DataError where mean and std cannot be theirs.
    """
    if one.images.dtype == np.uint8:
        return one.images, None
    shown = one.images * np.array(std, np.float32) + np.array(mean, np.float32)
    if shown.min() < -_BEYOND or shown.max() > 1 + _BEYOND:
        raise DataError(
            f"the images of {side} times std plus mean go from {shown.min():.3g} to {shown.max():.3g}, and pictures go "
            "from 0 to 1: give the mean and std that they were normalised with"
        )
    pixels = np.rint(shown.clip(0, 1) * 255).astype(np.uint8)
    return pixels, None if np.array_equal(_entering(pixels, mean, std), one.images) else one.images


def _entering(pixels: np.ndarray, mean: list[float], std: list[float]) -> np.ndarray:
    """`models.normalised`, in every bit, with channels last."""
    levels = torch.from_numpy(pixels).float().div_(255)
    return levels.sub_(torch.tensor(mean)).div_(torch.tensor(std)).numpy()


def _copied(module: Any, role: str) -> nn.Module:
    """A copy of the module, to be kept. Raises ModelError for what is no module that can be."""
    if not isinstance(module, nn.Module):
        raise ModelError(
            f"{role} is of type {type(module).__name__}; give a torch module that answers with class scores"
        )
    try:
        return kept.copied(module)
    except ModelError as error:
        raise ModelError(f"{role} {error}") from None


def _state(module: nn.Module, role: str) -> dict[str, Tensor]:
    """Copies of the module's tensors. Raises ModelError for other state and for what is no number."""
    state = {}
    for name, one in module.state_dict().items():
        if not isinstance(one, Tensor):
            raise ModelError(f"{role} has {name!r} in its state dict, which is no tensor; only tensors are kept")
        state[name] = one.clone().contiguous()
        if one.is_floating_point() and (bad := int((~torch.isfinite(one)).sum())):
            raise ModelError(
                f"{role} has {bad:,} value(s) in {name!r} that are NaN or infinite; its training went astray"
            )
    return state


def _outputs(network: str, images: Tensor, classes: int | None, output: str, role: str) -> int:
    """How many scores the model answers images of its own domain with. classes: so many are named, if any are.

    Raises ModelError for what is no answer, and where an image's changes from run to run, or with its batch.
    """
    try:
        answer = answers.run(kept.build(network), role, images)
        count = _scores(answer, classes, output, role)
        scored = answers.scored(kept.build(network), role, count, images, output)
        if len(images) > 1:
            answers.check(scored, role, images)
    except ModelError as error:
        raise ModelError(str(error).replace(f"architecture {role!r}", role)) from None
    return count


def _scores(answer: Any, classes: int | None, output: str, role: str) -> int:
    """The number of scores in an answer, of the part that `output` names or that has one for each of the classes."""
    parts = answers.tensors_in(answer)
    if output not in ("", *parts):
        why = unknown("output", output, parts) if parts else f"it answers with one tensor; leave output={output!r} out"
        raise ModelError(f"{role}: {why}")
    of_use = {"": answer} if isinstance(answer, Tensor) else parts
    widths = [one.shape[1] for key, one in of_use.items() if one.ndim == 2 and output in ("", key)]
    if not widths:
        shapes = ", ".join(str(tuple(one.shape)) for one in of_use.values()) or type(answer).__name__
        raise ModelError(f"{role} answers images with {shapes}; (n, classes) scores are needed")
    count = int(classes if classes in widths else widths[0])
    if classes not in widths and len(set(widths)) > 1:
        raise ModelError(
            f"{role} answers with tensors of {' and '.join(map(str, widths))} numbers; name as many classes as the "
            "scores are, or say with output which of them are the scores"
        )
    if count < 2:
        raise ModelError(f"{role} has one output; two or more classes are needed, one output each")
    return count


def _few(images: tuple[np.ndarray, np.ndarray | None], level: tuple[list[float], list[float]]) -> Tensor:
    """(n, channels, H, W): a few images of a domain from all over it, as the models take them."""
    pixels, inputs = images
    chosen = np.unique(np.linspace(0, len(pixels) - 1, _LOOKED_AT).astype(int))
    given = _entering(pixels[chosen], *level) if inputs is None else inputs[chosen]
    return torch.from_numpy(given).permute(0, 3, 1, 2).contiguous()


def _told(classes: Any, side: str) -> tuple[str, ...]:
    """The names that are given for the outputs of the side's model, or (). Raises CaseError for what are none."""
    told = classes.get(side) if isinstance(classes, Mapping) else classes
    if told is None:
        return ()
    if isinstance(told, str) or not isinstance(told, Sequence | np.ndarray):
        raise CaseError(f"classes must be a list of names, not {told!r}")
    return tuple(map(str, told))


def _names(side: str, told: tuple[str, ...], one: Given, outputs: Mapping[str, int]) -> tuple[str, ...]:
    """What the side's model's outputs mean, in order. Raises CaseError where that is not said, or cannot be."""
    if not told and one.labels.dtype == object:
        raise CaseError(
            f"the labels of {side} are names; say with classes=[…] which output of the models is which, in order"
        )
    if not told and len(set(outputs.values())) > 1:
        raise CaseError(
            f"the models have {outputs['source']} and {outputs['target']} outputs; name those of each with "
            'classes={"source": […], "target": […]}, since classes match by name'
        )
    names = told or tuple(map(str, range(outputs[side])))
    if len(names) != outputs[side]:
        raise CaseError(f"{side}_model has {outputs[side]} outputs, and {len(names)} classes are named: {some(names)}")
    if one.classes and names != one.classes and set(names) == set(one.classes):
        raise CaseError(
            f"classes gives the order {some(names)}, and the dataset of {side} has {some(one.classes)}: its labels are "
            "indices of the latter, so leave classes out or give that order"
        )
    if len(set(names)) < len(names) or not all(map(_is_a_name, names)):
        raise CaseError(f"classes must be different names that are not empty, not {some(names)}")
    return names


def _is_a_name(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return bool(name.strip()) and "\0" not in name and "\n" not in name


def _domain(
    one: Given, images: tuple[np.ndarray, np.ndarray | None], classes: tuple[str, ...], split: Any, side: str
) -> DomainImages:
    labels = one.labels
    if labels.dtype == object:
        if strange := sorted(set(labels.tolist()) - set(classes)):
            raise CaseError(f"label {strange[0]!r} of {side} is none of the classes {some(classes)}")
        labels = np.array([classes.index(name) for name in labels.tolist()])
    elif labels.min() < 0 or labels.max() >= len(classes):
        raise CaseError(
            f"the labels of {side} go from {labels.min()} to {labels.max()}, and the outputs of its model are 0 to "
            f"{len(classes) - 1}"
        )
    if len(present := np.unique(labels)) < 2:
        raise CaseError(f"all images of {side} are of class {classes[present[0]]!r}: there is nothing to tell apart")
    names = np.array([f"{side} {at}" for at in range(len(labels))], dtype=object)
    return DomainImages(images[0], labels, classes, _split(split, len(labels), side), names, inputs=images[1])


def _split(told: Any, count: int, side: str) -> np.ndarray:
    """(n,) of SPLITS. Raises CaseError for other words and counts."""
    words = ["validation" if told is None else told] * count if isinstance(told, str | None) else [*map(str, told)]
    named = {word: listings.split_named(word) for word in dict.fromkeys(words)}
    if strange := [word for word, split in named.items() if not split]:
        raise CaseError(f"{side}_split has {strange[0]!r}; each image is for training, validation or test")
    if len(words) != count:
        raise CaseError(f"{side}_split has {len(words):,} entries, and there are {count:,} images; give one for each")
    split = np.array([named[word] for word in words], dtype=object)
    if (split == "training").all():
        raise CaseError(f"{side}_split leaves no image for validation or test, and models are judged on those")
    return split


def _written(table: dict[str, Any], parts: Mapping[str, DomainImages], states: Mapping[str, dict[str, Tensor]]) -> Case:
    """The case of a folder that holds all of this, made once. Raises CaseError where it cannot be written."""
    home = places.data().absolute() / kept.PREFIX
    try:
        home.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix=".making-", dir=home))
        try:
            for side, images in parts.items():
                tensors.write(draft / f"{side}.safetensors", images)
            for model, state in states.items():
                save_file(state, draft / f"{model}_model.safetensors")
            text = writing.written(table)
            (draft / CASE_FILE).write_text(text, encoding="utf-8")
            loading.load_case(draft / CASE_FILE)  # a wrong parameter is told before anything has its place
            folder = home / f"{_file_name(table['name'])}-{_digest(draft)}"
            if not folder.is_dir():
                draft.rename(folder)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    except UserError:
        raise
    except (TypeError, ValueError) as error:  # tomlkit's, of None or an object among the parameters
        raise CaseError(f"a parameter is of a type that no case has ({first_line(error)}); see docs/cases.md") from None
    except OSError as error:
        raise CaseError(
            f"the case cannot be written below {home} ({error.strerror or error}); set TLX_DATA to a folder that can"
        ) from None
    return loading.load_case(folder / CASE_FILE)


def _file_name(name: str) -> str:
    return re.sub(r"[^\w-]+", "-", name, flags=re.ASCII).strip("-")[:40] or "case"


def _digest(folder: Path) -> str:
    """Of the content of the files in a folder, by name."""
    facts = (f"{path.name} {files.digest(path)}\n" for path in sorted(folder.iterdir()))
    return hashlib.sha256("".join(facts).encode()).hexdigest()[:16]
