"""What tracing takes autograd's nodes for depends on their names, which a release of torch may change."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from tlx.networks import neurons, tracing

IMAGE = torch.randn(2, 4, 8, 8, requires_grad=True)
# One operation for each name: what a network calls, and the node that tracing must know again.
OPERATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "Relu": functional.relu,
    "LeakyRelu": functional.leaky_relu,
    "PreluKernel": lambda x: functional.prelu(x, torch.tensor([0.2])),
    "RreluWithNoise": lambda x: functional.rrelu(x, training=True),
    "Elu": functional.elu,
    "Gelu": functional.gelu,
    "Silu": functional.silu,
    "Mish": functional.mish,
    "Hardswish": functional.hardswish,
    "Hardtanh": functional.relu6,
    "Hardsigmoid": functional.hardsigmoid,
    "Sigmoid": torch.sigmoid,
    "LogSigmoid": functional.logsigmoid,
    "Tanh": torch.tanh,
    "Softplus": functional.softplus,
    "Threshold": lambda x: functional.threshold(x, 0, 0),
    "Hardshrink": functional.hardshrink,
    "Softshrink": functional.softshrink,
    "Clamp": lambda x: x.clamp(0, 1),
    "ClampMin": lambda x: x.clamp_min(0),
    "ClampMax": lambda x: x.clamp_max(0),
    "Exp": torch.exp,
    "Expm1": torch.expm1,
    "Log": torch.log,
    "Log1P": torch.log1p,
    "Pow": lambda x: x**2,
    "Sqrt": torch.sqrt,
    "Rsqrt": torch.rsqrt,
    "Reciprocal": torch.reciprocal,
    "Abs": torch.abs,
    "Sin": torch.sin,
    "Cos": torch.cos,
    "Atan": torch.atan,
    "Erf": torch.erf,
    "Maximum": lambda x: torch.maximum(x, torch.zeros(())),
    "Minimum": lambda x: torch.minimum(x, torch.zeros(())),
    "Where": lambda x: torch.where(x > 0, x, 0.0),
    "Mul": lambda x: x * 2,
    "Div": lambda x: x / 2,
    "Add": lambda x: x + 1,
    "Sub": lambda x: x - 1,
    "Rsub": lambda x: 1 - x,
    "Neg": torch.neg,
    "ToCopy": lambda x: x.double(),
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
    looked_for = {*neurons.ACTIVATIONS, *neurons.BENT, *neurons.STRAIGHT, *tracing.PASSIVE}
    assert looked_for == OPERATIONS.keys() | ELSEWHERE
    for name in looked_for:
        assert any(known.startswith(name) for known in dir(torch._C._functions)), name
