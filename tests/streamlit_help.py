"""What tests of pages need beside Streamlit's AppTest: component events, the figures sent, and no earlier test's job.

AppTest knows no `components.v2` element, so a few private names of Streamlit are used here, and only here.
"""

from __future__ import annotations

import functools
import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from bokeh.document import Document
from bokeh.models import ColumnDataSource
from streamlit.components.v2 import manifest_scanner
from streamlit.components.v2.bidi_component.main import _make_trigger_id
from streamlit.testing.v1 import AppTest

from tlx.app import jobs, known_cases

# Every AppTest has Streamlit look through all installed packages for components (half a second); once is enough.
manifest_scanner.scan_component_manifests = functools.cache(manifest_scanner.scan_component_manifests)
ROOT = Path(__file__).parent.parent


def app(path: str = "streamlit_app.py", *, forget: bool = True, **query: str) -> AppTest:
    """A page, not run yet: `app("pages/1_Statistics.py", **{"class": "8"})`. Forgets what other tests computed."""
    if forget:
        jobs.forget_jobs()
        known_cases.look_again()
    page = AppTest.from_file(str(ROOT / path), default_timeout=60)
    for name, value in query.items():
        page.query_params[name] = value
    return page


def run_to_end(page: AppTest, runs: int = 40) -> AppTest:
    """Runs the page until it waits for nothing any more (each run waits a moment for its job)."""
    for _ in range(runs):
        page.run()
        if not jobs.queue().busy() and not page.get("progress"):
            return page
    raise AssertionError("the page's jobs did not come to an end")


def selectbox(page: AppTest, label: str) -> Any:
    """The selectbox of this label, whatever its key."""
    return next(box for box in page.selectbox if box.label == label)


def component(page: AppTest, key: str) -> Any:
    """The component of this key, however deep it lies. Raises LookupError with the keys there are."""
    found = {element.key: element for element in page.get("bidi_component")}
    ours = {name: element for name, element in found.items() if name is not None}
    if key not in ours:
        raise LookupError(f"no component {key!r} on the page; there are {sorted(ours)}")
    return ours[key]


def fire(page: AppTest, key: str, event: str, value: Any) -> AppTest:
    """Lets the component report an event ("tap" or "select"), as the browser would, and runs the page."""
    states = page._tree.get_widget_states()
    widget = states.widgets.add()
    widget.id = _make_trigger_id(component(page, key).proto.id, "events")
    widget.json_trigger_value = json.dumps([{"event": event, "value": value}])
    return page._run(states)


def sent(page: AppTest, key: str) -> dict[str, Any]:
    """What a component got: its data, or the settings that a `bokeh_view` sends with its figure."""
    proto = component(page, key).proto
    packed = gzip.decompress(proto.bytes) if key.startswith("files ") else None
    data: dict[str, Any] = json.loads(packed or proto.json or _parts(proto.bytes)[0])
    return data


def _parts(message: bytes) -> tuple[bytes, bytes]:
    """A `bokeh_view`'s settings and its figure, as `bokeh_view.message` puts them together."""
    end = 4 + int.from_bytes(message[:4], "big")
    return message[4:end], message[end:]


def figure_of(page: AppTest, key: str) -> Document:
    """The Bokeh document a `bokeh_view` got, read back."""
    packed = _parts(component(page, key).proto.bytes)[1] or component(page, f"tlx unseen {key}").proto.bytes[64:]
    return Document.from_json(json.loads(gzip.decompress(packed))["doc"])


def source_of(page: AppTest, key: str, name: str) -> dict[str, Any]:
    """The columns of the source (or of the named renderer's source) in the figure a `bokeh_view` got."""
    models = list(figure_of(page, key).select({"name": name}))
    for model in models:
        source = model if isinstance(model, ColumnDataSource) else getattr(model, "data_source", None)
        if source is not None:
            over = sent(page, key)["overlay"].get(name, {})
            return dict(source.data) | {column: np.array(values) for column, values in over.items()}
    raise LookupError(f"the figure {key!r} has no source {name!r}")


def text_of(page: AppTest) -> str:
    """All words of the page and its sidebar, one element a line: for asserting that a sentence is (not) there.

    Spaces that no line end parts are plain ones.
    """
    kinds = ("title", "header", "subheader", "markdown", "caption", "warning", "error", "info", "success", "metric")
    parts = []
    for kind in kinds:
        elements = page.get(kind)
        parts += [f"{getattr(e, 'label', '')} {getattr(e, 'value', '')} {getattr(e, 'delta', '')}" for e in elements]
    return spaced("\n".join(parts))


def spaced(text: str) -> str:
    """The text with plain spaces where no line end may part it."""
    return text.replace("\N{NO-BREAK SPACE}", " ")


def script(function: Callable[[], None]) -> AppTest:
    """A page from a function's body, not run yet."""
    jobs.forget_jobs()
    return AppTest.from_function(function, default_timeout=60)
