"""Transfer strategies: which parts of a network a training leaves as they are.

What is held keeps its parameters, and its batch-norm statistics: it stays in evaluation mode while the rest is trained.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase

from tlx.cases import Training
from tlx.errors import ModelError, UserError
from tlx.networks import hooks, passes, tracing

Event = tuple[str, bool]
"""A module's name, and whether it is left (True) or entered (False)."""


def from_scratch(training: Training) -> Training:
    """The same training, with its seeds and its budget, of every tensor from random weights: the control."""
    return replace(training, strategy="scratch", freeze_until="", head_epochs=0)


def held(network: nn.Module, training: Training, epoch: int, example: Tensor) -> frozenset[str]:
    """Names of the modules that are held in this epoch (from 1): none, all but the head, or those up to a layer.

    example: (1, channels, H, W). Raises SelectionError where the layer of `freeze_until` is unknown, ModelError where
    nothing would be left to train.
    """
    up_to = _run_until(network, training.freeze_until, example) if training.freeze_until else frozenset()
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
    if not names:
        return ()
    parts = dict(network.named_modules())
    still = sum(one.numel() for name in names for one in parts[name].parameters(recurse=False))
    total = sum(one.numel() for one in network.parameters())
    how = [f"what runs up to {training.freeze_until} is held"] if training.freeze_until else []
    if training.strategy == "head" or training.head_epochs:
        many = "epoch" if training.head_epochs == 1 else f"{training.head_epochs} epochs"
        when = f" in the first {many}" if training.head_epochs else ""
        how.append(f"only the head, {head(network, example)}, is trained{when}")
    return (f"{' and '.join(how)} ({total - still:,} of {total:,} parameters learn)",)


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
    try:
        (read,) = tracing.readouts(network, [layer], example)
    except UserError as error:
        error.key = "training.freeze_until"
        raise
    events = _events(network, example)
    until = [at for at, event in enumerate(events) if event == (read.module, True)][read.call]
    names = {name for name, _ in events[: until + 1]}
    within = tuple(f"{name}." for name, left in events[: until + 1] if left)  # also what has no call of its own
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
