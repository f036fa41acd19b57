"""How far long work has come, told to whoever listens.

Stages call `track`; the command line and the app's jobs listen with `listening`. The listener is a context
variable, so two jobs in two threads do not hear each other, and a stage needs no extra argument.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sized
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

T = TypeVar("T")
Listener = Callable[[str, int, int], None]  # (what is being done, done, total)

_listener: ContextVar[Listener | None] = ContextVar("tlx_progress", default=None)


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Within the block every report of this thread goes to `listener`."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)


def report(label: str, done: int, total: int) -> None:
    """Says that `done` of `total` steps of `label` are finished."""
    listener = _listener.get()
    if listener is not None:
        listener(label, done, total)


def track(items: Iterable[T], label: str, total: int | None = None) -> Iterator[T]:
    """Yields `items` and reports after each; `total` is needed where `items` has no length."""
    count = len(items) if total is None and isinstance(items, Sized) else int(total or 0)
    report(label, 0, count)
    for done, item in enumerate(items, start=1):
        yield item
        report(label, done, count)


def duration(seconds: float) -> str:
    """ "under a second", "12 s", "3 min 5 s", "1 h 12 min"."""
    if seconds < 1:
        return "under a second"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    parts = [(hours, "h"), (minutes, "min"), (0 if hours else rest, "s")]
    return " ".join(f"{number} {unit}" for number, unit in parts if number)
