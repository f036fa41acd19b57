"""Every CSV file of every page: one convention, so that files of several cases can be put together."""

from __future__ import annotations

import io
import re

import pandas as pd
import pytest
import streamlit as st
from streamlit.delta_generator import DeltaGenerator
from streamlit_help import app, run_to_end

from tlx import load_case, needs
from tlx.app.numbers import numbers, of_cases, of_classes, of_instances

PAGES = {
    "pages/1_Statistics.py": "statistics.confusion=on",
    "pages/2_Instances.py": "instances.both=on,instances.gather=target%2C8%2C9",
    "pages/3_Network.py": "network.criteria=on",
    "pages/4_Features.py": "",
    "pages/5_Compare.py": "",
}
OF_CASE = {
    "accuracy-digits",
    "labels-digits",
    "cases",
    "cases-over-depth",
    "sources",
    "strategies-digits",
}  # no row of these is of a class
DRAWN = {"x", "colour", "color", "marker", "angle", "size", "alpha", "fill", "border", "width", "halo", "sheet", "left"}
NAMES = {"title", "place"}  # of cases and layers, as pages have them
SHARES = re.compile(r"accuracy|confidence|^(before|after|change|stability|auc|kept|inherited|score|value|chance)")


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """File name without its ending -> its table, of all pages of digits."""
    found = {}
    patch = pytest.MonkeyPatch()
    made = DeltaGenerator.download_button

    def noted(self, label, data, *rest, **named):
        if str(named.get("file_name", "")).endswith(".csv"):
            found[named["file_name"].removesuffix(".csv")] = data
        return made(self, label, data, *rest, **named)

    patch.setenv("TLX_SHIPPED", "1")
    patch.setenv("TLX_CACHE", str(tmp_path_factory.mktemp("cache")))
    patch.setattr(DeltaGenerator, "download_button", noted)
    patch.setattr(st, "download_button", lambda *given, **named: noted(st._main, *given, **named))
    try:
        for path, view in PAGES.items():
            page = run_to_end(app(path, case="digits", view=view, **{"class": "8"}))
            assert not page.exception
        read = {name: pd.read_csv(io.BytesIO(data() if callable(data) else data)) for name, data in found.items()}
    finally:
        patch.undo()
    return read


def test_all_files_are_there(files):
    """A page's tables and figures each have theirs."""
    assert set(files) == {
        *OF_CASE,
        "classes-digits",
        "confusion-digits-source",
        "confusion-digits-target",
        "predictions-digits",
        "instances-digits-source",
        "instances-digits-target",
        "gathered-digits",
        "domain-score-digits-8",
        "domain-score-digits-9",
        "network-digits-8",
        "reuse-digits-8",
        "criteria-digits-8",
        "features-digits-8",
        "silencing-digits-8",
        "domain-gap-digits-8",
    }


def test_case_and_class_come_first(files):
    """Every file says whose numbers it has, and of which class where rows are of one."""
    for name, table in files.items():
        assert table.columns[0] == "case"
        assert set(table["case"]) == {"digits"} or name == "sources"  # whose rows are the cases of one target
        assert ("class" in table) == (name not in OF_CASE), name
        if "class" in table:
            assert table.columns[1] == "class"
            assert table["class"].notna().all()
        if (of := re.search(r"digits-(\d)$", name)) is not None:
            assert set(table["class"]) == {int(of[1])}


def test_columns_are_plain(files):
    """Lower-case names, one number or word a cell, and nothing of how a figure draws them."""
    for name, table in files.items():
        assert all(re.fullmatch(r"[a-z][a-z0-9_]*", column) for column in table.columns), name
        assert not (DRAWN - ({"x"} if name.startswith("instances") else set())) & set(table.columns), name
        for column in set(table.select_dtypes(exclude="number")) - NAMES:
            assert not table[column].astype(str).str.contains(r"[%×✓✗<(\[]").any(), (name, column)


def test_shares_are_fractions(files):
    """Nothing is in per cent: an accuracy is at most 1, and so is what it is made of."""
    seen = set()
    for name, table in files.items():
        if name.startswith("network"):
            table = table[table["kind"] == "similarity"]
        gaps = "measure" in table and (table["measure"] == "domain_gap").any()  # up to 2
        for column in table.select_dtypes("number"):
            if SHARES.search(column):
                seen.add(column)
                assert table[column].abs().max() <= 1 or gaps, (name, column)
    assert {"accuracy", "target_accuracy", "source_confidence", "score", "auc", "before", "value"} <= seen


def test_the_wrong_images_of_all_classes_are_in_one_file(files):
    """All 4,797 images with what both models say; those that the target model gets wrong come first."""
    table = files["predictions-digits"]
    instances, _ = needs.answered(needs.instances(load_case("digits")), lambda wanted: wanted())
    wrong = int(instances["mispredicted"].sum())
    assert len(table) == len(instances) == 4797
    assert not table["target_right"][:wrong].any()
    assert table["target_right"][wrong:].all()
    assert (table["target_right"] == (table["class"] == table["target_prediction"])).all()


def test_a_table_is_put_together_when_it_is_asked_for():
    """Renamed, with what is the same in every row beside the case, and without what is drawn."""
    table = pd.DataFrame({"x": [1, 2], "label": ["a", "b"], "fill": ["red", "blue"], "accuracy": [0.5, 1]})
    found = numbers(lambda: table, "toy", drop=["x"], model="target")
    assert found.to_dict("list") == {
        "case": ["toy", "toy"],
        "class": ["a", "b"],
        "model": ["target", "target"],
        "accuracy": [0.5, 1],
    }
    assert list(numbers(table, "toy", "c")["class"]) == ["c", "c"]
    assert len(numbers(table.iloc[:0], "toy", "c")) == 0


def test_cases_are_named_and_counts_are_numbers():
    """Of several cases the name says which; "3 of 10" is two columns."""
    table = pd.DataFrame({"title": ["A", "B"], "name": ["a", "b"], "compared": ["3 of 10", ""]})
    found = of_cases(table)
    assert list(found.columns) == ["case", "title", "classes_compared", "classes"]
    assert found["classes_compared"].tolist() == [3, pd.NA]
    assert of_cases(pd.DataFrame({"log_me": [1.0], "candidate": ["a"]})).columns.tolist() == ["case", "log_me"]


def test_a_classs_mistakes_are_one_word_and_one_number():
    table = pd.DataFrame({"class_name": ["a", "b"], "misclassified_as": [(("b", 3), ("c", 1)), ()]})
    assert of_classes(table)[["most_taken_for", "times"]].values.tolist() == [["b", 3], ["", 0]]


def test_marks_keep_their_places_and_nothing_that_is_drawn():
    marks = pd.DataFrame(
        {
            "domain": ["target"] * 2, "instance": [1, 2], "name": ["p", "q"], "split": ["test"] * 2,
            "label": ["a", "b"], "prediction": ["a", "a"], "confidence": [0.5, 0.6], "source_prediction": ["a", "b"],
            "source_confidence": [0.7, 0.8], "x": [1.0, 2.0], "y": [3.0, 4.0], "fill": ["red", "blue"],
        }
    )  # fmt: skip
    found = of_instances(marks)
    assert found["instance"].tolist() == [2, 1]
    assert found[["source_right", "target_right"]].values.tolist() == [[True, False], [True, True]]
    assert {"x", "y"} < set(found)
    assert "fill" not in found
