"""The README's pictures, taken from the running app: `PYTHONPATH=. python benchmarks/pictures.py [--cache FOLDER]`.

Writes docs/pictures/<page>.png (light) and <page>-dark.png, 1440 px wide, of the built-in case.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from typing import Any

from playwright.sync_api import sync_playwright
from visits import DONE, DRAWN, FLAGS, ROOT, start, wait

SHOTS = {
    "start": ("?case=digits&class=8", 1000),
    "Statistics": ("?case=digits&class=8", 1330),
    "Instances": ("?case=digits&class=8&instance=target:1794", 1500),
    "Network": ("?case=digits&class=8&layers=conv1,conv2,conv3", 1180),
    "Features": ("?case=digits&class=8", 1400),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cache", default="")
    given = parser.parse_args()
    folder = ROOT / "docs" / "pictures"
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as empty, sync_playwright() as playwright:
        server, address = start(given.cache or empty)
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        try:
            for scheme, ending in (("light", ""), ("dark", "-dark")):
                page = browser.new_context(color_scheme=scheme, viewport={"width": 1440, "height": 1000}).new_page()
                for name, (query, height) in SHOTS.items():
                    page.set_viewport_size({"width": 1440, "height": height})
                    page.goto(f"{address}/{'' if name == 'start' else name}{query}")
                    settle(page, drawn=name != "start")
                    page.screenshot(path=folder / f"{name.lower()}{ending}.png")
        finally:
            browser.close()
            server.terminate()
            server.wait()


def settle(page: Any, *, drawn: bool) -> None:
    """Waits until everything is computed and drawn, and stays so for a moment: one job may start the next."""
    condition = f"({DONE})()" + (f" && ({DRAWN})() > 0" if drawn else "")
    for _ in range(3):
        wait(page, condition)
        page.wait_for_timeout(900)


if __name__ == "__main__":
    main()
