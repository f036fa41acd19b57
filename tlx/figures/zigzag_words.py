"""The tooltips of the zig-zag: HTML in which Bokeh fills in, and escapes, the values under the pointer."""

from __future__ import annotations

from bokeh.models import CustomJSHover

from tlx.figures.zigzag_matrices import RELATIONS
from tlx.figures.zigzag_weights import STATES


def _card(head: str, *lines: str) -> str:
    rows = "".join(f"<div>{line}</div>" for line in lines)
    return f'<div style="font-size:12px;line-height:1.5;max-width:300px"><b>{head}</b>{rows}</div>'


CELL = _card(
    "similarity @image{custom}",
    "source neuron #@source, @source_rank{0o} in its layer",
    "target neuron #@target, @target_rank{0o} in its layer",
    "@layer",
    "@relation{custom}",
)
BAR = _card("@count{0,0} (@share{0.0 %})", "@span", "@about")
SOURCE_EDGE = _card(
    "source edge #@first → #@second",
    "@shallow → @deep",
    "value @value{0.000} (darkest: @darkest{0.000})",
    "among the top 10 % in @count of @n instances",
    "important: @state{custom}",
)
TARGET_EDGE = SOURCE_EDGE.replace("source edge", "target edge").replace(
    "@state{custom}",
    "@state{custom}</div><div>source counterpart: #@match_first{custom} → #@match_second{custom}",
)
BOX = _card(
    "@count important edges of #@neuron (@model model)",
    "@layer, to the other neurons of @other",
    "values: @least{0.000} … @lower{0.000} | @median{0.000} | @upper{0.000} … @most{0.000}",
    "inherited: @said",
)
STRIP = _card("@about")
INDEX = _card(
    "#@neuron, @model model",
    "@layer",
    "@rank{0o} of @units here, @rank_there{0o} in the @there model",
    "most similar there: #@twin{custom} (@similarity{0.00})",
)


def number(undefined: str) -> CustomJSHover:
    """A value to three places, or what it means that there is none."""
    return CustomJSHover(args={"undefined": undefined}, code="return isNaN(value) ? undefined : value.toFixed(3)")


def one_of(words: tuple[str, ...]) -> CustomJSHover:
    """The word that a code stands for."""
    return CustomJSHover(args={"words": list(words)}, code="return words[value]")


def states() -> CustomJSHover:
    """Whether an edge is important."""
    return one_of(STATES)


def relations() -> CustomJSHover:
    """How the two neurons of a cell belong together."""
    return one_of(RELATIONS)


def neuron() -> CustomJSHover:
    """A neuron's index, or "none" where no match is defined."""
    return CustomJSHover(code='return value < 0 ? "none" : String(value)')
