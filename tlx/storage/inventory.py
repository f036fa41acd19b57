"""What lies in the cache folder, for which case, and clearing it: what is not ours is shown and never removed.

Results stand in one folder for each fingerprint, which holds the names of the cases that used them: two cases with the
same images share the results that need only those. Every function takes the folder of the current version
(`memory.location()`); the folders of other versions lie beside it.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from stat import S_ISREG

from tlx.errors import UserError, unknown
from tlx.storage.store import ENTRY, UNFINISHED

NAMES = ".cases"  # one small file for each case, which holds its name
LOCKS = "locks"
PACES = "paces.json"  # how long work took on this machine, see `paces`
TRAINING = "training"  # what is kept of trainings that were stopped, by fingerprint too


@dataclass(frozen=True)
class Shelf:
    """One folder of results: of a fingerprint, or all of another version (then of no case that could be told)."""

    folder: Path
    cases: tuple[str, ...]
    version: int
    results: int
    unfinished: int  # writings that were stopped in the middle
    size: int  # bytes


def note(folder: Path, name: str) -> None:
    """Writes down that the case uses this folder's results, where that can be written."""
    file = _file(folder, name)
    if not file.exists():
        with suppress(OSError):
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(name, encoding="utf-8")


def shelves(current: Path) -> list[Shelf]:
    """Everything of ours, the current version first."""
    others = [folder for folder in _versions(current.parent) if folder != current]
    fingerprints = [*_fingerprints(current), *_fingerprints(current / TRAINING)]
    return [_shelf(folder, _names(current / folder.name), current) for folder in fingerprints] + [
        _shelf(folder, (), folder) for folder in others
    ]


def files(current: Path) -> Iterator[tuple[Path, os.stat_result]]:
    """Every file of ours, of all versions, with its facts."""
    for version in {current, *_versions(current.parent)}:
        for part in _parts(version):
            for folder, _, names in os.walk(part):  # thrice as fast as pathlib
                for name in names:
                    path = Path(folder, name)
                    with suppress(OSError):
                        facts = path.lstat()
                        if S_ISREG(facts.st_mode):
                            yield path, facts


def report(current: Path) -> Iterator[str]:
    """Lines that say how much each case, what is left over and other versions take."""
    results, unfinished, size = Counter[str](), Counter[str](), Counter[str]()
    for shelf in shelves(current):
        label = " and ".join(shelf.cases) or "no known case"
        if shelf.version != _version(current):
            label = f"version {shelf.version}, never read"
        results[label] += shelf.results
        unfinished[label] += shelf.unfinished
        size[label] += shelf.size
    yield f"{'results':>8} {'MB':>9}  in {current.parent}"
    for label in sorted(size, key=size.__getitem__, reverse=True):
        rest = f" (and {unfinished[label]} unfinished, never read)" if unfinished[label] else ""
        yield f"{results[label]:8,} {size[label] / 1e6:9.1f}  {' '.join(label.split()):.80}{rest}"
    yield f"{results.total():8,} {size.total() / 1e6:9.1f}  altogether"
    strange = foreign(current)
    if strange:
        more = ", …" if len(strange) > 5 else ""
        yield f"not of tlx and left alone: {', '.join(path.name for path in strange[:5])}{more}"


def foreign(current: Path) -> list[Path]:
    """What lies in the cache folder and is not ours."""
    known = {*_versions(current.parent), *_fingerprints(current), current / LOCKS, current / TRAINING}
    known.add(current.parent / PACES)
    if current.is_dir() and not current.is_symlink():
        known.add(current)
    return [path for path in (*_inside(current.parent), *_inside(current)) if path not in known | {_ignore(path)}]


def clear_case(current: Path, name: str) -> int:
    """Removes a case's results, except those that another case uses too; answers with the bytes that are free now.

    Raises UserError where the case has no results.
    """
    case_shelves = [shelf for shelf in shelves(current) if name in shelf.cases]
    if not case_shelves:
        known = sorted({name for shelf in shelves(current) for name in shelf.cases})
        raise UserError(unknown("case with results", name, known) if known else "no case has stored results")
    only = [shelf for shelf in case_shelves if shelf.cases == (name,)]
    for shelf in only:
        _remove_folder(shelf.folder)
    for shelf in case_shelves:
        _file(current / shelf.folder.name, name).unlink(missing_ok=True)
    return sum(shelf.size for shelf in only)


def clear_versions(current: Path, *, others_only: bool) -> int:
    """Removes what other versions of tlx stored, or all results; answers with the bytes that are free now."""
    cleared = [shelf for shelf in shelves(current) if not (others_only and shelf.version == _version(current))]
    for version in _versions(current.parent):
        if not (others_only and version == current):
            for part in _parts(version):
                _remove_folder(part)
            _ignore(version / "any").unlink(missing_ok=True)
            with suppress(OSError):  # something of somebody else's is in it
                version.rmdir()
    return sum(shelf.size for shelf in cleared)


def _remove_folder(folder: Path) -> None:
    try:
        shutil.rmtree(folder)  # removes links, not what they lead to, and refuses a folder that is one
    except FileNotFoundError:
        pass
    except OSError as error:
        raise UserError(f"{folder} cannot be removed: {error.strerror or error}") from None


def _names(folder: Path) -> tuple[str, ...]:
    names = set()
    for file in (folder / NAMES).glob("*.txt"):
        with suppress(OSError, UnicodeDecodeError):
            names.add(file.read_text(encoding="utf-8"))
    return tuple(sorted(names - {""}))


def _file(folder: Path, name: str) -> Path:
    # Named by a digest: a case may be called anything.
    return folder / NAMES / f"{hashlib.sha256(name.encode()).hexdigest()[:16]}.txt"


def _shelf(folder: Path, cases: tuple[str, ...], version: Path) -> Shelf:
    parts = [folder] if cases or folder != version else _parts(folder)
    files = [path for part in parts for path in part.rglob("*") if path.is_file() and not path.is_symlink()]
    unfinished = sum(path.name.startswith(UNFINISHED) for path in files)
    results = sum(path.name == ENTRY for path in files)
    return Shelf(folder, cases, _version(version), results, unfinished, sum(map(_size, files)))


def _parts(version: Path) -> list[Path]:
    """The folders in a version's folder that are ours."""
    folders = [version / name for name in ("joblib", LOCKS, TRAINING)]
    return [path for path in folders if _is_folder(path)] + _fingerprints(version)


def _fingerprints(version: Path) -> list[Path]:
    inside = _inside(version) if _is_folder(version) else []
    return [path for path in inside if re.fullmatch("[0-9a-f]{16}", path.name) and _is_folder(path)]


def _versions(home: Path) -> list[Path]:
    """The folders of all versions: called like one, and with something of ours inside."""
    return [path for path in _inside(home) if re.fullmatch("v[0-9]+", path.name) and _is_folder(path) and _parts(path)]


def _version(folder: Path) -> int:
    return int(folder.name.removeprefix("v"))


def _is_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()  # what a link leads to may lie outside the cache


def _inside(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []


def _ignore(beside: Path) -> Path:
    return beside.with_name(".gitignore")  # git's in the cache folder, joblib's in those of older versions


def _size(path: Path) -> int:
    with suppress(OSError):
        return path.stat().st_size
    return 0
