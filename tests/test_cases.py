"""Cases read from files: what is wrong is said in one sentence, what changed changes the fingerprint."""

from __future__ import annotations

import shutil
from dataclasses import MISSING, fields, replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tlx.casefiles import builtin, reading
from tlx.casefiles.loading import load_case
from tlx.cases import Case, Domain, ModelPlan, Training
from tlx.errors import CaseError, UserError
from tlx.images import files
from tlx.storage import memory

TEXT = """
title = "Toys"
architecture = "compact_alexnet"
image_size = 16
mean = [0.5, 0.5, 0.5]
std = [0.5, 0.5, 0.5]
[source]
kind = "folder"
title = "drawn"
path = "drawn"
[target]
kind = "folder"
title = "photographed"
path = "photos"
[source_model.training]
epochs = 2
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    for domain in ("drawn", "photos"):
        for label in ("bird", "cat"):
            folder = tmp_path / domain / label
            folder.mkdir(parents=True)
            for at in range(3):
                pixels = np.random.default_rng(at).integers(0, 255, (20, 24, 3)).astype(np.uint8)
                Image.fromarray(pixels).save(folder / f"{at}.png")
    (tmp_path / "toys.toml").write_text(TEXT)
    return tmp_path


def test_paths_start_at_the_case_file(home: Path) -> None:
    case = load_case(home / "toys.toml")
    assert case.name == "toys"
    assert Path(case.source.path) == (home / "drawn").resolve()
    assert case.source_model.training.epochs == 2


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('kind = "folder"', 'kind = "foldr"', r"kind 'foldr' is unknown.*folder"),
        (
            'kind = "folder"',
            'kind = "printed-digits"\nper_class = 2\ndataset = "neat"',
            "dataset 'neat' is unknown.*clean",
        ),
        ("image_size = 16", 'image_size = "16"', "image_size must be a whole number, not '16'"),
        ("image_size = 16", "image_sise = 16", r"key 'image_sise' is unknown.*image_size"),
        ("image_size = 16", "image_size = 0", "image_size must be from 8 to 2048, not 0"),
        ("std = [0.5, 0.5, 0.5]", "std = [0.5]", "one number for each of the 3 channels"),
        ("[target]", "[aim]", r"lacks the table \[target\]"),
        ('title = "drawn"', "", r"lacks keys; still needed: title"),
        ("image_size = 16", "image_size = ", "cannot be read"),
        ("epochs = 2", 'strategy = "half"', "strategy 'half' is unknown"),
        ("epochs = 2", "epochs = 0", "epochs must be at least 1, not 0"),
        ("epochs = 2", "head_epochs = 20", "head_epochs must be fewer than the 20 epochs"),
        ("epochs = 2", "learning_rate = 0", "learning_rate must be above 0"),
        ("epochs = 2", 'strategy = "head"\nhead_epochs = 1', 'head_epochs work with strategy = "all", not "head"'),
        ("epochs = 2", 'strategy = "scratch"\ntrain_only = ["conv1"]', 'train_only work with strategy = "all"'),
        (
            "epochs = 2",
            'freeze_until = "conv1"\ntrain_only = ["conv2"]',
            "train_only and freeze_until exclude each other",
        ),
        ("epochs = 2", 'train_only = ["conv1", "conv1"]', "train_only names 'conv1' twice"),
        ("epochs = 2", "layer_rates = { conv1 = 0 }", "layer_rates gives 'conv1' the factor 0; it must be above 0"),
        ("epochs = 2", 'layer_rates = { conv1 = "0.1" }', "layer_rates must be a table of numbers"),
        (
            "epochs = 2",
            'train_only = ["conv1"]\nlayer_rates = { conv2 = 0.1, head = 2 }',
            "layer_rates gives a rate to 'conv2', which train_only holds",
        ),
        ("[source_model.training]", '[target_model]\ninitial = "x"\n[source_model.training]', "initial has no effect"),
    ],
)
def test_a_mistake_is_named(home: Path, old: str, new: str, said: str) -> None:
    (home / "toys.toml").write_text(TEXT.replace(old, new, 1))
    with pytest.raises(CaseError, match=said) as caught:
        load_case(home / "toys.toml")
    assert "\n" not in str(caught.value)


def test_an_unknown_case_lists_the_known_ones() -> None:
    with pytest.raises(CaseError, match=r"case 'digit' is unknown.*digits"):
        load_case("digit")


def test_a_missing_case_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(CaseError, match=r"none\.toml does not exist"):
        load_case(tmp_path / "none.toml")


def test_a_changed_image_folder_changes_the_fingerprint(home: Path) -> None:
    before = load_case(home / "toys.toml")
    (home / "photos" / "cat" / "0.png").unlink()
    after = load_case(home / "toys.toml")
    assert all(before.fingerprint(part) != after.fingerprint(part) for part in ("data", "models", "analysis"))


def test_a_changed_checkpoint_changes_the_models_but_not_the_images(home: Path) -> None:
    text = TEXT + '[target_model]\ncheckpoint = "weights.pt"\n'
    (home / "toys.toml").write_text(text)
    (home / "weights.pt").write_bytes(b"one")
    before = load_case(home / "toys.toml")
    (home / "weights.pt").write_bytes(b"other")
    after = load_case(home / "toys.toml")
    assert before.fingerprint("data") == after.fingerprint("data")
    assert before.fingerprint("models") != after.fingerprint("models")


def test_a_checkpoint_stands_for_itself_whatever_it_was_trained_from(home: Path) -> None:
    """Where models are brought, results hold without the file their training began with."""
    (home / "weights.pt").write_bytes(b"one")
    (home / "imagenet.pt").write_bytes(b"other")
    brought = '[source_model]\ncheckpoint = "weights.pt"\ninitial = "imagenet.pt"\n[source_model.training]'
    for text, kept in ((brought, True), (brought.replace('checkpoint = "weights.pt"', ""), False)):
        (home / "toys.toml").write_text(TEXT.replace("[source_model.training]", text))
        prints = {load_case(home / "toys.toml").fingerprint()}
        (home / "imagenet.pt").write_bytes(b"a third")
        prints |= {load_case(home / "toys.toml").fingerprint()}
        (home / "imagenet.pt").unlink()
        prints |= {load_case(home / "toys.toml").fingerprint()}
        assert len(prints) == (1 if kept else 3)
        (home / "imagenet.pt").write_bytes(b"other")


def test_a_moved_case_keeps_its_fingerprint(home: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    there = tmp_path_factory.mktemp("moved") / "case"
    shutil.copytree(home, there, copy_function=shutil.copy2)
    assert load_case(home / "toys.toml").fingerprint() == load_case(there / "toys.toml").fingerprint()


def test_built_in_cases_are_hashable_and_differ() -> None:
    prints = {case.fingerprint() for case in builtin.cases().values()}
    assert len(prints) == len(builtin.cases()) == 4
    assert hash(load_case("digits")) == hash(load_case("digits"))


def test_the_fingerprint_names_only_what_differs_from_the_defaults() -> None:
    """A new option with a default keeps all stored results; a value that differs changes them."""
    case = load_case("digits")
    assert replace(case, baseline="mean").fingerprint() == case.fingerprint()
    assert replace(case, baseline="black").fingerprint() != case.fingerprint()
    longer = replace(case.target_model, training=replace(case.target_model.training, epochs=13))
    assert replace(case, target_model=longer).fingerprint("models") != case.fingerprint("models")


def test_a_changed_default_needs_another_cache_version() -> None:
    """The fingerprint is silent about defaults, so they belong to the CACHE_VERSION they were stored under.

    Where this fails because a default has changed (not because an option was added), raise CACHE_VERSION.
    """
    defaults = {
        f"{kind.__name__}.{part.name}": part.default
        for kind in (Case, Domain, Training)
        for part in fields(kind)
        if part.default is not MISSING
    }
    pinned = {
        "Case.image_size": 224,
        "Case.channels": 3,
        "Case.mean": (0.485, 0.456, 0.406),
        "Case.std": (0.229, 0.224, 0.225),
        "Case.layers": (),
        "Case.baseline": "mean",
        "Case.n_steps": 8,
        "Case.precision": "float32",
        "Case.seed": 0,
        "Domain.per_class": 0,
        "Domain.training_share": 0.85,
        "Domain.seed": 0,
        "Domain.test_share": 0.0,
        "Training.epochs": 20,
        "Training.batch_size": 64,
        "Training.learning_rate": 1e-3,
        "Training.weight_decay": 1e-2,
        "Training.augment": "none",
        "Training.strategy": "all",
        "Training.seed": 0,
    }
    assert (memory.CACHE_VERSION, {name: defaults[name] for name in pinned}) == (6, pinned)
    assert ModelPlan().training == Training()


@pytest.fixture
def downloads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TLX_DATA", str(tmp_path / "data"))
    return tmp_path / "data"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("office31", "amazon photos.*in office31/amazon/<class>/ and .*webcam photos"),
        ("mnistm-mnist", "MNIST-M .*in mnist_m/<digit>/ and MNIST's four idx files"),
        ("svhn-mnist", r"train_32x32\.mat .* in svhn/ and MNIST's"),
    ],
)
def test_a_missing_download_says_what_to_fetch_and_where_to_put_it(downloads: Path, name: str, said: str) -> None:
    with pytest.raises(CaseError, match=said) as caught:
        load_case(name)
    assert f"below {downloads}" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_only_what_is_absent_is_asked_for(downloads: Path) -> None:
    (downloads / "office31" / "amazon" / "images").mkdir(parents=True)
    assert "amazon photos" not in builtin.missing(builtin.cases()["office31"])
    assert "webcam photos" in builtin.missing(builtin.cases()["office31"])
    (downloads / "office31" / "webcam").mkdir()
    assert load_case("office31").source.path == str(downloads / "office31" / "amazon" / "images")


def test_a_built_in_cases_models_are_read_once_they_are_there(downloads: Path) -> None:
    """Until then both are trained, from the ImageNet convolutions where those are here."""
    assert builtin.cases()["office31"].source_model.checkpoint == builtin.cases()["office31"].source_model.initial == ""
    models, weights = downloads / "office31" / "models", downloads / "weights"
    for folder, name in (
        (models, "source.safetensors"),
        (models, "history.csv"),
        (weights, "alexnet_imagenet_features.pth"),
    ):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"")
    plan = builtin.cases()["office31"].source_model
    assert (plan.checkpoint, plan.history) == (str(models / "source.safetensors"), str(models / "history.csv"))
    assert plan.initial == str(weights / "alexnet_imagenet_features.pth")
    assert builtin.cases()["office31"].target_model.checkpoint == ""


def test_links_that_lead_in_a_circle_are_followed_once(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    for name in ("a/b/1.png", "a/.hidden", "2.png"):
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "a" / "b" / "up").symlink_to(tmp_path)
    (tmp_path / "elsewhere").symlink_to(tmp_path / "a")
    found = [str(path.relative_to(tmp_path)) for path in files.below(tmp_path)]
    assert found == ["2.png", "a/b/1.png", "elsewhere/b/1.png"]
    assert files.folder_digest(tmp_path) == files.folder_digest(tmp_path)


OPTIONS = """
[source]
kind = "torchvision"
title = "drawn"
path = "drawn"
dataset = "EMNIST"
options = { split = "letters", train = true }
classes = "names.txt"
[target]
kind = "csv"
title = "photographed"
path = "photos.csv"
split = "groups"
unreadable = "skip"
[target.rename]
kitten = "cat"
birdie = "bird"
"""


def test_options_and_tables_become_hashable(home: Path) -> None:
    """Tables are pairs in alphabetical order, so that their order in the file does not change the fingerprint."""
    (home / "names.txt").write_text("bird\n\n cat \n")
    path = home / "toys.toml"
    path.write_text(TEXT.split("[source]")[0] + OPTIONS)
    case = load_case(path)
    assert case.source.options == (("split", "letters"), ("train", True))
    assert case.source.classes == ("bird", "cat")
    assert case.target.rename == (("birdie", "bird"), ("kitten", "cat"))
    turned = OPTIONS.replace('kitten = "cat"\nbirdie = "bird"', 'birdie = "bird"\nkitten = "cat"')
    path.write_text(TEXT.split("[source]")[0] + turned)
    assert hash(load_case(path)) == hash(case)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("train = true", "train = 1.5", r"options must be a table of texts, whole numbers, true or false, not \{"),
        ('options = { split = "letters", train = true }', "options = 3", "options must be a table"),
        ('kitten = "cat"', "kitten = 3", "rename must be a table of texts"),
        ('"names.txt"', '"none.txt"', r"classes names .*none\.txt', which cannot be read"),
        ('"names.txt"', '["a", 3]', r"classes must be a list of texts, not \['a', 3\]"),
        ('"names.txt"', '["a", "b", "a"]', "classes names 'a' twice"),
        ('split = "groups"', 'split = "group"', "split 'group' is unknown; one of given, random, groups"),
        ('"skip"', '"ignore"', "unreadable 'ignore' is unknown; one of fail, skip"),
        ('path = "photos.csv"', "", "lacks the key path"),
    ],
)
def test_a_mistake_in_a_domain_is_named(home: Path, old: str, new: str, said: str) -> None:
    (home / "names.txt").write_text("bird\n")
    (home / "toys.toml").write_text(TEXT.split("[source]")[0] + OPTIONS.replace(old, new, 1))
    with pytest.raises(CaseError, match=said) as caught:
        load_case(home / "toys.toml")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("epochs = 2", "epochs = true", "epochs must be a whole number, not True"),
        ("epochs = 2", "learning_rate = nan", "learning_rate must be above 0, not nan"),
        ("image_size = 16", "image_size = 20_000", "image_size must be from 8 to 2048, not 20000"),
        ("image_size = 16", "image_size = 16\nseed = -1", "seed must be from 0"),
        ("epochs = 2", "seed = -1", "seed must be at least 0"),
        ('title = "Toys"', 'name = " "', "name must not be empty"),
        ('title = "Toys"', "name = 3", "name must be a text, not 3"),
        ('path = "drawn"', r'path = "a\u0000b"', "path must be a text"),
        ('path = "drawn"', 'path = "drawn"\n' + r'classes = "\u0000"', "which cannot be read"),
        ("epochs = 2", "weight_decay = inf", "weight_decay must be at least 0, not inf"),
        ("epochs = 2", 'augment = "digit"', "augment 'digit' is unknown"),
        ("std = [0.5, 0.5, 0.5]", "std = [0.5, 0.0, 0.5]", "std above 0"),
        ("image_size = 16", "channels = 4", "channels must be 1 "),
        ('title = "drawn"', 'title = "drawn"\nper_class = -1', "per_class must be at least 0"),
    ],
)
def test_a_value_that_cannot_be_meant_is_named(home: Path, old: str, new: str, said: str) -> None:
    (home / "toys.toml").write_text(TEXT.replace(old, new, 1))
    with pytest.raises(CaseError, match=said):
        load_case(home / "toys.toml")


def test_all_mistakes_of_a_file_are_found_at_once(home: Path) -> None:
    """In the order of the file's tables; the case is what can be understood of it."""
    text = TEXT.replace('kind = "folder"', 'kin = "folder"', 1).replace("image_size = 16", 'image_size = "16"')
    (home / "toys.toml").write_text(text.replace("epochs = 2", "epoch = 2") + 'augment = "no"\n')
    case, problems = reading.examined(home / "toys.toml")
    assert [said.split(":")[0] for said in problems] == [
        "in [source]",
        "[source] lacks keys; still needed",
        "in [source_model.training]",
        "in the case",
        "[source_model.training] augment 'no' is unknown; one of none, digits, photos",
    ]
    assert case.target.title == "photographed"


def test_a_changed_image_of_a_csv_changes_the_fingerprint(home: Path) -> None:
    """What a CSV lists counts, not what else lies there; one that cannot be read has a fingerprint too."""
    path, listed = home / "toys.toml", home / "photos" / "list.csv"
    path.write_text(
        TEXT.replace('kind = "folder"\ntitle = "photographed"\npath = "photos"', OPTIONS.split("[target]")[1]).replace(
            "photos.csv", "photos/list.csv"
        )
    )
    listed.write_text("path,label\ncat/0.png,cat\nbird/0.png,bird\n")
    before = load_case(path).fingerprint("data")
    (home / "photos" / "cat" / "1.png").unlink()
    assert load_case(path).fingerprint("data") == before
    (home / "photos" / "cat" / "0.png").write_bytes(b"changed")
    assert load_case(path).fingerprint("data") != before
    listed.write_text("nonsense")
    assert load_case(path).fingerprint("data") != before


def test_files_with_a_byte_order_mark_are_read(home: Path) -> None:
    """As editors of Windows write them: the case file and a file of class names."""
    plain = load_case(home / "toys.toml")
    (home / "toys.toml").write_text(TEXT, encoding="utf-8-sig")
    assert replace(load_case(home / "toys.toml"), files=plain.files) == plain
    (home / "names.txt").write_text("bird\ncat\n", encoding="utf-8-sig")
    assert reading._lines(home / "names.txt", "[source]") == ["bird", "cat"]


@pytest.mark.parametrize(
    ("given", "divided"),
    [
        (
            "mean = [123.675, 116.28, 103.53]\nstd = [58.395, 57.12, 57.375]",
            r"\[0\.485, 0\.456, 0\.406\].*\[0\.229, 0\.224, 0\.225\]",
        ),
        ("mean = [127.5, 127.5, 127.5]\nstd = [1.0, 1.0, 1.0]", r"mean = \[0\.5, 0\.5, 0\.5\] and std = \[0\.003922"),
        ("mean = [0.5, 0.5, 0.5]\nstd = [255, 255, 255]", r"std = \[1\.0, 1\.0, 1\.0\]"),
    ],
)
def test_levels_from_0_to_255_are_refused_with_what_they_are_here(home: Path, given: str, divided: str) -> None:
    """Images go from 0 to 1: a network would see nothing but black."""
    (home / "toys.toml").write_text(
        TEXT.replace("mean = [0.5, 0.5, 0.5]\n", "").replace("std = [0.5, 0.5, 0.5]\n", given + "\n")
    )
    with pytest.raises(CaseError, match=f"levels from 0 to 255.*divide them by 255.*{divided}"):
        load_case(home / "toys.toml")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (r"'photos\old'", r"in \[target\]: path = .* has backslashes, .* write 'photos/old', which exists"),
        (r"'photos\new'", r"write 'photos/new', which is meant, it seems"),
        (r"'C:\photos'", r"in \[target\]: path = .* is a path of Windows; give the path that it has on this system"),
        (r'"photos\old"', r"cannot be read: .*; write paths with /, or within single quotes"),
    ],
)
def test_backslashes_in_a_path_are_named_for_what_they_are(home: Path, given: str, said: str) -> None:
    (home / "photos" / "old").mkdir()
    (home / "toys.toml").write_text(TEXT.replace('"photos"', given))
    with pytest.raises(CaseError, match=said):
        load_case(home / "toys.toml")


def test_a_folder_whose_name_has_a_backslash_is_itself(home: Path) -> None:
    (home / "photos").rename(home / "photos\\old")
    (home / "toys.toml").write_text(TEXT.replace('"photos"', r"'photos\old'"))
    assert Path(load_case(home / "toys.toml").target.path).name == "photos\\old"


def test_pointers_of_large_file_storage_are_named(home: Path) -> None:
    """As the case file, a list of classes and a bundle."""
    text = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a214614ab2935\nsize 12345\n"
    said = "is a pointer of Git LFS, not the file itself; run git lfs pull"
    for name in ("names.txt", "p.toml", "p.tlx"):
        (home / name).write_text(text)
    for name in ("p.toml", "p.tlx"):
        with pytest.raises(UserError, match=f"{name} {said}"):
            load_case(home / name)
    (home / "toys.toml").write_text(TEXT.replace('path = "photos"', 'path = "photos"\nclasses = "names.txt"'))
    with pytest.raises(CaseError, match=f"classes names .*names.txt', which {said}"):
        load_case(home / "toys.toml")


def test_a_table_that_lacks_is_told_in_one_sentence(tmp_path):
    """Nothing is said of keys that nobody wrote."""
    path = tmp_path / "half.toml"
    path.write_text('architecture = "alexnet"\n[source]\nkind = "folder"\ntitle = "s"\npath = "s"\n')
    assert reading.examined(path)[1] == [
        f"case file {path} lacks the table [target]; it says where the target images are"
    ]
