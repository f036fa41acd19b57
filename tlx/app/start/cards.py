"""Cards of the start page: cases to choose, and findings that lead to their views."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import streamlit as st

from tlx import glossary
from tlx.app import gathering, settings
from tlx.app.gathering import Gathering
from tlx.app.known_cases import Broken, known_cases, look_again, waiting_cases
from tlx.app.layout import beside
from tlx.app.navigation import link
from tlx.app.selection import Selection, choose
from tlx.cases import Case
from tlx.findings import Finding, counted
from tlx.results import NeuronRef
from tlx.storage import limit, memory
from tlx.text import escape

CARDS = 6  # of cases at most; the sidebar's list has the others
PROBLEMS = 5  # of a broken case file that are told here


def head(chosen: Case) -> None:
    """What the case is, in its own words, and what cannot be used of the others."""
    st.markdown(f"**{escape(chosen.title)}.** {escape(chosen.about, 600)}")
    for one in known_cases()[1]:
        _broken(one)


def cases(chosen: Case) -> None:
    """A card for each known case with a button that chooses it, where there are others; those that wait for data."""
    known, _ = known_cases()
    if {*known} - {chosen.name}:
        st.subheader("Cases", anchor=False)
        _cards(dict(list(known.items())[:CARDS]), chosen)
    if len(known) > CARDS:
        st.caption(f"The sidebar has all {len(known)} cases.")
    if waiting := waiting_cases():
        verb = "waits" if len(waiting) == 1 else "wait"
        with st.expander(f"{counted(len(waiting), 'more built-in case')} {verb} for data"):
            for title, why in waiting:
                st.markdown(f"**{escape(title)}**  \n{escape(why[:1].upper() + why[1:], 600)}.")


def _broken(one: Broken) -> None:
    """What is wrong with a case file, and what to do; strangers are told neither its path nor what to run."""
    if not one.where:
        st.warning(one.why[0])
        return
    listed = "\n".join(f"- {why}" for why in one.why[:PROBLEMS])
    more = f"\n- And {len(one.why) - PROBLEMS} more." if len(one.why) > PROBLEMS else ""
    path = escape(one.where)
    st.warning(
        f"**The case file {escape(Path(one.where).name)} cannot be used:**\n\n{listed}{more}\n\n"
        f"Mend it at {path}, then look again; `python -m tlx check` says all that is wrong with it.",
        icon=":material/draft:",
    )
    st.button("Look again", key=f"look again {one.where}", icon=":material/refresh:", on_click=look_again)


def _cards(known: dict[str, Case], chosen: Case) -> None:
    for case, column in zip(
        known.values(), beside(min(len(known), 3), name="cases", least=220) * len(known), strict=False
    ):
        with column.container(border=True, height="stretch"):
            st.markdown(f"**{escape(case.title)}**")
            st.caption(escape(case.about, 600))
            here = case.name == chosen.name
            st.button(
                "Chosen" if here else "Choose",
                key=f"case {case.name}",
                disabled=here,
                icon=":material/check:" if here else None,
                on_click=choose,
                kwargs={"case": case.name},
            )


def limit_reached() -> None:
    """A line that says so where stored results had to make room."""
    if reached := limit.sentence(memory.location()):
        st.caption(escape(reached, 600))


def finding(content: Finding | None, selection: Selection, nothing: str = "") -> None:
    """A finding as a card that leads to its view with the selection set; a sentence where there is nothing to find."""
    if content is None:
        st.caption(escape(nothing))
        return
    choice = selection.choice(
        class_name=content.class_name or selection.class_name,
        layers=content.layers or selection.layers,
        neuron=NeuronRef(*content.neuron) if content.neuron else selection.neuron,
    )
    label = f"See it in {content.page}"
    if (images := content.images) is not None:
        answer = gathering.WRONG if images.answer is None else images.answer
        wanted = Gathering("target", images.class_name, answer, split=images.split)
        choice = replace(choice, view=settings.with_setting(choice, gathering.SETTING, wanted.text))
        label = f"See the {counted(images.count, 'mistake' if images.answer is None else 'image')}"
    with st.container(border=True, gap="xsmall"):
        told = glossary.help_for(*content.terms) if content.terms else None
        st.markdown(f"**{escape(content.title)}**  \n{escape(content.text, 600)}", help=told)
        link(content.page, choice, label=label)
