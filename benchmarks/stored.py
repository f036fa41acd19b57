"""What a run leaves on the disk, function by function: AlexNet, six classes of 128 px images, random weights.

    PYTHONPATH=. python benchmarks/stored.py [--trained] [FOLDER]

FOLDER keeps images, checkpoints and results (default: a new one below the temporary folder). With --trained the models
are trained for a few epochs instead of read from checkpoints, and the bytes that are written for the training's state
are counted, too.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np
from PIL import Image

CLASSES = ("bike", "chair", "cup", "desk", "lamp", "pen")
PER_CLASS = 16
SIDE = 128
TEXT = """
architecture = "alexnet"
image_size = {side}
[source]
kind = "folder"
title = "first"
path = "first"
[target]
kind = "folder"
title = "second"
path = "second"
"""
CHECKPOINTS = '[source_model]\ncheckpoint = "source.pt"\n[target_model]\ncheckpoint = "target.pt"\n'
TRAINED = "[source_model.training]\nepochs = 4\n[target_model.training]\nepochs = 4\n"


def write(home: Path, *, trained: bool) -> Path:
    """Writes images and, unless they are to be trained, two checkpoints; returns the case file's path."""
    rng = np.random.default_rng(0)
    for shade, domain in enumerate(("first", "second")):
        for at, label in enumerate(CLASSES):
            (home / domain / label).mkdir(parents=True, exist_ok=True)
            for number in range(PER_CLASS):
                pixels = rng.integers(0, 60, (SIDE, SIDE, 3)).astype(np.uint8)
                pixels[10 * at : 10 * at + 30, 8 * (number % 8) : 8 * (number % 8) + 40, shade] = 220
                Image.fromarray(pixels).save(home / domain / label / f"{number}.png")
    path = home / "stored.toml"
    path.write_text(TEXT.format(side=SIDE) + (TRAINED if trained else CHECKPOINTS))
    if not trained:
        import torch

        from tlx.casefiles.loading import load_case
        from tlx.networks import models

        for seed, model in enumerate(("source", "target")):
            if not (home / f"{model}.pt").exists():
                torch.manual_seed(seed)
                torch.save(models.build(load_case(path), len(CLASSES)).state_dict(), home / f"{model}.pt")
    return path


def by_function(store: Path) -> dict[str, tuple[int, int]]:
    """(results, bytes) by the function of the pipeline they are of."""
    count, size = Counter[str](), Counter[str]()
    for path in store.rglob("output.pkl"):
        count[path.parent.parent.name] += 1
        size[path.parent.parent.name] += path.stat().st_size
    return {name: (count[name], size[name]) for name, _ in size.most_common()}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--trained", action="store_true")
    parser.add_argument("folder", nargs="?", type=Path)
    given = parser.parse_args()
    home = given.folder or Path(tempfile.mkdtemp(prefix="tlx-stored-"))
    home.mkdir(parents=True, exist_ok=True)
    os.environ["TLX_CACHE"] = str(home / "results")

    from tlx import load_case, pipeline, running
    from tlx.training import state

    kept = Counter[str]()
    keep = state.Run.keep

    def counted(run, path, *rest, **more):  # type: ignore[no-untyped-def]
        before = path.stat().st_mtime_ns if path and path.exists() else 0
        keep(run, path, *rest, **more)
        if path and path.exists() and path.stat().st_mtime_ns != before:
            kept["writings"] += 1
            kept["bytes"] += path.stat().st_size

    state.Run.keep = counted  # type: ignore[method-assign]
    case = load_case(write(home, trained=given.trained))
    began = time.perf_counter()
    running.run(case, pipeline.classes(case), features=False, told=print)
    found = by_function(home / "results")
    for name, (count, size) in found.items():
        print(f"{count:6,} {size / 1e6:10.2f} MB  {name}")
    print(f"{'':6} {sum(size for _, size in found.values()) / 1e6:10.2f} MB  altogether")
    if given.trained:
        print(f"{kept['writings']:6,} {kept['bytes'] / 1e6:10.2f} MB  written for states of trainings")
    print(f"{time.perf_counter() - began:17.1f} s")


if __name__ == "__main__":
    main()
