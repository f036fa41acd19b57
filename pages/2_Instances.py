"""Instances (5.2): where the instances of some classes lie for a model, and what it says about each."""

from functools import partial

import streamlit as st

from tlx import glossary, needs, pipeline
from tlx.app import costs, frame, gathered_instances, jobs, pictures
from tlx.app.bokeh_view import bokeh_view
from tlx.app.instances import domain_scores, gather_controls, one_instance, scatter_controls
from tlx.app.layout import beside
from tlx.app.numbers import numbers, of_instances
from tlx.app.once import once
from tlx.figures import theme
from tlx.figures.key import classes, domains
from tlx.figures.scatter import points, ring, sampled, scatter
from tlx.words import embedding as words

selection = frame.page(
    "Instances",
    "Each mark is an image; marks lie near one another where the model's activations are alike, and the distance "
    "between far groups means little. A circle is a target image, a cross a source image, the colour its class, and an "
    "outline says that the plot's model mispredicts it. Hover to see the image, click to pick it, draw a lasso to "
    "gather images.",
    terms=glossary.OF_PAGE["Instances"],
)
case = selection.case
WIDTHS = {1: 540, 2: 400}  # px of a plot's frame, about, by how many there are


@st.fragment
def instances_view() -> None:
    """All of the page: an instance picked or gathered anywhere shows everywhere."""
    picked = frame.now(selection).instance
    instances, sheets = costs.require("Show the instances", needs.instances, case)
    table = costs.require("Compare the models class by class", needs.class_table, case)
    served = pictures.serve(sheets)

    left, right = beside([1, 1], name="instance choices", least=400, align="bottom")
    with left:
        chosen = scatter_controls.class_selector(table, selection.class_name)
    with right:
        network, _ = jobs.require(needs.frame, case)
        layer, models = scatter_controls.view_options(network)

    colours = theme.class_colours(chosen)
    key = [*domains(), *classes(tuple(colours.items()))]
    scatter_controls.class_list(instances, colours)
    gathered = gathered_instances.gathered(instances)
    names, mark = ", ".join(chosen), (picked.domain, picked.index) if picked else None
    if len(models) == 1:
        plot, aside = beside([1.55, 1], name="scatter and instances", least=358, sticky=True)
        plots, one, several = (plot,), aside, aside
    else:
        plots = beside(len(models), name="scatters")
        one, several = beside([2, 3], name="instances below")
    for model, column in zip(models, plots, strict=True):
        with column:
            drawing = f"Draw the instances under the {model} model"
            embedding = costs.ask(drawing, needs.embedding, case, selection.class_name, chosen, model, layer)
            if embedding is None:
                continue
            marks = once(points, embedding, instances, colours)
            shown = once(sampled, marks)
            draw = partial(scatter, embedding, instances, colours)
            bokeh_view(
                partial(draw, pictures=served, legend=False, width=WIDTHS[len(models)]),
                key=f"scatter {model}",
                label=f"Projection of the instances of classes {names} under the {model} model",
                select=("points",),
                selected={"points": gathered_instances.indices_of(shown, gathered)},
                on_select=gathered_instances.take_points(shown),
                overlay=once(ring, marks, mark),
                layout=f"{case.fingerprint()} {sorted(chosen)} {layer} {served.all_urls}",
            )
            told = glossary.help_for("embedding", "neighbours kept")
            st.caption(once(words.about, embedding, network, marks, shown), help=told)
            told = partial(numbers, partial(of_instances, marks), case.name, model=model)
            frame.downloads(f"scatter {model}", told, name=f"instances-{case.name}-{model}", key=key)

    with one:
        st.subheader("One instance", anchor=False)
        one_instance.picker(instances, picked)
        if picked:
            one_instance.detail(served, once(one_instance.row_of, instances, picked), chosen)
            place = picked.domain, picked.index, models[0], layer
            near = costs.ask("Find the nearest instances", pipeline.neighbours, case, *place)
            if near is not None:
                one_instance.nearest(served, near, instances, picked)
    with several:
        st.subheader("Gathered instances", anchor=False)
        gather_controls.controls(instances, selection.class_name)
        gathered_instances.gallery(served, instances)
        told = partial(numbers, partial(of_instances, instances), case.name)
        frame.numbers_file(told, name=f"predictions-{case.name}", label="All predictions, wrong ones first (CSV)")
    histograms(chosen)


@st.fragment
def histograms(chosen: list[str]) -> None:
    """How source-like or target-like some of the classes drawn are."""
    picked = frame.now(selection).instance
    st.subheader("Source-like or target-like", anchor=False, help=glossary.help_for("decision value"))
    for name, column in domain_scores.panels(chosen):
        with column:
            result = costs.ask(f"Score the domains of class {name}", needs.domain_score, case, name)
            if result is not None:
                domain_scores.draw(result, picked)


instances_view()
