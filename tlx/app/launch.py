"""`tlx app`: Streamlit on the app's entry script, from whatever folder and however tlx was installed."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from tlx import places
from tlx.casefiles import builtin, lesson, loading
from tlx.errors import CaseError


def start(cases: Sequence[str], port: int | None, options: Sequence[str]) -> int:
    """Turns this process into the app; on Windows it waits for the app and returns its exit status.

    cases: built-in names and paths of case files to offer. options: Streamlit's, as `streamlit run` takes them.
    Raises CaseError before anything has started, where a case cannot be used.
    """
    command, environment = prepared(cases, port, options)
    if os.name != "nt":  # Windows' shell would not wait for what this process has turned into
        os.execve(sys.executable, command, environment)
    return subprocess.call(command, env=environment)


def prepared(cases: Sequence[str], port: int | None, options: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    """Command and environment of a process that is the app on these cases. Raises CaseError as `start` does."""
    named = list(filter(None, os.environ.get("TLX_CASES", "").split(os.pathsep)))
    environment = os.environ | {"TLX_CASES": os.pathsep.join([*_files(cases), *named])}
    # -P: a tornado.py in the folder where the user stands is not Streamlit's.
    command = [sys.executable, "-P", "-m", "streamlit", "run", str(places.site() / places.ENTRY)]
    command += [] if port is None else ["--server.port", str(port)]
    return [*command, *options], environment


def _files(cases: Sequence[str]) -> Iterator[str]:
    """The path of each case that is not built in; built-in ones are offered anyway. Raises CaseError."""
    known = builtin.cases()
    for name in cases:
        loading.described(name)
        path = str(lesson.path(name) if name in lesson.PLANTS else Path(name).absolute())
        if name not in known:
            if os.pathsep in path:
                raise CaseError(f"{path} cannot be offered: {os.pathsep!r} separates the paths in TLX_CASES; rename it")
            yield path
