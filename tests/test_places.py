"""Where pages, results and data lie: beside the package in a checkout, else in it and in the user's folders."""

from __future__ import annotations

from pathlib import Path

import pytest

from tlx import places
from tlx.casefiles import builtin
from tlx.storage import memory

ROOT = Path(__file__).parent.parent


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's folders of caches and of data; nothing else is set."""
    for name in ("TLX_CACHE", "TLX_DATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "caches"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    return tmp_path


@pytest.fixture
def installed(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package as a wheel has it, beside a streamlit_app.py of somebody else's."""
    package = home / "site-packages" / "tlx"
    (package / "site").mkdir(parents=True)
    (package.parent / "streamlit_app.py").touch()
    monkeypatch.setattr(places, "PACKAGE", package)
    return package


def test_in_a_checkout_everything_lies_beside_the_package() -> None:
    assert places.site() == ROOT
    assert (places.site() / places.ENTRY).is_file()
    assert memory.location() == ROOT / "cache" / f"v{memory.CACHE_VERSION}"
    assert builtin.root() == ROOT / "data"


def test_installed_it_writes_to_the_users_folders(installed: Path, home: Path) -> None:
    assert places.site() == installed / "site"
    assert memory.location() == home / "caches" / "tlx" / f"v{memory.CACHE_VERSION}"
    assert builtin.root() == home / "data" / "tlx"


@pytest.mark.parametrize("how", ["checkout", "installed"])
def test_what_is_set_holds(how: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also a path from where the user stands."""
    if how == "installed":
        request.getfixturevalue("installed")
    monkeypatch.setenv("TLX_CACHE", "some/results")
    monkeypatch.setenv("TLX_DATA", "some/data")
    assert memory.location() == Path("some/results") / f"v{memory.CACHE_VERSION}"
    assert builtin.root() == Path.cwd() / "some" / "data"
