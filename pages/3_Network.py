"""Network (5.3): how the neurons and weights of the two models relate for a class, layer by layer."""

from dataclasses import replace
from functools import partial

import streamlit as st

from tlx import defaults, findings, glossary, needs, pipeline
from tlx.app import costs, feature_strip, frame, pictures
from tlx.app.bokeh_view import bokeh_view
from tlx.app.layout import beside
from tlx.app.network import controls, criteria_panel, freezing_card, neuron_panel, weight_panel
from tlx.app.numbers import numbers
from tlx.app.once import once
from tlx.app.selection import Selection
from tlx.cases import DOMAINS
from tlx.figures import reuse
from tlx.figures.conductance import conductance
from tlx.figures.zigzag import legend
from tlx.figures.zigzag.figure import focus, zigzag
from tlx.figures.zigzag.layout import EdgeHit
from tlx.figures.zigzag.subject import Options, Subject, layout_of
from tlx.results import Network, NeuronRef, Reuse
from tlx.text import escape
from tlx.words import conductance as conductance_words
from tlx.words import reuse as reuse_words
from tlx.words import similarity as similarity_words

selection = frame.page(
    "Network",
    "The charts say how much is reused in each layer: blue is the class, the grey band is what chance gives; click a "
    "layer to open its matrices. Each grey matrix compares the important neurons of one layer in both models: the "
    "darker a cell, the more alike two neurons behave on the target images of the class, and orange cells are "
    "counterparts. Between two matrices stand the weights that join their layers, blue for the target model and red "
    "for the source model; a red dot says that an important weight is kept. Click an index, a cell or a weight for its "
    "details beside the picture.",
    terms=glossary.OF_PAGE["Network"],
)
case, name, layers = selection.case, selection.class_name, selection.layers
CHARTS = {f"reuse {measures[0]}": measures for measures in reuse.GROUPS}  # over depth, by their keys


@st.fragment
def explorer() -> None:
    """Reuse over depth, the zig-zag, its controls, and what is chosen in it: a click runs this part alone."""
    here = frame.now(selection)
    comparing = f"Compare the neurons of both models for class {name}"
    subject, reused = costs.require(comparing, needs.compared, case, name, controls.measure())
    summary, row = st.container(), st.container(horizontal=True, vertical_alignment="center", gap="small")
    options = controls.options(row, subject, layers)
    with row.popover("Compare", icon=":material/compare:", width=130):
        second, known = compared_classes(reused, subject.network)
    with summary:
        over_depth(reused, subject.network, known, second)
    picture, detail = beside([2.35, 1], name="network detail", least=290, sticky=True)
    with picture:
        relation(subject, here.neuron, options)
    with detail:
        neuron = weight_part(subject) if controls.panel() == "weight" else neuron_part(subject, here)
    if neuron is not None:
        strongest_instances(subject, neuron)


def over_depth(reused: Reuse, network: Network, known: dict[str, Reuse], second: str | None) -> None:
    """How much is reused in each layer, by every measure, with chance: the summary of the picture below."""
    columns = beside([*map(len, CHARTS.values())], name="reuse", least=290, gap="small")
    for (key, measures), column in zip(CHARTS.items(), columns, strict=True):
        with column:
            bokeh_view(
                partial(reuse.reuse, network, known, name, measures, second=second),
                key=key,
                label=" ".join(once(reuse_words.spoken, reused, network, measure) for measure in measures),
                on_tap=controls.opener(network, reused, measures),
                overlay={"shown": once(reuse.shown, network, reused, measures, layers)},
            )


def compared_classes(reused: Reuse, network: Network) -> tuple[str | None, dict[str, Reuse]]:
    """The class to set beside the chosen one, and the reuse of all that have been compared."""
    second = controls.second_class(case, name)
    costs.offer("Compare all classes", pipeline.reuse_by_class, case)
    other = second and costs.ask(f"Compare with class {second}", pipeline.reuse, case, second)
    if other:
        st.markdown(once(reuse_words.difference, reused, other, network))
    known = controls.known_reuse(case, reused, other)
    told = glossary.help_for("kept", "inherited", "rank agreement", "weight cosine", "chance band")
    st.caption(reuse_words.caption(name, second, others=len(known) > 1 + bool(second)), help=told)
    frame.downloads([*CHARTS], partial(numbers, reused.table, case.name, name), name=f"reuse-{case.name}-{name}")
    return second, known


def relation(subject: Subject, chosen: NeuronRef | None, options: Options) -> None:
    """The zig-zag with its key, what is drawn in words, and both as files."""
    heads = once(defaults.heads, subject, layers, options)
    looks = feature_strip.small_looks(case, heads)
    options = replace(options, looks=bool(looks))
    layout = once(layout_of, subject, layers, options)
    draw = partial(zigzag, subject, layers, options, looks=looks)
    framed = weight_panel.framed(subject)
    with st.container(key=legend.VIEW):
        bokeh_view(
            draw,
            key="zigzag",
            label=controls.label(subject, layers),
            on_tap=controls.taker(layout),
            overlay=once(focus, layout, controls.focus(chosen), framed),
            layout=f"{case.fingerprint()} {layers} {options} {subject.measure} {layout.width} {layout.height}",
            full_screen=True,
        )
        st.markdown(once(legend.html, layout, subject, options), unsafe_allow_html=True)
    about = f"Class {escape(name)}, {findings.counted(subject.target.n, 'target instance')} of every split."
    told = glossary.help_for("similarity", "correspondence", "counterpart")
    st.caption(f"{about} {once(similarity_words.caption, subject, options)}", help=told)
    if before := findings.read_before([layer.title for layer in subject.network.unactivated if layer.name in layers]):
        st.caption(before)
    table, key = partial(controls.table, layout, subject), once(legend.key, subject, options)
    frame.downloads("zigzag", partial(numbers, table, case.name, name), name=f"network-{case.name}-{name}", key=key)


def neuron_part(subject: Subject, here: Selection) -> NeuronRef:
    """The chosen neuron, or the one that is chosen at first, looked at closely."""
    neuron = neuron_panel.picker(subject, layers, here.neuron)
    like = once(defaults.similar, subject, neuron)
    contributions = costs.require("Add up what the neurons contribute", needs.contributions, case, name)
    told = glossary.help_for("important neuron", "rank score", "contribution")
    st.markdown(once(neuron_panel.facts, subject, neuron, contributions[neuron.model]), help=told)
    looks = costs.ask("Draw what the neuron looks for", needs.looks, case, defaults.with_similar(subject, neuron))
    neuron_panel.images(neuron, like, looks or {})
    values = costs.require("Read the conductance of the class", needs.conductances, case, name)
    parts = once(neuron_panel.conductances, neuron, like, values)
    bokeh_view(partial(conductance, parts), key="neuron conductance", label=neuron_panel.label(neuron))
    shown = {part.model: contributions[part.model] for part in parts}
    told = glossary.help_for("conductance", "completeness")
    st.caption(conductance_words.completeness(shown, neuron.layer), help=told)
    neuron_panel.features_link(here, neuron)
    return neuron


def weight_part(subject: Subject) -> None:
    """The chosen weight, or the one that is chosen at first, looked at closely."""
    edge = weight_panel.picker(subject, layers)
    if edge is not None:
        told = glossary.help_for("important edge", "kept", "inherited")
        st.markdown(weight_panel.facts(subject, edge), help=told)
        ends = defaults.ends(subject, edge)
        looks = costs.ask("Draw what both neurons look for", needs.looks, case, ends)
        weight_panel.images(subject, ends, looks or {})
        kernel(edge)


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


explorer()
criteria_panel.which_criterion(selection)
freezing_card.what_to_freeze(selection)
