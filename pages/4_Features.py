"""Features (5.4): which neurons tell the two domains apart, what they look for, and whether that matters."""

from functools import partial

import streamlit as st

from tlx import findings, glossary, needs, pipeline
from tlx.app import costs, frame, gathered_instances, jobs, pictures
from tlx.app.bokeh_view import bokeh_view
from tlx.app.feature_strip import what_it_sees
from tlx.app.features import discriminability_panel, neuron_panel, ranking_list
from tlx.app.layout import beside
from tlx.app.numbers import numbers
from tlx.app.once import once
from tlx.figures.domain_gap import domain_gap, gap_table
from tlx.figures.silencing import change_table, silencing
from tlx.words import conductance as conductance_words
from tlx.words import domains as domains_words
from tlx.words import silencing as silencing_words

selection = frame.page(
    "Features",
    "The list ranks the class's important neurons by how well each alone tells the domains apart (AUC: 0.5 says "
    "nothing, 0 and 1 everything): its histograms show the neuron's conductance, source above and target below. In the "
    "plot red crosses are source and blue circles target instances where a linear classifier of all these neurons has "
    "them that did not know them, the dashed line is its boundary and each axis a ticked neuron, longer across the "
    "larger its weight. Reverse the order to see what both domains share; click a row to look at its neuron.",
    terms=glossary.OF_PAGE["Features"],
)
case, name = selection.case, selection.class_name
network, _ = jobs.require(needs.frame, case)
titles = {layer.name: layer.title for layer in network.layers}


@st.fragment
def ranking_view() -> None:
    """The list, the chosen neuron and the plot beside it: a click in any runs this part alone."""
    here = frame.now(selection)
    controls = st.container(horizontal=True, vertical_alignment="bottom", gap="medium")
    model = ranking_list.model_control(controls)
    ranking = f"Rank the neurons of class {name}"
    result, abstraction, contribution = costs.require(ranking, needs.ranking, case, name, model)
    instances, sheets = costs.require("Show the instances", needs.instances, case)
    served = pictures.serve(sheets)
    table = once(ranking_list.table_of, result, network, abstraction, contribution)
    table, rows, listed = ranking_list.ordered(table, controls)
    about = f"{case.fingerprint()} {name} {model} {listed}"
    discriminability_panel.verdict(result)

    left, right = beside([1.2, 1], name="features", least=358)
    with left:
        drawn, below = st.container(), st.container()
        with below:
            page = ranking_list.page_of(rows)
            active = ranking_list.ticks(table, rows)
            ranking_list.marks(page)
    with right:
        picking = st.container(horizontal=True, gap="small")
        neuron = ranking_list.neuron_picker(picking, table, rows, here.neuron, model=model, about=about)
        ranking_list.network_link(picking, neuron, network.names, selection.layers)
        look = costs.ask("Draw what the neuron looks for", needs.looks, case, [neuron])
        neuron_panel.pictures_of((look or {}).get(neuron), what_it_sees(case, neuron, instances, served), served)
        chosen, order = (neuron.layer, neuron.index), table["column"].to_numpy()
        discriminability_panel.discriminability_plot(
            result, active, titles, instances=instances, pictures=served, chosen=chosen, order=order
        )
    with drawn:
        looks = costs.ask("Draw what they look for", needs.looks, case, ranking_list.neurons_of(page, model))
        first = ranking_list.first_ticks(rows)
        ranking_list.ranking_list(page, result, looks or {}, active=active, about=about, first=first, chosen=chosen)
    told = partial(numbers, table, case.name, name, drop=("title",), model=model)
    frame.downloads(("ranking", "biplot"), told, name=f"features-{case.name}-{name}")
    told = glossary.help_for("conductance", "completeness")
    st.caption(conductance_words.completeness_by_layer(contribution), help=told)
    if before := findings.read_before([layer.title for layer in network.unactivated]):
        st.caption(before)

    st.subheader("Gathered instances", anchor=False)
    gathered_instances.gallery(served, instances)
    silencing_part(model, tuple(result.neurons[column] for column in sorted(active)))


@st.fragment
def silencing_part(model: str, ticked: tuple[tuple[str, int], ...]) -> None:
    """What the model can do without the ticked neurons."""
    st.subheader("Do the ticked neurons matter?", anchor=False, help=glossary.help_for("silencing"))
    if not ticked:
        st.caption("Tick neurons in the list to silence them.")
        return
    silenced = costs.offer(
        f"Silence {findings.counted(len(ticked), 'ticked neuron')}", pipeline.silenced, case, name, model, ticked
    )
    if silenced is not None:
        st.markdown(once(silencing_words.silenced_words, silenced, titles))
        drawn = partial(silencing, silenced)
        bokeh_view(drawn, key="silencing", label="Change in accuracy when the ticked neurons are silenced")
        told = partial(numbers, partial(change_table, silenced), case.name, name, model=model)
        frame.downloads("silencing", told, name=f"silencing-{case.name}-{name}")


@st.fragment
def layer_by_layer() -> None:
    """How well the domains are told apart from all neurons of each layer."""
    told = glossary.help_for("A-distance")
    st.subheader("Where in the network the domains differ", anchor=False, help=told)
    gaps = costs.offer(f"Measure every layer on class {name}", pipeline.domain_gap, case, name)
    if gaps is not None:
        drawn, table = partial(domain_gap, gaps, network), once(gap_table, gaps, network)
        bokeh_view(drawn, key="domain gap", label="Held-out accuracy of telling the domains apart, layer by layer")
        st.markdown(once(domains_words.gap_words, table))
        told = partial(numbers, table, case.name, name, drop=("x", "title"))
        frame.downloads("domain gap", told, name=f"domain-gap-{case.name}-{name}")


ranking_view()
layer_by_layer()
