"""The cases the app offers: built-in ones whose data are here, those of files in $TLX_CASES, and those made here.

A case of the Lesson is offered while it is the chosen one, after all others.
"""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from tlx import pipeline, places
from tlx.casefiles import builtin, lesson, loading, reading
from tlx.cases import Case
from tlx.errors import CaseError, UserError
from tlx.images import files
from tlx.text import escape, sentence

_log = logging.getLogger("tlx.cases")


@dataclass(frozen=True)
class Broken:
    """A case file that cannot be used: its path, "" where strangers look, and why, a sentence each (Markdown)."""

    where: str
    why: tuple[str, ...]


def known_cases(chosen: str | None = None) -> tuple[dict[str, Case], list[Broken]]:
    """Built-in cases and those of case files, by name, and the files that cannot be used.

    chosen: the case whose files are looked at anew; those of the others may have changed within the last minute.
    """
    with files.one_look():
        return _known_cases(chosen)


def _known_cases(chosen: str | None) -> tuple[dict[str, Case], list[Broken]]:
    cases: dict[str, Case] = {}
    problems = []
    of_lesson = [name for name in lesson.names() if name == chosen]
    for where in [*_built_in(), *case_files(), *of_lesson]:
        if where in of_lesson and where in cases:  # from a file: that one was asked for
            continue
        try:
            case = _seldom(where)
            if case.name == chosen or (chosen is None and not cases):
                case = _often(where)
        except UserError as error:
            problems.append(Broken(where, _sentences(where, error)))
            continue
        if case.name in cases:
            taken = f"Another case is called {escape(repr(case.name))} too; give this one another name."
            problems.append(Broken(where, (taken,)))
            continue
        cases[case.name] = case
    if problems and places.is_public():  # strangers are told no path
        _log.warning("%s", "\n".join(f"{one.where}: {' '.join(one.why)}" for one in problems))
        problems = [Broken("", ("A case of this server cannot be used at present; its log says why.",))]
    return cases, problems


def case_files() -> list[str]:
    """The paths of the case files in $TLX_CASES and of those saved in this server, each once, but for removed ones."""
    listed = [*os.environ.get("TLX_CASES", "").split(os.pathsep), *added()]
    return [where for where in dict.fromkeys(filter(None, listed)) if where not in removed()]


def waiting_cases() -> list[tuple[str, str]]:
    """Title of each built-in case whose data are not here, and what to fetch and where to put it (plain text)."""
    reasons = [(case.title, builtin.missing(case)) for case in builtin.cases().values()]
    return [(title, why) for title, why in reasons if why and places.computes() and not places.is_public()]


def _sentences(where: str, error: UserError) -> tuple[str, ...]:
    """Everything wrong with a case file, not the first mistake only (Markdown)."""
    try:
        errors: list[UserError] = [CaseError(problem) for problem in reading.examined(Path(where))[1]]
    except UserError:  # no file, or no TOML: there is nothing more to find
        errors = []
    return tuple(map(sentence, errors or [error]))


@st.cache_resource(show_spinner=False)
def added() -> list[str]:
    """Paths of the case files that visitors of this server have saved since it started."""
    return []


@st.cache_resource(show_spinner=False)
def removed() -> set[str]:
    """Paths of the case files that were removed in this server, which $TLX_CASES may still name."""
    return set()


def add(path: Path) -> None:
    """Offers a case file, new or rewritten, in this server from now on."""
    removed().discard(str(path))
    if str(path) not in case_files():
        added().append(str(path))
    look_again()


def forget(where: str) -> None:
    """Offers a case file no longer."""
    removed().add(where)
    if where in added():
        added().remove(where)
    look_again()


def look_again() -> None:
    """Has all case files and what they name looked at anew."""
    _built_in.clear()
    _seldom.clear()
    _often.clear()


@st.cache_resource(ttl=5, show_spinner=False)
def _built_in() -> list[str]:
    """Names of the built-in cases whose data are here; where nothing is computed, of those whose results are stored."""
    here = [name for name, case in builtin.cases().items() if not builtin.missing(case)]
    return here if places.computes() else [name for name in here if pipeline.network.is_stored(_seldom(name))]


# Looking at a folder of thousands of images takes a while, and twenty cases have twenty of them.
@st.cache_resource(ttl=5, max_entries=8, show_spinner=False)
def _often(where: str) -> Case:
    return _load(where)


@st.cache_resource(ttl=60, max_entries=256, show_spinner=False)
def _seldom(where: str) -> Case:
    return _load(where)


def _load(where: str) -> Case:
    named = where in builtin.cases() or where in lesson.PLANTS
    return loading.load_case(where if named else Path(where))
