"""What a network consists of, found by running it once: layers, where their neurons are read, what joins them.

Nothing is known about architectures here. One forward pass with autograd on gives a graph in which only what depends
on the image takes part; walking it answers which module joins two layers (method 4), whether every path to the score
runs through a layer (completeness, method 3), and which blocks stand for layers beside a skip connection.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from tlx.errors import ModelError, SelectionError, unknown
from tlx.networks.hooks import LOCK, Readout, captured, evaluated
from tlx.results import Layer, Network, Pair

WEIGHTED = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.Linear)
ACTIVATIONS = (
    nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.PReLU, nn.ELU, nn.SELU, nn.CELU, nn.GELU, nn.SiLU, nn.Mish, nn.Hardswish,
    nn.Hardtanh, nn.Hardsigmoid, nn.Sigmoid, nn.Tanh, nn.Softplus, nn.Softsign, nn.LogSigmoid, nn.Threshold,
)  # fmt: skip
NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
Users = dict[Any, list[Any]]  # which autograd nodes use each node's result
_FOLLOWING = (*NORMS, *ACTIVATIONS)  # what belongs to a layer when it directly follows its weights

# Autograd nodes of activation functions: where one is called without a module of its own, the module around it that
# answers with its result is read (a convolution and F.relu in one module, say).
FUNCTIONAL = (
    "Relu", "LeakyRelu", "Elu", "Gelu", "Silu", "Mish", "Hardswish", "Hardtanh", "Hardsigmoid", "Sigmoid", "Tanh",
    "Softplus", "Clamp",
)  # fmt: skip

# Autograd nodes that may stand between a layer and the module that joins it to the next: each keeps or pools a
# channel's values without mixing channels.
PASSIVE = (
    "Relu", "LeakyRelu", "Prelu", "Elu", "Gelu", "Silu", "Mish", "Hardswish", "Hardtanh", "Hardsigmoid", "Sigmoid",
    "Tanh", "Softplus", "Threshold", "MaxPool", "AvgPool", "AdaptiveMaxPool", "AdaptiveAvgPool", "MkldnnAdaptive",
    "BatchNorm", "NativeBatchNorm", "CudnnBatchNorm", "NativeDropout", "View", "UnsafeView", "Reshape",
    "Alias", "Clone", "Squeeze", "Unsqueeze", "Mean", "TBackward",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class _Call:
    name: str
    module: nn.Module
    call: int
    inputs: tuple[Tensor, ...]
    output: Tensor
    source: Any  # autograd node of the first input, as it was when the module was entered
    node: Any  # autograd node of the output, as it was when the module returned


def readouts(model: nn.Module, layers: Sequence[str], example: Tensor) -> tuple[Readout, ...]:
    """Where the neurons of these layers are read, in the order given (method 1: after the activation function).

    A layer that is a convolution, linear or normalisation module directly followed by an activation module is read
    behind that one; any other module at its own output. A module called several times is read at its last call.
    Raises SelectionError for an unknown layer, ModelError for one whose output holds no neurons.
    """
    calls, score = _run(model, example)
    consumers = _consumers(score)
    return tuple(_readout(_known(model, name), calls, consumers) for name in layers)


def first_dense(model: nn.Module, example: Tensor) -> str:
    """Name of the first fully connected layer: what enters it is the embedding vector of an image (5.2)."""
    return _dense(_run(model, example)[0]).name


def network(model: nn.Module, example: Tensor, layers: Sequence[str], architecture: str) -> Network:
    """The analysed layers of a model (all of them where `layers` is empty), their joins, their receptive fields."""
    calls, score = _run(model, example)
    consumers = _consumers(score)
    names = tuple(_known(model, name) for name in layers) or _automatic(calls, score, consumers)
    reads = [_readout(name, calls, consumers) for name in names]
    layer_calls = [_call(calls, read.module, read.call) for read in reads]
    fields = _fields(model, reads, example)
    described = tuple(
        Layer(
            name=read.layer,
            index=at,
            kind=_kind(model.get_submodule(read.layer)),
            units=call.output.shape[read.axis],
            positions=_positions(call.output, read.axis),
            complete=_complete(score, call.node),
            field=fields[read.layer],
        )
        for at, (read, call) in enumerate(zip(reads, layer_calls, strict=True), start=1)
    )
    joins, apart = _joins(described, layer_calls, calls)
    return Network(
        architecture=architecture,
        layers=described,
        joins=joins,
        apart=apart,
        embedding_units=_dense(calls).inputs[0][0].numel(),
        parameters=sum(parameter.numel() for parameter in model.parameters()),
    )


def _dense(calls: list[_Call]) -> _Call:
    # One that sees one vector per image: the linear layers in a transformer's blocks see one for each token.
    return next((call for call in calls if isinstance(call.module, nn.Linear) and call.inputs[0].ndim == 2), calls[-1])


def _known(model: nn.Module, name: str) -> str:
    names = [known for known, _ in model.named_modules() if known]
    if name not in names:
        raise SelectionError(unknown("layer", name, names))
    return name


def _run(model: nn.Module, example: Tensor) -> tuple[list[_Call], Any]:
    """All module calls of one evaluated forward pass, and the score's autograd node."""
    calls: list[_Call] = []
    counts: dict[str, int] = {}
    sources: list[Any] = []  # of the modules entered and not yet left, since modules nest

    def enter(_module: nn.Module, inputs: Any) -> None:
        # Taken on entry: an in-place module changes the node of its own input.
        sources.append(inputs[0].grad_fn if inputs and isinstance(inputs[0], Tensor) else None)

    def leave_for(name: str) -> Callable[..., None]:
        def leave(module: nn.Module, inputs: Any, output: Any) -> None:
            at = counts[name] = counts.get(name, -1) + 1
            source = sources.pop()
            if isinstance(output, Tensor):
                tensors = tuple(value for value in inputs if isinstance(value, Tensor))
                calls.append(_Call(name, module, at, tensors, output, source, output.grad_fn))

        return leave

    with LOCK, evaluated(model), torch.inference_mode(False), torch.enable_grad():
        inner = [(name, module) for name, module in model.named_modules() if name]
        handles = [module.register_forward_pre_hook(enter) for _, module in inner]
        handles += [module.register_forward_hook(leave_for(name)) for name, module in inner]
        try:
            score = model(example.detach().clone().requires_grad_())
        finally:
            for handle in handles:
                handle.remove()
    if not isinstance(score, Tensor) or score.ndim != 2:
        raise ModelError(f"{type(model).__name__} must answer with class scores of shape (n, classes)")
    return calls, score.grad_fn


def _call(calls: list[_Call], module: str, at: int) -> _Call:
    return next(call for call in calls if call.name == module and call.call == at)


def _readout(layer: str, calls: list[_Call], consumers: Users) -> Readout:
    own = [call for call in calls if call.name == layer]
    if not own:
        raise ModelError(f"layer {layer!r} is never called, or does not answer with one tensor; choose another layer")
    read = own[-1]
    while isinstance(read.module, (*WEIGHTED, *NORMS)):
        users = consumers[read.node]
        follows = (
            call
            for call in calls
            if (call.source is read.node and isinstance(call.module, _FOLLOWING))
            or (call.node in users and type(call.node).__name__.startswith(FUNCTIONAL))
        )
        after = next(follows, None)
        if after is None or len(users) > 1:
            break
        read = after
    if read.output.ndim not in (2, 3, 4):
        raise ModelError(f"layer {layer!r} has an output of {read.output.ndim} axes; neurons need 2, 3 or 4")
    return Readout(layer, read.name, read.call, _channel_axis(read))


def _channel_axis(read: _Call) -> int:
    """1, as in convolutions, unless channels are last: in sequences of tokens, and in maps normalised along them."""
    shape = read.output.shape
    if len(shape) == 3:
        return 2
    normalised = {tuple(part.normalized_shape) for part in read.module.modules() if isinstance(part, nn.LayerNorm)}
    return 3 if len(shape) == 4 and (shape[3],) in normalised and (shape[1],) not in normalised else 1


def _consumers(score: Any) -> Users:
    """Walks the graph back from the score."""
    uses: Users = defaultdict(list)
    waiting = [score]
    while waiting:
        node = waiting.pop()
        for after, _ in node.next_functions:
            if after is not None:
                uses[after].append(node)
                if len(uses[after]) == 1:
                    waiting.append(after)
    return uses


def _kind(module: nn.Module) -> str:
    if isinstance(module, nn.Linear):
        return "linear"
    return "conv" if isinstance(module, WEIGHTED) else "block"


def _positions(output: Tensor, axis: int) -> tuple[int, int]:
    if output.ndim == 4:
        height, width = (size for at, size in enumerate(output.shape) if at not in (0, axis))
        return int(height), int(width)
    return (int(output.shape[1]), 1) if axis == 2 else (1, 1)


def _automatic(calls: list[_Call], score: Any, consumers: Users) -> tuple[str, ...]:
    """Every convolution and linear layer but the last; one beside a skip connection is replaced by its block.

    The block is the smallest module around it through whose output every path to the score runs.
    """
    weighted = [call for call in calls if isinstance(call.module, WEIGHTED)]
    outputs = {call.name: call.node for call in calls}
    names: list[str] = []
    for call in weighted[:-1]:
        name: str = call.name
        read = _readout(name, calls, consumers)
        node = _call(calls, read.module, read.call).node
        while name and not _complete(score, node):
            name = name.rpartition(".")[0]
            node = outputs.get(name)
        if name and name not in names:
            names.append(name)
    return tuple(names)


def _complete(score: Any, node: Any) -> bool:
    """Whether every path from the score back to the image runs through this autograd node."""
    if node is None:
        return False
    seen, waiting = {node}, [score]
    while waiting:
        current = waiting.pop()
        if current in seen:
            continue
        seen.add(current)
        if type(current).__name__ == "AccumulateGrad":  # parameters are frozen: only the image is a leaf
            return False
        waiting += [after for after, _ in current.next_functions if after is not None]
    return True


def _joins(
    layers: tuple[Layer, ...], layer_calls: list[_Call], calls: list[_Call]
) -> tuple[dict[Pair, str], dict[Pair, str]]:
    joins: dict[Pair, str] = {}
    apart: dict[Pair, str] = {}
    for first, second, before in zip(layers, layers[1:], layer_calls, strict=False):
        pair = (first.name, second.name)
        own = [call for call in calls if call.name == second.name]
        if not isinstance(own[-1].module, (nn.Conv2d, nn.Linear)):
            apart[pair] = f"{second.name} is a block of several modules, so no single kernel joins it to {first.name}"
        elif own[-1].output.ndim == 3:
            apart[pair] = f"{second.name} works on a sequence, so no single kernel joins it to {first.name}"
        elif not _passive(own[-1].node, before.node):
            apart[pair] = f"more than {second.name} stands between {first.name} and {second.name}"
        else:
            joins[pair] = second.name
    return joins, apart


def _passive(node: Any, before: Any) -> bool:
    """Whether one path of passive operations leads from a weighted module's node back to the node `before`."""
    current = node
    while current is not before:
        after = [following for following, _ in current.next_functions if following is not None]
        if len(after) != 1 or (current is not node and not type(current).__name__.startswith(PASSIVE)):
            return False
        current = after[0]
    return True


def _fields(model: nn.Module, reads: Sequence[Readout], example: Tensor) -> dict[str, tuple[int, int, int] | None]:
    """Receptive field (size, stride, offset) of each layer in pixels, measured on random images.

    Position p sees `size` pixels from offset + stride * p on. None where a position sees the whole image.
    """
    drawn = torch.randn(4, *example.shape[1:], generator=torch.Generator().manual_seed(0))
    with evaluated(model), captured(model, reads) as outputs, torch.enable_grad():
        image = drawn.requires_grad_()
        model(image)
        return {read.layer: _field(outputs[read.layer].movedim(read.axis, 1), image) for read in reads}


def _field(maps: Tensor, image: Tensor) -> tuple[int, int, int] | None:
    """From which pixels move the positions in the map's middle, far from the padding."""
    if maps.ndim != 4 or min(maps.shape[2:]) < 3:
        return None
    middle = maps.shape[2] // 2
    (start, size), (later, _) = (_box(maps[:, :, middle + at, middle + at].sum(), image) for at in (0, 1))
    if size >= image.shape[-1]:
        return None
    stride = max(1, later - start)
    return size, stride, start - stride * middle


def _box(value: Tensor, image: Tensor) -> tuple[int, int]:
    (gradient,) = torch.autograd.grad(value, image, retain_graph=True)
    rows = gradient.abs().amax(dim=(0, 1, 3)).nonzero().flatten()
    if len(rows) == 0:
        return 0, image.shape[-1]
    return int(rows[0]), int(rows[-1] - rows[0] + 1)
