"""Results become plain JSON and arrays and come back the same; what does not fit its type is refused."""

from __future__ import annotations

import io
import json
import math
from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any, get_args

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from tlx import pipeline, results
from tlx.casefiles import builtin
from tlx.cases import Case
from tlx.storage import codec
from tlx.storage.memory import Memoized

RESULTS = [one for one in vars(results).values() if is_dataclass(one) and one.__module__ == "tlx.results"]
MEMOIZED = [one for one in vars(pipeline).values() if isinstance(one, Memoized)]
ANSWERS = {str(one._hint): one._hint for one in MEMOIZED if one._hint not in RESULTS}.values()


def there_and_back(value: Any, hint: Any) -> Any:
    """Through the text of a file, as a bundle keeps it."""
    kept: dict[str, bytes] = {}

    def put(content: bytes, suffix: str) -> str:
        kept[name := f"{len(kept)}.{suffix}"] = content
        return name

    return codec.decode(json.loads(json.dumps(codec.encode(value, hint, put))), hint, kept.__getitem__)


def _nowhere(content: bytes, suffix: str) -> str:
    return ""


def _empty(name: str) -> bytes:
    return b""


def same(one: Any, other: Any) -> bool:
    """Equal in type, shape, every bit of every number and every text, however they are stored."""
    if isinstance(one, results.ShortFloats) and not isinstance(other, results.ShortFloats):
        return same(np.asarray(one), other)
    if isinstance(one, np.ndarray):
        return one.dtype == other.dtype and one.shape == other.shape and np.array_equal(*map(bits, (one, other)))
    if isinstance(one, pd.DataFrame):
        kinds = one.dtypes.to_dict() == other.dtypes.to_dict() and one.index.equals(other.index)
        return kinds and all(same(np.array(one[name]), np.array(other[name])) for name in one)
    if is_dataclass(one):
        return type(one) is type(other) and all(same(getattr(one, f.name), getattr(other, f.name)) for f in fields(one))
    if isinstance(one, Mapping):
        return list(one) == list(other) and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return type(one) is type(other) and len(one) == len(other) and all(map(same, one, other))
    return one == other or (one != one and other != other)


def bits(array: np.ndarray) -> np.ndarray:
    return array if array.dtype.kind in "OU" else np.frombuffer(np.ascontiguousarray(array).tobytes(), np.uint8)


ARRAYS = arrays.arrays(
    st.sampled_from([np.float32, np.float64, np.int32, np.int64, np.uint8, np.bool_, "U6"]),
    arrays.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4),
)
OBJECTS = st.lists(st.text(max_size=5)).map(lambda texts: np.array([*texts, None], dtype=object)[:-1])
FRAMES = st.lists(st.tuples(st.text(max_size=4), st.floats(), st.integers(-9, 9), st.booleans()), max_size=4).map(
    lambda rows: pd.DataFrame(rows, columns=["text", "number", "count", "flag"]).astype({"text": "str"})
)
st.register_type_strategy(np.ndarray, ARRAYS | OBJECTS)
st.register_type_strategy(pd.DataFrame, FRAMES)
st.register_type_strategy(Mapping, lambda kind: st.dictionaries(*map(st.from_type, get_args(kind))))


@pytest.mark.parametrize("hint", [*RESULTS, *ANSWERS], ids=str)
def test_every_result_comes_back_the_same(hint: Any) -> None:
    """Whatever its arrays, tables, texts and numbers are: NaN, infinities, empty shapes and odd texts too."""

    @settings(max_examples=8, deadline=None, database=None)
    @given(st.from_type(hint))
    def holds(value: Any) -> None:
        assert same(value, there_and_back(value, hint))

    holds()


def test_a_case_comes_back_and_may_lack_an_option_that_was_added_later() -> None:
    case = builtin.cases()["digits"]
    assert there_and_back(case, Case) == case
    said = codec.encode(case, Case, _nowhere)
    del said["precision"]
    assert codec.decode(said, Case, _empty) == replace(case, precision="float32")


def npy(array: np.ndarray, **settings: bool) -> bytes:
    file = io.BytesIO()
    np.save(file, array, **settings)
    return file.getvalue()


def claims(shape: str) -> bytes:
    """A .npy file whose header claims a shape that its eight bytes do not fill."""
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, {"descr": "<f8", "fortran_order": False, "shape": (1,)})
    return file.getvalue().replace(b"(1,)", shape.encode()) + bytes(8)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (npy(np.array([{}], dtype=object), allow_pickle=True), "arrays of type object"),
        (npy(np.zeros(3, dtype=[("a", "O")]), allow_pickle=True), "are not read"),
        (npy(np.zeros(3, dtype="M8[s]")), "datetime64"),
        (npy(np.zeros(3))[:-1], "does not have 23 bytes"),
        (claims("(9,)"), "does not have 8 bytes"),
        (b"\x93NUMPY\x01\x00\x10\x00__import__('os')", "header cannot be read"),
        (b"PK\x03\x04", "header cannot be read"),
        (b"", "header cannot be read"),
    ],
)
def test_an_array_that_is_not_plain_numbers_is_refused(content: bytes, said: str) -> None:
    with pytest.raises(codec.CodecError, match=said):
        codec.parse_array(content)


@pytest.mark.parametrize(
    ("value", "hint"),
    [
        (True, int),
        (1.5, int),
        (1, str),
        (None, str),
        ("NaN", float),
        (["a"], tuple[str, str]),
        ([["a", 1, 2]], dict[str, int]),
        ({"name": "x"}, results.Layer),
        ({"name": "x", "odd": 1}, results.Layer),
        ([7, 1], int | None),
        ({"rows": 1, "columns": []}, list[int]),
        ({"rows": 2, "columns": [["a", "str", ["one"]]]}, pd.DataFrame),
        ({"rows": 1, "columns": [["a", "category", ["one"]]]}, pd.DataFrame),
        ({"shape": [2, 2], "texts": ["a"]}, np.ndarray),
        ("x", object),
    ],
)
def test_json_of_another_shape_is_refused(value: Any, hint: Any) -> None:
    with pytest.raises(codec.CodecError):
        codec.decode(value, hint, _empty)


def test_values_of_another_type_are_not_written() -> None:
    for value, hint in ((1, str), (True, int), ("a", float), (np.array([object()]), np.ndarray), (3, list[int] | None)):
        with pytest.raises((codec.CodecError, TypeError)):
            codec.encode(value, hint, _nowhere)
    with pytest.raises(codec.CodecError, match="index of its own"):
        codec.encode(pd.DataFrame({"a": [1]}, index=["x"]), pd.DataFrame, _nowhere)


def test_numbers_keep_every_bit() -> None:
    """float32 stays float32, and a float is written with all its digits."""
    third = np.float32(1) / 3
    assert there_and_back(np.array([third]), np.ndarray).tobytes() == np.array([third]).tobytes()
    assert there_and_back(0.1 + 0.2, float) == 0.1 + 0.2
    assert math.isnan(there_and_back(math.nan, float))
