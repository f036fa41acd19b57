"""Bundles: the stored results of a case in one file, read without torch, on any machine (docs/bundles.md).

A `.tlx` file is a zip of `manifest.json`, `values/<digest>.npy|json|bin` and nothing else. The manifest holds the
format, the case, its fingerprints, size and SHA-256 of every value, and for each result the function, its arguments and
the value as `codec` writes it. Nothing is ever unpacked to disk or unpickled.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import Any

from tlx import pointers
from tlx.cases import Case
from tlx.errors import BundleError, EmptyError, NotExportedError, SelectionError, UserError
from tlx.storage import codec

SUFFIX = ".tlx"
PARTS = ("data", "models", "analysis")  # of a case, each with a fingerprint
SHIPPED = {"digits": Path(__file__).parent.parent / "data" / "digits" / "results.tlx"}
FORMAT = 1
MANIFEST = "manifest.json"
INLINE = 400  # characters of a value that stands in the manifest itself
LARGEST = 2**31  # bytes of one value, unpacked
MANIFEST_LARGEST = 2**27
RATIO = 200  # times its own size a bundle may unpack to, beyond 64 MiB; deflate alone reaches 1,000 on zeros
_log = logging.getLogger("tlx.bundles")
_EPOCH = (1980, 1, 1, 0, 0, 0)  # of every entry, so that the same results make the same file
_ERRORS: dict[str, type[UserError]] = {"EmptyError": EmptyError, "SelectionError": SelectionError}
_DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError)


def key_of(function: str, arguments: Mapping[str, Any]) -> str:
    """What a result is found by: its function and arguments; tuples and lists of the same are the same."""
    return f"{function} {json.dumps(arguments, sort_keys=True, default=int)}"


class Writer:
    """Writes a bundle; the file appears under its name when it is whole."""

    def __init__(self, path: Path, case: Case, results_version: int) -> None:
        self._path, self._partial = path, path.with_name(f".{path.name}.{os.getpid()}.part")
        self._zip = zipfile.ZipFile(self._partial, "w", zipfile.ZIP_DEFLATED, compresslevel=9)
        self._values: dict[str, list[Any]] = {}
        self._results: dict[str, Any] = {}
        self._head = {
            "format": FORMAT,
            "results_version": results_version,
            "case": codec.encode(_without_places(case), Case, self._put),
            "fingerprints": {part: case.fingerprint(part) for part in PARTS},
        }

    def add(self, function: str, arguments: Mapping[str, Any], value: Any, hint: Any) -> None:
        """Adds one result of the type `hint`."""
        encoded = codec.encode(value, hint, self._put)
        text = json.dumps(encoded, separators=(",", ":"))
        kept = ["value", encoded] if len(text) < INLINE else ["json", self._put(text.encode(), "json")]
        self._results[key_of(function, arguments)] = kept

    def add_error(self, function: str, arguments: Mapping[str, Any], error: UserError) -> None:
        """Adds that a result does not exist, and the sentence that says why."""
        self._results[key_of(function, arguments)] = [type(error).__name__, str(error)]

    def holds(self, function: str, arguments: Mapping[str, Any]) -> bool:
        return key_of(function, arguments) in self._results

    def __len__(self) -> int:
        return len(self._results)

    def _put(self, content: bytes, suffix: str) -> str:
        digest = hashlib.sha256(content).hexdigest()
        name = f"values/{digest[:32]}.{suffix}"
        if name not in self._values:
            self._values[name] = [len(content), digest]
            self._write(name, content)
        return name

    def _write(self, name: str, content: bytes) -> None:
        packing = zipfile.ZIP_STORED if name.endswith(".bin") else zipfile.ZIP_DEFLATED
        entry = zipfile.ZipInfo(name, _EPOCH)
        self._zip.writestr(entry, content, packing, compresslevel=9)

    def __enter__(self) -> Writer:
        return self

    def __exit__(self, failed: type[BaseException] | None, *_: object) -> None:
        try:
            if failed is None:
                manifest = self._head | {"values": self._values, "results": self._results}
                self._write(MANIFEST, json.dumps(manifest, separators=(",", ":")).encode())
                self._zip.close()
                self._partial.replace(self._path)
        finally:
            self._zip.close()
            self._partial.unlink(missing_ok=True)


def _without_places(case: Case) -> Case:
    """The case without a path of the machine it was computed on."""

    def plan(model: str) -> Any:
        return replace(case.plan(model), checkpoint="", history="", initial="")

    return replace(
        case,
        source=replace(case.source, path=""),
        target=replace(case.target, path=""),
        source_model=plan("source"),
        target_model=plan("target"),
        home="",
    )


@dataclass(frozen=True, eq=False)
class Bundle:
    """An open bundle.

    values: (size, SHA-256) by name; results: [kind, content] by key, see `key_of`; digest: of the manifest, which has
    the digests of everything else.
    """

    path: Path
    case: Case
    results_version: int
    fingerprints: Mapping[str, str]
    values: Mapping[str, tuple[int, str]]
    results: Mapping[str, tuple[str, Any]]
    digest: str
    _zip: zipfile.ZipFile
    _lock: Lock

    def holds(self, key: str) -> bool:
        return key in self.results

    def read(self, key: str, hint: Any) -> Any:
        """The result of this key, which has the type `hint`. Raises the UserError that was exported in its place."""
        kind, content = self.results[key]
        if kind in _ERRORS:
            raise _ERRORS[kind](str(content))
        with _refusing(self.path):
            encoded = json.loads(self._get(content)) if kind == "json" else content
            return codec.decode(encoded, hint, self._get)

    def answer(self, key: str, hint: Any) -> tuple[Any] | None:
        """The result in a tuple of one; None where it is missing or damaged, so that it is computed instead."""
        try:
            return (self.read(key, hint),) if self.holds(key) else None
        except BundleError as error:
            _log.warning("%s; the result is computed instead", error)
            return None

    def verify(self) -> None:
        """Reads everything once. Raises BundleError where anything differs from what was written."""
        with _refusing(self.path):
            for name in self.values:
                self._get(name)

    def _get(self, name: str) -> bytes:
        if name not in self.values:
            raise codec.CodecError(f"value {name[:60]!r} is not listed")
        size, digest = self.values[name]
        with self._lock, self._zip.open(name) as file:
            content = file.read(size + 1)
        if len(content) != size or hashlib.sha256(content).hexdigest() != digest:
            raise codec.CodecError(f"value {name!r} is not what was written")
        return content


@contextmanager
def _refusing(path: Path) -> Iterator[None]:
    """Whatever is wrong with a file becomes one sentence."""
    try:
        yield
    except _DAMAGE as error:
        why = str(error) or type(error).__name__
    except (codec.CodecError, ValueError, TypeError, LookupError, AttributeError, RecursionError, MemoryError) as error:
        why = str(error) if isinstance(error, codec.CodecError) else f"its manifest is not sound ({error})"
    else:
        return
    raise BundleError(
        f"bundle {path} is damaged or was not made by tlx: {why}; copy it again, or make it anew with "
        "python -m tlx export"
    )


def opened(path: Path) -> Bundle:
    """The bundle at `path`, opened once for each state of the file. Raises BundleError for anything else."""
    try:
        facts = path.stat()
    except OSError:
        raise BundleError(f"bundle {path} does not exist; give the path of a {SUFFIX} file") from None
    if pointers.is_pointer(path):
        raise BundleError(f"bundle {path} {pointers.WHY}")
    return _opened(path, facts.st_size, facts.st_mtime_ns)


@lru_cache(maxsize=8)
def _opened(path: Path, size: int, modified: int) -> Bundle:
    with _refusing(path):
        archive = zipfile.ZipFile(path)
        entries = {entry.filename: entry for entry in archive.infolist()}
        _check_sizes(entries.values(), len(archive.infolist()), size)
        text = archive.read(MANIFEST)
        manifest = json.loads(text)
        if manifest["format"] != FORMAT:
            raise codec.CodecError(f"it has format {str(manifest['format'])[:20]}, and this tlx reads {FORMAT}")
        values = {name: (int(one[0]), str(one[1])) for name, one in manifest["values"].items()}
        strange = set(entries) ^ {MANIFEST, *values}
        if strange:
            raise codec.CodecError(f"it holds or lacks the entry {min(strange)[:60]!r}")
        if any(entries[name].file_size != value[0] for name, value in values.items()):
            raise codec.CodecError("an entry has another size than its manifest says")
        return Bundle(
            path=path,
            case=codec.decode(manifest["case"], Case, _nothing),
            results_version=codec.decode(manifest["results_version"], int, _nothing),
            fingerprints={part: str(manifest["fingerprints"][part]) for part in PARTS},
            values=values,
            results={key: _result(one) for key, one in manifest["results"].items()},
            digest=hashlib.sha256(text).hexdigest(),
            _zip=archive,
            _lock=Lock(),
        )


def _check_sizes(entries: Iterable[zipfile.ZipInfo], count: int, size: int) -> None:
    """Refuses what would fill the memory: a file of little that unpacks to a lot, entries that overlap or repeat."""
    sizes = {entry.filename: (entry.file_size, entry.compress_size) for entry in entries}
    if MANIFEST not in sizes or len(sizes) != count:
        raise codec.CodecError("it has no manifest, or an entry twice")
    if sizes[MANIFEST][0] > MANIFEST_LARGEST or any(unpacked > LARGEST for unpacked, _ in sizes.values()):
        raise codec.CodecError("an entry is larger than any that tlx writes")
    unpacked, packed = (sum(one[at] for one in sizes.values()) for at in (0, 1))
    if packed > size or unpacked > RATIO * size + 2**26:
        raise codec.CodecError("it would unpack to far more than its size")


def _result(entry: Any) -> tuple[str, Any]:
    kind, content = entry
    if kind not in ("value", "json", *_ERRORS) or (kind != "value" and not isinstance(content, str)):
        raise codec.CodecError(f"a result cannot be of kind {str(kind)[:20]!r}")
    return kind, content


def _nothing(name: str) -> bytes:
    raise codec.CodecError("a case holds no arrays")


@lru_cache(maxsize=8)
def _verified(bundle: Bundle) -> Bundle:
    bundle.verify()
    return bundle


def load(path: Path, results_version: int) -> Case:
    """The case of a bundle, checked to the last byte; its results are those of the file and no others."""
    bundle = _verified(opened(path))
    if bundle.results_version != results_version:
        raise BundleError(
            f"bundle {path} holds results of version {bundle.results_version}, and this tlx has version "
            f"{results_version}: export it again with this tlx, or open it with the one that made it"
        )
    return replace(bundle.case, bundle=str(path.absolute()), files=(*bundle.case.files, ("bundle", bundle.digest)))


def shipped(case: Case, part: str, results_version: int) -> Bundle | None:
    """The results that come with tlx for this case, as long as they are of this very case and tlx.

    TLX_SHIPPED=0 leaves them aside, so that everything is computed.
    """
    path = SHIPPED.get(case.name)
    if path is None or os.environ.get("TLX_SHIPPED") == "0" or not path.is_file():
        return None
    try:
        bundle = opened(path)
    except BundleError as error:
        _log.warning("%s; its results are computed instead", error)
        return None
    same = bundle.results_version == results_version and bundle.fingerprints.get(part) == case.fingerprint(part)
    return bundle if same else None


def of(case: Case) -> Bundle:
    """The bundle that a case was opened from."""
    return opened(Path(case.bundle))


def exported(case: Case, function: str, arguments: Mapping[str, Any], hint: Any) -> Any:
    """A result of a bundle's case. Raises NotExportedError where the bundle does not hold it."""
    key = key_of(function, arguments)
    bundle = of(case)
    if not bundle.holds(key):
        raise NotExportedError(
            f"this case is a bundle, and {words(function, arguments)} was not exported; compute it with the original "
            "case and export again"
        )
    return bundle.read(key, hint)


def words(function: str, arguments: Mapping[str, Any]) -> str:
    """What is missing, as a sentence names it."""
    what = function.rpartition(".")[2].strip("_").replace("_", " ")
    choice = ", ".join(str(one) for one in arguments.values() if one is not None)
    return (
        f"the result “{what}” for {choice if len(choice) < 60 else 'this choice'}" if choice else f"the result “{what}”"
    )
