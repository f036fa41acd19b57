"""Layer conductance: Captum looped over the layers against tlx's one pass, in the same run.

    PYTHONPATH=. python benchmarks/conductance.py [alexnet resnet18 vgg11 digits] [--images 8] [--steps 16]

Prints for each network: seconds, ratio to Captum, largest relative difference, median completeness error, and for
bfloat16 the share of identical important neurons. Same sum (the left rule at equal steps), same images in a batch, same
device; the last row is what a case gets by default, with its completeness error.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from captum.attr import LayerConductance
from torch import Tensor, nn

from tlx.analysis import attribution
from tlx.analysis.abstraction import important_neurons
from tlx.networks import architectures, devices, tracing
from tlx.networks.torchvision_import import models as zoo

CLASSES = 31


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
    model: nn.Module, modules: dict[str, nn.Module], images: Tensor, targets: Tensor, steps: int
) -> dict[str, Tensor]:
    """What Captum's documentation suggests: one attribution per layer, then the maximum over positions."""
    values = {}
    for name, module in modules.items():
        maps = LayerConductance(model, module).attribute(
            images, target=targets, n_steps=steps, method="riemann_trapezoid", internal_batch_size=len(images)
        )
        values[name] = maps.detach().flatten(2).amax(2) if maps.ndim > 2 else maps.detach()
    return values


def timed(run: Callable[[], dict[str, Tensor]], repeats: int) -> tuple[float, dict[str, Tensor]]:
    """Median seconds of several runs, and the last answer."""
    seconds = []
    for _ in range(repeats):
        began = time.perf_counter()
        answer = run()
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        seconds.append(time.perf_counter() - began)
    return float(np.median(seconds)), answer


def overlap(values: dict[str, Tensor], exact: dict[str, Tensor]) -> float:
    """Share of the important neurons of `exact` that are important by `values` too, over all layers."""
    pairs = [
        (important_neurons(values[name].cpu().numpy()), important_neurons(exact[name].cpu().numpy())) for name in values
    ]
    return sum(len(np.intersect1d(a, b)) for a, b in pairs) / sum(len(b) for _, b in pairs)


def compare(name: str, count: int, steps: int, repeats: int) -> None:
    """One network's rows of the table."""
    model, example = build(name)
    device = devices.default()
    model = model.to(device)
    network = tracing.network(model, example.to(device), (), name)
    images = torch.randn(count, *example.shape[1:], device=device)
    targets = torch.arange(count, device=device) % (10 if name == "digits" else CLASSES)
    reads = tracing.readouts(model, network.names, images[:1])

    same_sum: dict[str, Any] = {"n_steps": steps, "rule": "left", "power": 1}

    def measured(**options: Any) -> dict[str, Tensor]:
        return attribution.layer_conductance(model, network.names, images, targets, **options)

    measured(**same_sum)  # warm up
    own_seconds, own = timed(lambda: measured(**same_sum), repeats)
    low_seconds, low = timed(lambda: measured(**same_sum, precision="bfloat16"), repeats)
    default_seconds, _ = timed(measured, repeats)
    with torch.no_grad():
        delta = (model(images) - model(torch.zeros_like(images))).gather(1, targets[:, None]).squeeze(1)
    error, default_error = (completeness(measured(**some, reduce=None), delta) for some in (same_sum, {}))
    plain = without_inplace(model)
    modules = {read.layer: plain.get_submodule(read.module) for read in reads}
    their_seconds, theirs = timed(lambda: captum(plain, modules, images, targets, steps), 1)
    difference = max(float((own[key] - theirs[key]).abs().max() / theirs[key].abs().max()) for key in own)
    for method, seconds, fidelity in (
        ("Captum, layer by layer", their_seconds, ""),
        ("tlx, float32", own_seconds, f"difference {difference:.1e}, completeness error {100 * error:.1f} %"),
        ("tlx, bfloat16", low_seconds, f"same important neurons {100 * overlap(low, own):.1f} %"),
        (f"tlx, {attribution.STEPS} default steps", default_seconds, f"completeness error {100 * default_error:.1f} %"),
    ):
        print(
            f"{name:10} {len(network.layers):6} {method:24} {seconds:9.2f} {their_seconds / seconds:7.1f}x   {fidelity}"
        )


def completeness(maps: dict[str, Tensor], delta: Tensor) -> float:
    """Median of |sum - dF| / |dF| over images and layers."""
    return float(torch.stack([(one.flatten(1).sum(1) - delta).abs() / delta.abs() for one in maps.values()]).median())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("networks", nargs="*", default=["alexnet"])
    parser.add_argument("--images", type=int, default=8)
    parser.add_argument("--steps", type=int, default=16)
    parser.add_argument("--repeats", type=int, default=3)
    given = parser.parse_args()
    print(f"{devices.default()}, {torch.get_num_threads()} threads, {given.images} images, {given.steps} steps")
    print(f"{'network':10} {'layers':>6} {'method':24} {'seconds':>9} {'ratio':>8}")
    for name in given.networks:
        compare(name, given.images, given.steps, given.repeats)


if __name__ == "__main__":
    main()
