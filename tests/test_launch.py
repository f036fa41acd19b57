"""`tlx app` hands over to Streamlit: which script, which cases, which options; and what it refuses before that."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
import small_case

from tlx.__main__ import main

ROOT = Path(__file__).parent.parent


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[tuple[list[str], dict[str, str]]]:
    """(arguments, environment) of each process that this one would have turned into."""
    found: list[tuple[list[str], dict[str, str]]] = []

    def instead(program: str, arguments: list[str], environment: Any) -> None:
        assert program == sys.executable
        found.append((arguments, dict(environment)))
        raise SystemExit(0)  # as far as this process is concerned

    monkeypatch.setattr("os.execve", instead)
    monkeypatch.delenv("TLX_CASES", raising=False)
    return found


def test_streamlit_gets_the_entry_script_and_its_options(
    started: list[tuple[list[str], dict[str, str]]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit):
        main(["app", "--port", "8765", "--", "--server.headless", "true"])
    ((arguments, environment),) = started
    assert arguments[1:5] == ["-P", "-m", "streamlit", "run"]
    assert arguments[5] == str(ROOT / "streamlit_app.py")
    assert arguments[6:] == ["--server.port", "8765", "--server.headless", "true"]
    assert not environment["TLX_CASES"]


def test_cases_are_offered_beside_those_of_the_environment(
    started: list[tuple[list[str], dict[str, str]]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By their whole paths, before the others; built-in ones need no naming."""
    home = small_case.write(tmp_path)
    monkeypatch.chdir(home.parent)
    monkeypatch.setenv("TLX_CASES", "other.toml")
    with pytest.raises(SystemExit):
        main(["app", "digits", home.name])
    assert started[0][1]["TLX_CASES"] == f"{home}:other.toml"
    assert not started[0][0][6:]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("nothing", "case 'nothing' is unknown; one of digits"),
        ("nothing.toml", "case file nothing.toml does not exist"),
        ("nothing.tlx", "nothing.tlx"),
        ("wrong.toml", "wrong.toml"),
        ("office31", "the images of case 'office31' are not here"),
        ("a:b.toml", "':' separates the paths in TLX_CASES"),
    ],
)
def test_a_case_that_cannot_be_offered_is_one_sentence_and_nothing_starts(
    started: list[tuple[list[str], dict[str, str]]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    name: str,
    said: str,
) -> None:
    small_case.write(tmp_path).rename(tmp_path / "a:b.toml")
    (tmp_path / "wrong.toml").write_text("kind = ")
    monkeypatch.setenv("TLX_DATA", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert main(["app", name]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("tlx: ")
    assert said in line
    assert not started


@pytest.mark.parametrize(
    ("program", "called"), [("/usr/bin/tlx", "tlx"), ("/x/tlx/__main__.py", "python -m tlx")], ids=["command", "module"]
)
def test_the_help_names_the_program_as_it_was_called(
    program: str, called: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", [program])
    with pytest.raises(SystemExit):
        main(["app", "--help"])
    assert capsys.readouterr().out.startswith(f"usage: {called} app ")
