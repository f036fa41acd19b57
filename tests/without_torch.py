"""Every page in a process that cannot import torch and its like: what it says, and whether it asked for them.

Run by itself it opens the pages on a case of $TLX_CASES (or on digits) for the classes named, and prints JSON.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

HEAVY = {"torch", "torchvision", "sklearn", "scipy", "matplotlib", "captum"}


TESTS = Path(__file__).parent


def seen(case: str, *classes: str, **environment: str) -> dict[str, Any]:
    """What every page says of these classes, with these environment variables."""
    command = [sys.executable, "-W", "ignore", __file__, case, *classes]
    paths = {"PYTHONPATH": os.pathsep.join([str(TESTS.parent), str(TESTS)])}
    done = subprocess.run(
        command, cwd=TESTS.parent, env=os.environ | environment | paths, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-3000:]
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told


class Refusing:
    """A finder that refuses the heavy packages and remembers who was asked for."""

    asked: list[str] = []  # noqa: RUF012

    @classmethod
    def find_spec(cls, name: str, *_: object) -> None:
        if name.partition(".")[0] in HEAVY:
            cls.asked.append(name)
            raise ImportError(f"{name} must not be imported here")


def main(case: str, classes: list[str]) -> None:
    sys.meta_path.insert(0, Refusing)  # type: ignore[arg-type]
    from streamlit_help import ROOT, app, run_to_end, text_of

    told = {}
    for path in ["streamlit_app.py", *sorted(str(one.relative_to(ROOT)) for one in (ROOT / "pages").glob("[1-6]_*"))]:
        for name in classes:
            page = run_to_end(app(path, **{"case": case, "class": name}))
            told[f"{path} {name}"] = {
                "text": text_of(page),
                "errors": [one.value for kind in ("exception", "error") for one in page.get(kind)],
                "lacking": [one.value for one in page.info if "is a bundle" in one.value],
                "figures": len(page.get("bidi_component")),
            }
    print(json.dumps({"pages": told, "asked": Refusing.asked}))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
