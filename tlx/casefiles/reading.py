"""Case files: a TOML table becomes a `Case`, and every mistake in it one sentence (docs/cases.md has all keys).

Bundles have a reader of their own (`storage.codec`): it refuses a file at the first thing that does not fit. Here every
mistake is told, and the rest of the file is read all the same.
"""

from __future__ import annotations

import math
import os
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, fields, replace
from pathlib import Path, PureWindowsPath
from typing import Any

from tlx import pointers
from tlx.cases import (
    AUGMENTS,
    BASELINES,
    DOMAIN_KINDS,
    DOMAINS,
    HEAD,
    INTERPOLATIONS,
    LEVELS,
    ORDERS,
    ORIENTATIONS,
    PATHS,
    PLACED,
    PRECISIONS,
    REFINEMENTS,
    RESIZES,
    SPLITS,
    STRATEGIES,
    TRANSPARENCIES,
    UNREADABLE,
    Case,
    Domain,
    ModelPlan,
    Training,
)
from tlx.errors import CaseError, Told, key_of, unknown
from tlx.images import rendered_digits

_WORDS = {
    "str": "a text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "tuple[str, ...]": "a list of texts",
    "tuple[float, ...]": "a list of numbers",
    "tuple[tuple[str, str], ...]": "a table of texts",
    "tuple[tuple[str, float], ...]": "a table of numbers",
    "tuple[tuple[str, str | int | bool], ...]": "a table of texts, whole numbers, true or false",
    "Options": "a table of texts, numbers, true or false, or lists of these",
}
FOUND_OUT = {"files", "home", "bundle", "criterion"}  # not said in the file
_LARGEST_LEVEL = 2.0  # of a mean or deviation of images from 0 to 1; those of 0 to 255 have tens
_HOW = {
    "resize": RESIZES,
    "interpolation": INTERPOLATIONS,
    "transparency": TRANSPARENCIES,
    "orientation": ORIENTATIONS,
    "levels": LEVELS,
}
_STAND_INS = {
    "name": "?",
    "kind": "",
    "title": "",
    "architecture": "",
}  # for keys that lack, so that the rest can still be examined


def read(path: Path) -> Case:
    """The case a TOML file describes. Raises CaseError naming the first key that is wrong, and what would be right."""
    case, problems = examined(path)
    if problems:
        raise CaseError(problems[0], key=key_of(problems[0]))
    return case


def examined(path: Path) -> tuple[Case, list[str]]:
    """The case as far as it can be understood, and one sentence for each mistake in the file, in its order.

    A sentence about one key is a `Told` that carries it.

    Raises CaseError when the file does not exist or is not TOML.
    """
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise CaseError(f"case file {path} does not exist; give the path of a .toml file or a built-in name") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        if pointers.is_pointer(path):
            raise CaseError(f"case file {path} {pointers.WHY}") from None
        paths = "; write paths with /, or within single quotes" if "escape" in str(error) or "\\" in str(error) else ""
        raise CaseError(f"case file {path} cannot be read: {error}{paths}") from None
    reader = _Reader(path.parent.resolve())
    case = replace(reader.case({"name": path.stem, "title": path.stem} | table, path), home=str(path.parent.resolve()))
    return case, [*reader.problems, *_unsound(case, whole=not reader.problems)]


class _Reader:
    """Builds the dataclasses of a case from tables and keeps a sentence for every key that is wrong."""

    def __init__(self, home: Path) -> None:
        self.problems: list[str] = []
        self._home = home

    def case(self, table: dict[str, Any], path: Path) -> Case:
        for side in DOMAINS:
            if side not in table:
                lacking = f"case file {path} lacks the table [{side}]; it says where the {side} images are"
                self.problems.append(Told(lacking, key=side))
            table[side] = self.build(Domain, table.get(side, {"kind": "", "title": ""}), f"[{side}]")
            if (key := f"{side}_model") in table:
                table[key] = self.build(ModelPlan, table[key], f"[{key}]")
        made: Case = self.build(Case, table, "the case")
        return made

    def build(self, kind: type, table: Any, where: str) -> Any:
        """A dataclass from a TOML table: unknown keys and wrong types are named, paths start at the case file."""
        if not isinstance(table, Mapping):
            self.problems.append(Told(f"{where} must be a table of keys, not {table!r}", key=_key(where)))
            table = {}
        known = {f.name: str(f.type) for f in fields(kind) if f.name not in FOUND_OUT}
        values = {}
        for key, value in table.items():
            if key not in known:
                strange = f"in {where}: {unknown('key', key, known, shown=20)}"
                self.problems.append(Told(strange, key=_key(where, key)))
            elif known[key] == "Training":
                values[key] = self.build(Training, value, f"{where[:-1]}.training]")
            else:
                self._take(values, key, value, known[key], where)
        needed = [f.name for f in fields(kind) if f.default is f.default_factory is MISSING and f.name not in values]
        if lacking := [name for name in needed if name not in table]:
            sentence = f"{where} lacks keys; still needed: {', '.join(lacking)}"
            self.problems.append(Told(sentence, key=_key(where, lacking[0])))
        return kind(**values, **{name: _STAND_INS[name] for name in needed})

    def _take(self, values: dict[str, Any], key: str, value: Any, annotation: str, where: str) -> None:
        try:
            if key == "classes" and value in ORDERS[1:]:
                key, annotation = "order", "str"
            elif key == "classes" and isinstance(value, str):
                value = _lines(self._home / value, where)
            values[key] = value if annotation in ("Domain", "ModelPlan") else _typed(annotation, value)
        except TypeError:
            wrong = f"in {where}: {key} must be {_WORDS[annotation]}, not {value!r}"
            self.problems.append(Told(wrong, key=_key(where, key)))
        except CaseError as error:
            self.problems.append(Told(str(error), key=_key(where, key)))
        else:
            if key in PATHS and value:
                values[key] = str((self._home / value).resolve())
                if other := _of_windows(value, self._home):
                    self.problems.append(Told(f"in {where}: {key} = {value!r} {other}", key=_key(where, key)))


def _key(where: str, key: str = "") -> str:
    """A key with the table it stands in, from what that table is called in sentences: "[source]" or "the case"."""
    table = where[1:-1] if where.startswith("[") else ""
    return f"{table}.{key}".strip(".")


def _of_windows(given: str, home: Path) -> str:
    """What is wrong with a path that has backslashes where they part no folders; "" where nothing is."""
    if os.sep == "\\" or "\\" not in given or (home / given).exists():
        return ""
    if PureWindowsPath(given).drive:
        return "is a path of Windows; give the path that it has on this system"
    slashed = given.replace("\\", "/")
    there = "exists" if (home / slashed).exists() else "is meant, it seems"
    return f"has backslashes, which part folders on Windows only; write {slashed!r}, which {there}"


def _lines(path: Path, where: str) -> list[str]:
    """The class names of a text file, one a line."""
    if pointers.is_pointer(path):
        raise CaseError(f"in {where}: classes names {str(path)!r}, which {pointers.WHY}")
    try:
        return [name for line in path.read_text(encoding="utf-8-sig").splitlines() if (name := line.strip())]
    except (OSError, ValueError) as error:
        raise CaseError(
            f"in {where}: classes names {str(path)!r}, which cannot be read ({error}); give a list of names, or a text "
            "file with one name a line"
        ) from None


def _typed(annotation: str, value: Any) -> Any:
    """The value as the annotated type. Raises TypeError when it is of another."""
    if annotation == "Options":
        return tuple(sorted((key, _option(part)) for key, part in _of(dict, value).items()))
    if annotation.startswith("tuple[tuple["):
        inner = annotation.removeprefix("tuple[tuple[str, ").removesuffix("], ...]")
        return tuple(sorted((key, _typed(inner, part)) for key, part in _of(dict, value).items()))
    if annotation.startswith("tuple["):
        inner = annotation.removeprefix("tuple[").removesuffix(", ...]")
        return tuple(_typed(inner, part) for part in _of(list, value))
    if annotation == "float":
        return float(_of((int, float), value))
    return _of(tuple({"str": str, "int": int, "bool": bool}[name] for name in annotation.split(" | ")), value)


def _option(value: Any) -> Any:
    """A text, a number, true or false, or a tuple of these."""
    if type(value) is list:
        return tuple(_of((bool, int, float, str), part) for part in value)
    return _of((bool, int, float, str), value)


def _of(kinds: type | tuple[type, ...], value: Any) -> Any:
    """The value, if it is exactly of one of the kinds: true is no whole number here, and no text holds a NUL."""
    if type(value) not in (kinds if isinstance(kinds, tuple) else (kinds,)) or "\0" in str(value):
        raise TypeError
    return value


def _unsound(case: Case, *, whole: bool) -> Iterator[str]:
    """A sentence for each value that is of the right type and still cannot be meant.

    whole: whether all of the file was understood; otherwise values are not held against each other.
    """
    for side in DOMAINS:
        yield from _unsound_domain(case.domain(side), f"[{side}]", whole=whole)
        yield from _unsound_training(case.plan(side).training, f"[{side}_model.training]")
        yield from _unsound_inputs(case.plan(side), f"[{side}_model]", case.channels, whole=whole)
    if whole and not case.architecture.strip():
        yield Told(
            "architecture is empty; name a network of torchvision, or package.module:function", key="architecture"
        )
    if case.target_model.initial:
        useless = "[target_model] initial has no effect: the target model starts from the source model"
        yield Told(useless, key="target_model.initial")
    yield from _unsound_layers(case)
    yield from _choice("", "baseline", case.baseline, BASELINES)
    yield from _choice("", "precision", case.precision, PRECISIONS)
    for name in _HOW:
        if not getattr(case, name):
            yield Told(f"{name} must not be empty; one of {', '.join(_HOW[name])}", key=name)
    for name, least, most in (("image_size", 8, 2048), ("n_steps", 1, 10_000), ("seed", 0, 2**32 - 1)):
        if not least <= getattr(case, name) <= most:
            yield Told(f"{name} must be from {least} to {most}, not {getattr(case, name)}", key=name)
    if not case.name.strip():
        yield Told("name must not be empty; leave it out to call the case as its file", key="name")
    if case.channels not in (1, 3):
        yield Told(f"channels must be 1 (grey) or 3 (colour), not {case.channels}", key="channels")
    if not case.mean or not case.std:
        missing = "std" if case.mean else "mean"
        yield Told(f"mean and std need one number for each of the {case.channels} channels", key=missing)
    yield from _unsound_inputs(case, "", case.channels, whole=whole)


def _unsound_inputs(given: Case | ModelPlan, where: str, channels: int, *, whole: bool) -> Iterator[str]:
    """The same of how images become a network's inputs, for a case or what a model says instead."""
    table = f"{where} ".lstrip()
    for name, valid in _HOW.items():
        yield from _choice(where, name, getattr(given, name, ""), valid)
    if isinstance(given, ModelPlan) and given.image_size and not 8 <= given.image_size <= 2048:
        yield Told(f"{table}image_size must be from 8 to 2048, not {given.image_size}", key=_key(where, "image_size"))
    if not 0 <= given.resize_to <= 4096:
        yield Told(f"{table}resize_to must be from 0 to 4096, not {given.resize_to}", key=_key(where, "resize_to"))
    for name in ("mean", "std") if whole else ():
        if len(getattr(given, name)) not in (0, channels):
            yield Told(f"{table}{name} needs one number for each of the {channels} channels", key=_key(where, name))
    mean, std = given.mean, given.std
    if not all(map(math.isfinite, mean)) or not all(0 < number < math.inf for number in std):
        key = _key(where, "std" if all(map(math.isfinite, mean)) else "mean")
        yield Told(f"{table}mean must be finite and std above 0, not {list(mean)} and {list(std)}", key=key)
    elif max(*mean, *std, 0, 0) > _LARGEST_LEVEL:
        shown = {name: getattr(given, name) for name in ("mean", "std") if getattr(given, name)}
        small = {name: [float(f"{number / 255:.4g}") for number in numbers] for name, numbers in shown.items()}
        yield Told(
            f"{table}{' and '.join(f'{name} = {list(numbers)}' for name, numbers in shown.items())} "
            f"{'are' if len(shown) > 1 else 'is'} of levels from 0 to 255, and images here go from 0 to 1: divide "
            f"them by 255, {' and '.join(f'{name} = {numbers}' for name, numbers in small.items())}",
            key=_key(where, next(iter(shown))),
        )


def _unsound_layers(case: Case) -> Iterator[str]:
    """Sentences on names of layers that correspond."""
    if case.source_model.layers:
        useless = "[source_model] layers has no effect: give the target's layers by the source's in [target_model]"
        yield Told(useless, key="source_model.layers")
    names = [name for _, name in case.target_model.layers]
    if names and not case.two_networks:
        both = case.architecture_of("target")
        yield _about("[target_model]", "layers", f"has no effect, since both models are {both}; leave it out")
    for name in dict.fromkeys(names):
        if names.count(name) > 1:
            both = " and ".join(repr(one) for one, other in case.target_model.layers if other == name)
            yield _about("[target_model]", "layers", f"gives {name!r} for {both}; each layer stands for one")


def _unsound_domain(domain: Domain, where: str, *, whole: bool) -> Iterator[str]:
    yield from _choice(where, "kind", domain.kind or "nothing" * whole, DOMAIN_KINDS)
    yield from _choice(where, "split", domain.split, SPLITS)
    yield from _choice(where, "unreadable", domain.unreadable, UNREADABLE)
    yield from _choice(where, "order", domain.order, ORDERS)
    if domain.kind == "printed-digits":
        yield from _choice(where, "dataset", domain.dataset, tuple(rendered_digits.KINDS))
    if domain.kind in PLACED and not domain.path:
        lacking = f"{where} lacks the key path, which a domain of kind {domain.kind!r} needs"
        yield Told(lacking, key=_key(where, "path"))
    if not 0 < domain.training_share < 1:
        yield _about(where, "training_share", f"must lie between 0 and 1, not {domain.training_share}")
    if not 0 <= domain.test_share < 1:
        yield _about(where, "test_share", f"must be at least 0 and below 1, not {domain.test_share}")
    least = int(domain.kind == "printed-digits")
    if domain.per_class < least:
        yield _about(where, "per_class", f"must be at least {least}, not {domain.per_class}")
    if domain.seed < 0:
        yield _about(where, "seed", f"must be at least 0, not {domain.seed}")
    if twice := [name for name in dict.fromkeys(domain.classes) if domain.classes.count(name) > 1]:
        yield _about(where, "classes", f"names {twice[0]!r} twice; list each class once")


def _unsound_training(training: Training, where: str) -> Iterator[str]:
    yield from _choice(where, "strategy", training.strategy, STRATEGIES)
    yield from _choice(where, "augment", training.augment, AUGMENTS)
    for name, least in (("epochs", 1), ("batch_size", 1), ("head_epochs", 0), ("seed", 0)):
        if getattr(training, name) < least:
            yield _about(where, name, f"must be at least {least}, not {getattr(training, name)}")
    if not 0 < training.learning_rate < math.inf:
        yield _about(where, "learning_rate", f"must be above 0, not {training.learning_rate}")
    if not 0 <= training.weight_decay < math.inf:
        yield _about(where, "weight_decay", f"must be at least 0, not {training.weight_decay}")
    if 0 < training.epochs <= training.head_epochs:
        yield _about(where, "head_epochs", f"must be fewer than the {training.epochs} epochs; they are part of them")
    refined = [name for name in REFINEMENTS if getattr(training, name)]
    if refined and training.strategy in STRATEGIES[1:]:
        wrong = f'{where} {" and ".join(refined)} work with strategy = "all", not "{training.strategy}"'
        yield Told(wrong, key=_key(where, refined[0]))
    yield from _unsound_layers_that_learn(training, where)


def _unsound_layers_that_learn(training: Training, where: str) -> Iterator[str]:
    """Sentences on layers that are to learn alone, or at rates of their own."""
    only, rates = training.train_only, dict(training.layer_rates)
    if only and training.freeze_until:
        yield _about(
            where, "train_only", "and freeze_until exclude each other: either says what is held; leave one out"
        )
    if twice := [name for name in dict.fromkeys(only) if only.count(name) > 1]:
        yield _about(where, "train_only", f"names {twice[0]!r} twice; name each layer once")
    for name, factor in rates.items():
        if not 0 < factor < math.inf:
            yield _about(where, "layer_rates", f"gives {name!r} the factor {factor:g}; it must be above 0")
        elif only and name not in (*only, HEAD):
            held = f"gives a rate to {name!r}, which train_only holds; name it in train_only, too, or give it no rate"
            yield _about(where, "layer_rates", held)


def _about(where: str, key: str, sentence: str) -> Told:
    """A sentence on a key, which it begins with, and on the table that the key stands in."""
    return Told(f"{where} {key} {sentence}", key=_key(where, key))


def _choice(where: str, key: str, given: str, valid: tuple[str, ...]) -> Iterator[str]:
    if given and given not in valid:  # one that lacks was told already
        yield Told(unknown(f"{where} {key}".lstrip(), given, valid), key=_key(where, key))
