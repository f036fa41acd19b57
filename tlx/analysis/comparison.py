"""How the neurons and edges of the two models relate for one class (5.3.2, Figure 3 C, method 4)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from tlx.analysis.similarity import Matrices, cosine
from tlx.results import Abstraction, Comparison, Correspondence, Pair

TIE = 1e-6  # similarities closer than this are equal: float32 cosines are no finer


def comparison(
    source: Mapping[str, np.ndarray],
    target: Mapping[str, np.ndarray],
    both: Mapping[str, Abstraction],
    correspondence: Correspondence,
) -> Comparison:
    """Compares the two models' (N, U) conductance per layer, on the same instances, and their important edges.

    both: the models' abstractions; correspondence: of their neurons.
    """
    likeness = Matrices(cosine, {name: (source[name], target[name]) for name in source})
    match = {name: best_match(similarities) for name, similarities in likeness.items()}
    counterparts = {
        "kept": {name: layer.source for name, layer in correspondence.layers.items()},
        "kept_by_function": {name: layer.function for name, layer in correspondence.layers.items()},
        "inherited": match,
    }
    known, wanted = both["source"].edges, both["target"].edges
    marks = {
        mark: {pair: shared(edges.important, known[pair].important, neurons, pair) for pair, edges in wanted.items()}
        for mark, neurons in counterparts.items()
    }
    active = {pair: joins_active(edges.important, both["target"].active, pair) for pair, edges in wanted.items()}
    return Comparison(both["target"].class_name, likeness, match, **marks, active=active)


def joins_active(important: np.ndarray, active: Mapping[str, np.ndarray], pair: Pair) -> np.ndarray:
    """(K,) bool: which edges join two neurons that are active on the class."""
    ends: np.ndarray = active[pair[0]][important[:, 0]] & active[pair[1]][important[:, 1]]
    return ends


def best_match(likeness: np.ndarray) -> np.ndarray:
    """(U_target,) the source neuron most similar to each target neuron; -1 if undefined.

    Of several equally similar ones the neuron of the same index, otherwise the lowest: neurons that respond to one
    instance only are all alike there, and none of them should look moved.
    """
    defined = ~np.isnan(likeness)
    ordered = np.where(defined, likeness, -np.inf)
    best = ordered.argmax(axis=0)
    same = np.arange(min(likeness.shape))
    tied = ordered[same, same] >= ordered.max(axis=0)[same] - TIE
    best[same[tied]] = same[tied]
    match: np.ndarray = np.where(defined.any(axis=0), best, -1)
    return match


def shared(
    important: np.ndarray, in_source: np.ndarray, counterpart: Mapping[str, np.ndarray], pair: Pair
) -> np.ndarray:
    """(K,) bool: which important target edges have an important source edge between their ends' counterparts.

    important: (K, 2) target edges; in_source: (K', 2) important source edges; counterpart: per layer (U_target,).
    """
    wanted = carried(important, counterpart, pair)
    columns = int(max(in_source[:, 1].max(initial=0), wanted[:, 1].max(initial=0))) + 1
    known = in_source[:, 0].astype(np.int64) * columns + in_source[:, 1]
    asked = wanted[:, 0].astype(np.int64) * columns + wanted[:, 1]
    result: np.ndarray = np.isin(asked, known) & (wanted >= 0).all(axis=1)
    return result


def carried(edges: np.ndarray, counterpart: Mapping[str, np.ndarray], pair: Pair) -> np.ndarray:
    """(K, 2) the edges between the counterparts of these edges' ends; -1 where an end has none."""
    return np.stack([counterpart[layer][edges[:, end]] for end, layer in enumerate(pair)], axis=1)
