"""The queue of jobs: long work runs once, in one background thread, and its results stay in memory for a while.

One job for each (function, case, arguments): a double click, a second tab or another person waits for the same one.
One worker thread, because models carry hooks while they are analysed and a demo host has memory for one analysis only.
A queued job that no page waits for any more is dropped; a running one is finished, since its result is stored. When
the process ends, a running one is stopped at its next report. Nothing of Streamlit is called here.
"""

from __future__ import annotations

import atexit
import logging
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from queue import SimpleQueue
from threading import Lock, Thread
from typing import Any

from tlx.errors import UserError
from tlx.progress import listening
from tlx.storage.held import HELD

Key = tuple[Any, ...]

FAILURES = 64  # failed jobs that are remembered, so that a page says why and offers to try again
ABANDONED = 6.0  # seconds after which a queued job nobody looked at is dropped
FAREWELL = 5.0  # seconds that the process waits at its end for a running job to notice it

_log = logging.getLogger("tlx.jobs")


class AbandonedError(Exception):
    """Nobody waited for the job any more when its turn came, or the process ends."""


@dataclass(eq=False)
class Step:
    """One loop of the work: what it does, how far it is, when it was first heard of and how far it was then."""

    doing: str
    done: int
    total: int
    began: float = field(default_factory=time.monotonic)
    start: float = 0.0


@dataclass(eq=False)
class Job:
    """One computation: its future, the loops it is in (outermost first), and when a page last asked for it."""

    label: str
    future: Future[Any] = field(default_factory=Future)
    steps: list[Step] = field(default_factory=list)
    began: float | None = None
    ended: float | None = None
    seen: float = field(default_factory=time.monotonic)
    stopped: bool = False

    def listen(self, doing: str, done: int, total: int) -> None:
        """A report from the stages: of a loop known already, or of a new one within the innermost."""
        if self.stopped:
            raise AbandonedError
        known = next((at for at, step in enumerate(self.steps) if step.doing == doing), len(self.steps))
        outer = self.steps[:known]
        if done < total:
            old = self.steps[known] if known < len(self.steps) and done >= self.steps[known].done else None
            step = Step(doing, done, total) if old is None else Step(doing, done, total, old.began, old.start)
            if old is None:
                step.start = done / total
            outer = [*outer, step]
        self.steps = outer  # one assignment: pages read it from other threads

    @property
    def fraction(self) -> float:
        """How much of the outermost loop is done, the loops within counted as parts of its present round."""
        share = 0.0
        for step in reversed(self.steps):
            share = (step.done + share) / step.total
        return share

    def seconds_left(self) -> float | None:
        """Time left for the outermost loop at its rate so far; None while there is no rate."""
        if not self.steps or self.fraction <= self.steps[0].start:
            return None
        outer, fraction = self.steps[0], self.fraction
        return (time.monotonic() - outer.began) / (fraction - outer.start) * (1 - fraction)


class JobQueue:
    """The jobs of this process."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._jobs: dict[Key, Job] = {}
        self.running: Job | None = None
        self._waiting: SimpleQueue[Callable[[], None]] = SimpleQueue()
        # A daemon, unlike an executor's threads: stopping the server does not wait for an hour's work to end.
        self._thread = Thread(target=self._work, name="tlx-job", daemon=True)
        self._thread.start()
        atexit.register(self._leave)

    def job(self, key: Key) -> Job | None:
        """The job of this key, waiting, running or failed; None if there is none."""
        with self._lock:
            return self._jobs.get(key)

    def start(self, key: Key, label: str, work: Callable[[], Any]) -> Job:
        """The job of this key; a new one unless it runs, waits or has failed."""
        with self._lock:
            job = self._jobs.get(key)
            if job is None:
                job = self._jobs[key] = Job(label)
                self._waiting.put(partial(self._run, key, job, work))
            job.seen = time.monotonic()
            return job

    def busy(self) -> bool:
        """Whether any job waits or runs."""
        with self._lock:
            return any(not job.future.done() for job in self._jobs.values())

    def forget(self, key: Key) -> None:
        """Removes a finished job, so that asking again starts a new one."""
        with self._lock:
            job = self._jobs.get(key)
            if job is not None and job.future.done():
                del self._jobs[key]

    def _make_room(self, key: Key, *, abandoned: bool) -> None:
        """Forgets a job that was abandoned; for another failure the oldest ones above FAILURES."""
        with self._lock:
            failed = [known for known, job in self._jobs.items() if job.future.done()]
            for known in [key] if abandoned else failed[: max(len(failed) + 1 - FAILURES, 0)]:
                del self._jobs[known]

    def _leave(self) -> None:
        """Stops the running job. Python would end its thread within torch's code, which then aborts the process."""
        job = self.running
        if job is not None:
            job.stopped = True
            with suppress(TimeoutError):
                job.future.exception(FAREWELL)

    def _work(self) -> None:
        while True:
            self._waiting.get()()

    def _run(self, key: Key, job: Job, work: Callable[[], Any]) -> None:
        try:
            if time.monotonic() - job.seen > ABANDONED:
                raise AbandonedError
            job.began, self.running = time.monotonic(), job
            with listening(job.listen):
                result = work()
        except BaseException as error:  # whatever it is belongs to the page that asked; the worker must live on
            if not isinstance(error, UserError | AbandonedError):
                _log.exception("%s failed", job.label)
            self.running, job.ended = None, time.monotonic()
            self._make_room(key, abandoned=isinstance(error, AbandonedError))
            # Kept until somebody tries again: without the frames it came through, and all that they hold.
            job.future.set_exception(error.with_traceback(None))
        else:
            self.running = None
            HELD.put(key, result)
            job.future.set_result(result)
            self.forget(key)
