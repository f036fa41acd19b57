"""The report of a case as a file, by its name's ending a page (.html) or a notebook (.ipynb)."""

from __future__ import annotations

import logging
import os
import shlex
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from tlx import needs, pipeline, running
from tlx.casefiles import loading
from tlx.cases import Case
from tlx.errors import SelectionError, UserError, unknown
from tlx.reports import notebook, page
from tlx.reports.reading import LackingError, Reader
from tlx.storage.memory import NotStoredError, reading_only

_log = logging.getLogger("tlx.report")
CLASSES = 2  # looked at closely where nobody chose
KINDS = (".html", ".ipynb")
_HEAD = 4_096  # characters in which a report has its mark


def report(
    case: Case,
    file: str | os.PathLike[str],
    classes: Sequence[str] = (),
    *,
    compute: bool = False,
    force: bool = False,
    name: str = "",
    told: Callable[[str], None] | None = None,
) -> Path:
    """Writes the report of a case and answers with its path.

    Args:
        case: of `load_case` or `tlx.case`.
        file: the page (.html) or the notebook (.ipynb) to write. A former report is replaced.
        classes: to look at closely; by default the most telling ones.
        compute: whether what the pages show of these classes is computed first, where it is not stored.
        force: whether a file that is no report is replaced, too.
        name: what the command line calls the case: its name, or the path of its file.
        told: hears once why something cannot be computed; by default that is logged.

    Raises:
        UserError: the file cannot be written or is another's, a class does not exist, or nothing is stored.
    """
    from tlx import __version__

    path = Path(file)
    _writable(path, force=force)
    name = name or case.bundle or case.name
    if path.suffix == ".ipynb":
        name = _loadable(case, name)
    if compute:
        if case.bundle:
            raise UserError(f"{name} is a bundle: it holds results, and nothing can be computed from it")
        chosen = _known(case, classes) if classes else tuple(running.by_interest(case)[:CLASSES])
        running.run(case, chosen, told=told or _log.warning)
    chosen = chosen_classes(case, classes, name)
    text = notebook.written(case, chosen, name, __version__) if path.suffix == ".ipynb" else pieces(case, chosen, name)
    try:
        _write(path, text)
    except OSError as error:
        raise UserError(f"{path} cannot be written ({error.strerror or error})") from None
    return path


def pieces(case: Case, class_names: tuple[str, ...], name: str = "") -> Iterator[str]:
    """The page, piece by piece."""
    from tlx import __version__

    command = shlex.join(["tlx", "run", name or case.name, "--classes", *class_names])
    yield from page.written(Reader(case, command), class_names, __version__)


def chosen_classes(case: Case, asked: Sequence[str], name: str) -> tuple[str, ...]:
    """The classes asked for, each once; else the most telling ones, or the first where that cannot be said.

    Raises SelectionError for one that the case does not have, UserError where nothing is stored of the case.
    """
    read = Reader(case, "")
    try:
        read(needs.frame)
    except LackingError:
        raise UserError(
            f"nothing is stored of case {name!r} yet, so there is nothing to report; compute it with: tlx run {name}"
        ) from None
    if asked:
        return _known(case, asked)
    try:
        with reading_only():
            return tuple(running.by_interest(case)[:CLASSES])
    except (NotStoredError, UserError):
        return pipeline.classes(case)[:1]


def _loadable(case: Case, name: str) -> str:
    """What `tlx.load_case` is given for this case, wherever the notebook lies. Raises UserError where nothing is."""
    path = Path(name).absolute()
    name = str(path) if path.is_file() else name
    try:
        found: Case | None = loading.load_case(name)
    except UserError:
        found = None
    if found is None or found.fingerprint() != case.fingerprint():
        raise UserError(
            f"a notebook has to load its case, and {name!r} does not name this one; give its file: name='case.toml'"
        )
    return name


def _known(case: Case, asked: Sequence[str]) -> tuple[str, ...]:
    known = pipeline.classes(case)
    for name in asked:
        if name not in known:
            raise SelectionError(unknown("class", name, known))
    return tuple(dict.fromkeys(asked))


def _writable(path: Path, *, force: bool) -> None:
    """Raises UserError where no report may or can be written; before anything is computed."""
    if path.is_dir():
        raise UserError(f"{path} is a folder; name a file in it, such as {path / 'report.html'}")
    if path.suffix not in KINDS:
        raise UserError(f"a report's name ends in {' or '.join(KINDS)}, and {path.name!r} does not")
    if not path.parent.is_dir():
        raise UserError(f"there is no folder {path.parent} to write {path.name} into")
    if path.exists() and not force and not _is_report(path):
        raise UserError(f"{path} is there already and no report of tlx; choose another name, or --force replaces it")


def _is_report(path: Path) -> bool:
    try:
        with path.open(encoding="utf-8", errors="replace") as stream:
            head = stream.read(_HEAD)
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror or error})") from None
    return page.MARK in head


def _write(path: Path, text: Iterator[str]) -> None:
    """The whole file or none of it: a former report stays until the new one is complete."""
    handle, name = tempfile.mkstemp(prefix=f".{path.name[:40]}.", dir=path.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as stream:
            stream.writelines(text)
        mask = os.umask(0)
        os.umask(mask)
        Path(name).chmod(0o666 & ~mask)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
