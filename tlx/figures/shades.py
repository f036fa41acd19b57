"""Brightness that carries a number: shades on light paper, in a light and in a dark page alike.

A cell's brightness means its value, so a matrix brings its own paper with it and does not follow the page's theme. The
shades are evenly spaced in CIE L*a*b*, where equal steps look equal: "linearly scaled to the brightness" (5.3.3).
"""

from __future__ import annotations

from functools import cache

import numpy as np

from tlx.figures.theme import DARKEST, INK, PAPER

NEUTRAL_INK = INK  # darkest shade of a similarity
SOURCE_INK, TARGET_INK = DARKEST["source"], DARKEST["target"]  # of a model's weight
HATCH = "#9aa0a8"  # of what is undefined
MATCH = "#f0a202"  # outline and corner of a best match, seen on light and dark shades

_WHITE = np.array([0.9505, 1.0, 1.089])  # D65
_TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])


@cache
def shades(darkest: str, count: int = 256) -> tuple[str, ...]:
    """`count` colours from paper to `darkest`, evenly spaced in CIE L*a*b*."""
    ends = np.array([_lab(PAPER), _lab(darkest)])
    steps = np.linspace(0, 1, count)[:, None]
    return tuple(_hex(lab) for lab in ends[0] * (1 - steps) + ends[1] * steps)


def shade(darkest: str, value: float) -> str:
    """The colour of a value in [0, 1]; what lies outside is drawn as the nearer end."""
    colours = shades(darkest)
    return colours[round(min(max(value, 0.0), 1.0) * (len(colours) - 1))]


def _lab(colour: str) -> np.ndarray:
    rgb = np.array([int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)])
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    x, y, z = (_TO_XYZ @ linear) / _WHITE
    f = [value ** (1 / 3) if value > (6 / 29) ** 3 else value * (29 / 6) ** 2 / 3 + 4 / 29 for value in (x, y, z)]
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def _hex(lab: np.ndarray) -> str:
    middle = (lab[0] + 16) / 116
    f = np.array([middle + lab[1] / 500, middle, middle - lab[2] / 200])
    xyz = np.where(f > 6 / 29, f**3, 3 * (6 / 29) ** 2 * (f - 4 / 29)) * _WHITE
    linear = np.clip(np.linalg.solve(_TO_XYZ, xyz), 0, 1)
    rgb = np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)
    return "#" + "".join(f"{round(float(value) * 255):02x}" for value in rgb)
