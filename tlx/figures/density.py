"""Where most instances of a domain lie, as contours: what remains readable where marks would hide one another (5.2)."""

from __future__ import annotations

import numpy as np
from bokeh.plotting import figure
from bokeh.plotting.contour import from_contour

from tlx.figures import theme

SHARES = (0.5, 0.75, 0.95)  # of a domain's instances that lie within a contour
CELLS = 72  # of the grid, along either axis
SMOOTH = 1.6  # cells: standard deviation of the Gaussian that each instance is spread by
_LIGHT = (0.12, 0.2, 0.32)  # opacity within the widest contour, the middle one and the closest


def draw_density(plot: figure, places: np.ndarray, domain: np.ndarray) -> None:
    """Contours of both domains, each in its colour, under all marks. places: (N, 2); domain: (N,)."""
    for name, colour in theme.COLOURS.items():
        own = places[domain == name]
        if len(own) == 0:
            continue
        x, y, height = density(own, places)
        levels = levels_of(own, x, y, height)
        if len(levels) < 2:
            continue
        drawn = from_contour(
            x,
            y,
            height,
            [*levels, float(height.max()) * 1.01],
            fill_color=colour,
            fill_alpha=list(_LIGHT[-len(levels) :]),
            line_color=colour,
            line_width=1.2,
        )
        drawn.name, drawn.level = f"density {name}", "underlay"
        plot.renderers.append(drawn)


def density(own: np.ndarray, places: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """x (CELLS,), y (CELLS,) and the height (CELLS, CELLS; rows are y) of the smoothed density of `own` (M, 2).

    places: (N, 2) of all instances, which the grid holds with a margin, so that both domains have the same.
    """
    low, high = places.min(axis=0), places.max(axis=0)
    margin = 0.06 * np.maximum(high - low, 1e-9)
    edges = [np.linspace(at - by, to + by, CELLS + 1) for at, to, by in zip(low, high, margin, strict=True)]
    counts, *_ = np.histogram2d(own[:, 0], own[:, 1], edges)
    reach = np.arange(-5, 6)
    kernel = np.exp(-((reach / SMOOTH) ** 2) / 2)
    for axis in (0, 1):
        counts = np.apply_along_axis(np.convolve, axis, counts, kernel / kernel.sum(), "same")
    x, y = ((edge[1:] + edge[:-1]) / 2 for edge in edges)
    return x, y, counts.T


def levels_of(own: np.ndarray, x: np.ndarray, y: np.ndarray, height: np.ndarray) -> list[float]:
    """The heights above which the shares of the instances lie, ascending; equal ones once."""
    columns, rows = (
        np.clip(np.round((own[:, at] - axis[0]) / (axis[1] - axis[0])).astype(int), 0, CELLS - 1)
        for at, axis in enumerate((x, y))
    )
    return sorted({float(level) for level in np.quantile(height[rows, columns], [1 - share for share in SHARES])})
