"""Classes and files may be called anything: no page, tooltip or table takes a name for HTML, Markdown or a formula."""

from __future__ import annotations

import io
import json
import re

import numpy as np
import pandas as pd
import pytest
import statistics_case as toy
from bokeh.embed.util import contains_tex_string
from bokeh.models import HoverTool
from bokeh.plotting import figure
from streamlit_help import app, figure_of, run_to_end, script

from tlx.app.numbers import numbers, of_classes
from tlx.figures.accuracy import accuracy
from tlx.figures.confusion import confusion
from tlx.figures.domain_score import domain_score
from tlx.figures.plain_text import plain
from tlx.figures.written import figure_json
from tlx.text import csv, escape, file_name

NAME = '<b>x</b>&"'


@pytest.fixture
def hostile(monkeypatch):
    monkeypatch.setattr(toy, "CLASSES", (NAME, "=1+1", "book"))
    return toy.install(monkeypatch)


@pytest.mark.parametrize("path", ["pages/1_Statistics.py", "pages/2_Instances.py"])
def test_a_page_shows_the_name_as_text(hostile, path):
    """Own HTML holds the name as words and never its tag; Markdown escapes it."""
    page = app(path, **{"class": NAME, "instance": "target:0"})
    if "Statistics" in path:
        page.query_params["view"] = "statistics.confusion=on"
    run_to_end(page)
    assert not page.exception
    for element in page.get("html"):
        assert NAME not in element.proto.body
    for kind in ("markdown", "caption", "warning", "info", "subheader"):
        assert not [element.value for element in page.get(kind) if "<b>x" in element.value]


@pytest.mark.parametrize(
    ("path", "key"), [("pages/2_Instances.py", "scatter target"), ("pages/1_Statistics.py", "accuracy")]
)
def test_tooltips_hold_columns_and_no_names(hostile, path, key):
    """Bokeh escapes a column's values and obeys HTML in a template or in `{safe}` fields."""
    page = run_to_end(app(path, **{"class": NAME}))
    tips = [tool.tooltips for tool in figure_of(page, key).select({"type": HoverTool})]
    assert tips
    assert not [tip for tip in tips if "<b>x" in tip or "safe" in tip]


def test_tooltips_of_other_figures_hold_no_names():
    """The same for the matrices and the histograms."""
    counts = pd.DataFrame(np.eye(2, dtype=int), index=[NAME, "b"], columns=[NAME, "b"])
    for plot in (
        accuracy(toy.history(None)),
        confusion(counts, model="target", chosen=NAME),
        domain_score(toy.domain_scores(NAME)),
    ):
        tips = [str(tool.tooltips) for tool in plot.select({"type": HoverTool})]
        assert tips
        assert not [tip for tip in tips if "<b>x" in tip or "safe" in tip]


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"])
def test_a_spreadsheet_gets_no_formula(name):
    """Text that begins like a formula is quoted, in cells and heads; numbers stay numbers."""
    told = csv(pd.DataFrame({name: [name, "plain"], "n": [-1, 2]}))
    found = pd.read_csv(io.BytesIO(told), dtype={"n": int}, lineterminator="\n")
    assert found.columns[0] == f"'{name}"
    assert found.iloc[:, 0].tolist() == [f"'{name}", "plain"]
    assert found["n"].tolist() == [-1, 2]


@pytest.mark.parametrize("name", ["$$x^2$$", "a \\[x\\] b", "\\(x\\)", "$$$$", "$$a$$ and \\(b\\)"])
def test_no_figure_takes_a_name_for_a_formula(name):
    """In titles and labels of axes and ticks it stays words that look the same; Bokeh itself is the judge."""
    plot = figure(title=name, x_axis_label=name)
    plot.xaxis.major_label_overrides = {1: name}
    plain(plot)
    for said in (plot.title.text, plot.xaxis.axis_label, plot.xaxis.major_label_overrides[1]):
        assert contains_tex_string(name)
        assert not contains_tex_string(said)
        assert said.replace("\u2060", "") == name
    assert name not in json.loads(figure_json(figure(title=name)))["doc"]["roots"][0]["attributes"]["title"].values()


def test_other_titles_are_left_alone():
    """A dollar, a bracket or a backslash alone is no formula."""
    plot = plain(figure(title="1 $ [x] \\n (y)"))
    assert plot.title.text == "1 $ [x] \\n (y)"


@pytest.mark.parametrize("name", ["../../x", "a/b\\c", ".hidden", "con:", "x" * 500, 'a"b\r\nc'])
def test_downloads_have_harmless_file_names(name):
    told = file_name(name, "csv")
    assert re.fullmatch(r"[\w-]{1,100}\.csv", told)


@pytest.mark.parametrize("name", ["https://evil.example", "www.evil.example", "me@evil.example", "HTTP://evil.example"])
def test_a_name_does_not_become_a_link(name):
    """Streamlit's Markdown links addresses in the text that is left after unescaping; a joiner breaks them."""
    told = escape(name)
    assert told.replace("\\", "").replace("\u2060", "") == name
    assert not re.search(r"https?\\?:/|www\\?\.|@\w", told, re.IGNORECASE)


def facts() -> None:
    from dataclasses import replace

    from tlx.app.case_facts import case_facts
    from tlx.casefiles.loading import load_case

    case = load_case("digits")
    hostile = replace(case.source, title="![x](https://evil.example/x.png)")
    case_facts(replace(case, source=hostile, architecture="m:<b>*f*</b>"))


def test_titles_of_a_case_are_words(hostile):
    """Metric labels and values are Markdown: a picture in a title would make every visitor's browser fetch it."""
    page = run_to_end(script(facts))
    said = [page.metric[at].label + page.metric[at].value for at in range(4)]
    assert "![" not in " ".join(said)
    assert "<b>" not in " ".join(said)
    assert "\\!\\[x\\]" in said[0]


def test_the_class_table_leaves_no_formula(hostile):
    """Its own CSV button quotes names; Streamlit's, which does not, is switched off (tests/test_security.py)."""
    page = run_to_end(app("pages/1_Statistics.py"))
    assert "csv classes-digits" in [button.key for button in page.get("download_button")]
    rows = csv(numbers(of_classes(toy.class_table(None)), "toy")).decode()
    assert "'=1+1" in rows
    assert not [cell for line in rows.splitlines() for cell in line.split(",") if cell.startswith("=")]
