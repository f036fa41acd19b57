"""What keeps pages usable with a hundred classes and 20,000 images: nothing begins unasked or is done twice."""

from __future__ import annotations

import os
from pathlib import Path

import many_cases
import numpy as np
import pandas as pd
import pytest
import small_case
import statistics_case as toy
import streamlit as st
from bokeh.models import CustomJSTicker, HoverTool
from streamlit_help import app, run_to_end

from tlx import findings, load_case, pipeline
from tlx.analysis import means, statistics
from tlx.app import costs, jobs, known_cases
from tlx.app.compare import summaries
from tlx.app.instances import domain_scores
from tlx.casefiles import builtin
from tlx.cases import DOMAINS, MODELS
from tlx.figures import confusion as figure
from tlx.figures import scatter, theme
from tlx.figures.confusion import confusion
from tlx.figures.pictures import Pictures
from tlx.images import files
from tlx.storage.store import Store

PAGES = ("1_Statistics", "2_Instances", "3_Network", "4_Features")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two cases that share their images, with nothing stored, and no others."""
    st.cache_data.clear()
    first = small_case.write(tmp_path)
    other = first.with_name("other.toml")
    other.write_text(first.read_text().replace('title = "Bars"', 'title = "Other"', 1))
    monkeypatch.setenv("TLX_CACHE", str(tmp_path / "store"))
    monkeypatch.setenv("TLX_CASES", os.pathsep.join(map(str, (first, other))))
    monkeypatch.setattr(builtin, "cases", dict)
    jobs.forget_jobs()
    return first


@pytest.mark.parametrize("page", PAGES)
def test_no_page_begins_what_takes_long(home: Path, monkeypatch: pytest.MonkeyPatch, page: str) -> None:
    """Where everything is said to take long, a page has a button with the cost, and nothing of the models is asked."""
    monkeypatch.setattr(costs, "MOMENT", 0)
    shown = run_to_end(app(f"pages/{page}.py", case="bars"))
    assert not shown.exception
    assert [button.label for button in shown.button if "(about" in button.label]
    case = load_case(home)
    for function in (pipeline.predictions, pipeline.conductance, pipeline.vectors, pipeline.activations):
        assert not any(function.is_stored(case, model, domain) for model in MODELS for domain in DOMAINS)


def test_the_button_begins_it(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(costs, "MOMENT", 0)
    shown = run_to_end(app("pages/2_Instances.py", case="bars"))
    next(button for button in shown.button if button.label.startswith("Show the instances")).click()
    run_to_end(shown)
    assert "Draw the instances" in " ".join(button.label for button in shown.button)
    assert pipeline.predictions.is_stored(load_case(home), "source", "source")


def test_a_folder_of_several_cases_is_looked_at_once(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two cases with the same two folders: two looks at files, and again two when the cases are looked at anew."""
    looked: list[Path] = []
    real = files._folder_digest
    monkeypatch.setattr(files, "_folder_digest", lambda folder, mark: looked.append(folder) or real(folder, mark))
    for times in (1, 2):
        known_cases.look_again()
        assert len(known_cases.known_cases("bars")[0]) == 2
        assert sorted(looked) == sorted([home.parent / "thick", home.parent / "thin"] * times)
    assert len({files.folder_digest(home.parent / name) for name in ("thick", "thin")}) == 2
    assert len(looked) == 6  # outside of such a look each one is another


def test_who_is_in_a_domain_is_read_once(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The classes, their instances and the names in tables come from the same catalogue, however often it is asked."""
    case = load_case(home)
    pipeline.catalogue(case, "target"), pipeline.catalogue(case, "source")
    read: list[tuple[str, ...]] = []
    real = Store.load_item
    monkeypatch.setattr(Store, "load_item", lambda self, call, **rest: read.append(call) or real(self, call, **rest))
    for name in pipeline.classes(case):
        pipeline.instances_of(case, "target", name)
    assert len(read) == 2
    assert pipeline.catalogue(load_case(home), "target") is pipeline.catalogue(case, "target")
    (home.parent / "thin" / "lying" / "0.png").unlink()
    assert len(pipeline.catalogue(load_case(home), "target")) == 11


# Compare


@pytest.fixture(scope="module")
def compared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return many_cases.write(tmp_path_factory.mktemp("cases"))["bars"]


def test_means_over_many_classes_are_kept_as_one_result(
    compared: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Once all classes have a result, their means are stored; from then on no class's own result is read."""
    monkeypatch.setenv("TLX_CACHE", str(tmp_path / "store"))
    monkeypatch.setattr(summaries, "FEW", 1)
    jobs.forget_jobs()
    case = load_case(compared)
    pipeline.reuse(case, "lying")
    pipeline.domain_gap_by_class(case)
    pipeline.discriminability_by_class(case)
    half = summaries.summary(case)
    assert half.stored["reuse"] == (1, 2)
    assert not pipeline.reuse_means.is_stored(case)
    pipeline.reuse(case, "upright")
    whole = summaries.summary(case)
    assert pipeline.reuse_means.is_stored(case)
    kept, own = pipeline.reuse_means(case), means.of_reuse(pipeline.reuse_by_class(case))
    pd.testing.assert_frame_equal(pd.DataFrame(kept.to_dict("list")), pd.DataFrame(own.to_dict("list")))
    jobs.forget_jobs()
    for function in (pipeline.reuse, pipeline.domain_gap, pipeline.discriminability):
        monkeypatch.setattr(function, "_kept", lambda *_: pytest.fail("a class's own result was read"))
    again = summaries.summary(case)
    pd.testing.assert_frame_equal(again.depth, whole.depth)
    assert (again.distance, again.stored) == (whole.distance, whole.stored)
    assert set(again.stored.values()) == {(2, 2)}


# Statistics


def _counts(size: int) -> pd.DataFrame:
    """Class i is right i times and taken for class 0 once, but for class 0 itself."""
    names = [f"class {at:03d}" for at in range(size)]
    values = np.diag(np.arange(size))
    values[1:, 0] = 1
    return pd.DataFrame(values, names, names)


def test_a_part_of_a_matrix_has_the_shares_of_whole_rows() -> None:
    """Class 3 is right in 3 of 4: also where class 0, for which it is taken, is not drawn."""
    plot = confusion(_counts(100), model="target", shown=["class 003", "class 001"], chosen="class 001")
    cells = next(iter(plot.select({"name": "cells"}))).data
    np.testing.assert_allclose(cells["share"][0], [[0.75, 0], [0, 0.5]])
    np.testing.assert_array_equal(cells["row"][0], [[4, 4], [2, 2]])
    assert next(iter(plot.select({"name": "chosen"}))).data["y"] == [1.5]


def test_every_name_of_a_large_matrix_can_be_had() -> None:
    """All names are there for the axis, which shows as many as it has room for; long ones keep both their ends."""
    counts = _counts(100)
    long = "a family of birds with a long name, the first"
    counts = counts.rename(index={"class 001": long}, columns={"class 001": long})
    plot = confusion(counts, model="target")
    for axis, most in ((plot.xaxis[0], figure.NAMED["x"]), (plot.yaxis[0], figure.NAMED["y"])):
        assert isinstance(axis.ticker, CustomJSTicker)
        assert axis.ticker.args == {"size": 100, "most": most}
        assert len(axis.major_label_overrides) == 100
        assert axis.major_label_overrides[1.5] == "a family of…e, the first"
        assert len(axis.major_label_overrides[1.5]) == figure.LONGEST
    assert plot.select_one({"type": HoverTool}).formatters["@image"].args["names"][1] == long


def test_the_most_confused_classes_come_first() -> None:
    """By what either model mistakes or says by mistake, both ways; those alike keep their order."""
    names = ["a", "b", "c", "d"]
    one = pd.DataFrame([[5, 0, 0, 0], [0, 5, 2, 0], [0, 0, 5, 0], [0, 0, 0, 5]], names, names)
    other = pd.DataFrame([[5, 0, 1, 0], [0, 5, 0, 0], [0, 0, 5, 0], [0, 0, 0, 5]], names, names)
    assert findings.by_confusion([one, other]) == ["c", "b", "a", "d"]
    assert findings.by_confusion([one]) == ["b", "c", "a", "d"]


# Instances


def test_columns_of_pictures_are_the_places_of_each() -> None:
    pictures = Pictures({"source": tuple("abc"), "target": tuple("de")}, tile=16, columns=3)
    domains, instances = np.array(["target", "source", "source", "target"]), np.array([17, 26, 0, 9])
    columns = pictures.columns_of(domains, instances, size=10)
    found = list(zip(*(columns[name].tolist() for name in ("sheet", "left", "top")), strict=True))
    places = [pictures.place(instance) for instance in instances.tolist()]
    first = [3 if domain == "target" else 0 for domain in domains]  # the target's sheets come after the source's
    assert found == [(at + sheet, 10 * col, 10 * row) for at, (sheet, col, row) in zip(first, places, strict=True)]


def test_rows_of_instances_are_found_by_domain_and_number() -> None:
    """Whatever the order of the table; one that it lacks is an error, not another row."""
    table = pd.DataFrame({"domain": ["source", "target", "source", "target"], "instance": [1, 5, 0, 1]})
    domain, instance = np.array(["target", "source", "target"]), np.array([1, 1, 5])
    assert scatter.rows_of(table, domain, instance).tolist() == [3, 0, 1]
    with pytest.raises(KeyError, match="target"):
        scatter.rows_of(table, domain, np.array([0, 1, 5]))


def test_a_scatterplot_names_only_as_many_classes_as_can_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those chosen first; the marks are all there."""
    monkeypatch.setattr(scatter, "NAMED", 1)
    embedding = toy.embedded(None, toy.CLASSES[:2])
    plot = scatter.scatter(
        embedding,
        statistics.instance_table(
            {(model, domain): toy.predictions(None, model, domain) for model in MODELS for domain in DOMAINS},
            {domain: toy.images(None, domain).names for domain in DOMAINS},
        ),
        theme.class_colours(toy.CLASSES[:2]),
    )
    assert next(iter(plot.select({"name": "names"}))).data["name"].tolist() == [toy.CLASSES[0]]
    assert len(next(iter(plot.select({"name": "points"}))).data["x"]) == len(embedding.domain)


def test_many_classes_are_searched_instead_of_laid_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Up to a dozen classes with a histogram are pills, more a box in which one types."""
    toy.install(monkeypatch)
    page = run_to_end(app("pages/2_Instances.py", **{"class": "cup"}))
    key = "tlx setting instances.histograms"
    assert page.get("button_group") or page.get("pills")
    assert key not in [box.key for box in page.multiselect]
    monkeypatch.setattr(domain_scores, "PILLS", 1)
    page = run_to_end(app("pages/2_Instances.py", **{"class": "cup"}))
    assert page.multiselect(key=key).value == ["cup", "<b>pen</b>"]
