"""The style sheet of all pages stands in each document's head; elsewhere it is an element of the page."""

from __future__ import annotations

import asyncio
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import FileResponse, PlainTextResponse
from starlette.routing import Route
from streamlit.testing.v1 import AppTest
from streamlit_help import app

from tlx.app import bokeh_view, looks

DOCUMENT = "<!DOCTYPE html><html><head><title>one</title></head><body>two</body></html>"
BROWSER = [(b"accept", b"text/html,application/xhtml+xml"), (b"accept-encoding", b"gzip")]


@pytest.fixture
def answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Asks a server of one document and one text; answers with status, headers and body."""
    monkeypatch.setattr(looks.InHead, "serves", False)
    (tmp_path / "index.html").write_text(DOCUMENT)
    routes = [
        Route("/", lambda _: FileResponse(tmp_path / "index.html")),
        Route("/text", lambda _: PlainTextResponse(DOCUMENT)),
    ]
    served = Starlette(routes=routes, middleware=[Middleware(looks.InHead)])

    def ask(path: str, headers: list[tuple[bytes, bytes]]) -> tuple[int, dict[bytes, bytes], str]:
        said: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            return await asyncio.Future()  # nothing more comes from the browser

        async def send(message: Any) -> None:
            said.append(message)

        scope = {"type": "http", "method": "GET", "path": path, "headers": headers, "query_string": b""}
        with ThreadPoolExecutor(1) as pool:  # in this thread a browser's loop may be running
            pool.submit(lambda: asyncio.run(served(scope, receive, send))).result()
        start, *parts = said
        return start["status"], dict(start["headers"]), b"".join(part["body"] for part in parts).decode()

    return ask


def test_a_document_has_it_in_its_head(answer: Any) -> None:
    status, headers, body = answer("/", BROWSER)
    assert status == 200
    assert body == DOCUMENT.replace("</head>", looks.SHEET + "</head>")
    assert int(headers[b"content-length"]) == len(body.encode())
    assert looks.InHead.serves


def test_a_browser_keeps_no_document_with_other_looks(answer: Any) -> None:
    """It is told nothing by which it could ask whether its copy is still right, and is not believed if it does."""
    _, headers, _ = answer("/", BROWSER)
    assert not {b"etag", b"last-modified"} & headers.keys()
    again = [*BROWSER, (b"if-modified-since", b"Fri, 01 Jan 2100 00:00:00 GMT"), (b"if-none-match", b"*")]
    assert answer("/", again)[0] == 200


@pytest.mark.parametrize(("path", "headers"), [("/text", BROWSER), ("/", [(b"accept", b"*/*")])])
def test_nothing_else_is_touched(answer: Any, path: str, headers: list[tuple[bytes, bytes]]) -> None:
    assert answer(path, headers)[2] == DOCUMENT


def test_served_by_somebody_else_a_page_brings_it_along(monkeypatch: pytest.MonkeyPatch) -> None:
    """And does not where it stands in the head."""
    assert looks.SHEET in _html(app("pages/6_Lesson.py").run())
    monkeypatch.setattr(looks.InHead, "serves", True)
    assert looks.SHEET not in _html(app("pages/6_Lesson.py").run())


def _html(page: AppTest) -> list[str]:
    return [element.proto.body for element in page.get("html")]


def test_columns_have_a_rule_for_each_width() -> None:
    """Named after the class that their container's key becomes."""
    assert '[class*="-least290"]' in looks.SHEET
    assert "min-width: min(100%, 290px)" in looks.SHEET


def test_no_rule_is_worked_out_for_all_of_a_page() -> None:
    """Where a rule asks what stands anywhere in an element, one that comes costs as much as all: 1.9 ms, not 0.1."""
    sheets = looks.SHEET + Path(bokeh_view.__file__).with_suffix(".css").read_text(encoding="utf-8")
    asked = re.findall(r"([^\s,{}]*):has\(([^)]*)", sheets)
    assert len(asked) > 3
    assert [(of, what) for of, what in asked if not what.startswith("> ") and of != ":fullscreen"] == []
