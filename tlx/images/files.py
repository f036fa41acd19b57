"""Files below a folder, and digests that change with them; nothing is opened but to be digested."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from pathlib import Path

ASIDE = {"__MACOSX", "@eaDir", "$RECYCLE.BIN", "System Volume Information", "lost+found", "__pycache__"}
"""Folders that archives, network drives and systems leave beside the data."""


def is_aside(name: str) -> bool:
    """Whether a file or folder of this name is hidden or no part of the data."""
    return name.startswith(".") or name in ASIDE


def below(folder: Path) -> list[Path]:
    """All files below a folder, sorted, but those `is_aside`; links are followed, but never in a circle."""
    return [Path(entry.path) for entry in _walk(folder, frozenset())]


def any_below(folder: Path, wanted: Callable[[str], bool]) -> bool:
    """Whether a file of such a name lies below a folder."""
    return any(wanted(entry.name) for entry in _walk(folder, frozenset()))


_look: ContextVar[dict[object, str] | None] = ContextVar("tlx_look", default=None)


@contextmanager
def one_look() -> Iterator[None]:
    """Within the block a folder's files are looked at once, in however many cases it is."""
    token = _look.set({})
    try:
        yield
    finally:
        _look.reset(token)


def unmarked(name: str) -> str:
    """No mark, whatever the file's name."""
    return ""


def folder_digest(folder: Path, mark: Callable[[str], str] = unmarked) -> str:
    """Of the names, sizes and times of all files below a folder; reading thousands of images would take too long.

    mark: what a file's name is told apart by besides, such as that it can be read here and perhaps not elsewhere.
    """
    seen = _look.get()
    if seen is None:
        return _folder_digest(folder, mark)
    if (folder, mark) not in seen:
        seen[folder, mark] = _folder_digest(folder, mark)
    return seen[folder, mark]


def _folder_digest(folder: Path, mark: Callable[[str], str]) -> str:
    return _facts_digest(
        (entry.path[len(str(folder)) + 1 :] + mark(entry.name), entry.stat()) for entry in _walk(folder, frozenset())
    )


def paths_digest(paths: Iterable[tuple[str, Path]]) -> str:
    """The same for single files, wherever they lie, under the names given; those that do not exist are left out."""
    return _facts_digest((os.path.normpath(name), path.stat()) for name, path in paths if path.is_file())


def _facts_digest(facts: Iterable[tuple[str, os.stat_result]]) -> str:
    seen = hashlib.sha256()
    for name, fact in facts:
        seen.update(f"{name}\0{fact.st_size}\0{fact.st_mtime_ns}\n".encode(errors="surrogateescape"))
    return seen.hexdigest()


def digest(path: Path) -> str:
    """SHA-256 of a file's content, read again only when the file, its size or its times are others."""
    facts = path.stat()
    return _digest(path, (facts.st_ino, facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns))


@lru_cache(maxsize=64)
def _digest(path: Path, facts: tuple[int, ...]) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _walk(folder: Path | str, above: frozenset[tuple[int, int]]) -> Iterator[os.DirEntry[str]]:
    """Files in the order of their paths' parts.

    above: (device, inode) of the folders on the way here; meeting one again would be a circle of links.
    """
    try:
        facts = os.stat(folder)  # noqa: PTH116  # a Path for each of thousands of entries would cost seconds
        if (facts.st_dev, facts.st_ino) in above:
            return
        listed = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError:  # not there, no folder, or not ours to read: then it holds nothing
        return
    for entry in listed:
        if is_aside(entry.name):
            continue
        kind = _kind(entry)
        if kind == "folder":
            yield from _walk(entry.path, above | {(facts.st_dev, facts.st_ino)})
        elif kind == "file":
            yield entry


def _kind(entry: os.DirEntry[str]) -> str:
    try:
        if entry.is_dir():
            return "folder"
        entry.stat()  # which the entry remembers, so that asking again cannot fail
        return "file" if entry.is_file() else ""
    except OSError:  # gone meanwhile, or a link that leads nowhere
        return ""
