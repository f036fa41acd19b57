"""A neuron is read after its activation function, however a network spells it; else it is said that there is none."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import pytest
import torch
from captum.attr import LayerConductance
from torch import Tensor, nn
from torch.nn import functional

from tlx.analysis import attribution
from tlx.errors import ModelError
from tlx.networks import hooks, tracing
from tlx.networks.torchvision_import import torchvision

IMAGES, TARGETS = torch.randn(5, 3, 12, 12, generator=torch.Generator().manual_seed(1)), torch.tensor([0, 1, 2, 3, 0])
Step = Callable[[Tensor], Tensor]


class Called(nn.Module):
    """A function as a module, so that Captum can read what it answers."""

    def __init__(self, function: Step) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x)


class Network(nn.Module):
    """conv1, norm, something inline, conv2, ReLU, mean, head; `inline` is a module of its own only in the twin."""

    def __init__(self, inline: Step, norm: nn.Module | None = None, pool: Step | None = None) -> None:
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(3, 6, 3), nn.Conv2d(6, 8, 3)
        self.norm = norm if norm is not None else nn.Identity()
        self.inline, self.pool = inline, pool or (lambda x: x)
        self.head = nn.Linear(8, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = self.inline(self.norm(self.conv1(x)))
        x = functional.relu_(self.conv2(self.pool(x)))
        return self.head(x.mean((2, 3)))


class Cubed(torch.autograd.Function):
    """An activation function whose gradient somebody wrote himself: its autograd node has a name of its own."""

    @staticmethod
    def forward(ctx: object, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)  # type: ignore[attr-defined]
        return x**3 / 3

    @staticmethod
    def backward(ctx: object, gradient: Tensor) -> Tensor:  # type: ignore[override]
        return gradient * ctx.saved_tensors[0] ** 2  # type: ignore[attr-defined]


class HardFrozen(nn.Module):
    """Batch norm frozen to a factor and a term."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("factor", torch.linspace(0.5, 2, 6).view(1, -1, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.factor + 0.1


class RootMeanSquare(nn.Module):
    """A home-made normalisation, of several functions."""

    def forward(self, x: Tensor) -> Tensor:
        return x / (x.square().mean(1, keepdim=True) + 1e-3).sqrt()


RootMeanSquare.__name__ = "RMSNorm2d"
ACTIVATIONS: dict[str, Step] = {
    "relu": functional.relu,
    "relu in place": lambda x: functional.relu(x, inplace=True),
    "torch.relu_": torch.relu_,
    "clamp": lambda x: x.clamp(min=0),
    "maximum": lambda x: torch.maximum(x, torch.zeros(())),
    "where": lambda x: torch.where(x > 0, x, 0.1 * x),
    "gelu": functional.gelu,
    "swish": lambda x: x * torch.sigmoid(x),
    "mish": lambda x: x * torch.tanh(functional.softplus(x)),
    "hard swish": lambda x: x * functional.relu6(x + 3) / 6,
    "softsign": lambda x: x / (1 + x.abs()),
    "square": lambda x: x * x,
    "tanh approximation": lambda x: 0.5 * x * (1 + torch.tanh(0.8 * (x + 0.04 * x**3))),
    "dropout before": lambda x: functional.relu(functional.dropout(x, training=False)),
    "factor before": lambda x: functional.relu(2 * x),
    "prelu of a parameter": lambda x: functional.prelu(x, torch.linspace(0.1, 0.4, 6)),
}
NORMS: dict[str, Callable[[], nn.Module]] = {
    "group": lambda: nn.GroupNorm(2, 6),
    "instance": lambda: nn.InstanceNorm2d(6, affine=True),
    "layer": lambda: nn.LayerNorm([6, 10, 10]),
    "synchronised": lambda: nn.SyncBatchNorm(6),
    "frozen": lambda: torchvision.ops.FrozenBatchNorm2d(6),
    "frozen by hand": HardFrozen,
    "home-made": RootMeanSquare,
    "local response": lambda: nn.LocalResponseNorm(2),
    "functional group": lambda: Called(lambda x: functional.group_norm(x, 3)),
}


def trained(build: Callable[[], nn.Module]) -> nn.Module:
    """Reproducible weights, norms' included, none of which is one or zero."""
    torch.manual_seed(0)
    network = build()
    for tensor in (*network.parameters(), *network.buffers()):
        if tensor.is_floating_point() and tensor.ndim == 1:
            tensor.data.uniform_(0.5, 1.5)
    return network.eval()


def conductance(network: nn.Module, layer: str) -> Tensor:
    path = {"n_steps": 6, "rule": "left", "power": 1}
    return attribution.layer_conductance(network, [layer], IMAGES, TARGETS, reduce=None, **path)[layer]


def captum(network: nn.Module, module: nn.Module) -> Tensor:
    """Captum's sum at the same points of the path, at what this module answers."""
    how = {"target": TARGETS, "n_steps": 6, "method": "riemann_trapezoid"}
    return LayerConductance(network, module).attribute(IMAGES, baselines=torch.zeros_like(IMAGES), **how).detach()


def equal(one: Tensor, other: Tensor) -> bool:
    return one.shape == other.shape and float((one - other).abs().max()) < 1e-5 * float(other.abs().max())


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_an_activation_function_called_in_the_forward_of_the_network(name: str) -> None:
    ours = conductance(trained(lambda: Network(ACTIVATIONS[name])), "conv1")
    twin = trained(lambda: Network(Called(ACTIVATIONS[name])))
    assert equal(ours, captum(twin, twin.inline))
    assert not equal(ours, captum(twin, twin.norm))  # which is what was read before


@pytest.mark.parametrize("name", NORMS)
def test_an_activation_function_behind_a_normalisation(name: str) -> None:
    network = trained(lambda: Network(functional.relu, NORMS[name]()))
    twin = trained(lambda: Network(nn.ReLU(), NORMS[name]()))
    theirs = captum(twin, twin.inline)
    assert equal(conductance(network, "conv1"), theirs)
    assert equal(conductance(twin, "conv1"), theirs)


class Inner(nn.Module):
    """An activation module of somebody's own, with a gradient of his own."""

    def forward(self, x: Tensor) -> Tensor:
        return Cubed.apply(x)


def swish(x: Tensor) -> Tensor:
    return x * torch.sigmoid(x)


def scripted(what: Any) -> Any:
    with warnings.catch_warnings(action="ignore"):  # torch would rather have another way, but people's code has this
        return torch.jit.script(what)


class Scripted(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.function = scripted(swish)

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x)


@pytest.mark.parametrize("make", [Inner, Scripted, nn.CELU, nn.Hardshrink, lambda: nn.PReLU(6)])
def test_an_activation_module_of_any_make(make: Callable[[], nn.Module]) -> None:
    network = trained(lambda: Network(make()))
    assert equal(conductance(network, "conv1"), captum(network, network.inline))


def described(network: nn.Module, layers: list[str]) -> dict[str, bool]:
    found = tracing.network(network, IMAGES[:1], layers, "own")
    return {layer.name: layer.activated for layer in found.layers}


def test_where_none_follows_directly_it_is_said_and_the_layer_itself_is_read() -> None:
    pooled = trained(lambda: Network(lambda x: functional.relu(functional.max_pool2d(x, 2))))
    assert described(pooled, ["conv1", "conv2"]) == {"conv1": False, "conv2": True}
    assert equal(conductance(pooled, "conv1"), captum(pooled, pooled.conv1))
    gated = trained(lambda: Network(lambda x: x * torch.sigmoid(x.mean((2, 3), keepdim=True))))
    assert described(gated, ["conv1"]) == {"conv1": False}
    skipped = trained(lambda: Network(lambda x: functional.relu(x) + x))
    assert described(skipped, ["conv1"]) == {"conv1": True}  # all of it is one function of each value
    closed = trained(lambda: Network(scripted(nn.SiLU())))  # torch lets nobody look into or behind it
    assert described(closed, ["conv1"]) == {"conv1": False}
    scaled = trained(lambda: Network(lambda x: 2 * x + 1))
    assert described(scaled, ["conv1"]) == {"conv1": False}
    assert described(trained(lambda: Network(functional.relu)), ["conv1", "head"]) == {"conv1": True, "head": False}


def test_a_sum_with_another_way_is_no_activation_function() -> None:
    class Skip(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.stem, self.conv, self.head = nn.Conv2d(3, 6, 3), nn.Conv2d(6, 6, 3, padding=1), nn.Linear(6, 4)

        def forward(self, x: Tensor) -> Tensor:
            x = functional.relu(self.stem(x))
            return self.head(functional.relu(self.conv(x) + x).mean((2, 3)))

    assert described(trained(Skip), ["stem", "conv"]) == {"stem": True, "conv": False}


def test_what_is_read_is_what_is_silenced_and_only_that() -> None:
    """A neuron of conv1 with its relu answering 0: the score is that of a network whose channel is cut behind it."""
    network = trained(lambda: Network(functional.relu))
    (read,) = tracing.readouts(network, ["conv1"], IMAGES[:1])

    def cut(maps: Tensor) -> Tensor:
        assert (maps >= 0).all()
        return torch.cat([torch.zeros_like(maps[:, :1]), maps[:, 1:]], 1)

    plain = network(IMAGES)
    with torch.inference_mode(), hooks.changed(network, [read]) as changes:
        assert torch.equal(network(IMAGES), plain)
        changes["conv1"] = cut
        silenced = network(IMAGES)
        assert torch.equal(network(IMAGES), silenced)  # calls are counted anew for each pass
    twin = trained(lambda: Network(lambda x: cut(functional.relu(x))))
    assert torch.allclose(silenced, twin(IMAGES), atol=1e-6)
    assert not torch.allclose(silenced, plain, atol=1e-3)


def test_several_readers_at_once_do_not_count_each_others_functions() -> None:
    network = trained(lambda: Network(ACTIVATIONS["hard swish"]))
    reads = tracing.readouts(network, ["conv1", "conv2"], IMAGES[:1])
    with hooks.captured(network, reads) as alone:
        network(IMAGES)
    with hooks.captured(network, reads) as outer, hooks.captured(network, reads[:1]) as inner:
        network(IMAGES)
    for read, layer in ((outer, "conv1"), (inner, "conv1"), (outer, "conv2")):
        assert torch.equal(read[layer], alone[layer])


def test_a_feature_image_rises_by_what_enters_the_activation_function() -> None:
    network = trained(lambda: Network(functional.relu))
    read = tracing.before_activation(network, "conv1", IMAGES[:1])
    assert (read.module, read.after) == ("conv1", 0)
    behind = trained(lambda: Network(nn.ReLU(), nn.GroupNorm(2, 6)))
    assert tracing.before_activation(behind, "conv1", IMAGES[:1]).module == "norm"


class NormAct(nn.BatchNorm2d):
    """A normalisation that applies the activation function, too, as timm's BatchNormAct2d does."""

    def forward(self, x: Tensor) -> Tensor:
        return functional.silu(super().forward(x))


class ConvNormAct(nn.Module):
    """A block whose name says that there is a norm in it, and which keeps the shape."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.bn = nn.Conv2d(6, 6, 3, padding=1), NormAct(6)

    def forward(self, x: Tensor) -> Tensor:
        return self.bn(self.conv(x))


@pytest.mark.parametrize("norm", [NormAct(6), nn.Sequential(nn.BatchNorm2d(6), nn.ReLU())])
def test_a_block_called_after_the_norm_in_it_is_no_norm_of_the_layer_before_it(norm: nn.Module) -> None:
    network = Network(ConvNormAct(), norm=norm).eval()
    network.norm[0].running_mean.uniform_(-1, 1) if isinstance(norm, nn.Sequential) else norm.running_mean.uniform_()
    reads = tracing.readouts(network, ["conv1", "inline.conv"], IMAGES[:1])
    with hooks.captured(network, reads) as outputs, torch.no_grad():
        network(IMAGES)
        first = norm(network.conv1(IMAGES))
        assert torch.allclose(outputs["conv1"], first, atol=1e-6)
        assert torch.allclose(outputs["inline.conv"], network.inline(first), atol=1e-6)
    found = tracing.network(network, IMAGES[:1], ["conv1", "inline.conv"], "toy")
    assert [layer.activated for layer in found.layers] == [True, True]


def _along_channels(x: Tensor) -> Tensor:
    return functional.layer_norm(x.permute(0, 2, 3, 1), (6,)).permute(0, 3, 1, 2)


@pytest.mark.parametrize(
    ("follows", "activated"), [(lambda x: functional.gelu(_along_channels(x)), True), (_along_channels, False)]
)
def test_a_normalisation_between_two_permutations_is_one(follows: Step, activated: bool) -> None:
    network = Network(follows).eval()
    reads = tracing.readouts(network, ["conv1"], IMAGES[:1])
    with hooks.captured(network, reads) as outputs, torch.no_grad():
        network(IMAGES)
        assert torch.allclose(outputs["conv1"], follows(network.conv1(IMAGES)), atol=1e-6)
    assert tracing.network(network, IMAGES[:1], ["conv1"], "toy").layers[0].activated == activated


class Windows(nn.Module):
    """A linear layer that sees the quarters of an image one by one, beside another way."""

    def __init__(self) -> None:
        super().__init__()
        self.mix = nn.Linear(8, 8)

    def forward(self, x: Tensor) -> Tensor:
        windows = x.reshape(len(x), 8, 4, -1).permute(0, 2, 3, 1).flatten(0, 1)
        mixed = self.mix(windows).reshape(len(x), 4, -1, 8).permute(0, 3, 1, 2)
        return x + mixed.reshape(x.shape)


def test_a_layer_that_sees_windows_of_an_image_is_refused_and_its_block_is_read() -> None:
    network = nn.Sequential(nn.Conv2d(3, 8, 3, stride=3), Windows(), nn.Flatten(), nn.Linear(128, 4)).eval()
    assert tracing.network(network, IMAGES[:1], (), "toy").names == ("0", "1")
    with pytest.raises(ModelError, match=r"layer '1.mix' answers 1 image with 4 rows, .*; choose the block"):
        tracing.readouts(network, ["1.mix"], IMAGES[:1])


class TwoWays(nn.Module):
    """Hands its first tensor on as it is, and changes the second."""

    def __init__(self) -> None:
        super().__init__()
        self.change = nn.Conv2d(6, 6, 1)

    def forward(self, kept: Tensor, changed: Tensor) -> tuple[Tensor, Tensor]:
        return kept, self.change(changed).sin() + changed


class Parallel(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv, self.ways, self.head = nn.Conv2d(3, 6, 3), TwoWays(), nn.Linear(6, 4)

    def forward(self, x: Tensor) -> Tensor:
        start = self.conv(x)
        kept, changed = self.ways(start, start * 2)
        return self.head((kept + changed).mean((2, 3)))


def test_what_a_block_hands_on_unchanged_is_not_its_answer() -> None:
    network = Parallel().eval()
    assert tracing.network(network, IMAGES[:1], (), "toy").names == ("conv",)
    (read,) = tracing.readouts(network, ["ways"], IMAGES[:1])
    assert read.part == 1
    with hooks.captured(network, [read]) as outputs, torch.no_grad():
        network(IMAGES)
        start = network.conv(IMAGES)
        assert torch.allclose(outputs["ways"], network.ways(start, start * 2)[1])


class Skipping(nn.Module):
    """A block that adds what entered it by an empty shortcut, as ResNets for small images do."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.shortcut = nn.Conv2d(6, 6, 3, padding=1), nn.Sequential()

    def forward(self, x: Tensor) -> Tensor:
        return functional.relu(self.conv(x) + self.shortcut(x))


class Maps(nn.Module):
    """Answers with the maps of both its layers, the second made of the first."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.later = nn.Conv2d(3, 6, 3), nn.Conv2d(6, 6, 3)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        early = functional.relu(self.conv(x))
        return {"early": early, "late": functional.relu(self.later(early))}


class Ends(nn.Module):
    """Something that makes maps, then a block or not, and a head."""

    def __init__(self, maps: nn.Module, block: nn.Module) -> None:
        super().__init__()
        self.maps, self.block, self.head = maps, block, nn.Linear(6, 4)

    def forward(self, x: Tensor) -> Tensor:
        maps = self.maps(x)
        maps = maps["late"] if isinstance(maps, dict) else functional.relu(maps)
        return self.head(self.block(maps).mean((2, 3)))


@pytest.mark.parametrize(
    ("maps", "block", "layer"),
    [(nn.Conv2d(3, 6, 3), Skipping(), "maps"), (Maps(), nn.Identity(), "maps.conv")],
    ids=["empty shortcut", "several maps"],
)
def test_a_change_reaches_all_that_is_made_of_the_neurons(maps: nn.Module, block: nn.Module, layer: str) -> None:
    """Where a module answers with them again later, others have used them already."""
    network = Ends(maps, block).eval()
    reads = tracing.readouts(network, [layer], IMAGES[:1])
    with torch.no_grad(), hooks.changed(network, reads) as changes:
        changes[layer] = torch.zeros_like
        silenced = network(IMAGES)
        weights = network.get_submodule(layer)
        weights.weight.zero_()
        weights.bias.zero_()
        changes.clear()
        assert torch.allclose(silenced, network(IMAGES), atol=1e-6)


def test_a_block_does_not_stand_for_a_layer_behind_what_it_answers_with_first() -> None:
    class Both(Ends):
        def forward(self, x: Tensor) -> Tensor:
            early, late = self.maps(x).values()
            return self.head(early.mean((2, 3)) + late.mean((2, 3)))

    assert tracing.network(Both(Maps(), nn.Identity()).eval(), IMAGES[:1], (), "toy").names == ("maps.conv",)


class Standardised(nn.Conv2d):
    """Convolves with other weights than those it keeps, as networks with weight standardisation do."""

    def forward(self, x: Tensor) -> Tensor:
        weight = self.weight / self.weight.flatten(1).std(1).view(-1, 1, 1, 1)
        return functional.conv2d(x, weight, self.bias)


class Renamed(nn.Conv2d):
    """Convolves as torch does."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x)


@pytest.mark.parametrize(("kind", "joined"), [(Standardised, False), (Renamed, True)])
def test_a_convolution_with_other_weights_than_its_own_joins_nothing(kind: type[nn.Conv2d], joined: bool) -> None:
    network = Network(functional.relu)
    network.conv2 = kind(6, 8, 3)
    found = tracing.network(network.eval(), IMAGES[:1], (), "toy")
    assert (("conv1", "conv2") in found.joins) == joined
    if not joined:
        assert "conv2 works with other weights than it keeps" in found.apart["conv1", "conv2"]


class Widening(nn.Module):
    """A block that ends with an activation function, and may have more channels than what enters it."""

    def __init__(self, ends: Step, more: int) -> None:
        super().__init__()
        self.conv, self.ends, self.more = nn.Conv2d(6, 6 + 2 * more, 3, padding=1), ends, more

    def forward(self, x: Tensor) -> Tensor:
        out = self.conv(x)
        out += functional.pad(x, (0, 0, 0, 0, self.more, self.more))
        return self.ends(out)


@pytest.mark.parametrize(
    "ends", [functional.relu, nn.ReLU(inplace=True), nn.ReLU()], ids=["called", "in place", "module"]
)
@pytest.mark.parametrize("more", [0, 1])
def test_a_block_that_ends_with_an_activation_is_drawn_by_what_enters_that(ends: Step, more: int) -> None:
    """Not by what enters the block."""
    network = nn.Sequential(
        nn.Conv2d(3, 6, 3), Widening(ends, more), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.LazyLinear(4)
    )
    network.eval()(IMAGES)
    read = tracing.before_activation(network, "1", IMAGES[:1])
    with torch.no_grad(), hooks.captured(network, [read]) as outputs:
        network(IMAGES)
        answered = network[1](network[0](IMAGES))
    assert torch.allclose(outputs["1"].relu(), answered, atol=1e-6)
    assert (outputs["1"] < 0).any()
