"""Every page in a process that cannot import torch and its like: what it says, and whether it asked for them.

Run by itself it opens the pages it is told to as JSON, on cases of $TLX_CASES or on digits, and prints JSON.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

HEAVY = {"torch", "torchvision", "sklearn", "scipy", "matplotlib", "captum"}
LIGHT_LACKS = HEAVY | {"safetensors", "tomlkit", "tqdm"}  # what the app requires and the demo does not

TESTS = Path(__file__).parent
ROOT = TESTS.parent
DEMO = "demo/streamlit_app.py"
FILES = ("streamlit_app.py", *sorted(f"pages/{one.name}" for one in (ROOT / "pages").glob("[0-9]_*")))


@dataclass(frozen=True)
class Visit:
    """A page opened by its address, where widgets of these keys were set before."""

    path: str
    query: dict[str, str]
    widgets: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return " ".join([self.path, *self.query.values(), *map(str, self.widgets.values())])


def seen(case: str, *classes: str, **environment: str) -> dict[str, Any]:
    """What every page says of these classes, by "path case class", with these environment variables."""
    return walked([Visit(path, {"case": case, "class": name}) for path in FILES for name in classes], **environment)


def walked(visits: Iterable[Visit], *, demo: bool = False, **environment: str) -> dict[str, Any]:
    """What these pages say, each by a visitor of its own; demo: through its entry, with what it installs."""
    given = json.dumps({"visits": [asdict(one) for one in visits], "demo": demo})
    paths = {"PYTHONPATH": os.pathsep.join([str(ROOT), str(TESTS)])}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", __file__],
        cwd=ROOT,
        env=os.environ | environment | paths,
        input=given,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told


class Refusing:
    """A finder that refuses packages and remembers which were asked for."""

    asked: list[str] = []  # noqa: RUF012

    def __init__(self, refused: set[str]) -> None:
        self._refused = refused

    def find_spec(self, name: str, *_: object) -> None:
        if name.partition(".")[0] in self._refused:
            self.asked.append(name)
            raise ImportError(f"{name} must not be imported here")


def main(visits: list[Visit], *, demo: bool) -> None:
    from tlx import places

    places.computes()  # looks for torch once
    if demo:
        places.computes = lambda: False
    sys.meta_path.insert(0, Refusing(LIGHT_LACKS if demo else HEAVY))  # type: ignore[arg-type]
    from streamlit.testing.v1 import AppTest
    from streamlit_help import run_to_end, text_of

    from tlx.app.job_queue import JobQueue

    began: list[str] = []
    start = JobQueue.start

    def noted(queue: JobQueue, key: Any, label: str, *rest: Any, **named: Any) -> Any:
        began.append(label)
        return start(queue, key, label, *rest, **named)

    JobQueue.start = noted  # type: ignore[method-assign]
    told = {}
    for visit in visits:
        began.clear()
        page = AppTest.from_file(str(ROOT / (DEMO if demo else visit.path)), default_timeout=60)
        for name, value in visit.query.items():
            page.query_params[name] = value
        for key, value in visit.widgets.items():
            page.session_state[key] = value
        run_to_end(page)
        if demo and visit.path != FILES[0]:
            run_to_end(page.switch_page(f"../{visit.path}"))
        told[str(visit)] = {
            "text": text_of(page),
            "errors": [one.value for kind in ("exception", "error") for one in page.get(kind)],
            "lacking": [one.value for one in page.info if "is a bundle" in one.value or "computes none" in one.value],
            "offers": [one.label for one in page.button if str(one.key).startswith("offer ")],
            "jobs": [*began],
            "figures": [one.key for one in page.get("bidi_component")],
            "links": [one.proto.label for one in page.get("page_link")],
        }
    print(json.dumps({"pages": told, "asked": Refusing.asked}))


if __name__ == "__main__":
    given = json.load(sys.stdin)
    main([Visit(**one) for one in given["visits"]], demo=given["demo"])
