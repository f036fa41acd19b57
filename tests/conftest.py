"""Every test run keeps its results in a folder of its own, so that nothing stored earlier can hide a defect.

Where more than one file is asked for, two processes share the files (pytest-xdist) and that folder, so that neither
computes what the other has. `-n 0` runs all in one process, `-n 4` in four.
"""

from __future__ import annotations

import os
import tempfile

import pytest

WORKERS = 2

# The first process to come here makes the folder; those it starts find its name.
os.environ["TLX_CACHE"] = os.environ.get("TLX_TEST_CACHE") or tempfile.mkdtemp(prefix="tlx-tests-")
os.environ["TLX_TEST_CACHE"] = os.environ["TLX_CACHE"]
os.environ["TLX_SHIPPED"] = "0"  # nor what tlx ships
os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> None:
    """Chooses how many processes run, before pytest-xdist reads it."""
    if not config.pluginmanager.hasplugin("xdist") or "PYTEST_XDIST_WORKER" in os.environ:
        return
    option = config.option
    looks = option.usepdb or option.trace or option.capture == "no"  # somebody wants to see the tests' own process
    files = {argument.partition("::")[0] for argument in config.args}
    if option.numprocesses is None and not option.tx:
        option.numprocesses = 0 if looks or (len(files) == 1 and files.pop().endswith(".py")) else WORKERS
    if option.numprocesses and option.dist == "no":
        option.dist = "loadfile"  # fixtures of a file are made once
        option.loadscopereorder = False  # the long files of tests/e2e come first by name
