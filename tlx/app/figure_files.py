"""Figures as files: HTML that works without a network, PNG and SVG, each with its key, made in the browser.

They are made of what is seen: of the living figures, with what is chosen, ticked and zoomed in them. The server draws
nothing again, and no page runs.
"""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from tlx.app.bokeh_view import loader
from tlx.figures.key import HEIGHT, WIDTH, Entry

FORMS = {"html": "HTML", "png": "PNG", "svg": "SVG"}

_CSS = """
.figure-files { display: flex; flex-wrap: wrap; gap: 0.5rem; align-items: center }
.figure-files button {
  min-height: 2.5rem; padding: 0.25rem 0.75rem; cursor: pointer; white-space: nowrap; font: inherit;
  font-size: 0.875rem; color: var(--st-text-color); background: var(--st-background-color);
  border: 1px solid var(--st-border-color); border-radius: var(--st-button-radius, 0.5rem)
}
.figure-files button:hover { border-color: var(--st-primary-color); color: var(--st-primary-color) }
.figure-files button:focus-visible { outline: 2px solid var(--st-primary-color); outline-offset: 2px }
.figure-files button[aria-busy=true] { cursor: progress; opacity: 0.6 }
.figure-files [role=status]:empty { display: none }
.stMain:not(:has(.bkv)) .stElementContainer:has(.figure-files) { display: none }
"""


def _buttons(buttons: str) -> str:
    return f'<div class="figure-files" role="group">{buttons}<span role="status"></span></div>\n'


_ICON = (
    '<svg width="14" height="14" viewBox="0 0 16 16" aria-hidden="true" style="margin-right:7px;vertical-align:-2px">'
    '<path d="M8 1v9M4 6.5L8 10.5L12 6.5M2 11v3.5H14V11" fill="none" stroke="currentColor" stroke-width="1.6"/></svg>'
)
_forms = st.components.v2.component(
    "tlx_figure_files",
    html=_buttons(
        "".join(f'<button type="button" data-form="{form}">{_ICON}{name}</button>' for form, name in FORMS.items())
    ),
    css=_CSS,
    js=loader("files"),
    isolate_styles=False,
)
_all = st.components.v2.component(
    "tlx_all_figures",
    html=_buttons(f'<button type="button" data-form="html">{_ICON}All figures (HTML)</button>'),
    css=_CSS,
    js=loader("files"),
    isolate_styles=False,
)


def forms(figures: Sequence[str], *, name: str, key: Sequence[Entry] = ()) -> None:
    """Buttons that save these figures of the page.

    figures: keys of their `bokeh_view`s; name: of the file, without its ending; key: what stands below them in it.
    """
    said = [{"sample": _svg(entry.sample), "text": entry.text} for entry in key]
    _forms(key=f"files {name}", data={"figures": list(figures), "name": name, "key": said}, width="content")


def all_figures(name: str) -> None:
    """A button that saves every figure of the page in one file; it shows where there is one."""
    _all(key="files of all figures", data={"figures": None, "name": name, "key": []}, width="content")


def _svg(sample: str) -> str:
    return f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}">{sample}</svg>'
