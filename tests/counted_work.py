"""Work for the tests of jobs: it counts its runs, remembers its threads and waits until it may go on.

In a module of its own, so that test and page (which import it by this name) see the same one.
"""

from __future__ import annotations

import threading

from tlx.casefiles import builtin
from tlx.errors import DataError
from tlx.progress import track
from tlx.storage.memory import memoized

CASE = builtin.cases()["digits"]


class Work:
    """What was run so far."""

    def __init__(self):
        self.runs: list[str] = []
        self.threads: set[str] = set()
        self.go = threading.Event()


work = Work()


@memoized("Remembering {name}")
def remembered(case, name):
    work.runs.append(name)
    work.threads.add(threading.current_thread().name)
    for _ in track(range(4), f"steps of {name}"):
        assert work.go.wait(20)
    return f"result of {name}"


@memoized("Asking")
def refused(case, name):
    work.runs.append(name)
    raise DataError(f"class {name!r} has no <b>image</b>")


@memoized("Breaking *it*")
def broken(case, name):
    work.runs.append(name)
    raise ZeroDivisionError("secret detail")
