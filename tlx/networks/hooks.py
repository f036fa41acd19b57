"""Hooks that read a network while it runs, within a `with` block; none is left on it afterwards, whatever happens."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy
from torch.overrides import TorchFunctionMode
from torch.utils import _pytree as pytree

_NAMES = "_tlx_names"

RECURRENT = nn.RNNBase
_here = threading.local()  # .silent while hooks themselves call functions, which no readout counts
_finding = threading.Lock()
_locks: dict[int, threading.RLock] = {}  # by the model's id, as long as it lives
_without_cudnn: list[bool] = []  # of the blocks that want it off, whether it was on before


def lock_of(model: nn.Module) -> threading.RLock:
    """The lock of a model: hooks are the model's, and two threads hooking one would read each other's outputs."""
    with _finding:
        if id(model) not in _locks:
            _locks[id(model)] = threading.RLock()
            weakref.finalize(model, _locks.pop, id(model), None).atexit = False
        return _locks[id(model)]


@dataclass(frozen=True)
class Readout:
    """Where a layer's neurons are read: the output of the `call`-th call of a module, along `axis`.

    after: 0 for that output itself, or k for what the k-th tensor function called after it answers, such as an
    activation function without a module of its own; part: which of the tensors of an output that holds several (an
    LSTM answers with sequence and states); batch: the axis of the instances. Neurons are always read with the
    instances first, and `axis` counts in that order.
    """

    layer: str
    module: str
    call: int
    axis: int
    after: int = 0
    part: int = 0
    batch: int = 0


Seen = Callable[[Readout, Tensor], Tensor | None]
"""Given what is read, instances first; answers with what the network goes on with, None for the same."""


Called = Callable[[Callable[..., Any], tuple[Any, ...], Mapping[str, Any], Tensor], Tensor | None]
"""Given a function of torch, its arguments and its answer; answers as `Seen` does."""


class Functions(TorchFunctionMode):
    """Tells `seen` of each tensor that a function of torch answers with within the block, in this thread.

    What hooks call is not told. `seen` may answer with another tensor, which the network goes on with.
    """

    def __init__(self, seen: Called) -> None:
        super().__init__()
        self._seen = seen

    def __torch_function__(self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None) -> Any:
        output = func(*args, **(kwargs or {}))
        if getattr(_here, "silent", False) or not isinstance(output, Tensor):
            return output
        with silent():
            other = self._seen(func, args, kwargs or {}, output)
        return output if other is None else other


def named_as(model: nn.Module, names: Iterable[tuple[str, str]]) -> nn.Module:
    """The model, after it was told which of its modules the source's are: (the source network's name, its own)."""
    object.__setattr__(model, _NAMES, tuple(names))  # a copy of the model takes it along
    return model


def names_of(model: nn.Module) -> tuple[tuple[str, str], ...]:
    """What `named_as` told."""
    told: tuple[tuple[str, str], ...] = model.__dict__.get(_NAMES, ())
    return told


@contextmanager
def silent() -> Iterator[None]:
    """Within the block the functions that this thread calls are told nobody."""
    before, _here.silent = getattr(_here, "silent", False), True
    try:
        yield
    finally:
        _here.silent = before


def tensors(output: Any) -> list[Tensor]:
    """The tensors of a module's output, whatever holds them, in their order."""
    return [one for one in pytree.tree_leaves(output) if isinstance(one, Tensor)]


def _exchanged(output: Any, part: int, tensor: Tensor) -> Any:
    leaves, form = pytree.tree_flatten(output)
    places = [at for at, one in enumerate(leaves) if isinstance(one, Tensor)]
    leaves[places[part]] = tensor
    return pytree.tree_unflatten(leaves, form)


@contextmanager
def watched(model: nn.Module, readouts: Sequence[Readout], seen: Seen) -> Iterator[None]:
    """Within the block `seen` is asked at each readout of every forward pass that this thread runs."""
    by_module: dict[str, dict[int, list[Readout]]] = {}
    for readout in readouts:
        by_module.setdefault(readout.module, {}).setdefault(readout.call, []).append(readout)
    counts: dict[str, int] = {}
    waiting: dict[Readout, int] = {}  # functions still to be called before it is there
    owner = threading.get_ident()

    def ask(readout: Readout, output: Tensor) -> Tensor | None:
        if not readout.batch:
            return seen(readout, output)
        other = seen(readout, output.movedim(readout.batch, 0))
        return None if other is None else other.movedim(0, readout.batch)

    def function(_func: Any, _args: Any, _options: Any, output: Tensor) -> Tensor | None:
        other = None
        for readout in [*waiting]:
            waiting[readout] -= 1
            if waiting[readout] == 0:
                del waiting[readout]
                answer = ask(readout, output if other is None else other)
                other = other if answer is None else answer
        return other

    def hook_for(name: str) -> Callable[..., Any]:
        def hook(_module: nn.Module, _inputs: Any, output: Any) -> Any:
            if threading.get_ident() != owner:
                return None
            at = counts[name] = counts.get(name, -1) + 1
            changed = output
            with silent():
                for readout in by_module[name].get(at, ()):
                    if readout.after:
                        waiting[readout] = readout.after
                    else:
                        other = ask(readout, tensors(changed)[readout.part])
                        changed = changed if other is None else _exchanged(changed, readout.part, other)
            return None if changed is output else changed

        return hook

    def restart(_module: nn.Module, _inputs: Any) -> None:
        if threading.get_ident() == owner:
            counts.clear()
            waiting.clear()

    with lock_of(model), ExitStack() as block:
        if any(isinstance(part, RECURRENT) for part in model.modules()):
            block.enter_context(_own_recurrence())
        for name in by_module:
            block.callback(model.get_submodule(name).register_forward_hook(hook_for(name)).remove)
        block.callback(model.register_forward_pre_hook(restart).remove)
        if any(readout.after for readout in readouts):
            block.enter_context(Functions(function))
        yield


@contextmanager
def _own_recurrence() -> Iterator[None]:
    """Within the block recurrent layers are torch's own: cuDNN's give no gradient in evaluation mode.

    The switch is the process's: it goes back when the last of the threads that want it off has left its block.
    """
    with _finding:
        _without_cudnn.append(torch.backends.cudnn.enabled)
        torch.backends.cudnn.enabled = False
    try:
        yield
    finally:
        with _finding:
            last = _without_cudnn.pop()  # the first to come is the last to go: it knows how it was
            torch.backends.cudnn.enabled = last


@contextmanager
def captured(model: nn.Module, readouts: Sequence[Readout]) -> Iterator[dict[str, Tensor]]:
    """Within the block every forward pass fills the dict with the outputs at the readouts, by layer, instances first.

    The network goes on with a copy, so that what was read stays as it was when an in-place module follows.
    """
    outputs: dict[str, Tensor] = {}

    def keep(readout: Readout, output: Tensor) -> Tensor | None:
        outputs[readout.layer] = output
        return output.clone() if output.requires_grad or not torch.is_grad_enabled() else None

    with watched(model, readouts, keep):
        yield outputs


@contextmanager
def changed(model: nn.Module, readouts: Sequence[Readout]) -> Iterator[dict[str, Callable[[Tensor], Tensor]]]:
    """Within the block the network goes on with what `changes[layer](output)` makes of an output at a readout.

    The dict is the caller's to fill, and empty at first: then nothing is changed. Another thread that runs the same
    model meanwhile sees no change.
    """
    changes: dict[str, Callable[[Tensor], Tensor]] = {}

    def change(readout: Readout, output: Tensor) -> Tensor | None:
        wanted = changes.get(readout.layer)
        return None if wanted is None else wanted(output)

    with watched(model, readouts, change):
        yield changes


@contextmanager
def entering(model: nn.Module, module: str) -> Iterator[list[Tensor]]:
    """Within the block the list holds what entered the named module on this thread's last pass, call by call."""
    entered: list[Tensor] = []
    owner = threading.get_ident()

    def restart(_module: nn.Module, _inputs: Any) -> None:
        if threading.get_ident() == owner:
            entered.clear()

    def hook(_module: nn.Module, inputs: Any, named: Any) -> None:
        if threading.get_ident() == owner:
            entered.append(tensors((inputs, named))[0])

    with lock_of(model):
        handles = [model.register_forward_pre_hook(restart)]
        handles.append(model.get_submodule(module).register_forward_pre_hook(hook, with_kwargs=True))
        try:
            yield entered
        finally:
            for handle in handles:
                handle.remove()


@contextmanager
def evaluated(model: nn.Module) -> Iterator[None]:
    """Within the block the model is in evaluation mode and its parameters ask for no gradient; then as before."""
    modes = {module: module.training for module in model.modules()}
    known = (parameter for parameter in model.parameters() if not is_lazy(parameter))
    asked = {parameter: parameter.requires_grad for parameter in known}
    try:
        model.eval()
        for parameter in asked:
            parameter.requires_grad_(False)
        yield
    finally:
        for module, mode in modes.items():
            module.training = mode
        for parameter, ask in asked.items():
            parameter.requires_grad_(ask)
