"""How promising a source is for a target, before anything is fine-tuned: measures and baselines (method 10).

All of them look at the source model's activations before its head on the target's *training* images, whose labels are
known, and at nothing that is held out. Larger is more promising, for all but the proxy A-distance.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping

import numpy as np
from sklearn.covariance import ledoit_wolf_shrinkage
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import RidgeClassifierCV
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from tlx.analysis.probe import PENALTIES
from tlx.errors import EmptyError
from tlx.results import Promise

FOLDS, NEIGHBOURS = 5, 5
PASSES = 50  # over the images, in which the domains are told apart: thousands of dimensions would take 1,000 of them
ROUNDS, CLOSE = 100, 1e-3  # of LogME's fixed point, and the relative change at which it has converged
_EPS = 1e-12


def promise(
    vectors: Mapping[str, np.ndarray], labels: np.ndarray, answers: np.ndarray, *, accuracy: float, parameters: int
) -> Promise:
    """All measures of one source.

    Args:
        vectors: (N, D) activations before the source model's head on training images, by domain.
        labels: (N,) of the target's.
        answers: (N, Z) probabilities that the source model gives its own classes on the target's.
        accuracy: of the source model on its own domain.
        parameters: of its network.
    """
    target = vectors["target"]
    return Promise(
        log_me(target, labels),
        h_score(target, labels),
        leep(answers, labels),
        neighbours(target, labels),
        linear_probe(target, labels),
        a_distance(vectors["source"], target),
        accuracy,
        float(parameters),
        len(labels),
    )


def log_me(vectors: np.ndarray, labels: np.ndarray) -> float:
    """LogME (You et al. 2021, arXiv:2102.11005): the log evidence of a Bayesian linear model, per image and class.

    vectors: (N, D); labels: (N,) integers. One regression for each class's indicator; the noise's and the weights'
    precision are those that maximise the evidence, by MacKay's fixed point in the singular basis. In nats.
    """
    features = np.asarray(vectors, dtype=np.float64)
    n, d = features.shape
    left, singular, _ = np.linalg.svd(features, full_matrices=False)
    squared = singular**2
    evidences = []
    for label in np.unique(labels):
        target = (labels == label).astype(np.float64)
        projected = (left.T @ target) ** 2
        rest = max(float(target @ target - projected.sum()), 0.0)
        alpha = beta = 1.0
        for _ in range(ROUNDS):
            ratio = alpha / beta
            gamma = float((squared / (squared + ratio)).sum())
            weights = float((squared * projected / (squared + ratio) ** 2).sum())
            residual = float((projected / (1 + squared / ratio) ** 2).sum()) + rest
            alpha, beta = gamma / (weights + _EPS), (n - gamma) / (residual + _EPS)
            if abs(alpha / beta - ratio) <= CLOSE * ratio:
                break
        ratio = alpha / beta
        weights = float((squared * projected / (squared + ratio) ** 2).sum())
        residual = float((projected / (1 + squared / ratio) ** 2).sum()) + rest
        determinant = float(np.log(alpha + beta * squared).sum()) + (d - len(squared)) * np.log(alpha)
        evidence = n * np.log(beta) + d * np.log(alpha) - n * np.log(2 * np.pi)
        evidences.append((evidence - beta * residual - alpha * weights - determinant) / (2 * n))
    return float(np.mean(evidences))


def h_score(vectors: np.ndarray, labels: np.ndarray) -> float:
    """H-score with shrinkage (Ibrahim et al. 2021, arXiv:2110.06893): variance between classes over all variance.

    vectors: (N, D); the covariance is Ledoit and Wolf's, and the classes' covariance shrinks by the same share, so that
    few images of many dimensions do not look separable. From 0 to at most the number of classes less one.
    """
    centred = np.asarray(vectors, dtype=np.float64) - np.mean(vectors, axis=0, dtype=np.float64)
    shrinkage = ledoit_wolf_shrinkage(centred, assume_centered=True)
    # In the singular basis the covariance is diagonal, and images are fewer than dimensions where those are thousands.
    left, singular, _ = np.linalg.svd(centred, full_matrices=False)
    variances = (1 - shrinkage) * singular**2 / len(centred) + shrinkage * centred.var(axis=0).mean()
    between = np.zeros(len(singular))  # of the classes' means along each axis
    for label in np.unique(labels):
        members = labels == label
        between += members.sum() * (left[members].mean(axis=0) * singular) ** 2
    some = variances > _EPS * variances.max()
    return float((1 - shrinkage) * (between[some] / variances[some]).sum() / len(centred))


def leep(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """LEEP (Nguyen et al. 2020, arXiv:2002.12462): log likelihood of the target's labels given the source's answers.

    probabilities: (N, Z) of the source model's own classes; labels: (N,). At most 0, in nats an image.
    """
    classes, own = np.unique(labels, return_inverse=True)
    joint = np.zeros((len(classes), probabilities.shape[1]))
    np.add.at(joint, own, np.asarray(probabilities, dtype=np.float64) / len(labels))
    given = joint / np.maximum(joint.sum(axis=0), _EPS)  # of a target class, given a source class
    likelihood = (probabilities * given[own]).sum(axis=1)
    return float(np.log(np.maximum(likelihood, _EPS)).mean())


def neighbours(vectors: np.ndarray, labels: np.ndarray, seed: int = 0) -> float:
    """Cross-validated accuracy of the vote of the five nearest images, standardised activations."""
    return _validated(make_pipeline(StandardScaler(), KNeighborsClassifier(NEIGHBOURS)), vectors, labels, seed)


def linear_probe(vectors: np.ndarray, labels: np.ndarray, seed: int = 0) -> float:
    """Cross-validated accuracy of a ridge classifier on standardised activations."""
    return _validated(make_pipeline(StandardScaler(), RidgeClassifierCV(PENALTIES)), vectors, labels, seed)


def a_distance(source: np.ndarray, target: np.ndarray, seed: int = 0) -> float:
    """Proxy A-distance of the domains' activations (Ben-David et al. 2010): 2 (1 - 2 error), of a linear classifier.

    source: (N, D), target: (M, D). The error is cross-validated and balanced; 0 for domains that cannot be told apart,
    2 for those that always can.
    """
    vectors = np.concatenate([source, target])
    labels = np.repeat([0, 1], [len(source), len(target)])
    told = make_pipeline(
        StandardScaler(), LinearSVC(C=1e-2, class_weight="balanced", random_state=seed, max_iter=PASSES)
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # told apart well enough by then
        return 2 * (2 * _validated(told, vectors, labels, seed, scoring="balanced_accuracy") - 1)


def _validated(classifier: object, vectors: np.ndarray, labels: np.ndarray, seed: int, **how: str) -> float:
    """Mean accuracy over stratified folds, as many as the smallest class allows. Raises EmptyError below two."""
    folds = min(FOLDS, int(np.unique(labels, return_counts=True)[1].min()))
    if folds < 2 or len(np.unique(labels)) < 2:
        raise EmptyError("measures of a source need two training images of each of two classes of the target")
    split = StratifiedKFold(folds, shuffle=True, random_state=seed)
    return float(cross_val_score(classifier, np.asarray(vectors, np.float64), labels, cv=split, **how).mean())
