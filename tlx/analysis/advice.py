"""What to freeze? How hard the target's images pull at each block, and what strategies come to (method 11)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from tlx.analysis import freezing
from tlx.cases import HEAD, Case
from tlx.errors import AstrayError, EmptyError
from tlx.networks import devices, hooks, models
from tlx.networks.draws import Draws
from tlx.progress import track
from tlx.results import BlockGradients, DomainImages, TrainedModel, Tuned
from tlx.training import loop, strategies
from tlx.training.state import Run

BATCHES = 8  # of the training split, that are asked


def gradients(
    case: Case, both: Mapping[str, DomainImages], start: TrainedModel, blocks: Mapping[str, Sequence[str]]
) -> BlockGradients:
    """Relative gradient norms (Lee et al. 2023, arXiv:2210.11466) where fine-tuning begins, and with its head trained.

    Args:
        both: images of each domain as the model of that name takes them. Of the target a few batches of the training
            split are asked, of the source as many of what its model has not learned from.
        start: the source model.
        blocks: analysed layers of either model by the names of its own modules, "head" last.
    """
    how, images = case.plan("target").training, both["target"]
    size = how.batch_size
    if not images.training.any():
        raise EmptyError("the target domain has no training image, so nothing pulls at the source model")
    seen = case.seen_by("target")
    head_only = freezing.training(how, HEAD, rate=1.0, seed=0)
    draws = Draws(how.seed)
    with draws:
        network, _ = loop.begun(case, "target", images.classes, start, head_only)
    network = network.to(devices.default())
    raw = _asked(network, seen, images, blocks["target"], _batches(images.training, size, how.seed))
    groups = strategies.groups(network, head_only, models.example(seen).to(devices.default()))
    run = Run(network, head_only, int(images.training.sum()), "target", draws, groups)
    for epoch in track(range(1, head_only.epochs + 1), "training the head alone"):
        run.learn(images, seen, epoch)
    fitted = _asked(network, seen, images, blocks["target"], _batches(images.training, size, how.seed))
    known = models.fill(models.build(case, len(start.classes), "source"), start.tensors).to(devices.default())
    rows = next(
        one for one in (both["source"].validation, ~both["source"].training, both["source"].training) if one.any()
    )
    own = _asked(known, case.seen_by("source"), both["source"], blocks["source"], _batches(rows, size, how.seed))
    return BlockGradients(tuple(blocks["target"]), raw, fitted, own)


def _batches(among: np.ndarray, size: int, seed: int) -> list[np.ndarray]:
    """A few batches of one size, drawn from the instances of a mask; a single smaller one where there are fewer."""
    order = np.random.default_rng(seed).permutation(np.flatnonzero(among))
    whole = [order[at : at + size] for at in range(0, len(order) - size + 1, size)]
    return whole[:BATCHES] or [order]


def _asked(
    network: nn.Module, case: Case, images: DomainImages, blocks: Sequence[str], batches: Sequence[np.ndarray]
) -> np.ndarray:
    """(batches, blocks) of `relative`; case: as the network's model sees it."""
    example = models.example(case).to(devices.default())
    members = {block: strategies.parameters(network, block, example) for block in blocks}
    rows = []
    for batch in track(batches, "gradients"):
        labels = torch.from_numpy(np.array(images.labels[batch])).to(devices.default())
        rows.append(relative(network, members, models.inputs(network, images.given[batch], case), labels))
    return np.array(rows)


def relative(
    network: nn.Module, members: Mapping[str, Sequence[nn.Parameter]], pictures: Tensor, labels: Tensor
) -> list[float]:
    """||gradient of the cross entropy|| / ||parameters|| of each block on one batch, in evaluation mode; NaN for 0 / 0.

    members: block -> its parameters; pictures: (n, channels, H, W); labels: (n,).
    """
    every = list({id(one): one for some in members.values() for one in some}.values())
    with hooks.evaluated(network), torch.enable_grad():
        network.requires_grad_(True)
        loss = functional.cross_entropy(network(pictures), labels)
        found = torch.autograd.grad(loss, every, allow_unused=True)
    squared = {
        id(one): 0.0 if gradient is None else float(gradient.double().square().sum())
        for one, gradient in zip(every, found, strict=True)
    }
    pulls = []
    for some in members.values():
        size = sum(float(one.detach().double().square().sum()) for one in some)
        pulls.append(float(np.sqrt(sum(squared[id(one)] for one in some) / size)) if size else float("nan"))
    return pulls


def tuned(
    case: Case, both: Mapping[str, DomainImages], start: TrainedModel, strategy: str, *, rate: float, seed: int
) -> Tuned:
    """What one training by a strategy comes to; the last epoch counts, so that validation chooses the rate alone.

    Args:
        both: the images of both domains as the target model takes them.
        start: the source model.
        strategy: one of `freezing.strategies`.
        rate: times the case's own learning rate.
        seed: added to that of the case's training.
    """
    case, own = case.seen_by("target"), both["target"]
    how = freezing.training(case.plan("target").training, strategy, rate=rate, seed=seed)
    draws = Draws(how.seed)
    with draws:
        network, _ = loop.begun(case, "target", own.classes, start, how)
    network = network.to(devices.default())
    groups = strategies.groups(network, how, models.example(case).to(devices.default()))
    run = Run(network, how, int(own.training.sum()), "target", draws, groups)
    try:
        for epoch in track(range(1, how.epochs + 1), f"training, {freezing.title(strategy)}"):
            run.learn(own, case, epoch)
    except AstrayError:  # a rate that is too high for this strategy, which validation then passes over
        return Tuned(0.0, 0.0, 0.0)

    def right(images: DomainImages, chosen: np.ndarray) -> float:
        answers = loop.right_answers(network, own.classes, images, np.flatnonzero(chosen), case)
        return float(answers.mean()) if len(answers) else float("nan")

    return Tuned(right(own, own.validation), right(own, own.judged), right(both["source"], both["source"].judged))
