"""Several visitors and one server: nobody waits for somebody else's long work, and who waits can leave it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import small_case
from e2e.conftest import Tab
from e2e.test_interruptions import BUSY, COMPUTED, at_work, cold, finished, holding, patient

from tlx import needs
from tlx.casefiles import loading

pytestmark = pytest.mark.e2e
OFFER = re.compile(r"^Compare the neurons of both models for class \w+ \(about ")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path


@pytest.fixture
def server(home: Path) -> Iterator[str]:
    """Two cases: brisk, a small one, and bars, whose network waits while a test says so and whose path is long."""
    slow = patient(home)
    slow.write_text(slow.read_text().replace("n_steps = 4", "n_steps = 4000"))
    (home / "other").mkdir()
    brisk = small_case.write(home / "other")
    brisk = brisk.rename(brisk.with_name("brisk.toml"))
    brisk.write_text(brisk.read_text().replace('"Bars"', '"Brisk"'))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TLX_CACHE", str(home / "cache"))
        for file in (slow, brisk):
            needs.answered(needs.frame(loading.load_case(file)), needs.Need.__call__)
    with cold(home, slow, brisk) as address:
        yield address


def offered(opened: Tab) -> Tab:
    """Waits until the comparison is offered, and nothing is computed."""
    opened.page.get_by_role("button", name=OFFER).wait_for(timeout=COMPUTED)
    opened.settle()
    assert opened.page.locator(BUSY).count() == 0
    return opened


def asked_for(opened: Tab) -> Tab:
    """The offer is taken up."""
    offered(opened).page.get_by_role("button", name=OFFER).click()
    return at_work(opened)


def test_a_second_visitors_short_work_is_not_held_up_by_the_firsts_long_job(tab, home):
    """And choosing a class begins nothing long; who asks for more of that stands in line and is told so."""
    with holding(home):
        first = asked_for(tab().open("/Network?case=bars&class=a"))
        finished(tab().open("/Network?case=brisk"), "zigzag")
        third = tab("dark").open("/Network?case=bars&class=b")
        asked_for(third)
        third.page.get_by_text("next in line").wait_for(timeout=COMPUTED)  # for how long a slow machine has outrun
        assert first.page.locator(BUSY).count() == 1
        for one in (first, third):
            one.page.get_by_role("button", name="Cancel").click()
            offered(one)


def test_who_cancels_is_offered_the_work_again_and_gets_it_when_asked(tab, home):
    """It does not begin by itself, neither when the job has noticed nor on return from another page."""
    opened = tab().open("/Network?case=bars&class=c")
    with holding(home) as let_go:
        asked_for(opened)
        opened.page.get_by_role("button", name="Cancel").click()
        offered(opened)
        let_go()
        opened.go_to("Start")
        opened.go_to("Network")
        offered(opened)
    opened.page.get_by_role("button", name=OFFER).click()
    finished(opened, "zigzag")


def test_another_visitor_who_waits_for_the_same_keeps_it(tab, home):
    """Two wait for one job; one cancels."""
    with holding(home) as let_go:
        first = asked_for(tab().open("/Network?case=bars&class=d"))
        second = asked_for(tab().open("/Network?case=bars&class=d"))
        first.page.get_by_role("button", name="Cancel").click()
        offered(first)
        let_go()
        finished(second, "zigzag")
