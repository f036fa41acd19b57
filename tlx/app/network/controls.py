"""The controls of the zig-zag, what a tap on it chooses, and its numbers as a table."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import product

import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from tlx import defaults, needs, pipeline
from tlx.app import jobs, settings
from tlx.app.bokeh_view import Event
from tlx.app.network.weight_panel import choose_edge
from tlx.app.selection import choose
from tlx.cases import MODELS, Case
from tlx.figures.reuse import tapped
from tlx.figures.zigzag.layout import EdgeHit, Layout, NeuronHit, locate
from tlx.figures.zigzag.subject import ORDERS, SCALES, USUAL, Options, Subject
from tlx.figures.zigzag.weights import woven
from tlx.results import SIMILARITIES, Network, NeuronRef, Reuse

SIZES = (4, 8, USUAL, 48, 96)
_ORDER_WORDS = {"rank": "by importance", "index": "by index", "match": "by counterpart"}
_SCALE_WORDS = {"fixed": "0 to 1", "beyond": "beyond other pairs"}
PANEL = "network.panel"
_PANEL_WORDS = {"neuron": "Neuron", "weight": "Weight"}


def panel() -> str:
    """Which detail stands beside the view."""
    return settings.one_of(
        st.segmented_control,
        "Beside the view",
        list(_PANEL_WORDS),
        PANEL,
        default="neuron",
        required=True,
        format_func=_PANEL_WORDS.__getitem__,
        label_visibility="collapsed",
    )


def measure() -> str:
    """The measure of similarity that the reader asked for; "" leaves it to the results."""
    asked = settings.get("network.similarity")
    return asked if asked in SIMILARITIES else ""


def options(row: DeltaGenerator, subject: Subject, layers: Sequence[str]) -> Options:
    """The controls of the view, in a row above it."""
    most = max(len(subject.model(model).important[layer]) for layer in layers for model in MODELS)
    order = settings.one_of(
        row.segmented_control,
        "Order of neurons",
        ORDERS,
        "network.order",
        default="rank",
        required=True,
        label_visibility="collapsed",
        format_func=_ORDER_WORDS.__getitem__,
        width=335,  # known beforehand, as those of the others, so that the row has its lines before it is drawn
    )
    others = settings.switch(row.toggle, "Non-important regions", "network.others", default=True, width=185)
    source = settings.switch(row.toggle, "Source weights", "network.source", default=True, width=140)
    with row.popover("More", icon=":material/tune:", width=105):
        shown = _how_many(most)
        settings.one_of(
            st.selectbox,
            "Similarity",
            list(SIMILARITIES),
            "network.similarity",
            default=subject.scales.best,
            format_func=lambda name: SIMILARITIES[name].title,
        )
        usual = subject.scale(Options())
        scale = settings.one_of(
            st.segmented_control,
            "Darkness",
            SCALES,
            "network.scale",
            default=usual,
            required=True,
            format_func=_SCALE_WORDS.__getitem__,
            help="White is a similarity of 0, or the median of neurons that do not correspond; black is 1.",
        )
    return Options(shown, order, others, source, "" if scale == usual else scale)


def _how_many(most: int) -> int:
    """How many important neurons of a layer to show; asked wherever there is anything to choose.

    most: the largest number any layer has. A limit that hides nothing here stays one for a larger network.
    """
    sizes = [size for size in SIZES if size < most]
    if not sizes:
        return 0
    return settings.one_of(
        st.selectbox,
        "Important neurons shown",
        [*sizes, 0],
        "network.shown",
        default=USUAL if USUAL in sizes else 0,
        format_func=lambda size: f"{size} of up to {most}" if size else f"all, up to {most}",
    )


def taker(layout: Layout) -> Callable[[Event], None]:
    """Handles a tap: an index or a cell chooses a neuron, a weight an edge; what was chosen is looked at beside."""

    def take(event: Event) -> None:
        hit = locate(layout, float(event["x"]), float(event["y"]))
        if isinstance(hit, EdgeHit):
            choose_edge(hit)
        elif hit is not None:
            index = hit.neuron if isinstance(hit, NeuronHit) else hit.target
            model = hit.model if isinstance(hit, NeuronHit) else "target"
            choose(neuron=NeuronRef(model, hit.layer, index))
        if hit is not None:
            settings.put(PANEL, "weight" if isinstance(hit, EdgeHit) else None)

    return take


def opener(network: Network, reused: Reuse, measures: Sequence[str]) -> Callable[[Event], None]:
    """Handles a tap on the charts over depth: it opens the matrices of a layer and its neighbours."""

    def take(event: Event) -> None:
        ends = tapped(network, reused, measures, float(event["x"]))
        if ends is not None:
            choose(layers=defaults.layers_around(network.names, ends[-1]))

    return take


def focus(neuron: NeuronRef | None) -> tuple[str, str, int] | None:
    """The chosen neuron as the figure takes it."""
    return None if neuron is None else (neuron.model, neuron.layer, neuron.index)


def second_class(case: Case, class_name: str) -> str | None:
    """Asks for a class to set beside the chosen one."""
    names = ["", *_others(case, class_name)]
    labels = {name: f"class {name}" for name in names} | {"": "no other class"}
    of = labels.__getitem__
    return settings.one_of(st.selectbox, "Compare with", names, "network.second", default="", format_func=of) or None


def known_reuse(case: Case, own: Reuse, second: Reuse | None) -> dict[str, Reuse]:
    """The reuse of every class that is stored already; the two compared come last, so that they are drawn on top."""
    stored = {name: jobs.stored(pipeline.reuse, case, name) for name in _others(case, own.class_name)}
    known = {name: reuse for name, reuse in stored.items() if reuse is not None}
    for one in (second, own):
        if one is not None:
            known.pop(one.class_name, None)
            known[one.class_name] = one
    return known


def _others(case: Case, class_name: str) -> list[str]:
    """The other classes that the target domain has instances of."""
    _, domains = jobs.require(needs.frame, case)
    return [name for name in domains["target"].present if name != class_name]


def label(subject: Subject, layers: Sequence[str]) -> str:
    """What a screen reader says about the view."""
    titles = ", ".join(subject.title(layer) for layer in layers)
    return (
        f"Zig-zag of neuron similarity matrices and weights for class {subject.comparison.class_name}: {titles}. "
        "The tables behind the download button and the choices below hold the same numbers."
    )


def table(layout: Layout, subject: Subject) -> pd.DataFrame:
    """The numbers shown, long: kind, measure, layer, first, second, value, model, next_layer, count, important, kept.

    For a similarity `first` is the source and `second` the target neuron, and `measure` of `SIMILARITIES`; for a weight
    they are the edge's ends.
    """
    return pd.DataFrame([*_similarities(layout, subject), *_weights(layout, subject)])


def _similarities(layout: Layout, subject: Subject) -> Iterator[dict[str, object]]:
    for block in layout.of_kind("similarity"):
        source, target = (block.rows, block.columns) if block.rows.model == "source" else (block.columns, block.rows)
        values = subject.similarity(source.layer)
        for one, other in product(source.shown.neurons, target.shown.neurons):
            ends = {
                "kind": "similarity",
                "measure": subject.measure,
                "layer": source.layer,
                "first": one,
                "second": other,
            }
            yield ends | {"value": float(values[one, other])}


def _weights(layout: Layout, subject: Subject) -> Iterator[dict[str, object]]:
    for part in woven(layout, subject):
        important = zip(part.edges.important.tolist(), part.kept.tolist(), strict=True)
        state = {(first, second): kept for (first, second), kept in important}
        place = {"kind": "weight", "model": part.block.model} | dict(
            zip(("layer", "next_layer"), part.block.pair, strict=True)
        )
        for ends in product(part.block.first.shown.neurons, part.block.second.shown.neurons):
            yield place | {
                "first": ends[0],
                "second": ends[1],
                "value": float(part.edges.value[ends]),
                "count": int(part.edges.counts[ends]),
                "important": ends in state,
                "kept": state.get(ends, False),
            }
