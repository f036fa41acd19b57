"""The Markdown in which the views speak, as HTML: strong words, code, line ends, links; all else is shown as it is."""

from __future__ import annotations

import re

from markupsafe import Markup, escape

_JOINER = "\u2060"  # `text.escape` puts it where Streamlit would make a link; here nothing does
_MARK = re.compile(
    r"\\(?P<sign>[^\w\s])|(?P<strong>\*\*)|`(?P<code>[^`]+)`|(?P<line>  \n)"
    r"|\[(?P<words>[^\[\]]+)\]\((?P<address>https?://[^\s()]+)\)"
)


def html(text: str) -> Markup:
    """One paragraph of Markdown. What is no mark of it stands for itself, angle brackets included."""
    said, strong, at = [], False, 0
    for mark in _MARK.finditer(text):
        said.append(escape(text[at : mark.start()]))
        at = mark.end()
        if mark["strong"]:
            strong = not strong
            said.append(Markup("<strong>" if strong else "</strong>"))
        else:
            said.append(_shown(mark))
    said += [escape(text[at:]), Markup("</strong>" * strong)]
    return Markup("").join(said).replace(_JOINER, "")


def _shown(mark: re.Match[str]) -> Markup:
    if mark["sign"]:
        return escape(mark["sign"])
    if mark["code"]:
        return Markup("<code>{}</code>").format(mark["code"])
    if mark["address"]:
        return Markup('<a href="{}">{}</a>').format(mark["address"], mark["words"])
    return Markup("<br>")
