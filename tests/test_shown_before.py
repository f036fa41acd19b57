"""A page of stored results that was shown before is served: nothing is looked up, shaped or drawn for it."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from bokeh.model import Model
from streamlit_help import ROOT, app

from tlx.app.compare import which_source
from tlx.storage.bundles import Bundle
from tlx.storage.memory import Memoized
from tlx.storage.store import Store

PAGES = ["streamlit_app.py", *sorted(f"pages/{path.name}" for path in (ROOT / "pages").glob("[1-6]_*.py"))]
WORK: dict[str, tuple[Any, str]] = {
    "a Bokeh model is made": (Model, "__init__"),
    "a table is put together": (pd.DataFrame, "__init__"),
    "the store is asked for a result": (Memoized, "_kept"),
    "the store is asked whether it has one": (Memoized, "is_stored"),
    "a bundle is read": (Bundle, "_get"),
    "a file of the store is read": (Store, "load_item"),
}


@pytest.mark.parametrize("path", PAGES)
def test_nothing_is_done_for_a_page_shown_before(path: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """In another session, too."""
    monkeypatch.setenv("TLX_SHIPPED", "1")
    monkeypatch.setenv("TLX_CACHE", str(tmp_path))
    monkeypatch.setattr(which_source, "SEEN", 1e9)  # seconds after which it looks again; a slow machine takes as long
    page = app(path, case="digits", **{"class": "3"}).run()
    assert not page.exception
    assert not page.get("progress")
    done: list[str] = []

    def counted(what: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def count(*args: Any, **kwargs: Any) -> Any:
            done.append(f"{what}: {''.join(traceback.format_stack(limit=9)[:-1])}")
            return function(*args, **kwargs)

        return count

    for what, (kind, name) in WORK.items():
        monkeypatch.setattr(kind, name, counted(what, getattr(kind, name)))
    again = app(path, forget=False, case="digits", **{"class": "3"}).run()
    assert len(again.get("bidi_component")) == len(page.get("bidi_component"))
    assert not done, "\n".join(done[:3])
