"""A report's first pages: what the case is, what is most worth a look, and what to keep in mind of its numbers."""

from __future__ import annotations

import platform
from collections.abc import Iterator
from datetime import date
from functools import partial
from importlib import metadata

from tlx import findings, needs
from tlx.cases import DOMAINS, MODELS
from tlx.figures import samples
from tlx.figures.galleries import row_html, uncut
from tlx.figures.outcome import outcome
from tlx.findings import Finding, counted, percent
from tlx.reports.pieces import Drawing, Drawings, Facts, Markup, Piece, Points, Table, Words
from tlx.reports.reading import Reader
from tlx.results import CONTROLS, Control
from tlx.text import escape
from tlx.words import classes as class_words
from tlx.words import score as score_words

PICTURE = 50  # px of a sample image
VERSIONS = ("torch", "bokeh", "numpy", "pandas", "scikit-learn")


def facts(read: Reader, version: str) -> Iterator[Piece]:
    """Both domains, the network, and what made the report."""
    case = read.case
    network, domains = read(needs.frame)
    pairs = []
    for domain in DOMAINS:
        listed = domains[domain]
        held = f"{counted(len(listed), 'image')} of {counted(len(listed.present), 'class', 'classes')}; held out: "
        pairs.append((f"{domain.capitalize()} domain", f"{case.domain(domain).title}: {held}{listed.held_out}"))
    names = dict.fromkeys(case.architecture_of(model).rpartition(":")[2].replace("_", " ") for model in MODELS)
    neurons = counted(sum(layer.units for layer in network.layers), "neuron")
    pairs += [
        ("Network", f"{' → '.join(names)}: {network.parameters:,} parameters"),
        ("Analysed layers", f"{len(network.layers)} with {neurons}: {', '.join(one.title for one in network.layers)}"),
        ("Report made", f"{date.today().isoformat()} with {', '.join(_versions(version))}"),
        ("Fingerprint", f"{case.name} {case.fingerprint()}"),
    ]
    yield Facts(pairs)


def _versions(own: str) -> Iterator[str]:
    yield f"tlx {own}"
    yield f"Python {platform.python_version()}"
    for name in VERSIONS:
        try:
            yield f"{name} {metadata.version(name)}"
        except metadata.PackageNotFoundError:
            continue


def pictures(read: Reader, class_name: str) -> Iterator[Piece]:
    """A row of images of each domain."""
    listed, sheets = read(needs.samples)
    cut = uncut(sheets)
    for domain in DOMAINS:
        title = f"{domain.capitalize()} domain: {read.case.domain(domain).title}"
        rows = samples.chosen(listed[domain], domain, class_name)
        yield Markup(row_html(cut, rows, PICTURE), title)


def controls(read: Reader) -> dict[str, Control]:
    """What is stored of training from scratch, by how long it was trained."""
    return {length: read(needs.control, length) for length in CONTROLS if read.has(needs.control, length)}


def worth(read: Reader) -> Iterator[Piece]:
    """What the transfer was worth: the score, the verdicts, and each model's accuracy with its interval."""
    result = read(needs.score)
    probe = read(needs.probe)
    there = controls(read)
    table = score_words.accuracies(result, probe, there)
    if result.known:
        score = findings.points(result.score)
        yield Words(f"Transferability score: **{score}**, {score_words.between(result).replace('  ' + chr(10), ', ')}.")
    yield Words(score_words.meaning(result))
    for control in there.values():
        yield Words(f"{score_words.against_scratch(control)} {score_words.verdict(control)}")
    shares = [(str(row["title"]), percent(row["accuracy"])) for _, row in table.iterrows()]
    said = f"Accuracy on the target with 95 % intervals: {', '.join(f'{name} {share}' for name, share in shares)}."
    yield Drawings([Drawing(partial(outcome, table), "Accuracy of the models on the target", escape(said, 600))])
    rows = [
        (
            str(row["title"]),
            percent(row["accuracy"]),
            "–" if row["low"] != row["low"] else f"{percent(row['low'])} to {percent(row['high'])}",
            f"{row['n']:,}",
            str(row["split"]),
        )
        for _, row in table.iterrows()
    ]
    head = ("Model", "Accuracy", "95 % interval", "Images", "Split")
    yield Table("Accuracy of each model on the target's images", head, rows)
    yield Points([*score_words.details(result, probe, there)])


def found(read: Reader, class_name: str) -> Iterator[Piece]:
    """The start page's findings, in its order; each part that is not stored says so."""
    yield from read.settled([_of_classes(read), _of_wiring(read, class_name), _of_domains(read)])


def _of_classes(read: Reader) -> Iterator[Piece]:
    table = read(needs.class_table)
    yield _told(findings.worst(table), findings.NO_MISTAKE)
    yield _told(findings.most_changed(table), findings.NO_CLASS)
    if (confused := findings.most_confused(table)) is not None:
        yield _told(confused)


def _of_wiring(read: Reader, class_name: str) -> Iterator[Piece]:
    yield _told(findings.rewiring(*read(needs.rewiring, class_name)), findings.no_edges(class_name))


def _of_domains(read: Reader) -> Iterator[Piece]:
    specific = read(needs.worst_class)
    if specific is not None:
        yield _told(*findings.leading_neuron(*specific))


def _told(finding: Finding | None, nothing: str = "") -> Words:
    if finding is None:
        return Words(escape(nothing, 600))
    return Words(f"**{escape(finding.title)}.** {escape(finding.text, 600)}")


def caveats(read: Reader, class_names: tuple[str, ...]) -> Iterator[Piece]:
    """What the pages say of this case's data, models and results that its numbers have to be read with."""
    yield Points([*dict.fromkeys(filter(None, _caveats(read, class_names)))])


def _caveats(read: Reader, class_names: tuple[str, ...]) -> Iterator[str]:
    """Sentences (Markdown), "" for those that do not apply."""
    network, domains = read(needs.frame)
    yield score_words.judged_on(domains["target"])
    for domain in DOMAINS:
        yield from (f"{domain.capitalize()} domain: {escape(one, 600)}" for one in domains[domain].skipped)
    if read.has(needs.notes):
        for model, notes in read(needs.notes).items():
            yield from (f"{model.capitalize()} model: {escape(note, 600)}." for note in notes)
    if read.has(needs.score):
        yield score_words.partial(read(needs.score))
    if read.has(needs.class_table):
        yield class_words.few(read(needs.class_table))
    yield escape(findings.read_before([layer.title for layer in network.unactivated]), 600)
    for name in class_names:
        if read.has(needs.domain_score, name):
            yield escape(findings.leading_neuron(read(needs.domain_score, name), network)[1], 600)
