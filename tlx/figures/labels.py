"""Where names stand: beside what they name, not on one another, on as few marks as may be."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

HEIGHT = 470  # px of a scatterplot's frame
LETTER, PADDING, LINE = 7.2, 8.0, 20.0  # px: a bold letter of 12 px, a label's padding, its height
SEEN = 1_500  # marks looked at, about: more would not move a label
FAR = 0.1  # marks that a pixel of distance from its group weighs as much as


def offsets(anchors: np.ndarray, names: Sequence[str], marks: np.ndarray, width: float) -> np.ndarray:
    """(K, 2) px from each anchor (right, up) to the middle of its label.

    anchors: (K, 2) places of the groups and marks: (N, 2) of all marks, in the unit of the data; width: px of the
    plot's frame, about. Labels are placed in turn, each where it covers fewest marks and is near its anchor; places
    that overlap an earlier label, or leave the frame, are avoided.
    """
    scale = _scale(marks, width)
    spots, middles = marks[:: 1 + len(marks) // SEEN] / scale, anchors / scale
    tries = _tries()
    corner = np.array([width, HEIGHT]) / 2
    centre = (spots.min(axis=0) + spots.max(axis=0)) / 2 if len(spots) else np.zeros(2)
    taken: list[np.ndarray] = []  # (left, bottom, right, top) of the labels placed
    shifts = np.zeros((len(names), 2))
    for at, name in enumerate(names):
        half = np.array([len(name) * LETTER + PADDING, LINE]) / 2
        low, high = middles[at] + tries - half, middles[at] + tries + half
        inside = (spots[None] > low[:, None]) & (spots[None] < high[:, None])
        cost = inside.all(axis=2).sum(axis=1) + FAR * np.linalg.norm(tries, axis=1)
        cost += 1e5 * ((low < centre - corner) | (high > centre + corner)).any(axis=1)
        for box in taken:
            cost += 1e6 * ((low < box[2:]) & (high > box[:2])).all(axis=1)
        best = int(cost.argmin())
        shifts[at] = tries[best]
        taken.append(np.concatenate([low[best], high[best]]))
    return shifts


def apart(heights: np.ndarray, least: float) -> np.ndarray:
    """The heights moved apart by as little as may be (squares), in their order, to at least `least` from each other."""
    order = np.argsort(heights, kind="stable")
    groups: list[np.ndarray] = []  # each moves as one: its members' heights less the room below each of them
    for part in (heights[order] - least * np.arange(len(heights)))[:, None]:
        while groups and groups[-1].mean() >= part.mean():
            part = np.concatenate([groups.pop(), part])
        groups.append(part)
    spread = np.empty(len(heights))
    spread[order] = [middle for part in groups for middle in [part.mean()] * len(part)]
    spread[order] += least * np.arange(len(heights))
    return spread


def _scale(marks: np.ndarray, width: float) -> float:
    """Data units to a pixel where both axes have one scale and all marks are seen, with Bokeh's margin."""
    spread = np.ptp(marks, axis=0) * 1.1 if len(marks) else np.ones(2)
    return float(max(spread[0] / width, spread[1] / HEIGHT)) or 1.0


def _tries() -> np.ndarray:
    """Offsets to try, px, nearest first: on rings around the anchor."""
    rings = [np.zeros((1, 2))]
    for radius in range(14, 230, 12):
        turns = np.linspace(0, 2 * np.pi, 16, endpoint=False) + radius  # each ring turned against the last
        rings.append(radius * np.column_stack([1.6 * np.cos(turns), np.sin(turns)]))
    return np.concatenate(rings)
