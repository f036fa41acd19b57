"""Results as plain JSON and arrays, and back, led by their type hints: a file never says what class to build.

`encode` takes a value and the hint it was declared with, and hands every array and every byte string to `put`, which
answers with the name it is kept under; `decode` asks `get` for them. Only the dataclasses of `ALLOWED` modules are
known, objects are never unpickled, and whatever does not fit its hint raises `CodecError`.
"""

from __future__ import annotations

import dataclasses
import functools
import io
import math
import types
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Union, get_args, get_origin, get_type_hints

import numpy as np
import pandas as pd

from tlx.results import ShortFloats

_MAPPINGS = (dict, Mapping)
ALLOWED = ("tlx.results", "tlx.cases")
_KINDS = "biufU"  # of arrays that are kept as .npy: truth values, numbers, fixed-width text
_NOT_FINITE = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}
_SIMPLE: dict[type, Any] = {str: str, bool: (bool, np.bool_), int: (int, np.integer), float: (int, float, np.number)}

Put = Callable[[bytes, str], str]  # (content, suffix) -> name
Get = Callable[[str], bytes]


class CodecError(ValueError):
    """A value does not fit the type it should have."""


def encode(value: Any, hint: Any, put: Put) -> Any:
    """`value`, declared as `hint`, as JSON; arrays and bytes go to `put`."""
    if hint in _SIMPLE:
        return _encode_simple(value, hint)
    if hint is bytes:
        return put(_of(value, bytes), "bin")
    if hint is np.ndarray:
        return _encode_array(np.asarray(value) if isinstance(value, ShortFloats) else _of(value, np.ndarray), put)
    if hint is pd.DataFrame:
        return _encode_frame(_of(value, pd.DataFrame), put)
    if _is_known(hint):
        return {name: encode(getattr(_of(value, hint), name), kind, put) for name, kind in _fields(hint).items()}
    container, parts = get_origin(hint), get_args(hint)
    if container in (Union, types.UnionType):
        return _encode_either(value, parts, put)
    if container in _MAPPINGS:
        return [[encode(key, parts[0], put), encode(one, parts[1], put)] for key, one in _of(value, Mapping).items()]
    if container in (tuple, list):
        return [encode(one, kind, put) for one, kind in zip(value, _kinds(hint, len(value)), strict=True)]
    raise CodecError(f"{hint} is no type that is written to files")


def decode(encoded: Any, hint: Any, get: Get) -> Any:
    """The value of type `hint` that `encode` made this JSON of. Raises CodecError where it is something else."""
    if hint in _SIMPLE:
        return _decode_simple(encoded, hint)
    if hint is bytes:
        return get(_of(encoded, str))
    if hint is np.ndarray:
        return _decode_array(encoded, get)
    if hint is pd.DataFrame:
        return _decode_frame(_of(encoded, dict), get)
    if _is_known(hint):
        return _decode_known(encoded, hint, get)
    container, parts = get_origin(hint), get_args(hint)
    if container in (Union, types.UnionType):
        return _decode_either(encoded, parts, get)
    if container in _MAPPINGS:
        pairs = [_of(pair, list) for pair in _of(encoded, list)]
        if any(len(pair) != 2 for pair in pairs):
            raise CodecError("a mapping must hold pairs")
        return {decode(key, parts[0], get): decode(one, parts[1], get) for key, one in pairs}
    if container in (tuple, list):
        kinds = _kinds(hint, len(_of(encoded, list)))
        return container(decode(one, kind, get) for one, kind in zip(encoded, kinds, strict=True))
    raise CodecError(f"{hint} is no type that is read from files")


def parse_array(content: bytes) -> np.ndarray:
    """The read-only array of a .npy file's content; refuses objects and any size but the one its header says."""
    file = io.BytesIO(content)
    try:
        version = np.lib.format.read_magic(file)
        if version not in ((1, 0), (2, 0)):
            raise CodecError(f"arrays of .npy version {version} are not read")
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, fortran, dtype = read(file)
    except ValueError as error:
        raise CodecError(f"an array's header cannot be read ({error})") from None
    if dtype.kind not in _KINDS or dtype.hasobject:
        raise CodecError(f"arrays of type {dtype} are not read")
    start = file.tell()
    if math.prod(shape) * dtype.itemsize != len(content) - start or any(size < 0 for size in shape):
        raise CodecError(f"an array of shape {shape} and type {dtype} does not have {len(content) - start} bytes")
    flat = np.frombuffer(content, dtype, offset=start) if len(content) > start else np.empty(0, dtype)
    return flat.reshape(shape, order="F" if fortran else "C")


def _of(value: Any, kind: type) -> Any:
    if not isinstance(value, kind):
        raise CodecError(f"expected {kind.__name__}, found {type(value).__name__}")
    return value


def _encode_simple(value: Any, hint: type) -> Any:
    if not isinstance(value, _SIMPLE[hint]) or (isinstance(value, bool | np.bool_) and hint is not bool):
        raise CodecError(f"expected {hint.__name__}, found {type(value).__name__}")
    if hint is not float:
        return hint(value)
    number = float(value)
    if math.isfinite(number):
        return int(value) if isinstance(value, int | np.integer) else number
    return str(number)


def _decode_simple(encoded: Any, hint: type) -> Any:
    if hint is float and isinstance(encoded, str):
        if encoded not in _NOT_FINITE:
            raise CodecError(f"{encoded[:20]!r} is no number")
        return _NOT_FINITE[encoded]
    wanted = (int, float) if hint is float else (hint,)
    if type(encoded) not in wanted:
        raise CodecError(f"expected {hint.__name__}, found {type(encoded).__name__}")
    return encoded


def _kinds(hint: Any, count: int) -> Sequence[Any]:
    """The hints of a tuple's or list's `count` parts."""
    parts = get_args(hint)
    if get_origin(hint) is list or parts[-1] is Ellipsis:
        return [parts[0]] * count
    if len(parts) != count:
        raise CodecError(f"expected {len(parts)} parts, found {count}")
    return parts


def _encode_either(value: Any, parts: tuple[Any, ...], put: Put) -> Any:
    """One of several types; None, where allowed, is null. The first that takes the value is remembered by number."""
    if value is None and type(None) in parts:
        return None
    for at, part in enumerate(parts):
        if isinstance(value, bool) and part is int:  # Python calls a bool an int
            continue
        if part is not type(None) and (not isinstance(part, type) or isinstance(value, part)):
            return [at, encode(value, part, put)]
    raise CodecError(f"{type(value).__name__} is none of {parts}")


def _decode_either(encoded: Any, parts: tuple[Any, ...], get: Get) -> Any:
    if encoded is None and type(None) in parts:
        return None
    at, one = _of(encoded, list) if isinstance(encoded, list) and len(encoded) == 2 else (None, None)
    if type(at) is not int or not 0 <= at < len(parts):
        raise CodecError("one of several types must be named by its number")
    return decode(one, parts[at], get)


def _is_known(hint: Any) -> bool:
    return isinstance(hint, type) and dataclasses.is_dataclass(hint) and hint.__module__ in ALLOWED


@functools.cache
def _fields(known: type) -> dict[str, Any]:
    hints = get_type_hints(known)
    return {field.name: hints[field.name] for field in dataclasses.fields(known)}


@functools.cache
def _needed(known: type) -> set[str]:
    missing = dataclasses.MISSING
    return {one.name for one in dataclasses.fields(known) if one.default is missing and one.default_factory is missing}


def _decode_known(encoded: Any, known: type, get: Get) -> Any:
    kinds, given = _fields(known), set(_of(encoded, dict))
    if not _needed(known) <= given <= set(kinds):  # what has a default may have been unknown to the writer
        raise CodecError(f"a {known.__name__} has the parts {', '.join(kinds)}")
    return known(**{name: decode(encoded[name], kind, get) for name, kind in kinds.items() if name in given})


def _encode_array(array: np.ndarray, put: Put) -> Any:
    if array.dtype.kind == "O":
        texts = [_of(one, str) for one in array.ravel().tolist()]
        return {"shape": list(array.shape), "texts": texts}
    if array.dtype.kind not in _KINDS:
        raise CodecError(f"arrays of type {array.dtype} are not written")
    file = io.BytesIO()
    np.lib.format.write_array(file, np.asarray(array, order="C"), allow_pickle=False)
    return put(file.getvalue(), "npy")


def _decode_array(encoded: Any, get: Get) -> np.ndarray:
    if isinstance(encoded, str):
        return parse_array(get(encoded))
    if set(_of(encoded, dict)) != {"shape", "texts"}:
        raise CodecError("an array of texts has a shape and texts")
    shape, texts = [decode(encoded[name], kind, get) for name, kind in (("shape", list[int]), ("texts", list[str]))]
    if math.prod(shape) != len(texts) or any(size < 0 for size in shape):
        raise CodecError(f"{len(texts)} texts do not fill the shape {shape}")
    array = np.empty(len(texts), dtype=object)
    array[:] = texts
    return array.reshape(shape)


def _encode_frame(frame: pd.DataFrame, put: Put) -> Any:
    """Columns by name; rows are counted from 0, as the index of every stored table is."""
    if not frame.index.equals(pd.RangeIndex(len(frame))):
        raise CodecError("a table with an index of its own is not written")
    columns = []
    for name, column in frame.items():
        kind = str(column.dtype)
        if kind in ("str", "object"):
            texts = [None if one is None or one != one else _of(one, str) for one in column.tolist()]
            columns.append([_of(name, str), kind, texts])
        else:
            columns.append([_of(name, str), "array", _encode_array(column.to_numpy(), put)])
    return {"rows": len(frame), "columns": columns}


def _decode_frame(encoded: dict[str, Any], get: Get) -> pd.DataFrame:
    if set(encoded) != {"rows", "columns"}:
        raise CodecError("a table has rows and columns")
    rows, columns = decode(encoded["rows"], int, get), {}
    for entry in decode_list(encoded["columns"], 3):
        name, kind, content = entry
        if kind == "array":
            values: Any = np.array(_decode_array(content, get))  # a copy: tables may be written to
        elif kind in ("str", "object"):
            values = pd.Series(_texts(content), dtype=kind)
        else:
            raise CodecError(f"a column cannot be {str(kind)[:20]!r}")
        if len(values) != rows:
            raise CodecError(f"a column of {len(values)} values in a table of {rows} rows")
        columns[_of(name, str)] = values
    return pd.DataFrame(columns, index=pd.RangeIndex(rows))


def decode_list(encoded: Any, parts: int) -> list[list[Any]]:
    """A list of lists of so many parts each."""
    if any(len(_of(one, list)) != parts for one in _of(encoded, list)):
        raise CodecError(f"expected lists of {parts} parts")
    lists: list[list[Any]] = encoded
    return lists


def _texts(encoded: Any) -> list[str | None]:
    return [None if one is None else _of(one, str) for one in _of(encoded, list)]
