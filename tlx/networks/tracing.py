"""What a network consists of, found by running it once: layers, where their neurons are read, what joins them.

Nothing is known about architectures here. One forward pass with autograd on gives a graph in which only what depends
on the image takes part; walking it answers which module joins two layers (method 4), whether every path to the score
runs through a layer (completeness, method 3), and which blocks stand for layers beside a skip connection.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from tlx.cases import renamed
from tlx.errors import ModelError, SelectionError, unknown
from tlx.networks import hooks
from tlx.networks.hooks import LOCK, RECURRENT, Readout, captured, evaluated, names_of
from tlx.results import Layer, Network, Pair

WEIGHTED = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.Linear)
NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
Users = dict[Any, list[Any]]  # which autograd nodes use each node's result

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
_LONGEST = 24  # nodes of one activation function

# Autograd nodes that may stand between a layer and the module that joins it to the next: each keeps or pools a
# channel's values without mixing channels.
PASSIVE = (
    *ACTIVATIONS, "MaxPool", "AvgPool", "AdaptiveMaxPool", "AdaptiveAvgPool", "MkldnnAdaptive", "BatchNorm",
    "NativeBatchNorm", "CudnnBatchNorm", "NativeDropout", "View", "UnsafeView", "Reshape", "Alias", "Clone", "Squeeze",
    "Unsqueeze", "Mean", "TBackward",
)  # fmt: skip


MOVING = ("Permute", "Transpose")  # autograd nodes that only exchange axes


@dataclass(frozen=True, eq=False)
class _Call:
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
class _Run:
    """A forward pass of `count` images: what modules and functions answered with, the score's node, who uses which."""

    count: int
    calls: list[_Call]
    functions: list[_Call]
    score: Any
    users: Users

    def called(self, name: str) -> list[_Call]:
        return [call for call in self.calls if call.name == name]

    def order(self) -> dict[str, int]:
        """When each module last answered."""
        return {call.name: at for at, call in enumerate(self.calls)}


def readouts(model: nn.Module, layers: Sequence[str], example: Tensor) -> tuple[Readout, ...]:
    """Where the neurons of these layers are read, in the order given (method 1: after the activation function).

    A layer that an activation function directly follows, or behind its normalisation, is read after that one, whether
    it is a module, a function of torch or several of them; any other at its own output, or that of its normalisation.
    A module called several times is read at its last call. Raises SelectionError for an unknown layer, ModelError for
    one whose output holds no neurons.

    Layers of a model whose modules have other names than the source's (`hooks.names_of`) are known by the source's.
    """
    run = _run(model, example)
    return tuple(replace(_read(model, _own(model, name), run).readout, layer=name) for name in layers)


def before_activation(model: nn.Module, layer: str, example: Tensor) -> Readout:
    """Where what enters a layer's activation function can be read: at its own output, or that of its normalisation.

    Below its zero an activation function tells nothing of what would raise it.
    """
    read = _read(model, _own(model, layer), _run(model, example), activated=False).readout
    return replace(read, layer=layer)


def head(model: nn.Module, example: Tensor) -> str:
    """Name of the layer that is the classifier head's first: what enters it is the embedding vector of an image (5.2).

    It is the first linear layer through which everything runs, given one vector for each image that other layers made;
    without one, the last convolution or linear layer.
    """
    return _head(_run(model, example)).name


def network(model: nn.Module, example: Tensor, layers: Sequence[str], architecture: str) -> Network:
    """The analysed layers of a model (all of them where `layers` is empty), their joins, their receptive fields.

    Raises SelectionError for an unknown layer, ModelError for layers that are no neurons, are listed twice or in
    another order than they run, or that no gradient reaches.
    """
    run = _run(model, example)
    names = tuple(_known(model, name) for name in layers) or _automatic(model, run)
    if not names:
        raise ModelError(
            f"{type(model).__name__} has no layer to analyse: none of its convolutions, linear or recurrent layers "
            "lies on every way to the scores, nor does a block around one; name some in `layers`"
        )
    reads = [_read(model, name, run) for name in names]
    _check_order(run, reads)
    fields = _fields(model, [read.readout for read in reads], example)
    described = tuple(
        Layer(
            name=name,
            index=at,
            kind=_kind(model.get_submodule(name)),
            units=read.output.shape[read.readout.axis],
            positions=_positions(read.output, read.readout.axis),
            complete=_complete(run.score, read.node),
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


def _head(run: _Run) -> _Call:
    # A linear layer sees one vector for each image here: those in a transformer's blocks see one for each token, those
    # of attention and squeeze-and-excitation stand beside another way.
    weighted = [call for call in run.calls if isinstance(call.module, (*WEIGHTED, RECURRENT))]
    through = [call for call in weighted if _complete(run.score, call.node)]
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


def _run(model: nn.Module, example: Tensor) -> _Run:
    """One evaluated forward pass with autograd on."""
    calls: list[_Call] = []
    functions: list[_Call] = []
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
                    _Call(name, module, at, given, one, source, one.grad_fn, len(functions), part, handed_on=on)
                )

        return leave

    def called(function: Callable[..., Any], inputs: tuple[Any, ...], _options: Any, output: Tensor) -> None:
        source = inputs[0].grad_fn if inputs and isinstance(inputs[0], Tensor) else None
        named = getattr(function, "__name__", "")
        functions.append(_Call("", None, 0, (), output, source, output.grad_fn, len(functions) + 1, function=named))

    with LOCK, evaluated(model), torch.inference_mode(False), torch.enable_grad():
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
    if any(_named(node, ("CheckpointFunction",)) for node in users):
        raise ModelError(
            f"{type(model).__name__} runs parts of itself by torch.utils.checkpoint, inside which nothing can be read: "
            "give it use_reentrant=False, or use it in training only (if self.training)"
        )
    return _Run(len(example), calls, functions, score.grad_fn, users)


def _users(score: Any) -> Users:
    """Walks the graph back from the score."""
    uses: Users = {score: []}
    waiting = [score]
    while waiting:
        node = waiting.pop()
        for before in _before(node):
            if before not in uses:
                waiting.append(before)
            uses.setdefault(before, []).append(node)
    return uses


# Where a layer's neurons are read


@dataclass(frozen=True, eq=False)
class _Read:
    readout: Readout
    output: Tensor  # instances first
    node: Any
    activated: bool


def _read(model: nn.Module, layer: str, run: _Run, *, activated: bool = True) -> _Read:
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
        entering = _before(call.node) if _named(call.node, ACTIVATIONS) else []
        node = entering[0] if entering else _behind_norms(call, run) if norm_too else call.node
    read, after = _place(node, call, run)
    batch = _batch_axis(read, run.count)
    output = read.output.movedim(batch, 0)
    if len(output) != run.count:
        raise ModelError(
            f"layer {layer!r} answers {run.count} image{'s' * (run.count > 1)} with {len(output)} rows, windows or "
            "patches of it perhaps, so that its values are no neurons of one image; choose the block around it"
        )
    if output.ndim not in (2, 3, 4):
        raise ModelError(f"layer {layer!r} has an output of {output.ndim} axes; neurons need 2, 3 or 4")
    # A block is read at its own end, whatever that is; so is a recurrent layer, whose gates are its activation.
    activated = (activated and read.node is node) or not isinstance(module, (*WEIGHTED, *NORMS))
    return _Read(
        Readout(layer, read.name, read.call, _channel_axis(module, output), after, read.part, batch),
        output,
        read.node,
        activated,
    )


def _unread(layer: str, run: _Run) -> str:
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


def _after_activation(call: _Call, run: _Run, *, behind_norm: bool) -> tuple[Any, bool]:
    """The node of the activation function that follows a call, or else of its normalisation or of its own output."""
    node, shape = call.node, call.output.shape
    if _named(node, ACTIVATIONS):
        return node, True
    while True:
        after = _activation(node, run)
        if after is not None:
            return after, True
        norm = _normalisation(node, shape, run) if behind_norm else None
        if norm is None:
            return node, False
        node = norm
        if _named(node, ACTIVATIONS):
            return node, True


def _behind_norms(call: _Call, run: _Run) -> Any:
    node = call.node
    while (norm := _normalisation(node, call.output.shape, run)) is not None:
        node = norm
    return node


def _place(node: Any, layer: _Call, run: _Run) -> tuple[_Call, int]:
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


def _named(node: Any, names: tuple[str, ...]) -> bool:
    """Whether an autograd node is one of these: a ReluBackward0 is "Relu"."""
    return type(node).__name__.partition("Backward")[0] in names


def _activation(node: Any, run: _Run) -> Any:
    """The end of the activation function that begins with a node, None where none directly follows.

    That is the smallest set of nodes after it which act on each of its values alone, not only by factors and terms,
    and of which nothing but the last is used elsewhere.
    """
    inside, bent = {node}, False
    for _ in range(_LONGEST):
        users = {user: None for one in inside for user in run.users[one] if user not in inside}
        known = (user for user in users if all(one in inside for one in _before(user)))
        added = next((user for user in known if _named(user, (*ACTIVATIONS, *BENT, *STRAIGHT))), None)
        if added is None:
            break
        product = len(_before(added)) > 1 and _named(added, ("Mul", "Div"))
        bent = bent or product or not _named(added, STRAIGHT)
        inside.add(added)
        if bent and all(user in inside for one in inside - {added} for user in run.users[one]):
            return None if added is run.score else added  # what makes scores of the last layer is no part of it
    return _home_made(node, run)


def _before(node: Any) -> list[Any]:
    """The nodes whose results a node uses, as far as they depend on the image."""
    return [one for one, _ in node.next_functions if one is not None]


def _home_made(node: Any, run: _Run) -> Any:
    """The end of a module after a node that acts on each value alone, as trying it shows, whatever it is made of."""
    for call in run.calls:
        module = call.module
        if call.source is not node or call.node is node or module is None or isinstance(module, NORMS):
            continue
        if any(isinstance(part, WEIGHTED) for part in module.modules()):
            continue
        if call.node not in run.users or call.node is run.score:
            continue
        if _only_through(run, node, call.node) and _acts_on_each_value(module, call):
            return call.node
    return None


def _acts_on_each_value(module: nn.Module, call: _Call) -> bool:
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


def _normalisation(node: Any, shape: torch.Size, run: _Run) -> Any:
    """The node behind the normalisation that a node's value enters, and nothing else; None where there is none.

    One along channels that come last may stand between two permutations of the axes.
    """
    direct = _normalised(node, run, shape)
    users = run.users[node]
    if direct is not None or len(users) != 1 or not _named(users[0], MOVING):
        return direct
    within = _normalised(users[0], run, None)
    back = run.users[within] if within is not None else []
    if len(back) != 1 or not _named(back[0], MOVING):
        return None
    return next((call.node for call in run.functions if call.node is back[0] and call.output.shape == shape), None)


def _normalised(node: Any, run: _Run, shape: torch.Size | None) -> Any:
    # Functions first: a module called a norm may apply an activation function, too (timm's BatchNormAct2d).
    for call in (*run.functions, *run.calls):
        named = type(call.module).__name__ if call.module is not None else call.function
        if "norm" not in named.lower() or call.source is not node or call.node is node:
            continue
        if shape is not None and call.output.shape != shape:
            continue
        if call.module is not None and any(isinstance(part, (*WEIGHTED, RECURRENT)) for part in call.module.modules()):
            continue  # a block with a norm in it: timm's ConvNormAct
        if call.node in run.users and _only_through(run, node, call.node):
            return call.node
    return None


def _batch_axis(read: _Call, count: int) -> int:
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


def _check_order(run: _Run, reads: Sequence[_Read]) -> None:
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


def _automatic(model: nn.Module, run: _Run) -> tuple[str, ...]:
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


def _is_complete(model: nn.Module, name: str, inner: Any, run: _Run) -> bool:
    """Whether a layer, or a block around a layer whose node is `inner`, is on all paths, and read behind that node."""
    try:
        node = _read(model, name, run).node
    except ModelError:  # nothing can be read there
        return False
    return _complete(run.score, node) and inner in _reached(node, None)


def _complete(score: Any, node: Any) -> bool:
    """Whether every path from the score back to the image runs through this autograd node."""
    if node is None:
        return False
    # Parameters are frozen: the only leaf, whose gradient is accumulated, is the image.
    return not any(type(one).__name__ == "AccumulateGrad" for one in _reached(score, node))


def _only_through(run: _Run, node: Any, via: Any) -> bool:
    """Whether every path from the score back to a node runs through another."""
    return node not in _reached(run.score, via)


def _reached(score: Any, stop: Any) -> set[Any]:
    """The nodes that the score reaches without passing one, itself included."""
    seen, waiting = {stop}, [score]
    while waiting:
        current = waiting.pop()
        if current not in seen:
            seen.add(current)
            waiting += _before(current)
    return seen - {stop}


def _joins(layers: tuple[Layer, ...], nodes: list[Any], run: _Run) -> tuple[dict[Pair, str], dict[Pair, str]]:
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


def _is_plain(call: _Call) -> bool:
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
        after = _before(current)
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
