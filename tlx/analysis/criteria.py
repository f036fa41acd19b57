"""Ways to attribute a class score to the neurons of all layers: conductance, and the criteria it is compared with.

Activation, its product with the gradient and internal influence need nothing but a pass or a path, which are taken for
all layers at once, wherever they are read. DeepLift and LRP change how a network is gone back through; they are
Captum's, on a copy of the network, and only where each of its parts has a rule there (method 9).
"""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from tlx.analysis.walking import Path, Reading, finite, walk
from tlx.errors import ModelError
from tlx.networks import hooks, tracing
from tlx.networks.hooks import Readout

Ends = tuple[Tensor, Tensor]
Maps = dict[str, Tensor]
Method = Callable[[Reading, Ends, Tensor, Path], tuple[Maps, Tensor | None]]
"""(network as it is read, (baseline, input), targets, path) -> (maps by layer, what a complete layer's sum to)."""


def activation(network: Reading, ends: Ends, targets: Tensor, path: Path) -> tuple[Maps, None]:
    """y_l at the input: it asks neither for the class nor for what follows."""
    with torch.no_grad():
        _, values = network.forward(_laid_out(network, ends[1]), targets, sloped=False)
    finite(network, values)
    return {name: value.float() for name, value in zip(network.names, values, strict=True)}, None


def gradient_activation(network: Reading, ends: Ends, targets: Tensor, path: Path) -> tuple[Maps, None]:
    """dF/dy_l · y_l at the input; no path is walked, and nothing need add up to the score."""
    values, gradients = _slopes(network, ends[1], targets)
    products = zip(network.names, values, gradients, strict=True)
    return {name: value.detach().float() * gradient.float() for name, value, gradient in products}, None


def internal_influence(network: Reading, ends: Ends, targets: Tensor, path: Path) -> tuple[Maps, None]:
    """The mean of dF/dy_l along the path, by the trapezoid rule (Leino et al., arXiv:1802.03788)."""
    points = path.points
    steps = [later - earlier for earlier, later in pairwise(points)]
    weights = [(before + after) / 2 for before, after in zip([0.0, *steps], [*steps, 0.0], strict=True)]
    total: Maps = {}
    for point, weight in zip(points, weights, strict=True):
        _, gradients = _slopes(network, torch.lerp(*ends, point), targets)
        for name, gradient in zip(network.names, gradients, strict=True):
            part = weight * gradient.float()
            total[name] = total[name] + part if name in total else part
    return total, None


def _slopes(network: Reading, images: Tensor, targets: Tensor) -> tuple[list[Tensor], tuple[Tensor, ...]]:
    """What the layers answer, and the score's gradient there."""
    score, values = network.forward(_laid_out(network, images), targets)
    finite(network, values)
    return values, torch.autograd.grad(score.sum(), values)


def _laid_out(network: Reading, images: Tensor) -> Tensor:
    return images.contiguous(memory_format=network.layout)


def deep_lift(network: Reading, ends: Ends, targets: Tensor, path: Path) -> tuple[Maps, Tensor]:
    """DeepLift's rescale rule (Shrikumar et al., arXiv:1704.02685), layer by layer, by Captum."""
    from captum.attr import LayerDeepLift
    from captum.attr._core.deep_lift import SUPPORTED_NON_LINEAR

    twin = _twin(network.model)
    _check(twin, network.reads, ends[1][:1], (*SUPPORTED_NON_LINEAR, *LINEAR, *SAME), "DeepLift")
    _check_pools(twin)
    begin, end = ends[0].expand_as(ends[1]).contiguous(), _asking(ends[1])
    with torch.no_grad():
        scores = [twin(one).gather(1, targets[:, None]).squeeze(1).float() for one in (begin, end)]
    maps: Maps = {}
    for read in network.reads:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Captum says of each call that it sets hooks
            method = LayerDeepLift(twin, twin.get_submodule(read.module))
            maps[read.layer] = method.attribute(end, begin, target=targets).detach().float()
    finite(network, maps.values())
    return maps, scores[1] - scores[0]


def _asking(images: Tensor) -> Tensor:
    """Asks for a gradient, as our parameters do not: Captum's hooks want one at every layer."""
    return images.detach().contiguous().clone().requires_grad_()


def lrp(network: Reading, ends: Ends, targets: Tensor, path: Path) -> tuple[Maps, None]:
    """Layer-wise relevance propagation (Bach et al. 2015) by the epsilon rule, all layers at once, by Captum."""
    from captum.attr import LayerLRP
    from captum.attr._core.lrp import SUPPORTED_LAYERS_WITH_RULES, SUPPORTED_NON_LINEAR_LAYERS
    from captum.attr._utils.lrp_rules import EpsilonRule

    twin = _twin(network.model)
    known = (*SUPPORTED_LAYERS_WITH_RULES, *SUPPORTED_NON_LINEAR_LAYERS)
    _check(twin, network.reads, ends[1][:1], (*known, *SAME), "LRP")
    # An activation function hands relevance on as it is, so what it enters with is what its neurons have.
    reads = [tracing.before_activation(twin, name, ends[1][:1]) for name in network.names]
    for read in reads:
        if read.after or type(twin.get_submodule(read.module)) not in SUPPORTED_LAYERS_WITH_RULES:
            raise ModelError(f"LRP cannot run here: layer {read.layer!r} is a block, for which Captum has no rule")
    for part in _leaves(twin).values():
        if type(part) not in known:
            part.rule = EpsilonRule()  # of one that only reshapes: all relevance goes back to where it came from
    method = LayerLRP(twin, [twin.get_submodule(read.module) for read in reads])
    relevance = method.attribute(_asking(ends[1]), target=targets)
    maps = {name: value.detach().float() for name, value in zip(network.names, relevance, strict=True)}
    finite(network, maps.values())
    return maps, None


CRITERIA: dict[str, Method] = {
    "conductance": walk,
    "gradient_activation": gradient_activation,
    "activation": activation,
    "internal_influence": internal_influence,
    "deep_lift": deep_lift,
    "lrp": lrp,
}
"""By the names of `cases.CRITERIA`: one more is a function here, its name there and its words in `results.CRITERIA`."""


# Where Captum's rules hold

LINEAR = (
    nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.AvgPool1d,
    nn.AvgPool2d, nn.AvgPool3d, nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d, nn.AdaptiveAvgPool3d,
)  # fmt: skip
"""Modules whose gradient is their own rule, in evaluation mode."""
SAME = (nn.Flatten, nn.Unflatten, nn.Identity, nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d)
"""Modules that hand every value on, in evaluation mode."""
RESHAPING = {"view", "reshape", "flatten", "squeeze", "unsqueeze", "contiguous", "clone", "dropout", "to", "float"}
"""Functions of torch that hand every value on, in evaluation mode."""


def _twin(model: nn.Module) -> nn.Module:
    """A copy with the same tensors, without our hooks."""
    shared = {id(one): one for one in (*model.parameters(), *model.buffers())}
    try:
        twin = copy.deepcopy(model, shared)
    except Exception as error:  # somebody else's __deepcopy__, an open file, a lock
        raise ModelError("Captum changes a network while it runs, and this one cannot be copied for it") from error
    for part in twin.modules():
        for kept in (part._forward_hooks, part._forward_pre_hooks):
            for key in [key for key, hook in kept.items() if getattr(hook, "__module__", "") == hooks.__name__]:
                del kept[key]
    return twin


def _leaves(model: nn.Module) -> dict[str, nn.Module]:
    """The modules that hold no others."""
    return {name: part for name, part in model.named_modules() if name and not any(part.children())}


def _check(
    model: nn.Module, reads: Sequence[Readout], example: Tensor, known: Sequence[type[nn.Module]], method: str
) -> None:
    """Raises ModelError with the first reason why Captum's rules would not hold: it sees modules, each called once."""
    begin = f"{method} cannot run here"
    for read in reads:
        if read.after or read.part or read.batch:
            raise ModelError(f"{begin}: layer {read.layer!r} is read where no module of its own answers")
    leaves, called, between = _leaves(model), list[str](), list[str]()
    within: list[str] = []

    def enter_for(name: str) -> Callable[..., None]:
        def enter(*_: Any) -> None:
            within.append(name)
            called.append(name)

        return enter

    def leave(*_: Any) -> None:
        within.pop()

    def function(called_one: Callable[..., Any], *_: Any) -> None:
        name = getattr(called_one, "__name__", "")
        if not within and name not in RESHAPING:
            between.append(name.strip("_"))

    handles = [part.register_forward_pre_hook(enter_for(name)) for name, part in leaves.items()]
    handles += [part.register_forward_hook(leave) for part in leaves.values()]
    try:
        with torch.no_grad(), hooks.Functions(function):
            model(example)
    finally:
        for handle in handles:
            handle.remove()
    if between:
        raise ModelError(f"{begin}: the network's forward calls {between[0]!r} itself, and Captum sees modules alone")
    for name in called:
        if type(leaves[name]) not in known:
            raise ModelError(f"{begin}: {name!r} is a {type(leaves[name]).__name__}, for which Captum has no rule")
        if called.count(name) > 1:
            raise ModelError(f"{begin}: {name!r} is called {called.count(name)} times in one pass")


def _check_pools(model: nn.Module) -> None:
    """Raises ModelError for maxima over windows that overlap: Captum gives each pixel to one window alone."""
    for name, part in model.named_modules():
        if isinstance(part, (nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d)):
            sizes = (one if isinstance(one, tuple) else (one,) * 3 for one in (part.kernel_size, part.stride))
            if any(width > step for width, step in zip(*sizes, strict=False)):
                raise ModelError(
                    f"DeepLift cannot run here: the windows of {name!r} overlap, and Captum's rule for a maximum "
                    "knows windows that do not"
                )
