"""The feature view's words and its discriminability plot."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import streamlit as st

from tlx.app import gathered_instances
from tlx.app.bokeh_view import bokeh_view
from tlx.app.text import escape
from tlx.cases import DOMAINS
from tlx.figures.discriminability import biplot
from tlx.figures.pictures import Pictures
from tlx.figures.projection import agreement, point_table, seen_by
from tlx.figures.silencing import change_table
from tlx.results import Discriminability, Layer, Silenced

FEW = 20  # instances of a domain; the class table draws the same line
_WHOLE, _TICKED = "all ranked neurons", "the ticked ones only"


def verdict(result: Discriminability) -> None:
    """How well the domains are told apart, in numbers and in one sentence."""
    share = f"{result.accuracy:.1%} (95 % interval {result.low:.1%} to {result.high:.1%})"
    name, count = escape(result.class_name), len(result.neurons)
    if result.chance:
        st.warning(
            f"Held out, the classifier is right in {share} of the cases, where a coin gets 50 %: **the ranking is "
            f"noise**. The {count} important neurons respond alike to class {name} in both domains.{_few(result)}"
        )
        return
    st.markdown(
        f"From {count} important neurons of the {result.model} model a linear classifier tells the two domains of "
        f"class **{name}** apart with held-out accuracy **{share}**, chance being 50 %; the proxy A-distance is "
        f"**{result.a_distance:.2f}** of 2. {_reading(result.a_distance)}{_left_out(result)}{_few(result)}"
    )


def _reading(distance: float) -> str:
    if distance > 1.8:
        return "To these neurons the domains look almost entirely different."
    if distance > 1:
        return "Much of what these neurons extract still tells the domains apart."
    return "Much of what these neurons extract is common to both domains."


def _left_out(result: Discriminability) -> str:
    count = len(result.constant)
    return f" {count} constant neuron{'s were' if count > 1 else ' was'} left out." if count else ""


def _few(result: Discriminability) -> str:
    """A caution where a domain has so few instances that the ranking hangs on single ones."""
    counts = {domain: int((result.domain == domain).sum()) for domain in DOMAINS}
    if min(counts.values()) >= FEW:
        return ""
    sizes = " and ".join(f"{count} of the {domain} domain" for domain, count in counts.items())
    return f" These are few instances ({sizes}): a handful more may change the ranking."


def discriminability_plot(
    result: Discriminability,
    active: Sequence[int],
    layers: Sequence[Layer],
    *,
    instances: pd.DataFrame,
    pictures: Pictures | None,
    chosen: tuple[str, int] | None,
) -> None:
    """The plot, the choice of neurons that span it, and what that means for the boundary."""
    shown = st.segmented_control(
        "Instances projected by",
        [_WHOLE, _TICKED],
        default=_WHOLE,
        required=True,
        key="features projection",
        persist_state="session",
    )
    only = shown == _TICKED and len(active) > 0
    coordinates = seen_by(result, active) if only else result.coordinates
    titles = {layer.name: layer.title for layer in layers}
    column = result.neurons.index(chosen) if chosen in result.neurons else None
    plot = biplot(result, active, titles, only_active=only, instances=instances, pictures=pictures, chosen=column)
    marks = point_table(result, coordinates, instances)
    bokeh_view(
        plot,
        key="biplot",
        label=f"Instances of class {result.class_name} along the direction that tells the domains apart",
        select=("points",),
        selected={"points": gathered_instances.indices_of(marks, gathered_instances.lasso())},
        on_select=gathered_instances.take_points(marks),
    )
    st.caption(_explained(result, active, agreement(result, coordinates)) if only else _WHOLE_EXPLAINED)


_WHOLE_EXPLAINED = (
    "The dashed line is the classifier's boundary: left of it every instance is taken for source, right of it for "
    "target. Axes are longer across the more a neuron's weight counts."
)


def _explained(result: Discriminability, active: Sequence[int], agrees: float) -> str:
    return (
        f"Projected by {len(active)} of {len(result.neurons)} neurons, as if all others had their mean. For such an "
        f"instance the dashed line is where the classifier changes its mind; it has {agrees:.0%} of the instances on "
        "the same side as the whole classifier."
    )


def silenced_words(result: Silenced) -> str:
    """What the silencing did, in one sentence (Markdown): the class that changes most, beside random neurons."""
    table = change_table(result)
    worst = table.iloc[int(np.argmax(np.abs(table["change"])))]
    draws = np.concatenate([result.random[domain] - result.before[domain] for domain in DOMAINS], axis=1)
    largest = float(np.nanmax(np.abs(draws)))  # the largest change was looked for among all classes: so is chance's
    judgement = "**more than chance does**" if abs(worst["change"]) > largest else "within chance"
    return (
        f"Class **{escape(worst['class_name'])}** of the {worst['domain']} domain changes most: from "
        f"{worst['before']:.1%} to {worst['after']:.1%}. As many random neurons of the same layers change it by "
        f"{worst['random_points']:+.1f} points on average, and no class by more than "
        f"{100 * largest:.1f} in {len(draws)} draws, so this is {judgement}."
    )


def gap_words(table: pd.DataFrame) -> str:
    """Where the domains are told apart best, before and after transfer, in one sentence (Markdown)."""
    parts = []
    for model, when in (("source", "Before transfer"), ("target", "after it")):
        rows = table[table["model"] == model]
        least, most = rows.iloc[int(np.argmin(rows["accuracy"]))], rows.iloc[int(np.argmax(rows["accuracy"]))]
        parts.append(
            f"{when} held-out accuracy lies between {least['accuracy']:.1%} ({least['title']}) and "
            f"{most['accuracy']:.1%} ({most['title']})"
        )
    return "; ".join(parts) + ". All neurons of a layer take part, not only the important ones."
