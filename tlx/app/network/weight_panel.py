"""One edge of the zig-zag looked at closely: ends, kernel, response, and its source counterpart (Figure 1 C.2)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from itertools import pairwise

import numpy as np
import streamlit as st

from tlx import defaults
from tlx.app import settings
from tlx.app.bokeh_view import bokeh_view
from tlx.app.layout import beside
from tlx.app.once import once
from tlx.app.selection import choose
from tlx.figures.galleries import address
from tlx.figures.maps import signed_map
from tlx.figures.zigzag.layout import EdgeHit
from tlx.figures.zigzag.subject import Subject
from tlx.findings import counted
from tlx.results import InstanceRef, KernelResponse, NeuronRef, OnClass, Pair

_KEY = "network edge"
_KEPT = "network.edge"


def choose_edge(edge: EdgeHit) -> None:
    """Has the panel show this edge, on this page and when it is visited again; call it in a callback."""
    settings.put(_KEPT, settings.joined((edge.model, *edge.pair, str(edge.first), str(edge.second))))


def chosen(subject: Subject) -> EdgeHit | None:
    """The chosen edge, if this case has it."""
    match settings.parted(settings.get(_KEPT) or ""):
        case [("source" | "target") as model, first_layer, second_layer, first, second]:
            edge = EdgeHit(
                model, (first_layer, second_layer), *(int(end) if end.isdecimal() else -1 for end in (first, second))
            )
            return edge if edge.pair in subject.target.edges and _exists(subject, edge) else None
    return None


def framed(subject: Subject) -> tuple[EdgeHit, ...]:
    """The chosen edge and, where a target edge has one, its source counterpart: what the view frames."""
    edge = chosen(subject)
    if edge is None:
        return ()
    twin = defaults.counterpart(subject, edge) if edge.model == "target" else None
    return (edge,) if twin is None else (edge, twin)


def picker(subject: Subject, layers: tuple[str, ...]) -> EdgeHit | None:
    """The keyboard's way to an edge, and the one chosen; None where the chosen layers have no edges."""
    pairs = [pair for pair in pairwise(layers) if pair in subject.target.edges]
    if not pairs:
        st.caption("The chosen layers have no edges between them; choose neighbouring layers in the sidebar.")
        return None
    edge = chosen(subject)
    if edge is None or edge.pair not in pairs:
        edge = defaults.strongest_edge(subject, pairs[0])
    model, pair = st.columns(2, gap="small")
    first, second = st.columns(2, gap="small")
    keys = [f"{_KEY} {name}" for name in ("model", "pair", "first", "second")]
    for key, value in zip(keys, (edge.model, edge.pair, edge.first, edge.second), strict=True):
        st.session_state[key] = value

    def take() -> None:
        values = [st.session_state[key] for key in keys]
        units = subject.model(values[0]).edges[values[1]].counts.shape
        ends = [min(int(value or 0), size - 1) for value, size in zip(values[2:], units, strict=True)]
        choose_edge(EdgeHit(values[0], values[1], *ends))

    model.selectbox("Model", ("target", "source"), key=keys[0], on_change=take)
    pair.selectbox("Layers", pairs, key=keys[1], on_change=take, format_func=lambda both: _between(subject, both))
    units = subject.model(edge.model).edges[edge.pair].counts.shape
    first.number_input("From neuron", 0, units[0] - 1, step=1, key=keys[2], on_change=take)
    second.number_input("To neuron", 0, units[1] - 1, step=1, key=keys[3], on_change=take)
    return edge


def _between(subject: Subject, pair: Pair) -> str:
    return " → ".join(str(subject.network.layer(layer).index) for layer in pair)


def _exists(subject: Subject, edge: EdgeHit) -> bool:
    units = subject.model(edge.model).edges[edge.pair].counts.shape
    return bool(0 <= edge.first < units[0] and 0 <= edge.second < units[1])


def facts(subject: Subject, edge: EdgeHit) -> str:
    """The edge's numbers in both models, and what became of it, as Markdown."""
    lines = [_numbers(subject, edge)]
    if edge.model == "target":
        twin = defaults.counterpart(subject, edge)
        if twin is None:
            lines.append("No source counterpart: the source model has no neuron for one of its ends.")
        else:
            lines.append(f"Source counterpart, between the corresponding neurons: {_numbers(subject, twin)}")
            lines.append(_verdict(_important(subject, edge), _important(subject, twin)))
    return "  \n".join(lines)


def _numbers(subject: Subject, edge: EdgeHit) -> str:
    edges, n = subject.model(edge.model).edges[edge.pair], subject.model(edge.model).n
    count, value = int(edges.counts[edge.first, edge.second]), float(edges.value[edge.first, edge.second])
    mark = "important" if _important(subject, edge) else "not important"
    return (
        f"**{edge.model} edge #{edge.first} → #{edge.second}**: among the top 10 % in {count:,} of "
        f"{counted(n, 'instance')} ({mark}), mean value {value:.3g}."
    )


def _important(subject: Subject, edge: EdgeHit) -> bool:
    important = subject.model(edge.model).edges[edge.pair].important
    return bool(((important[:, 0] == edge.first) & (important[:, 1] == edge.second)).any())


def _verdict(here: bool, there: bool) -> str:
    if not here:
        return "Only important target edges can be kept; this one is not important."
    return "So it is **kept**." if there else "That one is not important, so this edge is **not kept**."


def images(subject: Subject, neurons: list[NeuronRef], looks: Mapping[NeuronRef, np.ndarray]) -> None:
    """What these neurons look for, side by side, as far as it is drawn already."""
    row = st.container(horizontal=True, gap="small")  # also on a phone: columns would stack
    for neuron in neurons:
        if neuron in looks:
            layer = subject.network.layer(neuron.layer).index
            row.image(
                once(address, looks[neuron], 128), caption=f"#{neuron.index}, {neuron.model}, layer {layer}", width=62
            )


def instance_picker(activations: OnClass, edge: EdgeHit, chosen_one: InstanceRef | None) -> None:
    """Asks for the target instance the kernel answers to: of the class, most active first neuron first."""
    active = activations.of(edge.pair[0], edge.first)
    order = np.argsort(-active, kind="stable")
    activity = dict(zip(activations.instances[order].tolist(), active[order].tolist(), strict=True))
    choices = list(activity)
    instance = defaults.instance(activations, edge, chosen_one)
    if instance not in choices:
        choices.insert(0, instance)
    key = f"{_KEY} instance {edge.pair} {edge.first}"  # a browser keeps what it shows, which speaks of that neuron
    st.session_state[key] = instance
    st.selectbox(
        "Its kernel's response on target instance",
        choices,
        key=key,
        format_func=lambda at: f"{at} ({_activity(edge, activity.get(at))})",
        on_change=lambda: choose(instance=InstanceRef("target", int(st.session_state[key]))),
    )


def _activity(edge: EdgeHit, value: float | None) -> str:
    return "of another class" if value is None else f"#{edge.first} is active with {value:.3g}"


def draw(instance: int, response: KernelResponse, edge: EdgeHit) -> None:
    """Kernel, entering map and response, side by side."""
    maps = (response.kernel, "kernel"), (response.entering, f"map of #{edge.first}"), (response.response, "response")
    for column, (values, title) in zip(beside(3, name="kernel", least=84, gap="small"), maps, strict=True):
        with column:
            key, drawn = f"{_KEY} {title.split()[0]}", partial(signed_map, values, title)
            bokeh_view(drawn, key=key, label=f"{title} as an image")
    st.caption(
        f"Left: the weights. Middle: what enters from #{edge.first} on target instance {instance}. Right: what this "
        f"kernel alone answers; its value there is {response.value:.3g}."
    )
