"""Important neurons and edges against SciPy, a slow literal reference and numbers worked out on paper."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import toy
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy.signal import correlate2d
from scipy.stats import rankdata
from torch import nn

from tlx.analysis import abstraction
from tlx.cases import Case, Domain
from tlx.networks import hooks, tracing
from tlx.results import DomainImages

CASE = Case(
    "toy", "toy", Domain("folder", "s"), Domain("folder", "t"), "toy", image_size=12, mean=(0.5,) * 3, std=(0.25,) * 3
)


def images(count: int) -> DomainImages:
    pixels = np.random.default_rng(0).integers(0, 256, (count, 12, 12, 3)).astype(np.uint8)
    return DomainImages(pixels, np.zeros(count, int), ("a",), np.full(count, "training"), np.arange(count))


def test_rank_score_by_hand() -> None:
    """Two instances, three neurons: ranks 1, 2.5, 2.5 and 3, 1, 2 add up to 4, 3.5, 4.5."""
    values = np.array([[0.0, 7.0, 7.0], [5.0, -1.0, 2.0]])
    assert abstraction.rank_score(values).tolist() == [4.0, 3.5, 4.5]


@settings(deadline=None, max_examples=40)
@given(arrays.arrays(np.float32, st.tuples(st.integers(1, 6), st.integers(1, 9)), elements=st.integers(-3, 3)))
def test_rank_score_is_scipys_ranks_instance_by_instance(values: np.ndarray) -> None:
    expected = sum(rankdata(row) for row in values)
    assert np.allclose(abstraction.rank_score(values), expected)


@settings(deadline=None, max_examples=40)
@given(arrays.arrays(np.float32, st.tuples(st.integers(1, 5), st.integers(1, 40)), elements=st.integers(-2, 2)))
def test_an_inactive_neuron_is_never_important(values: np.ndarray) -> None:
    """Nor are there ever more than 10 % of the neurons, rounded, and one."""
    important = abstraction.important_neurons(values)
    assert (values[:, important] != 0).any(axis=0).all()
    assert len(important) <= max(1, round(values.shape[1] / 10 + 1e-9))


def test_important_neurons_come_best_first() -> None:
    values = np.tile(np.arange(20.0), (3, 1))
    assert abstraction.important_neurons(values).tolist() == [19, 18]


def literal_values(model: nn.Module, network: tracing.Network, pair: tuple[str, str], data: DomainImages) -> np.ndarray:
    """(N, U_l, U_m) edge values one kernel at a time, with SciPy's correlation."""
    from tlx.networks import models

    join = model.get_submodule(network.joins[pair])
    with hooks.entering(model, network.joins[pair]) as entered, torch.inference_mode():
        model(models.normalised(data.pixels, CASE))
    inputs, weight = entered[-1].numpy(), join.weight.detach().numpy()
    rows, columns = network.layer(pair[0]).units, network.layer(pair[1]).units
    found = np.zeros((len(data), rows, columns))
    for n in range(len(data)):
        for i in range(rows):
            for j in range(columns):
                if isinstance(join, nn.Linear):
                    each = rows and inputs[n].size // rows
                    found[n, i, j] = inputs[n, i * each : (i + 1) * each] @ weight[j, i * each : (i + 1) * each]
                    continue
                inside, per = weight.shape[1], columns // join.groups
                if j // per != i // inside:
                    continue
                step, spread = join.stride[0], join.dilation[0]
                kernel = np.kron(weight[j, i % inside], np.pad([[1.0]], ((0, spread - 1), (0, spread - 1))))
                kernel = kernel[: kernel.shape[0] - spread + 1, : kernel.shape[1] - spread + 1]
                padded = np.pad(inputs[n, i], join.padding[0])
                found[n, i, j] = correlate2d(padded, kernel, mode="valid")[::step, ::step].max()
    return found


@pytest.mark.parametrize("build", [toy.plain, toy.grouped])
def test_edges_equal_the_literal_reference(build: object) -> None:
    """Counts, means and the important set of every pair, for convolutions, flattened maps, groups and dilation."""
    model, data = toy.seeded(build), images(5)
    network = tracing.network(model, torch.randn(1, 3, 12, 12), (), "toy")
    assert network.joins
    for pair in network.joins:
        values = literal_values(model, network, pair, data)
        ours = abstraction.edges(model, network, pair, data, np.arange(5), case=CASE)
        top = max(1, int(values[0].size * 0.1 + 0.5))
        counts = np.zeros(values.shape[1:], int)
        for one in values:
            least = np.sort(one.ravel())[-top]
            counts += (one >= least) & (one > 0)
        assert np.abs(ours.value - values.mean(0)).max() < 1e-4
        assert (ours.counts != counts).mean() < 0.02  # float32 sums may swap two edges at the threshold
        order = sorted(np.ndindex(counts.shape), key=lambda e: (-int(ours.counts[e]), -ours.value[e], e))
        assert [tuple(edge) for edge in ours.important] == [edge for edge in order[:top] if ours.counts[edge] > 0]


@pytest.mark.parametrize("groups", [1, 2, 8])
@pytest.mark.parametrize("block", [1, 400, 10**9])
def test_blocks_of_kernels_do_not_change_their_responses(
    block: int, groups: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The largest response of each kernel alone, however few channels are looked at together."""
    torch.manual_seed(0)
    module, inputs = nn.Conv2d(8, 16, 3, padding=1, groups=groups), torch.randn(3, 8, 5, 5)
    monkeypatch.setattr(abstraction, "BLOCK", block)
    with torch.inference_mode():
        found = abstraction._of_convolution(inputs, module, (8, 16))
        for i in range(8):
            alone = torch.zeros_like(inputs)
            alone[:, i] = inputs[:, i]
            answers = nn.functional.conv2d(alone, module.weight, padding=1, groups=groups).amax((2, 3))
            joined = torch.arange(16) // (16 // groups) == i // (8 // groups)
            assert torch.allclose(found[:, i, joined], answers[:, joined], atol=1e-5)
            assert (found[:, i, ~joined] == 0).all()


def test_ties_at_the_threshold_are_all_kept() -> None:
    """Twenty equal edges: the top 10 % are two, and all twenty tie with the second."""
    assert abstraction.kept(torch.ones(1, 4, 5), 2).all()


def test_an_edge_without_positive_value_is_never_kept() -> None:
    values = torch.tensor([[[-1.0, -2.0], [-3.0, 0.0]]])
    assert not abstraction.kept(values, 2).any()
    assert len(abstraction.important_edges(np.zeros((2, 2), int), np.ones((2, 2)))) == 0


def test_of_equal_counts_the_larger_value_is_important() -> None:
    counts = np.full((4, 5), 3)
    value = np.zeros((4, 5))
    value[2, 3], value[1, 1] = 9.0, 8.0
    assert abstraction.important_edges(counts, value).tolist() == [[2, 3], [1, 1]]


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 9), st.sampled_from(["normal", "sparse", "few", "sorted", "misleading"]), st.floats(0.001, 1))
def test_the_nth_largest_of_many_is_exact(seed: int, kind: str, share: float) -> None:
    """Bracketing by a sample gives the very value sorting gives, also with ties and in sorted order."""
    values = torch.randn(300_000, generator=torch.Generator().manual_seed(seed))
    if kind == "sparse":
        values = values.clamp(min=0.8) - 0.8
    if kind == "few":
        values = values.round()
    if kind == "misleading":
        values[:: len(values) // abstraction.SAMPLE] += 10  # just those the sample takes
    if kind == "sorted":
        values = values.sort().values
    n = max(1, int(share * len(values)))
    assert abstraction.nth_largest(values, n) == values.sort(descending=True).values[n - 1]


@settings(deadline=None, max_examples=15)
@given(st.integers(0, 9), st.sampled_from(["dense", "sparse", "silent", "negative"]), st.floats(0.01, 0.9))
def test_edges_between_vectors_equal_the_plain_way(seed: int, kind: str, share: float) -> None:
    """Block by block and by active neurons only, as if all edges of an instance were held and sorted."""
    generator = torch.Generator().manual_seed(seed)
    inputs, kernels = torch.randn(3, 600, generator=generator), torch.randn(600, 500, generator=generator)
    if kind != "negative":
        inputs = inputs.clamp(min=2.0 if kind == "sparse" else 0.0)
        inputs[inputs == 2.0] = 0.0
    if kind == "silent":
        inputs[1] = 0.0
    values, top = inputs[:, :, None] * kernels, int(share * 600 * 500)
    counts, total = abstraction.between_vectors(inputs, kernels, top)
    least = values.flatten(1).sort(descending=True).values[:, top - 1, None, None]
    assert (counts == ((values >= least) & (values > 0)).sum(0)).all()
    assert torch.allclose(total, values.sum(0), atol=1e-4)
