"""The key of the zig-zag: what each mark means, as HTML of its own, which wraps where the window is narrow.

It stands in the empty corner above the diagonal, or beside the blocks, wherever the view leaves enough room, and below
it elsewhere. That depends on the width the reader gives it, so the page's style sheet decides it (a container query).
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass

from tlx.figures import shades, theme
from tlx.figures.key import Entry
from tlx.figures.zigzag.layout import Layout
from tlx.figures.zigzag.subject import Options, Subject

VIEW = "zigzag view"  # key of the container that holds the figure and its key
LARGEST = 1.25  # pixels a length of 1 of the layout may take, so that two layers do not fill a wide screen
_WIDTH, _LINE = 232, 16  # pixels
_SAMPLE = 40  # width of what a line explains
_MIDDLE = 10  # of a sample, 20 pixels high
_CAPTION = 18  # above a block of weights, in lengths of the layout
_AROUND = 312  # pixels of a window's height that are not the figure's: title, charts and controls above it
_LEAST = 0.67  # pixels to a length of 1 below which the figure is not made smaller to fit into the window


@dataclass(frozen=True)
class Line:
    """One line of the key: a sample by its name, and what it means."""

    sample: str
    text: str


def lines(subject: Subject, options: Options) -> tuple[Line, ...]:
    """What is on show and needs explaining."""
    ends = "other pairs' median to 1" if subject.scale(options) == "beyond" else "0 to 1"
    others = (
        Line("histogram", "all pairs with other neurons"),
        Line("box", "other important edges; thick: many"),
        Line("pie", "share of these that is kept"),
    )
    return (
        Line("models", "source and target model's neurons"),
        Line("ramp", f"similarity, {ends}"),
        Line("match", "counterparts: same neuron in both"),
        Line("same", "also best match on this class"),
        Line("moved", "counterparts of another index"),
        Line("undefined", "undefined: an inactive neuron"),
        Line("weights" if options.source else "target weights", "weights, 0 to the largest of both"),
        Line("edge", "important edge"),
        Line("kept", "kept: important in the source, too"),
        *(others if options.others else ()),
    )


def key(subject: Subject, options: Options) -> list[Entry]:
    """The key as files have it."""
    return [Entry("".join(_SAMPLES[line.sample]), line.text) for line in lines(subject, options)]


def html(layout: Layout, subject: Subject, options: Options) -> str:
    """The key with the rules that say where it stands."""
    return f"{items(subject, options)}<style>{_rules(layout, len(lines(subject, options)))}</style>"


def items(subject: Subject, options: Options) -> str:
    """The key alone, in as many columns as there is room for."""
    grid = f"display:grid;grid-template-columns:repeat(auto-fill,minmax({_WIDTH}px,1fr))"
    rows = "".join(
        f'<li style="display:flex;gap:10px;align-items:center;margin:0;height:{_LINE}px;font-size:12px;'
        f'white-space:nowrap"><img alt="" src="{_picture(line.sample)}" width="{_SAMPLE}" height="20" '
        f'style="flex:none;max-width:none">{line.text}</li>'
        for line in lines(subject, options)
    )
    return f'<ul class="tlx-key" aria-label="Key" style="list-style:none;margin:0;padding:0;{grid}">{rows}</ul>'


def _rules(layout: Layout, count: int) -> str:
    """The figure as large as window and page let it be, and the key where it fits."""
    view = f".st-key-{VIEW.replace(' ', '-')}"
    fits = f"max(calc((100vh - {_AROUND}px) * {layout.width / layout.height:.4f}), {layout.width * _LEAST:.0f}px)"
    rules = f"{view} {{ container: zigzag / inline-size; position: relative }} {view} .bkv {{ max-width: {fits} }}"
    key = f"{view} > :has(> * .tlx-key) {{ position: absolute; top: 0; right: 0; width: {_WIDTH}px }}"
    corners = _corners(layout, count * _LINE)
    for share, wide, high in corners:
        # Beside a figure as wide as the view, and beside one that the window's height keeps narrower.
        beside = f"{(_WIDTH + 8) / (1 - share):.0f}px", f"calc({fits} * {share:.4f} + {_WIDTH + 8}px)"
        rooms = (f"@container zigzag (min-width: {wide:.0f}px) and (min-width: {one}) {{ {key} }}" for one in beside)
        rules += f" @media (min-height: {high:.0f}px) {{ {' '.join(rooms)} }}"
    if corners:
        return rules
    room = f"{view} .bkv {{ max-width: min({fits}, calc(100% - {_WIDTH + 10}px)) }}"
    return f"{rules} @container zigzag (min-width: {layout.width * _LEAST + _WIDTH + 10:.0f}px) {{ {room} {key} }}"


def _corners(layout: Layout, height: float) -> list[tuple[float, float, float]]:
    """Where a key this high has room above the diagonal, in as many rows of blocks as it takes.

    For each: from which share of the view's width on, and how wide the view and how high the window must be, in pixels.
    """
    found = []
    for column, after, below in zip(layout.columns[1:-1], layout.columns[2:], layout.rows[1:-1], strict=True):
        scale = (height + 6) / (below.start - after.names - _CAPTION)  # `after` crosses the first block below
        if scale <= LARGEST:
            high = 0.0 if scale <= _LEAST else _AROUND + scale * layout.height
            found.append((column.tail / layout.width, scale * layout.width, high))
    return found


def _picture(sample: str) -> str:
    """A sample as an image's address."""
    svg = f'<svg xmlns="http://www.w3.org/2000/svg" width="{_SAMPLE}" height="20">{"".join(_SAMPLES[sample])}</svg>'
    return f"data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode()}"


def _rect(x: float, y: float, width: float, height: float, look: str) -> str:
    return f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" {look}/>'


def _cell(fill: str, stroke: str) -> str:
    return _rect(15, 3, 14, 14, f'fill="{fill}" stroke="{stroke}" stroke-width="1.5"')


def _ramp(darkest: str, left: float = 0, width: float = _SAMPLE) -> Iterator[str]:
    steps = 22
    for at in range(steps):
        fill = shades.shade(darkest, at / (steps - 1))
        yield _rect(left + at * width / steps, 4, width / steps + 0.3, 12, f'fill="{fill}"')


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
    "models": tuple(
        _rect(left, _MIDDLE - 2.5, _SAMPLE / 2 - 1, 5, f'fill="{colour}"')
        for left, colour in ((0, theme.SOURCE), (_SAMPLE / 2 + 1, theme.TARGET))
    ),
    "ramp": tuple(_ramp(shades.NEUTRAL_INK)),
    "weights": (
        *_ramp(shades.SOURCE_INK, 0, _SAMPLE / 2 - 1),
        *_ramp(shades.TARGET_INK, _SAMPLE / 2 + 1, _SAMPLE / 2 - 1),
    ),
    "target weights": tuple(_ramp(shades.TARGET_INK)),
    "match": (_MATCH,),
    "same": (_MATCH, f'<path d="M22 3H29V10Z" fill="{shades.MATCH}"/>'),
    "moved": (f'<path d="M8 10H22V2" fill="none" stroke="{shades.MATCH}" stroke-width="1.4"/>', _MATCH),
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
