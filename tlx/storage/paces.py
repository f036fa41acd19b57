"""How long work took on this machine, beside what was expected: what estimates learn from.

For each kind of work and network it keeps the mean of measured over expected seconds, the newest counting most, in a
small file in the folder of results. Where that cannot be written, this process still knows what it has seen.
"""

from __future__ import annotations

import json
import math
import os
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from tlx import places
from tlx.storage.inventory import PACES

NEWEST = 0.3  # of the mean, at least, is the newest measurement
CREDIBLE = 1 / 20, 100.0  # ratios; what lies beyond was an accident
NOISE = 0.5  # seconds below which neither expectation nor measurement says anything
MOST = 500  # kinds that are kept, the newest
_lock = threading.Lock()
_seen: dict[Path, dict[str, tuple[float, int]]] = {}  # where the file cannot be written


def factor(kind: str, network: str) -> float:
    """By how much expected seconds of a kind of work are to be multiplied: 1 where nothing was seen yet.

    Where this network was not seen, what was seen last of the kind is taken with any.
    """
    known = _read()
    found = known.get(_name(kind, network)) or known.get(_name(kind, ""))
    return math.exp(found[0]) if found else 1.0


def learn(kind: str, network: str, *, expected: float, measured: float) -> None:
    """Takes in what work took that was expected to take `expected` seconds with a factor of 1."""
    if max(expected, measured) < NOISE or expected <= 0:
        return
    ratio = math.log(min(max(measured / expected, CREDIBLE[0]), CREDIBLE[1]))
    with _lock:
        known = _read()
        for name in (_name(kind, network), _name(kind, "")):
            mean, count = known.pop(name, (0.0, 0))  # the newest at the end
            known[name] = (mean + max(NEWEST, 1 / (count + 1)) * (ratio - mean), min(count + 1, 1000))
        _write(dict([*known.items()][-MOST:]))


def _name(kind: str, network: str) -> str:
    return f"{kind} {network}"[:200]


def _file() -> Path:
    return places.results() / PACES


def _read() -> dict[str, tuple[float, int]]:
    """What is known; a file that is no such thing says nothing."""
    if _file() in _seen:
        return dict(_seen[_file()])
    try:
        held: Any = json.loads(_file().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    if not isinstance(held, Mapping):
        return {}
    return {str(name): (float(one[0]), int(one[1])) for name, one in held.items() if _is_sound(one)}


def _is_sound(entry: Any) -> bool:
    if not (isinstance(entry, list) and len(entry) == 2):
        return False
    mean, count = entry
    numbers = isinstance(mean, int | float) and isinstance(count, int) and not isinstance(mean, bool)
    return numbers and math.log(CREDIBLE[0]) <= mean <= math.log(CREDIBLE[1]) and 0 < count <= 1000


def _write(known: dict[str, tuple[float, int]]) -> None:
    """In one step, so that who reads meanwhile finds the older file whole."""
    file = _file()
    partial = file.with_suffix(f".{os.getpid()}-{threading.get_ident()}")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        partial.write_text(json.dumps(known, indent=0), encoding="utf-8")
        partial.replace(file)
        _seen.pop(file, None)
    except OSError:
        _seen[file] = known
        with suppress(OSError):
            partial.unlink()
