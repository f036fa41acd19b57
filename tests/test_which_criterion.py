"""The section "Which criterion?" of the Network page: offered with its cost, then charts, sentences and a table."""

from __future__ import annotations

from dataclasses import replace

import fakes
import numpy as np
import pandas as pd
import pytest
import zigzag_case as toy
from streamlit_help import app, component, run_to_end, sent, source_of, spaced, text_of

from tlx.figures import criteria as figures
from tlx.figures.key import html
from tlx.results import CRITERIA, Criteria
from tlx.words import criteria as words

PAGE = "pages/3_Network.py"
OPEN = {"class": "cup", "view": "network.criteria=on"}
NAMES = ("conductance", "activation", "deep_lift")
LEFT_OUT = {"lrp": "LRP cannot run here: '<b>relu</b>' is called 2 times in one pass"}
LAYERS = tuple(toy.UNITS)


def agreement() -> pd.DataFrame:
    """Activation shares 0.2, DeepLift 0.9 of conductance's important neurons in each layer."""
    values = {("conductance", "activation"): 0.2, ("conductance", "deep_lift"): 0.9, ("activation", "deep_lift"): 0.1}
    rows = [(layer, *pair, value, 0.05, value - 0.3) for layer in LAYERS for pair, value in values.items()]
    return pd.DataFrame(rows, columns=["layer", "first", "second", "overlap", "chance", "rank"])


AFTER = {"conductance": 0.5, "activation": 0.7, "deep_lift": 0.4}


def deletion() -> pd.DataFrame:
    """From 90 % down to what `AFTER` says; by the last ranked to 80 %, by random ones to 60 % (50 to 70)."""
    nan, rows = float("nan"), []
    for layer in LAYERS:
        for name, after in AFTER.items():
            rows += [(layer, name, "first", 0, 0.0, 0.9, nan, nan), (layer, name, "first", 2, 0.5, after, nan, nan)]
            rows += [(layer, name, "last", 0, 0.0, 0.9, nan, nan), (layer, name, "last", 2, 0.5, 0.8, nan, nan)]
        rows += [(layer, "", "random", 0, 0.0, 0.9, 0.9, 0.9), (layer, "", "random", 2, 0.5, 0.6, 0.5, 0.7)]
    return pd.DataFrame(rows, columns=["layer", "criterion", "order", "k", "share", "accuracy", "low", "high"])


def reading() -> pd.DataFrame:
    """Kept edges are fewest behind layer 2 under all, inherited ones under two; ranks have no spread under one."""
    kept = dict.fromkeys(NAMES, (0.9, 0.5))
    inherited = {**kept, "activation": (0.25, 0.75)}
    ranks = {"conductance": (0.3, 0.2, 0.1), "deep_lift": (0.3, 0.1, 0.2), "activation": (np.nan,) * 3}
    rows = []
    for name in NAMES:
        for pair, *values in zip((toy.FIRST, toy.SECOND), kept[name], inherited[name], strict=True):
            rows += [
                (name, measure, *pair, value) for measure, value in zip(("kept", "inherited"), values, strict=True)
            ]
        rows += [(name, "rank_agreement", layer, "", rank) for layer, rank in zip(LAYERS, ranks[name], strict=True)]
    return pd.DataFrame(rows, columns=["criterion", "measure", "first", "second", "value"])


RESULT = Criteria("cup", NAMES, LEFT_OUT, 10, 4, "test", agreement(), deletion(), reading())


def shown(monkeypatch):
    toy.install(monkeypatch)
    fakes.install(monkeypatch, {"criteria": lambda *_: RESULT})
    return run_to_end(app(PAGE, **OPEN))


def test_it_is_offered_with_its_cost_and_not_computed(monkeypatch, tmp_path):
    monkeypatch.setenv("TLX_CACHE", str(tmp_path))
    monkeypatch.setenv("TLX_SHIPPED", "0")
    toy.install(monkeypatch)
    page = run_to_end(app(PAGE, **{"class": "cup"}))
    assert not [one.label for one in page.button if "criteria" in one.label]
    (switch,) = [one for one in page.toggle if "criteria" in one.label]
    switch.set_value(True)
    run_to_end(page)
    (button,) = [one.label for one in page.button if "criteria" in one.label]
    assert spaced(button).startswith("Compare attribution criteria on class cup (about ")
    assert "Here it stands beside others" in text_of(page)
    with pytest.raises(LookupError):
        component(page, "criteria overlap")


def test_the_charts_hold_each_criterion_against_conductance(monkeypatch):
    page = shown(monkeypatch)
    assert not page.exception
    points = source_of(page, "criteria overlap", "points")
    assert list(points["criterion"]) == ["activation", "deep_lift"] * 3
    assert list(points["value"]) == [0.2, 0.9] * 3
    assert list(source_of(page, "criteria overlap", "chance")["chance"]) == [0.05] * 3
    assert list(source_of(page, "criteria rank", "points")["value"]) == pytest.approx([-0.1, 0.6] * 3)
    assert sent(page, "criteria rank")["label"].endswith("mean over layers: activation -0.10, DeepLift 0.60")


def test_every_layer_has_its_deletion_curves(monkeypatch):
    page = shown(monkeypatch)
    for layer in LAYERS:
        first = source_of(page, f"deletion {layer}", "first")
        assert dict(zip(first["criterion"], first["ys"], strict=True)) == {n: [0.9, AFTER[n]] for n in NAMES}
        assert first["criterion"][-1] == "conductance"  # drawn on top
        assert list(source_of(page, f"deletion {layer}", "random")["low"]) == [0.9, 0.5]
        assert [one[-1] for one in source_of(page, f"deletion {layer}", "last")["ys"]] == [0.8] * 3


def test_what_was_found_is_said(monkeypatch):
    said = text_of(shown(monkeypatch)).replace("\\", "")
    assert "**DeepLift** comes nearest to conductance (overlap of important neurons 0.90" in said
    assert "**activation** least (0.20; chance 0.05)" in said
    assert "costs most under **DeepLift**: accuracy goes from 90 % to 40 % in the mean of the curves" in said
    assert "under conductance to 50 %, by random important neurons to 60 %, by the last ranked to 80 %" in said
    assert "These are only 4 images." in said
    assert "by kept edges from layer 2 to 3 (under every criterion)" in said
    assert "by inherited edges from layer 2 to 3 (under 2 of 3 criteria)" in said
    assert "by rank agreement in layer 3 (under 1 of 2 criteria)" in said
    assert "LRP cannot run here: '<b>relu</b>' is called 2 times in one pass." in said
    assert "4 test images of class cup" in said


def test_a_reason_is_shown_as_text():
    assert r"\<b\>relu" in words.words(RESULT, toy.NETWORK)


def test_the_table_reads_reuse_under_each_criterion():
    lines = spaced(words.reading_table(RESULT, toy.NETWORK)).splitlines()
    assert lines[0] == "| Layers of least reuse | Kept edges | Inherited edges (paper) | Rank agreement |"
    assert lines[2] == "| conductance | 2→3 (50 %) | 2→3 (50 %) | 3 (0.10) |"
    assert lines[3] == "| activation | 2→3 (50 %) | 1→2 (25 %) | – |"


def test_without_edges_or_held_out_images_the_rest_is_said():
    ranks = RESULT.reading[RESULT.reading["measure"] == "rank_agreement"]
    alone = Criteria("cup", NAMES, {}, 10, 0, "test", agreement(), deletion().assign(accuracy=np.nan), ranks)
    said = words.words(alone, toy.NETWORK)
    assert "No image of the class is held out" in said
    assert "kept edges" not in said
    wrong = replace(alone, held_out=30, deletion=deletion().assign(accuracy=0.0))
    assert "right about no held-out image" in words.words(wrong, toy.NETWORK)
    assert "only" not in words.words(replace(RESULT, held_out=30), toy.NETWORK)
    assert words.reading_table(alone, toy.NETWORK).splitlines()[0] == "| Layers of least reuse | Rank agreement |"


def test_the_key_names_what_is_drawn():
    assert [entry.text for entry in figures.key(RESULT)][:3] == [CRITERIA[name].title for name in NAMES]
    assert html(figures.key(RESULT)).count("<li") == 5


def test_marks_of_a_layer_do_not_hide_one_another():
    table = figures.agreement_table(RESULT, toy.NETWORK, "overlap")
    assert not table.duplicated("x").any()
    assert (abs(table["x"] - table["index"]) < 0.5).all()
    assert len({*figures.COLOURS.values()}) == len({*figures.MARKERS.values()}) == len(CRITERIA)


def test_the_numbers_file_has_all_three_tables():
    table = words.every_number(RESULT)
    assert table["of"].value_counts().to_dict() == {"deletion": 42, "reuse": 21, "agreement": 9}
