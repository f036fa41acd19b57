"""What the running server answers to requests no page of ours makes, and how it lives behind a proxy, below a path."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from urllib.parse import urlsplit

import bokeh
import pytest
from e2e.conftest import running

pytestmark = pytest.mark.e2e
BASE = "/lab/tlx"
ASSETS = "/_stcore/bidi-components/streamlit-bokeh.streamlit_bokeh"
MARKS = ("root:x:0:0", "def known_cases", "selection = frame.page", "[theme.light]", "$(VENV)")  # of files not to read
UP = ["../" * 12, "..%2f" * 12, "%2e%2e/" * 12, "..\\" * 12, "..%5c" * 12, ".%252e/" * 12, "/", "//", "%2f", "file:///"]
PREFIXES = ["/", "/app/static/", "/static/", "/media/", "/component/", f"{ASSETS}/", f"{ASSETS}/bokeh/", "/pages/"]
FILES = ["etc/passwd", "tlx/app/known_cases.py", ".streamlit/config.toml", "streamlit_app.py", "Makefile"]


@pytest.fixture(scope="module")
def proxied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The app below /lab/tlx, as behind a proxy. Its log may tell what it refused."""
    with running(tmp_path_factory.mktemp("proxied"), base=BASE, clean=False) as address:
        yield address


def ask(server: str, path: str, method: str = "GET", **headers: str) -> tuple[int, str, dict[str, str]]:
    """Status, text and headers of the answer to a request sent exactly as given, dots and slashes included."""
    where = urlsplit(server)
    connection = http.client.HTTPConnection(where.netloc, timeout=60)
    connection.putrequest(method, where.path + path, skip_host="Host" in headers)
    for name, value in headers.items():
        connection.putheader(name.replace("_", "-"), value)
    connection.endheaders()
    answer = connection.getresponse()
    upgraded = answer.status == 101
    text = "" if upgraded else answer.read().decode("utf-8", "replace")
    connection.close()
    return answer.status, text, {name.lower(): value for name, value in answer.getheaders()}


def handshake(server: str, origin: str, host: str | None = None) -> int:
    """Status of asking for the websocket that pages talk over, as a browser on a page of `origin` would."""
    headers = {"Host": host} if host else {}
    upgrade = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec_WebSocket_Version": "13"}
    key = {"Sec_WebSocket_Key": "dGhlIHNhbXBsZSBub25jZQ==", "Sec_WebSocket_Protocol": "streamlit"}
    return ask(server, "/_stcore/stream", Origin=origin, **headers, **upgrade, **key)[0]


def test_no_path_leads_out_of_what_is_served(proxied):
    """Whatever stands before them, paths to files of the machine or the repository answer with none of their text."""
    status, text, _ = ask(proxied, f"{ASSETS}/bokeh/bokeh-{bokeh.__version__}.min.js")
    assert (status, "Bokeh" in text) == (200, True)  # the folder that is served does answer
    for prefix in PREFIXES:
        for path in [prefix + up + file for up in ("", *UP) for file in FILES]:
            status, text, _ = ask(proxied, path)
            assert not [mark for mark in MARKS if mark in text], (path, status)


def test_other_sites_get_no_session(server):
    """The websocket opens for pages of the server's own address, as the browser names it, and for no other."""
    ours = urlsplit(server).netloc
    assert handshake(server, server) == 101
    assert handshake(server, "https://evil.example") == 403
    assert handshake(server, "https://127.0.0.1.evil.example") == 403
    assert handshake(server, "https://tlx.example", host="tlx.example") == 101  # behind a proxy that passes the host on
    assert handshake(server, "https://tlx.example", host=ours) == 403  # behind one that does not


def test_other_sites_read_nothing(server):
    """No answer allows a page of another origin to read it."""
    for path in ("/", "/_stcore/health", "/_stcore/host-config", "/_stcore/metrics"):
        _, _, headers = ask(server, path, Origin="https://evil.example")
        assert headers.get("access-control-allow-origin") is None


def test_uploads_need_the_page_and_a_session(server):
    """Without the cookie's token twice an upload is refused, and with it where no session is."""
    path = "/_stcore/upload_file/nobody/file"
    assert ask(server, path, "PUT", Content_Length="0")[0] == 403
    _, _, headers = ask(server, "/_stcore/health")
    cookie = headers["set-cookie"].partition(";")[0]
    token = {"Cookie": cookie, "X_Xsrftoken": cookie.partition("=")[2]}
    assert ask(server, path, "PUT", Content_Length="0", **token)[0] == 400


def test_machines_have_no_way_in(server):
    """Streamlit's interface for programs is off, and no origin at large may embed the app."""
    assert json.loads(ask(server, "/_stcore/agent/openapi.json")[1])["info"]["x-streamlit-agent-api"] == "disabled"
    assert ask(server, "/_stcore/agent/interact", "POST", Content_Length="0")[0] >= 400
    told = json.loads(ask(server, "/_stcore/host-config")[1])
    assert told["enableCustomParentMessages"] is False
    assert not [origin for origin in told["allowedOrigins"] if origin == "*"]


def test_the_app_lives_below_a_path(proxied, chromium):
    """Every page opens there, its figures and pictures come from there, and its links stay there."""
    page = chromium.new_context(viewport={"width": 1440, "height": 900}).new_page()
    failed: list[str] = []
    page.on("response", lambda answer: answer.status >= 400 and failed.append(answer.url))
    page.goto(f"{proxied}/Instances?case=digits&class=3&instance=target:3")
    page.wait_for_selector(".bkv[data-ready]", timeout=300_000)
    hovers = "Bokeh.documents.flatMap((one) => [...one._all_models.values()]).map((model) => model.args?.urls?.[0])"
    sheet = page.wait_for_function(f"() => {hovers}.find(Boolean)", timeout=60_000).json_value()
    assert page.evaluate("(url) => fetch(url).then((answer) => answer.status)", sheet) == 200
    assert page.evaluate("(url) => new URL(url, document.baseURI).pathname", sheet).startswith(f"{BASE}/media/")
    page.locator("[data-testid=stSidebar]").get_by_role("link", name="Statistics").click()
    page.wait_for_url(f"{proxied}/Statistics?**class=3**", timeout=60_000)
    page.wait_for_selector(".bkv[data-ready]", timeout=300_000)
    page.context.close()
    harmless = ("/_stcore/health", "/_stcore/host-config")  # Streamlit looks for its root from a page's address upwards
    assert [url for url in failed if not url.endswith(harmless)] == []
