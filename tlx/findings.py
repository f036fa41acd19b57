"""What is most worth a look in a case: a few sentences with their numbers, each leading to its view.

Every function takes results and answers with one `Finding`, or None where there is nothing to find. Texts are plain:
who shows them escapes them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import pandas as pd

from tlx.cases import DOMAINS
from tlx.results import MEASURES, RESAMPLES, Discriminability, Network, Reuse

KEPT = 0.95  # share of important edges from which a class is said to keep its wiring

# Said where there is nothing to find.
NO_MISTAKE = "The target model makes no mistake."
NO_CLASS = "No class can be compared between the two models."
FEW = 20  # images; with fewer an accuracy moves by more than 5 points with each one
RELIABLE = 0.8  # share of bootstraps in which a neuron must be among the first to be a headline


@dataclass(frozen=True)
class Finding:
    """One thing worth a look.

    title: a few words; text: one or two sentences with the numbers; page: the view that shows it ("Statistics",
    "Instances", "Network" or "Features"); class_name, layers, neuron (model, layer, index): what to select there,
    None for what stays as it is; images: what to gather there; terms: of the glossary that it needs.
    """

    title: str
    text: str
    page: str
    class_name: str | None = None
    layers: tuple[str, ...] | None = None
    neuron: tuple[str, str, int] | None = None
    images: Images | None = None
    terms: tuple[str, ...] = ()


@dataclass(frozen=True)
class Images:
    """Target images of a class and split by what the target model says of them; answer: None for any wrong one."""

    class_name: str
    answer: str | None
    split: str
    count: int


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
    images = counted(n, f"target {row['split']} image")
    text = (
        f"{percent(row['source_accuracy'])} under the source model, {percent(row['target_accuracy'])} under the target "
        f"model, on {images}: {points(change)}.{few(n)}"
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


def by_confusion(counts: Iterable[pd.DataFrame]) -> list[str]:
    """The classes of several confusion matrices by how often they were mistaken or said by mistake, most often first.

    counts: (C, C) each, rows true classes, columns what was said; classes that are mistaken alike keep their order.
    """
    often: dict[str, int] = {}
    for matrix in counts:
        values = matrix.to_numpy()
        wrong = values.sum(axis=0) + values.sum(axis=1) - 2 * values.diagonal()
        for name, count in zip(matrix.columns, wrong.tolist(), strict=True):
            often[str(name)] = often.get(str(name), 0) + count
    return sorted(often, key=lambda name: -often[name])


def worst_class(table: pd.DataFrame) -> str | None:
    """The class on which the target model is right least often; the first of several; None where none is known."""
    known = table[(table["n"] > 0) & table["target_accuracy"].notna()]
    if known.empty:
        return None
    return str(known["class_name"].iloc[int(known["target_accuracy"].to_numpy().argmin())])


def worst(table: pd.DataFrame) -> Finding | None:
    """The worst class after the transfer, and what it is taken for; None where the target model is never wrong.

    table: `class_table` (5.1).
    """
    name = worst_class(table)
    if name is None:
        return None
    row = table[table["class_name"] == name].iloc[0]
    mistakes: tuple[tuple[str, int], ...] = row["misclassified_as"]
    if not mistakes:
        return None
    n, split, wrong = int(row["n"]), str(row["split"]), sum(count for _, count in mistakes)
    before = "" if pd.isna(row["source_accuracy"]) else f" ({percent(row['source_accuracy'])} under the source model)"
    answer, most = mistakes[0]
    text = (
        f"{percent(row['target_accuracy'])} under the target model{before}, on {counted(n, f'target {split} image')}. "
        f"Most often taken for {answer} ({most:,} of {counted(wrong, 'mistake')}).{few(n)}"
    )
    images = Images(name, None, split, wrong)
    return Finding(f"Class {name} is the worst after the transfer", text, "Instances", name, images=images)


def most_confused(table: pd.DataFrame) -> Finding | None:
    """The class that the target model most often takes for one certain other; None where it is never wrong.

    table: `class_table` (5.1). By count, not by share: one image of a class of two is no pattern.
    """
    columns = (table[name] for name in ("class_name", "n", "misclassified_as", "split"))
    pairs = [
        (*mistakes[0], str(name), int(n), str(of)) for name, n, mistakes, of in zip(*columns, strict=True) if mistakes
    ]
    if not pairs:
        return None
    answer, wrong, true, n, split = max(pairs, key=lambda pair: pair[1])
    of_all = f"{wrong:,} of {counted(n, f'{split} image')} of class {true}"
    text = f"The target model says {answer} for {of_all} ({percent(wrong / n)}).{few(n)}"
    images = Images(true, answer, split, wrong)
    return Finding(f"Class {true} is most often taken for {answer}", text, "Instances", true, images=images)


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
    share = MEASURES["kept"].written
    chance = f"by chance {share(row['chance'])}, {share(row['low'])} to {share(row['high'])}"
    edges = counted(int(row["n"]), "important edge")
    kept = f"{share(row['value'])} of its {edges} between {first.title} and {second.title}"
    name = reuse.class_name
    if len(by_chance):
        title = f"Class {name} is wired anew from {second.title} on"
        text = f"It keeps {kept}: no more than chance ({chance})."
    elif row["value"] >= KEPT:
        title, text = f"Class {name} keeps its wiring", f"Even where it keeps least, it keeps {kept} ({chance})."
    else:
        title, text = f"Class {name} keeps least into {second.title}", f"It keeps {kept}, the lowest share ({chance})."
    terms = ("important edge", "kept", "chance band")
    return Finding(title, text, "Network", name, (first.name, second.name), terms=terms)


def no_edges(class_name: str) -> str:
    """What is said where `rewiring` has no finding."""
    return f"Class {class_name} has no important edges to compare."


def leading_neuron(result: Discriminability, network: Network) -> tuple[Finding | None, str]:
    """`most_domain_specific` where its neuron leads reliably; else None and why there is none, in a sentence."""
    finding = most_domain_specific(result, network)
    if finding is None:
        return None, alike(result)
    return (finding, "") if finding.neuron is not None else (None, f"{finding.title}.")


def most_domain_specific(result: Discriminability, network: Network) -> Finding | None:
    """The neuron that alone tells the domains of a class apart best, where it leads reliably; else that none does.

    Reliably: it is among the first in RELIABLE of the bootstraps, and its interval does not hold 0.5. None where the
    neurons together tell the domains apart no better than chance, and where no AUC differs from 0.50 (`alike`).
    """
    if result.chance or len(result.neurons) == 0 or _area(best := result.by_auc[0], result) == "0.50":
        return None
    layer, index = result.neurons[best]
    neuron, name = f"Neuron {index} of {network.layer(layer).title}", result.class_name
    text = _alone(result, best) + _few(result)
    if result.stability[best] >= RELIABLE and not result.auc_low[best] <= 0.5 <= result.auc_high[best]:
        title, chosen = f"{neuron} is the most domain-specific of class {name}", (result.model, layer, index)
        terms = ("domain-specific", "AUC", "bootstrap interval")
        return Finding(title, f"Alone it has {text}", "Features", name, neuron=chosen, terms=terms)
    title = f"No single neuron of class {name} leads in telling the domains apart"
    return Finding(title, f"{neuron} comes first, with {text}", "Features", class_name=name)


def alike(result: Discriminability) -> str:
    """Why `most_domain_specific` has no finding, in a sentence."""
    if not result.chance:
        return f"No important neuron of class {result.class_name} alone tells the domains apart: every AUC is 0.50."
    return (
        f"The important neurons of class {result.class_name} do not tell the domains apart better than chance: "
        f"held-out accuracy {percent(result.accuracy)}, 95 % interval {percent(result.low)} to {percent(result.high)}."
    )


def _alone(result: Discriminability, column: int) -> str:
    """A neuron's AUC and how often it leads."""
    side = "target" if result.auc[column] > 0.5 else "source"
    times = round(RESAMPLES * float(result.stability[column]))
    return (
        f"AUC {_area(column, result)} (95 % interval {result.auc_low[column]:.2f} to {result.auc_high[column]:.2f}), "
        f"larger values for {side} images. It is among the first {result.first} of "
        f"{counted(len(result.neurons), 'important neuron')} in {times} of {RESAMPLES} bootstraps."
    )


def _area(column: int, result: Discriminability) -> str:
    return f"{result.auc[column]:.2f}"


def _few(result: Discriminability) -> str:
    """That a domain has few instances, where it has."""
    counts = [(result.count(domain), domain) for domain in DOMAINS]
    if min(counts)[0] >= FEW:
        return ""
    sizes = " and ".join(f"{count:,} of the {domain} domain" for count, domain in counts)
    return f" These are few images: {sizes}."


def read_before(names: Sequence[str]) -> str:
    """That these layers are read before an activation function, and why; "" for none."""
    if not names:
        return ""
    which = f"{', '.join(names[:-1])} and {names[-1]} are" if len(names) > 1 else f"{names[0]} is"
    return f"{which} read before an activation: none that can be read follows directly, or behind a normalisation."


def few(n: int) -> str:
    """What has to be said beside a finding from fewer than 20 images, with a space before it; else nothing."""
    if n >= FEW:
        return ""
    moved = f"one of them moves it by {points(1 / n).lstrip('+')}"
    return f" That is few images: {moved}."


def counted(n: int, noun: str, plural: str = "") -> str:
    """ "1 image", "2 images", "1,000 images"; plural: where it is not the noun with an s."""
    return f"{n:,} {noun if n == 1 else plural or noun + 's'}"


def percent(share: float) -> str:
    """A share as "93.4 %", which no line end parts; a whole number without the zero.

    For accuracies and whatever else is measured on images; shares of edges and neurons have no decimal, see
    `results.Measure.written`.
    """
    return f"{100 * share:,.1f}".removesuffix(".0") + "\N{NO-BREAK SPACE}%"


def points(difference: float) -> str:
    """A difference of accuracies in percentage points, signed: "+22.5 points", "−1 point"."""
    number = _signed(difference)
    return f"{number} point{'' if number.strip('+−') == '1' else 's'}"


def points_between(low: float, high: float) -> str:
    """An interval of differences: "+23.9 to +28.3 points"."""
    return f"{_signed(low)} to {points(high)}"


def _signed(difference: float) -> str:
    number = f"{abs(100 * difference):,.1f}".removesuffix(".0")
    return number if number == "0" else f"{'+' if difference > 0 else '−'}{number}"


def _plain(number: float) -> str:
    return f"{number:.2f}"


WRITTEN: dict[str, Callable[[float], str]] = {"share": percent, "points": _signed, "plain": _plain}
"""How a number of a kind is written beside a mark; of points the axis says the unit."""
