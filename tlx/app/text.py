"""Untrusted text (names of classes, layers, files, cases; messages) made safe for Streamlit's Markdown and for HTML."""

from __future__ import annotations

import html
import re

_MARKS = re.compile(r"([\\`*_{}\[\]()#+\-.!|~<>$:&^=])")


def escape(text: object, limit: int = 300) -> str:
    """`text` as Markdown that shows exactly these characters, on one line, cut after `limit` of them."""
    plain = " ".join(str(text).split())
    if len(plain) > limit:
        plain = plain[: limit - 1] + "…"
    return _MARKS.sub(r"\\\1", plain)


def escape_html(text: object) -> str:
    """`text` as HTML that shows exactly these characters, attribute values included."""
    return html.escape(str(text), quote=True)


def sentence(error: BaseException) -> str:
    """An error's message as an escaped sentence: first letter large, full stop at the end."""
    said = escape(error, limit=600)
    return said[:1].upper() + said[1:] + ("" if said.endswith((".", "…")) else ".")
