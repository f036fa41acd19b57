"""The demo: the pages of the app through an entry of its own, with less installed, where nothing is computed."""

from __future__ import annotations

from pathlib import Path

import pytest
from without_torch import FILES, LIGHT_LACKS, Visit, walked

from tlx import load_case, pipeline, places
from tlx.errors import NotExportedError
from tlx.storage import bundles, memory
from tools import supply

ROOT = Path(__file__).parent.parent
MODULES = {"scikit-learn": "sklearn"}  # by package, where the names differ
REQUIREMENTS = ("requirements.txt", "demo/requirements.txt")
WANTED = {"case": "digits", "class": "3", "instance": "target:5", "view": "network.panel=weight"}
LACKING = {"pages/3_Network.py": "kernel response"}  # of that instance
COMPUTES_NONE = "This app shows stored results and computes none, and the result"


def test_it_requires_what_the_app_does_but_for_what_computes() -> None:
    """In the same versions; what is left out is what `walked` refuses to import."""
    of_app, of_demo = ({str(one) for one in supply.requirements(ROOT / path)} for path in REQUIREMENTS)
    assert of_demo <= of_app
    left = {one.name for one in supply.requirements(ROOT / "requirements.txt") if str(one) not in of_demo}
    assert {MODULES.get(name, name) for name in left} == LIGHT_LACKS


def test_every_page_opens_and_says_what_it_cannot_compute(tmp_path: Path) -> None:
    """With links to all pages but New case; what is not shipped of an instance is one sentence."""
    asked, of_lesson = [Visit(path, WANTED) for path in FILES[:-1]], Visit(FILES[0], {"case": "lesson-c", "class": "8"})
    found = walked([*asked, of_lesson], demo=True, TLX_SHIPPED="1", TLX_CACHE=str(tmp_path / "empty"))
    assert found["asked"] == []
    page = found["pages"][str(of_lesson)]
    assert [page[kind] for kind in ("errors", "jobs", "offers", "lacking")] == [[], [], [], []]
    assert "domains C" in page["text"]
    for path, visit in zip(FILES, asked, strict=False):
        page = found["pages"][str(visit)]
        assert [page[kind] for kind in ("errors", "jobs", "offers")] == [[], [], []], path
        assert {"Start", "Statistics", "Instances", "Network", "Features", "Compare", "Lesson"} <= {*page["links"]}
        assert "New case" not in page["links"]
        assert page["figures"] or path in (FILES[0], "pages/6_Lesson.py")
        (lacking,) = page["lacking"] or [""]
        assert lacking.startswith(f"{COMPUTES_NONE} “{LACKING[path]}” for target" if path in LACKING else ""), path
        assert bool(lacking) == (path in LACKING)
    assert not (tmp_path / "empty").exists()


def test_what_is_not_here_is_not_exported_as_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A bundle holds that there is no result only where that was found out."""
    monkeypatch.setattr(places, "computes", lambda: False)
    monkeypatch.setenv("TLX_CACHE", str(tmp_path / "empty"))
    case = load_case("digits")
    with bundles.Writer(tmp_path / "one.tlx", case, memory.CACHE_VERSION) as writer:
        with pytest.raises(NotExportedError, match="computes none, and the result “network” is not stored"):
            pipeline.network.export(writer, case)
        assert not len(writer)
