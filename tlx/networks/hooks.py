"""Hooks that read a network while it runs, within a `with` block; none is left on it afterwards, whatever happens."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

LOCK = threading.RLock()
"""Hooks are the model's: two threads hooking one model would read each other's outputs."""


@dataclass(frozen=True)
class Readout:
    """Where a layer's neurons are read: the output of the `call`-th call of a module, along `axis`."""

    layer: str
    module: str
    call: int
    axis: int


@contextmanager
def captured(model: nn.Module, readouts: Sequence[Readout]) -> Iterator[dict[str, Tensor]]:
    """Within the block every forward pass fills the dict with the outputs at the readouts, by layer.

    The network goes on with a copy, so that what was read stays as it was when an in-place module follows. No hook is
    left on the model afterwards, whatever happens.
    """
    outputs: dict[str, Tensor] = {}
    counts: dict[str, int] = {}
    by_module: dict[str, dict[int, str]] = {}
    for readout in readouts:
        by_module.setdefault(readout.module, {})[readout.call] = readout.layer

    def hook_for(name: str) -> Callable[..., Tensor | None]:
        def hook(_module: nn.Module, _inputs: Any, output: Tensor) -> Tensor | None:
            at = counts[name] = counts.get(name, -1) + 1
            layer = by_module[name].get(at)
            if layer is None:
                return None
            outputs[layer] = output
            return output.clone() if output.requires_grad or not torch.is_grad_enabled() else None

        return hook

    def restart(_module: nn.Module, _inputs: Any) -> None:
        counts.clear()

    with LOCK:
        handles = [model.get_submodule(name).register_forward_hook(hook_for(name)) for name in by_module]
        handles.append(model.register_forward_pre_hook(restart))
        try:
            yield outputs
        finally:
            for handle in handles:
                handle.remove()


@contextmanager
def changed(model: nn.Module, readouts: Sequence[Readout]) -> Iterator[dict[str, Callable[[Tensor], Tensor]]]:
    """Within the block the network goes on with what `changes[layer](output)` makes of an output at a readout.

    The dict is the caller's to fill, and empty at first: then nothing is changed. Another thread that runs the same
    model meanwhile sees no change. No hook is left on the model afterwards, whatever happens.
    """
    changes: dict[str, Callable[[Tensor], Tensor]] = {}
    layers = {(readout.module, readout.call): readout.layer for readout in readouts}
    counts: dict[str, int] = {}
    owner = threading.get_ident()

    def hook_for(name: str) -> Callable[..., Tensor | None]:
        def hook(_module: nn.Module, _inputs: Any, output: Tensor) -> Tensor | None:
            if threading.get_ident() != owner:
                return None
            at = counts[name] = counts.get(name, -1) + 1
            change = changes.get(layers.get((name, at), ""))
            return None if change is None else change(output)

        return hook

    def restart(_module: nn.Module, _inputs: Any) -> None:
        if threading.get_ident() == owner:
            counts.clear()

    with LOCK:
        modules = dict.fromkeys(readout.module for readout in readouts)
        handles = [model.get_submodule(name).register_forward_hook(hook_for(name)) for name in modules]
        handles.append(model.register_forward_pre_hook(restart))
        try:
            yield changes
        finally:
            for handle in handles:
                handle.remove()


@contextmanager
def entering(model: nn.Module, module: str) -> Iterator[list[Tensor]]:
    """Within the block the list holds what entered the named module on the last forward pass, call by call."""
    entered: list[Tensor] = []

    def restart(_module: nn.Module, _inputs: Any) -> None:
        entered.clear()

    def hook(_module: nn.Module, inputs: Any) -> None:
        entered.append(inputs[0])

    with LOCK:
        handles = [model.register_forward_pre_hook(restart)]
        handles.append(model.get_submodule(module).register_forward_pre_hook(hook))
        try:
            yield entered
        finally:
            for handle in handles:
                handle.remove()


@contextmanager
def evaluated(model: nn.Module) -> Iterator[None]:
    """Within the block the model is in evaluation mode and its parameters ask for no gradient; then as before."""
    modes = {module: module.training for module in model.modules()}
    asked = {parameter: parameter.requires_grad for parameter in model.parameters()}
    try:
        model.eval().requires_grad_(False)
        yield
    finally:
        for module, mode in modes.items():
            module.training = mode
        for parameter, ask in asked.items():
            parameter.requires_grad_(ask)
