"""What a click costs: time until the page is redrawn, and bytes from the server, warm, for each kind of click.

    PYTHONPATH=. python benchmarks/interaction.py [--case NAME_OR_FILE] [--class 8] [--other 9] [--cache FOLDER]
        [--repeats 5]

--case: a built-in case or the path of a case file; --class, --other: the two classes that are chosen in turn, by
default the first two that both domains have. Results are computed first where FOLDER lacks them; then each click is
made several times in headless Chromium and the median is printed: seconds from the click to the last redrawn figure
with the script at rest, and kilobytes received (web socket and files).
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from playwright.sync_api import Page, sync_playwright
from visits import DONE, DRAWN, FLAGS, start

from tlx import load_case, pipeline

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
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, value in (("case", "digits"), ("class", ""), ("other", ""), ("cache", "")):
        parser.add_argument(f"--{name}", default=value, dest=f"given_{name}")
    parser.add_argument("--repeats", type=int, default=5)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as empty, sync_playwright() as playwright:
        os.environ["TLX_CACHE"] = given.given_cache or empty
        name, classes = subject(given)
        server, address = start(os.environ["TLX_CACHE"])
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        try:
            visit = Visit(browser, address)
            queries = [f"?{urlencode({'case': name, 'class': chosen})}" for chosen in classes]
            print(f"case {name}, classes {classes[0]} and {classes[1]}")
            print(f"{'click':58} {'median s':>9} {'slowest':>8} {'kB':>8}")
            for page in ("Statistics", "Instances", "Network", "Features"):
                for query in reversed(queries):  # computes what is missing
                    visit.open(f"{page}{query}")
            for page in ("Statistics", "Instances", "Network", "Features"):
                measure_page(visit, page, queries[0], classes, given.repeats)
            measure_all_classes(visit, queries[0], given.repeats)
        finally:
            browser.close()
            server.terminate()
            server.wait()


def subject(given: argparse.Namespace) -> tuple[str, tuple[str, str]]:
    """The case's name and the two classes; a case file is handed to the server."""
    if given.given_case.endswith(".toml"):
        os.environ["TLX_CASES"] = given.given_case
    case = load_case(given.given_case)
    names = pipeline.in_both_domains(case)
    first = given.given_class or names[0]
    return case.name, (first, given.given_other or next(name for name in names if name != first))


def measure_page(visit: Visit, name: str, query: str, classes: tuple[str, str], repeats: int) -> None:
    visit.open(f"{name}{query}")
    say(f"{name}: open by its address", [visit.measure(lambda: visit.open(f"{name}{query}")) for _ in range(repeats)])
    visit.open(f"{name}{query}")
    turns = [classes[(at + 1) % 2] for at in range(repeats)]
    say(f"{name}: another class", [visit.measure(lambda to=to: choose(visit.page, to)) for to in turns])
    if name == "Instances":
        visit.open(f"{name}{query}")
        say(f"{name}: another instance", [visit.measure(lambda to=at: pick(visit.page, to)) for at in range(repeats)])


def measure_all_classes(visit: Visit, query: str, repeats: int) -> None:
    """From two classes to all of them, and another instance among all; the embedding is computed in a first round."""
    found = []
    for _ in range(repeats + 1):
        visit.open(f"Instances{query}")
        found.append(visit.measure(lambda: choose_all(visit.page)))
    say("Instances: all classes", found[1:])
    say("Instances: another instance among all", [visit.measure(lambda to=at: pick(visit.page, to)) for at in range(5)])


def choose_all(page: Page) -> None:
    page.locator("[data-testid=stMain] [data-testid=stMultiSelect] input").first.click()
    page.get_by_text("Select all", exact=True).click()


def choose(page: Page, name: str) -> None:
    box = page.locator("[data-testid=stSidebar] [data-testid=stSelectbox]", has_text="Class").locator("input")
    box.fill(name)  # a long list shows only what is scrolled to
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
