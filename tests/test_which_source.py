"""Compare's first question: candidates, the figure of a measure, and what the page says of them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from streamlit_help import spaced

from tlx import pipeline
from tlx.analysis import regret
from tlx.casefiles import candidates
from tlx.casefiles.loading import load_case
from tlx.figures.promise import promise
from tlx.results import PROMISES
from tlx.words import sources as words

ACCURACIES = np.array([[0.5, 0.6], [0.8, 0.9], [0.7, 0.7], [0.3, 0.4]])


def table(accuracies=ACCURACIES):
    names = ["<b>", "ladder-0", "ladder-1", "worst"]
    columns = {name: [0.3, 0.9, 0.6, 0.1] for name in PROMISES} | {"parameters": [5.0] * 4, "leep": [np.nan] * 4}
    by_seed = {f"accuracy_{at}": accuracies[:, at] for at in range(2)}
    means = {"accuracy": accuracies.mean(axis=1)}
    return pd.DataFrame(
        {"candidate": names, "title": [f"Title {name}" for name in names], **columns, **means, **by_seed}
    )


def source(figure, name):
    return figure.select_one({"name": name}).data


def test_every_seed_is_a_dot_and_every_mean_a_ring():
    figure = promise(table(), "log_me", chosen="worst")
    assert sorted(source(figure, "runs")["accuracy"]) == sorted(ACCURACIES.ravel())
    assert list(source(figure, "means")["value"]) == [0.3, 0.9, 0.6, 0.1]
    assert list(source(figure, "means")["accuracy"]) == pytest.approx([0.55, 0.85, 0.7, 0.35])
    assert list(source(figure, "means")["marker"]) == ["circle", "triangle", "triangle", "circle"]


def test_more_promising_is_to_the_right():
    """A small A-distance is promising, so its axis is turned round."""
    assert not promise(table(), "log_me").x_range.flipped
    assert promise(table(), "a_distance").x_range.flipped


def test_what_was_not_fine_tuned_is_not_drawn():
    unproved = table(np.where(np.arange(4)[:, None] == 1, np.nan, ACCURACIES))
    assert len(source(promise(unproved, "log_me"), "means")["value"]) == 3
    assert len(source(promise(unproved, "leep"), "means")["value"]) == 0


def test_the_page_says_which_source_is_best_and_which_measure_saw_it():
    said = spaced(words.verdict(table(), regret.judged(table()))).replace("\\", "")
    assert said.startswith(
        "Fine-tuned from 4 sources, 2 seeds each, the target is learned best from **Title ladder-0**"
    )
    assert "85 % in the mean; the worst comes to 35 %" in said
    assert "LogME orders them best (weighted τ 1.00)" in said
    assert "the best baseline is source accuracy (1.00)" in said
    assert "No measure is best everywhere" in said


def test_a_hostile_title_is_text():
    rows = table()
    rows.loc[1, "title"] = "<img src=x>"
    assert r"\<img" in words.verdict(rows, regret.judged(rows))


def test_without_runs_nothing_is_called_best():
    unproved = table(np.full((4, 2), np.nan))
    said = words.verdict(unproved, regret.judged(unproved))
    assert said.startswith("Measured: 4 sources; none can be said to be best")


def test_each_measure_says_what_its_choice_gives_away():
    judged = regret.judged(table())
    assert "gives away 0 points of accuracy, one at random 23.8 points." in words.spoken(judged, "log_me")
    assert words.spoken(judged, "parameters").endswith("It cannot order these sources.")
    assert "gives away 50 points" in words.spoken(judged, "a_distance")


def test_the_candidates_that_come_with_tlx_are_whole_and_small():
    """Eight sources and eight rungs, each measured and fine-tuned by three seeds, in 10 kB each."""
    found = candidates.shipped()
    assert {case.name for case in candidates.printed()} | {f"ladder-{k}" for k in range(8)} == {
        one.name for one in found
    }
    rows = pipeline.sources(found)
    assert rows[["accuracy_0", "accuracy_1", "accuracy_2"]].notna().all(axis=None)
    assert all(path.stat().st_size < 10e3 for path in candidates.FOLDER.glob("*.tlx"))


def test_the_runs_confirm_the_ladder_in_the_large():
    """With few layers drawn anew more is learned than with many, whatever the order within either half."""
    rungs = pipeline.sources([case for case in candidates.shipped() if case.name.startswith(candidates.LADDER)])
    accuracy = rungs.set_index("candidate")["accuracy"]
    assert accuracy[[f"ladder-{k}" for k in range(4)]].min() > accuracy[[f"ladder-{k}" for k in range(4, 8)]].max()


def test_only_the_handwritten_digits_have_candidates_that_come_with_tlx():
    """Nobody else's target is offered them."""
    from dataclasses import replace

    digits = load_case("digits")
    assert candidates.beside(digits) == candidates.shipped()
    assert candidates.beside(replace(digits, target=replace(digits.target, training_share=0.5))) == ()
