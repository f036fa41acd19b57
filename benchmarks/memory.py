"""Peak memory of conductance for 500 and 5,000 images, and time and memory of AlexNet's 4096 x 4096 edges.

    PYTHONPATH=. python benchmarks/memory.py

Each row is a process of its own, so that its peak is its own.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import time

import numpy as np
import torch

from tlx.analysis import abstraction, attribution
from tlx.cases import Case, Domain
from tlx.networks import models, tracing
from tlx.results import DomainImages

CASES = {"compact_alexnet": 32, "alexnet": 224}


def setting(architecture: str, count: int) -> tuple[torch.nn.Module, tracing.Network, DomainImages, Case]:
    """A network with random weights and random images."""
    size = CASES[architecture]
    case = Case("b", "b", Domain("folder", "s"), Domain("folder", "t"), architecture, image_size=size)
    torch.manual_seed(0)
    model = models.build(case, 31).eval()
    network = tracing.network(model, torch.randn(1, 3, size, size), (), architecture)
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (count, size, size, 3), dtype=np.uint8)
    labels = np.arange(count) % 31
    classes = tuple(f"c{at}" for at in range(31))
    return (
        model,
        network,
        DomainImages(pixels, labels, classes, np.where(labels > 99, "validation", "training"), labels),
        case,
    )


def conductance(architecture: str, count: int) -> None:
    model, network, images, case = setting(architecture, count)
    base, began = peak(), time.perf_counter()
    parts = [
        attribution.of_instances(model, network, images, some, case=case, outputs=images.classes)
        for some in np.array_split(np.arange(count), -(-count // 64))
    ]
    joined = attribution.join(parts)
    size = (joined.values.nbytes + joined.summed.nbytes) / 2**20
    say(f"conductance, {architecture}, {count} images", began, base, f"result {size:.0f} MB")


def edges(architecture: str, count: int) -> None:
    model, network, images, case = setting(architecture, count)
    for pair in network.joins:
        base, began = peak(), time.perf_counter()
        units = tuple(network.layer(name).units for name in pair)
        abstraction.edges(model, network, pair, images, np.arange(count), case=case)
        each = f"{1000 * (time.perf_counter() - began) / count:.0f} ms an instance"
        say(f"edges, {architecture}, {units[0]} x {units[1]}", began, base, each)


def peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def say(what: str, began: float, base: float, more: str) -> None:
    print(
        f"{what:44} {time.perf_counter() - began:7.1f} s  peak {peak():6.0f} MB (+{peak() - base:.0f})  {more}",
        flush=True,
    )


if __name__ == "__main__":
    if len(sys.argv) == 4:
        {"conductance": conductance, "edges": edges}[sys.argv[1]](sys.argv[2], int(sys.argv[3]))
    else:
        for row in ("conductance compact_alexnet 500", "conductance compact_alexnet 5000", "edges alexnet 16"):
            subprocess.run([sys.executable, __file__, *row.split()], check=True)
