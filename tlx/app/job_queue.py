"""The queue of jobs: long work runs once, in the background, and its results stay in memory for a while.

One job for each (function, case, arguments): a double click, a second tab or another person waits for the same one.
Two lanes: what is expected to take a moment and what takes long, so that nobody's long job holds up somebody's short
one. In a lane, owners (a browser tab each) take turns. One long job runs at a time, because a demo host has memory for
one analysis only, and two short ones, of which one may turn out long.

A job that must wait for a result that another job computes (`storage.locks`) counts for no lane meanwhile: it would
hold up others who wait for nothing. A queued job that no page waits for any more is dropped; a running one is finished,
since its result is stored, unless who waits for it cancels it. When the process ends, running ones are stopped at their
next report. Nothing of Streamlit is called here.
"""

from __future__ import annotations

import atexit
import heapq
import logging
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from threading import Condition, RLock, Thread
from typing import Any

from tlx.errors import UserError
from tlx.progress import listening
from tlx.storage.held import HELD
from tlx.storage.locks import StillWanted, away_while_waiting

Key = tuple[Any, ...]

MOMENT = 15.0  # seconds a person may be made to wait without having asked; what takes longer is long
SHORT, LONG = "short", "long"
LANES = {SHORT: 2, LONG: 1}  # jobs of a lane that run at a time
OVERDUE = 2 * MOMENT  # seconds after which a short job is none, and another takes its place in the lane
SPARE = {SHORT: 2, LONG: 0}  # such jobs at most
AWAY = 8  # jobs that wait for a result of another; with so many no further one begins
RESTING = 3  # threads that are kept when there is nothing to do
FAILURES = 64  # failed jobs that are remembered, so that a page says why and offers to try again
ABANDONED = 6.0  # seconds after which a queued job nobody looked at is dropped
GONE = 60.0  # seconds after which who no longer looks at a running job is no reason to go on when it is cancelled
FAREWELL = 5.0  # seconds that the process waits at its end for running jobs to notice it
GLANCE = 1.0  # seconds between two looks whether a short job is overdue

_log = logging.getLogger("tlx.jobs")


class AbandonedError(Exception):
    """Nobody waits for the job any more, or the process ends."""


@dataclass(eq=False)
class Step:
    """One loop of the work: what it does, how far it is, when it was first heard of and how far it was then."""

    doing: str
    done: int
    total: int
    began: float = field(default_factory=time.monotonic)
    start: float = 0.0


@dataclass(frozen=True)
class Place:
    """Where a job stands in its lane: how many begin before it, and in about how many seconds it begins."""

    before: int
    seconds: float


@dataclass(eq=False)
class Job:
    """One computation: its future, the loops it is in (outermost first), and when each owner last asked for it.

    expected: seconds, 0 where nobody knows; turn: in which round of its lane it begins; away: whether it waits for a
    result of another job.
    """

    label: str
    expected: float = 0.0
    future: Future[Any] = field(default_factory=Future)
    steps: list[Step] = field(default_factory=list)
    began: float | None = None
    ended: float | None = None
    owners: dict[str, float] = field(default_factory=dict)
    turn: int = 0
    away: bool = False
    stopped: bool = False

    @property
    def lane(self) -> str:
        return SHORT if self.expected <= MOMENT else LONG

    def listen(self, doing: str, done: int, total: int) -> None:
        """A report from the stages: of a loop known already, or of a new one within the innermost."""
        self.still_wanted()
        known = next((at for at, step in enumerate(self.steps) if step.doing == doing), len(self.steps))
        outer = self.steps[:known]
        if done < total:
            old = self.steps[known] if known < len(self.steps) and done >= self.steps[known].done else None
            step = Step(doing, done, total) if old is None else Step(doing, done, total, old.began, old.start)
            if old is None:
                step.start = done / total
            outer = [*outer, step]
        self.steps = outer  # one assignment: pages read it from other threads

    def still_wanted(self) -> None:
        """Raises AbandonedError where the job was stopped."""
        if self.stopped:
            raise AbandonedError

    def waited_for(self, within: float) -> bool:
        """Whether somebody has looked at it within so many seconds."""
        return any(time.monotonic() - seen <= within for seen in [*self.owners.values()])

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

    def remaining(self) -> float:
        """Seconds that it is still expected to take: as it was at first, or by its loop where that says more."""
        ran = 0.0 if self.began is None else time.monotonic() - self.began
        return max(self.expected - ran, self.seconds_left() or 0.0, 0.0)


class JobQueue:
    """The jobs of this process."""

    def __init__(self) -> None:
        self._turn = Condition(RLock())  # whoever changes what may run tells those who wait for it
        self._jobs: dict[Key, Job] = {}
        self._waiting: dict[Job, tuple[Key, Callable[[], Any]]] = {}  # in the order they came
        self._running: list[Job] = []
        self._coming_back: list[Job] = []  # that were away and wait for their lane
        self._round = dict.fromkeys(LANES, 0)  # the turn of the job that began last
        self._last: dict[tuple[str, str], int] = {}  # the last turn that an owner has in a lane
        self._resting = 0
        atexit.register(self._leave)

    def job(self, key: Key) -> Job | None:
        """The job of this key, waiting, running or failed; None if there is none."""
        with self._turn:
            return self._jobs.get(key)

    def start(self, key: Key, label: str, work: Callable[[], Any], *, owner: str = "", expected: float = 0.0) -> Job:
        """The job of this key; a new one unless it runs, waits or has failed.

        owner: who waits for it; expected: seconds that it takes, by which it finds its lane.
        """
        with self._turn:
            job = self._jobs.get(key)
            if job is None:
                job = self._jobs[key] = Job(label, expected)
                job.turn = self._turn_of(job.lane, owner)
                self._waiting[job] = key, work
                self._last[job.lane, owner] = job.turn
            elif job in self._waiting and owner not in job.owners:
                job.turn = min(job.turn, self._turn_of(job.lane, owner))
            self.look(job, owner)
            self._call_workers()
            return job

    def look(self, job: Job, owner: str) -> None:
        """Notes that the owner still waits for a job; one that was being stopped goes on, if it has not noticed yet."""
        with self._turn:
            job.owners[owner] = time.monotonic()
            job.stopped = False

    def cancel(self, key: Key, owner: str) -> None:
        """The owner waits no longer. The job is dropped or stopped unless somebody else does."""
        with self._turn:
            job = self._jobs.get(key)
            if job is None or job.future.done():
                return
            job.owners.pop(owner, None)
            if job.waited_for(GONE):
                return
            job.stopped = True
            if job in self._waiting:
                self._drop(job)

    def busy(self) -> bool:
        """Whether any job waits or runs."""
        with self._turn:
            return any(not job.future.done() for job in self._jobs.values())

    def place(self, job: Job) -> Place | None:
        """Where a job stands in its lane; None for one that has begun or was dropped."""
        with self._turn:
            if job not in self._waiting:
                return None
            line = self._in_line(job.lane)
            before = line[: line.index(job)] if job in line else line
            return Place(len(before), self._begins(job.lane, before))

    def ahead(self, expected: float, owner: str) -> float:
        """In how many seconds a job that takes so long would begin, if the owner asked for it now."""
        with self._turn:
            lane = Job("", expected).lane
            turn = self._turn_of(lane, owner)
            return self._begins(lane, [one for one in self._in_line(lane) if one.turn <= turn])

    def forget(self, key: Key) -> None:
        """Removes a finished job, so that asking again starts a new one."""
        with self._turn:
            job = self._jobs.get(key)
            if job is not None and job.future.done():
                del self._jobs[key]

    def _turn_of(self, lane: str, owner: str) -> int:
        """The next round of a lane in which the owner has none yet: who asked for ten gets ten rounds."""
        return max(self._round[lane], self._last.get((lane, owner), self._round[lane] - 1) + 1)

    def _in_line(self, lane: str) -> list[Job]:
        """The jobs that wait in a lane and are waited for, in the order in which they begin."""
        wanted = [job for job in self._waiting if job.lane == lane and job.waited_for(ABANDONED)]
        return sorted(wanted, key=lambda job: job.turn)  # stable: within a round first come, first served

    def _begins(self, lane: str, before: list[Job]) -> float:
        """Seconds until a lane has room for the job behind these."""
        ends = [job.remaining() for job in self._counting(lane)]
        ends = [0.0] * (LANES[lane] - len(ends)) + ends
        heapq.heapify(ends)
        for job in before:
            heapq.heappush(ends, heapq.heappop(ends) + job.expected)
        return ends[0]

    def _counting(self, lane: str) -> list[Job]:
        """The running jobs that take up room in a lane."""
        here = [job for job in self._running if job.lane == lane and not job.away]
        late = [job for job in here if job.began is not None and time.monotonic() - job.began > OVERDUE]
        return [job for job in here if job not in late[: SPARE[lane]]]

    def _has_room(self, lane: str) -> bool:
        return len(self._counting(lane)) < LANES[lane]

    def _next(self) -> Job | None:
        """The job that may begin now; what nobody waits for any more is dropped."""
        for job in [one for one in self._waiting if not one.waited_for(ABANDONED)]:
            self._drop(job)
        if sum(job.away for job in self._running) >= AWAY:
            return None
        for lane in LANES:
            if self._has_room(lane) and not any(job.lane == lane for job in self._coming_back):
                for job in self._in_line(lane):
                    return job
        return None

    def _drop(self, job: Job) -> None:
        key, _ = self._waiting.pop(job)
        del self._jobs[key]
        job.ended = time.monotonic()
        job.future.set_exception(AbandonedError())

    def _call_workers(self) -> None:
        """Has all who rest look again; where a job waits one of them is there to see when it may begin."""
        self._turn.notify_all()
        if self._waiting and not self._resting:
            # A daemon, unlike an executor's threads: stopping the server does not wait for an hour's work to end.
            Thread(target=self._work, name="tlx-job", daemon=True).start()
            self._resting += 1  # until it has looked for work

    def _work(self) -> None:
        while True:
            with self._turn:
                while (job := self._next()) is None:
                    if self._resting > RESTING:
                        self._resting -= 1
                        return
                    self._turn.wait(GLANCE if self._waiting else None)
                self._resting -= 1
                key, work = self._waiting.pop(job)
                self._round[job.lane] = max(self._round[job.lane], job.turn)
                self._last = {who: turn for who, turn in self._last.items() if turn >= self._round[who[0]]}
                job.began = time.monotonic()
                self._running.append(job)
                self._call_workers()
            self._run(key, job, work)
            with self._turn:
                self._resting += 1

    def _run(self, key: Key, job: Job, work: Callable[[], Any]) -> None:
        try:
            with listening(job.listen), away_while_waiting(partial(self._away, job)):
                result = work()
        except BaseException as error:  # whatever it is belongs to the page that asked; the worker must live on
            if not isinstance(error, UserError | AbandonedError):
                _log.exception("%s failed", job.label)
            self._ended(job)
            self._make_room(key, abandoned=isinstance(error, AbandonedError))
            # Kept until somebody tries again: without the frames it came through, and all that they hold.
            job.future.set_exception(error.with_traceback(None))
        else:
            self._ended(job)
            HELD.put(key, result)
            job.future.set_result(result)
            self.forget(key)

    @contextmanager
    def _away(self, job: Job) -> Iterator[StillWanted]:
        """Within the block the job takes up no room in its lane; it ends when there is room for it again."""
        with self._turn:
            job.away = True
            self._call_workers()
        yield job.still_wanted
        with self._turn:
            self._coming_back.append(job)
            try:
                while not self._has_room(job.lane) and not job.stopped:
                    self._turn.wait(GLANCE)
            finally:
                self._coming_back.remove(job)
            job.away = False

    def _ended(self, job: Job) -> None:
        with self._turn:
            self._running.remove(job)
            job.ended = time.monotonic()
            self._call_workers()

    def _make_room(self, key: Key, *, abandoned: bool) -> None:
        """Forgets a job that was abandoned; for another failure the oldest ones above FAILURES."""
        with self._turn:
            failed = [known for known, job in self._jobs.items() if job.future.done()]
            for known in [key] if abandoned else failed[: max(len(failed) + 1 - FAILURES, 0)]:
                del self._jobs[known]

    def _leave(self) -> None:
        """Stops the running jobs. Python would end their threads within torch's code, which then aborts the process."""
        with self._turn:
            for waiting in [*self._waiting]:
                self._drop(waiting)
            running = [*self._running]
            for job in running:
                job.stopped = True
        end = time.monotonic() + FAREWELL
        for job in running:
            with suppress(TimeoutError):
                job.future.exception(max(end - time.monotonic(), 0.0))
