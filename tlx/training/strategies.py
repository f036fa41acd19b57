"""Transfer strategies: which parts of a network a training leaves as they are.

What is held keeps its parameters, and its batch-norm statistics: it stays in evaluation mode while the rest is trained.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase

from tlx.cases import HEAD, Training
from tlx.errors import ModelError, UserError
from tlx.networks import hooks, passes, tracing

Event = tuple[str, bool]
"""A module's name, and whether it is left (True) or entered (False)."""


def from_scratch(training: Training) -> Training:
    """The same training, with its seeds and its budget, of every tensor from random weights: the control."""
    return replace(training.plain(), strategy="scratch")


def held(network: nn.Module, training: Training, epoch: int, example: Tensor) -> frozenset[str]:
    """Names of the modules that are held in this epoch (from 1): none, those up to a layer, or all but some.

    example: (1, channels, H, W). Raises SelectionError where a layer of `freeze_until` or `train_only` is unknown,
    ModelError where nothing would be left to train.
    """
    up_to = _run_until(network, training.freeze_until, example) if training.freeze_until else frozenset()
    if training.train_only:
        learning = [block(network, layer, example, key="training.train_only") for layer in training.train_only]
        up_to |= {name for name, _ in network.named_modules()} - block(network, HEAD, example).union(*learning)
    if training.strategy == "head" or epoch <= training.head_epochs:
        up_to |= {name for name, _ in network.named_modules()} - {head(network, example)}
    if all(
        name in up_to for name, part in network.named_modules() if any(True for _ in part.parameters(recurse=False))
    ):
        why = f"freeze_until = {training.freeze_until!r} leaves nothing to train; name an earlier layer"
        raise ModelError(why, key="training.freeze_until")
    return up_to


def notes(network: nn.Module, training: Training, example: Tensor) -> tuple[str, ...]:
    """A sentence on what is held, in the words of the case file; none where nothing is. Raises as `held` does."""
    names = held(network, training, 1, example)
    groups(network, training, example)  # raises
    rated = _rates_in_words(training)
    if not names:
        return (rated,) if rated else ()
    parts = dict(network.named_modules())
    still = sum(one.numel() for name in names for one in parts[name].parameters(recurse=False))
    total = sum(one.numel() for one in network.parameters())
    how = [f"what runs up to {training.freeze_until} is held"] if training.freeze_until else []
    if training.train_only:
        others = [layer for layer in training.train_only if layer != HEAD]
        how.append(f"only {', '.join(others)} and the head, {head(network, example)}, are trained")
    if training.strategy == "head" or training.head_epochs:
        many = "epoch" if training.head_epochs == 1 else f"{training.head_epochs} epochs"
        when = f" in the first {many}" if training.head_epochs else ""
        how.append(f"only the head, {head(network, example)}, is trained{when}")
    said = f"{' and '.join(how)} ({total - still:,} of {total:,} parameters learn)"
    return (said, rated) if rated else (said,)


def _rates_in_words(training: Training) -> str:
    each = ", ".join(f"{layer} {factor:g}" for layer, factor in training.layer_rates)
    return f"layers learn at these factors of the learning rate: {each}" if each else ""


def groups(network: nn.Module, training: Training, example: Tensor) -> list[dict[str, Any]]:
    """The optimiser's parameter groups, each with the rate that the schedule leads up to.

    What is held has no gradient, which the optimiser passes over: its groups are those of every strategy. Raises
    SelectionError where a layer of `layer_rates` is unknown.
    """
    factor_of: dict[nn.Parameter, float] = {}
    for layer, factor in training.layer_rates:
        for name in block(network, layer, example, key="training.layer_rates"):
            factor_of |= dict.fromkeys(network.get_submodule(name).parameters(recurse=False), factor)
    by_factor: dict[float, list[nn.Parameter]] = {}
    for parameter in network.parameters():
        by_factor.setdefault(factor_of.get(parameter, 1.0), []).append(parameter)
    return [{"params": some, "lr": factor * training.learning_rate} for factor, some in by_factor.items()]


def parameters(network: nn.Module, layer: str, example: Tensor) -> list[nn.Parameter]:
    """What learns where this layer learns, see `block`."""
    names = sorted(block(network, layer, example))
    return [one for name in names for one in network.get_submodule(name).parameters(recurse=False)]


def hold(network: nn.Module, names: frozenset[str]) -> None:
    """Puts the network in training mode, but for what is held."""
    network.train()
    network.requires_grad_(True)
    for name in names:
        for parameter in network.get_submodule(name).parameters(recurse=False):
            parameter.requires_grad_(False)
    for name, part in network.named_modules():
        asked = [parameter.requires_grad for parameter in part.parameters()]
        if (asked and not any(asked)) or (isinstance(part, _NormBase) and name in names):
            part.eval()


def head(network: nn.Module, example: Tensor) -> str:
    """Name of the last convolution or linear layer that is run: its outputs are the class scores."""
    modules = dict(network.named_modules())
    run = [name for name, left in _events(network, example) if left and isinstance(modules[name], passes.WEIGHTED)]
    if not run:
        raise ModelError(f"{type(network).__name__} has no convolution or linear layer, so it has no head to train")
    return run[-1]


def _run_until(network: nn.Module, layer: str, example: Tensor) -> frozenset[str]:
    """The modules that have been run when the neurons of a layer are read, behind its norm and activation function.

    One that holds others and is not yet left counts, too: its own parameters, such as position codes, came first.
    """
    events = _until_read(network, layer, example, key="training.freeze_until")
    return _with_parts(network, {name for name, _ in events}, {name for name, left in events if left})


def block(network: nn.Module, layer: str, example: Tensor, *, key: str = "") -> frozenset[str]:
    """The modules that are run from where a layer begins until its neurons are read: itself, its norm, a way beside it.

    "head" is the last layer of the network. Raises SelectionError, which carries the key, where it is unknown.
    """
    if layer == HEAD:
        return frozenset({head(network, example)})
    events = _until_read(network, layer, example, key=key)
    begin = max(at for at, event in enumerate(events) if event == (layer, False))
    entered = {name for name, left in events[begin:] if not left}
    return _with_parts(network, entered, entered & {name for name, left in events[begin:] if left})


def _until_read(network: nn.Module, layer: str, example: Tensor, *, key: str) -> list[Event]:
    """The events of a pass up to where the neurons of a layer are read."""
    try:
        (read,) = tracing.readouts(network, [layer], example)
    except UserError as error:
        error.key = key
        raise
    events = _events(network, example)
    until = [at for at, event in enumerate(events) if event == (read.module, True)][read.call]
    return events[: until + 1]


def _with_parts(network: nn.Module, names: set[str], left: set[str]) -> frozenset[str]:
    """These modules with all within those that were left, which need have no call of its own."""
    within = tuple(f"{name}." for name in left)
    return frozenset(names | {name for name, _ in network.named_modules() if name.startswith(within)})


@torch.inference_mode()
def _events(network: nn.Module, example: Tensor) -> list[Event]:
    """Modules entered and left by one forward pass, in order."""
    events: list[Event] = []

    def note(name: str, left: bool) -> Any:
        return lambda *_: events.append((name, left))

    handles = []
    with hooks.evaluated(network):
        for name, part in network.named_modules():
            handles += [part.register_forward_pre_hook(note(name, False)), part.register_forward_hook(note(name, True))]
        try:
            network(example)
        finally:
            for handle in handles:
                handle.remove()
    return events
