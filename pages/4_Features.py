"""Features (5.4): which neurons tell the two domains apart, what they look for, and whether that matters."""

import streamlit as st

from tlx import pipeline
from tlx.app import costs, frame, jobs, pictures
from tlx.app.bokeh_view import bokeh_view
from tlx.app.feature_strip import feature_strip
from tlx.app.features import discriminability_panel, ranking_list
from tlx.app.instances import scatter_controls
from tlx.app.layout import beside
from tlx.cases import DOMAINS, MODELS
from tlx.figures.discriminability import biplot
from tlx.figures.domain_gap import domain_gap, gap_table
from tlx.figures.ranking_layout import ranking_table
from tlx.figures.silencing import change_table, silencing

selection = frame.page(
    "Features",
    "The list ranks the class's important neurons by their weight in a linear classifier that tells the domains apart: "
    "its histograms show each neuron's conductance, source above and target below. In the plot red crosses are source "
    "and blue circles target instances, the dashed line is the classifier's boundary and each axis a ticked neuron, "
    "longer across the more it discriminates. Reverse the order to see what both domains share; click a row to look at "
    "its neuron below.",
)
case, name = selection.case, selection.class_name

model = st.segmented_control(
    "Model", MODELS, default="target", format_func=lambda one: f"{one} model", key="features model", required=True,
    persist_state="session",
)  # fmt: skip
label = f"Telling the domains of class {name} apart"
network = jobs.require("Reading the network", pipeline.network, case)
result = jobs.require(label, pipeline.discriminability, case, name, model)
abstraction = jobs.require(label, pipeline.abstraction, case, model, name)
instances = jobs.require("Predicting every instance", pipeline.instances, case)
sheets = {domain: jobs.require("Making thumbnails", pipeline.thumbnails, case, domain) for domain in DOMAINS}
served = pictures.serve(sheets)
discriminability_panel.verdict(result)

table = ranking_table(result, network, {layer: abstraction.rank(layer) for layer in abstraction.important})
left, right = beside([1.15, 1], name="features", least=390)
with left:
    rows, about = ranking_list.ordered(table, f"{case.fingerprint()} {name} {model}")
    active = ranking_list.ticks(rows, about)
    page = ranking_list.page_of(rows, about)
    neurons = ranking_list.neurons_of(page)
    images = jobs.result("Drawing what the neurons look for", pipeline.neuron_images, case, model, neurons)
    chosen = ranking_list.chosen_in(selection.neuron, model)
    ranking_list.ranking_list(page, result, images or {}, active=active, about=about, chosen=chosen)
with right:
    discriminability_panel.discriminability_plot(
        result, active, network.layers, instances=instances, pictures=served, chosen=chosen
    )
titles = {layer.name: layer.title for layer in network.layers}
frame.downloads(biplot(result, active, titles), table, name=f"features-{case.name}-{name}")

one, gathered = beside([1.15, 1], name="features below", least=390)
with one:
    st.subheader("One neuron", anchor=False)
    neuron = ranking_list.neuron_picker(table, model, selection.neuron)
    image = jobs.result(
        "Drawing what the neuron looks for", pipeline.feature_image, case, model, neuron.layer, neuron.index
    )
    crops = jobs.result("Finding what activates it most", pipeline.crops, case, model, neuron.layer, neuron.index)
    feature_strip(image, crops or {})
    ranking_list.network_link(neuron, network.names, selection.layers)
with gathered:
    st.subheader("Gathered instances", anchor=False)
    scatter_controls.gallery(served, instances)

st.subheader("Do the ticked neurons matter?", anchor=False)
ticked = tuple(result.neurons[column] for column in sorted(active))
if ticked:
    label = f"Silence the {len(ticked)} ticked neurons"
    silenced = jobs.offered(label, costs.words(costs.of_silencing(case)), pipeline.silenced, case, model, ticked)
    if silenced is not None:
        st.markdown(discriminability_panel.silenced_words(silenced))
        drawn = silencing(silenced)
        bokeh_view(drawn, key="silencing", label="Change in accuracy by class when the ticked neurons are silenced")
        frame.downloads(drawn, change_table(silenced), name=f"silencing-{case.name}-{name}")
else:
    st.caption("Tick neurons in the list to silence them.")

st.subheader("Where in the network the domains differ", anchor=False)
label = f"Measure every layer on class {name}"
gaps = jobs.offered(label, costs.words(costs.of_domain_gap(case, name)), pipeline.domain_gap, case, name)
if gaps is not None:
    drawn = domain_gap(gaps, network)
    bokeh_view(drawn, key="domain gap", label="Held-out accuracy of telling the domains apart, layer by layer")
    st.markdown(discriminability_panel.gap_words(gap_table(gaps, network)))
    frame.downloads(drawn, gap_table(gaps, network), name=f"domain-gap-{case.name}-{name}")
