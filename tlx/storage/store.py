"""The disk side of the result store: entries that are whole or count as absent, and memory where no disk takes them.

An entry is what `joblib.dump` writes, followed by a mark. It is written beside its place and moved there when it is
whole, so a process that is killed leaves nothing that is read. What lacks the mark was cut short or comes from another
program: it is left unread, noticed, and replaced when it is computed again. Where writing fails, memory holds the
newest results. Flipped bytes are the file system's to notice: a checksum would read all of an entry before its first
use, which is what memory-mapping saves.

The mark is no signature. Entries are pickles, and whoever can write to the cache folder can put one there that runs any
code when it is read: keep the folder to yourself.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

import joblib
from joblib.memory import FileSystemStoreBackend, register_store_backend

from tlx.storage import incidents
from tlx.storage.held import HELD

ENTRY = "output.pkl"
LIMIT = "TLX_CACHE_LIMIT"  # the variable that says how much may be stored, see `limit`
UNFINISHED = "unfinished-"  # begins the name of an entry that is being written
_MARK = b"tlx entry 1\n"


class UnreadableError(Exception):
    """A whole entry cannot be turned into a result."""


class Store(FileSystemStoreBackend):  # type: ignore[misc]
    """joblib's store with marked entries and no demand on the folder: it may be missing, full or read-only.

    written: bytes that this process has stored so far.
    """

    written = 0

    def configure(self, location: str, verbose: int = 0, backend_options: dict[str, Any] | None = None) -> None:
        """Takes the settings; makes no folder, which the first writing does.

        backend_options: mmap_mode as joblib's, and code, the source of the function that it memoizes.
        """
        given = backend_options or {}
        self.location, self.verbose, self.compress = location, verbose, False
        self.mmap_mode, self._code = given.get("mmap_mode"), str(given.get("code", ""))

    def contains_item(self, call_id: tuple[str, ...]) -> bool:
        """Whether the entry is there and whole."""
        path = self._path(call_id)
        return path in HELD or self._is_whole(path)

    def load_item(self, call_id: tuple[str, ...], **_: Any) -> Any:
        """The result of an entry that `contains_item` found. Raises UnreadableError, with a notice."""
        path = self._path(call_id)
        held = HELD.get(path)
        if held is not None:
            return held[0]
        try:
            result = joblib.load(path, mmap_mode=self.mmap_mode)
            if os.environ.get(LIMIT):  # a file's time is that of its last use, by which it is chosen to go
                with suppress(OSError):
                    os.utime(path)
            return result
        except FileNotFoundError:  # another process has just made room
            raise UnreadableError(path) from None
        except Exception as error:  # whatever unpickling met: another version of a library, say
            self._refuse(path, f"{type(error).__name__} while reading")
            raise UnreadableError(path) from error

    def dump_item(self, call_id: tuple[str, ...], item: Any, **_: Any) -> None:
        """Writes the entry; where that fails, memory holds the result and a notice says so."""
        path = self._path(call_id)
        try:
            self._write(path, item)
        except OSError as error:
            HELD.put(path, item)
            incidents.say(
                "storage",
                f"Results cannot be stored in the folder {_short(self.location)} ({error.strerror or error}), so work "
                "goes on with what fits in memory and is lost when tlx ends; make room there, or set TLX_CACHE to "
                "a folder that can be written to.",
                seconds=600,
            )
        else:
            HELD.drop(path)

    def get_cached_func_code(self, _: Any) -> str:
        """The code as it is: what code a result came from is CACHE_VERSION's to say, and no change drops an entry."""
        return self._code

    def store_cached_func_code(self, *_: Any, **__: Any) -> None:
        """Keeps none."""

    def get_metadata(self, _: tuple[str, ...]) -> dict[str, Any]:
        return {}

    def store_metadata(self, call_id: tuple[str, ...], metadata: dict[str, Any]) -> None:
        """Keeps none: nobody reads it, and it would be a second file for each entry."""

    def _path(self, call_id: tuple[str, ...]) -> str:
        return os.path.join(self.location, *call_id, ENTRY)  # noqa: PTH118  # thrice as fast as pathlib

    def _is_whole(self, path: str) -> bool:
        try:
            with open(path, "rb") as file:  # noqa: PTH123
                size = file.seek(0, os.SEEK_END)
                file.seek(max(size - len(_MARK), 0))
                if file.read() == _MARK:
                    return True
            fault = "it is cut short or was not written by this program"
        except (FileNotFoundError, NotADirectoryError):
            return False
        except OSError as error:
            fault = error.strerror or str(error)
        self._refuse(path, fault)
        return False

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
                joblib.dump(item, file)
                file.write(_MARK)
                Store.written += file.tell()
            unfinished.replace(path)
        finally:
            with suppress(OSError):
                unfinished.unlink(missing_ok=True)


def _short(location: str) -> str:
    """The folder of all results, from where the program was started if it lies below."""
    folder = Path(location).parent.parent
    return str(folder.relative_to(Path.cwd())) if folder.is_relative_to(Path.cwd()) else str(folder)


register_store_backend("tlx", Store)
