"""What a report is put together from. Texts are Markdown, as the views' own are; HTML comes from figures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from bokeh.models import LayoutDOM

from tlx.figures.written import figure_json, prepared


@dataclass(frozen=True)
class Words:
    """A paragraph; look: "" or "small"."""

    text: str
    look: str = ""
    kind: str = field(default="words", init=False)


@dataclass(frozen=True)
class Points:
    """Sentences that stand one below the other."""

    items: Sequence[str]
    kind: str = field(default="points", init=False)


@dataclass(frozen=True)
class Facts:
    """Names with what they are, plain text."""

    pairs: Sequence[tuple[str, str]]
    kind: str = field(default="facts", init=False)


@dataclass(frozen=True)
class Heading:
    """Of a part of a section, plain text."""

    title: str
    kind: str = field(default="heading", init=False)


@dataclass(frozen=True)
class Table:
    """Rows of plain text; the first cell of each names it. folded: whether it is opened by a click, below a figure."""

    caption: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    folded: bool = False
    kind: str = field(default="table", init=False)


@dataclass(frozen=True)
class Markup:
    """HTML of `tlx.figures`, in which all that came with the data is escaped.

    label: what it shows, plain text, "" for a key.
    """

    html: str
    label: str
    kind: str = field(default="markup", init=False)


@dataclass(frozen=True)
class Drawing:
    """A figure; draw: makes it, when it is written; label: what screen readers say, plain text; caption: below it, with
    its main number; key: HTML of its marks; widest: px, 0 for as wide as there is room; highest: mm on paper.
    """

    draw: Callable[[], LayoutDOM]
    label: str
    caption: str
    key: str = ""
    widest: int = 0
    highest: int = 190

    @property
    def json(self) -> str:
        """The figure as text of a script element, which nothing in it ends."""
        return figure_json(prepared(self.draw(), self.label[:60])).replace("<", "\\u003c")


@dataclass(frozen=True)
class Drawings:
    """Figures beside each other, as many as have `least` px each."""

    figures: Sequence[Drawing]
    least: int = 1000
    kind: str = field(default="drawings", init=False)


Piece = Words | Points | Facts | Heading | Table | Markup | Drawings
