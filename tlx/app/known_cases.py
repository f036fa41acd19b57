"""The cases the app offers: the built-in ones whose data are here and those whose files $TLX_CASES lists."""

from __future__ import annotations

import os
from pathlib import Path

import streamlit as st

from tlx import cases
from tlx.app.text import escape, sentence
from tlx.cases import Case
from tlx.errors import UserError


def known_cases() -> tuple[dict[str, Case], list[str]]:
    """Built-in cases and those of the files in $TLX_CASES, by name, and why files cannot be used (Markdown)."""
    files = [path for path in os.environ.get("TLX_CASES", "").split(os.pathsep) if path]
    found: dict[str, Case] = {}
    problems = []
    here = [name for name, case in cases.built_in().items() if not cases.missing(case)]
    for where in [*here, *files]:
        try:
            case = _load(where)
        except UserError as error:
            problems.append(sentence(error))
            continue
        if case.name in found:
            problems.append(f"Another case is called {escape(repr(case.name))} too, so {escape(where)} is left out.")
            continue
        found[case.name] = case
    return found, problems


def waiting_cases() -> list[tuple[str, str]]:
    """Title of each built-in case whose data are not here, and what to fetch and where to put it (plain text)."""
    told = [(case.title, cases.missing(case)) for case in cases.built_in().values()]
    return [(title, why) for title, why in told if why and not os.environ.get("TLX_PUBLIC")]


@st.cache_data(ttl=5, max_entries=64, show_spinner=False)
def _load(where: str) -> Case:
    """A case with its file facts, read anew every few seconds: a folder of thousands of images takes a while."""
    return cases.load_case(where if where in cases.built_in() else Path(where))
