"""The feature view's words and its discriminability plot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np
import pandas as pd
import streamlit as st

from tlx import glossary
from tlx.app import gathered_instances, settings
from tlx.app.bokeh_view import bokeh_view
from tlx.app.once import once
from tlx.figures.discriminability import biplot, widths
from tlx.figures.pictures import Pictures
from tlx.figures.projection import agreement, held_out, point_table, seen_by
from tlx.results import Discriminability
from tlx.words import domains as words

_PROJECTIONS = {"all": "all ranked neurons", "ticked": "the ticked ones only"}


def verdict(result: Discriminability) -> None:
    """How well the domains are told apart, in numbers and in one sentence."""
    if result.chance:
        st.warning(words.verdict(result))
    else:
        told = glossary.help_for("A-distance", "AUC", "domain-specific", "domain-invariant")
        st.markdown(words.verdict(result), help=told)


def discriminability_plot(
    result: Discriminability,
    active: Sequence[int],
    titles: Mapping[str, str],
    *,
    instances: pd.DataFrame,
    pictures: Pictures | None,
    chosen: tuple[str, int] | None,
    order: np.ndarray,
) -> None:
    """The plot, the choice of neurons that span it, and what that means for the boundary.

    titles: of the layers; order: (P,) columns as the list has them.
    """
    drawn = st.container()
    shown = settings.one_of(
        st.segmented_control,
        "Instances projected by",
        list(_PROJECTIONS),
        "features.projection",
        default="all",
        format_func=_PROJECTIONS.__getitem__,
        required=True,
    )
    only = shown == "ticked" and len(active) > 0
    coordinates = once(seen_by, result, active) if only else once(held_out, result)
    column = result.neurons.index(chosen) if chosen in result.neurons else None
    draw = partial(biplot, result, active, titles, only_active=only, instances=instances, pictures=pictures)
    marks = once(point_table, result, coordinates, instances)
    with drawn:
        bokeh_view(
            partial(draw, order=order),
            key="biplot",
            label=f"Instances of class {result.class_name} along the direction that tells the domains apart",
            select=("points",),
            selected={"points": gathered_instances.indices_of(marks, gathered_instances.gathered(instances))},
            on_select=gathered_instances.take_points(marks),
            overlay=widths(active, column),
        )
    st.caption(words.ticked_only(result, active, agreement(result, coordinates)) if only else words.HELD_OUT)
