"""The disk side of the result store: entries that are whole or count as absent, and memory where no disk takes them.

An entry is what `joblib.dump` writes, followed by a seal: a checksum of the entry's place and content, and a mark.
It is written beside its place and moved there when it is whole, so a process that is killed leaves nothing that is
read. The first reading in a process compares the checksum; what is cut short, altered, moved or of other origin is
left unread, noticed, and replaced when it is computed again. Where writing fails, memory holds the newest results.

The seal is no signature. Entries are pickles, and whoever can write to the cache folder can seal one that runs any
code when it is read: keep the folder to yourself. Nor does it notice bytes that change after the first reading.
"""

from __future__ import annotations

import hashlib
import os
import sys
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import fields, is_dataclass
from pathlib import Path
from threading import Lock
from typing import Any, BinaryIO
from uuid import uuid4

import joblib
import numpy as np
from joblib.memory import FileSystemStoreBackend, register_store_backend

from tlx.storage import incidents

HELD = 256 * 2**20  # bytes of results that memory holds where the disk takes none
ENTRY = "output.pkl"
UNFINISHED = "unfinished-"  # begins the name of an entry that is being written
_MARK = b"tlx entry 1\n"
_CHUNK = 2**20
_Facts = tuple[int, int, int]


class UnreadableError(BaseException):
    """A whole entry cannot be turned into a result. No `Exception`, which joblib would log and pass over."""


class Store(FileSystemStoreBackend):  # type: ignore[misc]
    """joblib's store with sealed entries and no demand on the folder: it may be missing, full or read-only."""

    def configure(self, location: str, verbose: int = 0, backend_options: dict[str, Any] | None = None) -> None:
        """Takes the settings; makes no folder, which the first writing does."""
        self.location, self.verbose, self.compress = location, verbose, False
        self.mmap_mode = (backend_options or {}).get("mmap_mode")

    def contains_item(self, call_id: tuple[str, ...]) -> bool:
        """Whether the entry is there and whole."""
        path = self._path(call_id)
        return path in _held or self._whole(path)

    def load_item(self, call_id: tuple[str, ...], **_: Any) -> Any:
        """The result of an entry that `contains_item` found. Raises UnreadableError and never finds it again."""
        path = self._path(call_id)
        held = _held.get(path)
        if held is not None:
            return held[0]
        try:
            return joblib.load(path, mmap_mode=self.mmap_mode)
        except Exception as error:  # whatever unpickling met: another version of a library, say
            fault = f"{type(error).__name__} while reading"
            with suppress(OSError):
                _checked[path] = (_facts(path), fault)
            self._refuse(path, fault)
            raise UnreadableError(path) from error

    def dump_item(self, call_id: tuple[str, ...], item: Any, **_: Any) -> None:
        """Writes the entry; where that fails, memory holds the result and a notice says so."""
        path = self._path(call_id)
        try:
            self._write(path, item)
        except OSError as error:
            _held.put(path, item)
            incidents.say(
                "storage",
                f"Results cannot be stored in the folder {_short(self.location)} ({error.strerror or error}), so work "
                "goes on with what fits in memory and is lost when tlx ends; make room there, or set TLX_CACHE to "
                "a folder that can be written to.",
                seconds=600,
            )
        else:
            _held.drop(path)

    def store_cached_func_code(self, *_: Any, **__: Any) -> None:
        """Keeps none: CACHE_VERSION says what code a result came from."""

    def get_metadata(self, _: tuple[str, ...]) -> dict[str, Any]:
        return {}

    def store_metadata(self, call_id: tuple[str, ...], metadata: dict[str, Any]) -> None:
        """Keeps none: nobody reads it, and it would be a second file for each entry."""

    def _path(self, call_id: tuple[str, ...]) -> str:
        return os.path.join(self.location, *call_id, ENTRY)  # noqa: PTH118  # thrice as fast as pathlib

    def _place(self, path: str) -> bytes:
        """What names the entry wherever the cache folder lies."""
        home = Path(self.location)
        return str(Path(path).relative_to(home.parent)).encode()

    def _whole(self, path: str) -> bool:
        try:
            facts = _facts(path)
            known = _checked.get(path)
            if known is None or known[0] != facts:
                known = _checked[path] = _inspect(path, self._place(path))
            fault = known[1]
        except (FileNotFoundError, NotADirectoryError):
            return False
        except OSError as error:
            fault = error.strerror or str(error)
        if fault:
            self._refuse(path, fault)
        return not fault

    def _refuse(self, path: str, fault: str) -> None:
        what = Path(path).parent.parent.name
        incidents.say(
            f"damaged {what}",
            f"A stored result of {what} could not be used ({fault}); it is computed again when needed.",
        )

    def _write(self, path: str, item: Any) -> None:
        folder = Path(path).parent
        folder.mkdir(parents=True, exist_ok=True)
        unfinished = folder / f"{UNFINISHED}{uuid4().hex}"
        try:
            with unfinished.open("wb") as file:
                sealing = _Sealing(file, self._place(path))
                joblib.dump(item, sealing)
                file.write(sealing.seal())
            unfinished.replace(path)
        finally:
            with suppress(OSError):
                unfinished.unlink(missing_ok=True)
        _checked[path] = (_facts(path), "")


class _Sealing:
    """A file that is written to and its checksum, taken on the way."""

    def __init__(self, file: BinaryIO, place: bytes) -> None:
        self._file, self._sum = file, _checksum(place)
        self.tell, self.flush = file.tell, file.flush

    def write(self, part: Any) -> int:
        self._sum.update(part)
        return self._file.write(part)

    def seal(self) -> bytes:
        return bytes(self._sum.digest()) + _MARK


class _Held:
    """The results that only memory has, the newest first to stay; the very newest even where it is over the bound."""

    def __init__(self) -> None:
        self._lock, self._items = Lock(), OrderedDict[str, tuple[Any, int]]()

    def __contains__(self, path: str) -> bool:
        return path in self._items

    def get(self, path: str) -> tuple[Any] | None:
        """The result in a tuple of one."""
        with self._lock:
            found = self._items.get(path)
            return found and (found[0],)

    def put(self, path: str, item: Any) -> None:
        with self._lock:
            self._items.pop(path, None)
            self._items[path] = (item, weight(item))
            while len(self._items) > 1 and sum(size for _, size in self._items.values()) > HELD:
                self._items.popitem(last=False)

    def drop(self, path: str) -> None:
        with self._lock:
            self._items.pop(path, None)


_held = _Held()
_checked: dict[str, tuple[_Facts, str]] = {}  # an entry's file as it was when it was inspected, and its fault


def weight(result: Any) -> int:
    """About how many bytes of memory a result takes; arrays that are read from the disk when needed take none."""
    if isinstance(result, np.memmap):
        return 0
    if isinstance(result, np.ndarray):
        return 0 if isinstance(result.base, np.memmap) else result.nbytes
    if hasattr(result, "memory_usage"):  # a table of pandas, which need not be imported for it
        return int(result.memory_usage().sum())
    return sys.getsizeof(result) + sum(map(weight, _parts(result)))


def _parts(result: Any) -> Iterator[Any]:
    if is_dataclass(result) and not isinstance(result, type):
        yield from (getattr(result, part.name) for part in fields(result))
    elif isinstance(result, dict):
        yield from result.values()
    elif isinstance(result, list | tuple | set | frozenset):
        yield from result


def _inspect(path: str, place: bytes) -> tuple[_Facts, str]:
    """The file as it is now and what is wrong with it ("" for nothing)."""
    with open(path, "rb") as file:  # noqa: PTH123
        facts = _facts(file.fileno())
        found, rest = _checksum(place), facts[1] - len(_MARK) - 20
        while rest > 0 and (part := file.read(min(rest, _CHUNK))):
            found.update(part)
            rest -= len(part)
        seal = file.read()
    if not seal.endswith(_MARK):
        return facts, "it is cut short or was not written by this program"
    return facts, "" if seal == found.digest() + _MARK else "its checksum is wrong"


def _checksum(place: bytes) -> Any:
    # Against accidents only, so the fastest of hashlib will do (2.4 times as fast as SHA-256 without its instructions).
    return hashlib.sha1(place + b"\0", usedforsecurity=False)


def _facts(file: str | int) -> _Facts:
    facts = os.stat(file)  # noqa: PTH116
    return facts.st_ino, facts.st_size, facts.st_mtime_ns


def _short(location: str) -> str:
    """The folder of all results, from where the program was started if it lies below."""
    folder = Path(location).parent.parent
    return str(folder.relative_to(Path.cwd())) if folder.is_relative_to(Path.cwd()) else str(folder)


register_store_backend("tlx", Store)
