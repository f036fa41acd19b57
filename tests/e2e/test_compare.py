"""Several cases in a real browser: compared, opened, their figures saved, and a new one put together."""

from __future__ import annotations

import os

import many_cases
import pytest
from e2e import figures
from e2e.conftest import running
from e2e.test_new_case import press, type_in

from tlx import pipeline
from tlx.casefiles import loading

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("cases")


@pytest.fixture(scope="module")
def server(tmp_path_factory, home):
    """An app that knows three small cases beside digits, two of them scored."""
    files = many_cases.write(home)
    for name in ("bars", "head"):
        pipeline.transferability(loading.load_case(files[name]))
    with running(tmp_path_factory.mktemp("server"), TLX_CASES=os.pathsep.join(map(str, files.values()))) as address:
        yield address


@pytest.fixture
def opened(tab):
    found = tab().open("/Compare?case=bars").ready()
    figures.drawn(found.page, "scores")
    return found


def test_a_dot_opens_its_case_and_back_leads_back(opened):
    """A tap on another case's dot makes it the case of all pages; its links open the views with it."""
    drawn = figures.marks(opened.page, "scores", "scores")
    at = drawn["name"].index("head")
    opened.page.mouse.click(*figures.place(opened.page, "scores", drawn["points"][at], drawn["place"][at]))
    opened.wait_for_parameter("case", "head")
    opened.page.get_by_role("link", name="Open in Statistics").click()
    opened.page.wait_for_url("**/Statistics?**")
    opened.ready()
    assert opened.parameter("case") == "head"


def test_a_figure_is_saved_as_png(opened, tmp_path):
    """The toolbar's save button brings a picture of the figure, named after it."""
    button = opened.page.locator(".st-key-scores .bk-tool-icon-save")
    with opened.page.expect_download(timeout=60_000) as download:
        button.click()
    assert download.value.suggested_filename == "scores.png"
    download.value.save_as(tmp_path / "figure.png")
    saved = (tmp_path / "figure.png").read_bytes()
    assert saved.startswith(b"\x89PNG")
    assert int.from_bytes(saved[16:20]) > 500  # its width, px


def test_a_case_is_put_together_saved_and_opened(tab, home):
    """Typed in, checked, written where it is said, known at once, and opened by its link."""
    opened = tab("dark").open("/New_case?case=bars").ready()
    page = opened.page
    for label, value in (
        ("Save as", str(home / "made.toml")),
        ("Source folder", "bars/thick"),
        ("Target folder", "bars/thin"),
        ("Network", "compact_alexnet"),
        ("Title", "Made in the browser"),
    ):
        type_in(opened, label, value)
    page.locator("[data-testid=stMain] [data-testid=stExpander]").get_by_text("Preprocessing", exact=True).click()
    size = page.get_by_role("spinbutton", name="Image size")
    size.fill("16")
    size.press("Enter")
    opened.settle()
    press(opened, "Check")
    page.get_by_text("The case will work.").wait_for(timeout=60_000)
    opened.settle()
    press(opened, "Save")
    page.get_by_role("link", name="Open the case").click()
    opened.wait_for_parameter("case", "made")
    assert loading.load_case(home / "made.toml").title == "Made in the browser"
    opened.ready()
    page.locator("[data-testid=stMain]").get_by_text("Made in the browser").first.wait_for()
