"""What a click costs: time until the page is redrawn, and bytes from the server, warm, for each kind of click.

    PYTHONPATH=. python benchmarks/interaction.py [--case digits] [--class 8] [--other 9] [--cache FOLDER] [--repeats 5]

Results are computed first where FOLDER lacks them; then each click is made several times in headless Chromium and the
median is printed: seconds from the click to the last redrawn figure with the script at rest, and kilobytes received
(web socket and files).
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from typing import Any

from playwright.sync_api import Page, sync_playwright
from visits import DONE, DRAWN, FLAGS, start

STILL = 0.25  # seconds without a change after which a page counts as redrawn; not counted
STATE = f"() => [({DONE})(), [...document.querySelectorAll('.bkv')].map((box) => box.dataset.ready ?? '').join()]"


class Visit:
    """A tab that counts what it receives."""

    def __init__(self, browser: Any, address: str) -> None:
        self.page: Page = browser.new_context(viewport={"width": 1440, "height": 1000}).new_page()
        self.address, self.received = address, 0
        wire = self.page.context.new_cdp_session(self.page)
        wire.send("Network.enable")
        wire.on("Network.webSocketFrameReceived", self._frame)
        wire.on("Network.loadingFinished", lambda event: self._count(event["encodedDataLength"]))

    def _frame(self, event: dict[str, Any]) -> None:
        text, binary = event["response"]["payloadData"], event["response"]["opcode"] == 2
        self._count(len(text) * 3 // 4 if binary else len(text))

    def _count(self, size: int) -> None:
        self.received += int(size)

    def open(self, path: str) -> None:
        self.page.goto(f"{self.address}/{path}")
        self.page.wait_for_function(f"({DRAWN})() > 0", timeout=600_000)
        self.settle()

    def settle(self) -> float:
        """Waits until nothing has changed for a while; the time of the last change."""
        last, since = None, time.perf_counter()
        while True:
            state = self.page.evaluate(STATE)
            now = time.perf_counter()
            if state != last or not state[0]:
                last, since = state, now
            elif now - since > STILL:
                return since
            self.page.wait_for_timeout(15)

    def measure(self, act: Callable[[], None]) -> tuple[float, float]:
        """Seconds and kilobytes from an action to the redrawn page."""
        self.settle()
        before, began = self.received, time.perf_counter()
        act()
        self.page.wait_for_timeout(30)
        return self.settle() - began, (self.received - before) / 1e3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    for name, value in (("case", "digits"), ("class", "8"), ("other", "9"), ("cache", "")):
        parser.add_argument(f"--{name}", default=value, dest=f"given_{name}")
    parser.add_argument("--repeats", type=int, default=5)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as empty, sync_playwright() as playwright:
        server, address = start(given.given_cache or empty)
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        try:
            visit = Visit(browser, address)
            query = f"?case={given.given_case}&class={given.given_class}"
            print(f"{'click':58} {'median s':>9} {'slowest':>8} {'kB':>8}")
            for name in ("Statistics", "Instances", "Network", "Features"):
                visit.open(f"{name}?case={given.given_case}&class={given.given_other}")
                visit.open(f"{name}{query}")
            for name in ("Statistics", "Instances", "Network", "Features"):
                measure_page(visit, name, query, (given.given_class, given.given_other), given.repeats)
        finally:
            browser.close()
            server.terminate()
            server.wait()


def measure_page(visit: Visit, name: str, query: str, classes: tuple[str, str], repeats: int) -> None:
    visit.open(f"{name}{query}")
    say(f"{name}: open by its address", [visit.measure(lambda: visit.open(f"{name}{query}")) for _ in range(repeats)])
    visit.open(f"{name}{query}")
    turns = [classes[(at + 1) % 2] for at in range(repeats)]
    say(f"{name}: another class", [visit.measure(lambda to=to: choose(visit.page, to)) for to in turns])
    if name == "Instances":
        visit.open(f"{name}{query}")
        say(f"{name}: another instance", [visit.measure(lambda to=at: pick(visit.page, to)) for at in range(repeats)])


def choose(page: Page, name: str) -> None:
    box = page.locator("[data-testid=stSidebar] [data-testid=stSelectbox]", has_text="Class").locator("input")
    box.click()
    page.get_by_role("option", name=name, exact=True).click()


def pick(page: Page, instance: int) -> None:
    number = page.locator(".st-key-instances-widget-number input")
    number.fill(str(instance))
    number.press("Enter")


def say(what: str, found: list[tuple[float, float]]) -> None:
    times, sizes = zip(*found, strict=True)
    print(f"{what:58} {statistics.median(times):9.2f} {max(times):8.2f} {statistics.median(sizes):8.0f}", flush=True)


if __name__ == "__main__":
    main()
