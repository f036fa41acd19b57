"""What share of edges two networks would share by chance: edges at random, every neuron's number of edges kept.

Busy neurons meet busy neurons in networks that never met, so chance is not the edges' density. The maximum-entropy
bipartite graph with the expected degrees of the source's important edges (Squartini & Garlaschelli 2011) has edge
(i, j) with probability p_ij = x_i y_j / (1 + x_i y_j), independently of all others (method 4).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tlx.analysis.intervals import Z

_ROUNDS = 20_000  # of the iteration; a few hundred are usual
_CLOSE = 1e-6  # of the degrees, in edges


@dataclass(frozen=True, eq=False)
class RandomEdges:
    """The random graph.

    x, y: of each first and each second neuron; 0 or infinite where all its remaining edges are certain. turn_x, turn_y:
    when that was found: of two such neurons the earlier one decides. Those that are not certain come last.
    """

    x: np.ndarray
    y: np.ndarray
    turn_x: np.ndarray
    turn_y: np.ndarray

    def probability(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """(K,) of the edges (first[k], second[k])."""
        x, y = self.x[first], self.y[second]
        earlier = np.where(self.turn_x[first] <= self.turn_y[second], x, y)
        certain = np.isinf(earlier) | (earlier == 0)
        product = np.where(certain, 0.0, np.where(np.isinf(x) | np.isinf(y), 0.0, x) * np.where(np.isinf(y), 0.0, y))
        result: np.ndarray = np.where(certain, np.isinf(earlier), product / (1 + product))
        return result


def random_edges(edges: np.ndarray, shape: tuple[int, int]) -> RandomEdges:
    """The random graph with the degrees of these edges, (K, 2) distinct pairs, among `shape` neurons."""
    degrees = [np.bincount(edges[:, axis], minlength=size) for axis, size in enumerate(shape)]
    values = [np.full(size, np.nan) for size in shape]
    turns = [np.full(size, np.iinfo(np.int64).max) for size in shape]
    # A neuron that has none or all of the edges left to it is certain; the others share what it leaves.
    turn, quiet = 0, 0
    while quiet < 2:
        axis = turn % 2
        free, others = np.isnan(values[axis]), np.isnan(values[1 - axis])
        left = degrees[axis] - np.isinf(values[1 - axis]).sum()
        none = free & (left == 0)
        full = free & ~none & (left == others.sum())
        values[axis][none], values[axis][full] = 0.0, np.inf
        turns[axis][none | full] = turn
        turn, quiet = turn + 1, 0 if (none | full).any() else quiet + 1
    free_rows, free_columns = (np.isnan(one) for one in values)
    if free_rows.any():
        rows = degrees[0][free_rows] - np.isinf(values[1]).sum()
        columns = degrees[1][free_columns] - np.isinf(values[0]).sum()
        values[0][free_rows], values[1][free_columns] = _solved(rows, columns)
    return RandomEdges(*values, *turns)


def _solved(rows: np.ndarray, columns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """x and y with these expected degrees, by iteration over distinct degrees: equal degrees have equal x."""
    (r, row_of, row_count), (c, column_of, column_count) = (
        np.unique(degrees, return_inverse=True, return_counts=True) for degrees in (rows, columns)
    )
    total = np.sqrt(float((r * row_count).sum()))
    x, y = r / total, c / total
    for _ in range(_ROUNDS):
        x = r / ((column_count * y) / (1 + np.outer(x, y))).sum(axis=1)
        y = c / ((row_count * x)[:, None] / (1 + np.outer(x, y))).sum(axis=0)
        expected = (column_count * (np.outer(x, y) / (1 + np.outer(x, y)))).sum(axis=1)
        if np.abs(expected - r).max() < _CLOSE:
            break
    return x[row_of], y[column_of]


def shared(graph: RandomEdges, wanted: np.ndarray, count: int) -> tuple[float, float, float]:
    """Mean and 95 % range of the share of `count` edges that are edges of the random graph.

    wanted: (K, 2) the edges looked for, K <= count; one that is looked for several times is there each time or never.
    """
    if count == 0:
        return float("nan"), float("nan"), float("nan")
    pairs, times = np.unique(wanted, axis=0, return_counts=True) if len(wanted) else (wanted, np.zeros(0))
    p = graph.probability(pairs[:, 0], pairs[:, 1])
    mean, spread = float((times * p).sum() / count), float(np.sqrt((times**2 * p * (1 - p)).sum()) / count)
    return mean, max(0.0, mean - Z * spread), min(1.0, mean + Z * spread)
