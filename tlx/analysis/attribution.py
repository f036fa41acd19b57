"""Layer conductance of many layers in one pass (method 3; Dhamdhere et al., arXiv:1805.12233; arXiv:1807.09946).

`tlx.analysis.walking` walks the path for a batch of images; here images are made batches, and maps one number a neuron.
`tlx.analysis.criteria` has other ways to attribute a score to neurons, behind the same door.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from tlx.analysis.criteria import CRITERIA as CRITERIA
from tlx.analysis.walking import POWER as POWER
from tlx.analysis.walking import RULES as RULES
from tlx.analysis.walking import STEPS, Path, Reading
from tlx.cases import Case
from tlx.errors import ModelError
from tlx.networks import hooks, models, tracing
from tlx.networks.hooks import Readout
from tlx.progress import report
from tlx.results import Conductance, DomainImages, Network

BATCH_BYTES = 256 * 2**20  # of the maps of one batch; larger batches were not faster
CLOSE = 0.05  # of the largest score, by which rounding may change scores; bfloat16 has 8 bits
BATCH_MOST = 128  # images, or images times path points
CARD_PART, CARD_MOST = (
    32,
    512,
)  # on a GPU, which is busy only with many images: a part of its free memory, so many images


def layer_conductance(
    model: nn.Module,
    layers: Sequence[str],
    images: Tensor,
    targets: Tensor,
    *,
    n_steps: int = STEPS,
    rule: str = "trapezoid",
    power: float = POWER,
    baselines: Tensor | None = None,
    reduce: str | None = "max",
    precision: str = "float32",
) -> dict[str, Tensor]:
    """Conductance of every neuron of the named layers for the scores `model(images)[:, targets]`.

    conductance_l = sum over k of g_k * (y_l(x_{k+1}) - y_l(x_k)), k = 0 … n_steps - 1, with x_k on the straight line
    from baseline to input and g_k the gradient dF/dy_l, of all layers in one pass. With `rule="left", power=1` this is
    the sum that Captum's `LayerConductance` takes.

    Args:
        model: any network with scores (n, classes); used in evaluation mode and handed back as it was.
        layers: module names; each is read after its activation function, where one follows.
        images: (n, channels, H, W) in the network's input space.
        targets: (n,) index of the score explained for each image.
        n_steps: path steps.
        rule: g_k is the mean of the gradients at x_k and x_{k+1} ("trapezoid") or the one at x_k ("left").
        power: p of the path's points alpha_k = (k / n_steps)^p, at least 1; larger is denser near the baseline.
        baselines: broadcasts to `images`; zeros where not given.
        reduce: "max" takes the largest conductance over a map's positions, None keeps the maps.
        precision: "float32", or "bfloat16" for the passes; sums are float32 either way.

    Returns:
        For each layer (n, U), or the layer's own shape (n, …) for `reduce=None`.
    """
    if reduce not in ("max", None):
        raise ModelError(f"reduce must be 'max' or None, not {reduce!r}")
    reads = tracing.readouts(model, layers, images[:1])
    parts: dict[str, list[Tensor]] = {name: [] for name in layers}
    path = Path(n_steps, rule, power)
    for maps, _, _ in _batches(model, reads, images, targets, path=path, baselines=baselines, precision=precision):
        for read in reads:
            parts[read.layer].append(maps[read.layer] if reduce is None else _largest(maps[read.layer], read.axis))
    return {name: torch.cat(batches) for name, batches in parts.items()}


def of_instances(
    model: nn.Module,
    network: Network,
    images: DomainImages,
    chosen: np.ndarray,
    *,
    case: Case,
    outputs: tuple[str, ...],
) -> Conductance:
    """Conductance of all analysed layers for some instances of a domain, towards each one's true class.

    `outputs` are the model's classes. Where the model lacks an instance's class, its own prediction is explained.
    Raises ModelError naming the layer whose activations are not finite.
    """
    pictures = models.inputs(model, images.given[chosen], case)
    reads = tracing.readouts(model, network.names, pictures[:1])
    scored, own = _scored(model, images, chosen, pictures, outputs)
    units = tuple(layer.units for layer in network.layers)
    values, summed = (np.empty((len(chosen), sum(units)), dtype=np.float32) for _ in range(2))
    error = np.full((len(chosen), len(units)), np.nan, dtype=np.float32)
    at = 0
    for maps, delta, count in _batches(
        model,
        reads,
        pictures,
        torch.from_numpy(scored).to(pictures.device),
        path=Path(case.n_steps),
        baselines=models.baseline(case),
        precision=case.precision,
        criterion=case.criterion,
    ):
        rows, column = slice(at, at + count), 0
        for place, (read, layer) in enumerate(zip(reads, network.layers, strict=True)):
            layer_maps, columns = maps[read.layer], slice(column, column + layer.units)
            values[rows, columns] = _largest(layer_maps, read.axis).cpu().numpy()
            summed[rows, columns] = _summed(layer_maps, read.axis).cpu().numpy()
            column += layer.units
            if layer.complete and delta is not None:
                error[rows, place] = _relative_error(layer_maps.flatten(1).sum(1), delta)
        at += count
        report("conductance of a shard", at, len(chosen))
    return Conductance(values, summed, network.names, units, scored, own, error, case.n_steps)


def join(parts: Sequence[Conductance]) -> Conductance:
    """Conductance of neighbouring instances, put together in order."""
    first = parts[0]
    return Conductance(
        values=np.concatenate([part.values for part in parts]),
        summed=np.concatenate([part.summed for part in parts]),
        layers=first.layers,
        units=first.units,
        scored=np.concatenate([part.scored for part in parts]),
        own_class=np.concatenate([part.own_class for part in parts]),
        completeness_error=np.concatenate([part.completeness_error for part in parts]),
        n_steps=first.n_steps,
    )


def _batches(
    model: nn.Module,
    reads: Sequence[Readout],
    images: Tensor,
    targets: Tensor,
    *,
    path: Path,
    baselines: Tensor | None,
    precision: str = "float32",
    criterion: str = "conductance",
) -> Iterator[tuple[dict[str, Tensor], Tensor | None, int]]:
    """Per batch: maps by layer, what a complete layer's should sum to (n,) if anything, number of images."""
    model = models.in_precision(model, precision)
    images = images.bfloat16() if precision == "bfloat16" else images
    start = (torch.zeros(1) if baselines is None else baselines).to(images)
    shared = start.ndim < images.ndim or len(start) == 1
    start = start.expand(1 if shared else len(images), *images.shape[1:])
    with hooks.evaluated(model), hooks.captured(model, reads) as outputs:
        network = _reading(model, reads, outputs, images[:1])
        for first in range(0, len(images), network.rows):
            part = slice(first, first + network.rows)
            ends = start if shared else start[part], images[part]
            yield *CRITERIA[criterion](network, ends, targets[part], path), len(images[part])


def _reading(model: nn.Module, reads: Sequence[Readout], outputs: dict[str, Tensor], example: Tensor) -> Reading:
    """The hooked network, with what its batches are to be like after one image (1, …) was passed through it."""
    with torch.no_grad():
        scores = model(example)
    each = sum(value.numel() * value.element_size() for value in outputs.values())
    room, most = BATCH_BYTES, BATCH_MOST
    if example.is_cuda:
        room, most = max(room, torch.cuda.mem_get_info(example.device)[0] // CARD_PART), CARD_MOST
    rows = int(np.clip(room // (4 * max(each, 1)), 1, most))
    return Reading(model, reads, outputs, rows, _layout(model, example, scores))


def _layout(model: nn.Module, example: Tensor, scores: Tensor) -> torch.memory_format:
    """Channels last, which is faster, where a network answers the example with the same scores in it.

    Many a `view` in a forward fails in it. On a card float32 stays in the usual layout, in which it was measured there.
    """
    if example.ndim != 4 or not (example.dtype == torch.bfloat16 or example.device.type == "cpu"):
        return torch.contiguous_format
    try:
        with torch.no_grad():
            others = model(example.contiguous(memory_format=torch.channels_last))
    except RuntimeError:
        return torch.contiguous_format
    same = (others - scores).abs().max() <= CLOSE * scores.abs().max()  # False where any is NaN
    return torch.channels_last if same else torch.contiguous_format


def _largest(maps: Tensor, axis: int) -> Tensor:
    """(n, U): the largest value over the positions of each neuron's map (5.3.1)."""
    others = _positions(maps, axis)
    return maps.amax(dim=others) if others else maps


def _summed(maps: Tensor, axis: int) -> Tensor:
    """(n, U): the sum over the positions of each neuron's map, its share of the score."""
    others = _positions(maps, axis)
    return maps.sum(dim=others) if others else maps


def _positions(maps: Tensor, axis: int) -> list[int]:
    """The axes of a map's positions: all but the instances' and the neurons'."""
    return [at for at in range(1, maps.ndim) if at != axis]


def _relative_error(total: Tensor, delta: Tensor) -> np.ndarray:
    """|sum - dF| / |dF| per instance; NaN where the score does not change along the path."""
    error = (total - delta).abs() / delta.abs()
    return torch.where(delta == 0, torch.nan, error).cpu().numpy()


def _scored(
    model: nn.Module, images: DomainImages, chosen: np.ndarray, pictures: Tensor, outputs: tuple[str, ...]
) -> tuple[np.ndarray, np.ndarray]:
    place = np.array([outputs.index(name) if name in outputs else -1 for name in images.classes])
    scored = place[images.labels[chosen]]
    own = scored >= 0
    if not own.all():
        foreign = np.flatnonzero(~own)
        with torch.inference_mode():
            parts = np.array_split(foreign, -(-len(foreign) // BATCH_MOST))
            answers = [model(pictures[part]).argmax(1) for part in parts]
        scored[foreign] = torch.cat(answers).cpu().numpy()
    return scored, own
