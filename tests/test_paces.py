"""What this machine was seen to take: learned, kept, and no harm where it is damaged or cannot be written."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from tlx import estimates
from tlx.casefiles.loading import load_case
from tlx.cases import Case
from tlx.errors import DataError
from tlx.storage import inventory, memory, paces, spent
from tlx.storage.memory import memoized


class Clock:
    """Time that passes only where a test says so."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


clock = Clock()


@memoized()
def whole(case: Case, number: int) -> int:
    """One second of its own, two of a part without a name, four of another result."""
    clock.now += 1
    return number + _part(case, number) + other(case, number)


@memoized()
def _part(case: Case, number: int) -> int:
    clock.now += 2
    return number


@memoized()
def other(case: Case, number: int) -> int:
    clock.now += 4
    return number


@memoized()
def failing(case: Case, number: int) -> int:
    clock.now += 8
    raise DataError("no")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TLX_CACHE", str(tmp_path / "results"))
    monkeypatch.setattr(paces, "_seen", {})
    monkeypatch.setattr(time, "perf_counter", clock)
    return tmp_path / "results"


def heard_of(number: int) -> list[tuple[str, int, float]]:
    heard: list[tuple[str, int, float]] = []
    with spent.hearing(lambda *told: heard.append(told)):
        whole(load_case("digits"), number)
    return heard


def test_each_kind_of_work_has_its_own_seconds() -> None:
    """Not those of results it asked for; those of its own parts. What is stored takes none."""
    assert heard_of(1) == [("other", 1, 4), ("whole", 1, 3)]
    assert heard_of(1) == []
    other(load_case("digits"), 2)
    assert heard_of(2) == [("whole", 1, 3)]


def test_what_fails_is_not_heard_of() -> None:
    heard: list[object] = []
    with spent.hearing(lambda *told: heard.append(told)), pytest.raises(DataError):
        failing(load_case("digits"), 1)
    assert heard == []


def test_the_first_measurement_counts_whole_and_later_ones_less() -> None:
    paces.learn("trained", "net", expected=7, measured=37)
    assert paces.factor("trained", "net") == pytest.approx(37 / 7)
    for _ in range(30):
        paces.learn("trained", "net", expected=10, measured=10)
    assert paces.factor("trained", "net") == pytest.approx(1, rel=1e-3)
    paces.learn("trained", "net", expected=1, measured=8)
    assert paces.factor("trained", "net") == pytest.approx(8**paces.NEWEST, rel=1e-3)


def test_an_accident_is_no_measurement_to_go_by() -> None:
    """A laptop that slept for a night, work that was nearly done already, and what is too short to tell."""
    paces.learn("slept", "net", expected=1, measured=1e6)
    paces.learn("done", "net", expected=1e6, measured=1)
    paces.learn("short", "net", expected=0.01, measured=0.4)
    assert paces.factor("slept", "net") == pytest.approx(paces.CREDIBLE[1])
    assert paces.factor("done", "net") == pytest.approx(paces.CREDIBLE[0])
    assert paces.factor("short", "net") == 1


def test_another_process_knows_it(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is in a file of the results' folder, which the cache's report does not take for somebody else's."""
    paces.learn("trained", "net", expected=1, measured=3)
    monkeypatch.setattr(paces, "_seen", {})
    assert paces.factor("trained", "net") == pytest.approx(3)
    assert [path.name for path in home.iterdir()] == [inventory.PACES]
    assert inventory.foreign(memory.location()) == []


@pytest.mark.parametrize(
    "content",
    [
        "", "{", "[1]", "null", '{"trained net": 3}', '{"trained net": [NaN, 1]}', '{"trained net": ["1", 1]}',
        '{"trained net": [1e9, 1]}', '{"trained net": [1, 0]}', '{"trained net": [true, 1]}', "\xff",
    ],
)  # fmt: skip
def test_a_damaged_file_says_nothing_and_is_written_anew(home: Path, content: str) -> None:
    home.mkdir()
    (home / inventory.PACES).write_bytes(content.encode("latin-1"))
    assert paces.factor("trained", "net") == 1
    paces.learn("trained", "net", expected=1, measured=2)
    assert paces.factor("trained", "net") == pytest.approx(2)


def test_where_nothing_can_be_written_this_process_still_knows(home: Path) -> None:
    home.write_text("a file where the folder should be")
    paces.learn("trained", "net", expected=1, measured=2)
    paces.learn("trained", "net", expected=1, measured=2)
    assert paces.factor("trained", "net") == pytest.approx(2)


def test_it_does_not_grow_without_end(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paces, "MOST", 4)
    for name in "abcd":
        paces.learn("trained", name * 900, expected=1, measured=2)
    known = json.loads((home / inventory.PACES).read_text())
    assert len(known) == 4
    assert max(map(len, known)) == 200
    assert paces.factor("trained", "d" * 900) == pytest.approx(2)


def piece(kind: str, count: int, seconds: float, *, all_of_it: bool = True) -> estimates.Piece:
    return estimates.Piece(kind, "net", count, seconds, all_of_it)


def test_a_job_teaches_what_it_computed() -> None:
    """By result: another job may have computed some of them. What is unexpected or was begun before teaches nothing."""
    work = [piece("whole", 2, 2.0), piece("other", 1, 1.0, all_of_it=False), piece("third", 1, 1.0)]
    with estimates.learning(work):
        whole(load_case("digits"), 5)
    assert paces.factor("whole", "net") == pytest.approx(3)
    assert paces.factor("other", "net") == 1
    assert paces.factor("third", "net") == 1
    assert estimates.expected(work) == pytest.approx(estimates.BEGIN + 2 * 3 + 1 + 1)


def test_short_work_beside_the_import_of_torch_teaches_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(estimates.sys.modules, "torch", raising=False)
    with estimates.learning([piece("whole", 1, 1.0)]):
        whole(load_case("digits"), 6)
    assert paces.factor("whole", "net") == 1
