"""Feature visualisation: images that activate a neuron strongly, found by gradient ascent (method 7).

Activation maximisation after Olah, Mordvintsev and Schubert, "Feature Visualization", Distill 2017: the image is
written as Fourier coefficients weighted by 1/frequency and in decorrelated colours, so that a step of the optimiser
changes every frequency and colour about as much as natural images vary in them; small random shifts, scalings and
rotations at every step leave only what the neuron sees robustly.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tlx.cases import Case
from tlx.errors import SelectionError
from tlx.networks import hooks, models, tracing
from tlx.progress import track
from tlx.results import Layer, Network

STEPS = 80  # twice as many raise the activation and paint the same picture (seen on digits and on AlexNet)
RATE = 0.06
CONTRAST = 1.2  # spread of a painted image before the sigmoid: enough for black and white, not for garish colours
# Where a Gaussian takes fine detail back, in cycles a pixel: without it deep layers show hatching, not strokes and eyes
# (seen on digits and on AlexNet). A small receptive field keeps at least this many cycles: its grating may be fine.
CUT = 0.12
CYCLES = 3
CHROMA = 0.5  # of natural images' spread of colour: with all of it every edge has a rainbow that means nothing

# Principal axes of the colours of natural images and the variance along each, as published for ImageNet's training
# images and used since Krizhevsky et al. 2012 for colour augmentation (rows: red, green, blue).
_AXES = torch.tensor([[0.5675, 0.7192, 0.4009], [0.5808, -0.0045, -0.8140], [0.5836, -0.6948, 0.4203]])
_VARIANCES = torch.tensor([0.2175, 0.0188, 0.0045])


@dataclass(frozen=True)
class Canvas:
    """Where an image is optimised: `edge` pixels wide, of which [start, start + size) are shown.

    position: the place (both directions) in the neuron's map whose activation is raised; None: the mean over the map.
    """

    edge: int
    start: int
    size: int
    position: int | None


def feature_images(
    model: nn.Module, network: Network, layer: str, neurons: Sequence[int], *, case: Case
) -> dict[int, np.ndarray]:
    """For each neuron an image (H, W, 3) uint8 that activates it strongly.

    A neuron that sees part of the image is shown its receptive field only. Every neuron starts from its own
    random numbers and all meet the same shifts, so an image does not depend on which others are asked for with it.
    Raises SelectionError for a neuron the layer lacks.
    """
    known = network.layer(layer)
    for neuron in neurons:
        if not 0 <= neuron < known.units:
            raise SelectionError(f"neuron {neuron} is not in {known.title}; its neurons are 0 to {known.units - 1}")
    with reading(models.in_precision(model, case.precision), layer, case) as probe:
        canvas = choose_canvas(probe, known, case)
        steps = track(range(STEPS), f"feature images of {known.title}")
        images = optimise(probe, canvas, neurons, layer=layer, case=case, steps=steps)
    return dict(zip(neurons, shown(images, canvas), strict=True))


class _Reached(Exception):  # noqa: N818  # no error: the neuron's layer has answered, the rest need not run
    def __init__(self, output: Tensor) -> None:
        self.output = output


class Probe:
    """Runs a network up to one layer and answers with its neurons' maps before the activation function.

    Before it, because a rectified neuron that is silent would tell no direction to go; where the layer is a block of
    several modules its output is taken. The network may be in bfloat16: images and maps are float32 all the same.
    """

    def __init__(self, model: nn.Module, axis: int) -> None:
        self.model = model
        self.axis = axis
        self.weights = next(model.parameters())

    def __call__(self, images: Tensor) -> Tensor:
        """(n, channels, H, W) in the network's input space to (n, U, h, w)."""
        try:
            given = images.to(self.weights)  # on the network's device; the picture itself is drawn on the processor
            self.model(given.contiguous(memory_format=models.layout(given)))
        except _Reached as reached:
            maps = reached.output.to(images).movedim(self.axis, 1)
            return maps.reshape(*maps.shape[:2], *(maps.shape[2:] if maps.ndim == 4 else (-1, 1)))
        raise RuntimeError("the layer was not reached")


@contextmanager
def reading(model: nn.Module, layer: str, case: Case) -> Iterator[Probe]:
    """Within the block the model stops at this layer; afterwards no hook is left on it."""
    example = models.example(case).to(next(model.parameters()))
    readout = tracing.before_activation(model, layer, example)

    def stop(_readout: hooks.Readout, output: Tensor) -> None:
        raise _Reached(output)

    with hooks.watched(model, [readout], stop), hooks.evaluated(model):
        yield Probe(model, readout.axis)


def choose_canvas(probe: Probe, layer: Layer, case: Case) -> Canvas:
    """The smallest square on which the map's middle sees nothing but the image, with room to move it.

    The middle of the map, since its mean asks for nothing but a colour in deep layers (seen on digits). The network's
    own image size where the middle sees all of it, or where the network refuses other sizes.
    """
    middle = layer.positions[0] // 2 if min(layer.positions) > 2 else None
    if layer.field is None or middle is None:
        return Canvas(case.image_size, 0, case.image_size, middle)
    size, stride, offset = layer.field
    own = Canvas(case.image_size, max(0, offset + stride * middle), size, middle)
    room = max(2, size // 8)
    position = math.ceil((room - offset) / stride)
    start = offset + stride * position
    edge = start + size + room
    if edge >= case.image_size:
        return own
    try:
        with torch.no_grad():
            probe(torch.zeros(1, case.channels, edge, edge))
    except (AssertionError, RuntimeError):  # vision transformers take their own size only
        return own
    return Canvas(edge, start, size, position)


def optimise(
    probe: Probe, canvas: Canvas, neurons: Sequence[int], *, layer: str, case: Case, steps: Iterator[int]
) -> Tensor:
    """(n, channels, edge, edge) in [0, 1]: gradient ascent on each neuron's activation."""
    spectra = torch.stack([_start(case, layer, neuron, canvas.edge) for neuron in neurons]).requires_grad_()
    adam = torch.optim.Adam([spectra], lr=RATE)
    moves = torch.Generator().manual_seed(case.seed)
    for _ in range(STEPS):
        with torch.enable_grad():
            images = moved(painted(spectra, canvas), moves)
            loss = -reached(probe, canvas, images, neurons, case).sum()
            (spectra.grad,) = torch.autograd.grad(loss, spectra)
        adam.step()
        next(steps, None)
    with torch.no_grad():
        return painted(spectra, canvas)


def reached(probe: Probe, canvas: Canvas, images: Tensor, neurons: Sequence[int], case: Case) -> Tensor:
    """(n,) each image's own neuron before its activation function, at the canvas's position or averaged over its map.

    images: (n, channels, edge, edge) in [0, 1].
    """
    mean, std = (torch.tensor(numbers).view(1, -1, 1, 1) for numbers in (case.mean, case.std))
    maps = probe((images - mean) / std)[torch.arange(len(neurons)), torch.tensor(list(neurons))]
    return maps.mean(dim=(1, 2)) if canvas.position is None else maps[:, canvas.position, canvas.position]


def _start(case: Case, layer: str, neuron: int, edge: int) -> Tensor:
    """(channels, edge, edge // 2 + 1, 2) Fourier coefficients, small and random by the neuron's own seed."""
    name = f"{case.seed} {layer} {neuron}".encode()
    seed = int.from_bytes(hashlib.sha256(name).digest()[:8], "big", signed=True)
    return 0.01 * torch.randn(case.channels, edge, edge // 2 + 1, 2, generator=torch.Generator().manual_seed(seed))


def painted(spectra: Tensor, canvas: Canvas) -> Tensor:
    """Fourier coefficients (n, channels, edge, edge // 2 + 1, 2) to images (n, channels, edge, edge) in [0, 1]."""
    edge, cut = canvas.edge, max(CUT, CYCLES / canvas.size)
    frequency = torch.hypot(torch.fft.fftfreq(edge)[:, None], torch.fft.rfftfreq(edge)[None])
    weights = torch.exp(-((frequency / cut) ** 2)) / frequency.clamp(min=1 / edge)
    pixels = torch.fft.irfft2(torch.view_as_complex(spectra) * weights, s=(edge, edge), norm="ortho")
    if pixels.shape[1] == 3:
        mixing = _AXES * (_VARIANCES / _VARIANCES[0]).sqrt() * torch.tensor([1, CHROMA, CHROMA])
        pixels = torch.einsum("rc,nchw->nrhw", mixing, pixels)
    strength = pixels.square().mean(dim=(1, 2, 3), keepdim=True).sqrt()
    return torch.sigmoid(CONTRAST * pixels / strength)


def moved(images: Tensor, generator: torch.Generator) -> Tensor:
    """The images shifted, scaled and turned a little, all alike, mirrored beyond their edges."""
    edge = images.shape[-1]
    draw = torch.rand(4, generator=generator) * 2 - 1
    turn, scale = math.radians(14) * draw[0], 1 + 0.15 * draw[1]
    shift = draw[2:] * 2 * max(1.0, edge / 12) / edge
    cos, sin = torch.cos(turn) * scale, torch.sin(turn) * scale
    theta = torch.stack([torch.stack([cos, -sin, shift[0]]), torch.stack([sin, cos, shift[1]])])
    grid = F.affine_grid(theta[None], [1, 1, edge, edge], align_corners=False).expand(len(images), -1, -1, -1)
    return F.grid_sample(images, grid, padding_mode="reflection", align_corners=False)


def shown(images: Tensor, canvas: Canvas) -> list[np.ndarray]:
    """The part the neuron sees as (H, W, 3) uint8; grey images in three channels."""
    part = images[..., canvas.start : canvas.start + canvas.size, canvas.start : canvas.start + canvas.size]
    pixels = (part.expand(-1, 3, -1, -1).permute(0, 2, 3, 1) * 255).round().to(torch.uint8)
    return list(pixels.contiguous().numpy())
