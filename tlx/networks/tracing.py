"""What a network consists of, found by running it once: layers, where their neurons are read, what joins them.

Nothing is known about architectures here. One forward pass with autograd on gives a graph in which only what depends
on the image takes part; walking it answers which module joins two layers (method 4), whether every path to the score
runs through a layer (completeness, method 3), and which blocks stand for layers beside a skip connection.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from tlx.cases import renamed
from tlx.errors import ModelError, SelectionError, unknown
from tlx.networks import neurons, passes
from tlx.networks.hooks import RECURRENT, Readout, captured, evaluated, names_of
from tlx.networks.neurons import ACTIVATIONS
from tlx.networks.passes import WEIGHTED, Call, Run
from tlx.results import Layer, Network, Pair

# Autograd nodes that may stand between a layer and the module that joins it to the next: each keeps or pools a
# channel's values without mixing channels.
PASSIVE = (
    *ACTIVATIONS, "MaxPool", "AvgPool", "AdaptiveMaxPool", "AdaptiveAvgPool", "MkldnnAdaptive", "BatchNorm",
    "NativeBatchNorm", "CudnnBatchNorm", "NativeDropout", "View", "UnsafeView", "Reshape", "Alias", "Clone", "Squeeze",
    "Unsqueeze", "Mean", "TBackward",
)  # fmt: skip


def readouts(model: nn.Module, layers: Sequence[str], example: Tensor) -> tuple[Readout, ...]:
    """Where the neurons of these layers are read, in the order given (method 1: after the activation function).

    A layer that an activation function directly follows, or behind its normalisation, is read after that one, whether
    it is a module, a function of torch or several of them; any other at its own output, or that of its normalisation.
    A module called several times is read at its last call. Raises SelectionError for an unknown layer, ModelError for
    one whose output holds no neurons.

    Layers of a model whose modules have other names than the source's (`hooks.names_of`) are known by the source's.
    """
    run = passes.record(model, example)
    return tuple(replace(neurons.read(model, _own(model, name), run).readout, layer=name) for name in layers)


def before_activation(model: nn.Module, layer: str, example: Tensor) -> Readout:
    """Where what enters a layer's activation function can be read: at its own output, or that of its normalisation.

    Below its zero an activation function tells nothing of what would raise it.
    """
    read = neurons.read(model, _own(model, layer), passes.record(model, example), activated=False).readout
    return replace(read, layer=layer)


def head(model: nn.Module, example: Tensor) -> str:
    """Name of the layer that is the classifier head's first: what enters it is the embedding vector of an image (5.2).

    It is the first linear layer through which everything runs, given one vector for each image that other layers made;
    without one, the last convolution or linear layer.
    """
    return _head(passes.record(model, example)).name


def network(model: nn.Module, example: Tensor, layers: Sequence[str], architecture: str) -> Network:
    """The analysed layers of a model (all of them where `layers` is empty), their joins, their receptive fields.

    Raises SelectionError for an unknown layer, ModelError for layers that are no neurons, are listed twice or in
    another order than they run, or that no gradient reaches.
    """
    run = passes.record(model, example)
    names = tuple(_known(model, name) for name in layers) or _automatic(model, run)
    if not names:
        raise ModelError(
            f"{type(model).__name__} has no layer to analyse: none of its convolutions, linear or recurrent layers "
            "lies on every way to the scores, nor does a block around one; name some in `layers`"
        )
    reads = [neurons.read(model, name, run) for name in names]
    _check_order(run, reads)
    fields = _fields(model, [read.readout for read in reads], example)
    described = tuple(
        Layer(
            name=name,
            index=at,
            kind=_kind(model.get_submodule(name)),
            units=read.output.shape[read.readout.axis],
            positions=_positions(read.output, read.readout.axis),
            complete=passes.complete(run.score, read.node),
            field=fields[name],
            activated=read.activated,
        )
        for at, (name, read) in enumerate(zip(names, reads, strict=True), start=1)
    )
    joins, apart = _joins(described, [read.node for read in reads], run)
    entered = _head(run)
    return Network(
        architecture=architecture,
        layers=described,
        joins=joins,
        apart=apart,
        embedding_units=entered.inputs[0][0].numel(),
        parameters=sum(parameter.numel() for parameter in model.parameters()),
        embedding_layer=entered.name,
    )


def _head(run: Run) -> Call:
    # A linear layer sees one vector for each image here: those in a transformer's blocks see one for each token, those
    # of attention and squeeze-and-excitation stand beside another way.
    weighted = [call for call in run.calls if isinstance(call.module, (*WEIGHTED, RECURRENT))]
    through = [call for call in weighted if passes.complete(run.score, call.node)]
    dense = (call for call in through if isinstance(call.module, nn.Linear) and call.inputs[0].ndim == 2)
    made = next((call for call in dense if call is not weighted[0]), None)
    if made is None:
        made = (through or weighted or run.calls)[-1]
    return run.called(made.name)[-1]


def _own(model: nn.Module, layer: str) -> str:
    """The name that a layer has in this model. Raises SelectionError where there is none."""
    return _known(model, renamed(layer, names_of(model)))


def _known(model: nn.Module, name: str) -> str:
    names = [known for known, _ in model.named_modules() if known]
    if name not in names:
        raise SelectionError(unknown("layer", name, names))
    return name


def _check_order(run: Run, reads: Sequence[neurons.Read]) -> None:
    names = [read.readout.layer for read in reads]
    if twice := [name for at, name in enumerate(names) if name in names[:at]]:
        raise ModelError(f"`layers` lists {twice[0]!r} twice; list each layer once")
    if names != (right := sorted(names, key=run.order().__getitem__)):
        raise ModelError(f"`layers` must be in the order in which they run: {', '.join(map(repr, right))}")


def _kind(module: nn.Module) -> str:
    if isinstance(module, nn.Linear):
        return "linear"
    if isinstance(module, RECURRENT):
        return "recurrent"
    return "conv" if isinstance(module, WEIGHTED) else "block"


def _positions(output: Tensor, axis: int) -> tuple[int, int]:
    if output.ndim == 4:
        height, width = (size for at, size in enumerate(output.shape) if at not in (0, axis))
        return int(height), int(width)
    return (int(output.shape[3 - axis]), 1) if output.ndim == 3 else (1, 1)


def _automatic(model: nn.Module, run: Run) -> tuple[str, ...]:
    """Every convolution, linear and recurrent layer but the last; beside a skip connection its block stands for it.

    The block is the smallest module around it through whose output every path to the score runs.
    """
    weighted = [call for call in run.calls if isinstance(call.module, (*WEIGHTED, RECURRENT))]
    names: list[str] = []
    for call in weighted[:-1]:
        name = call.name
        while name and not _is_complete(model, name, call.node, run):
            name = name.rpartition(".")[0]
        if name and name not in names:
            names.append(name)
    return tuple(sorted(names, key=run.order().__getitem__))


def _is_complete(model: nn.Module, name: str, inner: Any, run: Run) -> bool:
    """Whether a layer, or a block around a layer whose node is `inner`, is on all paths, and read behind that node."""
    try:
        node = neurons.read(model, name, run).node
    except ModelError:  # nothing can be read there
        return False
    return passes.complete(run.score, node) and inner in passes.reached(node, None)


def _joins(layers: tuple[Layer, ...], nodes: list[Any], run: Run) -> tuple[dict[Pair, str], dict[Pair, str]]:
    """The module that joins each pair of layers, or why none does; nodes: where each layer is read."""
    joins: dict[Pair, str] = {}
    apart: dict[Pair, str] = {}
    for first, second, before in zip(layers, layers[1:], nodes, strict=False):
        pair = (first.name, second.name)
        call = run.called(second.name)[-1]
        if "recurrent" in (first.kind, second.kind):
            named = second if second.kind == "recurrent" else first
            apart[pair] = f"{named.name} is a recurrent layer, whose weights act at every step on all that came before"
        elif not isinstance(call.module, (nn.Conv2d, nn.Linear)):
            apart[pair] = f"{second.name} is a block of several modules, so no single kernel joins it to {first.name}"
        elif call.output.ndim == 3:
            apart[pair] = f"{second.name} works on a sequence, so no single kernel joins it to {first.name}"
        elif not _is_plain(call):
            apart[pair] = f"{second.name} works with other weights than it keeps, or pads in its own way"
        elif not _passive(call.node, before):
            apart[pair] = f"more than {second.name} stands between {first.name} and {second.name}"
        else:
            joins[pair] = second.name
    return joins, apart


def _is_plain(call: Call) -> bool:
    """Whether a convolution or linear layer does what torch's do, as classes derived from them need not."""
    module, kind = call.module, nn.Linear if isinstance(call.module, nn.Linear) else nn.Conv2d
    if module is None or type(module).forward is kind.forward:
        return True
    drawn = torch.randn(call.inputs[0].shape, generator=torch.Generator().manual_seed(0)).to(call.inputs[0])
    with torch.no_grad(), evaluated(module):
        own, plain = module(drawn), kind.forward(module, drawn)  # type: ignore[arg-type]
    return own.shape == plain.shape and torch.allclose(own, plain, rtol=1e-3, atol=1e-5)


def _passive(node: Any, before: Any) -> bool:
    """Whether one path of passive operations leads from a weighted module's node back to the node `before`."""
    current = node
    while current is not before:
        after = passes.inputs_of(current)
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
