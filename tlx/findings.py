"""What is most worth a look in a case: a few sentences with their numbers, each leading to its view.

Every function takes results and answers with one `Finding`, or None where there is nothing to find. Texts are plain:
who shows them escapes them.
"""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from tlx.results import Discriminability, Network, Reuse

KEPT = 0.95  # share of important edges from which a class is said to keep its wiring

FEW = 20  # images; with fewer an accuracy moves by more than 5 points with each one


@dataclass(frozen=True)
class Finding:
    """One thing worth a look.

    title: a few words; text: one or two sentences with the numbers; page: the view that shows it ("Statistics",
    "Instances", "Network" or "Features"); class_name, layers, neuron (model, layer, index): what to select there,
    None for what stays as it is.
    """

    title: str
    text: str
    page: str
    class_name: str | None = None
    layers: tuple[str, ...] | None = None
    neuron: tuple[str, str, int] | None = None


def most_changed(table: pd.DataFrame) -> Finding | None:
    """The class whose accuracy differs most between the two models; the first of several.

    table: `class_table` (5.1). None where no class has images of the headline split.
    """
    name = most_changed_class(table)
    if name is None:
        return None
    row = table[table["class_name"] == name].iloc[0]
    change, n = float(row["difference"]), int(row["n"])
    title = (
        "No class gains or loses"
        if points(change) == points(0)
        else f"Class {row['class_name']} {'gains' if change > 0 else 'loses'} most"
    )
    text = (
        f"{percent(row['source_accuracy'])} under the source model, {percent(row['target_accuracy'])} under the target "
        f"model, on {n:,} target {row['split']} images: {points(change)}.{few(n)}"
    )
    return Finding(title, text, "Statistics", class_name=name)


def most_changed_class(table: pd.DataFrame) -> str | None:
    """The class whose accuracy differs most between the models; the first of several; None where none is known."""
    known = by_change(table)
    return known[0] if known and table["difference"].notna().any() else None


def by_change(table: pd.DataFrame) -> list[str]:
    """The classes by how much their accuracy differs between the models, largest first; unknown ones last."""
    order = (-table["difference"].abs()).fillna(1).to_numpy().argsort(kind="stable")
    return [str(name) for name in table["class_name"].iloc[order]]


def worst_class(table: pd.DataFrame) -> str | None:
    """The class on which the target model is right least often; the first of several; None where none is known."""
    known = table[(table["n"] > 0) & table["target_accuracy"].notna()]
    if known.empty:
        return None
    return str(known["class_name"].iloc[int(known["target_accuracy"].to_numpy().argmin())])


def most_confused(table: pd.DataFrame) -> Finding | None:
    """The class that the target model most often takes for one certain other; None where it is never wrong.

    table: `class_table` (5.1). By count, not by share: one image of a class of two is no pattern.
    """
    columns = (table[name] for name in ("class_name", "n", "misclassified_as", "split"))
    pairs = [(*mistakes[0], str(name), int(n), of) for name, n, mistakes, of in zip(*columns, strict=True) if mistakes]
    if not pairs:
        return None
    answer, wrong, true, n, split = max(pairs, key=lambda pair: pair[1])
    share = percent(wrong / n)
    text = f"The target model says {answer} for {wrong:,} of {n:,} {split} images of class {true} ({share}).{few(n)}"
    return Finding(f"Class {true} is most often taken for {answer}", text, "Instances", class_name=true)


def rewiring(network: Network, reuse: Reuse) -> Finding | None:
    """The first pair of layers that keeps no more edges than chance gives, or the one that keeps least (method 4).

    None without any important edge.
    """
    rows = reuse.of("kept").dropna(subset="value")
    if rows.empty:
        return None
    by_chance = rows[rows["value"] <= rows["high"]]
    row = by_chance.iloc[0] if len(by_chance) else rows.iloc[int(rows["value"].to_numpy().argmin())]
    first, second = network.layer(row["first"]), network.layer(row["second"])
    chance = f"by chance {percent(row['chance'])}, {percent(row['low'])} to {percent(row['high'])}"
    kept = f"{percent(row['value'])} of its {int(row['n']):,} important edges between {first.title} and {second.title}"
    name = reuse.class_name
    if len(by_chance):
        title = f"Class {name} is wired anew from {second.title} on"
        text = f"It keeps {kept}: no more than chance ({chance})."
    elif row["value"] >= KEPT:
        title, text = f"Class {name} keeps its wiring", f"Even where it keeps least, it keeps {kept} ({chance})."
    else:
        title, text = f"Class {name} keeps least into {second.title}", f"It keeps {kept}, the lowest share ({chance})."
    return Finding(title, text, "Network", class_name=name, layers=(first.name, second.name))


def most_domain_specific(result: Discriminability, network: Network) -> Finding | None:
    """The neuron with the largest discriminability (5.4.1) of a class; none stands out where the classifier guesses."""
    if len(result.ranking) == 0:
        return None
    held_out = (
        f"held-out accuracy {percent(result.accuracy)}, 95 % interval {percent(result.low)} to {percent(result.high)}"
    )
    if result.chance:
        title = f"No neuron of class {result.class_name} tells the domains apart"
        text = f"A linear classifier on its important neurons cannot ({held_out})."
        return Finding(title, text, "Features", class_name=result.class_name)
    column = int(result.ranking[0])
    layer, index = result.neurons[column]
    weight = float(result.weights[column])
    side = "target" if weight > 0 else "source"
    title = f"Neuron {index} of {network.layer(layer).title} is the most domain-specific of class {result.class_name}"
    text = (
        f"Its weight towards the {side} domain is {abs(weight):.2f}, the largest of the class's {len(result.neurons)} "
        f"important neurons ({held_out})."
    )
    return Finding(title, text, "Features", class_name=result.class_name, neuron=(result.model, layer, index))


def few(n: int) -> str:
    """What has to be said beside a finding from fewer than 20 images, with a space before it; else nothing."""
    if n >= FEW:
        return ""
    moved = f"one of them moves it by {points(1 / n).lstrip('+')}"
    return f" That is few images: {moved}."


def percent(share: float) -> str:
    """A share as "93.4 %"; a whole number without the zero."""
    return f"{100 * share:.1f}".removesuffix(".0") + " %"


def points(difference: float) -> str:
    """A difference of accuracies in percentage points, signed: "+22.5 points", "−1 point"."""
    number = _signed(difference)
    return f"{number} point{'' if number.strip('+−') == '1' else 's'}"


def points_between(low: float, high: float) -> str:
    """An interval of differences: "+23.9 to +28.3 points"."""
    return f"{_signed(low)} to {points(high)}"


def _signed(difference: float) -> str:
    number = f"{abs(100 * difference):.1f}".removesuffix(".0")
    return number if number == "0" else f"{'+' if difference > 0 else '−'}{number}"
