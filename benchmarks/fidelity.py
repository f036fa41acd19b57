"""Which rule and how many path steps: conductance at few steps against many, on four kinds of network.

    PYTHONPATH=. TLX_DATA=… python benchmarks/fidelity.py [--images 8] [--threads 2]

First the rules: `digits` (both models), AlexNet with ImageNet convolutions, ResNet-18 and a small vision transformer,
the last three trained for a moment on photos, against 256 uniform trapezoid steps. The photos are read from
`office31/webcam/<class>/*.jpg` and the convolutions from `weights/alexnet_imagenet_features.pth` below TLX_DATA;
without them only `digits` is measured. Per row, means over images and layers: map error, |maps - exact| / |exact|
(Euclidean); error after the maximum, the same of one number a neuron; share of an image's top 10 % neurons that are
the exact ones'; and the median completeness error of layers that have one.

Then the steps: the target model of `digits` by its own case, against 400 steps. Median completeness error over
instances and layers, mean rank correlation of neurons within an instance, and share of identical important neurons over
classes and layers.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image
from scipy.stats import spearmanr
from torch import Tensor, nn

from tlx import load_case, pipeline
from tlx.analysis import attribution
from tlx.analysis.abstraction import important_neurons, top_count
from tlx.cases import MODELS
from tlx.networks import models, tracing
from tlx.networks.torchvision_import import models as zoo
from tlx.results import Conductance, Network

REFERENCE = attribution.Path(256, "trapezoid", 1)
PATHS = (
    attribution.Path(16, "left", 1),
    attribution.Path(16, "trapezoid", 1),
    attribution.Path(8, "trapezoid", 1),
    attribution.Path(8, "trapezoid", 1.5),
    attribution.Path(8, "trapezoid", 2),
    attribution.Path(12, "trapezoid", 2),
)
STEPS = ((2, "float32"), (4, "float32"), (8, "float32"), (16, "float32"), (32, "float32"), (8, "bfloat16"))
PHOTOS, KINDS, BATCHES, BATCH = 30, 8, 30, 32  # photos of a class, classes, and training steps of so many photos


class Subject(NamedTuple):
    """A network, its analysed layers, and the images (n, channels, H, W) and scores (n,) that are explained."""

    name: str
    model: nn.Module
    network: Network
    images: Tensor
    targets: Tensor


def of_digits(count: int) -> Iterator[Subject]:
    """Both models on target images, towards their true classes."""
    case = load_case("digits")
    images = pipeline.images(case, "target")
    chosen = np.sort(np.random.default_rng(0).permutation(len(images))[:count])
    targets = torch.from_numpy(np.array(images.labels[chosen]))
    for name in MODELS:
        model = pipeline.load_model(case, name)
        inputs = models.inputs(model, images.pixels[chosen], case)
        yield Subject(f"digits, {name} model", model, pipeline.network(case), inputs, targets)


def of_photos(data: Path, count: int) -> Iterator[Subject]:
    """Three torchvision networks, trained for a moment on webcam photos, of which one of each class is explained."""
    alexnet = zoo.alexnet(num_classes=KINDS)
    convolutions = torch.load(data / "weights" / "alexnet_imagenet_features.pth", weights_only=True)
    alexnet.load_state_dict(convolutions, strict=False)
    alexnet.features.requires_grad_(False)
    transformer = zoo.VisionTransformer(64, 16, 4, 4, 128, 256, num_classes=KINDS)
    nn.init.normal_(transformer.heads.head.weight, std=0.02)  # torchvision's zeros would explain nothing
    resnet = zoo.resnet18(num_classes=KINDS)
    for model, size, rate in ((alexnet, 224, 1e-4), (resnet, 112, 1e-3), (transformer, 64, 1e-3)):
        images, labels = photos(data / "office31" / "webcam", size)
        right = trained(model, images, labels, rate)
        first = torch.tensor([int((labels == at).nonzero()[0]) for at in range(min(count, KINDS))])
        name = type(model).__name__
        network = tracing.network(model, images[:1], (), name)
        yield Subject(f"{name}, {size} px ({right:.0%} of photos right)", model, network, images[first], labels[first])


def photos(folder: Path, size: int) -> tuple[Tensor, Tensor]:
    """Up to PHOTOS photos of every fourth class, normalised, (n, 3, size, size), and their classes (n,)."""
    kinds = sorted(path for path in folder.iterdir() if path.is_dir())[::4][:KINDS]
    paths = [(path, at) for at, kind in enumerate(kinds) for path in sorted(kind.iterdir())[:PHOTOS]]
    pixels = [np.asarray(Image.open(path).convert("RGB").resize((size, size))) for path, _ in paths]
    images = torch.from_numpy(np.stack(pixels)).permute(0, 3, 1, 2).float() / 255
    mean, std = (torch.tensor(three).view(3, 1, 1) for three in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    return (images - mean) / std, torch.tensor([at for _, at in paths])


def trained(model: nn.Module, images: Tensor, labels: Tensor, rate: float) -> float:
    """Trains what is not frozen for BATCHES steps; the share of the photos that it then names rightly."""
    optimiser = torch.optim.Adam([one for one in model.parameters() if one.requires_grad], rate)
    order = torch.cat([torch.randperm(len(images)) for _ in range(-(-BATCHES * BATCH // len(images)))])
    model.train()
    for at in range(BATCHES):
        some = order[at * BATCH : (at + 1) * BATCH]
        optimiser.zero_grad()
        nn.functional.cross_entropy(model(images[some]), labels[some]).backward()
        optimiser.step()
    model.eval()
    with torch.no_grad():
        answers = torch.cat([model(some).argmax(1) for some in images.split(BATCH)])
    return float((answers == labels).float().mean())


def rules(subject: Subject) -> None:
    """One network's rows."""
    print(f"\n{subject.name}, {len(subject.images)} images, {len(subject.network.layers)} layers")
    head = ("map error", "after maximum", "same top 10 %", "completeness")
    print(f"{'rule':10} {'steps':>5} {'power':>5} {'seconds':>8} " + " ".join(f"{one:>13}" for one in head))
    exact, _ = maps_of(subject, REFERENCE)
    for path in PATHS:
        maps, seconds = maps_of(subject, path)
        row = [*np.mean([fidelity(maps[name], exact[name]) for name in maps], axis=0), completeness(subject, maps)]
        numbers = " ".join(f"{one:13.3f}" for one in row)
        print(f"{path.rule:10} {path.n_steps:5} {path.power:5} {seconds:8.2f} {numbers}", flush=True)


def maps_of(subject: Subject, path: attribution.Path) -> tuple[dict[str, Tensor], float]:
    """Conductance maps by layer, neurons on axis 1, and the seconds they took."""
    began = time.perf_counter()
    maps = attribution.layer_conductance(
        subject.model,
        subject.network.names,
        subject.images,
        subject.targets,
        n_steps=path.n_steps,
        rule=path.rule,
        power=path.power,
        reduce=None,
    )
    seconds = time.perf_counter() - began
    reads = tracing.readouts(subject.model, subject.network.names, subject.images[:1])
    return {read.layer: maps[read.layer].movedim(read.axis, 1) for read in reads}, seconds


def fidelity(maps: Tensor, exact: Tensor) -> tuple[float, float, float]:
    """Map error, error after the maximum, share of the same top 10 % of the neurons; means over the images."""
    both = largest(maps), largest(exact)
    tops = [one.topk(top_count(one.shape[1]), dim=1).indices.numpy() for one in both]
    same = [len(np.intersect1d(*pair)) / len(pair[0]) for pair in zip(*tops, strict=True)]
    return difference(maps, exact), difference(*both), float(np.mean(same))


def difference(values: Tensor, exact: Tensor) -> float:
    return float(((values - exact).flatten(1).norm(dim=1) / exact.flatten(1).norm(dim=1)).mean())


def largest(maps: Tensor) -> Tensor:
    return maps.flatten(2).amax(2) if maps.ndim > 2 else maps


def completeness(subject: Subject, maps: dict[str, Tensor]) -> float:
    """Median of |sum - dF| / |dF| over images and the layers that everything runs through."""
    with torch.no_grad():
        change = subject.model(subject.images) - subject.model(torch.zeros_like(subject.images[:1]))
    delta = change.gather(1, subject.targets[:, None]).squeeze(1)
    whole = [maps[layer.name].flatten(1).sum(1) for layer in subject.network.layers if layer.complete]
    return float(torch.stack([(total - delta).abs() / delta.abs() for total in whole]).median())


def steps(count: int) -> None:
    """The default rule with few and many steps, as the stages take it."""
    case = load_case("digits")
    images = pipeline.images(case, "target")
    chosen = np.sort(np.random.default_rng(0).permutation(len(images))[:count])

    def compute(n_steps: int, precision: str) -> tuple[Conductance, float]:
        began = time.perf_counter()
        measured = attribution.of_instances(
            pipeline.load_model(case, "target"),
            pipeline.network(case),
            images,
            chosen,
            case=replace(case, n_steps=n_steps, precision=precision),
            outputs=images.classes,
        )
        return measured, time.perf_counter() - began

    exact, _ = compute(400, "float32")
    print(f"\ndigits, target model, {count} images, default rule (power {attribution.POWER})")
    heads = ("completeness error", "rank corr.", "same important")
    print(f"{'steps':>6} {'precision':10} {'seconds':>8} {heads[0]:>20} {heads[1]:>11} {heads[2]:>15}")
    for n_steps, precision in STEPS:
        measured, seconds = compute(n_steps, precision)
        error, same = 100 * np.nanmedian(measured.completeness_error), agreement(measured, exact, images.labels[chosen])
        numbers = f"{error:18.2f} % {ranks(measured, exact):11.4f} {100 * same:13.1f} %"
        print(f"{n_steps:6} {precision:10} {seconds:8.2f} {numbers}", flush=True)


def ranks(measured: Conductance, exact: Conductance) -> float:
    """Mean Spearman correlation of the neurons' conductance, over instances and layers."""
    values = [
        spearmanr(a, b).statistic
        for name in measured.layers
        for a, b in zip(measured.layer(name), exact.layer(name), strict=True)
        if a.any() and b.any()
    ]
    return float(np.mean(values))


def agreement(measured: Conductance, exact: Conductance, labels: np.ndarray) -> float:
    """Share of the exact important neurons that are important here too, over classes and layers."""
    same = total = 0
    for label in np.unique(labels):
        rows = labels == label
        for name in measured.layers:
            both = [important_neurons(one.layer(name)[rows]) for one in (measured, exact)]
            same, total = same + len(np.intersect1d(*both)), total + len(both[1])
    return same / total


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=8, help="photos; digits take five times as many")
    parser.add_argument("--threads", type=int, default=2)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    torch.manual_seed(0)
    data = Path(os.environ.get("TLX_DATA", ""))
    for subject in of_digits(5 * given.images):
        rules(subject)
    if (data / "office31" / "webcam").is_dir():
        for subject in of_photos(data, given.images):
            rules(subject)
    else:
        print("\nno photos below TLX_DATA: AlexNet, ResNet-18 and the transformer are left out")
    steps(100)


if __name__ == "__main__":
    main()
