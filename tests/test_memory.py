"""What is computed once stays computed once, whoever asks, and never outlives what it came from."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tlx.casefiles.loading import load_case
from tlx.cases import Case
from tlx.errors import EmptyError, RoomError
from tlx.storage.memory import memoized, reading_only


@memoized()
def slow_square(case: Case, number: int, log: str, power: int = 2) -> np.ndarray:
    with Path(log).open("a") as file:
        file.write("computed\n")
    time.sleep(0.3)
    return np.arange(4.0) ** 0 * number**power


@pytest.fixture(autouse=True)
def own_store(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TLX_CACHE", str(tmp_path / "store"))


def computed(log: Path) -> int:
    return log.read_text().count("computed")


def test_a_result_is_computed_once_and_read_afterwards(tmp_path: Path) -> None:
    case, log = load_case("digits"), tmp_path / "log"
    assert not slow_square.is_stored(case, 3, str(log))
    assert slow_square(case, 3, str(log))[0] == slow_square(case, number=3, log=str(log), power=2)[0] == 9
    assert slow_square.is_stored(case, 3, str(log))
    assert computed(log) == 1


def test_arguments_and_the_part_of_the_case_are_the_key(tmp_path: Path) -> None:
    """Another argument or path step is another result; another title is not."""
    case, log = load_case("digits"), tmp_path / "log"
    slow_square(case, 3, str(log))
    slow_square(replace(case, title="renamed", about="…"), 3, str(log))
    assert computed(log) == 1
    slow_square(case, 4, str(log))
    slow_square(replace(case, n_steps=5), 3, str(log))
    assert computed(log) == 3


def test_threads_that_ask_at_once_compute_once(tmp_path: Path) -> None:
    case, log = load_case("digits"), tmp_path / "log"
    threads = [threading.Thread(target=slow_square, args=(case, 5, str(log))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert computed(log) == 1


def test_an_error_is_not_stored(tmp_path: Path) -> None:
    case = load_case("digits")
    for _ in range(2):
        with pytest.raises(FileNotFoundError):
            slow_square(case, 1, str(tmp_path / "missing" / "log"))


@memoized()
def nothing(case: Case, log: str) -> str:
    with Path(log).open("a") as file:
        file.write("computed\n")
    raise EmptyError("class 'ink' has no instance")


def test_that_there_is_no_result_is_found_out_once(tmp_path: Path) -> None:
    """It is stored like a result, and raised again with its sentence."""
    case, log = load_case("digits"), tmp_path / "log"
    for _ in range(3):
        with pytest.raises(EmptyError, match="class 'ink' has no instance"):
            nothing(case, str(log))
        assert nothing.is_stored(case, str(log))
    assert computed(log) == 1
    with reading_only(), pytest.raises(EmptyError):
        nothing(case, str(log))


@memoized()
def large_map(case: Case, kind: str) -> np.ndarray:
    if kind == "numpy":
        return np.empty((2**45, 2**10))
    raise RuntimeError(kind)


@pytest.mark.parametrize(
    "kind",
    [
        "numpy",
        "[enforce fail at alloc_cpu.cpp:124] DefaultCPUAllocator: not enough memory: you tried to allocate 9 bytes",
    ],
)
def test_memory_that_runs_out_is_the_inputs_and_no_defect(kind: str) -> None:
    with pytest.raises(RoomError, match=r"not enough memory for large map \(.*\); take fewer images of a class"):
        large_map(load_case("digits"), kind)
    with pytest.raises(RuntimeError, match="something else"):
        large_map(load_case("digits"), "something else")
