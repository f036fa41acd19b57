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
from tlx.app.text import escape
from tlx.cases import DOMAINS
from tlx.figures.discriminability import biplot, widths
from tlx.figures.pictures import Pictures
from tlx.figures.projection import agreement, held_out, point_table, seen_by
from tlx.findings import FEW, counted, percent
from tlx.results import Discriminability

_PROJECTIONS = {"all": "all ranked neurons", "ticked": "the ticked ones only"}


def verdict(result: Discriminability) -> None:
    """How well the domains are told apart, in numbers and in one sentence."""
    share = f"{percent(result.accuracy)} (95 % interval {percent(result.low)} to {percent(result.high)})"
    name, count = escape(result.class_name), len(result.neurons)
    if result.chance:
        st.warning(
            f"Held out, the classifier is right in {share} of the cases, where a coin gets 50 %: **the ranking is "
            f"noise**. What is important to class {name} ({counted(count, 'neuron')}) responds alike in both domains."
            f"{_few(result)}"
        )
        return
    st.markdown(
        f"From {counted(count, 'important neuron')} of the {result.model} model a linear classifier tells the two "
        f"domains of class **{name}** apart with held-out accuracy **{share}**, chance being 50 %; the proxy "
        f"A-distance is **{result.a_distance:.2f}** of 2. {_reading(result.a_distance)}"
        f"{_left_out(result)}{_few(result)}",
        help=glossary.help_for("A-distance", "AUC", "domain-specific", "domain-invariant"),
    )


def _reading(distance: float) -> str:
    if distance > 1.8:
        return "To these neurons the domains look almost entirely different."
    if distance > 1:
        return "Much of what these neurons extract still tells the domains apart."
    return "Much of what these neurons extract is common to both domains."


def _left_out(result: Discriminability) -> str:
    count = len(result.constant)
    return f" Left out: {counted(count, 'constant neuron')}." if count else ""


def _few(result: Discriminability) -> str:
    """A caution where a domain has so few instances that the ranking hangs on single ones."""
    counts = {domain: result.count(domain) for domain in DOMAINS}
    if min(counts.values()) >= FEW:
        return ""
    sizes = " and ".join(f"{count:,} of the {domain} domain" for domain, count in counts.items())
    return f" These are few instances ({sizes}): a handful more may change the ranking."


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
    st.caption(_explained(result, active, agreement(result, coordinates)) if only else _WHOLE_EXPLAINED)


_WHOLE_EXPLAINED = (
    "Positions are held out: across, each instance lies where a classifier has it that was trained without it. Left of "
    "the dashed line it is taken for source, right of it for target. Axes begin where an instance with all neurons at "
    "their mean lies, and are longer across the more a neuron's weight counts."
)


def _explained(result: Discriminability, active: Sequence[int], agrees: float) -> str:
    return (
        f"Projected by {len(active)} of {counted(len(result.neurons), 'neuron')}, as if all others had their mean, "
        "each instance held out from its classifier. For such an instance the dashed line is where the classifier "
        "changes its mind; "
        f"it has {percent(agrees)} of the instances on the same side as with all neurons."
    )


def gap_words(table: pd.DataFrame) -> str:
    """Where the domains are told apart best, before and after transfer, in one sentence (Markdown)."""
    parts = []
    for model, when in (("source", "Before transfer"), ("target", "after it")):
        rows = table[table["model"] == model]
        least, most = rows.iloc[int(np.argmin(rows["accuracy"]))], rows.iloc[int(np.argmax(rows["accuracy"]))]
        parts.append(
            f"{when} held-out accuracy lies between {percent(least['accuracy'])} ({least['title']}) and "
            f"{percent(most['accuracy'])} ({most['title']})"
        )
    return "; ".join(parts) + ". All neurons of a layer take part, not only the important ones."
