"""Layer conductance against Captum, against numbers worked out on paper, and against its own promises."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
import toy
from captum.attr import LayerConductance, LayerGradientXActivation
from torch import nn

from tlx.analysis import attribution
from tlx.cases import CRITERIA
from tlx.errors import ModelError, SelectionError
from tlx.networks import tracing


def captum(
    model: nn.Module, module: nn.Module, images: torch.Tensor, targets: torch.Tensor, n_steps: int
) -> torch.Tensor:
    """Captum's sum at our path points: for "riemann_trapezoid" n_steps + 1 at equal steps, both ends included."""
    found = LayerConductance(model, module).attribute(
        images, baselines=torch.zeros_like(images), target=targets, n_steps=n_steps, method="riemann_trapezoid"
    )
    return found.detach()


def relative(ours: torch.Tensor, theirs: torch.Tensor) -> float:
    return float((ours - theirs).abs().max() / theirs.abs().max())


@pytest.mark.parametrize("inplace", [False, True])
@pytest.mark.parametrize(("layer", "read"), [("0", "1"), ("3", "4"), ("7", "8")])
def test_equals_captum_at_the_same_path_points(layer: str, read: str, inplace: bool) -> None:
    """The maps of every layer are Captum's within 1e-5, in-place activations or not."""
    model = toy.seeded(lambda: toy.plain(inplace=inplace))
    images, targets = torch.randn(5, 3, 12, 12), torch.tensor([0, 1, 2, 3, 0])
    ours = attribution.layer_conductance(model, ["0", "3", "7"], images, targets, n_steps=8, reduce=None)
    plain = toy.seeded(lambda: toy.plain(inplace=False))
    theirs = captum(plain, plain.get_submodule(read), images, targets, n_steps=8)
    assert relative(ours[layer], theirs) < 1e-5


@pytest.mark.parametrize(
    ("build", "layer", "read"),
    [(toy.grouped, "0", "2"), (toy.grouped, "3", "5"), (toy.residual, "2", "2"), (toy.Transformer, "block", "block")],
)
def test_equals_captum_on_awkward_networks(build: object, layer: str, read: str) -> None:
    """Grouped and depthwise convolutions, residual blocks and transformer blocks agree with Captum too."""
    model = toy.seeded(build)
    for module in model.modules():
        if hasattr(module, "inplace"):
            module.inplace = False  # Captum's hooks need that; ours do not
    images, targets = torch.randn(3, 3, 12, 12), torch.tensor([0, 1, 3])
    ours = attribution.layer_conductance(model, [layer], images, targets, n_steps=6, reduce=None)[layer]
    assert relative(ours, captum(model, model.get_submodule(read), images, targets, n_steps=6)) < 1e-5


def test_hand_set_network() -> None:
    """(2a, b, 0) towards score 0 and (0, 3b, 0) towards score 1, as worked out in `toy.hand_set`."""
    images = torch.tensor([[3.0, 4.0], [3.0, 4.0]]).view(2, 1, 1, 2)
    found = attribution.layer_conductance(toy.hand_set(), ["1"], images, torch.tensor([0, 1]), n_steps=4)
    assert torch.allclose(found["1"], torch.tensor([[6.0, 4.0, 0.0], [0.0, 12.0, 0.0]]))


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
    maps = attribution.layer_conductance(model, ["0", "3", "7"], images, targets, n_steps=300, reduce=None)
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
    found = attribution.layer_conductance(model, ["block"], images, targets, n_steps=5)["block"]
    assert relative(found, captum(model, model.block, images, targets, n_steps=5).amax((1, 2))) < 1e-5


def test_an_activation_without_a_module_is_read_too() -> None:
    """Neurons are taken behind F.relu, where the module around it answers."""
    model, images, targets = toy.seeded(toy.Functional), torch.randn(2, 3, 12, 12), torch.tensor([0, 3])
    reads = tracing.readouts(model, ["first.conv", "second.conv"], images[:1])
    assert [read.module for read in reads] == ["first", "second"]
    found = attribution.layer_conductance(model, ["first.conv"], images, targets, n_steps=5, reduce=None)["first.conv"]
    assert relative(found, captum(model, model.first, images, targets, n_steps=5)) < 1e-5
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


def maps_by(criterion: str, model: nn.Module, layers: list[str], images: torch.Tensor, targets: torch.Tensor):
    """The maps of one batch."""
    reads = tracing.readouts(model, layers, images[:1])
    ((maps, delta, _),) = attribution._batches(
        model, reads, images, targets, n_steps=4, baselines=None, criterion=criterion
    )
    return maps, delta


def test_gradient_times_activation_equals_captum() -> None:
    model = toy.seeded(lambda: toy.plain(inplace=False))
    images, targets = torch.randn(5, 3, 12, 12), torch.tensor([0, 1, 2, 3, 0])
    maps, delta = maps_by("gradient_activation", model, ["0", "3", "7"], images, targets)
    for layer, read in (("0", "1"), ("3", "4"), ("7", "8")):
        theirs = LayerGradientXActivation(model, model.get_submodule(read)).attribute(images, target=targets)
        assert relative(maps[layer], theirs.detach()) < 1e-5
    assert delta is None


@pytest.mark.parametrize("criterion", CRITERIA)
def test_in_a_linear_network_all_criteria_are_one(criterion: str) -> None:
    """Without biases and from a zero baseline each neuron's part is its activation times its weight to the score."""
    torch.manual_seed(0)
    model = nn.Sequential(*(nn.Linear(n, m, bias=False) for n, m in ((6, 5), (5, 4), (4, 3))))
    images, targets = torch.randn(7, 6), torch.tensor([0, 1, 2, 0, 1, 2, 0])
    maps, _ = maps_by(criterion, model, ["0", "1"], images, targets)
    with torch.no_grad():
        first = model[0](images)
        ways = model[2].weight[targets] @ model[1].weight
        assert relative(maps["0"], first * ways) < 1e-5
        assert relative(maps["1"], model[1](first) * model[2].weight[targets]) < 1e-5


def test_every_criterion_of_a_case_has_its_method() -> None:
    assert tuple(attribution.CRITERIA) == CRITERIA
