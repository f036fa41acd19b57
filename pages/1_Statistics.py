"""Statistics (5.1): how well both models do, over the epochs, over all and class by class."""

import streamlit as st

from tlx import glossary, needs
from tlx.app import costs, frame, settings
from tlx.app.case_facts import case_facts
from tlx.app.layout import beside
from tlx.app.once import once
from tlx.app.score_card import controls_of, score_card
from tlx.app.statistics import controls
from tlx.app.statistics.class_table import class_table
from tlx.app.statistics.confusion_matrices import confusion_matrices
from tlx.app.statistics.history_chart import history_chart
from tlx.figures.accuracy import with_control

selection = frame.page(
    "Statistics",
    "The score is what the transfer gained on the target domain, with the interval chance leaves it. In the chart a "
    "line's colour is the data's domain (red source, blue target), dashes are validation data, crosses the source "
    "model and circles the target model; the gap between the two thick lines is what the transfer gains. In the "
    "table, click a column's head to sort and a row to choose its class for every page.",
    terms=glossary.OF_PAGE["Statistics"],
)
case = selection.case

case_facts(case)

there = controls_of(case)
history = once(with_control, costs.require("Prepare both models", needs.history, case), there)

left, right = beside([1, 2.4], name="statistics", least=270)
with right:
    if history.empty:
        st.info(
            "This case brings its models without an accuracy history, so there are no lines to draw. A history CSV "
            "named in the case file, or training the models here, adds them."
        )
    else:
        history_chart(history, selection)
with left:  # after the chart, which is at hand at once: the score has to look at every target image
    score = costs.ask("Compute the score", needs.score, case)
    if score is not None:
        score_card(score, costs.ask("Probe the source model", needs.probe, case), there)
        controls.offers(case, there)

table = costs.require("Compare the models class by class", needs.class_table, case)
heading = f"Classes, on the target's {table['split'].iloc[0]} images"
st.subheader(heading, anchor=False, help=glossary.help_for("test images"))
class_table(table, selection.class_name, case.name)

if settings.switch(st.toggle, "Confusion matrices of both models", "statistics.confusion"):
    confusion_matrices(case, selection.class_name, str(table["split"].iloc[0]))

controls.label_efficiency_panel(case)
