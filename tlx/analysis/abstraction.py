"""The important structure of one model for one class: neurons and edges (5.3.1, Figure 3 A and B, method 4)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace

import numpy as np
import torch
from scipy.stats import rankdata
from torch import Tensor, nn
from torch.nn import functional

from tlx.analysis.of_class import as_shown
from tlx.cases import Case
from tlx.networks import hooks, models
from tlx.results import Abstraction, DomainImages, Edges, Network, Pair, ShortFloats

TOP = 0.1  # the share of neurons, of an instance's edges and of edges that counts as important
PASS = 64  # instances that go through the network together
BATCH_BYTES = 128 * 2**20  # of kernel responses held at once
BLOCK = 2**18  # values looked at together: a megabyte stays in the processor's cache
MANY, SAMPLE = 200_000, 20_000  # from how many values on, and by how many, the n-th largest is bracketed first


def top_count(count: int) -> int:
    """How many of `count` are the top 10 %: rounded half up, at least 1."""
    return max(1, int(count * TOP + 0.5))


def rank_score(values: np.ndarray) -> np.ndarray:
    """(N, U) conductance to (U,) summed ranks: per instance ascending, ties share their average (Figure 3 A 3-4)."""
    summed: np.ndarray = rankdata(values, method="average", axis=1).sum(axis=0)
    return summed


def important_neurons(values: np.ndarray) -> np.ndarray:
    """Top 10 % of the neurons by rank score, best first, the lower index first where tied; never an inactive one."""
    order = np.argsort(-rank_score(values), kind="stable")[: top_count(values.shape[1])]
    neurons: np.ndarray = order[(values != 0).any(axis=0)[order]]
    return neurons


def abstraction(
    values: Mapping[str, np.ndarray], edges: Mapping[Pair, Edges], *, model: str, class_name: str
) -> Abstraction:
    """Puts together a class's important structure from its (N, U) conductance per layer and its edges per pair.

    Which edges are important was found from their exact values; kept are these as exact as they are shown.
    """
    return Abstraction(
        model=model,
        class_name=class_name,
        n=len(next(iter(values.values()))),
        rank_score={name: rank_score(conductance) for name, conductance in values.items()},
        important={name: important_neurons(conductance) for name, conductance in values.items()},
        active={name: (conductance != 0).any(axis=0) for name, conductance in values.items()},
        edges={pair: replace(one, value=ShortFloats.of(as_shown(one.value))) for pair, one in edges.items()},
    )


def edges(
    model: nn.Module, network: Network, pair: Pair, images: DomainImages, chosen: np.ndarray, *, case: Case
) -> Edges:
    """Counts, mean values and the important ones of all edges between two joined layers (Figure 3 B).

    The value of edge (i, j) on an instance is the largest response of kernel (j, i) alone to channel i; for a linear
    module, weight times activation, summed over the channel's positions. On each instance the top 10 % are kept, all
    that tie with the last of them included, but none that is not positive: such an edge carries nothing.
    """
    units = network.layer(pair[0]).units, network.layer(pair[1]).units
    counts = torch.zeros(units, dtype=torch.int32)
    total = torch.zeros(units, dtype=torch.float64)
    with torch.inference_mode():
        for counted, summed in _parts(model, network.joins[pair], units, images, chosen, case):
            counts += counted.cpu()
            total += summed.cpu()
    mean = (total / max(len(chosen), 1)).float().numpy()
    compact_counts = counts.numpy().astype(np.min_scalar_type(len(chosen)))  # millions of edges: a byte each, not four
    return Edges(compact_counts, mean, important_edges(compact_counts, mean))


def kept(values: Tensor, top: int) -> Tensor:
    """(n, rows, U_m) bool: which edges are positive and among their instance's `top` largest; left-out rows are 0."""
    if values[0].numel() <= top:
        return values > 0
    threshold = torch.stack([nth_largest(one.flatten(), top) for one in values])
    return (values >= threshold[:, None, None]) & (values > 0)


def nth_largest(values: Tensor, n: int) -> Tensor:
    """The n-th largest of (E,) values, exactly."""
    if len(values) <= MANY:
        return values.kthvalue(len(values) - n + 1).values
    nth = _bracketed(values[:: len(values) // SAMPLE], lambda: torch.split(values, BLOCK), n, len(values))
    return values.kthvalue(len(values) - n + 1).values if nth is None else nth


def _bracketed(sample: Tensor, blocks: Callable[[], Iterable[Tensor]], n: int, count: int) -> Tensor | None:
    """The n-th largest of `count` values that come in blocks; None where the sample misled.

    The sample tells between which two values it must lie, and only what lies between them is sorted out: several times
    faster than `kthvalue` on millions, which need not be held together either.
    """
    place, margin = n * len(sample) / count, 5 * len(sample) ** 0.5
    ends = [int(np.clip(place + step, 1, len(sample))) for step in (margin, -margin)]
    low, high = (sample.kthvalue(len(sample) - end + 1).values for end in ends)
    above, within = torch.zeros((), dtype=torch.int64, device=sample.device), []
    for values in blocks():
        above += (values > high).sum()
        within.append(values[(values >= low) & (values <= high)])
    between, n = torch.cat(within), n - int(above)
    return between.kthvalue(len(between) - n + 1).values if 0 < n <= len(between) else None


def important_edges(counts: np.ndarray, value: np.ndarray) -> np.ndarray:
    """(K, 2) pairs (i, j): the top 10 % by count, of equal counts the larger mean value, then the lower index.

    An edge that no instance kept is never important.
    """
    flat_counts, flat_value = counts.ravel(), value.ravel()
    top = top_count(flat_counts.size)
    least = np.partition(flat_counts, -top)[-top]
    candidates = np.flatnonzero((flat_counts >= least) & (flat_counts > 0))
    order = np.lexsort((candidates, -flat_value[candidates], -flat_counts[candidates].astype(np.int64)))
    return np.stack(np.unravel_index(candidates[order[:top]], counts.shape), axis=1).astype(np.int32)


def _parts(
    model: nn.Module, join: str, units: tuple[int, int], images: DomainImages, chosen: np.ndarray, case: Case
) -> Iterator[tuple[Tensor, Tensor]]:
    """(U_l, U_m) counts and summed values of some instances after the other, as many at a time as memory allows."""
    module, top = model.get_submodule(join), top_count(units[0] * units[1])
    response = _of_convolution if isinstance(module, nn.Conv2d) else _of_linear
    with hooks.entering(model, join) as entered:
        for at in range(0, len(chosen), PASS):
            model(models.inputs(model, images.given[chosen[at : at + PASS]], case))
            inputs = entered[-1]
            if isinstance(module, nn.Linear) and inputs[0].numel() == units[0]:
                yield between_vectors(inputs.flatten(1), module.weight.T.contiguous(), top)
                continue
            positions = inputs[0].numel() // units[0] if isinstance(module, nn.Conv2d) else 1
            size = max(1, int(BATCH_BYTES // (4 * units[0] * units[1] * positions)))
            for some in torch.split(inputs, size):
                values = response(some, module, units)
                yield kept(values, top).sum(0, dtype=torch.int32), values.sum(0)


def between_vectors(inputs: Tensor, kernels: Tensor, top: int) -> tuple[Tensor, Tensor]:
    """(U_l, U_m) counts and summed values of the edges that join (n, U_l) inputs by (U_l, U_m) kernels.

    AlexNet has 4096 x 4096 such edges, 64 MB for each instance: they are made block by block, small enough for the
    processor's cache, and only of neurons that are active on some instance.
    """
    counts = torch.zeros(kernels.shape, dtype=torch.int32, device=kernels.device)
    least = torch.stack([_least_kept(one, kernels, top) for one in inputs])[:, None, None]
    active = (inputs != 0).any(0).nonzero().flatten()
    for rows in torch.split(active, max(1, BLOCK // (len(inputs) * kernels.shape[1]))):
        values = inputs[:, rows, None] * kernels[rows]
        counts[rows] = (values >= least).sum(0, dtype=torch.int32)
    return counts, inputs.double().sum(0).float()[:, None] * kernels


def _least_kept(one: Tensor, kernels: Tensor, top: int) -> Tensor:
    """The smallest value that is kept of one instance's edges: positive, and the `top`-th largest where it has more."""
    rows, width = one.nonzero().flatten(), kernels.shape[1]
    positive, count = torch.full_like(one[0], float(np.finfo(np.float32).smallest_subnormal)), len(rows) * width
    if count <= top:
        return positive

    def blocks() -> Iterator[Tensor]:
        for some in torch.split(rows, max(1, BLOCK // width)):
            yield (one[some, None] * kernels[some]).flatten()

    if count > MANY:
        at = torch.arange(0, count, count // SAMPLE, device=one.device)
        row = rows[at // width]
        least = _bracketed(one[row] * kernels[row, at % width], blocks, top, count)
        if least is not None:
            return torch.maximum(least, positive)
    return torch.maximum(nth_largest(torch.cat([*blocks()]), top), positive)


def _of_linear(inputs: Tensor, module: nn.Module, units: tuple[int, int]) -> Tensor:
    assert isinstance(module, nn.Linear)
    weight = module.weight.view(units[1], units[0], -1)
    return torch.einsum("nip,jip->nij", inputs.reshape(len(inputs), units[0], -1), weight)


def _of_convolution(inputs: Tensor, module: nn.Module, units: tuple[int, int]) -> Tensor:
    """Each channel's windows times each of its kernels, then the largest over positions; 0 where no kernel joins."""
    assert isinstance(module, nn.Conv2d)
    size, groups = module.kernel_size, module.groups
    windows = functional.unfold(padded(inputs, module), size, module.dilation, 0, module.stride)
    windows = windows.view(len(inputs), groups, units[0] // groups, size[0] * size[1], -1)
    kernels = module.weight.view(groups, units[1] // groups, units[0] // groups, -1)
    values = torch.zeros(len(inputs), *units, dtype=inputs.dtype, device=inputs.device)
    for group in range(groups):
        rows = slice(group * units[0] // groups, (group + 1) * units[0] // groups)
        columns = slice(group * units[1] // groups, (group + 1) * units[1] // groups)
        _largest_responses(kernels[group].transpose(0, 1), windows[:, group], values[:, rows, columns])
    return values


def _largest_responses(kernels: Tensor, windows: Tensor, largest: Tensor) -> None:
    """Writes the largest of (rows, U_m, k) kernels times (n, rows, k, positions) windows to (n, rows, U_m).

    On a processor some rows of an instance at a time, whose responses stay in its cache: four times as fast as all.
    """
    each = kernels.shape[1] * windows.shape[-1]
    if windows.is_cuda or len(windows) * len(kernels) * each <= BLOCK:
        largest.copy_(torch.matmul(kernels, windows).amax(-1))
        return
    rows = max(1, BLOCK // each)
    for one, answer in zip(windows, largest, strict=True):
        for parts in zip(*(torch.split(some, rows) for some in (kernels, one, answer)), strict=True):
            parts[2].copy_(torch.bmm(parts[0], parts[1]).amax(-1))


def padded(inputs: Tensor, module: nn.Conv2d) -> Tensor:
    """What a convolution slides over: the entering maps (n, any, H, W) with its own padding around them."""
    if module.padding == "valid":
        return inputs
    if module.padding_mode != "zeros":
        return functional.pad(inputs, module._reversed_padding_repeated_twice, mode=module.padding_mode)
    return functional.pad(inputs, module._reversed_padding_repeated_twice)
