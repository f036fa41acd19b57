"""What is shown where nobody chose: classes, layers, neuron, weight, instance, rows; for pages and for `needs`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pandas as pd

from tlx.analysis.comparison import TIE
from tlx.figures.zigzag.layout import OTHER_MODEL, EdgeHit
from tlx.figures.zigzag.subject import Options, Subject, layout_of
from tlx.results import Discriminability, InstanceRef, NeuronRef, OnClass, Pair

LAYERS = 3  # few enough to read the network view at a glance
SIMILAR = 5  # neurons of the other model beside a neuron
ROWS = 8  # on a page of the ranking list
TICKED = 5  # of the ranking list, as in the paper
HISTOGRAMS = 2  # classes whose domain scores are drawn: each needs a classifier of its own


def classes_drawn(table: pd.DataFrame, class_name: str) -> list[str]:
    """The class and the one it is most confused with under the target model; if none, the one most taken for it.

    table: `pipeline.class_table`. A model may have learned classes of which there are no images; none of them is drawn.
    """
    row = table.loc[table["class_name"] == class_name, "misclassified_as"].iloc[0]
    confused = next((name for name, _ in row if name in set(table["class_name"])), None)
    if confused is not None:
        return [class_name, confused]
    into = {
        name: dict(wrong).get(class_name, 0)
        for name, wrong in zip(table["class_name"], table["misclassified_as"], strict=True)
    }
    most = max(into, key=lambda name: into[name])
    return [class_name, most] if into[most] else [class_name]


def in_table_order(table: pd.DataFrame, names: Sequence[str]) -> tuple[str, ...]:
    """Classes in the order of the class table, so that the same ones are one embedding in whatever order chosen."""
    return tuple(name for name in table["class_name"] if name in names)


def layers_around(names: Sequence[str], layer: str, shown: Sequence[str] = ()) -> tuple[str, ...]:
    """Layers to show a neuron of `layer` in: those shown if it is among them and they are consecutive, else around it.

    names: all layers, in network order. Only between consecutive layers are there edges to see.
    """
    at = names.index(layer)
    places = [place for place, name in enumerate(names) if name in shown]
    if at in places and len(places) > 1 and places[-1] - places[0] == len(places) - 1:
        return tuple(names[place] for place in places)
    first = max(0, min(at - LAYERS // 2, len(names) - LAYERS))
    return tuple(names[first : first + LAYERS])


def neuron(subject: Subject, layers: Sequence[str] = ()) -> NeuronRef:
    """The most important target neuron of the first layer shown."""
    first = (layers or subject.network.names)[0]
    important = subject.target.important[first]
    return NeuronRef("target", first, int(important[0]) if len(important) else 0)


def heads(subject: Subject, layers: Sequence[str], options: Options) -> list[NeuronRef]:
    """The neurons whose feature images have room at the heads of the view's rows and columns."""
    layout = layout_of(subject, layers, replace(options, looks=True))
    strips = [strip for strip in (*layout.rows, *layout.columns) if strip.look]
    return [NeuronRef(strip.model, strip.layer, neuron) for strip in strips for neuron in strip.shown.neurons]


def similar(subject: Subject, neuron: NeuronRef) -> list[tuple[int, float]]:
    """The most similar neurons of the other model with their similarities, best first; none for an inactive one."""
    matrix = subject.similarity(neuron.layer)
    values = np.asarray(matrix[neuron.index] if neuron.model == "source" else matrix[:, neuron.index])
    ordered = np.where(np.isnan(values), -np.inf, values)
    ordered[neuron.index : neuron.index + 1] += TIE  # as for matches: of equal ones the same index
    order = np.argsort(-ordered, kind="stable")[:SIMILAR]
    return [(int(at), float(values[at])) for at in order if not np.isnan(values[at])]


def with_similar(subject: Subject, neuron: NeuronRef) -> list[NeuronRef]:
    """The neuron, then those of the other model that are most similar to it."""
    there = OTHER_MODEL[neuron.model]
    return [neuron, *(NeuronRef(there, neuron.layer, index) for index, _ in similar(subject, neuron))]


def edge(subject: Subject, layers: Sequence[str] = ()) -> EdgeHit | None:
    """The strongest edge of the first two layers shown that have edges; None where there are none."""
    shown = layers or subject.network.names[:LAYERS]
    joined = [pair for pair in pairwise(shown) if pair in subject.target.edges]
    return strongest_edge(subject, joined[0]) if joined else None


def strongest_edge(subject: Subject, pair: Pair) -> EdgeHit:
    """The most important target edge between important neurons, or the most important of all."""
    important = subject.target.edges[pair].important
    ends = (subject.target.important[layer] for layer in pair)
    inside = np.logical_and(*(np.isin(important[:, at], neurons) for at, neurons in enumerate(ends)))
    rows = important[inside] if inside.any() else important
    first, second = rows[0] if len(rows) else (0, 0)
    return EdgeHit("target", pair, int(first), int(second))


def counterpart(subject: Subject, edge: EdgeHit) -> EdgeHit | None:
    """The source edge between the neurons that a target edge's ends correspond to; None where one has none."""
    first, second = (
        int(subject.counterpart(layer)[end]) for layer, end in zip(edge.pair, (edge.first, edge.second), strict=True)
    )
    return None if min(first, second) < 0 else EdgeHit("source", edge.pair, first, second)


def ends(subject: Subject, edge: EdgeHit) -> list[NeuronRef]:
    """The neurons of an edge to look at: its two, and those of a target edge's source counterpart."""
    twin = counterpart(subject, edge) if edge.model == "target" else None
    both = [edge] if twin is None else [edge, twin]
    return [NeuronRef(one.model, *end) for one in both for end in zip(one.pair, (one.first, one.second), strict=True)]


def instance(activations: OnClass, edge: EdgeHit, chosen: InstanceRef | None = None) -> int:
    """The chosen target instance, or of these the one on which the edge's first neuron is most active."""
    if chosen is not None and chosen.domain == "target":
        return chosen.index
    return int(activations.instances[activations.of(edge.pair[0], edge.first).argmax()])


def ranked(result: Discriminability, count: int = ROWS) -> tuple[tuple[str, int], ...]:
    """(layer, index) of the first neurons of the ranking list, most domain-specific first."""
    return tuple(result.neurons[column] for column in result.by_auc[:count])


def ticked(result: Discriminability) -> tuple[tuple[str, int], ...]:
    """(layer, index) of the neurons ticked at first, in the order of the classifier's columns."""
    return tuple(result.neurons[column] for column in sorted(result.by_auc[:TICKED].tolist()))
