"""Domains read or rendered: labelled images of one size, split into training and validation (method 2)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from tlx import digits
from tlx.cases import Domain
from tlx.errors import DataError, unknown
from tlx.progress import track
from tlx.results import DomainImages

SUFFIXES = {".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm"}


@dataclass(frozen=True, eq=False)
class _Listing:
    """Who is in a domain: labels, class names, names; `pixels(size, channels)` then reads or renders the images."""

    labels: np.ndarray
    classes: tuple[str, ...]
    pixels: Callable[[int, int], np.ndarray]
    names: np.ndarray | None = None


def load(domain: Domain, size: int, channels: int) -> DomainImages:
    """The images of a domain at size x size with the given number of channels.

    Raises DataError when the folder or dataset is missing, is empty, or holds a file that is no image.
    """
    listing = _LISTINGS[domain.kind](domain)
    pixels = listing.pixels(size, channels)
    if channels == 1 and pixels.shape[-1] == 3:
        pixels = pixels[..., :1] if (pixels == pixels[..., :1]).all() else _grey(pixels)
    return _described(domain, listing, np.ascontiguousarray(pixels, dtype=np.uint8))


def catalogue(domain: Domain) -> DomainImages:
    """The same without reading an image: labels, classes, split and names; pixels are (N, 0, 0, 0)."""
    listing = _LISTINGS[domain.kind](domain)
    return _described(domain, listing, np.empty((len(listing.labels), 0, 0, 0), dtype=np.uint8))


def _described(domain: Domain, listing: _Listing, pixels: np.ndarray) -> DomainImages:
    labels, classes, names = listing.labels, listing.classes, listing.names
    if names is None:
        names = np.array([f"{domain.title} {at}" for at in range(len(labels))], dtype=object)
    counts = np.bincount(labels, minlength=len(classes))
    lonely = [f"class {classes[at]!r} of {domain.title} has {counts[at]} image(s)" for at in np.flatnonzero(counts < 2)]
    return DomainImages(
        pixels=pixels,
        labels=labels.astype(np.int64),
        classes=classes,
        validation=split(labels, domain.training_share, domain.seed),
        names=names,
        skipped=tuple(lonely),
    )


def split(labels: np.ndarray, training_share: float, seed: int) -> np.ndarray:
    """(N,) bool, True for validation: stratified by class and seeded; a class's only instance is for training.

    Of every class the share is rounded to whole instances, and with two or more instances both splits get one.
    """
    validation = np.zeros(len(labels), dtype=bool)
    rng = np.random.default_rng(seed)
    for label in np.unique(labels):
        members = rng.permutation(np.flatnonzero(labels == label))
        if len(members) > 1:
            kept = int(np.clip(round(training_share * len(members)), 1, len(members) - 1))
            validation[members[kept:]] = True
    return validation


def _printed(domain: Domain) -> _Listing:
    def pixels(size: int, _: int) -> np.ndarray:
        return digits.printed(size, domain.per_class, domain.seed)

    return _Listing(digits.printed_labels(domain.per_class), digits.CLASSES, pixels)


def _handwritten(domain: Domain) -> _Listing:
    grey, labels = digits.handwritten()
    kept = _limited(labels, domain)

    def pixels(size: int, _: int) -> np.ndarray:
        return digits.enlarged(grey[kept], size)

    return _Listing(labels[kept], digits.CLASSES, pixels)


def _folder(domain: Domain) -> _Listing:
    """`class/image` below the domain's path; classes in alphabetical order."""
    root = Path(domain.path)
    if not root.is_dir():
        raise DataError(f"image folder {root} of domain {domain.title!r} does not exist; it should hold class/image")
    classes = tuple(sorted(entry.name for entry in root.iterdir() if entry.is_dir() and entry.name[0] != "."))
    files = [
        (path, at) for at, name in enumerate(classes) for path in sorted((root / name).rglob("*")) if _is_image(path)
    ]
    if not files:
        raise DataError(f"image folder {root} holds no image; expected one folder for each class with images inside")
    labels = np.array([label for _, label in files])
    kept = _limited(labels, domain)
    paths = [files[at][0] for at in kept]

    def pixels(size: int, channels: int) -> np.ndarray:
        return np.stack([_read(path, size, channels) for path in track(paths, f"images of {domain.title}")])

    names = np.array([str(path.relative_to(root)) for path in paths], dtype=object)
    return _Listing(labels[kept], classes, pixels, names)


def _is_image(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES and path.is_file()


def _read(path: Path, size: int, channels: int) -> np.ndarray:
    try:
        with Image.open(path) as picture:
            resized = picture.convert("L" if channels == 1 else "RGB").resize((size, size), Image.Resampling.BILINEAR)
    except (UnidentifiedImageError, OSError, Image.DecompressionBombError) as error:
        raise DataError(f"{path} cannot be read as an image ({error}); remove or replace it") from None
    return np.asarray(resized).reshape(size, size, channels)


def _torchvision(domain: Domain) -> _Listing:
    from tlx._vision import datasets

    known = {name.lower(): getattr(datasets, name) for name in ("MNIST", "SVHN", "USPS", "CIFAR10", "FashionMNIST")}
    if domain.dataset.lower() not in known:
        raise DataError(unknown("torchvision dataset", domain.dataset, sorted(known)))
    kind = known[domain.dataset.lower()]
    try:
        found = kind(domain.path, download=False)
    except RuntimeError:
        raise DataError(
            f"dataset {kind.__name__} was not found in {domain.path}; download it with torchvision "
            f"(datasets.{kind.__name__}(root, download=True)) and set path to that root"
        ) from None
    labels = np.asarray(found.labels if hasattr(found, "labels") else found.targets)
    kept = _limited(labels, domain)
    classes = tuple(str(name) for name in getattr(found, "classes", range(int(labels.max()) + 1)))

    def pixels(size: int, channels: int) -> np.ndarray:
        mode = "L" if channels == 1 else "RGB"
        chosen = track(kept, f"images of {domain.title}")
        pictures = (found[int(at)][0].convert(mode).resize((size, size)) for at in chosen)
        return np.stack([np.asarray(picture).reshape(size, size, channels) for picture in pictures])

    return _Listing(labels[kept], classes, pixels)


def _limited(labels: np.ndarray, domain: Domain) -> np.ndarray:
    """Ascending indices of at most `per_class` instances of each class, chosen by the domain's seed."""
    if not domain.per_class:
        return np.arange(len(labels))
    rng = np.random.default_rng(domain.seed)
    chosen = [rng.permutation(np.flatnonzero(labels == label))[: domain.per_class] for label in np.unique(labels)]
    return np.sort(np.concatenate(chosen))


def _grey(pixels: np.ndarray) -> np.ndarray:
    """Luma of ITU-R 601, as PIL's conversion to "L" has it."""
    luma: np.ndarray = np.rint(pixels @ np.array([0.299, 0.587, 0.114]))[..., None].astype(np.uint8)
    return luma


_LISTINGS: dict[str, Callable[[Domain], _Listing]] = {
    "printed-digits": _printed,
    "handwritten-digits": _handwritten,
    "folder": _folder,
    "torchvision": _torchvision,
}
