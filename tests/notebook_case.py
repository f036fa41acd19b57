"""What somebody has in a notebook: two small modules of a class that no other process can import, and their data."""

from __future__ import annotations

import copy
import functools
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from tlx.cases import Case
from tlx.notebook.making import case

CLASSES = ("lying", "upright", "dotted")


class Net(nn.Module):
    """Two convolutions and two linear layers for grey images of 16 px; `slope` is in no state dict."""

    def __init__(self, classes: int = 3, slope: float = 0.0) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(1, 6, 3, 2, 1), nn.Conv2d(6, 8, 3, 2, 1)
        self.third, self.last = nn.Linear(8 * 16, 12), nn.Linear(12, classes)
        self.acts, self.slope = nn.ModuleList(nn.ReLU() for _ in range(3)), slope

    def forward(self, images: Tensor) -> Tensor:
        first, second, third = self.acts
        maps = second(self.second(first(self.first(images))))
        return self.last(third(self.third(maps.flatten(1)))) * (1 + self.slope)


def pixels(count: int = 30, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """(count, 16, 16, 1) uint8 bars and dots on noise, and their labels."""
    rng, labels = np.random.default_rng(seed), np.arange(count) % 3
    images = rng.integers(0, 80, (count, 16, 16, 1)).astype(np.uint8)
    for image, label in zip(images, labels, strict=True):
        at = int(rng.integers(2, 10))
        place = [
            (slice(at, at + 4), slice(None)),
            (slice(None), slice(at, at + 4)),
            (slice(at, None, 3), slice(at, None, 3)),
        ]
        image[place[label]] = rng.integers(180, 255)
    return images, labels


def trained(seed: int = 0, classes: int = 3) -> nn.Module:
    """A module after a few steps on the pixels, in training mode, as a notebook leaves it."""
    return copy.deepcopy(_trained(seed, classes))


@functools.cache
def _trained(seed: int, classes: int) -> nn.Module:
    torch.manual_seed(seed)
    model = Net(classes)
    step(model, *pixels(60, seed), times=30)
    return model


def step(model: nn.Module, images: np.ndarray, labels: np.ndarray, times: int = 1) -> None:
    """Trains in place."""
    optimiser = torch.optim.Adam(model.parameters(), 5e-3)
    for _ in range(times):
        loss = nn.functional.cross_entropy(model(entering(images)), torch.from_numpy(labels))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()


def entering(images: np.ndarray, mean: float = 0.5, std: float = 0.25) -> Tensor:
    """What torchvision's ToTensor and Normalize make of (n, H, W, channels) levels."""
    return torch.from_numpy(images).permute(0, 3, 1, 2).float().div(255).sub_(mean).div_(std)


def made(source_model: Any = None, target_model: Any = None, **changed: Any) -> Case:
    """The case of these modules, or of two small ones, with some of its arguments others."""
    modules = {
        "source_model": trained() if source_model is None else source_model,
        "target_model": trained(1) if target_model is None else target_model,
    }
    given = {"source": pixels(), "target": pixels(seed=1), "classes": CLASSES, "mean": 0.5, "std": 0.25, "n_steps": 3}
    return case(**(modules | given | changed))
