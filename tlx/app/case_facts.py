"""The facts of a case in numbers: images and classes of both domains, the network, its analysed layers."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from tlx import needs, pipeline
from tlx.app import jobs
from tlx.app.layout import beside
from tlx.cases import DOMAINS, MODELS, Case
from tlx.errors import UserError
from tlx.findings import counted
from tlx.needs import need
from tlx.text import escape


def case_facts(case: Case) -> None:
    """Images and classes per domain, the architecture with its parameters, the analysed layers."""
    network, domains = jobs.require(needs.frame, case)
    pairs = beside([6, 6], name="facts", least=340)  # two beside each other where there is no room for four
    with pairs[0]:
        places = beside(2, name="facts of images", least=150)
    with pairs[1]:
        of_network, of_layers = beside([3.6, 2.4], name="facts of models", least=130)
    for domain, place in zip(DOMAINS, places, strict=True):
        listed = domains[domain]
        held_out = (
            f"{listed.validation.sum():,} + {listed.test.sum():,} held out" if listed.test.any() else listed.held_out
        )
        place.metric(
            f"{domain.capitalize()} images: {escape(case.domain(domain).title)}",
            f"{len(listed):,}",
            f"{counted(len(listed.classes), 'class', 'classes')}, {held_out}",
            delta_color="off",
            delta_arrow="off",
            border=True,
            help=f"Held out: {listed.held_out}.",
        )
        for sentence in listed.skipped:
            st.caption(escape(sentence))
    names = dict.fromkeys(case.architecture_of(model).rpartition(":")[2].replace("_", " ") for model in MODELS)
    of_network.metric(
        f"Network: {escape(' → '.join(names))}",
        f"{network.parameters:,}",
        "parameters",
        delta_color="off",
        delta_arrow="off",
        border=True,
    )
    of_layers.metric(
        "Analysed layers",
        len(network.layers),
        f"{sum(layer.units for layer in network.layers):,} neurons",
        delta_color="off",
        delta_arrow="off",
        border=True,
    )
    for model in MODELS:
        for note in _notes(case, model) or ():
            st.caption(f"{model.capitalize()} model: {escape(note, 600)}.")


def _notes(case: Case, model: str) -> Sequence[str] | None:
    """How a model came to be; one that is not yet here is no reason to train it now."""
    try:
        notes: Sequence[str] | None = jobs.stored(pipeline.notes, case, model)
        at_hand = notes is not None or need(pipeline.trained, case, model).stored
    except UserError:
        notes, at_hand = None, True
    return jobs.result(pipeline.notes, case, model) if notes is None and at_hand else notes
