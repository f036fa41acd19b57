"""Layer conductance against Captum, against numbers worked out on paper, and against its own promises."""

from __future__ import annotations

import copy
import gc
from itertools import pairwise

import numpy as np
import pytest
import torch
import toy
from captum.attr import LayerConductance
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from tlx.analysis import attribution
from tlx.cases import Case
from tlx.errors import ModelError, SelectionError
from tlx.networks import tracing


def captum(
    model: nn.Module, module: nn.Module, images: torch.Tensor, targets: torch.Tensor, n_steps: int
) -> torch.Tensor:
    """Captum's sum at equal steps: for "riemann_trapezoid" n_steps + 1 points, both ends included.

    That names its points; each step counts with the gradient at its beginning, which tlx calls the left rule.
    """
    maps = LayerConductance(model, module).attribute(
        images, baselines=torch.zeros_like(images), target=targets, n_steps=n_steps, method="riemann_trapezoid"
    )
    return maps.detach()


AS_CAPTUM = {"rule": "left", "power": 1}


def literal_trapezoid(
    model: nn.Module, module: nn.Module, images: torch.Tensor, targets: torch.Tensor, alphas: list[float]
) -> torch.Tensor:
    """The formula step by step for one layer, every point of it passed through the network again for each end."""
    held: list[torch.Tensor] = []

    def at(alpha: float) -> tuple[torch.Tensor, torch.Tensor]:
        held.clear()
        score = model((alpha * images).requires_grad_()).gather(1, targets[:, None]).sum()
        (gradient,) = torch.autograd.grad(score, held[-1])
        return held[-1].detach().double(), gradient.double()

    hook = module.register_forward_hook(lambda _, __, output: held.append(output))
    total = torch.zeros(())
    for left, right in pairwise(alphas):
        (before, slope_before), (after, slope_after) = at(left), at(right)
        total = total + (slope_before + slope_after) / 2 * (after - before)
    hook.remove()
    return total


def relative(one: torch.Tensor, reference: torch.Tensor) -> float:
    return float((one - reference).abs().max() / reference.abs().max())


@pytest.mark.parametrize("inplace", [False, True])
@pytest.mark.parametrize(("layer", "read"), [("0", "1"), ("3", "4"), ("7", "8")])
def test_equals_captum_at_the_same_path_points(layer: str, read: str, inplace: bool) -> None:
    """The maps of every layer are Captum's within 1e-5, in-place activations or not."""
    model = toy.seeded(lambda: toy.plain(inplace=inplace))
    images, targets = torch.randn(5, 3, 12, 12), torch.tensor([0, 1, 2, 3, 0])
    ours = attribution.layer_conductance(model, ["0", "3", "7"], images, targets, n_steps=8, reduce=None, **AS_CAPTUM)
    plain = toy.seeded(lambda: toy.plain(inplace=False))
    theirs = captum(plain, plain.get_submodule(read), images, targets, n_steps=8)
    assert relative(ours[layer], theirs) < 1e-5


AWKWARD = [
    (toy.grouped, "0", "2"),
    (toy.grouped, "3", "5"),
    (toy.residual, "2", "2"),
    (toy.Transformer, "block", "block"),
]


@pytest.mark.parametrize(
    ("build", "layer", "read"),
    AWKWARD,
)
def test_equals_captum_on_awkward_networks(build: object, layer: str, read: str) -> None:
    """Grouped and depthwise convolutions, residual blocks and transformer blocks agree with Captum too."""
    model = toy.seeded(build)
    for module in model.modules():
        if hasattr(module, "inplace"):
            module.inplace = False  # Captum's hooks need that; ours do not
    images, targets = torch.randn(3, 3, 12, 12), torch.tensor([0, 1, 3])
    ours = attribution.layer_conductance(model, [layer], images, targets, n_steps=6, reduce=None, **AS_CAPTUM)[layer]
    assert relative(ours, captum(model, model.get_submodule(read), images, targets, n_steps=6)) < 1e-5


@pytest.mark.parametrize("power", [1, 1.5, 2.0])
@pytest.mark.parametrize(
    ("build", "layer", "read"),
    [*((toy.plain, *layer) for layer in (("0", "1"), ("3", "4"), ("7", "8"))), *AWKWARD],
)
def test_equals_the_literal_trapezoid(build: object, layer: str, read: str, power: float) -> None:
    """The mean of the gradients at both ends of a step, at alpha = (k / 5) ** power."""
    model = toy.seeded(build)
    images, targets = torch.randn(3, 3, 12, 12), torch.tensor([0, 1, 3])
    maps = attribution.layer_conductance(model, [layer], images, targets, n_steps=5, power=power, reduce=None)[layer]
    for module in model.modules():
        if hasattr(module, "inplace"):
            module.inplace = False  # the reference's hook needs that
    alphas = [(step / 5) ** power for step in range(6)]
    assert relative(maps, literal_trapezoid(model, model.get_submodule(read), images, targets, alphas)) < 1e-5


def test_by_default_eight_trapezoid_steps_denser_at_the_baseline() -> None:
    model, images, targets = toy.seeded(toy.plain), torch.randn(2, 3, 12, 12), torch.tensor([0, 3])
    maps = attribution.layer_conductance(model, ["3"], images, targets)["3"]
    same = attribution.layer_conductance(model, ["3"], images, targets, n_steps=8, rule="trapezoid", power=1.5)["3"]
    assert torch.equal(maps, same)
    assert attribution.Path().points[:2] == [0, 8**-1.5]
    assert Case.n_steps == attribution.Path().n_steps == 8


EVERY_PATH = [(rule, power, steps) for rule in attribution.RULES for power in (1, 1.5, 2.0) for steps in (1, 4, 8)]


@pytest.mark.parametrize(("rule", "power", "steps"), EVERY_PATH)
def test_hand_set_network(rule: str, power: float, steps: int) -> None:
    """(2a, b, 0) towards score 0 and (0, 3b, 0) towards score 1, as worked out in `toy.hand_set`, on any path.

    Nothing switches on the way, so that the parts add up to the scores, 10 and 12.
    """
    images = torch.tensor([[3.0, 4.0], [3.0, 4.0]]).view(2, 1, 1, 2)
    path = {"n_steps": steps, "rule": rule, "power": power}
    parts = attribution.layer_conductance(toy.hand_set(), ["1"], images, torch.tensor([0, 1]), **path)["1"]
    assert torch.allclose(parts, torch.tensor([[6.0, 4.0, 0.0], [0.0, 12.0, 0.0]]))
    assert torch.allclose(parts.sum(1), toy.hand_set()(images).diagonal())


@pytest.mark.parametrize(
    ("rule", "power", "part"), [("trapezoid", 1, 9.0), ("trapezoid", 2.0, 9.0), ("left", 1, 4.5), ("left", 2.0, 3.375)]
)
def test_two_steps_of_a_square(rule: str, power: float, part: float) -> None:
    """The score is y² and the input 3. Its gradient is linear, so that the trapezoid is exact: 9.

    The left rule gives 18 a (b - a) at alphas 0, a, b = 1: with a = 1/2 4.5, and with a = 1/4 3.375.
    """
    path = {"n_steps": 2, "rule": rule, "power": power}
    image, target = torch.full((1, 1, 1, 1), 3.0), torch.tensor([0])
    assert float(attribution.layer_conductance(Square(), ["linear"], image, target, **path)["linear"]) == part


class Square(nn.Module):
    """One neuron that repeats the pixel; the score is its square."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(1, 1, bias=False)
        nn.init.ones_(self.linear.weight)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.linear(x.flatten(1)) ** 2


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ({"rule": "right"}, r"rule must be 'trapezoid' or 'left', not 'right'"),
        ({"n_steps": 0}, "at least 1, not 0 and 1.5"),
        ({"power": 0.5}, "at least 1, not 8 and 0.5"),
    ],
)
def test_a_path_that_cannot_be_walked_says_why(path: dict[str, object], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        attribution.layer_conductance(
            toy.hand_set(),
            ["1"],
            torch.zeros(1, 1, 1, 2),
            torch.tensor([0]),
            **path,  # type: ignore[arg-type]
        )


@pytest.mark.parametrize("rule", attribution.RULES)
def test_no_more_maps_are_held_on_a_long_path(rule: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A layer's maps take no more memory with 12 steps than with 4, in batches of two images at two points."""
    monkeypatch.setattr(attribution, "BATCH_MOST", 4)
    model, images, targets = toy.seeded(toy.plain), torch.randn(2, 3, 12, 12), torch.tensor([0, 3])
    alive: list[int] = []

    def count(*_: object) -> None:
        maps = [one for one in gc.get_objects() if type(one) is torch.Tensor and one.shape[1:] == (6, 6, 6)]
        alive.append(sum({one.untyped_storage().data_ptr(): one.untyped_storage().nbytes() for one in maps}.values()))

    model[9].register_forward_pre_hook(count)
    peaks = []
    for n_steps in (4, 12):
        alive.clear()
        attribution.layer_conductance(model, ["0"], images, targets, n_steps=n_steps, rule=rule)
        peaks.append(max(alive))
    assert peaks[0] == peaks[1]


def sizes_of_passes(model: nn.Module) -> list[int]:
    """The list that each pass through the model adds its number of images to."""
    sizes: list[int] = []
    model.register_forward_pre_hook(lambda _, inputs: sizes.append(len(inputs[0])))
    return sizes


def test_few_images_are_walked_along_several_points_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two images at eight points behind the baseline fill three passes of at most six, the baseline one of two."""
    monkeypatch.setattr(attribution, "BATCH_MOST", 6)
    model, images = toy.seeded(toy.plain), torch.randn(2, 3, 12, 12)
    sizes = sizes_of_passes(model)
    attribution.layer_conductance(model, ["0"], images, torch.tensor([0, 3]))
    assert sizes[-4:] == [2, 6, 6, 4]


def test_a_shared_baseline_is_passed_once_for_each_target() -> None:
    """Five images towards two classes; where each has a baseline of its own, it is passed for each image."""
    model, images, targets = toy.seeded(toy.plain), torch.randn(5, 3, 12, 12), torch.tensor([3, 0, 3, 3, 0])
    sizes = sizes_of_passes(model)
    once = attribution.layer_conductance(model, ["0", "3"], images, targets)
    assert sizes[-2:] == [2, 40]
    each = attribution.layer_conductance(model, ["0", "3"], images, targets, baselines=torch.zeros_like(images))
    assert sizes[-2:] == [5, 40]
    for name, found in once.items():
        assert relative(found, each[name]) < 1e-6


NETWORKS = {
    "plain": (toy.plain, ["0", "3", "7"], 12),
    "residual": (toy.residual, ["2", "3"], 12),
    "grouped": (toy.grouped, ["0", "3"], 12),
    "transformer": (toy.Transformer, ["block"], 12),
    "functional": (toy.Functional, ["first", "second"], 12),
    "channels last": (toy.ChannelsLast, ["patches", "block"], 12),
}


@pytest.mark.parametrize("name", NETWORKS)
@settings(max_examples=8, deadline=None)
@given(data=st.data())
def test_maps_are_those_of_one_image_at_one_point(name: str, data: st.DataObject) -> None:
    """However many images and points share a batch, each image's maps are those of a pass for each of its points."""
    build, layers, size = NETWORKS[name]
    count, n_steps = data.draw(st.integers(1, 5), "images"), data.draw(st.integers(1, 6), "steps")
    rule, most = data.draw(st.sampled_from(attribution.RULES), "rule"), data.draw(st.integers(2, 40), "rows")
    torch.manual_seed(data.draw(st.integers(0, 5), "seed"))
    model, images, targets = toy.seeded(build), torch.randn(count, 3, size, size), torch.randint(4, (count,))
    options = {"n_steps": n_steps, "rule": rule, "reduce": None}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(attribution, "BATCH_MOST", most)
        together = attribution.layer_conductance(model, layers, images, targets, **options)
        patch.setattr(attribution, "BATCH_MOST", 1)
        alone = attribution.layer_conductance(model, layers, images, targets, **options)
    for layer, found in together.items():
        assert relative(found, alone[layer]) < 1e-5


class Viewing(nn.Sequential):
    """Its forward flattens by `view`, which maps with channels last refuse."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        *parts, last = self
        for part in parts:
            images = part(images)
        return last(images.view(len(images), -1))


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_network_that_needs_the_usual_layout_gets_it(precision: str) -> None:
    parts = list(toy.seeded(toy.plain))[:3], nn.Linear(6 * 3 * 3, 4)
    torch.manual_seed(0)
    images, targets = torch.randn(3, 3, 12, 12), torch.tensor([0, 1, 3])
    viewing, flat = Viewing(*parts[0], parts[1]), nn.Sequential(*parts[0], nn.Flatten(), parts[1])
    found, expected = (
        attribution.layer_conductance(one, ["0"], images, targets, precision=precision)["0"] for one in (viewing, flat)
    )
    assert relative(found, expected) < (1e-5 if precision == "float32" else 0.02)


def test_a_baseline_moves_the_path() -> None:
    """From (1, 1) to (3, 4) the first score gains 2 * 2 through the first neuron and 3 through the second."""
    found = attribution.layer_conductance(
        toy.hand_set(),
        ["1"],
        torch.tensor([3.0, 4.0]).view(1, 1, 1, 2),
        torch.tensor([0]),
        baselines=torch.ones(1, 1, 1, 2),
    )
    assert torch.allclose(found["1"], torch.tensor([[4.0, 3.0, 0.0]]))


def test_equal_input_and_baseline_give_zero() -> None:
    model = toy.seeded(toy.plain)
    found = attribution.layer_conductance(model, ["0"], torch.zeros(1, 3, 12, 12), torch.tensor([1]))
    assert (found["0"] == 0).all()


def test_completeness() -> None:
    """With many steps the conductance of a layer adds up to the score's difference between input and baseline."""
    model = toy.seeded(toy.plain)
    images, targets = torch.randn(4, 3, 12, 12), torch.tensor([0, 1, 2, 3])
    maps = attribution.layer_conductance(model, ["0", "3", "7"], images, targets, n_steps=100, reduce=None)
    with torch.no_grad():
        scores = model(images) - model(torch.zeros_like(images))
    delta = scores.gather(1, targets[:, None]).squeeze(1)
    for found in maps.values():
        assert torch.allclose(found.flatten(1).sum(1), delta, rtol=1e-2, atol=1e-2)


def test_batches_do_not_change_the_result(monkeypatch: pytest.MonkeyPatch) -> None:
    model, images, targets = toy.seeded(toy.plain), torch.randn(7, 3, 12, 12), torch.arange(7) % 4
    whole = attribution.layer_conductance(model, ["3"], images, targets)["3"]
    monkeypatch.setattr(attribution, "BATCH_MOST", 2)
    assert torch.allclose(attribution.layer_conductance(model, ["3"], images, targets)["3"], whole, atol=1e-6)


def test_reduction_takes_the_largest_position() -> None:
    model, images, targets = toy.seeded(toy.plain), torch.randn(2, 3, 12, 12), torch.tensor([0, 3])
    maps = attribution.layer_conductance(model, ["3"], images, targets, reduce=None)["3"]
    assert torch.equal(attribution.layer_conductance(model, ["3"], images, targets)["3"], maps.amax((2, 3)))


def facts(model: nn.Module) -> tuple[list[bool], list[bool], int, bool]:
    hooks = sum(len(m._forward_hooks) + len(m._forward_pre_hooks) + len(m._backward_hooks) for m in model.modules())
    return (
        [module.training for module in model.modules()],
        [parameter.requires_grad for parameter in model.parameters()],
        hooks,
        all(parameter.grad is None for parameter in model.parameters()),
    )


@pytest.mark.parametrize("fails", [False, True])
def test_the_model_comes_back_as_it_was(fails: bool) -> None:
    """Mode, requires_grad, hooks, gradients and tensors are untouched, also after an exception."""
    model = toy.seeded(toy.plain).train()
    model[3].requires_grad_(False)
    model[5].eval()
    before, tensors = facts(model), copy.deepcopy(model.state_dict())
    targets = torch.tensor([9 if fails else 1])
    try:
        attribution.layer_conductance(model, ["0", "7"], torch.randn(1, 3, 12, 12), targets)
    except (IndexError, RuntimeError):
        assert fails
    assert facts(model) == before
    assert all(torch.equal(tensor, tensors[name]) for name, tensor in model.state_dict().items())


def test_activations_that_are_not_finite_name_their_layer() -> None:
    model = toy.seeded(toy.plain)
    with torch.no_grad():
        model[3].weight[0, 0, 0, 0] = torch.nan
    with pytest.raises(ModelError, match=r"layer '3' .* not finite"):
        attribution.layer_conductance(model, ["0", "3"], torch.randn(1, 3, 12, 12), torch.tensor([0]))


def test_values_that_are_not_finite_on_the_way_only_are_found_too() -> None:
    """At the baseline all is well; towards the image huge weights overflow."""
    model, images = toy.seeded(toy.plain), 1e3 * torch.randn(1, 3, 12, 12)
    with torch.no_grad():
        model[0].weight.mul_(1e38)
    with pytest.raises(ModelError, match=r"layer '[03]' .* not finite"):
        attribution.layer_conductance(model, ["0", "3"], images, torch.tensor([0]))


def test_an_unknown_layer_is_named_with_the_nearest() -> None:
    with pytest.raises(SelectionError, match="layer 'convv' is unknown"):
        attribution.layer_conductance(toy.seeded(toy.plain), ["convv"], torch.zeros(1, 3, 12, 12), torch.tensor([0]))


def test_one_channel_images() -> None:
    model = toy.seeded(lambda: toy.plain(channels=1))
    found = attribution.layer_conductance(model, ["0"], torch.randn(2, 1, 12, 12), torch.tensor([0, 1]))
    assert found["0"].shape == (2, 6)


def test_blocks_stand_for_layers_beside_a_skip_connection() -> None:
    """Inside a residual block completeness fails, so the automatic choice takes the blocks."""
    example = torch.randn(1, 3, 12, 12)
    model = toy.seeded(toy.residual)
    chosen = tracing.network(model, example, (), "residual")
    assert chosen.names == ("0", "2", "3")
    assert all(layer.complete for layer in chosen.layers)
    inside = tracing.network(model, example, ("2.conv_a",), "residual")
    assert not inside.layers[0].complete
    assert "block of several modules" in chosen.apart["0", "2"]


def test_transformer_units_are_embedding_channels() -> None:
    model = toy.seeded(toy.Transformer)
    layer = tracing.network(model, torch.randn(1, 3, 12, 12), ("block",), "transformer").layer("block")
    assert (layer.units, layer.positions) == (8, (9, 1))


def test_units_of_channels_last_maps_are_their_channels() -> None:
    """8 channels on 3 x 3 positions, and the conductance is Captum's, largest over the positions."""
    model, images = toy.seeded(toy.ChannelsLast), torch.randn(2, 3, 12, 12)
    layer = tracing.network(model, images[:1], (), "last").layer("block")
    assert (layer.kind, layer.units, layer.positions) == ("block", 8, (3, 3))
    targets = torch.tensor([0, 2])
    values = attribution.layer_conductance(model, ["block"], images, targets, n_steps=5, **AS_CAPTUM)["block"]
    assert relative(values, captum(model, model.block, images, targets, n_steps=5).amax((1, 2))) < 1e-5


def test_an_activation_without_a_module_is_read_too() -> None:
    """Neurons are taken behind F.relu, where the module around it answers."""
    model, images, targets = toy.seeded(toy.Functional), torch.randn(2, 3, 12, 12), torch.tensor([0, 3])
    reads = tracing.readouts(model, ["first.conv", "second.conv"], images[:1])
    assert [read.module for read in reads] == ["first", "second"]
    path = {"n_steps": 5, **AS_CAPTUM}
    maps = attribution.layer_conductance(model, ["first.conv"], images, targets, reduce=None, **path)["first.conv"]
    assert relative(maps, captum(model, model.first, images, targets, n_steps=5)) < 1e-5
    network = tracing.network(model, images[:1], (), "functional")
    assert network.joins == {("first.conv", "second.conv"): "second.conv"}


def test_receptive_fields_are_measured() -> None:
    """A 3 x 3 convolution with stride 2, then pooling by 2, then 3 x 3: fields of 3 and of 13 pixels, steps 2 and 4."""
    start = list(toy.seeded(toy.plain))[:5]
    model = nn.Sequential(*start, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 4)).eval()
    found = tracing.network(model, torch.zeros(1, 3, 48, 48), (), "plain")
    assert [layer.field for layer in found.layers] == [(3, 2, -1), (13, 4, -5)]


def test_joins_are_found_through_pooling_dropout_and_flatten() -> None:
    found = tracing.network(toy.seeded(toy.plain), torch.randn(1, 3, 12, 12), (), "plain")
    assert found.joins == {("0", "3"): "3", ("3", "7"): "7"}
    assert found.embedding_units == 72
    assert np.isclose(found.parameters, sum(p.numel() for p in toy.plain().parameters()))
