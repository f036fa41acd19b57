"""What tracing takes autograd's nodes for depends on their names, which a release of torch may change."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from tlx.networks import tracing

IMAGE = torch.randn(2, 4, 8, 8, requires_grad=True)
# One operation for each name: what a network calls, and the node that tracing must know again.
OPERATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "Relu": functional.relu,
    "LeakyRelu": functional.leaky_relu,
    "Prelu": lambda x: functional.prelu(x, torch.tensor([0.2])),
    "Elu": functional.elu,
    "Gelu": functional.gelu,
    "Silu": functional.silu,
    "Mish": functional.mish,
    "Hardswish": functional.hardswish,
    "Hardtanh": functional.relu6,
    "Hardsigmoid": functional.hardsigmoid,
    "Sigmoid": torch.sigmoid,
    "Tanh": torch.tanh,
    "Softplus": functional.softplus,
    "Threshold": lambda x: functional.threshold(x, 0, 0),
    "Clamp": lambda x: x.clamp(min=0),
    "MaxPool": lambda x: functional.max_pool2d(x, 2),
    "AvgPool": lambda x: functional.avg_pool2d(x, 2),
    "AdaptiveMaxPool": lambda x: functional.adaptive_max_pool2d(x, 2),
    "AdaptiveAvgPool": lambda x: functional.adaptive_avg_pool2d(x, 2),
    "NativeBatchNorm": lambda x: functional.batch_norm(x, torch.zeros(4), torch.ones(4)),
    "NativeDropout": lambda x: torch.native_dropout(x, 0.5, True)[0],
    "View": lambda x: x.flatten(1),
    "UnsafeView": lambda x: x.transpose(1, 2).reshape(2, -1),
    "Reshape": lambda x: torch.ops.aten._reshape_alias(x, [2, 256], [256, 1]),
    "Alias": torch.ops.aten.alias,
    "Clone": torch.clone,
    "Squeeze": lambda x: x[:, :1].squeeze(),
    "Unsqueeze": lambda x: x.unsqueeze(0),
    "Mean": lambda x: x.mean((2, 3)),
    "TBackward": lambda x: x[0, 0].t(),
}
# Nodes of other devices or layouts than the usual one on the CPU.
ELSEWHERE = {"CudnnBatchNorm", "BatchNorm", "MkldnnAdaptive"}


@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operation_leaves_a_node_of_the_name_that_is_looked_for(name: str) -> None:
    assert type(OPERATIONS[name](IMAGE).grad_fn).__name__.startswith(name)


def test_every_name_that_is_looked_for_is_one_of_torchs() -> None:
    """Those that no operation here leaves are torch's, too: a name that is nobody's would never match again."""
    looked_for = {*tracing.FUNCTIONAL, *tracing.PASSIVE}
    assert looked_for == OPERATIONS.keys() | ELSEWHERE
    for name in looked_for:
        assert any(known.startswith(name) for known in dir(torch._C._functions)), name
