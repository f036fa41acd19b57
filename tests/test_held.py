"""Results in memory are bounded by number and by weight, and the newest stay."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import remembering
from remembering import CASE, numbers

from tlx.storage.held import Held, weight


def here(kept: Held, names: Sequence[str]) -> list[bool]:
    return [kept.get(name) is not None for name in names]


def test_the_longest_unused_result_goes_first() -> None:
    kept = Held(most=2)
    kept.put("a", 1)
    kept.put("b", None)
    assert kept.get("a") == (1,)
    kept.put("c", 3)
    assert [kept.get(name) for name in "abc"] == [(1,), None, (3,)]
    assert ["b" in kept, "c" in kept] == [False, True]


def test_a_result_may_be_none() -> None:
    kept = Held()
    kept.put("a", None)
    assert kept.get("a") == (None,)
    kept.drop("a")
    assert kept.get("a") is None


def test_memory_is_bounded_by_weight() -> None:
    """Arrays that no disk took count with their bytes; the newest result stays whatever it weighs."""
    kept = Held(heaviest=2_000)
    for name in "abc":
        kept.put(name, np.zeros(100))
    assert here(kept, "abc") == [False, True, True]
    kept.put("d", np.zeros(1_000))
    assert here(kept, "bcd") == [False, False, True]
    kept.put("d", "light")
    kept.put("e", np.zeros(100))
    assert kept.get("d") == ("light",)


def test_weight_counts_what_memory_holds(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Arrays within results count, those read from the disk when needed do not."""
    monkeypatch.setenv("TLX_CACHE", str(tmp_path / "store"))
    monkeypatch.setenv(remembering.COMPUTED, str(tmp_path / "computed"))
    fresh = {"a": [np.zeros(1000)], "b": (np.zeros(500), "text")}
    assert 12_000 < weight(fresh) < 13_000
    table = pd.DataFrame({"a": np.zeros(1000)})
    assert 8_000 <= weight(table) < 9_000
    assert 8 <= weight(table.iloc[0]) < 1_000
    stored = numbers(CASE, "a", 10_000)
    assert weight(stored) < 1_000
    assert weight([np.asarray(stored["squares"])]) < 1_000  # a view of what lies on the disk
