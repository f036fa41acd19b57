"""Classification datasets of torchvision by name, from files that are here: nothing is downloaded.

Only datasets whose files are images, arrays or text are offered. CIFAR's files are pickles, which torchvision opens
only after their checksums have proved that they are the published ones.
"""

from __future__ import annotations

import gzip
import inspect
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from tlx.errors import DataError, first_line, unknown

NAMES = (
    "MNIST",
    "FashionMNIST",
    "KMNIST",
    "QMNIST",
    "EMNIST",
    "SVHN",
    "USPS",
    "CIFAR10",
    "CIFAR100",
    "STL10",
    "SEMEION",
    "EuroSAT",
    "DTD",
    "Flowers102",
    "FGVCAircraft",
    "Food101",
    "OxfordIIITPet",
    "GTSRB",
    "Country211",
    "StanfordCars",
    "Imagenette",
    "FER2013",
    "RenderedSST2",
    "Caltech101",
    "Caltech256",
    "SUN397",
)
_IDX = {"MNIST", "FashionMNIST", "KMNIST", "QMNIST", "EMNIST"}
_RESERVED = {"self", "root", "download", "transform", "target_transform", "transforms", "loader", "kwargs"}
_LABELS = ("targets", "labels", "_labels", "y")


def opened(root: Path, name: str, options: Mapping[str, str | int | bool]) -> Any:
    """The torchvision dataset of this name (upper and lower case alike) with its options, such as train or split.

    Raises DataError when the name or an option is unknown, or the files are not below `root`.
    """
    from tlx.networks.torchvision_import import datasets

    exact_name = {known.lower(): known for known in NAMES}.get(name.lower())
    if exact_name is None:
        raise DataError(unknown("torchvision dataset", name, NAMES), key="dataset")
    kind = getattr(datasets, exact_name)
    _check(kind, exact_name, options)
    try:
        with _unpacked(root, exact_name) as place:
            return kind(str(place), **options)
    except (ValueError, TypeError) as error:
        why = f"dataset {exact_name} cannot be opened with {dict(options)} ({first_line(error)})"
        raise DataError(why, key="options") from None
    except (RuntimeError, OSError):
        raise DataError(
            f"dataset {exact_name} was not found in {root}; download it with torchvision "
            f"(datasets.{exact_name}(root, download=True)) and set path to that root"
        ) from None


def _check(kind: Any, name: str, options: Mapping[str, object]) -> None:
    defaults = {key: made.default for key, made in inspect.signature(kind).parameters.items()}
    if "kwargs" in defaults:  # EMNIST hands the rest to MNIST
        defaults.setdefault("train", True)
    valid = {key: default for key, default in defaults.items() if key not in _RESERVED}
    for key in options:
        if key not in valid:
            raise DataError(unknown(f"option of dataset {name}", key, valid), key="options")
    for key, default in valid.items():
        if default is inspect.Parameter.empty and key not in options:
            lacking = f"dataset {name} needs the option {key!r}; set it in the table `options` of this domain"
            raise DataError(lacking, key="options")


@contextmanager
def _unpacked(root: Path, name: str) -> Iterator[Path]:
    """The root; for idx files that lie there as `.gz`, which torchvision does not read, a temporary one without."""
    homes = (root / name / "raw", root)
    raw = next((home for home in homes if name in _IDX and any(home.glob("*-idx*"))), None)
    if raw is None or (raw != root and not any(raw.glob("*-idx*.gz"))):
        yield root
        return
    with tempfile.TemporaryDirectory(prefix="tlx-idx-") as made:
        there = Path(made, name, "raw")
        there.mkdir(parents=True)
        for file in raw.glob("*-idx*"):
            if file.suffix == ".gz":
                with gzip.open(file) as packed, (there / file.stem).open("wb") as plain:
                    shutil.copyfileobj(packed, plain)
            elif not (there / file.name).exists():
                (there / file.name).symlink_to(file.absolute())
        yield Path(made)


def labels(dataset: Any, name: str) -> np.ndarray:
    """(N,) label of every instance. Raises DataError where this part of the dataset has none."""
    given = next((getattr(dataset, part) for part in _LABELS if hasattr(dataset, part)), None)
    if given is None:
        given = [label for _, label in getattr(dataset, "_samples", ())]
    if len(given) == 0 or any(label is None for label in given):
        why = f"this part of dataset {name} has no labels; choose another one in the table `options`"
        raise DataError(why, key="options")
    numbers = np.asarray(given, dtype=np.int64)
    if numbers.min() < 0:
        why = f"this part of dataset {name} has unlabelled images; choose another one in the table `options`"
        raise DataError(why, key="options")
    return numbers


def classes(dataset: Any, count: int) -> tuple[str, ...]:
    """Names of the classes: the dataset's own, or numbers. MNIST's "3 - three" becomes "3", as others call it."""
    own = getattr(dataset, "classes", None) or getattr(dataset, "categories", None) or range(count)
    return tuple(re.sub(r"^(\d) - \w+$", r"\1", str(name)) for name in own)
