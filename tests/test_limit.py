"""Stored results obey $TLX_CACHE_LIMIT: what was used longest ago goes first, trainings last, nothing foreign ever."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import remembering
from remembering import CASE, numbers, written
from streamlit.testing.v1 import AppTest

from tlx.__main__ import main
from tlx.errors import UserError
from tlx.storage import inventory, limit, memory
from tlx.text import sentence

COUNT = 25_000  # numbers of eight bytes: 0.2 MB a result
ROOT = Path(__file__).parent.parent


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("TLX_CACHE", str(tmp_path / "store"))
    monkeypatch.setenv(remembering.COMPUTED, str(tmp_path / "computed"))
    return tmp_path / "store"


def stored(name: str) -> bool:
    return numbers.is_stored(CASE, name, COUNT)


def aged(path: Path, seconds: float) -> Path:
    """The file as if it had last been used so long ago."""
    then = time.time() - seconds
    os.utime(path, (then, then))
    return path


def entries(home: Path) -> list[Path]:
    return sorted(home.rglob("output.pkl"), key=lambda path: path.stat().st_mtime)


def size(home: Path) -> int:
    return sum(facts.st_size for _, facts in inventory.files(memory.location()))


@pytest.mark.parametrize(
    ("text", "most"),
    [
        ("", None),
        (" ", None),
        ("123", 123),
        ("20GB", 20 * 10**9),
        ("1.5 mb", 1_500_000),
        ("7k", 7000),
        ("2T", 2 * 10**12),
    ],
)
def test_a_limit_is_bytes_or_has_a_unit(monkeypatch: pytest.MonkeyPatch, text: str, most: int | None) -> None:
    monkeypatch.setenv(limit.LIMIT, text)
    assert limit.given() == most


@pytest.mark.parametrize("text", ["plenty", "-1", "0", "20 GB or so", "1e9", "GB", "0.1", "٣"])
def test_nonsense_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], text: str
) -> None:
    """By every command before it begins, and on every page."""
    monkeypatch.setenv(limit.LIMIT, text)
    with pytest.raises(UserError, match="TLX_CACHE_LIMIT is '"):
        limit.given()
    assert main(["cases"]) == 1
    said = capsys.readouterr()
    assert (said.out, said.err.count("\n")) == ("", 1)
    assert said.err.startswith(f"tlx: TLX_CACHE_LIMIT is {text!r}, and has to be")


def test_a_page_says_so_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(limit.LIMIT, "plenty")
    page = AppTest.from_file(str(ROOT / "streamlit_app.py"), default_timeout=60).run()
    with pytest.raises(UserError) as raised:
        limit.given()
    assert [error.value for error in page.error] == [sentence(raised.value)]
    assert not page.exception


def test_what_was_used_longest_ago_goes_first(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading is use. Of five results in room for four and a half, the oldest goes; its next caller computes it."""
    monkeypatch.setenv(limit.LIMIT, str(int(4.5 * 8 * COUNT)))
    for at, name in enumerate("abcd"):
        numbers(CASE, name, COUNT)
        aged(entries(home)[-1], 1000 - at)
    numbers(CASE, "a", COUNT)
    assert limit.sentence(memory.location()) == ""
    numbers(CASE, "e", COUNT)
    assert [name for name in "abcde" if stored(name)] == ["a", "c", "d", "e"]
    assert size(home) < 4.5 * 8 * COUNT
    assert written() == list("abcde")
    numbers(CASE, "b", COUNT)
    assert written() == [*"abcde", "b"]
    assert not stored("c")


def test_without_a_limit_nothing_goes(home: Path) -> None:
    for name in "abcd":
        numbers(CASE, name, COUNT)
    assert all(map(stored, "abcd"))
    assert limit.sentence(memory.location()) == ""


def test_trainings_go_last_and_nothing_foreign_ever(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Other versions' results and stopped writings first, whatever their age; a training that goes on stays."""
    here = memory.location()
    model = here / ("ab" * 8) / "tlx" / "pipeline" / "trained" / "x" / "output.pkl"
    old = home / "v1" / "joblib" / "tlx" / "images" / "y" / "output.pkl"
    stopped = here / ("ab" * 8) / "tlx" / "unfinished-1"
    states = [here / "training" / ("ab" * 8) / f"{name}.pt" for name in ("long ago", "going on")]
    foreign = [home / "thesis.pkl", here / "notes", here / "locks" / "x.lock", home / "case.tlx"]
    for path in (model, old, stopped, *states, *foreign):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x" * 100_000)
        aged(path, 9000)
    aged(states[1], 10)
    aged(old, 5)
    monkeypatch.setenv(limit.LIMIT, "900KB")
    for name in "abc":  # 0.6 MB beside 0.6: the two left-overs have to go, and one more
        numbers(CASE, name, COUNT)
        time.sleep(0.01)
    assert [path.exists() for path in (old, stopped, model, *states)] == [False, False, True, True, True]
    assert [stored(name) for name in "abc"] == [False, True, True]
    monkeypatch.setenv(limit.LIMIT, "150KB")
    numbers(CASE, "d", 10)
    assert not any(map(stored, "abc"))
    assert [path.exists() for path in (model, *states)] == [False, False, True]
    assert all(path.exists() for path in foreign)


def test_it_is_said_that_the_limit_was_reached(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """By `cache` and the start page, as long as that limit holds."""
    monkeypatch.setenv(limit.LIMIT, "0.5 MB")
    numbers(CASE, "a", COUNT)
    main(["cache"])
    assert capsys.readouterr().out.splitlines()[-1] == "No limit was reached: 500 KB (TLX_CACHE_LIMIT)."
    for name in "bcd":
        numbers(CASE, name, COUNT)
    main(["cache"])
    said = capsys.readouterr().out.splitlines()[-1]
    assert said == limit.sentence(memory.location())
    assert said.startswith(
        "Stored results have reached the limit of 500 KB (TLX_CACHE_LIMIT): 2 results that were used "
    )
    page = AppTest.from_string("from tlx.app.start import cards\ncards.limit_reached()").run()
    assert ["have reached the limit" in caption.value for caption in page.caption] == [True]
    monkeypatch.setenv(limit.LIMIT, "1 MB")
    assert limit.sentence(memory.location()) == ""


def test_several_processes_keep_the_limit_together(home: Path) -> None:
    """Four that each store and read more than fits: every answer is right, and no more is left than may be."""
    code = (
        "import sys, remembering\n"
        "for at in range(12):\n"
        "    for name in (f'{sys.argv[1]}-{at}', f'shared-{at}'):\n"
        "        assert remembering.numbers(remembering.CASE, name, 25_000)['squares'][-1] == 24_999**2\n"
    )
    environment = os.environ | {
        "TLX_CACHE_LIMIT": "1MB",
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tests")]),
    }
    processes = [
        subprocess.Popen([sys.executable, "-c", code, str(at)], env=environment, stderr=subprocess.PIPE)
        for at in range(4)
    ]
    said = [process.communicate()[1].decode() for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0, 0], said
    assert said == [""] * 4
    os.environ["TLX_CACHE_LIMIT"] = "1MB"
    try:
        numbers(replace(CASE, n_steps=9), "last", 10)
    finally:
        del os.environ["TLX_CACHE_LIMIT"]
    assert size(home) <= 1_000_000
