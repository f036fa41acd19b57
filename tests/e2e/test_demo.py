"""The demo's entry in a real browser: its pages have the addresses, links and steps of the app's."""

from __future__ import annotations

import pytest
from e2e.conftest import running

pytestmark = pytest.mark.e2e


TITLES = ["Start", "Statistics", "Instances", "Network", "Features", "Compare", "Lesson"]  # New case is for no stranger


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with running(tmp_path_factory.mktemp("server"), entry="demo/streamlit_app.py") as address:
        yield address


def test_links_lead_to_the_pages_and_back(tab, server):
    """The first request of a server just woken is a link that somebody shared; then the sidebar, Back and Forward."""
    opened = tab().open("/Network?case=digits&class=8").ready()
    opened.wait_for_class("8")
    assert opened.page.title() == "Network · tlx"
    assert opened.page.locator("[data-testid=stSidebarNav]").count() == 0
    linked = opened.page.locator("[data-testid=stSidebar] [data-testid=stPageLink]").all_inner_texts()
    assert [text.split("\n")[-1] for text in linked] == TITLES
    for title in ("Statistics", "Compare", "Lesson", "Start"):
        opened.go_to(title)
        opened.page.wait_for_url(f"{server}/{title if title != 'Start' else ''}?*")
        opened.wait_for_class("8")
    opened.go_to("Features").page.get_by_role("button", name="Network view").click()
    opened.page.wait_for_url(f"{server}/Network?*")
    opened.ready().go_to("Start")
    opened.choose_class("5")
    opened.back()
    opened.wait_for_parameter("class", "8")
    opened.wait_for_class("8")
    opened.back()
    opened.page.wait_for_url(f"{server}/Network?*")
    opened.forward()
    opened.page.wait_for_url(f"{server}/?*")
    opened.open("/Statistics?class=3").ready().wait_for_class("3")
