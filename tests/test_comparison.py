"""Similarity against scikit-learn, matches and inheritance by hand."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from sklearn.metrics.pairwise import cosine_similarity

from tlx.analysis import comparison, similarity
from tlx.results import Comparison

WHOLE = st.integers(-4, 4)


@settings(deadline=None, max_examples=40)
@given(
    arrays.arrays(np.float32, st.tuples(st.just(5), st.integers(1, 7)), elements=WHOLE),
    arrays.arrays(np.float32, st.tuples(st.just(5), st.integers(1, 7)), elements=WHOLE),
)
def test_similarity_is_scikit_learns_cosine_and_undefined_for_inactive_neurons(
    source: np.ndarray, target: np.ndarray
) -> None:
    found = similarity.cosine(source, target)
    defined = (source != 0).any(0)[:, None] & (target != 0).any(0)[None, :]
    assert (np.isnan(found) == ~defined).all()
    assert np.allclose(found[defined], cosine_similarity(source.T, target.T)[defined], atol=1e-6)


def test_a_model_compared_with_itself_matches_every_active_neuron_with_itself() -> None:
    values = np.random.default_rng(0).normal(size=(9, 6))
    values[:, 2] = 0
    assert comparison.best_match(similarity.cosine(values, values)).tolist() == [0, 1, -1, 3, 4, 5]


def test_the_most_similar_source_neuron_is_the_match() -> None:
    """Target neuron 0 behaves as source neuron 1 and the other way round; a negative multiple is not similar."""
    source = np.array([[1.0, 0.0], [0.0, 1.0]])
    target = np.array([[0.0, 2.0, -1.0], [3.0, 0.0, 0.0]])
    likeness = similarity.cosine(source, target)
    assert likeness.tolist() == [[0.0, 1.0, -1.0], [1.0, 0.0, 0.0]]
    assert comparison.best_match(likeness).tolist() == [1, 0, 1]


PAIR = ("one", "two")


def test_an_edge_is_shared_between_the_counterparts_of_both_its_neurons() -> None:
    """Target edge (0, 1) leads between source neurons 2 and 0; only that edge is important in the source model."""
    counterpart = {"one": np.array([2, 1, -1]), "two": np.array([5, 0])}
    important = np.array([[0, 1], [1, 1], [0, 0], [2, 1]])
    in_source = np.array([[2, 0], [0, 1]])
    assert comparison.shared(important, in_source, counterpart, PAIR).tolist() == [True, False, False, False]


def test_without_a_counterpart_nothing_is_shared() -> None:
    """-1 must not wrap around: (1, -1) is not the edge before (1, 0), which is (0, 3) of four columns."""
    counterpart = {"one": np.array([1]), "two": np.array([-1])}
    assert comparison.shared(np.array([[0, 0]]), np.array([[0, 3]]), counterpart, PAIR).tolist() == [False]


def test_edges_of_inactive_neurons_leave_the_share() -> None:
    """Of four edges two end in an inactive neuron; of the others one is kept."""
    active = comparison.joins_active(
        np.array([[0, 0], [0, 1], [1, 0], [1, 1]]),
        {"one": np.array([True, False]), "two": np.array([True, True])},
        PAIR,
    )
    assert active.tolist() == [True, True, False, False]
    marks = {PAIR: np.array([True, False, True, True])}
    found = Comparison("cup", {}, {}, marks, marks, marks, {PAIR: active})
    assert found.share("kept", PAIR) == 0.5
    assert np.isnan(Comparison("cup", {}, {}, marks, marks, marks, {PAIR: active & False}).share("kept", PAIR))


def test_a_tie_goes_to_the_same_index() -> None:
    """Three neurons that respond to one and the same instance are equally similar: each matches itself."""
    values = np.zeros((4, 3))
    values[2] = [1.0, 7.0, 2.0]
    assert comparison.best_match(similarity.cosine(values, values)).tolist() == [0, 1, 2]
    assert comparison.best_match(np.array([[0.5, 0.9], [0.9, 0.9 - 1e-3]])).tolist() == [1, 0]
