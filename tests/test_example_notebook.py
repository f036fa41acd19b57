"""docs/notebook.ipynb runs from its beginning to its end, in a process and folders of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

ROOT = Path(__file__).parent.parent
NOTEBOOK = ROOT / "docs" / "notebook.ipynb"


def output(cell: Any, kind: str) -> str:
    return "".join("".join(one["data"].get(kind, "")) for one in cell.outputs if "data" in one)


@pytest.fixture(scope="module")
def cells(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The cells after the run, each by the last line of its code."""
    home = tmp_path_factory.mktemp("notebook")
    written = nbformat.read(NOTEBOOK, as_version=4)
    with pytest.MonkeyPatch.context() as patch:
        for name in ("TLX_DATA", "TLX_CACHE", "IPYTHONDIR", "JUPYTER_RUNTIME_DIR"):
            patch.setenv(name, str(home / name.lower()))
        patch.delenv("TLX_CASES", raising=False)
        client = NotebookClient(
            written, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(ROOT)}}
        )
        client.execute()
    return {cell.source.splitlines()[-1]: cell for cell in written.cells if cell.cell_type == "code"}


def test_results_display_as_tables(cells: dict[str, Any]) -> None:
    assert "Digits, dark and light exchanged" in output(cells["case"], "text/html")
    assert "source_accuracy" in output(cells["p.transferability(case)"], "text/html")
    assert "completeness error" in output(cells['p.conductance(case, "target", "target")'], "text/html")


def test_figures_are_shown(cells: dict[str, Any]) -> None:
    shown = output(cells['show(reuse(p.network(case), by_class, "eight"))'], "application/javascript")
    assert "Kept edges" in shown


def test_the_transfer_gained_and_more_training_is_another_case(cells: dict[str, Any]) -> None:
    (scores,) = (one for last, one in cells.items() if last.startswith("[round(p.transferability"))
    first, later = eval(output(scores, "text/plain"))
    assert 0.1 < first < later


def test_the_app_was_opened_on_the_case(cells: dict[str, Any]) -> None:
    assert "/?case=notebook" in output(cells["app"], "text/html")


def test_the_notebook_is_kept_without_outputs() -> None:
    written = nbformat.read(NOTEBOOK, as_version=4)
    assert all(not cell.get("outputs") and not cell.get("execution_count") for cell in written.cells)
