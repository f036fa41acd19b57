"""Which output of a stranger's checkpoint is which class: told by the file or the case, never guessed."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import small_case
import torch
from safetensors.torch import save_file

from tlx import load_case, pipeline
from tlx.__main__ import main
from tlx.casefiles import writing
from tlx.cases import in_natural_order
from tlx.errors import ModelError
from tlx.networks import checkpoints, models

NAMES = ("1", "10", "2")  # in alphabetical order


@pytest.fixture
def bars(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small case of the classes 1, 2 and 10; its checkpoints do not say which output is which."""
    monkeypatch.setenv("TLX_CACHE", str(tmp_path / "store"))
    return small_case.write(tmp_path, classes=NAMES)


def told(path: Path, line: str) -> Path:
    """The case file with one line more in both domains."""
    text = path.read_text()
    path.write_text(text.replace("[target]\n", f"[target]\n{line}\n").replace("[source]\n", f"[source]\n{line}\n"))
    return path


def wrapped(path: Path, **beside: object) -> None:
    """The target's checkpoint with this beside its tensors."""
    file = path.parent / "target.pt"
    torch.save({"state_dict": torch.load(file, weights_only=True)} | beside, file)


def raw(path: Path) -> np.ndarray:
    """What the target's network itself answers to the target's images: the place of its largest output."""
    case = load_case(path)
    network = models.build(case, len(NAMES)).eval()
    checkpoints.complete(network, path.parent / "target.pt")
    with torch.no_grad():
        answers: np.ndarray = network(models.normalised(pipeline.images(case, "target").pixels, case)).argmax(1).numpy()
    return answers


def said(path: Path) -> list[str]:
    return list(pipeline.predictions(load_case(path), "target", "target")["prediction"])


def test_numbers_count_as_numbers_in_natural_order() -> None:
    assert in_natural_order(["10", "9", "a10", "a9", "b", "1"]) == ("1", "9", "10", "a9", "a10", "b")


def test_where_two_orders_are_usual_the_case_has_to_say_one(bars: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An error with both orders and the way to choose, from the pipeline and from `check`."""
    with pytest.raises(
        ModelError, match=r"alphabetical \(1, 10, 2\) and by number \(1, 2, 10\).*classes = \"natural\""
    ):
        pipeline.trained(load_case(bars), "target")
    assert main(["check", str(bars)]) == 1
    assert "two usual orders" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("line", "outputs"),
    [
        ('classes = "natural"', ("1", "2", "10")),
        ('order = "natural"', ("1", "2", "10")),
        ('classes = "alphabetical"', ("1", "10", "2")),
        ('classes = ["10", "1", "2"]', ("10", "1", "2")),
    ],
)
def test_predictions_are_the_raw_networks_in_the_order_that_is_said(
    bars: Path, line: str, outputs: tuple[str, ...]
) -> None:
    path = told(bars, line)
    assert said(path) == [outputs[at] for at in raw(path)]
    case = load_case(path)
    copy = path.with_name("copy.toml")
    copy.write_text(writing.written(writing.described(replace(case, name="copy"))))
    assert load_case(copy).target.order == case.target.order
    assert pipeline.catalogue(load_case(copy), "target").classes == pipeline.catalogue(case, "target").classes


@pytest.mark.parametrize(
    "beside",
    [
        {"class_to_idx": {"2": 0, "10": 1, "1": 2}},
        {"idx_to_class": {"0": "2", "1": "10", "2": "1"}},
        {"idx_to_class": {0: "2", 1: "10", 2: "1"}},
        {"classes": ["2", "10", "1"], "epoch": 7},
        {"class_to_idx": {"2": "0", "10": "1", "1": "2"}},
        {"class_to_idx": {"2": 0.0, "10": 1.0, "1": 2.0}},
        {"idx_to_class": ["2", "10", "1"]},
        {"label2id": {"2": 0, "10": 1, "1": 2}},
        {"config": {"id2label": {"0": "2", "1": "10", "2": "1"}}},
        {"hyper_parameters": {"lr": 0.1, "class_to_idx": {"2": 0, "10": 1, "1": 2}}},
        {"meta": {"CLASSES": ("2", "10", "1")}},
        {"meta": {"dataset_meta": {"classes": ("2", "10", "1")}}},
    ],
)
def test_a_file_that_names_its_outputs_is_believed(bars: Path, beside: dict[str, object]) -> None:
    wrapped(bars, **beside)
    assert said(bars) == [("2", "10", "1")[at] for at in raw(bars)]


def test_names_from_before_a_renaming_are_understood(bars: Path) -> None:
    """The file has the folders' names, the case its own."""
    wrapped(bars, class_to_idx={"2": 0, "10": 1, "1": 2})
    text = bars.read_text()
    for side in ("source", "target"):
        text += f'[{side}.rename]\n"1" = "one"\n"2" = "two"\n"10" = "ten"\n'
    bars.write_text(text)
    assert said(bars) == [("two", "ten", "one")[at] for at in raw(bars)]


def test_a_file_and_a_case_that_contradict_each_other_are_both_shown(bars: Path) -> None:
    wrapped(bars, class_to_idx={"2": 0, "10": 1, "1": 2})
    case = load_case(told(bars, 'classes = ["1", "2", "10"]'))
    with pytest.raises(ModelError, match=r"in the order 2, 10, 1, and the case gives .* as 1, 2, 10"):
        pipeline.trained(case, "target")


def test_outputs_that_are_not_numbered_from_0_are_refused(bars: Path) -> None:
    wrapped(bars, class_to_idx={"2": 1, "10": 2, "1": 3})
    with pytest.raises(ModelError, match="should number them from 0"):
        pipeline.trained(load_case(bars), "target")


def test_names_in_one_order_only_need_no_word(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Letters are the same by both orders."""
    monkeypatch.setenv("TLX_CACHE", str(tmp_path / "store"))
    path = small_case.write(tmp_path, classes=("lying", "tilted", "upright"))
    assert pipeline.trained(load_case(path), "target").classes == ("lying", "tilted", "upright")


def test_which_weights_were_read_is_said_and_chosen(bars: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Of raw and averaged weights: a note for the pages, a line of `check`, and other predictions by the other key."""
    told(bars, 'classes = "natural"')
    file = bars.parent / "target.pt"
    state = torch.load(file, weights_only=True)
    other = {name: -one if one.is_floating_point() else one for name, one in state.items()}
    torch.save({"model": state, "model_ema": other}, file)
    (note,) = pipeline.notes(load_case(bars), "target")
    assert "under 'model' of its file were read, and others lie under 'model_ema'" in note
    assert main(["check", str(bars)]) == 0
    assert "others lie under 'model_ema'" in capsys.readouterr().out
    text = bars.read_text()
    bars.write_text(text.replace("[target_model]\n", '[target_model]\ncheckpoint_key = "model_ema"\n'))
    trained = pipeline.trained(load_case(bars), "target")
    assert "under 'model_ema' of its file were read, and others lie under 'model'" in trained.notes[0]
    assert all(np.array_equal(trained.tensors[name], one.numpy()) for name, one in other.items())


@pytest.mark.parametrize(
    "remark", [{"id2label": {"0": "b", "1": "a"}}, {"class_to_idx": {"a": 1, "b": 0}}, {"classes": ["b", "a"]}]
)
def test_remarks_of_a_safetensors_file_may_be_json(tmp_path: Path, remark: dict[str, object]) -> None:
    held = {name: json.dumps(one) for name, one in remark.items()}
    save_file({"w": torch.zeros(1)}, tmp_path / "m.safetensors", metadata=held)
    assert checkpoints.read(tmp_path / "m.safetensors").classes == ("b", "a")


@pytest.mark.parametrize(
    "beside", [{"id2label": {0: "LABEL_0", 1: "LABEL_1"}}, {"classes": 2}, {"classes": [0, 1]}, {"class_to_idx": {}}]
)
def test_what_names_no_class_is_no_order(tmp_path: Path, beside: dict[str, object]) -> None:
    """The names that transformers gives where nobody did; numbers."""
    torch.save({"state_dict": {"w": torch.zeros(1)}} | beside, tmp_path / "m.pt")
    assert checkpoints.read(tmp_path / "m.pt").classes == ()
