"""What a model answers and how its neurons respond: predictions, vectors for the embedding, maxima, maps.

A pass through the network costs far more than what is read from it. `respond` therefore reads everything in one; the
others read what a page is waiting for.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, nullcontext
from functools import lru_cache
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from tlx.cases import Case
from tlx.networks import hooks, models, tracing
from tlx.progress import track
from tlx.results import Activations, DomainImages, Network, Responses

BATCH = 128
WIDEST = 10_000  # values of an embedding vector that is kept whole
NARROWED = 2_048


def respond(model: nn.Module, network: Network, images: DomainImages, case: Case) -> Responses:
    """`predict`, `vectors` of the default layer and `of_domain`, bit for bit, in one pass instead of three."""
    example = _example(model, images, case)
    predicted, entered, strongest = _Probabilities(), _Vectors(model, example, None), _Maxima(model, network, example)
    _read(model, images, case, "responses", predicted, entered, strongest)
    return Responses(predicted.all(), entered.all(), strongest.all())


def predict(model: nn.Module, images: DomainImages, case: Case) -> np.ndarray:
    """(N, classes of the model) softmax probabilities of every instance."""
    reader = _Probabilities()
    _read(model, images, case, "predictions", reader)
    return reader.all()


def vectors(model: nn.Module, images: DomainImages, case: Case, layer: str | None = None) -> np.ndarray:
    """(N, D) float32: what enters the classifier head, flattened, or the output of `layer` (5.2).

    Vectors longer than WIDEST would fill the memory (194,000 values in AlexNet's first layer); `shortened` keeps their
    distances in fewer columns.
    """
    reader = _Vectors(model, _example(model, images, case), layer)
    _read(model, images, case, "embedding vectors", reader)
    return reader.all()


def of_domain(model: nn.Module, network: Network, images: DomainImages, case: Case) -> Activations:
    """Every neuron's largest activation on every instance, where it lies in its map, and every neuron's mean."""
    reader = _Maxima(model, network, _example(model, images, case))
    _read(model, images, case, "activations", reader)
    return reader.all()


@torch.inference_mode()
def maps(model: nn.Module, images: DomainImages, chosen: np.ndarray, *, layer: str, case: Case) -> np.ndarray:
    """(n, U, height, width) or (n, U): the activations of a layer on the chosen instances."""
    reads = tracing.readouts(model, [layer], models.inputs(model, images.given[chosen[:1]], case))
    activations = []
    with hooks.captured(model, reads) as outputs:
        for batch in _pictures(model, images, chosen, case, f"activations of {layer}"):
            model(batch)
            activations.append(outputs[layer].movedim(reads[0].axis, 1).cpu().numpy())
    return np.concatenate(activations)


class _Reader(Protocol):
    """Something to read on each batch's way through the network."""

    def watching(self, model: nn.Module) -> AbstractContextManager[Any]:
        """Within the block the network shows, in the result, what `read` is given after each batch."""

    def read(self, output: Tensor, seen: Any) -> None: ...


@torch.inference_mode()
def _read(model: nn.Module, images: DomainImages, case: Case, label: str, *readers: _Reader) -> None:
    """Passes all images through the network once, for all readers."""
    with ExitStack() as block:
        watched = [(reader, block.enter_context(reader.watching(model))) for reader in readers]
        for batch in _pictures(model, images, np.arange(len(images)), case, label):
            output = model(batch)
            for reader, seen in watched:
                reader.read(output, seen)


def _pictures(model: nn.Module, images: DomainImages, chosen: np.ndarray, case: Case, label: str) -> Iterator[Tensor]:
    """The chosen images in the network's input space, batch by batch, with progress."""
    for at in track(range(0, len(chosen), BATCH), label):
        yield models.inputs(model, images.given[chosen[at : at + BATCH]], case)


def _example(model: nn.Module, images: DomainImages, case: Case) -> Tensor:
    return models.inputs(model, images.given[:1], case)


class _Probabilities:
    def __init__(self) -> None:
        self._parts: list[np.ndarray] = []

    def watching(self, _model: nn.Module) -> AbstractContextManager[None]:
        return nullcontext()

    def read(self, output: Tensor, _seen: None) -> None:
        self._parts.append(torch.softmax(output, 1).cpu().numpy())

    def all(self) -> np.ndarray:
        return np.concatenate(self._parts)


class _Vectors:
    def __init__(self, model: nn.Module, example: Tensor, layer: str | None) -> None:
        self._readout = tracing.readouts(model, [layer], example)[0] if layer is not None else None
        self._head = "" if self._readout else tracing.head(model, example)
        self._parts: list[np.ndarray] = []

    def watching(self, model: nn.Module) -> AbstractContextManager[Any]:
        return hooks.captured(model, [self._readout]) if self._readout else hooks.entering(model, self._head)

    def read(self, _output: Tensor, seen: Any) -> None:
        vector = seen[self._readout.layer].movedim(self._readout.axis, 1) if self._readout else seen[-1]
        self._parts.append(shortened(vector.flatten(1).cpu().numpy()))

    def all(self) -> np.ndarray:
        return np.concatenate(self._parts)


class _Maxima:
    def __init__(self, model: nn.Module, network: Network, example: Tensor) -> None:
        self._reads = tracing.readouts(model, network.names, example)
        self._layers, self._units = network.names, tuple(layer.units for layer in network.layers)
        self._values: list[np.ndarray] = []
        self._positions: list[np.ndarray] = []
        self._sums = np.zeros(sum(self._units))

    def watching(self, model: nn.Module) -> AbstractContextManager[dict[str, Tensor]]:
        return hooks.captured(model, self._reads)

    def read(self, output: Tensor, seen: dict[str, Tensor]) -> None:
        maps = [
            seen[read.layer].movedim(read.axis, 1).reshape(len(output), count, -1)
            for read, count in zip(self._reads, self._units, strict=True)
        ]
        self._values.append(torch.cat([one.amax(2) for one in maps], 1).cpu().numpy())
        self._positions.append(torch.cat([one.argmax(2) for one in maps], 1).cpu().numpy().astype(np.int32))
        self._sums += torch.cat([one.mean(2) for one in maps], 1).double().sum(0).cpu().numpy()

    def all(self) -> Activations:
        values, positions = np.concatenate(self._values), np.concatenate(self._positions)
        means = (self._sums / len(values)).astype(np.float32)
        return Activations(values, positions, means, self._layers, self._units)


def shortened(values: np.ndarray) -> np.ndarray:
    """(N, D) vectors as they are, or projected at random to (N, NARROWED) where D is above WIDEST.

    A sparse random projection (Li, Hastie and Church 2006) keeps distances between vectors within a few per cent; its
    matrix is drawn from a fixed seed, so that it is the same for every part of the data.
    """
    if values.shape[1] <= WIDEST:
        return values
    narrow: np.ndarray = _projection(values.shape[1]).transform(values)
    return narrow.astype(np.float32)


@lru_cache(maxsize=1)  # drawing the matrix takes longer than using it on a part of the data
def _projection(width: int) -> Any:
    from sklearn.random_projection import SparseRandomProjection

    return SparseRandomProjection(NARROWED, dense_output=True, random_state=0).fit(np.zeros((1, width), np.float32))
