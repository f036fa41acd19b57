"""How alike the neurons of the two models are, and which measure tells those that correspond from others (method 4).

Conductance is mostly positive, so that its cosine is near 1 for any two neurons; correlations take the mean out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from uuid import uuid4

import numpy as np
import pandas as pd

from tlx.results import SIMILARITIES, Abstraction, Correspondence, SimilarityScales
from tlx.storage.held import Held

_SAMPLED = 128  # target neurons of a layer whose pairs with all source neurons are told from counterparts
_COLUMNS = ["measure", "layer", "n", "separation", "counterparts", "others"]


def cosine(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """(U_source, U_target) cosine of columns, (n, U) each; NaN where either is zero throughout (5.3.2)."""
    alike: np.ndarray = (_unit_columns(source).T @ _unit_columns(target)).astype(np.float32)
    return alike


def _unit_columns(values: np.ndarray) -> np.ndarray:
    exact = values.astype(np.float64)
    length = np.linalg.norm(exact, axis=0)
    scaled: np.ndarray = exact / np.where(length > 0, length, np.nan)
    return scaled


def correlation(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """(U_source, U_target) Pearson correlation of columns, (n, U) each; NaN where either is constant."""
    one, other = (unit_rows((values - values.mean(axis=0, dtype=np.float64)).T) for values in (source, target))
    alike: np.ndarray = one @ other.T
    return alike


def unit_rows(rows: np.ndarray) -> np.ndarray:
    """The rows at length 1, in float32; NaN where a row's length is nothing beside the longest's."""
    length = np.linalg.norm(np.asarray(rows, dtype=np.float64), axis=1, keepdims=True)
    known = length > 1e-9 * max(length.max(initial=0.0), np.finfo(float).tiny)
    unit: np.ndarray = np.where(known, rows / np.where(known, length, 1), np.nan).astype(np.float32)
    return unit


class Matrices(Mapping[str, np.ndarray]):
    """Per layer (U_source, U_target) similarity by one measure, multiplied out when it is asked for.

    What is kept is what it is made of, (n, U) of either model: of a few instances and thousands of neurons that is a
    hundredth. A layer's matrix is kept where that is the smaller; those made last stay in memory, read-only.
    """

    def __init__(
        self,
        measure: Callable[[np.ndarray, np.ndarray], np.ndarray],
        values: Mapping[str, tuple[np.ndarray, ...]],
    ) -> None:
        self._measure, self._key = measure, uuid4()  # the key of what is in memory; an `id` would be given again
        self._kept: dict[str, np.ndarray | tuple[np.ndarray, ...]] = {
            name: both if sum(one.nbytes for one in both) < _size(*both) else measure(*both)
            for name, both in values.items()
        }

    def __getitem__(self, layer: str) -> np.ndarray:
        kept = self._kept[layer]
        if isinstance(kept, np.ndarray):
            return kept
        found = _MADE.get((self._key, layer))
        if found is None:
            found = (self._measure(*kept),)
            found[0].flags.writeable = False
            _MADE.put((self._key, layer), found[0])
        matrix: np.ndarray = found[0]
        return matrix

    def __iter__(self) -> Iterator[str]:
        return iter(self._kept)

    def __len__(self) -> int:
        return len(self._kept)


_MADE = Held()


def _size(source: np.ndarray, target: np.ndarray) -> int:
    """Bytes of the float32 matrix of their columns."""
    return 4 * int(source.shape[1]) * int(target.shape[1])


def scales(
    matrices: Mapping[str, Mapping[str, np.ndarray]],
    correspondence: Correspondence,
    both: Mapping[str, Abstraction],
) -> SimilarityScales:
    """What each measure makes of pairs that correspond and of others.

    matrices: per measure of `SIMILARITIES` and layer (U_source, U_target); both: the models' abstractions of one class.
    """
    rows: list[tuple[str, str, int, float, float, float]] = []
    for measure in SIMILARITIES:
        for layer, alike in matrices[measure].items():
            twin = correspondence.layers[layer].source
            shown = [both[model].important[layer] for model in ("source", "target")]
            pairs, others = _parted(alike, twin, *shown)
            count, separation = _separation(alike, twin)
            rows.append((measure, layer, count, separation, _median(pairs), _median(others)))
    return SimilarityScales(both["target"].class_name, pd.DataFrame(rows, columns=_COLUMNS))


def _separation(alike: np.ndarray, twin: np.ndarray) -> tuple[int, float]:
    """How many counterparts are told, and the chance that one is more alike than a pair of other neurons (AUC)."""
    known = np.flatnonzero(twin >= 0)
    pairs = alike[twin[known], known]
    sample = np.unique(np.linspace(0, alike.shape[1] - 1, min(alike.shape[1], _SAMPLED)).astype(int))
    _, others = _parted(alike, twin, np.arange(len(alike)), sample)
    pairs, others = (values[~np.isnan(values)] for values in (pairs, others))
    if not len(pairs) or not len(others):
        return len(pairs), float("nan")
    below, up_to = (np.searchsorted(np.sort(others), pairs, side) for side in ("left", "right"))
    return len(pairs), float((below + up_to).mean() / 2 / len(others))


def _parted(
    alike: np.ndarray, twin: np.ndarray, source: np.ndarray, target: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The similarities, flat, of these neurons' pairs that correspond, and of their other pairs."""
    values, corresponds = alike[np.ix_(source, target)], twin[target] == source[:, None]
    return values[corresponds], values[~corresponds]


def _median(values: np.ndarray) -> float:
    known = values[~np.isnan(values)]
    return float(np.median(known)) if len(known) else float("nan")
