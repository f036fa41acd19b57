"""The lesson without a browser: asked and answered line by line, and the teacher's key as Markdown."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Generator, Iterator, Sequence

import pandas as pd

from tlx.cases import Case
from tlx.errors import SelectionError
from tlx.findings import WRITTEN
from tlx.lessons.steps import STEPS, told
from tlx.lessons.told import OneOf, Prediction, Share, Step, Told, guessed, held_against

WIDTH = 88
Read = Callable[[str], str | None]
"""Shows a prompt and answers with the line that was typed; None at the end of the input."""


def chosen(number: int | None) -> Sequence[tuple[int, Step]]:
    """All steps with their numbers, or one of them. Raises SelectionError where there is none of this number."""
    every = list(enumerate(STEPS, 1))
    if number is None:
        return every
    if not 1 <= number <= len(STEPS):
        raise SelectionError(f"the lesson has no step {number}; it has {len(STEPS)}")
    return every[number - 1 : number]


def walk(
    steps: Sequence[tuple[int, Step]],
    load: Callable[[str], Case],
    link: Callable[[int, Step, Told], str],
    read: Read,
    *,
    pause: bool,
) -> Iterator[str]:
    """What is said, paragraph by paragraph; an answer only after a prediction.

    load: a case by its name; link: where one looks, as an address; pause: whether Enter is waited for before an answer.
    """
    for number, step in steps:
        content = told(step, load(step.case))
        look = filled(f"Look: {content.look.how}") + f"\n      {link(number, step, content)}"
        yield f"{number} of {len(STEPS)}: {step.title}\n\n{filled(content.question)}"
        if content.look.first:
            yield look
        prediction = yield from _predicted(content.predicted, read)
        if not content.look.first:
            yield look
        if prediction is None:
            yield "No prediction was given, so the answer stays hidden; --answers prints it."
            continue
        if pause:
            read("\nPress Enter for the answer. ")
        yield "\n".join([*map(filled, (held_against(content, prediction), content.said)), *_numbers(content)])
        parts = (("Why", content.why), ("Easily misread", content.misread), ("Take along", content.take))
        yield "\n".join(filled(f"{name}: {text}") for name, text in parts)


def _predicted(predicted: Share | OneOf, read: Read) -> Generator[str, None, Prediction | None]:
    """Asks until what is typed can be a prediction; None at the end of the input."""
    if isinstance(predicted, OneOf) and max(map(len, predicted.options)) > 1:
        yield "\n".join(f"  {at}  {option}" for at, option in enumerate(predicted.options, 1))
    asked = f"{predicted.asked}, 0 to 100" if isinstance(predicted, Share) else predicted.asked
    while (line := read(f"{asked}: ")) is not None:
        given = understood(line.strip(), predicted)
        if given is not None:
            return given
        valid = "a number from 0 to 100" if isinstance(predicted, Share) else f"one of {', '.join(predicted.options)}"
        yield f"{line.strip()!r} is no prediction here; give {valid}."
    return None


def understood(line: str, predicted: Share | OneOf) -> Prediction | None:
    """A line as a prediction: per cent, or an option by its text or its number; None for anything else."""
    if isinstance(predicted, Share):
        try:
            share = float(line.rstrip("%").strip()) / 100
        except ValueError:
            return None
        return share if 0 <= share <= 1 else None
    named = {option.casefold(): option for option in predicted.options}
    numbered = {str(at): option for at, option in enumerate(predicted.options, 1)}
    return named.get(line.casefold(), numbered.get(line))


def _numbers(content: Told) -> Iterator[str]:
    """The picture's rows as text."""
    write = WRITTEN[content.unit]
    for row in content.table.to_dict("records"):
        name = f"{row['title']}, {row['series']}" if row["series"] else str(row["title"])
        ends = "" if pd.isna(row["low"]) else f"  ({write(row['low'])} to {write(row['high'])})"
        chance = (
            "" if pd.isna(row["chance_low"]) else f"  chance {write(row['chance_low'])} to {write(row['chance_high'])}"
        )
        yield f"  {name:44} {write(row['value']):>12}{ends}{chance}"


def key(
    steps: Sequence[tuple[int, Step]],
    load: Callable[[str], Case],
    link: Callable[[int, Step, Told], str],
    opened: Callable[[int], str],
) -> Iterator[str]:
    """The teacher's key, a section of Markdown for each step. opened: the address of the lesson at a step."""
    for number, step in steps:
        content = told(step, load(step.case))
        options = f" *{', '.join(content.predicted.options)}*" if isinstance(content.predicted, OneOf) else ""
        where = f"[{content.look.page}]({link(number, step, content)})"
        discuss = "".join(f"\n  - {question}" for question in content.discuss)
        yield plain(
            f"### {number}. {step.title}\n\n"
            f"`{opened(number)}`, {'look first' if content.look.first else 'then look'} in {where}\n\n"
            f"- **Question.** {content.question}{options}\n"
            f"- **Look.** {content.look.how}\n"
            f"- **Answer.** {content.said} {guessed(content)}\n"
            f"- **Why.** {content.why}\n"
            f"- **Easily misread.** {content.misread}\n"
            f"- **Take along.** {content.take}\n"
            f"- **To discuss.**{discuss}"
        )


def filled(text: str) -> str:
    """The text in lines that fit a terminal."""
    return textwrap.fill(plain(text), WIDTH)


def plain(text: str) -> str:
    """The text with plain spaces in place of those that no line end parts."""
    return text.replace("\N{NO-BREAK SPACE}", " ")
