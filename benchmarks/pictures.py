"""The pictures of the docs, taken from the running app.

    PYTHONPATH=. python benchmarks/pictures.py [CASE] [--cache FOLDER] [--only NAME…]

Writes docs/pictures/<name>.png, 1440 px wide: for `digits` (the README's, each also as <name>-dark.png; both again as
on a small screen, <name>-1024.png, and a phone, <name>-390.png), for `office31` and `mnistm-mnist` those they show.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from itertools import product
from typing import Any
from urllib.parse import urlencode

from PIL import Image
from playwright.sync_api import sync_playwright
from visits import DONE, DRAWN, FLAGS, ROOT, start, wait

SAVED, MINE = "input[aria-label='Save as']", "/home/you/my-case.toml"  # a field that would tell where this was run
SCREENS = ((1440, 0), (1024, 1400), (390, 2000))  # width and least height in pixels
Shots = dict[str, tuple[str, dict[str, str], int]]  # picture: page, selection, height in pixels
# An easy class, a hard one and the layers looked at; of Office-31 those that the paper looks at (6.1).
STUDIES = {
    "office31": (
        "bike", "file_cabinet", "features.0,features.3,features.6,features.8,features.10,classifier.1,classifier.4",
    ),
    "mnistm-mnist": ("0", "9", "conv1,conv2,conv3,conv4,conv5"),
}  # fmt: skip


def shots(case: str) -> Shots:
    """What is taken of a case."""
    if case == "digits":
        chosen = {"class": "8"}
        return {
            "start": ("", chosen, 1000),
            "statistics": ("Statistics", chosen, 1330),
            "instances": ("Instances", chosen | {"instance": "target:1794"}, 1300),
            "network": ("Network", chosen | {"layers": "conv1,conv2,conv3"}, 1000),
            "features": ("Features", chosen, 1100),
            "compare": ("Compare", chosen, 1300),
            "lesson": ("Lesson", {"view": "lesson.step=4"}, 1000),
            "new-case": ("New_case", chosen, 1000),
        }
    easy, hard, layers = STUDIES[case]
    found: Shots = {f"{case}-statistics": ("Statistics", {"class": hard}, 1330)}
    found[f"{case}-instances"] = ("Instances", {"class": hard}, 1100)
    for kind, name in (("easy", easy), ("hard", hard)):
        found[f"{case}-network-{kind}"] = ("Network", {"class": name, "layers": layers}, 1180)
        found[f"{case}-features-{kind}"] = ("Features", {"class": name}, 1100)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("case", nargs="?", default="digits", choices=("digits", *STUDIES))
    parser.add_argument("--cache", default="", help="folder of stored results; without it they are computed")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="these pictures alone, by their names without a size")
    given = parser.parse_args()
    wanted = {name: shot for name, shot in shots(given.case).items() if given.only is None or name in given.only}
    folder = ROOT / "docs" / "pictures"
    folder.mkdir(parents=True, exist_ok=True)
    schemes = {"light": "", "dark": "-dark"} if given.case == "digits" else {"light": ""}
    screens = SCREENS if given.case == "digits" else SCREENS[:1]
    with tempfile.TemporaryDirectory() as empty, sync_playwright() as playwright:
        server, address = start(given.cache or empty)
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        try:
            for scheme, ending in schemes.items():
                page = browser.new_context(color_scheme=scheme, viewport={"width": 1440, "height": 1000}).new_page()
                for (width, least), (name, (view, selection, height)) in product(screens, wanted.items()):
                    page.set_viewport_size({"width": width, "height": max(height, least)})
                    page.goto(f"{address}/{view}?{urlencode({'case': given.case} | selection)}")
                    if view == "Lesson":
                        predict(page)
                    settle(page, drawn=view not in ("", "New_case"))
                    page.evaluate(
                        f"() => document.querySelectorAll({SAVED!r}).forEach((one) => {{ one.value = {MINE!r} }})"
                    )
                    small = "" if width == SCREENS[0][0] else f"-{width}"
                    path = folder / f"{name}{small}{ending}.png"
                    page.screenshot(path=path)
                    if small:  # looked at once, and not worth a megabyte each
                        Image.open(path).quantize(128, dither=Image.Dither.NONE).save(path, optimize=True)
        finally:
            browser.close()
            server.terminate()
            server.wait()


def predict(page: Any) -> None:
    """Predicts what the slider begins with, and has the answer shown."""
    for button in ("Keep my prediction", "Reveal the answer"):
        page.get_by_role("button", name=button).click(timeout=60_000)


def settle(page: Any, *, drawn: bool) -> None:
    """Waits until everything is computed and drawn, and stays so for a moment: one job may start the next."""
    condition = f"({DONE})()" + (f" && ({DRAWN})() > 0" if drawn else "")
    for _ in range(3):
        wait(page, condition)
        page.wait_for_timeout(900)


if __name__ == "__main__":
    main()
