"""A linear probe: what a model's activations know of classes that it was never taught to name (method 2)."""

from __future__ import annotations

import numpy as np
from sklearn.linear_model import RidgeClassifierCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from tlx.analysis.intervals import wilson
from tlx.errors import EmptyError
from tlx.results import DomainImages, Probe

PENALTIES = np.logspace(-2, 6, 9)


def probe(vectors: np.ndarray, images: DomainImages) -> Probe:
    """A ridge classifier on standardised activations, fit on training rows and judged on the headline split.

    vectors: (N, D) activations; images: whose labels they are to tell. The penalty is the best of nine by generalised
    cross-validation, which leaves one training row out at a time.

    Raises EmptyError where training has fewer than two classes, or nothing is held out.
    """
    train, judged = images.training, images.judged
    if len(np.unique(images.labels[train])) < 2 or not judged.any():
        raise EmptyError("a linear probe needs training images of two classes and held-out images to judge it on")
    classifier = make_pipeline(StandardScaler(), RidgeClassifierCV(PENALTIES))
    classifier.fit(np.asarray(vectors, dtype=np.float64)[train], images.labels[train])
    n = int(judged.sum())
    accuracy = float((classifier.predict(vectors[judged]) == images.labels[judged]).mean())
    return Probe(accuracy, *wilson(accuracy, n), n, images.headline, float(classifier[-1].alpha_))
