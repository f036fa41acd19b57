"""A running app and a real browser. Without Chromium these tests are skipped, except in CI, where they fail."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent.parent
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
]
LARGE = {"viewport": {"width": 1440, "height": 900}}
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
CLASS_SHOWN = """(value) => {
  const boxes = [...document.querySelectorAll('[data-testid=stSidebar] [data-testid=stSelectbox]')]
  const box = boxes.find((box) => box.querySelector('label')?.innerText.trim() === 'Class')
  return box !== undefined && [box.querySelector('input').value, ...box.innerText.split('\\n')].includes(value)
}"""
SETTLED = "[data-testid=stApp][data-test-script-state=notRunning][data-test-connection-state=CONNECTED]"
# Keeps the page's websockets at hand, so that a test can cut them as a lost connection does, and whether the page has
# asked for something that the server has not begun to answer: its script is then still called finished.
WATCHED = """
  window.sockets = []
  window.unanswered = false
  window.WebSocket = class extends WebSocket {
    constructor(...given) {
      super(...given)
      window.sockets.push(this)
      this.addEventListener("message", () => { window.unanswered = false })
    }
    send(...given) {
      window.unanswered = true
      super.send(...given)
    }
  }
"""

# What is said of torch where the app ends while it is being imported; nobody sees it who visits a page.
TORCH_ENDS = re.compile(
    r"Exception ignored in: <finalize object.*?torch/library\.py.*?\nTypeError[^\n]*\n"
    r"|(?<=Stopping\.\.\.\n)[^\n]+ failed\nTraceback[^\n]*(?:\n [^\n]*)*?\n +import torch[^\n]*(?:\n [^\n]*)*\n.*?\n",
    re.DOTALL,
)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The app's address; at the end its log must hold no traceback."""
    with running(tmp_path_factory.mktemp("server")) as address:
        yield address


@contextmanager
def running(
    folder: Path,
    *,
    entry: str = "streamlit_app.py",
    base: str = "",
    port: int = 0,
    clean: bool = True,
    **settings: str,
) -> Iterator[str]:
    """An app with these environment variables until the block ends; its address.

    entry: the script; base: the path it lives below; port: where it listens, a free one by default; clean: whether its
    log must hold no traceback at the end.
    """
    port = port or free_port()
    # With what ships with tlx, as a visitor has it: without, pages of digits first offer what takes long.
    environment = {"TLX_CACHE": str(folder / "cache"), "STREAMLIT_SERVER_BASE_URL_PATH": base} | os.environ
    environment |= {"TLX_SHIPPED": "1"} | settings
    command = f"-m streamlit run {entry} --server.port {port} --server.address 127.0.0.1 --server.headless true"
    command += " --server.fileWatcherType none"
    log = folder / "log"
    with log.open("w") as out:
        process = subprocess.Popen(
            [sys.executable, *command.split()], cwd=ROOT, env=environment, stdout=out, stderr=subprocess.STDOUT
        )
        try:
            address = f"http://127.0.0.1:{port}{base}"
            wait_until_up(address, process, log)
            yield address
        finally:
            stop(process)
    said = TORCH_ENDS.sub("", log.read_text())
    assert not (clean and re.search("Traceback|Stack .most recent", said)), said[-4000:]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def stop(process: subprocess.Popen[bytes]) -> None:
    """Asks the app to end, as Ctrl-C does: it must, even in the middle of a job."""
    process.terminate()
    try:
        process.wait(timeout=20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        pytest.fail("the app did not end within 20 s of being asked to")


def wait_until_up(address: str, process: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(300):
        if process.poll() is not None:
            pytest.fail(f"the app did not start:\n{log.read_text()[-4000:]}")
        try:
            with urllib.request.urlopen(f"{address}/_stcore/health", timeout=2):
                return
        except OSError:
            time.sleep(0.2)
    pytest.fail("the app was not up after a minute")


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """A headless Chromium of the system."""
    found = next(
        (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
    )
    if found is None:
        if os.environ.get("CI") == "true":
            pytest.fail("Chromium is missing, and in CI these tests must run")
        pytest.skip("Chromium is not installed")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=FLAGS)
        yield browser
        browser.close()


@dataclass
class Tab:
    """A browser tab on the app, and what went wrong in it."""

    page: Any
    server: str
    errors: list[str] = field(default_factory=list)
    outside: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.add_init_script(WATCHED)

    def open(self, path: str = "/") -> Tab:
        """Goes there; `ready` or `settle` wait until the page is shown."""
        self.page.goto(self.server + path)
        return self

    def settle(self) -> Tab:
        """Waits until the script has finished and stays finished for a moment."""
        finished = f"() => document.querySelector('{SETTLED}') && !window.unanswered"
        self.page.wait_for_function(finished, timeout=60_000)
        self.page.wait_for_timeout(400)
        self.page.wait_for_function(finished, timeout=60_000)
        return self

    def ready(self) -> Tab:
        """Waits until the case is prepared, so that the sidebar has its class."""
        self.page.wait_for_selector("[data-testid=stSidebar] [data-testid=stMultiSelect]", timeout=120_000)
        return self.settle()

    def back(self) -> None:
        """Goes one step back, as a person would: an old address within a second of a choice counts as a late report."""
        self.page.wait_for_timeout(1_500)
        self.page.go_back()

    def forward(self) -> None:
        self.page.wait_for_timeout(1_500)
        self.page.go_forward()

    def parameter(self, name: str) -> str | None:
        return self.page.evaluate("(name) => new URLSearchParams(location.search).get(name)", name)

    def wait_for_parameter(self, name: str, value: str) -> None:
        condition = "([name, value]) => new URLSearchParams(location.search).get(name) === value"
        self.page.wait_for_function(condition, arg=[name, value], timeout=30_000)
        self.settle()

    def wait_for_class(self, value: str) -> None:
        """Waits until the sidebar shows this class."""
        self.page.wait_for_function(CLASS_SHOWN, arg=value, timeout=30_000)

    def choose_class(self, value: str) -> None:
        box = self.page.locator("[data-testid=stSidebar] [data-testid=stSelectbox]", has_text="Class").locator("input")
        box.click()
        self.page.get_by_role("option", name=value, exact=True).click()
        self.wait_for_parameter("class", value)

    def go_to(self, title: str) -> Tab:
        """Follows the sidebar's link."""
        self.page.locator("[data-testid=stSidebar]").get_by_role("link", name=title).click()
        return self.ready()

    def complaints(self) -> list[str]:
        """Everything that must not happen: exceptions on the page, script errors, requests that leave the server."""
        shown = self.page.locator("[data-testid=stException]").all_inner_texts()
        return [*shown, *self.errors, *(f"left the server: {url}" for url in self.outside)]


@pytest.fixture
def tab(server: str, chromium: Any) -> Iterator[Callable[..., Tab]]:
    """Makes tabs, `tab("dark")`, `tab(phone=True)`, each a new visitor. At the end none may have complaints."""
    made: list[Tab] = []

    def make(scheme: str = "light", *, phone: bool = False) -> Tab:
        context = chromium.new_context(color_scheme=scheme, **PHONE if phone else LARGE)
        one = Tab(context.new_page(), server)
        one.page.on("pageerror", lambda error: one.errors.append(str(error)))
        ours = (server, server.replace("http", "ws"), "data:", "blob:")
        one.page.on("request", lambda request: request.url.startswith(ours) or one.outside.append(request.url))
        made.append(one)
        return one

    yield make
    found = [one.complaints() for one in made]
    for one in made:
        one.page.context.close()
    assert found == [[] for _ in made]
