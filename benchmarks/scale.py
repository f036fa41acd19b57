"""Every page on a case of many classes and images: how long it takes to open, what it sends, what it asks for.

    PYTHONPATH=. python benchmarks/scale.py [--classes 100] [--images 100] [--cases 12] [--computed 2] FOLDER

Writes into FOLDER images of 16 px (so many of each class in each domain), two shortly trained checkpoints and several
cases of them, computes once what the pages show of the first classes that a visitor meets, and puts copies of their
results in the places of the other classes, whose numbers no page minds. Then each page is opened by its address in a
server of its own (cold), in another session of that server (warm), and run once more in that session (rerun), with
--empty in a server that has nothing stored. Nothing is measured in a browser: `benchmarks/visits.py` does that.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import numpy as np
from PIL import Image
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from visits import start
from websockets.asyncio.client import connect

SIDE = 16
HOSTILE = (
    "<b>bold<",
    "a name as long as they come in taxonomies, with the whole path of its family and genus in it, number nine",
    "=HYPERLINK(1)",
    "`code` *star* _under_ [link](x) $a$",
    "naïve 東京 🦉",
)
PAGES = ("", "Statistics", "Statistics with matrices", "Instances", "Network", "Features", "Compare", "New_case")
LONGEST = 60.0  # seconds that a page is watched while it computes
TEXT = """
title = "Many classes {at}"
architecture = "compact_alexnet"
image_size = 16
n_steps = {steps}
[source]
kind = "folder"
title = "first"
path = "first"
[target]
kind = "folder"
title = "second"
path = "second"
[source_model]
checkpoint = "source.pt"
[target_model]
checkpoint = "target.pt"
"""


def names(count: int) -> list[str]:
    """So many class names, a few of them as a stranger's folders may be called."""
    plain = [f"class {at:03d}" for at in range(max(count - len(HOSTILE), 0))]
    return [*plain, *HOSTILE][:count]


def write(home: Path, classes: int, images: int, cases: int) -> list[Path]:
    """Writes images, case files and checkpoints that are not there yet; returns the case files, the first to be shown.

    The cases differ in the steps of layer conductance alone, so that they share all that does not depend on it.
    """
    rng = np.random.default_rng(0)
    patterns = rng.integers(40, 215, (classes, 4, 4, 3))
    for shift, domain in enumerate(("first", "second")):
        for at, label in enumerate(names(classes)):
            folder = home / domain / label
            if not folder.exists():
                folder.mkdir(parents=True)
                one = np.kron(np.roll(patterns[at], shift, axis=1), np.ones((4, 4, 1)))
                pixels = np.clip(one + rng.normal(0, 45, (images, SIDE, SIDE, 3)), 0, 255).astype(np.uint8)
                for number, picture in enumerate(pixels):
                    Image.fromarray(picture).save(folder / f"{number}.png")
    paths = []
    for at in range(cases):
        paths.append(home / f"many{at}.toml")
        paths[-1].write_text(TEXT.format(at=at, steps=2 + at))
    if not (home / "target.pt").exists():
        _train(home, paths[0])
    return paths


def _train(home: Path, path: Path) -> None:
    """One epoch on each domain, the target model from the source model."""
    import torch
    from torch.nn.functional import cross_entropy

    from tlx.casefiles.loading import load_case
    from tlx.images import domains
    from tlx.networks import models

    torch.manual_seed(0)
    case = load_case(path)
    network = None
    for domain in ("source", "target"):
        listed = domains.load(case.domain(domain), case.preprocessing)
        network = network or models.build(case, len(listed.classes)).train()
        optimiser = torch.optim.Adam(network.parameters(), lr=2e-3)
        for batch in torch.randperm(len(listed)).split(64):
            loss = cross_entropy(
                network(models.inputs(network, listed.given[batch.numpy()], case)),
                torch.as_tensor(listed.labels[batch.numpy()], dtype=torch.long),
            )
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        torch.save(network.state_dict(), home / f"{domain}.pt")


def compute(paths: list[Path], computed: int) -> str:
    """Fills the store; returns the class that a visitor meets first."""
    from tlx import findings, load_case, needs, pipeline, running

    case, *others = map(load_case, paths)
    work = running._Run(print, lambda label, seconds: print(f"{seconds:8.1f} s  {label}", flush=True))
    work.settle_all(needs.of_case(case))
    table = pipeline.class_table(case)
    first = findings.most_changed_class(table) or table["class_name"].iloc[0]
    for name in list(dict.fromkeys([first, *table["class_name"]]))[:computed]:
        with work.stage(f"Class {name}"):
            work.settle_all(needs.of_class(case, name))
    work.draw(case)
    gaps = pipeline.domain_gap(case, first)
    told = {model: pipeline.discriminability(case, first, model) for model in ("source", "target")}
    reused = pipeline.reuse(case, first)
    for one in (case, *others):
        needs.answered(needs.frame(one), lambda wanted: wanted())
        for name in pipeline.classes(one):
            pipeline.reuse.put(replace(reused, class_name=name), one, name)
            pipeline.domain_gap.put(gaps, one, name)
            for model, result in told.items():
                pipeline.discriminability.put(replace(result, class_name=name), one, name, model)
    return str(first)


@dataclass
class Opened:
    """What opening a page came to: seconds on the clock and of the server's processor, bytes, what it offers and does.

    complete: whether it computed nothing any more within LONGEST.
    """

    seconds: float = 0.0
    processor: float = 0.0
    received: int = 0
    offers: list[str] = field(default_factory=list)
    computes: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    complete: bool = True


async def opened(socket: Any, pid: int, page: str, query: dict[str, str]) -> Opened:
    """Asks for a page until nothing is computed any more."""
    began, spent, found = time.perf_counter(), processor(pid), Opened()
    while True:
        message = BackMsg()
        message.rerun_script.query_string = urlencode(query)
        name, _, shown = page.partition(" ")
        message.rerun_script.page_name = name
        known = bool(_toggles)
        if shown:
            _switch_on(message)
        await socket.send(message.SerializeToString())
        waits = await _read(socket, found)
        if shown and not known and _toggles:
            continue
        if not waits or time.perf_counter() - began > LONGEST:
            found.complete = not waits
            found.seconds, found.processor = time.perf_counter() - began, processor(pid) - spent
            return found
        await asyncio.sleep(0.5)


_toggles: dict[str, str] = {}


def _switch_on(message: BackMsg) -> None:
    for name in _toggles.values():
        state = message.rerun_script.widget_states.widgets.add()
        state.id, state.bool_value = name, True


async def _read(socket: Any, found: Opened) -> bool:
    """Reads until the script has finished; whether it waits for a job."""
    waits = False
    while True:
        raw = await socket.recv(decode=False)
        found.received += len(raw)
        message = ForwardMsg.FromString(raw)
        kind = message.WhichOneof("type")
        if kind == "delta":
            element = message.delta.new_element
            match element.WhichOneof("type"):
                case "progress":
                    waits = True
                    found.computes.append(element.progress.text.partition(" · ")[0].strip("*"))
                case "button" if "about" in element.button.label:
                    found.offers.append(element.button.label)
                case "exception":
                    found.errors.append(element.exception.type)
                case "checkbox" if "Confusion" in element.checkbox.label:
                    _toggles["matrices"] = element.checkbox.id
        elif kind == "script_finished":
            status = ForwardMsg.ScriptFinishedStatus.Name(message.script_finished)
            if status == "FINISHED_SUCCESSFULLY":
                return waits
            waits = False


def processor(pid: int) -> float:
    """Seconds of processor time that a process has taken."""
    parts = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, parts[11:13])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def served(cache: str) -> Iterator[tuple[str, int]]:
    server, address = start(cache)
    try:
        yield address.replace("http", "ws", 1) + "/_stcore/stream", server.pid
    finally:
        server.terminate()
        server.wait()


async def measure(page: str, where: str, pid: int, query: dict[str, str], sessions: tuple[int, ...]) -> list[Opened]:
    """The page opened so many times in each of these sessions, one after the other."""
    found = []
    options: dict[str, Any] = {"subprotocols": ["streamlit"], "max_size": None, "ping_timeout": None}
    for runs in sessions:
        async with connect(where, **options) as socket:
            found += [await opened(socket, pid, page, query) for _ in range(runs)]
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--classes", type=int, default=100)
    parser.add_argument("--images", type=int, default=100, help="of each class in each domain")
    parser.add_argument("--cases", type=int, default=12)
    parser.add_argument("--computed", type=int, default=2, help="classes whose results are their own")
    parser.add_argument("--pages", nargs="*", default=PAGES)
    parser.add_argument("--unprepared", action="store_true", help="measure what lies in FOLDER as it is")
    parser.add_argument("--empty", action="store_true", help="measure with nothing stored, each page by itself")
    parser.add_argument("folder", type=Path)
    given = parser.parse_args()
    home = given.folder.resolve()
    cache = str(home / "results")
    os.environ |= {"TLX_CACHE": cache, "TLX_CASES": ":".join(str(home / f"many{at}.toml") for at in range(given.cases))}
    if given.unprepared:
        from tlx import findings, load_case, pipeline

        first = str(findings.most_changed_class(pipeline.class_table(load_case(home / "many0.toml"))))
    else:
        first = compute(write(home, given.classes, given.images, given.cases), given.computed)
    query = {"case": "many0", "class": first}
    print("| page | seconds: cold, warm, rerun | of the processor | sent | offered, begun |\n" + "| --- " * 5 + "|")
    for page in given.pages:
        _toggles.clear()
        with tempfile.TemporaryDirectory() as empty, served(empty if given.empty else cache) as (where, pid):
            found = asyncio.run(measure(page, where, pid, query, (1,) if given.empty else (1, 2)))
        cold, last = found[0], found[-1]
        said = [*dict.fromkeys(cold.offers), *(f"begun: {one}" for one in dict.fromkeys(cold.computes)), *cold.errors]
        seconds = ", ".join(f"{one.seconds:.1f}{'' if one.complete else ' and more'}" for one in found)
        spent = ", ".join(f"{one.processor:.1f}" for one in found)
        cells = page or "Start", seconds, spent, f"{last.received / 1e6:.2f} MB", "; ".join(said)
        print(f"| {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    sys.exit(main())
