"""What computing took: told to whoever listens, of each kind of work its own seconds without those of what it asks for.

A context variable, as in `progress`: two jobs in two threads do not hear each other.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

Heard = Callable[[str, int, float], None]  # (function, how many results, seconds)


@dataclass
class _Work:
    """A piece of work that goes on: the seconds of what it asked for."""

    others: float = 0.0


_listener: ContextVar[Heard | None] = ContextVar("tlx_spent", default=None)
_work: ContextVar[_Work | None] = ContextVar("tlx_work", default=None)


@contextmanager
def hearing(heard: Heard) -> Iterator[None]:
    """Within the block `heard` is told of all that this thread computes."""
    token = _listener.set(heard)
    try:
        yield
    finally:
        _listener.reset(token)


@contextmanager
def computing(name: str, count: int = 1) -> Iterator[None]:
    """The block computes so many results of a function; it is told of when it is over, unless it fails."""
    listener = _listener.get()
    if listener is None:
        yield
        return
    work, began = _Work(), time.perf_counter()
    token = _work.set(work)
    try:
        yield
    finally:
        _work.reset(token)
    listener(name, count, max(time.perf_counter() - began - work.others, 0.0))


@contextmanager
def asking() -> Iterator[None]:
    """The block gets a result from elsewhere, by computing it or by waiting for it: no time of the work that asks."""
    work, began = _work.get(), time.perf_counter()
    try:
        yield
    finally:
        if work is not None:
            work.others += time.perf_counter() - began
