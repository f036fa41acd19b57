"""What a result is expected to cost, in words, before anybody asks for it: what is missing of it and of its parts."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import streamlit as st

from tlx import estimates, needs
from tlx.app import jobs
from tlx.app.job_queue import MOMENT
from tlx.errors import UserError
from tlx.needs import Need, answered, panel_of

BACKLOG = 5.0  # seconds of other work before it, below which none is spoken of


def ask(label: str, asked: Callable[..., Any], *args: Any) -> Any:
    """Computes at once what takes a moment; anything longer is offered as a button that says what it costs.

    label: of that button; asked, args: a panel of `needs` or a function of the pipeline, the case first.
    """
    with suppress(UserError):  # `result` says it
        given = jobs.at_hand(asked, *args)
        if given is not None:
            return given[0]
    expected = seconds(asked, *args)
    return jobs.offered(label, lambda: _cost(expected), asked, *args, at_once=expected <= MOMENT)


def require(label: str, asked: Callable[..., Any], *args: Any) -> Any:
    """Like `ask`, but the page ends here until the result is there."""
    given = ask(label, asked, *args)
    if given is None:
        st.stop()
    return given


def offer(label: str, asked: Callable[..., Any], *args: Any) -> Any:
    """Offers it as a button that says what it costs, however little that is."""
    return jobs.offered(label, lambda: _cost(seconds(asked, *args)), asked, *args)


def words(expected: float) -> str:
    """ "about 20 s": as much as can be promised."""
    return jobs.about(expected)


def _cost(expected: float) -> str:
    """ "about 30 s", and what other work of its lane comes before it."""
    ahead = jobs.queue().ahead(expected, jobs.owner())
    return words(expected) + (f", after {words(ahead)} of other work" if ahead >= BACKLOG else "")


def seconds(asked: Callable[..., Any], *args: Any) -> float:
    """The expected time; counts only what is missing, each result once, as far as it is known what a panel needs."""
    missing: dict[Any, Need] = {}
    case = args[0]
    with suppress(_UnknownError, UserError):  # what a panel needs next may depend on what is not known yet
        answered(panel_of(asked, *args), lambda wanted: _at_hand(wanted, missing))
    return estimates.expected(estimates.pieces(missing, jobs.require(needs.frame, case)))


class _UnknownError(Exception):
    """A panel looks into a result that is not there."""


class _Unknown:
    """In place of a missing result: a panel may hand it on, and whatever else it does with it ends the count."""

    def _looked_into(self, *_: Any) -> Any:
        raise _UnknownError

    __getattr__ = __getitem__ = __iter__ = __len__ = __bool__ = __call__ = __contains__ = _looked_into


def _at_hand(wanted: Need, missing: dict[Any, Need]) -> Any:
    if not wanted.stored:
        estimates.missing(wanted, missing)
        return _Unknown()
    return jobs.stored(wanted.function, *wanted.arguments)
