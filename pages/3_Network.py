"""Network (5.3): how the neurons and weights of the two models relate for a class, layer by layer."""

from functools import partial

import streamlit as st

from tlx import defaults, findings, needs, pipeline
from tlx.app import conductance_words, costs, frame, jobs, pictures
from tlx.app.bokeh_view import bokeh_view
from tlx.app.layout import beside
from tlx.app.network import controls, neuron_panel, reuse_words, similarity_words, weight_panel
from tlx.app.once import once
from tlx.app.selection import Selection
from tlx.app.text import escape
from tlx.cases import DOMAINS
from tlx.figures import reuse
from tlx.figures.conductance import conductance
from tlx.figures.zigzag import legend
from tlx.figures.zigzag.figure import focus, zigzag
from tlx.figures.zigzag.layout import EdgeHit
from tlx.figures.zigzag.subject import Subject, layout_of
from tlx.results import MEASURES, NeuronRef

selection = frame.page(
    "Network",
    "Each grey matrix compares the important neurons of one layer in both models: the darker a cell, the more alike "
    "two neurons behave on the target images of the class, and orange cells are counterparts. Between two matrices "
    "stand the weights that join their layers, blue for the target model and red for the source model; a red dot says "
    "that an important weight is kept. Click an index, a cell or a weight for its details below.",
)
case, name, layers = selection.case, selection.class_name, selection.layers


@st.fragment
def explorer() -> None:
    """The zig-zag, its controls, and what is chosen in it: a click runs this part alone."""
    here = frame.now(selection)
    comparing = f"Compare the neurons of both models for class {name}"
    subject, reused = costs.require(comparing, needs.compared, case, name, controls.measure())
    words = once(reuse_words.summary, reused, subject.network)
    st.markdown(f"Class **{escape(name)}**, {subject.target.n:,} target instances of every split.  \n{words}")
    relation(subject, here.neuron)
    left, right = controls.halves()
    with left:
        neuron = neuron_part(subject, here)
    with right:
        st.subheader("Weight", anchor=False)
        edge = weight_panel.picker(subject, layers)
        if edge is not None:
            st.markdown(weight_panel.facts(subject, edge))
            ends = defaults.ends(subject, edge)
            looks = costs.ask("Draw what both neurons look for", needs.looks, case, ends)
            weight_panel.images(subject, ends, looks or {})
            kernel(edge)
    strongest_instances(subject, neuron)


def relation(subject: Subject, chosen: NeuronRef | None) -> None:
    """The zig-zag with its key, what is drawn in words, and both as files."""
    options = controls.options(subject, layers)
    layout = once(layout_of, subject, layers, options)
    draw, framed = partial(zigzag, subject, layers, options), weight_panel.framed(subject)
    with st.container(key=legend.VIEW):
        bokeh_view(
            draw,
            key="zigzag",
            label=controls.label(subject, layers),
            on_tap=controls.taker(layout),
            overlay=once(focus, layout, controls.focus(chosen), framed),
            layout=f"{case.fingerprint()} {layers} {options} {subject.measure} {layout.width} {layout.height}",
        )
        st.markdown(once(legend.html, layout, subject, options), unsafe_allow_html=True)
    st.caption(once(similarity_words.caption, subject, options))
    if before := findings.read_before([layer.title for layer in subject.network.unactivated if layer.name in layers]):
        st.caption(before)
    seen = partial(draw, chosen=controls.focus(chosen), edges=framed)
    whole = partial(controls.with_key, seen, subject, options)
    frame.downloads(whole, partial(controls.table, layout, subject), name=f"network-{case.name}-{name}")


def neuron_part(subject: Subject, here: Selection) -> NeuronRef:
    """The chosen neuron, or the one that is chosen at first, looked at closely."""
    st.subheader("Neuron", anchor=False)
    neuron = neuron_panel.picker(subject, layers, here.neuron)
    like = once(defaults.similar, subject, neuron)
    contributions = costs.require("Add up what the neurons contribute", needs.contributions, case, name)
    st.markdown(once(neuron_panel.facts, subject, neuron, contributions[neuron.model]))
    looks = costs.ask("Draw what the neuron looks for", needs.looks, case, defaults.with_similar(subject, neuron))
    neuron_panel.images(neuron, like, looks or {})
    values = costs.require("Read the conductance of the class", needs.conductances, case, name)
    parts = once(neuron_panel.conductances, neuron, like, values)
    bokeh_view(partial(conductance, parts), key="neuron conductance", label=neuron_panel.label(neuron))
    shown = {part.model: contributions[part.model] for part in parts}
    st.caption(conductance_words.completeness(shown, neuron.layer))
    neuron_panel.features_link(here, neuron)
    return neuron


@st.fragment
def kernel(edge: EdgeHit) -> None:
    """What the chosen weight's kernel answers to an instance of the class."""
    instance = frame.now(selection).instance
    active = costs.ask("Measure the activations", needs.activations, case, name, edge)
    if active is not None:
        weight_panel.instance_picker(active, edge, instance)
        asked = needs.kernel_response, case, name, edge, instance
        response = costs.ask("Measure what the kernel alone answers", *asked)
        if response is not None:
            weight_panel.draw(*response, edge)


def strongest_instances(subject: Subject, neuron: NeuronRef) -> None:
    """What activates the neuron most in either domain."""
    st.subheader("Instances that activate the neuron most", anchor=False)
    every = costs.ask("Show the instances", needs.instances, case)
    if not every:
        return
    crops = costs.ask("Find what the neuron sees", needs.seen_by, case, neuron)
    for domain, column in zip(DOMAINS, st.columns(2, gap="large"), strict=True):
        with column:
            finding = f"Find what activates each neuron of the {neuron.model} model most in the {domain} domain"
            strongest = costs.ask(finding, needs.strongest, case, neuron.model, domain)
            neuron_panel.gallery(pictures.serve(every[1]), strongest, every[0], neuron, domain)
            neuron_panel.parts_seen(crops, subject.network.layer(neuron.layer), domain)


@st.fragment
def over_depth() -> None:
    """How much is reused in each layer, by every measure, beside another class and all that are compared."""
    network, _ = jobs.require(needs.frame, case)
    reused = costs.require(f"Measure the reuse of class {name}", pipeline.reuse, case, name)
    st.subheader("Reuse over depth", anchor=False)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        second = controls.second_class(case, name)
        costs.offer("Compare all classes", pipeline.reuse_by_class, case)
    other = second and costs.ask(f"Compare with class {second}", pipeline.reuse, case, second)
    known = controls.known_reuse(case, reused, other)
    charts = {measure: partial(reuse.reuse, network, known, name, measure, second=second) for measure in MEASURES}
    for row in (list(charts)[:3], list(charts)[3:]):  # the headline measures above, the paper's and others below
        for measure, column in zip(row, beside(len(row), name=f"reuse {row[0]}", least=230), strict=True):
            with column:
                bokeh_view(charts[measure], key=f"reuse {measure}", label=f"{MEASURES[measure].title} over depth")
    st.caption(reuse_words.reuse_caption(name, second))
    if other:
        st.markdown(once(reuse_words.difference, reused, other, network))
    frame.downloads(charts["kept"], reused.table, name=f"reuse-{case.name}-{name}")


explorer()
over_depth()
