"""Silencing neurons: what a model still knows once they answer with something else, whatever they see.

A causal check of a ranking (an ablation study): if the neurons that tell the domains apart matter for what the model
says, silencing them changes its accuracy more than silencing as many other important neurons of the same layers. They
answer with their mean or, since a mean is nothing a neuron ever answers, with what they answer to another image
(resample ablation, Chan et al. 2022).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import comb, prod

import numpy as np
import torch
from torch import Tensor, nn

from tlx.analysis import intervals
from tlx.cases import DOMAINS, Case
from tlx.networks import hooks, models, tracing
from tlx.networks.hooks import Readout
from tlx.progress import track
from tlx.results import REPLACEMENTS, Abstraction, Activations, DomainImages, Silenced

DRAWS = 100  # choices of other neurons; their spread is what chance does
OF_CLASS, OF_ALL = (
    150,
    100,
)  # instances of a domain's headline split that are asked at most, of the class and of all classes
BATCH = 64  # the maps of so many small images stay in the processor's cache

Neurons = tuple[tuple[str, int], ...]
Changes = dict[str, Callable[[Tensor], Tensor]]


@dataclass(frozen=True, eq=False)
class Asked:
    """The instances asked: domain: (N,) name; index: (N,) in that domain; scopes: (S, N) bool, what each counts for."""

    domain: np.ndarray
    index: np.ndarray
    scopes: np.ndarray


def silenced(
    model: nn.Module,
    abstraction: Abstraction,
    images: Mapping[str, DomainImages],
    neurons: Neurons,
    *,
    means: Activations,
    outputs: Sequence[str],
    case: Case,
) -> Silenced:
    """Accuracy on the abstraction's class and on all classes before and after, and for other neurons instead.

    abstraction: of the model, for the class; neurons: (layer, index) to silence; means: of the target domain under this
    model; outputs: the classes the model's outputs stand for. Validation instances only: a model may know those it was
    trained on by heart.
    """
    pools = others(abstraction, neurons)
    choices = [neurons, *draws(pools, neurons, seed=case.seed)]
    asked = instances_asked(images, abstraction.class_name, seed=case.seed)
    right = _right(model, images, asked, choices, means=means, outputs=outputs, case=case)
    counted = {domain: [scope & (asked.domain == domain) for scope in asked.scopes] for domain in DOMAINS}
    before = {domain: _shares(right[0, 0], scopes) for domain, scopes in counted.items()}
    shares = {domain: _shares(right[:, 1:], scopes) for domain, scopes in counted.items()}
    ends = {domain: _intervals(right, scopes) for domain, scopes in counted.items()}
    return Silenced(
        model=abstraction.model,
        class_name=abstraction.class_name,
        neurons=neurons,
        n={domain: np.array([scope.sum() for scope in scopes]) for domain, scopes in counted.items()},
        before=before,
        after={domain: share[:, 0] for domain, share in shares.items()},
        low={domain: both[..., 0] for domain, both in ends.items()},
        high={domain: both[..., 1] for domain, both in ends.items()},
        controls={domain: share[:, 1:] for domain, share in shares.items()},
        filled=tuple(pool.told for pool in pools if pool.filled),
    )


def right_without(
    model: nn.Module,
    images: DomainImages,
    chosen: np.ndarray,
    choices: Sequence[Neurons],
    *,
    means: Activations,
    outputs: Sequence[str],
    case: Case,
) -> np.ndarray:
    """(1 + choices, N) bool: whether the model is right of these target instances, first as it is.

    Then with each choice of neurons answering with their mean.
    """
    asked = Asked(np.repeat("target", len(chosen)), chosen, np.ones((1, len(chosen)), dtype=bool))
    right: np.ndarray = _right(
        model, {"target": images}, asked, choices, means=means, outputs=outputs, case=case, replacements=("mean",)
    )[0]
    return right


# Which other neurons


@dataclass(frozen=True, eq=False)
class Pool:
    """A layer's neurons that the controls are drawn from.

    count: how many are silenced, and drawn; ranked: the others, most important first, inactive ones last; important:
    how many of these are important; size: how many are drawn from.
    """

    layer: str
    count: int
    ranked: np.ndarray
    important: int
    size: int

    @property
    def choices(self) -> int:
        return comb(self.size, min(self.count, self.size))

    @property
    def filled(self) -> bool:
        return self.size > self.important

    @property
    def told(self) -> tuple[str, int, int]:
        return self.layer, self.important, self.size

    def draw(self, rng: np.random.Generator) -> Neurons:
        picked = rng.choice(self.ranked[: self.size], min(self.count, self.size), replace=False)
        return tuple((self.layer, int(index)) for index in np.sort(picked))


def others(abstraction: Abstraction, neurons: Neurons) -> list[Pool]:
    """For each layer of the neurons, shallow first, the class's other important ones.

    Where they are too few to choose as many from, or for DRAWS different choices in all, those of next rank follow.
    """
    silenced_in = {layer: [index for at, index in neurons if at == layer] for layer in abstraction.important}
    pools = [_pool(abstraction, layer, chosen) for layer, chosen in silenced_in.items() if chosen]
    while prod(pool.choices for pool in pools) < DRAWS and any(pool.size < len(pool.ranked) for pool in pools):
        pools = [_sized(pool, pool.size + 1) for pool in pools]
    return pools


def _pool(abstraction: Abstraction, layer: str, chosen: list[int]) -> Pool:
    order = np.lexsort((abstraction.rank(layer), ~abstraction.active[layer]))
    ranked = order[~np.isin(order, chosen)]
    important = len(np.setdiff1d(abstraction.important[layer], chosen))
    return _sized(Pool(layer, len(chosen), ranked, important, 0), max(important, len(chosen)))


def _sized(pool: Pool, size: int) -> Pool:
    return Pool(pool.layer, pool.count, pool.ranked, pool.important, min(size, len(pool.ranked)))


def draws(pools: Sequence[Pool], neurons: Neurons, *, seed: int) -> list[Neurons]:
    """DRAWS different choices of other neurons, or all there are; none where the layers have no other neuron."""
    if not any(pool.size for pool in pools):
        return []
    rng = np.random.default_rng(seed)
    wanted = min(DRAWS, prod(pool.choices for pool in pools))
    chosen: dict[Neurons, None] = {}
    while len(chosen) < wanted:
        chosen[tuple(neuron for pool in pools for neuron in pool.draw(rng))] = None
    return list(chosen)


# Which instances


def instances_asked(images: Mapping[str, DomainImages], class_name: str, *, seed: int) -> Asked:
    """A sample of the instances of both domains' headline split, mixed: some of the class, and some of all classes."""
    rng = np.random.default_rng(seed)
    parts = []
    for domain in DOMAINS:
        held_out = np.flatnonzero(images[domain].judged)
        own = np.intersect1d(held_out, images[domain].of_class(class_name))
        scopes = [rng.permutation(rows)[:most] for rows, most in ((own, OF_CLASS), (held_out, OF_ALL))]
        index = np.union1d(*scopes)
        parts.append((np.repeat(domain, len(index)), index, np.array([np.isin(index, scope) for scope in scopes])))
    domains, index, scopes_of = (np.concatenate(part, axis=-1) for part in zip(*parts, strict=True))
    mixed = rng.permutation(len(index))
    return Asked(domains[mixed], index[mixed], scopes_of[:, mixed])


# What the model says of them


def _right(
    model: nn.Module,
    images: Mapping[str, DomainImages],
    asked: Asked,
    choices: Sequence[Neurons],
    *,
    means: Activations,
    outputs: Sequence[str],
    case: Case,
    replacements: Sequence[str] = tuple(REPLACEMENTS),
) -> np.ndarray:
    """(R, 1 + choices, N) bool: whether the model is right of each instance asked, first with nothing silenced."""
    count = len(asked.index)
    right = np.zeros((len(replacements), 1 + len(choices), count), dtype=bool)
    parts = np.array_split(np.arange(count), -(-count // BATCH)) if count else []
    pixels, labels = _pictures(images, asked)
    known = np.array(outputs, dtype=object)

    def answers() -> Iterator[tuple[tuple[int, int], np.ndarray, np.ndarray]]:
        for rows in parts:
            batch = models.inputs(model, pixels[rows], case).contiguous(memory_format=torch.channels_last)
            for at, said in enumerate(_answers(model, batch, choices, means, replacements)):
                yield divmod(at, right.shape[1]), rows, said

    for place, rows, said in track(answers(), "silencing neurons", total=len(parts) * right.shape[0] * right.shape[1]):
        right[(*place, rows)] = known[said] == labels[rows]
    return right


def _pictures(images: Mapping[str, DomainImages], asked: Asked) -> tuple[np.ndarray, np.ndarray]:
    """(N, H, W, channels) what the model is given and (N,) class names of the instances asked."""
    some = next(iter(images.values()))
    pixels = np.empty((len(asked.index), *some.given.shape[1:]), dtype=some.given.dtype)
    labels = np.empty(len(asked.index), dtype=object)
    for domain, of_domain in images.items():
        rows, index = asked.domain == domain, asked.index[asked.domain == domain]
        pixels[rows] = of_domain.given[index]
        labels[rows] = np.array(of_domain.classes, dtype=object)[of_domain.labels[index]]
    return pixels, labels


@torch.inference_mode()
def _answers(
    model: nn.Module,
    batch: Tensor,
    choices: Sequence[Neurons],
    means: Activations,
    replacements: Sequence[str] = tuple(REPLACEMENTS),
) -> Iterator[np.ndarray]:
    """(n,) outputs of largest score, for each replacement: with nothing silenced, then for each choice."""
    layers = [layer for layer in means.layers if any(layer == at for choice in choices for at, _ in choice)]
    reads = tracing.readouts(model, layers, batch[:1])
    with hooks.captured(model, reads) as outputs:
        plain = model(batch)
        maps = {read.layer: outputs[read.layer].movedim(read.axis, -1) for read in reads}
    # The instances are mixed, so that the one before is any other.
    instead = {
        "mean": {layer: torch.from_numpy(np.array(means.layer_means(layer))).to(plain) for layer in layers},
        "drawn": {layer: values.roll(1, dims=0) for layer, values in maps.items()},
    }
    with hooks.changed(model, reads) as changes:
        images, whole = _start(model, batch, plain, reads[0], maps[layers[0]], changes)
        for replacement in replacements:
            yield plain.argmax(1).cpu().numpy()
            for choice in choices:
                for read in reads:
                    chosen = torch.tensor([index for layer, index in choice if layer == read.layer], dtype=torch.long)
                    values = instead[replacement][read.layer][..., chosen]
                    changes[read.layer] = _answering(chosen, values, read.axis, whole.get(read.layer))
                yield model(images).argmax(1).cpu().numpy()


def _start(
    model: nn.Module, batch: Tensor, plain: Tensor, first: Readout, answers: Tensor, changes: Changes
) -> tuple[Tensor, dict[str, Tensor]]:
    """What to show the network for each choice, and what its first silenced layer has answered to the batch already.

    Where all that the score knows runs through that layer, one image will do: the layer answers for the whole batch,
    and what lies before it need not run for all of it again. Whether it is so is tried out.
    """
    nobody = torch.empty(0, dtype=torch.long)
    changes[first.layer] = _answering(nobody, answers[..., nobody], first.axis, answers)
    try:
        shown, close = model(batch[:1]), 1e-5 * float(plain.abs().max())
        enough = shown.shape == plain.shape and torch.allclose(shown, plain, rtol=0, atol=close)
    except Exception:  # somebody else's forward, which counts on as many images everywhere
        enough = False
    changes.clear()
    return (batch[:1], {first.layer: answers}) if enough else (batch, {})


def _answering(chosen: Tensor, values: Tensor, axis: int, whole: Tensor | None) -> Callable[[Tensor], Tensor]:
    """Lets the chosen neurons, along `axis`, answer with `values` (..., chosen), the others as they do or did."""

    def change(output: Tensor) -> Tensor:
        replaced = output.movedim(axis, -1).clone() if whole is None else whole.clone()
        replaced[..., chosen] = values
        return replaced.movedim(-1, axis)

    return change


# What that comes to


def _shares(right: np.ndarray, scopes: Sequence[np.ndarray]) -> np.ndarray:
    """(..., S) share of right answers, (..., N), among the instances of each scope; NaN where it has none."""
    parts = [right[..., scope].mean(axis=-1) if scope.any() else np.full(right.shape[:-1], np.nan) for scope in scopes]
    return np.stack(parts, axis=-1)


def _intervals(right: np.ndarray, scopes: Sequence[np.ndarray]) -> np.ndarray:
    """(R, S, 2) intervals of what silencing the neurons, the first choice, changes; NaN where a scope has nobody."""
    ends = [
        [intervals.paired(one[0, scope], one[1, scope]) if scope.any() else (np.nan, np.nan) for scope in scopes]
        for one in right
    ]
    return np.array(ends)
