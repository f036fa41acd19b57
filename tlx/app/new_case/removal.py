"""Removing a case that was made of a file: the file, and if asked its stored results; never images or checkpoints."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from tlx.app.known_cases import case_files, forget
from tlx.app.new_case import saving
from tlx.app.selection import case_name, choose
from tlx.casefiles import reading
from tlx.errors import CaseError, UserError
from tlx.storage import inventory, memory
from tlx.text import escape, sentence

_CHOSEN, _RESULTS, _SAID = "new case remove", "new case remove results", "new case removed"


def draw() -> None:
    """A folded part of the page in which one of the case files here can be removed; nothing where there is none."""
    files, said = removable(), st.session_state.pop(_SAID, None)
    if said:
        st.info(said, icon=":material/delete:")
    if not files:
        return
    with st.expander("Remove a case"):
        chosen = st.selectbox(
            "Case file",
            files,
            None,
            key=_CHOSEN,
            placeholder="Choose the case to remove",
            help="The case files that this server offers. Built-in cases cannot be removed.",
        )
        if chosen is None:
            return
        with st.popover(f"Remove {escape(Path(chosen).name, 60)}", icon=":material/delete:"):
            st.markdown(
                f"Delete {escape(chosen, 600)} from the disk? Its case is then no longer offered. Images, checkpoints "
                "and histories stay where they are."
            )
            st.checkbox(
                "Its stored results, too",
                key=_RESULTS,
                help="What was computed for it and no other case uses; computing it again takes its time.",
            )
            st.button("Remove for good", on_click=_remove, args=(chosen,))


def removable() -> list[str]:
    """The case files that are offered here, sound or broken; built-in cases and bundles are none."""
    return [where for where in case_files() if Path(where).suffix == ".toml" and Path(where).is_file()]


def remove(where: str, *, results: bool) -> str:
    """Deletes a case file, and if asked what is stored for its case alone; says what was removed (plain text).

    Raises CaseError where the visitor may not, where this is no case file offered here, or where it cannot be deleted.
    """
    if why := saving.refused():
        raise CaseError(why)
    if where not in removable():
        raise CaseError(f"{where} is no case file that is offered here, so it was left alone")
    name = _name(where)
    try:
        Path(where).unlink()
    except OSError as error:
        raise CaseError(f"{where} cannot be removed: {error.strerror or error}") from None
    forget(where)
    if not results:
        return f"{where} was removed; images, checkpoints and stored results stay."
    try:
        freed = inventory.clear_case(memory.location(), name)
    except UserError:  # it had none
        return f"{where} was removed; it had no stored results."
    return f"{where} and {freed / 1e6:.1f} MB of its stored results were removed; images and checkpoints stay."


def _name(where: str) -> str:
    try:
        return reading.examined(Path(where))[0].name
    except UserError:
        return Path(where).stem


def _remove(where: str) -> None:
    name = _name(where)
    try:
        said = escape(remove(where, results=bool(st.session_state.get(_RESULTS))), 600)
    except UserError as error:
        said = sentence(error)
    else:
        st.session_state[_CHOSEN], st.session_state[_RESULTS] = None, False
        if case_name() == name:
            choose(case=None)
    st.session_state[_SAID] = said
