"""The cache folder is shown case by case, and clearing removes what was asked for and nothing else."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import remembering
from remembering import CASE, numbers, written

from tlx.__main__ import main
from tlx.storage import inventory, memory
from tlx.storage.memory import memoized

OTHER = replace(CASE, name="other", n_steps=4)  # other results, but the same images


@memoized(part="data")
def pixels(case, name):
    remembering.write(name)
    return b"x" * 100_000


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("TLX_CACHE", str(tmp_path / "store"))
    monkeypatch.setenv(remembering.COMPUTED, str(tmp_path / "computed"))
    for case in (CASE, OTHER):
        pixels(case, "pixels")
        numbers(case, "numbers", 25_000)
    assert written() == ["pixels", "numbers", "numbers"]
    return tmp_path / "store"


def rows(capsys: pytest.CaptureFixture[str], *options: str) -> dict[str, list[str]]:
    """What `python -m tlx cache` shows: for each label its numbers."""
    capsys.readouterr()
    assert main(["cache", *options]) == 0
    lines = capsys.readouterr().out.splitlines()
    return {label: front.split() for front, label in (line.split("  ", 1)[0:2] for line in map(joined, lines))}


def joined(line: str) -> str:
    """Two blanks once, between numbers and label."""
    numbers, _, label = line.strip().rpartition("  ")
    return f"{' '.join(numbers.split())}  {label}"


def test_each_case_is_shown_with_its_results_and_size(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The images that both use stand in a row of their own: 0.1 MB; the numbers take 0.2 MB."""
    shown = rows(capsys)
    assert shown["digits"] == ["1", "0.2"]
    assert shown["other"] == ["1", "0.2"]
    assert shown["digits and other"] == ["1", "0.1"]
    assert shown["altogether"] == ["3", "0.5"]


def test_clearing_a_case_keeps_what_another_one_uses(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = rows(capsys, "--clear", "digits")
    assert said == {"0.2 MB of case 'digits' removed": []}
    assert (numbers.is_stored(CASE, "numbers", 25_000), pixels.is_stored(CASE, "pixels")) == (False, True)
    assert numbers.is_stored(OTHER, "numbers", 25_000)
    assert "digits" not in " ".join(rows(capsys))
    rows(capsys, "--clear", "other")
    assert rows(capsys) == {f"in {home}": ["results", "MB"], "altogether": ["0", "0.0"]}


def test_a_cleared_case_is_computed_again_and_shown_again(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows(capsys, "--clear", "digits")
    numbers(CASE, "numbers", 25_000)
    pixels(CASE, "pixels")
    assert written()[3:] == ["numbers"]
    assert {"digits", "digits and other"} <= set(rows(capsys))


def test_a_case_without_results_is_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cache", "--clear", "digit"]) == 1
    assert capsys.readouterr().err == "tlx: case with results 'digit' is unknown; one of digits, other\n"
    rows(capsys, "--clear-all")
    assert main(["cache", "--clear", "digits"]) == 1
    assert capsys.readouterr().err == "tlx: no case has stored results\n"


def test_left_overs_and_other_versions_are_shown_and_cleared(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A stopped writing, results whose case nobody wrote down, and an older version with its own layout."""
    ours = memory.location()
    old = home / "v1" / "joblib" / "tlx" / "pipeline" / "images" / "0a1b"
    for folder in (old, ours / ("ab" * 8) / "tlx"):
        folder.mkdir(parents=True)
    (old / "output.pkl").write_bytes(b"x" * 2_000_000)
    (ours / ("ab" * 8) / "tlx" / "unfinished-1").write_bytes(b"x" * 1_000_000)
    shown = rows(capsys)
    assert shown["version 1, never read"] == ["1", "2.0"]
    assert shown["no known case (and 1 unfinished, never read)"] == ["0", "1.0"]
    rows(capsys, "--clear-old")
    assert not (home / "v1").exists()
    assert numbers.is_stored(CASE, "numbers", 25_000)
    rows(capsys, "--clear-all")
    assert [*home.rglob("*")] == []


def test_a_stopped_training_belongs_to_its_case(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    numbers(CASE, "numbers", 25_000)
    kept = memory.location() / "training" / CASE.fingerprint() / "target.pt"
    kept.parent.mkdir(parents=True)
    kept.write_bytes(b"x" * 3_000_000)
    assert rows(capsys)["digits"] == ["1", "3.2"]
    assert "not of tlx" not in " ".join(rows(capsys))
    rows(capsys, "--clear", "digits")
    assert not kept.parent.exists()
    assert numbers.is_stored(OTHER, "numbers", 25_000)


def test_nothing_outside_and_nothing_foreign_is_removed(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Not by a link out of the cache, nor what somebody put beside or among our folders, even named like them."""
    outside = home.parent / "precious"
    outside.mkdir()
    (outside / "file").write_text("kept")
    (home / "v7").symlink_to(outside)
    (memory.location() / ("cd" * 8)).symlink_to(outside)
    (home / "v8").mkdir()
    (home / "v8" / "thesis").write_text("kept")
    (home / "notes").write_text("kept")
    (memory.location() / "mine").write_text("kept")
    inside = inventory.shelves(memory.location())[0].folder
    (inside / "link").symlink_to(outside)
    capsys.readouterr()
    main(["cache"])
    assert (
        capsys.readouterr().out.splitlines()[-1] == "not of tlx and left alone: notes, v7, v8, cdcdcdcdcdcdcdcd, mine"
    )
    rows(capsys, "--clear-all")
    assert (outside / "file").read_text() == (home / "v8" / "thesis").read_text() == "kept"
    assert (home / "notes").exists()
    assert (memory.location() / "mine").exists()
    assert not inside.exists()


def test_a_case_may_be_called_anything(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    name = "../../*/\n" + "x" * 300
    numbers(replace(CASE, name=name, n_steps=9), "odd", 10)
    assert main(["cache"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 6
    assert main(["cache", "--clear", name]) == 0
    assert not numbers.is_stored(replace(CASE, n_steps=9), "odd", 10)
    assert numbers.is_stored(CASE, "numbers", 25_000)


def test_an_empty_or_missing_cache_is_shown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TLX_CACHE", "/nowhere/at/all")
    assert rows(capsys)["altogether"] == ["0", "0.0"]
    rows(capsys, "--clear-all")
