"""Arrows between modules point one way: pages -> app, figures, pipeline -> stages -> results, cases, errors."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
BASE = {"errors", "results", "cases", "casefile", "builtin", "digests", "files", "listings", "progress", "memory"}
BASE |= {"notices", "store", "shelves", "locks", "bundle", "codec"}
ROOMS = {"app", "figures", "pipeline", "__main__", "__init__"}
STAGES = {path.stem for path in (ROOT / "tlx").glob("*.py")} - BASE - ROOMS

FORBIDDEN = {
    "base": {"torch", "streamlit", "bokeh", "sklearn", "torchvision"},
    "stage": {"streamlit", "bokeh"},
    "figures": {"streamlit", "torch", "sklearn"},
    "app": {"torch", "sklearn"},
    "pipeline": {"torch", "streamlit", "bokeh", "sklearn"},
    "page": {"torch", "sklearn", "scipy"},
}


def imports(path: Path, *, lazy: bool = True) -> set[str]:
    """Modules a file imports, as dotted names; without `lazy` only those at its top level."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    nodes = ast.walk(tree) if lazy else [node for node in tree.body if not isinstance(node, ast.If)]
    found: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def ours(names: set[str]) -> set[str]:
    """Of the imported names the rooms of tlx they lead to."""
    return {name.split(".")[1] for name in names if name.startswith("tlx.")}


def room(path: Path) -> str:
    if path.parent.name in ("figures", "app"):
        return path.parent.name
    if path.parent.name == "pages" or path.name == "streamlit_app.py":
        return "page"
    return "base" if path.stem in BASE else path.stem if path.stem in ROOMS else "stage"


FILES = sorted([*(ROOT / "tlx").rglob("*.py"), *(ROOT / "pages").glob("*.py"), ROOT / "streamlit_app.py"])


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_room_imports_what_it_must_not_know(path: Path) -> None:
    """Only _vision imports torchvision; stages see no Streamlit, Bokeh or store; pages compute nothing."""
    found = imports(path)
    tops = {name.split(".")[0] for name in found}
    assert "torchvision" not in tops or path.name == "_vision.py"
    assert not tops & FORBIDDEN.get(room(path), set())
    if room(path) == "stage":
        assert not ours(found) & {"memory", "pipeline", "app", "figures"}
    if room(path) == "figures":
        assert not ours(found) & ({"memory", "pipeline", "app"} | (STAGES - {"thumbnails"}))
    if room(path) == "base":
        assert ours(found) <= BASE
    if room(path) in ("page", "app"):
        assert "memory" not in ours(found) or path.name == "jobs.py"


def test_stored_results_are_read_without_torch() -> None:
    """Importing the pipeline, the figures and the app leaves torch and scikit-learn unimported."""
    modules = [
        ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for path in FILES
        if path.parent.name in ("figures", "app") and path.stem != "__init__"
    ]
    code = f"import sys, tlx, {', '.join(modules)}; print([m for m in ('torch', 'sklearn') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
