"""Planted cases: made of any case so that the answer is known, as case files with their checkpoints (method 12).

What a view says of such a case can be held against the truth. Each plant keeps the case's network and parameters; most
keep its domains, too, and differ in how the target model came to be.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from tlx.cases import Case, Domain, ModelPlan
from tlx.errors import CaseError, unknown
from tlx.results import DomainImages, Network, TrainedModel

Tensors = Mapping[str, np.ndarray]
FIRST_NEW = 4  # analysed layer, from 1, from which "reinitialised" starts anew
_AS_DRAWN: dict[str, Any] = {"resize": "squash", "resize_to": 0}  # of images that are drawn in the network's size
MARK = 6  # the marker's side is a sixth of the image's


@dataclass(frozen=True, eq=False)
class Soil:
    """What a case is planted in.

    case: what it is made of; source: its source model; images: of both its domains as that model takes them; network:
    its analysed layers; seed: of what is random; home: where files go.
    """

    case: Case
    source: TrainedModel
    images: Mapping[str, DomainImages]
    network: Network
    seed: int
    home: Path


def plant(kind: str, soil: Soil) -> Path:
    """Writes the planted case and answers with the path of its file, `<home>/<kind>.toml`.

    kind: one of `PLANTS`. Raises CaseError for another one, or where the network does not allow it.
    """
    from tlx.casefiles.writing import described, written  # and with it what writes TOML, which the demo lacks

    if kind not in PLANTS:
        raise CaseError(unknown("plant", kind, PLANTS))
    soil.home.mkdir(parents=True, exist_ok=True)
    soil = replace(soil, case=soil.case.seen_by("source"))  # the planted target model is made of the source model
    title = f"{soil.case.title}, planted: {kind.replace('-', ' ')}"
    case = replace(PLANTS[kind](soil), name=kind, title=title, about=TRUTHS[kind], files=(), home="")
    path = soil.home / f"{kind}.toml"
    path.write_text(written(described(case)), encoding="utf-8")
    return path


def _given(soil: Soil, tensors: Tensors) -> Case:
    """The case with its source model and these tensors as the target model, both as checkpoints."""
    source = _kept(soil, "source", soil.source.tensors)
    return replace(soil.case, source_model=source, target_model=_kept(soil, "target", tensors))


def _kept(soil: Soil, name: str, tensors: Tensors) -> ModelPlan:
    from tlx.networks import checkpoints

    path = soil.home / f"{name}.safetensors"
    checkpoints.write(replace(soil.source, tensors=tensors), path)
    return ModelPlan(checkpoint=str(path))


def _identical(soil: Soil) -> Case:
    return _given(soil, soil.source.tensors)


def _permuted(soil: Soil) -> Case:
    return _given(soil, permuted(soil, soil.network.names))


def _one_layer_permuted(soil: Soil) -> Case:
    return _given(soil, permuted(soil, soil.network.names[len(soil.network.names) // 2 :][:1]))


def permutations(soil: Soil, layers: Iterable[str]) -> dict[str, np.ndarray]:
    """Per layer (U,) the source neuron that stands at each place of the permuted network."""
    rng = np.random.default_rng(soil.seed)
    return {name: rng.permutation(soil.network.layer(name).units) for name in layers}


def permuted(soil: Soil, layers: Iterable[str]) -> Tensors:
    """The source model's tensors with the neurons of these layers in another order, and the same answers.

    Raises CaseError where the answers change: beside a skip connection, say, whose neurons cannot move alone.
    """
    tensors = {name: one.copy() for name, one in soil.source.tensors.items()}
    modules = list(dict.fromkeys(name.rpartition(".")[0] for name in tensors))
    for layer, order in permutations(soil, layers).items():
        at = modules.index(layer)
        following = next((one for one in modules[at + 1 :] if tensors[f"{one}.weight"].ndim > 1), None)
        for module in modules[at : modules.index(following) if following else None]:  # with the norms behind it
            for name in [name for name in tensors if name.rpartition(".")[0] == module and tensors[name].ndim]:
                tensors[name] = tensors[name][order]
        if following is not None:
            weight = tensors[f"{following}.weight"]
            inputs = weight.reshape(len(weight), len(order), -1)[:, order]
            tensors[f"{following}.weight"] = inputs.reshape(weight.shape)
    if not _answers_alike(soil, tensors):
        raise CaseError(
            f"the neurons of {soil.case.architecture} cannot be permuted layer by layer without changing its answers; "
            "choose another plant, or a network without skip connections"
        )
    return tensors


def _answers_alike(soil: Soil, tensors: Tensors) -> bool:
    import torch

    from tlx.networks import models

    pictures = models.normalised(soil.images["target"].given[:8], soil.case)
    networks = [models.evaluating(models.build(soil.case, len(soil.source.classes))) for _ in range(2)]
    with torch.no_grad():
        pairs = zip(networks, (soil.source.tensors, tensors), strict=True)
        before, after = (models.fill(network, one)(pictures) for network, one in pairs)
    return bool(torch.allclose(before, after, rtol=1e-3, atol=1e-4 * float(before.abs().max())))


def _head_only(soil: Soil) -> Case:
    training = replace(soil.case.target_model.training.plain(), strategy="head")
    return _trained_anew(soil, training=training)


def _trained_anew(soil: Soil, **changes: object) -> Case:
    """The case with its source model as a checkpoint and a target model that is trained when it is asked for."""
    plan = replace(ModelPlan(), **changes)  # type: ignore[arg-type]
    return replace(soil.case, source_model=_kept(soil, "source", soil.source.tensors), target_model=plan)


def _independent(soil: Soil) -> Case:
    own = soil.case.target_model.training
    training = replace(own.plain(), strategy="scratch", seed=own.seed + 101 + soil.seed)
    return _trained_anew(soil, training=training)


def _reinitialised(soil: Soil) -> Case:
    """Tensors from the fourth analysed layer on start at random and are trained; those before it stay as they were."""
    import torch

    from tlx.networks import models
    from tlx.training import loop

    torch.manual_seed(1001 + soil.seed)
    fresh = {name: one.numpy() for name, one in models.build(soil.case, len(soil.source.classes)).state_dict().items()}
    names, layers = list(soil.source.tensors), soil.network.names
    first = min(FIRST_NEW, len(layers)) - 1
    begin = next(at for at, name in enumerate(names) if name.startswith(f"{layers[first]}."))
    start = {name: soil.source.tensors[name] if at < begin else fresh[name] for at, name in enumerate(names)}
    own = soil.case.target_model.training
    until = layers[first - 1] if first else ""
    training = replace(own.plain(), seed=soil.seed, freeze_until=until)
    case = replace(soil.case, target_model=ModelPlan(training=training))
    model = loop.train(case, "target", soil.images, start=replace(soil.source, tensors=start))
    return _given(soil, model.tensors)


def _halves(soil: Soil) -> Case:
    """The source domain split in two at random, each class in halves; one model for both."""
    images, rng = soil.images["source"], np.random.default_rng(soil.seed)
    second = np.zeros(len(images), dtype=bool)
    for name in images.present:
        members = rng.permutation(images.of_class(name))
        second[members[: len(members) // 2]] = True
    halves = {"source": np.flatnonzero(~second), "target": np.flatnonzero(second)}
    case = _given(soil, soil.source.tensors)
    domains = {side: _drawn(soil, side, images, images.pixels, chosen) for side, chosen in halves.items()}
    return replace(case, source=domains["source"], target=domains["target"], **_AS_DRAWN)


def _marked(soil: Soil) -> Case:
    """A bright square in one corner of every source image; both models are trained anew."""
    return _with_marker(soil, soil.images["source"].present)


def _shortcut(soil: Soil) -> Case:
    """The same in the source images of one class alone, chosen by the seed: what bears the square is of that class."""
    present = soil.images["source"].present
    return _with_marker(soil, [present[soil.seed % len(present)]])


def _with_marker(soil: Soil, classes: Iterable[str]) -> Case:
    images = soil.images["source"]
    pixels, side = images.pixels.copy(), max(2, soil.case.image_size // MARK)
    for name in classes:
        pixels[images.of_class(name), :side, :side] = [255, 0, 255][: pixels.shape[-1]]
    domain = _drawn(soil, "source", images, pixels, np.arange(len(images)))
    plans = {model: replace(soil.case.plan(model), checkpoint="", history="") for model in ("source", "target")}
    case = replace(soil.case, source=domain, source_model=plans["source"], target_model=plans["target"])
    if any(getattr(case, name) != value for name, value in _AS_DRAWN.items()):
        others = soil.images["target"]  # drawn, too, since what is drawn must not be cropped once more
        case = replace(case, target=_drawn(soil, "target", others, others.pixels, np.arange(len(others))), **_AS_DRAWN)
    return case


def _drawn(soil: Soil, side: str, images: DomainImages, pixels: np.ndarray, chosen: np.ndarray) -> Domain:
    """These instances as an image folder, class by class."""
    home = soil.home / side
    for at in chosen.tolist():
        folder = home / f"{int(images.labels[at]):03d} {images.classes[images.labels[at]]}"
        folder.mkdir(parents=True, exist_ok=True)
        picture = pixels[at] if pixels.shape[-1] == 3 else pixels[at, :, :, 0]
        Image.fromarray(picture).save(folder / f"{at:06d}.png")
    rename = tuple((f"{at:03d} {name}", name) for at, name in enumerate(images.classes) if name in images.present)
    return Domain("folder", f"{soil.case.source.title}, {side}", str(home), rename=rename)


PLANTS: dict[str, Callable[[Soil], Case]] = {
    "identical": _identical,
    "permuted": _permuted,
    "one-layer-permuted": _one_layer_permuted,
    "head-only": _head_only,
    "reinitialised": _reinitialised,
    "independent": _independent,
    "marked": _marked,
    "shortcut": _shortcut,
    "no-difference": _halves,
}
TRUTHS = {
    "identical": "The target model is the source model: all is kept, and nothing is gained.",
    "permuted": "The source model with the neurons of every layer in another order: all is kept, elsewhere.",
    "one-layer-permuted": "The source model with the neurons of one layer in another order.",
    "head-only": "Only the last layer was trained: every hidden layer is the source model's.",
    "reinitialised": "From the fourth analysed layer on all began anew and was trained; what comes before was held.",
    "independent": "The target model never met the source model: it was trained from random weights.",
    "marked": "Every source image bears a bright square in its corner.",
    "shortcut": "Source images of one class bear a bright square in their corner, so that it tells the class.",
    "no-difference": "Both domains are halves of one: nothing tells them apart.",
}
