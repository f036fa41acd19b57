"""Case files: a TOML table becomes a `Case`, and every mistake in it one sentence (docs/cases.md has all keys)."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from tlx.cases import (
    BASELINES,
    DOMAIN_KINDS,
    DOMAINS,
    PATHS,
    PRECISIONS,
    STRATEGIES,
    Case,
    Domain,
    ModelPlan,
    Training,
    checked,
)
from tlx.errors import CaseError, unknown


def read(path: Path) -> Case:
    """The case a TOML file describes. Raises CaseError naming the key, and what would be right."""
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise CaseError(f"case file {path} does not exist; give the path of a .toml file or a built-in name") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise CaseError(f"case file {path} cannot be read: {error}") from None
    home = path.parent.resolve()
    table = {"name": path.stem, "title": path.stem} | table
    table.pop("files", None)
    table["home"] = str(home)
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
        if key in PATHS and value:
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
        checked(f"[{side}] kind", domain.kind, DOMAIN_KINDS)
        if not 0 < domain.training_share < 1:
            raise CaseError(f"[{side}] training_share must lie between 0 and 1, not {domain.training_share}")
        _check_training(case.plan(side).training, f"[{side}_model.training]")
    if case.target_model.initial:
        raise CaseError("[target_model] initial has no effect: the target model starts from the source model")
    checked("baseline", case.baseline, BASELINES)
    checked("precision", case.precision, PRECISIONS)
    for name, least in (("image_size", 8), ("channels", 1), ("n_steps", 1)):
        if getattr(case, name) < least:
            raise CaseError(f"{name} must be at least {least}, not {getattr(case, name)}")
    if not len(case.mean) == len(case.std) == case.channels:
        raise CaseError(f"mean and std need one number for each of the {case.channels} channels")


def _check_training(training: Training, where: str) -> None:
    checked(f"{where} strategy", training.strategy, STRATEGIES)
    for name, least in (("epochs", 1), ("batch_size", 1), ("head_epochs", 0)):
        if getattr(training, name) < least:
            raise CaseError(f"{where} {name} must be at least {least}, not {getattr(training, name)}")
    if training.learning_rate <= 0:
        raise CaseError(f"{where} learning_rate must be above 0, not {training.learning_rate}")
    if training.head_epochs >= training.epochs:
        raise CaseError(f"{where} head_epochs must be fewer than the {training.epochs} epochs; they are part of them")
    refined = [name for name in ("freeze_until", "head_epochs") if getattr(training, name)]
    if refined and training.strategy != "all":
        raise CaseError(f'{where} {" and ".join(refined)} work with strategy = "all", not "{training.strategy}"')
