"""The discriminability plot's numbers: where instances, axes and labels lie; pure tables, no figure (5.4.2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from tlx.figures.labels import apart
from tlx.results import Discriminability

REACH = 0.9  # the longest axis drawn reaches this share of the way to the outermost instance
APART = 0.06  # least vertical distance of two axes' labels, as a share of the plot's height


def held_out(result: Discriminability) -> np.ndarray:
    """(N, 2) where the instances lie: across the out-of-fold decision value, up A g. The boundary is at 0 across."""
    return np.column_stack([result.decision, result.coordinates[:, 1]])


def seen_by(result: Discriminability, active: Sequence[int]) -> np.ndarray:
    """(N, 2) the same plane as some neurons alone make it: their rows of W and their columns of A (5.4.2).

    active: columns. Every other neuron counts as if it had its mean over the instances (0 after standardising), so that
    at 0 across the classifier that did not know an instance changes its mind about one like it.
    """
    columns = list(active)
    values = result.values[:, columns].astype(float)
    standard = (values - values.mean(axis=0)) / values.std(axis=0)
    across = (standard * result.fold_axes[result.fold][:, columns]).sum(axis=1) + result.fold_offset[result.fold]
    return np.column_stack([across, standard @ result.axes[columns, 1]])


def agreement(result: Discriminability, coordinates: np.ndarray) -> float:
    """Share of instances that `coordinates` put on the side of the boundary where the whole classifier has them."""
    return float(np.mean((coordinates[:, 0] > 0) == (result.decision > 0)))


def origin(result: Discriminability) -> np.ndarray:
    """(2,) where the axes begin: an instance all of whose neurons have their mean."""
    return np.array([-result.boundary, 0.0])


def point_table(result: Discriminability, coordinates: np.ndarray, instances: pd.DataFrame | None) -> pd.DataFrame:
    """One row an instance: place, domain, what the held-out classifier says, and what the target model says."""
    says = np.where(result.decision > 0, "target", "source")
    data = pd.DataFrame(
        {
            "x": coordinates[:, 0],
            "y": coordinates[:, 1],
            "domain": result.domain.astype(str),
            "instance": result.instances,
            "decision": result.decision,
            "says": says,
            "verdict": np.where(says == result.domain, "✓", "✗"),
        }
    )
    if instances is None:
        return data
    predictions = instances[["domain", "instance", "prediction", "confidence"]]
    return data.merge(predictions, on=["domain", "instance"], how="left", validate="one_to_one")


def axes_table(
    result: Discriminability,
    active: Sequence[int],
    titles: Mapping[str, str],
    coordinates: np.ndarray,
    chosen: int | None = None,
    order: np.ndarray | None = None,
) -> pd.DataFrame:
    """One row an active neuron: the end of its axis, all scaled by one factor, and where its label stands.

    order: (P,) all columns in the list's order, whose places the labels tell; `result.by_auc` by default.
    """
    columns, begin = list(active), origin(result)
    ends = begin + _scaled(result.axes[columns], coordinates - begin)
    left = ends[:, 0] < begin[0]
    places = np.empty(len(result.ranking), dtype=int)
    places[result.by_auc if order is None else order] = np.arange(1, len(places) + 1)
    neurons = [result.neurons[column] for column in columns]
    return pd.DataFrame(
        {
            "x": ends[:, 0],
            "y": ends[:, 1],
            "label_y": _on_both_sides(ends[:, 1], left, APART * 2.3 * np.abs(coordinates[:, 1]).max(initial=1e-9)),
            "align": np.where(left, "left", "right"),  # labels stand at the plot's edges
            "shift": np.where(left, 1, -1),
            "place": places[columns],
            "layer": [layer for layer, _ in neurons],
            "title": [titles[layer] for layer, _ in neurons],
            "neuron": [index for _, index in neurons],
            "label": [
                f"#{place}  {titles[layer].partition(':')[0]} · {index}"
                for place, (layer, index) in zip(places[columns], neurons, strict=True)
            ],
            "auc": result.auc[columns],
            "weight": result.weights[columns],
            "towards": np.where(result.weights[columns] > 0, "target-like", "source-like"),
            "u": result.axes[columns, 0],
            "g": result.axes[columns, 1],
            "width": axis_widths(columns, chosen),
        }
    )


def axis_widths(active: Sequence[int], chosen: int | None) -> list[float]:
    """Of each axis in px; that of the chosen column stands out."""
    return [4.5 if column == chosen else 2.5 for column in active]


def _scaled(axes: np.ndarray, coordinates: np.ndarray) -> np.ndarray:
    """The axes, all times one factor, as long as the outermost instances allow in both directions."""
    longest, reach = np.abs(axes).max(axis=0, initial=0), REACH * np.abs(coordinates).max(axis=0)
    factors = reach[longest > 0] / longest[longest > 0]
    return axes * factors.min(initial=np.inf) if len(factors) else axes


def _on_both_sides(heights: np.ndarray, left: np.ndarray, least: float) -> np.ndarray:
    """The heights moved apart on either side of the plot, which do not stand in each other's way."""
    moved = heights.copy()
    for side in (left, ~left):
        moved[side] = apart(heights[side], least)
    return moved
