"""A case as the text of its file: the form's table as TOML that reads back the same."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tomlkit

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
