"""What the pointer means: one mark, the nearest to it, for the tooltip and for the tap alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bokeh.models import CustomJS, CustomJSHover, GlyphRenderer, HoverTool, TapTool
from bokeh.plotting import figure

# Of the marks hit the nearest on the screen; of those as near, the one on top, which is drawn last.
_NEAREST = """
const nearest = (indices, distance) => {
  let best = -1, least = Infinity
  for (const i of indices) {
    const away = distance(i)
    if (away < least - 1e-6 || (away < least + 1e-6 && i > best)) [best, least] = [i, Math.min(away, least)]
  }
  return best
}
"""
_HOVERED = """
if (above.some((one) => one.data_source.selection_manager.inspectors.get(one)?.indices.length)) return false
const { glyph_view, indices, index, sx, sy } = cb_data.vars
const away = (i) => (glyph_view.sx?.length ? Math.hypot(glyph_view.sx[i] - sx, glyph_view.sy[i] - sy) : 0)
return index === nearest(indices, away)
"""
_TAPPED = """
const { source, geometries: { x, y } } = cb_data, { data, selected } = source
const across = plot.inner_width / (plot.x_range.end - plot.x_range.start)
const up = plot.inner_height / (plot.y_range.end - plot.y_range.start)
const sizes = marks.glyph.size
const reach = (i) => (sizes.field === undefined ? sizes.value ?? sizes : data[sizes.field][i]) / 2
const away = (i) => [Math.abs(data.x[i] - x) * across, Math.abs(data.y[i] - y) * up]
const hit = [...data.x.keys()].filter((i) => Math.max(...away(i)) <= reach(i))
const one = nearest(hit, (i) => Math.hypot(...away(i)))
selected.indices = one < 0 ? [] : [one]
"""


def hover(
    plot: figure,
    marks: GlyphRenderer,
    tooltips: str,
    *,
    above: Sequence[GlyphRenderer] = (),
    formatters: Mapping[str, CustomJSHover] | None = None,
    **options: Any,
) -> None:
    """A tooltip for one of the marks. It gives way to those of the marks in `above`, whose tools were added before.

    tooltips: HTML, in which Bokeh escapes what it fills in.
    """
    chosen = CustomJS(args={"above": list(above)}, code=_NEAREST + _HOVERED)
    tool = HoverTool(renderers=[marks], tooltips=tooltips, filters={"$index": [chosen]}, **options)
    tool.formatters = dict(formatters or {})
    plot.add_tools(tool)


def tap(plot: figure, marks: GlyphRenderer) -> None:
    """A tap selects one of the marks, the one that `hover` tells of."""
    only = CustomJS(args={"plot": plot, "marks": marks}, code=_NEAREST + _TAPPED)
    plot.add_tools(TapTool(renderers=[marks], callback=only))
