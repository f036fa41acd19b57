"""Which neurons correspond: by descent where the weights say so, else by what they do; one to one."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from tlx.analysis import correspondence as stage
from tlx.analysis import similarity
from tlx.results import Layer, Network

RNG = np.random.default_rng(0)


def layer_of(source_weights, target_weights, source, target):
    weights = {"source": {"one": source_weights}, "target": {"one": target_weights}}
    return stage.correspondence(weights, {"source": {"one": source}, "target": {"one": target}}).layers["one"]


def test_a_fine_tuned_layer_comes_from_the_sources() -> None:
    """Weights that moved a little: neurons keep their index, whatever they do now."""
    weights, responses = RNG.normal(size=(12, 30)), RNG.normal(size=(50, 12))
    layer = layer_of(weights, weights + 0.3 * RNG.normal(size=weights.shape), responses, responses[:, ::-1])
    assert layer.descent
    assert layer.source.tolist() == [*range(12)]
    assert layer.function.tolist() == [*range(11, -1, -1)]
    assert np.median(layer.weight_cosine) > 0.9
    assert layer.others[1] < layer.others[0] < layer.others[2] < 0.6


@pytest.mark.parametrize("change", ["permuted", "new", "larger"])
def test_where_weights_show_no_descent_function_decides(change: str) -> None:
    """Permuted, initialised anew, or of another network: each neuron finds the one that responds like it."""
    weights, responses, order = RNG.normal(size=(12, 30)), RNG.normal(size=(50, 12)), RNG.permutation(12)
    other = {"permuted": weights[order], "new": RNG.normal(size=(12, 30)), "larger": RNG.normal(size=(12, 31))}[change]
    layer = layer_of(weights, other, responses, 3 * responses[:, order] - 1)
    assert not layer.descent
    assert layer.source.tolist() == layer.function.tolist() == order.tolist()
    assert layer.strength == pytest.approx(1)


def test_a_shift_of_all_weights_is_no_descent() -> None:
    """All neurons alike: same-index pairs are no nearer than others."""
    weights = 10 + RNG.normal(size=(12, 30))
    same, others = stage.weight_cosines(weights, weights[RNG.permutation(12)])
    assert np.median(same) > 0.9
    assert not stage.is_descent(same, others)


def test_the_assignment_is_the_best_of_all() -> None:
    """Against every permutation of five neurons: none has a larger sum of correlations."""
    source, target = RNG.normal(size=(20, 5)), RNG.normal(size=(20, 5))
    likeness = similarity.correlation(source, target)
    np.testing.assert_allclose(likeness, np.corrcoef(source.T, target.T)[:5, 5:], atol=1e-6)
    function, strength = stage.by_function(source, target)
    best = max(sum(likeness[i, j] for j, i in enumerate(order)) for order in itertools.permutations(range(5)))
    assert sum(likeness[function, range(5)]) == pytest.approx(best)
    np.testing.assert_allclose(strength, likeness[function, range(5)])


def test_ties_and_silent_neurons_keep_their_index() -> None:
    """Three alike, and one that never changes: nobody looks moved; the silent one has no strength."""
    values = np.stack([*[np.arange(6.0)] * 3, np.ones(6)], axis=1)
    function, strength = stage.by_function(values, values)
    assert function.tolist() == [0, 1, 2, 3]
    assert np.isnan(strength).tolist() == [False, False, False, True]


def test_networks_of_different_sizes_leave_some_without_a_counterpart() -> None:
    source = RNG.normal(size=(30, 3))
    target = np.concatenate([RNG.normal(size=(30, 2)), source], axis=1)
    function, strength = stage.by_function(source, target)
    assert function.tolist() == [-1, -1, 0, 1, 2]
    assert np.isnan(strength).tolist() == [True, True, False, False, False]


def test_what_enters_a_neuron_is_its_row_of_the_layers_weights() -> None:
    """Of a block all weights within that have a row for each of its channels."""
    network = Network("net", (Layer("conv", 1, "conv", 2, (3, 3)), Layer("block", 2, "block", 4, (3, 3))), {}, {}, 1, 1)
    tensors = {
        "conv.weight": np.arange(18.0).reshape(2, 1, 3, 3),
        "conv.bias": np.zeros(2),
        "block.a.weight": np.ones((4, 2, 1, 1)),
        "block.b.weight": np.full((4, 4, 1, 1), 2.0),
        "block.b.bias": np.zeros(4),
        "block.c.weight": np.zeros((3, 9)),
    }
    rows = stage.incoming(tensors, network)
    assert rows["conv"].tolist() == [[*range(9)], [*range(9, 18)]]
    assert rows["block"].tolist() == [[1, 1, 2, 2, 2, 2]] * 4
