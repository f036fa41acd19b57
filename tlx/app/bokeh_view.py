"""A Bokeh figure in a Streamlit page that reports taps and selections back to Python.

A small component of our own (streamlit-bokeh draws, but tells nothing back). BokehJS comes from the files
streamlit-bokeh makes the server serve, so no other host is asked and the versions agree.
"""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bokeh
import streamlit as st
from bokeh.models import LayoutDOM

from tlx.app.once import once
from tlx.figures.written import DRAWING, figure_json, prepared

Event = dict[str, Any]
Handler = Callable[[Event], object]

_HTML = """<div class="bkv" role="figure"></div>
"""
# It is sent with each figure, so it is short; the code that it hands over to may come after the figures.
_LOADER = """
const slot = Symbol.for("tlx bokeh view")
export default (component) => {
  let gone, stop
  const begin = () => gone || (window[slot] ? stop = window[slot].PART(component) : setTimeout(begin, 10))
  begin()
  return () => { gone = true; stop?.() }
}
"""
CODE = ("bokeh_view.js", "figure_files.js", "figure_keys.js", "full_screen.js")


def _text(name: str) -> str:
    return Path(__file__).with_name(name).read_text(encoding="utf-8")


def loader(part: str) -> str:
    """JavaScript of a component that hands over to this function of the code that is sent once, see `code`."""
    return _LOADER.replace("PART", part)


_component = st.components.v2.component("tlx_bokeh_view", html=_HTML, js=loader("view"), isolate_styles=False)
_code = st.components.v2.component(
    "tlx_bokeh_code",
    html="<span></span>\n",
    css=_text("bokeh_view.css"),
    js="\n".join([*map(_text, CODE), DRAWING]),
    isolate_styles=False,
)
_UNSEEN = "tlx unseen"  # how keys of components begin that show nothing and take no room: see `looks.css`
LARGE = 8 * 2**10  # bytes from which a figure is an element of its own, which a browser that has it is not sent again
_large_figure = st.components.v2.component(
    "tlx_large_figure",
    html="<span></span>\n",
    js=_text("large_figure.js"),
    isolate_styles=False,
)


@dataclass(frozen=True, eq=False)
class Sent:
    """A figure as it is sent: gzipped JSON, a digest of it, and its height in pixels at its natural width."""

    packed: bytes
    digest: str
    height: int | None


def code() -> None:
    """Sends the code that draws figures, and their looks; once on a page."""
    _code(key=f"{_UNSEEN} code")


def bokeh_view(
    draw: Callable[[], LayoutDOM],
    *,
    key: str,
    label: str,
    taps: bool = False,
    on_tap: Handler | None = None,
    select: Sequence[str] = (),
    selected: Mapping[str, Sequence[int]] | None = None,
    on_select: Handler | None = None,
    overlay: Mapping[str, Mapping[str, Any]] | None = None,
    layout: str | None = None,
    height: int | None = None,
    full_screen: bool = False,
) -> None:
    """Shows a figure; its handlers run as callbacks, before the page runs again, with what the user did.

    draw: a figure function and what it is to show, `partial(zigzag, subject, layers)`; called once of the same, see
    `once`. label: what screen readers say. taps, on_tap: report taps as {"x", "y"} in data coordinates. select,
    on_select: names of the sources (or renderers) whose selection is reported as {"name", "indices"}; selected: indices
    to select now, by name. overlay: columns to put into named sources: what a click changes, so that it takes no other
    figure. layout: while it stays the same, another figure keeps the zoom, also after a visit to another page; give it
    where coordinates then mean the same. height: of the figure, px. full_screen: a button shows it on the whole screen,
    with what stands in the same keyed container.

    Another figure of the same parts is not drawn anew: the living one takes its numbers, and keeps tools.

    A figure whose model has {"stops": …} among its tags can be entered by Tab and walked through with arrows, see
    `figure_keys.js`; Enter is then a tap.
    """
    sent = once(_sent, draw, key, height)
    handlers = {"tap": on_tap, "select": on_select}
    settings = {
        "key": key,
        "digest": sent.digest,
        "version": bokeh.__version__,
        "label": label,
        "taps": taps or on_tap is not None,
        "select": list(select),
        "selected": {name: [int(i) for i in indices] for name, indices in (selected or {}).items()},
        "overlay": {source: _lists(columns) for source, columns in (overlay or {}).items()},
        "layout": layout,
        "height": sent.height,
        "full_screen": full_screen,
    }
    beside = len(sent.packed) >= LARGE
    if beside:
        _large_figure(key=f"{_UNSEEN} {key}", data=sent.digest.encode() + sent.packed)
    _component(
        key=key,
        data=message(settings, b"" if beside else sent.packed),
        height=sent.height or "content",  # what stands below does not jump when the figure is drawn
        on_tap_change=lambda: _hand_over(key, "tap", handlers),
        on_select_change=lambda: _hand_over(key, "select", handlers),
    )


def _lists(columns: Mapping[str, Any]) -> dict[str, list[Any]]:
    """The columns as JSON has them."""
    return {name: column.tolist() if hasattr(column, "tolist") else list(column) for name, column in columns.items()}


def message(settings: Mapping[str, Any], packed: bytes) -> bytes:
    """What the browser gets: the settings' length (four bytes, big-endian), the settings as JSON, the figure."""
    head = json.dumps(settings, separators=(",", ":")).encode()
    return len(head).to_bytes(4, "big") + head + packed


def _sent(draw: Callable[[], LayoutDOM], name: str, height: int | None) -> Sent:
    figure = draw()
    if height is not None:
        figure.height = height
    text = figure_json(prepared(figure, name)).encode()
    digest = hashlib.sha256(text).hexdigest()
    return Sent(gzip.compress(text, 9, mtime=0), digest, figure.height)


def _hand_over(key: str, kind: str, handlers: Mapping[str, Handler | None]) -> None:
    event, handler = st.session_state[key].get(kind), handlers[kind]
    if event is not None and handler is not None:
        handler(event)
