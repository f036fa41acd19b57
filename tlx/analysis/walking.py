"""The straight path from baseline to input, walked once for all layers (method 3; arXiv:1805.12233; arXiv:1807.09946).

One forward and one backward pass through a batch of path points give the activations and the gradients at every layer
at once; no more than the maps of two batches are ever held, so memory does not grow with images or points.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from tlx.cases import Case
from tlx.errors import ModelError
from tlx.networks.hooks import Readout

RULES = ("trapezoid", "left")
STEPS = Case.n_steps
POWER = 1.5  # of the path's points; chosen with the steps by benchmarks/fidelity.py, see docs/performance.md
BLOCK = 2**19  # numbers of a layer that are added up at once: few enough to stay in a processor's cache


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


@dataclass(frozen=True)
class Reading:
    """A network whose layers are read while it runs.

    reads: where they are read; outputs: theirs, as hooks fill them; rows: of a batch at most, images times path points;
    layout: of the images.
    """

    model: nn.Module
    reads: Sequence[Readout]
    outputs: dict[str, Tensor]
    rows: int
    layout: torch.memory_format

    @property
    def names(self) -> list[str]:
        """Of the layers."""
        return [read.layer for read in self.reads]

    def forward(self, images: Tensor, targets: Tensor, *, sloped: bool = True) -> tuple[Tensor, list[Tensor]]:
        """Scores (n,) of the targets and the layers' outputs, with a graph between them where `sloped`."""
        # A graph is needed from the first layer on: asking for the image's gradient starts it; autograd then leaves
        # out everything before the first layer on the way back.
        images = images.detach().requires_grad_(sloped)
        with torch.set_grad_enabled(sloped):
            score = self.model(images).gather(1, targets[:, None]).squeeze(1)
        return score, [self.outputs[name] for name in self.names]


def walk(
    network: Reading, ends: tuple[Tensor, Tensor], targets: Tensor, path: Path
) -> tuple[dict[str, Tensor], Tensor]:
    """Walks the path once: conductance maps of all layers, and F(input) - F(baseline) (n,).

    ends: baseline, (1, …) where all images have the same, and images (n, …). Few images are walked along several points
    at once, since in a small batch each row takes longer.
    """
    begin, end = ends
    count, points = len(end), path.points[1:]
    sums = [_Sum(path.rule == "trapezoid") for _ in network.names]
    first_score = _leave(network, sums, begin, targets)
    at_once = max(1, network.rows // count)
    for alphas in (points[first : first + at_once] for first in range(0, len(points), at_once)):
        between = torch.cat([torch.lerp(begin, end, alpha) for alpha in alphas])
        between = between.contiguous(memory_format=network.layout)
        sloped = path.rule == "trapezoid" or alphas[0] < 1  # the left rule asks for no gradient at the input
        score, values = network.forward(between, targets.repeat(len(alphas)), sloped=sloped)
        read = [torch.split(value.detach(), count) for value in values]
        for one, reached in zip(sums, read, strict=True):
            one.reach(reached[0])  # before the way back, which takes the memory that this sets free
        slopes = torch.autograd.grad(score.sum(), values) if sloped else ()
        del values
        for one, reached, slope in zip(sums, read, slopes, strict=False):
            one.slope, *later = torch.split(slope, count)
            for value, one_slope in zip(reached[1:], later, strict=True):
                one.reach(value)
                one.slope = one_slope
        last_score = score.detach().float()[-count:]
    total = {name: one.end() for name, one in zip(network.names, sums, strict=True)}
    finite(network, total.values())
    return total, last_score - first_score


def _leave(network: Reading, sums: Sequence[_Sum], begin: Tensor, targets: Tensor) -> Tensor:
    """Begins the sums at the baseline, once for each target where images share it, and answers with F there (n,)."""
    shared = len(begin) == 1
    wanted, each = torch.unique(targets, return_inverse=True) if shared else (targets, slice(None))
    begin = begin.expand(len(wanted), *begin.shape[1:]).contiguous(memory_format=network.layout)
    score, values = network.forward(begin, wanted)
    slopes = torch.autograd.grad(score.sum(), values)
    finite(network, values)
    for one, value, slope in zip(sums, values, slopes, strict=True):
        value = value.detach()
        one.reach(value[:1].expand(len(targets), *value.shape[1:]) if shared else value)
        one.slope = slope[each]
    return score.detach().float()[each]


class _Sum:
    """The conductance of a layer, as it grows from point to point of the path.

    The trapezoid is added up by gradients instead of steps, which is the same sum: each gradient times half the way
    from the point before it to the point behind it.
    """

    def __init__(self, trapezoid: bool) -> None:
        self.slope: Tensor | None = None  # the gradient at the last point, to be told once it is known
        self._trapezoid = trapezoid
        self._before: Tensor | None = None  # the layer's output at the point before the last
        self._here: Tensor | None = None  # and at the last
        self._total: Tensor | None = None

    def reach(self, value: Tensor) -> None:
        """At the next point the layer's output is `value` (n, …): the gradient at the last one counts up to here."""
        if self._here is not None:
            since = self._before if self._trapezoid and self._before is not None else self._here
            self._add(since, value)
        self._before, self._here, self.slope = self._here, value, None

    def end(self) -> Tensor:
        """The sum (n, …), after the last point."""
        if self._trapezoid and self._before is not None and self._here is not None:
            self._add(self._before, self._here)
        assert self._total is not None  # a path has a step
        return self._total

    def _add(self, since: Tensor, to: Tensor) -> None:
        """Adds the gradient times how far the output has moved, in float32, block by block."""
        assert self.slope is not None
        if self._total is None:
            self._total = torch.zeros_like(to, dtype=torch.float32)
        rows = len(to) if to.is_cuda else max(1, BLOCK // max(1, to[0].numel()))
        parts = (torch.split(one, rows) for one in (self._total, self.slope, since, to))
        for total, slope, start, end in zip(*parts, strict=True):
            total.addcmul_(slope.float(), end.float() - start.float(), value=0.5 if self._trapezoid else 1)


def finite(network: Reading, values: Iterable[Tensor]) -> None:
    """Raises ModelError naming the first layer whose values are not finite."""
    for name, value in zip(network.names, values, strict=True):
        # A sum of such values is not finite either, and quickly made; that of finite ones may be too large.
        if not torch.isfinite(value.sum()) and not torch.isfinite(value).all():
            raise ModelError(
                f"layer {name!r} of {type(network.model).__name__} gives values that are not finite (NaN or infinite); "
                "check the checkpoint and the case's mean and std"
            )
