"""How much the stored results may take ($TLX_CACHE_LIMIT), and which go when they take more.

What other versions of tlx left and what was never finished goes first, then results, which are computed again when they
are asked for, those first that nobody used for longest, until a tenth of the limit is free. Trainings go only when
nothing else is left, and none that was going on within the hour: trained models, accuracies that took one, and states
of stopped ones. Bundles and files that are not tlx's are never touched.
"""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from threading import Lock

from tlx.errors import UserError
from tlx.storage import inventory
from tlx.storage.locks import one_at_a_time
from tlx.storage.store import ENTRY, UNFINISHED, Store
from tlx.storage.store import LIMIT as LIMIT  # whoever asks about it need not know who obeys it

UNITS = {"B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
TRAININGS = {"trained", "_source_trained", "scratch", "scratch_to_end", "few_labels", "tuned"}
FREED = 0.1  # of the limit, so that not every further result has to make room
AGAIN = 30.0  # seconds after which what other processes wrote is counted, too
GOING_ON = 3600.0  # seconds within which a file that is being written may still be needed
_LEFT_OVER, _RESULT, _TRAINING = range(3)  # in which order they go


@dataclass(frozen=True)
class Removed:
    """What went so far since the limit is what it is: results, bytes, and when the last one went (seconds)."""

    limit: int
    results: int
    size: int
    last: float


def given() -> int | None:
    """The limit in bytes, None where there is none. Raises UserError for what is no number of bytes."""
    text = os.environ.get(LIMIT, "").strip()
    if not text:
        return None
    parts = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMGT]?B?)", text, re.IGNORECASE | re.ASCII)
    size = int(float(parts[1]) * UNITS[f"{parts[2].upper().rstrip('B')}B"]) if parts else 0
    if size < 1:
        raise UserError(
            f"{LIMIT} is {text[:40]!r}, and has to be what stored results may take, in bytes or with a unit: "
            "20000000000, 500MB or 20GB; leave it out for no limit"
        )
    return size


def removed(current: Path) -> Removed | None:
    """What had to go for the limit that holds now; None where nothing had to, or there is none."""
    found = _noted(current)
    return found if found and found.limit == given() else None


def sentence(current: Path) -> str:
    """That the limit was reached and what went, "" where it was not."""
    gone = removed(current)
    if gone is None:
        return ""
    results = "one result that was" if gone.results == 1 else f"{gone.results:,} results that were"
    return (
        f"Stored results have reached the limit of {written(gone.limit)} ({LIMIT}): {results} used longest ago "
        f"({written(gone.size)}) had to go, and what is asked for is computed again."
    )


def written(size: int) -> str:
    """ "20 GB"."""
    unit = next((name for name in ("TB", "GB", "MB", "KB") if size >= UNITS[name]), "B")
    return f"{size / UNITS[unit]:.3g} {unit}"


class _Watch:
    """What this process knows of the folder's size, without looking after each result."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._folder, self._size, self._written, self._until = Path(), 0, 0, 0.0

    def keep(self, current: Path) -> None:
        """Makes room where more is stored than the limit allows; to be called after a result was stored."""
        most = given()
        if most is None:
            return
        with self._lock:
            known = self._folder == current and time.monotonic() < self._until
            if not known or self._size + Store.written - self._written > most:
                self._written = Store.written
                self._size = _kept_below(current, most)
                self._folder, self._until = current, time.monotonic() + AGAIN


keep = _Watch().keep


def _kept_below(current: Path, most: int) -> int:
    """Bytes that are stored once enough has gone; one process at a time."""
    size = sum(facts.st_size for _, facts in inventory.files(current))
    if size <= most:
        return size
    with one_at_a_time(current / inventory.LOCKS / "limit.lock"):
        files = [*inventory.files(current)]  # another process may have made room meanwhile
        size, count, freed = sum(facts.st_size for _, facts in files), 0, 0
        for order, _, bytes_of_it, path in sorted(_expendable(current, files)):
            if size <= most and (order == _TRAINING or not count or size <= (1 - FREED) * most):
                break
            with suppress(OSError):  # gone already, or held open on a system that minds
                path.unlink()
                size, count, freed = size - bytes_of_it, count + 1, freed + bytes_of_it
        if count:
            before = _noted(current)
            known = (before.results, before.size) if before and before.limit == most else (0, 0)
            _note(current, Removed(most, known[0] + count, known[1] + freed, time.time()))
    return size


def _expendable(current: Path, files: list[tuple[Path, os.stat_result]]) -> Iterator[tuple[int, float, int, Path]]:
    """(in which order, last use, bytes, path) of what may go."""
    begun = time.time() - GOING_ON
    for path, facts in files:
        state = (current / inventory.TRAINING) in path.parents
        unfinished = path.name.startswith(UNFINISHED) or (state and path.suffix != ".pt")
        if not (path.name == ENTRY or unfinished or state):
            continue  # the names of cases, locks
        if (unfinished or state) and facts.st_mtime > begun:
            continue
        if current not in path.parents or unfinished:
            order = _LEFT_OVER
        else:
            order = _TRAINING if state or path.parent.parent.name in TRAININGS else _RESULT
        yield order, facts.st_mtime, facts.st_size, path


def _file(current: Path) -> Path:
    return current / inventory.LOCKS / "limit.json"


def _noted(current: Path) -> Removed | None:
    with suppress(OSError, ValueError, TypeError):
        return Removed(**json.loads(_file(current).read_text()))
    return None


def _note(current: Path, gone: Removed) -> None:
    with suppress(OSError):
        partial = _file(current).with_suffix(f".{os.getpid()}")
        partial.write_text(json.dumps(asdict(gone)))
        partial.replace(_file(current))
