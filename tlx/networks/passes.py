"""One forward pass of a network, recorded: what each module and function of torch answered, and what depends on what.

It is run with autograd on, and parameters frozen, so that its graph holds only what depends on the image: walking it
back from the score answers through what the score knows of the image.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from tlx.errors import ModelError
from tlx.networks import hooks
from tlx.networks.hooks import evaluated, lock_of

WEIGHTED = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.Linear)
NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
Users = dict[Any, list[Any]]  # which autograd nodes use each node's result


@dataclass(frozen=True, eq=False)
class Call:
    """One tensor that a module, or a function of torch without a name here, answered with.

    source: autograd node of the first input, as it was on entry; node: of the output, as it was on return; at: how many
    functions had been called before it returned; handed_on: whether it is one of several, and was given to the module.
    """

    name: str
    module: nn.Module | None
    call: int
    inputs: tuple[Tensor, ...]
    output: Tensor
    source: Any
    node: Any
    at: int
    part: int = 0
    function: str = ""
    handed_on: bool = False


@dataclass(frozen=True)
class Run:
    """A forward pass of `count` images: what modules and functions answered with, the score's node, who uses which."""

    count: int
    calls: list[Call]
    functions: list[Call]
    score: Any
    users: Users

    def called(self, name: str) -> list[Call]:
        return [call for call in self.calls if call.name == name]

    def order(self) -> dict[str, int]:
        """When each module last answered."""
        return {call.name: at for at, call in enumerate(self.calls)}


def record(model: nn.Module, example: Tensor) -> Run:
    """One evaluated forward pass with autograd on."""
    calls: list[Call] = []
    functions: list[Call] = []
    counts: dict[str, int] = {}
    sources: list[list[Any]] = []  # of the modules entered and not yet left, since modules nest

    def enter(_module: nn.Module, inputs: Any, named: Any) -> None:
        # Taken on entry: an in-place module changes the node of its own input.
        sources.append([one.grad_fn for one in hooks.tensors((inputs, named))])

    def leave_for(name: str) -> Callable[..., None]:
        def leave(module: nn.Module, inputs: Any, named: Any, output: Any) -> None:
            at, entered, given = counts.get(name, -1) + 1, sources.pop(), tuple(hooks.tensors((inputs, named)))
            counts[name] = at
            first = next(iter((*inputs, *named.values())), None)
            source = entered[0] if isinstance(first, Tensor) else None
            answers = hooks.tensors(output)
            for part, one in enumerate(answers):
                on = len(answers) > 1 and any(one.grad_fn is node for node in entered if node is not None)
                calls.append(
                    Call(name, module, at, given, one, source, one.grad_fn, len(functions), part, handed_on=on)
                )

        return leave

    def called(function: Callable[..., Any], inputs: tuple[Any, ...], _options: Any, output: Tensor) -> None:
        source = inputs[0].grad_fn if inputs and isinstance(inputs[0], Tensor) else None
        named = getattr(function, "__name__", "")
        functions.append(Call("", None, 0, (), output, source, output.grad_fn, len(functions) + 1, function=named))

    with lock_of(model), evaluated(model), torch.inference_mode(False), torch.enable_grad():
        modules = ((name, module) for name, module in model.named_modules() if name)
        inner = [(name, one) for name, one in modules if not isinstance(one, torch.jit.ScriptModule)]  # has no hooks
        handles = [module.register_forward_pre_hook(enter, with_kwargs=True) for _, module in inner]
        handles += [module.register_forward_hook(leave_for(name), with_kwargs=True) for name, module in inner]
        try:
            with hooks.Functions(called):
                score = model(example.detach().clone().requires_grad_())
        finally:
            for handle in handles:
                handle.remove()
    if not isinstance(score, Tensor) or score.shape != (len(example), score.shape[-1]):
        given = f"an array of shape {tuple(score.shape)}" if isinstance(score, Tensor) else type(score).__name__
        raise ModelError(
            f"{type(model).__name__} answers {len(example)} image{'s' * (len(example) > 1)} with {given}, and must "
            "answer with class scores of shape (n, classes), whatever n is"
        )
    if score.grad_fn is None:
        raise ModelError(
            f"{type(model).__name__} lets no gradient through to its image, so that nothing can be attributed to its "
            "layers: take torch.no_grad(), inference_mode() or detach() out of its forward; parameters are frozen by "
            "requires_grad_(False)"
        )
    for call in calls:
        if isinstance(call.module, WEIGHTED) and call.output.dtype.itemsize < example.dtype.itemsize:
            raise ModelError(
                f"layer {call.name!r} answers in {call.output.dtype} where images are {example.dtype}, so that its "
                "neurons are rounded: leave torch.autocast() and conversions to the training loop"
            )
    users = _users(score.grad_fn)
    if any(named(node, ("CheckpointFunction",)) for node in users):
        raise ModelError(
            f"{type(model).__name__} runs parts of itself by torch.utils.checkpoint, inside which nothing can be read: "
            "give it use_reentrant=False, or use it in training only (if self.training)"
        )
    return Run(len(example), calls, functions, score.grad_fn, users)


def _users(score: Any) -> Users:
    """Walks the graph back from the score."""
    uses: Users = {score: []}
    waiting = [score]
    while waiting:
        node = waiting.pop()
        for before in inputs_of(node):
            if before not in uses:
                waiting.append(before)
            uses.setdefault(before, []).append(node)
    return uses


def named(node: Any, names: tuple[str, ...]) -> bool:
    """Whether an autograd node is one of these: a ReluBackward0 is "Relu"."""
    return type(node).__name__.partition("Backward")[0] in names


def inputs_of(node: Any) -> list[Any]:
    """The nodes whose results a node uses, as far as they depend on the image."""
    return [one for one, _ in node.next_functions if one is not None]


def complete(score: Any, node: Any) -> bool:
    """Whether every path from the score back to the image runs through this autograd node."""
    if node is None:
        return False
    # Parameters are frozen: the only leaf, whose gradient is accumulated, is the image.
    return not any(type(one).__name__ == "AccumulateGrad" for one in reached(score, node))


def only_through(run: Run, node: Any, via: Any) -> bool:
    """Whether every path from the score back to a node runs through another."""
    return node not in reached(run.score, via)


def reached(score: Any, stop: Any) -> set[Any]:
    """The nodes that the score reaches without passing one, itself included."""
    seen, waiting = {stop}, [score]
    while waiting:
        current = waiting.pop()
        if current not in seen:
            seen.add(current)
            waiting += inputs_of(current)
    return seen - {stop}
