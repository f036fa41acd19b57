"""Figures as files: HTML that works without a network, PNG and SVG, each with its key, made in the browser.

They are made of what is seen: of the living figures, with what is chosen, ticked and zoomed in them. The server draws
nothing again, and no page runs.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping, Sequence

import streamlit as st

from tlx.app.bokeh_view import loader
from tlx.figures.key import HEIGHT, WIDTH, Entry

FORMS = {"html": "HTML", "png": "PNG", "svg": "SVG"}


def _buttons(forms: Mapping[str, str], label: str) -> str:
    each = "".join(f'<button type="button" data-form="{form}">{name}</button>' for form, name in forms.items())
    return f'<div class="figure-files" role="group" aria-label="{label}">{each}<span role="status"></span></div>\n'


_forms = st.components.v2.component(
    "tlx_figure_files", html=_buttons(FORMS, "The figure as a file"), js=loader("files"), isolate_styles=False
)
_all = st.components.v2.component(
    "tlx_all_figures",
    html=_buttons({"html": "All figures (HTML)"}, "All figures as a file"),
    js=loader("files"),
    isolate_styles=False,
)


def forms(figures: Sequence[str], *, name: str, key: Sequence[Entry] = ()) -> None:
    """Buttons that save these figures of the page.

    figures: keys of their `bokeh_view`s; name: of the file, without its ending; key: what stands below them in it.
    """
    said = [{"sample": _svg(entry.sample), "text": entry.text} for entry in key]
    _forms(key=f"files {name}", data=_packed(list(figures), name, said), width="content")


def all_figures(name: str) -> None:
    """A button that saves every figure of the page in one file; it shows where there is one."""
    _all(key="files of all figures", data=_packed(None, name, []), width="content")


def _packed(figures: list[str] | None, name: str, key: list[dict[str, str]]) -> bytes:
    """What a row of buttons saves, as gzipped JSON: a key is drawings, whose text is ten times as long."""
    return gzip.compress(json.dumps({"figures": figures, "name": name, "key": key}).encode(), 9, mtime=0)


def _svg(sample: str) -> str:
    return f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}">{sample}</svg>'
