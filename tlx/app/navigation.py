"""Links between the pages, each of which takes the selection along in its address."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import streamlit as st
from streamlit.delta_generator import DeltaGenerator
from streamlit.runtime.scriptrunner import get_script_run_ctx

from tlx import places
from tlx.app import selection
from tlx.app.selection import PARAMETERS, Choice
from tlx.places import ENTRY
from tlx.text import escape

LOCAL = "New_case"  # the page that is for the visitors of this machine only
STEP = "lesson.step"  # the setting that says at which step of the lesson somebody is, whatever page they look at
_NEXT = "tlx next page"
ICONS = {
    "Start": "home",
    "Statistics": "monitoring",
    "Instances": "scatter_plot",
    "Network": "hub",
    "Features": "equalizer",
    "Compare": "compare_arrows",
    "Lesson": "school",
    "New case": "add_circle",
}
_ADDRESS_JS = """
// Puts the selection into an address that has none of it, or an older one, without a step in the history.
export default function ({ data }) {
  const here = new URLSearchParams(location.search)
  if (data.parameters.some((name) => here.get(name) !== (data.address[name] ?? null))) return
  for (const name of data.parameters) here.delete(name)
  for (const [name, value] of Object.entries(data.wanted)) here.set(name, value)
  history.replaceState(history.state, "", `${location.pathname}?${here}${location.hash}`)
}
"""
_CLOSE_JS = """
// On a phone the sidebar lies over the page: once something is chosen in it, it gives the page back.
const slot = Symbol.for("tlx chosen")
export default function ({ data }) {
  const before = window[slot]
  window[slot] = data.chosen
  if (before === undefined || before === data.chosen || innerWidth > 767) return
  document.querySelector("[data-testid=stSidebarCollapseButton] button")?.click()
}
"""
_close = st.components.v2.component("tlx_sidebar", html="<span></span>\n", js=_CLOSE_JS, isolate_styles=False)
_address = st.components.v2.component("tlx_address", html="<span></span>\n", js=_ADDRESS_JS, isolate_styles=False)


def pages() -> dict[str, str]:
    """Title -> path of every page there is, the start page first; the same below either entry script.

    Empty where a page is run by itself (in a test): it then has no neighbours.
    """
    context = get_script_run_ctx()
    if context is None or Path(context.main_script_path).name != ENTRY:
        return {}
    hidden = places.is_public() or not places.computes()
    return {title: file for title, file in _files(places.site()).items() if not (hidden and LOCAL in file)}


@lru_cache(maxsize=2)
def _files(site: Path) -> dict[str, str]:
    files = sorted((site / "pages").glob("[0-9]*_*.py"))
    titled = {file.stem.partition("_")[2].replace("_", " "): str(file) for file in files}
    return {"Start": str(site / ENTRY)} | titled


def link(title: str, choice: Choice, *, label: str | None = None) -> None:
    """A link to a page that takes this choice along; also in a new tab, since the address holds it."""
    file = pages().get(title)
    if file is not None:
        icon = f":material/{ICONS.get(title, 'chevron_right')}:"
        st.page_link(file, label=label or title, icon=icon, query_params=selection.write(choice))


def way_back(title: str, choice: Choice) -> None:
    """A link back to the step of the lesson from which somebody came to look at this page, if they did."""
    step = dict(choice.view).get(STEP)
    if step is not None and title != "Lesson":
        link("Lesson", choice, label=f"Back to the lesson, step {escape(step, 3)}")


def links(place: DeltaGenerator, choice: Choice) -> None:
    """Links to all pages, in place of what `place` (an `st.empty`) held."""
    with place.container(gap="xsmall"):
        for title in pages():
            link(title, choice)


def go_to(title: str) -> None:
    """Has the next run open another page, with the selection as it is then. Call it in a callback."""
    st.session_state[_NEXT] = title


def follow() -> None:
    """Opens the page that a callback asked for, if one did and there is one."""
    file = pages().get(st.session_state.pop(_NEXT, ""))
    if file is not None:
        st.switch_page(file)


def give_back(title: str, choice: Choice) -> None:
    """Has a phone's browser close the sidebar once another page, case or class was chosen; call it in the sidebar."""
    _close(key="tlx sidebar", data={"chosen": f"{title} {choice.case} {choice.class_name}"})


def complete_address(address: dict[str, str], wanted: dict[str, str]) -> None:
    """Has the browser put the wanted parameters in place of those of ours that the address has."""
    _address(key="tlx address", data={"address": address, "wanted": wanted, "parameters": list(PARAMETERS)})
