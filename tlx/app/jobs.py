"""Long work for pages: a stored result is read at once, anything else becomes a job whose progress the page draws.

A page asks with `require` (ends here until the result is there), `result` (None until then), `offered` (a button that
says what it costs) or `stored` (only if it is at hand), each of a panel of `needs` or of one function of the pipeline.
All of them turn errors into sentences, `stored` excepted. Beside the progress stands a button that cancels: then the
result is offered, and begun again only when somebody presses that.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from itertools import count
from threading import Lock
from typing import Any

import streamlit as st
from streamlit.errors import StreamlitDuplicateElementKey
from streamlit.runtime.scriptrunner import get_script_run_ctx

from tlx import estimates, needs
from tlx.app.job_queue import AbandonedError, Job, JobQueue, Key, Place
from tlx.cases import Case
from tlx.errors import EmptyError, UserError
from tlx.needs import Need, answered, need, panel_of
from tlx.progress import duration
from tlx.storage.held import HELD
from tlx.storage.memory import NotStoredError, reading_only
from tlx.text import escape, sentence

FORGIVEN = 60.0  # seconds after which who has not seen a failure finds the work begun anew
PATIENCE = 0.4  # seconds a page waits before it shows a progress bar, so that quick work does not flicker
TICK = 0.5  # seconds between two looks at a running job
ORDINALS = ("next", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")

_queues: list[JobQueue] = []
_making = Lock()
_places = count()  # of progress bars: two on one page may show the same job, and each has its own button


def queue() -> JobQueue:
    """The one queue of this process.

    Not kept by `st.cache_resource`: any browser may ask the server to clear that, and a queue left behind would live on
    with its thread and all it holds.
    """
    with _making:
        if not _queues:
            _queues.append(JobQueue())
        return _queues[0]


def forget_jobs() -> None:
    """The next call makes a new queue, without jobs and results; for tests."""
    _queues.clear()
    HELD.clear()


def key_of(wanted: Need) -> Key:
    """What makes two requests the same: the function's name, cases by fingerprint, and the other arguments."""

    def plain(value: Any) -> Any:
        if isinstance(value, Case):
            return value.fingerprint()
        return tuple(plain(part) for part in value) if isinstance(value, list | tuple) else value

    return (f"{wanted.function.__module__}.{wanted.function.__qualname__}", *map(plain, wanted.arguments))


def stored(asked: Callable[..., Any], *args: Any) -> Any:
    """The result if all of it is at hand (in memory or on disk), else None; computes nothing that takes long.

    Raises UserError where the stored inputs already show that there is no result.
    """
    given = at_hand(asked, *args)
    return None if given is None else given[0]


def at_hand(asked: Callable[..., Any], *args: Any) -> tuple[Any] | None:
    """Like `stored`, in a tuple of one: a result may be None."""
    try:
        return (answered(panel_of(asked, *args), _at_hand),)
    except NotStoredError:
        return None


def result(asked: Callable[..., Any], *args: Any) -> Any:
    """The result, or None while it is computed (its progress is drawn here) or after it failed (why is said here)."""

    def again(lost: Need) -> None:
        cost = about(estimates.expected(work_of(lost)))
        _button(f"Go on: {escape(lost.label)} ({cost})", f"go on {key_of(lost)}", _cancelled().discard, key_of(lost))

    return _result(again, asked, *args)


def _result(again: Callable[[Need], None], asked: Callable[..., Any], *args: Any) -> Any:
    """The same; again: draws what is there for a result of it that this session has cancelled."""
    try:
        return answered(panel_of(asked, *args), _asked_for)
    except _WaitingError:
        return None
    except _CancelledError as lost:
        again(lost.wanted)
        return None
    except UserError as error:
        _say(error)
        return None


def require(asked: Callable[..., Any], *args: Any) -> Any:
    """Like `result`, but the page ends here until the result is there."""
    given = result(asked, *args)
    if given is None:
        st.stop()
    return given


def offered(label: str, cost: Callable[[], str], asked: Callable[..., Any], *args: Any, at_once: bool = False) -> Any:
    """The result if it is at hand or being computed; else a button that computes it and says what it costs.

    label: what the button promises (plain text, escaped here); cost: says the expected time in words, "about 20 s";
    at_once: whether it is computed without being asked for, unless this session has cancelled that.
    """
    key = key_of(need(asked, *args))
    wanted = st.session_state.setdefault("tlx wanted", set())

    def offer(lost: Need | None = None) -> None:
        def take_up(taken: Key) -> None:
            wanted.add(taken)
            if lost is not None:
                _cancelled().discard(key_of(lost))

        _button(f"{escape(label)} ({escape(cost())})", f"offer {key}", take_up, key)

    if at_once or key in wanted or queue().job(key) is not None or _is_at_hand(asked, *args):
        return _result(offer, asked, *args)
    offer()
    return None


def _is_at_hand(asked: Callable[..., Any], *args: Any) -> bool:
    try:
        return stored(asked, *args) is not None
    except UserError:
        return True  # `result` says why there is none


def work_of(wanted: Need) -> list[estimates.Piece]:
    """What is to be done for a result that is not at hand; nothing where that is not known, or no case is asked for."""
    if not (wanted.arguments and isinstance(wanted.arguments[0], Case)):
        return []
    missing: dict[Any, Need] = {}
    try:
        frame = answered(needs.frame(wanted.arguments[0]), _at_hand)
        estimates.missing(wanted, missing)
    except (NotStoredError, UserError):
        return []
    return estimates.pieces(missing, frame)


def about(expected: float) -> str:
    """ "about 20 s": as much as can be promised."""
    return f"about {duration(estimates.rounded(expected))}"


def owner() -> str:
    """Who asks: this browser tab."""
    context = get_script_run_ctx()
    return "" if context is None else context.session_id


class _WaitingError(Exception):
    """A need is being computed, or failed and was said."""


class _CancelledError(Exception):
    """A need was cancelled by this session."""

    def __init__(self, wanted: Need) -> None:
        super().__init__(wanted.label)
        self.wanted = wanted


def _at_hand(wanted: Need) -> Any:
    key = key_of(wanted)
    held = HELD.get(key)
    if held is None:
        with reading_only():
            held = (wanted(),)
        HELD.put(key, held[0])
    return held[0]


def _asked_for(wanted: Need) -> Any:
    try:
        return _at_hand(wanted)
    except NotStoredError:
        pass
    key = key_of(wanted)
    if key in _cancelled():
        raise _CancelledError(wanted)
    _forgive(key)
    job = _begun(key, wanted)
    try:
        failure = job.future.exception(timeout=PATIENCE)
    except TimeoutError:
        _watch(key, next(_places))
        raise _WaitingError from None
    if failure is None:
        return job.future.result()
    if isinstance(failure, AbandonedError):
        st.rerun()
    _failures()[key] = job.ended
    if isinstance(failure, EmptyError):
        raise failure  # nothing to mend: the panel may have a use for it, and else it is said
    _say_failure(key, wanted.label, failure)
    raise _WaitingError


def _begun(key: Key, wanted: Need) -> Job:
    """The job of a need; a new one finds its lane by what it is expected to take, and later estimates learn from it."""
    if queue().job(key) is not None:
        return queue().start(key, wanted.label, wanted, owner=owner())
    work = work_of(wanted)

    def learning() -> Any:
        with estimates.learning(work):
            return wanted()

    return queue().start(key, wanted.label, learning, owner=owner(), expected=estimates.expected(work) if work else 0.0)


def _cancelled() -> set[Key]:
    """The jobs that this session has cancelled: none of them begins again before its button is pressed."""
    cancelled: set[Key] = st.session_state.setdefault("tlx cancelled", set())
    return cancelled


def _cancel(key: Key) -> None:
    _cancelled().add(key)
    queue().cancel(key, owner())


def _say(error: UserError) -> None:
    """One sentence, in red only where there is something to mend: a class without images in a domain is no failure."""
    (st.info if isinstance(error, EmptyError) else st.error)(sentence(error))


def _forgive(key: Key) -> None:
    """Forgets a failure of a while ago that this session has not seen: what was in the way may be gone."""
    job = queue().job(key)
    ended = None if job is None else job.ended
    if ended is not None and _failures().get(key) != ended and time.monotonic() - ended > FORGIVEN:
        queue().forget(key)


def _failures() -> dict[Key, float | None]:
    """When the failures that this session has seen happened: they stay until somebody tries again."""
    failures: dict[Key, float | None] = st.session_state.setdefault("tlx failures", {})
    return failures


def _say_failure(key: Key, label: str, error: BaseException) -> None:
    if isinstance(error, UserError):
        _say(error)
    else:
        st.error(f"{escape(label)} failed ({type(error).__name__}): a defect of tlx. The server's log says more.")
    _button("Try again", f"retry {key}", queue().forget, key)


def _button(label: str, name: str, action: Callable[[Key], None], key: Key) -> None:
    """A button, once on a page: where two parts of it ask for the same result, it stands beside the first."""
    with suppress(StreamlitDuplicateElementKey):
        st.button(label, key=name, on_click=action, args=(key,))


@st.fragment(run_every=TICK)
def _watch(key: Key, place: int) -> None:
    """Draws how far a job has come, twice a second, and a button that cancels; at its end the whole page runs again."""
    job = queue().job(key)
    if job is None or job.future.done() or key in _cancelled():
        st.rerun()
    queue().look(job, owner())
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.progress(min(job.fraction, 1.0), text=progress_text(job, queue().place(job)))
        st.button("Cancel", key=f"cancel {place}", icon=":material/close:", on_click=_cancel, args=(key,))


def progress_text(job: Job, place: Place | None = None) -> str:
    """What a progress bar says (Markdown): what is being done, how far it is, its rate and the time left.

    place: in its lane, where it has not begun.
    """
    if job.began is None:
        return f"{escape(job.label)} · {in_line(place or Place(0, 0.0))}"
    if job.away:
        return f"**{escape(job.label)}** · waits for a result that is being computed already"
    parts = [f"**{escape(job.label)}**"]
    left, steps = job.seconds_left(), job.steps
    if steps:
        parts += [escape(steps[0].doing), f"{steps[0].done:,} of {steps[0].total:,}"]
    if left is None:
        parts.append(f"for {duration(time.monotonic() - job.began)}")
    else:
        rate = (1 - job.fraction) * steps[0].total / max(left, 1e-9)
        parts.append(f"{rate:.1f} a second" if rate >= 1 else f"{1 / max(rate, 1e-9):.1f} s each")
        parts.append(f"{duration(left)} left")
    return " · ".join(parts)


def in_line(place: Place) -> str:
    """ "third in line, about 2 min": until it begins."""
    number = place.before + 1
    said = ORDINALS[place.before] if number <= len(ORDINALS) else f"{number}{_ending(number)}"
    return f"{said} in line" + (f", {about(place.seconds)}" if place.seconds >= 1 else "")


def _ending(number: int) -> str:
    """Of an ordinal number: 11th, 21st, 22nd, 23rd, 112th."""
    return "th" if number // 10 % 10 == 1 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
