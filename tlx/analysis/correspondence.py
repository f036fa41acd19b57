"""Which source neuron each target neuron corresponds to, layer by layer: by descent where weights show it, else by
function (method 4).

The paper's match, the most similar source neuron by conductance on a class, measures ambiguity as much as reuse: many
target neurons share one match. A correspondence is one to one, and of the two networks, not of a class.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy.optimize import linear_sum_assignment

from tlx.analysis.similarity import correlation, unit_rows
from tlx.results import Correspondence, Layer, LayerCorrespondence, Network

DESCENT = 0.5  # median cosine of same-index neurons' incoming weights from which a layer may be the source's
OTHERS = 0.99  # quantile of the cosines of other pairs that it must exceed, too
TIE = 1e-6  # of correlation: what counts as equal, and then goes to the same index
_SAMPLED = 2048  # neurons whose weights are compared with all others': a quantile needs no more


def correspondence(
    weights: Mapping[str, Mapping[str, np.ndarray]], activations: Mapping[str, Mapping[str, np.ndarray]]
) -> Correspondence:
    """Correspondence of the layers in `activations`.

    Args:
        weights: per model and layer (U, D) incoming weights of each neuron, a row each.
        activations: per model and layer (N, U) on the same N target instances.
    """
    layers = {}
    for name, target in activations["target"].items():
        same, others = weight_cosines(weights["source"][name], weights["target"][name])
        function, strength = by_function(activations["source"][name], target)
        descent = is_descent(same, others)
        layers[name] = LayerCorrespondence(
            descent=descent,
            source=np.arange(len(function)) if descent else function,
            function=function,
            strength=strength,
            weight_cosine=same,
            others=_middle_and_range(others),
        )
    return Correspondence(layers)


def incoming(tensors: Mapping[str, np.ndarray], network: Network) -> dict[str, np.ndarray]:
    """Per layer (U, D) what enters each neuron: its row of the layer's weights, or of all weights within a block."""
    rows = {}
    for layer in network.layers:
        own = tensors.get(f"{layer.module}.weight")
        within = [one for name, one in tensors.items() if name.startswith(f"{layer.module}.")] if own is None else [own]
        parts = [_by_unit(one, layer) for one in within if one.ndim > 1 and _rows(one, layer)]
        rows[layer.name] = np.concatenate(parts, axis=1) if parts else np.empty((0, 0), np.float32)
    return rows


def _rows(weights: np.ndarray, layer: Layer) -> int:
    """How many rows of these weights belong to each neuron: one, or in a recurrent layer one for each gate; 0: none."""
    if layer.kind == "recurrent":
        return len(weights) // layer.units if len(weights) % layer.units == 0 else 0
    return int(len(weights) == layer.units)


def _by_unit(weights: np.ndarray, layer: Layer) -> np.ndarray:
    """(U, D): gates lie one after the other, each with a row for every neuron."""
    rows = weights.reshape(_rows(weights, layer), layer.units, -1)
    return np.moveaxis(rows, 0, 1).reshape(layer.units, -1)


def _middle_and_range(values: np.ndarray) -> tuple[float, float, float]:
    if len(values) == 0:
        return float("nan"), float("nan"), float("nan")
    middle, low, high = (float(number) for number in np.quantile(values, [0.5, 0.025, 0.975]))
    return middle, low, high


def is_descent(same: np.ndarray, others: np.ndarray) -> bool:
    """Whether a layer evidently comes from the source's: its neurons' weights are nearest to those of their index."""
    if len(same) == 0 or np.isnan(same).all():
        return False
    known = others[~np.isnan(others)]
    beyond = float(np.quantile(known, OTHERS)) if len(known) else -1.0
    return bool(np.nanmedian(same) > max(DESCENT, beyond))


def weight_cosines(source: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Cosine of incoming weights: (U,) of pairs of the same index, and of other pairs, flat.

    source, target: (U, D). Both empty where the shapes differ: such a layer cannot come from the source's.
    """
    if source.shape != target.shape or len(target) == 0:
        return np.empty(0, np.float32), np.empty(0, np.float32)
    one, other = (unit_rows(weights) for weights in (source, target))
    same = (one * other).sum(axis=1)
    rows = np.linspace(0, len(one) - 1, min(len(one), _SAMPLED)).astype(int)
    pairs = one[rows] @ other.T
    pairs[np.arange(len(rows)), rows] = np.nan
    return same, pairs[~np.isnan(pairs)]


def by_function(source: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The one-to-one assignment that maximises the sum of correlations of activations over all instances.

    source: (N, U_source), target: (N, U_target). Returns (U_target,) source neuron of each target neuron, -1 where
    there are fewer source neurons, and its correlation, NaN where either never changes. Ties go to the same index.
    """
    likeness = correlation(source, target)
    wanted = np.nan_to_num(likeness)
    both = np.arange(min(wanted.shape))
    wanted[both, both] += TIE
    rows, columns = linear_sum_assignment(wanted, maximize=True)
    assigned = np.full(target.shape[1], -1, dtype=np.int64)
    assigned[columns] = rows
    strength = np.full(target.shape[1], np.nan, dtype=np.float32)
    strength[columns] = likeness[rows, columns]
    return assigned, strength
