"""Domain discriminability: the linear classifier that tells the two domains apart by neurons' conductance.

Paper section 5.4.1 and Algorithm 1, made precise in method 5. The idea of measuring the gap between two domains by how
well a linear classifier separates them is the A-distance (Ben-David et al. 2007). What a neuron alone tells is in
`separation`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from sklearn.model_selection import StratifiedKFold
from sklearn.svm import LinearSVC

from tlx.analysis import separation
from tlx.analysis.intervals import wilson
from tlx.cases import DOMAINS
from tlx.errors import EmptyError
from tlx.progress import track
from tlx.results import Discriminability, LayerGap, first_places

FOLDS = 10
GRID = (1e-4, 1e-3, 1e-2, 1e-1)
"""Values of C. The loss is a sum over instances of standardised columns: beyond 0.1 the fit hardly changes any more."""

SAME = 1e-6  # a column whose range is below this share of its size varies by float32 rounding only


class Classifier(NamedTuple):
    """A linear classifier on standardised columns; decision value 0 is its boundary, positive means target."""

    mean: np.ndarray
    scale: np.ndarray
    weights: np.ndarray
    intercept: float

    @property
    def length(self) -> float:
        """|u|, 1 where all weights are 0: decision values divided by it are distances from the boundary."""
        return float(np.linalg.norm(self.weights)) or 1.0

    def distance(self, columns: np.ndarray) -> np.ndarray:
        """(N,) signed distance of each row from the boundary, in the standardised space; positive = target-like."""
        return np.asarray(((columns - self.mean) / self.scale @ self.weights + self.intercept) / self.length)

    def seen_from(self, whole: Classifier) -> tuple[np.ndarray, float]:
        """(P,) axes and an offset: `distance` is their product with rows that `whole` standardised, plus the offset."""
        axes = self.weights / self.length
        offset = (whole.mean - self.mean) / self.scale @ axes + self.intercept / self.length
        return axes * whole.scale / self.scale, float(offset)


def discriminability(
    values: Mapping[str, Mapping[str, np.ndarray]],
    chosen: Mapping[str, np.ndarray],
    important: Mapping[str, np.ndarray],
    *,
    model: str,
    class_name: str,
) -> Discriminability:
    """Trains the domain classifier on the important neurons of one class (Algorithm 1).

    Args:
        values: conductance of the class's instances, `values[domain][layer]` of shape (instances, U).
        chosen: the instances' indices in their domain, in the order of those rows.
        important: indices of the important neurons of each layer.
        model: the model the conductance was taken under.
        class_name: the class.

    The accuracy is *balanced* (mean of the two domains' recalls), so that 0.5 is chance whatever the domains' sizes.
    Scaling and the choice of C happen inside each fold, so that the held-out rows flatter nothing.
    Raises EmptyError where a domain has under two instances, or no neuron's conductance varies.
    """
    rows = np.array([len(chosen[domain]) for domain in DOMAINS])
    _check(rows, class_name)
    neurons = [(layer, int(index)) for layer, indices in important.items() for index in indices]
    columns = np.concatenate([_side_by_side(values[domain], important) for domain in DOMAINS])
    varies = varying(columns)
    if not varies.any():
        raise EmptyError(
            f"no important neuron of class {class_name!r} varies over its instances, so nothing tells the domains apart"
        )
    columns, label = columns[:, varies], np.repeat([0, 1], rows)
    source, target = columns[label == 0], columns[label == 1]
    folds = held_out(columns, label)
    low, high = accuracy_interval(folds.accuracy, *rows, folds=len(folds.per_fold))
    auc_low, auc_high = separation.intervals(source, target)
    strength = choose_strength(columns, label)
    classifier = fit(standardised(columns, label), strength)
    standard = (columns - classifier.mean) / classifier.scale
    axes = np.stack([classifier.weights / classifier.length, principal(standard)], axis=1)
    seen = [one.seen_from(classifier) for one in folds.classifiers]
    return Discriminability(
        class_name=class_name,
        model=model,
        neurons=tuple(neuron for neuron, kept in zip(neurons, varies, strict=True) if kept),
        constant=tuple(neuron for neuron, kept in zip(neurons, varies, strict=True) if not kept),
        weights=classifier.weights,
        ranking=np.argsort(-np.abs(classifier.weights), kind="stable"),
        accuracy=folds.accuracy,
        low=low,
        high=high,
        fold_accuracy=folds.per_fold,
        a_distance=2 * (1 - 2 * (1 - folds.accuracy)),
        auc=separation.areas(source, target)[0],
        auc_low=auc_low,
        auc_high=auc_high,
        stability=separation.stability(source, target, first=first_places(columns.shape[1])),
        domain=np.array(DOMAINS, dtype=object)[label],
        instances=np.concatenate([chosen[domain] for domain in DOMAINS]),
        decision=folds.distance,
        fold=folds.fold,
        fold_axes=np.stack([one for one, _ in seen]),
        fold_offset=np.array([offset for _, offset in seen]),
        values=columns.astype(np.result_type(*values["source"].values())),
        regularisation=strength,
        coordinates=standard @ axes,  # the plane of the plot (5.4.2): A [u/|u|, g]
        axes=axes,
        boundary=-classifier.intercept / classifier.length,
    )


def layer_gap(values: Mapping[str, np.ndarray], *, model: str, layer: str, class_name: str) -> LayerGap:
    """How well one layer alone tells the domains apart: all its neurons, held out like `discriminability`.

    values: conductance of the class's instances by domain, (instances, U). All neurons, not the important ones: those
    are another set in each model, and a comparison before and after transfer would mix the two changes. Five folds, and
    five within each to choose C, since this runs for every layer of both models.
    """
    rows = np.array([len(values[domain]) for domain in DOMAINS])
    _check(rows, class_name)
    columns, label = np.concatenate([values[domain] for domain in DOMAINS]), np.repeat([0, 1], rows)
    columns = columns[:, varying(columns)]
    accuracy = held_out(columns, label, most=5).accuracy if columns.shape[1] else 0.5
    low, high = accuracy_interval(accuracy, *rows, folds=count_folds(label, 5))
    return LayerGap(model=model, layer=layer, neurons=columns.shape[1], accuracy=accuracy, low=low, high=high)


def _check(rows: np.ndarray, class_name: str) -> None:
    for domain, count in zip(DOMAINS, rows, strict=True):
        if count < 2:
            how_many = "no instance" if count == 0 else "only one instance"
            raise EmptyError(
                f"class {class_name!r} has {how_many} in the {domain} domain; telling the domains apart needs at least "
                "two in each"
            )


def _side_by_side(values: Mapping[str, np.ndarray], important: Mapping[str, np.ndarray]) -> np.ndarray:
    parts = [values[layer][:, indices] for layer, indices in important.items()]
    return np.concatenate(parts, axis=1).astype(np.float64)


def varying(columns: np.ndarray) -> np.ndarray:
    """(P,) bool: whether a column says anything; standardising the others would blow rounding errors up."""
    return np.asarray(np.ptp(columns, axis=0) > SAME * np.abs(columns).max(axis=0, initial=0))


class HeldOut(NamedTuple):
    """What classifiers say about instances they were not trained on.

    distance: (N,) signed, from the boundary of the classifier trained without the row's fold; fold: (N,) which one that
    is; classifiers: of each fold; accuracy: balanced, over all rows; per_fold: (F,) the same within each fold.
    """

    distance: np.ndarray
    fold: np.ndarray
    classifiers: tuple[Classifier, ...]
    accuracy: float
    per_fold: np.ndarray


def held_out(columns: np.ndarray, label: np.ndarray, *, most: int = FOLDS) -> HeldOut:
    """Cross-validates the whole procedure: in each fold anew the scaling, the choice of C and the classifier."""
    distance, fold = np.empty(len(label)), np.empty(len(label), dtype=np.int64)
    classifiers, per_fold = [], []
    for at, (train, test) in enumerate(track(_folds(label, most), "telling the domains apart")):
        strength = choose_strength(columns[train], label[train], most=most)
        classifiers.append(fit(standardised(columns[train], label[train]), strength))
        distance[test], fold[test] = classifiers[-1].distance(columns[test]), at
        per_fold.append(balanced_accuracy(distance[test] > 0, label[test]))
    return HeldOut(distance, fold, tuple(classifiers), balanced_accuracy(distance > 0, label), np.array(per_fold))


def choose_strength(columns: np.ndarray, label: np.ndarray, *, most: int = FOLDS) -> float:
    """The C of the grid with the best cross-validated balanced accuracy; the smallest where several tie."""
    smallest = np.bincount(label).min()
    if smallest < 2:  # one instance of a domain cannot be both trained on and tested
        return GRID[len(GRID) // 2]
    scores = np.zeros(len(GRID))
    for train, test in _folds(label, most):
        ready = standardised(columns[train], label[train])
        for at, strength in enumerate(GRID):
            distance = fit(ready, strength).distance(columns[test])
            scores[at] += balanced_accuracy(distance > 0, label[test])
    return GRID[int(np.argmax(np.round(scores, 12)))]


def _folds(label: np.ndarray, most: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Stratified folds, seeded; fewer where a domain has fewer instances, so that every fold holds both."""
    split = StratifiedKFold(count_folds(label, most), shuffle=True, random_state=0)
    return list(split.split(np.zeros(len(label)), label))


def count_folds(label: np.ndarray, most: int) -> int:
    """As many as the smaller domain has instances, but no more than `most`."""
    return min(most, int(np.bincount(label).min()))


class Standardised(NamedTuple):
    """Columns ready to train on: standardised and, where there are more of them than rows, turned into the rows' span.

    A rotation leaves the margin and its penalty as they are, and the best weights lie in that span.
    span: (P, N) orthonormal, None where the columns are few. It takes longer than the training itself.
    """

    mean: np.ndarray
    scale: np.ndarray
    span: np.ndarray | None
    reduced: np.ndarray
    label: np.ndarray


def standardised(columns: np.ndarray, label: np.ndarray) -> Standardised:
    """What all classifiers that are trained on the same rows share."""
    mean, scale = columns.mean(axis=0), columns.std(axis=0)
    scale = np.where(scale > 0, scale, 1)  # constant within this fold only
    standard = (columns - mean) / scale
    span = np.linalg.qr(standard.T)[0] if standard.shape[1] > len(standard) else None
    return Standardised(mean, scale, span, standard if span is None else standard @ span, label)


def fit(ready: Standardised, strength: float) -> Classifier:
    """Trains a linear support vector machine with balanced domains."""
    # The primal problem is solved without random numbers and, for so few columns, in a handful of Newton steps.
    machine = LinearSVC(C=strength, dual=False, class_weight="balanced", max_iter=100_000)
    machine.fit(ready.reduced, ready.label)
    weights = machine.coef_[0] if ready.span is None else ready.span @ machine.coef_[0]
    return Classifier(ready.mean, ready.scale, weights, float(machine.intercept_[0]))


def principal(standard: np.ndarray) -> np.ndarray:
    """(P,) first principal component of centred columns; its largest entry is positive, so that it does not flip."""
    component: np.ndarray = np.linalg.svd(standard, full_matrices=False)[2][0]
    return component * (np.sign(component[np.argmax(np.abs(component))]) or 1)


def balanced_accuracy(says_target: np.ndarray, label: np.ndarray) -> float:
    """Mean of the two domains' shares of rightly told rows: 0.5 is chance, however unequal the domains are."""
    return float(np.mean([np.mean(says_target[label == side] == bool(side)) for side in np.unique(label)]))


def accuracy_interval(accuracy: float, n_source: int, n_target: int, *, folds: int) -> tuple[float, float]:
    """95 % interval of a cross-validated balanced accuracy: Wilson's, on the instances that it is worth.

    The classifiers of different folds share most of their training rows, so that the folds' accuracies vary together
    and their mean varies more than that of as many independent answers. Nadeau and Bengio (2003) correct its variance
    by 1/F + (test rows)/(training rows), that is 1/F + 1/(F - 1), where independent folds have 1/F: the instances count
    for that much fewer. `benchmarks/intervals.py` shows how often such intervals hold the truth.
    """
    correction = 1 + folds / (folds - 1)
    return wilson(accuracy, effective_size(n_source, n_target) / correction)


def effective_size(n_source: int, n_target: int) -> float:
    """The number of equally split instances whose accuracy varies as much as the balanced accuracy of these."""
    return 4 * n_source * n_target / (n_source + n_target)
