"""The key of a figure whose marks are explained beside it: what its files say below it."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tlx.figures import theme
from tlx.text import escape_html

WIDTH, HEIGHT = 44, 20  # px of a sample
_SHAPES = {
    "circle": '<circle cx="22" cy="10" r="6"',
    "square": '<rect x="16" y="4" width="12" height="12"',
    "triangle": '<path d="M22 4L29 16H15Z"',
    "inverted_triangle": '<path d="M22 16L29 4H15Z"',
    "diamond": '<path d="M22 3L28 10L22 17L16 10Z"',
    "hex": '<path d="M15 10L18.5 4H25.5L29 10L25.5 16H18.5Z"',
    "plus": '<path d="M17 5L27 15M27 5L17 15"',  # turned, as the scatterplot has it
}


@dataclass(frozen=True)
class Entry:
    """A sample of a mark, as the inside of an SVG of `WIDTH` by `HEIGHT`, and what it means."""

    sample: str
    text: str


def mark(text: str, marker: str, face: str, border: str | None = None) -> Entry:
    """A mark by its name in Bokeh. Raises KeyError for one that no figure with such a key has."""
    stroke = face if marker == "plus" else border
    rim = f' stroke="{stroke}" stroke-width="3"' if stroke else ""
    return Entry(f'{_SHAPES[marker]} fill="{face}"{rim}/>', text)


def line(text: str, colour: str, dash: str = "none") -> Entry:
    """A line; dash: as SVG has it."""
    return Entry(f'<path d="M2 10H42" stroke="{colour}" stroke-width="2.5" stroke-dasharray="{dash}"/>', text)


def classes(colours: Sequence[tuple[str, str]]) -> list[Entry]:
    """Names of classes with their colours."""
    return [mark(name, "square", colour) for name, colour in colours]


def domains() -> list[Entry]:
    """The marks of a scatterplot that say domain and verdict."""
    return [
        mark("source instance", "plus", theme.NEUTRAL),
        mark("target instance", "circle", theme.NEUTRAL),
        mark("mispredicted by the plot's model", "circle", theme.PAPER, theme.MISPREDICTED),
    ]


def html(entries: Iterable[Entry]) -> str:
    """A key as a line of its own that wraps; pictures, since pages take no drawings."""
    items = "".join(
        '<li style="display:flex;gap:4px;align-items:center;margin:0;font-size:12px;white-space:nowrap">'
        f'<img alt="" src="{_picture(entry.sample)}" width="{WIDTH}" height="{HEIGHT}" style="flex:none">'
        f"{escape_html(entry.text)}</li>"
        for entry in entries
    )
    look = "list-style:none;margin:0;padding:0;display:flex;flex-wrap:wrap;gap:2px 12px"
    return f'<ul aria-label="Key" style="{look}">{items}</ul>'


def _picture(sample: str) -> str:
    svg = f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}">{sample}</svg>'
    return f"data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode()}"
