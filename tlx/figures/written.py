"""Figures as they are sent and written: JSON that is equal for equal figures, and the JavaScript that draws it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from bokeh.embed import json_item
from bokeh.models import LayoutDOM, SaveTool, Toolbar

from tlx.figures.plain_text import plain

DRAWING = Path(__file__).with_name("drawing.js").read_text(encoding="utf-8")  # what pages and files have in common
DIGITS = 6  # of numbers in figures: of the widest picture a tenth of a pixel
# What Bokeh writes for text without a colour; the page's theme knows better.
_UNCHOSEN = {"type": "value", "value": "black"}


def prepared(figure: LayoutDOM, name: str) -> LayoutDOM:
    """The same figure; its own button saves it under this name, and a wheel scrolls the page over it."""
    for model in figure.references():
        if isinstance(model, SaveTool):
            model.filename = re.sub(r"[^\w-]+", "-", name)  # else the browser asks for a name first
        elif isinstance(model, Toolbar):
            model.active_scroll = None  # else a click arms the wheel, and the page no longer scrolls over the figure
    return figure


def figure_json(figure: LayoutDOM) -> str:
    """The figure as JSON text, equal for equal figures: Bokeh numbers its models anew each time they are made.

    Equal text is neither sent to a browser again nor drawn again.
    """
    text = json.dumps(json_item(plain(figure)))
    item = json.loads(text, parse_float=_short)  # Bokeh repeats parts by reference; each is numbered once
    numbers: dict[str, str] = {}
    _renumber(item["doc"], numbers)
    item["root_id"] = numbers[item["root_id"]]
    return json.dumps(item, separators=(",", ":"))


def _short(number: str) -> float:
    """As many digits as a picture can show: the others are most of what a figure weighs."""
    return float(f"{float(number):.{DIGITS}g}")


def _renumber(node: Any, numbers: dict[str, str]) -> None:
    """Gives every model and every reference to one a number by order of appearance, in place."""
    if isinstance(node, dict):
        # Bokeh uses one dict for all references to a model: those met before have their number ("m…") already.
        if isinstance(node.get("id"), str) and not node["id"].startswith("m"):
            node["id"] = numbers.setdefault(node["id"], f"m{len(numbers) + 1}")
        if node.get("name") == "Text" and node.get("attributes", {}).get("text_color") == _UNCHOSEN:
            del node["attributes"]["text_color"]
    for value in node.values() if isinstance(node, dict) else node:
        if isinstance(value, dict | list | tuple):
            _renumber(value, numbers)
