"""What to freeze? The advice where the layers are looked at; Compare holds it against the runs (method 11)."""

from __future__ import annotations

import streamlit as st

from tlx import glossary, needs
from tlx.app import costs, frame, jobs, navigation
from tlx.app.compare.what_to_freeze import blocks
from tlx.app.network import controls
from tlx.app.once import once
from tlx.app.selection import Selection
from tlx.text import escape
from tlx.words import freezing as words


@st.fragment
def what_to_freeze(selection: Selection) -> None:
    """The card: what is advised and what it is worth, and each block beside the edges that the class keeps."""
    here = frame.now(selection)
    case, name = here.case, here.class_name
    st.subheader("What to freeze?", anchor=False, help=glossary.help_for("pull", "regret"))
    gradients = costs.offer("Ask what to freeze", needs.block_gradients, case)
    if gradients is None:
        st.caption("Which part of the source model the target calls to be trained, and which can stay as it is.")
        return
    known = jobs.at_hand(needs.strategies, case)
    strategies = known[0] if known else None
    comparing = f"Compare the neurons of both models for class {name}"
    subject, reused = costs.require(comparing, needs.compared, case, name, controls.measure())
    st.markdown(once(words.words, gradients, strategies))
    table = once(words.of_class, subject.network, reused, gradients, strategies)
    blocks(table, f"of class {escape(name)}")
    navigation.link("Compare", here.choice(), label="Every strategy, on both domains")
