"""Layer conductance: Captum looped over the layers, at its best internal batch size, against tlx's one pass.

    PYTHONPATH=. python benchmarks/conductance.py [alexnet resnet18 vgg11 digits] [--images 8 32] [--rounds 3]

First every internal batch size is tried for Captum once (2, 4, 8 times the images, and all at once, as far as memory
allows); then the best and tlx take turns, so that other work on the machine meets both. Medians: seconds on the clock
and of the processor, ratio to Captum in both. Rows: the same sum (16 equal steps, left rule), with the largest relative
difference from Captum's maps and for bfloat16 the share of identical important neurons; and what a case gets by default
(8 trapezoid steps). Fidelity stands beside it: the error of one number a neuron, after the maximum, against 128
trapezoid steps at equal distances, on the first eight images, and the median completeness error.
"""

from __future__ import annotations

import argparse
import copy
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, NamedTuple
from unittest.mock import patch

import numpy as np
import torch
from captum.attr import LayerConductance
from torch import Tensor, nn

from tlx.analysis import attribution
from tlx.analysis.abstraction import important_neurons
from tlx.networks import architectures, hooks, tracing
from tlx.networks.torchvision_import import models as zoo

CLASSES = 31
STEPS = 16  # of the left rule
MEMORY = 12e9  # bytes that Captum may take here


def build(name: str) -> tuple[nn.Module, Tensor]:
    """A network with plausible random weights and one image size."""
    torch.manual_seed(0)
    if name == "digits":
        return architectures.compact_alexnet(10).eval(), torch.randn(1, 3, 32, 32)
    return zoo.get_model(name, weights=None, num_classes=CLASSES).eval(), torch.randn(1, 3, 224, 224)


def without_inplace(model: nn.Module) -> nn.Module:
    """Captum's hooks need out-of-place activations; tlx's do not."""
    for module in model.modules():
        if hasattr(module, "inplace"):
            module.inplace = False
    return model


def captum(
    model: nn.Module, modules: dict[str, nn.Module], images: Tensor, targets: Tensor, size: int | None
) -> dict[str, Tensor]:
    """What Captum's documentation suggests: one attribution per layer, then the maximum over positions.

    size: images times path points in a batch, None for all at once.
    """
    values = {}
    for name, module in modules.items():
        maps = LayerConductance(model, module).attribute(
            images, target=targets, n_steps=STEPS, method="riemann_trapezoid", internal_batch_size=size
        )
        values[name] = maps.detach().flatten(2).amax(2) if maps.ndim > 2 else maps.detach()
    return values


class Taken(NamedTuple):
    """Seconds on the clock and of the processor, and the answer."""

    clock: float
    processor: float
    answer: dict[str, Tensor]


def timed(run: Callable[[], dict[str, Tensor]]) -> Taken:
    clock, processor = time.perf_counter(), time.process_time()
    answer = run()
    return Taken(time.perf_counter() - clock, time.process_time() - processor, answer)


def median(runs: list[Taken]) -> Taken:
    clock, processor = np.median([run[:2] for run in runs], axis=0)
    return Taken(float(clock), float(processor), runs[-1].answer)


def overlap(values: dict[str, Tensor], exact: dict[str, Tensor]) -> float:
    """Share of the important neurons of `exact` that are important by `values` too, over all layers."""
    pairs = [
        (important_neurons(values[name].cpu().numpy()), important_neurons(exact[name].cpu().numpy())) for name in values
    ]
    return sum(len(np.intersect1d(a, b)) for a, b in pairs) / sum(len(b) for _, b in pairs)


def compare(name: str, count: int, rounds: int) -> None:
    """One network's rows of the table."""
    model, example = build(name)
    network = tracing.network(model, example, (), name)
    images = torch.randn(count, *example.shape[1:])
    targets = torch.arange(count) % (10 if name == "digits" else CLASSES)
    reads = tracing.readouts(model, network.names, images[:1])
    same_sum: dict[str, Any] = {"n_steps": STEPS, "rule": "left", "power": 1}

    def measured(some: slice = slice(None), **options: Any) -> dict[str, Tensor]:
        return attribution.layer_conductance(model, network.names, images[some], targets[some], **options)

    plain = without_inplace(copy.deepcopy(model))
    modules = {read.layer: plain.get_submodule(read.module) for read in reads}

    def theirs(times: int | None) -> dict[str, Tensor]:
        return captum(plain, modules, images, targets, times and times * count)

    measured()  # warm up
    tried = {times: timed(lambda times=times: theirs(times)) for times in affordable(model, reads, images)}
    best = min(tried, key=lambda times: tried[times].processor)
    said = {times: f"{'all' if times is None else times * count}: {one.clock:.1f} s" for times, one in tried.items()}
    print(f"\n{name}, {len(network.layers)} layers, {count} images; Captum by batch of {', '.join(said.values())}")
    rows: dict[str, Callable[[], dict[str, Tensor]]] = {
        f"Captum, batch of {said[best].partition(':')[0]}": lambda: theirs(best),
        "same sum, float32": lambda: measured(**same_sum),
        "same sum, bfloat16": lambda: measured(**same_sum, precision="bfloat16"),
        "default, float32": measured,
        "default, bfloat16": lambda: measured(precision="bfloat16"),
    }
    taken: dict[str, list[Taken]] = {row: [] for row in rows}
    for _ in range(rounds):
        for row, run in rows.items():
            taken[row].append(timed(run))
    reference, *others = (median(one) for one in taken.values())
    few = slice(0, 8)
    exact = measured(few, n_steps=128, power=1)
    delta = change(model, images[few], targets[few])
    for row, one in zip(rows, [reference, *others], strict=True):
        if row.startswith("same sum, f"):
            with usual_layout():
                usual = measured(**same_sum)
            apart = [apart_at_most(found, reference.answer) for found in (one.answer, usual)]
            extra = f"difference {apart[0]:.1e}, in the usual layout {apart[1]:.1e}"
        elif row.startswith("same sum"):
            extra = f"same important neurons {100 * overlap(one.answer, others[0].answer):.1f} %"
        else:
            extra = ""
        missed = np.mean([error(one.answer[key][few], exact[key]) for key in network.names])
        options: dict[str, Any] = {} if row.startswith("default") else same_sum
        precision = "bfloat16" if row.endswith("bfloat16") else "float32"
        whole = completeness(measured(few, reduce=None, precision=precision, **options), delta)
        print(
            f"{row:26} {one.clock:8.2f} {reference.clock / one.clock:6.1f}x {one.processor:8.2f} "
            f"{reference.processor / one.processor:6.1f}x {missed:7.3f} {100 * whole:6.1f} %  {extra}",
            flush=True,
        )


def affordable(model: nn.Module, reads: tuple[tracing.Readout, ...], images: Tensor) -> list[int | None]:
    """Internal batch sizes to try for Captum, in times the images: it keeps about four of all maps of a batch."""
    with hooks.captured(model, reads) as outputs, torch.no_grad():
        model(images[:1])
    each = 4 * sum(one.numel() * one.element_size() for one in outputs.values()) * len(images)
    tries: list[int | None] = [times for times in (2, 4, 8) if times * each < MEMORY]
    return [*tries, None] if (STEPS + 1) * each < MEMORY else tries or [2]


def usual_layout() -> AbstractContextManager[Any]:
    """Within the block all path points keep the layout that Captum's have, and rounding falls alike."""
    return patch.object(attribution, "_layout", lambda *_: torch.contiguous_format)


def apart_at_most(found: dict[str, Tensor], theirs: dict[str, Tensor]) -> float:
    """The largest difference in shares of the layer's largest value."""
    return max(float((found[key] - one).abs().max() / one.abs().max()) for key, one in theirs.items())


def error(values: Tensor, exact: Tensor) -> float:
    """|values - exact| / |exact|, Euclidean, of one number a neuron; mean over the images."""
    return float(((values - exact).norm(dim=1) / exact.norm(dim=1)).mean())


def change(model: nn.Module, images: Tensor, targets: Tensor) -> Tensor:
    """F(image) - F(baseline) of each image."""
    with torch.no_grad():
        return (model(images) - model(torch.zeros_like(images))).gather(1, targets[:, None]).squeeze(1)


def completeness(maps: dict[str, Tensor], delta: Tensor) -> float:
    """Median of |sum - dF| / |dF| over images and layers."""
    return float(torch.stack([(one.flatten(1).sum(1) - delta).abs() / delta.abs() for one in maps.values()]).median())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("networks", nargs="*", default=["alexnet"])
    parser.add_argument("--images", type=int, nargs="+", default=[8])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, help="one: seconds of the processor count no waiting on a busy machine")
    given = parser.parse_args()
    if given.threads:
        torch.set_num_threads(given.threads)
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads")
    heads = ("seconds", "ratio", "CPU s", "ratio", "error", "completeness")
    print(f"{'':26} {heads[0]:>8} {heads[1]:>7} {heads[2]:>8} {heads[3]:>7} {heads[4]:>7} {heads[5]}")
    for name in given.networks:
        for count in given.images:
            compare(name, count, given.rounds)


if __name__ == "__main__":
    main()
