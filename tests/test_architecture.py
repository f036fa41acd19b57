"""Arrows between rooms point one way (the contracts of pyproject.toml), and stored results are read without torch."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "streamlit_app.py", *sorted((ROOT / "pages").glob("*.py"))]
LIGHT = [
    path for room in ("app", "figures", "reports", "storage", "words") for path in (ROOT / "tlx" / room).rglob("*.py")
]


def test_every_room_knows_only_those_below_it() -> None:
    """Also: only the app knows Streamlit, only figures and the app know Bokeh, only stages know torch."""
    done = subprocess.run([Path(sys.executable).with_name("lint-imports")], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_pages_compute_nothing(path: Path) -> None:
    """They choose, ask and show: no numerical library, no stage and no store is imported by them."""
    nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module}
    assert not {name.split(".")[0] for name in names} & {"torch", "sklearn", "scipy", "numpy", "joblib"}
    assert not [
        name for name in names if name.startswith(("tlx.analysis", "tlx.training", "tlx.networks", "tlx.storage"))
    ]


def test_stored_results_are_read_without_torch() -> None:
    """Importing the pipeline, the figures and the app leaves torch and scikit-learn unimported."""
    modules = [".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__") for path in LIGHT]
    code = f"import sys, tlx, {', '.join(modules)}; print([m for m in ('torch', 'sklearn') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_picture_of_the_house_names_every_room() -> None:
    """docs/architecture.md: each folder and each module of the ground floor, and none that is gone."""
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    tree = text.partition("```")[2].partition("```")[0]
    named = {
        word.removeprefix("tlx/").strip(",/") for line in tree.splitlines() for word in line.split("  ")[0].split()
    }
    rooms = {path.name for path in (ROOT / "tlx").iterdir() if (path / "__init__.py").exists()}
    modules = {path.name for path in (ROOT / "tlx").glob("*.py")} - {"__init__.py"}
    assert named - {"streamlit_app.py", "pages"} == rooms | modules
