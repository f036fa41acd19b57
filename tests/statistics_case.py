"""A small case's results by hand, put in place of the pipeline's, for tests of the statistics and instance pages."""

from __future__ import annotations

import fakes
import numpy as np
import pandas as pd

from tlx.analysis import embedding, statistics
from tlx.casefiles import loading
from tlx.images import thumbnails
from tlx.results import Control, Discriminability, DomainImages, Embedding, Layer, Network, Transferability

CLASSES = ("cup", "<b>pen</b>", "book")
COUNTS = {"source": 12, "target": 9}  # four and three of each class
SCORE = Transferability(0.25, 0.1, 0.4, 60, 0.5, 0.75, 3, 4, descended=True)
LAYERS = (Layer("conv1", 1, "conv", 4, (3, 3), field=(3, 2, 0)), Layer("fc2", 2, "linear", 6, (1, 1)))
NETWORK = Network("toy", LAYERS, {}, {}, 36, 99)


def images(case, domain):
    labels = np.arange(COUNTS[domain]) % 3
    pixels = np.full((COUNTS[domain], 8, 8, 3), 100, dtype=np.uint8)
    names = np.array([f"{domain} {at}" for at in range(COUNTS[domain])])
    return DomainImages(pixels, labels, CLASSES, np.full(COUNTS[domain], "validation"), names)


def catalogue(case, domain):
    return images(case, domain)


def predictions(case, model, domain):
    """Right but for instance 0 of the target domain, a cup, which both models call a pen."""
    ours = images(case, domain)
    labels = np.array(CLASSES, dtype=object)[ours.labels]
    said = labels.copy()
    if domain == "target":
        said[0] = CLASSES[1]
    return pd.DataFrame(
        {
            "instance": np.arange(len(ours)),
            "split": "validation",
            "label": labels,
            "prediction": said,
            "confidence": 0.875,
        }
    )


def network(case):
    return NETWORK


def transferability(case):
    return SCORE


def control(case, length="budget"):
    rows = [("scratch", "target", "validation", epoch, 0.2 * epoch, 10) for epoch in range(4)]
    lines = pd.DataFrame(rows, columns=["model", "domain", "split", "epoch", "accuracy", "n"])
    wide = {"budget": (0.3, 0.2, 0.4, 0.45), "end": (-0.01, -0.05, 0.03, 0.76)}[length]
    epochs = {"budget": 3, "end": 24}[length]
    return Control(length, *wide, 0.75, 60, "validation", epochs, 3, lines)


def sheets(case, domain):
    return thumbnails.thumbnails(images(case, domain))


def history(case):
    rows = [
        (model, domain, split, epoch, 0.1 * epoch + 0.5, 10)
        for model in ("source", "target")
        for domain in ("source", "target")
        for split in ("training", "validation")
        for epoch in range(4)
    ]
    return pd.DataFrame(rows, columns=["model", "domain", "split", "epoch", "accuracy", "n"])


def class_table(case):
    return statistics.class_table(
        predictions(case, "source", "target"),
        predictions(case, "target", "target"),
        {"source": CLASSES, "target": CLASSES},
    )


def embedded(case, class_names, model="target", layer=None, seed=0):
    ours = {domain: images(case, domain) for domain in COUNTS}
    chosen = {domain: embedding.choose(ours[domain], class_names, seed) for domain in COUNTS}
    instance = np.concatenate(list(chosen.values()))
    of_class = np.concatenate([ours[domain].labels[of] for domain, of in chosen.items()])
    return Embedding(
        coordinates=np.random.default_rng(0).normal(size=(len(instance), 2)) + 5 * of_class[:, None],
        domain=np.repeat(list(chosen), [len(of) for of in chosen.values()]),
        instance=instance,
        label=np.array(CLASSES, dtype=object)[of_class],
        model=model,
        layer=layer or "",
        method={"neighbours": 15, "kept": 0.366},
    )


def neighbours(case, domain, instance, model="target", layer=None):
    there = "source" if domain == "target" else "target"
    return pd.DataFrame(
        {"domain": there, "instance": [3, 1], "label": [CLASSES[0], CLASSES[1]], "distance": [0.5, 2.0]}
    )


def discriminability(case, class_name, model="target"):
    return domain_scores(class_name)


def domain_scores(class_name="cup", accuracy=0.9, low=0.8):
    """Source instances at -2 and -1, target instances at 1, 1 and -0.5."""
    nothing = np.zeros(0)
    return Discriminability(
        class_name=class_name,
        model="target",
        neurons=(),
        weights=nothing,
        ranking=nothing,
        accuracy=accuracy,
        low=low,
        high=0.95,
        fold_accuracy=nothing,
        a_distance=1.6,
        auc=nothing,
        auc_low=nothing,
        auc_high=nothing,
        stability=nothing,
        coordinates=np.zeros((5, 2)),
        axes=np.zeros((0, 2)),
        boundary=0.0,
        domain=np.array(["source", "source", "target", "target", "target"]),
        instances=np.array([0, 3, 0, 3, 6]),
        decision=np.array([-2.0, -1.0, 1.0, 1.0, -0.5]),
        fold=np.zeros(5, dtype=int),
        fold_axes=np.zeros((1, 0)),
        fold_offset=np.zeros(1),
        values=np.zeros((5, 0)),
        constant=(),
        regularisation=1.0,
    )


def install(monkeypatch):
    """Puts these results in place of the pipeline's."""
    replaced = {
        "catalogue": catalogue,
        "images": images,
        "network": network,
        "predictions": predictions,
        "history": history,
        "transferability": transferability,
        "control": control,
        "class_table": class_table,
        "embedding": embedded,
        "neighbours": neighbours,
        "discriminability": discriminability,
        "thumbnails": sheets,
    }
    fakes.install(monkeypatch, replaced)
    return loading.load_case("digits")
