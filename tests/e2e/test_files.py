"""Figures as files: each form holds what is drawn and its key, and an HTML file needs no network."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from e2e import figures
from PIL import Image

pytestmark = pytest.mark.e2e
KEY = "counterparts: same neuron in both"
SVG = "{http://www.w3.org/2000/svg}"
DRAWN = """() => window.Bokeh?.documents.length && Bokeh.documents.every((one) => one.is_idle)
  && [...document.querySelectorAll("figure > div")].every((box) => box.clientHeight > 60)"""
# Every model that has a title is called so, and so is the page.
CALLED = """(name) => {
  document.querySelector("[data-testid=stMain] h1").textContent = name
  const models = Bokeh.documents.flatMap((one) => [...one._all_models.values()])
  for (const model of models.filter(({ type }) => type === "Title")) model.text = name
}"""


def saved(page: Any, row: str, button: str, folder: Path) -> Path:
    """What the button saves; row: the name of the file without its ending."""
    with page.expect_download() as download:
        page.locator(f".st-key-files-{row}").get_by_role("button", name=button).click()
    file = folder / download.value.suggested_filename
    download.value.save_as(file)
    return file


@pytest.fixture
def offline(chromium: Any) -> Any:
    """Opens a file in a browser without a network; at the end nothing may have been asked for or have failed."""
    context, wrong = chromium.new_context(offline=True), []

    def look(file: Path) -> Any:
        page = context.new_page()
        page.on(
            "request", lambda request: request.url.startswith(("file:", "data:", "blob:")) or wrong.append(request.url)
        )
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.goto(file.as_uri())
        page.wait_for_function(DRAWN)
        return page

    yield look
    context.close()
    assert wrong == []


def test_the_zigzag_as_picture_drawing_and_page(tab, offline, tmp_path):
    """The PNG has two pixels for one, in the page's colours; the SVG is of shapes and words; all have the key."""
    page = tab("dark").open("/Network?case=digits&class=8").ready().page
    width = figures.drawn(page, "zigzag").bounding_box()["width"]
    row = "network-digits-8"

    with Image.open(saved(page, row, "PNG", tmp_path)) as picture:
        pixels = np.array(picture.convert("RGB")).astype(int)
    assert pixels.shape[1] >= 2 * width
    ground = pixels[0, 0]
    assert ground.max() < 60
    drawn = (np.abs(pixels - ground).max(axis=2) > 60).mean(axis=1)
    assert drawn[:-300].mean() > 0.1
    assert drawn[-300:].max() > 0.02  # the key

    root = ElementTree.parse(saved(page, row, "SVG", tmp_path)).getroot()
    words = {text.text for text in root.iter(f"{SVG}text")}
    assert {KEY, "Layer 1: conv (32)"} <= words
    assert len(list(root.iter(f"{SVG}path"))) > 100

    shown = offline(saved(page, row, "HTML", tmp_path))
    shown.get_by_text(KEY).wait_for()
    assert shown.locator("figure").count() == 1
    assert shown.evaluate("Bokeh.documents[0].roots()[0].name") == "zigzag"


def test_one_file_holds_every_figure_of_a_page(tab, offline, tmp_path):
    """Also those that nobody has scrolled to, with headings, and pictures in tooltips."""
    page = tab().open("/Instances?case=digits&class=8").ready().page
    figures.drawn(page, "scatter target")
    count = page.locator(".bkv").count()
    shown = offline(saved(page, "of-all-figures", "All figures", tmp_path))
    assert shown.locator("figure").count() == count > 2
    shown.get_by_role("heading", name="Source-like or target-like").wait_for()
    shown.get_by_text("mispredicted by the plot's model").first.wait_for()
    hovers = "Bokeh.documents[0]._all_models.values().find((model) => model.type === 'CustomJSHover').args"
    assert shown.evaluate(f"[...{hovers}.urls ?? {hovers}.get('urls')].every((url) => url.startsWith('data:'))")


def test_all_figures_are_offered_where_there_is_one(tab):
    """Also after a page without any, and not on it."""
    page = tab().open("/New_case").ready().page
    button = page.get_by_role("button", name="All figures", include_hidden=True)
    button.wait_for(state="attached")
    assert not button.is_visible()
    for name, offered in (("Statistics", True), ("New case", False)):
        page.get_by_test_id("stSidebar").get_by_role("link", name=name).click()
        button.wait_for(state="visible" if offered else "hidden")


def test_a_section_of_several_charts_is_saved_whole(tab, offline, tmp_path):
    """Compare's charts over depth, two in a figure, none of them empty."""
    page = tab().open("/Compare?case=digits").ready().page
    figures.drawn(page, "depth kept")
    shown = offline(saved(page, "cases-over-depth", "HTML", tmp_path))
    lengths = """Bokeh.documents.map((one) => [...one._all_models.values()]
      .find((model) => model.name === "points" && model.data).data.depth.length)"""
    assert shown.locator("figure").count() == 2
    assert min(shown.evaluate(lengths)) >= 12


def test_a_name_in_a_file_is_text(tab, offline, tmp_path):
    """Neither the page's name nor one in a figure ends a script or begins one."""
    page = tab().open("/Compare?case=digits").ready().page
    figures.drawn(page, "scores")
    name = "</script><script>window.hurt = true</script><!--"
    page.evaluate(CALLED, name)
    shown = offline(saved(page, "cases", "HTML", tmp_path))
    assert shown.locator("h1").inner_text() == name
    assert shown.evaluate("Bokeh.documents[0].roots()[0].title.text") == name
    assert shown.evaluate("window.hurt") is None
