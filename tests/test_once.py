"""What is made once of the same things: which arguments are the same, who waits, what is let go."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from threading import Event
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tlx.app import once as module
from tlx.app.once import once
from tlx.storage.held import Held

made: list[Any] = []


@dataclass(frozen=True, eq=False)
class Result:
    name: str
    values: np.ndarray


@dataclass(frozen=True)
class Choice:
    name: str
    layers: tuple[str, ...] = ()


@pytest.fixture(autouse=True)
def nothing_made() -> Iterator[None]:
    made.clear()
    module.forget()
    yield
    module.forget()


def make(*args: Any, **kwargs: Any) -> object:
    made.append(args)
    return object()


def fail(*_: Any) -> None:
    made.append("failed")
    raise ValueError("no")


LARGE = np.zeros(100_000)
TABLE = pd.DataFrame({"a": [1]})


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("a", "a"),
        (["a", 1], ["a", 1]),
        ({"a": [1, 2]}, {"a": [1, 2]}),
        (MappingProxyType({"a": 1}), MappingProxyType({"a": 1})),
        (Choice("a", ("b",)), Choice("a", ("b",))),
        (np.arange(5), np.arange(5)),
        (LARGE, LARGE),
        (TABLE, TABLE),
        (Result("a", LARGE), Result("a", LARGE)),
        ((Result("a", LARGE), "b"), (Result("a", LARGE), "b")),
        (partial(make, LARGE, a=1), partial(make, LARGE, a=1)),
    ],
)
def test_the_same_things_are_made_of_once(one: Any, other: Any) -> None:
    assert once(make, one) is once(make, other)
    assert len(made) == 1


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("a", "b"),
        (["a"], ["b"]),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}),  # a legend has its entries in that order
        (Choice("a"), Choice("b")),
        (np.arange(5), np.arange(5).astype(float)),
        (np.arange(6), np.arange(6).reshape(2, 3)),
        (LARGE, LARGE.copy()),
        (TABLE, TABLE.copy()),
        (Result("a", LARGE), Result("a", LARGE.copy())),
        (partial(make, LARGE, a=1), partial(make, LARGE, a=2)),
        (partial(make, LARGE), partial(fail, LARGE)),
    ],
)
def test_others_are_made_of_anew(one: Any, other: Any) -> None:
    assert once(make, one) is not once(make, other)
    assert len(made) == 2


def test_keywords_and_functions_count() -> None:
    assert once(make, 1, a=2) is once(make, 1, a=2)
    assert once(make, 1, a=2) is not once(make, 1, a=3)
    assert once(len, [1]) == 1
    assert len(made) == 2


def test_thirty_who_ask_at_once_get_the_same() -> None:
    """The first one makes it while the others wait; nobody makes it twice."""
    begun, go_on = Event(), Event()

    def slow() -> object:
        made.append("slow")
        begun.set()
        assert go_on.wait(10)
        return object()

    with ThreadPoolExecutor(30) as pool:
        waiting = [pool.submit(once, slow)]
        assert begun.wait(10)
        waiting += [pool.submit(once, slow) for _ in range(29)]
        assert once(make, "another thing waits for nobody") is not None
        go_on.set()
        answers = {id(one.result(10)) for one in waiting}
    assert len(answers) == 1
    assert made.count("slow") == 1


def test_a_failure_is_told_and_tried_again() -> None:
    for _ in range(2):
        with pytest.raises(ValueError, match="no"):
            once(fail, 1)
    assert made == ["failed", "failed"]


def test_what_was_given_is_not_kept_alive(monkeypatch: pytest.MonkeyPatch) -> None:
    """A table that is let go is never taken for a new one that lies in its place."""
    for at in range(8):
        table = pd.DataFrame({"a": [at]})
        once(make, table)
        del table
        gc.collect()  # of all that the process holds, which takes its time
    assert len(made) == 8


def test_two_things_in_one_place_are_not_the_same() -> None:
    """As where a new table lies where one lay that was let go: their numbers are equal, they are not."""
    one, other = (module._Same(pd.DataFrame({"a": [1]})) for _ in range(2))
    here = module._Same(TABLE)
    one._hash = other._hash = here._hash
    assert here == module._Same(TABLE)
    assert here != one
    assert one != here
    assert one != other  # neither is there any more


def test_what_is_made_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_made", Held(most=3))
    for name in "abcd":
        once(make, name)
    once(make, "d")
    assert len(made) == 4
    once(make, "a")
    assert len(made) == 5
