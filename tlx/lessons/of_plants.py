"""What the steps on planted cases ask and tell: what was planted is known, and results must show it (method 12)."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from tlx import needs, pipeline
from tlx.casefiles import lesson
from tlx.cases import DOMAINS, Case
from tlx.findings import counted, percent
from tlx.lessons.told import Look, OneOf, Share, Told, between, listed, rows
from tlx.needs import Panel, need
from tlx.results import RESAMPLES, Correspondence, Discriminability, Network, Reuse, Transferability

CLASS = "8"  # of the ten, in views of one
ALIKE = 0.9  # correlation of activations from which two neurons are said to answer alike
CORNER = "a corner of the image"


def index_needs(case: Case) -> Panel[tuple[Any, ...]]:
    """The results of `index`."""
    network = yield need(pipeline.network, case)
    return network, (yield need(pipeline.reuse, case, CLASS)), (yield need(pipeline.correspondence, case))


def index(network: Network, reuse: Reuse, correspondence: Correspondence) -> Told:
    """Which share of neurons the index finds again, where all stand elsewhere."""
    table = reuse.of("correspondence")
    n = table["n"].to_numpy()
    share, chance = (float(np.average(table[name], weights=n)) for name in ("value", "chance"))
    alike = [correspondence.layers[name].strength for name in table["first"]]
    again = [float((strength[~np.isnan(strength)] > ALIKE).mean()) for strength in alike]
    every = float(np.average(again, weights=n))
    within = int((table["value"] <= table["high"]).sum())
    series = ("same index", "anywhere in the layer")
    return Told(
        question="Two networks of the same build give the same answer to every image. Each neuron has a number in its "
        f"layer, its index. Of all {int(n.sum())} neurons that answer to anything: how many have, in the other "
        "network, the neuron of their own index as the one that answers to images as they do?",
        predicted=Share("Your prediction: the neuron of their own index, in per cent", chance),
        look=Look(
            "Network",
            "Neurons are ordered by index here, and orange cells are counterparts. Where would they lie if index and "
            "function went together? Then read “Same function, same index” above the picture.",
            CLASS,
            network.names[:3],
            view=(("network.order", "index"),),
        ),
        answer=share,
        said=f"{percent(share)}: {round(float((table['value'] * n).sum()))} of {int(n.sum())} neurons. In "
        f"{within} of {counted(len(table), 'layer')} it is no more than chance.",
        table=rows(
            row for _, layer in table.assign(again=again).iterrows() for row in _found_again(network, layer, series)
        ),
        x="share of the layer's neurons",
        about="Every neuron of a layer is counted, so there is no interval; grey bands are what 95 of 100 random "
        f"orders give. Crosses: neurons that answer like some neuron of the other network (correlation above {ALIKE}).",
        why=f"{lesson.truth(lesson.PERMUTED)} By what they answer, {percent(every)} of the neurons are found again; by "
        "index no more than a random order would give. Which neuron has which number means nothing to a network.",
        misread="“Neuron 12 of both networks” is one neuron only where one network was made from the other and kept "
        "its order, as fine-tuning does. Weights compared index by index would call these two networks strangers.",
        take="Say what makes two neurons the same before you compare two networks.",
        discuss=(
            "Why does fine-tuning keep the order of neurons, and training twice from random weights not?",
            "What else can be changed in a network without changing one answer?",
        ),
        guessing="a random order",
    )


def _found_again(network: Network, layer: pd.Series, series: tuple[str, str]) -> list[dict[str, Any]]:
    title = network.layer(layer["first"]).title
    chance = {"chance_low": layer["low"], "chance_high": layer["high"]}
    return [
        {"title": title, "series": series[0], "model": "target", "value": layer["value"]} | chance,
        {"title": title, "series": series[1], "model": "source", "value": layer["again"]},
    ]


def anew_needs(case: Case) -> Panel[tuple[Any, ...]]:
    """The results of `anew`."""
    network = yield need(pipeline.network, case)
    return network, (yield need(pipeline.reuse, case, CLASS)), (yield from needs.score(case))


def anew(network: Network, reuse: Reuse, score: Transferability) -> Told:
    """From which layer on neurons are found again by chance only."""
    table = reuse.of("correspondence")
    titles = [network.layer(name).title for name in table["first"]]
    new = int(np.flatnonzero((table["value"] <= table["high"]).to_numpy())[0])
    before, after = table.iloc[:new], table.iloc[new:]
    within = int((after["value"] <= after["high"]).sum())
    least = round(float(before["value"].min()), 2)
    old = percent(least) if least == 1 else f"{percent(least)} or more"
    kept = reuse.of("kept")
    into = kept[kept["second"] == table["first"].iloc[new]].iloc[0]
    ends = f"{100 * after['value'].min():.0f} to {percent(round(after['value'].max(), 2))}"
    return Told(
        question="The second of these networks was made from the first: up to a certain layer it has its weights, and "
        "all layers after that began at random and were trained. It reads "
        f"{percent(score.target_accuracy)} of {counted(score.n, f'{score.split} image')} right, so accuracy does not "
        "give it away. Which is the first layer that began anew?",
        predicted=OneOf("Your prediction: the first new layer", tuple(titles)),
        look=Look(
            "Network",
            "Above the picture stand charts over depth: blue is what is found again, the grey band is what chance "
            "gives. In “Same function, same index” find the layer from which blue lies in the band; click it to see "
            "its matrices.",
            CLASS,
            network.names[:3],
            first=True,
        ),
        answer=titles[new],
        said=f"{titles[new]}: before it {old} of neurons have kept "
        f"their function, from it on {ends}, in {within} of {counted(len(after), 'layer')} no more than chance.",
        table=rows(
            {
                "title": title,
                "model": "target",
                "value": row["value"],
                "chance_low": row["low"],
                "chance_high": row["high"],
            }
            for title, (_, row) in zip(titles, table.iterrows(), strict=True)
        ),
        x="found again at their own index",
        about="Every neuron of a layer is counted, so there is no interval; grey bands are what 95 of 100 random "
        "orders give.",
        why=f"{lesson.truth(lesson.REINITIALISED)} Important edges from the last old layer into the first new one: "
        f"{percent(round(float(into['value']), 2))} kept, chance {percent(round(float(into['low']), 2))} to "
        f"{percent(round(float(into['high']), 2))}. One new end is enough to lose an edge.",
        misread=f"{percent(round(float(into['value']), 2))} of edges kept sounds like some reuse. Busy neurons meet "
        "busy neurons in unrelated networks as well; without the grey band the number says nothing.",
        take="How well a model does is one question, what it took over from another is a second one.",
        discuss=(
            "Why do charts of neurons and charts of edges change at places half a layer apart?",
            "What would you expect to see if the new layers had been trained much longer?",
        ),
    )


def marker_needs(case: Case) -> Panel[tuple[Any, ...]]:
    """The results of `marker`."""
    network = yield need(pipeline.network, case)
    result = yield need(pipeline.discriminability, case, CLASS, "target")
    return network, result, (yield from needs.class_table(case))


def marker(network: Network, result: Discriminability, table: pd.DataFrame) -> Told:
    """What the neuron looks at that tells the domains apart best."""
    listing = [
        (network.layer(result.neurons[at][0]).short_title, result.neurons[at][1], at) for at in result.by_auc[:5]
    ]
    layer, index, at = listing[0]
    times = round(RESAMPLES * float(result.stability[at]))
    own = table.iloc[table["class_name"].tolist().index(CLASS)]
    images, ends = counted(int(own["n"]), f"target {own['split']} image"), (own["source_low"], own["source_high"])
    return Told(
        question="Two halves of the handwritten digits are source and target here, and both models learned from the "
        f"halves that bear their names. Yet {CLASS}s are told apart by domain. Of {len(result.neurons)} important "
        "neurons one does it best. What does it look at?",
        predicted=OneOf(
            "Your prediction: it looks at",
            ("how thick the strokes are", "how the digit is slanted", CORNER, "the loops of the digit"),
        ),
        look=Look(
            "Features",
            "The first row of the list is the neuron. What it looks for, and the images that excite it, stand beside "
            "the list. Compare them over both domains.",
            CLASS,
            first=True,
        ),
        answer=CORNER,
        said=f"{lesson.truth(lesson.MARKED)} Neuron {index} of {layer} alone has an AUC of {result.auc[at]:.2f} "
        f"({between(result.auc_low[at], result.auc_high[at], '{:.2f}'.format)}; guessing gives 0.50), larger for "
        f"{'target' if result.auc[at] > 0.5 else 'source'} images, and is among the first {result.first} in {times} of "
        f"{RESAMPLES} bootstraps.",
        table=rows(
            {
                "title": f"{title}, neuron {number}",
                "model": "target" if result.auc[column] > 0.5 else "source",
                "value": float(result.auc[column]),
                "low": float(result.auc_low[column]),
                "high": float(result.auc_high[column]),
            }
            for title, number, column in listing
        ),
        x="AUC (0: source, 1: target images)",
        unit="plain",
        guess=0.5,
        guessing="guessing, 0.50",
        about="The first five of the list, with 95 % intervals.",
        why=f"A mark is cheaper to learn than a shape, and in the source images it stands for an {CLASS}: a shortcut. "
        f"The source model took it, and reads {percent(own['source_accuracy'])} of {CLASS}s without the mark right "
        f"({between(*ends)}, {images}).",
        misread="A neuron that tells the domains apart need not matter for the answer: others may read the mark as "
        "well. “Do the ticked neurons matter?” on the same page silences some and counts.",
        take="Look at the images that excite a neuron before you give it a name.",
        discuss=(
            "Which marks have you seen in data: a hospital's label, a photographer's signature, a ruler beside a mole?",
            "How would you find out whether the network uses the mark for its answers?",
        ),
    )


def halves_needs(case: Case) -> Panel[tuple[Any, ...]]:
    """The results of `halves`."""
    return ((yield need(pipeline.discriminability, case, CLASS, "target")),)


def halves(result: Discriminability) -> Told:
    """How well two halves of one domain are told apart."""
    first = int(result.by_auc[0])
    outside = int(((result.auc_low > 0.5) | (result.auc_high < 0.5)).sum())
    count = len(result.neurons)
    sizes = listed([f"{result.count(domain)} {domain}" for domain in DOMAINS])
    reached = max(result.auc[first], 1 - result.auc[first])
    alone = sorted((result.auc_low[first], result.auc_high[first]))
    flipped = alone if result.auc[first] > 0.5 else [1 - alone[1], 1 - alone[0]]
    return Told(
        question=f"Two domains of digits once more, {sizes} images of class {CLASS}. Of {count} important neurons the "
        f"first of the list alone tells the domains apart with an AUC of {reached:.2f} (0.50 is a coin, 1.00 always). "
        "A linear classifier is given all of these neurons together. How often is it right about the domain of images "
        "that it has not seen?",
        predicted=Share("Your prediction: right, in per cent", 0.5),
        look=Look(
            "Features",
            "The first rows of the list look separated, and so may the plot. Then read the sentence above the list.",
            CLASS,
        ),
        answer=result.accuracy,
        interval=(result.low, result.high),
        said=f"{percent(result.accuracy)} ({between(result.low, result.high)}).",
        table=rows(
            [
                {
                    "title": f"All {count} neurons together, unseen images: right",
                    "value": result.accuracy,
                    "low": result.low,
                    "high": result.high,
                    "model": "target",
                },
                {
                    "title": f"The first of {count} neurons alone: AUC, in per cent",
                    "value": reached,
                    "low": flipped[0],
                    "high": flipped[1],
                    "model": "",
                },
            ]
        ),
        x="right about the domain, and AUC",
        guess=0.5,
        about="Whiskers are 95 % intervals, made as if each number had been picked beforehand.",
        why=f"{lesson.truth(lesson.HALVES)} Of {count} neurons at 95 %, some {max(1, round(0.05 * count))} look "
        f"different by chance; here {outside} {'does' if outside == 1 else 'do'}. The list puts them first.",
        misread="The interval of the first neuron was made for a neuron chosen beforehand. Chosen as the most extreme "
        "of many, it promises too much.",
        take="How many were looked at before this one was shown? Read the held-out number first.",
        discuss=(
            "Where else is the most extreme of many shown as if it had been the only one?",
            "How would you choose a neuron so that its interval can be believed?",
        ),
    )
