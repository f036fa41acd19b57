"""What a click costs: seconds until the page is redrawn, kilobytes, runs of the script; and what opening a page moves.

    PYTHONPATH=. python benchmarks/interaction.py [--case NAME_OR_FILE] [--class 8] [--other 9] [--cache FOLDER]
        [--repeats 5]

--case: a built-in case or the path of a case file; --class, --other: the two classes that are chosen in turn, by
default the first two that both domains have. Results are computed first where FOLDER lacks them; then each click is
made several times in headless Chromium, every one in a tab of its own that has just opened the page, and the medians
are printed: seconds from the click to the last redrawn figure with the script at rest, kilobytes received (web socket
and files) and runs asked for. Layout shift is Chromium's own measure (0: nothing that stood has moved), of a page
opened by its address and by a link of another one; a bare Streamlit page with a sidebar stands beside it.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from urllib.parse import urlencode

from playwright.sync_api import Page, sync_playwright
from visits import DONE, FLAGS, complete, start

from tlx import load_case, pipeline

STILL = 0.25  # seconds without a change after which a page counts as redrawn; not counted
STATE = f"() => [({DONE})(), [...document.querySelectorAll('.bkv')].map((box) => box.dataset.ready ?? '').join()]"
SHIFTS = """
  window.shifted = 0
  new PerformanceObserver((list) => { for (const one of list.getEntries()) window.shifted += one.value })
    .observe({ type: "layout-shift", buffered: true })
"""
# The place on the screen of a figure's data coordinates, which `code` answers from the figure's sources.
SPOT = """([name, code]) => {
  const plot = Bokeh.documents.flatMap((one) => one.roots()).find((root) => root.name === name)
  const view = Bokeh.index.find_one(plot)
  const data = (source) => [...plot.document._all_models.values()].find((m) => m.name === source && m.data).data
  view.el.scrollIntoView({ block: "center" })
  const [x, y] = new Function("data", code)(data)
  const box = view.el.getBoundingClientRect()
  return [box.x + view.frame.x_scale.compute(x), box.y + view.frame.y_scale.compute(y)]
}"""
WEIGHT = """const found = data("target_weights"), [x, y, dw, dh] = ["x", "y", "dw", "dh"].map((name) => found[name][0])
  const [rows, columns] = found.first[0].shape
  return [x + dw * (1 - 0.5 / columns), y + dh * (1 - 0.5 / rows)]"""


class Visit:
    """A tab that counts what it receives and asks for."""

    def __init__(self, browser: Any, address: str) -> None:
        self.context = browser.new_context(viewport={"width": 1440, "height": 900})
        self.page: Page = self.context.new_page()
        self.page.add_init_script(SHIFTS)
        self.address, self.received, self.asked = address, 0, 0
        wire = self.context.new_cdp_session(self.page)
        wire.send("Network.enable")
        wire.on("Network.webSocketFrameReceived", self._frame)
        wire.on("Network.webSocketFrameSent", self._ask)
        wire.on("Network.loadingFinished", lambda event: self._count(event["encodedDataLength"]))

    def _frame(self, event: dict[str, Any]) -> None:
        text, binary = event["response"]["payloadData"], event["response"]["opcode"] == 2
        self._count(len(text) * 3 // 4 if binary else len(text))

    def _ask(self, _: dict[str, Any]) -> None:
        self.asked += 1

    def _count(self, size: int) -> None:
        self.received += int(size)

    def open(self, name: str, query: str) -> None:
        self.page.goto(f"{self.address}/{name}{query}")
        self.page.wait_for_function(complete(name), timeout=600_000)
        self.settle()

    def follow(self, name: str) -> None:
        self.page.get_by_test_id("stSidebar").get_by_role("link", name=name.replace("_", " ") or "Start").click()
        self.page.wait_for_url(f"**/{name}*")
        self.page.wait_for_function(complete(name), timeout=600_000)

    def click(self, figure: str, code: str) -> None:
        self.page.mouse.click(*self.page.evaluate(SPOT, [figure, code]))

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

    def shifted(self) -> float:
        return float(self.page.evaluate("window.shifted"))

    def measure(self, act: Callable[[Visit], None]) -> tuple[float, float, int]:
        """Seconds, kilobytes and runs from an action to the redrawn page."""
        self.settle()
        received, asked, began = self.received, self.asked, time.perf_counter()
        act(self)
        self.page.wait_for_timeout(30)
        return self.settle() - began, (self.received - received) / 1e3, self.asked - asked


@dataclass
class Clicks:
    """What is clicked on a page, in words."""

    page: str
    acts: dict[str, Callable[[Visit], None]] = field(default_factory=dict)


def clicks(other: str) -> list[Clicks]:
    """The kinds of clicks; other: the class that is chosen instead."""

    def another(visit: Visit) -> None:
        choose(visit.page, other)

    def pressed(label: str) -> Callable[[Visit], None]:
        return lambda visit: visit.page.get_by_role("radio", name=label).or_(
            visit.page.get_by_role("button", name=label)).first.click()  # fmt: skip

    def tapped(figure: str, code: str) -> Callable[[Visit], None]:
        return lambda visit: visit.click(figure, code)

    index = "const found = data('indices'); return [found.x[2], found.y[2]]"
    mark = "const found = data('points'); return [found.x.at(-1), found.y.at(-1)]"
    return [
        Clicks("Statistics", {"another class": another, "confusion matrices": switched}),
        Clicks("Instances", {"another class": another, "an instance by its number": pick,
                             "a mark": tapped("scatter target", mark), "all classes": choose_all}),
        Clicks("Network", {"another class": another, "a neuron's index": tapped("zigzag", index),
                           "a weight": tapped("zigzag", WEIGHT), "another order": pressed("by index")}),
        Clicks("Features", {"another class": another, "a neuron's row": tapped("ranking", "return [300, 2.5]"),
                            "a box": tapped("ranking", "return [16, 6.5]"), "the next page": next_page}),
    ]  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, value in (("case", "digits"), ("class", ""), ("other", ""), ("cache", "")):
        parser.add_argument(f"--{name}", default=value, dest=f"given_{name}")
    parser.add_argument("--repeats", type=int, default=5)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as empty, sync_playwright() as playwright:
        os.environ["TLX_CACHE"] = given.given_cache or empty
        case, classes = subject(given)
        server, address = start(os.environ["TLX_CACHE"])
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        queries = [f"?{urlencode({'case': case, 'class': chosen})}" for chosen in classes]
        try:
            print(f"case {case}, classes {classes[0]} and {classes[1]}")
            print("| page | click | median | slowest | received | runs |\n| --- | --- | --- | --- | --- | --- |")
            for page in clicks(classes[1]):
                for query in reversed(queries):  # computes what is missing
                    closed(browser, address, lambda visit, page=page, query=query: visit.open(page.page, query))
                for words, act in page.acts.items():
                    work = partial(clicked, page=page.page, query=queries[0], act=act)
                    say(page.page, words, [closed(browser, address, work) for _ in range(given.repeats + 1)][1:])
            print_shifts(browser, address, queries[0], given.repeats)
        finally:
            browser.close()
            server.terminate()
            server.wait()


def closed(browser: Any, address: str, work: Callable[[Visit], Any]) -> Any:
    """What is done in a new tab, which is closed afterwards."""
    visit = Visit(browser, address)
    try:
        return work(visit)
    finally:
        visit.context.close()


def clicked(visit: Visit, page: str, query: str, act: Callable[[Visit], None]) -> tuple[float, float, int]:
    visit.open(page, query)
    return visit.measure(act)


def print_shifts(browser: Any, address: str, query: str, repeats: int) -> None:
    """Layout shift of each page, opened by its address and by a link, and of a bare one."""
    print("| page | shift, by its address | by a link |\n| --- | --- | --- |")
    with tempfile.NamedTemporaryFile("w", suffix=".py") as script:
        script.write(BARE)
        script.flush()
        server, bare = start("", script.name)
        try:
            found = [closed(browser, bare, lambda visit: shift(visit, "", "")) for _ in range(repeats)]
        finally:
            server.terminate()
            server.wait()
    print(f"| a bare page with a sidebar | {statistics.median(found):.2f} | |")
    for name in ("", "Statistics", "Instances", "Network", "Features", "Compare", "Lesson", "New_case"):
        by_address = [
            closed(browser, address, lambda visit, name=name: shift(visit, name, query)) for _ in range(repeats)
        ]
        by_link = [
            closed(browser, address, lambda visit, name=name: shift_by_link(visit, name, query)) for _ in range(repeats)
        ]
        middle = [statistics.median(one) for one in (by_address, by_link)]
        print(f"| {name or 'Start'} | {middle[0]:.2f} | {middle[1]:.2f} |", flush=True)


BARE = """
import streamlit as st
st.set_page_config(layout="wide")
st.sidebar.text("a sidebar")
st.title("A bare page")
st.text("and its text")
"""


def shift(visit: Visit, name: str, query: str) -> float:
    visit.page.goto(f"{visit.address}/{name}{query}")
    visit.page.wait_for_function(complete(name), timeout=600_000)
    visit.page.wait_for_timeout(1_000)
    return visit.shifted()


def shift_by_link(visit: Visit, name: str, query: str) -> float:
    visit.open("Statistics" if name == "" else "", query)
    visit.page.evaluate("window.shifted = 0")
    visit.follow(name)
    visit.page.wait_for_timeout(1_000)
    return visit.shifted()


def subject(given: argparse.Namespace) -> tuple[str, tuple[str, str]]:
    """The case's name and the two classes; a case file is handed to the server."""
    if given.given_case.endswith(".toml"):
        os.environ["TLX_CASES"] = given.given_case
    case = load_case(given.given_case)
    names = pipeline.in_both_domains(case)
    first = given.given_class or names[0]
    return case.name, (first, given.given_other or next(name for name in names if name != first))


def switched(visit: Visit) -> None:
    visit.page.get_by_text("Confusion matrices of both models").click()


def choose_all(visit: Visit) -> None:
    visit.page.locator("[data-testid=stMain] [data-testid=stMultiSelect] input").first.click()
    visit.page.get_by_text("Select all", exact=True).click()


def next_page(visit: Visit) -> None:
    visit.page.get_by_test_id("stMain").get_by_text("2", exact=True).first.click()


def choose(page: Page, name: str) -> None:
    box = page.locator("[data-testid=stSidebar] [data-testid=stSelectbox]", has_text="Class").locator("input")
    box.fill(name)  # a long list shows only what is scrolled to
    page.get_by_role("option", name=name, exact=True).click()


def pick(visit: Visit) -> None:
    number = visit.page.locator(".st-key-instances-widget-number input")
    number.fill("7")
    number.press("Enter")


def say(page: str, what: str, found: list[tuple[float, float, int]]) -> None:
    times, sizes, runs = zip(*found, strict=True)
    middle = [statistics.median(one) for one in (times, sizes, runs)]
    print(
        f"| {page} | {what} | {middle[0]:.2f} s | {max(times):.2f} s | {middle[1]:.0f} kB | {middle[2]:.0f} |",
        flush=True,
    )


if __name__ == "__main__":
    main()
