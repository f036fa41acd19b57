"""Results by hand in place of the pipeline's, for tests of pages: known to `needs` and to jobs as the real ones are."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from tlx import pipeline
from tlx.storage.derived import Call
from tlx.storage.memory import Memoized


class Fake:
    """A function in place of one of the pipeline's, with the real one's label and ingredients, always at hand."""

    def __init__(self, real: Any, function: Callable[..., Any]) -> None:
        functools.update_wrapper(self, function)
        self.__name__, self._function, self.label = real.__name__, function, real.label
        self._made_of = real.made_of

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._function(*args, **kwargs)

    def made_of(self, *args: Any) -> list[Call]:
        return [(getattr(pipeline, function.__name__), rest) for function, rest in self._made_of(*args)]

    def is_stored(self, *_: Any) -> bool:
        return True


def install(monkeypatch: pytest.MonkeyPatch, functions: Mapping[str, Callable[..., Any]]) -> None:
    """Puts these in place of the pipeline's of the same names; a memoized one stays as it is, to be asked for."""
    for name, function in functions.items():
        made = function if isinstance(function, Memoized) else Fake(getattr(pipeline, name), function)
        monkeypatch.setattr(pipeline, name, made)
