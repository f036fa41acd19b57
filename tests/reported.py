"""A report's page taken apart: its tables, words, headings and figures, and whatever it would ask for."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

EMPTY = {"meta", "img", "br", "link", "input", "hr"}
ASKING = ("src", "href", "srcset", "data", "action", "poster", "background")


@dataclass(repr=False)
class Page(HTMLParser):
    """What stands in it."""

    text: str
    tables: dict[str, list[list[str]]] = field(default_factory=dict)
    headings: list[tuple[int, str]] = field(default_factory=list)
    tags: list[tuple[str, dict[str, str | None]]] = field(default_factory=list)
    words: list[str] = field(default_factory=list)
    figures: list[dict[str, Any]] = field(default_factory=list)
    unclosed: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()
        self._open: list[str] = []
        self._said: list[str] = []
        self._rows: list[list[str]] = []
        self._caption = ""
        self.feed(self.text)
        self.unclosed = self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in EMPTY:
            self._open.append(tag)
        if tag == "table":
            self._rows = []
        elif tag == "tr":
            self._rows.append([])
        if tag in ("td", "th", "caption", "h1", "h2", "h3", "script"):
            self._said = []

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag, (tag, self.getpos())
        said = "".join(self._said)
        if tag in ("td", "th"):
            self._rows[-1].append(said)
        elif tag == "caption":
            self._caption = said
        elif tag == "table":
            self.tables[self._caption] = self._rows
        elif tag in ("h1", "h2", "h3"):
            self.headings.append((int(tag[1]), said))
        elif tag == "script" and said.startswith('{"'):
            self.figures.append(json.loads(said))

    def handle_data(self, data: str) -> None:
        self._said.append(data)
        if "script" not in self._open and "style" not in self._open:
            self.words.append(data)

    @property
    def said(self) -> str:
        """All words, spaces and line ends as one space."""
        return re.sub(r"\s+", " ", "".join(self.words))

    def asked(self) -> list[str]:
        """What its elements name that is neither in the file nor a place in it."""
        names = [str(of.get(name) or "") for _, of in self.tags for name in ASKING]
        styles = [address for _, of in self.tags for address in re.findall(r"url\(([^)]*)\)", str(of.get("style")))]
        return [name for name in (*names, *styles) if name and not name.startswith(("data:", "#"))]
