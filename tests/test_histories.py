"""A history CSV is read with other columns in it, and its first wrong line is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from tlx.errors import DataError
from tlx.training import histories

GOOD = """model,domain,split,epoch,accuracy,n,seconds
source,source,training,0,0.1,48,3
source, Target ,validation,1,,12,3
target,target,validation,1,1,12,3
scratch,target,validation,1,0.5,12,3
"""


def read(home: Path, text: str, model: str = "source") -> list[tuple[object, ...]]:
    (home / "history.csv").write_text(text)
    return list(histories.read(home / "history.csv", model).itertuples(index=False, name=None))


def test_the_rows_of_one_model_are_read(tmp_path: Path) -> None:
    first, second = read(tmp_path, GOOD)
    assert first == ("source", "source", "training", 0, 0.1, 48)
    assert second[:4] == ("source", "target", "validation", 1)
    assert second[4] != second[4]  # unknown
    assert [row[0] for row in read(tmp_path, GOOD, "target")] == ["target", "scratch"]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            "source,source,training,0,0.1",
            "source,source,training,0,97.2",
            r"line 2: accuracy is '97.2'.*divide percent",
        ),
        ("0.5", "-0.5", r"line 5: accuracy is '-0.5'"),
        ("0.5", "half", r"line 5: accuracy is 'half'"),
        (
            "target,target,validation",
            "teacher,target,validation",
            r"line 4: model is 'teacher'.*source, target, scratch",
        ),
        ("target,target,validation", "target,target,test", r"line 4: split is 'test'.*training, validation"),
        ("target,target,validation", "target,,validation", r"line 4: domain is empty"),
        (",1,1,12", ",1.5,1,12", r"line 4: epoch is '1.5'.*whole number"),
        (",1,1,12", ",1,1,many", r"line 4: n is 'many'"),
        ("epoch,accuracy,n", "epoch,acc,count", r"lacks the column\(s\) accuracy, n; it needs model, domain"),
        (GOOD, "", "cannot be read as CSV: No columns"),
        (GOOD, 'model,"', "cannot be read as CSV"),
    ],
)
def test_a_wrong_line_is_named(tmp_path: Path, old: str, new: str, said: str) -> None:
    with pytest.raises(DataError, match=said) as caught:
        read(tmp_path, GOOD.replace(old, new, 1))
    assert "\n" not in str(caught.value)
    assert "history.csv" in str(caught.value)


def test_a_history_that_is_missing_or_a_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none\.csv does not exist"):
        histories.read(tmp_path / "none.csv", "source")
    with pytest.raises(DataError, match="cannot be read as CSV"):
        histories.read(tmp_path, "source")


def test_a_pointer_of_large_file_storage_is_named(tmp_path: Path) -> None:
    with pytest.raises(
        DataError, match=r"history .*\.csv is a pointer of Git LFS, not the file itself; run git lfs pull"
    ):
        read(tmp_path, "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a214614ab2935\nsize 12345\n")
