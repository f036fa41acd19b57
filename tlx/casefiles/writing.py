"""A case as the text of its file: tables of texts, numbers and lists written as TOML that reads back the same."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from tlx.errors import CaseError

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_SHORT = {"\\": r"\\", '"': r"\"", "\b": r"\b", "\t": r"\t", "\n": r"\n", "\f": r"\f", "\r": r"\r"}


def written(table: Mapping[str, Any]) -> str:
    """The table as TOML: its own keys first, then a section for each table within it, however deep.

    Values are texts, whole numbers, numbers, true or false, lists of these, or tables. Raises CaseError for a text
    that no file can hold (half of a surrogate pair).
    """
    return "\n".join(_section(table, ())) + "\n"


def quoted(text: str) -> str:
    """A text between quotes, on one line; what TOML forbids between them is escaped."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise CaseError(f"the text {text!r} holds characters that no file can; type it anew") from None
    return '"' + "".join(_escaped(letter) for letter in text) + '"'


def _section(table: Mapping[str, Any], path: tuple[str, ...]) -> list[str]:
    inner = {key: value for key, value in table.items() if isinstance(value, Mapping)}
    own = [f"{_key(key)} = {_value(value)}" for key, value in table.items() if key not in inner]
    head = [f"[{'.'.join(map(_key, path))}]"] if path and (own or not inner) else []
    lines = [*head, *own]
    for key, value in inner.items():
        part = _section(value, (*path, key))
        lines += ["", *part] if lines and part else part
    return lines


def _key(key: str) -> str:
    return key if _BARE.fullmatch(key) else quoted(key)


def _value(value: Any) -> str:
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_value, value))}]"
    return repr(value)


def _escaped(letter: str) -> str:
    if letter in _SHORT:
        return _SHORT[letter]
    return f"\\u{ord(letter):04x}" if letter < " " or letter == "\x7f" else letter
