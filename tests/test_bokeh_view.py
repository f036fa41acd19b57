"""The Bokeh view: what is sent to the browser, and what comes back."""

from __future__ import annotations

import json
import re

import pytest
from bokeh.document import Document
from bokeh.models import ColumnDataSource
from bokeh.plotting import figure
from streamlit_help import component, figure_of, fire, script, sent, source_of

from tlx.figures.written import figure_json


def points(label: str = "m1"):
    plot = figure(height=200, x_axis_label="x", title=label)
    plot.scatter("x", "y", source={"x": [1, 2, 3], "y": [4, 5, 6], "note": ["p1001", label, "p1002"]}, name="points")
    return plot


def test_equal_figures_are_equal_text():
    """A figure built twice is the same text, so that nothing is sent or drawn again; another number is not."""
    assert figure_json(points()) == figure_json(points())
    other = points()
    other.renderers[0].data_source.data["x"] = [1, 2, 4]
    assert figure_json(other) != figure_json(points())


def test_renumbering_keeps_the_figure_whole():
    """The text reads back as the same figure: references resolve, and data that look like ids stay."""
    item = json.loads(figure_json(points("m2")))
    document = Document.from_json(item["doc"])
    assert document.roots[0].id == item["root_id"]
    renderer = document.select_one({"name": "points"})
    assert list(renderer.data_source.data["note"]) == ["p1001", "m2", "p1002"]
    assert renderer in document.roots[0].renderers
    ids = set(re.findall(r'"id":"([^"]+)"', json.dumps(item, separators=(",", ":"))))
    assert ids == {f"m{i + 1}" for i in range(len(ids))}


def test_numbers_are_as_long_as_a_picture_shows():
    """A third takes six digits, not sixteen; whole numbers and wide places stay what they are."""
    plot = figure()
    plot.scatter([1 / 3, 57344.06], [-1e-7 / 3, 1234567], name="points")
    (source,) = Document.from_json(json.loads(figure_json(plot))["doc"]).select({"type": ColumnDataSource})
    assert list(source.data["x"]) == [0.333333, 57344.1]
    assert list(source.data["y"]) == [-3.33333e-08, 1234567]


def test_text_without_a_colour_follows_the_theme():
    """Bokeh writes black for text nobody coloured; that is taken out, a chosen colour stays."""
    plot = figure()
    plot.text([1], [1], text=["a"])
    assert '"text_color"' not in figure_json(plot)
    plot = figure()
    plot.text([1], [1], text=["a"], text_color="red")
    assert '"text_color":{"type":"value","value":"red"}' in figure_json(plot)


def page_with_points():
    import streamlit as st
    from test_bokeh_view import points

    from tlx.app.bokeh_view import bokeh_view

    def tapped(event):
        st.session_state.tapped = event

    def selected(event):
        st.session_state.selected = event

    bokeh_view(
        points,
        key="scatter",
        label="Three points",
        on_tap=tapped,
        select=("points",),
        on_select=selected,
        selected={"points": [2]},
        layout="v1",
        height=321,
    )


@pytest.fixture
def page():
    return script(page_with_points).run()


def test_the_browser_gets_figure_label_and_selection(page):
    """Height, text alternative, selection and layout travel with the figure, whose numbers can be read back."""
    data = sent(page, "scatter")
    assert (data["label"], data["layout"], data["height"], data["taps"]) == ("Three points", "v1", 321, True)
    assert data["selected"] == {"points": [2]}
    assert data["select"] == ["points"]
    assert list(source_of(page, "scatter", "points")["y"]) == [4, 5, 6]
    assert figure_of(page, "scatter").roots[0].height == 321


def test_a_tap_reaches_its_handler(page):
    """The tap handler gets the place in data coordinates; the selection handler is not called."""
    fire(page, "scatter", "tap", {"x": 1.5, "y": 4.0})
    assert page.session_state["tapped"] == {"x": 1.5, "y": 4.0}
    assert "selected" not in page.session_state


def test_a_selection_reaches_its_handler(page):
    """The selection handler gets the source's name and the indices, and only once."""
    fire(page, "scatter", "select", {"name": "points", "indices": [0, 1]})
    assert page.session_state["selected"] == {"name": "points", "indices": [0, 1]}
    page.session_state["selected"] = None
    page.run()
    assert page.session_state["selected"] is None


def test_a_missing_component_is_named(page):
    """Asking for a component that is not there says which are."""
    with pytest.raises(LookupError, match="scatter"):
        component(page, "zigzag")
