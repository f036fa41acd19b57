"""Where results are kept: the only joblib store, keyed by names and a case's fingerprint, computed once.

`memoized` makes a function of (case, names…) remember its results on disk. The key is the fingerprint of the part of
the case the function depends on, and its other arguments; arrays and modules never enter it. A lock for each result
keeps threads and processes that ask for the same one from computing it twice. What an entry looks like on the disk and
what happens where the disk fails is `store`'s; this is the folder:

    v<version>/<fingerprint>/<module>/<function>/<arguments>/output.pkl   one result
    v<version>/<fingerprint>/.cases/                                      the names of the cases it belongs to
    v<version>/locks/                                                     an empty file for each result ever computed
"""

from __future__ import annotations

import functools
import hashlib
import inspect
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any, ParamSpec, TypeVar, get_type_hints

import joblib
from joblib.func_inspect import get_func_code

from tlx import places
from tlx.cases import Case
from tlx.errors import EmptyError, NotExportedError, RoomError, SelectionError, first_line, lacks_memory
from tlx.results import Nothing
from tlx.storage import bundles, inventory, limit, spent
from tlx.storage.derived import Derived, Ingredients
from tlx.storage.held import HELD
from tlx.storage.locks import one_at_a_time
from tlx.storage.store import UnreadableError

CACHE_VERSION = 6  # raise it when a result's meaning or shape changes: older entries are then never read

P = ParamSpec("P")
R = TypeVar("R")


_reading_only: ContextVar[bool] = ContextVar("tlx_reading_only", default=False)


class NotStoredError(Exception):
    """A result that would have to be computed was asked for within `reading_only`."""


@contextmanager
def reading_only() -> Iterator[None]:
    """Within the block a result that is not stored raises NotStoredError instead of being computed."""
    token = _reading_only.set(True)
    try:
        yield
    finally:
        _reading_only.reset(token)


def takes_long(what: str) -> None:
    """Raises NotStoredError within `reading_only`; for work that is stored nowhere and that no page can wait for."""
    if _reading_only.get():
        raise NotStoredError(what)


def location() -> Path:
    """The folder of the results of this version."""
    return places.results() / f"v{CACHE_VERSION}"


class Memoized(Derived[P, R]):
    """A function that remembers on the disk.

    reduced: what is stored of a result; completed: what is made of that at each call; either is given it and the call's
    arguments; held: whether memory holds what was read, for small results that are asked for again and again.
    """

    def __init__(
        self,
        function: Callable[P, R],
        part: str,
        doing: str,
        of: Ingredients,
        reduced: Callable[..., R] | None,
        completed: Callable[..., R] | None,
        held: bool,
    ) -> None:
        super().__init__(function, doing, of)
        self._part, self._reduced, self._completed, self._held = part, reduced, completed, held

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        result = self._kept(*args, **kwargs)
        return result if self._completed is None else self._completed(result, *args, **kwargs)

    def _kept(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """The result as it is stored, computed if it must be."""
        key, case, rest = self._key(args, kwargs)
        place = (self._name, case.bundle, location() / key, case.name, *rest.values()) if self._held else None
        if place and (held := HELD.get(place)) is not None:
            return held[0]  # type: ignore[no-any-return]
        if (exported := self._exported(case, rest)) is not None:
            return exported[0]
        stored = self._read(key, rest)
        if stored is None:
            if not places.computes():
                raise NotExportedError(
                    f"this app shows stored results and computes none, and {bundles.words(self._name, rest)} is not "
                    "stored; install tlx with all it requires to compute it"
                )
            takes_long(self._function.__qualname__)
            stored = self._computed(key, rest, lambda: self._result(*args, **kwargs))
            place = None  # what was just computed is not yet mapped from the disk, and may be large
        inventory.note(location() / key, case.name)
        if isinstance(stored[0], Nothing):
            raise EmptyError(stored[0].why)
        if place:
            HELD.put(place, stored[0])
        return stored[0]

    def _computed(self, key: str, rest: dict[str, Any], compute: Callable[[], R | Nothing]) -> tuple[R | Nothing]:
        """The result in a tuple of one, computed here or by whom it is waited for; its seconds are its own.

        A part of another result, of a name that begins with an underscore, is that one's work.
        """
        name = self._function.__name__
        if name.startswith("_"):
            return self._settled(key, rest, compute)

        def timed() -> R | Nothing:
            with spent.computing(name):
                return compute()

        with spent.asking():
            return self._settled(key, rest, timed)

    def _result(self, *args: P.args, **kwargs: P.kwargs) -> R | Nothing:
        """The function's; that there is nothing to answer with is an answer, too, and found out once."""
        try:
            return self._less(self._function(*args, **kwargs), *args, **kwargs)
        except EmptyError as error:
            return Nothing(str(error))
        except (MemoryError, RuntimeError) as error:
            if not lacks_memory(error):
                raise
            raise RoomError(
                f"there is not enough memory for {self._function.__name__.strip('_').replace('_', ' ')} "
                f"({first_line(error)[:120]}); take fewer images of a class (per_class), smaller ones (image_size) or "
                "fewer layers (layers), or close other programs"
            ) from error

    def _less(self, result: R, *args: P.args, **kwargs: P.kwargs) -> R:
        return result if self._reduced is None else self._reduced(result, *args, **kwargs)

    def put(self, result: R, *args: P.args, **kwargs: P.kwargs) -> None:
        """Stores what was computed elsewhere as the result of this call, unless it has one already."""
        key, case, rest = self._key(args, kwargs)
        if not self._is_exported(case, rest):
            self._settled(key, rest, lambda: self._less(result, *args, **kwargs))
            inventory.note(location() / key, case.name)

    def _read(self, key: str, rest: dict[str, Any]) -> tuple[R | Nothing] | None:
        """The stored result in a tuple of one; None where there is none that can be read."""
        try:
            return (self._store(key).call_and_shelve(key, _absent, **rest).get(),)
        except (_AbsentError, UnreadableError):
            return None

    def _settled(self, key: str, rest: dict[str, Any], compute: Callable[[], R | Nothing]) -> tuple[R | Nothing]:
        """The same after computing and storing it, unless another thread or process has meanwhile."""
        with self._lock(key, rest):
            if (stored := self._read(key, rest)) is not None:
                return stored
            result: R | Nothing = self._store(key).call(key, compute, **rest)[0]
        limit.keep(location())
        return (result,)

    def is_stored(self, *args: P.args, **kwargs: P.kwargs) -> bool:
        """Whether the result is at hand, so that the call returns at once."""
        key, case, rest = self._key(args, kwargs)
        if self._is_exported(case, rest):
            return True
        return not case.bundle and bool(self._store(key).check_call_in_cache(key, _absent, **rest))

    def _key(self, args: Any, kwargs: Any) -> tuple[str, Case, dict[str, Any]]:
        rest = dict(self._bound(args, kwargs))
        case = rest.pop(next(iter(rest)))
        return case.fingerprint(self._part), case, rest

    def _exported(self, case: Case, rest: dict[str, Any]) -> tuple[R] | None:
        """The result in a tuple of one, from the case's bundle or from what tlx ships; None where it is neither's."""
        if case.bundle:
            return (bundles.exported(case, self._name, rest, self._hint),)
        shipped = bundles.shipped(case, self._part, CACHE_VERSION)
        return None if shipped is None else shipped.answer(bundles.key_of(self._name, rest), self._hint)

    def _is_exported(self, case: Case, rest: dict[str, Any]) -> bool:
        found = bundles.of(case) if case.bundle else bundles.shipped(case, self._part, CACHE_VERSION)
        return found is not None and found.holds(bundles.key_of(self._name, rest))

    @property
    def _name(self) -> str:
        return f"{self._function.__module__}.{self._function.__qualname__}"

    @functools.cached_property
    def _hint(self) -> Any:
        return get_type_hints(self._function)["return"]

    def export(self, writer: bundles.Writer, *args: P.args, **kwargs: P.kwargs) -> None:
        """Adds the result to a bundle, once, computed if it must be, or the sentence that says why there is none."""
        _, _, rest = self._key(args, kwargs)
        if writer.holds(self._name, rest):
            return
        try:
            writer.add(self._name, rest, self._kept(*args, **kwargs), self._hint)
        except NotExportedError:  # it may exist elsewhere
            raise
        except (EmptyError, SelectionError) as error:
            writer.add_error(self._name, rest, error)

    def _store(self, key: str) -> Any:
        return _stored(self._function, location() / key)

    def _lock(self, key: str, rest: dict[str, Any]) -> AbstractContextManager[None]:
        name = f"{self._function.__module__}.{self._function.__qualname__}"
        digest = hashlib.sha256(repr((name, key, sorted(rest.items()))).encode()).hexdigest()[:24]
        return one_at_a_time(location() / "locks" / f"{digest}.lock")


class _AbsentError(Exception):
    """An entry was to be read and is not there."""


def _absent() -> Any:
    raise _AbsentError


@functools.cache
def _stored(function: Callable[..., Any], where: Path) -> Any:
    """The joblib-memoized form (fingerprint, compute, …) of a function (case, …): a key, and who knows the result."""

    @functools.wraps(function)
    def keyed(fingerprint: str, compute: Callable[[], Any], **rest: Any) -> Any:
        return compute()

    keyed.__signature__ = _keyed_signature(function)  # type: ignore[attr-defined]
    options = {"code": get_func_code(keyed)[0]}
    memory = joblib.Memory(where, backend="tlx", mmap_mode="r", verbose=0, backend_options=options)
    return memory.cache(keyed, ignore=["compute"])


def _keyed_signature(function: Callable[..., Any]) -> inspect.Signature:
    _, *rest = inspect.signature(function).parameters.values()
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    return inspect.Signature([*(inspect.Parameter(name, kind) for name in ("fingerprint", "compute")), *rest])


def memoized(
    doing: str = "Computing",
    *,
    part: str = "analysis",
    of: Ingredients = "",
    reduced: Callable[..., Any] | None = None,
    completed: Callable[..., Any] | None = None,
    held: bool = False,
) -> Callable[[Callable[P, R]], Memoized[P, R]]:
    """Decorates a pipeline function whose results depend on this part of its case (see `Case.fingerprint`).

    doing, of: see `Derived`; reduced, completed, held: see `Memoized`.
    """
    return lambda function: Memoized(function, part, doing, of, reduced, completed, held)
