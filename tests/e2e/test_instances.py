"""The instance page in a real browser: hover, tap, lasso and keyboard lead to pictures and the shared instance."""

from __future__ import annotations

import csv

import numpy as np
import pytest
from e2e import figures

pytestmark = pytest.mark.e2e
KEY = "scatter target"


@pytest.fixture
def opened(tab):
    found = tab("dark").open("/Instances?case=digits&class=8").ready()
    figures.drawn(found.page, KEY)
    return found.settle()


def distances(found):
    """(N, N) distances of the marks on the screen, along the longer side, px."""
    at = np.column_stack([found["screen_x"], found["screen_y"]])
    return np.abs(at[:, None] - at[None]).max(axis=2)


def lonely(found):
    """The row of the mark that stands farthest from all others."""
    apart = distances(found)
    np.fill_diagonal(apart, np.inf)
    return int(apart.min(axis=1).argmax())


def named(found, row):
    return f"{found['domain'][row]}:{found['instance'][row]}"


def detail(opened, said):
    """Words beside the large picture; tooltips say some of them too."""
    return opened.page.locator("[data-testid=stMarkdown]").get_by_text(said)


def tap(opened, found, row):
    opened.page.mouse.click(found["screen_x"][row], found["screen_y"][row])


def test_a_mark_shows_its_picture_in_the_colours_of_the_page(opened):
    """Hovering brings the image at a readable size, from our server, on a dark ground in a dark page."""
    found = figures.marks(opened.page, KEY)
    row = lonely(found)
    opened.page.mouse.move(found["screen_x"][row], found["screen_y"][row], steps=3)
    tip = opened.page.locator(".bk-Tooltip:has-text('target model:')").first
    tip.get_by_text(f"{found['domain'][row]} domain, instance {found['instance'][row]}", exact=True).wait_for()
    picture = tip.locator("[style*=background-image]")
    assert picture.bounding_box()["width"] >= 96
    sheet = picture.evaluate(
        """async (box) => {
          const image = new Image()
          image.src = getComputedStyle(box).backgroundImage.slice(5, -2)
          await image.decode()
          return image.naturalWidth
        }"""
    )
    assert sheet > 1_000
    ground = tip.evaluate("(box) => getComputedStyle(box).backgroundColor.match(/\\d+/g).slice(0, 3).map(Number)")
    assert sum(ground) < 3 * 64


def test_a_tap_picks_the_instance_for_all_pages(opened):
    """The tapped instance stands in the address, large beside its neighbours, and outlives a reload."""
    found = figures.marks(opened.page, KEY)
    row = lonely(found)
    tap(opened, found, row)
    opened.wait_for_parameter("instance", named(found, row))
    shown = f"{found['domain'][row].capitalize()} domain, instance {found['instance'][row]}"
    detail(opened, shown).wait_for(timeout=30_000)
    figures.wait_for_marks(opened.page, KEY, "picked", "(of, at) => of.instance[0] === at", found["instance"][row])
    opened.page.reload()
    opened.ready()
    detail(opened, shown).wait_for(timeout=30_000)
    opened.back()
    opened.page.wait_for_function("() => !location.search.includes('instance=')", timeout=30_000)


def test_hover_and_tap_mean_the_same_mark(opened):
    """Where marks overlap, tooltip and tap name one instance: the nearest to the pointer."""
    found = figures.marks(opened.page, KEY)
    apart = distances(found)
    np.fill_diagonal(apart, np.inf)
    near = [int(row) for row in np.argsort(apart.min(axis=1)) if 3 < apart[row].min() < 5][:3]
    assert len(near) == 3
    for row in near:
        other = int(apart[row].argmin())
        x, y = (0.65 * found[side][row] + 0.35 * found[side][other] for side in ("screen_x", "screen_y"))
        away = np.hypot(np.array(found["screen_x"]) - x, np.array(found["screen_y"]) - y)
        nearest = int(away.argmin())
        opened.page.mouse.move(x, y, steps=3)
        shown = opened.page.locator(".bk-Tooltip:has-text('target model:') >> visible=true")
        what = f"{found['domain'][nearest]} domain, instance {found['instance'][nearest]}"
        shown.get_by_text(what, exact=True).wait_for()
        assert shown.get_by_text("domain, instance").count() == 1
        opened.page.mouse.click(x, y)
        opened.wait_for_parameter("instance", named(found, nearest))


def test_a_lasso_gathers_pictures_and_a_table(opened, tmp_path):
    """What the lasso holds is counted, shown and in the CSV file; the plot keeps it selected."""
    found = figures.marks(opened.page, KEY)
    x, y = np.array(found["screen_x"]), np.array(found["screen_y"])
    middle = np.sort(x)[len(x) // 2 - 1 : len(x) // 2 + 1].mean()
    corners = [(x.min() - 8, y.min() - 8), (middle, y.min() - 8), (middle, y.max() + 8), (x.min() - 8, y.max() + 8)]
    mouse = opened.page.mouse
    mouse.move(*corners[0])
    mouse.down()
    for corner in [*corners[1:], corners[0]]:
        mouse.move(*corner, steps=4)
    mouse.up()
    inside = {(found["domain"][at], str(found["instance"][at])) for at in np.flatnonzero(x < middle)}
    opened.page.get_by_text(f"{len(inside):,} instances").wait_for(timeout=30_000)
    with opened.page.expect_download() as download:
        opened.page.get_by_role("button", name="Selection (CSV)").click()
    download.value.save_as(tmp_path / "rows.csv")
    with (tmp_path / "rows.csv").open(encoding="utf-8") as file:
        assert {(row["domain"], row["instance"]) for row in csv.DictReader(file)} == inside
    kept = "(of, count) => of.selected.length === count"
    figures.wait_for_marks(opened.page, KEY, "points", kept, len(inside))


def test_the_source_models_plot_marks_the_same_instance(opened):
    """A mark tapped in one model's plot is ringed in the other's."""
    opened.page.locator("[data-testid=stCheckbox]", has_text="Both models").click()
    figures.drawn(opened.page, "scatter source")
    opened.settle()
    found = figures.marks(opened.page, "scatter source")
    row = lonely(found)
    tap(opened, found, row)
    opened.wait_for_parameter("instance", named(found, row))
    figures.wait_for_marks(opened.page, KEY, "picked", "(of, at) => of.instance[0] === at", found["instance"][row])


def test_the_keyboard_picks_an_instance(opened):
    """A number and Enter, without a mouse."""
    number = opened.page.locator(".st-key-instances-widget-number input")
    number.fill("7")
    number.press("Enter")
    opened.wait_for_parameter("instance", "source:7")
    detail(opened, "Source domain, instance 7").wait_for(timeout=30_000)
