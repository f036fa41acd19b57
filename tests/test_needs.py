"""What pages show at once is declared once: `run` stores it all, and pages show nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import small_case
from without_torch import seen

from tlx import load_case, needs, pipeline
from tlx.__main__ import main
from tlx.cases import Case
from tlx.errors import EmptyError
from tlx.needs import Need, answered, need
from tlx.storage.derived import Derived
from tlx.storage.memory import Memoized
from tlx.storage.store import ENTRY

CLASSES = ("lying", "upright", "tilted")
EMPTY = "tilted"  # has no image in the target domain


@pytest.fixture(scope="module")
def computed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The file of a small case after `python -m tlx run`."""
    home = tmp_path_factory.mktemp("needs")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TLX_CACHE", str(home / "store"))
        patch.setattr("tlx.analysis.feature_visualisation.STEPS", 2)
        path = small_case.write(home, classes=CLASSES)
        path.write_text(f"control = true\n{path.read_text()}\n[target_model.training]\nepochs = 1\n")
        for image in (home / "thin" / EMPTY).iterdir():
            image.unlink()
        assert main(["run", str(path)]) == 0
        yield path


def everything(case: Case) -> list[Need]:
    """Every need of every page for every class."""
    wanted: list[Need] = []

    def answer(one: Need) -> Any:
        wanted.append(one)
        return one()

    of_classes = (panel for name in pipeline.classes(case) for panel in needs.of_class(case, name))
    for panel in (*needs.of_case(case), *of_classes):
        with suppress(EmptyError):
            answered(panel, answer)
    parts = [part for whole in wanted for part in whole.kept()]
    return list({(part.name, str(part.arguments[1:])): part for part in parts}.values())


def test_run_stores_every_need_of_every_page(computed: Path) -> None:
    """All of it, for every class; where one domain lacks the class, that there is nothing to show."""
    wanted = [*everything(load_case(computed))]
    assert [one for one in wanted if not one.stored] == []
    assert len(wanted) > 80
    assert len({one.name for one in wanted}) > 15


def test_every_page_opens_for_every_class_without_torch(computed: Path) -> None:
    """After `run` no page asks for anything that is not stored: nothing is computed, and nothing new is there."""
    before = sorted(computed.parent.rglob(ENTRY))
    found = seen("bars", *CLASSES, TLX_CASES=str(computed), TLX_SHIPPED="1")  # the Lesson's cases come with tlx
    assert sorted(computed.parent.rglob(ENTRY)) == before
    assert found["asked"] == []
    assert len(found["pages"]) == 8 * len(CLASSES)
    for name, page in found["pages"].items():
        assert page["errors"] == [], name
        if EMPTY not in name:
            assert len(page["figures"]) >= (1 if name[6:7] in "2345" else 0), name


def test_results_are_made_of_what_they_say(computed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What costs are added up by: each function asks the pipeline for what it declares, and for little else."""
    monkeypatch.setenv("TLX_CACHE", str(tmp_path / "store"))
    monkeypatch.setattr("tlx.analysis.feature_visualisation.STEPS", 2)
    case = load_case(computed)
    asked: dict[str, tuple[Need, set[str]]] = {}
    within: list[str] = []

    def listen(function: Any, *args: Any, **kwargs: Any) -> Any:
        wanted = Need(function, tuple(function._bound(args, kwargs).values()))
        if within:
            asked[within[-1]][1].add(said(wanted))
        asked.setdefault(said(wanted), (wanted, set()))
        within.append(said(wanted))
        try:
            return call[type(function)](function, *args, **kwargs)
        finally:
            within.pop()

    call = {kind: kind.__call__ for kind in (Memoized, Derived)}
    for kind in call:
        monkeypatch.setattr(kind, "__call__", listen)
    everything(case)
    monkeypatch.setattr(pipeline, "RATES", (1.0,))
    for panel in (
        needs.control(case, "end"),
        needs.label_efficiency(case),
        needs.one(pipeline.criteria, case, CLASSES[0]),
        needs.block_gradients(case),
        needs.strategies(case),
    ):
        answered(panel, lambda one: one())
    computing = {key: (wanted, parts) for key, (wanted, parts) in asked.items() if EMPTY not in wanted.arguments}
    assert len(computing) > 60
    for wanted, parts in computing.values():
        declared = {said(part) for part in wanted.made_of()}
        assert {part for part in parts - declared if part.split()[0] not in QUICK} == set(), wanted.name
        if parts:
            assert {part for part in declared - parts if part.split()[0] not in LOADED} == set(), wanted.name


QUICK = {"catalogue", "network", "_own_network", "_conductance_shard", "trained", "images"}  # read wherever they help
LOADED = {"trained", "images", "network"}  # with a model, and by shards, once for all


def said(wanted: Need) -> str:
    return f"{wanted.name} {wanted.arguments[1:]}"


def test_labels_belong_to_the_functions() -> None:
    """Every function of the pipeline that pages ask for says what it does, with its arguments where they matter."""
    case = load_case("digits")
    assert need(pipeline.discriminability, case, "8", "source").label == "Telling the domains of class 8 apart"
    assert (
        need(pipeline.predictions, case, "source", "target").label
        == "Predicting the target domain with the source model"
    )
    for name, function in vars(pipeline).items():
        if isinstance(function, Derived):
            assert function._doing != "Computing", name
