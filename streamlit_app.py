"""Start page: images of both domains, what the transfer was worth, and what is most worth a look in the case.

`streamlit run` imports this file to know what to serve, and runs it for each visitor of the page.
"""

import streamlit as st
from starlette.middleware import Middleware

from tlx import findings, glossary, needs
from tlx.app import frame, looks
from tlx.app.case_facts import case_facts
from tlx.app.costs import ask
from tlx.app.layout import beside
from tlx.app.once import once
from tlx.app.score_card import controls_of, score_card
from tlx.app.start import accuracies, cards
from tlx.app.start.report_button import report_button
from tlx.app.start.samples import samples

HOW_TO_READ = (
    "A *source model* was trained on one domain of images, a *target model* was made from it for another. The dots say "
    "how many of the target's images each model gets right, their whiskers how far chance may have moved that; the "
    "findings beside them are the places where the two models differ most. Each finding opens the view that shows it, "
    "with class, layers and images already chosen."
)


def start_page() -> None:
    """Images of both domains, the accuracies with their score, and the findings beside them."""
    selection = frame.page("What did the transfer carry over?", HOW_TO_READ, terms=glossary.OF_PAGE["Start"])
    case, class_name = selection.case, selection.class_name

    cards.head(case)
    shown = ask("Show some images of both domains", needs.samples, case)
    if shown is not None:
        samples(case, class_name, *shown)

    left, right = beside([1, 1.5], name="start", least=300)
    with left:
        score = ask("Compute the score", needs.score, case)
        if score is not None:
            there = controls_of(case)
            probe = ask("Probe the source model", needs.probe, case)
            accuracies.chart(score, probe, there)
            score_card(score, probe, there)
        report_button(case, class_name)
    with right:
        table = ask("Find the classes that change most", needs.class_table, case)
        if table is not None:
            cards.finding(once(findings.worst, table), selection, findings.NO_MISTAKE)
            cards.finding(once(findings.most_changed, table), selection, findings.NO_CLASS)
            confused = once(findings.most_confused, table)
            if confused is not None:
                cards.finding(confused, selection)

        rewired = ask(f"Find where re-wiring begins for class {class_name}", needs.rewiring, case, class_name)
        if rewired is not None:
            finding = once(findings.rewiring, *rewired)
            cards.finding(finding, selection, findings.no_edges(class_name))

        worst = once(findings.worst_class, table) if table is not None else None
        if worst is not None:
            specific = ask(f"Find the most domain-specific neuron of class {worst}", needs.worst_class, case)
            if specific is not None:
                finding, why = once(findings.leading_neuron, *specific)
                cards.finding(finding, selection, why)

    cards.cases(case)
    case_facts(case)
    cards.limit_reached()


if __name__ == "__main__":
    start_page()
else:  # `streamlit run` finds these words in the file, not what they make
    app = st.App(__file__, middleware=[Middleware(looks.InHead)])
