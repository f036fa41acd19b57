"""Domains: rendered and read images, and the split."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from tlx import digits, domains
from tlx.cases import Domain
from tlx.errors import DataError


@settings(deadline=None, max_examples=50)
@given(st.lists(st.integers(0, 3), min_size=1, max_size=60), st.floats(0.05, 0.95), st.integers(0, 3))
def test_the_split_is_stratified_and_leaves_no_class_untrained(labels: list[int], share: float, seed: int) -> None:
    """Of every class the training share within one instance; a class's only instance is for training."""
    array = np.array(labels)
    validation = domains.split(array, share, seed)
    for label in np.unique(array):
        members = array == label
        trained = (members & ~validation).sum()
        assert trained >= 1
        assert members.sum() == 1 or (members & validation).sum() >= 1
        assert abs(trained - share * members.sum()) <= 1
    assert (validation == domains.split(array, share, seed)).all()


def test_eighty_five_to_fifteen() -> None:
    """Of two classes with 100 and 20 instances 85 and 17 are for training."""
    labels = np.repeat([0, 1], [100, 20])
    validation = domains.split(labels, 0.85, 0)
    assert (~validation)[labels == 0].sum() == 85
    assert (~validation)[labels == 1].sum() == 17


def test_printed_digits_are_reproducible_and_labelled() -> None:
    first, again, other = (digits.printed(32, 2, seed=seed) for seed in (1, 1, 2))
    assert first.shape == (20, 32, 32, 3)
    assert digits.printed_labels(2).tolist() == [*range(10), *range(10)]
    assert (first == again).all()
    assert (first != other).any()


def test_handwritten_digits_are_scikit_learns() -> None:
    from sklearn.datasets import load_digits

    grey, labels = digits.handwritten()
    pixels = digits.enlarged(grey, 32)
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
    found = domains.load(Domain("folder", "pets", str(folder)), 16, 3)
    assert found.classes == ("bird", "cat", "dog")
    assert np.bincount(found.labels).tolist() == [3, 5, 1]
    assert found.pixels.shape == (9, 16, 16, 3)
    assert found.names[0] == "bird/0.png"
    assert found.pixels[2, 0, 0].tolist() == [40, 100, 0]
    assert found.skipped == ("class 'dog' of pets has 1 image(s)",)


def test_one_channel_and_a_limit_per_class(folder: Path) -> None:
    found = domains.load(Domain("folder", "pets", str(folder), per_class=2), 16, 1)
    assert found.pixels.shape == (5, 16, 16, 1)
    assert np.bincount(found.labels).tolist() == [2, 2, 1]


def test_a_broken_image_is_named(folder: Path) -> None:
    (folder / "cat" / "broken.png").write_bytes(b"not an image")
    with pytest.raises(DataError, match=r"broken\.png cannot be read as an image"):
        domains.load(Domain("folder", "pets", str(folder)), 16, 3)


def test_missing_and_empty_folders_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="does not exist"):
        domains.load(Domain("folder", "pets", str(tmp_path / "none")), 16, 3)
    with pytest.raises(DataError, match="holds no image"):
        domains.load(Domain("folder", "pets", str(tmp_path)), 16, 3)
    with pytest.raises(DataError, match="MNIST was not found"):
        domains.load(Domain("torchvision", "digits", str(tmp_path), "mnist"), 16, 3)


@pytest.mark.parametrize("kind", ["printed-digits", "handwritten-digits", "folder"])
def test_the_catalogue_is_the_domain_without_its_pixels(kind: str, folder: Path) -> None:
    """Labels, classes, split and names come without an image being read or rendered."""
    domain = Domain(kind, "d", str(folder) if kind == "folder" else "", per_class=3)
    whole, listed = domains.load(domain, 16, 3), domains.catalogue(domain)
    assert (listed.labels == whole.labels).all()
    assert (listed.validation == whole.validation).all()
    assert listed.names.tolist() == whole.names.tolist()
    assert (listed.classes, listed.skipped) == (whole.classes, whole.skipped)
    assert listed.pixels.size == 0
