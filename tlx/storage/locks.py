"""One at a time: a lock between processes by a file, and between this process's threads where no file can be locked."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from pathlib import Path
from threading import Lock
from weakref import WeakValueDictionary

from filelock import FileLock, Timeout

GLANCE = 0.2  # seconds between two looks whether who waits for a lock is still wanted

StillWanted = Callable[[], None]  # raises where nobody wants the lock any more
Away = Callable[[], AbstractContextManager[StillWanted]]
_away: ContextVar[Away | None] = ContextVar("tlx_away", default=None)


class _Gate:
    """A thread lock that a weak reference may hold."""

    def __init__(self) -> None:
        self.lock = Lock()


_gates: WeakValueDictionary[Path, _Gate] = WeakValueDictionary()
_finding = Lock()


@contextmanager
def away_while_waiting(away: Away) -> Iterator[None]:
    """Within the block this thread is in `away()` whenever it waits for a lock that another has.

    So others may have its turn meanwhile. What `away` gives is called now and then, to raise where the wait is in vain.
    """
    token = _away.set(away)
    try:
        yield
    finally:
        _away.reset(token)


@contextmanager
def one_at_a_time(path: Path) -> Iterator[None]:
    """Lets one thread of all processes into the block that names this lock file; a killed process leaves it open.

    Where the folder is read-only or full, or its file system knows no locks, only this process's threads wait.
    """
    with _finding:
        gate = _gates.setdefault(path, _Gate())
    _wait_for(lambda seconds: gate.lock.acquire(timeout=seconds))
    try:
        file = _locked(path)
        try:
            yield
        finally:
            if file is not None:
                file.release()
    finally:
        gate.lock.release()


def _wait_for(acquired: Callable[[float], bool]) -> None:
    """Waits until the lock is there. acquired: whether it was within so many seconds, -1 for however long it takes."""
    away = _away.get()
    if away is None:
        acquired(-1)
    elif not acquired(0):
        with away() as still_wanted:
            while not acquired(GLANCE):
                still_wanted()


def _locked(path: Path) -> FileLock | None:
    def acquired(seconds: float) -> bool:
        try:
            lock.acquire(timeout=seconds)
        except Timeout:
            return False
        return True

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(path)
        _wait_for(acquired)
    except (OSError, NotImplementedError):
        return None
    return lock
