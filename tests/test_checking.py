"""`check`: all that is wrong with a case at once, one sentence each, and nothing is run that lies in a file."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import pytest
import small_case
import torch
from PIL import Image

from tlx.__main__ import main
from tlx.casefiles.loading import load_case
from tlx.checking import TOPICS, Inspection, inspect
from tlx.networks import models


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_case.write(tmp_path_factory.mktemp("made"))


@pytest.fixture
def path(made: Path, tmp_path: Path) -> Path:
    shutil.copytree(made.parent, tmp_path / "case")
    return tmp_path / "case" / made.name


def changed(path: Path, *pairs: tuple[str, str]) -> Inspection:
    """What is said of the case after its file was changed, old text for new."""
    text = path.read_text()
    for old, new in pairs:
        assert old in text
        text = text.replace(old, new, 1)
    path.write_text(text)
    return inspect(path)


def said(found: Inspection) -> str:
    """Every fatal sentence and every warning on a line of its own, but that random weights are as good as guessing."""
    assert not any("\n" in one for one in (*found.fatal, *found.warnings))
    return "\n".join((*found.fatal, *(one for one in found.warnings if "as good as guessing" not in one)))


def test_a_sound_case_has_facts_only(path: Path) -> None:
    found = inspect(path)
    assert said(found) == ""
    assert found.facts[:4] == [
        "source domain: 12 images, 2 classes, 2 for validation",
        "source domain: 10 for training, split at random",
        "target domain: 12 images, 2 classes, 2 for validation",
        "target domain: 10 for training, split at random",
    ]
    assert "7 analysed layers: conv1" in found.facts[4]
    assert found.facts[5] == "vectors of the Instances page: what enters fc6, 256 values"
    for model, facts in (("source", found.facts[7:11]), ("target", found.facts[11:15])):
        fits, file, outputs, tried = facts
        assert file == f"{model} model: 16 tensors of {model}.pt"
        assert fits == f"{model} model: checkpoint fits"
        assert outputs == f"{model} model: output 0 = lying, 1 = upright"
        assert re.fullmatch(rf"{model} model right on \d+ of 12 source images and \d+ of 12 target images", tried)
    assert [fact.topic for fact in found.facts[15:]] == ["cost"]


def test_everything_wrong_is_told_at_once(path: Path) -> None:
    """A key, a folder, two images, a layer, a checkpoint: six sentences in one run."""
    home = path.parent
    shutil.rmtree(home / "thick")
    for name in ("0", "3"):
        (home / "thin" / "lying" / f"{name}.png").write_bytes(b"no image")
    (home / "target.pt").unlink()
    found = changed(path, ("n_steps = 4", 'n_step = 4\nlayers = ["conv1", "convv2"]'))
    lines = said(found).splitlines()
    assert len(lines) == len(found.fatal) == 6
    parts = ("key 'n_step' is unknown", "thick", "0.png cannot", "3.png cannot", "'convv2'", "target.pt")
    assert all(part in line for part, line in zip(parts, lines, strict=True))
    assert "did you mean conv2" in lines[4]


def test_unreadable_images_are_fatal_or_left_out_by_choice(path: Path) -> None:
    (path.parent / "thin" / "lying" / "0.png").write_bytes(b"no image")
    assert "0.png cannot be read as an image" in "".join(inspect(path).fatal)
    found = changed(path, ('path = "thin"', 'path = "thin"\nunreadable = "skip"'))
    assert not found.fatal
    assert "0.png cannot be read as an image" in found.warnings[0]
    assert "target domain: 11 images" in found.facts[2]


def test_many_broken_images_are_counted(path: Path) -> None:
    for at in range(6, 20):
        (path.parent / "thin" / "lying" / f"{at}.png").write_bytes(b"no image")
    found = inspect(path)
    assert len(found.fatal) == 11
    assert found.fatal[-1] == "and 4 more of this kind"


def test_classes_with_too_few_images_are_named(path: Path) -> None:
    for image in list((path.parent / "thin" / "lying").iterdir())[1:]:
        image.unlink()
    assert "class 'lying' of thin has 1 image(s)" in inspect(path).warnings


def test_a_domain_without_validation_images_is_fatal(path: Path) -> None:
    for folder in (path.parent / "thin").iterdir():
        (path.parent / "grouped" / folder.name).mkdir(parents=True)
        folder.rename(path.parent / "grouped" / folder.name / "one object")
    found = changed(path, ('path = "thin"', 'path = "grouped"\nsplit = "groups"'))
    assert "the target domain has no validation image; give it more images or another split" in found.fatal


def test_class_names_that_may_mean_the_same_are_proposed(path: Path) -> None:
    (path.parent / "thin" / "lying").rename(path.parent / "thin" / "Lying_")
    found = inspect(path)
    assert not found.fatal
    assert "1 of the target's 2 classes is in the source too ('Lying_' not)" in found.warnings[0]
    assert "mapped in [target.rename], perhaps 'Lying_' = 'lying'" in found.warnings[0]
    mapped = changed(path, ('path = "thin"', 'path = "thin"\nrename = { "Lying_" = "lying" }'))
    assert said(mapped) == ""


def test_a_checkpoint_of_another_size_names_the_tensor_and_both_shapes(path: Path) -> None:
    found = changed(path, ("image_size = 16", "image_size = 24"))
    assert len(found.fatal) == 2
    assert "'fc6.weight'" in found.fatal[0]
    assert "(160, 256)" in found.fatal[0]
    assert "(160, 576)" in found.fatal[0]


def test_a_checkpoint_of_another_class_count_is_named(path: Path) -> None:
    shutil.copytree(path.parent / "thin" / "lying", path.parent / "thin" / "third")
    assert "'fc8.weight'" in said(inspect(path))


def test_a_checkpoint_for_other_channels_is_named(path: Path) -> None:
    path.write_text(path.read_text().replace("[0.5, 0.5, 0.5]", "[0.5]"))
    found = changed(path, ("image_size = 16", "image_size = 16\nchannels = 1"))
    assert len(found.fatal) == 2
    assert "tensor 'conv1.weight' has shape (32, 3, 5, 5) and in the network (32, 1, 5, 5)" in found.fatal[0]


def test_every_tensor_of_another_shape_is_named(path: Path) -> None:
    wrong = {"conv2.bias": torch.zeros(3), "fc6.bias": torch.zeros(7)}
    torch.save(models.build(load_case(path), 2).state_dict() | wrong, path.parent / "source.pt")
    assert ["'conv2.bias'" in one or "'fc6.bias'" in one for one in inspect(path).fatal] == [True, True]


@pytest.mark.parametrize(
    ("name", "told"),
    [("alexnett", "'alexnett' is unknown; did you mean alexnet"), ("alexnet", "fails on images of 3 x 16 x 16")],
)
def test_a_network_that_cannot_be_built_is_told_once(path: Path, name: str, told: str) -> None:
    """What the checkpoints lack of it is not told as well; that one is no tensors is."""
    (path.parent / "target.pt").write_bytes(b"no archive")
    found = changed(path, ("compact_alexnet", name))
    assert len(found.fatal) == 2
    assert told in found.fatal[0]
    assert "target.pt is not a file of tensors only" in found.fatal[1]


def test_a_layer_that_only_one_network_has_is_named(path: Path) -> None:
    path.write_text(path.read_text().replace('checkpoint = "target.pt"', 'architecture = "alexnet"'))
    found = changed(path, ("image_size = 16", "image_size = 64"))
    assert "the target model's alexnet lacks a layer: layer 'conv1' is unknown" in said(found)


def test_what_training_starts_from_is_told(path: Path) -> None:
    found = changed(path, ('checkpoint = "source.pt"', 'initial = "source.pt"'))
    assert "source model: will be trained; 16 of 16 tensors taken from checkpoint source.pt" in found.facts


class Trap:
    """A pickle that makes a folder when it is opened."""

    def __init__(self, at: Path) -> None:
        self.at = str(at)

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (self.at,)


def test_a_checkpoint_that_is_no_tensors_is_refused_and_not_run(path: Path) -> None:
    torch.save({"fc8.weight": Trap(path.parent / "ran")}, path.parent / "source.pt")
    (path.parent / "target.pt").write_bytes(b"no archive")
    found = inspect(path)
    assert len(found.fatal) == 2
    assert "source.pt" in found.fatal[0]
    assert "target.pt" in found.fatal[1]
    assert all("tensors only" in one for one in found.fatal)
    assert not (path.parent / "ran").exists()


def test_a_large_image_is_named(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1_000)
    Image.new("1", (50, 50)).save(path.parent / "thin" / "lying" / "wide.png")
    assert "wide.png has more than" in said(inspect(path))


def test_the_command_fails_when_something_is_fatal_and_warns_when_not(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (path.parent / "thin" / "empty").mkdir()
    (path.parent / "thick" / "empty").mkdir()
    for name in ("source.pt", "target.pt"):
        (path.parent / name).unlink()
    path.write_text(path.read_text().split("[source_model]")[0])
    assert main(["check", str(path)]) == 0
    told = capsys.readouterr()
    assert "tlx: warning: class 'empty' of thin has 0 image(s)" in told.err
    assert told.out.endswith("the case will work\n")
    (path.parent / "thin" / "lying" / "0.png").write_bytes(b"no image")
    path.write_text(path.read_text().replace("n_steps = 4", "n_steps = 0"))
    assert main(["check", str(path)]) == 1
    told = capsys.readouterr()
    assert "tlx: n_steps must be from 1 to 10000, not 0" in told.err.splitlines()
    assert "0.png cannot be read" in told.err
    assert "will work" not in told.out


def test_a_problem_knows_the_key_it_is_about(path: Path) -> None:
    """A page shows it beside that key's field: keys of the case, of its tables, and of a table within one."""
    shutil.rmtree(path.parent / "thick")
    (path.parent / "target.pt").unlink()
    found = changed(
        path,
        ("n_steps = 4", 'n_steps = 0\nprecision = "half"\nlayers = ["convv2"]'),
        ("image_size = 16", 'image_size = "big"'),
        ('path = "thin"', 'path = "thin"\nseed = -1\nunreadable = "hide"'),
        ('checkpoint = "target.pt"', 'checkpoint = "target.pt"\ntraining = { epochs = 0, momentum = 1 }'),
    )
    assert {one.key for one in found.fatal} == {
        "n_steps",
        "precision",
        "layers",
        "image_size",
        "target.seed",
        "target.unreadable",
        "target_model.training.epochs",
        "target_model.training.momentum",
        "target_model.checkpoint",
        "source.path",
    }


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ('path = "thin"', 'path = "thin"\nclasses = ["nobody"]', "target.classes"),
        ('path = "thin"', 'path = "thin"\nrename = { nobody = "somebody" }', "target.rename"),
        ('path = "thin"', 'path = "thin"\nclasses = "nowhere.txt"', "target.classes"),
        ('checkpoint = "target.pt"', 'checkpoint = "target.pt"\ncheckpoint_key = "ema"', "target_model.checkpoint_key"),
        ('checkpoint = "target.pt"', 'checkpoint = "target.pt"\nhistory = "none.csv"', "target_model.history"),
        ('checkpoint = "target.pt"', 'initial = "thin"', "target_model.initial"),
        ('checkpoint = "target.pt"', 'training = { freeze_until = "top" }', "target_model.training.freeze_until"),
        ('architecture = "compact_alexnet"', 'architecture = "resnet81"', "architecture"),
        ("image_size = 16", "image_size = 17", "image_size"),
    ],
)
def test_what_a_stage_refuses_is_about_a_key_too(path: Path, old: str, new: str, key: str) -> None:
    """Whoever raises the error knows the key, or who looked does: of the path of a domain, of a model's checkpoint."""
    assert {one.key for one in changed(path, (old, new)).fatal} == {key}


def test_an_empty_path_is_not_the_folder_the_app_was_started_in(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One sentence, that the key lacks; the folder of work, which holds images here, is not looked at."""
    monkeypatch.chdir(path.parent / "thin")
    found = changed(path, ('path = "thin"', 'path = ""'))
    assert [one.key for one in found.fatal] == ["target.path"]
    assert not any("target domain" in fact for fact in found.facts)


def test_facts_come_under_topics(path: Path) -> None:
    topics = [fact.topic for fact in inspect(path).facts]
    of_each = ["models", "models", "classes", "models"]
    assert topics == ["data", "data", "data", "data", "layers", "layers", "preprocessing", *of_each, *of_each, "cost"]
    assert set(topics) <= set(TOPICS)
