"""What somebody who opens the app for the first time wants to know, counted in clicks from the start page."""

from __future__ import annotations

import re
from typing import Any

import pytest

pytestmark = pytest.mark.e2e


class Clicks:
    """Clicks in a tab, each counted."""

    def __init__(self, tab: Any) -> None:
        self.tab, self.made = tab, 0

    def on(self, target: Any) -> None:
        target.first.click()
        self.made += 1
        self.tab.settle()

    def page(self, title: str) -> None:
        self.on(self.tab.page.locator("[data-testid=stSidebar]").get_by_role("link", name=title))


@pytest.fixture
def newcomer(tab):
    opened = tab().open("/").ready()
    opened.page.get_by_text("is the worst after the transfer").wait_for(timeout=60_000)
    return Clicks(opened)


def test_the_worst_class_what_it_is_taken_for_and_its_images(newcomer):
    """The first finding names both; its link opens Instances with exactly those images gathered: one click of three."""
    page = newcomer.tab.page
    said = page.locator("[data-testid=stMarkdown]", has_text="is the worst after the transfer").first.inner_text()
    assert re.search(r"Class (\S+) is the worst.*Most often taken for \S+", said, re.DOTALL)
    link = page.get_by_role("link", name=re.compile(r"See the \d+ mistakes"))
    count = int(re.search(r"\d+", link.inner_text())[0])
    newcomer.on(link)
    pictures = page.locator("img[alt*='target model says']")
    pictures.first.wait_for(timeout=30_000)
    worst = re.search(r"Class (\S+) is", said)[1]
    told = [one.get_attribute("alt") for one in pictures.all()]
    assert len(told) == count
    assert all(f"class {worst}," in one and f"says {worst}" not in one for one in told)
    assert newcomer.made <= 3
    gallery = page.locator(".st-key-gathered-pictures")
    assert gallery.evaluate("(one) => getComputedStyle(one).overflowY") == "auto"  # the plot stays in sight beside them


def test_the_layer_pair_that_keeps_least_for_the_worst_class(newcomer):
    """Its class, by the finding's link, then Network: the chart says where least is kept. Two clicks."""
    page = newcomer.tab.page
    newcomer.on(page.get_by_role("link", name=re.compile(r"See the \d+ mistakes")))
    newcomer.page("Network")
    chart = page.locator(".bkv[aria-label*='between the same neurons']").first
    chart.wait_for(timeout=30_000)
    assert re.search(r"least, [\d.]+.% .*from layer \d to \d", chart.get_attribute("aria-label"))
    assert newcomer.made <= 2


def test_a_domain_invariant_neuron_what_it_looks_for_and_whole_images(newcomer):
    """Features, the order from the invariant end: its first neuron stands beside with images. Two clicks of three."""
    page = newcomer.tab.page
    newcomer.page("Features")
    newcomer.on(page.get_by_role("radio", name="most domain-invariant first"))
    page.get_by_text("what it looks for").first.wait_for(timeout=30_000)
    whole = page.locator("img[alt*='domain, instance'], img[alt*='domain: ']")
    whole.first.wait_for(timeout=30_000)
    assert newcomer.made <= 3


def test_the_same_view_on_a_colleagues_screen(newcomer, tab):
    """One link: order, switches, the chosen neuron and the gathered images are there."""
    page = newcomer.tab.page
    newcomer.page("Network")
    newcomer.on(page.get_by_text("Source weights", exact=True))
    newcomer.on(page.get_by_role("radio", name="by index"))
    newcomer.tab.wait_for_parameter("view", "network.order=index,network.source=off")
    there = tab().open(page.url.removeprefix(newcomer.tab.server)).ready()
    assert there.page.get_by_role("radio", name="by index").is_checked()
    state = {
        name: there.page.locator("[data-testid=stCheckbox]", has_text=name).locator("input").is_checked()
        for name in ("Source weights", "Non-important regions")
    }
    assert state == {"Source weights": False, "Non-important regions": True}
