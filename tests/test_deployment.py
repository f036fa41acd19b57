"""The Dockerfile takes its steps from the Makefile and copies what the app needs, as an ordinary user."""

from __future__ import annotations

import fnmatch
import json
import re
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def instructions() -> list[tuple[str, str]]:
    """(instruction, its text) of every line of the Dockerfile, continued lines joined and comments dropped."""
    lines = (ROOT / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ").splitlines()
    return [(line.split()[0], line.split(maxsplit=1)[1]) for line in lines if line.strip() and line[0] != "#"]


def texts(name: str) -> list[str]:
    return [text for kind, text in instructions() if kind == name]


def makefile(target: str) -> str:
    """What make would run for a target, here with a virtual environment that is made already."""
    done = subprocess.run(["make", "-n", target], cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout


def test_packages_come_by_the_makefile():
    """No step installs Python packages of its own: `make install` does, after what it reads was copied."""
    order = [f"{kind} {text}" for kind, text in instructions()]
    assert order.index("COPY Makefile requirements.txt ./") < order.index("RUN make install") < order.index("COPY . .")
    assert not [text for text in texts("RUN") if re.search(r"\bpip\b|\bvenv\b|\bcurl\b|\bwget\b", text)]
    assert "pip install --quiet --requirement requirements.txt" in (ROOT / "Makefile").read_text(encoding="utf-8")


def test_it_starts_and_is_watched_as_the_makefile_says():
    """CMD and the health check are targets of the Makefile, and those do what a person would."""
    assert json.loads(texts("CMD")[0]) == ["make", "app"]
    assert json.loads(texts("HEALTHCHECK")[0].split("CMD", 1)[1]) == ["make", "health"]
    assert "streamlit run streamlit_app.py" in makefile("app")
    assert "/_stcore/health" in makefile("health")


def test_the_python_is_the_makefiles():
    """The image has the interpreter that the Makefile asks for, which the project allows."""
    base = texts("FROM")[0]
    version = re.search(r"^PYTHON \?= python(\S+)$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert version is not None
    assert base == f"python:{version[1]}-slim"
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["requires-python"] == f">={version[1]}"


def test_it_runs_as_nobody_in_particular_and_writes_to_its_cache_only():
    """From USER on nothing is root; the cache is a volume that this user owns; visitors name no paths."""
    kinds = [kind for kind, _ in instructions()]
    assert texts("USER") == ["10001"]
    assert kinds.index("USER") < kinds.index("CMD")
    assert "--uid 10001" in " ".join(texts("RUN"))
    assert texts("VOLUME") == ["/cache"]
    settings = " ".join(texts("ENV"))
    assert "TLX_CACHE=/cache" in settings
    assert "TLX_PUBLIC=1" in settings


def ignored(path: str) -> bool:
    """Whether .dockerignore keeps a file of the repository out of the image; the last rule that fits decides."""
    out = False
    for rule in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines():
        if rule and not rule.startswith("#"):
            pattern = rule.removeprefix("!").removeprefix("**/")
            parents = [path, *map(str, Path(path).parents), *Path(path).parts]
            if any(fnmatch.fnmatchcase(one, pattern) for one in parents):
                out = not rule.startswith("!")
    return out


@pytest.mark.parametrize(
    "path",
    [
        "Makefile",
        "requirements.txt",
        "streamlit_app.py",
        "pages/3_Network.py",
        "tlx/pipeline.py",
        "tlx/app/bokeh_view.js",
        "tlx/data/digits/target.safetensors",
        ".streamlit/config.toml",
    ],
)
def test_the_image_holds_what_the_app_runs_on(path):
    assert (ROOT / path).exists()
    assert not ignored(path)


@pytest.mark.parametrize("path", [".git/config", ".venv/bin/python", "cache/v1/x", "tests/toy.py", "tlx/__pycache__/a"])
def test_the_image_holds_nothing_else(path):
    assert ignored(path)
