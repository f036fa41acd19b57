"""What is filled into the form of a new case, key by key as a case file has it, known before the form is drawn."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import fields as parts_of
from pathlib import Path
from typing import Any

import streamlit as st

from tlx.app.new_case import fields
from tlx.app.new_case.fields import Field
from tlx.cases import DOMAINS, Case, Domain, ModelPlan, Training, default

FILLED = "new case filled"
_PARTS = {
    "source": Domain,
    "target": Domain,
    "source_model": ModelPlan,
    "target_model": ModelPlan,
    "training": Training,
}


def said() -> dict[str, Any]:
    """Key -> what the form says, as the case file would have it; keys left at their defaults stay out."""
    values = {key: value(one) for key, one in fields.shown().items()}
    values |= {f"{side}.kind": fields.kind_of(side) for side in DOMAINS}
    values |= {key: value or key.partition(".")[0] for key, value in values.items() if key.endswith(".title")}
    values |= {f"{side}.path": "" for side in DOMAINS if fields.is_built_in(side)}
    return {key: value for key, value in values.items() if value not in ("", {}, _plain(usual(key)))}


def table() -> dict[str, Any]:
    """The table of the case file, its keys in the order of the documentation."""
    made: dict[str, Any] = {}
    for key, value in said().items():
        *tables, name = key.split(".")
        place = made
        for one in tables:
            place = place.setdefault(one, {})
        place[name] = value
    return _ordered(made, Case)


def says(keys: Mapping[str, Any]) -> bool:
    """Whether the form says all of this of the case."""
    shown = fields.shown()
    return all(value(shown[key]) == _plain(wanted) for key, wanted in keys.items())


def fill(keys: Mapping[str, Any]) -> None:
    """Puts values of a case file into the form's fields; in a callback, before they are drawn."""
    shown = fields.shown()
    for key, wanted in keys.items():
        in_words = shown[key].kind == "numbers"
        st.session_state[fields.widget_key(key)] = ", ".join(map(str, wanted)) if in_words else wanted
    st.session_state[FILLED] = set(keys)


def usual(key: str) -> Any:
    """The default of a key of the case file; MISSING where there is none."""
    *tables, name = key.split(".")
    part = _PARTS[tables[-1]] if tables else Case
    return next(default(one) for one in parts_of(part) if one.name == name)


def listed(text: str) -> list[str]:
    """Names between commas, without the spaces around them."""
    return [name for part in text.split(",") if (name := part.strip())]


def numbers(text: str) -> list[float] | str:
    """Numbers between commas; the text as it is where one of them is none, for the check to name."""
    try:
        return [float(part) for part in listed(text)]
    except ValueError:
        return text


def pairs(text: str) -> dict[str, Any] | str:
    """`train = true, split = letters` as a table; the text as it is where a part is no such pair, for the check."""
    with suppress(tomllib.TOMLDecodeError):
        read = dict(tomllib.loads(f"x = {{ {text} }}")["x"])
        if not any(isinstance(value, dict) for value in read.values()):  # TOML parts conv1.0 at its dot
            return read
    parts = [part.partition("=") for part in listed(text)]
    if not all(name.strip() and equals for name, equals, _ in parts):
        return text
    return {name.strip().strip("\"'"): _scalar(value.strip()) for name, _, value in parts}


def _scalar(text: str) -> Any:
    with suppress(tomllib.TOMLDecodeError):
        return tomllib.loads(f"x = {text}")["x"]
    return text


def value(one: Field) -> Any:
    """What the case file would say for a field."""
    held = st.session_state.get(fields.widget_key(one.key), start(one))
    if one.kind not in ("text", "path", "network", "names", "numbers", "pairs"):
        return held
    text = str(held or "").strip()
    if one.kind == "path":
        with suppress(RuntimeError):  # no home of that name
            return str(Path(text).expanduser()) if text.startswith("~") else text
    if one.kind == "names" and text.casefold().endswith(".txt"):
        return text
    return {"names": listed, "numbers": numbers, "pairs": pairs}.get(one.kind, str)(text)


def start(one: Field) -> Any:
    """What a widget shows before anybody changed it."""
    if one.key.endswith(".kind"):
        return "files"
    value = usual(one.key)
    if one.kind == "numbers":
        return ", ".join(map(str, value))
    if one.kind in ("whole", "number"):
        return max(value, type(value)(one.least))
    return value if one.kind in ("choice", "switch") else ""


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _ordered(made: dict[str, Any], part: type) -> dict[str, Any]:
    known = {one.name: _PARTS.get(one.name) for one in parts_of(part)}
    return {name: _ordered(made[name], inner) if inner else made[name] for name, inner in known.items() if name in made}
