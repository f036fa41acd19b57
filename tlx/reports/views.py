"""A report's sections, one a view: its main figures, each with its main number in words, and what stands in tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd

from tlx import defaults, findings, needs, pipeline
from tlx.cases import DOMAINS, MODELS
from tlx.figures import theme
from tlx.figures.accuracy import accuracy, drawn_at_first, with_control
from tlx.figures.confusion import BESIDE, confusion
from tlx.figures.discriminability import biplot
from tlx.figures.domain_gap import domain_gap, gap_table
from tlx.figures.domain_score import domain_score
from tlx.figures.galleries import address, uncut
from tlx.figures.key import classes, domains, html
from tlx.figures.label_efficiency import label_efficiency
from tlx.figures.neuron_pictures import panel_html, whole_images
from tlx.figures.pictures import Pictures
from tlx.figures.ranking import ranking
from tlx.figures.ranking_layout import ranking_table
from tlx.figures.reuse import reuse
from tlx.figures.scatter import points, sampled, scatter
from tlx.figures.zigzag import legend
from tlx.figures.zigzag.figure import zigzag
from tlx.figures.zigzag.subject import Options, Subject
from tlx.findings import counted, percent
from tlx.reports.overview import controls
from tlx.reports.pieces import Drawing, Drawings, Heading, Markup, Piece, Table, Words
from tlx.reports.reading import LackingError, Reader
from tlx.results import MEASURES, Crop, Network, NeuronRef, Reuse
from tlx.text import escape
from tlx.words import classes as class_words
from tlx.words import conductance as conductance_words
from tlx.words import domains as domain_words
from tlx.words import embedding as embedding_words
from tlx.words import reuse as reuse_words
from tlx.words import score as score_words
from tlx.words import similarity as similarity_words

LOOK = 48  # px of a feature image among many
NEURONS = 3  # of a class that are shown in pictures


def statistics(read: Reader, class_names: tuple[str, ...]) -> Iterator[Piece]:
    """5.1: over the epochs, class by class, what is taken for what, and how many labels it takes."""
    parts = [_history(read), _classes(read), _confusions(read, class_names[0])]
    yield from read.settled(parts)
    if read.has(needs.label_efficiency):
        yield from _labels(read)


def _history(read: Reader) -> Iterator[Piece]:
    history = with_control(read(needs.history), controls(read))
    if history.empty:
        yield Words("This case brings its models without an accuracy history.", "small")
        return
    score = read(needs.score)
    said = f"Accuracy over the epochs. On the target's {score.split} images the kept target model is right on "
    said += f"{percent(score.target_accuracy)} of {score.n:,}"
    if score.known:
        said += f", the kept source model on {percent(score.source_accuracy)}"
    drawn = partial(accuracy, history, drawn_at_first(history))
    yield Drawings([Drawing(drawn, "Accuracy of both models on both domains over the epochs", f"{said}.")])


def _classes(read: Reader) -> Iterator[Piece]:
    table = read(needs.class_table)
    split = str(table["split"].iloc[0])
    rows = [
        (
            str(row["class_name"]),
            f"{row['n']:,}",
            *(_share(row[f"{model}_accuracy"]) for model in MODELS),
            "–" if pd.isna(row["difference"]) else findings.points(row["difference"]),
            class_words.mistakes(row["misclassified_as"]) or "–",
        )
        for _, row in table.iterrows()
    ]
    head = ("Class", "Images", "Source model", "Target model", "Difference", "Misclassified as")
    yield Table(f"Classes, on the target's {split} images", head, rows)


def _share(value: float) -> str:
    return "–" if pd.isna(value) else percent(value)


def _confusions(read: Reader, class_name: str) -> Iterator[Piece]:
    both = {model: read(pipeline.confusion, model) for model in MODELS}
    split = str(read(needs.class_table)["split"].iloc[0])
    names = list(dict.fromkeys(str(name) for counts in both.values() for name in counts.columns))
    if len(names) > BESIDE:
        names = findings.by_confusion(both.values())[:BESIDE]
    drawings = []
    for model, counts in both.items():
        shown = [name for name in names if name in counts.columns]
        drawn = partial(confusion, counts, model=model, split=split, chosen=class_name, shown=shown)
        right, every = int(np.diag(counts.to_numpy()).sum()), int(counts.to_numpy().sum())
        said = f"{model.capitalize()} model: {right:,} of {every:,} on the diagonal, which is right."
        if len(shown) < len(counts):
            said += f" {class_words.among(counts, shown)}"
        label = f"Confusion matrix of the {model} model on the target domain's {split} data"
        drawings.append(Drawing(drawn, label, said))
    yield Drawings(drawings, 330)


def _labels(read: Reader) -> Iterator[Piece]:
    result = read(needs.label_efficiency)
    yield Heading("How many labels does it take?")
    label = "Accuracy over the number of target labels, both ways, by seed"
    yield Drawings([Drawing(partial(label_efficiency, result), label, score_words.labels(result))])


def instances(read: Reader, class_names: tuple[str, ...]) -> Iterator[Piece]:
    """5.2: where the instances of each class and of the one it is most confused with lie for the target model."""
    for name in class_names:
        yield Heading(f"Class {name}")
        yield from read.settled([_embedding(read, name), _domain_score(read, name)])


def _embedding(read: Reader, name: str) -> Iterator[Piece]:
    embedding = read(needs.embedding, name)
    table, _ = read(needs.instances)
    network, _ = read(needs.frame)
    drawn = defaults.in_table_order(read(needs.class_table), [*dict.fromkeys(embedding.label.tolist())])
    colours = theme.class_colours(drawn)
    marks = points(embedding, table, colours)
    said = embedding_words.about(embedding, network, marks, sampled(marks))
    figure = partial(scatter, embedding, table, colours, legend=False)
    label = f"Projection of the instances of classes {', '.join(drawn)} under the target model"
    key = html([*domains(), *classes(tuple(colours.items()))])
    yield Drawings([Drawing(figure, label, f"{escape(label, 600)}. {said}", key, widest=760, highest=100)])


def _domain_score(read: Reader, name: str) -> Iterator[Piece]:
    result = read(needs.domain_score, name)
    label, said = f"Domain scores of class {name}", domain_words.scores(result)
    yield Drawings([Drawing(partial(domain_score, result), label, said, highest=75)])


def network(read: Reader, class_names: tuple[str, ...]) -> Iterator[Piece]:
    """5.3: how much of each class is reused over depth, and the zig-zag of the first layers."""
    for name in class_names:
        yield Heading(f"Class {name}")
        yield from read.settled([_reused(read, name), _zigzag(read, name)])


def _reused(read: Reader, name: str) -> Iterator[Piece]:
    network, reused = read(needs.rewiring, name)
    drawings = []
    for measure in MEASURES:
        said = reuse_words.spoken(reused, network, measure)
        drawings.append(Drawing(partial(reuse, network, {name: reused}, name, (measure,)), said, escape(said, 600)))
    yield Drawings(drawings, 200)
    yield Words(f"Blue: class {escape(name)}. Grey band: what chance gives, in 95 of 100 draws.", "small")
    kept = reused.of("kept").dropna(subset="value")
    if len(kept):
        head = ("Layers", "Important edges", "Kept", "By chance", "95 % of chance")
        yield Table(f"Important edges of class {name} that were kept", head, [*_kept(kept, network)])
    yield Table(
        f"All measures of reuse of class {name}",
        ("Measure", "Layers", "Counted", "Value", "By chance", "95 % of chance"),
        [row for measure in MEASURES for row in _measured(reused, network, measure)],
        folded=True,
    )


def _kept(rows: pd.DataFrame, network: Network) -> Iterator[tuple[str, ...]]:
    written = MEASURES["kept"].written
    for _, row in rows.iterrows():
        ends = f"{network.layer(row['first']).title} → {network.layer(row['second']).title}"
        yield ends, f"{int(row['n']):,}", written(row["value"]), *_by_chance(row, "kept")


def _measured(reused: Reuse, network: Network, measure: str) -> Iterator[tuple[str, ...]]:
    about = MEASURES[measure]
    for _, row in reused.of(measure).dropna(subset="value").iterrows():
        ends = " → ".join(str(network.layer(end).index) for end in (row["first"], row["second"]) if end)
        counted = f"{int(row['n']):,} {about.counted}"
        yield about.title, ends, counted, about.written(row["value"]), *_by_chance(row, measure)


def _by_chance(row: pd.Series, measure: str) -> tuple[str, str]:
    """The mean by chance and its range; dashes for what nothing is to be found of by chance."""
    chance, low, high = (MEASURES[measure].written(row[name]) for name in ("chance", "low", "high"))
    return ("–", "–") if pd.isna(row["low"]) else (chance, f"{low} to {high}")


def _zigzag(read: Reader, name: str) -> Iterator[Piece]:
    subject, reused = read(needs.compared, name)
    layers = subject.network.names[: defaults.LAYERS]
    options = Options()
    looks = _looks(read, defaults.heads(subject, layers, options))
    options = replace(options, looks=bool(looks))
    small = {neuron: address(image, LOOK) for neuron, image in looks.items()}
    drawn = partial(zigzag, subject, layers, options, looks=small)
    titles = ", ".join(subject.title(layer) for layer in layers)
    label = f"Zig-zag of neuron similarity matrices and weights for class {name}: {titles}"
    about = f"{escape(label, 600)}. {counted(subject.target.n, 'target instance')} of every split."
    caption = f"{about} {_kept_between(subject, reused)}{similarity_words.caption(subject, options)}"
    key = legend.items(subject, options)
    yield Drawings([Drawing(drawn, label, caption, key, widest=860)])
    if before := findings.read_before([one.title for one in subject.network.unactivated if one.name in layers]):
        yield Words(escape(before, 600), "small")


def _kept_between(subject: Subject, reused: Reuse) -> str:
    """Of each pair of layers drawn how many of its important edges are kept."""
    drawn = subject.network.names[: defaults.LAYERS]
    rows = reused.of("kept").dropna(subset="value")
    rows = rows[rows["first"].isin(drawn) & rows["second"].isin(drawn)]
    shares = [
        f"{MEASURES['kept'].written(row['value'])} of {int(row['n']):,} from layer "
        f"{subject.network.layer(row['first']).index} to {subject.network.layer(row['second']).index}"
        for _, row in rows.iterrows()
    ]
    return f"Important edges kept: {', '.join(shares)}. " if shares else ""


def _looks(read: Reader, neurons: list[NeuronRef]) -> Mapping[NeuronRef, np.ndarray]:
    """Feature images, where all of them are stored; a figure stands without them."""
    try:
        images: Mapping[NeuronRef, np.ndarray] = read(needs.looks, neurons)
    except LackingError:
        return {}
    return images


def features(read: Reader, class_names: tuple[str, ...]) -> Iterator[Piece]:
    """5.4: which neurons tell the domains of each class apart, what they look for, and where the domains differ."""
    for name in class_names:
        yield Heading(f"Class {name}")
        yield from read.settled([_ranking(read, name)])
        if read.has(pipeline.domain_gap, name):
            yield from _gaps(read, name)


def _ranking(read: Reader, name: str) -> Iterator[Piece]:
    result, abstraction, contribution = read(needs.ranking, name)
    network, _ = read(needs.frame)
    table, sheets = read(needs.instances)
    ranks = {layer: abstraction.rank(layer) for layer in abstraction.important}
    rows = ranking_table(result, network, ranks, contribution)
    first = rows.head(defaults.ROWS)
    neurons = [
        NeuronRef(result.model, layer, int(at)) for layer, at in zip(first["layer"], first["neuron"], strict=True)
    ]
    looks = _looks(read, neurons)
    images = {(neuron.layer, neuron.index): image for neuron, image in looks.items()}
    yield Words(domain_words.verdict(result))
    if first.empty:
        return
    ticked = [int(column) for column in first["column"][: defaults.TICKED]]
    drawn = partial(ranking, first, result, images, active=ticked)
    label = f"Feature ranking list of class {name}: {counted(len(first), 'neuron')}"
    yield Drawings(
        [Drawing(drawn, label, f"The most domain-specific neurons of class {escape(name)}: {_first(first)}")]
    )
    yield Table(
        f"The neurons of the list of class {name}",
        ("Place", "Neuron", "AUC", "95 % interval", "Leads in bootstraps", "Joint weight", "Rank for the class"),
        [*_ranked(first)],
        folded=True,
    )
    titles = {layer.name: layer.title for layer in network.layers}
    plot = partial(biplot, result, ticked, titles, instances=table)
    label = f"Instances of class {name} along the direction that tells the domains apart"
    yield Drawings([Drawing(plot, label, domain_words.HELD_OUT)])
    yield Words(conductance_words.completeness_by_layer(contribution), "small")
    cut = uncut(sheets)
    for neuron in neurons[:NEURONS]:
        title = f"Neuron {neuron.index} of {network.layer(neuron.layer).title}, {neuron.model} model"
        yield Markup(panel_html(looks.get(neuron), _crops(read, neuron, table, cut), cut), title)


def _crops(read: Reader, neuron: NeuronRef, table: pd.DataFrame, cut: Pictures) -> Mapping[str, Sequence[Crop]]:
    """What activates a neuron most in each domain: the parts that it sees, or whole pictures where none are stored."""
    crops: Mapping[str, Sequence[Crop]] = read(needs.seen_by, neuron) if read.has(needs.seen_by, neuron) else {}
    strongest = {domain: read(needs.strongest, neuron.model, domain) for domain in DOMAINS}
    return crops or whole_images(strongest, table, cut, neuron)


def _first(rows: pd.DataFrame) -> str:
    row = rows.iloc[0]
    return (
        f"neuron {row['neuron']} of {escape(row['title'])} comes first, alone with AUC {row['auc']:.2f} (95 % interval "
        f"{row['auc_low']:.2f} to {row['auc_high']:.2f})."
    )


def _ranked(rows: pd.DataFrame) -> Iterator[tuple[str, ...]]:
    for _, row in rows.iterrows():
        yield (
            f"{row['place']}",
            f"{row['title']}, {row['neuron']}",
            f"{row['auc']:.2f}",
            f"{row['auc_low']:.2f} to {row['auc_high']:.2f}",
            percent(row["stability"]),
            f"{row['weight']:+.2f}".replace("-", "−"),
            f"{row['class_rank']:,} of {row['units']:,}",
        )


def _gaps(read: Reader, name: str) -> Iterator[Piece]:
    gaps = read(pipeline.domain_gap, name)
    network, _ = read(needs.frame)
    label = "Held-out accuracy of telling the domains apart, layer by layer"
    words = domain_words.gap_words(gap_table(gaps, network))
    yield Drawings([Drawing(partial(domain_gap, gaps, network), label, words)])
