"""The cases of the Lesson: planted in `digits`, so that their answers are known (method 12), under neutral names.

`make lesson-results` plants and computes them and writes a bundle of each; the app opens those and needs neither torch
nor a checkpoint. They stand in no list of cases until their own address names them.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tlx.casefiles import builtin, planted
from tlx.cases import Case
from tlx.errors import BundleError
from tlx.storage import bundles, memory

FOLDER = builtin.SHIPPED / "lesson"
PERMUTED, REINITIALISED, MARKED, HALVES = "lesson-a", "lesson-b", "lesson-c", "lesson-d"
_NETWORKS = "Two networks that tell digits apart. What the second has of the first is for you to find out."
_DOMAINS = "Two domains of digits. What tells them apart, if anything does, is for you to find out."
_log = logging.getLogger("tlx.lesson")


@dataclass(frozen=True)
class Plant:
    """What is planted in a case of the Lesson, and what is said of it before that is found.

    kind: one of `planted.PLANTS`; seed: of what is random in it.
    """

    kind: str
    title: str
    about: str
    seed: int = 0


PLANTS = {
    PERMUTED: Plant("permuted", "Lesson: network A", _NETWORKS),
    REINITIALISED: Plant("reinitialised", "Lesson: network B", _NETWORKS),
    MARKED: Plant("shortcut", "Lesson: domains C", _DOMAINS, seed=8),
    HALVES: Plant("no-difference", "Lesson: domains D", _DOMAINS),
}


@cache
def shipped() -> tuple[Case, ...]:
    """The cases as bundles with all that their pages show, in the order of the Lesson; damaged ones are not."""
    found = []
    for name in names():
        try:
            found.append(bundles.load(path(name), memory.CACHE_VERSION))
        except BundleError as error:
            _log.warning("%s; this case of the Lesson is left out", error)
    return tuple(found)


def names() -> tuple[str, ...]:
    """The names of the cases whose bundles are here, in the order of the Lesson; none of them is opened."""
    return tuple(name for name in PLANTS if path(name).is_file())


def path(name: str) -> Path:
    """Where the bundle of the case of this name lies, or will."""
    return FOLDER / f"{name}{bundles.SUFFIX}"


def truth(name: str) -> str:
    """What was planted in the case of this name, in a sentence: the Lesson's answer."""
    return planted.TRUTHS[PLANTS[name].kind]
