"""Functions of results that know what is being done while they compute, and which results they are made of."""

from __future__ import annotations

import functools
import importlib
import inspect
from collections.abc import Callable, Iterable
from itertools import product
from typing import Any, Generic, ParamSpec, TypeVar

from tlx.cases import DOMAINS, MODELS

P = ParamSpec("P")
R = TypeVar("R")
Call = tuple[Any, tuple[Any, ...]]
"""A function and its arguments, the case first."""
Ingredients = str | Callable[..., Iterable[Call]]
"""Which calls a result is made of; see `Derived`."""
_BOTH = {"*model": MODELS, "*domain": DOMAINS}


class Derived(Generic[P, R]):
    """A function of stored results; called like the plain one, whose first argument is the case.

    doing: what is being done while it computes, as a page says it, with `{argument}` for an argument's value; of: the
    results it is made of, "predictions *model target | history": functions of its module, each with the names of
    arguments, `*model` or `*domain` for both, or plain words; or a function of its arguments that yields such calls.
    """

    def __init__(self, function: Callable[P, R], doing: str, of: Ingredients) -> None:
        functools.update_wrapper(self, function)
        self._function, self._doing, self._of = function, doing, of
        self._signature = inspect.signature(function)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        return self._function(*args, **kwargs)

    def __reduce__(self) -> tuple[Callable[[str, str], object], tuple[str, str]]:
        """Sent to another process by name, as plain functions are."""
        return _by_name, (self._function.__module__, self._function.__qualname__)

    def label(self, *args: P.args, **kwargs: P.kwargs) -> str:
        """What is being done: "Telling the domains of class 8 apart" (plain text)."""
        return self._doing.format(**self._bound(args, kwargs))

    def made_of(self, *args: P.args, **kwargs: P.kwargs) -> list[Call]:
        """The calls whose results this one is computed from."""
        if not isinstance(self._of, str):
            return list(self._of(*args, **kwargs))
        given = self._bound(args, kwargs)
        case, *_ = given.values()
        found = []
        for name, *words in map(str.split, filter(None, self._of.split("|"))):
            choices = [_BOTH.get(word) or (given.get(word, word),) for word in words]
            found += [(_by_name(self._function.__module__, name), (case, *one)) for one in product(*choices)]
        return found

    def _bound(self, args: Any, kwargs: Any) -> dict[str, Any]:
        bound = self._signature.bind(*args, **kwargs)
        bound.apply_defaults()
        return bound.arguments


def _by_name(module: str, name: str) -> object:
    return getattr(importlib.import_module(module), name)


def derived(doing: str, *, of: Ingredients = "") -> Callable[[Callable[P, R]], Derived[P, R]]:
    """Decorates a pipeline function that is quickly put together from stored results, and not stored itself."""
    return lambda function: Derived(function, doing, of)
