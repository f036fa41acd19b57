"""Layer conductance of many layers in one pass (method 3; Dhamdhere et al., arXiv:1805.12233; arXiv:1807.09946).

Along the straight path from baseline to input, one forward and one backward pass per point give the activations and
the gradients at every layer at once; of two neighbouring points no more than their maps is ever held, so memory does
not grow with images or points. `Path` says which points and which rule. `CRITERIA` holds other ways to attribute a
score to neurons, behind the same door.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from tlx.cases import Case
from tlx.errors import ModelError
from tlx.networks import hooks, models, tracing
from tlx.networks.hooks import Readout
from tlx.progress import report
from tlx.results import Conductance, DomainImages, Network

BATCH_BYTES = 256 * 2**20  # of the maps of one batch at one path point; larger batches were not faster
BATCH_MOST = 128
CARD_PART, CARD_MOST = (
    32,
    512,
)  # on a GPU, which is busy only with many images: a part of its free memory, so many images

RULES = ("trapezoid", "left")
STEPS = Case.n_steps
POWER = 1.5  # of the path's points; chosen with the steps by benchmarks/fidelity.py, see docs/performance.md


@dataclass(frozen=True)
class Path:
    """How the straight line from baseline to input is walked.

    n_steps: S; rule: which gradient stands for a step, "trapezoid" for the mean of both ends' and "left" for that at
    its beginning; power: p >= 1 of the points alpha_k = (k / S)^p, k = 0 … S. With p > 1 they are denser near the
    baseline, where most activation functions switch; 1 makes all steps equal.
    """

    n_steps: int = STEPS
    rule: str = "trapezoid"
    power: float = POWER

    def __post_init__(self) -> None:
        if self.rule not in RULES:
            raise ModelError(f"rule must be {' or '.join(map(repr, RULES))}, not {self.rule!r}")
        if self.n_steps < 1 or self.power < 1:
            raise ModelError(f"a path needs n_steps and power of at least 1, not {self.n_steps} and {self.power}")

    @property
    def points(self) -> list[float]:
        """alpha_0 = 0 … alpha_S = 1."""
        return [(step / self.n_steps) ** self.power for step in range(self.n_steps + 1)]


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
    size = _batch_size(model, reads, images[:1])
    start = torch.zeros(1) if baselines is None else baselines
    with hooks.evaluated(model), hooks.captured(model, reads) as outputs:
        for first in range(0, len(images), size):
            batch = images[first : first + size]
            begin = start.to(batch).expand_as(batch) if len(start) == 1 else start[first : first + size]
            wanted = targets[first : first + size]
            yield *CRITERIA[criterion](model, reads, outputs, (begin, batch), wanted, path), len(batch)


def _path(
    model: nn.Module,
    reads: Sequence[Readout],
    outputs: dict[str, Tensor],
    ends: tuple[Tensor, Tensor],
    targets: Tensor,
    path: Path,
) -> tuple[dict[str, Tensor], Tensor]:
    """Walks the path once: conductance maps of all layers, and F(input) - F(baseline)."""
    begin, end = ends
    layout = models.layout(end)
    names = [read.layer for read in reads]
    total: dict[str, Tensor] = {}
    before: list[Tensor] = []
    slopes_before: Sequence[Tensor] = ()
    first_score = torch.zeros(())
    for alpha in path.points:
        sloped = alpha < 1 or path.rule == "trapezoid"  # the left rule asks for no gradient at the input
        # A graph is needed from the first layer on: asking for the image's gradient starts it; autograd then leaves
        # out everything before the first layer on the way back.
        point = torch.lerp(begin, end, alpha).contiguous(memory_format=layout).requires_grad_(sloped)
        with torch.set_grad_enabled(sloped):
            score = model(point).gather(1, targets[:, None]).squeeze(1)
            now = [outputs[name] for name in names]
        slopes = torch.autograd.grad(score.sum(), now) if sloped else ()
        now, score = [value.detach() for value in now], score.detach().float()
        if not before:
            first_score = score
            _finite(model, names, now)
        at_ends = (slopes_before, slopes) if path.rule == "trapezoid" else (slopes_before,)
        for name, value, old, *gradients in zip(names, now, before, *at_ends, strict=False):
            _add_step(total, name, value.float() - old.float(), gradients)
        before, slopes_before = now, slopes
    _finite(model, names, list(total.values()))
    return total, score - first_score


def _add_step(total: dict[str, Tensor], name: str, moved: Tensor, gradients: Sequence[Tensor]) -> None:
    """Adds a layer's step: the mean of one or two gradients times how far its activation has moved."""
    first, *others = (gradient.float() for gradient in gradients)
    slope = torch.add(first, others[0]).mul_(0.5) if others else first
    total[name] = total[name].addcmul_(slope, moved) if name in total else moved.mul_(slope)


def _gradient_activation(
    model: nn.Module,
    reads: Sequence[Readout],
    outputs: dict[str, Tensor],
    ends: tuple[Tensor, Tensor],
    targets: Tensor,
    path: Path,
) -> tuple[dict[str, Tensor], None]:
    """dF/dy_l · y_l at the input, for all layers at once; no path is walked, and nothing need add up to the score."""
    point = ends[1].contiguous(memory_format=models.layout(ends[1])).requires_grad_()
    score = model(point).gather(1, targets[:, None]).squeeze(1)
    names = [read.layer for read in reads]
    values = [outputs[name] for name in names]
    _finite(model, names, values)
    gradients = torch.autograd.grad(score.sum(), values)
    products = zip(names, values, gradients, strict=True)
    return {name: (value.detach().float() * gradient.float()) for name, value, gradient in products}, None


Method = Callable[
    [nn.Module, Sequence[Readout], dict[str, Tensor], tuple[Tensor, Tensor], Tensor, Path],
    tuple[dict[str, Tensor], Tensor | None],
]
"""(model, readouts, their outputs as they come, (baseline, input), targets, path) -> (maps by layer, their sum)."""
CRITERIA: dict[str, Method] = {"conductance": _path, "gradient_activation": _gradient_activation}
"""By the names of `cases.CRITERIA`: one more is a function here and its name there."""


def _finite(model: nn.Module, names: Sequence[str], values: Sequence[Tensor]) -> None:
    for name, value in zip(names, values, strict=True):
        if not torch.isfinite(value).all():
            raise ModelError(
                f"layer {name!r} of {type(model).__name__} gives values that are not finite (NaN or infinite); "
                "check the checkpoint and the case's mean and std"
            )


def _batch_size(model: nn.Module, reads: Sequence[Readout], example: Tensor) -> int:
    with hooks.evaluated(model), hooks.captured(model, reads) as outputs, torch.no_grad():
        model(example)
        each = sum(value.numel() * value.element_size() for value in outputs.values())
    room, most = BATCH_BYTES, BATCH_MOST
    if example.is_cuda:
        room, most = max(room, torch.cuda.mem_get_info(example.device)[0] // CARD_PART), CARD_MOST
    return int(np.clip(room // (4 * max(each, 1)), 1, most))


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
