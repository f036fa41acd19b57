"""What a result is expected to cost, in words, before anybody asks for it: what is missing of it and of its parts."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import streamlit as st

from tlx import estimates, needs
from tlx.app import jobs
from tlx.errors import UserError
from tlx.estimates import BEGIN, rounded
from tlx.needs import Need, answered, panel_of
from tlx.progress import duration

MOMENT = 15  # seconds a person may be made to wait without having asked


def ask(label: str, asked: Callable[..., Any], *args: Any) -> Any:
    """Computes at once what takes a moment; anything longer is offered as a button that says what it costs.

    label: of that button; asked, args: a panel of `needs` or a function of the pipeline, the case first.
    """
    with suppress(UserError):  # `result` says it
        given = jobs.at_hand(asked, *args)
        if given is not None:
            return given[0]
    expected = seconds(asked, *args)
    return (
        jobs.result(asked, *args) if expected <= MOMENT else jobs.offered(label, lambda: words(expected), asked, *args)
    )


def require(label: str, asked: Callable[..., Any], *args: Any) -> Any:
    """Like `ask`, but the page ends here until the result is there."""
    given = ask(label, asked, *args)
    if given is None:
        st.stop()
    return given


def offer(label: str, asked: Callable[..., Any], *args: Any) -> Any:
    """Offers it as a button that says what it costs, however little that is."""
    return jobs.offered(label, lambda: words(seconds(asked, *args)), asked, *args)


def words(expected: float) -> str:
    """ "about 20 s": as much as can be promised."""
    return f"about {duration(rounded(expected))}"


def seconds(asked: Callable[..., Any], *args: Any) -> float:
    """The expected time; counts only what is missing, each result once."""
    missing: dict[Any, Need] = {}
    case = args[0]
    with suppress(_MissingError, UserError):  # what a panel needs next may depend on what is not known yet
        answered(panel_of(asked, *args), lambda wanted: _at_hand(wanted, missing))
    network, domains = jobs.require(needs.frame, case)
    speed = estimates.rough(case)
    return BEGIN + sum(estimates.seconds(wanted, network, domains, speed) for wanted in missing.values())


class _MissingError(Exception):
    """A panel needs what is not there."""


def _at_hand(wanted: Need, missing: dict[Any, Need]) -> Any:
    if not wanted.stored:
        estimates.missing(wanted, missing)
        raise _MissingError
    return jobs.stored(wanted.function, *wanted.arguments)
