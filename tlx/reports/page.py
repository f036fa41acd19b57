"""The report as one HTML file: sections laid out by a template, BokehJS and the figures' data in it, no request."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from bokeh.resources import Resources
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from tlx import glossary
from tlx.cases import Case
from tlx.figures.written import DRAWING
from tlx.reports import choices, overview, views
from tlx.reports.markup import html
from tlx.reports.pieces import Piece
from tlx.reports.reading import Reader

MARK = "tlx report"  # in the head of every report: what tlx may write over
HERE = Path(__file__).parent
FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif'
COLOURS = {
    "light": {
        "text": "#1d2129", "back": "#ffffff", "faint": "#9a9da3", "grid": "#e3e4e6", "raised": "#f4f4f5",
        "link": "#2f6f9f",
    },
    "dark": {
        "text": "#ecebe8", "back": "#171614", "faint": "#7e7c79", "grid": "#35332f", "raised": "#242220",
        "link": "#6aaedb",
    },
}  # fmt: skip


@dataclass(frozen=True)
class Section:
    """A view's part of the report; about: the question it answers; pieces: begun when it is written."""

    name: str
    title: str
    about: str
    pieces: Callable[[], Iterator[Piece]]


def sections(read: Reader, class_names: tuple[str, ...]) -> list[Section]:
    """All sections, in the order of the pages."""
    first = class_names[0]
    parts: list[tuple[str, str, str, Callable[[], Iterator[Piece]]]] = [
        ("worth", "What the transfer was worth", "", lambda: overview.worth(read)),
        ("findings", "What is most worth a look", "", lambda: overview.found(read, first)),
        ("caveats", "What to keep in mind", "", lambda: overview.caveats(read, class_names)),
    ]
    views_of = {
        "Statistics": ("How well do both models do?", views.statistics),
        "Instances": ("Where do the images lie for the target model?", views.instances),
        "Network": ("What of the source model does the target model reuse?", views.network),
        "Features": ("Which neurons tell the domains apart, and what do they look for?", views.features),
    }
    if choices.any_stored(read, class_names):
        views_of["Compare"] = ("What else could be chosen?", choices.compare)
    for title, (about, view) in views_of.items():
        parts.append((title.lower(), title, about, partial(view, read, class_names)))
    return [Section(name, title, about, partial(_settled, read, pieces)) for name, title, about, pieces in parts]


def _settled(read: Reader, pieces: Callable[[], Iterator[Piece]]) -> Iterator[Piece]:
    return read.settled([pieces()])


def written(read: Reader, class_names: tuple[str, ...], version: str) -> Iterator[str]:
    """The file, piece by piece: a figure is made when it is written, and dropped then."""
    environment = Environment(
        loader=FileSystemLoader(HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["words"] = html
    library, drawing = _library(), _drawing()
    case: Case = read.case
    shown = sections(read, class_names)
    yield from environment.get_template("page.html").generate(
        mark=f"{MARK} {version}",
        case=case,
        class_names=class_names,
        policy=_policy(library, drawing),
        colours=COLOURS,
        font=Markup(FONT),
        style=Markup((HERE / "page.css").read_text(encoding="utf-8")),
        facts=read.settled([overview.facts(read, version)]),
        pictures=read.settled([overview.pictures(read, class_names[0])]),
        sections=shown,
        terms=_terms(),
        library=Markup(library),
        drawing=Markup(drawing),
        figures=Numbers(),
    )


class Numbers:
    """Counts up: each call is the next number."""

    def __init__(self) -> None:
        self._last = 0

    def __call__(self) -> int:
        self._last += 1
        return self._last


def _terms() -> list[tuple[str, str]]:
    names = dict.fromkeys(name for terms in glossary.OF_PAGE.values() for name in terms)
    return [(f"{name[0].upper()}{name[1:]}", glossary.TERMS[name].means) for name in sorted(names, key=str.lower)]


def _library() -> str:
    """BokehJS; what would end the element that it stands in is written otherwise."""
    code = "\n".join(Resources(mode="inline", components=["bokeh"]).js_raw)
    return code.replace("</script", "<\\/script").replace("<!--", "<\\!--")


def _drawing() -> str:
    colours = {name: of | {"font": FONT, "canvas": ""} for name, of in COLOURS.items()}
    own = (HERE / "page.js").read_text(encoding="utf-8")
    return f"const COLOURS = {json.dumps(colours)}\n{DRAWING}\n{own}"


def _policy(*scripts: str) -> str:
    """Nothing is loaded from anywhere, and no other script runs; figures' own small functions need `unsafe-eval`."""
    digests = (base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts)
    allowed = " ".join(f"'sha256-{digest}'" for digest in digests)
    return (
        f"default-src 'none'; script-src 'unsafe-eval' {allowed}; style-src 'unsafe-inline'; img-src data: blob:; "
        "base-uri 'none'; form-action 'none'"
    )
