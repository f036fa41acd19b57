"""The domain discriminability plot: instances along the classifier's direction, neurons as axes (5.4.2, Figure 1 D)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from bokeh.models import ColumnDataSource, GlyphRenderer, Legend, LegendItem, Range1d
from bokeh.plotting import figure

from tlx.figures import pointing, theme
from tlx.figures.chart import chart
from tlx.figures.pictures import Pictures
from tlx.figures.projection import axes_table, axis_widths, held_out, origin, point_table, seen_by
from tlx.figures.sources import source_of
from tlx.results import Discriminability

HEIGHT = 400  # px: list, chosen neuron and plot fit a laptop's screen together
AXIS = "#b8860b"  # dark gold: neither domain's colour, and seen on points of both

_POINT = """<div style="display:flex;gap:10px;font-size:13px;line-height:1.45">{picture}<div>
<b>@domain domain</b>, instance @instance<br>{prediction}
distance from the boundary <b>@decision{{+0.00}}</b> when held out:<br>
the classifier says <b>@says</b> @verdict</div></div>"""
_PREDICTION = "target model: <b>@prediction</b> (@confidence{0 %})<br>"
_AXIS = """<div style="font-size:13px;line-height:1.45"><b>#@place &nbsp;@title, neuron @neuron</b><br>
alone: AUC @auc{0.00}<br>weight u @weight{+0.000}: more conductance looks <b>@towards</b><br>
axis: @u{+0.000} along u/|u|, @g{+0.000} along g</div>"""
_BOUNDARY = "decision boundary: source to its left, target to its right"


def biplot(
    result: Discriminability,
    active: Sequence[int],
    titles: Mapping[str, str],
    *,
    only_active: bool = False,
    instances: pd.DataFrame | None = None,
    pictures: Pictures | None = None,
    chosen: int | None = None,
    order: np.ndarray | None = None,
) -> figure:
    """Instances as red crosses (source) and blue circles (target), the decision boundary, and neurons as axes.

    active: columns whose axes are drawn; titles: of each layer; only_active: project with those columns alone;
    instances: `pipeline.instances`, for what the model says; chosen: column whose axis stands out; order: (P,) columns
    as the list has them, by AUC by default. Sources: "points", "boundary", "axes".
    """
    coordinates = seen_by(result, active) if only_active else held_out(result)
    plot = chart(
        f"Class {result.class_name}, {result.model} model: what tells the domains apart",
        height=HEIGHT,
        x="← towards source · towards target →",
        y="strongest other variation",
        tools="pan,wheel_zoom,box_select,lasso_select,reset,save",
        active_drag="lasso_select",
        name="biplot",
        toolbar_location="right",
    )
    plot.xgrid.visible = False
    axes = axes_table(result, active, titles, coordinates, chosen, order)
    _frame(plot, coordinates, axes, origin(result))
    boundary = _draw_boundary(plot)
    marks = _draw_points(plot, point_table(result, coordinates, instances), pictures)
    lines, ends = _draw_axes(plot, axes, origin(result))
    picture = pictures.tooltip() if pictures is not None else ""
    words = _POINT.format(picture=picture, prediction=_PREDICTION if instances is not None else "")
    pointing.hover(plot, ends, _AXIS)
    pointing.hover(
        plot,
        marks,
        words,
        above=[ends],
        formatters=pictures.formatters() if pictures else {},
        point_policy="follow_mouse",
    )
    pointing.hover(plot, lines, _AXIS, above=[ends, marks])
    pointing.hover(plot, boundary, _BOUNDARY, above=[ends, marks, lines])
    pointing.tap(plot, marks)
    return plot


def widths(active: Sequence[int], chosen: int | None) -> dict[str, dict[str, list[float]]]:
    """What a choice changes in the source "axes": how wide each of these columns' axes is drawn."""
    return {"axes": {"width": axis_widths(active, chosen)}}


def _frame(plot: figure, coordinates: np.ndarray, axes: pd.DataFrame, begin: np.ndarray) -> None:
    """Ranges that hold every instance, the axes and the boundary, with room for labels at the edges."""
    xs = np.concatenate([coordinates[:, 0], axes["x"], [0, begin[0]]])
    ys = np.concatenate([coordinates[:, 1], axes["y"], axes["label_y"], [0]])
    across, room_y = np.ptp(xs) or 1, 0.07 * (np.ptp(ys) or 1)
    left, right = (0.32 if (axes["align"] == side).any() else 0.06 for side in ("left", "right"))  # room for labels
    plot.x_range = Range1d(xs.min() - left * across, xs.max() + right * across, name="x range")
    axes["label_x"] = np.where(axes["align"] == "right", plot.x_range.end, plot.x_range.start)
    plot.y_range = Range1d(ys.min() - room_y, ys.max() + room_y, name="y range")


def _draw_boundary(plot: figure) -> GlyphRenderer:
    """The line where the decision value is 0, and the two sides faintly in their domain's colour."""
    for left, right, domain in ((-1e3, 0, "source"), (0, 1e3, "target")):
        plot.vstrip(
            x0=[left], x1=[right], fill_color=theme.COLOURS[domain], fill_alpha=0.06, line_alpha=0, level="underlay"
        )
    return plot.vspan(
        x="x",
        source=ColumnDataSource({"x": [0.0]}, name="boundary"),
        line_color=theme.NEUTRAL,
        line_width=2.5,
        line_dash="dashed",
        name="boundary",
    )


def _draw_points(plot: figure, data: pd.DataFrame, pictures: Pictures | None) -> GlyphRenderer:
    columns = {str(name): np.asarray(data[name]) for name in data}
    columns["colour"] = data["domain"].map(theme.COLOURS).to_numpy()
    columns["marker"] = data["domain"].map(theme.MARKERS).to_numpy()
    if pictures is not None:
        columns |= pictures.columns_of(columns["domain"], columns["instance"])
    marks = plot.scatter(
        "x",
        "y",
        source=ColumnDataSource(columns, name="points"),
        marker="marker",
        size=8.5,
        line_color="colour",
        line_width=1.6,
        line_alpha=1.0,
        fill_color="colour",
        fill_alpha=0.3,
        nonselection_line_alpha=0.2,
        nonselection_fill_alpha=0.06,
        name="points",
    )
    _legend(plot, data, marks)
    return marks


def _legend(plot: figure, data: pd.DataFrame, marks: GlyphRenderer) -> None:
    """Crosses, circles and the boundary explained above the plot, with their counts."""
    items = [
        LegendItem(label=f"{domain} ({len(rows):,})", renderers=[marks], index=int(rows.index[0]))
        for domain, rows in data.groupby("domain", sort=False)
    ]
    line = plot.line([np.nan, np.nan], [np.nan, np.nan], line_color=theme.NEUTRAL, line_width=2.5, line_dash="dashed")
    items.append(LegendItem(label="boundary", renderers=[line]))
    legend = Legend(
        items=items,
        orientation="horizontal",
        border_line_alpha=0,
        background_fill_alpha=0,
        padding=2,
        margin=2,
        spacing=14,
    )
    plot.add_layout(legend, "above")


def _draw_axes(plot: figure, axes: pd.DataFrame, begin: np.ndarray) -> tuple[GlyphRenderer, GlyphRenderer]:
    """The active neurons' axes from their origin, each with its place in the ranking as in the list's rows.

    Answers with their lines and their ends.
    """
    source = source_of(axes, "axes")
    colour = AXIS
    lines = plot.segment(*begin, "x", "y", source=source, line_color=colour, line_width="width", name="axes")
    ends = plot.scatter("x", "y", source=source, size=9, color=colour, name="axis ends")
    plot.segment("x", "y", "label_x", "label_y", source=source, line_color=colour, line_width=1, line_dash="dotted")
    plot.text(
        "label_x",
        "label_y",
        text="label",
        source=source,
        text_align="align",
        text_baseline="middle",
        x_offset="shift",
        text_font_size="12px",
        text_font_style="bold",
        text_color=theme.INK,
        background_fill_color=theme.PAPER,
        background_fill_alpha=0.88,
        padding=3,
        border_radius=4,
        name="axis labels",
    )
    plot.scatter(*begin[:, None], size=6, color=colour)
    return lines, ends
