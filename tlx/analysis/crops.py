"""What a neuron saw: the part of an image inside the receptive field of the place that activated it most (method 7)."""

from __future__ import annotations

import numpy as np

from tlx.results import Activations, Crop, DomainImages, Layer

GREY = 128  # beyond the image's edge: about what padding with zeros means to a network fed with normalised images


def crop(pixels: np.ndarray, layer: Layer, position: int) -> np.ndarray:
    """The receptive field (size, size, channels) of a flat map position; the whole image where the neuron sees it all.

    pixels: (H, W, channels) uint8. Places beyond the image's edge are grey.
    """
    if layer.field is None:
        return pixels
    size, stride, offset = layer.field
    top, left = (offset + stride * at for at in divmod(position, layer.positions[1]))
    part = np.full((size, size, pixels.shape[2]), GREY, dtype=np.uint8)
    rows, columns = (slice(max(0, start), max(0, start + size)) for start in (top, left))
    seen = pixels[rows, columns]
    at_row, at_column = max(0, -top), max(0, -left)
    part[at_row : at_row + seen.shape[0], at_column : at_column + seen.shape[1]] = seen
    return part


def strongest(
    activations: Activations, images: DomainImages, layer: Layer, neuron: int, *, count: int = 6
) -> list[Crop]:
    """The parts of a domain's images that activate a neuron most, strongest first; silent instances are left out."""
    values = activations.layer(layer.name)[:, neuron]
    positions = activations.layer_positions(layer.name)[:, neuron]
    best = [int(at) for at in np.argsort(-values, kind="stable")[:count] if values[at] > 0]
    return [
        Crop(
            pixels=crop(images.pixels[at], layer, int(positions[at])),
            instance=at,
            label=images.classes[images.labels[at]],
            activation=float(values[at]),
        )
        for at in best
    ]
