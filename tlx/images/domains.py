"""Domains read or rendered: labelled images of one size, split into training, validation and test (method 2)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from tlx.cases import Domain, Preprocessing, in_natural_order
from tlx.errors import DataError, unknown
from tlx.images import decoding, listings, rendered_digits, splits, tensors, torchvision_datasets
from tlx.progress import track
from tlx.results import SPLITS, DomainImages

Picture = np.ndarray | DataError
FEW = 5  # sentences of one kind; more are told as one
LOOKED_AT = 100  # images whose levels are looked at
NARROW = 1 / 8  # of the range, which fewer levels than this fill in an image worth a warning
OFTEN = 1 / 10  # of the images looked at, from which on it is told


@dataclass(frozen=True, eq=False)
class _Listing:
    """Who is in a domain, before any choice.

    labels: (N,) index into classes; pictures(kept, how): the images of those indices one by one, or why one cannot be
    read; names, split, groups: (N,) where known; spreads(kept): what `decoding.spread` says of those indices, where
    they are files; passed: folders beside the data that were left out; told: what else has to be said of the files;
    inputs(): (N, H, W, channels) what networks are given, where that is not the pictures.
    """

    labels: np.ndarray
    classes: tuple[str, ...]
    pictures: Callable[[np.ndarray, Preprocessing], Iterator[Picture]]
    names: np.ndarray | None = None
    split: np.ndarray | None = None
    groups: np.ndarray | None = None
    spreads: Callable[[np.ndarray], Iterator[tuple[int, int, int] | None]] | None = None
    passed: tuple[str, ...] = ()
    told: tuple[str, ...] = ()
    inputs: Callable[[], np.ndarray | None] = lambda: None


def load(domain: Domain, how: Preprocessing) -> DomainImages:
    """The images of a domain as the preprocessing makes them.

    Raises DataError when the folder or dataset is missing, is empty, or holds a file that is no image (where the domain
    says `unreadable = "skip"`, that file is left out and named in `skipped`).
    """
    listing, kept = _chosen(domain)
    pixels = _room(domain, (len(kept), how.image_size, how.image_size, how.channels))
    unreadable: dict[int, DataError] = {}
    read = track(listing.pictures(kept, how), f"images of {domain.title}", total=len(kept))
    for at, picture in enumerate(read):
        if isinstance(picture, DataError):
            if domain.unreadable == "fail":
                raise picture
            unreadable[at] = picture
        else:
            pixels[at] = picture if picture.shape[-1] == how.channels else _grey(picture)
    if not unreadable:
        inputs = listing.inputs()
        return replace(_described(domain, listing, kept, pixels), inputs=None if inputs is None else inputs[kept])
    good = np.setdiff1d(np.arange(len(kept)), [*unreadable])
    if not len(good):
        raise next(iter(unreadable.values()))
    sentence = f"{len(unreadable)} of {len(kept)} images of {domain.title} cannot be read and are left out: "
    assert listing.names is not None  # only files can be unreadable
    sentence += _few([str(listing.names[kept[at]]) for at in unreadable])
    images = _described(domain, listing, kept[good], pixels[good])
    return replace(images, skipped=(sentence, *images.skipped))


def catalogue(domain: Domain) -> DomainImages:
    """The same without reading an image: labels, classes, split and names; pixels are (N, 0, 0, 0).

    With `unreadable = "skip"` only `load` knows who is in the domain; see `without_pixels`.
    """
    listing, kept = _chosen(domain)
    return _described(domain, listing, kept, np.empty((len(kept), 0, 0, 0), dtype=np.uint8))


def _room(domain: Domain, shape: tuple[int, ...]) -> np.ndarray:
    try:
        return np.empty(shape, dtype=np.uint8)
    except MemoryError:
        raise DataError(
            f"the {shape[0]:,} images of {domain.title} take {np.prod(shape, dtype=float) / 1e9:.0f} GB at {shape[1]} "
            "px, more memory than there is; take fewer of a class (per_class) or smaller ones (image_size)"
        ) from None


def unreadable(domain: Domain, how: Preprocessing) -> list[str]:
    """One sentence for each image of a domain that cannot be read. Raises DataError as `load` does for the rest."""
    if domain.kind.endswith("-digits") or domain.kind == "tensors":  # rendered by us, or no pictures of their own
        return []
    listing, kept = _chosen(domain)
    read = track(listing.pictures(kept, how), f"looking at the images of {domain.title}", total=len(kept))
    return [str(picture) for picture in read if isinstance(picture, DataError)]


def sample(domain: Domain, how: Preprocessing, count: int = 4) -> DomainImages:
    """One image of each of a few classes, as the preprocessing makes it; those that cannot be read are left out."""
    if domain.kind == "printed-digits":
        domain = replace(domain, per_class=1)  # the same first images, without rendering the others
    listing, kept = _chosen(domain)
    labels, first = np.unique(listing.labels[kept], return_index=True)
    rows = np.sort(first[np.linspace(0, len(labels) - 1, min(count, len(labels))).round().astype(int)])
    return _read(listing, kept[rows], how)


def of_each(domain: Domain, how: Preprocessing, each: int) -> DomainImages:
    """At most so many images of each class, those held out first; unreadable ones are left out."""
    if domain.kind == "printed-digits":
        enough = 2 + round(each / max(1 - domain.training_share, 0.05))
        domain = replace(domain, per_class=min(domain.per_class, enough))  # the same first ones, others not rendered
    listing, kept = _chosen(domain)
    split, _ = _split(domain, listing, kept)
    rows: list[int] = []
    for label in np.unique(listing.labels[kept]):
        own = np.flatnonzero(listing.labels[kept] == label)
        learned, wanted = split[own] == "training", each
        for members in (own[~learned], own[learned]):
            taken = min(wanted, len(members))
            rows += members[np.linspace(0, len(members) - 1, taken).round().astype(int)].tolist()
            wanted -= taken
    return _read(listing, kept[np.sort(rows)], how)


def how_split(domain: Domain) -> str:
    """Who says which images are for training: "as its folders say", "at random", "by object groups"."""
    if domain.split == "groups":
        return "by object groups"
    listing, _ = _chosen(domain)
    if domain.split != "given" or listing.split is None:
        return "at random"
    return "as its column split says" if domain.kind == "csv" else "as its folders say"


def _read(listing: _Listing, rows: np.ndarray, how: Preprocessing) -> DomainImages:
    """The images of these rows of a listing; those that cannot be read are left out."""
    names = listing.names if listing.names is not None else np.array([""] * len(listing.labels), dtype=object)
    pixels, chosen = [], []
    for at, picture in zip(rows.tolist(), listing.pictures(rows, how), strict=True):
        if not isinstance(picture, DataError):
            pixels.append(picture if picture.shape[-1] == how.channels else _grey(picture))
            chosen.append(at)
    shape = (len(chosen), how.image_size, how.image_size, how.channels)
    return DomainImages(
        pixels=np.concatenate(pixels).reshape(shape) if chosen else np.empty(shape, dtype=np.uint8),
        labels=listing.labels[chosen].astype(np.int64),
        classes=listing.classes,
        split=np.array(["training"] * len(chosen), dtype="<U10"),
        names=names[chosen],
    )


def narrow(domain: Domain) -> str:
    """A sentence where images fill a small part of their levels, as 12 bits in files of 16 do; "" where they do not.

    Looks at a part of the files, evenly spread over the domain. An image of one level only says nothing.
    """
    listing, kept = _chosen(domain)
    if listing.spreads is None:
        return ""
    looked_at = kept[np.linspace(0, len(kept) - 1, min(LOOKED_AT, len(kept))).round().astype(int)]
    known = [one for one in listing.spreads(looked_at) if one is not None and one[0] < one[1]]
    few = [(low, high, white) for low, high, white in known if high - low < NARROW * white]
    if len(few) < max(1, OFTEN * len(known)):
        return ""
    low, high, white = min(one[0] for one in few), max(one[1] for one in few), max(one[2] for one in few)
    how = "nearly black" if high < NARROW * white else "with hardly any contrast"
    return (
        f"{len(few)} of {len(looked_at)} images of {domain.title} that were looked at have levels from {low:,} to "
        f"{high:,} only, where {white:,} is white, so the networks see them {how}; if that is not how they were "
        "trained, save the images with levels over the whole range"
    )


def without_pixels(images: DomainImages) -> DomainImages:
    """The catalogue of images that were read."""
    return replace(images, pixels=np.empty((len(images), 0, 0, 0), dtype=np.uint8), inputs=None)


def _chosen(domain: Domain) -> tuple[_Listing, np.ndarray]:
    """The listing with the domain's names and choice of classes, and the (n,) indices of its instances."""
    listing = _named(domain, _LISTINGS[domain.kind](domain))
    if domain.order == "natural":
        listing = _of_classes(replace(domain, classes=in_natural_order(listing.classes)), listing)
    if domain.classes:
        listing = _of_classes(domain, listing)
    return listing, _limited(listing, domain)


def _named(domain: Domain, listing: _Listing) -> _Listing:
    """Classes renamed; those that come to share a name become one."""
    to = dict(domain.rename)
    for name in to:
        if name not in listing.classes:
            strange = f"in the table `rename` of {domain.title}: " + unknown("class", name, listing.classes)
            raise DataError(strange, key="rename")
    names = [to.get(name, name) for name in listing.classes]
    classes = tuple(dict.fromkeys(names))
    place = np.array([classes.index(name) for name in names])
    return replace(listing, labels=place[listing.labels], classes=classes)


def _of_classes(domain: Domain, listing: _Listing) -> _Listing:
    """Labels in the order of `domain.classes`, -1 for instances of others."""
    place = np.array([domain.classes.index(name) if name in domain.classes else -1 for name in listing.classes])
    labels = place[listing.labels]
    if (labels < 0).all():
        first = unknown("class", domain.classes[0], listing.classes)
        raise DataError(f"none of the classes chosen for {domain.title} has an image: {first}", key="classes")
    return replace(listing, labels=labels, classes=domain.classes)


def _limited(listing: _Listing, domain: Domain) -> np.ndarray:
    """Ascending indices of at most `per_class` instances of each class, chosen by the domain's seed.

    Where a split is given its parts keep their proportions in every class.
    """
    labels = listing.labels
    if not domain.per_class:
        return np.flatnonzero(labels >= 0)
    rng = np.random.default_rng(domain.seed)
    given = listing.split if domain.split == "given" else None
    each = [rng.permutation(np.flatnonzero(labels == label)) for label in np.unique(labels[labels >= 0])]
    if given is not None:
        each = [
            _in_proportion([members[given[members] == name] for name in SPLITS], domain.per_class) for members in each
        ]
    return np.sort(np.concatenate([members[: domain.per_class] for members in each]))


def _in_proportion(parts: list[np.ndarray], count: int) -> np.ndarray:
    """The first few of each part, `count` in all."""
    taken = splits.shares([len(part) for part in parts], count)
    return np.concatenate([part[:n] for part, n in zip(parts, taken, strict=True)])


def _described(domain: Domain, listing: _Listing, kept: np.ndarray, pixels: np.ndarray) -> DomainImages:
    labels, classes = listing.labels[kept], listing.classes
    names = listing.names
    if names is None:
        names = np.array([f"{domain.title} {at}" for at in range(len(kept))], dtype=object)
    else:
        names = names[kept]
    split, told = _split(domain, listing, kept)
    told = (*(f"{domain.title}: {sentence}" for sentence in listing.told), *told)
    if listing.passed:
        told = (f"{len(listing.passed)} folder(s) of {domain.title} are passed by: {_few([*listing.passed])}", *told)
    return DomainImages(
        pixels=pixels,
        labels=labels.astype(np.int64),
        classes=classes,
        split=split,
        names=names,
        skipped=(*told, *_warnings(domain.title, labels, classes, split)),
    )


def _split(domain: Domain, listing: _Listing, kept: np.ndarray) -> tuple[np.ndarray, tuple[str, ...]]:
    """(n,) split of each instance, and what has to be said about it.

    What is given stays. Where no validation part is, it is taken from training: epochs are never chosen on test.
    """
    brought = listing.split if domain.split == "given" else None
    split = (np.full(len(kept), "training") if brought is None else brought[kept]).astype("<U10")
    told: tuple[str, ...] = ()
    if brought is None or ((split != "validation").all() and (split == "test").any()):
        _set_aside(domain, listing, kept, split, "validation", domain.training_share)
        if brought is not None:
            aside = int((split == "validation").sum())
            told = (f"{domain.title} brings no validation images; {aside:,} of its training images are taken instead",)
    if domain.test_share and (split != "test").all():
        _set_aside(domain, listing, kept, split, "test", 1 - domain.test_share)
    return split, told


def _set_aside(
    domain: Domain, listing: _Listing, kept: np.ndarray, split: np.ndarray, name: str, kept_share: float
) -> None:
    """Gives all but this share of training to validation, or of validation to test, in place."""
    among = np.flatnonzero(split == SPLITS[SPLITS.index(name) - 1])
    labels, how = listing.labels[kept][among], (kept_share, domain.seed)
    if not len(among):
        return
    if domain.split != "groups":
        taken = splits.stratified(labels, *how)
    elif listing.groups is None:
        raise DataError(
            f"{domain.title} has no object groups to split by; they are folders inside the class folders "
            "(class/group/image) or the column 'group' of a CSV",
            key="split",
        )
    else:
        taken = splits.grouped(labels, listing.groups[kept][among], *how)
    split[among[taken]] = name


def _warnings(title: str, labels: np.ndarray, classes: tuple[str, ...], split: np.ndarray) -> tuple[str, ...]:
    """Sentences on classes with too few images."""
    counts = np.bincount(labels, minlength=len(classes))
    lonely = [f"class {classes[at]!r} of {title} has {counts[at]} image(s)" for at in np.flatnonzero(counts < 2)]
    if len(lonely) > FEW:
        lonely = [f"{len(lonely)} classes of {title} have fewer than 2 images: "]
        lonely[0] += _few([classes[at] for at in np.flatnonzero(counts < 2)])
    for name in ("validation", "training", "test"):
        of = np.bincount(labels[split == name], minlength=len(classes))
        without = [classes[at] for at in np.flatnonzero((counts > 1) & (of == 0))]
        if without and (name != "test" or of.any()):
            lonely.append(f"{len(without)} class(es) of {title} have no {name} image: {_few(without)}")
    return tuple(lonely)


def _few(names: list[str]) -> str:
    return ", ".join(map(repr, names[:FEW])) + (f" and {len(names) - FEW} more" if len(names) > FEW else "")


def _printed(domain: Domain) -> _Listing:
    def pictures(kept: np.ndarray, how: Preprocessing) -> Iterator[Picture]:
        size = how.resize_to or how.image_size
        rendered = rendered_digits.printed(size, domain.per_class, domain.seed, domain.dataset)[kept]
        yield from (decoding.middle(one, how.image_size) for one in rendered)

    if domain.dataset not in rendered_digits.KINDS:
        raise DataError(unknown("kind of printed digits", domain.dataset, tuple(rendered_digits.KINDS)))
    labels, classes = rendered_digits.printed_labels(domain.per_class), rendered_digits.classes(domain.dataset)
    return _Listing(labels, classes, pictures)


def _handwritten(domain: Domain) -> _Listing:
    grey, labels = rendered_digits.handwritten()

    def pictures(kept: np.ndarray, how: Preprocessing) -> Iterator[Picture]:
        drawn = rendered_digits.enlarged(grey[kept], how.resize_to or how.image_size)
        yield from (decoding.middle(one, how.image_size) for one in drawn)

    return _Listing(labels, rendered_digits.CLASSES, pictures)


def _of_files(listed: listings.Listed) -> _Listing:
    entries, place = listed.entries, {name: at for at, name in enumerate(listed.classes)}

    def pictures(kept: np.ndarray, how: Preprocessing) -> Iterator[Picture]:
        for at in kept:
            try:
                yield decoding.read(entries[at].path, how)
            except DataError as error:
                yield error

    return _Listing(
        labels=np.array([place[entry.label] for entry in entries]),
        classes=listed.classes,
        pictures=pictures,
        spreads=lambda kept: (decoding.spread(entries[at].path) for at in kept),
        names=np.array([entry.name for entry in entries], dtype=object),
        split=np.array([entry.split for entry in entries]) if listed.splits else None,
        groups=np.array([entry.group for entry in entries], dtype=object),
        passed=listed.passed,
        told=listed.told,
    )


def _torchvision(domain: Domain) -> _Listing:
    dataset = torchvision_datasets.opened(Path(domain.path), domain.dataset, dict(domain.options))
    labels = torchvision_datasets.labels(dataset, domain.dataset)

    def pictures(kept: np.ndarray, how: Preprocessing) -> Iterator[Picture]:
        for at in kept:
            try:
                yield decoding.pixels(dataset[int(at)][0], how)
            except (OSError, ValueError) as error:
                yield DataError(f"image {at} of dataset {domain.dataset} cannot be read ({error})")

    names = np.array([f"{domain.title} {at}" for at in range(len(labels))], dtype=object)
    return _Listing(labels, torchvision_datasets.classes(dataset, int(labels.max()) + 1), pictures, names)


def _tensors(domain: Domain) -> _Listing:
    stored = tensors.read(Path(domain.path))

    def pictures(kept: np.ndarray, how: Preprocessing) -> Iterator[Picture]:
        yield from stored.pixels(how.image_size, how.channels)[kept]

    return _Listing(stored.labels, stored.classes, pictures, split=stored.split, inputs=stored.inputs)


def _grey(picture: np.ndarray) -> np.ndarray:
    """(H, W, 3) to (H, W, 1): luma of ITU-R 601, as PIL's conversion to "L" has it."""
    luma: np.ndarray = np.rint(picture @ np.array([0.299, 0.587, 0.114]))[..., None].astype(np.uint8)
    return luma


_LISTINGS: dict[str, Callable[[Domain], _Listing]] = {
    "printed-digits": _printed,
    "handwritten-digits": _handwritten,
    "folder": lambda domain: _of_files(listings.folder(Path(domain.path), grouped=domain.split == "groups")),
    "csv": lambda domain: _of_files(listings.table(Path(domain.path))),
    "torchvision": _torchvision,
    "tensors": _tensors,
}
