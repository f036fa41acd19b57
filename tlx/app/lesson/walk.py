"""One step of the lesson at a time: where one is, the question, the look, and the answer beside the prediction."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import streamlit as st

from tlx.app import costs, settings
from tlx.app.bokeh_view import bokeh_view
from tlx.app.known_cases import known_cases
from tlx.app.layout import beside
from tlx.app.lesson import looking, predicting
from tlx.app.navigation import STEP, link
from tlx.app.once import once
from tlx.app.selection import chosen
from tlx.figures.revealed import mark, revealed
from tlx.lessons.steps import STEPS
from tlx.lessons.told import Prediction, Step, Told, held_against, written
from tlx.text import escape

MOST = 2_000  # characters of a step's text


def step() -> None:
    """The step that the session or the address is at, and the ways to the others."""
    number = settings.one_of(
        st.segmented_control,
        "Step",
        range(1, len(STEPS) + 1),
        STEP,
        default=1,
        required=True,
        label_visibility="collapsed",
        width="content",
    )
    here = STEPS[number - 1]
    st.subheader(f"{number} of {len(STEPS)}: {here.title}", anchor=False)
    told = _told(number, here)
    if told is not None:
        left, right = beside([1, 1.15], name="lesson", least=330)
        with left:
            _question(number, here, told)
        with right:
            _answer(number, told)
    _onward(number)


def _told(number: int, here: Step) -> Told | None:
    """What the step says; None, with why, where its case or results are not at hand."""
    case = known_cases(here.case)[0].get(here.case)
    if case is None:
        st.info("The case of this step did not come with this copy of tlx.")
        return None
    results = costs.ask(f"Prepare step {number}", here.needs, case)
    return None if results is None else once(here.tell, *results)


def _question(number: int, here: Step, told: Told) -> None:
    """The question, the prediction and the look, in the order in which they come."""
    _text(told.question)
    given = predicting.said(number)
    if told.look.first:
        _look(number, here, told)
    predicting.form(number, told.predicted)
    if given is None:
        return
    st.markdown(f"You said **{_plain(written(given))}**.")
    if not told.look.first:
        _look(number, here, told)
    done = predicting.revealed(number)
    label = "Hide the answer" if done else "Reveal the answer"
    st.button(label, type="primary", key=f"reveal {number}", on_click=predicting.reveal, args=(number, not done))


def _look(number: int, here: Step, told: Told) -> None:
    with st.container(border=True, gap="xsmall"):
        st.markdown(f"**Look.** {_plain(told.look.how)}")
        link(told.look.page, looking.choice(here.case, told.look, number), label=f"Look in {told.look.page}")


def _answer(number: int, told: Told) -> None:
    """The truth beside the prediction, once both are there."""
    given = predicting.said(number)
    if given is None or not predicting.revealed(number):
        st.caption("The answer will stand here, beside your prediction. Predictions are kept in this session only.")
        return
    with st.container(border=True):
        st.markdown(f"**{_plain(held_against(told, given))}**")
        _text(told.said)
        _picture(told, given)
        st.caption(_plain(told.about))
        for name, text in (("Why", told.why), ("Easily misread", told.misread), ("Take along", told.take)):
            st.markdown(f"**{name}.** {_plain(text)}")


def _picture(told: Told, given: Prediction) -> None:
    draw = partial(
        revealed,
        told.table,
        x=told.x,
        unit=told.unit,
        ends=told.ends,
        guess=told.guess,
        guessing=told.guessing,
        said=told.shown_as,
    )
    label = f"Prediction and truth. {held_against(told, given)}"
    bokeh_view(draw, key="lesson", label=label, overlay=once(mark, told.table, given))


def _onward(number: int) -> None:
    """Back and forward, and at the end out of the lesson."""
    with st.container(horizontal=True, vertical_alignment="center"):
        for to, label, icon in ((number - 1, "Back", "arrow_back"), (number + 1, "Next", "arrow_forward")):
            if 1 <= to <= len(STEPS):
                st.button(
                    f"{label}: {STEPS[to - 1].title}",
                    key=f"lesson {label}",
                    icon=f":material/{icon}:",
                    on_click=settings.put,
                    args=(STEP, None if to == 1 else str(to)),
                )
        if number == len(STEPS):
            here = chosen()
            link("Start", replace(here, view=settings.with_setting(here, STEP, None)), label="End the lesson")


def _text(text: str) -> None:
    st.markdown(_plain(text))


def _plain(text: str) -> str:
    """The text as Markdown that shows it as it is; no line end parts a number from its sign."""
    return escape(text, MOST).replace(" %", "\N{NO-BREAK SPACE}%")
