"""Instances (5.2): where the instances of some classes lie for a model, and what it says about each."""

from functools import partial

import streamlit as st

from tlx import pipeline
from tlx.app import costs, frame, jobs, pictures
from tlx.app.bokeh_view import bokeh_view
from tlx.app.instances import domain_scores, gather_controls, one_instance, scatter_controls
from tlx.app.layout import beside
from tlx.cases import DOMAINS
from tlx.figures import theme
from tlx.figures.scatter import points, scatter

selection = frame.page(
    "Instances",
    "Each mark is an image; marks lie near one another where the model's activations are alike, and the distance "
    "between far groups means little. A circle is a target image, a cross a source image, the colour its class, and a "
    "dark grey border says that the target model mispredicts it. Hover to see the image, click to pick it, draw a "
    "lasso to gather images below.",
)
case, picked = selection.case, selection.instance

table = jobs.require("Comparing the models class by class", pipeline.class_table, case)
instances = jobs.require("Predicting every instance", pipeline.instances, case)
sheets = {domain: jobs.require("Making thumbnails", pipeline.thumbnails, case, domain) for domain in DOMAINS}
served = pictures.serve(sheets)

left, right = beside([1, 1], name="instance choices", least=400, align="bottom")
with left:
    chosen = scatter_controls.class_selector(case.name, table, instances, selection.class_name)
with right:
    layer, models = scatter_controls.view_options(jobs.require("Reading the network", pipeline.network, case))

colours = theme.class_colours(chosen)
scatter_controls.class_list(instances, colours)
ordered = tuple(name for name in table["class_name"] if name in colours)
for model, column in zip(models, beside(len(models), name="scatters"), strict=True):
    with column:
        label = f"Embedding {len(ordered)} classes under the {model} model"
        embedding = jobs.result(label, pipeline.embedding, case, ordered, model, layer, case.seed)
        if embedding is None:
            continue
        marks = points(embedding, instances, colours)
        mark = (picked.domain, picked.index) if picked else None
        bokeh_view(
            scatter(
                embedding, instances, colours, pictures=served, picked=mark, legend=False, width=760 // len(models)
            ),
            key=f"scatter {model}",
            label=f"Projection of the instances of classes {', '.join(ordered)} under the {model} model",
            select=("points",),
            selected={"points": scatter_controls.indices_of(marks, scatter_controls.lasso())},
            on_select=scatter_controls.take_points(marks),
            layout=f"{case.fingerprint()} {ordered} {layer} {served.all_urls}",
        )
        if embedding.sampled:
            st.caption(embedding.sampled)
        frame.downloads(partial(scatter, embedding, instances, colours), marks, name=f"instances-{case.name}-{model}")

detail, gathered = beside([2, 3], name="instances below")
with detail:
    st.subheader("One instance", anchor=False)
    one_instance.picker(instances, picked)
    if picked:
        one_instance.detail(served, one_instance.row_of(instances, picked), chosen)
        asked = (case, picked.domain, picked.index, models[0], layer)
        near = jobs.result("Finding the nearest instances", pipeline.neighbours, *asked)
        if near is not None:
            one_instance.nearest(served, near, instances, picked)
with gathered:
    st.subheader("Gathered instances", anchor=False)
    gather_controls.by_description(instances, chosen)
    scatter_controls.gallery(served, instances)

st.subheader("Source-like or target-like", anchor=False)
for name, column in domain_scores.panels(chosen):
    with column:
        label = f"Score the domains of class {name}"
        told = costs.ask("discriminability", label, pipeline.discriminability, case, name)
        if told is not None:
            domain_scores.draw(told, picked)
