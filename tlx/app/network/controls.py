"""The controls of the zig-zag, what a tap on it chooses, and its numbers as a table."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import product

import pandas as pd
import streamlit as st
from bokeh.layouts import column
from bokeh.models import Div, LayoutDOM
from bokeh.plotting import figure
from streamlit.delta_generator import DeltaGenerator

from tlx import needs, pipeline
from tlx.app import jobs
from tlx.app.bokeh_view import Event
from tlx.app.network.weight_panel import choose_edge
from tlx.app.selection import choose
from tlx.cases import Case
from tlx.figures.zigzag import legend
from tlx.figures.zigzag.layout import CellHit, EdgeHit, Layout, NeuronHit, locate
from tlx.figures.zigzag.subject import ORDERS, SCALES, USUAL, Options, Subject
from tlx.figures.zigzag.weights import woven
from tlx.results import SIMILARITIES, NeuronRef, Reuse

_SECOND, _MEASURE = "network second class", "network similarity"
SIZES = (4, 8, USUAL, 48, 96)
_ORDER_WORDS = {"rank": "by importance", "index": "by index", "match": "counterparts side by side"}
_SCALE_WORDS = {"fixed": "0 to 1", "beyond": "beyond other pairs"}


def measure() -> str:
    """The measure of similarity that the reader asked for; "" leaves it to the results."""
    asked: str = st.session_state.get(_MEASURE, "")
    return asked


def options(subject: Subject, layers: Sequence[str]) -> Options:
    """The row of controls above the view; they keep their values when the page is left and visited again."""
    most = max(len(subject.model(model).important[layer]) for layer in layers for model in ("source", "target"))
    kept = st.session_state.setdefault("network options", Options())
    row = st.container(horizontal=True, vertical_alignment="bottom", gap="medium")
    order = row.segmented_control(
        "Order of neurons",
        ORDERS,
        default=kept.order,
        format_func=_ORDER_WORDS.__getitem__,
        help="By importance: highest rank score first. Counterparts side by side: each source neuron stands where the "
        "target neuron stands that corresponds to it.",
        width=385,  # known beforehand, as those of the others, so that the row has its lines before it is drawn
    )
    shown = _how_many(row, most, kept.shown)
    _measure(row, subject)
    default = subject.scale(replace(kept, scale=""))
    scale = row.segmented_control(
        "Darkness",
        SCALES,
        default=subject.scale(kept),
        format_func=_SCALE_WORDS.__getitem__,
        help="White is a similarity of 0, or the median of neurons of the layer that do not correspond; black is 1.",
        width=215,
    )
    others = row.toggle("Non-important regions", kept.others, width=185)
    source = row.toggle("Source weights", kept.source, width=140)
    chosen = Options(shown, order or kept.order, others, source, "" if scale in (None, default) else scale)
    st.session_state["network options"] = chosen
    return chosen


def _measure(row: DeltaGenerator, subject: Subject) -> None:
    """Asks how similarity is measured; another choice holds from the next run on, which needs other results."""
    key = f"{_MEASURE} widget"
    st.session_state[key] = subject.measure

    def take() -> None:
        asked = st.session_state[key]
        st.session_state[_MEASURE] = "" if asked == subject.scales.best else asked

    row.selectbox(
        "Similarity",
        list(SIMILARITIES),
        key=key,
        on_change=take,
        format_func=lambda name: SIMILARITIES[name].title,
        width=250,
    )


def _how_many(row: DeltaGenerator, most: int, kept: int) -> int:
    """How many important neurons of a layer to show; asked wherever there is anything to choose.

    most: the largest number any layer has; kept: the present limit, 0 for all.
    """
    sizes = [size for size in SIZES if size < most]
    if not sizes:
        return kept
    asked: int = row.selectbox(
        "Important neurons shown",
        [*sizes, 0],
        index=sizes.index(kept) if kept in sizes else len(sizes),
        format_func=lambda size: f"{size} of up to {most}" if size else f"all, up to {most}",
        width=190,
    )
    # A limit that hides nothing here stays one, so that it holds again in a larger network.
    return kept if asked == 0 and kept >= most else asked


def taker(layout: Layout) -> Callable[[Event], None]:
    """Handles a tap: an index or a cell chooses a neuron, a weight chooses an edge."""

    def take(event: Event) -> None:
        hit = locate(layout, float(event["x"]), float(event["y"]))
        if isinstance(hit, NeuronHit):
            choose(neuron=NeuronRef(hit.model, hit.layer, hit.neuron))
        elif isinstance(hit, CellHit):
            choose(neuron=NeuronRef("target", hit.layer, hit.target))
        elif isinstance(hit, EdgeHit):
            choose_edge(hit)

    return take


def focus(neuron: NeuronRef | None) -> tuple[str, str, int] | None:
    """The chosen neuron as the figure takes it."""
    return None if neuron is None else (neuron.model, neuron.layer, neuron.index)


def second_class(case: Case, class_name: str) -> str | None:
    """Asks for a class to set beside the chosen one; it stays chosen when the page is left and visited again."""
    key, nobody = f"{_SECOND} widget", ""
    names = [nobody, *_others(case, class_name)]
    kept = st.session_state.get(_SECOND)
    st.session_state[key] = kept if kept in names else nobody

    def take() -> None:
        st.session_state[_SECOND] = st.session_state[key]

    labels = {name: f"class {name}" for name in names} | {nobody: "no other class"}
    asked: str = st.selectbox("Compare with", names, key=key, on_change=take, format_func=labels.__getitem__, width=190)
    return asked or None


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


def halves() -> tuple[DeltaGenerator, DeltaGenerator]:
    """Two panels side by side; one below the other where they would be too narrow for their controls."""
    key = "network panels"
    top = f".st-key-{key.replace(' ', '-')} [data-testid=stColumn]:not([data-testid=stColumn] *)"
    with st.container(key=key):
        left, right = st.columns(2, gap="large")
        st.html(f"<style>{top} {{ min-width: min(100%, 25rem) }}</style>")
    return left, right


def with_key(draw: Callable[[], figure], subject: Subject, options: Options) -> LayoutDOM:
    """The figure, drawn anew, with its key below, as a file that leaves the page needs it.

    What the page shows belongs to a document of its own already, and Bokeh lets nothing belong to two.
    """
    return column(draw(), Div(text=legend.items(subject, options), width=700), sizing_mode="stretch_width")


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
