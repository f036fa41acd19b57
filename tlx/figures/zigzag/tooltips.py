"""The tooltips of the zig-zag: HTML in which Bokeh fills in, and escapes, the values under the pointer."""

from __future__ import annotations

from bokeh.models import ColumnDataSource, CustomJSHover

from tlx.cases import MODELS
from tlx.figures.zigzag.matrices import MANY, RELATIONS, UNDEFINED
from tlx.figures.zigzag.weights import STATES


def _card(head: str, *lines: str) -> str:
    rows = "".join(f"<div>{line}</div>" for line in lines)
    return f'<div style="font-size:12px;line-height:1.5;max-width:300px"><b>{head}</b>{rows}</div>'


BAR = _card("@count{0,0} (@share{0.0 %})", "@span", "@about")
SOURCE_EDGE = _card(
    "source edge #@first → #@second",
    "@shallow → @deep",
    "value @image{custom} (darkest: @darkest{custom})",
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
    "kept: @kept{custom}",
)
STRIP = _card("@about")
_LOOK = 96  # side of a feature image, px
HEAD = f'<img src="@url" width="{_LOOK}" height="{_LOOK}" style="border-radius:4px">' + _card(
    "#@neuron, @model model", "@layer", "what it looks for"
)


def cell(measure: str, *, looks: bool = False) -> str:
    """Of a pair of neurons; measure: of their similarity, as a key writes it; looks: with their feature images."""
    image = f'<img src="@{{}}{{look}}" width="{_LOOK}" height="{_LOOK}" style="border-radius:4px">'
    both = "".join(image.replace("{}", model) for model in MODELS)
    return (f'<div style="display:flex;gap:6px">{both}</div>' if looks else "") + _card(
        f"{measure} @relation{{value}}",
        "source neuron #@source, @source_rank{0o} in its layer",
        "target neuron #@target, @target_rank{0o} in its layer",
        "@layer",
        "@relation{words}",
    )


def index(measure: str) -> str:
    """Of a neuron's index; measure: of its similarity to its counterpart."""
    return _card(
        "#@neuron, @model model",
        "@layer",
        "@rank{0o} of @units here, @rank_there{0o} in the @there model",
        "counterpart there: #@twin{custom}",
        f"{measure} @similarity{{0.00}}",
    )


def relation(cells: ColumnDataSource) -> CustomJSHover:
    """A cell's similarity, or what it means that there is none; in words how its neurons match."""
    code = """
      if (format === "words") return words[value]
      const { index, flat_index } = special_vars.image_index
      const grid = cells.data.image[index], white = cells.data.white[index], thousandths = grid[flat_index]
      if (thousandths === unknown) return "undefined: one of the two never changes"
      return (white + thousandths / 1000 * (1 - white)).toFixed(grid.length > many ? 2 : 3)
    """
    args = {"cells": cells, "words": list(RELATIONS), "unknown": UNDEFINED, "many": MANY}
    return CustomJSHover(args=args, code=code)


def looks_of_cell(cells: ColumnDataSource, heads: ColumnDataSource, model: str) -> CustomJSHover:
    """The address of what a cell's neuron of this model looks for; an empty picture where there is none."""
    code = """
      const layer = cells.data.layer[special_vars.image_index.index], { data } = heads
      const same = (i) => data.neuron[i] === value && data.layer[i] === layer && data.model[i] === model
      return data.url.find((_, i) => same(i)) ?? "data:,"
    """
    return CustomJSHover(args={"cells": cells, "heads": heads, "model": model}, code=code)


def value(cells: ColumnDataSource) -> CustomJSHover:
    """A weight's value: the image holds it in thousandths of the darkest, so it has as many decimal places as those."""
    code = """
      const { index } = special_vars.image_index, darkest = cells.data.darkest[index]
      const digits = cells.data.image[index].length > many ? 2 : 3
      const places = Math.min(Math.max(digits - Math.floor(Math.log10(darkest)), 0), 12)
      return (value / 1000 * darkest).toFixed(places)
    """
    return CustomJSHover(args={"cells": cells, "many": MANY}, code=code)


def share(boxes: ColumnDataSource) -> CustomJSHover:
    """How many of a box's edges are kept, of the target model's."""
    code = """
      const { count, model, share } = boxes.data, at = special_vars.index
      return model[at] === "source" ? "asked of target edges only"
                                    : `${value} of ${count[at]} (${(100 * share[at]).toFixed(0)} %)`
    """
    return CustomJSHover(args={"boxes": boxes}, code=code)


def three_digits() -> CustomJSHover:
    """A number of any size."""
    return CustomJSHover(code="return value.toPrecision(3)")


def one_of(words: tuple[str, ...]) -> CustomJSHover:
    """The word that a code stands for."""
    return CustomJSHover(args={"words": list(words)}, code="return words[value]")


def states() -> CustomJSHover:
    """Whether an edge is important."""
    return one_of(STATES)


def neuron() -> CustomJSHover:
    """A neuron's index, or "none" where there is no counterpart."""
    return CustomJSHover(code='return value < 0 ? "none" : String(value)')
