"""One at a time: a lock between processes by a file, and between this process's threads where no file can be locked."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from weakref import WeakValueDictionary

from filelock import FileLock


class _Gate:
    """A thread lock that a weak reference may hold."""

    def __init__(self) -> None:
        self.lock = Lock()


_gates: WeakValueDictionary[Path, _Gate] = WeakValueDictionary()
_finding = Lock()


@contextmanager
def one_at_a_time(path: Path) -> Iterator[None]:
    """Lets one thread of all processes into the block that names this lock file; a killed process leaves it open.

    Where the folder is read-only or full, or its file system knows no locks, only this process's threads wait.
    """
    with _finding:
        gate = _gates.setdefault(path, _Gate())
    with gate.lock:
        file = _locked(path)
        try:
            yield
        finally:
            if file is not None:
                file.release()


def _locked(path: Path) -> FileLock | None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(path)
        lock.acquire()
    except (OSError, NotImplementedError):
        return None
    return lock
