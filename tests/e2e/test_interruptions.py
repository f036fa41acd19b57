"""What people do and what happens to them: impatience, other pages, lost connections, restarts, damaged results.

None of it may lose a choice, leave a progress bar behind, show a traceback or compute a thing twice.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import small_case
import torch
from e2e import figures
from e2e.conftest import SETTLED, Tab, free_port, running

from tlx import cases, needs
from tlx.casefiles import loading
from tlx.networks import models
from tlx.storage import store

pytestmark = pytest.mark.e2e
COMPUTED = 300_000
BUSY = "[data-testid=stProgress]"
# A network that tells of each pass through it, and waits in it while a file says so: work that is surely not done yet.
# The two images that a network is tried on when it is built pass; other networks are built meanwhile.
NETWORK = """
import os, time
from torch import nn

class Patient(nn.Sequential):
    def forward(self, images):
        if told := os.environ.get("TLX_TEST_PASSES"):
            with open(told, "a") as file:
                file.write("x")
            while len(images) > 2 and os.path.exists(os.environ["TLX_TEST_HELD"]):
                time.sleep(0.02)
        return super().forward(images)

def make(classes):
    first, second = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1)
    return Patient(first, nn.ReLU(), second, nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(16, classes))
"""
CLASSES = ("a", "b", "c", "d")
PAGE = "/Network?case=bars&class={}"


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("cold")


@pytest.fixture(scope="module")
def server(home):
    """An app with no result but those of the sidebar: what these tests look at is computed while they look."""
    file = patient(home)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TLX_CACHE", str(home / "cache"))
        needs.answered(needs.frame(loading.load_case(file)), needs.Need.__call__)
    with cold(home, file) as address:
        yield address


@pytest.fixture
def let_go(home):
    """The work of that app stands still from the beginning of the test until this is called."""
    with holding(home) as release:
        yield release


def patient(home: Path) -> Path:
    """The file of a small case with that network."""
    path = small_case.write(home, classes=CLASSES)
    path.write_text(path.read_text().replace('"compact_alexnet"', '"patient:make"'))
    (home / "patient.py").write_text(NETWORK)
    case = loading.load_case(path)
    for model in cases.MODELS:
        torch.save(models.build(case, len(CLASSES), model).state_dict(), home / f"{model}.pt")
    return path


@contextmanager
def cold(folder: Path, *files: Path) -> Iterator[str]:
    """An app with these cases whose results lie in this folder and nowhere else."""
    told = {"TLX_TEST_PASSES": str(folder / "passes"), "TLX_TEST_HELD": str(folder / "held")}
    with running(
        folder, TLX_CACHE=str(folder / "cache"), TLX_CASES=os.pathsep.join(map(str, files)), **told
    ) as address:
        yield address


@contextmanager
def holding(folder: Path) -> Iterator[Callable[[], None]]:
    """Within the block, until the function it gives is called, each pass through the network of `cold` waits."""
    mark = folder / "held"
    mark.touch()
    release = partial(mark.unlink, missing_ok=True)
    try:
        yield release
    finally:
        release()


def at_work(opened: Tab) -> Tab:
    """Waits until the page shows the progress of a job; asks for it where work held before has made it seem long."""
    busy = opened.page.locator(BUSY)
    offered = opened.page.get_by_role("button", name=re.compile("^Compare the neurons"))
    busy.or_(offered).first.wait_for(timeout=COMPUTED)
    if offered.is_visible():
        offered.click()
        busy.first.wait_for(timeout=COMPUTED)
    return opened.settle()


def finished(opened: Tab, figure: str) -> None:
    """Waits until the figure of this key is drawn and no progress is left on the page."""
    figures.drawn(opened.page, figure)
    opened.page.wait_for_function(f"() => !document.querySelector('{BUSY}')", timeout=COMPUTED)
    opened.settle()


def cut(opened: Tab) -> None:
    """Cuts the connection and waits until the page has a new one."""
    before = opened.page.evaluate("() => { window.sockets.at(-1).close(); return window.sockets.length }")
    opened.page.wait_for_function(f"() => window.sockets.length > {before}", timeout=60_000)
    opened.settle()


def test_another_page_does_not_wait_and_the_work_goes_on(tab, let_go):
    """Who leaves a page that computes gets the next one without its progress bar, and finds the figure on return."""
    opened = at_work(tab().open(PAGE.format("a")))
    for title in ("Start", "Statistics", "Network"):
        opened.go_to(title)
        opened.wait_for_class("a")
    let_go()
    finished(opened, "zigzag")
    assert opened.parameter("class") == "a"


def test_another_class_in_the_middle_of_the_work(tab, let_go):
    """The choice counts at once; the figure that comes is the new class's, not that of the class one has left."""
    opened = at_work(tab().open(PAGE.format("b")))
    opened.choose_class("c")
    at_work(opened)
    let_go()
    finished(opened, "zigzag")
    assert "class c" in opened.page.locator(".bkv[aria-label^=Zig-zag]").get_attribute("aria-label")
    opened.wait_for_class("c")


def test_a_lost_connection_loses_nothing(tab, let_go):
    """Cut while it computes and again when it stands still: the page comes back with its figure and its choices."""
    opened = at_work(tab().open(PAGE.format("d") + "&layers=0"))
    cut(opened)
    at_work(opened)
    let_go()
    finished(opened, "zigzag")
    opened.choose_class("a")
    cut(opened)
    opened.wait_for_class("a")
    opened.go_to("Statistics")
    opened.wait_for_class("a")
    assert opened.parameter("layers") == "0"


def test_a_double_click_computes_once(tab):
    """Both clicks on a button that starts work, and on one that saves a file, are one wish."""
    opened = tab().open(PAGE.format("a")).ready()
    finished(opened, "zigzag")
    opened.page.locator("[data-testid=stPopover]", has_text="Compare").get_by_role("button").first.click()
    button = opened.page.get_by_role("button", name=re.compile("Compare all classes"))
    button.wait_for(timeout=COMPUTED)
    button.dblclick()
    button.wait_for(state="detached", timeout=COMPUTED)
    finished(opened, "zigzag")
    opened.page.keyboard.press("Escape")
    with opened.page.expect_download(timeout=60_000):
        opened.page.get_by_role("button", name="Numbers (CSV)").first.dblclick()
    opened.settle()
    opened.wait_for_class("a")


def test_a_restarted_server_shows_the_same_again(chromium, tmp_path):
    """A page that was open when the server ended goes on with the next one: what is chosen there is taken."""
    port, context = free_port(), chromium.new_context(viewport={"width": 1440, "height": 900})
    with running(tmp_path, port=port) as address:
        opened = Tab(context.new_page(), address).open("/Statistics?class=7").ready()
        opened.choose_class("4")
    opened.page.wait_for_selector(f"[data-testid=stApp]:not({SETTLED})", state="attached", timeout=60_000)
    with running(tmp_path, port=port):
        opened.settle()
        opened.choose_class("2")
        opened.go_to("Network")
        opened.wait_for_class("2")
        assert opened.complaints() == []
    context.close()


def test_a_damaged_result_is_said_on_the_page(tmp_path, chromium):
    """One sentence above the page, which shows what it always showed: the result was computed again."""
    case = patient(tmp_path)
    with cold(tmp_path, case) as address:
        page: Any = chromium.new_page()
        finished(Tab(page, address).open("/Instances?case=bars"), "scatter target")
        page.close()
    entries = [*(tmp_path / "cache").rglob(f"predictions/*/{store.ENTRY}")] or pytest.fail("nothing was stored")
    for entry in entries:
        entry.write_bytes(entry.read_bytes()[:-40])
    with cold(tmp_path, case) as address:
        page = chromium.new_page()
        opened = Tab(page, address).open("/Instances?case=bars").ready()
        notice = page.locator("[data-testid=stAlert]", has_text="A stored result of predictions could not be used")
        notice.wait_for(timeout=COMPUTED)
        finished(opened, "scatter target")
        assert notice.count() == 1
        assert opened.complaints() == []
        page.close()


def test_five_visitors_compute_once(tmp_path, chromium):
    """Five who open a cold case at the same moment need no more passes through the network than one does."""
    case = patient(tmp_path)
    passes = {}
    for visitors in (1, 5):
        home = tmp_path / f"{visitors}"
        home.mkdir()
        with cold(home, case) as address, holding(home) as release:
            tabs = [Tab(chromium.new_page(), address) for _ in range(visitors)]
            for one in tabs:
                one.page.goto(f"{address}/Statistics?case=bars", wait_until="commit")
            for one in tabs:
                one.page.wait_for_selector(BUSY, timeout=COMPUTED)
            release()
            for one in tabs:
                one.page.get_by_role("heading", name="Classes").wait_for(timeout=COMPUTED)
                one.page.wait_for_function(f"() => !document.querySelector('{BUSY}')", timeout=COMPUTED)
                assert one.complaints() == []
                one.page.close()
        passes[visitors] = (home / "passes").stat().st_size
    assert passes[5] == passes[1] > 0
