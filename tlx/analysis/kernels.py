"""One edge looked at closely: its kernel, and what it answers to an instance (5.3.3, Figure 1 C.2)."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from tlx.analysis.abstraction import padded
from tlx.cases import Case
from tlx.networks import hooks, models
from tlx.results import DomainImages, KernelResponse


@torch.inference_mode()
def response(
    model: nn.Module,
    join: str,
    edge: tuple[int, int],
    units: tuple[int, int],
    images: DomainImages,
    instance: int,
    *,
    case: Case,
) -> KernelResponse:
    """The kernel of an edge (i, j), the map that enters it on one instance, and its response alone.

    join: the module that joins the two layers, of `units` (U_l, U_m) neurons. A convolution's kernel answers with a
    map; the weights from a channel to a linear neuron are shown over the channel's positions, and so are the products
    whose sum is the edge's value.
    """
    with hooks.entering(model, join) as entered:
        model(models.inputs(model, images.given[instance : instance + 1], case))
        inputs = entered[-1]
    module = model.get_submodule(join)
    if isinstance(module, nn.Conv2d):
        kernel, channel, answer = _of_convolution(module, inputs, edge, units)
        value = float(answer.max())
    else:
        assert isinstance(module, nn.Linear)
        kernel, channel, answer = _of_linear(module, inputs, edge, units)
        value = float(answer.sum())
    kernel, channel, answer = (part.cpu() for part in (kernel, channel, answer))
    return KernelResponse(kernel.numpy().copy(), channel.numpy().copy(), answer.numpy().copy(), value)


def _of_convolution(
    module: nn.Conv2d, inputs: Tensor, edge: tuple[int, int], units: tuple[int, int]
) -> tuple[Tensor, Tensor, Tensor]:
    first, second = edge
    per_group = units[0] // module.groups
    channel = inputs[:, first : first + 1]
    kernel = inputs.new_zeros(1, 1, *module.kernel_size)
    if second // (units[1] // module.groups) == first // per_group:  # in other groups no kernel joins the two
        kernel = module.weight[second, first % per_group][None, None]
    answer = functional.conv2d(padded(channel, module), kernel, stride=module.stride, dilation=module.dilation)
    return kernel[0, 0], channel[0, 0], answer[0, 0]


def _of_linear(
    module: nn.Linear, inputs: Tensor, edge: tuple[int, int], units: tuple[int, int]
) -> tuple[Tensor, Tensor, Tensor]:
    """Over the channel's positions: a square where their number is one, as after the usual pooling, else a row."""
    first, second = edge
    weight = module.weight[second].reshape(units[0], -1)[first]
    channel = inputs.reshape(units[0], -1)[first]
    side = int(np.sqrt(len(channel)))
    shape = (side, side) if side * side == len(channel) else (1, len(channel))
    return weight.reshape(shape), channel.reshape(shape), (weight * channel).reshape(shape)
