"""A kernel or a map as an image: brightness for what has no sign, two hues around zero for what has one."""

from __future__ import annotations

import numpy as np
from bokeh.models import ColumnDataSource, HoverTool, LinearColorMapper
from bokeh.plotting import figure

from tlx.figures import shades, theme


def signed_map(values: np.ndarray, title: str, *, size: int = 130) -> figure:
    """(h, w) values, row 0 on top: paper at zero, orange below, violet above, to the largest magnitude.

    The image's source is named "map"; the title carries the scale, since brightness alone has no unit.
    """
    height, width = values.shape
    most = float(np.abs(values).max(initial=0.0))
    plot = figure(
        title=f"{title}, ±{most:.3g}" if (values < 0).any() else f"{title}, 0 to {most:.3g}",
        x_range=(0, width),
        y_range=(height, 0),
        width=round(size * min(max(width / height, 1.0), 2.5)),
        height=size + 24,
        tools="",
        toolbar_location=None,
        min_border=2,
    )
    plot.axis.visible = plot.grid.visible = False
    plot.title.text_font_size = "12px"
    plot.title.text_font_style = "normal"
    plot.outline_line_color = theme.NEUTRAL
    palette = (*reversed(shades.shades(BELOW, 128)), *shades.shades(ABOVE, 128))
    mapper = LinearColorMapper(palette=palette, low=-(most or 1.0), high=most or 1.0)
    source = ColumnDataSource({"image": [values.astype(np.float32)]}, name="map")
    drawn = plot.image("image", 0, 0, width, height, source=source, color_mapper=mapper)
    plot.add_tools(HoverTool(renderers=[drawn], tooltips=[("value", "@image{0.0000}")], visible=False))
    return plot


BELOW, ABOVE = "#a84300", "#3f007d"  # neither red nor blue, which mean source and target
