"""What changes on the disk or in a case's settings never shows old numbers, not even when it changes in the middle."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import joblib
import numpy as np
import pytest
import small_case
import torch
from PIL import Image

from tlx import load_case, pipeline
from tlx.errors import CaseError
from tlx.images import domains
from tlx.storage import store
from tlx.training import loop


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TLX_CACHE", str(tmp_path / "store"))
    return small_case.write(tmp_path)


def paint(home: Path) -> None:
    """Makes the first thin lying bar all white."""
    Image.fromarray(np.full((16, 16, 3), 255, np.uint8)).save(home.parent / "thin" / "lying" / "0.png")


def test_a_changed_image_is_a_new_image(home: Path) -> None:
    before = pipeline.images(load_case(home), "target").pixels[0].mean()
    paint(home)
    assert not pipeline.images.is_stored(load_case(home), "target")
    assert pipeline.images(load_case(home), "target").pixels[0].mean() == 255 > before


def test_a_changed_checkpoint_gives_other_predictions(home: Path) -> None:
    """Also one that is as large as the old one and as old, to the nanosecond."""
    before = pipeline.predictions(load_case(home), "target", "target")["confidence"].tolist()
    path = home.parent / "target.pt"
    facts = path.stat()
    path.write_bytes((home.parent / "source.pt").read_bytes())
    os.utime(path, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    assert path.stat().st_size == facts.st_size
    case = load_case(home)
    assert not pipeline.predictions.is_stored(case, "target", "target")
    after = pipeline.predictions(case, "target", "target")["confidence"].tolist()
    assert after != before
    assert after == pipeline.predictions(case, "source", "target")["confidence"].tolist()


def test_a_changed_setting_gives_other_conductance(home: Path) -> None:
    before = pipeline.conductance(load_case(home), "target", "target").values.copy()
    home.write_text(home.read_text().replace("n_steps = 4", "n_steps = 5"))
    assert not np.array_equal(pipeline.conductance(load_case(home), "target", "target").values, before)


@pytest.mark.parametrize("computed", [pipeline.images, pipeline.catalogue], ids=["images", "catalogue"])
def test_images_that_change_while_they_are_read_are_not_stored(home: Path, monkeypatch, computed) -> None:
    """Neither under the old fingerprint nor shown; started again, the case is read as it is now."""
    case = load_case(home)
    changing(monkeypatch, domains, "load", lambda: paint(home))
    changing(monkeypatch, domains, "catalogue", lambda: paint(home))
    said = "the target images of case 'bars' changed while tlx was at work; start again to use it as it is"
    with pytest.raises(CaseError, match=re.escape(said)):
        computed(case, "target")
    assert not computed.is_stored(case, "target")
    assert len(computed(load_case(home), "target")) == 12
    assert computed.is_stored(load_case(home), "target")


def test_a_checkpoint_that_changes_while_it_is_read_is_not_stored(home: Path, monkeypatch) -> None:
    case = load_case(home)
    new = (home.parent / "source.pt").read_bytes()
    changing(monkeypatch, loop, "read", lambda: (home.parent / "target.pt").write_bytes(new))
    with pytest.raises(CaseError, match="the target model's checkpoint of case 'bars' changed"):
        pipeline.trained(case, "target")
    assert not pipeline.trained.is_stored(case, "target")


def test_a_checkpoint_is_not_copied(home: Path, tmp_path: Path) -> None:
    """Its tensors are read from it, wherever it was moved to; results of older versions, which hold them, are read."""
    case = load_case(home)
    expected = {name: one.numpy() for name, one in torch.load(home.parent / "target.pt").items()}
    assert pipeline.trained(case, "target").tensors.keys() == expected.keys()
    entry = next((tmp_path / "store").rglob("trained/*/output.pkl"))
    assert entry.stat().st_size < 5_000
    moved = tmp_path / "moved"
    shutil.copytree(home.parent, moved, ignore=lambda *_: ["store", "moved"])
    (home.parent / "target.pt").unlink()
    there = load_case(moved / home.name)
    assert pipeline.trained.is_stored(there, "target")
    found = pipeline.trained(there, "target").tensors
    assert all(np.array_equal(found[name], one) for name, one in expected.items())

    whole = replace(pipeline.trained(there, "target"), tensors={"conv1.weight": np.ones((2, 2))}, epoch=7)
    with entry.open("wb") as file:
        joblib.dump(whole, file)
        file.write(store._MARK)
    assert (pipeline.trained(there, "target").epoch, *pipeline.trained(there, "target").tensors) == (7, "conv1.weight")


def test_a_checkpoint_that_changed_after_it_was_checked_is_not_read_as_the_old_one(home: Path) -> None:
    case = load_case(home)
    known = pipeline.trained(case, "target")
    (home.parent / "target.pt").write_bytes((home.parent / "source.pt").read_bytes())
    with pytest.raises(CaseError, match="the target model's checkpoint of case 'bars' changed"):
        known.tensors["conv1.weight"]


def test_a_file_that_changed_before_it_is_read_is_not_stored_as_the_old_one(home: Path) -> None:
    """A page that was opened before the change asks with the case as it was."""
    case = load_case(home)
    paint(home)
    with pytest.raises(CaseError, match="start again"):
        pipeline.images(case, "target")
    assert len(pipeline.images(case, "source")) == 12


def changing(monkeypatch: pytest.MonkeyPatch, module, name: str, change: Callable[[], object]) -> None:
    """Has something change once, right after the module's function has read it."""
    read, left = getattr(module, name), [change]

    def reading(*args, **kwargs):
        found = read(*args, **kwargs)
        if left:
            left.pop()()
        return found

    monkeypatch.setattr(module, name, reading)


def test_cases_that_differ_in_the_target_model_train_the_source_once(home: Path, monkeypatch) -> None:
    """Another strategy is another target model; another source setting, architecture or image is another source."""
    text = home.read_text().partition("[source_model]")[0]
    called = []
    train = loop.train
    monkeypatch.setattr(loop, "train", lambda *given, **named: called.append(named["called"]) or train(*given, **named))
    first, second = (home.with_name(f"{name}.toml") for name in ("all", "head"))
    plan = "[source_model.training]\nepochs = 1\n[target_model.training]\nepochs = 1\n"
    first.write_text(text + plan)
    second.write_text(text + plan + 'strategy = "head"\n')
    found = {path: pipeline.trained(load_case(path), "target") for path in (first, second)}
    assert called == ["source", "target", "target"]
    assert not np.array_equal(*(model.tensors["conv1.weight"] for model in found.values()))
    weights = sum(one.nbytes for one in pipeline.trained(load_case(first), "source").tensors.values())
    sizes = [path.stat().st_size for path in (home.parent / "store").rglob("*trained/*/output.pkl")]
    assert len([size for size in sizes if size > weights]) == 3  # each model's weights once
    second.write_text(second.read_text().replace("epochs = 1\n[target", "epochs = 2\n[target"))
    paint(home)
    for path in (first, second):
        pipeline.trained(load_case(path), "source")
    assert called[3:] == ["source", "source"]
