"""Classes and files may be called anything: no page, tooltip or table takes a name for HTML, Markdown or a formula."""

from __future__ import annotations

import io

import numpy as np
import pandas as pd
import pytest
import statistics_case as toy
from bokeh.models import HoverTool
from streamlit_help import app, figure_of, run_to_end

from tlx.app.text import csv
from tlx.figures.accuracy import accuracy
from tlx.figures.confusion import confusion
from tlx.figures.domain_score import domain_score

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
        page.session_state["statistics confusion"] = True
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
