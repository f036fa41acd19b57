"""Measures of a source's promise: against their formulas written out, and on sources whose order is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from scipy.optimize import minimize
from scipy.stats import multivariate_normal, weightedtau

from tlx import pipeline
from tlx.analysis import promise, regret
from tlx.casefiles import candidates
from tlx.casefiles.loading import load_case
from tlx.errors import EmptyError, SelectionError
from tlx.results import PROMISES


def blobs(apart, n=40, d=6, classes=3, seed=0):
    """Classes of images whose activations lie `apart` standard deviations from each other."""
    rng = np.random.default_rng(seed)
    labels = np.arange(n * classes) % classes
    middles = rng.normal(size=(classes, d))
    return apart * middles[labels] + rng.normal(size=(len(labels), d)), labels


def test_log_me_is_the_largest_evidence():
    """Of each class's indicator under y = F w + noise, w ~ N(0, 1/alpha): a marginal Gaussian, maximised by search."""
    vectors, labels = blobs(0.6)

    def missing(precisions, target):
        alpha, beta = np.exp(precisions)
        covariance = vectors @ vectors.T / alpha + np.eye(len(labels)) / beta
        return -multivariate_normal.logpdf(target, np.zeros(len(labels)), covariance) / len(labels)

    best = [
        -min(
            minimize(missing, at, args=((labels == label).astype(float),), method="Nelder-Mead").fun
            for at in [(0, 0), (2, 1)]
        )
        for label in range(3)
    ]
    assert promise.log_me(vectors, labels) == pytest.approx(np.mean(best), abs=1e-3)


def test_log_me_with_fewer_images_than_dimensions():
    """The null directions keep the prior; the evidence is that of the marginal at the precisions found."""
    vectors, labels = blobs(1.0, n=5, d=40)
    assert np.isfinite(promise.log_me(vectors, labels))
    assert promise.log_me(vectors, labels) == pytest.approx(
        promise.log_me(vectors @ np.linalg.qr(np.random.default_rng(1).normal(size=(40, 40)))[0], labels), abs=1e-9
    )


def test_h_score_is_variance_between_over_all_with_shrunk_covariances():
    """Written out with an explicit inverse; without shrinkage it is the plain H-score."""
    from sklearn.covariance import LedoitWolf

    vectors, labels = blobs(1.0)
    fitted = LedoitWolf().fit(vectors)
    centred = vectors - vectors.mean(axis=0)
    means = np.stack([centred[labels == label].mean(axis=0) for label in labels])
    between = (1 - fitted.shrinkage_) * means.T @ means / len(means)
    assert promise.h_score(vectors, labels) == pytest.approx(np.trace(np.linalg.inv(fitted.covariance_) @ between))


def test_leep_by_hand():
    """Two source classes, two target classes: P(y|z) is [[1, 1/3], [0, 2/3]] from four images."""
    answers = np.array([[1.0, 0.0], [0.5, 0.5], [0.0, 1.0], [0.0, 1.0]])
    labels = np.array([0, 0, 1, 1])
    given = np.array([[1.5 / 1.5, 0.5 / 2.5], [0.0, 2.0 / 2.5]])
    expected = np.mean([np.log(answers[at] @ given[labels[at]]) for at in range(4)])
    assert promise.leep(answers, labels) == pytest.approx(expected)


def test_leep_of_a_source_that_names_the_target_is_zero():
    answers = np.eye(3)[[0, 1, 2, 0]]
    assert promise.leep(answers, np.array([2, 0, 1, 2])) == pytest.approx(0.0)


def test_every_measure_prefers_activations_that_tell_the_classes():
    """Classes further apart score higher by each, and labels at random lowest."""
    measures = (promise.log_me, promise.h_score, promise.neighbours, promise.linear_probe)
    for measure in measures:
        low, middle, high = (measure(*blobs(apart)) for apart in (0.0, 0.7, 2.5))
        assert low < middle < high, measure.__name__


def test_domains_that_are_one_have_no_distance():
    """Proxy A-distance: about 0 for two halves of one cloud, 2 for clouds far apart."""
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=(2, 200, 5))
    assert abs(promise.a_distance(first, second)) < 0.35
    assert promise.a_distance(first, second + 8) == pytest.approx(2.0)


def test_one_image_of_a_class_is_too_few():
    with pytest.raises(EmptyError, match="two training images of each"):
        promise.neighbours(np.eye(3), np.array([0, 1, 1]))


def table_of(values, accuracies):
    columns = dict.fromkeys(PROMISES, values)
    return pd.DataFrame({"candidate": [f"c{at}" for at in range(len(values))], **columns, "accuracy": accuracies})


def test_the_truth_judges_measures():
    """A measure that orders as the runs do has τ 1 and no regret; the A-distance, smaller being better, the reverse."""
    found = regret.judged(table_of([1.0, 2.0, 3.0, 4.0], [0.5, 0.6, 0.7, 0.9])).set_index("measure")
    assert (found.loc["log_me", "tau"], found.loc["log_me", "regret"]) == (pytest.approx(1.0), 0.0)
    assert found.loc["log_me", "picked"] == "c3"
    assert found.loc["a_distance", "tau"] == pytest.approx(-1.0)
    assert found.loc["a_distance", "regret"] == pytest.approx(0.4)
    assert found.loc["log_me", "random"] == pytest.approx(0.9 - 0.675)


@settings(max_examples=50, deadline=None)
@given(some.lists(some.tuples(some.integers(-4, 4), some.integers(-4, 4)), min_size=2, max_size=12))
def test_weighted_tau_is_scipys(pairs):
    """Ties included; NaN where one of the two does not vary."""
    one, other = np.array(pairs, dtype=float).T
    expected = weightedtau(one, other).statistic if np.ptp(one) and np.ptp(other) else np.nan
    assert regret.weighted_tau(one, other) == pytest.approx(expected, nan_ok=True)


def test_what_cannot_be_judged_is_not():
    """Two candidates, equal ones and those that never ran have neither τ nor regret."""
    for table in (
        table_of([1.0, 2.0], [0.5, 0.6]),
        table_of([1.0] * 4, [0.5, 0.6, 0.7, 0.8]),
        table_of([1.0, 2.0, 3.0], [np.nan] * 3),
    ):
        found = regret.judged(table)
        assert found[["tau", "regret"]].isna().all(axis=None)
        assert (found["picked"] == "").all()


def test_a_source_that_is_the_target_is_refused():
    digits = load_case("digits")
    itself = replace(digits, source=replace(digits.target, title="the same"))
    with pytest.raises(SelectionError, match="is the target itself"):
        pipeline.sources(itself)


def test_candidates_have_one_target():
    digits = load_case("digits")
    other = replace(digits, name="other", target=replace(digits.target, training_share=0.5))
    with pytest.raises(SelectionError, match="'digits' and 'other' have different targets"):
        pipeline.sources([digits, other])


def test_the_built_in_sources_are_eight_for_the_handwritten_digits():
    """Six kinds of characters, random weights and a training cut short; each another source model, one target."""
    every = list(candidates.printed())
    assert len(every) == 8
    assert len({case.fingerprint("source") for case in every}) == 8
    assert {case.target for case in every} == {load_case("digits").target}
