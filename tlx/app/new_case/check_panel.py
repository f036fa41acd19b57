"""The right side of the page: where the case file goes, Check and Save, and what the check found and understood."""

from __future__ import annotations

import base64
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import streamlit as st

from tlx.app import frame, jobs
from tlx.app.navigation import link
from tlx.app.new_case import saving
from tlx.app.new_case.saving import Checked, Picture, Topic
from tlx.app.selection import Choice
from tlx.errors import CaseError, Told
from tlx.figures import theme
from tlx.text import escape, escape_html, sentence

_FILE, _PRESSED, _ASKED, _SAVED = "new case file", "new case pressed", "new case asked", "new case saved"


@dataclass(frozen=True)
class _Asked:
    """What was in the form when Check was pressed, and a name that no other check has."""

    text: str
    path: str
    values: Mapping[str, Any]
    name: str

    def found(self) -> Checked | None:
        """What the check found; None where it still runs, which is shown here."""
        found: Checked | None = jobs.result(saving.check, self.text, self.path, self.name)
        return found


def home() -> Path:
    """The folder that the case file will lie in; the one that is proposed where it cannot be told."""
    try:
        return saving.place(str(st.session_state.get(_FILE) or _proposed())).parent
    except CaseError:
        return Path(_proposed()).parent


def draw(text: str, values: Mapping[str, Any], labels: Mapping[str, str]) -> dict[str, list[str]]:
    """Draws the panel for the case file as it stands now.

    values: key -> what the form says in it; labels: key -> what its field is called. Answers with key -> sentences
    (Markdown) of the last check, for the fields that were not changed since.
    """
    place = _place()
    buttons, below = st.container(horizontal=True, vertical_alignment="center"), st.container()
    buttons.button(
        "Check",
        icon=":material/rule:",
        disabled=place is None,
        on_click=lambda: st.session_state.update({_PRESSED: True}),
    )
    if st.session_state.pop(_PRESSED, False) and place is not None:
        # Another name with every check: what is on the disk may have changed where the text has not.
        st.session_state[_ASKED] = _Asked(text, str(place), values, uuid.uuid4().hex)
    asked: _Asked | None = st.session_state.get(_ASKED)
    with below:
        found = asked.found() if asked else None
        is_now = asked is not None and (asked.text, asked.path) == (text, str(place))
        sound = is_now and found is not None and not found.fatal
        replace = sound and place is not None and _replacing(place, text)
    may = sound and place is not None and (replace or not place.exists())
    if buttons.button("Save", type="primary", icon=":material/save:", disabled=not may) and place is not None:
        with below, frame.guard():
            saving.save(text, place, replace=replace)
        st.session_state[_SAVED] = (str(place), text)
    with below:
        if place is not None and _is_saved(place, text):
            st.success(escape(f"Saved to {place}. To offer it after a restart too, name it in TLX_CASES."))
            link("Start", Choice(place.stem), label="Open the case")
        else:
            _verdict(found, is_now=is_now, was_asked=asked is not None, labels=labels)
        for topic in found.topics if found and is_now else ():
            _topic(topic)
        title = "The case file as text"
        with st.expander(title, key=f"new case open {title}", on_change="rerun") as as_text:
            if as_text.open:  # what draws code weighs as much as all else of the page
                st.code(text, language=None, wrap_lines=True)
    return _at_fields(asked, found, values)


def _place() -> Path | None:
    """Where the case file goes; None where that is no place for one, which is said here."""
    named = st.text_input(
        "Save as",
        _proposed(),
        key=_FILE,
        persist_state="session",
        help="Full path of the case file; its name without .toml is the case's name in links. Relative paths in the "
        "form start at its folder.",
    )
    try:
        return saving.place(named or "")
    except CaseError as error:
        st.markdown(f":red[:material/error: {sentence(error)}]")
        return None


def _proposed() -> str:
    return str(st.session_state.setdefault("new case proposed", saving.suggestion()))


def _replacing(place: Path, text: str) -> bool:
    """Whether a file that is there may be replaced, which is asked here."""
    if not place.exists() or _is_saved(place, text):
        return False
    st.caption(escape(f"{place} exists already: tick the box to replace it, or give another name."))
    return st.checkbox("Replace the file that is there", key=f"new case replace {place}")


def _is_saved(place: Path, text: str) -> bool:
    """Whether this very text was saved there in this session, and the file was not removed since."""
    return st.session_state.get(_SAVED) == (str(place), text) and place.exists()


def _verdict(found: Checked | None, *, is_now: bool, was_asked: bool, labels: Mapping[str, str]) -> None:
    """In a sentence, whether the case will work; and what is wrong that has no field of its own."""
    if not was_asked:
        st.caption("Check reads every image and checkpoint; Save opens when it finds nothing wrong.")
    elif not is_now:
        st.info("The form has changed since the check. Check again to save it.", icon=":material/history:")
    elif found is not None and not found.fatal:
        st.success("The case will work.")
    elif found is not None:
        fields = list(dict.fromkeys(labels[one.key] for one in found.fatal if one.key in labels))
        others = [sentence(ValueError(one)) for one in found.fatal if one.key not in labels]
        count = len(found.fatal)
        lines = [f"**{count} thing{'s keep' if count > 1 else ' keeps'} the case from working.**"]
        if fields:
            lines.append(f"Said at the field{'s' if len(fields) > 1 else ''}: {escape(', '.join(fields))}.")
        st.error("\n\n".join([*lines, "\n".join(f"- {other}" for other in others)]))


def _topic(topic: Topic) -> None:
    with st.container(border=True, gap="small"):
        st.markdown(f"**{escape(topic.title)}**")
        if topic.pictures:
            st.caption("What the networks see, with the normalisation taken back")
            st.html(_strip(topic.pictures))
        for warning in topic.warnings:
            st.warning(sentence(ValueError(warning)), icon=":material/warning:")
        if topic.facts:
            st.markdown("\n".join(f"- {sentence(ValueError(fact))}" for fact in topic.facts))


def _strip(pictures: tuple[Picture, ...], size: int = 64) -> str:
    """A row of pictures for each domain, in its colour; everything that came with the data is escaped."""
    rows = ""
    for domain in dict.fromkeys(one.domain for one in pictures):
        tiles = "".join(_tile(one, size) for one in pictures if one.domain == domain)
        rows += f'<div style="font-size:12px;margin-top:6px">{escape_html(domain)}</div>'
        rows += f'<div style="display:flex;flex-wrap:wrap;gap:8px">{tiles}</div>'
    return rows


def _tile(one: Picture, size: int) -> str:
    what = escape_html(f"{one.domain} domain, class {one.class_name}")
    edge = f"border-bottom:4px solid {theme.COLOURS[one.domain]};border-radius:4px"
    data = base64.b64encode(one.png).decode()
    return (
        f'<div style="width:{size}px;font-size:12px;line-height:1.3;text-align:center" title="{what}">'
        f'<img alt="{what}" width="{size}" src="data:image/png;base64,{data}" style="{edge}">'
        f'<div style="overflow-wrap:anywhere">{escape_html(one.class_name)}</div></div>'
    )


def _at_fields(asked: _Asked | None, found: Checked | None, values: Mapping[str, Any]) -> dict[str, list[str]]:
    """What the check found wrong, by key, where the field still says what was checked."""
    problems: dict[str, list[str]] = {}
    for one in found.fatal if found and asked else ():
        if asked and values.get(one.key) == asked.values.get(one.key):
            problems.setdefault(one.key, []).append(_capital(one))
    return problems


def _capital(problem: Told) -> str:
    return sentence(ValueError(problem))
