"""The statistics page in a real browser: rows, columns, matrices and findings lead to the same selection."""

from __future__ import annotations

from urllib.parse import unquote

import pytest
from e2e import figures

from tlx import findings, load_case, pipeline

pytestmark = pytest.mark.e2e
ADDED = "source validation (T)"
ROW = 35  # height of a table's row and of its head, px


def click_table(page, row, x):
    """Clicks into the class table, which is a canvas; row -1 is the head."""
    table = page.locator("[data-testid=stDataFrame] canvas").first
    table.wait_for(timeout=300_000)
    table.scroll_into_view_if_needed()
    box = table.bounding_box()
    page.mouse.click(box["x"] + x, box["y"] + ROW * (row + 1.5))


@pytest.fixture
def opened(tab):
    found = tab().open("/Statistics?case=digits&class=8").ready()
    figures.drawn(found.page, "accuracy")
    return found


def test_a_row_chooses_the_class_and_the_history_steps_through_it(opened):
    """The tick of the last row chooses class 9; Back, Forward and a reload restore what was chosen."""
    click_table(opened.page, 9, 18)
    opened.wait_for_parameter("class", "9")
    opened.wait_for_class("9")
    opened.back()
    opened.wait_for_parameter("class", "8")
    opened.wait_for_class("8")
    opened.forward()
    opened.wait_for_parameter("class", "9")
    opened.page.reload()
    opened.ready().wait_for_class("9")


def test_a_sorted_table_chooses_the_class_one_sees(opened):
    """Sorted by class, descending (in the head's menu), the first row is the last class."""
    click_table(opened.page, -1, 66)
    opened.page.get_by_text("Sort descending").click()
    click_table(opened.page, 0, 18)
    opened.wait_for_parameter("class", "9")


def test_a_click_in_a_row_chooses_its_class_and_keeps_the_sort(opened):
    """Sorted by class, descending, a click on a number of the third row chooses class 7, and one below it class 6."""
    click_table(opened.page, -1, 66)
    opened.page.get_by_text("Sort descending").click()
    for row, name in ((2, "7"), (3, "6"), (2, "7")):
        click_table(opened.page, row, 330)
        opened.wait_for_parameter("class", name)
        opened.wait_for_class(name)
    opened.choose_class("2")
    click_table(opened.page, 0, 330)
    opened.wait_for_parameter("class", "9")
    opened.go_to("Instances")
    opened.wait_for_class("9")


def test_a_tap_in_a_confusion_matrix_chooses_the_class_or_opens_the_images(opened):
    """The diagonal of class 9 chooses it; its cell of class 3, with five mistakes, opens these on Instances."""
    opened.page.locator("[data-testid=stCheckbox]", has_text="Confusion matrices").click()
    opened.page.mouse.click(*figures.place(opened.page, "confusion target", 9.5, 9.5))
    opened.wait_for_parameter("class", "9")
    opened.wait_for_class("9")
    opened.page.mouse.click(*figures.place(opened.page, "confusion target", 3.5, 9.5))
    opened.page.wait_for_url("**/Instances?**")
    opened.ready().wait_for_class("9")
    assert "instances.gather=target,9,3,,test" in unquote(opened.parameter("view"))
    opened.page.get_by_text("5 instances", exact=True).wait_for(timeout=30_000)
    opened.back()
    opened.page.wait_for_url("**/Statistics?**")


def test_a_line_is_drawn_when_it_is_asked_for(opened):
    """Its name comes to the chart's edge, the address tells of it, and so another browser has it."""
    opened.page.get_by_role("button", name="source validation (T)").click()
    figures.wait_for_marks(opened.page, "accuracy", "name of lines", "(of, name) => of.name.includes(name)", ADDED)
    assert "statistics.lines=" in opened.parameter("view")
    opened.page.reload()
    opened.ready()
    assert ADDED in figures.marks(opened.page, "accuracy", "name of lines")["name"]


def test_every_finding_leads_to_its_view_with_its_selection(tab, monkeypatch):
    """All five links of the start page open what they name: its class, layers, neuron or images; Back leads back."""
    monkeypatch.setenv("TLX_SHIPPED", "1")  # as the server has it
    case = load_case("digits")
    table, network = pipeline.class_table(case), pipeline.network(case)
    worst = findings.worst_class(table)
    found = [
        findings.worst(table),
        findings.most_changed(table),
        findings.most_confused(table),
        findings.rewiring(network, pipeline.reuse(case, "8")),
        findings.most_domain_specific(pipeline.discriminability(case, worst), network),
    ]
    opened = tab().open("/?case=digits&class=8").ready()
    for one in found:
        assert opened.page.get_by_text(one.title, exact=True).count() == 1
        of = one.images and ("mistakes" if one.images.answer is None else "images")
        label = f"See the {one.images.count} {of}" if one.images else f"See it in {one.page}"
        opened.page.get_by_role("link", name=label).click()
        opened.page.wait_for_url(f"**/{one.page}?**")
        opened.wait_for_parameter("class", one.class_name)
        opened.wait_for_class(one.class_name)
        if one.layers:
            opened.wait_for_parameter("layers", ",".join(one.layers))
        if one.images:
            answer = one.images.answer or "*"
            assert unquote(opened.parameter("view")) == f"instances.gather=target,{one.class_name},{answer},,test"
            opened.page.get_by_text(f"{one.images.count} instances", exact=True).wait_for(timeout=30_000)
        if one.neuron:
            opened.wait_for_parameter("neuron", ":".join(map(str, one.neuron)))
        opened.back()
        opened.wait_for_parameter("class", "8")
        opened.ready().wait_for_class("8")
