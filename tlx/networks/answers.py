"""What a network answers with, made class scores: parts of a tuple, probabilities; whether it looks at one image alone.

tlx attributes scores before a softmax to neurons, image by image. A network of the user's may answer with several
tensors or with probabilities, which is mended here and said; or otherwise each time, or otherwise in other company,
which is refused with its cause.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import fields, is_dataclass
from typing import Any

import torch
from torch import Tensor, nn

from tlx.errors import ModelError, first_line, some, unknown
from tlx.networks import hooks

SIZES = (32, 64, 96, 128, 224, 256, 299, 384)  # of images, tried where a network does not take the case's
_SUM = 1e-3  # by which the probabilities of an image may miss 1
_CLOSE = 1e-3  # of the scores' spread, by which scores may differ between runs: rounding is far below
_DRAWING = {
    "rand", "randn", "rand_like", "randn_like", "randint", "randint_like", "randperm", "bernoulli", "bernoulli_",
    "multinomial", "normal", "normal_", "uniform_", "random_", "exponential_", "gumbel_softmax", "rrelu",
}  # fmt: skip
_DROPPING = {"dropout", "dropout1d", "dropout2d", "dropout3d", "alpha_dropout", "feature_alpha_dropout"}


def scored(network: nn.Module, name: str, classes: int, images: Tensor | None, output: str = "") -> nn.Module:
    """The network, made to answer with class scores (n, classes) before a softmax, as far as it can.

    images: a few, to run it on once, by which lazy modules come into being and probabilities are known (None where its
    author is known to give scores); output: which part of a tuple, list or dict holds the scores, "" for the first that
    can. Raises ModelError where its forward fails, or there is no such part.
    """
    network = uncompiled(network)
    if isinstance(network, nn.DataParallel):
        network = network.module
    if isinstance(network, torch.jit.ScriptModule):
        raise ModelError(
            f"architecture {name!r} is a scripted module, inside which nothing can be read: give the module as it was "
            "before torch.jit.script or torch.jit.trace"
        )
    told: list[str] = []
    if images is not None:
        _refuse_quantised(network, name)
        network.float()  # as all that is read and computed here is
        # A copy of the images, since a forward may change what it is given.
        network.register_forward_pre_hook(_with_copies)
        answer = run(network, name, images)
        told += _about_parts(answer, name, classes, output)
        answer = _part(answer, output, classes)
    network.register_forward_hook(
        lambda _network, inputs, given: _rowed(_part(given, output, classes), inputs, classes)
    )
    if images is not None and are_scores(answer, classes):
        if are_probabilities(answer):
            told.append("the network answers with probabilities; their logarithm is taken as class scores")
            network.register_forward_hook(lambda asked, _inputs, given: _logarithm(given, training=asked.training))
        elif classes > 1 and float(answer.std()) > 0 and _within_one(network, answer, images):
            told.append(
                "the network answers with numbers from 0 to 1 that do not add up to 1, as sigmoids give; they are "
                "taken as class scores as they are"
            )
    network.tlx_notes = tuple(told)  # type: ignore[assignment]
    return network


def _refuse_quantised(network: nn.Module, name: str) -> None:
    if quantised := [part for part in network.modules() if ".quantized." in f"{type(part).__module__}."]:
        raise ModelError(
            f"architecture {name!r} has quantised modules ({type(quantised[0]).__name__}), through which no gradient "
            "runs: give the network as it was before quantisation, with its own checkpoint"
        )


def _with_copies(_network: nn.Module, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(one.clone() if isinstance(one, Tensor) else one for one in inputs)


def _rowed(answer: Any, inputs: tuple[Any, ...], classes: int) -> Any:
    """The answer to one image as a row, which a `squeeze()` in a forward takes away."""
    single = len(inputs) == 1 and isinstance(inputs[0], Tensor) and len(inputs[0]) == 1
    return answer[None] if single and isinstance(answer, Tensor) and answer.shape == (classes,) else answer


def _within_one(network: nn.Module, answer: Tensor, images: Tensor) -> bool:
    """Whether scores stay between 0 and 1 also where images are far outside of what they ever are."""
    with hooks.evaluated(network), torch.no_grad():
        far = network(1e4 * images)
    return all(bool(((one >= 0) & (one <= 1)).all()) for one in (answer, far))


def _about_parts(answer: Any, name: str, classes: int, output: str) -> list[str]:
    """What to say of an answer of several tensors; ModelError where it has no part of the name asked for."""
    if isinstance(answer, Tensor):
        if output:
            why = f"architecture {name!r} answers with one tensor; leave output = {output!r} out"
            raise ModelError(why, key="output")
        return []
    parts = tensors_in(answer)
    if output and output not in parts:
        raise ModelError(f"architecture {name!r}: {unknown('output', output, list(parts))}", key="output")
    fitting = [key for key, one in parts.items() if are_scores(one, classes)]
    if not output and not fitting:
        return []  # `models.probe` says so
    read = output or fitting[0]
    others = [repr(key) for key in fitting if key != read]
    told = f"the network answers with {len(parts)} tensors, of which output = {read!r} is read"
    return [f"{told}; {some(others)} could be class scores, too" if others else told]


def notes(network: nn.Module) -> tuple[str, ...]:
    """Sentences on what of the network's answer is read as class scores."""
    told: tuple[str, ...] = getattr(network, "tlx_notes", ())
    return told


def uncompiled(network: nn.Module) -> nn.Module:
    """The network without torch.compile, whose programs nothing can be read in; its tensors keep their names."""
    original = getattr(network, "_orig_mod", None)
    if isinstance(original, nn.Module):
        return uncompiled(original)
    for part in [*network.modules()]:
        part._compiled_call_impl = None  # what module.compile() leaves
        for name, child in part.named_children():
            if isinstance(inner := getattr(child, "_orig_mod", None), nn.Module):
                setattr(part, name, uncompiled(inner))
    return network


def run(network: nn.Module, name: str, images: Tensor, *, alone: bool = False) -> Any:
    """What the evaluated network answers to images. Raises ModelError where its forward fails.

    alone: whether it is known to answer several images, and is asked about one.
    """
    size = " x ".join(map(str, images.shape[1:]))
    images = images.clone()  # which a forward may change
    try:
        with hooks.evaluated(network), torch.no_grad():
            return network(images)
    except Exception as error:  # somebody else's forward
        if alone:
            raise ModelError(
                f"architecture {name!r} fails on one image alone ({_named(error)}), though not on two; its forward "
                "must take any number of images"
            ) from None
        raise ModelError(
            f"architecture {name!r} fails on images of {size} ({_named(error)}); {_taken(network, images)}change "
            "image_size, channels or the architecture"
        ) from None


def _taken(network: nn.Module, images: Tensor) -> str:
    """Which usual image size the network does take, the next larger one first, as the beginning of what to do."""
    own, channels = images.shape[-1], 4 - images.shape[1]
    for other, said in (
        (
            images.permute(0, 2, 3, 1),
            "it takes images with channels last, so let a function of your own permute them; ",
        ),
        (images[:, :1].expand(-1, channels, -1, -1), f"it takes {channels} channel{'s' * (channels > 1)}; "),
    ):
        with suppress(Exception), hooks.evaluated(network), torch.no_grad():
            network(other.contiguous())
            return said
    for size in sorted(SIZES, key=lambda size: (size < own, abs(size - own))):
        with suppress(Exception), hooks.evaluated(network), torch.no_grad():
            network(images.new_zeros(*images.shape[:2], size, size))
            return f"it takes {size} x {size}; "
    return ""


def check(network: nn.Module, name: str, images: Tensor) -> None:
    """Raises ModelError, with the cause, where the scores of an image change from run to run, or with its batch.

    images: at least two, different ones.
    """
    with hooks.evaluated(network), torch.no_grad():
        causes: dict[str, str] = {}
        with hooks.Functions(_noting(causes)):
            scores = network(images)
        again = network(images)
        alone = torch.cat([network(image) for image in torch.split(images, 1)])
    spread = _CLOSE * float(scores.std()) + 1e-6
    if not torch.allclose(scores, again, rtol=_CLOSE, atol=spread, equal_nan=True):
        drawn = causes.get("dropout") or causes.get("random") or "something in its forward is random in evaluation mode"
        raise ModelError(f"architecture {name!r} answers the same image otherwise each time: {drawn}")
    if not torch.allclose(scores, alone, rtol=_CLOSE, atol=spread, equal_nan=True):
        mixed = causes.get("norm") or "something in its forward mixes the images of a batch"
        raise ModelError(f"architecture {name!r} answers an image otherwise beside other images: {mixed}")


def are_probabilities(answer: Tensor) -> bool:
    """Whether every row is a distribution over the classes."""
    whole = (answer.sum(1) - 1).abs().max() < _SUM
    return answer.shape[1] > 1 and bool(whole) and bool((answer >= 0).all())


def tensors_in(answer: Any, above: str = "") -> dict[str, Tensor]:
    """The tensors of a tuple, list, dict or dataclass by place, key or name, those further inside by "key.place"."""
    parts: dict[str, Tensor] = {}
    for key, one in _held(answer):
        if isinstance(one, Tensor):
            parts[above + key] = one
        else:
            parts |= tensors_in(one, f"{above}{key}.")
    return parts


def _held(answer: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(answer, Mapping):
        yield from ((str(key), one) for key, one in answer.items())
    elif isinstance(answer, tuple | list):
        yield from zip(getattr(answer, "_fields", map(str, range(len(answer)))), answer, strict=True)
    elif is_dataclass(answer):
        yield from ((one.name, getattr(answer, one.name)) for one in fields(answer))


def are_scores(answer: Any, classes: int) -> bool:
    """Whether an answer has one number for each image and class."""
    return isinstance(answer, Tensor) and answer.ndim == 2 and answer.shape[1] == classes


def _part(answer: Any, output: str, classes: int) -> Any:
    """The part of an answer that holds the scores; the answer itself where it is one tensor or has no such part.

    Some networks answer with several only in training, others only in evaluation.
    """
    if isinstance(answer, Tensor):
        return answer
    parts = tensors_in(answer)
    if output in parts:
        return parts[output]
    return next((one for one in parts.values() if are_scores(one, classes)), answer)


def _logarithm(probabilities: Tensor, *, training: bool) -> Tensor:
    if training and not are_probabilities(probabilities.detach()):
        return probabilities  # of a network that has its softmax in evaluation only
    return probabilities.clamp_min(torch.finfo(torch.float32).tiny).log()


def _noting(causes: dict[str, str]) -> Callable[..., None]:
    """Notes functions that draw random numbers or look at the whole batch although the network is evaluated."""

    def seen(function: Any, _inputs: Any, options: Mapping[str, Any], _output: Tensor) -> None:
        named = getattr(function, "__name__", "")
        if named in _DROPPING and options.get("training", True):
            causes["dropout"] = (
                f"its forward applies {named} outside training, too; write "
                f"functional.{named}(x, training=self.training), or use a module of torch.nn"
            )
        elif named == "batch_norm" and options.get("training"):
            causes.setdefault(
                "norm",
                "its batch norm keeps no running statistics, or looks at the batch outside training, too; keep them "
                "(track_running_stats=True, training=self.training), or use group or layer norm",
            )
        elif named in _DRAWING:
            causes["random"] = f"its forward draws random numbers ({named}); leave that to training (if self.training)"

    return seen


def _named(error: Exception) -> str:
    return f"{type(error).__name__}: {first_line(error)}"
