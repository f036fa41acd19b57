"""What conductance says of a class: the rows of its instances, with rounding taken out (method 3).

Every stage and page that reads the conductance of a class reads it from here, so that "inactive", conductance 0 on
every instance of the class, means the same everywhere.
"""

from __future__ import annotations

import numpy as np

from tlx.results import Conductance, Contribution, OnClass

ROUNDING = 1e-6  # of a layer's largest magnitude: float32 sums of a path's steps are no finer


def without_rounding(values: np.ndarray) -> np.ndarray:
    """(n, U) of one layer on a class's instances, with 0 for what is below ROUNDING of the largest magnitude."""
    magnitude = np.abs(values)
    cleaned: np.ndarray = np.where(magnitude < ROUNDING * magnitude.max(initial=0), 0, values).astype(values.dtype)
    return cleaned


def by_layer(measured: Conductance, chosen: np.ndarray) -> dict[str, np.ndarray]:
    """Per layer (n, U): conductance on a class's instances, given by their indices (n,)."""
    return {name: without_rounding(measured.layer(name)[chosen]) for name in measured.layers}


def on_class(measured: Conductance, chosen: np.ndarray) -> OnClass:
    """The same, the layers side by side, as exact as it is shown."""
    values = np.concatenate([*by_layer(measured, chosen).values()], axis=1)
    return OnClass(chosen, as_shown(values), measured.layers, measured.units)


def as_shown(values: np.ndarray) -> np.ndarray:
    """float32 of 11 significant bits, three digits: no chart needs more, and compressed they take half the room."""
    fraction, exponent = np.frexp(values)
    shown: np.ndarray = np.ldexp(np.rint(fraction * 2048) / 2048, exponent).astype(np.float32)
    return shown


def contribution(measured: Conductance, chosen: np.ndarray) -> Contribution:
    """What each neuron adds to the score in the mean of a class's instances (n,), and how well that adds up."""
    summed = [without_rounding(measured.layer_summed(name)[chosen]) for name in measured.layers]
    return Contribution(
        mean=np.concatenate([of_layer.mean(axis=0, dtype=np.float64) for of_layer in summed]).astype(np.float32),
        completeness_error=_medians(measured.completeness_error[chosen]),
        layers=measured.layers,
        units=measured.units,
        own_class=bool(measured.own_class[chosen].all()),
        n_steps=measured.n_steps,
    )


def _medians(errors: np.ndarray) -> np.ndarray:
    """(layers,) medians of (n, layers) over the instances that have an error; NaN where none has."""
    known = [column[~np.isnan(column)] for column in errors.T]
    return np.array([np.median(column) if len(column) else np.nan for column in known])
