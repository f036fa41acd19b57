"""A case file put together in the browser: the text grows, is checked, saved, and its case offered at once."""

from __future__ import annotations

import tomllib
from types import SimpleNamespace

import pytest
import small_case
import streamlit as st
from hypothesis import given
from hypothesis import strategies as some
from streamlit_help import app, run_to_end, text_of

from tlx.app import known_cases
from tlx.app.new_case import form, saving
from tlx.casefiles import loading
from tlx.casefiles.writing import written
from tlx.errors import CaseError

PAGE = "pages/6_New_case.py"
TEXT = some.text(some.characters(exclude_categories=["Cs"]))  # all there is but halves of surrogate pairs
PLAIN = TEXT | some.integers(-(2**63), 2**63 - 1) | some.floats(allow_nan=False) | some.booleans()
TABLE = some.recursive(
    some.dictionaries(TEXT, PLAIN | some.lists(PLAIN, max_size=3), max_size=4),
    lambda inner: some.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)


@pytest.fixture
def home(tmp_path, monkeypatch):
    """Files of a small case; a page that offers no case but digits and those saved here."""
    st.cache_data.clear()
    known_cases.added().clear()
    monkeypatch.delenv("TLX_PUBLIC", raising=False)
    monkeypatch.delenv("TLX_CASES", raising=False)
    monkeypatch.setattr(
        st, "context", SimpleNamespace(ip_address=None, headers={})
    )  # AppTest has a visitor of no place
    small_case.write(tmp_path)
    yield tmp_path
    known_cases.added().clear()
    st.cache_data.clear()


@given(TABLE)
def test_what_is_written_reads_back_the_same(table):
    """Quotes, backslashes, control characters, any language, tables in tables."""
    assert tomllib.loads(written(table)) == table


def test_a_path_keeps_every_character():
    """Windows' backslashes, quotes, a newline and a NUL are escaped as TOML says."""
    path = 'C:\\new "x"\té\n\0\x7f'
    assert written({"path": path}) == 'path = "C:\\\\new \\"x\\"\\té\\n\\u0000\\u007f"\n'
    assert tomllib.loads(written({"path": path, "a.b": "ü#=[]"})) == {"path": path, "a.b": "ü#=[]"}


@pytest.mark.parametrize("table", [{"title": "a\n", "about": "x\ud800"}, {"source": {"about": "x", "x\udfff": 1}}])
def test_what_no_file_can_hold_is_one_sentence_that_names_the_line(table):
    """Half of a surrogate pair, in a value or a key."""
    said = r"^the line '.*x\\ud.* holds characters that no file can; type it anew$"
    with pytest.raises(CaseError, match=said) as caught:
        written(table)
    assert "\n" not in str(caught.value)
    assert "title" not in str(caught.value)


def test_the_text_is_one_that_people_like_to_read():
    """Keys in their order, a list on one line, a section for each table that says something, tables in tables too."""
    training = {"training": {"epochs": 2, "learning_rate": 1e-5}}
    source = {"kind": "folder", "classes": ["bird", "cat"], "rename": {"big cat": "cat"}}
    assert written({"title": "Toys", "mean": [0.5, 0.25], "source": source, "source_model": training}) == (
        'title = "Toys"\nmean = [0.5, 0.25]\n\n[source]\nkind = "folder"\nclasses = ["bird", "cat"]\n\n'
        '[source.rename]\n"big cat" = "cat"\n\n[source_model.training]\nepochs = 2\nlearning_rate = 1e-05\n'
    )


def fill(page, home, name="bars"):
    """Types a case with two image folders and two checkpoints into the form."""
    for key, value in {
        "title": "Bars",
        "architecture": "compact_alexnet",
        "mean": "0.5, 0.5, 0.5",
        "std": ".5,.5,.5",
    }.items():
        page.text_input(key=f"new case {key}").set_value(value)
    page.number_input(key="new case image_size 8").set_value(16)
    for side, folder in (("source", "thick"), ("target", "thin")):
        page.text_input(key=f"new case {side}.path").set_value(folder)
        page.selectbox(key=f"new case {side}.how").set_value("read a checkpoint")
    page.text_input(key="new case file").set_value(str(home / f"{name}.toml"))
    page.run()
    for side in ("source", "target"):
        page.text_input(key=f"new case {side}.checkpoint").set_value(f"{side}.pt")
    return page.run()


def press(page, label):
    next(button for button in page.button if button.label == label).click()
    return run_to_end(page)


def test_the_text_grows_and_holds_what_was_said(home):
    """The file has the keys that differ from their defaults, and no other."""
    page = fill(run_to_end(app(PAGE)), home)
    assert not page.exception
    assert tomllib.loads(page.code[0].value) == {
        "title": "Bars",
        "architecture": "compact_alexnet",
        "image_size": 16,
        "mean": [0.5, 0.5, 0.5],
        "std": [0.5, 0.5, 0.5],
        "source": {"kind": "folder", "title": "source", "path": "thick"},
        "target": {"kind": "folder", "title": "target", "path": "thin"},
        "source_model": {"checkpoint": "source.pt"},
        "target_model": {"checkpoint": "target.pt"},
    }


def test_the_control_can_be_asked_for(home):
    """A switch, which the text holds when it is on."""
    page = fill(run_to_end(app(PAGE)), home)
    page.toggle(key="new case control").set_value(True)
    assert tomllib.loads(run_to_end(page).code[0].value)["control"] is True


def test_a_case_is_checked_saved_and_offered(home):
    """Check says the case will work; Save writes the text, and the sidebar offers the case at once."""
    page = fill(run_to_end(app(PAGE)), home, "mine")
    press(page, "Check")
    assert "The case will work" in text_of(page)
    assert not list(home.glob(".tlx-*"))
    press(page, "Save")
    assert (home / "mine.toml").read_text(encoding="utf-8").rstrip() == page.code[0].value
    assert "Saved to" in text_of(page)
    page.run()
    assert (
        "mine" in page.sidebar.selectbox(key="tlx widget case").options or "Bars" in page.sidebar.selectbox[0].options
    )
    assert loading.load_case(home / "mine.toml").target.path == str(home / "thin")


def test_a_mistake_is_named_and_nothing_is_lost(home):
    """A folder that is not there and a mean that is no number: sentences, and every field as it was."""
    page = fill(run_to_end(app(PAGE)), home, "mine")
    page.text_input(key="new case source.path").set_value("thikc")
    page.text_input(key="new case mean").set_value("a half")
    press(page, "Check")
    said = "\n".join(error.value for error in page.error).replace("\\", "")
    assert "thikc" in said
    assert "mean must be a list of numbers" in said
    assert "The case will work" not in text_of(page)
    assert page.text_input(key="new case mean").value == "a half"
    assert page.text_input(key="new case target.checkpoint").value == "target.pt"


def test_a_file_is_replaced_only_where_that_is_ticked(home):
    """Save is closed while a file of that name is there, and opens with the box."""
    page = fill(run_to_end(app(PAGE)), home, "bars")
    before = (home / "bars.toml").read_text()
    assert next(button for button in page.button if button.label == "Save").disabled
    page.checkbox[0].check()
    page.run()
    press(page, "Save")
    assert (home / "bars.toml").read_text(encoding="utf-8").rstrip() == page.code[0].value != before.rstrip()
    assert not list(home.glob(".tlx-*"))


def test_a_file_that_appears_meanwhile_is_not_replaced(home):
    """Between looking and writing somebody may have saved one of that name."""
    (home / "late.toml").write_text("x")
    with pytest.raises(CaseError, match="exists already"):
        saving.save("y", home / "late.toml", replace=False)
    assert (home / "late.toml").read_text() == "x"


def test_a_name_that_is_taken_is_refused(home):
    """A file called digits.toml would hide behind the built-in case."""
    with pytest.raises(CaseError, match="'digits' is known already"):
        saving.save("", home / "digits.toml", replace=False)
    assert not (home / "digits.toml").exists()


@pytest.mark.parametrize(
    ("given_name", "why"),
    [
        ("", "must end in .toml"),
        ("x.txt", "must end in .toml"),
        ("/no/such/x.toml", "does not exist"),
        ("a\0.toml", "path of a file"),
    ],
)
def test_a_place_that_cannot_be_written_is_named(given_name, why):
    """The sentence says what is wrong with the path."""
    with pytest.raises(CaseError, match=why):
        saving.place(given_name)


def test_a_public_server_has_no_form(home, monkeypatch):
    """One sentence, no field, and no link to the page."""
    monkeypatch.setenv("TLX_PUBLIC", "1")
    page = run_to_end(app(PAGE))
    assert any("This server is public" in info.value for info in page.info)
    assert not page.text_input
    start = app().run()
    assert "New case" not in [link.proto.label for link in start.get("page_link")]


@pytest.mark.parametrize(
    ("address", "headers", "allowed"),
    [
        (None, {}, True),
        ("127.0.0.7", {}, True),
        ("::1", {}, True),
        ("192.168.1.7", {}, False),
        ("nonsense", {}, False),
        (None, {"X-Forwarded-For": "9.9.9.9"}, False),
    ],
)
def test_only_visitors_of_this_machine_may_name_files(monkeypatch, address, headers, allowed):
    """Streamlit says None for localhost; another address, or a proxy's header, is somebody else."""
    monkeypatch.delenv("TLX_PUBLIC", raising=False)
    monkeypatch.setattr(st, "context", SimpleNamespace(ip_address=address, headers=headers))
    assert (saving.refused() == "") == allowed


def test_lists_between_commas():
    """Spaces and empty parts are nothing; what is no number stays text for the check to name."""
    assert form.listed(" a, ,b b,") == ["a", "b b"]
    assert form.numbers("0.5, 1,") == [0.5, 1.0]
    assert form.numbers("0.5; 1") == "0.5; 1"
