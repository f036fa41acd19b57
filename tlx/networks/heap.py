"""What a pass through a network frees is kept for the next pass, up to a bound.

GNU's C library gives the system back what is free at the end of its heap as soon as that is some ten megabytes, and
asks for it again a moment later, page by page: a fifth of the time of a bfloat16 pass through AlexNet went into that.
"""

from __future__ import annotations

import ctypes
import os
import sys
from typing import Any

KEPT = 256 * 2**20  # bytes that may be free at the end of the heap before any go back
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # of mallopt, as malloc.h numbers them
_LARGEST = 32 * 2**20  # bytes of a tensor that comes from the heap; the library comes to that by itself, unless told


def keep(library: Any = None) -> None:
    """Has the process keep what it frees, up to KEPT; nothing where the library is another, or the user told it."""
    library = library or _gnu()
    if library is not None and not any(name.startswith("MALLOC_") for name in os.environ):
        library.mallopt(_MMAP_THRESHOLD, _LARGEST)
        library.mallopt(_TRIM_THRESHOLD, KEPT)


def give_back(library: Any = None) -> None:
    """Gives the system back what is free, for who has done much and may do nothing for long."""
    library = library or _gnu()
    if library is not None:
        library.malloc_trim(0)


def _gnu() -> Any:
    """The C library, if it is GNU's."""
    if sys.platform != "linux":
        return None
    library = ctypes.CDLL(None)
    return library if hasattr(library, "gnu_get_libc_version") else None
