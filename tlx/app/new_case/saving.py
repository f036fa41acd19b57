"""Checking and saving a case file that was put together in the browser; for visitors of this machine only."""

from __future__ import annotations

import io
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

import numpy as np
import streamlit as st
from PIL import Image

from tlx import places
from tlx.app.known_cases import add, case_files, known_cases
from tlx.casefiles import lesson
from tlx.errors import CaseError, Told
from tlx.storage.derived import derived
from tlx.storage.memory import takes_long

LARGEST = 128  # pixels of a picture's side; pages show them smaller


def refused() -> str:
    """Why this visitor may not name files of this machine: a sentence, or "" where it may.

    The address alone is no proof, since a proxy on this machine has it too; who runs one says TLX_PUBLIC=1.
    """
    if places.is_public():
        return "This server is public: it shows the cases it was started with, and takes no paths from visitors."
    if not places.computes():
        return (
            "This app shows stored results; where tlx is installed with all it requires, cases are put together here."
        )
    here = st.context.ip_address
    if st.context.headers.get("X-Forwarded-For") or (here is not None and not _loopback(here)):
        return "Case files are put together on the machine that runs the app; open the app there, at localhost."
    return ""


def _loopback(address: str) -> bool:
    with suppress(ValueError):
        return ip_address(address).is_loopback
    return False


def suggestion() -> str:
    """A path for a case file, that is free."""
    names = ("my-case.toml", *(f"my-case-{number}.toml" for number in range(2, 100)))
    return str(next(path for name in names if not (path := Path.cwd() / name).exists()))


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
    _refuse_taken(path)
    return path


def _refuse_taken(path: Path) -> None:
    """Raises CaseError where another case has the name that this file's would have."""
    if path.stem in {*known_cases()[0], *lesson.PLANTS} and str(path) not in case_files():
        raise CaseError(f"a case called {path.stem!r} is known already; give the file another name")


@dataclass(frozen=True)
class Topic:
    """What a check found out about one topic: plain sentences, and pictures of what a network sees."""

    title: str
    facts: tuple[str, ...]
    warnings: tuple[str, ...]
    pictures: tuple[Picture, ...] = ()


@dataclass(frozen=True)
class Picture:
    """An image as a network sees it, as the bytes of a PNG."""

    domain: str
    class_name: str
    png: bytes


@dataclass(frozen=True)
class Checked:
    """What a check found, topic by topic, and what keeps the case from working; a `Told` carries its key."""

    topics: tuple[Topic, ...]
    fatal: tuple[Told, ...]


@derived("Checking the case")
def check(text: str, path: str, asked: str) -> Checked:
    """What `python -m tlx check` would say of this text, were it the file at `path`; the text is not kept there.

    asked: another with every check, in this session or another, since images and checkpoints may have changed where the
    text has not, and the answer is held under the arguments.
    """
    takes_long("check")
    from tlx import checking

    try:
        with _beside(text, Path(path)) as file:
            inspection = checking.inspect(file)
    except OSError as error:
        raise CaseError(f"the folder {Path(path).parent} cannot be written to: {error.strerror or error}") from None

    def said(sentence: Told) -> Told:
        return Told(sentence.replace(str(file), path), topic=sentence.topic, key=sentence.key)

    def of(sentences: list[Told], topic: str) -> tuple[str, ...]:
        return tuple(said(one) for one in sentences if one.topic == topic)

    pictures = tuple(Picture(one.domain, one.class_name, _png(one.pixels)) for one in inspection.seen)
    topics = (
        Topic(title, of(inspection.facts, topic), of(inspection.warnings, topic), pictures * (topic == "preprocessing"))
        for topic, title in checking.TOPICS.items()
    )
    found = tuple(one for one in topics if one.facts or one.warnings or one.pictures)
    return Checked(found, tuple(map(said, inspection.fatal)))


def _png(pixels: np.ndarray) -> bytes:
    picture, file = Image.fromarray(pixels), io.BytesIO()
    picture.thumbnail((LARGEST, LARGEST))
    picture.save(file, "PNG")
    return file.getvalue()


def save(text: str, path: Path, *, replace: bool) -> None:
    """Writes the file and offers its case in this server at once. Raises CaseError where it may not be written.

    replace: whether a file that is there already may be replaced.
    """
    _refuse_taken(path)
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
