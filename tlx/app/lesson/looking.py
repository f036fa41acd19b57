"""Where a step of the lesson has one look: a selection with the view's settings, and the step to come back to."""

from __future__ import annotations

from urllib.parse import urlencode

from tlx.app import selection
from tlx.app.navigation import STEP
from tlx.app.selection import Choice
from tlx.lessons.told import Look

HOME = "Start"  # whose address has no name


def choice(case: str, look: Look, number: int) -> Choice:
    """What the view is opened with. number: of the step, from 1."""
    view = {**dict(look.view), STEP: str(number)}
    return Choice(case, look.class_name, look.layers, view=tuple(sorted(view.items())))


def address(case: str, look: Look, number: int) -> str:
    """The same as an address below that of the app: "Network?case=…"."""
    return _below(look.page, choice(case, look, number))


def address_of_step(number: int) -> str:
    """Of the lesson, opened at this step: "Lesson?view=lesson.step=5"."""
    return _below("Lesson", Choice(view=((STEP, str(number)),)))


def _below(page: str, wanted: Choice) -> str:
    asked = urlencode(selection.write(wanted), safe=",=:")
    return f"{'' if page == HOME else page.replace(' ', '_')}?{asked}"
