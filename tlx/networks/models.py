"""Networks of a case: built by name, filled with tensors, fed with normalised images."""

from __future__ import annotations

import copy
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import lru_cache
from weakref import WeakKeyDictionary

import numpy as np
import torch
from torch import Tensor, nn

from tlx.cases import Case, renamed
from tlx.errors import ModelError, UserError, first_line, unknown
from tlx.networks import answers, architectures, devices, draws, heap, hooks, passes, tracing
from tlx.results import Network, TrainedModel

devices.use_threads()
heap.keep()

ONE_OUTPUT = (
    "where z is that output and sigmoid(z) is meant for the second class, give an architecture "
    "package.module:function whose network wraps yours and returns torch.cat([-z, z], 1) / 2: their softmax is exactly "
    "1 - sigmoid(z) and sigmoid(z) (docs/cases.md has the few lines)"
)


def build(case: Case, classes: int, model: str = "source") -> nn.Module:
    """The network of the case's source or target model with random weights and `classes` outputs, in training mode.

    Raises ModelError when the architecture is unknown or cannot be built for the case's images.
    """
    case = case.seen_by(model)
    with draws.ALONE:
        return architectures.build(
            case.architecture_of(model),
            classes=classes,
            channels=case.channels,
            image_size=case.image_size,
            home=case.home,
            options=dict(case.options_of(model)),
            output=case.output_of(model),
        )


def example(case: Case, count: int = 1) -> Tensor:
    """(count, channels, H, W) zeros: images of the mean colour, to ask a network what it is like.

    case: as the model sees it, here and wherever no model is named (`Case.seen_by`).
    """
    return torch.zeros(count, case.channels, case.image_size, case.image_size)


def probe(network: nn.Module, case: Case, classes: int, model: str = "source") -> nn.Module:
    """The network, if it answers images of the case with one score for each class; otherwise ModelError."""
    case = case.seen_by(model)
    name = case.architecture_of(model)
    scores = answers.run(network, name, example(case, 2).to(device_of(network)))
    if not isinstance(scores, Tensor):
        raise ModelError(
            f"architecture {name!r} answers with {type(scores).__name__} that holds no (n, {classes}) scores"
        )
    if not scores.is_floating_point():
        raise ModelError(
            f"architecture {name!r} answers with numbers of type {scores.dtype}, as argmax gives them; it must answer "
            f"with the (n, {classes}) scores that those are chosen by"
        )
    if classes == 2 and scores.shape in ((2,), (2, 1)):
        raise ModelError(f"architecture {name!r} answers with one output for two classes; {ONE_OUTPUT}")
    if scores.shape != (2, classes):
        raise ModelError(
            f"architecture {name!r} answers 2 images with an array of shape {tuple(scores.shape)}, not with the "
            f"(2, {classes}) scores of the {model} domain's {classes} classes; {_mended(scores, classes)}"
        )
    if ":" in name:
        answers.run(network, name, example(case, 1).to(device_of(network)), alone=True)
    return network


def _mended(scores: Tensor, classes: int) -> str:
    """What to do about scores of another shape."""
    if scores.shape[:2] == (2, classes):
        return (
            "pool its maps and flatten what is left"
            if scores[0, 0].numel() > 1
            else "let its forward end with flatten(1)"
        )
    if scores.ndim == 2 and scores.shape[1] > classes:
        return "if it knows more classes than the domain has images of, name all of them in the domain's classes"
    return "the function is called with the number of classes, which its last layer must have as outputs"


def fill(model: nn.Module, tensors: Mapping[str, np.ndarray | Tensor], called: str = "the checkpoint") -> nn.Module:
    """Copies a full set of tensors into the model. Raises ModelError naming what is missing, left over or misshapen."""
    expected = model.state_dict()
    # Stored arrays are read-only maps of files, which torch would warn of: it gets a copy.
    given = {name: one if isinstance(one, Tensor) else torch.from_numpy(np.array(one)) for name, one in tensors.items()}
    if wrong := misfits(model, given):
        raise ModelError(f"in {called} {wrong[0]}")
    counters = {name for name in expected if name.endswith("num_batches_tracked")}  # older checkpoints have none
    for fault, names in (
        ("lacks", expected.keys() - given.keys() - counters),
        ("has unknown", given.keys() - expected.keys()),
    ):
        if names:
            raise ModelError(f"{called} {fault} {len(names)} tensor(s) of this network, such as {min(names)!r}")
    load(model, given)
    return model


def load(model: nn.Module, given: Mapping[str, Tensor]) -> None:
    """Copies tensors that fit, all or some, as of the network's present version: MNASNet, for one, asks for that."""
    state = OrderedDict(given)
    state._metadata = model.state_dict()._metadata  # type: ignore[attr-defined]
    model.load_state_dict(state, strict=False)


def misfits(model: nn.Module, given: Mapping[str, Tensor]) -> list[str]:
    """A sentence's end for each tensor whose shape is not the network's: its name and both shapes."""
    expected = model.state_dict()
    wrong = [name for name in expected if name in given and expected[name].shape != given[name].shape]
    return [_misfit(name, expected[name], given[name], model) for name in wrong]


def only_the_head_differs(model: nn.Module, given: Mapping[str, Tensor]) -> bool:
    """Whether the tensors whose shapes are others than the network's are those of its last layer, for other classes."""
    expected = model.state_dict()
    wrong = [name for name in expected if name in given and expected[name].shape != given[name].shape]
    return all(_is_of_the_head(name, expected[name], given[name], model) for name in wrong)


def _is_of_the_head(name: str, expected: Tensor, given: Tensor, model: nn.Module) -> bool:
    last = [name for name, part in model.named_modules() if isinstance(part, passes.WEIGHTED)][-1:]
    return last == [name.rpartition(".")[0]] and given.shape[1:] == expected.shape[1:]


def _misfit(name: str, expected: Tensor, given: Tensor, model: nn.Module) -> str:
    shapes = tuple(given.shape), tuple(expected.shape)
    if _is_of_the_head(name, expected, given, model):
        if (len(given), len(expected)) == (1, 2):
            return f"the head {name!r} has one output for the domain's two classes; {ONE_OUTPUT}"
        return (
            f"the head {name!r} has {len(given)} classes, but the domain has {len(expected)} (shapes {shapes[0]} and "
            f"{shapes[1]}); as `initial` such a file gives all but its head"
        )
    return (
        f"tensor {name!r} has shape {shapes[0]} and in the network {shapes[1]}; use the checkpoint of this architecture"
    )


def network(case: Case, classes: int, model: str = "source") -> Network:
    """The analysed layers of the model's architecture (weights do not matter), by the source network's names.

    Raises ModelError where `[target_model] layers` names a module that the network does not have.
    """
    case = case.seen_by(model)
    with draws.Draws(0):
        built = evaluating(probe(build(case, classes, model), case, classes, model))
        drawn = torch.randn(1, case.channels, case.image_size, case.image_size)
    name = case.architecture_of(model)
    pairs = case.plan("target").layers
    check_named(built, [pair[model == "target"] for pair in pairs], name)
    layers = [renamed(layer, pairs) if model == "target" else layer for layer in case.layers]
    if case.precision == "bfloat16":
        _check_precision(built, case, name)
    try:
        found = tracing.network(built, drawn, layers, name)
        return _by_source_names(found, pairs) if model == "target" else found
    except UserError:
        raise
    except RuntimeError as error:
        raise ModelError(f"architecture {name!r} cannot be analysed: {first_line(error)}") from None


def _check_precision(network: nn.Module, case: Case, name: str) -> None:
    """Raises ModelError for a network that does not run in bfloat16, where some functions of torch do not."""
    try:
        with torch.no_grad():
            in_precision(network, case.precision)(example(case, 2).bfloat16())
    except Exception as error:  # somebody else's forward
        raise ModelError(
            f"architecture {name!r} does not run in bfloat16 ({type(error).__name__}: {first_line(error)}); leave "
            "precision out",
            key="precision",
        ) from None


def check_named(network: nn.Module, modules: Iterable[str], architecture: str) -> None:
    """Raises ModelError for a module named in `[target_model] layers` that a network does not have."""
    names = [name for name, _ in network.named_modules() if name]
    for one in modules:
        if one not in names:
            sentence = f"[target_model] layers: in {architecture}, {unknown('layer', one, names)}"
            raise ModelError(sentence, key="target_model.layers")


def _by_source_names(found: Network, pairs: Iterable[tuple[str, str]]) -> Network:
    """The target model's own network, its layers called as they are in the source's; `joins` are its own modules."""
    back = [(own, source) for source, own in pairs]
    to = {layer.name: renamed(layer.name, back) for layer in found.layers}
    layers = [replace(one, name=to[one.name], own_name=one.name * (to[one.name] != one.name)) for one in found.layers]
    joins, apart = ({(to[a], to[b]): one for (a, b), one in held.items()} for held in (found.joins, found.apart))
    head = renamed(found.embedding_layer, back)
    return replace(found, layers=tuple(layers), joins=joins, apart=apart, embedding_layer=head)


def meeting(source: Network, target: Network) -> Network:
    """What two networks share whose analysed layers have the same names, in the same order.

    Layers are described as the source network has them; two are joined where they are in both. Raises ModelError naming
    the layers that differ.
    """
    if source.names != target.names:
        differences = [
            f"{one.architecture} has {', '.join(only[:5])}"
            for one, other in ((source, target), (target, source))
            if (only := [name for name in one.names if name not in other.names])
        ] or [f"{one.architecture} runs {', '.join(one.names[:8])}" for one in (source, target)]
        raise ModelError(
            f"the layers of the two networks do not correspond by name: {', but '.join(differences)}; list in `layers` "
            "those that both have, in their order, or say in [target_model] which are the same under other names: "
            'layers = { "name in the source" = "name in the target" }'
        )
    layers = tuple(
        replace(
            source_layer,
            complete=source_layer.complete and target_layer.complete,
            activated=source_layer.activated and target_layer.activated,
            target_units=target_layer.units if target_layer.units != source_layer.units else 0,
        )
        for source_layer, target_layer in zip(source.layers, target.layers, strict=True)
    )
    joins = {pair: name for pair, name in source.joins.items() if pair in target.joins}
    head = source.embedding_layer if source.embedding_layer == target.embedding_layer else ""
    return replace(source, layers=layers, joins=joins, apart=target.apart | source.apart, embedding_layer=head)


class _Loaded:
    """A network with its weights, which each thread takes its own copy of."""

    def __init__(self, network: nn.Module) -> None:
        self.network = network


_here = threading.local()  # .copies: of what is loaded, by what they are copies of


def loaded(case: Case, model: str, trained: Callable[[Case, str], TrainedModel]) -> nn.Module:
    """The case's model with its weights, evaluated, its parameters frozen; one for each thread and model.

    Two jobs may run one model at once, and what a network keeps of a pass in its modules, hooks included, is then each
    one's own. Tensors are shared: a copy takes no memory to speak of.
    """
    if not hasattr(_here, "copies"):
        _here.copies = WeakKeyDictionary[_Loaded, nn.Module]()
    common = _loaded(case, model, trained)
    if common not in _here.copies:
        _here.copies[common] = _sharing(common.network)
    copied: nn.Module = _here.copies[common]
    return copied


def _sharing(network: nn.Module) -> nn.Module:
    """A copy with the same tensors; the network itself where its author's modules cannot be copied.

    Then threads share it and wait for each other's hooks (`hooks.lock_of`).
    """
    shared = {id(one): one for one in (*network.parameters(), *network.buffers())}
    try:
        return copy.deepcopy(network, shared)
    except Exception:  # somebody else's __deepcopy__, an open file, a lock
        return network


@lru_cache(maxsize=4)
def _loaded(case: Case, model: str, trained: Callable[[Case, str], TrainedModel]) -> _Loaded:
    trained_model = trained(case, model)
    network = fill(build(case, len(trained_model.classes), model), trained_model.tensors)
    check_answers(network, case, model)
    names = case.plan("target").layers if model == "target" else ()
    return _Loaded(hooks.named_as(evaluating(network).requires_grad_(False).to(devices.default()), names))


def check_answers(network: nn.Module, case: Case, model: str) -> None:
    """Raises ModelError where the network of a model is no function of one image; see `answers.check`."""
    if ":" in (name := case.architecture_of(model)):  # those of libraries are known to be functions of one image
        images = example(case.seen_by(model), 2).normal_(generator=torch.Generator().manual_seed(0))
        answers.check(network, name, images.to(device_of(network)))


def evaluating(model: nn.Module) -> nn.Module:
    """The model, in evaluation mode; an `eval` of somebody's own need not return it."""
    model.eval()
    return model


def device_of(model: nn.Module) -> torch.device:
    """Where the model's parameters lie."""
    return next(model.parameters()).device


def in_precision(model: nn.Module, precision: str) -> nn.Module:
    """The model itself for "float32", a copy of it for "bfloat16"."""
    return copy.deepcopy(model).bfloat16() if precision == "bfloat16" else model


def layout(images: Tensor) -> torch.memory_format:
    """The layout that images go through a network in to be optimised: the fastest one where numbers are approximate.

    The other one rounds otherwise, and small differences grow from step to step.
    """
    fast = images.dtype == torch.bfloat16 and images.ndim == 4
    return torch.channels_last if fast else torch.contiguous_format


def inputs(model: nn.Module, pixels: np.ndarray, case: Case) -> Tensor:
    """What `DomainImages.given` holds of some instances as the model takes it: normalised, on its device."""
    return normalised(pixels, case).to(device_of(model))


def normalised(pixels: np.ndarray, case: Case) -> Tensor:
    """(n, H, W, channels) uint8 to the network's input space: (n, channels, H, W) float32; floats lie in it already."""
    images = torch.from_numpy(np.array(pixels)).permute(0, 3, 1, 2)
    if images.is_floating_point():
        return images.contiguous()
    images = images.float().div_(255)
    mean, std = (torch.tensor(numbers).view(1, -1, 1, 1) for numbers in (case.mean, case.std))
    return images.sub_(mean).div_(std).contiguous()


def displayed(images: Tensor, case: Case) -> np.ndarray:
    """(n, channels, H, W) in the network's input space as pictures, (n, H, W, 3) uint8: `normalised` taken back."""
    mean, std = (torch.tensor(numbers).view(1, -1, 1, 1) for numbers in (case.mean, case.std))
    levels = (images.cpu() * std + mean).mul_(255).round_().clamp_(0, 255).to(torch.uint8)
    return np.ascontiguousarray(levels.expand(-1, 3, -1, -1).permute(0, 2, 3, 1).numpy())


def baseline(case: Case) -> Tensor:
    """(1, channels, 1, 1): where the path of layer conductance starts, in the network's input space (method 3)."""
    if case.baseline == "black":
        return normalised(np.zeros((1, 1, 1, case.channels), dtype=np.uint8), case)
    return torch.zeros(1, case.channels, 1, 1)
