"""Lesson: eight questions to predict, look up in the views and have revealed (docs/lesson.md)."""

import streamlit as st

from tlx import glossary
from tlx.app import frame
from tlx.app.lesson import walk

selection = frame.page(
    "Lesson",
    "Each step asks a question about a case. Predict first, then look for yourself in the view that the link opens, "
    "set as the question needs it; a link above its title leads back here. The answer is shown once you have "
    "predicted: your number and the true one on one axis, with what guessing gives. Nobody counts what was right.",
    terms=glossary.OF_PAGE["Lesson"],
    telling=False,  # it is asked for in the second step
)


@st.fragment
def lesson() -> None:
    """The step that one is at: a prediction or another step runs this part alone."""
    frame.now(selection)
    walk.step()


lesson()
