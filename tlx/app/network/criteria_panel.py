"""Which criterion? The same class read by other attribution criteria, on demand (method 9)."""

from __future__ import annotations

from functools import partial

import streamlit as st

from tlx import glossary, needs, pipeline
from tlx.app import costs, frame, settings
from tlx.app.bokeh_view import bokeh_view
from tlx.app.layout import beside
from tlx.app.numbers import numbers
from tlx.app.once import once
from tlx.app.selection import Selection
from tlx.figures import criteria as figures
from tlx.figures.key import html
from tlx.findings import counted
from tlx.results import Criteria
from tlx.text import escape
from tlx.words import criteria as words

MOST = 8  # layers whose curves are drawn; of more the chosen ones
BESIDE = 4  # of them in a row, at most


def _key(result: Criteria) -> str:
    return html(figures.key(result))


@st.fragment
def which_criterion(selection: Selection) -> None:
    """The section: what it costs, then how far criteria agree, what silencing says, and what becomes of reuse."""
    frame.now(selection)
    case, name = selection.case, selection.class_name
    st.subheader("Which criterion?", anchor=False)
    asked = settings.switch(st.toggle, "Other attribution criteria beside conductance", "network.criteria")
    offered = f"Compare attribution criteria on class {name}"
    result = costs.offer(offered, pipeline.criteria, case, name) if asked else None
    if result is None:
        st.caption(
            "Conductance is one way to say which neurons a class rests on. Here it stands beside others: how far they "
            "agree, whose neurons the model needs most, and whether reuse reads the same."
        )
        return
    network, _ = costs.require("Read the network", needs.frame, case)
    told = glossary.help_for("attribution criterion", "deletion curve")
    st.markdown(once(words.words, result, network), help=told)
    st.html(once(_key, result))
    for measure, column in zip(figures.MEASURES, beside(2, name="criteria", least=300, gap="small"), strict=True):
        with column:
            drawn = partial(figures.agreement, result, network, measure)
            bokeh_view(drawn, key=f"criteria {measure}", label=once(words.spoken, result, measure))
    st.caption(once(words.about, result))
    layers = network.names if len(network.names) <= MOST else selection.layers
    room = -(-len(layers) // BESIDE) * BESIDE  # empty places end the last row, so that its charts are no wider
    for layer, column in zip(layers, beside(room, name="deletion", least=200, gap="small"), strict=False):
        with column:
            drawn = partial(figures.deletion, result, network, layer)
            label = f"Accuracy on class {name} as neurons of {network.layer(layer).title} are silenced, by criterion"
            bokeh_view(drawn, key=f"deletion {layer}", label=label)
    st.caption(
        f"Accuracy on {counted(result.held_out, f'{result.split} image')} of class {escape(name)} over the share of a "
        "layer whose neurons answer with their mean, most important first. It may rise: a model that names the class "
        "of everything is right about all its images."
    )
    st.markdown(once(words.reading_table, result, network))
    st.caption(
        "Edges are what kernels answer and counterparts come from weights or activations, so a criterion changes kept "
        "edges only by what it calls inactive; inherited edges and rank agreement rest on it."
    )
    table = partial(numbers, partial(words.every_number, result), case.name, name)
    keys = [f"criteria {measure}" for measure in figures.MEASURES] + [f"deletion {one}" for one in layers]
    frame.downloads(keys, table, name=f"criteria-{case.name}-{name}", key=once(figures.key, result))
