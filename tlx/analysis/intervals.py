"""Intervals of what was counted, all at the 95 % level."""

from __future__ import annotations

import numpy as np

Z = 1.959963984540054  # 97.5 % quantile of the standard normal distribution


def wilson(share: float, n: float) -> tuple[float, float]:
    """Wilson's score interval of a share in [0, 1] seen on n instances; (0, 1), knowing nothing, where n is 0.

    n may be an effective number of instances, which need not be whole.
    """
    if n == 0:
        return 0.0, 1.0
    centre = (share + Z**2 / (2 * n)) / (1 + Z**2 / n)
    half = Z / (1 + Z**2 / n) * np.sqrt(share * (1 - share) / n + Z**2 / (4 * n**2))
    return max(0.0, float(centre - half)), min(1.0, float(centre + half))


def paired(before: np.ndarray, after: np.ndarray) -> tuple[float, float]:
    """Interval of mean(after) - mean(before) for the same instances' answers, (N,) bool each; (-1, 1) where N is 0.

    The adjusted Wald interval of Bonett and Price (2012), which knows that seeing no change is not proof of none.
    """
    n = len(before)
    gained, lost = ((np.sum(one & ~other) + 1) / (n + 2) for one, other in ((after, before), (before, after)))
    change, half = gained - lost, Z * np.sqrt((gained + lost - (gained - lost) ** 2) / (n + 2))
    return max(-1.0, float(change - half)), min(1.0, float(change + half))
