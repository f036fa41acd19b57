"""The demo as a visitor meets it: started where its own requirements are installed alone, and walked through.

    python tools/demo.py        # `make demo` makes the environment before

Opens every view for every class of `digits` and of the Lesson's cases by its address, Features for both models, the
pages of no class once a case, over Streamlit's websocket, and asks for a report. Prints the server's memory; ends with
status 1 where a page shows an error, lacks or computes anything, or where after a class or the report the memory passes
what one visitor may take. The peak in between is told.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from socket import socket
from urllib.parse import urlencode
from urllib.request import urlopen

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.Element_pb2 import Element
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.sync.client import ClientConnection, connect

ROOT = Path(__file__).parent.parent
HEAVY = ("torch", "torchvision", "captum", "sklearn", "scipy", "matplotlib")
VIEWS = {  # page: what it is set to at a second visit
    "": "",
    "Statistics": "statistics.confusion=on",
    "Instances": "instances.both=on",
    "Network": "network.criteria=on,network.panel=weight",
    "Features": "features.model=source",
    "Compare": "",
    "Lesson": "lesson.step=4",
}
OF_NO_CLASS = ("Compare", "Lesson")  # or of all
CLASSES = {"digits": "0123456789"} | {one.stem: "38" for one in sorted((ROOT / "tlx/data/lesson").glob("*.tlx"))}
MOST = 250  # MB of memory for one visitor who saw everything


def main() -> None:
    begun = time.perf_counter()
    problems = [f"{name} is installed, so this is not the demo's environment" for name in HEAVY if find_spec(name)]
    with running() as (server, address):
        where = f"ws://{address}/_stcore/stream"
        with connect(where, subprotocols=["streamlit"], max_size=None) as visitor:  # type: ignore[list-item]
            print(f"without a visitor: {memory(server.pid):.0f} MB")
            problems += visited(visitor, "digits", "", CLASSES["digits"][0])
            print(f"first page, since the start: {time.perf_counter() - begun:.1f} s", flush=True)
            most = 0.0
            for case, class_name in [(case, one) for case, classes in CLASSES.items() for one in classes]:
                began = time.perf_counter()
                pages = [page for page in VIEWS if page not in OF_NO_CLASS or class_name == CLASSES[case][0]]
                problems += [one for page in pages for one in visited(visitor, case, page, class_name)]
                most = max(most, memory(server.pid))
                taken = f"{time.perf_counter() - began:.1f} s, {memory(server.pid):.0f} MB"
                print(f"{case}, class {class_name}: {taken}", flush=True)
            began = time.perf_counter()
            problems += reported(visitor, address, CLASSES["digits"][0])
            most = max(most, memory(server.pid))
            print(f"report: {time.perf_counter() - began:.1f} s, {memory(server.pid):.0f} MB", flush=True)
        peak = memory(server.pid, "VmHWM")
    if most > MOST:
        problems.append(f"the server took {most:.0f} MB")
    print(f"memory, peak: {peak:.0f} MB", *problems, sep="\n")
    sys.exit(1 if problems else 0)


@contextmanager
def running() -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """The server with an empty store, started from the root as the cloud does, and its address."""
    with socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = "127.0.0.1:{1}".format(*probe.getsockname())
    command = f"-m streamlit run demo/streamlit_app.py --server.port {address.partition(':')[2]} --server.headless true"
    command += " --server.address 127.0.0.1 --server.fileWatcherType none"
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("TLX_", "STREAMLIT_"))}
    with tempfile.TemporaryDirectory() as empty:
        environment["TLX_CACHE"] = empty
        server = subprocess.Popen([sys.executable, *command.split()], cwd=ROOT, env=environment)
        try:
            while server.poll() is None:
                with suppress(OSError), urlopen(f"http://{address}/_stcore/health"):
                    break
                time.sleep(0.1)
            yield server, address
        finally:
            server.terminate()
            server.wait()


def visited(visitor: ClientConnection, case: str, page: str, class_name: str) -> Iterator[str]:
    """What is wrong with a page of this class, opened by its address, as it begins and set to something else."""
    for view in dict.fromkeys(("", VIEWS[page])):
        ask = BackMsg()
        ask.rerun_script.query_string = urlencode({"case": case, "class": class_name, "view": view})
        ask.rerun_script.page_name = page
        elements = answer(visitor, ask)
        where = f"{page or 'Start'}, {case}, class {class_name}{f', {view}' if view else ''}"
        yield from wrong(elements, where)
        told = " ".join(f"{one.markdown.body} {one.alert.body}" for one in elements)
        if page == "Features" and view and "neurons of the source model" not in told:
            yield f"{where}: the source model was not shown"


def reported(visitor: ClientConnection, address: str, class_name: str) -> Iterator[str]:
    """What is wrong with the report of this class, asked for as its button does and downloaded."""
    page, session, asked = BackMsg(), "", BackMsg()
    page.rerun_script.query_string = urlencode({"case": "digits", "class": class_name})
    visitor.send(page.SerializeToString())
    while True:
        message = ForwardMsg.FromString(visitor.recv(timeout=60, decode=False))
        kind, element = message.WhichOneof("type"), message.delta.new_element
        if kind == "new_session":
            session = message.new_session.initialize.session_id
        elif element.WhichOneof("type") == "download_button" and "Report" in element.download_button.label:
            asked.backend_operation_request.deferred_file.file_id = element.download_button.deferred_file_id
        elif kind == "script_finished" and message.script_finished != ForwardMsg.FINISHED_EARLY_FOR_RERUN:
            asked.backend_operation_request.request_id = "report"
            asked.backend_operation_request.session_id = session
            visitor.send(asked.SerializeToString())
        elif kind == "backend_operation_response":
            break
    with urlopen(f"http://{address}{message.backend_operation_response.deferred_file.url}") as answered:
        text = answered.read().decode()
    if "Not computed yet" in text or 'id="terms"' not in text:
        yield "the report is not whole"


def answer(visitor: ClientConnection, ask: BackMsg) -> list[Element]:
    """The elements that the server sends until the page is whole."""
    visitor.send(ask.SerializeToString())
    elements = []
    while True:
        message = ForwardMsg.FromString(visitor.recv(timeout=60, decode=False))
        if message.WhichOneof("type") == "delta":
            elements.append(message.delta.new_element)
        elif message.WhichOneof("type") == "page_not_found":
            raise LookupError(ask.rerun_script.page_name)
        elif message.WhichOneof("type") == "script_finished":
            if message.script_finished != ForwardMsg.FINISHED_EARLY_FOR_RERUN:
                return elements
            elements.clear()


def wrong(elements: list[Element], where: str) -> Iterator[str]:
    """A sentence for each element that a page with all its results does not have."""
    for one in elements:
        kind = one.WhichOneof("type")
        if kind in ("exception", "progress"):
            yield f"{where}: {getattr(one, kind)}"
        elif kind == "alert" and re.search("computes none|error|failed", one.alert.body):
            yield f"{where}: {one.alert.body}"
        elif kind == "button" and re.search(r"\(about .*\)", one.button.label):
            yield f"{where}: offers “{one.button.label}”"


def memory(pid: int, what: str = "VmRSS") -> float:
    """Megabytes (2**20 bytes)."""
    found = re.search(rf"{what}:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert found is not None
    return int(found[1]) / 1024


if __name__ == "__main__":
    main()
