"""Two lanes with fair turns: nobody's long work holds up somebody else's, and who waits is told how long."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tlx.app import job_queue
from tlx.app.job_queue import LONG, MOMENT, SHORT, AbandonedError, Job, JobQueue, Place
from tlx.progress import report, track
from tlx.storage.locks import one_at_a_time

LONGER = MOMENT + 45


class Held:
    """Work that waits to be let go, and says which of it began in which order."""

    def __init__(self, queue: JobQueue) -> None:
        self.queue = queue
        self.began: list[str] = []
        self._go: dict[str, threading.Event] = {}
        self.jobs: dict[str, Job] = {}

    def __call__(self, name: str, owner: str, expected: float = 0.0, work: Callable[[], Any] = lambda: None) -> Job:
        go = self._go[name] = threading.Event()

        def held() -> str:
            self.began.append(name)
            while not go.wait(0.01):
                report(name, 0, 1)
            work()
            return name

        self.jobs[name] = self.queue.start((name,), name, held, owner=owner, expected=expected)
        return self.jobs[name]

    def let_go(self, *names: str) -> None:
        """One after the other: each has ended, and what can begin now has begun."""
        for name in names:
            self.until(lambda name=name: name in self.began)
            self._go[name].set()
            assert self.jobs[name].future.result(20) == name

    def until(self, true: Callable[[], bool]) -> None:
        for _ in range(2000):
            if true():
                return
            time.sleep(0.01)
        raise AssertionError(f"it did not come to that; begun: {self.began}")

    def end(self) -> None:
        for go in self._go.values():
            go.set()


@pytest.fixture
def held() -> Iterator[Held]:
    made = Held(JobQueue())
    yield made
    made.end()


def begun(held: Held, *names: str) -> None:
    held.until(lambda: set(names) <= set(held.began))


def test_a_short_job_runs_beside_a_long_one(held: Held) -> None:
    """Whoever asked for the long one; a second long one waits."""
    held("long", "a", LONGER)
    held("longer", "b", LONGER)
    held("short", "b", MOMENT)
    begun(held, "long", "short")
    held.let_go("short")
    assert "longer" not in held.began
    held.let_go("long", "longer")


def test_no_more_jobs_of_a_lane_run_than_it_has_room_for(held: Held) -> None:
    for at in range(5):
        held(f"{at}", "a")
    begun(held, "0", "1")
    held.let_go("0")
    begun(held, "2")
    assert held.began == ["0", "1", "2"]


def test_sessions_take_turns(held: Held) -> None:
    """One who asked for many does not hold up another's one; what one asked for comes in its order."""
    for at in range(4):
        held(f"a{at}", "a", LONGER)
    begun(held, "a0")
    for name in ("b0", "b1", "c0"):
        held(name, name[0], LONGER)
    held.let_go("a0", "b0", "c0", "a1", "b1", "a2", "a3")
    assert held.began == ["a0", "b0", "c0", "a1", "b1", "a2", "a3"]


def test_who_joins_a_waiting_job_brings_it_forward(held: Held) -> None:
    """It is somebody else's first wish now, and not only the third of one."""
    for name in ("a0", "a1", "a2", "a3"):
        held(name, "a", LONGER)
    begun(held, "a0")
    held.queue.start(("a3",), "a3", lambda: None, owner="b", expected=LONGER)
    held.let_go("a0", "a3", "a1")


def test_one_job_for_all_who_wait_for_it(held: Held) -> None:
    """Of two owners one may cancel, and nothing happens to the other; the last one's cancel stops it."""
    job = held("one", "a")
    begun(held, "one")
    assert held.queue.start(("one",), "one", lambda: None, owner="b") is job
    held.queue.cancel(("one",), "a")
    assert not job.stopped
    held.queue.cancel(("one",), "b")
    assert isinstance(job.future.exception(20), AbandonedError)
    assert held.queue.job(("one",)) is None


def test_a_cancelled_job_that_has_not_begun_is_dropped(held: Held) -> None:
    held("long", "a", LONGER)
    begun(held, "long")
    waiting = held("waiting", "b", LONGER)
    held.queue.cancel(("waiting",), "b")
    assert isinstance(waiting.future.exception(0), AbandonedError)
    held.let_go("long")
    assert held.began == ["long"]


def test_a_closed_tab_waits_for_nothing_after_a_while(held: Held) -> None:
    """Who has not looked for a minute is no reason to go on for; who has looked a moment ago is."""
    for name, ago, goes_on in (("here", 0.0, True), ("gone", job_queue.GONE + 1, False)):
        job = held(name, "closed")
        begun(held, name)
        held.queue.look(job, "cancels")
        job.owners["closed"] -= ago
        held.queue.cancel((name,), "cancels")
        assert job.stopped is not goes_on


def test_who_asks_again_before_it_has_noticed_keeps_it(held: Held) -> None:
    """A cancel is taken back by asking for the same at once: the work goes on."""
    noticing, go = threading.Event(), threading.Event()

    def work() -> str:
        noticing.set()
        assert go.wait(20)
        report("steps", 0, 1)
        return "done"

    job = held.queue.start(("k",), "k", work, owner="a")
    assert noticing.wait(20)
    held.queue.cancel(("k",), "a")
    assert held.queue.start(("k",), "k", work, owner="b") is job
    go.set()
    assert job.future.result(20) == "done"


def test_places_in_line_and_when_they_begin(held: Held, monkeypatch: pytest.MonkeyPatch) -> None:
    """A running job counts with what it has left, those before with what they are expected to take."""
    running = held("running", "a", 100.0)
    begun(held, "running")
    now = running.began
    assert now is not None
    monkeypatch.setattr(job_queue.time, "monotonic", lambda: now + 40)
    second, third = held("second", "a", 30.0), held("third", "a", 20.0)
    assert held.queue.place(running) is None
    assert held.queue.place(second) == Place(0, pytest.approx(60))
    assert held.queue.place(third) == Place(1, pytest.approx(90))
    assert held.queue.ahead(LONGER, "a") == pytest.approx(110)  # behind all that a has asked for
    assert held.queue.ahead(LONGER, "b") == pytest.approx(60)  # before what a has asked for beyond the first round
    assert held.queue.ahead(MOMENT, "b") == 0


def test_two_short_jobs_at_a_time_halve_the_wait(held: Held) -> None:
    for name, seconds in (("0", 4.0), ("1", 10.0)):
        held(name, "a", seconds)
    begun(held, "0", "1")
    waiting = held("2", "a", 8.0)
    last = held("3", "a", 8.0)
    first, second = held.queue.place(waiting), held.queue.place(last)
    assert first is not None
    assert second is not None
    assert 0 < first.seconds <= 4
    assert 4 < second.seconds <= 10


def test_a_job_goes_on_for_longer_than_expected(held: Held, monkeypatch: pytest.MonkeyPatch) -> None:
    """Then its loop says what is left: 1 of 4 rounds in 50 seconds leave 150."""
    job = Job("k", expected=20.0, began=0.0)
    monkeypatch.setattr(job_queue.time, "monotonic", lambda: 0.0)
    job.listen("rounds", 0, 4)
    job.steps[0].began = 0.0
    monkeypatch.setattr(job_queue.time, "monotonic", lambda: 50.0)
    assert job.remaining() == 0
    job.listen("rounds", 1, 4)
    assert job.remaining() == pytest.approx(150)


def test_a_short_job_that_turns_out_long_gives_its_place_away(held: Held, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two of them would close the lane for everybody."""
    held("0", "a")
    held("1", "b")
    held("2", "c")
    begun(held, "0", "1")
    assert "2" not in held.began
    monkeypatch.setattr(job_queue, "OVERDUE", -1.0)
    begun(held, "2")


def test_who_waits_for_anothers_result_holds_up_nobody(held: Held, tmp_path) -> None:
    """Two short jobs need what a long one has in hand: a third session's short work goes past them."""
    lock = tmp_path / "result.lock"

    def with_it() -> None:
        with one_at_a_time(lock):
            pass

    inside, go = threading.Event(), threading.Event()

    def long() -> str:
        with one_at_a_time(lock):
            inside.set()
            assert go.wait(20)
        return "long"

    job = held.queue.start(("long",), "long", long, owner="a", expected=LONGER)
    assert inside.wait(20)
    need_it = [held(name, name, work=with_it) for name in ("b", "c")]
    begun(held, "b", "c")
    for name in ("b", "c"):
        held._go[name].set()
    held.until(lambda: all(one.away for one in need_it))
    held("d", "d")
    held.let_go("d")
    go.set()
    assert job.future.result(20) == "long"
    assert [one.future.result(20) for one in need_it] == ["b", "c"]
    assert not any(one.away for one in need_it)


def test_who_comes_back_waits_for_room_and_comes_before_who_is_new(held: Held, tmp_path) -> None:
    lock, inside, taken, go = tmp_path / "lock", threading.Event(), threading.Event(), threading.Event()

    def first() -> None:
        with one_at_a_time(lock):
            inside.set()
            assert taken.wait(20)

    holder = threading.Thread(target=first)
    holder.start()
    assert inside.wait(20)

    def second() -> str:
        with one_at_a_time(lock):
            held.began.append("back")
            assert go.wait(20)
        return "second"

    waits = held.queue.start(("second",), "second", second, owner="a", expected=LONGER)
    held.until(lambda: waits.away)
    held("third", "b", LONGER)
    held("fourth", "c", LONGER)
    begun(held, "third")
    taken.set()
    holder.join(20)
    held.until(lambda: waits in held.queue._coming_back)
    assert "back" not in held.began
    held.let_go("third")
    begun(held, "back")
    assert "fourth" not in held.began
    go.set()
    assert waits.future.result(20) == "second"
    held.let_go("fourth")


def test_a_job_that_waits_for_anothers_result_can_be_cancelled(held: Held, tmp_path) -> None:
    lock = tmp_path / "lock"
    with one_at_a_time(lock):
        job = held.queue.start(("k",), "k", lambda: one_at_a_time(lock).__enter__(), owner="a")
        held.until(lambda: job.away)
        held.queue.cancel(("k",), "a")
        assert isinstance(job.future.exception(20), AbandonedError)
    with one_at_a_time(lock):
        assert not held.queue.busy()


def test_nothing_begins_behind_many_who_wait(held: Held, tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of them has a thread and what it has read; what they wait for still comes, and then all of them."""
    monkeypatch.setattr(job_queue, "AWAY", 3)
    lock = tmp_path / "lock"

    def with_it() -> None:
        with one_at_a_time(lock):
            pass

    with one_at_a_time(lock):
        waiting = [held.queue.start((at,), f"{at}", with_it, owner=f"{at}") for at in range(3)]
        held.until(lambda: all(job.away for job in waiting))
        further = held.queue.start(("further",), "further", lambda: "done", owner="z")
        assert further.began is None
    assert [job.future.result(20) for job in waiting] == [None] * 3
    assert further.future.result(20) == "done"


def test_no_thread_is_left_for_each_job_of_a_busy_hour(held: Held) -> None:
    before = {thread.ident for thread in threading.enumerate()}
    for at in range(60):
        assert held.queue.start((at,), f"{at}", lambda: "done", owner=f"{at}").future.result(20) == "done"
    held.until(lambda: len([one for one in threading.enumerate() if one.ident not in before]) <= job_queue.RESTING)


def test_all_running_jobs_end_with_the_process(held: Held) -> None:
    """At their next report; those that wait do not begin."""

    def work() -> None:
        for _ in track(range(100_000), "steps"):
            time.sleep(0.01)

    jobs = [held.queue.start((lane,), lane, work, expected=seconds) for lane, seconds in ((SHORT, 0), (LONG, LONGER))]
    jobs.append(held.queue.start(("waits",), "waits", work, expected=LONGER))
    held.until(lambda: all(job.began for job in jobs[:2]))
    held.queue._leave()
    assert [type(job.future.exception(0)) for job in jobs] == [AbandonedError] * 3
    assert jobs[2].began is None
