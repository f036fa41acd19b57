"""Sources by targets: which cases form a matrix, which case stands in a cell, and what a tap chooses."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest

from tlx.app.compare import source_target
from tlx.casefiles.loading import load_case
from tlx.figures import source_target as chart

DIGITS = load_case("digits")


def case(name, source, target):
    """A case of these kinds of digits; a domain is another one by its seed."""
    ends = {
        "source": replace(DIGITS.source, seed=source, title=f"s{source}"),
        "target": replace(DIGITS.target, seed=target, title=f"t{target}"),
    }
    return replace(DIGITS, name=name, title=name.upper(), **ends)


CASES = (case("a", 1, 1), case("b", 1, 2), case("c", 2, 1), case("again", 1, 1), case("unknown", 2, 2))


def table(**scores):
    rows = [{"name": one.name, "title": one.title, "score": scores.get(one.name, float("nan"))} for one in CASES]
    numbers = {"low": 0.0, "high": 0.2, "source_accuracy": 0.5, "target_accuracy": 0.6}
    return pd.DataFrame(rows).assign(**numbers)


SCORES = table(a=0.1, b=-0.05, c=0.2, again=0.15)


def test_each_pair_of_domains_is_a_cell_and_the_best_case_stands_in_it():
    """Two cases join s1 and t1: the better one counts; one without a score has no cell."""
    cells = source_target.cells_of(CASES, SCORES)
    found = {(row["source"], row["target"]): (row["name"], row["score"]) for row in cells.to_dict("records")}
    assert found == {("s2", "t1"): ("c", 0.2), ("s1", "t1"): ("again", 0.15), ("s1", "t2"): ("b", -0.05)}


@pytest.mark.parametrize("scores", [{"a": 0.1, "b": 0.2}, {"a": 0.1, "c": 0.2}, {"b": 0.1, "c": 0.2}, {}])
def test_no_matrix_where_there_are_not_two_of_either_or_nothing_to_compare(scores):
    """One source, one target, or two cases that share neither."""
    assert source_target.cells_of(CASES, table(**scores)).empty


def test_domains_are_told_by_their_images_not_by_their_titles():
    """The same images under two titles are one row; others under one title are two."""
    one = replace(CASES[2], target=replace(CASES[2].target, title="another name"))
    other = replace(CASES[1], target=replace(CASES[1].target, title="t1"))
    cells = source_target.cells_of((CASES[0], other, one), SCORES[SCORES["name"].isin(["a", "b", "c"])])
    assert sorted(set(cells["target"])) == ["t1", "t1 (2)"]


def test_gains_are_blue_and_losses_red_and_the_chosen_case_is_framed():
    cells = source_target.cells_of(CASES, SCORES)
    data = chart.source_target(cells, "b").select_one({"name": "cells"}).data
    at = list(data["name"]).index("b")
    assert list(data["frame"]) == [float(name == "b") for name in data["name"]]
    assert data["written"][at] == "−5.0"
    fills = data["fill"][at], data["fill"][list(data["name"]).index("c")]
    red, blue = (int(fill[1:3], 16) - int(fill[5:7], 16) for fill in fills)
    assert red > 0 > blue


def test_a_tap_chooses_the_case_of_its_cell(monkeypatch):
    chosen = []
    monkeypatch.setattr(source_target, "choose", lambda **how: chosen.append(how["case"]))
    cells = source_target.cells_of(CASES, SCORES)  # rows from below: s1, s2; columns: t1, t2
    for x, y in ((0.5, 1.5), (1.5, 0.5), (1.5, 1.5), (-0.2, 0.5), (0.5, 2.3)):
        source_target.tap({"x": x, "y": y}, cells)
    assert chosen == ["c", "b"]
