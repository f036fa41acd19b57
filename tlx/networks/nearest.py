"""Of which known network a file's tensors are, by their names and shapes: asked only where they do not fit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from tlx.errors import ModelError
from tlx.networks import architectures

ALIKE = 0.5  # of all tensors that either has; below this a network is no hint

Shapes = Mapping[str, tuple[int, ...]]


def architecture(files: Iterable[Mapping[str, Tensor]], own: nn.Module) -> tuple[str, int, int]:
    """Torchvision's network that a file's tensors fit best: its name, how many of its tensors fit, how many it has.

    files: the file's tensors under each of the names that they may be meant to have; own: the network that they do not
    fit. ("", 0, 0) where no other network is more like the file than that one.
    """
    given = [_shapes(one) for one in files]
    best: tuple[float, str, int, int] = (max(ALIKE, _likeness(_shapes(own.state_dict()), given)[0]), "", 0, 0)
    for name in architectures.torchvision_names():
        wanted = _of(name)
        share, fitting = _likeness(wanted, given)
        if share > best[0]:
            best = share, name, fitting, len(wanted)
        if fitting == len(wanted) == len(given[0]):
            break
    return best[1:]


def _likeness(wanted: Shapes, given: list[Shapes]) -> tuple[float, int]:
    """The largest share, of all tensors that the network or the file has, of those that both have; and their number."""
    fitting = max(sum(one.get(name) == shape for name, shape in wanted.items()) for one in given)
    return fitting / max(1, len(wanted) + len(given[0]) - fitting), fitting


def _shapes(tensors: Mapping[str, Tensor]) -> Shapes:
    return {name: tuple(one.shape) for name, one in tensors.items()}


@lru_cache(maxsize=128)
def _of(name: str) -> Shapes:
    """Names and shapes of a network's tensors, which costs no memory and some hundredths of a second."""
    try:
        with _Unfilled():
            return _shapes(architectures.build(name, classes=1000).state_dict())
    except ModelError:  # one that cannot be built so is no candidate
        return {}


class _Unfilled(TorchFunctionMode):
    """Parameters made within the block have a shape and no numbers.

    `torch.device("meta")` would do the same to what networks compute their own sizes with, on which RegNets fail.
    """

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        given = dict(kwargs or {})
        if func is torch.empty and given.get("device") is None:
            given["device"] = "meta"
        return func(*args, **given)
