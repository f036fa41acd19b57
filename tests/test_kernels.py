import numpy as np
import pytest
import torch
import toy
from torch import nn

from tlx.analysis import abstraction, kernels
from tlx.cases import Case, Domain
from tlx.networks import tracing
from tlx.results import DomainImages, Network

DOMAIN = Domain("folder", "toy")
CASE = Case("toy", "toy", DOMAIN, DOMAIN, "toy", image_size=12, mean=(0.5,) * 3, std=(0.5,) * 3)


def images(count):
    pixels = np.random.default_rng(0).integers(0, 256, (count, 12, 12, 3), dtype=np.uint8)
    return DomainImages(pixels, np.zeros(count, int), ("a",), np.full(count, "training"), np.arange(count).astype(str))


def network(model):
    return tracing.network(model, torch.randn(1, 3, 12, 12), (), "toy")


def respond(model, found: Network, pair, edge, instance=0):
    units = found.layer(pair[0]).units, found.layer(pair[1]).units
    return kernels.response(model, found.joins[pair], edge, units, images(3), instance, case=CASE)


@pytest.mark.parametrize("build", [toy.plain, toy.grouped])
def test_the_value_is_the_edges_value_of_the_abstraction(build):
    """On one instance the largest response (or the sum) is what the abstraction calls the edge's value, every edge."""
    model = toy.seeded(build)
    found = network(model)
    for pair in found.joins:
        edges = abstraction.edges(model, found, pair, images(3), np.array([1]), case=CASE)
        for edge in [(0, 0), (1, 2), (3, 3), (5, 1)]:
            value = respond(model, found, pair, edge, instance=1).value
            assert value == pytest.approx(float(edges.value[edge]), rel=1e-4, abs=1e-6), (pair, edge)


def test_a_convolutions_parts_have_its_shapes_and_weights():
    """Kernel 3 x 3 as stored, the pooled 3 x 3 map that enters, a response of the same size."""
    model = toy.seeded(toy.plain)
    found = network(model)
    part = respond(model, found, found.pairs[0], (2, 5))
    np.testing.assert_array_equal(part.kernel, model[3].weight[5, 2].detach().numpy())
    assert part.entering.shape == part.response.shape == (3, 3)
    assert part.entering.min() >= 0  # it comes from behind a ReLU


def test_a_flattened_maps_weights_lie_over_its_positions():
    """The linear layer's weights from channel 2 to neuron 5 are the 3 x 3 slice of its row."""
    model = toy.seeded(toy.plain)
    found = network(model)
    part = respond(model, found, found.pairs[1], (2, 5))
    np.testing.assert_array_equal(part.kernel, model[7].weight[5].reshape(8, 3, 3)[2].detach().numpy())
    np.testing.assert_allclose(part.response, part.kernel * part.entering)
    assert part.value == pytest.approx(part.response.sum(), rel=1e-5)


def test_neurons_of_different_groups_are_not_joined():
    """A depthwise convolution joins channel i with channel i only: the kernel of another pair is zero."""
    model = toy.seeded(toy.grouped)
    found = network(model)
    pair = found.pairs[0]
    assert respond(model, found, pair, (1, 2)).value == 0
    assert not respond(model, found, pair, (1, 2)).kernel.any()
    assert respond(model, found, pair, (2, 2)).kernel.any()


def test_no_hook_is_left_on_the_model():
    """The model is as it was before."""
    model = toy.seeded(toy.plain)
    found = network(model)
    respond(model, found, found.pairs[0], (0, 0))
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())
    assert isinstance(model[0], nn.Conv2d)
