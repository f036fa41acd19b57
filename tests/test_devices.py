"""What cannot be had is one sentence before anything is computed: devices, threads, classes, layers, processes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import small_case
import torch

from tlx.__main__ import main
from tlx.errors import ModelError
from tlx.networks import devices


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TLX_CACHE", str(tmp_path / "store"))
    return small_case.write(tmp_path, per_class=3)


@pytest.mark.parametrize("asked", ["nonsense", "cuda:99", "meta", "cpu:x", "gpu"])
def test_a_device_that_is_not_here_is_a_sentence(monkeypatch: pytest.MonkeyPatch, asked: str) -> None:
    monkeypatch.setenv("TLX_DEVICE", asked)
    with pytest.raises(
        ModelError, match=rf"TLX_DEVICE is '{asked}', .* no such device here .*; give one of cpu"
    ) as caught:
        devices.default()
    assert "\n" not in str(caught.value)


def test_a_device_that_is_here_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TLX_DEVICE", "cpu")
    assert devices.default() == torch.device("cpu")


@pytest.mark.parametrize("asked", ["abc", "0", "-1", "2.5", "²"])
def test_threads_that_are_no_number_are_a_sentence(monkeypatch: pytest.MonkeyPatch, asked: str) -> None:
    monkeypatch.setenv("TLX_THREADS", asked)
    with pytest.raises(ModelError, match=r"TLX_THREADS is .*; give how many threads to compute with, 1 or more"):
        devices.use_threads()


def test_a_command_with_nonsense_threads_ends_in_that_sentence(path: Path) -> None:
    """In a process of its own, since the module that reads the variable is imported once."""
    command = [sys.executable, "-m", "tlx", "check", str(path)]
    root = Path(__file__).parent.parent
    done = subprocess.run(command, capture_output=True, text=True, cwd=root, env={"TLX_THREADS": "abc"}, check=False)
    assert done.returncode == 1
    assert "tlx: TLX_THREADS is 'abc'" in done.stderr
    assert "Traceback" not in done.stderr


def stored(path: Path) -> list[str]:
    """What the store holds that takes long."""
    long = {"images", "conductance", "activations", "predictions", "_source_trained"}
    return [one.name for one in path.parent.glob("store/**/*") if one.is_dir() and one.name in long]


@pytest.mark.parametrize(
    ("old", "new", "words", "said"),
    [
        ("", "", ["--classes", "lyng"], "class 'lyng' is unknown; one of lying, upright"),
        ("", "", ["--jobs", "0"], "--jobs must be the number of processes, 1 or more"),
        ("n_steps = 4", 'n_steps = 4\nlayers = ["conv1", "covn2"]', [], "layer 'covn2' is unknown"),
        ('checkpoint = "target.pt"', 'checkpoint = "gone.pt"', [], "gone.pt does not exist"),
        ('checkpoint = "target.pt"', "[target_model.training]\nfreeze_until = 'cnv1'", [], "'cnv1' is unknown"),
        ("compact_alexnet", "compact_alexnt", [], "architecture 'compact_alexnt' is unknown"),
    ],
)
def test_what_would_stop_a_run_stops_it_at_once(
    path: Path, capsys: pytest.CaptureFixture[str], old: str, new: str, words: list[str], said: str
) -> None:
    path.write_text(path.read_text().replace(old, new) if old else path.read_text())
    assert main(["run", str(path), *words]) == 1
    assert said in capsys.readouterr().err
    assert stored(path) == []


def test_a_device_that_is_not_here_stops_every_command(
    path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TLX_DEVICE", "cuda:99")
    home = str(path.parent)
    for words in (["run"], ["train", "--out", home], ["export"], ["check"]):
        name, *rest = words
        assert main([name, str(path), *rest, *([f"{home}/x.tlx"] if name == "export" else [])]) == 1
        assert "TLX_DEVICE is 'cuda:99'" in capsys.readouterr().err
    assert stored(path) == []


def test_an_unknown_plant_is_named_before_images_are_read(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plant", str(path), str(path.parent / "out"), "--kinds", "permutd"]) == 1
    assert "plant 'permutd' is unknown" in capsys.readouterr().err
    assert stored(path) == []


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ({}, ["10000", "1"]),
        ({"GOMP_SPINCOUNT": "7", "KMP_BLOCKTIME": "200"}, ["7", "200"]),
        ({"OMP_WAIT_POLICY": "active"}, [None, None]),
    ],
)
def test_threads_give_their_core_away_unless_told_otherwise(given: dict[str, str], found: list[str | None]) -> None:
    """So that two processes on the same cores do not wait for each other; set before torch is loaded."""
    code = (
        "import sys, tlx, os, json; assert 'torch' not in sys.modules;"
        "print(json.dumps([os.environ.get(name) for name in ('GOMP_SPINCOUNT', 'KMP_BLOCKTIME')]))"
    )
    root = Path(__file__).parent.parent
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=root, env=given, check=True)
    assert json.loads(done.stdout) == found
