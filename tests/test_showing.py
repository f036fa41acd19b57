"""The app on a case of a notebook, in a process that knows nothing of its modules."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.request import urlopen

import notebook_case
import pytest
from streamlit_help import app, run_to_end, text_of

import tlx
from tlx import needs, pipeline, running
from tlx.cases import Case
from tlx.errors import CaseError, SelectionError, UserError
from tlx.needs import answered
from tlx.networks import kept, models
from tlx.notebook import showing

ROOT = Path(__file__).parent.parent
PAGES = ["streamlit_app.py", *(f"pages/{path.name}" for path in sorted((ROOT / "pages").glob("[1-5]*.py")))]
ONLY_THERE = "the network of this case is a module of the notebook that made the case"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Case:
    """A case whose pages were computed in the notebook."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TLX_DATA", str(tmp_path_factory.mktemp("data")))
        case = notebook_case.made(name="bars & co", title="Bars")
        running.run(case, pipeline.classes(case), told=lambda _: None)
    return case


@pytest.fixture
def elsewhere(whole: Case, monkeypatch: pytest.MonkeyPatch) -> Case:
    """The same in another process: its modules are not there."""
    monkeypatch.setattr(kept, "_kept", {})
    models._loaded.cache_clear()
    monkeypatch.setenv("TLX_CASES", str(Path(whole.home, "case.toml")))
    return whole


@pytest.mark.parametrize("path", PAGES)
def test_every_page_shows_what_the_notebook_computed(elsewhere: Case, path: str) -> None:
    """Of the case, without an error, and without asking for anything that is not stored."""
    page = run_to_end(app(path, case=elsewhere.name))
    assert not page.exception
    assert page.sidebar.selectbox[0].value == elsewhere.name
    assert not [one.value for one in page.error]
    assert ONLY_THERE not in text_of(page)


def test_the_start_page_says_what_the_case_is(elsewhere: Case) -> None:
    page = run_to_end(app(case=elsewhere.name))
    metrics = {metric.label: metric.value for metric in page.metric}
    assert metrics["Source images: source"] == "30"
    assert "Network: Net" in metrics
    assert "Nothing said which images of source and target" in text_of(page)


def test_what_needs_the_module_is_one_sentence(elsewhere: Case) -> None:
    with pytest.raises(UserError, match=ONLY_THERE) as caught:
        pipeline.kernel_response(elsewhere, "target", ("first", "second"), (0, 0), 7)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("path", PAGES[:-1])
def test_a_page_of_what_was_not_computed_says_where_to(elsewhere: Case, path: str) -> None:
    """Of a case with another n_steps, of which the notebook has computed nothing."""
    home = Path(elsewhere.home)
    text = (home / "case.toml").read_text()
    (home / "other.toml").write_text(
        text.replace('name = "bars & co"', 'name = "other"').replace("n_steps = 3", "n_steps = 11")
    )
    os.environ["TLX_CASES"] = str(home / "other.toml")  # which `elsewhere` puts back
    page = run_to_end(app(path, case="other"))
    assert not page.exception
    assert ONLY_THERE.capitalize() in text_of(page)


def test_what_needs_only_its_answers_is_computed_anywhere(elsewhere: Case) -> None:
    assert len(pipeline.neighbours(elsewhere, "target", 3)) == 8


def test_what_the_notebook_computes_later_is_shown(whole: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    place = ("target", ("first", "second"), (1, 1), 5)
    pipeline.kernel_response(whole, *place)
    monkeypatch.setattr(kept, "_kept", {})
    assert pipeline.kernel_response.is_stored(whole, *place)
    pipeline.kernel_response(tlx.load_case(Path(whole.home, "case.toml")), *place)


def test_the_app_starts_on_the_case_and_stops(whole: Case, capsys: pytest.CaptureFixture[str]) -> None:
    shown = tlx.show(whole, classes=["lying"])
    try:
        assert shown.runs
        assert shown.url.endswith("/?case=bars%20%26%20co")
        with urlopen(shown.url, timeout=10) as answer:
            assert answer.status == 200
        assert tlx.show(whole, classes=["lying"]) is shown
        assert shown._repr_html_() == f'<a href="{shown.url}" target="_blank" rel="noopener">{shown.url}</a>'
    finally:
        shown.stop()
    assert not shown.runs
    said = capsys.readouterr().out
    assert "Traceback" not in said


def test_it_computes_here_what_pages_show_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TLX_DATA", str(tmp_path))
    monkeypatch.setattr(showing, "_started", lambda where, *_: showing.Shown(where, None))  # type: ignore[arg-type]
    case = notebook_case.made(std=0.3)
    shown = tlx.show(case, classes=["dotted"], features=False)
    assert Path(shown.url) == Path(case.home, "case.toml")
    monkeypatch.setattr(kept, "_kept", {})
    for panel in (needs.frame(case), needs.class_table(case), *needs.of_class(case, "dotted")):
        answered(panel, lambda wanted: wanted() if wanted.name != "neuron_images" else {})
    assert "Class dotted, 1 of 1" in capsys.readouterr().out


def test_what_cannot_be_shown_is_a_sentence(whole: Case, tmp_path: Path) -> None:
    with pytest.raises(SelectionError, match="class 'cat' is unknown; one of lying, upright, dotted"):
        tlx.show(whole, classes=["cat"])
    with pytest.raises(CaseError, match=r"nothing says where case 'elsewhere' is kept; give tlx.show the path"):
        tlx.show(tlx.Case("elsewhere", "", whole.source, whole.target, "alexnet"))
    with pytest.raises(CaseError, match="does not exist"):
        tlx.show(tmp_path / "none.toml")


def test_a_port_that_is_taken_is_a_sentence(whole: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(showing.launch, "prepared", lambda *_: (["false"], dict(os.environ)))
    with pytest.raises(UserError, match=r"the app did not start at 127.0.0.1:1 \(it said nothing\); choose another"):
        showing._started("case.toml", "x", 1)
