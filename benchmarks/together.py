"""Two runs at once on one machine, each beside what one takes alone: seconds on the clock and of the processor.

    PYTHONPATH=. python benchmarks/together.py [REPEATS]

Each run is a process of its own that computes a small case (compact AlexNet, 32 px) into an empty cache.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

CLASSES, PER_CLASS = 2, 24
TEXT = """
architecture = "compact_alexnet"
image_size = 32
[source]
kind = "folder"
title = "first"
path = "first"
[target]
kind = "folder"
title = "second"
path = "second"
[source_model.training]
epochs = 1
[target_model.training]
epochs = 1
"""


def write(home: Path) -> Path:
    rng = np.random.default_rng(0)
    for domain in ("first", "second"):
        for label in range(CLASSES):
            (home / domain / f"class {label}").mkdir(parents=True)
            for at in range(PER_CLASS):
                pixels = rng.integers(0, 90 + 60 * label, (32, 32, 3)).astype(np.uint8)
                Image.fromarray(pixels).save(home / domain / f"class {label}" / f"{at}.png")
    (home / "small.toml").write_text(TEXT)
    return home / "small.toml"


def runs(case: Path, count: int, **settings: str) -> tuple[float, float]:
    """(seconds until the last has ended, seconds of the processor of one) of so many at once."""
    began, cpu = time.perf_counter(), os.times()
    with tempfile.TemporaryDirectory() as caches:
        processes = [
            subprocess.Popen(
                [sys.executable, "-m", "tlx", "run", str(case), "--no-features"],
                env=os.environ | {"TLX_CACHE": f"{caches}/{at}"} | settings,
                stdout=subprocess.DEVNULL,
            )
            for at in range(count)
        ]
        assert [process.wait() for process in processes] == [0] * count
    after = os.times()
    spent = after.children_user + after.children_system - cpu.children_user - cpu.children_system
    return time.perf_counter() - began, spent / count


def main() -> None:
    repeats = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    with tempfile.TemporaryDirectory() as home:
        case = write(Path(home))
        ways = {"as tlx has it": {}, "as libgomp has it": {"OMP_WAIT_POLICY": "active", "GOMP_SPINCOUNT": "300000"}}
        found: dict[str, list[tuple[float, float, float, float]]] = {name: [] for name in ways}
        for _ in range(repeats):
            for name, settings in ways.items():
                found[name].append((*runs(case, 1, **settings), *runs(case, 2, **settings)))
        for name, rows in found.items():
            alone, cpu, both, cpu_both = (statistics.median(column) for column in zip(*rows, strict=True))
            ratio = statistics.median(row[2] / row[0] for row in rows)
            print(f"{name:20} alone {alone:6.1f} s ({cpu:6.1f} s of processor), ", end="")
            print(f"two {both:6.1f} s ({cpu_both:6.1f} s each), ratio {ratio:.2f}", flush=True)


if __name__ == "__main__":
    main()
