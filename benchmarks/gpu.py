"""Layer conductance on a GPU: its numbers against the processor's, images a second, and how busy the card is.

    PYTHONPATH=. python benchmarks/gpu.py [alexnet resnet18 vit_b_16 row_lstm] [--images 256]

All analysed layers, as a case gets them by default (8 steps of the trapezoid). Captum, where it is installed, loops
over the layers on the same card with the internal batch size that is fastest of those tried. Busy: kernel time as a
share of the time a pass takes, by torch's profiler.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.profiler import ProfilerActivity, profile

from tlx.analysis import attribution
from tlx.networks import architectures, tracing

CLASSES, REPEATS = 31, 3
BATCHES = (16, 64, 256, 1024)  # internal batch sizes tried for Captum


def build(name: str) -> tuple[nn.Module, int]:
    """A network with random weights, and the side of its images in pixels."""
    size = 32 if name == "row_lstm" else 224
    torch.manual_seed(0)
    model = architectures.build(name, classes=CLASSES, image_size=size).eval()
    for parameter in model.parameters():  # a head that starts from zeros would have no conductance
        parameter.data += 0.02 * torch.randn_like(parameter)
    return model, size


def seconds(run: Callable[[], Any]) -> float:
    """Median of a few runs after one to warm up."""
    run()
    taken = []
    for _ in range(REPEATS):
        torch.cuda.synchronize()
        began = time.perf_counter()
        run()
        torch.cuda.synchronize()
        taken.append(time.perf_counter() - began)
    return float(np.median(taken))


def busy(run: Callable[[], Any]) -> float:
    """Kernel time as a share of the time that a run takes."""
    torch.cuda.synchronize()
    with profile(activities=[ProfilerActivity.CUDA]) as seen:
        began = time.perf_counter()
        run()
        torch.cuda.synchronize()
        taken = time.perf_counter() - began
    return sum(event.self_device_time_total for event in seen.key_averages()) / 1e6 / taken


def captum(model: nn.Module, names: tuple[str, ...], images: Tensor, targets: Tensor) -> tuple[float, int]:
    """Seconds of Captum's loop over the layers at its best internal batch size, and that size."""
    from captum.attr import LayerConductance

    for module in model.modules():
        if hasattr(module, "inplace"):
            module.inplace = False  # its hooks need that
    reads = tracing.readouts(model, names, images[:1])
    modules = [model.get_submodule(read.module) for read in reads]

    def loop(size: int) -> None:
        for module in modules:
            LayerConductance(model, module).attribute(
                images, target=targets, n_steps=8, method="riemann_trapezoid", internal_batch_size=size
            )

    taken = []
    for size in BATCHES:
        try:
            taken.append((seconds(lambda size=size: loop(size)), size))
        except torch.cuda.OutOfMemoryError:
            torch.cuda.empty_cache()
    return min(taken, default=(float("nan"), 0))


def measure(name: str, count: int) -> None:
    """One network's rows of the table."""
    model, size = build(name)
    names = tracing.network(model, torch.randn(1, 3, size, size), (), name).names
    images, targets = torch.randn(count, 3, size, size), torch.arange(count) % CLASSES
    few = slice(0, 4)
    exact = attribution.layer_conductance(model, names, images[few], targets[few])
    model, images, targets = model.cuda(), images.cuda(), targets.cuda()
    here = attribution.layer_conductance(model, names, images[few], targets[few])
    apart = max(float((here[key].cpu() - exact[key]).abs().max() / exact[key].abs().max()) for key in names)
    for precision in ("float32", "bfloat16"):

        def run(precision: str = precision) -> dict[str, Tensor]:
            return attribution.layer_conductance(model, names, images, targets, precision=precision)

        taken = seconds(run)
        said = f"difference from the processor {apart:.1e}" if precision == "float32" else ""
        speed = f"{count / taken:10.0f} images/s {100 * busy(run):5.0f} % busy"
        print(f"{name:10} {len(names):6} tlx, {precision:8} {speed}   {said}", flush=True)
        if precision == "float32":
            own = taken
    if find_spec("captum") is not None and name != "row_lstm":  # whose layers answer with tuples within tuples
        theirs, best = captum(model, names, images, targets)
        print(f"{name:10} {len(names):6} Captum        {count / theirs:10.0f} images/s (batches of {best}); "
              f"tlx is {theirs / own:.1f} times as fast", flush=True)  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("networks", nargs="*", default=["alexnet", "resnet18", "vit_b_16", "row_lstm"])
    parser.add_argument("--images", type=int, default=256)
    given = parser.parse_args()
    print(f"{torch.cuda.get_device_name()}, torch {torch.__version__}, {given.images} images")
    for name in given.networks:
        measure(name, given.images)


if __name__ == "__main__":
    main()
