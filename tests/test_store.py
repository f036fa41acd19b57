"""Whatever happens to an entry or to the disk, a result is right, and what was made good is said in one sentence."""

from __future__ import annotations

import os
import pickle
import shutil
import signal
import threading
from pathlib import Path

import faults
import joblib
import numpy as np
import pytest
import remembering
from remembering import CASE, deadly, numbers, shape, slowly, written

from tlx.storage import incidents, memory, store
from tlx.storage.memory import NotStoredError, reading_only


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("TLX_CACHE", str(tmp_path / "store"))
    monkeypatch.setenv(remembering.COMPUTED, str(tmp_path / "computed"))
    monkeypatch.setattr(incidents, "_notices", {})
    store.HELD.clear()
    return tmp_path / "store"


def entry(home: Path) -> Path:
    (found,) = home.glob(f"v*/*/remembering/*/*/{store.ENTRY}")
    return found


def cut_short(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def empty(path: Path) -> None:
    os.truncate(path, 0)


def foreign_joblib(path: Path) -> None:
    joblib.dump({"squares": np.zeros(1000)}, path)


class Planted:
    ran = False

    def __reduce__(self):
        return setattr, (Planted, "ran", True)


def foreign_pickle(path: Path) -> None:
    path.write_bytes(pickle.dumps(Planted()))


FOREIGN = "it is cut short or was not written by this program"


@pytest.mark.parametrize(
    ("damage", "fault"),
    [
        (cut_short, FOREIGN),
        (empty, FOREIGN),
        (foreign_joblib, FOREIGN),
        (foreign_pickle, FOREIGN),
    ],
    ids=lambda given: getattr(given, "__name__", ""),
)
def test_a_damaged_entry_is_computed_again_with_a_notice(
    home: Path, damage, fault: str, caplog: pytest.LogCaptureFixture
) -> None:
    numbers(CASE, "a")
    damage(entry(home))
    assert not numbers.is_stored(CASE, "a")
    with reading_only(), pytest.raises(NotStoredError):
        numbers(CASE, "a")
    assert numbers(CASE, "a")["squares"].tolist() == [at**2 for at in range(1000)]
    assert [name for name in written() if name == "a"] == ["a", "a"]
    assert not Planted.ran
    (said,) = incidents.recent()
    assert said.startswith(f"A stored result of numbers could not be used ({fault})")
    assert [record.getMessage() for record in caplog.records] == [said]
    assert numbers(CASE, "a")["squares"][9] == 81
    assert written().count("a") == 2


def test_an_entry_that_is_whole_and_cannot_be_read_is_computed_again(home: Path) -> None:
    """Damage between its ends is found where joblib reads: here the pickle breaks off, or an array is too short."""
    numbers(CASE, "a")
    path = entry(home)
    whole = path.read_bytes()
    for kept in (len(whole) // 2, 20):
        path.write_bytes(whole[:kept] + store._MARK)
        assert numbers.is_stored(CASE, "a")
        with reading_only(), pytest.raises(NotStoredError):
            numbers(CASE, "a")
        assert numbers(CASE, "a")["squares"][9] == 81
        assert path.read_bytes() == whole
    assert written() == ["a", "a", "a"]


def test_an_entry_with_the_checksum_of_earlier_days_is_read(home: Path) -> None:
    """Until CACHE_VERSION rises: twenty bytes stood between the result and the mark."""
    numbers(CASE, "a")
    whole = entry(home).read_bytes()
    entry(home).write_bytes(whole.removesuffix(store._MARK) + bytes(20) + store._MARK)
    assert numbers(CASE, "a")["squares"][9] == 81
    assert written() == ["a"]


def test_the_key_of_an_entry_stays(home: Path) -> None:
    """Where a result lies is its function and joblib's hash of its arguments, so that a cache is read tomorrow."""
    numbers(CASE, "a", 3)
    place = entry(home).parent.relative_to(home / f"v{memory.CACHE_VERSION}" / CASE.fingerprint())
    assert str(place) == "remembering/numbers/8cad21c23ed167868d90f848495d284d"


def test_what_was_computed_elsewhere_is_stored_beside_the_call(home: Path) -> None:
    """`put` keeps the first result of a call; nothing is computed for it."""
    numbers.put({"squares": np.ones(3)}, CASE, "a")
    numbers.put({"squares": np.zeros(3)}, CASE, "a", count=1000)
    assert numbers.is_stored(CASE, "a")
    assert numbers(CASE, "a")["squares"].tolist() == [1, 1, 1]
    assert entry(home).is_file()
    assert written() == []


def test_an_entry_whose_class_is_gone_is_replaced(
    home: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Under its lock, and with a notice in place of joblib's warning and traceback."""
    shape(CASE, "a")
    with monkeypatch.context() as patch, reading_only():
        patch.delattr(remembering, "Shape")
        with pytest.raises(NotStoredError):
            shape(CASE, "a")
        shape.put(5, CASE, "a")
    assert shape(CASE, "a") == 5
    assert written() == ["a"]
    (said,) = incidents.recent()
    assert "AttributeError while reading" in said
    assert [record.getMessage() for record in caplog.records] == [said]


def test_an_entry_that_must_not_be_read_is_computed_again(home: Path) -> None:
    """Mode 000: the folder may be written to, so the entry is replaced and read from then on."""
    numbers(CASE, "a")
    entry(home).chmod(0)
    with faults.modes_count():
        for _ in range(2):
            assert numbers(CASE, "a")["squares"][9] == 81
    assert written() == ["a", "a"]
    assert incidents.recent() == [
        "A stored result of numbers could not be used (Permission denied); it is computed again when needed."
    ]


def goes_on_without_a_disk(why: str, caplog: pytest.LogCaptureFixture) -> None:
    """Each result is computed once, also for threads at once; one sentence is said for all of them."""
    for name in "abab":
        assert numbers(CASE, name, 200_000)["squares"][9] == 81
        assert numbers.is_stored(CASE, name, 200_000)
    threads = [threading.Thread(target=slowly, args=(CASE, "s")) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert written() == ["a", "b", "s", "for-s"]
    (said,) = incidents.recent()
    assert said.startswith("Results cannot be stored in the folder ")
    assert f"({why})" in said
    assert [record.getMessage() for record in caplog.records] == [said]


def test_a_read_only_cache_is_said_once_and_memory_takes_over(home: Path, caplog: pytest.LogCaptureFixture) -> None:
    home.mkdir()
    home.chmod(0o555)
    with faults.modes_count():
        goes_on_without_a_disk("Permission denied", caplog)
    assert [*home.iterdir()] == []


def test_results_in_a_read_only_cache_are_read(home: Path) -> None:
    numbers(CASE, "a")
    parts = [home, *home.rglob("*")]
    for part in parts:
        part.chmod(0o555 if part.is_dir() else 0o444)
    with faults.modes_count():
        assert numbers(CASE, "a")["squares"][9] == 81
    for part in parts:
        part.chmod(0o755)
    assert (written(), incidents.recent()) == (["a"], [])


def test_a_file_in_place_of_the_cache_is_said_once(home: Path, caplog: pytest.LogCaptureFixture) -> None:
    home.write_text("not a folder")
    goes_on_without_a_disk("Not a directory", caplog)


def test_a_full_disk_is_said_once_and_memory_takes_over(home: Path, caplog: pytest.LogCaptureFixture) -> None:
    """1.6 MB do not fit; the small results do, and nothing half-written is left."""
    with faults.full_disk(home) as why:
        goes_on_without_a_disk(why, caplog)
        left = [path.name for path in home.glob("v*/*/remembering/*/*/*")]
    assert left == [store.ENTRY, store.ENTRY]


def test_a_limited_file_size_is_a_full_disk(home: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The way a full disk is tested where nothing may be mounted."""
    with faults.no_large_files() as why:
        goes_on_without_a_disk(why, caplog)


def test_a_process_killed_while_it_writes_leaves_nothing_that_is_read(home: Path) -> None:
    """SIGKILL comes after 800 kB of the entry are written; they are never taken for it, and stay visible."""
    killed = faults.start("from remembering import *; deadly(CASE, 'a')", TLX_TEST_KILL="yes")
    assert killed.wait() == -signal.SIGKILL
    (unfinished,) = home.glob("v*/*/remembering/*/*/*")
    assert unfinished.name.startswith(store.UNFINISHED)
    assert unfinished.stat().st_size > 700_000
    assert not deadly.is_stored(CASE, "a")
    assert deadly(CASE, "a")[0].shape == (100_000,)
    assert written() == ["a", "a"]
    assert incidents.recent() == []


def test_processes_and_threads_that_ask_at_once_compute_each_result_once(home: Path) -> None:
    """Two processes with five threads each, and a result that needs another one."""
    code = "from remembering import *; from threading import Thread\n"
    code += "threads = [Thread(target=slowly, args=(CASE, name)) for name in 'abaab']\n"
    code += "[thread.start() for thread in threads]; [thread.join() for thread in threads]"
    processes = [faults.start(code) for _ in range(2)]
    assert [process.wait() for process in processes] == [0, 0]
    assert sorted(written()) == ["a", "b", "for-a", "for-b"]


def test_threads_that_find_a_damaged_entry_compute_it_once(home: Path) -> None:
    slowly(CASE, "a")
    for path in home.glob(f"v*/*/remembering/slowly/*/{store.ENTRY}"):
        cut_short(path)
    threads = [threading.Thread(target=slowly, args=(CASE, "a")) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert written() == ["a", "for-a", "a"]


def test_entries_of_another_version_are_never_read(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither an older nor a newer one's, and each version finds its own again."""
    ours = memory.CACHE_VERSION
    for version in (ours, ours + 1, ours - 1, ours):
        monkeypatch.setattr(memory, "CACHE_VERSION", version)
        numbers(CASE, "a")
    assert len(written()) == 3
    shutil.rmtree(home / f"v{ours}")
    shutil.copytree(home / f"v{ours + 1}", home / f"v{ours}")
    assert numbers.is_stored(CASE, "a")  # the folder decides: what stands in ours is ours
