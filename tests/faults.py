"""Real faults for the tests of the result store: a full disk, a folder whose mode counts, another process.

Root passes over file modes by a capability, which a block can do without; a full disk is a mounted one of 1 MB, or a
limit on the size of files where nothing may be mounted.
"""

from __future__ import annotations

import ctypes
import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parent.parent
PASSING_OVER_MODES = 1 << 1 | 1 << 2 | 1 << 3  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, CAP_FOWNER
_VERSION = 0x20080522  # of Linux's capability calls: two words for each set


@contextmanager
def modes_count() -> Iterator[None]:
    """Within the block file modes bind this thread, and those it starts, even where it is root's."""
    if os.geteuid() != 0:
        yield
        return
    before = _capabilities()
    _set_capabilities([before[0] & ~PASSING_OVER_MODES, *before[1:]])
    try:
        yield
    finally:
        _set_capabilities(before)


def _capabilities() -> list[int]:
    """Effective, permitted and inheritable ones, then the same three for the upper word."""
    found = (ctypes.c_uint32 * 6)()
    assert ctypes.CDLL(None).capget((ctypes.c_uint32 * 2)(_VERSION, 0), found) == 0
    return [*found]


def _set_capabilities(wanted: list[int]) -> None:
    assert ctypes.CDLL(None).capset((ctypes.c_uint32 * 2)(_VERSION, 0), (ctypes.c_uint32 * 6)(*wanted)) == 0


@contextmanager
def no_large_files() -> Iterator[str]:
    """Within the block no file of this process gets larger than 1 MB; answers with what the system says then."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2**20, before[1]))
    try:
        yield "File too large"
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@contextmanager
def full_disk(folder: Path) -> Iterator[str]:
    """Within the block the folder takes 1 MB; answers with what the system says when it is full."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    if shutil.which("mount") and subprocess.run(mount, capture_output=True, check=False).returncode == 0:
        try:
            yield "No space left on device"
        finally:
            subprocess.run(["umount", "--lazy", str(folder)], check=True)
    else:
        with no_large_files() as said:
            yield said


def start(code: str, **environment: str) -> subprocess.Popen[bytes]:
    """Another process that can import what the tests can."""
    path = os.pathsep.join((str(ROOT), str(ROOT / "tests")))
    return subprocess.Popen([sys.executable, "-c", code], env=os.environ | {"PYTHONPATH": path} | environment)
