"""Where a layer's neurons are read: after their activation function, wherever and however that is called (method 1)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from tlx.errors import ModelError
from tlx.networks.hooks import RECURRENT, Readout, evaluated
from tlx.networks.passes import NORMS, WEIGHTED, Call, Run, inputs_of, named, only_through

# Autograd nodes of functions that are activation functions alone.
ACTIVATIONS = (
    "Relu", "LeakyRelu", "PreluKernel", "RreluWithNoise", "Elu", "Gelu", "Silu", "Mish", "Hardswish", "Hardtanh",
    "Hardsigmoid", "Sigmoid", "LogSigmoid", "Tanh", "Softplus", "Clamp", "ClampMin", "ClampMax", "Threshold",
    "Hardshrink", "Softshrink",
)  # fmt: skip
# Others that act on each value alone. Several of them are one activation function: x * sigmoid(x), or max(x, 0).
BENT = (
    "Exp", "Expm1", "Log", "Log1P", "Pow", "Sqrt", "Rsqrt", "Reciprocal", "Abs", "Sin", "Cos", "Atan", "Erf",
    "Maximum", "Minimum", "Where",
)  # fmt: skip
STRAIGHT = ("Mul", "Div", "Add", "Sub", "Rsub", "Neg", "Clone", "Alias", "ToCopy")
MOVING = ("Permute", "Transpose")  # autograd nodes that only exchange axes
_LONGEST = 24  # nodes of one activation function


@dataclass(frozen=True, eq=False)
class Read:
    """Where a layer is read, what is there on the recorded pass, instances first, and its autograd node.

    activated: whether an activation function stands before it, as counts for blocks and recurrent layers, too.
    """

    readout: Readout
    output: Tensor
    node: Any
    activated: bool


def read(model: nn.Module, layer: str, run: Run, *, activated: bool = True) -> Read:
    """Where a layer's neurons are: after its activation function, or (`activated=False`) where that is entered.

    Raises ModelError where nothing can be read, or no neurons of one image.
    """
    used = [call for call in run.called(layer) if call.node is run.score or call.node in run.users]
    own = [call for call in used if not call.handed_on]
    if not own:
        raise ModelError(_unread(layer, run))
    last = max(call.call for call in own)
    call = next(call for call in own if call.call == last)
    module = model.get_submodule(layer)
    norm_too = isinstance(module, (*WEIGHTED, *NORMS))
    if activated:
        node, activated = _after_activation(call, run, behind_norm=norm_too)
    else:
        entering = inputs_of(call.node) if named(call.node, ACTIVATIONS) else []
        node = entering[0] if entering else _behind_norms(call, run) if norm_too else call.node
    place, after = _place(node, call, run)
    batch = _batch_axis(place, run.count)
    output = place.output.movedim(batch, 0)
    if len(output) != run.count:
        raise ModelError(
            f"layer {layer!r} answers {run.count} image{'s' * (run.count > 1)} with {len(output)} rows, windows or "
            "patches of it perhaps, so that its values are no neurons of one image; choose the block around it"
        )
    if output.ndim not in (2, 3, 4):
        raise ModelError(f"layer {layer!r} has an output of {output.ndim} axes; neurons need 2, 3 or 4")
    # A block is read at its own end, whatever that is; so is a recurrent layer, whose gates are its activation.
    activated = (activated and place.node is node) or not isinstance(module, (*WEIGHTED, *NORMS))
    return Read(
        Readout(layer, place.name, place.call, _channel_axis(module, output), after, place.part, batch),
        output,
        place.node,
        activated,
    )


def _unread(layer: str, run: Run) -> str:
    if not run.called(layer):
        return (
            f"layer {layer!r} is never called, or within a scripted module, where nothing can be read; choose another "
            "layer, or give the module as it was before torch.jit.script"
        )
    if all(call.node is None for call in run.called(layer)):
        return (
            f"no gradient reaches the image through layer {layer!r}: it runs under torch.no_grad() or its input is "
            "detached; take that out of the network's forward (requires_grad_(False) freezes parameters), or choose "
            "another layer"
        )
    return f"the scores do not depend on what layer {layer!r} answers; choose another layer"


def _after_activation(call: Call, run: Run, *, behind_norm: bool) -> tuple[Any, bool]:
    """The node of the activation function that follows a call, or else of its normalisation or of its own output."""
    node, shape = call.node, call.output.shape
    if named(node, ACTIVATIONS):
        return node, True
    while True:
        after = _activation(node, run)
        if after is not None:
            return after, True
        norm = _normalisation(node, shape, run) if behind_norm else None
        if norm is None:
            return node, False
        node = norm
        if named(node, ACTIVATIONS):
            return node, True


def _behind_norms(call: Call, run: Run) -> Any:
    node = call.node
    while (norm := _normalisation(node, call.output.shape, run)) is not None:
        node = norm
    return node


def _place(node: Any, layer: Call, run: Run) -> tuple[Call, int]:
    """Where a node's value can be read: at a module's output, or after so many functions called after one."""
    if node is layer.node:
        return layer, 0
    function = next((call for call in run.functions if call.node is node), None)
    made = [call for call in run.calls if call.node is node and call.source is not node and not call.handed_on]
    # Not where a module answers with it after others were given it: a block with a skip connection may answer with
    # what entered it, one with several answers has used the first for the second.
    module = next((call for call in made if function is None or call.at <= function.at), None)
    if module is not None:
        return module, 0
    # Functions are counted from the layer on or, within a block, from the last module before.
    before = [] if function is None else [call for call in (layer, *run.calls) if call.at < function.at]
    if function is None or not before:
        return layer, 0
    start = layer if layer in before else max(before, key=lambda call: call.at)
    return replace(start, output=function.output, node=node, part=0), function.at - start.at


def _activation(node: Any, run: Run) -> Any:
    """The end of the activation function that begins with a node, None where none directly follows.

    That is the smallest set of nodes after it which act on each of its values alone, not only by factors and terms,
    and of which nothing but the last is used elsewhere.
    """
    inside, bent = {node}, False
    for _ in range(_LONGEST):
        users = {user: None for one in inside for user in run.users[one] if user not in inside}
        known = (user for user in users if all(one in inside for one in inputs_of(user)))
        added = next((user for user in known if named(user, (*ACTIVATIONS, *BENT, *STRAIGHT))), None)
        if added is None:
            break
        product = len(inputs_of(added)) > 1 and named(added, ("Mul", "Div"))
        bent = bent or product or not named(added, STRAIGHT)
        inside.add(added)
        if bent and all(user in inside for one in inside - {added} for user in run.users[one]):
            return None if added is run.score else added  # what makes scores of the last layer is no part of it
    return _home_made(node, run)


def _home_made(node: Any, run: Run) -> Any:
    """The end of a module after a node that acts on each value alone, as trying it shows, whatever it is made of."""
    for call in run.calls:
        module = call.module
        if call.source is not node or call.node is node or module is None or isinstance(module, NORMS):
            continue
        if any(isinstance(part, WEIGHTED) for part in module.modules()):
            continue
        if call.node not in run.users or call.node is run.score:
            continue
        if only_through(run, node, call.node) and _acts_on_each_value(module, call):
            return call.node
    return None


def _acts_on_each_value(module: nn.Module, call: Call) -> bool:
    """Whether a module changes each value of its input alone, and by more than a factor and a term."""
    if len(call.inputs) != 1 or call.inputs[0].shape != call.output.shape:
        return False
    seed = torch.Generator().manual_seed(0)
    one, other = (torch.randn(call.output.shape, generator=seed).to(call.output) for _ in range(2))
    mask = (torch.rand(one.shape, generator=seed) < 0.5).to(one.device)
    given = (torch.where(mask, one, other), one, other, (one + other) / 2)
    try:
        with torch.no_grad(), evaluated(module):
            mixed, first, second, middle = (module(drawn.clone()) for drawn in given)
    except Exception:  # somebody else's forward, which counts on more than one tensor
        return False
    if not isinstance(mixed, Tensor):
        return False
    apart = torch.equal(mixed, torch.where(mask, first, second))
    return apart and not torch.allclose(middle, (first + second) / 2, rtol=1e-3, atol=1e-3)


def _normalisation(node: Any, shape: torch.Size, run: Run) -> Any:
    """The node behind the normalisation that a node's value enters, and nothing else; None where there is none.

    One along channels that come last may stand between two permutations of the axes.
    """
    direct = _normalised(node, run, shape)
    users = run.users[node]
    if direct is not None or len(users) != 1 or not named(users[0], MOVING):
        return direct
    within = _normalised(users[0], run, None)
    back = run.users[within] if within is not None else []
    if len(back) != 1 or not named(back[0], MOVING):
        return None
    return next((call.node for call in run.functions if call.node is back[0] and call.output.shape == shape), None)


def _normalised(node: Any, run: Run, shape: torch.Size | None) -> Any:
    # Functions first: a module called a norm may apply an activation function, too (timm's BatchNormAct2d).
    for call in (*run.functions, *run.calls):
        named = type(call.module).__name__ if call.module is not None else call.function
        if "norm" not in named.lower() or call.source is not node or call.node is node:
            continue
        if shape is not None and call.output.shape != shape:
            continue
        if call.module is not None and any(isinstance(part, (*WEIGHTED, RECURRENT)) for part in call.module.modules()):
            continue  # a block with a norm in it: timm's ConvNormAct
        if call.node in run.users and only_through(run, node, call.node):
            return call.node
    return None


def _batch_axis(read: Call, count: int) -> int:
    """0, but 1 where instances come second, as in a recurrent layer's states, or sequences of some networks."""
    if isinstance(read.module, RECURRENT):
        return 0 if read.module.batch_first and not read.part else 1
    shape = read.output.shape
    return 1 if len(shape) == 3 and shape[0] != count and shape[1] == count else 0


def _channel_axis(module: nn.Module, output: Tensor) -> int:
    """1, as in convolutions, unless channels are last: in sequences of tokens, and in maps normalised along them."""
    shape = output.shape
    if isinstance(module, nn.Linear):
        return len(shape) - 1
    if len(shape) == 3:
        return 1 if isinstance(module, nn.Conv1d) else 2
    normalised = {tuple(part.normalized_shape) for part in module.modules() if isinstance(part, nn.LayerNorm)}
    return 3 if len(shape) == 4 and (shape[3],) in normalised and (shape[1],) not in normalised else 1
