"""Who is in an image folder or a CSV: paths, labels, given splits, groups. No image is opened."""

from __future__ import annotations

import csv
import os
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath, PureWindowsPath
from typing import TextIO

from tlx import places, pointers
from tlx.errors import DataError, some
from tlx.images import files, kinds
from tlx.results import SPLITS

# A word of a split's name: train, training, trainset, train2017; val, valid, validation, dev, eval; test, testing.
_WORDS = dict(zip(SPLITS, ("train(ing)?", "val(id(ation)?)?|dev(elopment)?|eval(uation)?", "test(ing)?"), strict=True))
# A word of the name of a folder that only holds the data: images, flower_photos, hymenoptera_data, PetImages.
_HOLDERS = re.compile(
    "(image|img|jpe?g|png|photo|picture|pic|dataset|file|archive|download)s?|data|categories|classes|extracted"
)


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

    passed: top folders that are no part of the data, `files.ASIDE`; told: sentences on what else was left out, and on
    how the files were understood.
    """

    entries: tuple[Entry, ...]
    classes: tuple[str, ...]
    passed: tuple[str, ...] = ()
    told: tuple[str, ...] = ()

    @property
    def splits(self) -> bool:
        """Whether a split is given."""
        return any(entry.split for entry in self.entries)


def folder(root: Path, *, grouped: bool = False) -> Listed:
    """`class/image`, `class/group/image`, or these below folders whose names say training, validation or test.

    A single folder at the top that only holds all this is stepped into. grouped: whether it is said that the class
    folders hold groups. Raises DataError when the folder does not exist or holds no image, or when nothing says whether
    its folders are splits or classes, or classes or groups.
    """
    _check_is_folder(root)
    given, root = root, _holder(root, grouped=grouped)
    tops, split_of = _folders(root), _split_folders(root, grouped=grouped)
    homes = {top.name: _class_home(top) for top in tops if top.name in split_of}
    if not homes and not grouped:
        _check_classes(root, tops)
    inner = [one for home in homes.values() for one in _folders(home)] if homes else tops
    classes = {_label(one.name) for one in inner}
    placed = [(path, _in_classes(path, root, homes)) for path in files.below(root)]
    images = [one for one in placed if kinds.is_image(one[0].name)]
    entries = [_entry(path, root, parts, split_of) for path, parts in images if len(parts) > 1]
    others = [path for path, parts in placed if len(parts) > 1 and not kinds.is_image(path.name)]
    told = (*_left_out(others, loose=len(images) - len(entries)), *_doubtful(classes, split_of))
    if root != given:
        told = (f"the images are looked for in its only folder, {str(root.relative_to(given))!r}", *told)
    if not entries:
        why = f": {told[-1]}" if told else "; expected one folder for each class with images inside"
        raise DataError(f"image folder {given} holds no image{why}", key="path")
    order = tuple(sorted(classes))
    passed = tuple(sorted(entry.name for entry in root.iterdir() if entry.is_dir() and entry.name in files.ASIDE))
    entries.sort(key=lambda entry: order.index(entry.label))
    return Listed(tuple(entries), order, passed, told)


def gives_splits(root: Path) -> bool:
    """Whether an image folder's own folders say who is for training. Raises DataError as `folder` does."""
    return root.is_dir() and bool(_split_folders(_holder(root, grouped=False), grouped=False))


def _check_is_folder(root: Path) -> None:
    if root.is_file():
        do = (
            'say kind = "csv"'
            if root.suffix.lower() == ".csv"
            else "unpack it if it is an archive, and give the folder"
        )
        raise DataError(f"image folder {root} is a file; it should hold class/image: {do}")
    if not root.is_dir():
        raise DataError(f"image folder {root} does not exist; it should hold class/image")


def _split_folders(root: Path, *, grouped: bool) -> dict[str, str]:
    """The split that each folder at the top says, if it holds class folders; none at all where these are the classes.

    At least one must be for training. Folders without images are passed by, as are images of a split that lie in no
    class folder: those that a competition asks for. Raises DataError where one more folder holds images, or where the
    images of all splits lie in no class folder.
    """
    tops = [top for top in _folders(root) if _holds_images(top)]
    said = {top.name: split for top in tops if (split := split_named(top.name))}
    split_of = {top.name: said[top.name] for top in tops if top.name in said and _folders(_class_home(top))}
    if "training" not in split_of.values():
        if "training" in said.values() and len(said) == len(tops) and not split_of:
            raise DataError(
                f"in image folder {root} the images of {some([*said])} lie in no class folders; put them into some, "
                "train/class/image, or list them in a CSV with the columns path, label and split",
                key="path",
            )
        return {}
    others = [top for top in tops if top.name not in said]
    if not others:
        return split_of
    if not grouped and (len(set(said.values())) > 1 or not all(map(_folders, others))):
        raise DataError(
            f"in image folder {root} the folders {some([*said])} say splits, and {others[0].name!r} does not: move it "
            "out of the folder or call it after its split; if all of them are classes that hold groups of images, say "
            'split = "groups"',
            key="path",
        )
    return {}


def _class_home(top: Path) -> Path:
    """The folder that holds the class folders of a split: its own, or a single one in it that only holds these."""
    inside = [one for one in _folders(top) if _holds_images(one)]
    if len(inside) != 1 or _has_images(top) or not _only_holds(inside[0].name, top.name):
        return top
    return _class_home(inside[0])


def _only_holds(name: str, around: str) -> bool:
    """Whether a single folder is called as one that only holds the data: images, or as the folder around it."""
    words = re.findall("[A-Z]?[a-z]+|[A-Z]+(?![a-z])", name)
    return any(_HOLDERS.fullmatch(word.lower()) for word in words) or name.casefold() == around.casefold()


def _holder(root: Path, *, grouped: bool) -> Path:
    """The folder that holds the class or split folders: this one, or a single one in it that does no more than that.

    Folders without images are passed by. Raises DataError where the single folder might as well be the only class, with
    groups of images inside.
    """
    tops = [top for top in _folders(root) if _holds_images(top)]
    if len(tops) != 1 or _has_images(root) or split_named(tops[0].name):
        return root
    only, inside = tops[0], _folders(tops[0])
    if not inside or _has_images(only):
        return root
    named = [split_named(one.name) for one in inside]
    splits = "training" in named and (all(named) or len({*named} - {""}) > 1)
    if splits or (_only_holds(only.name, root.name) and (not grouped or any(map(_folders, inside)))):
        return _holder(only, grouped=grouped)
    if grouped:
        return root
    raise DataError(
        f"in image folder {root} the only folder {only.name!r} holds folders "
        f"({some([one.name for one in inside])}): if these are the classes, give the path {str(only)!r}; if they are "
        'groups of images of one class, say split = "groups"',
        key="path",
    )


def _left_out(others: list[Path], loose: int) -> tuple[str, ...]:
    """What looks like an image and is none of those that are read, as sentences.

    others: files of the class folders that no image's name ends like; loose: images that lie in none.
    """
    unread = [path.name for path in others if kinds.is_unread(path.name)]
    odd = [path.name for path in others if not kinds.is_unread(path.name) and kinds.looks_like_an_image(path)]
    told = [kinds.left_out(unread)] if unread else []
    if odd:
        told.append(
            f"{len(odd)} file(s) that are images by their content are left out, such as {odd[0]!r}, since their names "
            "do not end as those of images; rename them"
        )
    if loose:
        told.append(f"{loose} image(s) beside the class folders are left out")
    return tuple(told)


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
    names = {top.name for top in tops}
    inside = {top.name: [inner.name for inner in _folders(top)] for top in tops if _holds_images(top)}
    if twice := [name for name, inner in inside.items() if len(inner) > 1 and names.issuperset(inner)]:
        raise DataError(
            f"in image folder {root} the folder {twice[0]!r} holds folders of the same names as those beside it "
            f"({some(inside[twice[0]])}), as if the data lay there twice; give its path, or move it away",
            key="path",
        )
    inner = next(iter(inside.values()), [])
    alike = len(inside) > 1 and len(inner) > 1 and all(one == inner for one in inside.values())
    if not alike or any(_has_images(top) for top in tops):
        return
    if all(map(split_named, inner)):
        raise DataError(
            f"in image folder {root} every folder ({some([*inside])}) holds the splits {some(inner)}; put the splits "
            "outside, train/class/image, or list the images in a CSV with the columns path, label and split",
            key="split",
        )
    raise DataError(
        f"in image folder {root} every folder ({some([*inside])}) holds the same folders "
        f"({some(inner)}), so that either may be the classes: name the outer ones train, val and test if they are "
        'splits, give the path of one of them if they are parts, or say split = "groups" if they are classes and the '
        "inner ones groups of images",
        key="split",
    )


def _holds_images(home: Path) -> bool:
    return files.any_below(home, kinds.is_image)


def _has_images(home: Path) -> bool:
    return any(kinds.is_image(entry.name) and not files.is_aside(entry.name) for entry in home.iterdir())


def _in_classes(path: Path, root: Path, homes: Mapping[str, Path]) -> tuple[str, ...]:
    """The parts of a path from its class folder on; one of an image that lies in none.

    homes: of each split folder's name the folder that holds its class folders; none where the classes lie at the top.
    """
    parts = path.parts[len(root.parts) :]
    if not homes:
        return parts
    home = homes.get(parts[0])
    inner = path.parts[len(home.parts) :] if home and path.is_relative_to(home) else parts[:1]
    return inner if len(inner) > 1 else parts[:1]


def _entry(path: Path, root: Path, parts: tuple[str, ...], split_of: Mapping[str, str]) -> Entry:
    """An image of a class folder, perhaps in a split folder; what lies between class and image is its group."""
    name, (folder, *between) = "/".join(path.parts[len(root.parts) :]), parts[:-1]
    label, split = _label(folder), split_of.get(name.partition("/")[0], "")
    return Entry(path, label, name, split, f"{label}/{between[0]}" if between else name)


def _label(name: str) -> str:
    """A class by its name: letters with accents are written in two ways, by systems and in tables, and are the same."""
    return unicodedata.normalize("NFC", name)


def _doubtful(classes: Iterable[str], split_of: Mapping[str, str]) -> tuple[str, ...]:
    """Sentences on what may be meant otherwise: classes of nearly one name, several folders of one split."""
    told: list[str] = []
    alike: dict[str, list[str]] = {}
    for name in sorted(classes):
        alike.setdefault(" ".join(name.casefold().split()), []).append(name)
    if pairs := [" and ".join(map(repr, names)) for names in alike.values() if len(names) > 1]:
        told.append(
            f"classes {some(pairs, 3)} differ by capitals or spaces only and are read as different ones; if they are "
            "the same, say so in rename"
        )
    of_splits = {split: [repr(name) for name, own in split_of.items() if own == split] for split in SPLITS}
    several = (one for one in of_splits.items() if len(one[1]) > 1)
    told += [f"the {split} images are those of {len(names)} folders: {some(names)}" for split, names in several]
    return tuple(told)


def table(path: Path) -> Listed:
    """A CSV with the columns path and label, and if wanted split and group; paths start at the CSV's folder.

    They may lead out of it, but not where visitors are strangers (`places.is_public`). On systems where backslashes
    part no folders they are read as slashes, unless a file is called exactly so. Raises DataError when the CSV cannot
    be read, lacks a column, or has rows that cannot be used (the first is quoted).
    """
    if pointers.is_pointer(path):
        raise DataError(f"CSV {path} {pointers.WHY}", key="path")
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.DictReader(file, strict=True, delimiter=_delimiter(file))
            head = [str(name).strip() for name in rows.fieldnames or ()]
            rows.fieldnames = head
            if any(not word.isprintable() for word in head):
                raise DataError(f"CSV {path} is no text; save the table as CSV, UTF-8 with commas", key="path")
            if twice := [name for name in ("path", "label", "split", "group") if head.count(name) > 1]:
                raise DataError(
                    f"CSV {path} has {head.count(twice[0])} columns {twice[0]!r}; name one of them so", key="path"
                )
            if lacking := [name for name in ("path", "label") if name not in head]:
                raise DataError(
                    f"CSV {path} lacks the column {lacking[0]!r}; its first line must name path, label, and if wanted "
                    f"split and group, separated by commas, and names {', '.join(head) or 'nothing'}"
                )
            numbered = []
            for row in rows:
                if None in row:
                    raise DataError(
                        f"CSV {path}, line {rows.line_num}: there are more fields than the {len(head)} that the first "
                        "line names; put names with commas between double quotes",
                        key="path",
                    )
                numbered.append((rows.line_num, {key: (row[key] or "").strip() for key in head}))
    except FileNotFoundError:
        raise DataError(f"CSV {path} does not exist; it should list images in the columns path and label") from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"CSV {path} cannot be read ({error}); save it as UTF-8 with commas") from None
    return _listed(path, numbered)


def _listed(path: Path, numbered: list[tuple[int, dict[str, str]]]) -> Listed:
    lines: dict[str, int] = {}
    entries, problems, turned = [], [], 0
    for line, row in numbered:
        given = row["path"]
        row["path"] = _with_slashes(given, path.parent)
        turned += row["path"] != given
        if why := _problem(row, lines):
            problems.append(f"line {line}: {why}")
            continue
        lines[os.path.normpath(row["path"])] = line
        split = split_named(row["split"]) if row.get("split") else ""
        group = row.get("group") or row["path"]
        entries.append(Entry(path.parent / row["path"], _label(row["label"]), row["path"], split, group))
    if problems:
        more = f" (and {len(problems) - 1} more lines like it)" if len(problems) > 1 else ""
        raise DataError(f"CSV {path.name if places.is_public() else path}, {problems[0]}{more}")
    if not entries:
        raise DataError(f"CSV {path} lists no image; each line after the first should hold a path and a label")
    if any(entry.split for entry in entries) and not all(entry.split for entry in entries):
        raise DataError(f"CSV {path} gives a split for some images only; give it for all of them, or leave it out")
    classes = tuple(sorted({entry.label for entry in entries}))
    told = (f"{turned:,} path(s) in {path.name} have backslashes, which are read as slashes",) if turned else ()
    return Listed(tuple(entries), classes, told=(*told, *_doubtful(classes, {})))


def _delimiter(file: TextIO) -> str:
    """What parts the columns: commas, or semicolons or tabs in a first line that has no comma."""
    first = file.readline()
    file.seek(0)
    return next((sign for sign in ",;\t" if sign in first), ",")


def _with_slashes(given: str, home: Path) -> str:
    """A path as it is on this system: backslashes part folders on Windows only."""
    if os.sep == "\\" or "\\" not in given or (home / given).exists():
        return given
    return given.replace("\\", "/")


def _problem(row: dict[str, str], lines: dict[str, int]) -> str:
    given, split = row["path"], row.get("split", "")
    if not given or not row["label"]:
        return "path and label must not be empty"
    if os.sep == "/" and PureWindowsPath(given).drive:
        return f"path {given!r} is one of Windows; give the path that the image has on this system"
    # Windows' rules know drives and both kinds of slash, so they see every way out of the folder.
    out = PureWindowsPath(given).anchor or PurePath(given).is_absolute() or ".." in PureWindowsPath(given).parts
    if out and places.is_public():
        return "path leads out of the CSV's folder, where a server for strangers (TLX_PUBLIC) reads nothing"
    if (first := lines.get(os.path.normpath(given))) is not None:
        return f"image {given!r} is in line {first} already; list each image once"
    if split and not split_named(split):
        return f"split {split!r} is unknown; use train, val or test"
    return ""
