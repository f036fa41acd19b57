"""Checking and saving a case file that was put together in the browser; for visitors of this machine only."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

import streamlit as st

from tlx import places
from tlx.app.known_cases import add, case_files, known_cases
from tlx.errors import CaseError
from tlx.storage.derived import derived


def refused() -> str:
    """Why this visitor may not name files of this machine: a sentence, or "" where it may.

    The address alone is no proof, since a proxy on this machine has it too; who runs one says TLX_PUBLIC=1.
    """
    if places.is_public():
        return "This server is public: it shows the cases it was started with, and takes no paths from visitors."
    here = st.context.ip_address
    if st.context.headers.get("X-Forwarded-For") or (here is not None and not _loopback(here)):
        return "Case files are put together on the machine that runs the app; open the app there, at localhost."
    return ""


def _loopback(address: str) -> bool:
    with suppress(ValueError):
        return ip_address(address).is_loopback
    return False


def suggestion() -> str:
    """A path for the first case file."""
    return str(Path.cwd() / "my-case.toml")


def place(text: str) -> Path:
    """The path of the case file to be. Raises CaseError saying what is wrong with it."""
    path = Path(text.strip()).expanduser()
    if not text.strip() or path.suffix != ".toml":
        raise CaseError(f"the case file's name must end in .toml, not {text.strip()!r}")
    path = path.absolute()
    try:
        with suppress(FileNotFoundError):
            path.lstat()
    except (OSError, ValueError) as error:  # a NUL, a name longer than names may be, a folder that is none
        raise CaseError(f"{text.strip()[:80]!r} cannot be the path of a file ({error})") from None
    if not path.parent.is_dir():
        raise CaseError(f"the folder {path.parent} does not exist; make it, or choose another")
    return path


@dataclass(frozen=True)
class Checked:
    """What a check found: facts, warnings and what keeps the case from working, each a plain sentence."""

    facts: tuple[str, ...]
    warnings: tuple[str, ...]
    fatal: tuple[str, ...]


@derived("Checking the case")
def check(text: str, path: str, attempt: int) -> Checked:
    """What `python -m tlx check` would say of this text, were it the file at `path`; the text is not kept there.

    attempt: counts the checks, since images and checkpoints may have changed where the text has not.
    """
    from tlx import checking

    try:
        with _beside(text, Path(path)) as file:
            inspection = checking.inspect(file)
    except OSError as error:
        raise CaseError(f"the folder {Path(path).parent} cannot be written to: {error.strerror or error}") from None
    several = (inspection.facts, inspection.warnings, inspection.fatal)
    return Checked(*(tuple(sentence.replace(str(file), path) for sentence in sentences) for sentences in several))


def save(text: str, path: Path, *, replace: bool) -> None:
    """Writes the file and offers its case in this server at once. Raises CaseError where it may not be written.

    replace: whether a file that is there already may be replaced.
    """
    if path.stem in known_cases()[0] and str(path) not in case_files():
        raise CaseError(f"a case called {path.stem!r} is known already; give the file another name")
    try:
        if replace:
            with _beside(text, path) as file:
                file.replace(path)  # whole or not at all
        else:
            with path.open("x", encoding="utf-8") as new:
                new.write(text)
    except FileExistsError:
        raise CaseError(f"{path} exists already; tick the box to replace it, or give another name") from None
    except OSError as error:
        raise CaseError(f"{path} cannot be written: {error.strerror or error}") from None
    add(path)


@contextmanager
def _beside(text: str, path: Path) -> Iterator[Path]:
    """A hidden file with this text in the folder of `path`, where its relative paths hold; gone after the block."""
    number, name = tempfile.mkstemp(".toml", ".tlx-", path.parent)
    with os.fdopen(number, "w", encoding="utf-8") as file:
        file.write(text)
    try:
        yield Path(name)
    finally:
        Path(name).unlink(missing_ok=True)
