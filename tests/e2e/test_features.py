"""The Features page in a real browser: rows and neurons by tap and by keyboard, lasso, pictures, silencing."""

from __future__ import annotations

from typing import Any

import pytest
from e2e.figures import drawn, marks, place, wait_for_marks

pytestmark = pytest.mark.e2e
COMPUTED = 600_000  # ms: a fresh machine has everything still to compute
AXES = "found.layer.map((layer, at) => `${layer} ${found.neuron[at]}`).join()"


@pytest.fixture
def features(tab):
    """The page with class 8, its list and its plot drawn."""
    opened = tab().open("/Features?class=8")
    for key in ("ranking", "biplot"):
        opened.page.locator(f".st-key-{key} .bkv[data-ready]").wait_for(timeout=COMPUTED)
    # A skeleton stands where the code of a widget is late, and what is below it will move.
    still_coming = ":is([data-testid=stProgress], [data-testid=stSkeleton])"
    opened.page.wait_for_function(f"() => !document.querySelector('{still_coming}')", timeout=COMPUTED)
    return opened.settle()


def neurons(opened: Any, key: str, name: str) -> list[tuple[str, int]]:
    """(layer, index) of a source's rows, in their order."""
    found = marks(opened.page, key, name)
    return list(zip(found["layer"], found["neuron"], strict=True))


def wait_for_axes(opened: Any, wanted: list[tuple[str, int]]) -> None:
    """Waits until the plot has these neurons' axes."""
    text = ",".join(f"{layer} {index}" for layer, index in wanted)
    wait_for_marks(opened.page, "biplot", "axes", f"(found, text) => {AXES} === text", text)
    opened.settle()


def tap_row(opened: Any, row: int, x: float) -> None:
    """Taps the list's row, at `x` of its 640 units."""
    opened.page.mouse.click(*place(opened.page, "ranking", x, row + 0.5))


def test_a_tick_adds_an_axis_and_another_tap_takes_it_away(features):
    """By tap on the box of row 6, then of row 1: the plot's axes follow."""
    rows = neurons(features, "ranking", "rows")
    wait_for_axes(features, rows[:5])
    tap_row(features, 5, 16)
    wait_for_axes(features, rows[:6])
    tap_row(features, 0, 16)
    wait_for_axes(features, rows[1:6])


def test_the_keyboard_takes_an_axis_away(features):
    """Backspace in the field of ticked neurons removes the last one, in the list and in the plot."""
    rows = neurons(features, "ranking", "rows")
    field = features.page.get_by_label("Ticked neurons, drawn as axes").locator("visible=true").last
    field.focus()
    features.page.keyboard.press("Backspace")
    wait_for_axes(features, rows[:4])
    assert marks(features.page, "ranking", "rows")["tick"][:5] == ["✓"] * 4 + [""]


def test_the_other_order_begins_with_what_the_domains_share(features):
    """The AUC nearest to 0.5 leads, and its five rows become the axes."""
    first = neurons(features, "ranking", "rows")[0]
    features.page.get_by_text("most domain-invariant first").click()
    wait_for_marks(features.page, "ranking", "rows", "(found) => found.place[0] > found.place[1]", None)
    rows = neurons(features, "ranking", "rows")
    assert first not in rows
    away = [abs(auc - 0.5) for auc in marks(features.page, "ranking", "rows")["auc"]]
    assert away == sorted(away)
    wait_for_axes(features, rows[:5])
    features.page.get_by_text("joint weight", exact=True).click()
    wait_for_marks(features.page, "ranking", "rows", "(rows) => rows.place[0] === 1", None)
    weights = [abs(weight) for weight in marks(features.page, "ranking", "rows")["weight"]]
    assert weights == sorted(weights, reverse=True)


def test_a_neuron_leads_to_the_network_page_and_back(features):
    """A tap on a row chooses its neuron, the button shows it in the network view, and it is still chosen here."""
    layer, index = neurons(features, "ranking", "rows")[2]
    tap_row(features, 2, 230)
    wanted = f"target:{layer}:{index}"
    features.wait_for_parameter("neuron", wanted)
    features.page.get_by_role("button", name="Network view").click()
    features.page.wait_for_url("**/Network?**")
    features.wait_for_parameter("neuron", wanted)
    assert layer in (features.parameter("layers") or "").split(",")
    features.go_to("Features")
    features.wait_for_parameter("neuron", wanted)
    wait_for_marks(features.page, "ranking", "rows", "(found) => found.band[2] > 0 && found.band[1] === 0", None)


def test_a_domain_invariant_neuron_is_three_clicks_away(tab):
    """From the start page: what it looks for, and the whole images that excite it, in one screen with the list."""
    opened = tab().open("/?case=digits&class=8").ready()
    opened.go_to("Features")
    drawn(opened.page, "ranking")
    opened.page.get_by_text("most domain-invariant first").click()
    wait_for_marks(opened.page, "ranking", "rows", "(found) => found.place[0] > found.place[1]", None)
    opened.settle()
    _, index = neurons(opened, "ranking", "rows")[0]
    box = opened.page.get_by_label("Chosen neuron").locator("visible=true").last
    assert f", neuron {index}" in (box.input_value() or box.inner_text())
    assert marks(opened.page, "ranking", "rows")["band"][0] > 0
    opened.page.mouse.wheel(0, -4000)
    for name in ("what the neuron looks for", "the whole image"):
        picture = opened.page.locator(f"img[alt^='{name}']").first.bounding_box()
        assert 0 < picture["y"] < picture["y"] + picture["height"] < 900


def test_pages_are_turned_and_the_address_opens_what_was_seen(tab):
    """Forth and back, four times; then order, page and projection as they were, for another visitor."""
    opened = tab().open("/Features?case=digits&class=8").ready()
    first = neurons(opened, "ranking", "rows")
    turn = opened.page.locator("[data-testid=stMain]")
    for number in ("2", "1", "2", "1"):
        turn.get_by_role("button", name=number, exact=True).or_(
            turn.get_by_label(f"page {number}", exact=False)
        ).first.click()
        opened.settle()
        assert (neurons(opened, "ranking", "rows") == first) is (number == "1")
    opened.page.get_by_text("joint weight", exact=True).click()
    opened.settle()
    turn.get_by_role("button", name="3", exact=True).or_(turn.get_by_label("page 3", exact=False)).first.click()
    opened.settle()
    opened.page.get_by_text("the ticked ones only", exact=True).click()
    opened.settle()
    there = tab().open(opened.page.url.removeprefix(opened.server)).ready()
    for key, name in (("ranking", "rows"), ("biplot", "axes")):
        assert neurons(there, key, name) == neurons(opened, key, name)
    assert marks(there.page, "ranking", "rows")["place"][0] == 17
    assert marks(there.page, "biplot")["x"] == marks(opened.page, "biplot")["x"]


def test_a_telephone_shows_all_of_a_row(tab):
    """Boxes, pictures, histograms and weights lie within its width."""
    opened = tab()
    opened.page.set_viewport_size({"width": 390, "height": 844})
    opened.open("/Features?case=digits&class=8")
    drawn(opened.page, "ranking")
    for x in (1, 639):
        left, _ = place(opened.page, "ranking", x, 0.5)
        assert 0 < left < 390
    assert opened.page.evaluate("document.documentElement.scrollWidth") <= 390


def test_a_lasso_gathers_pictures(features):
    """A loop around all marks shows as many pictures as the gallery holds and their counts."""
    found = marks(features.page, "biplot")
    left, right, top, bottom = (
        min(found["screen_x"]),
        max(found["screen_x"]),
        min(found["screen_y"]),
        max(found["screen_y"]),
    )
    corners = [(left, top), (right, top), (right, bottom), (left, bottom), (left, top + 4)]
    mouse = features.page.mouse
    mouse.move(left - 3, top - 3)
    mouse.down()
    for x, y in corners:
        mouse.move(x + (3 if x == right else -3), y + (3 if y == bottom else -3), steps=4)
    mouse.up()
    features.page.get_by_role("button", name="Clear the selection").wait_for(timeout=30_000)
    chosen = len(marks(features.page, "biplot")["selected"])
    assert chosen > 0.95 * len(found["x"])
    features.page.get_by_text(f"{chosen:,} instances").wait_for()
    assert features.page.locator("[data-testid=stHtml] img[src^='data:image/webp']").count() >= 90


def test_hovering_a_mark_shows_its_picture(features):
    """The tooltip of a mark holds a picture from this server, its domain and what the classifier says of it."""
    found = marks(features.page, "biplot")
    at = max(range(len(found["x"])), key=lambda row: found["x"][row])
    features.page.mouse.move(found["screen_x"][at], found["screen_y"][at], steps=5)
    tip = features.page.locator(".bk-Tooltip:has-text('distance from the boundary')").first
    tip.get_by_text(f"instance {found['instance'][at]}").first.wait_for(timeout=30_000)
    tip.get_by_text(f"{found['domain'][at]} domain", exact=True).first.wait_for()
    assert "media/" in tip.locator("[style*=background-image]").first.get_attribute("style")


def test_silencing_is_offered_with_its_cost_and_shows_its_result(features):
    """The button says about how long it takes; then the changes stand beside those by other important neurons."""
    button = features.page.get_by_role("button", name="Silence the 5 ticked neurons (about ")
    if button.count():  # a store kept from an earlier run has the answer already
        button.click()
    drawn(features.page, "silencing")
    features.page.get_by_text("as many other important neurons of the same layers").wait_for()
