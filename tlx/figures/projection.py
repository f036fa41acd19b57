"""The discriminability plot's numbers: where instances, axes and labels lie; pure tables, no figure (5.4.2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from tlx.results import Discriminability

REACH = 0.9  # the longest axis drawn reaches this share of the way to the outermost instance
APART = 0.06  # least vertical distance of two axes' labels, as a share of the plot's height


def seen_by(result: Discriminability, active: Sequence[int]) -> np.ndarray:
    """(N, 2) the plane as some neurons alone make it: their rows of W and their columns of A (5.4.2).

    active: columns. Every other neuron counts as if it had its mean over the instances (0 after standardising), so the
    boundary's place stays `result.boundary`: there the classifier's decision value is 0 for such an instance.
    """
    columns = result.values[:, list(active)]
    standard = (columns - columns.mean(axis=0)) / columns.std(axis=0)
    return np.asarray(standard @ result.axes[list(active)])


def agreement(result: Discriminability, coordinates: np.ndarray) -> float:
    """Share of instances that `coordinates` put on the side of the boundary where the whole classifier has them."""
    drawn, whole = coordinates[:, 0] > result.boundary, result.coordinates[:, 0] > result.boundary
    return float(np.mean(drawn == whole))


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
) -> pd.DataFrame:
    """One row an active neuron: the end of its axis, all scaled by one factor, and where its label stands."""
    columns = list(active)
    ends = _scaled(result.axes[columns], coordinates)
    places = np.empty(len(result.ranking), dtype=int)
    places[result.ranking] = np.arange(1, len(places) + 1)
    neurons = [result.neurons[column] for column in columns]
    return pd.DataFrame(
        {
            "x": ends[:, 0],
            "y": ends[:, 1],
            "label_y": _spread(ends[:, 1], APART * 2.3 * np.abs(coordinates[:, 1]).max(initial=1e-9)),
            "align": np.where(ends[:, 0] < 0, "left", "right"),  # labels stand at the plot's edges
            "shift": np.where(ends[:, 0] < 0, 6, -6),
            "place": places[columns],
            "layer": [layer for layer, _ in neurons],
            "title": [titles[layer] for layer, _ in neurons],
            "neuron": [index for _, index in neurons],
            "label": [
                f"#{place}  {titles[layer].partition(':')[0]} · {index}"
                for place, (layer, index) in zip(places[columns], neurons, strict=True)
            ],
            "weight": result.weights[columns],
            "towards": np.where(result.weights[columns] > 0, "target-like", "source-like"),
            "u": result.axes[columns, 0],
            "g": result.axes[columns, 1],
            "width": [4.5 if column == chosen else 2.5 for column in columns],
        }
    )


def _scaled(axes: np.ndarray, coordinates: np.ndarray) -> np.ndarray:
    """The axes, all times one factor, as long as the outermost instances allow in both directions."""
    longest, reach = np.abs(axes).max(axis=0, initial=0), REACH * np.abs(coordinates).max(axis=0)
    factors = reach[longest > 0] / longest[longest > 0]
    return axes * factors.min(initial=np.inf) if len(factors) else axes


def _spread(heights: np.ndarray, least: float) -> np.ndarray:
    """The heights moved apart, in their order, until neighbours are at least `least` from each other."""
    order = np.argsort(heights, kind="stable")
    moved = heights[order]
    for _ in range(100):
        gaps = np.diff(moved)
        close = gaps < least - 1e-9
        if not close.any():
            break
        push = np.where(close, (least - gaps) / 2, 0)
        moved = moved - np.append(push, 0) + np.insert(push, 0, 0)
    spread = np.empty_like(moved)
    spread[order] = moved
    return spread
