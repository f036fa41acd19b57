"""How well neurons tell the two domains apart, in sentences (5.4.1)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from tlx.cases import DOMAINS
from tlx.findings import FEW, counted, percent
from tlx.results import Discriminability
from tlx.text import escape

HELD_OUT = (
    "Positions are held out: across, each instance lies where a classifier has it that was trained without it. Left of "
    "the dashed line it is taken for source, right of it for target. Axes begin where an instance with all neurons at "
    "their mean lies, and are longer across the more a neuron's weight counts."
)


def verdict(result: Discriminability) -> str:
    """How well the domains of a class are told apart, in numbers and in one sentence (Markdown)."""
    share = f"{percent(result.accuracy)} (95 % interval {percent(result.low)} to {percent(result.high)})"
    name, count = escape(result.class_name), len(result.neurons)
    if result.chance:
        return (
            f"Held out, the classifier is right in {share} of the cases, where a coin gets 50 %: **the ranking is "
            f"noise**. What is important to class {name} ({counted(count, 'neuron')} of the {result.model} model) "
            f"responds alike in both domains.{_few(result)}"
        )
    return (
        f"From {counted(count, 'important neuron')} of the {result.model} model a linear classifier tells the two "
        f"domains of class **{name}** apart with held-out accuracy **{share}**, chance being 50 %; the proxy "
        f"A-distance is **{result.a_distance:.2f}** of 2. {_reading(result.a_distance)}"
        f"{_left_out(result)}{_few(result)}"
    )


def scores(result: Discriminability) -> str:
    """How far the domain scores of a class's instances can be trusted, in one sentence."""
    share = f"{percent(result.accuracy)} (95 % interval {percent(result.low)} to {percent(result.high)})"
    if result.chance:
        return f"The domains cannot be told apart better than by a coin, held out {share}: the scores are noise."
    return (
        f"By the conductance of its important neurons a linear classifier tells the domains apart with held-out "
        f"accuracy {share}. Instances beyond the dashed line look to it like the other domain's."
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


def ticked_only(result: Discriminability, active: Sequence[int], agrees: float) -> str:
    """How the plot is to be read that is spanned by the ticked neurons; agrees: `projection.agreement`."""
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
