"""Names that came with the data, for those texts of a Bokeh figure that may hold a formula: titles and axis labels."""

from __future__ import annotations


def plain(name: object) -> str:
    """`name` with a zero-width space in each mark that would have Bokeh read a formula: $$, \\( and \\[."""
    said = str(name)
    for mark in ("$$", "\\(", "\\["):
        said = said.replace(mark, "\u200b".join(mark))
    return said
