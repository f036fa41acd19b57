"""Wheel and swipe scroll the page over every figure, unless somebody chose a tool that takes them."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from e2e import figures

pytestmark = pytest.mark.e2e
TOP = "() => document.querySelector('[data-testid=stMain]').scrollTop"
RANGES = """() => JSON.stringify(Bokeh.documents.flatMap((one) => [...one._all_models.values()]
  .filter((model) => /Range1d$/.test(model.type)).map(({ start, end }) => [start, end])))"""
# The middle of a figure on the screen, once it is drawn there.
MIDDLE = """(at) => {
  const box = document.querySelectorAll(".bkv")[at]
  box.scrollIntoView({ block: "center" })
  const { left, top, width, height } = box.getBoundingClientRect()
  return box.dataset.ready && [left + width / 2, top + height / 2]
}"""
PAGES = {"/Network?class=8": "zigzag", "/Instances?class=8": "scatter target", "/Features?class=8": "biplot"}


def middle(page: Any, at: int) -> tuple[float, float]:
    x, y = page.wait_for_function(MIDDLE, arg=at, timeout=60_000).json_value()
    page.wait_for_timeout(100)
    return x, y


def scrolled(page: Any, move: Any) -> float:
    """How far the page went by what `move` does, px."""
    before = page.evaluate(TOP)
    move()
    page.wait_for_timeout(400)
    return page.evaluate(TOP) - before


@pytest.mark.parametrize(("path", "key"), PAGES.items())
def test_the_wheel_scrolls_the_page_until_its_tool_is_chosen(tab, path, key):
    """After a click into the figure, too; with the zoom tool chosen it zooms, and the page stays."""
    opened = tab().open(path).ready()
    page, box = opened.page, figures.drawn(opened.page, key)
    x, y = (box.bounding_box()[side] + 150 for side in ("x", "y"))
    page.mouse.click(x, y)
    opened.settle()
    looked = page.evaluate(RANGES)
    assert scrolled(page, lambda: page.mouse.wheel(0, 120)) == 120
    assert page.evaluate(RANGES) == looked
    box.locator(".bk-tool-icon-wheel-zoom").locator("visible=true").first.click()
    box.evaluate("(box) => box.scrollIntoView({ block: 'center' })")
    page.mouse.move(*(box.bounding_box()[side] + 150 for side in ("x", "y")))
    assert scrolled(page, lambda: page.mouse.wheel(0, -120)) == 0
    assert page.evaluate(RANGES) != looked


@pytest.mark.parametrize("path", ["/Network?class=8", "/Instances?class=8", "/Compare"])
def test_a_swipe_over_any_figure_scrolls_the_page(tab, path):
    """On a phone, wherever the finger is put down; it selects, moves and zooms nothing."""
    opened = tab(phone=True).open(path)
    page = opened.page
    page.wait_for_selector(".bkv", timeout=120_000)
    opened.settle()
    finger = page.context.new_cdp_session(page)
    for at in range(page.locator(".bkv").count()):
        x, y = middle(page, at)
        looked, way = page.evaluate(RANGES), 20 if page.evaluate(TOP) > 300 else -20

        def swipe(x: float = x, y: float = y, way: int = way) -> None:
            touch(finger, "touchStart", x, y)
            for step in range(1, 9):
                touch(finger, "touchMove", x, y + way * step)
            touch(finger, "touchEnd")

        assert abs(scrolled(page, swipe)) > 60, page.locator(".bkv").nth(at).get_attribute("aria-label")
        assert page.evaluate(RANGES).startswith(looked[:-1])  # figures that came near meanwhile follow


def test_a_finger_draws_a_lasso_once_it_is_chosen(tab):
    """The tool stands in the toolbar, not armed; a tap on it arms it, and the page then stays under the finger."""
    opened = tab(phone=True).open("/Instances?class=8")
    page = opened.page
    page.wait_for_selector(".bkv[data-ready]", timeout=120_000)
    opened.settle()
    figures.drawn(page, "scatter target").locator(".bk-tool-icon-lasso-select").locator("visible=true").first.tap()
    finger = page.context.new_cdp_session(page)
    found = figures.marks(page, "scatter target")
    left, right, low, high = (f(found[side]) for side in ("screen_x", "screen_y") for f in (min, max))
    corners = [(left, low), (right, low), (right, high), (left, high), (left, low + 9)]

    def loop() -> None:
        touch(finger, "touchStart", *corners[0])
        for (x, y), (further, deeper) in pairwise(corners):
            for step in (0.25, 0.5, 0.75, 1):
                touch(finger, "touchMove", x + step * (further - x), y + step * (deeper - y))
        touch(finger, "touchEnd")

    assert scrolled(page, loop) == 0
    page.get_by_role("button", name="Clear the selection").wait_for(timeout=30_000)


def touch(finger: Any, kind: str, *place: float) -> None:
    points = [{"x": place[0], "y": place[1]}] if place else []
    finger.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
