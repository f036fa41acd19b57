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
    monkeypatch.setattr(incidents, "_said", {})
    monkeypatch.setattr(store, "_held", store._Held())
    return tmp_path / "store"


def entry(home: Path) -> Path:
    (found,) = home.glob(f"v*/*/remembering/*/*/{store.ENTRY}")
    return found


def later() -> None:
    """What another process would see: nothing was inspected yet."""
    store._checked.clear()


def cut_short(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def empty(path: Path) -> None:
    os.truncate(path, 0)


def flip_a_byte_of_an_array(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def foreign_joblib(path: Path) -> None:
    joblib.dump({"squares": np.zeros(1000)}, path)


class Planted:
    ran = False

    def __reduce__(self):
        return setattr, (Planted, "ran", True)


def foreign_pickle(path: Path) -> None:
    path.write_bytes(pickle.dumps(Planted()))


def entry_of_another_result(path: Path) -> None:
    numbers(CASE, "other", 7)
    (other,) = {*path.parent.parent.glob(f"*/{store.ENTRY}")} - {path}
    shutil.copy(other, path)


FOREIGN = "it is cut short or was not written by this program"
ALTERED = "its checksum is wrong"


@pytest.mark.parametrize(
    ("damage", "fault"),
    [
        (cut_short, FOREIGN),
        (empty, FOREIGN),
        (foreign_joblib, FOREIGN),
        (foreign_pickle, FOREIGN),
        (flip_a_byte_of_an_array, ALTERED),
        (entry_of_another_result, ALTERED),
    ],
    ids=lambda given: getattr(given, "__name__", ""),
)
def test_a_damaged_entry_is_computed_again_with_a_notice(
    home: Path, damage, fault: str, caplog: pytest.LogCaptureFixture
) -> None:
    numbers(CASE, "a")
    damage(entry(home))
    later()
    assert not numbers.is_stored(CASE, "a")
    with reading_only(), pytest.raises(NotStoredError):
        numbers(CASE, "a")
    assert numbers(CASE, "a")["squares"].tolist() == [at**2 for at in range(1000)]
    assert [name for name in written() if name == "a"] == ["a", "a"]
    assert not Planted.ran
    (said,) = incidents.recent()
    assert said.startswith(f"A stored result of numbers could not be used ({fault})")
    assert [record.getMessage() for record in caplog.records] == [said]
    later()
    assert numbers(CASE, "a")["squares"][9] == 81
    assert written().count("a") == 2


def test_a_flipped_bit_is_noticed_wherever_it_is(home: Path) -> None:
    numbers(CASE, "a", 3)
    path = entry(home)
    whole = path.read_bytes()
    for at in range(0, len(whole), 3):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 64]) + whole[at + 1 :])
        later()
        assert not numbers.is_stored(CASE, "a", 3), at
    path.write_bytes(whole)
    later()
    assert numbers.is_stored(CASE, "a", 3)


def test_damage_after_the_first_reading_is_noticed_when_the_file_is_written(home: Path) -> None:
    """The checksum is compared again as soon as the file is another one than it was."""
    numbers(CASE, "a")
    numbers(CASE, "a")
    flip_a_byte_of_an_array(entry(home))
    assert numbers(CASE, "a")["squares"][500] == 250_000
    assert written() == ["a", "a"]


def test_an_entry_whose_class_is_gone_is_computed_again(
    home: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Under its lock, and with a notice in place of joblib's warning and traceback."""
    shape(CASE, "a")
    with monkeypatch.context() as patch, reading_only():
        patch.delattr(remembering, "Shape")
        with pytest.raises(NotStoredError):
            shape(CASE, "a")
    assert shape(CASE, "a").sides == 4
    assert written() == ["a", "a"]
    (said,) = incidents.recent()
    assert "AttributeError while reading" in said
    assert [record.getMessage() for record in caplog.records] == [said]


def test_an_entry_that_must_not_be_read_is_computed_again(home: Path) -> None:
    """Mode 000: the folder may be written to, so the entry is replaced and read from then on."""
    numbers(CASE, "a")
    entry(home).chmod(0)
    later()
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
    later()
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


def test_memory_holds_a_bounded_share(monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest go; the newest stays even where it alone is too large."""
    held = store._Held()
    monkeypatch.setattr(store, "HELD", 2_000)
    for name in "abc":
        held.put(name, np.zeros(100))
    assert [held.get(name) is not None for name in "abc"] == [False, True, True]
    held.put("d", np.zeros(1000))
    assert [held.get(name) is not None for name in "bcd"] == [False, False, True]


def test_weight_counts_what_memory_holds(home: Path) -> None:
    """Arrays within results count, those read from the disk when needed do not."""
    fresh = {"a": [np.zeros(1000)], "b": (np.zeros(500), "text")}
    assert 12_000 < store.weight(fresh) < 13_000
    stored = numbers(CASE, "a", 10_000)
    assert store.weight(stored) < 1_000
    assert store.weight([np.asarray(stored["squares"])]) < 1_000  # a view of what lies on the disk


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
    later()
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
    later()
    assert numbers.is_stored(CASE, "a")  # the folder decides: what stands in ours is ours
