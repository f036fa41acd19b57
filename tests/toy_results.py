"""Results of a case small enough to check by eye, in place of the pipeline's, for tests of the start page.

`reuse` and `discriminability` are memoized like the real ones: on an empty cache they have to be asked for.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from tlx.images import thumbnails
from tlx.results import Discriminability, DomainImages, Layer, Network, Reuse, Transferability
from tlx.storage.memory import memoized

CLASSES = ("cat", "<b>dog</b>")
NETWORK = Network("toy", tuple(Layer(f"conv{i}", i, "conv", 4, (4, 4)) for i in range(1, 5)), {}, {}, 8, 1234)


def network(case):
    return NETWORK


def images(case, domain):
    count = {"source": 10, "target": 6}[domain]
    return DomainImages(
        pixels=np.zeros((count, 8, 8, 3), np.uint8),
        labels=np.arange(count) % 2,
        classes=CLASSES,
        split=np.where(np.arange(count) % 5 == 0, "validation", "training"),
        names=np.array([f"{domain} {i}" for i in range(count)]),
    )


def catalogue(case, domain):
    return images(case, domain)


def sheets(case, domain):
    return thumbnails.thumbnails(images(case, domain))


@memoized()
def waiting(case, domain):
    """Thumbnails that have to be asked for on an empty cache."""
    return sheets(case, domain)


def transferability(case):
    return Transferability(0.225, 0.15, 0.3, 299, 0.7, 0.925, 3, 5, descended=True)


def class_table(case):
    return pd.DataFrame(
        {
            "class_name": list(CLASSES),
            "n": [200, 99],
            "source_accuracy": [0.9, 0.3],
            "target_accuracy": [0.95, 0.875],
            "difference": [0.05, 0.575],
            "misclassified_as": [(("<b>dog</b>", 4),), (("cat", 9),)],
            "split": "validation",
        }
    )


@memoized()
def reuse(case, class_name):
    """Of ten edges each pair keeps 8, 6 and 2; chance reaches up to 3."""
    rows = [("kept", *pair, 10, kept / 10, 0.2, 0.1, 0.3) for pair, kept in zip(NETWORK.pairs, (8, 6, 2), strict=True)]
    columns = ["measure", "first", "second", "n", "value", "chance", "low", "high"]
    return Reuse(class_name, pd.DataFrame(rows, columns=columns))


@memoized()
def discriminability(case, class_name, model="target"):
    none = np.zeros(0)
    return Discriminability(
        class_name=class_name,
        model=model,
        neurons=(("conv1", 3), ("conv2", 1)),
        weights=np.array([0.5, -0.25]),
        ranking=np.array([0, 1]),
        accuracy=0.9,
        low=0.8,
        high=0.95,
        fold_accuracy=none,
        a_distance=1.6,
        auc=np.array([0.9, 0.4]),
        auc_low=np.array([0.8, 0.3]),
        auc_high=np.array([0.95, 0.5]),
        stability=np.array([1.0, 0.0]),
        coordinates=none,
        axes=none,
        boundary=0.0,
        domain=np.repeat(["source", "target"], 30),
        instances=none,
        decision=none,
        fold=none,
        fold_axes=none,
        fold_offset=none,
        values=none,
        constant=(),
        regularisation=1.0,
    )


FACE = {function.__name__: function for function in (network, catalogue, images, transferability, class_table)}
FACE |= {"reuse": reuse, "discriminability": discriminability, "thumbnails": sheets}
