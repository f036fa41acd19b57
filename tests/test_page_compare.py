"""The compare page: stored results of several cases side by side, what is missing offered, a row opens a case."""

from __future__ import annotations

import os

import many_cases
import numpy as np
import pandas as pd
import pytest
import streamlit as st
from streamlit_help import app, component, fire, run_to_end, source_of, text_of

from tlx import cases, pipeline
from tlx.analysis import means
from tlx.app import known_cases
from tlx.app.compare import summaries
from tlx.casefiles import builtin, loading
from tlx.cases import ModelPlan, Training
from tlx.figures import side_by_side, theme
from tlx.results import Layer, LayerGap, Network, Reuse

PAGE = "pages/5_Compare.py"
CLASSES = ("lying", "upright")


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return many_cases.write(tmp_path_factory.mktemp("cases"))


@pytest.fixture(scope="module")
def store(tmp_path_factory, files):
    """A cache in which "bars" has everything, "head" its score and one class, and "frozen" nothing."""
    folder = tmp_path_factory.mktemp("cache")
    before = os.environ.get("TLX_CACHE")
    os.environ["TLX_CACHE"] = str(folder)
    try:
        bars, head = loading.load_case(files["bars"]), loading.load_case(files["head"])
        pipeline.reuse_by_class(bars)
        pipeline.discriminability_by_class(bars)
        pipeline.domain_gap_by_class(bars)
        pipeline.reuse(head, "lying")
        for case in (bars, head):
            pipeline.transferability(case)
    finally:
        os.environ.pop("TLX_CACHE") if before is None else os.environ.__setitem__("TLX_CACHE", before)
    return folder


@pytest.fixture
def offered(monkeypatch, files, store):
    """The page with these three cases only."""
    st.cache_data.clear()
    monkeypatch.setenv("TLX_CACHE", str(store))
    monkeypatch.setenv("TLX_CASES", os.pathsep.join(map(str, files.values())))
    monkeypatch.setattr(builtin, "cases", dict)
    return files


def rows(page):
    return page.dataframe[0].value.set_index("title")


def test_stored_results_stand_side_by_side(offered):
    """Scores, accuracies and means are the pipeline's; what is not stored is blank, and strategies are named."""
    page = run_to_end(app(PAGE, case="bars"))
    assert not page.exception
    told = rows(page)
    assert set(told.index) == set(many_cases.TITLES.values())
    for name, title in many_cases.TITLES.items():
        assert told.loc[title, "strategy"] == many_cases.STRATEGIES[name]
    case = loading.load_case(offered["bars"])
    score = pipeline.transferability(case)
    assert told.loc["Bars", "score"] == pytest.approx(100 * score.score)
    assert told.loc["Bars", "target_accuracy"] == pytest.approx(100 * score.target_accuracy)
    distances = [pipeline.discriminability(case, name, "source").a_distance for name in CLASSES]
    assert told.loc["Bars", "source_distance"] == pytest.approx(np.mean(distances))
    assert told.loc[["Bars", "<b>Head</b> only"], "compared"].tolist() == ["2 of 2", "1 of 2"]
    assert np.isnan(told.loc["Frozen", "score"])
    assert told.loc["Frozen", "note"] == "not computed yet"


def test_nothing_is_computed_unasked(offered, files):
    """A case without results is shown without any, and its chosen page offers each kind with its cost."""
    page = run_to_end(app(PAGE, case="frozen"))
    assert not pipeline.predictions.is_stored(loading.load_case(files["frozen"]), "target", "target")
    labels = [button.label for button in page.button]
    assert sum("about" in label for label in labels) == 5
    assert any(label.startswith("Score the transfer") for label in labels)


def test_what_is_complete_is_not_offered(offered):
    """A case with everything has no button but of the advice, one with half a class's results has those it lacks."""
    page = run_to_end(app(PAGE, case="bars"))
    assert [button.label for button in page.button if "about" in button.label] == ["Ask what to freeze (about 2 s)"]
    assert "Everything that cases are compared by" in text_of(page)
    page = run_to_end(app(PAGE, case="head"))
    lacking = [button.label for button in page.button if "about" in button.label]
    assert lacking.pop(0).startswith("Ask what to freeze")
    assert [label.split(",")[0] for label in lacking] == [
        "Compare the neurons",
        "Measure the domain gap",
        "Measure the domain gap layer by layer",
    ]
    assert "1 more class (" in lacking[0]


def test_a_tap_on_a_dot_chooses_its_case(offered):
    """The dot's case becomes the one of every page."""
    page = run_to_end(app(PAGE, case="bars"))
    drawn = source_of(page, "scores", "scores")
    at = drawn["name"].tolist().index("head")
    fire(page, "scores", "select", {"name": "scores", "indices": [at]})
    run_to_end(page)
    assert page.query_params["case"] == "head"


def test_links_open_the_chosen_case(offered):
    """The views are reached with the case in the address (from the start page's neighbourhood)."""
    page = app(case="head")
    page.switch_page(PAGE)
    run_to_end(page)
    links = {link.proto.label: link.proto.query_string for link in page.get("page_link")}
    assert links["Open in Network"] == "case=head"


def test_one_case_has_nothing_to_be_compared_with(offered, monkeypatch, files):
    """The page says so and still shows the case."""
    monkeypatch.setenv("TLX_CASES", str(files["bars"]))
    page = run_to_end(app(PAGE))
    assert any("There is one case" in info.value for info in page.info)
    assert component(page, "scores")


def test_titles_are_text(offered):
    """A title like a tag is Markdown-escaped where Markdown shows it."""
    page = run_to_end(app(PAGE, case="head"))
    assert not [element.value for element in page.markdown if "<b>Head" in element.value.replace("\\", "~")]


def _network():
    return Network("toy", tuple(Layer(f"c{i}", i, "conv", 4, (4, 4)) for i in (1, 2, 3)), {}, {}, 8, 9)


def _reuse(value):
    rows = [("correspondence", f"c{at}", "", value) for at in (1, 3)] + [("kept", "c1", "c2", value)]
    table = pd.DataFrame(rows, columns=["measure", "first", "second", "value"])
    return Reuse("x", table.assign(n=4, chance=0.25, low=0.0, high=0.5))


def test_means_over_classes_by_relative_depth():
    """First layer 0, last 1, a pair between its layers; 0.5 and 1 make 0.75."""
    told = summaries.reuse_by_depth(_network(), means.of_reuse({"a": _reuse(0.5), "b": _reuse(1.0)}))
    assert told[["measure", "depth", "value"]].to_numpy().tolist() == [
        ["correspondence", 0.0, 0.75],
        ["correspondence", 1.0, 0.75],
        ["kept", 0.25, 0.75],
    ]
    assert told["place"].tolist() == ["Layer 1: conv (4)", "Layer 3: conv (4)", "layers 1 → 2"]
    gaps = tuple(LayerGap(model, "c2", 4, share, 0, 1) for model, share in (("source", 1.0), ("target", 0.75)))
    gap = summaries.gap_by_depth(_network(), means.of_gaps({"a": gaps}))
    assert gap[["depth", "value", "chance", "classes"]].to_numpy().tolist() == [[0.5, 1.0, 0.0, 1]]


def test_strategies_in_words():
    """How the target model was trained is told apart for each way there is."""

    def case(training):
        plan = ModelPlan(training=training)
        return cases.Case(
            "x", "x", cases.Domain("folder", "s"), cases.Domain("folder", "t"), "alexnet", target_model=plan
        )

    said = [
        summaries.strategy(case(how))
        for how in (
            Training(),
            Training(strategy="head"),
            Training(strategy="scratch"),
            Training(freeze_until="conv3"),
            Training(head_epochs=5),
            Training(train_only=("conv1", "head")),
            Training(layer_rates=(("conv1", 0.1),)),
        )
    ]
    assert said == [
        "all layers",
        "last layer only",
        "from scratch",
        "frozen up to conv3",
        "last layer first (5 epochs), then all",
        "conv1 and last layer only",
        "all layers, at rates of their own",
    ]


def _scores(count):
    names = [f"case {at}" for at in range(count)]
    table = pd.DataFrame(
        {"name": names, "title": "One title for all of them, a rather long one", "strategy": "all layers"}
    )
    score = np.linspace(0.3, -0.1, count)
    return table.assign(
        score=score, low=score - 0.05, high=score + 0.05, n=100, source_accuracy=0.5, target_accuracy=0.6
    )


def test_the_score_figure_has_a_dot_and_a_whisker_for_each_score():
    """Points and ends in accuracy points; twenty cases of one title keep apart; no colour is a domain's."""
    table = _scores(20)
    table.loc[3, ["score", "low", "high"]] = np.nan
    plot = side_by_side.scores(table, "case 1")
    drawn = next(model for model in plot.select({"name": "scores"}) if hasattr(model, "data")).data
    assert len(drawn["name"]) == 19
    assert drawn["points"][0] == pytest.approx(30)
    assert (drawn["low"][0], drawn["high"][0]) == pytest.approx((25, 35))
    assert len(plot.y_range.factors) == len(set(plot.y_range.factors)) == 20
    assert plot.y_range.factors[-1].endswith("(case 0)")
    assert not set(drawn["colour"]) & set(theme.COLOURS.values())
    assert len(set(drawn["colour"])) == 19


def test_lines_over_depth_keep_each_cases_look():
    """A case has one colour in every panel, and the chosen one the widest line."""
    depth = pd.DataFrame(
        {
            "measure": "inherited",
            "depth": [0.25, 0.75, 0.5],
            "place": "layers",
            "value": [0.5, 0.25, 1.0],
            "chance": 0.1,
        }
    )
    depth = depth.assign(classes=2, name=["b", "b", "a"], title="t")
    depth = pd.concat([depth, depth.assign(measure="domain_gap", value=[-1.0, 2.0, 1.0])])
    plot = side_by_side.over_depth(depth, ("domain_gap", "inherited"), ["a", "b"], "a")
    lines = plot.select_one({"name": "lines"}).data
    looks = side_by_side.looks(["a", "b"]).set_index("name")["colour"]
    assert len(lines["name"]) == 4
    assert dict(zip(lines["name"], lines["colour"], strict=True)) == looks.to_dict()
    assert dict(zip(lines["name"], lines["width"], strict=True)) == {"a": 3.0, "b": 1.5}
    for at, measure, values in ((0, "domain_gap", [-1.0, 2.0]), (1, "inherited", [0.5, 0.25])):
        row = [*zip(lines["measure"], lines["name"], strict=True)].index((measure, "b"))
        ticks = _ticks(plot, at)
        assert lines["ys"][row] == pytest.approx([ticks["0"] + value * (ticks["1"] - ticks["0"]) for value in values])
        assert at < min(lines["xs"][row]) < max(lines["xs"][row]) < at + 1
    assert "-1" in _ticks(plot, 0)  # the axis reaches as far down as a value does


def _ticks(plot, at):
    """Where the numbers along a chart's axis stand."""
    words = pd.DataFrame(plot.select_one({"name": "words"}).data)
    return words[(words["align"] == "right") & (words["x"].astype(int) == at)].set_index("text")["y"]


def test_only_the_chosen_case_is_looked_at_every_time(offered, monkeypatch):
    """With many cases the folders of the others are read once a minute."""
    read = []
    load = loading.load_case
    monkeypatch.setattr(loading, "load_case", lambda where: read.append(str(where)) or load(where))
    known_cases.known_cases("head")
    read.clear()
    known_cases._often.clear()
    found, problems = known_cases.known_cases("head")
    assert read == [str(offered["head"])]
    assert list(found) == list(many_cases.TITLES)
    assert not problems


def test_every_chart_is_read_back(offered):
    """All charts over depth hold the chosen case's rows."""
    page = run_to_end(app(PAGE, case="bars"))
    drawn = pd.concat(pd.DataFrame(source_of(page, f"depth {group[0]}", "points")) for group in side_by_side.GROUPS)
    assert set(drawn[drawn["name"] == "bars"]["measure"]) == set(side_by_side.PANELS)
