"""What a step of the lesson is made of: a question, where to look, and what is true, all of it read from results."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from tlx.cases import Case
from tlx.findings import percent
from tlx.needs import Panel

COLUMNS = ("title", "series", "model", "value", "low", "high", "chance_low", "chance_high")
NONE = float("nan")


@dataclass(frozen=True)
class Look:
    """A view that holds the answer.

    page: its title; how: what to do there, in a sentence or two; class_name, layers: what is selected, None and () for
    what the view begins with; view: what views are set to, see `app.settings`; first: whether one looks before one
    predicts, because there is nothing to guess from.
    """

    page: str
    how: str
    class_name: str | None = None
    layers: tuple[str, ...] = ()
    view: tuple[tuple[str, str], ...] = ()
    first: bool = False


@dataclass(frozen=True)
class Share:
    """A prediction that is a share, given in whole per cent from 0 to 100. guess: what guessing gives, in [0, 1]."""

    asked: str
    guess: float


@dataclass(frozen=True)
class OneOf:
    """A prediction that is one of several answers."""

    asked: str
    options: tuple[str, ...]

    @property
    def guess(self) -> float:
        return 1 / len(self.options)


Prediction = float | str
"""A share in [0, 1], or one of the options."""


@dataclass(frozen=True, eq=False)
class Told:
    """All that a step says; texts are plain: who shows them escapes them.

    answer: as a prediction is given; said: the answer in a sentence with its interval; table:
    rows of the picture (`figures.revealed`), drawn on an axis x in `unit` between `ends`; guess: where guessing lies on
    that axis, NaN for nowhere; guessing: its name; about: what the picture's whiskers and bands are; interval: of the
    answer, where it is a number that has one.
    """

    question: str
    predicted: Share | OneOf
    look: Look
    answer: Prediction
    said: str
    table: pd.DataFrame
    x: str
    about: str
    why: str
    misread: str
    take: str
    discuss: tuple[str, ...]
    unit: str = "share"
    ends: tuple[float, float] = (0.0, 1.0)
    guess: float = NONE
    guessing: str = "guessing"
    interval: tuple[float, float] = (NONE, NONE)

    @property
    def shown_as(self) -> str:
        """What a prediction is in the picture: a "line", a "row", or nothing, "", where no row is of an option."""
        if isinstance(self.predicted, Share):
            return "line"
        return "row" if set(self.predicted.options) <= set(self.table["title"]) else ""


@dataclass(frozen=True)
class Step:
    """One step. title: gives nothing away; case: its name; needs: the results it tells of; tell: what of them."""

    title: str
    case: str
    needs: Callable[[Case], Panel[tuple[Any, ...]]]
    tell: Callable[..., Told]


def rows(some: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """Rows of a picture; what one does not say is empty."""
    empty = {"series": "", "model": "", "low": NONE, "high": NONE, "chance_low": NONE, "chance_high": NONE}
    return pd.DataFrame([empty | dict(one) for one in some], columns=list(COLUMNS))


def written(prediction: Prediction) -> str:
    """As a sentence says it: "80 %", or the option."""
    return prediction if isinstance(prediction, str) else percent(prediction)


def held_against(told: Told, prediction: Prediction) -> str:
    """The prediction beside the truth and what guessing gives, without praise or blame."""
    given, true = written(prediction), written(told.answer)
    if isinstance(prediction, str):
        met = f"You said {given}, and so it is" if given == true else f"You said {given}; it is {true}"
    else:
        low, high = told.interval
        holds = ", with an interval that holds your number" if low <= prediction <= high else ""
        met = f"You said {given}; it is {true}{holds}"
    return f"{met}. {guessed(told)}"


def guessed(told: Told) -> str:
    """What guessing comes to, in a sentence."""
    if isinstance(told.predicted, OneOf):
        return f"Guessing is right once in {len(told.predicted.options)} times."
    return f"{told.guessing[0].upper()}{told.guessing[1:]} gives {percent(told.predicted.guess)}."


def between(low: float, high: float, write: Callable[[float], str] = percent) -> str:
    """ "95 % interval 76 % to 82 %"."""
    return f"95\N{NO-BREAK SPACE}% interval {write(low)} to {write(high)}"


def listed(names: Sequence[str]) -> str:
    """ "a", "a and b", "a, b and c"."""
    return " and ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))
