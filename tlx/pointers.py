"""Files that stand for others which were never fetched: pointers of Git LFS, the large-file storage."""

from __future__ import annotations

from pathlib import Path

_START = b"version https://git-lfs.github.com/spec/"
WHY = "is a pointer of Git LFS, not the file itself; run git lfs pull in the folder that it was cloned to"


def is_pointer(path: Path) -> bool:
    """Whether a file is such a pointer: a hundred bytes of text that say where the file is to be had."""
    try:
        with path.open("rb") as file:
            return file.read(len(_START)) == _START
    except (OSError, ValueError):  # no file, or no name of one
        return False
