"""A case that brings its models from elsewhere: with no history, or a part of one, or from a partial checkpoint."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
import small_case
import torch
from streamlit_help import app, run_to_end, source_of, text_of

from tlx import pipeline
from tlx.__main__ import main
from tlx.casefiles.loading import load_case
from tlx.text import escape

PAGE = "pages/1_Statistics.py"


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = small_case.write(tmp_path, per_class=12)
    monkeypatch.setenv("TLX_CASES", str(path))
    return path


def test_without_a_history_everything_else_works(path: Path) -> None:
    page = run_to_end(app(PAGE, case="bars"))
    assert not page.exception
    said = text_of(page)
    assert "without an accuracy history, so there are no lines to draw" in said
    assert "95 % interval, n = 4" in said
    assert "epoch" not in said.partition("Target model")[2].partition("Classes")[0]
    assert page.dataframe[0].value["class_name"].tolist() == ["lying", "upright"]


def test_a_history_of_one_model_is_drawn_and_the_other_is_said_to_be_missing(path: Path) -> None:
    rows = [("target", domain, "validation", epoch, 0.5, 4) for domain in ("source", "target") for epoch in (0, 1)]
    table = pd.DataFrame(rows, columns=["model", "domain", "split", "epoch", "accuracy", "n"])
    table.assign(remark="kept").to_csv(path.with_name("history.csv"))
    path.write_text(path.read_text() + 'history = "history.csv"\n')
    page = run_to_end(app(PAGE, case="bars"))
    assert not page.exception
    assert list(source_of(page, "accuracy", "target target validation")["accuracy"]) == [0.5, 0.5]
    assert "The source model has no accuracy history, so its lines are missing" in text_of(page)


def test_what_a_partial_checkpoint_gave_is_said_on_the_pages(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    state = torch.load(path.with_name("source.pt"))
    torch.save({"model": {n: one for n, one in state.items() if "conv" in n}, "epoch": 3}, path.with_name("part.pth"))
    training = "[source_model.training]\nepochs = 1\n"
    path.write_text(path.read_text().replace('checkpoint = "source.pt"', f'initial = "part.pth"\n{training}'))
    said = "10 of 16 tensors taken from checkpoint part.pth, not fc6.weight, fc6.bias, fc7.weight, fc7.bias and 2 more"
    assert main(["check", str(path)]) == 0
    assert f"source model: will be trained; {said}" in capsys.readouterr().out
    pipeline.trained(load_case(path), "source")
    assert f"Source model: {escape(said, 600)}." in text_of(run_to_end(app(PAGE, case="bars")))
