"""What to freeze? Which block the target pulls at, beside what training by every strategy came to (method 11)."""

from __future__ import annotations

from functools import partial
from typing import Any

import pandas as pd
import streamlit as st

from tlx import glossary, needs, pipeline
from tlx.analysis import freezing
from tlx.app import costs, frame, jobs
from tlx.app.bokeh_view import bokeh_view
from tlx.app.numbers import numbers
from tlx.app.once import once
from tlx.cases import DOMAINS, Case
from tlx.figures import what_to_freeze as figures
from tlx.words import freezing as words

ABOUT = (
    "Which part of the source model to train on the target, and which to leave as it is: the block that the target's "
    "images pull at most is advised, and training by every strategy says what the advice is worth."
)


@st.fragment
def what_to_freeze(case: Case, compared: int) -> None:
    """The section; compared: of how many classes the reuse is stored, which is shown beside the advice."""
    st.subheader("What to freeze?", anchor=False, help=glossary.help_for("pull", "regret"))
    gradients = costs.offer("Ask what to freeze", needs.block_gradients, case)
    if gradients is None:
        st.caption(ABOUT)
        return
    strategies = costs.offer("Train by every strategy", needs.strategies, case)
    st.markdown(once(words.words, gradients, strategies))
    if strategies is not None:
        advised = freezing.strategy_of(freezing.advised(gradients))
        drawn = partial(figures.what_to_freeze, strategies, advised)
        bokeh_view(
            drawn, key="what to freeze", label="Accuracy of each strategy on the target's and the source's images"
        )
        frame.downloads("what to freeze", partial(numbers, strategies, case.name), name=f"strategies-{case.name}")
        splits = {domain: jobs.stored(pipeline.catalogue, case, domain).headline for domain in DOMAINS}
        st.caption(words.how(splits))
    blocks(once(words.shown, case, gradients, strategies, compared), "mean of classes")


def blocks(table: pd.DataFrame, of: str) -> None:
    """The blocks in the network's order; of: whose kept edges stand beside them."""
    st.dataframe(
        table,
        hide_index=True,
        placeholder="–",
        column_config=_columns(of),
        alt="Blocks of the network with what pulls at them",
    )


def _columns(of: str) -> dict[str, Any]:
    number = st.column_config.NumberColumn
    return {
        "block": st.column_config.TextColumn("block", pinned=True, help="An analysed layer, or the head."),
        "advised": st.column_config.TextColumn("advised", help="To be trained with the head, all else held."),
        "pull": number("pull", format="%.2f", help=glossary.help_for("pull")),
        "gradient": number(
            "gradient norm", format="%.3f", help="‖gradient‖ / ‖parameters‖ of the source model on target images."
        ),
        "reuse": number("kept edges", format="%.0f %%", help=f"Important edges into it that were kept, {of}."),
        "alone": number(
            "trained alone", format="%.1f %%", help="Target accuracy with this block and the head trained."
        ),
    }
