"""The app as a visitor meets it: cold start to the first picture and to all views, warm pages, memory.

    PYTHONPATH=. python benchmarks/visits.py [--case digits] [--class 8] [--cache FOLDER]

Starts a server with an empty cache (or FOLDER), opens the pages in headless Chromium and prints seconds and megabytes.
"""

from __future__ import annotations

import argparse
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

ROOT = Path(__file__).parent.parent
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
PAGES = ("", "Statistics", "Instances", "Network", "Features", "Compare", "Lesson", "New_case")
PLAIN = ("", "Lesson", "New_case")  # pages without a figure
DRAWN = "() => document.querySelectorAll('.bkv[data-ready]').length"
SEEN = """() => [...document.querySelectorAll('.bkv')].every((figure) => 'ready' in figure.dataset
  || figure.getBoundingClientRect().top >= innerHeight)"""  # figures in the window are drawn
DONE = """() => document.querySelector('[data-testid=stApp]')?.dataset.testScriptState === 'notRunning'
  && document.querySelectorAll('[data-testid=stProgress]').length === 0"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--case", default="digits")
    parser.add_argument("--class", dest="class_name", default="8")
    parser.add_argument("--cache", default="")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as empty:
        began = time.perf_counter()
        server, address = start(given.cache or empty)
        try:
            visit(address, f"?case={given.case}&class={given.class_name}", server, began)
        finally:
            server.terminate()
            server.wait()


def start(cache: str, script: str = "streamlit_app.py", **environment: str) -> tuple[subprocess.Popen[bytes], str]:
    """A server of its own on a free port of this machine, and its address once it answers."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = f"-m streamlit run {script} --server.port {port}"
    command += " --server.address 127.0.0.1 --server.headless true --server.fileWatcherType none"
    told = os.environ | {"TLX_CACHE": cache} | environment
    server = subprocess.Popen([sys.executable, *command.split()], cwd=ROOT, env=told, stdout=subprocess.DEVNULL)
    address = f"http://127.0.0.1:{port}"
    while True:
        try:
            urllib.request.urlopen(f"{address}/_stcore/health").close()
            return server, address
        except OSError:
            time.sleep(0.05)


def visit(address: str, query: str, server: subprocess.Popen[bytes], began: float) -> None:
    say("server up", began)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        page = browser.new_context(viewport={"width": 1440, "height": 1000}).new_page()
        began = time.perf_counter()
        page.goto(f"{address}/Statistics{query}")
        wait(page, f"({DRAWN})() > 0")
        say("cold: first picture (accuracy chart)", began)
        for name in PAGES[1:]:
            page.goto(f"{address}/{name}{query}")
            wait(page, complete(name))
            page.wait_for_timeout(300)
            wait(page, complete(name))
            say(f"cold: {name} complete, since the start", began)
        for name in PAGES:
            at = time.perf_counter()
            page.goto(f"{address}/{name}{query}")
            wait(page, complete(name))
            say(f"warm: {name or 'Start'} (new session)", at)
        for name in PAGES[1:]:
            at = time.perf_counter()
            page.click(f"[data-testid=stSidebar] a[href*='{name}']")
            page.wait_for_url(f"**/{name}*")
            wait(page, complete(name))
            say(f"warm: {name} (by its link)", at)
        browser.close()
    status = Path(f"/proc/{server.pid}/status").read_text()
    for key in ("VmHWM", "VmRSS"):
        kilobytes = next(int(line.split()[1]) for line in status.splitlines() if line.startswith(key))
        print(f"{'memory, peak' if key == 'VmHWM' else 'memory, now':44} {kilobytes / 1024:7.0f} MB")


def complete(page: str) -> str:
    """What holds in a browser as soon as a page is complete, as far as the window shows it."""
    return f"({DONE})()" + ("" if page in PLAIN else f" && ({DRAWN})() > 0 && ({SEEN})()")


def say(what: str, since: float) -> None:
    print(f"{what:44} {time.perf_counter() - since:7.2f} s", flush=True)


def wait(page: Any, condition: str) -> None:
    page.wait_for_function(condition, timeout=300_000, polling=50)


if __name__ == "__main__":
    main()
