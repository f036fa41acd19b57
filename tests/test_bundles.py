"""A bundle answers as the case it was made of, without torch; whatever is no whole bundle is refused in a sentence."""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import small_case
from streamlit_help import app, run_to_end, text_of
from test_codec import same
from without_torch import seen

from tlx import load_case, needs, pipeline
from tlx.__main__ import main
from tlx.cases import MODELS, Case
from tlx.errors import BundleError, EmptyError, NotExportedError, UserError
from tlx.needs import Need, answered
from tlx.storage import bundles, memory


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Case, Path]]:
    """A small case, all of it computed and exported. The source domain has a class that the target lacks."""
    home = tmp_path_factory.mktemp("bundle")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TLX_CACHE", str(home / "store"))
        patch.setattr("tlx.analysis.feature_visualisation.STEPS", 2)
        case_file = small_case.write(home, per_class=8, classes=("lying", "upright"))
        assert main(["export", str(case_file), str(home / "bars.tlx")]) == 0
        yield load_case(case_file), home / "bars.tlx"


@pytest.fixture
def opened(made: tuple[Case, Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Case:
    """The bundle's case, with an empty store."""
    monkeypatch.setenv("TLX_CACHE", str(tmp_path / "empty"))
    return load_case(made[1])


def asked(case: Case) -> list[Need]:
    """Everything stored that pages show of the case, or ever could."""
    names, found = ("lying", "upright"), list[Need]()

    def answer(wanted: Need) -> Any:
        if not wanted.stored:
            raise EmptyError("not stored")
        found.extend(wanted.kept())
        return wanted()

    of_classes = (panel for name in names for panel in needs.of_class(case, name))
    for panel in (*needs.of_case(case), *of_classes, *needs.on_click(case, names)):
        with suppress(EmptyError):
            answered(panel, answer)
    return found


def test_every_exported_result_is_the_original_one(
    made: tuple[Case, Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """By the same call; with the store gone nothing can come from anywhere else."""
    case, copied = made[0], load_case(made[1])
    stored = asked(case)
    originals = [wanted() for wanted in stored]
    monkeypatch.setenv("TLX_CACHE", str(tmp_path / "empty"))
    assert len({one.name for one in stored}) >= 17
    for one, original in zip(stored, originals, strict=True):
        assert one.function.is_stored(copied, *one.arguments[1:])
        assert same(original, one.function(copied, *one.arguments[1:])), one
    assert not (tmp_path / "empty").exists()


def test_what_is_derived_from_stored_results_is_the_same(made: tuple[Case, Path], opened: Case) -> None:
    assert pipeline.classes(opened) == ("lying", "upright")
    assert pipeline.class_table(opened)["n"].sum() > 0
    assert len(pipeline.instances(opened)) == 32
    assert set(pipeline.reuse_by_class(opened)) == {"lying", "upright"}


def test_the_case_of_a_bundle_names_no_place_of_the_machine_it_came_from(made: tuple[Case, Path]) -> None:
    """Nor is its fingerprint that of the case, whose results may go on changing."""
    with zipfile.ZipFile(made[1]) as file:
        assert all(str(made[1].parent).encode() not in file.read(name) for name in file.namelist())
    assert load_case(made[1]).fingerprint() != made[0].fingerprint()


def test_the_same_results_make_the_same_file(made: tuple[Case, Path], tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("TLX_CACHE", str(made[1].parent / "store"))
    assert main(["export", str(made[1].parent / "bars.toml"), str(tmp_path / "again.tlx"), "--stored-only"]) == 0
    assert (tmp_path / "again.tlx").read_bytes() == made[1].read_bytes()


def test_what_one_click_asks_for_is_exported_where_that_is_wanted(
    made: tuple[Case, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beside what the pages show at once, and computed where it was not stored."""
    monkeypatch.setenv("TLX_CACHE", str(made[1].parent / "store"))
    clicked = needs.one(pipeline.embedding, made[0], ("lying",), "source", "conv4", made[0].seed)
    monkeypatch.setattr(needs, "after_one_click", lambda *_: iter([clicked]))
    for words, held in (([], False), (["--clicks"], True)):
        file = tmp_path / f"clicks{held}.tlx"
        assert main(["export", str(made[1].parent / "bars.toml"), str(file), "--whole", "1", *words]) == 0
        case = load_case(file)
        assert pipeline.embedding.is_stored(case, ("lying",), "source", "conv4", case.seed) is held


def test_one_click_asks_for_every_button_layer_and_neuron(
    made: tuple[Case, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each layer's embedding and first neuron, the first weight between two layers, and what buttons offer."""
    shutil.copytree(made[1].parent / "store", tmp_path / "store")
    monkeypatch.setenv("TLX_CACHE", str(tmp_path / "store"))
    long = {"control", "label_efficiency", "block_gradients", "strategies", "criteria"}
    long |= {"silenced", "neuron_images", "embedding"}
    asked = list[Need]()

    def answer(wanted: Need) -> Any:
        asked.append(wanted)
        if wanted.name in long:
            raise EmptyError("takes long")
        return wanted()

    for panel in needs.after_one_click(made[0], ("lying",)):
        with suppress(EmptyError):
            answered(panel, answer)
    network = pipeline.network(made[0])
    assert {one.arguments[3] for one in asked if one.name == "embedding"} == {None, *network.names}
    in_part = {layer.name for layer in network.layers if layer.field is not None}  # the others see all of an image
    assert {one.arguments[2] for one in asked if one.name == "crops"} == in_part
    assert {one.arguments[2] for one in asked if one.name == "kernel_response"} == set(network.pairs)
    drawn = {(one.arguments[1], *place) for one in asked if one.name == "neuron_images" for place in one.arguments[2]}
    assert len(drawn) == sum(layer.count(model) for layer in network.layers for model in MODELS)
    assert long | {"domain_gap"} <= {one.name for one in asked}


def test_what_was_not_exported_is_said_and_never_computed(opened: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline, "load_model", lambda *_: pytest.fail("a bundle computes nothing"))
    with pytest.raises(
        NotExportedError, match="is a bundle, and the result “crops” for source, fc7, 9, 6 was not exported"
    ):
        pipeline.crops(opened, "source", "fc7", 9)
    assert not pipeline.crops.is_stored(opened, "source", "fc7", 9)


def test_an_error_is_exported_as_the_sentence_it_is(tmp_path: Path) -> None:
    """A class without target instances has no abstraction, in a bundle too."""
    case = load_case("digits")
    with bundles.Writer(tmp_path / "one.tlx", case, memory.CACHE_VERSION) as writer:
        writer.add_error("f", {"a": 1}, EmptyError("class 'x' has no instance"))
    with pytest.raises(EmptyError, match="class 'x' has no instance"):
        bundles.exported(load_case(tmp_path / "one.tlx"), "f", {"a": 1}, int)


# Which nobody had pressed.
BEHIND_BUTTONS = ("silenced", "domain gap", "control", "few labels", "block gradients", "criteria")


def test_all_pages_show_a_bundle_without_torch(made: tuple[Case, Path], tmp_path: Path) -> None:
    """With an empty store, which stays empty; no page lacks anything it shows before a click."""
    empty = tmp_path / "empty"
    # The Lesson shows its own cases, which come with tlx.
    found = seen("bars", "lying", "upright", TLX_CASES=str(made[1]), TLX_CACHE=str(empty), TLX_SHIPPED="1")
    assert found["asked"] == []
    assert len(found["pages"]) == 16  # eight pages, two classes
    for name, page in found["pages"].items():
        assert page["errors"] == [], name
        lacking = [said for said in page["lacking"] if not any(f"“{asked}”" in said for asked in BEHIND_BUTTONS)]
        assert lacking == [], name
        assert len(page["figures"]) >= (1 if name[6:7] in "2345" else 0)  # no accuracy chart without a history
    assert not empty.exists()


def test_a_page_says_what_a_click_does_not_find(
    opened: Case, made: tuple[Case, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TLX_CASES", str(made[1]))
    wanted = {"case": "bars", "class": "lying", "neuron": "source:conv5:3", "instance": "target:2"}
    wanted["view"] = "network.panel=weight"
    for path, what in (("pages/3_Network.py", "kernel response"), ("pages/2_Instances.py", "nearest")):
        page = run_to_end(app(path, **wanted))
        assert not page.exception
        assert not page.error
        assert f"This case is a bundle, and the result “{what}” for" in text_of(page).replace("\\", "")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["run", "{file}"], "is a bundle: it holds results, and nothing can be computed from it"),
        (["train", "{file}"], "is a bundle"),
        (["export", "{file}", "{file}"], "is a bundle"),
        (["export", "digits", "{file}.zip"], "a bundle's name ends in .tlx"),
        (["export", "digits", "/nowhere/at/all.tlx"], "/nowhere/at/all.tlx cannot be written (No such file"),
        (["export", "digits", "{file}.tlx", "--classes", "eleven"], "class 'eleven' is unknown"),
        (["check", "missing.tlx"], "bundle missing.tlx does not exist"),
    ],
)
def test_a_mistake_is_one_sentence(
    made: tuple[Case, Path], capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    assert main([text.format(file=made[1]) for text in arguments]) == 1
    assert said in capsys.readouterr().err.strip().splitlines()[-1]
    assert sorted(one.name for one in made[1].parent.glob("*tlx*")) == ["bars.tlx"]


def test_check_says_that_a_bundle_is_whole(made: tuple[Case, Path], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(made[1])]) == 0
    assert "a whole bundle of case 'bars'" in capsys.readouterr().out


def rewritten(change: Callable[[dict[str, Any]], object], **added: bytes) -> Callable[[bytes, Path], None]:
    """The bundle with another manifest, and with these entries."""

    def write(content: bytes, path: Path) -> None:
        path.write_bytes(content)
        with zipfile.ZipFile(path) as file:
            entries = {name: file.read(name) for name in file.namelist()}
        manifest = json.loads(entries[bundles.MANIFEST])
        change(manifest)
        entries |= {bundles.MANIFEST: json.dumps(manifest).encode()} | added
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
            for name, entry in entries.items():
                file.writestr(name, entry)

    return write


def flipped(content: bytes, path: Path) -> None:
    """One byte changed in the middle of the file."""
    at = len(content) // 2
    path.write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])


def foreign(content: bytes, path: Path) -> None:
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("../../etc/passwd", "root")


def bomb(content: bytes, path: Path) -> None:
    """300 MB of zeros in 300 kB."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr(bundles.MANIFEST, "{}")
        with file.open("values/zeros.npy", "w") as entry:
            for _ in range(300):
                entry.write(bytes(2**20))


def other_value(manifest: dict[str, Any]) -> None:
    """An array stands where another one was: its digest is another one."""
    arrays = sorted(name for name in manifest["values"] if name.endswith(".npy"))
    manifest["values"][arrays[0]][1] = manifest["values"][arrays[1]][1]


HOSTILE: dict[str, tuple[Callable[[bytes, Path], object], str]] = {
    "truncated": (lambda content, path: path.write_bytes(content[: len(content) // 2]), "is damaged"),
    "empty": (lambda content, path: path.write_bytes(content[:0]), "is damaged"),
    "flipped": (flipped, "is damaged"),
    "text": (lambda content, path: path.write_text(str(content[:99])), "was not made by tlx"),
    "foreign": (foreign, "no manifest"),
    "bomb": (bomb, "unpack to far more than its size"),
    "strange entry": (rewritten(dict, **{"../evil": b"x"}), "holds or lacks the entry '../evil'"),
    "format": (rewritten(lambda one: one.update(format=99)), "has format 99"),
    "results": (rewritten(lambda one: one.update(results_version=0)), "results of version 0, and this tlx"),
    "no case": (rewritten(lambda one: one.update(case={"name": "x"})), "a Case has the parts"),
    "no results": (rewritten(lambda one: one.pop("results")), "manifest is not sound"),
    "a list": (rewritten(lambda one: one.update(values=[])), "manifest is not sound"),
    "kind": (rewritten(lambda one: one["results"].update(f=["SystemExit", "x"])), "cannot be of kind 'SystemExit'"),
    "digest": (rewritten(other_value), "is not what was written"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_no_whole_bundle_is_refused_in_a_sentence(made: tuple[Case, Path], tmp_path: Path, name: str) -> None:
    make, said = HOSTILE[name]
    make(made[1].read_bytes(), tmp_path / "bad.tlx")
    with pytest.raises(BundleError, match=r"bundle .*bad\.tlx") as caught:
        load_case(tmp_path / "bad.tlx")
    assert said in str(caught.value)


def test_a_result_of_another_type_is_refused_when_it_is_read(made: tuple[Case, Path], tmp_path: Path) -> None:
    """A manifest may be well-formed and still put a number where a network belongs."""

    def change(manifest: dict[str, Any]) -> None:
        key = next(key for key in manifest["results"] if key.startswith("tlx.pipeline.network"))
        manifest["results"][key] = ["value", 7]

    rewritten(change)(made[1].read_bytes(), tmp_path / "odd.tlx")
    with pytest.raises(UserError, match="expected dict, found int"):
        pipeline.network(load_case(tmp_path / "odd.tlx"))
