"""The digest of what a module computes: it changes with code and settings, and with nothing else."""

from __future__ import annotations

import copy
import functools
import types
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tlx.networks.programs import digest
from tlx.networks.torchvision_import import models


def defined(source: str, **names: Any) -> nn.Module:
    """A module whose classes and functions are those of a notebook's cell; `names` are further globals."""
    cell = types.ModuleType("__main__")  # not put among the process's modules: code of it belongs to no package
    cell.__dict__.update({"nn": nn, "torch": torch, "functools": functools} | names)
    exec(source, cell.__dict__)
    made: nn.Module = cell.Net()
    return made


PLAIN = """
shift = 0.5

def helper(x):
    return x * 2

def outer(rate):
    def inner(x):
        return x + rate
    return inner

class Base(nn.Module):
    def scaled(self, x):
        return x / 3

class Net(Base):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 2, 3, stride=1)
        self.register_buffer("table", torch.arange(3.0), persistent=False)
        self.grid, self.steps = torch.ones(2), [1, 2]
        self.bent = functools.partial(torch.clamp, min=0)
        self.more = outer(1)

    def forward(self, x):
        return self.more(helper(self.bent(self.scaled(self.conv(x))) - shift))
"""


def test_copies_weights_mode_and_gradients_do_not_count() -> None:
    one, two = defined(PLAIN), defined(PLAIN)
    assert not torch.equal(one.conv.weight, two.conv.weight)
    one.conv(torch.ones(1, 1, 4, 4)).sum().backward()
    two.eval().requires_grad_(False)
    assert digest(one) == digest(two) == digest(copy.deepcopy(one))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("shift = 0.5", "shift = 0.25"),
        ("return x * 2", "return x * 4"),
        ("return x + rate", "return x - rate"),
        ("outer(1)", "outer(2)"),
        ("return x / 3", "return x / 4"),
        ("stride=1", "stride=2"),
        ("torch.arange(3.0)", "torch.zeros(3)"),
        ("torch.ones(2)", "torch.zeros(2)"),
        ("[1, 2]", "[1, 3]"),
        ("min=0", "min=1"),
        ("torch.clamp", "torch.add"),
        ("self.more(helper(", "helper(self.more("),
        ("nn.Conv2d(1, 2, 3", "nn.Conv2d(1, 3, 3"),
        ("self.conv = nn.Conv2d(1", "self.conv = nn.Conv3d(1"),
    ],
)
def test_every_change_of_code_or_settings_counts(old: str, new: str) -> None:
    assert PLAIN.count(old) == 1
    assert digest(defined(PLAIN.replace(old, new))) != digest(defined(PLAIN))


def test_comments_and_other_globals_do_not_count() -> None:
    """A global that shares its name with an attribute is none of the code's."""
    said = PLAIN.replace("    def forward", "    # said otherwise\n\n    def forward")
    assert digest(defined(said, conv=torch.ones(3), unused=1)) == digest(defined(PLAIN))


def scaled(factor: float) -> Callable[..., Tensor]:
    def hook(_module: nn.Module, _inputs: Any, output: Tensor) -> Tensor:
        return output * factor

    return hook


def test_hooks_count_but_not_their_numbers() -> None:
    """A process counts the hooks it has registered."""
    one, two, other = (defined(PLAIN) for _ in range(3))
    for module, factor in ((one, 2.0), (two, 2.0), (other, 3.0)):
        module.conv.register_forward_hook(scaled(factor))
    assert digest(one) == digest(two)
    assert len({digest(module) for module in (one, other, defined(PLAIN))}) == 3


def test_a_packages_network_is_told_by_its_parts() -> None:
    one, two = models.resnet18(num_classes=3), models.resnet18(num_classes=3)
    assert digest(one) == digest(two)
    two.layer1[0].relu = nn.Identity()
    assert digest(one) != digest(two)
    two.layer1[0].relu = two.relu  # one module in two places
    assert len({digest(one), digest(two), digest(models.resnet18(num_classes=4))}) == 3


def test_circles_and_shared_modules_come_to_an_end() -> None:
    module = defined(PLAIN)
    module.me, module.parts = [module], {"conv": module.conv}
    assert digest(module) == digest(copy.deepcopy(module)) != digest(defined(PLAIN))
