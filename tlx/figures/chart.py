"""The set-up that all charts share: as wide as the page lets them, named axes, a toolbar without a logo."""

from __future__ import annotations

from typing import Any

from bokeh.plotting import figure


def chart(title: str = "", *, x: str = "", y: str = "", height: int, tools: str = "save", **options: Any) -> figure:
    """An empty chart. x, y: what the axes mean, with units; options: those of Bokeh's `figure`."""
    usual = {"sizing_mode": "stretch_width", "toolbar_location": "above"}
    words = {"title": title, "x_axis_label": x, "y_axis_label": y}
    plot = figure(height=height, tools=tools, **usual | {name: text for name, text in words.items() if text} | options)
    plot.toolbar.logo = None
    return plot
