"""Cases: one transfer experiment each, fully determined and hashable.

A `Case` says everything that changes a number; `Case.fingerprint` condenses it, and what lies on disk (images,
checkpoints, histories), into the key under which results are kept. These are values: `casefiles` makes them of names
and files.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import MISSING, Field, dataclass, field, fields, replace
from functools import lru_cache
from typing import Any

from tlx.errors import CaseError, unknown

MODELS = ("source", "target")
DOMAINS = ("source", "target")
DOMAIN_KINDS = ("printed-digits", "handwritten-digits", "folder", "csv", "torchvision", "tensors")
PLACED = ("folder", "csv", "torchvision", "tensors")  # those that lie at a path
SPLITS = ("given", "random", "groups")
UNREADABLE = ("fail", "skip")
ORDERS = ("", "alphabetical", "natural")
STRATEGIES = ("all", "head", "scratch")
REFINEMENTS = ("freeze_until", "head_epochs", "train_only", "layer_rates")  # of the strategy "all"
HEAD = "head"  # what `train_only` and `layer_rates` call the last layer, whatever its module is called
AUGMENTS = ("none", "digits", "photos")
BASELINES = ("mean", "black")
PRECISIONS = ("float32", "bfloat16")
CRITERIA = ("conductance", "gradient_activation", "activation", "internal_influence", "deep_lift", "lrp")
"""`analysis.criteria` has a function for each."""
RESIZES = ("squash", "crop")
INTERPOLATIONS = ("bilinear", "bicubic", "nearest", "lanczos")
TRANSPARENCIES = ("white", "dropped")
ORIENTATIONS = ("turned", "ignored")
LEVELS = ("scaled", "clipped")


@dataclass(frozen=True)
class Domain:
    """Where one domain's labelled images come from.

    kind: one of DOMAIN_KINDS; path: image folder, CSV of paths and labels, root of a torchvision dataset, or file of
    tensors (`images.tensors`); dataset: torchvision's name, or one of `rendered_digits.KINDS`; options: what
    torchvision's class takes (train, split); per_class: at most this many images of a class (seeded choice), 0 for
    all; training_share: the rest is held out, stratified by class; test_share: of the held-out part, for test, the
    others being the validation split; split: "given" (split folders or the CSV's column where there are some, else
    random), "random", or "groups" (all images of an object on one side); rename: (old, new) class names, so that
    domains match; classes: these only, in this order; order: of the classes where they are not listed, "natural" puts 2
    before 10, "" is alphabetical and an error where a checkpoint leaves open which of the two its outputs follow;
    unreadable: "fail", or "skip" to leave broken images out.
    """

    kind: str
    title: str
    path: str = ""
    dataset: str = ""
    per_class: int = 0
    training_share: float = 0.85
    seed: int = 0
    options: tuple[tuple[str, str | int | bool], ...] = ()
    rename: tuple[tuple[str, str], ...] = ()
    classes: tuple[str, ...] = ()
    split: str = "given"
    unreadable: str = "fail"
    test_share: float = 0.0
    order: str = ""


Options = tuple[tuple[str, bool | int | float | str | tuple[bool | int | float | str, ...]], ...]
"""What the constructor of a network is given: (name, value) pairs; a value may be a list."""


@dataclass(frozen=True)
class Preprocessing:
    """How a picture becomes the pixels that a network is given: `image_size` x `image_size` with `channels` channels.

    resize: "squash" makes a square of side `resize_to` of the whole picture, "crop" makes its shorter side that long;
    of either the middle `image_size` x `image_size` are taken, black where there is less. resize_to: 0 for image_size,
    so that nothing is cut off a square; interpolation: PIL's filter. How a file becomes RGB: transparency: what is
    transparent becomes "white", or alpha is "dropped"; orientation: photos are "turned" as their EXIF entry says, or it
    is "ignored"; levels: those of 16 bits are "scaled" to 8, or "clipped" as PIL does. The second of each is what
    `Image.open(file).convert("RGB")` does, the loader of torchvision's `ImageFolder`.
    """

    image_size: int
    channels: int = 3
    resize: str = "squash"
    resize_to: int = 0
    interpolation: str = "bilinear"
    transparency: str = "white"
    orientation: str = "turned"
    levels: str = "scaled"


def in_natural_order(names: Iterable[str]) -> tuple[str, ...]:
    """Numbers within names count as numbers: 1, 2, 10, a2, a10; other parts are letters as in alphabetical order."""

    def parts(name: str) -> list[tuple[int, str]]:
        return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", name)]

    return tuple(sorted(names, key=parts))


@dataclass(frozen=True)
class Training:
    """How a model is trained: AdamW with a cosine schedule, the best validation epoch kept.

    strategy: "all" trains every tensor, "head" only the last layer, "scratch" every tensor from random weights;
    freeze_until: with "all", what runs up to this layer (itself included) stays as it was; train_only: with "all",
    these layers and the head learn and everything else stays as it was; layer_rates: with "all", (layer, factor) pairs,
    by which the learning rate of these layers is multiplied; head_epochs: with "all", so many of the epochs at the
    start train the last layer only; augment: "none", "digits" (shifts, small rotations and scalings) or "photos"
    (random crops and horizontal flips).
    """

    epochs: int = 20
    batch_size: int = 64
    learning_rate: float = 1e-3
    weight_decay: float = 1e-2
    augment: str = "none"
    strategy: str = "all"
    seed: int = 0
    freeze_until: str = ""
    head_epochs: int = 0
    train_only: tuple[str, ...] = ()
    layer_rates: tuple[tuple[str, float], ...] = ()

    def plain(self) -> Training:
        """The same training of all layers at once, with one rate."""
        return replace(self, strategy="all", freeze_until="", head_epochs=0, train_only=(), layer_rates=())


@dataclass(frozen=True)
class ModelPlan:
    """How one model comes to be: read from a checkpoint, or trained.

    checkpoint: `.safetensors` or a state dict; checkpoint_key: where in its file the state dict lies, "" for the usual
    places; history: CSV of accuracies that belongs to it; initial: checkpoint whose tensors initialise matching parts
    before training (the target model always starts from the source model); architecture: where this model's network is
    another one than the case's; architecture_options: what the constructor of
    this model's network is given, instead of the case's; image_size … interpolation: where this model was trained on
    other inputs than the case says, see `Case.seen_by`; output: the case's for this model; layers: of the target model
    only, (the source network's name, this network's name) of modules that correspond under other names, see `renamed`;
    all others correspond by name.
    """

    checkpoint: str = ""
    history: str = ""
    initial: str = ""
    training: Training = field(default_factory=Training)
    architecture: str = ""
    checkpoint_key: str = ""
    architecture_options: Options = ()
    image_size: int = 0
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    resize: str = ""
    resize_to: int = 0
    interpolation: str = ""
    output: str = ""
    layers: tuple[tuple[str, str], ...] = ()


def renamed(name: str, names: Iterable[tuple[str, str]]) -> str:
    """A module's or tensor's name in another network: what lies within a named block goes along with it.

    With ("layer1", "stage.0") "layer1.conv.weight" is "stage.0.conv.weight"; the longest beginning counts.
    """
    to = dict(names)
    parts = name.split(".")
    for end in range(len(parts), 0, -1):
        if (other := to.get(".".join(parts[:end]))) is not None:
            return ".".join([other, *parts[end:]])
    return name


@dataclass(frozen=True)
class Case:
    """One transfer experiment: two domains, one architecture, how each model came to be, all parameters.

    layers: analysed layers by module name, empty for every convolution and linear layer but the last; baseline: "mean"
    (zero after normalisation) or "black"; n_steps: path steps of layer conductance; precision: of conductance and
    feature images, "float32" or "bfloat16", about twice as fast on processors that have it; seed: of embedding and
    feature images; criterion: what attributes the score to neurons, asked for beside a case (`replace(case,
    criterion=…)`) and never said in its file (method 9); files: digest of every file the case depends on, by role;
    home: the folder of the case file, where a module that `architecture` names may lie; bundle: the file that all
    results come from, where it was opened from one; control: whether the control is trained without being asked for;
    image_size, channels, resize … levels: see `Preprocessing`; architecture_options: what the constructor of the
    network is given; output: which part of what the network answers holds the class scores, a place ("0") or a key
    ("logits"), where it answers with several tensors, "" for the first that can.
    """

    name: str
    title: str
    source: Domain
    target: Domain
    architecture: str
    about: str = ""
    image_size: int = 224
    channels: int = 3
    mean: tuple[float, ...] = (0.485, 0.456, 0.406)
    std: tuple[float, ...] = (0.229, 0.224, 0.225)
    layers: tuple[str, ...] = ()
    source_model: ModelPlan = field(default_factory=ModelPlan)
    target_model: ModelPlan = field(default_factory=ModelPlan)
    baseline: str = "mean"
    n_steps: int = 8
    precision: str = "float32"
    seed: int = 0
    criterion: str = "conductance"
    files: tuple[tuple[str, str], ...] = ()
    home: str = ""
    bundle: str = ""
    control: bool = False
    resize: str = "squash"
    resize_to: int = 0
    interpolation: str = "bilinear"
    transparency: str = "white"
    orientation: str = "turned"
    levels: str = "scaled"
    architecture_options: Options = ()
    output: str = ""

    @property
    def preprocessing(self) -> Preprocessing:
        """How its pictures become pixels."""
        return Preprocessing(**{part.name: getattr(self, part.name) for part in fields(Preprocessing)})

    def domain(self, name: str) -> Domain:
        """The domain called "source" or "target"."""
        return {"source": self.source, "target": self.target}[checked("domain", name, DOMAINS)]

    def plan(self, model: str) -> ModelPlan:
        """How the model called "source" or "target" comes to be."""
        return {"source": self.source_model, "target": self.target_model}[checked("model", model, MODELS)]

    def architecture_of(self, model: str) -> str:
        """The name of the network of the model called "source" or "target"."""
        return self.plan(model).architecture or self.architecture

    def output_of(self, model: str) -> str:
        """Which part of its answer holds the class scores of the model called "source" or "target"."""
        return self.plan(model).output or self.output

    def options_of(self, model: str) -> Options:
        """What the constructor of its network is given: a network of the model's own takes no options of the case's."""
        plan = self.plan(model)
        return plan.architecture_options or (() if plan.architecture else self.architecture_options)

    @property
    def two_networks(self) -> bool:
        """Whether the models' networks differ: for images of another size the same one has maps of another size."""
        source, target = (
            (self.architecture_of(model), self.options_of(model), self.seen_by(model).image_size) for model in MODELS
        )
        return source != target

    def seen_by(self, model: str) -> Case:
        """The case as the model takes its images: what its plan says of them in place of what the case says.

        Stages that feed a model are handed this case. Of the pipeline's functions it is one for `images` alone; the
        others take the case itself. A model with an image_size of its own has a resize_to of its own, too, so that the
        case's is never held against another size. The case itself where the plan says nothing.
        """
        plan = self.plan(model)
        own: dict[str, Any] = {name: value for name in _INPUTS if (value := getattr(plan, name))}
        if not own:
            return self
        if plan.image_size:
            own["resize_to"] = plan.resize_to
        rest = replace(plan, **{part.name: default(part) for part in fields(plan) if part.name in _INPUTS})
        return replace(self, **own | {f"{model}_model": rest})

    def fingerprint(self, part: str = "analysis") -> str:
        """Sixteen hex digits that change with anything that could change a result of this part.

        part: "data" (the images), "source" (and the source model), "models" (and both) or "analysis" (everything).
        Where a file lies is not in it, what it holds is: a moved case keeps its results.
        """
        return _fingerprint(self, checked("part", part, tuple(_PARTS)))


_INPUTS = ("image_size", "mean", "std", "resize", "resize_to", "interpolation")  # that a model may have of its own
_DATA_FIELDS = ("source", "target", *(part.name for part in fields(Preprocessing)))
_SOURCE_FIELDS = (*_DATA_FIELDS, "architecture", "architecture_options", "output", "mean", "std", "source_model")
_MODEL_FIELDS = (*_SOURCE_FIELDS, "target_model")
_PARTS = {
    "data": _DATA_FIELDS,
    "source": _SOURCE_FIELDS,
    "models": _MODEL_FIELDS,
    "analysis": (*_MODEL_FIELDS, "layers", "baseline", "n_steps", "precision", "seed", "criterion"),
}
PATHS = ("path", "checkpoint", "history", "initial")
_SAYS_NOTHING = {"title", *PATHS}  # names and places; contents are in `files`


@lru_cache(maxsize=256)
def _fingerprint(case: Case, part: str) -> str:
    others = set(_PARTS["models"]) - set(_PARTS[part])  # whose files say nothing about this part
    files = [(role, digest) for role, digest in case.files if role.partition(".")[0] not in others]
    facts = {name: value for name, value in _plain(case).items() if name in _PARTS[part]} | {"files": files}
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16]


def _plain(value: Any) -> Any:
    """A dataclass as a dict of what differs from its defaults, so that a new option does not drop stored results.

    A default that changes therefore needs another CACHE_VERSION; a test reminds of it.
    """
    if not hasattr(value, "__dataclass_fields__"):
        return value
    plain = {f.name: _plain(getattr(value, f.name)) for f in fields(value) if f.name not in _SAYS_NOTHING}
    return {f.name: plain[f.name] for f in fields(value) if f.name in plain and plain[f.name] != _plain(default(f))}


def default(part: Field[Any]) -> Any:
    """The default of a dataclass's field, MISSING where it has none."""
    return part.default_factory() if part.default_factory is not MISSING else part.default


def checked(kind: str, given: str, valid: tuple[str, ...]) -> str:
    """The given choice, if it is one of the valid ones. Raises CaseError that lists them."""
    if given not in valid:
        raise CaseError(unknown(kind, given, valid))
    return given
