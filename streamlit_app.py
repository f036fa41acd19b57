"""Start page: the case, its facts and score, and what is most worth a look in it."""

import streamlit as st

from tlx import findings, needs
from tlx.app import frame
from tlx.app.case_facts import case_facts
from tlx.app.costs import ask
from tlx.app.layout import beside
from tlx.app.once import once
from tlx.app.score_card import controls_of, score_card
from tlx.app.start import cards

selection = frame.page(
    "What did the transfer carry over?",
    how_to_read="A *source model* was trained on one domain of images, a *target model* was made from it for another. "
    "The score says how much better the target model is on the target domain; the findings below are the places where "
    "the two models differ most. Each finding opens the view that shows it, with the class and layers already chosen.",
)
case, class_name = selection.case, selection.class_name

cards.cases(case)
case_facts(case)
cards.limit_reached()

left, right = beside([1, 2.4], name="start", least=270)
with left:
    st.subheader("Transferability", anchor=False)
    score = ask("Compute the score", needs.score, case)
    if score is not None:
        score_card(score, ask("Probe the source model", needs.probe, case), controls_of(case))
with right:
    st.subheader("Worth a look", anchor=False)
    table = ask("Find the classes that change most", needs.class_table, case)
    if table is not None:
        cards.finding(once(findings.most_changed, table), selection, "No class can be compared between the two models.")
        cards.finding(once(findings.most_confused, table), selection, "The target model makes no mistake.")

    rewired = ask(f"Find where re-wiring begins for class {class_name}", needs.rewiring, case, class_name)
    if rewired is not None:
        finding = once(findings.rewiring, *rewired)
        cards.finding(finding, selection, f"Class {class_name} has no important edges to compare.")

    worst = once(findings.worst_class, table) if table is not None else None
    if worst is not None:
        specific = ask(f"Find the most domain-specific neuron of class {worst}", needs.worst_class, case)
        if specific is not None:
            finding = once(findings.most_domain_specific, *specific)
            cards.finding(finding, selection, findings.alike(specific[0]))
