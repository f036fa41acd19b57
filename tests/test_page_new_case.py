"""A case file put together in the browser: the text grows, is checked, saved, and its case offered at once."""

from __future__ import annotations

import base64
import io
import os
import shutil
import tomllib
from dataclasses import fields
from types import SimpleNamespace

import numpy as np
import pytest
import small_case
import streamlit as st
from hypothesis import given
from hypothesis import strategies as some
from PIL import Image
from streamlit_help import app, run_to_end, text_of

from tlx import checking, pipeline
from tlx.app import known_cases
from tlx.app.new_case import entries, removal, saving
from tlx.casefiles import loading, reading
from tlx.casefiles.writing import written
from tlx.cases import Case, Domain, ModelPlan, Training
from tlx.errors import CaseError, key_of
from tlx.networks import names
from tlx.storage import inventory, memory

PAGE = "pages/7_New_case.py"
KINDS = ("text_input", "number_input", "selectbox", "toggle")
TEXT = some.text(some.characters(exclude_categories=["Cs"]))  # all there is but halves of surrogate pairs
PLAIN = TEXT | some.integers(-(2**63), 2**63 - 1) | some.floats(allow_nan=False) | some.booleans()
TABLE = some.recursive(
    some.dictionaries(TEXT, PLAIN | some.lists(PLAIN, max_size=3), max_size=4),
    lambda inner: some.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)


FOLDED = (
    "Images and classes",
    "Splits and broken images",
    "Preprocessing",
    "Networks and checkpoints in detail",
    "Inputs of one model alone",
    "Training",
    "Analysis and description",
    "The case file as text",
)


def opened(*titles, forget=True):
    """The page with these sections open, all of them where none is named."""
    page = app(PAGE, forget=forget)
    for title in titles or FOLDED:
        page.session_state[f"new case open {title}"] = True
    return page


@pytest.fixture
def home(tmp_path, monkeypatch):
    """Files of a small case; a page that offers no case but digits and those saved here."""
    st.cache_data.clear()
    known_cases.added().clear()
    known_cases.removed().clear()
    monkeypatch.delenv("TLX_PUBLIC", raising=False)
    monkeypatch.delenv("TLX_CASES", raising=False)
    monkeypatch.setattr(
        st, "context", SimpleNamespace(ip_address=None, headers={})
    )  # AppTest has a visitor of no place
    small_case.write(tmp_path)
    yield tmp_path
    known_cases.added().clear()
    known_cases.removed().clear()
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


FORM = {
    "source.path": "thick",
    "target.path": "thin",
    "source_model.checkpoint": "source.pt",
    "target_model.checkpoint": "target.pt",
    "mean": "0.5, 0.5, 0.5",
    "std": ".5,.5,.5",
    "title": "Bars",
}


def fill(page, home, name="bars", **changes):
    """Types a case with two image folders and two checkpoints into the form."""
    for key, value in (FORM | changes).items():
        page.text_input(key=f"new case {key}").set_value(value)
    page.selectbox(key="new case architecture").set_value("compact_alexnet")
    page.number_input(key="new case image_size").set_value(16)
    page.text_input(key="new case file").set_value(str(home / f"{name}.toml"))
    return page.run()


def button(page, label):
    return next(one for one in page.button if one.label == label)


def press(page, label):
    button(page, label).click()
    return run_to_end(page)


def problems(page):
    """What stands at fields: sentences in red, without their marks."""
    red = [one.value for one in page.markdown if one.value.startswith(":red[")]
    return [one.removeprefix(":red[:material/error: ").removesuffix("]").replace("\\", "") for one in red]


def test_the_text_grows_and_holds_what_was_said(home):
    """The file has the keys that differ from their defaults, and no other."""
    page = fill(run_to_end(opened()), home)
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


def test_the_text_comes_when_it_is_opened(home):
    """What draws it in a browser is heavy, and most visitors never look."""
    page = app(PAGE)
    assert not run_to_end(page).code
    page.session_state["new case open The case file as text"] = True
    assert tomllib.loads(run_to_end(page).code[0].value)


def test_the_control_can_be_asked_for(home):
    """A switch, which the text holds when it is on."""
    page = fill(run_to_end(opened()), home)
    page.toggle(key="new case control").set_value(True)
    assert tomllib.loads(run_to_end(page).code[0].value)["control"] is True


def test_a_case_is_checked_saved_and_offered(home):
    """Check says the case will work; Save writes the text, and the sidebar offers the case at once."""
    page = fill(run_to_end(opened()), home, "mine")
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


def test_four_questions_come_first_and_the_rest_is_folded(home):
    """Two folders, two checkpoints and the network are open; all else lies in expanders, drawn once they are opened."""
    page = run_to_end(app(PAGE))
    every = [one.key for kind in KINDS for one in page.main.get(kind)]
    first = ["source.path", "target.path", "source_model.checkpoint", "target_model.checkpoint", "architecture"]
    assert set(every) == {f"new case {key}" for key in (*first, "title", "file")}
    assert [one.label for one in page.expander if one.label in FOLDED] == [*FOLDED]
    assert not any(expander.proto.expanded for expander in page.expander)
    page.session_state["new case open Training"] = True
    within = {one.key for expander in run_to_end(page).expander for kind in KINDS for one in expander.get(kind)}
    assert "new case source_model.training.epochs" in within
    assert "new case mean" not in within
    assert not problems(page)


def test_a_field_for_every_key(home):
    """What a case file can say, the form can, in one of its states; the file's name is the case's."""
    shown = set()
    for kind, checkpoint in (("files", "a.pt"), ("torchvision", "")):
        page = run_to_end(opened())
        for side in ("source", "target"):
            page.selectbox(key=f"new case {side}.kind").set_value(kind)
            page.text_input(key=f"new case {side}_model.checkpoint").set_value(checkpoint)
        page.run()
        if not checkpoint:
            page.text_input(key="new case source_model.initial").set_value("b.pt")
            page.selectbox(key="new case target_model.architecture").set_value("alexnet")
            page.run()
        shown |= {one.key.removeprefix("new case ") for kind in KINDS for one in page.main.get(kind)}
    shown = {key.replace("target", "source") if "." in key else key for key in shown}
    tables = {"": Case, "source.": Domain, "source_model.": ModelPlan, "source_model.training.": Training}
    keys = {prefix + one.name for prefix, part in tables.items() for one in fields(part)}
    no_values = {"source", "target", "source_model", "target_model", "source_model.training"}
    assert keys - shown == no_values | reading.FOUND_OUT | {"name"}


def test_what_is_wrong_stands_at_its_field(home):
    """A folder that is not there, a mean that is no number, no network: each said once, and every field as it was."""
    page = fill(run_to_end(opened("Preprocessing")), home, "mine", **{"source.path": "thikc", "mean": "a half"})
    page.selectbox(key="new case architecture").set_value(None)
    page.run().session_state["new case open Preprocessing"] = False  # closed again, what was typed is kept
    press(page, "Check")
    assert problems(page) == [
        f"Image folder {home}/thikc does not exist; it should hold class/image.",
        "The case lacks keys; still needed: architecture.",
        "In the case: mean must be a list of numbers, not 'a half'.",
    ]
    (error,) = page.error
    assert "3 things keep the case from working" in error.value
    assert "Mean, Network, Source folder" in error.value
    assert [one.label for one in page.expander if one.proto.expanded] == ["Preprocessing :red[(1 to mend)]"]
    assert "The case will work" not in text_of(page)
    assert page.text_input(key="new case mean").value == "a half"
    assert page.text_input(key="new case target_model.checkpoint").value == "target.pt"


def test_a_field_that_was_changed_is_no_longer_called_wrong(home):
    """What is said at another stays; so does an opened expander, in which somebody is at work."""
    page = fill(run_to_end(opened("Preprocessing")), home, "mine", **{"source.path": "thikc", "mean": "a half"})
    press(page, "Check")
    page.text_input(key="new case mean").set_value("0.5, 0.5, 0.5")
    page.run()
    assert problems(page) == [f"Image folder {home}/thikc does not exist; it should hold class/image."]
    assert "The form has changed since the check" in text_of(page)
    assert [one.label for one in page.expander if one.proto.expanded] == ["Preprocessing"]


def test_what_has_no_field_is_in_one_list(home, monkeypatch):
    """What is about no key, and what is about one that the form does not show now; nothing is said twice."""
    inspection = checking.Inspection()
    inspection.wrong("<b>no key</b>")
    inspection.wrong("a hidden one", "source.dataset")
    inspection.wrong("a shown one", "source.path")
    monkeypatch.setattr(checking, "inspect", lambda _: inspection)
    page = press(fill(run_to_end(opened()), home, "mine"), "Check")
    (error,) = page.error
    assert error.value.splitlines()[-2:] == [r"- \<b\>no key\</b\>.", "- A hidden one."]
    assert problems(page) == ["A shown one."]
    assert "shown one" not in error.value


def test_what_was_understood_stands_by_topic(home, monkeypatch):
    """Facts, warnings and pictures under the heading of what they are about, in one order, names as text."""
    inspection = checking.Inspection()
    inspection.fact("layers", "the embedding reads fc7")
    inspection.fact("classes", "output 0 = <b>ant</b>, 1 = bee")
    inspection.warn("classes", "only one class [is](here)")
    pixels = np.full((300, 200, 3), 200, np.uint8)
    inspection.seen.append(checking.Seen("source", "<i>ant</i>", pixels))
    monkeypatch.setattr(checking, "inspect", lambda _: inspection)
    page = press(fill(run_to_end(opened()), home, "mine"), "Check")
    titles = [one.value for one in page.markdown if one.value.startswith("**")]
    assert titles == ["**Classes**", "**Preprocessing**", "**Layers**"]
    facts = [one.value for one in page.markdown if one.value.startswith("- ")]
    assert facts == [r"- Output 0 \= \<b\>ant\</b\>, 1 \= bee.", "- The embedding reads fc7."]
    assert [one.value for one in page.warning] == [r"Only one class \[is\]\(here\)."]
    (strip,) = [one.proto.body for one in page.get("html") if "<img" in one.proto.body]
    assert "&lt;i&gt;ant&lt;/i&gt;" in strip
    assert "<i>" not in strip
    with Image.open(io.BytesIO(base64.b64decode(strip.partition("base64,")[2].partition('"')[0]))) as shown:
        assert shown.size == (85, 128)
        assert shown.getpixel((5, 5)) == (200, 200, 200)


def test_save_opens_with_a_check_of_what_is_in_the_form_now(home):
    """Closed before a check, open after one that finds nothing, closed again once a field is changed."""
    page = fill(run_to_end(opened()), home, "mine")
    assert button(page, "Save").disabled
    press(page, "Check")
    assert not button(page, "Save").disabled
    page.text_input(key="new case title").set_value("Bars and more")
    page.run()
    assert button(page, "Save").disabled
    press(page, "Check")
    page.text_input(key="new case file").set_value(str(home / "elsewhere.toml"))
    page.run()
    assert button(page, "Save").disabled
    assert not (home / "mine.toml").exists()


def test_save_is_closed_while_something_is_wrong(home):
    page = fill(run_to_end(opened()), home, "mine", **{"target_model.checkpoint": "nowhere.pt"})
    press(page, "Check")
    assert button(page, "Save").disabled
    assert any("nowhere.pt does not exist" in one for one in problems(page))


@pytest.mark.parametrize("what", ["folder", "checkpoint"])
def test_check_looks_again_at_files_that_changed(home, what):
    """The text of the case is the same; also in another session, which counts its checks anew."""
    page = fill(run_to_end(opened()), home, "mine")
    press(page, "Check")
    assert "The case will work" in text_of(page)
    if what == "folder":
        shutil.rmtree(home / "thin")
    else:
        (home / "target.pt").write_bytes(b"no tensors")
    press(page, "Check")
    assert len(problems(page)) == 1
    other = fill(opened(forget=False).run(), home, "mine")
    press(other, "Check")
    assert len(problems(other)) == 1
    assert button(other, "Save").disabled


def test_no_path_is_not_the_folder_the_app_was_started_in(home, monkeypatch):
    """An empty or blank field is one that lacks, also where the app was started in a folder of images."""
    monkeypatch.chdir(home / "thin")
    page = fill(run_to_end(opened()), home, "mine", **{"target.path": "  "})
    press(page, "Check")
    assert problems(page) == ["[target] lacks the key path, which a domain of kind 'folder' needs."]


def test_a_relative_path_says_where_it_starts(home, monkeypatch):
    """Below the field, at the folder of the case file to be; an absolute one says nothing."""
    monkeypatch.chdir("/")
    page = fill(run_to_end(opened()), home, "mine", **{"target.path": str(home / "thin")})
    said = [one.value.replace("\\", "") for one in page.caption if "Relative to" in one.value]
    assert said == [
        f"Relative to the case file’s folder: {home / name}" for name in ("thick", "source.pt", "target.pt")
    ]


def test_a_csv_is_known_by_its_name(home):
    page = fill(run_to_end(opened()), home, "mine", **{"target.path": "thin.CSV"})
    assert tomllib.loads(page.code[0].value)["target"] == {"kind": "csv", "title": "target", "path": "thin.CSV"}


def test_a_network_of_ones_own_can_be_typed(home):
    """Whatever is in the list, `package.module:function` is taken as it is."""
    page = fill(run_to_end(opened()), home, "mine")
    box = page.selectbox(key="new case architecture")
    box.options.append("mine:network")  # what the browser does with a name that is typed
    box.set_value("mine:network")
    assert tomllib.loads(page.run().code[0].value)["architecture"] == "mine:network"


def test_tables_and_order_are_written_as_the_file_has_them(home):
    """Options of a dataset keep their types; renamed classes, their order, and a key within a checkpoint."""
    page = fill(run_to_end(opened()), home, "mine", **{"target.rename": "upright = standing, a b = c"})
    page.selectbox(key="new case target.order").set_value("natural")
    page.selectbox(key="new case source.kind").set_value("torchvision")
    page.text_input(key="new case target_model.checkpoint_key").set_value("ema")
    page.run()
    page.text_input(key="new case source.options").set_value("split = letters, train = true, n = 3")
    table = tomllib.loads(page.run().code[0].value)
    assert table["source"]["options"] == {"split": "letters", "train": True, "n": 3}
    assert table["target"]["rename"] == {"upright": "standing", "a b": "c"}
    assert table["target"]["order"] == "natural"
    assert table["target_model"]["checkpoint_key"] == "ema"


def test_names_in_problems_and_facts_are_text(home):
    """A folder called like a tag or a link is shown as it is called."""
    (home / "thick").rename(home / "<img src=x> [a](b)")
    page = fill(run_to_end(opened()), home, "mine", **{"source.path": "<img src=x> [a](b)", "target.path": "<b>[c](d)"})
    press(page, "Check")
    raw = "".join(one.value for kind in ("markdown", "caption", "error", "warning") for one in page.get(kind))
    assert r"\<b\>\[c\]\(d\)" in raw
    assert "<b>" not in raw
    assert "[c](d)" not in raw


def test_a_defect_of_an_input_is_not_one_of_tlx(home):
    """A seed below 0 is refused in words, and the rest is looked at all the same."""
    text = small_case.TEXT.format(steps=0) + "seed = -1\n"
    found = saving.check(text, str(home / "mine.toml"), "1")
    assert [key_of(one) for one in found.fatal] == ["target_model.seed", "n_steps"]


def test_a_file_is_replaced_only_where_that_is_ticked(home):
    """Save is closed while a file of that name is there, and opens with the box."""
    page = fill(run_to_end(opened()), home, "bars")
    before = (home / "bars.toml").read_text()
    press(page, "Check")
    assert button(page, "Save").disabled
    next(box for box in page.checkbox if "Replace" in box.label).check()
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
    page = fill(run_to_end(opened()), home, "digits")
    assert problems(page) == ["A case called 'digits' is known already; give the file another name."]
    assert button(page, "Save").disabled


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
    page = run_to_end(opened())
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


def test_the_list_has_every_network_of_torchvision():
    """Read from its sources without importing them, the usual ones first; timm's where it is installed."""
    from tlx.networks.torchvision_import import models

    assert names.registered("torchvision") == models.list_models(module=models)
    assert names.known()[:2] == ("compact_alexnet", "row_lstm")
    assert set(names.known()) >= {*names.OURS, *names.USUAL, *models.list_models(module=models)}
    assert len(names.known()) == len(set(names.known()))


def test_networks_of_timm_are_found_by_their_decorator(tmp_path, monkeypatch):
    """A function below `@register_model`, whatever stands between; no other function, and none where it lacks."""
    assert names.registered("a package that nobody has") == []
    (tmp_path / "timm" / "models").mkdir(parents=True)
    (tmp_path / "timm" / "models" / "cait.py").write_text(
        "@register_model\ndef cait_xxs24_224(pretrained=False):\n    pass\n\n\ndef helper():\n    pass\n"
    )
    monkeypatch.setattr(names, "distribution", lambda _: SimpleNamespace(locate_file=lambda path: tmp_path / path))
    assert names.registered("timm") == ["cait_xxs24_224"]


def removing(page, path, *, results=False):
    """Chooses a case file to remove, and confirms it."""
    page.selectbox(key="new case remove").set_value(str(path))
    page.run()
    if results:
        next(box for box in page.checkbox if "stored results" in box.label).check()
        page.run()
    return press(page, "Remove for good")


def test_a_case_is_removed_with_its_file_alone(home, monkeypatch):
    """The file goes, and its case from all lists, though TLX_CASES names it; images and checkpoints stay."""
    monkeypatch.setenv("TLX_CASES", str(home / "bars.toml"))
    page = run_to_end(app(PAGE, case="bars"))
    assert "bars" in known_cases.known_cases()[0]
    removing(page, home / "bars.toml")
    assert not (home / "bars.toml").exists()
    assert len(list(home.rglob("*.png"))) == 24
    assert (home / "source.pt").exists()
    assert known_cases.known_cases() == ({"digits": known_cases.known_cases()[0]["digits"]}, [])
    assert "was removed" in text_of(page)
    assert page.sidebar.selectbox[0].value == "digits"


@pytest.mark.parametrize("results", [True, False])
def test_stored_results_go_only_where_that_is_ticked(home, monkeypatch, results):
    monkeypatch.setenv("TLX_CACHE", str(home / "cache"))
    monkeypatch.setenv("TLX_CASES", str(home / "bars.toml"))
    case = loading.load_case(home / "bars.toml")
    pipeline.catalogue(case, "source")
    assert [shelf for shelf in inventory.shelves(memory.location()) if "bars" in shelf.cases]
    removing(run_to_end(opened()), home / "bars.toml", results=results)
    left = [shelf for shelf in inventory.shelves(memory.location()) if "bars" in shelf.cases]
    assert bool(left) != results


def test_a_case_saved_again_after_its_removal_is_offered(home):
    page = fill(run_to_end(opened()), home, "mine")
    press(page, "Check")
    press(page, "Save")
    page.run()
    removing(page, home / "mine.toml")
    assert "mine" not in known_cases.known_cases()[0]
    press(page, "Check")
    press(page, "Save")
    assert "mine" in known_cases.known_cases()[0]


def test_only_case_files_that_are_offered_are_removed(home, monkeypatch):
    """No built-in case, no bundle, no other file, and on a public server none at all."""
    (home / "kept.tlx").write_bytes(b"")
    (home / "other.toml").write_text("")
    monkeypatch.setenv("TLX_CASES", os.pathsep.join(map(str, (home / "kept.tlx", home / "bars.toml"))))
    assert removal.removable() == [str(home / "bars.toml")]
    for where in ("digits", str(home / "kept.tlx"), str(home / "other.toml")):
        with pytest.raises(CaseError, match="no case file that is offered here"):
            removal.remove(where, results=True)
    monkeypatch.setenv("TLX_PUBLIC", "1")
    with pytest.raises(CaseError, match="This server is public"):
        removal.remove(str(home / "bars.toml"), results=False)
    assert all((home / name).exists() for name in ("kept.tlx", "bars.toml", "other.toml"))


def test_a_broken_case_file_can_be_removed_too(home, monkeypatch):
    (home / "bars.toml").write_text("architecture = [")
    monkeypatch.setenv("TLX_CASES", str(home / "bars.toml"))
    removing(run_to_end(opened()), home / "bars.toml")
    assert not (home / "bars.toml").exists()
    assert not known_cases.known_cases()[1]


def test_lists_between_commas():
    """Spaces and empty parts are nothing; what is no number stays text for the check to name."""
    assert entries.listed(" a, ,b b,") == ["a", "b b"]
    assert entries.numbers("0.5, 1,") == [0.5, 1.0]
    assert entries.numbers("0.5; 1") == "0.5; 1"


def recipes_of(page, network):
    """The choice of recipes after a network was chosen; None where nothing is published for it."""
    page.selectbox(key="new case architecture").set_value(network)
    run_to_end(page)
    return next((one for one in page.selectbox if one.key == "new case recipe"), None)


def test_a_published_recipe_fills_the_fields(home, caplog):
    """One choice by name; the fields say afterwards which recipe they follow, and none once one of them is changed."""
    page = run_to_end(opened())
    assert recipes_of(page, "compact_alexnet") is None
    offered = recipes_of(page, "resnet50")
    assert offered.value is None  # the case squeezes, as its default is
    assert offered.options == ["resnet50: IMAGENET1K_V1", "resnet50: IMAGENET1K_V2"]
    offered.set_value(1)
    page.run()
    assert not page.exception
    assert not page.warning
    assert "default value" not in caplog.text
    table = tomllib.loads(page.code[0].value)
    assert (table["resize"], table["resize_to"]) == ("crop", 232)
    assert "image_size" not in table  # 224 is the default
    assert "mean" not in table
    assert page.selectbox(key="new case recipe").value == 1
    assert any("shorter side to 232 px" in one.value for one in page.caption)
    page.number_input(key="new case resize_to").set_value(240)
    page.run()
    assert page.selectbox(key="new case recipe").value is None


def test_a_recipe_says_nothing_of_the_levels_of_grey_images(home):
    page = run_to_end(opened())
    page.selectbox(key="new case channels").set_value(1)
    page.text_input(key="new case mean").set_value("0.5")
    page.text_input(key="new case std").set_value("0.25")
    page.run()
    recipes_of(page, "resnet18").set_value(0)
    table = tomllib.loads(page.run().code[0].value)
    assert (table["resize"], table["resize_to"], table["mean"], table["std"]) == ("crop", 256, [0.5], [0.25])


def test_options_and_own_inputs_are_written(home):
    """Of the network's constructor, for both or one model; an image size and a mean that only one model has."""
    page = run_to_end(opened())
    page.text_input(key="new case architecture_options").set_value("transform_input = true, width = [1, 2]")
    page.text_input(key="new case target_model.architecture_options").set_value("dropout = 0.5")
    page.number_input(key="new case target_model.image_size").set_value(299)
    page.text_input(key="new case target_model.mean").set_value("0.5, 0.5, 0.5")
    page.selectbox(key="new case target_model.resize").set_value("crop")
    table = tomllib.loads(page.run().code[0].value)
    assert table["architecture_options"] == {"transform_input": True, "width": [1, 2]}
    assert table["target_model"] == {
        "architecture_options": {"dropout": 0.5},
        "image_size": 299,
        "mean": [0.5, 0.5, 0.5],
        "resize": "crop",
    }
    assert "source_model" not in table


@pytest.mark.parametrize(
    ("text", "table"),
    [
        ("a = b", {"a": "b"}),
        ("features.0 = conv1, features.3 = conv2", {"features.0": "conv1", "features.3": "conv2"}),
        ('features.0 = "conv1"', {"features.0": "conv1"}),
        ('"a, b" = "c"', {"a, b": "c"}),
        ("n = 3, x = 0.5, on = true, list = [1, 2]", {"n": 3, "x": 0.5, "on": True, "list": [1, 2]}),
        ("big cat = cat,", {"big cat": "cat"}),
        ("a", "a"),
        ("= b", "= b"),
    ],
)
def test_pairs_between_commas(text, table):
    """As people write them and as TOML does; what is no pair stays text for the check to name."""
    assert entries.pairs(text) == table
