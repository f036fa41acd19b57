"""The key of the zig-zag: what each mark means, as HTML of its own, which wraps where the window is narrow.

It stands in the empty corner above the diagonal, or beside the blocks, wherever the view leaves enough room, and below
it elsewhere. That depends on the width the reader gives it, so the page's style sheet decides it (a container query).
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from tlx.figures import shades, theme
from tlx.figures.zigzag.layout import Layout
from tlx.figures.zigzag.subject import Options, Subject

VIEW = "zigzag view"  # key of the container that holds the figure and its key
LARGEST = 1.25  # pixels a length of 1 of the layout may take, so that two layers do not fill a wide screen
_WIDTH, _LINE = 260, 18  # pixels
_SAMPLE = 44  # width of what a line explains
_MIDDLE = 10  # of a sample, 20 pixels high
_USUAL = 980  # pixels a page leaves for the view on a usual screen
_READABLE = 0.8  # pixels to a length of 1 that the key beside the blocks must leave them


@dataclass(frozen=True)
class Line:
    """One line of the key: a sample (a ramp of this ink, or a mark by its name) and what it means."""

    sample: str
    text: str


def lines(subject: Subject, options: Options) -> tuple[Line, ...]:
    """What is on show and needs explaining."""
    source = (Line(shades.SOURCE_INK, "source weights, the same scale"),) if options.source else ()
    ends = "other pairs' median to 1" if subject.scale(options) == "beyond" else "0 to 1"
    others = (
        Line("histogram", "all pairs with other neurons"),
        Line("box", "other important edges; thick: many"),
        Line("pie", "share of these that is kept"),
    )
    return (
        Line("source", "source neurons"),
        Line("target", "target neurons"),
        Line(shades.NEUTRAL_INK, f"similarity, {ends}"),
        Line("match", "counterparts: the same neuron in both"),
        Line("same", "also best match on this class"),
        Line("undefined", "undefined: an inactive neuron"),
        Line(shades.TARGET_INK, "target weights, 0 to the largest of both"),
        *source,
        Line("edge", "important edge"),
        Line("kept", "kept: important in the source, too"),
        *(others if options.others else ()),
    )


def html(layout: Layout, subject: Subject, options: Options) -> str:
    """The key with the rules that say where it stands."""
    return f"{items(subject, options)}<style>{_rules(layout, len(lines(subject, options)))}</style>"


def items(subject: Subject, options: Options) -> str:
    """The key alone, in as many columns as there is room for."""
    style = "list-style:none;margin:0;padding:0;display:grid;grid-template-columns:repeat(auto-fill,minmax(230px,1fr));"
    rows = "".join(
        f'<li style="display:flex;gap:10px;align-items:center;margin:0;height:{_LINE}px;font-size:12px;'
        f'white-space:nowrap"><img alt="" src="{_picture(line.sample)}" width="{_SAMPLE}" height="20" '
        f'style="flex:none;max-width:none">{line.text}</li>'
        for line in lines(subject, options)
    )
    return f'<ul class="tlx-key" aria-label="Key" style="{style}">{rows}</ul>'


def _rules(layout: Layout, count: int) -> str:
    above = _above_from(layout, count * _LINE)
    if above is not None and above > _USUAL:
        above = None
    width = above or round(layout.width * _READABLE) + _WIDTH
    view = f".st-key-{VIEW.replace(' ', '-')}"
    beside = "" if above else f"{view} .bkv {{ max-width: calc(100% - {_WIDTH + 10}px) }}"
    return (
        f"{view} {{ container: zigzag / inline-size; position: relative }}"
        f"@container zigzag (min-width: {width}px) {{ {beside} "
        f"{view} > :has(> * .tlx-key) {{ position: absolute; top: 0; right: 0; "
        f"width: {_WIDTH}px }} }}"
    )


def _above_from(layout: Layout, height: float) -> int | None:
    """The least width of the view, in pixels, from which on the key fits above the diagonal; None for no such width."""
    free = [(width, _fits(layout, height, width)) for width in range(600, 1800, 20)]
    if not free[-1][1]:
        return None
    taken = [wider for (_, fits), (wider, _) in pairwise(free) if not fits]
    return max(taken, default=free[0][0])


def _fits(layout: Layout, height: float, width: float) -> bool:
    scale = min(width / layout.width, LARGEST)
    left = (width - _WIDTH - 8) / scale
    return all(block.columns.tail <= left or block.rows.head * scale >= height for block in layout.blocks)


def _picture(sample: str) -> str:
    """A sample as an image's address."""
    marks = "".join(_ramp(sample) if sample.startswith("#") else _SAMPLES[sample])
    svg = f'<svg xmlns="http://www.w3.org/2000/svg" width="{_SAMPLE}" height="20">{marks}</svg>'
    return f"data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode()}"


def _rect(x: float, y: float, width: float, height: float, look: str) -> str:
    return f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" {look}/>'


def _cell(fill: str, stroke: str) -> str:
    return _rect(15, 3, 14, 14, f'fill="{fill}" stroke="{stroke}" stroke-width="1.5"')


def _ramp(darkest: str) -> Iterator[str]:
    steps = 22
    for at in range(steps):
        yield _rect(
            at * _SAMPLE / steps, 4, _SAMPLE / steps + 0.3, 12, f'fill="{shades.shade(darkest, at / (steps - 1))}"'
        )


def _bar(colour: str) -> tuple[str, ...]:
    return (_rect(0, _MIDDLE - 2.5, _SAMPLE, 5, f'fill="{colour}"'),)


def _histogram() -> tuple[str, ...]:
    return tuple(
        _rect(
            6 + at * 4.6, 18 - grown, 4.6, grown,
            f'fill="{shades.shade(shades.NEUTRAL_INK, at / 6)}" stroke="{theme.NEUTRAL}" stroke-width="0.6"',
        )
        for at, grown in enumerate((3, 6, 12, 15, 11, 7, 4))
    )  # fmt: skip


_MATCH = _cell(shades.shade(shades.NEUTRAL_INK, 0.85), shades.MATCH)
_EDGE = _cell(shades.shade(shades.TARGET_INK, 0.25), shades.TARGET_INK)
_BOXED = f'fill="{shades.shade(shades.TARGET_INK, 0.35)}" stroke="{shades.TARGET_INK}"'
_HATCH = "".join(f"M15 {y}L29 {y - 14}" for y in (9, 15, 21, 27))
_SAMPLES: dict[str, tuple[str, ...]] = {
    "source": _bar(theme.SOURCE),
    "target": _bar(theme.TARGET),
    "match": (_MATCH,),
    "same": (_MATCH, f'<path d="M22 3H29V10Z" fill="{shades.MATCH}"/>'),
    "undefined": (
        '<clipPath id="c"><path d="M15 3H29V17H15Z"/></clipPath>',
        _cell(theme.PAPER, theme.NEUTRAL),
        f'<path d="{_HATCH}" clip-path="url(#c)" stroke="{shades.HATCH}"/>',
    ),
    "edge": (_EDGE,),
    "kept": (
        _EDGE,
        f'<circle cx="22" cy="10" r="3.8" fill="{theme.SOURCE}" stroke="{theme.PAPER}" stroke-width="0.8"/>',
    ),
    "histogram": _histogram(),
    "box": (
        f'<path d="M2 10H42" stroke="{theme.TARGET}"/>',
        _rect(12, 5, 18, 10, _BOXED),
        f'<path d="M20 5V15" stroke="{shades.TARGET_INK}" stroke-width="2"/>',
    ),
    "pie": (
        f'<circle cx="22" cy="10" r="6.5" fill="{theme.PAPER}" stroke="{theme.NEUTRAL}" stroke-width="0.8"/>',
        f'<path d="M22 10V3.5A6.5 6.5 0 0 1 27.63 13.25Z" fill="{theme.SOURCE}"/>',
    ),
}
