"""What a neuron alone tells: AUC, interval and stability against scikit-learn, literal definitions and simulation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm
from sklearn.metrics import roc_auc_score

from tlx.analysis import separation
from tlx.analysis.intervals import wilson
from tlx.results import first_places


def values(n=23, m=17, columns=6, seed=0):
    """Columns that differ between the domains by more and more, every second one in few whole numbers, so with ties."""
    rng = np.random.default_rng(seed)
    source, target = rng.normal(size=(n, columns)), rng.normal(size=(m, columns)) + np.linspace(-1.5, 1.5, columns)
    source[:, ::2], target[:, ::2] = np.round(source[:, ::2]), np.round(target[:, ::2])
    return source, target


def literal_pairs(source, target):
    """(n, m) 1 where the target value is larger, half where both are equal."""
    return (target > source[:, None]) + (target == source[:, None]) / 2


def test_the_auc_is_that_of_scikit_learn():
    source, target = values()
    label = np.repeat([0, 1], [len(source), len(target)])
    expected = [roc_auc_score(label, column) for column in np.concatenate([source, target]).T]
    np.testing.assert_allclose(separation.areas(source, target)[0], expected)


def test_an_instance_that_counts_twice_is_there_twice():
    """Weights give the AUC of rows repeated as often, and of rows left out."""
    source, target = values(n=5, m=4)
    times = np.array([[2, 0, 1, 1, 1], [1, 1, 1, 1, 1]]), np.array([[1, 3, 0, 0], [1, 1, 1, 1]])
    areas = separation.areas(source, target, times)
    again = separation.areas(np.repeat(source, times[0][0], axis=0), np.repeat(target, times[1][0], axis=0))
    np.testing.assert_allclose(areas[0], again[0])
    np.testing.assert_allclose(areas[1], separation.areas(source, target)[0])


def test_the_interval_is_wilsons_with_the_variance_of_delong():
    """The variance from the definition: that of each instance's share of pairs in order, over the instances."""
    source, target = values(n=60, m=50)
    low, high = separation.intervals(source, target)
    for column in range(6):
        pairs = literal_pairs(source[:, column], target[:, column])
        area = pairs.mean()
        variance = pairs.mean(axis=1).var(ddof=1) / 60 + pairs.mean(axis=0).var(ddof=1) / 50
        expected = wilson(area, min(area * (1 - area) / variance, 3 * 50))
        assert (low[column], high[column]) == pytest.approx(expected)


@pytest.mark.parametrize("gap", [0.0, 1.0, 2.5, 3.5])
@pytest.mark.parametrize("sizes", [(60, 40), (12, 150), (150, 12)])
def test_the_interval_holds_the_truth(gap, sizes):
    """Of 1,500 pairs of normal samples a gap apart (AUC 0.5 to 0.993) the interval holds the truth in about 95 %."""
    rng = np.random.default_rng(1)
    source, target = rng.normal(size=(sizes[0], 1500)), rng.normal(size=(sizes[1], 1500)) + gap
    low, high = separation.intervals(source, target)
    truth = norm.cdf(gap / np.sqrt(2))
    assert 0.93 < np.mean((low <= truth) & (truth <= high)) < 0.992


def test_complete_separation_is_no_certainty():
    """Ten instances a domain, none in the wrong order: the interval is that of ten of ten."""
    low, high = separation.intervals(np.arange(10.0)[:, None], np.arange(10.0, 20)[:, None])
    assert (low[0], high[0]) == pytest.approx(wilson(1, 10))


def test_stability_is_the_share_of_bootstraps_among_the_first(monkeypatch):
    """Twenty resamples drawn instance by instance, ranked by scikit-learn's AUC."""
    monkeypatch.setattr(separation, "RESAMPLES", 20)
    source, target = np.random.default_rng(0).normal(size=(9, 8)), np.random.default_rng(1).normal(size=(7, 8))
    rng, counts = np.random.default_rng(3), np.zeros(8)
    times = [rng.multinomial(size, np.full(size, 1 / size), 20) for size in (9, 7)]
    for of_source, of_target in zip(*times, strict=True):
        rows = np.concatenate([np.repeat(source, of_source, axis=0), np.repeat(target, of_target, axis=0)])
        away = [abs(roc_auc_score(np.repeat([0, 1], [9, 7]), column) - 0.5) for column in rows.T]
        cut = np.sort(np.round(away, 9))[-2]
        above, level = np.round(away, 9) > cut, np.round(away, 9) == cut
        counts += above + level * (2 - above.sum()) / level.sum()
    np.testing.assert_allclose(separation.stability(source, target, first=2, seed=3), counts / 20)


def test_places_add_up_and_copies_share_them():
    """Of eight copies each has five eighths of a place among the first five; the others share nothing."""
    rng = np.random.default_rng(0)
    source, target = rng.normal(size=(40, 30)), rng.normal(size=(40, 30))
    source[:, :8], target[:, :8] = source[:, [0]], target[:, [0]] + 3
    stability = separation.stability(source, target, first=5)
    np.testing.assert_allclose(stability[:8], 5 / 8)
    assert stability.sum() == pytest.approx(5)


def test_only_ranks_count():
    """Any increasing function of a neuron's values, and the order of its instances, leave all three as they are."""
    source, target = values()
    again = np.exp(source[::-1]), np.exp(target[::-1])
    np.testing.assert_allclose(separation.areas(*again), separation.areas(source, target))
    np.testing.assert_allclose(separation.intervals(*again), separation.intervals(source, target))
    np.testing.assert_array_equal(
        separation.stability(np.exp(source), np.exp(target), first=2), separation.stability(source, target, first=2)
    )


def test_the_first_are_never_most_of_all():
    """Five of twenty and more; of fewer neurons at most a fourth, and at least one."""
    assert [first_places(neurons) for neurons in (935, 20, 19, 8, 7, 1)] == [5, 5, 4, 2, 1, 1]
