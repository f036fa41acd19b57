"""Long work for pages: a stored result is read at once, anything else becomes a job whose progress the page draws.

A page asks with `require` (ends here until the result is there), `result` (None until then), `offered` (a button that
says what it costs) or `stored` (only if it is at hand), each of a panel of `needs` or of one function of the pipeline.
All of them turn errors into sentences, `stored` excepted.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from threading import Lock
from typing import Any

import streamlit as st
from streamlit.errors import StreamlitDuplicateElementKey

from tlx.app.job_queue import AbandonedError, Job, JobQueue, Key
from tlx.app.text import escape, sentence
from tlx.cases import Case
from tlx.errors import EmptyError, UserError
from tlx.needs import Need, answered, need, panel_of
from tlx.progress import duration
from tlx.storage.held import HELD
from tlx.storage.memory import NotStoredError, reading_only

FORGIVEN = 60.0  # seconds after which who has not seen a failure finds the work begun anew
PATIENCE = 0.4  # seconds a page waits before it shows a progress bar, so that quick work does not flicker
TICK = 0.5  # seconds between two looks at a running job


_queues: list[JobQueue] = []
_making = Lock()


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
    try:
        return answered(panel_of(asked, *args), _asked_for)
    except _WaitingError:
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


def offered(label: str, cost: Callable[[], str], asked: Callable[..., Any], *args: Any) -> Any:
    """The result if it is at hand or being computed; else a button that computes it and says what it costs.

    label: what the button promises (plain text, escaped here); cost: says the expected time in words, "about 20 s".
    """
    key = key_of(need(asked, *args))
    wanted = st.session_state.setdefault("tlx wanted", set())
    try:
        at_hand = stored(asked, *args) is not None
    except UserError:
        at_hand = True  # `result` says why there is none
    if at_hand or key in wanted or queue().job(key) is not None:
        return result(asked, *args)
    _button(f"{escape(label)} ({escape(cost())})", f"offer {key}", wanted.add, key)
    return None


class _WaitingError(Exception):
    """A need is being computed, or failed and was said."""


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
    _forgive(key)
    job = queue().start(key, wanted.label, wanted)
    try:
        failure = job.future.exception(timeout=PATIENCE)
    except TimeoutError:
        _watch(key)
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
def _watch(key: Key) -> None:
    """Draws how far a job has come, twice a second; when it is finished the whole page runs again."""
    job = queue().job(key)
    if job is None or job.future.done():
        st.rerun()
    job.seen = time.monotonic()
    st.progress(min(job.fraction, 1.0), text=progress_text(job, queue().running))


def progress_text(job: Job, running: Job | None = None) -> str:
    """What a progress bar says (Markdown): what is being done, how far it is, its rate and the time left.

    running: the job that keeps this one waiting.
    """
    if job.began is None:
        ahead = f"“{escape(running.label)}”" if running is not None and running is not job else "other work"
        return f"{escape(job.label)}: waits for {ahead} to finish"
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
