"""Memoized functions for the tests of the result store: they write down each computing in a file, across processes."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import numpy as np

from tlx.casefiles.loading import load_case
from tlx.cases import Case
from tlx.storage.memory import memoized

CASE = load_case("digits")
COMPUTED = "TLX_TEST_COMPUTED"  # the file


def written() -> list[str]:
    """What was computed so far, a name for each time."""
    log = Path(os.environ[COMPUTED])
    return log.read_text().split() if log.exists() else []


def write(name: str) -> None:
    with Path(os.environ[COMPUTED]).open("a") as file:
        file.write(f"{name}\n")


@memoized()
def numbers(case: Case, name: str, count: int = 1000) -> dict[str, np.ndarray]:
    write(name)
    return {"squares": np.arange(float(count)) ** 2}


@memoized()
def deadly(case: Case, name: str) -> tuple[np.ndarray, Deadly]:
    write(name)
    return np.zeros(100_000), Deadly()


class Deadly:
    """Kills the process that writes it, after what stands before it was written."""

    def __reduce__(self):
        if os.environ.get("TLX_TEST_KILL"):
            os.kill(os.getpid(), signal.SIGKILL)
        return Deadly, ()


@memoized()
def slowly(case: Case, name: str) -> float:
    time.sleep(0.2)
    write(name)
    return float(numbers(case, f"for-{name}")["squares"].sum())


class Shape:
    """A result whose class a later version may not have any more."""

    sides = 4


@memoized()
def shape(case: Case, name: str) -> Shape:
    write(name)
    return Shape()
