"""What a model answers and how its neurons respond: predictions, vectors for the embedding, maxima, maps."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor, nn

from tlx import models, structure
from tlx.cases import Case
from tlx.progress import track
from tlx.results import Activations, DomainImages, Network

BATCH = 128


def _pictures(model: nn.Module, images: DomainImages, chosen: np.ndarray, case: Case, label: str) -> Iterator[Tensor]:
    """The chosen images in the network's input space, batch by batch, with progress."""
    for at in track(range(0, len(chosen), BATCH), label):
        yield models.inputs(model, images.pixels[chosen[at : at + BATCH]], case)


@torch.inference_mode()
def predict(model: nn.Module, images: DomainImages, case: Case) -> np.ndarray:
    """(N, classes of the model) softmax probabilities of every instance."""
    everything = np.arange(len(images))
    said = [
        torch.softmax(model(batch), 1).cpu().numpy()
        for batch in _pictures(model, images, everything, case, "predictions")
    ]
    return np.concatenate(said)


@torch.inference_mode()
def vectors(model: nn.Module, images: DomainImages, chosen: np.ndarray, *, case: Case, layer: str | None) -> np.ndarray:
    """(n, length) float32: what enters the first fully connected layer, flattened, or the output of `layer` (5.2)."""
    if len(chosen) == 0:
        return np.empty((0, 0), dtype=np.float32)
    if layer is not None:
        return np.concatenate([batch.flatten(1).cpu().numpy() for batch in _maps(model, images, chosen, layer, case)])
    entered: list[np.ndarray] = []
    first = structure.first_dense(model, models.inputs(model, images.pixels[chosen[:1]], case))
    with structure.entering(model, first) as inputs:
        for batch in _pictures(model, images, chosen, case, "embedding vectors"):
            model(batch)
            entered.append(inputs[-1].flatten(1).cpu().numpy())
    return np.concatenate(entered)


def maps(model: nn.Module, images: DomainImages, chosen: np.ndarray, *, layer: str, case: Case) -> np.ndarray:
    """(n, U, height, width) or (n, U): the activations of a layer on the chosen instances."""
    with torch.inference_mode():
        return np.concatenate([batch.cpu().numpy() for batch in _maps(model, images, chosen, layer, case)])


def _maps(model: nn.Module, images: DomainImages, chosen: np.ndarray, layer: str, case: Case) -> Iterator[Tensor]:
    example = models.inputs(model, images.pixels[chosen[:1]], case)
    reads = structure.readouts(model, [layer], example)
    with structure.captured(model, reads) as found:
        for batch in _pictures(model, images, chosen, case, f"activations of {layer}"):
            model(batch)
            yield found[layer].movedim(reads[0].axis, 1)


@torch.inference_mode()
def of_domain(model: nn.Module, network: Network, images: DomainImages, case: Case) -> Activations:
    """Every neuron's largest activation on every instance, where it lies in its map, and every neuron's mean."""
    reads = structure.readouts(model, network.names, models.inputs(model, images.pixels[:1], case))
    units = tuple(layer.units for layer in network.layers)
    values = np.empty((len(images), sum(units)), dtype=np.float32)
    positions = np.zeros((len(images), sum(units)), dtype=np.int32)
    sums = np.zeros(sum(units))
    done = 0
    with structure.captured(model, reads) as found:
        for batch in _pictures(model, images, np.arange(len(images)), case, "activations"):
            model(batch)
            maps = [
                found[read.layer].movedim(read.axis, 1).reshape(len(batch), count, -1)
                for read, count in zip(reads, units, strict=True)
            ]
            rows = slice(done, done + len(batch))
            values[rows] = torch.cat([one.amax(2) for one in maps], 1).cpu().numpy()
            positions[rows] = torch.cat([one.argmax(2) for one in maps], 1).cpu().numpy()
            sums += torch.cat([one.mean(2) for one in maps], 1).double().sum(0).cpu().numpy()
            done += len(batch)
    return Activations(values, positions, (sums / max(done, 1)).astype(np.float32), network.names, units)
