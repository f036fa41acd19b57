"""A case as the text of its file: a table as TOML that reads back the same."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import tomlkit

from tlx.casefiles.reading import FOUND_OUT
from tlx.cases import Case, default
from tlx.errors import CaseError


def written(table: Mapping[str, Any]) -> str:
    """The table as TOML: its own keys first, then a section for each table within it; a list keeps to one line.

    Raises CaseError for a text that no file can hold (half of a surrogate pair).
    """
    text = tomlkit.dumps(table)
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        line = text.split("\n")[text.count("\n", 0, error.start)]
        raise CaseError(f"the line {line!r} holds characters that no file can; type it anew") from None
    return text


def described(case: Case) -> dict[str, Any]:
    """The table of a case file that reads back as this case: what differs from the defaults."""
    table = _table(case)
    return {name: value for name, value in table.items() if name not in FOUND_OUT}


def _table(value: Any) -> dict[str, Any]:
    parts = {part.name: (getattr(value, part.name), default(part)) for part in fields(value)}
    return {name: _plain(part) for name, (part, usual) in parts.items() if part != usual}


def _plain(value: Any) -> Any:
    if is_dataclass(value):
        return _table(value)
    if isinstance(value, tuple) and value and isinstance(value[0], tuple):
        return {name: _plain(part) for name, part in value}
    return list(value) if isinstance(value, tuple) else value
