"""What a click costs a browser: one run, of its part of the page; no figure twice; nothing that stands moves."""

from __future__ import annotations

from typing import Any

import pytest
from e2e.figures import drawn, marks, place
from e2e.test_network import INDEX, tap, wait_for

pytestmark = pytest.mark.e2e
SHIFTS = """
  window.shifted = 0
  new PerformanceObserver((list) => { for (const one of list.getEntries()) window.shifted += one.value })
    .observe({ type: "layout-shift" })
"""
# What the figures of a page look like, by their keys.
PICTURES = """() => Object.fromEntries([...document.querySelectorAll(".bkv")].map((box) => {
  const view = [...Bokeh.index.roots].find((view) => box.contains(view.el))
  const [, key] = box.closest(".stElementContainer").className.match(/st-key-(\\S+)/)
  return [key, view.export("png", false).canvas.toDataURL()]
}))"""

# Large figures arrive, but nobody can read them until the page is told so.
HELD = """
  window.held = true
  const held = class extends Map { get(key) { return window.held ? undefined : super.get(key) } }
  window[Symbol.for("tlx figures")] = new held()
"""


class Wire:
    """What a tab has sent and received over its websocket since `since`."""

    def __init__(self, opened: Any) -> None:
        self.sent, self.received, self._opened = 0, 0, opened
        wire = opened.page.context.new_cdp_session(opened.page)
        wire.send("Network.enable")
        wire.on("Network.webSocketFrameSent", self._ask)
        wire.on("Network.webSocketFrameReceived", self._answer)

    def _ask(self, _: dict[str, Any]) -> None:
        self.sent += 1

    def _answer(self, event: dict[str, Any]) -> None:
        self.received += len(event["response"]["payloadData"]) * 3 // 4  # base 64

    def since(self) -> None:
        self._opened.settle()
        self.sent = self.received = 0


@pytest.fixture
def opened(tab):
    """Opens a page of class 8 and has its wire watched."""

    def open_page(path: str) -> tuple[Any, Wire]:
        one = tab()
        wire = Wire(one)
        one.open(f"{path}?case=digits&class=8&layers=conv1,conv2,conv3").ready()
        wire.since()
        return one, wire

    return open_page


def test_a_neuron_tapped_takes_one_run_and_no_figure(opened):
    """The view frames it without being sent again, and the frame's links, drawn before, keep it."""
    network, wire = opened("/Network")
    (index,) = tap(network, INDEX)
    network.wait_for_parameter("neuron", f"target:conv2:{index}")
    wait_for(network, "return data('focus').top.length > 0")
    assert wire.sent == 1
    assert 0 < wire.received < 100_000
    network.go_to("Features")
    network.wait_for_parameter("neuron", f"target:conv2:{index}")
    network.go_to("Network")
    network.wait_for_parameter("neuron", f"target:conv2:{index}")


def test_an_instance_tapped_takes_one_run_and_no_figure(opened):
    """It is ringed in the plot, and its neighbours come as small pictures."""
    instances, wire = opened("/Instances")
    found = marks(instances.page, "scatter target")
    wire.since()
    instances.page.mouse.click(found["screen_x"][-1], found["screen_y"][-1])
    instances.page.get_by_text("by the distance of their activations").wait_for(timeout=30_000)
    instances.settle()
    assert wire.sent == 1
    assert 0 < wire.received < 100_000
    assert len(marks(instances.page, "scatter target", "picked")["x"]) == 1


def test_a_box_ticked_takes_one_run(opened):
    """The list is not sent again, the plot with its new axis is."""
    features, wire = opened("/Features")
    place(features.page, "ranking", 16, 6.5)
    wire.since()
    features.page.mouse.click(*place(features.page, "ranking", 16, 6.5))
    features.settle()
    assert wire.sent == 1
    assert 0 < wire.received < 100_000
    assert list(marks(features.page, "ranking", "rows")["tick"])[6] == "✓"


def test_another_class_is_put_into_the_living_figures(opened):
    """None is drawn anew, and each looks and is walked through by keys as if it had been."""
    network, _ = opened("/Network")

    zigzag = network.page.locator(".st-key-zigzag .bkv")

    def seen():
        for key in ("reuse kept", "zigzag", "neuron conductance"):
            drawn(network.page, key)
        network.page.wait_for_timeout(500)  # pictures in it are loaded
        return network.page.evaluate(PICTURES)

    def first_stop():
        zigzag.dispatch_event("keydown", {"key": "ArrowRight"})
        return zigzag.locator("[aria-live]").inner_text()

    before = seen()
    network.page.evaluate("document.querySelectorAll('.bk-Figure').forEach((one) => { one.here = true })")
    network.choose_class("3")
    network.page.locator(".st-key-neuron-conductance .bkv[data-ready='2']").wait_for(timeout=30_000)
    swapped = seen(), first_stop()
    assert network.page.evaluate("[...document.querySelectorAll('.bk-Figure')].every((one) => one.here)")
    network.page.reload()
    network.ready()
    assert swapped == (seen(), first_stop())
    assert swapped[0].keys() == before.keys()
    assert swapped[0]["zigzag"] != before["zigzag"]


def test_a_figure_far_below_is_drawn_when_somebody_scrolls_there(opened):
    features, _ = opened("/Features")
    below = features.page.locator(".st-key-domain-gap .bkv")
    assert below.get_attribute("data-ready") is None
    room = below.bounding_box()["height"]
    below.scroll_into_view_if_needed()
    features.page.locator(".st-key-domain-gap .bkv[data-ready]").wait_for(timeout=30_000)
    assert below.bounding_box()["height"] == room > 100


def test_a_figure_just_below_waits_for_those_in_the_window(tab):
    """Large figures are held back: nothing is drawn, then the scatter, then the charts below it without a scroll."""
    opened = tab()
    opened.page.add_init_script(HELD)
    opened.open("/Instances?case=digits&class=8").ready()
    above, below = (f".st-key-{key} .bkv" for key in ("scatter-target", "domain-score-8"))
    opened.page.wait_for_timeout(2_000)
    tops = [opened.page.locator(one).bounding_box()["y"] for one in (above, below)]
    assert tops[0] < opened.page.viewport_size["height"] < tops[1] < 1.5 * opened.page.viewport_size["height"]
    assert opened.page.locator(".bkv[data-ready]").count() == 0
    opened.page.evaluate("window.held = false")
    for one in (above, below):
        opened.page.locator(f"{one}[data-ready]").wait_for(timeout=30_000)


@pytest.mark.parametrize("title", ["Statistics", "Instances", "Network", "Features", "Compare", "Lesson", "New case"])
def test_opening_a_page_moves_nothing_that_stands(tab, title):
    """By Chromium's own measure, in which 0.1 is said to be noticed; a visitor's first page, and pages behind links."""
    one = tab()
    one.page.add_init_script(SHIFTS)
    one.open(f"/{title.replace(' ', '_')}?case=digits&class=8").ready()
    moved = {}
    for way in ("address", "link to Start", "link back"):
        one.page.wait_for_timeout(700)
        moved[way] = one.page.evaluate("window.shifted")
        one.page.evaluate("window.shifted = 0")
        one.go_to(title if way == "link to Start" else "Start")
    assert max(moved.values()) < 0.1, moved


def test_what_comes_late_finds_its_room(tab):
    """A page's links and numbers, whose code a slow machine has loaded only when the page stands already."""
    one, held = tab(), []
    one.page.route("**/static/js/{Metric,PageLink}.*", lambda route: held.append(route))
    below = [one.page.locator(what).first for what in ("[data-testid=stSidebar] .stSelectbox", ".bkv[data-ready]")]
    one.open("/Statistics?case=digits&class=8")
    before = [place.bounding_box()["y"] for place in below]
    assert len(held) == 2
    for route in held:
        route.continue_()
    one.ready()
    assert [place.bounding_box()["y"] for place in below] == pytest.approx(before, abs=2)
