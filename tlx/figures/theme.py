"""The colours and markers every figure shares: red is source, blue is target, and shape repeats what colour says."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

from bokeh.models import CategoricalColorMapper

SOURCE = "#d6604d"
TARGET = "#4393c3"
COLOURS = {"source": SOURCE, "target": TARGET}
MARKERS = {"source": "x", "target": "circle"}
MISPREDICTED = "#404040"
NEUTRAL = "#8a8f98"
PAGES = ("#ffffff", "#171614")  # grounds of Streamlit's light and dark pages, on which figures lie
SEEN, READ = 3.0, 4.5  # least contrast of a mark with its page, and of text with its ground

GRID = "#80808033"  # reads on a white and on a near-black page alike: figures are transparent

# Of text no one shade reads on both: a page that is dark puts the second in place of the first, see `text_by_model`.
TEXT = {"light": {"source": "#b8432f", "target": "#2f77a6"}, "dark": {"source": "#e58673", "target": "#6aaedb"}}

PAPER = "#f6f5f2"  # under every matrix, in both themes: brightness can only carry a number on a known ground
INK = "#1d2129"
TARGET_DARK = "#2f77a6"  # under white text: the target's colour where it reads
DARKEST = {"source": "#7f1d10", "target": "#0d4370"}

# Classes: eight chosen by hand, then each as far as possible (in OKLab) from those before it, from both domains'
# colours and from grey. Any two differ by at least 0.088, four times what a trained eye needs; all read on white and
# on near-black.
# fmt: off
CLASS_PALETTE = (
    "#e39c1b", "#7d53c7", "#26a269", "#d957a8", "#14707f", "#a3b82c", "#8a5a2b", "#43c3c9", "#e1afed",
    "#9b1262", "#007613", "#a887f5", "#21e79b", "#214dba", "#cac79a", "#f88d95", "#6b4680", "#a48b08",
    "#ba2a31", "#b392b2", "#9e5878", "#91b1f1", "#8ea782", "#4172e3", "#f680dc", "#9074b4", "#6a7a31",
    "#49603e", "#e3c327", "#9c379c", "#2ac66c", "#873e45", "#5564a2", "#d18b67", "#b158c5", "#3ba4fc",
)
# fmt: on


def class_colours(names: Iterable[str]) -> dict[str, str]:
    """A colour for each class, in the order given; after 36 classes they repeat, and names must tell them apart."""
    return {name: CLASS_PALETTE[at % len(CLASS_PALETTE)] for at, name in enumerate(dict.fromkeys(names))}


def text_by_model(column: str = "model") -> dict[str, object]:
    """The colour of text in a figure by its model: at least 4.5 : 1 on a light page, and on a dark one (WCAG 2 AA)."""
    light, dark = (list(TEXT[page].values()) for page in ("light", "dark"))
    mapper = CategoricalColorMapper(factors=list(COLOURS), palette=light, tags=[{"dark": dark}])
    return {"field": column, "transform": mapper}


def text_on(colour: str) -> str:
    """Near-black or white, whichever reads better on `#rrggbb`; black where neither has a contrast of 4.5."""
    best = max((INK, "#ffffff"), key=lambda ink: contrast(ink, colour))
    return best if contrast(best, colour) >= READ else "#000000"


def contrast(one: str, other: str) -> float:
    """Of two colours `#rrggbb` by WCAG 2, from 1 to 21: text needs 4.5 on its ground, marks need 3."""
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


@cache
def rim(colour: str) -> str:
    """The colour as a mark's edge: darker or lighter, if need be, so that it is seen on both themes' pages."""
    steps = [
        mixed for share in range(100) for mixed in (_mixed(colour, end, share / 100) for end in ("#000000", "#ffffff"))
    ]
    return next(one for one in steps if min(contrast(one, page) for page in PAGES) >= SEEN)


def _mixed(colour: str, end: str, share: float) -> str:
    parts = ((int(colour[at : at + 2], 16), int(end[at : at + 2], 16)) for at in (1, 3, 5))
    return "#" + "".join(f"{round(low + (high - low) * share):02x}" for low, high in parts)


def _luminance(colour: str) -> float:
    def linear(part: str) -> float:
        share = int(part, 16) / 255
        return share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4

    red, green, blue = (linear(colour[at : at + 2]) for at in (1, 3, 5))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def ramp(model: str, steps: int = 256) -> list[str]:
    """`steps` colours from paper through the model's colour to its darkest: a fixed scale from 0 to 1."""
    stops = [PAPER, COLOURS[model], DARKEST[model]]
    return [_between(stops, at / (steps - 1)) for at in range(steps)]


def _between(stops: list[str], share: float) -> str:
    at = min(int(share * (len(stops) - 1)), len(stops) - 2)
    return _mixed(stops[at], stops[at + 1], share * (len(stops) - 1) - at)
