"""Results in memory: what was read or computed a while ago, and what no disk takes; bounded, the newest stay."""

from __future__ import annotations

import sys
from collections import OrderedDict
from collections.abc import Hashable, Iterator
from dataclasses import fields, is_dataclass
from threading import Lock
from typing import Any

import numpy as np

MOST = 1_024  # results; arrays of stored results are memory-mapped, so most of them cost little
HEAVIEST = 256 * 2**20  # bytes that they take together


class Held:
    """The results that memory has, by key; the longest unused go first, the very newest stays whatever its weight.

    share: of the weight they may have together, in every memory of this process; a small machine sets it below 1.
    """

    share = 1.0

    def __init__(self, most: int = MOST, heaviest: int = HEAVIEST) -> None:
        self._most, self._heaviest, self._weight = most, heaviest, 0
        self._lock, self._results = Lock(), OrderedDict[Hashable, tuple[Any, int]]()

    def __contains__(self, key: Hashable) -> bool:
        return key in self._results

    def get(self, key: Hashable) -> tuple[Any] | None:
        """The result in a tuple of one, if it is here."""
        with self._lock:
            if key not in self._results:
                return None
            self._results.move_to_end(key)
            return (self._results[key][0],)

    def put(self, key: Hashable, result: Any) -> None:
        """Holds a result in place of what the key held, and lets others go for it."""
        size = weight(result)
        with self._lock:
            self._let_go(key)
            self._results[key] = (result, size)
            self._weight += size
            heaviest = self._heaviest * self.share
            while len(self._results) > 1 and (len(self._results) > self._most or self._weight > heaviest):
                self._let_go(next(iter(self._results)))

    def drop(self, key: Hashable) -> None:
        with self._lock:
            self._let_go(key)

    def clear(self) -> None:
        with self._lock:
            self._results.clear()
            self._weight = 0

    def _let_go(self, key: Hashable) -> None:
        self._weight -= self._results.pop(key, (None, 0))[1]


HELD = Held()
"""The one of this process: pages' results by job, and by path what could not be written."""


def weight(result: Any) -> int:
    """About how many bytes of memory a result takes; arrays that are read from the disk when needed take none."""
    if isinstance(result, np.memmap):
        return 0
    if isinstance(result, np.ndarray):
        return 0 if isinstance(result.base, np.memmap) else result.nbytes
    if hasattr(result, "memory_usage"):  # a table of pandas or one row of it; pandas need not be imported for it
        return int(np.sum(result.memory_usage()))
    return sys.getsizeof(result) + sum(map(weight, _parts(result)))


def _parts(result: Any) -> Iterator[Any]:
    if is_dataclass(result) and not isinstance(result, type):
        yield from (getattr(result, part.name) for part in fields(result))
    elif isinstance(result, dict):
        yield from result.values()
    elif isinstance(result, list | tuple | set | frozenset):
        yield from result
