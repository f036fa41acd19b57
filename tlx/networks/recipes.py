"""Published recipes: how the weights that torchvision and timm publish take their images, and what their networks are.

Few people train from random weights, and most keep the preprocessing of the weights they began with. Nothing in a
checkpoint tells it, so that it can only be offered, by the name of the architecture.
"""

from __future__ import annotations

import importlib
import importlib.util
import math
from collections.abc import Iterable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from tlx.cases import INTERPOLATIONS, MODELS, Case
from tlx.errors import some
from tlx.networks.architectures import torchvision_names

IMPLIED: dict[str, dict[str, bool]] = {
    "googlenet": {"transform_input": True},
    "inception_v3": {"transform_input": True},
}
"""Options of constructors that torchvision sets where its published weights are asked for, and that change answers."""
SHOWN = 3  # recipes of an architecture that are told
_SWITCHES = ("transparency", "orientation", "levels")
_CLOSE = 1e-3  # of means and deviations: published ones are rounded


@dataclass(frozen=True)
class Recipe:
    """How published weights take images, in the words of a case file.

    weights: their names, "IMAGENET1K_V1"; the others are the keys of a case, which see.
    """

    weights: tuple[str, ...]
    image_size: int
    resize: str
    resize_to: int
    interpolation: str
    mean: tuple[float, ...]
    std: tuple[float, ...]

    @property
    def keys(self) -> dict[str, Any]:
        """The keys of a case file that follow this recipe."""
        return {part.name: getattr(self, part.name) for part in fields(self) if part.name != "weights"}

    def differences(self, case: Case) -> dict[str, Any]:
        """Those whose value in the case is another one, with the recipe's; a grey case has its own mean and std."""
        differing = {}
        for key, value in self.keys.items():
            own = getattr(case, key)
            if key == "resize_to":
                own, value = own or case.image_size, value or self.image_size
            if key in ("mean", "std"):
                close = len(own) == len(value) and all(abs(a - b) < _CLOSE for a, b in zip(own, value, strict=True))
                if close or case.channels == 1:
                    continue
            if own != value:
                differing[key] = value
        return differing


def of(architecture: str) -> tuple[Recipe, ...]:
    """The recipes that are published for an architecture, each once; none where nothing is known of it."""
    if ":" not in architecture and architecture in torchvision_names():
        return _different(_of_torchvision(architecture))
    return _different(_of_timm(architecture.removeprefix("timm:")))


def missing_options(case: Case, model: str) -> dict[str, bool]:
    """Options that published weights of the model's network imply, and that the case says nothing of."""
    said = dict(case.options_of(model))
    implied = IMPLIED.get(case.architecture_of(model), {})
    return {name: value for name, value in implied.items() if name not in said}


def sentences(case: Case) -> list[str]:
    """What the networks see, and beside it what is published for their architectures."""
    seen = {model: case.seen_by(model) for model in MODELS}
    words = {model: in_words(one) for model, one in seen.items()}
    told = [f"both models see images so: {words['source']}"]
    if words["source"] != words["target"]:
        told = [f"the {model} model sees images so: {words[model]}" for model in MODELS]
    by_network: dict[tuple[str, str], list[str]] = {}
    for model in MODELS:
        by_network.setdefault((case.architecture_of(model), words[model]), []).append(model)
    for (architecture, _), users in by_network.items():
        told += _beside(architecture, " and ".join(users), seen[users[0]])
    return told


def _beside(architecture: str, users: str, seen: Case) -> list[str]:
    """A recipe that the models follow, or each one with the keys that would follow it."""
    recipes = of(architecture)
    differing = [recipe.differences(seen) for recipe in recipes]
    if {} in differing:
        followed = recipes[differing.index({})]
        return [f"so do the published weights of {architecture} ({some(followed.weights, 3)})"]
    return [
        f"the published weights of {architecture} ({some(recipe.weights, 3)}) see them so: {in_words(recipe)}; to "
        f"follow them in the {users} model{'s' * (' ' in users)}, write {as_keys(differences)}"
        for recipe, differences in zip(recipes[:SHOWN], differing, strict=False)
    ]


def unsaid(case: Case, model: str) -> str:
    """A sentence where tensors are read into a network whose published weights imply options; "" elsewhere."""
    plan = case.plan(model)
    file = plan.checkpoint or plan.initial
    missing = missing_options(case, model) if file else {}
    if not missing:
        return ""
    architecture, keys = case.architecture_of(model), as_keys(missing)
    others = as_keys({name: not value for name, value in missing.items()})
    return (
        f"the published weights of {architecture} come with the constructor's {keys}, which no checkpoint tells and "
        f"the {model} model is built without: if {Path(file).name} was trained from them, write architecture_options = "
        f"{{ {keys} }}, else {{ {others} }}"
    )


def in_words(case: Case | Recipe) -> str:
    """What is done to an image: "shorter side to 256 px, the middle 224 px, bilinear; mean …, std …"."""
    size, to = case.image_size, case.resize_to or case.image_size
    if case.resize == "crop":
        how = f"shorter side to {to} px, the middle {size} x {size} px taken"
    else:
        how = f"squeezed to {to} x {to} px" + (f", the middle {size} x {size} px taken" if to != size else "")
    switches = {
        "dropped": "alpha dropped",
        "ignored": "EXIF orientation ignored",
        "clipped": "16-bit levels clipped",
    }
    read = [switches[getattr(case, name)] for name in _SWITCHES if getattr(case, name, "") in switches]
    mean, std = (", ".join(f"{number:.4g}" for number in numbers) for numbers in (case.mean, case.std))
    return f"{how}, {case.interpolation}; mean {mean}, std {std}{''.join(f'; {one}' for one in read)}"


def as_keys(values: dict[str, Any]) -> str:
    """Values as the lines of a case file, on one: `resize = "crop", resize_to = 256`."""
    return ", ".join(f"{key} = {_toml(value)}" for key, value in values.items())


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return f'"{value}"'
    return str(list(value)) if isinstance(value, tuple) else str(value)


def _different(recipes: Iterable[Recipe]) -> tuple[Recipe, ...]:
    """Those with the same keys as one."""
    names: dict[tuple[Any, ...], tuple[str, ...]] = {}
    for recipe in recipes:
        what = tuple(recipe.keys.values())
        names[what] = names.get(what, ()) + recipe.weights
    return tuple(Recipe(weights, *what) for what, weights in names.items())


def _of_torchvision(architecture: str) -> Iterable[Recipe]:
    from tlx.networks.torchvision_import import models

    for weights in models.get_model_weights(architecture):
        how = weights.transforms()
        yield Recipe(
            (weights.name,),
            how.crop_size[0],
            "crop",
            how.resize_size[0],
            how.interpolation.value,
            tuple(how.mean),
            tuple(how.std),
        )


def _of_timm(architecture: str) -> Iterable[Recipe]:
    """Of its tag, "resnet18.a1_in1k", or of all of them; none of weights whose recipe no case file can say."""
    if importlib.util.find_spec("timm") is None:
        return
    importlib.import_module("tlx.networks.torchvision_import")  # timm imports torchvision, which may need mending first
    timm = importlib.import_module("timm")
    if not timm.is_model(architecture):
        return
    name, _, tag = architecture.partition(".")
    for weights in [tag] if tag else _tags(timm, name):
        how = timm.get_pretrained_cfg(f"{name}.{weights}" if weights else name)
        if how is not None and (recipe := _timms(weights, how)):
            yield recipe


def _tags(timm: Any, name: str) -> list[str]:
    published = timm.list_pretrained(f"{name}.*")
    return [one.partition(".")[2] for one in published] or [""]


def _timms(weights: str, how: Any) -> Recipe | None:
    """What timm's own transforms do by a pretrained configuration."""
    _, height, width = how.input_size
    if height != width or how.interpolation not in INTERPOLATIONS or how.crop_mode not in ("", "center", "squash"):
        return None
    to = math.floor(height / (how.crop_pct or 0.875))
    resize = "squash" if how.crop_mode == "squash" else "crop"
    return Recipe((weights or "default",), height, resize, to, how.interpolation, tuple(how.mean), tuple(how.std))
