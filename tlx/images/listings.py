"""Who is in an image folder or a CSV: paths, labels, given splits, groups. No image is opened."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePath, PureWindowsPath

from tlx.errors import DataError, some
from tlx.images import files
from tlx.results import SPLITS

SUFFIXES = {".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm"}
# A word of a split's name: train, training, trainset, train2017; val, valid, validation, dev, eval; test, testing.
_WORDS = dict(zip(SPLITS, ("train(ing)?", "val(id(ation)?)?|dev(elopment)?|eval(uation)?", "test(ing)?"), strict=True))


@dataclass(frozen=True)
class Entry:
    """One image file: its label, a short name, its given split (of `results.SPLITS`, or ""), its object group."""

    path: Path
    label: str
    name: str
    split: str = ""
    group: str = ""


@dataclass(frozen=True)
class Listed:
    """Entries in the order of their paths, and the class names in alphabetical order, empty classes included.

    passed: top folders that are no part of the data, `files.ASIDE`.
    """

    entries: tuple[Entry, ...]
    classes: tuple[str, ...]
    passed: tuple[str, ...] = ()

    @property
    def splits(self) -> bool:
        """Whether a split is given."""
        return any(entry.split for entry in self.entries)


def folder(root: Path, *, grouped: bool = False) -> Listed:
    """`class/image`, `class/group/image`, or these below folders whose names say training, validation or test.

    grouped: whether it is said that the class folders hold groups. Raises DataError when the folder does not exist or
    holds no image, or when nothing says whether its folders are splits or classes.
    """
    if not root.is_dir():
        raise DataError(f"image folder {root} does not exist; it should hold class/image")
    tops = _folders(root)
    split_of = {top: split for top in tops if (split := split_named(top.name))}
    if "training" in split_of.values() and len(split_of) == len(tops) and all(_folders(top) for top in tops):
        classes = {inner.name for top in tops for inner in _folders(top)}
        entries = [entry for top, split in split_of.items() for entry in _images(top, root, split)]
    else:
        if not grouped:
            _check_classes(root, tops)
        classes = {top.name for top in tops}
        entries = list(_images(root, root, ""))
    if not entries:
        raise DataError(f"image folder {root} holds no image; expected one folder for each class with images inside")
    order = tuple(sorted(classes))
    passed = tuple(sorted(entry.name for entry in root.iterdir() if entry.is_dir() and entry.name in files.ASIDE))
    return Listed(tuple(sorted(entries, key=lambda entry: order.index(entry.label))), order, passed)


def _folders(root: Path) -> list[Path]:
    """The folders inside; hidden ones, those beside the data and links back to where they lie left out."""
    above = {root.resolve(), *root.resolve().parents}
    inner = (entry for entry in sorted(root.iterdir()) if entry.is_dir() and not files.is_aside(entry.name))
    return [entry for entry in inner if entry.resolve() not in above]


def split_named(name: str) -> str:
    """The split that a name says by one of its words, in any case: `train`, `Val2`, `training_set`, `dogs-test`.

    "" where no word or words of several splits say one.
    """
    words = re.findall("[a-z]+", name.lower())
    told = {
        split for split, word in _WORDS.items() for one in words if re.fullmatch(f"({word})(set|data|images)?", one)
    }
    return told.pop() if len(told) == 1 else ""


def _check_classes(root: Path, tops: list[Path]) -> None:
    """Raises DataError where all folders hold one and the same folders: who are the classes is then anybody's guess."""
    inside = {tuple(inner.name for inner in _folders(top)) for top in tops}
    inner = next(iter(inside), ())
    if len(tops) < 2 or len(inside) > 1 or len(inner) < 2 or any(_has_images(top) for top in tops):
        return
    raise DataError(
        f"in image folder {root} every folder ({some([top.name for top in tops])}) holds the same folders "
        f"({some(inner)}), so that either may be the classes: name the outer ones train, val and test if they are "
        'splits, give the path of one of them if they are parts, or say split = "groups" if they are classes and the '
        "inner ones groups of images",
        key="split",
    )


def _has_images(home: Path) -> bool:
    return any(entry.suffix.lower() in SUFFIXES and not files.is_aside(entry.name) for entry in home.iterdir())


def _images(home: Path, root: Path, split: str) -> Iterator[Entry]:
    """The images of the class folders in `home`; what lies between a class folder and an image is its group."""
    for path in files.below(home):
        label, *between = path.relative_to(home).parts
        if between and path.suffix.lower() in SUFFIXES:
            name = str(path.relative_to(root))
            yield Entry(path, label, name, split, f"{label}/{between[0]}" if len(between) > 1 else name)


def table(path: Path) -> Listed:
    """A CSV with the columns path and label, and if wanted split and group; paths start at the CSV's folder.

    Raises DataError when it cannot be read, lacks a column, or has rows that cannot be used (the first is quoted).
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.DictReader(file, strict=True)
            head = [str(name).strip() for name in rows.fieldnames or ()]
            rows.fieldnames = head
            if lacking := [name for name in ("path", "label") if name not in head]:
                raise DataError(
                    f"CSV {path} lacks the column {lacking[0]!r}; its first line must name path, label, and if wanted "
                    f"split and group, separated by commas, and names {', '.join(head) or 'nothing'}"
                )
            numbered = [(rows.line_num, {key: (row[key] or "").strip() for key in head}) for row in rows]
    except FileNotFoundError:
        raise DataError(f"CSV {path} does not exist; it should list images in the columns path and label") from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"CSV {path} cannot be read ({error}); save it as UTF-8 with commas") from None
    return _listed(path, numbered)


def _listed(path: Path, numbered: list[tuple[int, dict[str, str]]]) -> Listed:
    lines: dict[str, int] = {}
    entries, problems = [], []
    for line, row in numbered:
        if why := _problem(row, lines):
            problems.append(f"line {line}: {why}")
            continue
        lines[row["path"]] = line
        split = split_named(row["split"]) if row.get("split") else ""
        group = row.get("group") or row["path"]
        entries.append(Entry(path.parent / row["path"], row["label"], row["path"], split, group))
    if problems:
        more = f" (and {len(problems) - 1} more lines like it)" if len(problems) > 1 else ""
        raise DataError(f"CSV {path}, {problems[0]}{more}")
    if not entries:
        raise DataError(f"CSV {path} lists no image; each line after the first should hold a path and a label")
    if any(entry.split for entry in entries) and not all(entry.split for entry in entries):
        raise DataError(f"CSV {path} gives a split for some images only; give it for all of them, or leave it out")
    return Listed(tuple(entries), tuple(sorted({entry.label for entry in entries})))


def _problem(row: dict[str, str], lines: dict[str, int]) -> str:
    given, split = row["path"], row.get("split", "")
    if not given or not row["label"]:
        return "path and label must not be empty"
    # Windows' rules know drives and both kinds of slash, so they see every way out of the folder.
    if PureWindowsPath(given).anchor or PurePath(given).is_absolute() or ".." in PureWindowsPath(given).parts:
        return f"path {given!r} leads out of the CSV's folder; give it relative to that folder, without '..'"
    if given in lines:
        return f"image {given!r} is in line {lines[given]} already; list each image once"
    if split and not split_named(split):
        return f"split {split!r} is unknown; use train, val or test"
    return ""
