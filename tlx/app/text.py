"""Untrusted text (names of classes, layers, files, cases; messages) made safe for Streamlit's Markdown and for HTML."""

from __future__ import annotations

import html
import re

import pandas as pd

_MARKS = re.compile(r"([\\`*_{}\[\]()#+\-.!|~<>$:&^=])")
# What nobody sees but what changes what is seen: control characters, and those that turn the writing's direction.
_UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def escape(text: object, limit: int = 300) -> str:
    """`text` as Markdown that shows exactly these characters, on one line, cut after `limit` of them.

    Characters that cannot be seen as such stand as "�", here and in HTML.
    """
    plain = _UNSEEN.sub("�", " ".join(str(text).split()))
    if len(plain) > limit:
        plain = plain[: limit - 1] + "…"
    return _MARKS.sub(r"\\\1", plain)


def escape_html(text: object) -> str:
    """`text` as HTML that shows exactly these characters, attribute values included."""
    return html.escape(_UNSEEN.sub("�", str(text)), quote=True)


def csv(table: pd.DataFrame) -> bytes:
    """The table as CSV for a spreadsheet: text that it would take for a formula is quoted with an apostrophe."""
    columns = {name: column.map(_no_formula) for name, column in table.items()}
    return pd.DataFrame(columns).rename(columns=_no_formula).to_csv(index=False).encode("utf-8")


def _no_formula(cell: object) -> object:
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(("=", "+", "-", "@", "\t", "\r")) else cell


def sentence(error: BaseException) -> str:
    """An error's message as an escaped sentence: first letter large, full stop at the end."""
    said = escape(error, limit=600)
    return said[:1].upper() + said[1:] + ("" if said.endswith((".", "…")) else ".")
