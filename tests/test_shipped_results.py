"""The results of `digits` that tlx ships: at hand on the first visit, and never for another case than theirs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import cycle
from pathlib import Path

import numpy as np
import pytest
from without_torch import FILES, Visit, walked

from tlx import load_case, needs, pipeline
from tlx.needs import Need, answered
from tlx.results import SIMILARITIES
from tlx.storage import bundles, memory
from tlx.storage.memory import NotStoredError, reading_only
from tlx.storage.store import ENTRY

DIGITS = bundles.SHIPPED["digits"]
STATISTICS, INSTANCES, NETWORK, FEATURES = FILES[1:5]


@pytest.fixture(autouse=True)
def used(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """They are used, and nothing is stored."""
    monkeypatch.setenv("TLX_SHIPPED", "1")
    monkeypatch.setenv("TLX_CACHE", str(tmp_path / "store"))


def test_they_are_of_the_built_in_case() -> None:
    """Its definition, its models and the version of results are those they were computed with."""
    found, case = bundles.opened(DIGITS), load_case("digits")
    now = (memory.CACHE_VERSION, {part: case.fingerprint(part) for part in bundles.PARTS})
    assert (found.results_version, dict(found.fingerprints)) == now, "digits has changed: run `make digits-results`"


def test_they_are_small_and_whole() -> None:
    assert DIGITS.stat().st_size < 23e6
    bundles.opened(DIGITS).verify()


WEIGHT = "network.panel=weight"


def visits() -> Iterator[Visit]:
    """Every view for every class, the other pages once, and each choice at least once: models, layers, adjacent pairs.

    Where a page has more choices than classes, or fewer, each has the next class.
    """
    case = load_case("digits")
    network, names = pipeline.network(case), cycle(pipeline.classes(case))
    of_layers = [(layer,) for layer in network.names] + [*zip(network.names, network.names[1:], strict=False)]

    def visit(path: str, class_name: str, *layers: str, view: str = "", **widgets: object) -> Visit:
        query = {"case": "digits", "class": class_name, "layers": ",".join(layers), "view": view}
        return Visit(path, query, {key.replace("_", " "): value for key, value in widgets.items()})

    for name in pipeline.classes(case):
        for path in FILES[:5]:
            yield visit(path, name, view="network.criteria=on" if path == NETWORK else "")
    yield visit(FEATURES, next(names), view="features.model=source")  # of every class in tools/demo.py
    for layers in (*of_layers, network.names):
        yield visit(NETWORK, next(names), *layers)
        if len(layers) > 1:
            yield visit(NETWORK, next(names), *layers, view=WEIGHT)
    for layer in ("", *network.names):
        yield visit(INSTANCES, next(names), view=f"instances.layer={layer},instances.both=on")
    for measure in SIMILARITIES:
        yield visit(NETWORK, next(names), view=f"network.similarity={measure}")
    yield visit(STATISTICS, next(names), view="statistics.confusion=on")
    for path in FILES[5:]:  # of no class, or of all
        yield visit(path, next(names))


SHOWN = {
    "streamlit_app.py": {"outcome"},
    STATISTICS: {"accuracy", "label efficiency"},
    INSTANCES: {"scatter target"},
    NETWORK: {"zigzag", "reuse kept"},
    FEATURES: {"ranking", "biplot", "silencing", "domain gap"},
    "pages/5_Compare.py": {"scores", "depth kept", "promise log_me", "what to freeze"},
    "pages/6_Lesson.py": set(),
    "pages/7_New_case.py": set(),
}


def test_a_visitor_never_waits(tmp_path: Path) -> None:
    """Pages, classes, layers and models: all is shown at once, nothing is computed or offered, and no torch is there.

    From an empty store, which stays empty.
    """
    asked = [*visits()]
    found = walked(asked, TLX_SHIPPED="1", TLX_CACHE=str(tmp_path / "empty"))
    assert found["asked"] == []
    assert len(found["pages"]) == len(asked)
    for visit in asked:
        page = found["pages"][str(visit)]
        assert [page[kind] for kind in ("errors", "jobs", "offers", "lacking")] == [[], [], [], []], str(visit)
        assert SHOWN[visit.path] | _of_choices(visit) <= {*page["figures"]}, str(visit)
    assert not list((tmp_path / "empty").rglob(ENTRY))


def test_every_class_layer_and_button_is_at_hand() -> None:
    """All that the pages show of all ten classes, at once and after one click."""
    case = load_case("digits")
    missing = set()

    def answer(wanted: Need) -> object:
        missing.update(str(one) for one in wanted.kept() if not one.stored)
        return wanted()

    names = pipeline.classes(case)
    of_classes = [panel for name in names for panel in needs.of_class(case, name)]
    with reading_only():
        for panel in (*needs.of_case(case), *of_classes, *needs.after_one_click(case, names)):
            answered(panel, answer)
    assert (len(names), missing) == (10, set())


def _of_choices(visit: Visit) -> set[str]:
    """The figures that a page has for some choices only."""
    layers = visit.query["layers"].split(",")
    beside = set()
    if visit.path == NETWORK and visit.query["view"] != WEIGHT:
        beside = {"neuron conductance"}
    elif visit.path == NETWORK and (layers == [""] or len(layers) > 1):
        beside = {"network edge map"}
    if "network.criteria" in visit.query["view"]:
        beside |= {"criteria overlap", "criteria rank"}
    both = {"scatter source"} if "instances.both" in visit.query["view"] else set()
    return beside | both | ({"confusion target"} if "statistics.confusion" in visit.query["view"] else set())


def test_what_is_not_shipped_is_computed(tmp_path: Path) -> None:
    """Digits is a case like any other, not a bundle."""
    case = load_case("digits")
    assert pipeline.predictions.is_stored(case, "target", "target")
    assert not pipeline.images.is_stored(case, "target")
    with reading_only(), pytest.raises(NotStoredError):
        pipeline.images(case, "target")
    assert len(pipeline.images(case, "target")) == len(pipeline.predictions(case, "target", "target"))
    assert pipeline.images.is_stored(case, "target")


@pytest.mark.parametrize(
    ("change", "kept"), [({"n_steps": 5}, True), ({"mean": (0.4, 0.5, 0.5)}, False), ({"name": "mine"}, False)]
)
def test_another_case_does_not_get_them(change: dict[str, object], kept: bool) -> None:
    """More path steps change conductance, but neither images nor predictions."""
    case = replace(load_case("digits"), **change)
    assert not pipeline.network.is_stored(case)
    assert pipeline.predictions.is_stored(case, "target", "target") is kept


def test_another_version_does_not_read_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "CACHE_VERSION", memory.CACHE_VERSION + 1)
    assert not pipeline.network.is_stored(load_case("digits"))


def test_a_damaged_file_is_left_aside_and_said(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Whether nothing of it can be read or one value only: the result is computed as if it had not been shipped."""
    content = bytearray(DIGITS.read_bytes())
    broken = tmp_path / "cut.tlx"
    broken.write_bytes(content[:-100])
    monkeypatch.setitem(bundles.SHIPPED, "digits", broken)
    assert not pipeline.catalogue.is_stored(load_case("digits"), "target")
    assert "is damaged" in caplog.text

    found = bundles.opened(DIGITS)
    key = bundles.key_of(pipeline.catalogue._name, {"domain": "target"})
    entry = found._zip.getinfo(found.results[key][1])
    content[entry.header_offset + 30 + len(entry.filename) + 40] ^= 1
    (tmp_path / "flipped.tlx").write_bytes(content)
    monkeypatch.setitem(bundles.SHIPPED, "digits", tmp_path / "flipped.tlx")
    assert np.array_equal(
        pipeline.catalogue(load_case("digits"), "target").labels, found.read(key, pipeline.catalogue._hint).labels
    )
    assert "computed instead" in caplog.text
