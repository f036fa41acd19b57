"""One neuron of the zig-zag looked at closely: pictures, rank in both models, most similar neurons (Figure 1 C.1)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import streamlit as st

from tlx import defaults
from tlx.app import frame, pictures
from tlx.app.feature_strip import SMALL, crop_row
from tlx.app.once import once
from tlx.app.selection import Selection, choose
from tlx.figures.conductance import Distribution
from tlx.figures.galleries import address
from tlx.figures.pictures import Pictures
from tlx.figures.zigzag.layout import OTHER_MODEL
from tlx.figures.zigzag.subject import Subject
from tlx.results import Contribution, Crop, Layer, NeuronRef, OnClass, Strongest
from tlx.words import conductance as conductance_words

_TILE = 64  # of their pictures, in CSS pixels: one row of them in half a page
_LARGE = 128  # pixels of a feature image that is shown at half of that
_KEY = "network neuron"


def picker(subject: Subject, layers: tuple[str, ...], chosen: NeuronRef | None) -> NeuronRef:
    """The keyboard's way to a neuron, and the one chosen: by default the most important of the first layer shown."""
    neuron = chosen or defaults.neuron(subject, layers)
    names = subject.network.names
    keys = [f"{_KEY} {name}" for name in ("model", "layer", "index")]
    for key, value in zip(keys, (neuron.model, neuron.layer, neuron.index), strict=True):
        st.session_state[key] = value

    def take() -> None:
        model, layer, index = (st.session_state[key] for key in keys)
        choose(neuron=NeuronRef(model, layer, min(int(index or 0), subject.network.layer(layer).count(model) - 1)))

    # Labels are for screen readers: what the boxes hold says what they are.
    st.selectbox("Layer", names, key=keys[1], on_change=take, format_func=subject.title, label_visibility="collapsed")
    model, index = st.columns(2, gap="small")
    of_model = "{} model".format
    model.selectbox(
        "Model",
        ("target", "source"),
        key=keys[0],
        on_change=take,
        format_func=of_model,
        label_visibility="collapsed",
    )
    index.number_input(
        "Neuron",
        0,
        subject.network.layer(neuron.layer).count(neuron.model) - 1,
        step=1,
        key=keys[2],
        on_change=take,
        icon=":material/tag:",
        label_visibility="collapsed",
    )
    return neuron


def facts(subject: Subject, neuron: NeuronRef, contribution: Contribution) -> str:
    """Its rank in both models and what it adds to the score in its own, as Markdown."""
    there = OTHER_MODEL[neuron.model]
    ranks = {model: subject.model(model).rank(neuron.layer) for model in (neuron.model, there)}
    elsewhere = f"the {there} model has none of this index"
    if neuron.index < len(ranks[there]):
        elsewhere = f"{ordinal(int(ranks[there][neuron.index]))} in the {there} model"
    layer = subject.network.layer(neuron.layer)
    lines = [
        f"**{ordinal(int(ranks[neuron.model][neuron.index]))}** of {layer.count(neuron.model)} here, {elsewhere}.",
        conductance_words.contribution(contribution, layer, neuron.index),
    ]
    if not subject.model(neuron.model).active[neuron.layer][neuron.index]:
        lines.append("Inactive: its conductance is 0 on every instance of the class, so it resembles no neuron.")
    return "  \n".join(filter(None, lines))


def ordinal(number: int) -> str:
    """1st, 2nd, 3rd, 4th, … 11th, 12th, 13th."""
    ending = "th" if 10 <= number % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number:,}{ending}"


def images(neuron: NeuronRef, like: list[tuple[int, float]], looks: Mapping[NeuronRef, np.ndarray]) -> None:
    """Its feature image, larger, beside those of the most similar neurons of the other model, each a button to it.

    looks: the feature images that are drawn already.
    """
    row = st.container(
        horizontal=True, vertical_alignment="bottom", gap="xsmall"
    )  # also on a phone: columns would stack
    if neuron in looks:
        row.image(once(address, looks[neuron], _LARGE), caption=f"#{neuron.index}, {neuron.model}", width=64)
    there = OTHER_MODEL[neuron.model]
    for index, similarity in like:
        column = row.container(width=38, gap=None)
        if (other := NeuronRef(there, neuron.layer, index)) in looks:
            column.image(once(address, looks[other], SMALL), width=36)
        column.button(
            f"#{index}",
            key=f"{_KEY} like {index}",
            help=f"Similarity {similarity:.3f}. Look at this neuron of the {there} model.",
            on_click=choose,
            kwargs={"neuron": other},
            type="tertiary",
        )
        column.caption(f"{similarity:.2f}")
    if like:
        st.caption(
            f"Left: what the neuron looks for. Right: its {len(like)} most similar neurons in the {there} model."
        )


def conductances(neuron: NeuronRef, like: list[tuple[int, float]], values: Mapping[str, OnClass]) -> list[Distribution]:
    """The neuron's conductance on the class's target instances, and that of its most similar neuron."""
    both = [neuron] + [NeuronRef(OTHER_MODEL[neuron.model], neuron.layer, index) for index, _ in like[:1]]
    return [
        Distribution(one.model, f"{one.model} #{one.index}", values[one.model].of(one.layer, one.index)) for one in both
    ]


def label(neuron: NeuronRef) -> str:
    """What a screen reader says about the histogram."""
    return f"Conductance of {neuron.model} neuron {neuron.index} on the class's instances, above its most similar one's"


def features_link(selection: Selection, neuron: NeuronRef) -> None:
    """A link to the Features page with this neuron."""
    frame.link("Features", selection.choice(neuron=neuron), label="How well it tells the domains apart")


def gallery(
    served: Pictures, strongest: Strongest | None, instances: pd.DataFrame, neuron: NeuronRef, domain: str
) -> None:
    """The instances of a domain that activate the neuron most."""
    if strongest is not None:
        rows = once(top_instances, strongest, instances, neuron, domain)
        st.markdown(f"**{domain.capitalize()} domain**, with their class and the activation of #{neuron.index}")
        pictures.gallery(served, rows, size=_TILE)


def parts_seen(crops: Mapping[str, Sequence[Crop]] | None, layer: Layer, domain: str) -> None:
    """Below the instances the part of each that the neuron sees; nothing where it sees all of it."""
    if crops and layer.field is not None:
        crop_row(domain, crops[domain], size=_TILE)


def top_instances(strongest: Strongest, instances: pd.DataFrame, neuron: NeuronRef, domain: str) -> pd.DataFrame:
    """The instances of a domain that activate the neuron most, rows of `pipeline.instances` with a caption."""
    best, values = strongest.of(neuron.layer, neuron.index)
    rows = instances[instances["domain"] == domain].set_index("instance", drop=False).loc[best]
    return rows.assign(caption=[f"{label}: {value:.2g}" for label, value in zip(rows["label"], values, strict=True)])
