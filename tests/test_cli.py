"""The command line: what it computes is what the pages read, and what goes wrong is one sentence."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import small_case

from tlx import load_case, pipeline
from tlx.__main__ import main
from tlx.analysis import feature_visualisation
from tlx.networks import checkpoints


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TLX_CACHE", str(tmp_path / "store"))
    return small_case.write(tmp_path)


def test_cases_lists_what_each_case_still_needs(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cases"]) == 0
    assert "digits" in (said := capsys.readouterr().out)
    assert "still to compute: images, models" in said


def test_run_computes_what_the_pages_show(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Every class and both models, with the seconds of each stage."""
    assert main(["run", str(home), "--no-features"]) == 0
    said = capsys.readouterr().out
    for stage in ("images", "conductance", "abstraction", "comparison", "discriminability", "everything"):
        assert stage in said
    case = load_case(home)
    assert pipeline.comparison.is_stored(case, "lying")
    assert pipeline.discriminability.is_stored(case, "upright", "source")


def test_run_prints_a_line_a_stage_into_a_file(home: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """With its seconds, as soon as it is over: each result of the whole case, then each class; and no bars."""
    assert main(["run", str(home), "--no-features"]) == 0
    said = capfd.readouterr()
    assert said.err == ""
    assert "\r" not in said.out
    lines = [line.rpartition(": ")[0] for line in said.out.splitlines() if re.search(r": \d+\.\d s$", line)]
    assert lines.count("Reading the images of the source domain") == 1
    assert lines.index("Scoring the transfer") < lines.index("Class lying, 1 of 2")
    assert lines[-1] == "Class upright, 2 of 2"
    assert main(["run", str(home), "--no-features"]) == 0  # what is stored is no stage any more
    again = capfd.readouterr().out
    assert "Reading the images" not in again
    assert "Class lying, 1 of 2" in again


def test_run_draws_bars_on_a_terminal(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """And no line a stage, which would stand between them."""
    for stream in (sys.stdout, sys.stderr):
        monkeypatch.setattr(stream, "isatty", lambda: True)
    assert main(["run", str(home), "--no-features"]) == 0
    said = capsys.readouterr()
    assert "classes: 100%" in said.err
    assert "Scoring the transfer" not in said.out


def test_run_draws_the_neurons_at_the_top_of_the_ranking(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All of a model's layer in one batch, which takes half the time that one by one does."""
    drawn, batches = feature_visualisation.feature_images, []

    def counted(model: object, network: object, layer: str, *rest: Any, **named: Any) -> dict[int, Any]:
        batches.append((model, layer))
        return drawn(model, network, layer, *rest, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(feature_visualisation, "feature_images", counted)
    monkeypatch.setattr(feature_visualisation, "STEPS", 2)
    assert main(["run", str(home), "--classes", "upright"]) == 0
    assert len(batches) == len(set(batches)) > 1
    case = load_case(home)
    found = pipeline.discriminability(case, "upright", "target")
    assert pipeline.feature_image.is_stored(case, "target", *found.neurons[found.ranking[0]])


def test_run_of_one_class_leaves_the_others(home: Path) -> None:
    assert main(["run", str(home), "--classes", "lying", "--no-features"]) == 0
    assert not pipeline.comparison.is_stored(load_case(home), "upright")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["run", "nothing"], "case 'nothing' is unknown; one of digits"),
        (["run", "{home}", "--classes", "flying"], "class 'flying' is unknown; one of lying, upright"),
        (["check", "missing.toml"], "case file missing.toml does not exist"),
        (["train", "{plain}"], "names no checkpoint to write to; give a folder with --out"),
    ],
)
def test_a_mistake_is_one_sentence_and_a_non_zero_exit(
    home: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    plain = home.with_name("plain.toml")
    plain.write_text(home.read_text().split("[source_model]")[0])
    assert main([text.format(home=home, plain=plain) for text in arguments]) == 1
    last = capsys.readouterr().err.strip().splitlines()[-1]
    assert last.startswith("tlx: ")
    assert said in last


def test_sources_are_measured_and_proved(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One line for each candidate; accuracies only once they were fine-tuned, and then whether measures were right."""
    assert main(["sources", str(home)]) == 0
    said = capsys.readouterr().out
    assert "log_me" in said
    assert "Not fine-tuned: --prove" in said
    assert main(["sources", str(home), "--prove"]) == 0
    proved = capsys.readouterr().out
    assert "regret" in proved
    accuracies = pipeline.fine_tuned(load_case(home))
    assert len(accuracies) == pipeline.SEEDS
    assert f"{accuracies[0]:.3f}".rstrip("0") in proved


def test_a_source_that_is_the_target_is_one_sentence(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = home.read_text()
    source, target = (re.search(rf"\[{side}\](.*?)(?=\n\[|\Z)", text, re.DOTALL) for side in ("source", "target"))
    home.write_text(text.replace(source[1], target[1]))
    assert main(["sources", str(home)]) == 1
    assert "is the target itself" in capsys.readouterr().err


def test_check_says_that_a_case_will_work(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(home)]) == 0
    said = capsys.readouterr().out
    assert "target domain: 12 images, 2 classes" in said
    assert "7 analysed layers: conv1" in said
    assert said.strip().endswith("the case will work")


def test_check_names_a_checkpoint_that_does_not_fit(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    home.write_text(home.read_text().replace("image_size = 16", "image_size = 24"))
    assert main(["check", str(home)]) == 1
    assert "tensor 'fc6.weight' has shape (160, 256)" in capsys.readouterr().err


def test_train_writes_models_and_history_that_a_case_can_use(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    quick = "[source_model.training]\nepochs = 1\n[target_model.training]\nepochs = 1\n"
    case_file = home.with_name("quick.toml")
    case_file.write_text(home.read_text().split("[source_model]")[0] + quick)
    out = home.parent / "made"
    assert main(["train", str(case_file), "--out", str(out)]) == 0
    assert {path.name for path in out.iterdir()} == {"source.safetensors", "target.safetensors", "history.csv"}
    assert "scratch  epoch   1: source training 0." in capsys.readouterr().out
    history = pd.read_csv(out / "history.csv")
    assert set(history["model"]) == {"source", "target", "scratch"}
    assert checkpoints.read(out / "target.safetensors").epoch == 1
