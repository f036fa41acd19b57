"""The wheel holds all that tlx needs: unpacked elsewhere, its command and its app work from any folder."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tarfile
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.metadata import Distribution
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
from packaging.requirements import Requirement
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.sync.client import connect

from tools import supply

ROOT = Path(__file__).parent.parent
COMMAND = """
import sys
from importlib.metadata import entry_points
(script,) = entry_points(group="console_scripts", name="tlx")
sys.argv[0] = "/bin/tlx"
sys.exit(script.load()())
"""
PLACES = """
from pathlib import Path
from tlx import places
from tlx.casefiles import builtin
from tlx.storage import bundles, memory
print(places.__file__, memory.location(), builtin.root(), bundles.SHIPPED["digits"].is_file(), sep="\\n")
"""


def built(source: Path, target: str, out: Path) -> Path:
    """The archive that hatchling makes of a source tree."""
    command = [sys.executable, "-m", "hatchling", "build", "--target", target, "--directory", str(out)]
    subprocess.run(command, cwd=source, check=True, capture_output=True)
    (found,) = out.iterdir()
    return found


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built(ROOT, "wheel", tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def home(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder where the wheel is unpacked in `package/` and `elsewhere/` is empty."""
    folder = tmp_path_factory.mktemp("home")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "package")
    (folder / "elsewhere").mkdir()
    return folder


def where(home: Path) -> dict[str, Any]:
    """How a process is started from an empty folder that finds the unpacked wheel and nothing of this checkout."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("TLX_", "STREAMLIT_"))}
    environment |= {"PYTHONPATH": str(home / "package"), "PYTHONDONTWRITEBYTECODE": "1"}
    environment |= {"XDG_CACHE_HOME": str(home / "caches"), "XDG_DATA_HOME": str(home / "data")}
    return {"cwd": home / "elsewhere", "env": environment}


def said(home: Path, *arguments: str) -> str:
    command = [sys.executable, "-P", *arguments]
    return subprocess.run(command, **where(home), capture_output=True, text=True, check=True).stdout


def names(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def test_the_wheel_holds_the_package_the_pages_and_no_more(wheel: Path) -> None:
    """Nor what else may lie in `.streamlit/`, such as secrets."""
    pages = {f"tlx/site/pages/{path.name}" for path in (ROOT / "pages").glob("*.py")}
    files = {path.relative_to(ROOT) for path in (ROOT / "tlx").rglob("*") if path.is_file()}
    package = {path.as_posix() for path in files if "__pycache__" not in path.parts}
    site = {"tlx/site/streamlit_app.py", "tlx/site/.streamlit/config.toml"}
    assert {name for name in names(wheel) if ".dist-info/" not in name} == package | pages | site


def test_the_source_archive_makes_the_same_wheel(wheel: Path, tmp_path: Path) -> None:
    """And holds nothing of what was computed in this checkout."""
    with tarfile.open(built(ROOT, "sdist", tmp_path / "sdist")) as archive:
        archive.extractall(tmp_path, filter="data")
    (source,) = tmp_path.glob("tlx-*")
    assert not (source / "cache").exists()
    assert names(built(source, "wheel", tmp_path / "wheel")) == names(wheel)


def test_it_asks_for_what_requirements_txt_names(home: Path) -> None:
    (metadata,) = (home / "package").glob("*.dist-info")
    asked = {str(Requirement(one)) for one in Distribution.at(metadata).requires or []}
    assert asked == {str(one) for one in supply.requirements(ROOT / "requirements.txt")}


@pytest.mark.parametrize("how", [("-m", "tlx"), ("-c", COMMAND)], ids=["module", "command"])
def test_its_command_knows_the_built_in_cases(home: Path, how: tuple[str, str]) -> None:
    told = said(home, *how, "cases")
    assert "digits       Digits: printed to handwritten" in told
    assert f"below {home / 'data' / 'tlx'} (or set TLX_DATA)" in told


def test_it_writes_to_the_users_folders(home: Path) -> None:
    package, results, data, shipped = said(home, "-c", PLACES).splitlines()
    assert Path(package).is_relative_to(home / "package")
    assert Path(results).parent == home / "caches" / "tlx"
    assert Path(data) == home / "data" / "tlx"
    assert shipped == "True"


@contextmanager
def running(home: Path) -> Iterator[str]:
    """The address (without its scheme) of the app that `tlx app` starts; it ends with the block."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    options = f"app --port {port} -- --server.headless true --server.address 127.0.0.1 --server.fileWatcherType none"
    command = [sys.executable, "-P", "-m", "tlx", *options.split()]
    with (home / "log").open("w") as log:
        process = subprocess.Popen(command, **where(home), stdout=log, stderr=log)
    try:
        yield f"127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(timeout=20)
    assert "Traceback" not in (home / "log").read_text()


def until_up(address: str) -> None:
    for _ in range(150):
        with suppress(OSError), urlopen(address, timeout=2):
            return
        time.sleep(0.2)
    pytest.fail("the app was not up after half a minute")


def start_page(address: str) -> list[ForwardMsg]:
    """What a browser is sent until the page is whole."""
    ask, messages = BackMsg(), []
    ask.rerun_script.query_string = ""
    until_up(f"http://{address}/_stcore/health")
    with connect(f"ws://{address}/_stcore/stream", subprotocols=["streamlit"], max_size=None) as socket:
        socket.send(ask.SerializeToString())
        while not messages or messages[-1].WhichOneof("type") != "script_finished":
            messages.append(ForwardMsg.FromString(socket.recv(timeout=30, decode=False)))
    return messages


def test_its_app_shows_the_first_case_with_the_shipped_results(home: Path) -> None:
    """Under the settings of the config file that comes along, with links to all pages, and without computing."""
    with running(home) as address:
        messages = start_page(address)
    config = next(one.new_session.config for one in messages if one.WhichOneof("type") == "new_session")
    assert config.hide_sidebar_nav
    assert config.disable_data_export
    elements = [one.delta.new_element for one in messages if one.WhichOneof("type") == "delta"]
    assert not [one for one in elements if one.WhichOneof("type") in ("exception", "progress")]
    assert "Transferability score" in [one.metric.label for one in elements]
    assert {"Start", "Network", "New case"} <= {one.page_link.label for one in elements}
    assert not (home / "caches").exists()
    assert not [*(home / "elsewhere").iterdir()]
