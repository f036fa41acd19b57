"""The network relation view (paper 5.3.3, Figure 4): similarity matrices in a zig-zag, weights beside them.

All numbers come from `matrices`, `weights` and `frame` as columns; here they become marks. However
many layers are drawn, there is one glyph of each kind, and one image for each matrix.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from bokeh.models import (
    CategoricalColorMapper,
    CDSView,
    ColumnDataSource,
    CustomJS,
    CustomJSHover,
    GroupFilter,
    HoverTool,
    LinearColorMapper,
    Range1d,
)
from bokeh.models.renderers import GlyphRenderer
from bokeh.plotting import figure

from tlx.cases import MODELS
from tlx.figures import shades, theme
from tlx.figures.zigzag import frame, matrices, tooltips, weights
from tlx.figures.zigzag.frame import Focus
from tlx.figures.zigzag.layout import DIGIT, TEXT, EdgeHit, Layout, stops
from tlx.figures.zigzag.legend import LARGEST
from tlx.figures.zigzag.margin_bars import Columns
from tlx.figures.zigzag.subject import Options, Subject, layout_of
from tlx.results import NeuronRef

_SIDES = {side: side for side in ("left", "right", "top", "bottom")}  # of quads, by their sources' columns
_MARGIN = 6.0
_USUAL = 930.0  # pixels a page usually leaves for the view
# Pixels to a length of 1 from which on whole lines, two lines and one line of text fit above a block.
_SCALES = {"long": 0.75, "roomy": 0.8, "tight": 0.42}
_LONG = 200  # values from which on a column is worth packing
_FIT = """
    const scale = plot.inner_width / Math.abs(plot.x_range.end - plot.x_range.start)
    if (!(scale > 0)) return
    const font = Math.round(2 * Math.min(Math.max(12 * scale, 10), 14)) / 2
    for (const [text, larger] of texts) {
      const size = `${font + larger}px`
      if (text.glyph.text_font_size.value != size) text.glyph.text_font_size = { value: size }
    }
    ranges.visible = scale >= roomy
    captions.visible = scale >= tight
    const write = (text, field) => { if (text.glyph.text.field != field) text.glyph.text = { field } }
    write(titles, scale >= tight ? "text" : "short")
    write(ranges, scale >= long ? "range" : "short_range")
    write(captions, scale >= long ? "text" : "short")
    const { pitch, level, room } = source.data, part = font / 12
    const fits = (i) => pitch[i] * scale * 2 ** level[i] >= closest * part && room[i] * scale >= digit * part
    const alpha = Array.from(pitch, (_, i) => fits(i) ? 1 : 0)
    if (alpha.some((a, i) => a != source.data.alpha[i])) source.data = {...source.data, alpha}
"""  # text follows the scale while it can be read; indices thin out, by halves, before they run into each other


def zigzag(
    subject: Subject,
    layers: Sequence[str],
    options: Options | None = None,
    *,
    looks: Mapping[NeuronRef, str] | None = None,
    chosen: Focus = None,
    edges: Sequence[EdgeHit] = (),
) -> figure:
    """The view of these layers, shallow first.

    The figure's coordinates are those of `layout_of(subject, layers, options)`, so that `locate` says what was tapped.
    Sources and renderers are named: similarity, matches, similarity_bars, source_weights, target_weights, marks, boxes,
    weight_bars, indices, heads, bars, titles, gaps, focus, edge_focus.

    Args:
        looks: addresses of feature images, which stand at the heads of rows and columns where `options` have them.
        chosen: the neuron (model, layer, index) to frame.
        edges: those whose cells to frame: the chosen one and its counterpart.

    Raises:
        EmptyError: no layer is given.
    """
    options = options or Options()
    layout = layout_of(subject, layers, options)
    plot = _canvas(layout.width, layout.height)
    plot.tags = [{"stops": stops(layout, {layer: subject.title(layer) for layer in layers})}]
    heads = _source(frame.heads(layout, subject, looks or {}), "heads")
    _papers(plot, frame.papers(layout, subject))
    _matrices(plot, layout, subject, options, heads)
    _weights(plot, layout, subject)
    _frame(plot, layout, subject, heads)
    _focus(plot, focus(layout, chosen, edges))
    return plot


def _canvas(width: float, height: float) -> figure:
    across, down = width + 2 * _MARGIN, height + 2 * _MARGIN
    fits = min(1.0, _USUAL / across)
    plot = figure(
        x_range=Range1d(-_MARGIN, width + _MARGIN),
        y_range=Range1d(height + _MARGIN, -_MARGIN),
        sizing_mode="scale_width",
        aspect_ratio=across / down,
        width=round(across * fits),
        height=round(down * fits),
        max_width=round(across * LARGEST),
        min_border=0,
        tools="pan,wheel_zoom,box_zoom,reset,save",
        toolbar_location="below",  # beside the figure it would stand in the key's way
        name="zigzag",
    )
    plot.axis.visible = plot.grid.visible = False
    plot.outline_line_color = None
    plot.toolbar.logo = None
    return plot


def _source(columns: Columns, name: str) -> ColumnDataSource:
    """The columns as a source; long ones of numbers as arrays, which travel compressed."""
    packed = {key: _packed(column) if _long(column) else column for key, column in columns.items()}
    return ColumnDataSource(packed, name=name)


def _packed(column: list[Any]) -> np.ndarray:
    """Float32 to 16 binary digits (a thirtieth of a pixel), since zeros at the end are not sent."""
    exact = np.array(column, dtype=np.float32)
    return ((exact.view(np.uint32) + 0x40) & 0xFFFFFF80).view(np.float32)


def _long(column: list[Any]) -> bool:
    return len(column) > _LONG and all(isinstance(value, int | float) for value in column)


def _tooltip(plot: figure, renderers: Sequence[GlyphRenderer], words: str, **formatters: CustomJSHover) -> None:
    """Tooltips of these marks; `words` is HTML, in which Bokeh escapes the values it fills in."""
    tool = HoverTool(renderers=list(renderers), tooltips=words, visible=False, point_policy="follow_mouse")
    tool.formatters = {f"@{name}": formatter for name, formatter in formatters.items()}
    plot.add_tools(tool)


def _papers(plot: figure, columns: Columns) -> None:
    source = _source(columns, "papers")
    plot.quad(**_SIDES, source=source, fill_color=theme.PAPER, line_color="frame")
    _hatched(plot, source, scale=7, weight=0.8)


def _hatched(plot: figure, source: ColumnDataSource, **look: float) -> None:
    """Lines over the quads of a source that have "/" in their column "hatch".

    Of one pattern, since Bokeh makes five pictures of it for every row if each has its own.
    """
    look = {f"hatch_{name}": value for name, value in look.items()}
    lines = CDSView(filter=GroupFilter(column_name="hatch", group="/"))
    plot.quad(
        **_SIDES, source=source, view=lines, fill_color=None, line_color=None,
        hatch_pattern="/", hatch_color=shades.HATCH, **look,
    )  # fmt: skip


def _image(plot: figure, source: ColumnDataSource, darkest: str) -> GlyphRenderer:
    """Matrices, drawn row by row from the upper left corner; undefined cells let the hatched paper through."""
    mapper = LinearColorMapper(palette=shades.shades(darkest), low=0, high=1000, high_color="#00000000")
    return plot.image("image", "x", "y", "dw", "dh", source=source, color_mapper=mapper, name=source.name)


def _matrices(plot: figure, layout: Layout, subject: Subject, options: Options, heads: ColumnDataSource) -> None:
    cells = _source(matrices.cells(layout, subject, options), "similarity")
    drawn = _image(plot, cells, shades.NEUTRAL_INK)
    seen = {model: tooltips.looks_of_cell(cells, heads, model) for model in MODELS} if heads.data["url"] else {}
    words = tooltips.cell(subject.measured_by, looks=bool(seen))
    _tooltip(plot, [drawn], words, relation=tooltips.relation(cells), **seen)
    _histogram(plot, matrices.histograms(layout, subject, options), "similarity_bars")
    matches = _source(matrices.matches(layout, subject), "matches")
    plot.rect("x", "y", "width", "height", source=matches, fill_color=None, line_color=shades.MATCH, line_width=1.6)
    plot.multi_line("link_x", "link_y", source=matches, line_color=shades.MATCH, line_width=1.2, line_alpha=0.9)
    plot.patches("corner_x", "corner_y", source=matches, fill_color=shades.MATCH, line_color=None)


def _histogram(plot: figure, columns: Columns, name: str) -> None:
    source = _source(columns, name)
    bars = plot.quad(**_SIDES, source=source, fill_color="colour", line_color=theme.NEUTRAL, line_width=0.6)
    _hatched(plot, source, scale=5)
    _tooltip(plot, [bars], tooltips.BAR)


def _weights(plot: figure, layout: Layout, subject: Subject) -> None:
    for model in ("source", "target"):
        cells = _source(weights.cells(layout, subject, model), f"{model}_weights")
        drawn = _image(plot, cells, weights.INKS[model])
        words = tooltips.TARGET_EDGE if model == "target" else tooltips.SOURCE_EDGE
        neuron = tooltips.neuron()
        formatters = {"image": tooltips.value(cells), "darkest": tooltips.three_digits()}
        formatters |= {"state": tooltips.states()}
        _tooltip(plot, [drawn], words, **formatters, match_first=neuron, match_second=neuron)
    marks = _source(weights.marks(layout, subject), "marks")
    plot.rect("x", "y", "width", "height", source=marks, fill_color=None, line_color=_by_model(1.0), line_width=1)
    plot.circle("x", "y", "dot", source=marks, fill_color=theme.SOURCE, line_color=theme.PAPER, line_width=0.8)
    _many_marks(plot, _source(weights.many_marks(layout, subject), "many_marks"))
    _histogram(plot, weights.histograms(layout, subject), "weight_bars")
    _boxes(plot, _source(weights.boxes(layout, subject), "boxes"))


def _many_marks(plot: figure, source: ColumnDataSource) -> None:
    colours = ("#00000000", shades.SOURCE_INK, shades.TARGET_INK, theme.SOURCE)
    mapper = LinearColorMapper(palette=colours, low=-0.5, high=3.5)
    plot.image("image", "x", "y", "dw", "dh", source=source, color_mapper=mapper)


def _by_model(value: float) -> dict[str, Any]:
    """The shade of a value in [0, 1] in the ink of a mark's model."""
    palette = [shades.shade(darkest, value) for darkest in weights.INKS.values()]
    return {"field": "model", "transform": CategoricalColorMapper(factors=[*weights.INKS], palette=palette)}


def _boxes(plot: figure, source: ColumnDataSource) -> None:
    dark = _by_model(1.0)
    plot.segment("x0", "y0", "x1", "y1", source=source, line_color=dark, line_width=1)
    box = plot.quad(**_SIDES, source=source, fill_color=_by_model(0.35), line_color=dark, name="boxes")
    plot.segment("m0", "n0", "m1", "n1", source=source, line_color=dark, line_width=2)
    pie = plot.circle(
        "pie_x", "pie_y", "pie_radius", source=source, fill_color=theme.PAPER, line_color=theme.NEUTRAL, line_width=0.8
    )
    turn = {"start_angle": "pie_start", "end_angle": "pie_end", "direction": "clock"}
    plot.wedge("pie_x", "pie_y", "pie_radius", source=source, fill_color=theme.SOURCE, line_color=None, **turn)
    _tooltip(plot, [box, pie], tooltips.BOX, kept=tooltips.share(source))


def _frame(plot: figure, layout: Layout, subject: Subject, heads: ColumnDataSource) -> None:
    bars = plot.quad(**_SIDES, source=_source(frame.bars(layout), "bars"), color="colour", alpha="alpha")
    _tooltip(plot, [bars], tooltips.STRIP)
    source = _source(frame.indices(layout, subject), "indices")
    text = {
        "text": "text",
        "angle": "angle",
        "text_align": "align",
        "text_color": theme.text_by_model(),
        "text_alpha": "alpha",
    }
    indices = plot.text("x", "y", source=source, text_baseline="middle", text_font_size="12px", name="indices", **text)
    _tooltip(plot, [indices], tooltips.index(subject.measured_by), twin=tooltips.neuron())
    plot.image_url("url", "x", "y", "side", "side", source=heads, anchor="center")
    framed = plot.rect("x", "y", "side", "side", source=heads, fill_alpha=0, line_color=theme.NEUTRAL, line_width=0.5)
    _tooltip(plot, [framed], tooltips.HEAD)
    titles = _source(frame.titles(layout, subject), "titles")
    title = plot.text(
        "x", "y", "text", source=titles, text_font_size="13px", text_font_style="bold", text_align="align"
    )
    ranges = plot.text("x", "range_y", "range", source=titles, text_font_size="12px", text_align="align")
    title.glyph.text_baseline = ranges.glyph.text_baseline = "top"
    held = _source(frame.captions(layout, subject), "captions")
    captions = plot.text(
        "x", "y", "text", source=held, text_font_size="12px", text_align="align", text_color=theme.text_by_model()
    )
    gaps = _source(frame.gaps(layout, subject), "gaps")
    reason = plot.text("x", "y", "text", source=gaps, text_font_size="12px", text_baseline="top")
    texts = [(title, 1), *((text, 0) for text in (indices, ranges, captions, reason))]
    args = {"plot": plot, "source": source, "closest": TEXT, "digit": DIGIT - 0.5, **_SCALES}
    fit = CustomJS(args=args | {"texts": texts, "titles": title, "ranges": ranges, "captions": captions}, code=_FIT)
    for model, change in ((plot, "inner_width"), (plot.x_range, "start"), (plot.x_range, "end"), (source, "data")):
        model.js_on_change(change, fit)


def focus(layout: Layout, chosen: Focus, edges: Sequence[EdgeHit]) -> dict[str, Columns]:
    """The sources of a figure with this layout that frame what the reader chose, by name."""
    return {"focus": frame.focus(layout, chosen), "edge_focus": frame.edge_focus(layout, edges)}


def _focus(plot: figure, columns: dict[str, Columns]) -> None:
    """What the reader chose, framed on top of everything."""
    neuron, both = (_source(columns[name], name) for name in ("focus", "edge_focus"))
    plot.quad(**_SIDES, source=neuron, fill_color=shades.MATCH, fill_alpha=0.12, line_color=shades.MATCH, line_width=2)
    plot.quad(**_SIDES, source=both, fill_color=None, line_color=shades.MATCH, line_width=3)
