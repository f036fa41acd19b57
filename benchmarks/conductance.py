"""Layer conductance: Captum looped over the layers against tlx's one pass, in the same run.

    PYTHONPATH=. python benchmarks/conductance.py [alexnet resnet18 vgg11 digits] [--images 8] [--steps 16]

Prints for each network: seconds, ratio to Captum, largest relative difference, median completeness error, and for
bfloat16 the share of identical important neurons. Same path points, same images in a batch, same device.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import numpy as np
import torch
from captum.attr import LayerConductance
from torch import Tensor, nn

from tlx.analysis import attribution
from tlx.analysis.abstraction import important_neurons
from tlx.networks import architectures, models, tracing
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
    found = {}
    for name, module in modules.items():
        maps = LayerConductance(model, module).attribute(
            images, target=targets, n_steps=steps, method="riemann_trapezoid", internal_batch_size=len(images)
        )
        found[name] = maps.detach().flatten(2).amax(2) if maps.ndim > 2 else maps.detach()
    return found


def timed(run: Callable[[], dict[str, Tensor]], repeats: int) -> tuple[float, dict[str, Tensor]]:
    """Median seconds of several runs, and the last answer."""
    seconds = []
    for _ in range(repeats):
        began = time.perf_counter()
        found = run()
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        seconds.append(time.perf_counter() - began)
    return float(np.median(seconds)), found


def overlap(ours: dict[str, Tensor], theirs: dict[str, Tensor]) -> float:
    """Share of the important neurons of `theirs` that `ours` has too, over all layers."""
    pairs = [
        (important_neurons(ours[name].cpu().numpy()), important_neurons(theirs[name].cpu().numpy())) for name in ours
    ]
    return sum(len(np.intersect1d(a, b)) for a, b in pairs) / sum(len(b) for _, b in pairs)


def compare(name: str, count: int, steps: int, repeats: int) -> None:
    """One network's rows of the table."""
    model, example = build(name)
    device = models.default_device()
    model = model.to(device)
    network = tracing.network(model, example.to(device), (), name)
    images = torch.randn(count, *example.shape[1:], device=device)
    targets = torch.arange(count, device=device) % (10 if name == "digits" else CLASSES)
    reads = tracing.readouts(model, network.names, images[:1])

    def ours(precision: str = "float32") -> dict[str, Tensor]:
        return attribution.layer_conductance(model, network.names, images, targets, n_steps=steps, precision=precision)

    ours()  # warm up
    our_seconds, found = timed(ours, repeats)
    low_seconds, low = timed(lambda: ours("bfloat16"), repeats)
    maps = attribution.layer_conductance(model, network.names, images, targets, n_steps=steps, reduce=None)
    with torch.no_grad():
        delta = (model(images) - model(torch.zeros_like(images))).gather(1, targets[:, None]).squeeze(1)
    error = torch.stack([(one.flatten(1).sum(1) - delta).abs() / delta.abs() for one in maps.values()]).median()
    plain = without_inplace(model)
    modules = {read.layer: plain.get_submodule(read.module) for read in reads}
    their_seconds, theirs = timed(lambda: captum(plain, modules, images, targets, steps), 1)
    difference = max(float((found[key] - theirs[key]).abs().max() / theirs[key].abs().max()) for key in found)
    layers = len(network.layers)
    print(f"{name:10} {layers:6} {'Captum, layer by layer':24} {their_seconds:9.2f} {1:7.1f}x")
    print(
        f"{name:10} {layers:6} {'tlx, float32':24} {our_seconds:9.2f} {their_seconds / our_seconds:7.1f}x"
        f"   difference {difference:.1e}, completeness error {100 * error:.1f} %"
    )
    print(
        f"{name:10} {layers:6} {'tlx, bfloat16':24} {low_seconds:9.2f} {their_seconds / low_seconds:7.1f}x"
        f"   same important neurons {100 * overlap(low, found):.1f} %"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("networks", nargs="*", default=["alexnet"])
    parser.add_argument("--images", type=int, default=8)
    parser.add_argument("--steps", type=int, default=16)
    parser.add_argument("--repeats", type=int, default=3)
    given = parser.parse_args()
    print(f"{models.default_device()}, {torch.get_num_threads()} threads, {given.images} images, {given.steps} steps")
    print(f"{'network':10} {'layers':>6} {'method':24} {'seconds':>9} {'ratio':>8}")
    for name in given.networks:
        compare(name, given.images, given.steps, given.repeats)


if __name__ == "__main__":
    main()
