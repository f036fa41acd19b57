"""What is made once of the same things and then handed to every session: figures as they are sent, tables, pictures.

`once(function, *args)` stands in place of `function(*args)` where a page would make the same anew in each run.
Arguments are the same where they are equal (names, numbers, choices) or are the very same object (tables, large arrays:
results come from memory, see `jobs`); of a dataclass, a tuple or a mapping its parts are. So nothing can be shown that
belongs to other results, whoever forgets what a figure depends on. Neither arguments nor what is made may be changed.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from concurrent.futures import Future
from dataclasses import fields, is_dataclass
from functools import partial
from threading import Lock
from types import MappingProxyType
from typing import Any, ParamSpec, TypeVar, cast
from weakref import ref

import numpy as np
import pandas as pd

from tlx.storage.held import Held

P = ParamSpec("P")
R = TypeVar("R")

MOST, HEAVIEST = 4_096, 64 * 2**20  # things, and bytes that they take together
SMALL = 2**14  # bytes up to which an array counts by its values: those are often cut out anew
_PLAIN = {str, int, float, bool, bytes, type(None)}

_made = Held(MOST, HEAVIEST)
_being_made: dict[Hashable, Future[Any]] = {}
_lock = Lock()


def once(function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """What the function answers, made at the first call with these arguments; whoever asks meanwhile waits for it.

    function: pure, and of a module, or a `partial` of one: one that is defined anew in each run is another each time.
    """
    key = (_same(function), *map(_same, args), *((name, _same(value)) for name, value in kwargs.items()))
    if (made := _made.get(key)) is not None:
        return cast(R, made[0])
    with _lock:
        if (made := _made.get(key)) is not None:
            return cast(R, made[0])
        future = _being_made.get(key)
        others = future is not None
        if future is None:
            future = _being_made[key] = Future()
    if others:
        return cast(R, future.result())
    try:
        result = function(*args, **kwargs)
        _made.put(key, result)
    except BaseException as error:  # whoever waits is told as well; the next call tries again
        future.set_exception(error)
        raise
    else:
        future.set_result(result)
        return result
    finally:
        with _lock:
            del _being_made[key]


def forget() -> None:
    """Makes everything anew; for tests."""
    _made.clear()


class _Same:
    """Stands for an object that is only ever the same as itself, and does not keep it alive."""

    def __init__(self, value: Any) -> None:
        self._value, self._hash = ref(value), id(value)

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and (mine := self._value()) is not None and mine is other._value()


def _same(value: Any) -> Hashable:
    """What is equal for the same arguments, see above."""
    if isinstance(value, partial):
        return (partial, _same(value.func), _same(value.args), _same(value.keywords))
    if isinstance(value, np.ndarray):
        return (value.dtype.str, value.shape, value.tobytes()) if value.nbytes <= SMALL else _Same(value)
    if isinstance(value, pd.DataFrame | pd.Series):
        return _Same(value)
    if isinstance(value, dict | MappingProxyType):
        return (dict, *((name, _same(one)) for name, one in value.items()))
    if isinstance(value, list | tuple):
        return tuple(value) if all(type(one) in _PLAIN for one in value) else tuple(map(_same, value))
    if is_dataclass(value) and not isinstance(value, type) and not _is_plain(value):
        return (type(value), *(_same(getattr(value, part.name)) for part in fields(value)))
    return cast(Hashable, value) if _is_hashable(value) else _Same(value)


def _is_plain(value: Any) -> bool:
    """Whether a dataclass is compared by what is in it, and can be looked up by that."""
    return cast(Any, type(value)).__eq__ is not object.__eq__ and _is_hashable(value)


def _is_hashable(value: Any) -> bool:
    try:
        hash(value)
    except TypeError:
        return False
    return True
