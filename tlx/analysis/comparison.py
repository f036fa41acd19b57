"""How the neurons and edges of the two models relate for one class (5.3.2, Figure 3 C, method 4)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from tlx.results import Abstraction, Comparison

TIE = 1e-6  # similarities closer than this are equal: float32 cosines are no finer


def comparison(
    source: Mapping[str, np.ndarray],
    target: Mapping[str, np.ndarray],
    source_structure: Abstraction,
    target_structure: Abstraction,
) -> Comparison:
    """Compares the two models' (N, U) conductance per layer, on the same instances, and their important edges."""
    likeness = {name: similarity(source[name], target[name]) for name in source}
    match = {name: best_match(similarities) for name, similarities in likeness.items()}
    return Comparison(
        class_name=target_structure.class_name,
        similarity=likeness,
        match=match,
        inherited={
            pair: inherited(edges.important, source_structure.edges[pair].important, match[pair[0]], match[pair[1]])
            for pair, edges in target_structure.edges.items()
        },
    )


def similarity(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """(U_source, U_target) cosine of conductance vectors over instances; NaN where either neuron is inactive."""
    cosine: np.ndarray = (_unit_columns(source).T @ _unit_columns(target)).astype(np.float32)
    return cosine


def _unit_columns(values: np.ndarray) -> np.ndarray:
    exact = values.astype(np.float64)
    length = np.linalg.norm(exact, axis=0)
    scaled: np.ndarray = exact / np.where(length > 0, length, np.nan)
    return scaled


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


def inherited(important: np.ndarray, in_source: np.ndarray, match: np.ndarray, match_next: np.ndarray) -> np.ndarray:
    """(K,) bool: which important target edges have an important source edge between their neurons' matches.

    important: (K, 2) target edges; in_source: (K', 2) important source edges; match, match_next: (U_target,) of the
    two layers.
    """
    counterpart = np.stack([match[important[:, 0]], match_next[important[:, 1]]], axis=1)
    columns = int(max(in_source[:, 1].max(initial=0), counterpart[:, 1].max(initial=0))) + 1
    known = in_source[:, 0].astype(np.int64) * columns + in_source[:, 1]
    asked = counterpart[:, 0].astype(np.int64) * columns + counterpart[:, 1]
    is_inherited: np.ndarray = np.isin(asked, known) & (counterpart >= 0).all(axis=1)
    return is_inherited
