"""Domains: rendered and read images, and the split."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tlx.casefiles import fingerprints
from tlx.cases import Case, Domain, Preprocessing
from tlx.errors import DataError
from tlx.images import domains, files, kinds, listings, rendered_digits
from tlx.results import SPLITS, DomainImages

POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a214614ab2935\nsize 12345\n"


@pytest.mark.parametrize(("kind", "classes"), [("clean", "0123456789"), ("letters", "ABCDEFGHIJ")])
def test_printed_digits_come_in_kinds(kind, classes):
    """Clean ones are dark on white, letters have names of their own, and the kind without a name is as it was."""
    images = domains.load(Domain("printed-digits", kind, per_class=2, dataset=kind), Preprocessing(32))
    assert "".join(images.classes) == classes
    corners = images.pixels[:, :2, :2].astype(float).mean()
    assert (corners > 225) == (kind == "clean")


def test_inverted_digits_are_the_clean_ones_in_negative_and_rotated_ones_are_turned():
    """Up to noise, whose draws are the same."""
    clean, inverted, usual, rotated = (
        rendered_digits.printed(32, 1, 0, kind).astype(float) for kind in ("clean", "inverted", "", "rotated")
    )
    assert np.abs(clean + inverted - 255).mean() < 6
    np.testing.assert_array_equal(rotated, np.rot90(usual, axes=(1, 2)))


def test_printed_digits_are_reproducible_and_labelled() -> None:
    first, again, other = (rendered_digits.printed(32, 2, seed=seed) for seed in (1, 1, 2))
    assert first.shape == (20, 32, 32, 3)
    assert rendered_digits.printed_labels(2).tolist() == [*range(10), *range(10)]
    assert (first == again).all()
    assert (first != other).any()


def test_handwritten_digits_are_scikit_learns() -> None:
    from sklearn.datasets import load_digits

    grey, labels = rendered_digits.handwritten()
    pixels = rendered_digits.enlarged(grey, 32)
    assert (labels == load_digits().target).all()
    assert pixels.shape == (1797, 32, 32, 3)
    small = pixels[:, 2:30, 2:30, 0].reshape(1797, 7, 4, 7, 4).mean((2, 4))
    there = load_digits().images[:, :7, :7]
    assert np.corrcoef(small.ravel(), there.ravel())[0, 1] > 0.6


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for label, count in (("bird", 3), ("cat", 5), ("dog", 1)):
        (tmp_path / label).mkdir()
        for at in range(count):
            Image.new("RGB", (20, 10), (at * 20, 100, 0)).save(tmp_path / label / f"{at}.png")
    (tmp_path / "cat" / "notes.txt").write_text("no image")
    return tmp_path


def test_an_image_folder_becomes_a_domain(folder: Path) -> None:
    found = domains.load(Domain("folder", "pets", str(folder)), Preprocessing(16))
    assert found.classes == ("bird", "cat", "dog")
    assert np.bincount(found.labels).tolist() == [3, 5, 1]
    assert found.pixels.shape == (9, 16, 16, 3)
    assert found.names[0] == "bird/0.png"
    assert found.pixels[2, 0, 0].tolist() == [40, 100, 0]
    assert found.skipped == ("class 'dog' of pets has 1 image(s)",)


def test_one_channel_and_a_limit_per_class(folder: Path) -> None:
    found = domains.load(Domain("folder", "pets", str(folder), per_class=2), Preprocessing(16, 1))
    assert found.pixels.shape == (5, 16, 16, 1)
    assert np.bincount(found.labels).tolist() == [2, 2, 1]


def test_a_broken_image_is_named(folder: Path) -> None:
    (folder / "cat" / "broken.png").write_bytes(b"not an image")
    with pytest.raises(DataError, match=r"broken\.png cannot be read as an image"):
        domains.load(Domain("folder", "pets", str(folder)), Preprocessing(16))


def test_missing_and_empty_folders_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="does not exist"):
        domains.load(Domain("folder", "pets", str(tmp_path / "none")), Preprocessing(16))
    with pytest.raises(DataError, match="holds no image"):
        domains.load(Domain("folder", "pets", str(tmp_path)), Preprocessing(16))
    with pytest.raises(DataError, match="MNIST was not found"):
        domains.load(Domain("torchvision", "digits", str(tmp_path), "mnist"), Preprocessing(16))


@pytest.mark.parametrize("kind", ["printed-digits", "handwritten-digits", "folder"])
def test_the_catalogue_is_the_domain_without_its_pixels(kind: str, folder: Path) -> None:
    """Labels, classes, split and names come without an image being read or rendered."""
    domain = Domain(kind, "d", str(folder) if kind == "folder" else "", per_class=3)
    whole, listed = domains.load(domain, Preprocessing(16)), domains.catalogue(domain)
    assert (listed.labels == whole.labels).all()
    assert (listed.split == whole.split).all()
    assert listed.names.tolist() == whole.names.tolist()
    assert (listed.classes, listed.skipped) == (whole.classes, whole.skipped)
    assert listed.pixels.size == 0


def entries(found: DomainImages) -> dict[str, str]:
    """Name -> class and split of every instance, for asserting who is where."""
    return {
        name: f"{found.classes[at]} {split}"
        for name, at, split in zip(found.names, found.labels, found.split, strict=True)
    }


def draw(path: Path, colour: tuple[int, int, int] = (90, 90, 90)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (8, 8), colour).save(path)


def test_split_folders_are_the_three_splits(tmp_path: Path) -> None:
    """Whatever the folders are called, and for a class that only one of them has; test is no validation."""
    for name in ("train/a/1.png", "train/a/2.png", "train/b/3.png", "Valid/a/4.png", "test/c/5.png"):
        draw(tmp_path / name)
    found = domains.catalogue(Domain("folder", "pets", str(tmp_path)))
    assert entries(found) == {
        "train/a/1.png": "a training",
        "train/a/2.png": "a training",
        "Valid/a/4.png": "a validation",
        "train/b/3.png": "b training",
        "test/c/5.png": "c test",
    }
    random = domains.catalogue(Domain("folder", "pets", str(tmp_path), split="random", training_share=0.4))
    assert random.names.tolist() == found.names.tolist()
    assert random.validation.tolist() != found.validation.tolist()


def test_a_share_of_the_held_out_part_is_for_test() -> None:
    """Of 40 printed images of each digit 20 are held out at 0.5; a quarter of these, 5 of each digit, is test."""
    domain = Domain("printed-digits", "printed", per_class=40, training_share=0.5)
    plain, divided = (domains.catalogue(one) for one in (domain, replace(domain, test_share=0.25)))
    counts = {
        name: np.bincount(divided.labels[divided.split == name]).tolist() for name in ("training", "validation", "test")
    }
    assert counts == {"training": [20] * 10, "validation": [15] * 10, "test": [5] * 10}
    assert (plain.training == divided.training).all()
    assert (plain.headline, divided.headline) == ("validation", "test")
    assert (plain.held_out, divided.held_out) == ("200 for validation", "150 for validation, 50 for test")
    assert (divided.split == domains.catalogue(replace(domain, test_share=0.25)).split).all()


def test_groups_are_whole_in_three_splits(tmp_path: Path) -> None:
    """Ten objects of two views each: five are held out, two of them for test, and no object is divided."""
    for at in range(20):
        draw(tmp_path / "mug" / f"object {at // 2}" / f"{at}.png")
    domain = Domain("folder", "d", str(tmp_path), split="groups", training_share=0.5, test_share=0.4)
    found = domains.catalogue(domain)
    assert [int((found.split == name).sum()) for name in ("training", "validation", "test")] == [10, 6, 4]
    for one in range(10):
        assert len({found.split[at] for at, name in enumerate(found.names) if f"object {one}/" in name}) == 1


def test_epochs_are_never_chosen_on_given_test_images(tmp_path: Path) -> None:
    """Folders train and test alone: a part of training becomes validation, and that is told."""
    for at in range(20):
        draw(tmp_path / "train" / "a" / f"{at}.png")
    draw(tmp_path / "test" / "a" / "20.png")
    found = domains.catalogue(Domain("folder", "pets", str(tmp_path), training_share=0.75))
    assert found.held_out == "5 for validation, 1 for test"
    assert found.names[found.test].tolist() == ["test/a/20.png"]
    assert found.skipped == ("pets brings no validation images; 5 of its training images are taken instead",)


def test_given_splits_may_bring_no_test_images(tmp_path: Path) -> None:
    """A CSV's column says all three; of a given validation part a share is set aside where there is no test part."""
    for at in range(8):
        draw(tmp_path / f"{at}.png")
    kinds = ["train"] * 4 + ["val"] * 4
    table = tmp_path / "table.csv"
    table.write_text("path,label,split\n" + "".join(f"{at}.png,a,{kind}\n" for at, kind in enumerate(kinds)))
    domain = Domain("csv", "pets", str(table))
    assert domains.catalogue(domain).held_out == "4 for validation"
    assert domains.catalogue(replace(domain, test_share=0.5)).held_out == "2 for validation, 2 for test"
    table.write_text(table.read_text().replace("7.png,a,val", "7.png,a,Test"))
    assert domains.catalogue(replace(domain, test_share=0.5)).split.tolist()[4:] == ["validation"] * 3 + ["test"]


@pytest.mark.parametrize("names", [("train/a/1.png", "bus/a/2.png"), ("val/a/1.png",)])
def test_folders_that_only_look_like_splits_are_classes(tmp_path: Path, names: tuple[str, ...]) -> None:
    """A class called train stands beside a bus, or its training folder is lacking."""
    for name in names:
        draw(tmp_path / name)
    assert set(domains.catalogue(Domain("folder", "d", str(tmp_path))).classes) == {
        name.split("/")[0] for name in names
    }


def test_classes_are_renamed_chosen_and_ordered(folder: Path) -> None:
    """Two classes that share a name become one; a class without images keeps its place and is told."""
    rename = (("bird", "animal"), ("dog", "animal"))
    found = domains.catalogue(Domain("folder", "pets", str(folder), rename=rename))
    assert found.classes == ("animal", "cat")
    assert np.bincount(found.labels).tolist() == [4, 5]
    chosen = domains.load(Domain("folder", "pets", str(folder), classes=("dog", "unicorn", "bird")), Preprocessing(8))
    assert chosen.classes == ("dog", "unicorn", "bird")
    assert np.bincount(chosen.labels).tolist() == [1, 0, 3]
    assert chosen.names.tolist() == ["bird/0.png", "bird/1.png", "bird/2.png", "dog/0.png"]
    assert chosen.pixels[:3, 0, 0, 0].tolist() == [0, 20, 40]
    assert "class 'unicorn' of pets has 0 image(s)" in chosen.skipped


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ({"rename": (("brd", "animal"),)}, r"table `rename` of pets: class 'brd' is unknown; one of bird, cat, dog"),
        ({"classes": ("Cat", "Dog")}, r"none of the classes chosen for pets has an image: class 'Cat' is unknown.*cat"),
    ],
)
def test_a_class_that_is_not_there_is_named(folder: Path, option: dict[str, Any], said: str) -> None:
    with pytest.raises(DataError, match=said):
        domains.catalogue(Domain("folder", "pets", str(folder), **option))


def test_many_classes_with_too_few_images_are_told_in_one_sentence(folder: Path) -> None:
    names = tuple(f"kind {at}" for at in range(1_000))
    found = domains.catalogue(Domain("folder", "pets", str(folder), classes=("cat", *names)))
    assert len(found.skipped) == 1
    assert "1000 classes of pets have fewer than 2 images: 'kind 0', 'kind 1'" in found.skipped[0]
    assert found.skipped[0].endswith("and 995 more")


def test_an_unreadable_image_is_left_out_by_choice(folder: Path) -> None:
    """Named and counted; everything else keeps its order, its pixels and its label."""
    (folder / "cat" / "1 broken.png").write_bytes(b"no image")
    found = domains.load(Domain("folder", "pets", str(folder), unreadable="skip"), Preprocessing(8))
    assert found.skipped[0] == "1 of 10 images of pets cannot be read and are left out: 'cat/1 broken.png'"
    assert len(found) == len(found.names) == len(found.pixels) == len(found.split) == 9
    assert found.pixels[found.names == "cat/4.png"][0, 0, 0].tolist() == [80, 100, 0]
    listed = domains.without_pixels(found)
    assert listed.names.tolist() == found.names.tolist()
    assert listed.pixels.size == 0


def test_more_images_than_memory_holds_are_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise MemoryError

    monkeypatch.setattr(domains.np, "empty", full)
    with pytest.raises(DataError, match=r"the 9 images of pets take 0 GB at 16 px, .*per_class"):
        domains.load(Domain("folder", "pets", str(folder)), Preprocessing(16))


def test_a_domain_without_a_readable_image_says_so(tmp_path: Path) -> None:
    (tmp_path / "cat").mkdir()
    (tmp_path / "cat" / "1.png").write_bytes(b"no image")
    with pytest.raises(DataError, match=r"1\.png cannot be read"):
        domains.load(Domain("folder", "pets", str(tmp_path), unreadable="skip"), Preprocessing(8))


def test_groups_are_folders_between_class_and_image(tmp_path: Path) -> None:
    """Views of one object lie on one side; an image right inside its class is an object of its own."""
    for name in (
        "mug/red/1.png",
        "mug/red/2.png",
        "mug/blue/1.png",
        "mug/blue/2.png",
        "mug/5.png",
        "pen/1.png",
        "pen/2.png",
    ):
        draw(tmp_path / name)
    for seed in range(5):
        said = entries(
            domains.catalogue(Domain("folder", "d", str(tmp_path), split="groups", training_share=0.6, seed=seed))
        )
        assert said["mug/red/1.png"] == said["mug/red/2.png"]
        assert said["mug/blue/1.png"] == said["mug/blue/2.png"]
        assert {said["pen/1.png"], said["pen/2.png"]} == {"pen training", "pen validation"}
        assert "mug validation" in said.values()


def test_a_class_with_one_object_has_nothing_to_validate_on(tmp_path: Path) -> None:
    for name in ("mug/red/1.png", "mug/red/2.png"):
        draw(tmp_path / name)
    found = domains.catalogue(Domain("folder", "desk", str(tmp_path), split="groups"))
    assert not found.validation.any()
    assert found.skipped == ("1 class(es) of desk have no validation image: 'mug'",)
    with pytest.raises(DataError, match="no object groups to split by"):
        domains.catalogue(Domain("printed-digits", "digits", per_class=2, split="groups"))


def test_hidden_files_and_circles_of_links_are_passed_by(folder: Path) -> None:
    for name in (".hidden/1.png", "cat/.thumb.png", "cat/._0.png"):
        draw(folder / name)
    (folder / "round").symlink_to(folder)
    (folder / "cat" / "up").symlink_to(folder / "cat")
    found = domains.load(Domain("folder", "pets", str(folder)), Preprocessing(8))
    assert found.classes == ("bird", "cat", "dog")
    assert len(found) == 9


def test_a_class_may_be_called_anything(tmp_path: Path) -> None:
    names = ("<img src=x onerror=alert(1)>", "naïve 猫", "$x^2$", "con\nnew")
    for name in names:
        draw(tmp_path / name / "1.png")
    assert set(domains.load(Domain("folder", "d", str(tmp_path)), Preprocessing(8)).classes) == set(names)


def table(home: Path, text: str) -> Domain:
    for name in ("1.png", "b/2.png", "b/3.png", "4.png"):
        draw(home / "set" / name)
    draw(home / "outside.png")
    (home / "set" / "list.csv").write_text(text, encoding="utf-8")
    return Domain("csv", "listed", str(home / "set" / "list.csv"))


def test_a_csv_lists_images_labels_splits_and_groups(tmp_path: Path) -> None:
    rows = ("path, label,split,group,note", "1.png,x,train,one,", "b/2.png,y,VAL,two,a", "b/3.png,y,train,three,")
    domain = table(tmp_path, "\ufeff" + "\n".join((*rows, "4.png,x,test,one,")))
    found = domains.load(domain, Preprocessing(8))
    expected = {"1.png": "x training", "b/2.png": "y validation", "b/3.png": "y training", "4.png": "x test"}
    assert entries(found) == expected
    grouped = entries(domains.catalogue(replace(domain, split="groups")))
    assert grouped["1.png"] == grouped["4.png"] == "x training"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "lacks the column 'path'.*names nothing"),
        ("path|label\n1.png|x", r"lacks the column 'path'.*separated by commas, and names path\|label"),
        ("path,label", "lists no image"),
        (
            "path,label\nC:\\x.png,x\nD:/y.png,x",
            r"line 2: path 'C:.*x\.png' is one of Windows.*\(and 1 more lines like",
        ),
        ("path,label\n1.png,x\n1.png,y", "line 3: image '1.png' is in line 2 already"),
        ("path,label\n1.png,x\nb/../1.png,y", r"line 3: image 'b/\.\./1\.png' is in line 2 already"),
        ("path,label\n1.png,", "line 2: path and label must not be empty"),
        ("path,label,split\n1.png,x,extra", "line 2: split 'extra' is unknown; use train, val or test"),
        ("path,label,split\n1.png,x,val\n4.png,x,", "gives a split for some images only"),
        ("path,label\nnone.png,x", r"image .*none\.png does not exist"),
        ('path,label\n"1.png,x', "cannot be read"),
    ],
)
def test_a_mistake_in_a_csv_is_named(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(DataError, match=said) as caught:
        domains.load(table(tmp_path, text), Preprocessing(8))
    assert "\n" not in str(caught.value)


def test_a_missing_csv_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none\.csv does not exist"):
        domains.catalogue(Domain("csv", "listed", str(tmp_path / "none.csv")))


def plant(home: Path, *folders: str, count: int = 2) -> Path:
    """Folders with a few images each."""
    for at, name in enumerate(folders):
        (home / name).mkdir(parents=True)
        for image in range(count):
            Image.new("RGB", (8, 8), (40 * image, 30 * at, 0)).save(home / name / f"{image}.png")
    return home


@pytest.mark.parametrize(
    ("train", "validation", "test"),
    [
        ("training_set", "valid_set", "test_set"),
        ("Train", "DEV", "Test"),
        ("pets-train", "pets-eval", "pets-test"),
        ("train2017", "val2017", "test2017"),
        ("TrainingData", "validation", "testing"),
    ],
)
def test_split_folders_go_by_any_usual_name(tmp_path: Path, train: str, validation: str, test: str) -> None:
    home = plant(tmp_path, *(f"{split}/{name}" for split in (train, validation, test) for name in ("dog", "horse")))
    found = domains.catalogue(Domain("folder", "pets", str(home)))
    assert found.classes == ("dog", "horse")
    told = {str(name).split("/", maxsplit=1)[0]: split for name, split in zip(found.names, found.split, strict=True)}
    assert told == {train: "training", validation: "validation", test: "test"}


@pytest.mark.parametrize("name", ["trainer", "valley", "devil", "evaluator", "contest", "train and test"])
def test_a_class_that_only_sounds_like_a_split_is_a_class(tmp_path: Path, name: str) -> None:
    """A word of the name has to be a split's, and of one split only."""
    assert listings.split_named(name) == ""
    home = plant(tmp_path, f"{name}/a", "train/a", "train/b")
    assert domains.catalogue(Domain("folder", "things", str(home))).classes == tuple(sorted((name, "train")))


def test_folders_that_all_hold_the_same_folders_are_no_classes(tmp_path: Path) -> None:
    """Two parts of one set, say: which level the classes are is asked, and can be said."""
    home = plant(tmp_path, *(f"{part}/{name}" for part in ("part_a", "part_b") for name in ("dog", "horse")))
    pets = Domain("folder", "pets", str(home))
    with pytest.raises(
        DataError, match=r"\(part_a, part_b\) holds the same folders \(dog, horse\).*train, val and test"
    ):
        domains.catalogue(pets)
    assert domains.catalogue(replace(pets, split="groups")).classes == ("part_a", "part_b")
    assert domains.catalogue(replace(pets, path=str(home / "part_a"))).classes == ("dog", "horse")


def test_what_archives_and_systems_leave_is_passed_by_and_said(tmp_path: Path) -> None:
    """Beside the splits and inside them, files included."""
    home = plant(tmp_path, "train/dog", "train/cat", "val/dog", "val/cat", "__MACOSX/train/dog", "train/dog/@eaDir")
    (home / "train/dog/._0.png").write_bytes(b"Mac OS X")
    found = domains.catalogue(Domain("folder", "pets", str(home)))
    assert found.classes == ("cat", "dog")
    assert len(found) == 8
    assert "1 folder(s) of pets are passed by: '__MACOSX'" in found.skipped


OUT = ("../outside.png", "b/../../outside.png", "{home}/outside.png", "..\\outside.png")


@pytest.mark.parametrize("given", OUT)
def test_a_csv_may_name_images_elsewhere_but_not_where_visitors_are_strangers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: str
) -> None:
    """With any text in TLX_PUBLIC, and in a sentence that tells strangers no path."""
    domain = table(tmp_path, "path,label\n1.png,x\n" + given.format(home=tmp_path) + ",y")
    monkeypatch.delenv("TLX_PUBLIC", raising=False)
    assert domains.load(domain, Preprocessing(8)).classes == ("x", "y")
    for public in ("1", "0"):
        monkeypatch.setenv("TLX_PUBLIC", public)
        with pytest.raises(DataError, match=r"CSV list\.csv, line 3: path leads out of the CSV's folder") as caught:
            domains.load(domain, Preprocessing(8))
        assert str(tmp_path) not in str(caught.value)


@pytest.mark.parametrize("given", ["../outside.png", "{home}/outside.png"])
def test_the_digest_of_a_csv_changes_with_files_outside_its_folder(tmp_path: Path, given: str) -> None:
    domain = table(tmp_path, "path,label\n1.png,x\n" + given.format(home=tmp_path) + ",y")
    case = Case("c", "c", domain, domain, "alexnet")
    before = fingerprints.of_case(case)
    assert fingerprints.of_case(case) == before
    (tmp_path / "outside.png").write_bytes(b"another content")
    assert fingerprints.of_case(case) != before


def test_backslashes_in_a_csv_are_slashes_unless_a_file_is_called_so(tmp_path: Path) -> None:
    domain = table(tmp_path, "path,label\nb\\2.png,x\nb\\3.png,y\n")
    found = domains.load(domain, Preprocessing(8))
    assert list(found.names) == ["b/2.png", "b/3.png"]
    assert "listed: 2 path(s) in list.csv have backslashes, which are read as slashes" in found.skipped
    draw(tmp_path / "set" / "b\\2.png")
    assert list(domains.catalogue(domain).names) == ["b\\2.png", "b/3.png"]


def notes(home: Path, split: str = "given") -> tuple[tuple[str, ...], tuple[str, ...]]:
    found = domains.catalogue(Domain("folder", "pets", str(home), split=split))
    return found.classes, tuple(one for one in found.skipped if one.startswith("pets: "))


def test_kinds_that_pillow_cannot_read_are_counted_where_they_are_left_out(tmp_path: Path) -> None:
    home = plant(tmp_path, "cat", "dog")
    for name in ("cat/a.heic", "cat/b.HEIC", "dog/c.jxl", "dog/d.nef", "dog/notes.txt", "e.heic"):
        (home / name).write_bytes(b"something")
    said = (
        "pets: 4 files of kinds that Pillow cannot read are left out (.heic 2, .jxl 1, .nef 1); convert them or "
        "install a plug-in"
    )
    assert notes(home) == (("cat", "dog"), (said,))


def test_a_folder_of_nothing_but_such_kinds_says_so(tmp_path: Path) -> None:
    for name in ("cat", "dog"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "1.heic").write_bytes(b"something")
    with pytest.raises(DataError, match=r"holds no image: 2 files of kinds .* \(\.heic 2\); convert them"):
        domains.catalogue(Domain("folder", "pets", str(tmp_path)))


@pytest.mark.parametrize("suffix", ["jfif", "tga", "jp2", "avif", "PNM", "jpe", "qoi", "dib"])
def test_every_kind_of_image_that_pillow_reads_here_is_read(tmp_path: Path, suffix: str) -> None:
    home = plant(tmp_path, "cat", "dog")
    Image.new("RGB", (8, 8), (255, 0, 0)).save(home / "dog" / f"red.{suffix}")
    found = domains.load(Domain("folder", "pets", str(home)), Preprocessing(8))
    at = list(found.names).index(f"dog/red.{suffix}")
    assert np.abs(found.pixels[at].astype(int) - [255, 0, 0]).max() <= 2


@pytest.mark.parametrize("suffix", ["pdf", "eps", "svg", "psd", "ico", "mpg", "gbr", "h5", "wmf", "fits"])
def test_pages_drawings_films_and_the_like_are_no_photos(tmp_path: Path, suffix: str) -> None:
    home = plant(tmp_path, "cat", "dog")
    (home / "cat" / f"x.{suffix}").write_bytes(b"something")
    assert len(domains.catalogue(Domain("folder", "pets", str(home)))) == 4


def test_a_page_under_the_name_of_a_photo_is_not_opened(tmp_path: Path) -> None:
    """Pillow would have Ghostscript run it."""
    home = plant(tmp_path, "cat", "dog")
    Image.new("RGB", (8, 8)).save(home / "page.eps")
    (home / "page.eps").rename(home / "cat" / "page.jpg")
    with pytest.raises(DataError, match=r"page\.jpg cannot be read as an image \(cannot identify image file"):
        domains.load(Domain("folder", "pets", str(home)), Preprocessing(8))


def test_images_that_are_not_called_so_and_those_beside_the_classes_are_counted(tmp_path: Path) -> None:
    home = plant(tmp_path, "cat", "dog")
    for name in ("cat/no-suffix", "dog/1.jpg_large", "beside.png"):
        Image.new("RGB", (8, 8)).save(home / name, "PNG")
    (home / "cat" / "words").write_text("no image")
    said = (
        "pets: 2 file(s) that are images by their content are left out, such as 'no-suffix', since their names do not "
        "end as those of images; rename them",
        "pets: 1 image(s) beside the class folders are left out",
    )
    assert notes(home) == (("cat", "dog"), said)


def test_an_image_under_another_kinds_suffix_is_read(tmp_path: Path) -> None:
    home = plant(tmp_path, "cat", "dog")
    Image.new("RGB", (8, 8), (0, 255, 0)).save(home / "dog" / "png.jpg", "PNG")
    found = domains.load(Domain("folder", "pets", str(home)), Preprocessing(8))
    assert found.pixels[list(found.names).index("dog/png.jpg")].tolist() == [[[0, 255, 0]] * 8] * 8


def test_a_pointer_of_large_file_storage_is_named(tmp_path: Path) -> None:
    """As image and as CSV; checkpoints, histories and case files have tests of their own."""
    home = plant(tmp_path, "cat", "dog")
    for name in ("cat/0.png", "list.csv"):
        (home / name).write_text(POINTER)
    said = "is a pointer of Git LFS, not the file itself; run git lfs pull"
    with pytest.raises(DataError, match=rf"0\.png {said}"):
        domains.load(Domain("folder", "pets", str(home)), Preprocessing(8))
    with pytest.raises(DataError, match=rf"CSV .*list\.csv {said}"):
        domains.catalogue(Domain("csv", "pets", str(home / "list.csv")))


@pytest.mark.parametrize("kind", ["heic", "jxl", "cr2", "psd"])
def test_an_image_in_a_csv_of_a_kind_that_cannot_be_read_is_named_for_that(tmp_path: Path, kind: str) -> None:
    domain = table(tmp_path, f"path,label\nx.{kind},a\n1.png,b")
    (tmp_path / "set" / f"x.{kind}").write_bytes(b"\0\0\0\x18ftypheic")
    with pytest.raises(DataError, match=rf"x\.{kind} is of a kind that Pillow cannot read; convert it or install"):
        domains.load(domain, Preprocessing(8))


@pytest.mark.parametrize(
    ("folders", "inside"),
    [
        (("images/cat", "images/dog"), "images"),
        (("flower_photos/cat", "flower_photos/dog"), "flower_photos"),
        (("PetImages/cat", "PetImages/dog"), "PetImages"),
        (("hymenoptera_data/train/cat", "hymenoptera_data/train/dog", "hymenoptera_data/val/cat"), "hymenoptera_data"),
        (("animals/train/cat", "animals/train/dog", "animals/val/cat", "animals/val/dog"), "animals"),
        (("archive/images/cat", "archive/images/dog"), "archive/images"),
        (("__MACOSX/x", "images/cat", "images/dog"), "images"),
    ],
)
def test_a_single_folder_that_only_holds_the_data_is_stepped_into_and_said(
    tmp_path: Path, folders: tuple[str, ...], inside: str
) -> None:
    home = plant(tmp_path, *folders)
    (home / "README.md").write_text("about")
    assert notes(home) == (("cat", "dog"), (f"pets: the images are looked for in its only folder, {inside!r}",))


def test_a_single_folder_of_the_name_of_the_one_around_it_is_stepped_into(tmp_path: Path) -> None:
    """As unpacking pets.zip into pets leaves it."""
    assert notes(plant(tmp_path / "pets", "pets/cat", "pets/dog"))[0] == ("cat", "dog")


def test_a_single_class_is_no_folder_that_only_holds_the_data(tmp_path: Path) -> None:
    assert notes(plant(tmp_path / "a", "dog")) == (("dog",), ())
    assert notes(plant(tmp_path / "b", "images")) == (("images",), ())
    assert notes(plant(tmp_path / "c", "dog", "dog/more")) == (("dog",), ())


def test_one_class_with_groups_or_one_folder_with_classes_is_asked(tmp_path: Path) -> None:
    home = plant(tmp_path, "dog/rex", "dog/fido")
    said = (
        r"only folder 'dog' holds folders \(fido, rex\): if these are the classes, give the path .*split = \"groups\""
    )
    with pytest.raises(DataError, match=said):
        notes(home)
    assert notes(home, "groups") == (("dog",), ())
    assert notes(home / "dog") == (("fido", "rex"), ())
    grouped = plant(tmp_path / "more", "images/mug/one", "images/mug/two", "images/cup/one")
    assert notes(grouped, "groups")[0] == ("cup", "mug")


def test_a_plug_in_that_is_installed_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A module of that name stands for it; it makes Pillow take .jxl for PNG."""
    kinds._readable.cache_clear()
    monkeypatch.setattr(Image, "EXTENSION", dict(Image.EXTENSION))
    (tmp_path / "modules").mkdir()
    text = "from PIL import Image\nImage.register_extension('PNG', '.jxl')\n"
    (tmp_path / "modules" / "pillow_jxl.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path / "modules")
    home = plant(tmp_path / "pets", "cat", "dog")
    (home / "cat" / "0.png").rename(home / "cat" / "0.jxl")
    try:
        assert len(domains.load(Domain("folder", "pets", str(home)), Preprocessing(8))) == 4
    finally:
        kinds._readable.cache_clear()
        sys.modules.pop("pillow_jxl", None)


@pytest.mark.parametrize("layout", ["folder", "csv"])
def test_a_limit_per_class_keeps_the_proportions_of_given_splits(tmp_path: Path, layout: str) -> None:
    """Of 12, 5 and 3 images of a class six are 4, 1 and 1; the same six each time, others with another seed."""
    for split, count in (("train", 12), ("val", 5), ("test", 3)):
        plant(tmp_path, f"{split}/cat", f"{split}/dog", count=count)
    path = tmp_path
    if layout == "csv":
        rows = [f"{one.relative_to(tmp_path)},{one.parent.name},{one.parts[-3]}" for one in tmp_path.rglob("*.png")]
        (path := tmp_path / "list.csv").write_text("\n".join(["path,label,split", *sorted(rows)]))
    domain = Domain(layout, "pets", str(path), per_class=6)
    found, again, other = (domains.catalogue(replace(domain, seed=seed)) for seed in (0, 0, 1))
    for name in ("cat", "dog"):
        chosen = found.split[found.labels == found.classes.index(name)]
        assert [int((chosen == split).sum()) for split in SPLITS] == [4, 1, 1]
    assert list(found.names) == list(again.names) == sorted(found.names, key=list(found.names).index)
    assert set(found.names) != set(other.names)
    # As it was and is without given splits: the first few of one seeded order.
    free = domains.catalogue(replace(domain, split="random"))
    assert len(free) == 12


def test_the_digest_tells_apart_how_given_splits_are_limited(tmp_path: Path) -> None:
    """Results of when they were not may lie in a store; others keep their key."""
    plant(tmp_path, "train/cat", "train/dog", "val/cat", "val/dog")
    whole = Domain("folder", "pets", str(tmp_path))
    digests = [
        fingerprints.of_case(Case("c", "c", domain, domain, "alexnet"))[0][1]
        for domain in (whole, replace(whole, per_class=1), replace(whole, per_class=1, split="random"))
    ]
    assert digests[0] == digests[2] == files.folder_digest(tmp_path)
    assert digests[1] != digests[0]


def test_the_digest_tells_apart_which_kinds_can_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who installs a plug-in after images were left out is not shown the results without them."""
    plant(tmp_path, "cat", "dog")
    domain = Domain("folder", "pets", str(tmp_path))
    case = Case("c", "c", domain, domain, "alexnet")
    assert fingerprints.of_case(case)[0][1] == files.folder_digest(tmp_path)
    (tmp_path / "cat" / "x.jxl").write_bytes(b"something")
    before = fingerprints.of_case(case)
    monkeypatch.setattr(kinds, "_readable", lambda: (("JXL",), frozenset({".jxl"})))
    assert fingerprints.of_case(case) != before


LAYOUTS = [  # of archives as they are published, and where their images of two classes are
    (
        ("seg_train/seg_train/a", "seg_train/seg_train/b", "seg_test/seg_test/a", "seg_test/seg_test/b"),
        {"training", "test"},
    ),
    (("train/images/a", "train/images/b", "val/images/a", "val/images/b"), {"training", "validation"}),
    (("train/a/images", "train/b/images", "val/a/images", "val/b/images"), {"training", "validation"}),
    (("Final_Training/Images/a", "Final_Training/Images/b"), {"training"}),
    (("train/a", "train/b", "val/a", "val/b", "test"), {"training", "validation"}),  # a competition's test images
    (("train/a", "train/b", "test/a", "test/b", "val/images"), {"training", "test"}),
]


@pytest.mark.parametrize(("folders", "splits"), LAYOUTS)
def test_published_layouts_are_read_by_class_and_split(
    tmp_path: Path, folders: tuple[str, ...], splits: set[str]
) -> None:
    listed = listings.folder(plant(tmp_path, *folders, count=3))
    assert listed.classes == ("a", "b")
    assert {entry.split for entry in listed.entries} == splits
    assert all(f"/{entry.label}/" in entry.name and (tmp_path / entry.name).is_file() for entry in listed.entries)
    alone = 3 * any(folder in ("test", "val/images") for folder in folders)
    assert len(listed.entries) == 3 * len(folders) - alone
    assert any("3 image(s) beside the class folders are left out" in one for one in listed.told) == bool(alone)


@pytest.mark.parametrize("beside", ["models/m.pth", "docs/readme.md", "labels/1.txt"])
@pytest.mark.parametrize("folders", [("train/a", "train/b", "val/a", "val/b"), ("images/a", "images/b")])
def test_folders_without_images_are_no_part_of_the_data(tmp_path: Path, beside: str, folders: tuple[str, ...]) -> None:
    home = plant(tmp_path, *folders)
    (home / beside).parent.mkdir()
    (home / beside).write_text("")
    assert listings.folder(home).classes == ("a", "b")


@pytest.mark.parametrize(
    ("folders", "said"),
    [
        (("train", "test1"), r"images of test1, train lie in no class folders; put them into some, train/class/image"),
        (("train",), r"images of train lie in no class folders"),
        (
            ("train/a", "train/b", "val/a", "val/b", "pred"),
            r"folders train, val say splits, and 'pred' does not: move it",
        ),
        (("train/a", "train/b", "unlabeled"), r"folders train say splits, and 'unlabeled' does not"),
        (("x/train/a", "x/train/b", "x/val/a", "x/val/b", "x/x/train/a"), r"say splits, and 'x' does not"),
        (
            ("a", "b", "flowers/a", "flowers/b"),
            r"'flowers' holds folders of the same names as those beside it \(a, b\)",
        ),
        (("a/train", "a/test", "b/train", "b/test"), r"\(a, b\) holds the splits test, train; put the splits outside"),
    ],
)
def test_layouts_that_may_be_meant_in_two_ways_are_asked_about(
    tmp_path: Path, folders: tuple[str, ...], said: str
) -> None:
    with pytest.raises(DataError, match=said):
        listings.folder(plant(tmp_path, *folders))


@pytest.mark.parametrize(("name", "said"), [("d.zip", "unpack it if it is an archive"), ("d.CSV", 'say kind = "csv"')])
def test_a_file_that_is_given_as_a_folder_is_called_a_file(tmp_path: Path, name: str, said: str) -> None:
    (tmp_path / name).write_bytes(b"PK")
    with pytest.raises(DataError, match=f"is a file; .*{said}"):
        listings.folder(tmp_path / name)


def test_names_in_either_form_of_unicode_are_one_class(tmp_path: Path) -> None:
    """A Mac writes letters with accents as two characters; the file is found all the same."""
    home = plant(tmp_path, "train/caf\u00e9", "train/the", "test/cafe\u0301", "test/the")
    found = domains.load(Domain("folder", "d", str(home)), Preprocessing(8))
    assert found.classes == ("caf\u00e9", "the")
    assert len(found) == 8
    assert table(tmp_path, "path,label\n1.png,cafe\u0301\n4.png,the").path
    assert domains.catalogue(Domain("csv", "d", str(tmp_path / "set/list.csv"))).classes == ("caf\u00e9", "the")


def test_classes_of_nearly_one_name_and_splits_of_several_folders_are_said(tmp_path: Path) -> None:
    home = plant(tmp_path, "train/Cat", "train_small/Dog", "train/dog", "val/cat", "val/dog")
    told = listings.folder(home).told
    assert any("'Cat' and 'cat', 'Dog' and 'dog' differ by capitals or spaces only" in one for one in told)
    assert "the training images are those of 2 folders: 'train', 'train_small'" in told


@pytest.mark.parametrize("sign", [";", "\t"])
def test_columns_may_be_parted_by_semicolons_or_tabs(tmp_path: Path, sign: str) -> None:
    found = domains.catalogue(table(tmp_path, f'path{sign}label\n1.png{sign}"a, b"\n4.png{sign}c\n'))
    assert found.classes == ("a, b", "c")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("path,label\n1.png,Doe, John\n", "line 2: there are more fields than the 2 that the first line names"),
        ("path,label,label\n1.png,a,b\n", "has 2 columns 'label'; name one of them so"),
        ("PK\x03\x04,\x00\n", "is no text; save the table as CSV"),
    ],
)
def test_a_table_that_could_be_misread_is_refused(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(DataError, match=said):
        domains.catalogue(table(tmp_path, text))
