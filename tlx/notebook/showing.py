"""`tlx.show`: the app on a case, as a process of its own beside the notebook."""

from __future__ import annotations

import atexit
import subprocess
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from html import escape
from pathlib import Path
from socket import socket
from typing import IO
from urllib.parse import quote
from urllib.request import urlopen

from tlx import pipeline, running
from tlx.app import launch
from tlx.casefiles import builtin, loading
from tlx.cases import Case
from tlx.errors import CaseError, SelectionError, UserError, unknown
from tlx.notebook.making import CASE_FILE

HOST = "127.0.0.1"
_UNTIL_UP = 60.0  # seconds
_shown: dict[tuple[str, int | None], Shown] = {}


@dataclass(frozen=True, eq=False)
class Shown:
    """The app in a process of its own, until `stop` or the end of this one. url: where a browser finds the case."""

    url: str
    _process: subprocess.Popen[bytes]

    @property
    def runs(self) -> bool:
        return self._process.poll() is None

    def stop(self) -> None:
        """Ends the app; what was computed stays stored."""
        self._process.terminate()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=10)

    def _repr_html_(self) -> str:
        return f'<a href="{escape(self.url)}" target="_blank" rel="noopener">{escape(self.url)}</a>'


def show(
    case: Case | str | Path,
    *,
    classes: Sequence[str] | None = None,
    features: bool = True,
    port: int | None = None,
) -> Shown:
    """Opens the app on a case, after computing here what its pages show at once, which `tlx run` computes, too.

    A line says what is finished; stored results are not computed again. What more is asked for in the app is computed
    there; of the modules of a notebook it is computed here, and the app then shows it.

    Args:
        case: of `tlx.case`; or a built-in name or the path of a case file or bundle.
        classes: for which this is computed; all where left out.
        features: whether feature visualisations are drawn.
        port: where the app listens; any that is free where left out.

    Raises UserError where the case cannot be used, a class is unknown, or the app does not start.
    """
    where = _where(case)
    loaded = case if isinstance(case, Case) else loading.load_case(case)
    if not loaded.bundle:
        _compute(loaded, classes, features=features)
    known = _shown.get((where, port))
    if known is None or not known.runs:
        known = _shown[where, port] = _started(where, loaded.name, port)
    return known


def _where(case: Case | str | Path) -> str:
    """How the app's process finds the case: a built-in name or a path."""
    if not isinstance(case, Case):
        return str(case)
    if case.bundle:
        return case.bundle
    if case.name in builtin.cases():
        return case.name
    file = Path(case.home, CASE_FILE)
    if not (case.home and file.is_file() and loading.load_case(file) == case):
        raise CaseError(f"nothing says where case {case.name!r} is kept; give tlx.show the path of its file")
    return str(file)


def _compute(case: Case, classes: Sequence[str] | None, *, features: bool) -> None:
    known = pipeline.classes(case)
    for name in classes or ():
        if name not in known:
            raise SelectionError(unknown("class", name, known))

    def finished(what: str, seconds: float) -> None:
        if seconds >= 0.1:  # what was stored is no news
            print(f"{what}: {seconds:.1f} s")

    running.run(case, list(classes or known), features=features, told=print, finished=finished)


def _started(where: str, name: str, port: int | None) -> Shown:
    if port is None:
        with socket() as probe:
            probe.bind((HOST, 0))
            port = probe.getsockname()[1]
    options = ["--server.headless", "true", "--server.address", HOST, "--browser.gatherUsageStats", "false"]
    command, environment = launch.prepared([where], port, options)
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        shown = Shown(f"http://{HOST}:{port}/?case={quote(name, safe='')}", process)
        atexit.register(shown.stop)
        began = time.monotonic()
        while not _answers(port):
            if not shown.runs or time.monotonic() - began > _UNTIL_UP:
                shown.stop()
                raise UserError(f"the app did not start at {HOST}:{port} ({_end(log)}); choose another port")
            time.sleep(0.1)
    return shown


def _answers(port: int) -> bool:
    with suppress(OSError), urlopen(f"http://{HOST}:{port}/_stcore/health", timeout=2) as answer:
        return bool(answer.status == 200)
    return False


def _end(log: IO[bytes]) -> str:
    """The last line that the process wrote."""
    log.seek(0)
    lines = log.read().decode(errors="replace").strip().splitlines()
    return lines[-1].strip() if lines else "it said nothing"
