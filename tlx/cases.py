"""Cases: one transfer experiment each, fully determined and hashable, built in or read from a TOML file.

A `Case` says everything that changes a number; `Case.fingerprint` condenses it, and what lies on disk (images,
checkpoints, histories), into the key under which results are kept. This module reads names and file facts only: it
opens no image and no checkpoint, and imports neither torch nor Streamlit.
"""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Mapping
from dataclasses import MISSING, Field, dataclass, field, fields, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from tlx.errors import CaseError, unknown

DATA = Path(__file__).parent / "data"
MODELS = ("source", "target")
DOMAINS = ("source", "target")
DOMAIN_KINDS = ("printed-digits", "handwritten-digits", "folder", "torchvision")
STRATEGIES = ("all", "head")
BASELINES = ("mean", "black")
PRECISIONS = ("float32", "bfloat16")


@dataclass(frozen=True)
class Domain:
    """Where one domain's labelled images come from.

    kind: one of DOMAIN_KINDS; path: image folder (`class/image`) or the root of a torchvision dataset; dataset: name
    of the torchvision dataset; per_class: at most this many images of a class (seeded choice), 0 for all;
    training_share: the rest is the validation split, stratified by class.
    """

    kind: str
    title: str
    path: str = ""
    dataset: str = ""
    per_class: int = 0
    training_share: float = 0.85
    seed: int = 0


@dataclass(frozen=True)
class Training:
    """How a model is trained: AdamW with a cosine schedule, the best validation epoch kept.

    strategy: "all" trains every tensor, "head" only the last linear layer; augment: "none", "digits" (shifts, small
    rotations and scalings) or "photos" (random crops and horizontal flips).
    """

    epochs: int = 20
    batch_size: int = 64
    learning_rate: float = 1e-3
    weight_decay: float = 1e-2
    augment: str = "none"
    strategy: str = "all"
    seed: int = 0


@dataclass(frozen=True)
class ModelPlan:
    """How one model comes to be: read from a checkpoint, or trained.

    checkpoint: `.safetensors` or a state dict; history: CSV of accuracies that belongs to it; initial: checkpoint
    whose tensors initialise matching parts before training (the target model always starts from the source model).
    """

    checkpoint: str = ""
    history: str = ""
    initial: str = ""
    training: Training = field(default_factory=Training)


@dataclass(frozen=True)
class Case:
    """One transfer experiment: two domains, one architecture, how each model came to be, all parameters.

    layers: analysed layers by module name, empty for every convolution and linear layer but the last; baseline: "mean"
    (zero after normalisation) or "black"; n_steps: path steps of layer conductance; precision: "float32" or "bfloat16",
    which processors that have it compute conductance with about twice as fast; seed: of embedding and feature images;
    files: digest of every file the case depends on, by role.
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
    n_steps: int = 16
    precision: str = "float32"
    seed: int = 0
    files: tuple[tuple[str, str], ...] = ()

    def domain(self, name: str) -> Domain:
        """The domain called "source" or "target"."""
        return {"source": self.source, "target": self.target}[_checked("domain", name, DOMAINS)]

    def plan(self, model: str) -> ModelPlan:
        """How the model called "source" or "target" comes to be."""
        return {"source": self.source_model, "target": self.target_model}[_checked("model", model, MODELS)]

    def fingerprint(self, part: str = "analysis") -> str:
        """Sixteen hex digits that change with anything that could change a result of this part.

        part: "data" (the images), "models" (and the networks) or "analysis" (everything). Where a file lies is not in
        it, what it holds is: a moved case keeps its results.
        """
        return _fingerprint(self, _checked("part", part, tuple(_PARTS)))


_DATA_FIELDS = ("source", "target", "image_size", "channels")
_MODEL_FIELDS = (*_DATA_FIELDS, "architecture", "mean", "std", "source_model", "target_model")
_PARTS = {
    "data": _DATA_FIELDS,
    "models": _MODEL_FIELDS,
    "analysis": (*_MODEL_FIELDS, "layers", "baseline", "n_steps", "precision", "seed"),
}
_SAYS_NOTHING = {"title", "path", "checkpoint", "history", "initial"}  # names and places; contents are in `files`


@lru_cache(maxsize=256)
def _fingerprint(case: Case, part: str) -> str:
    files = [(role, digest) for role, digest in case.files if part != "data" or role in DOMAINS]
    said = {name: value for name, value in _plain(case).items() if name in _PARTS[part]} | {"files": files}
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:16]


def _plain(value: Any) -> Any:
    """A dataclass as a dict of what differs from its defaults, so that a new option does not drop stored results.

    A default that changes therefore needs another CACHE_VERSION; a test reminds of it.
    """
    if not hasattr(value, "__dataclass_fields__"):
        return value
    said = {f.name: _plain(getattr(value, f.name)) for f in fields(value) if f.name not in _SAYS_NOTHING}
    return {f.name: said[f.name] for f in fields(value) if f.name in said and said[f.name] != _plain(_default(f))}


def _default(part: Field[Any]) -> Any:
    return part.default_factory() if part.default_factory is not MISSING else part.default


def _checked(kind: str, given: str, valid: tuple[str, ...]) -> str:
    if given not in valid:
        raise CaseError(unknown(kind, given, valid))
    return given


def built_in() -> dict[str, Case]:
    """The cases that come with tlx, by name."""
    return {"digits": _digits()}


def _digits() -> Case:
    def plan(model: str, training: Training) -> ModelPlan:
        home = DATA / "digits"
        return ModelPlan(str(home / f"{model}.safetensors"), str(home / "history.csv"), training=training)

    return Case(
        name="digits",
        title="Digits: printed to handwritten",
        about=(
            "Coloured printed digits on clutter (source) and real handwritten digits (target). A stand-in for the "
            "paper's SVHN to MNIST that needs no download."
        ),
        source=Domain("printed-digits", "printed", per_class=300),
        target=Domain("handwritten-digits", "handwritten", training_share=1 / 9),
        architecture="compact_alexnet",
        image_size=32,
        mean=(0.5, 0.5, 0.5),
        std=(0.5, 0.5, 0.5),
        source_model=plan("source", Training(epochs=24, augment="digits")),
        target_model=plan("target", Training(epochs=12, batch_size=32, learning_rate=5e-4, augment="digits")),
    )


def load_case(name: str | Path) -> Case:
    """A case by its built-in name or by the path of its TOML file.

    File facts are read anew at each call, so that a changed checkpoint or image folder gives another fingerprint.
    Raises CaseError saying which key, name or file is wrong and what would be right.
    """
    known = built_in()
    case = known.get(str(name))
    if case is None:
        path = Path(name)
        if path.suffix != ".toml":
            raise CaseError(unknown("case", name, known) + ", or the path of a case file (.toml)")
        case = _read(path)
    return replace(case, files=_digests(case))


def _read(path: Path) -> Case:
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise CaseError(f"case file {path} does not exist; give the path of a .toml file or a built-in name") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise CaseError(f"case file {path} cannot be read: {error}") from None
    home = path.parent.resolve()
    table = {"name": path.stem, "title": path.stem} | table
    table.pop("files", None)
    for side in DOMAINS:
        if side not in table:
            raise CaseError(f"case file {path} lacks the table [{side}]; it says where the {side} images are")
        table[side] = _build(Domain, table[side], f"[{side}]", home)
        key = f"{side}_model"
        if key in table:
            table[key] = _plan(table[key], f"[{key}]", home)
    case: Case = _build(Case, table, "the case", home)
    _check(case)
    return case


def _plan(table: Any, where: str, home: Path) -> ModelPlan:
    if isinstance(table, Mapping) and "training" in table:
        table = dict(table) | {"training": _build(Training, table["training"], f"{where} training", home)}
    plan: ModelPlan = _build(ModelPlan, table, where, home)
    return plan


def _build(kind: type, table: Any, where: str, home: Path) -> Any:
    """A dataclass from a TOML table: unknown keys and wrong types are named, paths start at the case file."""
    if not isinstance(table, Mapping):
        raise CaseError(f"{where} must be a table of keys, not {table!r}")
    known = {f.name: f for f in fields(kind)}
    values = {}
    for key, value in table.items():
        if key not in known:
            raise CaseError(f"in {where}: {unknown('key', key, known, shown=20)}")
        if isinstance(value, list):
            value = tuple(value)
        wanted = _kind_of(str(known[key].type))
        if wanted is float and type(value) is int:
            value = float(value)
        if wanted and type(value) is not wanted:
            raise CaseError(f"in {where}: {key} must be {_WORDS[wanted]}, not {value!r}")
        if key in _SAYS_NOTHING - {"title"} and value:
            value = str((home / value).resolve())
        values[key] = value
    try:
        return kind(**values)
    except TypeError:
        needed = [f.name for f in fields(kind) if f.name not in values][:3]
        raise CaseError(f"{where} lacks keys; still needed: {', '.join(needed)}") from None


_WORDS = {str: "a text", int: "a whole number", float: "a number", tuple: "a list"}


def _kind_of(annotation: str) -> type | None:
    return {"str": str, "int": int, "float": float}.get(annotation, tuple if annotation.startswith("tuple") else None)


def _check(case: Case) -> None:
    for side in DOMAINS:
        domain = case.domain(side)
        _checked(f"[{side}] kind", domain.kind, DOMAIN_KINDS)
        if not 0 < domain.training_share < 1:
            raise CaseError(f"[{side}] training_share must lie between 0 and 1, not {domain.training_share}")
        _checked(f"[{side}_model] training strategy", case.plan(side).training.strategy, STRATEGIES)
    _checked("baseline", case.baseline, BASELINES)
    _checked("precision", case.precision, PRECISIONS)
    for name, least in (("image_size", 8), ("channels", 1), ("n_steps", 1)):
        if getattr(case, name) < least:
            raise CaseError(f"{name} must be at least {least}, not {getattr(case, name)}")
    if not len(case.mean) == len(case.std) == case.channels:
        raise CaseError(f"mean and std need one number for each of the {case.channels} channels")


def _digests(case: Case) -> tuple[tuple[str, str], ...]:
    found = []
    for side in DOMAINS:
        if case.domain(side).path:
            found.append((side, _folder_digest(Path(case.domain(side).path))))
        plan = case.plan(side)
        for role in ("checkpoint", "history", "initial"):
            path = Path(getattr(plan, role))
            if getattr(plan, role) and path.is_file():
                facts = path.stat()
                found.append((f"{side}_model.{role}", _file_digest(path, facts.st_size, facts.st_mtime_ns)))
    return tuple(found)


@lru_cache(maxsize=64)
def _file_digest(path: Path, size: int, modified: int) -> str:
    """SHA-256 of a file's content; size and time are only the key that says when to read it again."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _folder_digest(folder: Path) -> str:
    """Of the names, sizes and times of all files below a folder; reading thousands of images would take too long."""
    seen = hashlib.sha256()
    for path in sorted(folder.rglob("*")) if folder.is_dir() else ():
        if path.is_file():
            facts = path.stat()
            seen.update(f"{path.relative_to(folder)}\0{facts.st_size}\0{facts.st_mtime_ns}\n".encode())
    return seen.hexdigest()
