"""Network (5.3): how the neurons and weights of the two models relate for a class, layer by layer."""

from functools import partial

import streamlit as st

from tlx import defaults, findings, needs, pipeline
from tlx.app import conductance_words, costs, frame, jobs, pictures
from tlx.app.bokeh_view import bokeh_view
from tlx.app.layout import beside
from tlx.app.network import controls, neuron_panel, reuse_words, similarity_words, weight_panel
from tlx.app.text import escape
from tlx.cases import DOMAINS
from tlx.figures import reuse
from tlx.figures.conductance import conductance
from tlx.figures.zigzag import legend
from tlx.figures.zigzag.figure import zigzag
from tlx.figures.zigzag.subject import layout_of
from tlx.results import MEASURES

selection = frame.page(
    "Network",
    "Each grey matrix compares the important neurons of one layer in both models: the darker a cell, the more alike "
    "two neurons behave on the target images of the class, and orange cells are counterparts. Between two matrices "
    "stand the weights that join their layers, blue for the target model and red for the source model; a red dot says "
    "that an important weight is kept. Click an index, a cell or a weight for its details below.",
)
case, name, layers = selection.case, selection.class_name, selection.layers

comparing = f"Compare the neurons of both models for class {name}"
subject, reused = costs.require(comparing, needs.compared, case, name, controls.measure())
network = subject.network
words = reuse_words.summary(reused, network)
st.markdown(f"Class **{escape(name)}**, {subject.target.n:,} target instances of every split.  \n{words}")
options = controls.options(subject, layers)
layout, edges = layout_of(subject, layers, options), weight_panel.framed(subject)
draw = partial(zigzag, subject, layers, options, chosen=controls.focus(selection.neuron), edges=edges)
fixed = f"{case.fingerprint()} {layers} {options} {subject.measure} {layout.width} {layout.height}"
label = controls.label(subject, layers)
with st.container(key=legend.VIEW):
    bokeh_view(draw(), key="zigzag", label=label, on_tap=controls.taker(layout), layout=fixed)
    st.html(legend.html(layout, subject, options))
st.caption(similarity_words.caption(subject, options))
if before := findings.read_before([layer.title for layer in network.unactivated if layer.name in layers]):
    st.caption(before)
whole = partial(controls.with_key, draw, subject, options)
frame.downloads(whole, controls.table(layout, subject), name=f"network-{case.name}-{name}")

left, right = controls.halves()
with left:
    st.subheader("Neuron", anchor=False)
    neuron = neuron_panel.picker(subject, layers, selection.neuron)
    like = defaults.similar(subject, neuron)
    contributions = jobs.require(needs.contributions, case, name)
    st.markdown(neuron_panel.facts(subject, neuron, contributions[neuron.model]))
    looks = jobs.result(needs.looks, case, defaults.with_similar(subject, neuron))
    neuron_panel.images(neuron, like, looks or {})
    values = jobs.require(needs.conductances, case, name)
    parts = neuron_panel.conductances(neuron, like, values)
    bokeh_view(conductance(parts), key="neuron conductance", label=neuron_panel.label(neuron))
    shown = {part.model: contributions[part.model] for part in parts}
    st.caption(conductance_words.completeness(shown, neuron.layer))
    neuron_panel.features_link(selection, neuron)
with right:
    st.subheader("Weight", anchor=False)
    edge = weight_panel.picker(subject, layers)
    if edge is not None:
        st.markdown(weight_panel.facts(subject, edge))
        ends = defaults.ends(subject, edge)
        weight_panel.images(subject, ends, jobs.result(needs.looks, case, ends) or {})
        active = jobs.result(needs.activations, case, name, edge)
        if active is not None:
            weight_panel.instance_picker(active, edge, selection.instance)
            response = jobs.result(needs.kernel_response, case, name, edge, selection.instance)
            if response is not None:
                weight_panel.draw(*response, edge)

st.subheader("Instances that activate the neuron most", anchor=False)
every = costs.ask("Show the instances", needs.instances, case)
crops = costs.ask("Find what the neuron sees", needs.seen_by, case, neuron) if every else None
for domain, column in zip(DOMAINS if every else (), st.columns(2, gap="large") if every else (), strict=True):
    with column:
        finding = f"Find what activates each neuron of the {neuron.model} model most in the {domain} domain"
        strongest = costs.ask(finding, needs.strongest, case, neuron.model, domain)
        neuron_panel.gallery(pictures.serve(every[1]), strongest, every[0], neuron, domain)
        neuron_panel.parts_seen(crops, network.layer(neuron.layer), domain)

st.subheader("Reuse over depth", anchor=False)
with st.container(horizontal=True, vertical_alignment="bottom"):
    second = controls.second_class(case, name)
    costs.offer("Compare all classes", pipeline.reuse_by_class, case)
other = second and costs.ask(f"Compare with class {second}", pipeline.reuse, case, second)
known = controls.known_reuse(case, reused, other)
charts = {measure: reuse.reuse(network, known, name, measure, second=second) for measure in MEASURES}
for row in (list(charts)[:3], list(charts)[3:]):  # the headline measures above, the paper's and others below
    for measure, column in zip(row, beside(len(row), name=f"reuse {row[0]}", least=230), strict=True):
        with column:
            bokeh_view(charts[measure], key=f"reuse {measure}", label=f"{MEASURES[measure].title} over depth")
st.caption(reuse_words.reuse_caption(name, second))
if other:
    st.markdown(reuse_words.difference(reused, other, network))
frame.downloads(charts["kept"], reused.table, name=f"reuse-{case.name}-{name}")
