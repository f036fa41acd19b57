"""Trains, measures and writes the candidate sources that come with tlx, for `make digits-sources`.

    python tools/sources.py [FOLDER]

FOLDER takes the ladder's checkpoints. Everything is computed in the store that `TLX_CACHE` names and goes on where it
was interrupted; what is written are small bundles in tlx/data/sources.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from tlx import pipeline
from tlx.casefiles import candidates, fingerprints
from tlx.casefiles.loading import load_case
from tlx.cases import Case
from tlx.networks import checkpoints, models
from tlx.storage import bundles, memory


def ladder(case: Case, folder: Path, counts: Iterable[int] | None = None) -> list[Path]:
    """Checkpoints of a case's source model, the last 0, 1, … (or these many) of its analysed layers drawn anew."""
    source = pipeline.trained(case, "source")
    names = [layer.module for layer in pipeline.network_of(case, "source").layers]
    torch.manual_seed(1)
    fresh = {name: one.numpy() for name, one in models.build(case, len(source.classes)).state_dict().items()}
    paths = []
    for count in range(len(names) + 1) if counts is None else counts:
        kept = names[: len(names) - count]  # the head is drawn anew as soon as a layer is
        tensors = {
            name: fresh[name] if count and name.rpartition(".")[0] not in kept else np.asarray(value)
            for name, value in source.tensors.items()
        }
        path = folder / f"{candidates.LADDER}-{count}.safetensors"
        checkpoints.write(replace(source, tensors=tensors), path)
        paths.append(path)
    return paths


def written(case: Case) -> Path:
    """Measures and fine-tunes one candidate and writes its bundle."""
    path = candidates.FOLDER / f"{case.name}.tlx"
    with bundles.Writer(path, case, memory.CACHE_VERSION) as writer:
        pipeline.promise.export(writer, case)
        for call in pipeline.fine_tuned.made_of(case):
            function, asked = call
            function.export(writer, *asked)
        pipeline.catalogue.export(writer, case, "target")
    return path


def main() -> None:
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else ".venv/digits-sources")
    folder.mkdir(parents=True, exist_ok=True)
    candidates.FOLDER.mkdir(exist_ok=True)
    every = [*candidates.printed(), *candidates.ladder(ladder(load_case("digits"), folder))]
    for case in every:
        began = time.perf_counter()
        case = replace(case, files=fingerprints.of_case(case))
        path = written(case)
        print(f"{case.title}: {time.perf_counter() - began:.0f} s, {path.stat().st_size / 1e3:.1f} kB", flush=True)


if __name__ == "__main__":
    main()
