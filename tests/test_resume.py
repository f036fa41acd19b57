"""Work that is interrupted goes on where it stopped, and comes out the same wherever its shards run."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import small_case

from tlx import load_case, pipeline

ROOT = str(Path(__file__).parent.parent)
RUN = """
import sys, torch
torch.set_num_threads(1)
from tlx import load_case, pipeline
pipeline.SHARD = 2
pipeline.conductance(load_case(sys.argv[1]), "target", "target")
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return small_case.write(tmp_path, per_class=8, steps=40)


def child(file: Path, store: Path) -> subprocess.Popen[bytes]:
    environment = os.environ | {"TLX_CACHE": str(store), "OMP_NUM_THREADS": "1"}
    return subprocess.Popen([sys.executable, "-c", RUN, str(file)], env=environment, cwd=ROOT)


def finished_shards(store: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in store.glob("*/*/tlx/pipeline/_conductance_shard/*/output.pkl")}


def test_a_killed_run_keeps_its_shards_and_ends_bit_identical(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SIGKILL twice in the middle: what was finished is never computed again, and the result is the same bits."""
    store = tmp_path / "killed"
    for least in (2, 4):
        process = child(home, store)
        deadline = time.monotonic() + 120
        while len(finished_shards(store)) < least and process.poll() is None:
            assert time.monotonic() < deadline
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
        process.wait()
    kept = finished_shards(store)
    assert 2 <= len(kept) <= 8
    assert child(home, store).wait() == 0
    after = finished_shards(store)
    assert len(after) == 8
    assert all(after[path] == written for path, written in kept.items())

    found = {}
    monkeypatch.setattr(pipeline, "SHARD", 2)
    assert child(home, tmp_path / "whole").wait() == 0
    for name in ("killed", "whole"):
        monkeypatch.setenv("TLX_CACHE", str(tmp_path / name))
        case = load_case(home)
        assert pipeline.conductance.is_stored(case, "target", "target")
        found[name] = pipeline.conductance(case, "target", "target").values
    assert np.array_equal(found["killed"], found["whole"])


def test_shards_in_processes_equal_shards_in_place(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import joblib

    monkeypatch.setattr(pipeline, "SHARD", 4)
    found = []
    for name, backend in (("here", "sequential"), ("there", "loky")):
        monkeypatch.setenv("TLX_CACHE", str(tmp_path / name))
        with joblib.parallel_config(backend, n_jobs=1 if backend == "sequential" else 2):
            found.append(pipeline.conductance(load_case(home), "target", "target").values)
    assert np.allclose(found[0], found[1], rtol=1e-5, atol=1e-7)


def test_a_cluster_gives_equal_results_even_when_a_worker_dies(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two dask workers compute what this process computes; one is killed in the middle and its shard is redone."""
    monkeypatch.setenv("TLX_CACHE", str(tmp_path / "here"))
    expected = pipeline.conductance(load_case(home), "target", "target").values

    store, stopped = tmp_path / "cluster", []
    monkeypatch.setenv("TLX_CACHE", str(store))
    with cluster(tmp_path / "scheduler.json") as (address, workers):
        options = ["--classes", "lying", "--no-features", "--backend", "dask", "--scheduler", address]
        run = launch("-m", "tlx", "run", str(home), *options)
        while not finished_shards(store):
            assert run.poll() is None
            time.sleep(0.005)
        workers[0].kill()
        stopped.append(workers[0].wait())
        assert run.wait() == 0
    assert stopped == [-signal.SIGKILL]
    case = load_case(home)
    assert pipeline.conductance.is_stored(case, "target", "target")
    assert np.allclose(pipeline.conductance(case, "target", "target").values, expected, rtol=1e-5, atol=1e-7)


def test_a_cluster_that_does_not_answer_is_one_sentence(home: Path) -> None:
    code = launch("-m", "tlx", "run", str(home), "--backend", "dask", stderr=subprocess.PIPE)
    _, said = code.communicate()
    assert code.returncode == 1
    assert said.decode().strip().splitlines()[-1].startswith("tlx: --backend dask needs --scheduler ADDRESS")


def launch(*arguments: str, stderr: int | None = None) -> subprocess.Popen[bytes]:
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": ROOT}
    return subprocess.Popen([sys.executable, *arguments], env=environment, cwd=ROOT, stderr=stderr)


@contextmanager
def cluster(file: Path) -> Iterator[tuple[str, list[subprocess.Popen[bytes]]]]:
    """A dask scheduler's address and its two worker processes, on this machine."""
    shared = ("--scheduler-file", str(file), "--no-dashboard")
    local = ("--host", "127.0.0.1")
    scheduler = launch(
        "-m", "distributed.cli.dask_scheduler", *local, "--port", "0", *shared, stderr=subprocess.DEVNULL
    )
    only = ("--nthreads", "1", "--no-nanny")
    workers = [
        launch("-m", "distributed.cli.dask_worker", *shared, *local, *only, stderr=subprocess.DEVNULL) for _ in range(2)
    ]
    try:
        while not file.exists():
            assert scheduler.poll() is None
            time.sleep(0.05)
        yield json.loads(file.read_text())["address"], workers
    finally:
        for process in (*workers, scheduler):
            process.kill()
            process.wait()
