"""Cases by name, or from a case file or a bundle, each with the digests of its files as they are now."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from tlx.casefiles import builtin, fingerprints, lesson, reading
from tlx.cases import Case
from tlx.errors import CaseError, unknown
from tlx.storage import bundles, memory


def load_case(name: str | Path) -> Case:
    """A case by its name, built in or of the Lesson, or by the path of its TOML file or bundle (.tlx).

    File facts are read anew at each call, so that a changed checkpoint or image folder gives another fingerprint.
    Raises CaseError saying which key, name or file is wrong and what would be right.
    """
    case = described(name)
    return case if case.bundle else replace(case, files=fingerprints.of_case(case))


def described(name: str | Path) -> Case:
    """The case as its file says, without a look at its images and models. Raises CaseError as `load_case` does."""
    known = builtin.cases()
    case = known.get(str(name))
    if case is None:
        path = lesson.path(str(name)) if name in lesson.PLANTS else Path(name)
        if path.suffix == bundles.SUFFIX:
            return bundles.load(path, memory.CACHE_VERSION)
        if path.suffix != ".toml":
            raise CaseError(unknown("case", name, known) + ", or the path of a case file (.toml) or a bundle (.tlx)")
        return reading.read(path)
    if why := builtin.missing(case):
        raise CaseError(why)
    return case
