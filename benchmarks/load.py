"""Many visitors at once: page times, errors, the server's processor time and its memory, on a warm cache.

    PYTHONPATH=. python benchmarks/load.py [--browsers 10] [--sockets 30] [--changes 200] [--cache FOLDER]

Starts a server of its own on this machine and sends to it alone: one visitor opens everything, then `--browsers` tabs
of headless Chromium walk through all pages, then `--sockets` visitors speak Streamlit's websocket protocol without a
browser, then four of them change pages `--changes` times while the memory is watched. The peer, in the same run: a
bare Streamlit app (`benchmarks/bare`) whose pages have as many blocks, elements and bytes, under the same visitors.
Ends with status 1 where anything failed. The browsers take processor time from the server they wait for; the
websocket visitors cost next to nothing.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import shutil
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from itertools import chain, cycle, islice
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import numpy as np
from playwright.async_api import async_playwright
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from visits import DONE, FLAGS, PAGES, complete, start
from websockets.asyncio.client import ClientConnection, connect

CLASSES = "0123456789"
AGAIN = 0.5  # seconds after which a page that waits for a job is asked for again
DEADLINE = 60.0  # seconds for one page; longer counts as an error


@dataclass
class Report:
    """Seconds by page, and what went wrong."""

    seconds: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    errors: list[str] = field(default_factory=list)
    shapes: dict[str, list[int]] = field(default_factory=dict)  # by page, as `benchmarks/bare` reads it

    async def time(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        at = time.perf_counter()
        try:
            await asyncio.wait_for(work(), DEADLINE)
            self.seconds[name].append(time.perf_counter() - at)
        except Exception as error:
            self.errors.append(f"{name}: {type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}")

    def say(self, what: str) -> None:
        for name, taken in [*self.seconds.items(), ("all pages", list(chain(*self.seconds.values())))]:
            if taken:
                middle, high = np.percentile(taken, [50, 95])
                print(f"{what} {name:12} p50 {middle:6.2f} s   p95 {high:6.2f} s   {len(taken):4} visits")
        print(f"{what} errors: {len(self.errors)}", *sorted(set(self.errors))[:10], sep="\n  ", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--browsers", type=int, default=10)
    parser.add_argument("--sockets", type=int, default=30)
    parser.add_argument("--changes", type=int, default=200)
    parser.add_argument("--cache", default=os.environ.get("TLX_CACHE", ""), help="filled already; warmed up if not")
    given = parser.parse_args()
    given.cache = given.cache or str(Path(__file__).parent.parent / "cache")
    reports = {
        name: Report() for name in ("warm-up", "browsers, bare", "browsers, sockets", "sockets", "bare", "changes")
    }
    with tempfile.TemporaryDirectory() as folder, serving(given.cache) as (address, pid):
        asyncio.run(warm_up(address, pid, reports))
        shapes = Path(folder) / "shapes.json"
        shapes.write_text(json.dumps(reports["warm-up"].shapes))
        with serving(folder, "benchmarks/bare/streamlit_app.py", BARE_SHAPES=str(shapes)) as bare:
            asyncio.run(beside_bare(given, (address, pid), bare, reports))
        asyncio.run(changes(given, address, pid, reports["changes"]))
        print(f"memory, peak: {megabytes(pid, 'VmHWM'):.0f} MB")
    sys.exit(1 if any(report.errors for report in reports.values()) else 0)


@contextmanager
def serving(cache: str, script: str = "streamlit_app.py", **environment: str) -> Iterator[tuple[str, int]]:
    """A server of its own while the block lasts: its address and process."""
    server, address = start(cache, script, **environment)
    try:
        yield address, server.pid
    finally:
        server.terminate()
        server.wait()


async def warm_up(address: str, pid: int, reports: dict[str, Report]) -> None:
    await sockets(address, reports["warm-up"], visitors=1, steps=len(PAGES) * len(CLASSES))
    reports["warm-up"].say("warm-up")
    say_memory("after the warm-up", pid)


async def beside_bare(
    given: argparse.Namespace, own: tuple[str, int], bare: tuple[str, int], reports: dict[str, Report]
) -> None:
    """The table: median seconds of each page for so many visitors, and the server's processor time for one of them."""
    servers = {"bare": bare, "sockets": own}
    if given.browsers:
        for name, (address, _) in servers.items():
            report = reports[f"browsers, {name}"]
            await browsers(address, report, given.browsers, bare=name == "bare")
            report.say(f"{given.browsers} browsers, {name}:")
        say_memory(f"after {given.browsers} browsers", own[1])
    if not given.sockets:
        return
    await sockets(bare[0], Report(), visitors=2, steps=len(PAGES))
    for name, (address, _) in servers.items():
        await sockets(address, reports[name], visitors=given.sockets, steps=len(PAGES))
        reports[name].say(f"{given.sockets} sockets, {name}:")
    say_memory(f"after {given.sockets} sockets", own[1])
    used: dict[str, dict[str, float]] = {name: {} for name in servers}
    for page in PAGES:
        for name, (address, pid) in servers.items():
            used[name][page or "Start"] = await processor_time(address, pid, page)
    print(f"| page | bare, {given.sockets} visitors | tlx | ratio | processor time a page: bare | tlx |")
    print("| --- | --- | --- | --- | --- | --- |")
    for page in used["bare"]:
        middle = {name: float(np.median(reports[name].seconds[page])) for name in used}
        print(
            f"| {page} | {middle['bare']:.2f} s | {middle['sockets']:.2f} s | {middle['sockets'] / middle['bare']:.1f} "
            f"| {used['bare'][page]:.3f} s | {used['sockets'][page]:.3f} s |",
            flush=True,
        )


async def processor_time(address: str, pid: int, page: str) -> float:
    """Seconds of the server's process for one opening of a page: the mean over all classes, twice, of one visitor."""
    async with visiting(address) as visitor:
        began = processor_seconds(pid)
        for class_name in 2 * CLASSES:
            await visitor.open(page, selected(class_name))
        return (processor_seconds(pid) - began) / len(2 * CLASSES)


def processor_seconds(pid: int) -> float:
    user, system = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


async def changes(given: argparse.Namespace, address: str, pid: int, report: Report) -> None:
    if given.changes:
        await growth(address, report, given.changes, pid)
        report.say("changes:")


def say_memory(when: str, pid: int) -> None:
    print(f"memory {when}: {megabytes(pid):.0f} MB", flush=True)


def megabytes(pid: int, what: str = "VmRSS") -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(what)) / 1024


def walk(first: int) -> Iterator[tuple[str, dict[str, str]]]:
    """Pages with a selection, endlessly; each visitor begins at another page and class."""
    pages = islice(cycle(PAGES), first, None)
    for step, page in enumerate(pages):
        class_name = CLASSES[(first + step // len(PAGES)) % len(CLASSES)]
        yield page, selected(class_name)


def selected(class_name: str) -> dict[str, str]:
    return {"case": "digits", "class": class_name, "layers": "conv2,conv3"}


# Browsers


async def browsers(address: str, report: Report, count: int, *, bare: bool) -> None:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        await asyncio.gather(*(tab(browser, address, report, first, DONE if bare else None) for first in range(count)))
        await browser.close()


async def tab(browser: Any, address: str, report: Report, first: int, done: str | None) -> None:
    """A visitor: opens a page by its address, then follows the sidebar's links through all of them.

    done: what holds once a page is complete, where it is no page of tlx.
    """
    context = await browser.new_context(viewport={"width": 1440, "height": 1000})
    page = await context.new_page()
    page.set_default_timeout(DEADLINE * 1000)
    page.on("pageerror", lambda error: report.errors.append(f"script error: {error}"))
    steps = list(islice(walk(first), len(PAGES)))
    for step, (name, query) in enumerate(steps):

        async def visit(step: int = step, name: str = name, query: dict[str, str] = query) -> None:
            if step == 0:
                await page.goto(f"{address}/{name}?{urlencode(query)}")
            else:
                await (
                    page.get_by_test_id("stSidebar").get_by_role("link", name=name.replace("_", " ") or "Start").click()
                )
                await page.wait_for_url(re.compile(rf"{address}/{name}(\?.*)?$"))
            await page.wait_for_function(done or complete(name), polling=50)

        await report.time(name or "Start", visit)
        for said in await page.get_by_test_id("stException").all_inner_texts():
            report.errors.append(f"{name or 'Start'}: {said.splitlines()[0]}")
    await context.close()


# Websockets


@dataclass
class Visitor:
    """One session over Streamlit's websocket: asks for pages and reads what the server answers until it is done."""

    socket: ClientConnection
    shapes: dict[str, list[int]] = field(default_factory=dict)  # of each page when it was last opened
    received: int = 0

    async def open(self, page: str, query: dict[str, str]) -> None:
        self._shape = self.shapes[page or "Start"] = []
        await self._ask(page, query)
        while await self._waits():  # for a job: whether it has finished, only the page's next run tells
            await asyncio.sleep(AGAIN)
            await self._ask(page, query)

    async def _ask(self, page: str, query: dict[str, str]) -> None:
        message = BackMsg()
        message.rerun_script.query_string = urlencode(query)
        message.rerun_script.page_name = page
        await self.socket.send(message.SerializeToString())

    async def _waits(self) -> bool:
        """Reads until the script has finished; whether the page shows the progress of a job instead of its result."""
        waits = False
        while True:
            raw = await self.socket.recv(decode=False)
            self.received += len(raw)
            message = ForwardMsg.FromString(raw)
            kind = message.WhichOneof("type")
            if kind == "delta":
                element = message.delta.new_element.WhichOneof("type")
                self._shape.append(len(raw) if element else -1)
                if element == "exception":
                    raise RuntimeError(f"the page shows {message.delta.new_element.exception.type}")
                waits |= element == "progress"
            elif kind == "page_not_found":
                raise RuntimeError("there is no such page")
            elif kind == "script_finished":
                status = ForwardMsg.ScriptFinishedStatus.Name(message.script_finished)
                if status == "FINISHED_SUCCESSFULLY":
                    return waits
                if status != "FINISHED_EARLY_FOR_RERUN":
                    raise RuntimeError(status)
                waits = False


async def sockets(address: str, report: Report, *, visitors: int, steps: int) -> None:
    """So many visitors at once, each through so many pages."""
    await asyncio.gather(*(session(address, report, first, steps) for first in range(visitors)))


async def session(address: str, report: Report, first: int, steps: int) -> None:
    async with visiting(address) as visitor:
        for page, query in islice(walk(first), steps):
            await report.time(page or "Start", lambda page=page, query=query: visitor.open(page, query))  # type: ignore[misc]
        report.shapes |= visitor.shapes


@asynccontextmanager
async def visiting(address: str) -> AsyncIterator[Visitor]:
    """A visitor of this server while the block lasts."""
    where = address.replace("http", "ws", 1) + "/_stcore/stream"
    async with connect(where, subprotocols=["streamlit"], max_size=None, ping_timeout=None) as socket:  # type: ignore[list-item]
        yield Visitor(socket)


async def growth(address: str, report: Report, changes: int, pid: int) -> None:
    """Four visitors change pages; memory after each tenth, and its trend over the second half."""
    part, measured = max(changes // 40, 1), []
    rounds = -(-changes // (4 * part))
    begun = asyncio.Event()

    async def watch() -> None:
        while not begun.is_set():
            done = sum(map(len, report.seconds.values()))
            measured.append((done, megabytes(pid)))
            await asyncio.sleep(0.5)

    watching = asyncio.create_task(watch())
    await sockets(address, report, visitors=4, steps=part * rounds)
    begun.set()
    await watching
    done, used = np.array(measured).T
    late = done >= changes / 2
    slope = np.polyfit(done[late], used[late], 1)[0] if len(set(done[late])) > 1 else float("nan")
    print(f"memory over {int(done[-1])} page changes: {used[0]:.0f} MB first, {used[late][0]:.0f} MB half-way, "
          f"{used[-1]:.0f} MB last; second half {100 * slope:+.1f} MB per 100 changes")  # fmt: skip


if __name__ == "__main__":
    main()
