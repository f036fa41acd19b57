"""Links between the pages, each of which takes the selection along in its address."""

from __future__ import annotations

from pathlib import Path

import streamlit as st
from streamlit.delta_generator import DeltaGenerator
from streamlit.runtime.scriptrunner import get_script_run_ctx

from tlx import places
from tlx.app import selection
from tlx.app.selection import PARAMETERS, Choice
from tlx.places import ENTRY

LOCAL = "New_case"  # the page that is for the visitors of this machine only
ICONS = {
    "Start": "home",
    "Statistics": "monitoring",
    "Instances": "scatter_plot",
    "Network": "hub",
    "Features": "equalizer",
    "Compare": "compare_arrows",
    "New case": "add_circle",
}
_ADDRESS_JS = """
// Puts the selection into an address that has none of it, without a step in the history.
export default function ({ data }) {
  const here = new URLSearchParams(location.search)
  if (data.parameters.some((name) => here.has(name))) return
  for (const [name, value] of Object.entries(data.wanted)) here.set(name, value)
  history.replaceState(history.state, "", `${location.pathname}?${here}${location.hash}`)
}
"""
_address = st.components.v2.component("tlx_address", html="<span></span>\n", js=_ADDRESS_JS, isolate_styles=False)


def pages() -> dict[str, str]:
    """Title -> file of every page there is, the start page first, as `st.page_link` wants them.

    Empty where a page is run by itself (in a test): it then has no neighbours.
    """
    context = get_script_run_ctx()
    entry = Path(context.main_script_path) if context else Path()
    if entry.name != ENTRY:
        return {}
    files = sorted((entry.parent / "pages").glob("[0-9]*_*.py"))
    if places.is_public():
        files = [file for file in files if not file.stem.endswith(LOCAL)]
    return {"Start": ENTRY} | {file.stem.partition("_")[2].replace("_", " "): f"pages/{file.name}" for file in files}


def link(title: str, choice: Choice, *, label: str | None = None) -> None:
    """A link to a page that takes this choice along; also in a new tab, since the address holds it."""
    file = pages().get(title)
    if file is not None:
        icon = f":material/{ICONS.get(title, 'chevron_right')}:"
        st.page_link(file, label=label or title, icon=icon, query_params=selection.write(choice))


def links(place: DeltaGenerator, choice: Choice) -> None:
    """Links to all pages, in place of what `place` (an `st.empty`) held."""
    with place.container(gap="xsmall"):
        for title in pages():
            link(title, choice)


def complete_address(wanted: dict[str, str]) -> None:
    """Has the browser put these parameters into an address that has none of ours."""
    _address(key="tlx address", data={"wanted": wanted, "parameters": list(PARAMETERS)})
