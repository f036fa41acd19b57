"""Untrusted text (names of classes, layers, files, cases; messages) made safe for Streamlit's Markdown and for HTML."""

from __future__ import annotations

import html
import re

import pandas as pd

_MARKS = re.compile(r"([\\`*_{}\[\]()#+\-.!|~<>$:&^=])")
_LINKS = re.compile(r"(https?:(?=//)|www(?=\.)|@)", re.IGNORECASE)  # Streamlit makes links of these, escaped or not
_JOINER = "\u2060"  # without width or looks; behind one of these it makes it none
_NOT_IN_FILES = re.compile(r"[^\w-]+")


def escape(text: object, limit: int = 300) -> str:
    """`text` as Markdown that shows exactly these characters, on one line, cut after `limit` of them."""
    plain = " ".join(str(text).split())
    if len(plain) > limit:
        plain = plain[: limit - 1] + "…"
    return _MARKS.sub(r"\\\1", _LINKS.sub(rf"\1{_JOINER}", plain))


def escape_html(text: object) -> str:
    """`text` as HTML that shows exactly these characters, attribute values included."""
    return html.escape(str(text), quote=True)


def file_name(text: str, suffix: str = "") -> str:
    """A name for a downloaded file that no system takes for a path or a hidden file; a suffix is put behind it."""
    return _NOT_IN_FILES.sub("_", text)[:100] + (f".{suffix}" if suffix else "")


def csv(table: pd.DataFrame) -> bytes:
    """The table as CSV for a spreadsheet: text that it would take for a formula is quoted with an apostrophe."""
    columns = {name: column.map(_no_formula) for name, column in table.items()}
    return pd.DataFrame(columns).rename(columns=_no_formula).to_csv(index=False).encode("utf-8")


def _no_formula(cell: object) -> object:
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(("=", "+", "-", "@", "\t", "\r")) else cell


def sentence(error: BaseException) -> str:
    """An error's message as an escaped sentence: first letter large, full stop at the end."""
    message = escape(error, limit=600)
    return message[:1].upper() + message[1:] + ("" if message.endswith((".", "…")) else ".")
