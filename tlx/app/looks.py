"""What pages look like beside what Streamlit makes of them, there before anything is drawn.

A style sheet that comes as an element of a page comes after others, and moves them. So the server writes it into the
head of its document, see `InHead`; where somebody else serves the pages it is an element after all.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import streamlit as st

from tlx.app.layout import RULES

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

SHEET = f"<style>\n{Path(__file__).with_suffix('.css').read_text(encoding='utf-8')}{RULES}</style>"
_REQUEST = {b"accept-encoding", b"if-none-match", b"if-modified-since"}  # a browser's copy may have other looks in it
_ANSWER = {b"etag", b"last-modified", b"content-length"}


class InHead:
    """ASGI middleware around Streamlit's server: the style sheet stands in the head of each document it answers with.

    serves: whether this process serves its pages so.
    """

    serves: ClassVar[bool] = False

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        InHead.serves = True

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and b"text/html" in dict(scope["headers"]).get(b"accept", b""):
            scope = {**scope, "headers": [one for one in scope["headers"] if one[0] not in _REQUEST]}
            send = _Document(send).send
        await self._app(scope, receive, send)


class _Document:
    """One answer on its way to the browser; held back until it is whole if it is a document."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._start: Message | None = None
        self._body = b""

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start" and b"html" in dict(message["headers"]).get(b"content-type", b""):
            self._start = message
        elif self._start is None:
            await self._send(message)
        else:
            self._body += message.get("body", b"")
            if not message.get("more_body"):
                body = self._body.replace(b"</head>", SHEET.encode() + b"</head>", 1)
                headers = [one for one in self._start["headers"] if one[0] not in _ANSWER]
                await self._send({**self._start, "headers": [*headers, (b"content-length", b"%d" % len(body))]})
                await self._send({**message, "body": body})


def sheet() -> None:
    """The style sheet as an element of the page, where it does not stand in the document's head."""
    if not InHead.serves:
        st.html(SHEET)
