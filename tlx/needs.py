"""What each page shows at once for a selection, written once, without Streamlit.

A panel is a generator. It yields one `Need` after the other, a result of the pipeline each, is sent what was needed,
and returns what is drawn from it. Who answers decides what happens: a page reads what is stored or starts a job
(`app.jobs`), `run` computes, `export` writes, costs add up what is missing, tests answer by hand. What nobody chose is
`defaults`' to say.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from inspect import isgeneratorfunction
from typing import Any, TypeVar

import numpy as np
import pandas as pd

from tlx import defaults, findings, pipeline
from tlx.cases import DOMAINS, MODELS, Case
from tlx.errors import EmptyError, UserError
from tlx.figures.zigzag.layout import EdgeHit
from tlx.figures.zigzag.subject import Options, Subject
from tlx.results import (
    CONTROLS,
    Abstraction,
    BlockGradients,
    Comparison,
    Contribution,
    Control,
    Correspondence,
    Discriminability,
    DomainImages,
    Embedding,
    InstanceRef,
    KernelResponse,
    LabelEfficiency,
    Network,
    NeuronRef,
    OnClass,
    Probe,
    Reuse,
    SimilarityScales,
    Strongest,
    Thumbnails,
    Transferability,
)

T = TypeVar("T")


@dataclass(frozen=True)
class Need:
    """One result: a function of the pipeline and its arguments, the case first."""

    function: Any
    arguments: tuple[Any, ...]

    def __call__(self) -> Any:
        return self.function(*self.arguments)

    @property
    def name(self) -> str:
        return str(self.function.__name__)

    @property
    def label(self) -> str:
        """What is being done while it is computed, as a page says it."""
        return str(self.function.label(*self.arguments))

    @property
    def stored(self) -> bool:
        """Whether it is at hand; what is put together from stored results is, where they are."""
        if hasattr(self.function, "is_stored"):
            return bool(self.function.is_stored(*self.arguments))
        return all(part.stored for part in self.made_of())

    def made_of(self) -> list[Need]:
        """The results that it is computed from."""
        return [Need(*call) for call in self.function.made_of(*self.arguments)]

    def kept(self) -> Iterator[Need]:
        """The stored results it stands for: itself, or those it is put together from."""
        if hasattr(self.function, "is_stored"):
            yield self
        else:
            for part in self.made_of():
                yield from part.kept()


Panel = Generator[Need, Any, T]


def need(function: Any, *arguments: Any) -> Need:
    """`need(pipeline.network, case)`."""
    return Need(function, arguments)


def panel_of(function: Callable[..., Any], *arguments: Any) -> Panel[Any]:
    """A panel as it is, or a function of the pipeline as the panel that needs its result alone."""
    if isgeneratorfunction(function):
        panel: Panel[Any] = function(*arguments)
        return panel
    return one(function, *arguments)


def one(function: Callable[..., T], *arguments: Any) -> Panel[T]:
    """The panel that needs one result."""
    result: T = yield need(function, *arguments)
    return result


def answered(panel: Panel[T], answer: Callable[[Need], Any]) -> T:
    """What the panel returns when `answer` gives it what it needs; a UserError of an answer is the panel's to take."""
    try:
        wanted = next(panel)
        while True:
            try:
                given = answer(wanted)
            except UserError as error:
                wanted = panel.throw(error)
            else:
                wanted = panel.send(given)
    except StopIteration as end:
        result: T = end.value
        return result


def each(names: Iterable[str], wanted: Callable[[str], Need]) -> Panel[dict[str, Any]]:
    """A result for each name."""
    results = {}
    for name in names:
        results[name] = yield wanted(name)
    return results


# Every page


def frame(case: Case) -> Panel[tuple[Network, dict[str, DomainImages]]]:
    """What there is to choose from: the analysed layers, and who is in either domain."""
    network = yield need(pipeline.network, case)
    return network, (yield from each(DOMAINS, partial(_of_domain, pipeline.catalogue, case)))


def notes(case: Case) -> Panel[dict[str, tuple[str, ...]]]:
    """How each model came to be, in sentences."""
    return (yield from each(MODELS, partial(need, pipeline.notes, case)))


def instances(case: Case) -> Panel[tuple[pd.DataFrame, dict[str, Thumbnails]]]:
    """Every instance with what both models say of it, and its picture."""
    table = yield need(pipeline.instances, case)
    return table, (yield from each(DOMAINS, partial(_of_domain, pipeline.thumbnails, case)))


def _of_domain(function: Any, case: Case, domain: str) -> Need:
    return need(function, case, domain)


def looks(case: Case, neurons: Sequence[NeuronRef]) -> Panel[dict[NeuronRef, np.ndarray]]:
    """What these neurons look for: their feature images, those of a model drawn together."""
    drawn: dict[str, dict[tuple[str, int], np.ndarray]] = {}
    for model in MODELS:
        wanted = tuple(dict.fromkeys((one.layer, one.index) for one in neurons if one.model == model))
        if wanted:
            drawn[model] = yield need(pipeline.neuron_images, case, model, wanted)
    return {NeuronRef(model, *place): image for model, of in drawn.items() for place, image in of.items()}


# Start and Statistics: section 5.1 of the paper


def samples(case: Case) -> Panel[tuple[dict[str, DomainImages], dict[str, Thumbnails]]]:
    """Who is in either domain, and their pictures."""
    listed = yield from each(DOMAINS, partial(_of_domain, pipeline.catalogue, case))
    return listed, (yield from each(DOMAINS, partial(_of_domain, pipeline.thumbnails, case)))


def score(case: Case) -> Panel[Transferability]:
    """What the transfer gained on the target domain."""
    return (yield from one(pipeline.transferability, case))


def probe(case: Case) -> Panel[Probe | None]:
    """What the source model knows of the target's classes where it can name none of them, and there is no score."""
    known = (yield from score(case)).known
    return None if known else (yield from one(pipeline.linear_probe, case))


def control(case: Case, length: str = "budget") -> Panel[Control]:
    """What training from scratch on the same target images comes to."""
    return (yield from one(pipeline.control, case, length))


def label_efficiency(case: Case) -> Panel[LabelEfficiency]:
    """What few target labels teach, with the source model and without it."""
    return (yield from one(pipeline.label_efficiency, case))


def block_gradients(case: Case) -> Panel[BlockGradients]:
    """Which block the target's images pull at."""
    return (yield from one(pipeline.block_gradients, case))


def strategies(case: Case) -> Panel[pd.DataFrame]:
    """What training each block comes to, and other strategies."""
    return (yield from one(pipeline.strategies, case))


def class_table(case: Case) -> Panel[pd.DataFrame]:
    """How well each model does class by class."""
    return (yield from one(pipeline.class_table, case))


def history(case: Case) -> Panel[pd.DataFrame]:
    """Accuracy over the epochs."""
    return (yield from one(pipeline.history, case))


def rewiring(case: Case, class_name: str) -> Panel[tuple[Network, Reuse]]:
    """Where re-wiring begins."""
    network = yield need(pipeline.network, case)
    return network, (yield need(pipeline.reuse, case, class_name))


def worst_class(case: Case) -> Panel[tuple[Discriminability, Network] | None]:
    """What tells the domains of the class apart on which the target model does worst; None where none is known."""
    worst = findings.worst_class((yield from class_table(case)))
    if worst is None:
        return None
    return (yield from domain_score(case, worst)), (yield from one(pipeline.network, case))


# Instances: section 5.2 of the paper


def embedding(
    case: Case, class_name: str, drawn: Sequence[str] = (), model: str = "target", layer: str | None = None
) -> Panel[Embedding]:
    """Where the instances of the classes drawn lie for a model."""
    table = yield from class_table(case)
    ordered = defaults.in_table_order(table, drawn or defaults.classes_drawn(table, class_name))
    return (yield from one(pipeline.embedding, case, ordered, model, layer, case.seed))


def domain_score(case: Case, class_name: str) -> Panel[Discriminability]:
    """How source-like or target-like the class's instances are."""
    return (yield from one(pipeline.discriminability, case, class_name, "target"))


def domain_scores(case: Case, class_name: str) -> Panel[None]:
    """The same of the classes drawn at first, of those that can have one."""
    table = yield from class_table(case)
    for name in defaults.classes_drawn(table, class_name)[: defaults.HISTOGRAMS]:
        try:
            yield from domain_score(case, name)
        except EmptyError:  # one of the domains lacks the class; the page says so in its place
            continue


# Network: section 5.3 of the paper


def compared(case: Case, class_name: str, measure: str = "") -> Panel[tuple[Subject, Reuse]]:
    """What the zig-zag shows of a class, and how much is reused over depth.

    measure: of similarity; by default the one that tells counterparts from other pairs best.
    """
    network: Network = yield need(pipeline.network, case)
    both: dict[str, Abstraction] = yield from each(MODELS, partial(_of_class, pipeline.abstraction, case, class_name))
    comparison: Comparison = yield need(pipeline.comparison, case, class_name)
    correspondence: Correspondence = yield need(pipeline.correspondence, case)
    scales: SimilarityScales = yield need(pipeline.similarity_scales, case, class_name)
    measure = measure or scales.best
    alike = yield need(pipeline.similarity, case, class_name, measure)
    subject = Subject(network, comparison, both["source"], both["target"], correspondence, scales, measure, alike)
    return subject, (yield need(pipeline.reuse, case, class_name))


def heads(case: Case, class_name: str) -> Panel[None]:
    """The feature images at the heads of the zig-zag's rows and columns, as it is drawn at first."""
    subject, _ = yield from compared(case, class_name)
    yield from looks(case, defaults.heads(subject, subject.network.names[: defaults.LAYERS], Options()))


def conductances(case: Case, class_name: str) -> Panel[dict[str, OnClass]]:
    """Conductance on the class's target instances, by model."""
    return (yield from each(MODELS, partial(_of_class, pipeline.conductance_on, case, class_name)))


def contributions(case: Case, class_name: str) -> Panel[dict[str, Contribution]]:
    """What each neuron adds to the class's score, and how well conductance adds up, by model."""
    return (yield from each(MODELS, partial(_of_class, pipeline.contribution_on, case, class_name)))


def _of_class(function: Any, case: Case, class_name: str, model: str) -> Need:
    return need(function, case, model, class_name)


def strongest(case: Case, model: str, domain: str) -> Panel[Strongest]:
    """The instances of a domain that activate each neuron most."""
    return (yield from one(pipeline.strongest, case, model, domain))


def seen_by(case: Case, neuron: NeuronRef) -> Panel[dict[str, Any]]:
    """What activates a neuron most in each domain, cropped to what it sees; empty where it sees all of an image.

    Then whole pictures show it, which are at hand, and `strongest` says which.
    """
    network = yield need(pipeline.network, case)
    if not case.two_networks and network.layer(neuron.layer).field is None:
        return {}
    crops: dict[str, Any] = yield need(pipeline.crops, case, neuron.model, neuron.layer, neuron.index)
    return crops


def kernel_response(
    case: Case, class_name: str, edge: EdgeHit, chosen: InstanceRef | None = None
) -> Panel[tuple[int, KernelResponse]]:
    """What an edge's kernel alone answers to an instance: the chosen one, or where its first neuron is most active."""
    active = yield from activations(case, class_name, edge)
    instance = defaults.instance(active, edge, chosen)
    asked = case, edge.model, edge.pair, (edge.first, edge.second), instance
    return instance, (yield need(pipeline.kernel_response, *asked))


def activations(case: Case, class_name: str, edge: EdgeHit) -> Panel[OnClass]:
    """Largest activations of the edge's model on the class's target instances."""
    return (yield from one(pipeline.activation_on, case, edge.model, class_name))


def default_neuron(case: Case, class_name: str) -> Panel[None]:
    """The panel of the neuron that is chosen at first."""
    subject, _ = yield from compared(case, class_name)
    neuron = defaults.neuron(subject)
    yield from looks(case, defaults.with_similar(subject, neuron))
    yield from conductances(case, class_name)
    yield from contributions(case, class_name)
    yield from seen_by(case, neuron)
    for domain in DOMAINS:
        yield from strongest(case, neuron.model, domain)


def default_edge(case: Case, class_name: str) -> Panel[None]:
    """The panel of the weight that is chosen at first, where there is one."""
    subject, _ = yield from compared(case, class_name)
    edge = defaults.edge(subject)
    if edge is not None:
        yield from looks(case, defaults.ends(subject, edge))
        yield from kernel_response(case, class_name, edge)


# Features: section 5.4 of the paper


def ranking(
    case: Case, class_name: str, model: str = "target"
) -> Panel[tuple[Discriminability, Abstraction, Contribution]]:
    """The class's important neurons by how well they tell the domains apart, and what they add to its score."""
    result = yield need(pipeline.discriminability, case, class_name, model)
    abstraction = yield need(pipeline.abstraction, case, model, class_name)
    return result, abstraction, (yield need(pipeline.contribution_on, case, model, class_name))


def default_rows(case: Case, class_name: str, model: str = "target") -> Panel[None]:
    """The first page of the ranking list, and its first neuron."""
    result, *_ = yield from ranking(case, class_name, model)
    rows = [NeuronRef(model, *place) for place in defaults.ranked(result)]
    yield from looks(case, rows)
    for first in rows[:1]:
        yield from seen_by(case, first)


# All of them


def of_case(case: Case) -> Iterator[Panel[Any]]:
    """What the pages show whatever the class."""
    yield frame(case)
    yield notes(case)
    yield samples(case)
    yield history(case)
    yield score(case)
    yield probe(case)
    if case.control:
        yield control(case)
    yield class_table(case)
    yield instances(case)
    yield worst_class(case)
    for model in MODELS:
        for domain in DOMAINS:
            yield strongest(case, model, domain)


def of_class(case: Case, class_name: str) -> Iterator[Panel[Any]]:
    """What the pages show of a class before anybody clicks; with the Features page of either model."""
    yield from of_class_in_brief(case, class_name)
    yield rewiring(case, class_name)
    yield compared(case, class_name)
    yield heads(case, class_name)
    yield default_neuron(case, class_name)
    yield default_edge(case, class_name)
    for model in MODELS:
        yield default_rows(case, class_name, model)


def of_class_in_brief(case: Case, class_name: str) -> Iterator[Panel[Any]]:
    """What all pages but the network views show of a class."""
    yield embedding(case, class_name)
    yield domain_scores(case, class_name)


def after_one_click(case: Case, class_names: Sequence[str]) -> Iterator[Panel[Any]]:
    """What the pages show after one click: on any button, layer or neuron; not on every instance or weight."""
    for length in CONTROLS:
        yield control(case, length)
    yield label_efficiency(case)
    yield block_gradients(case)
    yield strategies(case)
    for name in class_names:
        yield from of_class_after_one_click(case, name)
    for domain in DOMAINS:
        yield one(pipeline.nearest, case, domain)
    for model in MODELS:
        for layer in pipeline.network(case).layers:
            neurons = [NeuronRef(model, layer.name, neuron) for neuron in range(layer.count(model))]
            yield looks(case, neurons)
            yield from (seen_by(case, neuron) for neuron in neurons)


def of_class_after_one_click(case: Case, class_name: str) -> Iterator[Panel[Any]]:
    """Of a class, what any button shows, and any layer or pair of layers that the views begin with."""
    yield one(pipeline.domain_gap, case, class_name)
    yield _wherever_the_layers_begin(case, class_name)
    yield _looks_wherever_the_layers_begin(case, class_name)
    yield one(pipeline.criteria, case, class_name)
    for model in MODELS:
        yield _silenced(case, class_name, model)
        for of in (None, *pipeline.network(case).names):
            yield embedding(case, class_name, model=model, layer=of)


def on_click(case: Case, class_names: Sequence[str]) -> Iterator[Panel[Any]]:
    """What the pages offer, or show once something is chosen: all that could be asked for, most of it never was."""
    yield from after_one_click(case, class_names)
    for model in MODELS:
        for name in class_names:
            yield one(pipeline.activation_on, case, model, name)
        for layer in pipeline.network(case).layers:
            yield from (looks(case, [NeuronRef(model, layer.name, neuron)]) for neuron in range(layer.count(model)))


def _wherever_the_layers_begin(case: Case, class_name: str) -> Panel[None]:
    """The panels of the neuron and the weight that are chosen at first."""
    subject, _ = yield from compared(case, class_name)
    for layer in subject.network.names:
        yield from seen_by(case, defaults.neuron(subject, [layer]))
    for pair in subject.network.pairs:
        edge = defaults.edge(subject, pair)
        if edge is not None:
            yield from kernel_response(case, class_name, edge)


def _looks_wherever_the_layers_begin(case: Case, class_name: str) -> Panel[None]:
    """What the same panels draw of what neurons look for."""
    subject, _ = yield from compared(case, class_name)
    for layer in subject.network.names:
        yield from looks(case, defaults.with_similar(subject, defaults.neuron(subject, [layer])))
    for pair in subject.network.pairs:
        edge = defaults.edge(subject, pair)
        if edge is not None:
            yield from looks(case, defaults.ends(subject, edge))


def _silenced(case: Case, class_name: str, model: str) -> Panel[Any]:
    result, *_ = yield from ranking(case, class_name, model)
    return (yield from one(pipeline.silenced, case, class_name, model, defaults.ticked(result)))
