"""The form in which a case file is put together, with what is wrong at each field; kept until the session ends."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import streamlit as st

from tlx.app.layout import beside
from tlx.app.new_case import entries, fields, published
from tlx.app.new_case.fields import Field, Section
from tlx.networks import names
from tlx.text import escape


def draw(problems: Mapping[str, Sequence[str]], home: Path) -> None:
    """Draws all fields, each with what is wrong with it below.

    problems: key -> sentences (Markdown); home: the folder that relative paths start at.
    """
    for section in fields.first():
        _columns(section, problems, home, set())
    filled: set[str] = st.session_state.pop(entries.FILLED, set())
    for section in fields.folded():
        wrong = sum(one.key in problems for column in section.columns for one in column)
        key = folded_key(section)
        if wrong:
            st.session_state[key] = True  # for good: it must not close while somebody mends what is in it
        label = section.title + (f" :red[({wrong} to mend)]" if wrong else "")
        with st.expander(label, key=key, on_change="rerun") as place:
            if not place.open:  # most visitors never open most of them, and their many fields take time to draw
                continue
            if section.title == fields.PREPROCESSING:
                published.draw()
            _columns(section, problems, home, filled)


def folded_key(section: Section) -> str:
    """Where the session keeps whether a folded section is open."""
    return f"new case open {section.title}"


def _columns(section: Section, problems: Mapping[str, Sequence[str]], home: Path, filled: Collection[str]) -> None:
    places = beside(len(section.columns), name=f"form {section.title}", least=200)
    captions = section.captions or ("",) * len(places)
    for column, caption, place in zip(section.columns, captions, places, strict=True):
        with place:
            if caption:
                st.caption(caption)
            for one in column:
                _widget(one, was_filled=one.key in filled)
                if one.kind == "path":
                    _whence(one, home)
                for sentence in problems.get(one.key, ()):
                    st.markdown(f":red[:material/error: {sentence}]")


def _whence(one: Field, home: Path) -> None:
    """Where a relative path starts, since it is not the folder the app was started in."""
    path = entries.value(one)
    if path and not Path(path).is_absolute():
        st.caption(f"Relative to the case file’s folder: {escape(home / path)}")


def _widget(one: Field, *, was_filled: bool) -> None:
    common: dict[str, Any] = {"key": fields.widget_key(one.key), "persist_state": "session", "help": one.hint}
    # Streamlit complains of a default beside a value that a callback has set.
    start = {} if was_filled or one.kind in ("choice", "network") else {"value": entries.start(one)}
    if one.kind == "choice":
        options = one.options or {}
        at = 0 if was_filled else list(options).index(entries.start(one))
        st.selectbox(one.label, list(options), at, format_func=options.__getitem__, **common)
    elif one.kind == "network":
        st.selectbox(one.label, names.known(), None, accept_new_options=True, placeholder=one.placeholder, **common)
    elif one.kind == "switch":
        st.toggle(one.label, **start, **common)
    elif one.kind == "whole":
        st.number_input(one.label, min_value=int(one.least), step=1, **start, **common)
    elif one.kind == "number":
        st.number_input(one.label, min_value=float(one.least), format="%g", **start, **common)
    else:
        idle = one.key.endswith(".path") and fields.is_built_in(one.key.partition(".")[0])
        st.text_input(one.label, placeholder=one.placeholder, disabled=idle, **start, **common)
