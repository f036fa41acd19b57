"""Edges at random with every neuron's number of edges kept: degrees, extremes, and curveball draws as the oracle."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tlx.analysis.chance import random_edges, shared


def expected(edges: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """The probability of every edge."""
    first, second = (grid.ravel() for grid in np.indices(shape))
    return random_edges(edges, shape).probability(first, second).reshape(shape)


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 7), st.integers(1, 7), st.integers(0, 2**32 - 1), st.floats(0, 1))
def test_every_neuron_keeps_its_number_of_edges(rows: int, columns: int, seed: int, share: float) -> None:
    """In the mean, also where a neuron has none or all."""
    edges = np.argwhere(np.random.default_rng(seed).random((rows, columns)) < share)
    p = expected(edges, (rows, columns))
    np.testing.assert_allclose(p.sum(axis=1), np.bincount(edges[:, 0], minlength=rows), atol=1e-4)
    np.testing.assert_allclose(p.sum(axis=0), np.bincount(edges[:, 1], minlength=columns), atol=1e-4)


def test_equal_degrees_are_the_density() -> None:
    """Three of nine edges, one for each neuron: one in three by chance."""
    np.testing.assert_allclose(expected(np.stack([np.arange(3)] * 2, axis=1), (3, 3)), 1 / 3, atol=1e-6)


def test_mean_and_range_of_a_share_by_hand() -> None:
    """Each of the three edges looked for is there with 1/3: mean 1/3, variance (3 * 2/9) / 9."""
    graph = random_edges(np.stack([np.arange(3)] * 2, axis=1), (3, 3))
    mean, low, high = shared(graph, np.array([[0, 1], [1, 2], [2, 0]]), 3)
    assert mean == pytest.approx(1 / 3, abs=1e-6)
    assert (low, high) == pytest.approx((0.0, 1 / 3 + 1.96 * np.sqrt(2 / 27)), abs=1e-4)


def test_one_edge_looked_for_twice_is_there_twice_or_never() -> None:
    """Twice the same edge spreads as one edge does."""
    graph = random_edges(np.stack([np.arange(3)] * 2, axis=1), (3, 3))
    once, twice = (shared(graph, np.array([[0, 1]] * times), times) for times in (1, 2))
    assert twice == pytest.approx(once)


def test_what_has_no_counterpart_is_never_there() -> None:
    """Two of four edges are looked for at all."""
    graph = random_edges(np.stack([np.arange(3)] * 2, axis=1), (3, 3))
    assert shared(graph, np.array([[0, 1], [1, 2]]), 4)[0] == pytest.approx(1 / 6, abs=1e-6)
    assert np.isnan(shared(graph, np.empty((0, 2), int), 0)).all()


def curveball(edges: np.ndarray, shape: tuple[int, int], rng: np.random.Generator, trades: int = 20) -> np.ndarray:
    """A draw with exactly these degrees (Strona et al. 2014): pairs of rows trade what only one of them has."""
    rows = [set(edges[edges[:, 0] == row, 1].tolist()) for row in range(shape[0])]
    for _ in range(trades * shape[0]):
        one, other = rng.choice(shape[0], 2, replace=False)
        mine, theirs = rows[one] - rows[other], rows[other] - rows[one]
        pool = rng.permutation(sorted(mine | theirs)).tolist()
        both = rows[one] & rows[other]
        rows[one], rows[other] = both | set(pool[: len(mine)]), both | set(pool[len(mine) :])
    drawn = np.zeros(shape, dtype=bool)
    for row, columns in enumerate(rows):
        drawn[row, sorted(columns)] = True
    return drawn


def test_the_mean_is_that_of_curveball_draws_and_the_range_holds_theirs() -> None:
    """Busy neurons on both sides: chance is 0.6 where the density is 0.1, and the closed form's range is the wider."""
    rng, shape = np.random.default_rng(0), (16, 20)
    busy = rng.gamma(0.5, size=shape[0])[:, None] * rng.gamma(0.5, size=shape[1])
    source, target = (
        np.stack(np.unravel_index(np.argsort(-(busy * rng.gamma(2, size=shape)).ravel())[:32], shape), axis=1)
        for _ in range(2)
    )
    draws = [curveball(source, shape, rng)[target[:, 0], target[:, 1]].mean() for _ in range(150)]
    mean, low, high = shared(random_edges(source, shape), target, len(target))
    assert mean == pytest.approx(np.mean(draws), abs=0.03)
    assert mean > 0.4
    assert np.mean([low <= draw <= high for draw in draws]) >= 0.95
