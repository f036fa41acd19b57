"""Every page in a real browser: it opens, follows the shared selection and the address, and asks no other host."""

from __future__ import annotations

from pathlib import Path

import pytest

pytestmark = pytest.mark.e2e
CONTRAST = Path(__file__).with_name("contrast.js").read_text(encoding="utf-8")
TITLES = [
    path.stem.partition("_")[2] for path in sorted((Path(__file__).parent.parent.parent / "pages").glob("[0-9]*_*.py"))
]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("title", ["", *TITLES])
def test_a_page_opens_by_its_address(tab, title, scheme):
    """A deep link shows the page with its class, in light and dark, all text at 4.5 : 1, asking no other host."""
    opened = tab(scheme).open(f"/{title}?class=3&layers=conv2").ready()
    opened.wait_for_class("3")
    assert opened.parameter("class") == "3"
    assert opened.parameter("layers") == "conv2"
    back = opened.page.evaluate("() => getComputedStyle(document.querySelector('[data-testid=stApp]')).backgroundColor")
    dark = sum(int(part) for part in back.removeprefix("rgb(").rstrip(")").split(",")[:3]) < 3 * 128
    assert dark == (scheme == "dark")
    assert opened.page.evaluate(CONTRAST) == []


def test_a_choice_follows_to_other_pages(tab):
    """A class chosen on the start page is in its address, on every other page and in theirs; Back steps through it."""
    opened = tab().open("/?class=3").ready()
    opened.choose_class("5")
    for title in TITLES:
        opened.go_to(title.replace("_", " "))
        opened.wait_for_parameter("class", "5")
        opened.wait_for_class("5")
    opened.go_to("Start")
    opened.choose_class("7")
    opened.back()
    opened.wait_for_parameter("class", "5")
    opened.wait_for_class("5")
    opened.forward()
    opened.wait_for_parameter("class", "7")
    opened.wait_for_class("7")


def test_a_reload_keeps_the_view(tab):
    """The address alone restores the choice in a new session."""
    opened = tab().open("/").ready()
    opened.choose_class("6")
    opened.page.reload()
    opened.ready()
    opened.wait_for_class("6")
    assert opened.parameter("class") == "6"


def test_a_bare_address_is_completed_without_a_step_in_the_history(tab):
    """Opening the app writes its choice into the address; Back leads to where one came from, not to the same page."""
    opened = tab()
    opened.page.goto(f"{opened.server}/_stcore/health")
    opened.open("/").ready()
    opened.page.wait_for_function("() => location.search.includes('case=digits')", timeout=30_000)
    opened.back()
    opened.page.wait_for_function("() => location.pathname.endsWith('health')", timeout=30_000)


def test_an_unknown_class_is_dropped_with_a_notice(tab):
    """A hostile class in a link is named as text, and another one is shown and in the address."""
    opened = tab().open("/?class=%3Cimg%20src%3Dx%20onerror%3Dalert(1)%3E").ready()
    notice = opened.page.locator("[data-testid=stAlert]").first.inner_text()
    assert "has no class '<img src=x onerror=alert(1)>'" in notice
    assert opened.page.locator("[data-testid=stAlert] img").count() == 0
    opened.wait_for_parameter("class", opened.parameter("class") or "")
    assert opened.parameter("class") in list("0123456789")


@pytest.mark.skipif("Statistics" not in TITLES, reason="the page does not exist")
def test_a_figure_is_drawn_and_leaves_nothing_behind(tab):
    """The accuracy chart appears with its text alternative; leaving its page removes every Bokeh document."""
    opened = tab().open("/Statistics?class=3").ready()
    drawn = opened.page.wait_for_selector(".bkv[data-ready]", timeout=300_000)
    assert drawn.get_attribute("aria-label")
    assert opened.page.evaluate("() => Bokeh.documents.length") >= 1
    opened.go_to("New case")  # which has no figure
    opened.page.wait_for_function("() => Bokeh.documents.length === 0", timeout=30_000)
    assert opened.page.evaluate("() => [...Bokeh.index.roots].length") == 0


def test_on_a_phone_the_sidebar_gives_the_page_back(tab):
    """Once another page is chosen in it, which it would lie over."""
    opened = tab(phone=True).open("/?class=8").ready()
    sidebar = opened.page.locator("[data-testid=stSidebar]")
    opened.page.locator("[data-testid=stExpandSidebarButton]").click()
    sidebar.and_(opened.page.locator("[aria-expanded=true], [data-collapsed=false]")).wait_for()
    sidebar.get_by_role("link", name="Lesson").click()
    opened.page.wait_for_url("**/Lesson?**")
    sidebar.and_(opened.page.locator("[aria-expanded=false], [data-collapsed=true]")).wait_for(state="attached")
