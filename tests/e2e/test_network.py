"""The Network page in a real browser: taps reach the panels, the address and the figure; zoom and choices last."""

from __future__ import annotations

import re
from typing import Any

import pytest

pytestmark = pytest.mark.e2e
PAGE = "/Network?class=8&layers=conv1,conv2,conv3"
COMPUTED = 600_000
FIGURE = """
  const plot = Bokeh.documents.flatMap((one) => one.roots()).find((root) => root.name === 'zigzag')
  const view = Bokeh.index.find_one(plot)
  const data = (name) => [...plot.document._all_models.values()].find((model) => model.name === name && model.data).data
  const spot = (x, y) => {
    const box = view.el.getBoundingClientRect()
    return [box.x + view.frame.x_scale.compute(x), box.y + view.frame.y_scale.compute(y)]
  }
"""


def figure(opened: Any, code: str) -> Any:
    """What JavaScript `code` answers about the zig-zag: `plot`, `data(name)`, `spot(x, y)` on the screen."""
    return opened.page.evaluate(f"() => {{ {FIGURE} {code} }}")


def wait_for(opened: Any, code: str) -> None:
    drawn = "if (plot === undefined) return false;"  # not yet, or not any more: the page runs
    opened.page.wait_for_function(f"() => {{ {FIGURE} {drawn} {code} }}", timeout=60_000)


def tap(opened: Any, code: str) -> list[int]:
    """Taps where `code` says, an array of the place in data coordinates and of the neurons there: these."""
    opened.page.locator(".bkv[aria-label^=Zig-zag]").scroll_into_view_if_needed()
    x, y, *neurons = figure(opened, f"const [x, y, ...rest] = (() => {{ {code} }})(); return [...spot(x, y), ...rest]")
    opened.page.mouse.click(x, y)
    return neurons


def words(opened: Any, pattern: str) -> Any:
    """The page's text (not a tooltip's) that holds this."""
    return opened.page.locator("[data-testid=stMarkdown], [data-testid=stCaptionContainer]").get_by_text(
        re.compile(pattern)
    )


@pytest.fixture
def network(tab):
    """The page with class 8 and three layers, drawn."""
    opened = tab().open(PAGE)
    opened.page.wait_for_selector(".bkv[aria-label^=Zig-zag][data-ready]", timeout=COMPUTED)
    opened.page.get_by_text("Instances that activate the neuron most").wait_for(timeout=COMPUTED)
    opened.page.wait_for_function("() => !document.querySelector('[data-testid=stProgress]')", timeout=COMPUTED)
    return opened.settle()


SIMILARITIES = "return String([...data('similarity').image[0]])"
INDEX = """
  const found = data('indices')
  const at = found.neuron.findIndex((_, i) => found.model[i] === 'target' && found.layer[i].startsWith('Layer 2'))
  return [found.x[at], found.y[at], found.neuron[at]]
"""
WEIGHT = """
  const found = data('target_weights'), [x, y, dw, dh] = ['x', 'y', 'dw', 'dh'].map((name) => found[name][0])
  const grid = found.first[0], [rows, columns] = grid.shape, last = rows * columns - 1
  return [x + dw * (1 - 0.5 / columns), y + dh * (1 - 0.5 / rows), grid[last], found.second[0][last]]
"""


def test_tapping_an_index_shows_its_neuron(network):
    """The address names the neuron, the panel shows its rank, and the view frames it."""
    (index,) = tap(network, INDEX)
    network.wait_for_parameter("neuron", f"target:conv2:{index}")
    words(network, r"of 64 here, \w+ in the source model").wait_for()
    assert network.page.get_by_label("Neuron", exact=True).input_value() == str(index)
    wait_for(network, "return data('focus').top.length === 3")


def test_tapping_a_weight_shows_its_edge_and_the_edge_stays(network):
    """The panel and the frames in the view speak of the tapped edge, also after a visit to another page."""
    first, second = figure(network, WEIGHT)[2:]
    said = words(network, rf"^target edge #{first} → #{second}: among the top 10 % in")
    assert said.count() == 0
    assert tap(network, WEIGHT) == [first, second]
    said.wait_for()
    wait_for(network, "return data('edge_focus').model.includes('target')")
    network.go_to("Instances").go_to("Network")
    said.wait_for()
    wait_for(network, "return data('edge_focus').model.includes('target')")


def test_the_picture_fits_the_window_with_its_details_beside(network):
    """The whole zig-zag of three layers fits into the window, its key in its corner, details beside."""
    figure_box, key = network.page.locator(".bkv[aria-label^=Zig-zag]"), network.page.locator(".tlx-key")
    layer = network.page.get_by_label("Layer", exact=True)
    drawn, beside = figure_box.bounding_box(), layer.bounding_box()
    assert drawn["y"] + drawn["height"] <= network.page.viewport_size["height"]
    assert beside["x"] >= drawn["x"] + drawn["width"]
    assert abs(key.bounding_box()["y"] - drawn["y"]) < 20


def test_switches_take_their_marks_away(network):
    """Without source weights no red block is drawn, without non-important regions no box; by index they ascend."""
    for switch in ("Source weights", "Non-important regions"):
        network.page.get_by_text(switch, exact=True).click()
        network.settle()
    network.page.get_by_role("radio", name="by index").click()
    wait_for(network, "return data('source_weights').image.length === 0 && data('boxes').neuron.length === 0")
    first_row = "const grid = data('similarity').target[0], found = [...grid].slice(0, grid.shape[1])"
    wait_for(network, f"{first_row}; return found.every((neuron, at) => at === 0 || neuron > found[at - 1])")


def test_another_class_and_another_page_keep_the_zoom(network):
    """The numbers change, the part that is looked at does not, even where the figure leaves the page meanwhile."""
    looked = "[plot.x_range.start, plot.x_range.end]"
    figure(network, "plot.x_range.setv({start: 20, end: 220})")
    before = figure(network, SIMILARITIES)
    network.choose_class("9")  # to be computed, unless another test has asked for it
    words(network, r"^Class 9, [\d,]+ target instances").wait_for(timeout=COMPUTED)
    wait_for(network, f"{SIMILARITIES} !== '{before}'")
    assert figure(network, f"return {looked}") == [20, 220]
    network.go_to("Instances").go_to("Network")
    wait_for(network, f"return String({looked}) === '20,220'")


def test_in_a_narrow_window_the_key_stands_below_the_figure(network):
    """In a wide one it stands in the figure's empty corner."""
    figure_box, key = network.page.locator(".bkv[aria-label^=Zig-zag]"), network.page.locator(".tlx-key")
    assert key.bounding_box()["y"] < figure_box.bounding_box()["y"] + 20
    network.page.set_viewport_size({"width": 900, "height": 900})
    network.settle()
    over, below = figure_box.bounding_box(), key.bounding_box()
    assert below["y"] >= over["y"] + over["height"] - 1
    assert over["height"] < 1.4 * over["width"]  # no empty room below the figure


def test_the_keyboard_chooses_neurons_and_weights(network):
    """What is typed into the panels is in the address, and framed in the view where it is shown."""
    shown = figure(network, "const found = data('target_weights'); return [found.first[0][0], found.second[0][0]]")
    wait_for(network, "return data('focus').top.length === 0 && data('edge_focus').model.length === 0")
    choose_number(network, "Neuron", shown[0])
    network.wait_for_parameter("neuron", f"target:conv1:{shown[0]}")
    wait_for(network, "return data('focus').top.length > 0")
    network.page.get_by_role("radio", name="Weight", exact=True).click()
    network.settle()
    for label, end in zip(("From neuron", "To neuron"), shown, strict=True):
        choose_number(network, label, end)
    words(network, rf"^target edge #{shown[0]} → #{shown[1]}: among the top 10 % in").wait_for()
    wait_for(network, "return data('edge_focus').model.includes('target')")


def choose_number(opened: Any, label: str, value: int) -> None:
    """Types a number that differs from the present one (the same would change nothing)."""
    box = opened.page.get_by_label(label, exact=True)
    for typed in ([value + 1] if box.input_value() == str(value) else []) + [value]:
        box.fill(str(typed))
        box.press("Enter")
        opened.settle()


def test_a_second_class_is_drawn_beside_the_first(network):
    """The charts over depth get its line, dashed and in its own colour."""
    network.page.locator("[data-testid=stPopover]", has_text="Compare").get_by_role("button").first.click()
    network.page.get_by_label("Compare with").click()
    network.page.keyboard.type("class 9")  # the list draws only the options in sight
    network.page.get_by_role("option", name="class 9", exact=True).click()
    words(network, "Dashed, with diamonds: class 9").wait_for(timeout=COMPUTED)
    drawn = """() => Bokeh.documents.some((one) => [...one._all_models.values()].some(
      (model) => model.name === 'points' && model.data && model.data.marker?.includes('diamond')))"""
    network.page.wait_for_function(drawn, timeout=COMPUTED)


def test_the_keyboard_walks_through_the_picture(network):
    """Tab enters it in sight, arrows move a cursor that is said aloud, Enter chooses, Escape leaves."""
    page, picture = network.page, network.page.locator(".bkv[aria-label^=Zig-zag]")
    page.get_by_role("button", name="Compare").focus()
    for _ in range(4):
        page.keyboard.press("Tab")
        if picture.evaluate("(box) => box === document.activeElement"):
            break
    assert picture.evaluate("(box) => getComputedStyle(box).outlineStyle") == "solid"
    said, cursor = picture.locator("[aria-live]"), picture.locator(".bkv-cursor")
    begin = said.inner_text()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    there = said.inner_text()
    assert there != begin
    source, target = re.fullmatch(
        r"Layer 1: conv \(32\), similarity: source neuron (\d+), target neuron (\d+)", there
    ).groups()
    cell = """const found = data('similarity'), [sources, targets] = [found.source[0], found.target[0]]
      const at = [...sources].findIndex((one, i) => one === SOURCE && targets[i] === TARGET)
      const [rows, columns] = sources.shape
      return spot(found.x[0] + found.dw[0] * (at % columns + 0.5) / columns,
                  found.y[0] + found.dh[0] * (Math.floor(at / columns) + 0.5) / rows)"""
    x, y = figure(network, cell.replace("SOURCE", source).replace("TARGET", target))
    box = cursor.bounding_box()
    assert abs(box["x"] + box["width"] / 2 - x) < 3
    assert abs(box["y"] + box["height"] / 2 - y) < 3
    page.keyboard.press("ArrowUp")
    index = re.search(r"target neuron (\d+)$", said.inner_text())[1]
    page.keyboard.press("Enter")
    network.wait_for_parameter("neuron", f"target:conv1:{index}")
    assert said.inner_text().startswith("Chosen: ")
    page.keyboard.press("Escape")
    assert not cursor.is_visible()
    assert picture.evaluate("(box) => box !== document.activeElement")


def test_the_picture_on_the_whole_screen(network):
    """It grows and brings its key; left again, it is as large as before."""
    page, picture = network.page, network.page.locator(".bkv[aria-label^=Zig-zag]")
    before = picture.bounding_box()["width"]
    page.get_by_role("button", name="Full screen").click()
    page.get_by_role("button", name="Leave full screen").wait_for()
    page.wait_for_function(
        "(before) => document.querySelector('.bkv[aria-label^=Zig-zag]').clientWidth > before + 50", arg=before
    )
    assert page.evaluate("document.fullscreenElement.contains(document.querySelector('.tlx-key'))")
    bottom = picture.bounding_box()
    assert bottom["y"] + bottom["height"] <= page.viewport_size["height"]
    page.get_by_role("button", name="Leave full screen").click()
    page.get_by_role("button", name="Full screen", exact=True).wait_for()
    page.wait_for_function(
        "(before) => Math.abs(document.querySelector('.bkv[aria-label^=Zig-zag]').clientWidth - before) < 2", arg=before
    )


def test_focus_in_the_navigation_is_seen(network):
    """Tab to a link of the sidebar draws a frame around it."""
    link = network.page.locator("[data-testid=stSidebar]").get_by_role("link", name="Features")
    network.page.locator("[data-testid=stSidebar]").get_by_role("link", name="Network").focus()
    network.page.keyboard.press("Tab")
    assert link.evaluate("(link) => [link === document.activeElement, getComputedStyle(link).outlineStyle]") == [
        True,
        "solid",
    ]
