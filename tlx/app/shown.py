"""What the pages ask the pipeline for: at once, before anybody has clicked, and on a click or a button.

An export takes these along, so every default a page chooses is asked for here as the page itself asks for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any

from tlx import pipeline
from tlx.app import selection
from tlx.app.features import ranking_list
from tlx.app.instances.scatter_controls import default_classes
from tlx.app.network import neuron_panel, weight_panel
from tlx.app.selection import NeuronRef
from tlx.cases import DOMAINS, MODELS, Case
from tlx.errors import EmptyError
from tlx.figures.zigzag.subject import Subject
from tlx.findings import worst_class
from tlx.storage.bundles import Writer


@dataclass(frozen=True)
class Request:
    """One result: a memoized function, what it is asked for, and whether a page shows it without a click."""

    function: Any
    arguments: tuple[Any, ...]
    at_once: bool = True

    @property
    def name(self) -> str:
        return str(self.function.__qualname__).strip("_").replace("_", " ")

    @property
    def stored(self) -> bool:
        return bool(self.function.is_stored(*self.arguments))

    def export(self, writer: Writer) -> None:
        self.function.export(writer, *self.arguments)


def of_case(case: Case) -> Iterator[Request]:
    """What every page needs, whatever the class."""
    for domain in DOMAINS:
        yield Request(pipeline.catalogue, (case, domain))
        yield Request(pipeline.thumbnails, (case, domain))
    for function in (pipeline.network, pipeline.history, pipeline.transferability):
        yield Request(function, (case,))
    for model in MODELS:
        yield Request(pipeline.notes, (case, model))
        for domain in DOMAINS:
            yield Request(pipeline.predictions, (case, model, domain))
            yield Request(pipeline.strongest, (case, model, domain))


def of_class(case: Case, name: str) -> Iterator[Request]:
    """What the pages show of a class, and what they offer on a click; needs what `of_case` names."""
    ask = partial(_request, case)
    for model in MODELS:
        for function in (pipeline.abstraction, pipeline.conductance_on, pipeline.activation_on):
            yield ask(function, model, name)
        yield ask(pipeline.discriminability, name, model)
    yield ask(pipeline.comparison, name)
    yield ask(pipeline.reuse, name)
    yield Request(pipeline.domain_gap, (case, name), at_once=False)
    yield from _embeddings(case, name)
    try:
        yield from _of_network(case, name)
        yield from _of_features(case, name)
    except EmptyError:
        return  # the pages say so in place of these


def of_class_in_brief(case: Case, name: str) -> Iterator[Request]:
    """What all pages but the network views show of a class."""
    yield from _embeddings(case, name)
    yield Request(pipeline.discriminability, (case, name, "target"))


def by_interest(case: Case) -> list[str]:
    """All classes, first the one the pages choose and the one that the start page looks into, then by their change."""
    table = pipeline.class_table(case)
    order = table["difference"].abs().fillna(-1).to_numpy().argsort(kind="stable")[::-1]
    changed = [str(name) for name in table["class_name"].iloc[order]]
    first = table["class_name"].iloc[int(table["difference"].abs().fillna(-1).to_numpy().argmax())]
    return list(dict.fromkeys([str(first), *filter(None, [worst_class(table)]), *changed, *pipeline.classes(case)]))


def on_click(case: Case) -> Iterator[Request]:
    """What pages show once a neuron or an instance is chosen: all that could be asked for, most of it never was."""
    for model in MODELS:
        for layer in pipeline.network(case).layers:
            for neuron in range(layer.units):
                yield from _pictures(case, NeuronRef(model, layer.name, neuron), at_once=False)
    for domain in DOMAINS:
        for instance in range(len(pipeline.catalogue(case, domain))):
            yield Request(pipeline.neighbours, (case, domain, instance, "target", None), at_once=False)


def _request(case: Case, function: Any, *arguments: Any) -> Request:
    return Request(function, (case, *arguments))


def _embeddings(case: Case, name: str) -> Iterator[Request]:
    """The Instances page: the class beside the one it is most confused with."""
    table = pipeline.class_table(case)
    if name not in table["class_name"].tolist():
        return
    drawn = default_classes(table, name)
    ordered = tuple(one for one in table["class_name"] if one in drawn)
    for other in drawn[1:]:
        yield Request(pipeline.discriminability, (case, other, "target"))
    for model in ("target", "source"):
        yield Request(pipeline.embedding, (case, ordered, model, None, case.seed), at_once=model == "target")


def _of_network(case: Case, name: str) -> Iterator[Request]:
    """The Network page: the neuron and the weight that it shows before any is chosen."""
    both = {model: pipeline.abstraction(case, model, name) for model in MODELS}
    subject = Subject(pipeline.network(case), pipeline.comparison(case, name), **both)
    layers = subject.network.names[: selection.DEFAULT_LAYERS]
    neuron = neuron_panel.default(subject, layers)
    like = neuron_panel.similar(subject, neuron)
    for model, layer, indices in neuron_panel.wanted(neuron, like):
        for index in indices:
            yield Request(pipeline.feature_image, (case, model, layer, index))
    yield Request(pipeline.crops, (case, neuron.model, neuron.layer, neuron.index))
    joined = [pair for pair in pairwise(layers) if pair in both["target"].edges]
    edge = weight_panel.strongest(subject, joined[0]) if joined else None
    if edge is None:
        return
    for model, layer, index in weight_panel.ends(subject, edge):
        yield Request(pipeline.feature_image, (case, model, layer, index))
    instance = weight_panel.instance_for(pipeline.activation_on(case, edge.model, name), edge, None)
    yield Request(pipeline.kernel_response, (case, edge.model, edge.pair, (edge.first, edge.second), instance))


def _of_features(case: Case, name: str) -> Iterator[Request]:
    """The Features page: the first page of the ranking list of either model, and its first neuron."""
    for model in MODELS:
        found = pipeline.discriminability(case, name, model)
        best = [found.neurons[at] for at in found.ranking[: ranking_list.ROWS]]
        for layer, index in best:
            yield Request(pipeline.feature_image, (case, model, layer, index), at_once=model == "target")
        for layer, index in best[:1]:
            yield from _pictures(case, NeuronRef(model, layer, index), at_once=model == "target")
        ticked = tuple(found.neurons[at] for at in sorted(found.ranking[: ranking_list.TICKED].tolist()))
        yield Request(pipeline.silenced, (case, model, ticked), at_once=False)


def _pictures(case: Case, neuron: NeuronRef, *, at_once: bool) -> Iterator[Request]:
    for function in (pipeline.feature_image, pipeline.crops):
        yield Request(function, (case, neuron.model, neuron.layer, neuron.index), at_once)
