"""Torchvision's datasets by name, from files in their published formats; nothing is downloaded, nothing executed."""

from __future__ import annotations

import bz2
import gzip
import os
import pickle
from pathlib import Path

import numpy as np
import pytest

from tlx.cases import Domain, Preprocessing
from tlx.errors import DataError
from tlx.images import domains, torchvision_datasets


def idx(path: Path, values: np.ndarray) -> None:
    """An idx file as LeCun's page describes it; compressed where the name says so."""
    path.parent.mkdir(parents=True, exist_ok=True)
    head = bytes([0, 0, 8, values.ndim]) + b"".join(int(n).to_bytes(4, "big") for n in values.shape)
    content = head + values.astype(np.uint8).tobytes()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)


LABELS = np.array([3, 1, 3, 0, 1, 9])
LEVELS = np.arange(6)[:, None, None] * np.full((6, 28, 28), 10)


def digits(home: Path, prefix: str, end: str) -> None:
    idx(home / f"{prefix}-images-idx3-ubyte{end}", LEVELS)
    idx(home / f"{prefix}-labels-idx1-ubyte{end}", LABELS)


@pytest.mark.parametrize("where", ["", "MNIST/raw"])
@pytest.mark.parametrize("end", ["", ".gz"])
def test_mnist_is_read_as_it_is_downloaded(tmp_path: Path, where: str, end: str) -> None:
    """Packed or not, in torchvision's folders or right at the root; classes are called 0 to 9, as other digits are."""
    for prefix in ("train", "t10k"):
        digits(tmp_path / where, prefix, end)
    before = sorted(tmp_path.rglob("*"))
    found = domains.load(Domain("torchvision", "digits", str(tmp_path), "mnist", per_class=1), Preprocessing(28))
    assert found.classes == tuple("0123456789")
    assert sorted(found.labels) == [0, 1, 3, 9]
    for name, label, picture in zip(found.names, found.labels, found.pixels, strict=True):
        at = int(name.removeprefix("digits "))
        assert LABELS[at] == label
        assert (picture == 10 * at).all()
    assert sorted(tmp_path.rglob("*")) == before


def test_options_choose_a_part_of_a_dataset(tmp_path: Path) -> None:
    """EMNIST's test letters: stored from 1, and so its first class is one without images."""
    idx(tmp_path / "EMNIST/raw/emnist-letters-test-images-idx3-ubyte", LEVELS)
    idx(tmp_path / "EMNIST/raw/emnist-letters-test-labels-idx1-ubyte", LABELS.clip(1))
    options = (("split", "letters"), ("train", False))
    found = domains.catalogue(Domain("torchvision", "letters", str(tmp_path), "EMNIST", options=options))
    assert [found.classes[at] for at in found.labels] == ["c", "a", "c", "a", "a", "i"]


def test_usps_is_read(tmp_path: Path) -> None:
    """Text of labels from 1 and grey levels from -1 to 1, packed."""
    rows = "".join(f"{label} " + " ".join(f"{at}:1.0" for at in range(1, 257)) + "\n" for label in (1, 8))
    (tmp_path / "usps.bz2").write_bytes(bz2.compress(rows.encode()))
    found = domains.load(Domain("torchvision", "post", str(tmp_path), "USPS"), Preprocessing(16, 1))
    assert found.labels.tolist() == [0, 7]
    assert found.pixels.shape == (2, 16, 16, 1)
    assert (found.pixels == 255).all()


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("MNIST2", {}, "torchvision dataset 'MNIST2' is unknown; did you mean MNIST"),
        ("ImageNet", {}, "torchvision dataset 'ImageNet' is unknown"),
        ("SVHN", {"split": "traim"}, r"SVHN cannot be opened with \{'split': 'traim'\} \(Unknown value 'traim'"),
        ("SVHN", {"train": True}, "option of dataset SVHN 'train' is unknown; one of split"),
        ("SVHN", {"download": True}, "option of dataset SVHN 'download' is unknown"),
        ("EMNIST", {}, "EMNIST needs the option 'split'"),
        ("CIFAR10", {}, r"CIFAR10 was not found in .*datasets\.CIFAR10\(root, download=True\)"),
        ("USPS", {}, "USPS was not found in"),
    ],
)
def test_a_dataset_that_cannot_be_opened_says_why(
    tmp_path: Path, name: str, options: dict[str, str], said: str
) -> None:
    with pytest.raises(DataError, match=said) as caught:
        torchvision_datasets.opened(tmp_path, name, options)
    assert "\n" not in str(caught.value)


class Trap:
    """A pickle that runs a command when it is opened."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.path),)


def test_a_pickle_in_place_of_a_dataset_is_not_opened(tmp_path: Path) -> None:
    """CIFAR's own files are pickles: others under their names fail the checksum first."""
    home = tmp_path / "cifar-10-batches-py"
    home.mkdir()
    for name in ("batches.meta", "test_batch", *(f"data_batch_{at}" for at in range(1, 6))):
        (home / name).write_bytes(pickle.dumps(Trap(tmp_path / "ran")))
    with pytest.raises(DataError, match="CIFAR10 was not found"):
        torchvision_datasets.opened(tmp_path, "CIFAR10", {})
    assert not (tmp_path / "ran").exists()
