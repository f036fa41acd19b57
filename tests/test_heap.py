"""What the C library is told, by a library that notes it."""

from __future__ import annotations

import pytest

from tlx.networks import heap


class Library:
    """Notes what it is called with."""

    def __init__(self) -> None:
        self.calls: list[tuple[int, ...]] = []

    def mallopt(self, option: int, value: int) -> int:
        self.calls.append((option, value))
        return 1

    def malloc_trim(self, left: int) -> int:
        self.calls.append((left,))
        return 1


def test_freed_memory_is_kept_up_to_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MALLOC_TRIM_THRESHOLD_", "MALLOC_ARENA_MAX"):
        monkeypatch.delenv(name, raising=False)
    library = Library()
    heap.keep(library)
    assert library.calls == [(-3, 32 * 2**20), (-1, heap.KEPT)]


def test_what_the_user_told_the_library_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MALLOC_TRIM_THRESHOLD_", "131072")
    library = Library()
    heap.keep(library)
    assert not library.calls


def test_all_that_is_free_is_given_back() -> None:
    library = Library()
    heap.give_back(library)
    assert library.calls == [(0,)]


def test_another_library_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heap.sys, "platform", "darwin")
    heap.keep()
    heap.give_back()
