"""A report's last views: which criterion, which source, what to freeze, each where it is stored."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import pandas as pd

from tlx import needs, pipeline
from tlx.analysis import freezing, regret
from tlx.casefiles import candidates
from tlx.cases import DOMAINS, Case
from tlx.errors import UserError
from tlx.figures import criteria as criteria_figures
from tlx.figures.key import html
from tlx.figures.promise import promise
from tlx.figures.what_to_freeze import what_to_freeze
from tlx.findings import percent
from tlx.reports.pieces import Drawing, Drawings, Heading, Markup, Piece, Points, Table, Words
from tlx.reports.reading import Reader
from tlx.results import PROMISES
from tlx.text import escape
from tlx.words import criteria as criteria_words
from tlx.words import freezing as freezing_words
from tlx.words import sources as source_words

DRAWN = 4  # measures of promise whose charts are drawn, those that order the sources best
SHARES = frozenset({"accuracy", "neighbours", "linear_probe", "source_accuracy"})  # columns in per cent


def compare(read: Reader, class_names: tuple[str, ...]) -> Iterator[Piece]:
    """What is stored of all three; nothing where none is."""
    for name in class_names:
        if read.has(pipeline.criteria, name):
            yield from _which_criterion(read, name)
    table = _sources(read)
    if len(table) >= regret.LEAST:
        yield from _which_source(read, table)
    if read.has(needs.block_gradients):
        yield from _what_to_freeze(read)


def any_stored(read: Reader, class_names: tuple[str, ...]) -> bool:
    """Whether there is anything to say."""
    return (
        any(read.has(pipeline.criteria, name) for name in class_names)
        or len(_sources(read)) >= regret.LEAST
        or read.has(needs.block_gradients)
    )


def _which_criterion(read: Reader, name: str) -> Iterator[Piece]:
    result = read(pipeline.criteria, name)
    network, _ = read(needs.frame)
    yield Heading(f"Which criterion? Class {name}")
    yield _points(criteria_words.words(result, network))
    drawings = []
    for measure in criteria_figures.MEASURES:
        said = criteria_words.spoken(result, measure)
        drawn = partial(criteria_figures.agreement, result, network, measure)
        drawings.append(Drawing(drawn, said, escape(said, 600)))
    yield Drawings(drawings, 300)
    yield Markup(html(criteria_figures.key(result)[: len(result.names)]), "")
    yield Words(criteria_words.about(result), "small")
    head, *rows = criteria_words.reading(result, network)
    yield Table(f"Layers of class {name} where least is reused, by criterion", head, rows)


def _sources(read: Reader) -> pd.DataFrame:
    """The candidates for the case's target whose measures are stored."""
    measured = [case for case in dict.fromkeys((read.case, *candidates.beside(read.case))) if _is_measured(read, case)]
    return pipeline.sources(measured) if measured else pd.DataFrame()


def _is_measured(read: Reader, case: Case) -> bool:
    try:
        regret.comparable([read.case, case])
        return pipeline.promise.is_stored(case)
    except UserError:
        return False


def _which_source(read: Reader, table: pd.DataFrame) -> Iterator[Piece]:
    judged = regret.judged(table)
    yield Heading("Which source?")
    yield Words(source_words.verdict(table, judged))
    tau = dict(zip(judged["measure"], judged["tau"].astype(float), strict=True))
    best = sorted(source_words.telling(judged), key=lambda name: -tau[name])[:DRAWN]
    drawings = []
    for measure in best:
        said = source_words.spoken(judged, measure)
        drawings.append(Drawing(partial(promise, table, measure, read.case.name), said, said))
    yield Drawings(drawings, 215)
    view = source_words.shown(table)
    head = ("Source", "Fine-tuned", *(PROMISES[name].title for name in PROMISES))
    rows = [
        (str(row["title"]), *(_number(row[name], share=name in SHARES) for name in ("accuracy", *PROMISES)))
        for _, row in view.iterrows()
    ]
    yield Table("Sources by every measure, best first", head, rows, folded=True)


def _number(value: float, *, share: bool) -> str:
    """share: whether it is in per cent already."""
    if pd.isna(value):
        return "–"
    return percent(value / 100) if share else f"{value:.3g}".replace("-", "−")


def _what_to_freeze(read: Reader) -> Iterator[Piece]:
    gradients = read(needs.block_gradients)
    strategies = read(needs.strategies) if read.has(needs.strategies) else None
    yield Heading("What to freeze?")
    yield _points(freezing_words.words(gradients, strategies))
    if strategies is not None:
        advised = freezing.strategy_of(freezing.advised(gradients))
        label = "Accuracy of each strategy on the target's and the source's images"
        splits = {domain: read(pipeline.catalogue, domain).headline for domain in DOMAINS}
        yield Drawings([Drawing(partial(what_to_freeze, strategies, advised), label, freezing_words.how(splits))])
    kept = pipeline.kept_edges(read.case)
    blocks = freezing.table(gradients, kept, strategies)
    shares = ["reuse", *(["alone"] if strategies is not None else [])]
    head = ("Block", "Advised", "Pull", "Gradient norm", "Kept edges", "Trained alone")[: 4 + len(shares)]
    rows = [
        (
            str(row["block"]),
            "yes" if row["advised"] else "no",
            f"{row['pull']:.2f}",
            f"{row['gradient']:.3f}",
            *("–" if pd.isna(row[name]) else percent(row[name]) for name in shares),
        )
        for _, row in blocks.iterrows()
    ]
    yield Table("Blocks of the network with what pulls at them", head, rows)


def _points(markdown: str) -> Points:
    """A list in Markdown as its points."""
    return Points([line.removeprefix("- ") for line in markdown.splitlines() if line])
