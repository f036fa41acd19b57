"""Compare's second question: offered with its cost, then the advice, the figure of strategies, and the blocks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import small_case
from streamlit.testing.v1 import AppTest
from streamlit_help import app, component, run_to_end, source_of, text_of

from tlx import load_case, pipeline
from tlx.casefiles import builtin
from tlx.figures.what_to_freeze import what_to_freeze
from tlx.results import BlockGradients
from tlx.words import freezing

TITLES = {"none": "source model as it is", "all": "all layers", "head": "head only", "only a": "a and head"}


def table() -> pd.DataFrame:
    rows = [
        {"strategy": name, "title": title, "rate": 3.0, "validation": 0.5}
        | {"accuracy": 0.5 + at / 10, "accuracy_0": 0.4 + at / 10, "accuracy_1": 0.6 + at / 10}
        | {"source": 0.9 - at / 10, "source_0": 0.9 - at / 10, "source_1": 0.9 - at / 10}
        for at, (name, title) in enumerate(TITLES.items())
    ]
    return pd.DataFrame(rows)


def test_every_seed_is_a_dot_on_either_domain_and_the_advised_strategy_is_marked() -> None:
    """From top to bottom as in the table; the target's dots above the source's."""
    drawn = what_to_freeze(table(), "only a")
    data = {name: drawn.select_one({"name": name}).data for name in ("target", "source", "means target", "advised")}
    assert sorted(data["target"]["accuracy"]) == pytest.approx(sorted([0.4, 0.5, 0.6, 0.7, 0.6, 0.7, 0.8, 0.9]))
    assert list(data["means target"]["x"]) == pytest.approx([0.5, 0.6, 0.7, 0.8])
    assert list(data["advised"]["y"]) == [0.0]
    labels = drawn.left[0].major_label_overrides
    assert labels[0.0] == "a and head (advised)"
    assert labels[3.0] == "source model as it is"
    first = np.array(data["target"]["title"]) == "all layers"
    assert (np.array(data["target"]["place"])[first] > 2).all()
    assert (np.array(data["source"]["place"])[first] < 2).all()


def test_of_a_long_name_the_end_is_read() -> None:
    rows = table()
    rows.loc[3, "title"] = "features.denseblock4.denselayer16.conv2 and head"
    labels = what_to_freeze(rows).left[0].major_label_overrides
    assert labels[0.0].startswith("…")
    assert labels[0.0].endswith("conv2 and head")


def test_a_hostile_name_is_text() -> None:
    one = np.ones((2, 2))
    said = freezing.words(BlockGradients(("<img src=x>", "head"), one, one * [2.0, 1.0], one), None)
    assert r"\<img" in said
    assert "<img" not in said.replace(r"\<img", "")


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AppTest:
    """Of a small case alone, with one rate and one seed."""
    monkeypatch.setattr(builtin, "cases", dict)
    monkeypatch.setattr(pipeline, "RATES", (1.0, 3.0))
    monkeypatch.setattr(pipeline, "SEEDS", 1)
    monkeypatch.setenv("TLX_CACHE", str(tmp_path / "store"))
    made = small_case.write(tmp_path, per_class=12)
    made.write_text(f'layers = ["conv1", "fc6"]\n{made.read_text()}[target_model.training]\nepochs = 1\n')
    monkeypatch.setenv("TLX_CASES", str(made))
    return app("pages/5_Compare.py", case="bars")


def press(page: AppTest, label: str) -> AppTest:
    next(button for button in page.button if button.label.startswith(label)).click()
    return run_to_end(page)


def test_nothing_is_computed_by_opening(page: AppTest, tmp_path: Path) -> None:
    """First the advice is offered, then the strategies; each says what it costs."""
    run_to_end(page)
    case = load_case(tmp_path / "bars.toml")
    assert "What to freeze?" in text_of(page)
    assert not pipeline.block_gradients.is_stored(case)
    assert not [one for one in page.button if one.label.startswith("Train by every strategy")]
    press(page, "Ask what to freeze (about")
    assert "Advised to be trained" in text_of(page)
    assert "does not beat" not in text_of(page)
    assert not pipeline.strategies.is_stored(case)
    press(page, "Train by every strategy (about")
    said = text_of(page)
    assert "training all layers" in said
    assert "that of 1 or 3 times the case's learning rate" in said
    assert "The target's also chose the rates" in said
    found = pipeline.strategies(case)
    assert sorted(source_of(page, "what to freeze", "target")["accuracy"]) == sorted(found["accuracy_0"])
    assert component(page, "what to freeze").proto
    blocks = next(one.value for one in page.dataframe if "pull" in one.value)
    assert blocks["block"].tolist() == ["conv1", "fc6", "head"]
    assert blocks["advised"].tolist().count("✓") == 1


def test_network_shows_it_beside_the_edges_that_the_class_keeps(monkeypatch: pytest.MonkeyPatch) -> None:
    """All of it comes with `digits`; kept edges are the chosen class's own, Compare has the mean of classes."""
    monkeypatch.setenv("TLX_SHIPPED", "1")
    page = run_to_end(app("pages/3_Network.py", case="digits", **{"class": "3"}))
    assert "Advised to be trained: **fc7 and head**" in text_of(page)
    blocks = next(one.value for one in page.dataframe if "pull" in one.value).set_index("block")
    kept = pipeline.reuse(load_case("digits"), "3").table.query("measure == 'kept' and second != ''")
    assert blocks["reuse"].dropna().to_dict() == pytest.approx((kept.set_index("second")["value"] * 100).to_dict())
    assert len(kept) == 6
