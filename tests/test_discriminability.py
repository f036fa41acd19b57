"""The domain classifier against hand-made data, scikit-learn's own pipelines and its invariances."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import GridSearchCV, StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from tlx import findings
from tlx.analysis import discriminability as stage
from tlx.analysis import intervals
from tlx.errors import EmptyError
from tlx.results import Layer, Network


def ask(source, target, important=None):
    """The result for one layer "a" whose conductance is given, all its neurons important by default."""
    source, target = np.asarray(source, dtype=np.float32), np.asarray(target, dtype=np.float32)
    return stage.discriminability(
        {"source": {"a": source}, "target": {"a": target}},
        {"source": np.arange(len(source)) + 100, "target": np.arange(len(target))},
        important or {"a": np.arange(source.shape[1])},
        model="target",
        class_name="8",
    )


def noise(seed, n_source=40, n_target=30, columns=4):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n_source, columns)), rng.normal(size=(n_target, columns))


def apart(seed=0, gap=1.5, **shape):
    """Two domains that differ in neuron 2 only."""
    source, target = noise(seed, **shape)
    target[:, 2] += gap
    return source, target


def test_the_neuron_that_differs_comes_first():
    """Of four neurons the one whose conductance differs between the domains has the largest weight, towards target."""
    result = ask(*apart(gap=3))
    assert result.neurons[result.ranking[0]] == ("a", 2)
    assert result.weights[2] > 0
    assert list(np.abs(result.weights)[result.ranking]) == sorted(np.abs(result.weights), reverse=True)


def test_separable_domains_are_told_apart_without_error():
    """Domains at -1 and +1 of one neuron: accuracy 1, A-distance 2, source left of the boundary, boundary at 0."""
    jitter = np.linspace(-0.1, 0.1, 20)[:, None]
    result = ask(-1 + jitter, 1 + jitter)
    assert (result.accuracy, result.a_distance) == (1.0, 2.0)
    assert result.boundary == pytest.approx(0, abs=1e-6)
    assert (result.coordinates[:20, 0] < result.boundary).all()
    assert (result.coordinates[20:, 0] > result.boundary).all()
    assert not result.chance


def test_rows_name_their_instances():
    """Rows are the source's instances, then the target's, each with its index in its own domain."""
    result = ask(*noise(0, n_source=3, n_target=2))
    assert list(result.domain) == ["source"] * 3 + ["target"] * 2
    assert list(result.instances) == [100, 101, 102, 0, 1]


def test_the_drawn_side_is_the_classifiers_answer():
    """Right of the boundary lies exactly what scikit-learn's classifier with the same C calls target.

    Domains of 40 and 8 instances put the boundary far from 0: some instances lie between it and its mirror image.
    """
    source, target = apart(gap=1.5, n_target=8)
    result = ask(source, target)
    rows = np.concatenate([source, target]).astype(np.float32).astype(float)
    label = np.repeat([0, 1], [40, 8])
    machine = LinearSVC(C=result.regularisation, dual=False, class_weight="balanced", max_iter=100_000)
    oracle = make_pipeline(StandardScaler(), machine).fit(rows, label)
    assert (np.abs(result.coordinates[:, 0]) < abs(result.boundary)).sum() > 3
    np.testing.assert_array_equal(result.coordinates[:, 0] > result.boundary, oracle.predict(rows) == 1)
    np.testing.assert_allclose(result.weights, machine.coef_[0], rtol=1e-3)


def test_held_out_accuracy_equals_nested_cross_validation():
    """Accuracy, C and each instance's side agree with scikit-learn's grid search inside cross-validation."""
    source, target = apart(gap=0.8)
    result = ask(source, target)
    rows = np.concatenate([source, target]).astype(np.float32).astype(float)
    label = np.repeat([0, 1], [40, 30])
    machine = LinearSVC(dual=False, class_weight="balanced", max_iter=100_000)
    split = StratifiedKFold(10, shuffle=True, random_state=0)
    grid = {"linearsvc__C": list(stage.GRID)}
    search = GridSearchCV(
        make_pipeline(StandardScaler(), machine), grid, scoring="balanced_accuracy", cv=split, n_jobs=1
    )
    says = cross_val_predict(search, rows, label, cv=split)
    np.testing.assert_array_equal(result.decision > 0, says == 1)
    assert result.accuracy == pytest.approx(balanced_accuracy_score(label, says))
    assert result.regularisation == search.fit(rows, label).best_params_["linearsvc__C"]
    assert 0.5 < result.accuracy < 1


def test_more_neurons_than_instances_change_nothing():
    """The shortcut for wide data gives the classifier scikit-learn finds with every column."""
    rng = np.random.default_rng(1)
    rows, label = rng.normal(size=(12, 40)), np.repeat([0, 1], [7, 5])
    ours = stage.fit(stage.standardised(rows, label), 0.01)
    machine = LinearSVC(C=0.01, dual=False, class_weight="balanced", tol=1e-8, max_iter=100_000)
    oracle = make_pipeline(StandardScaler(), machine).fit(rows, label)
    np.testing.assert_allclose(ours.weights, machine.coef_[0], atol=1e-4)
    assert ours.intercept == pytest.approx(machine.intercept_[0], abs=1e-4)
    np.testing.assert_array_equal(ours.distance(rows) > 0, oracle.predict(rows) == 1)


def test_unequal_domains_of_pure_noise_are_at_chance():
    """Nine of ten rows are source: guessing "source" is right for 90 % of them, yet the accuracy is near 0.5."""
    results = [ask(*noise(seed, n_source=180, n_target=20, columns=3)) for seed in range(4)]
    assert np.mean([result.accuracy for result in results]) == pytest.approx(0.5, abs=0.08)
    assert sum(result.chance for result in results) >= 3


def test_permuted_domains_are_at_chance():
    """Domains told apart almost surely are at chance once their labels are shuffled."""
    rows = np.concatenate(apart(gap=4))
    mixed = np.random.default_rng(3).permutation(rows)
    assert ask(rows[:40], rows[40:]).accuracy > 0.9
    assert ask(mixed[:40], mixed[40:]).chance


def test_the_interval_counts_the_smaller_domain():
    """Equal domains: Wilson's interval on all rows; unequal ones: wider, as if there were 4·n·m/(n+m) rows."""
    assert stage.effective_size(50, 50) == 100
    assert stage.effective_size(90, 10) == 36
    assert intervals.wilson(0.5, 100) == pytest.approx((0.4038, 0.5962), abs=1e-4)  # Newcombe's worked form
    assert intervals.wilson(1.0, 10)[1] == pytest.approx(1.0)


def test_the_interval_knows_that_folds_share_their_rows():
    """Nadeau and Bengio's variance: 1/10 + 1/9 where ten independent folds had 1/10, so that 100 rows count as 47.4."""
    assert stage.accuracy_interval(0.8, 50, 50, folds=10) == intervals.wilson(0.8, 100 * 0.1 / (1 / 10 + 1 / 9))
    result = ask(*apart(gap=0.8))
    size = stage.effective_size(40, 30) / (1 + 10 / 9)
    assert (result.low, result.high) == intervals.wilson(result.accuracy, size)


def told_apart(source, target):
    """What three folds make of two domains, and the interval of their accuracy."""
    columns, label = np.concatenate([source, target]), np.repeat([0, 1], [len(source), len(target)])
    folds = stage.held_out(columns, label, most=3)
    return folds, stage.accuracy_interval(folds.accuracy, len(source), len(target), folds=3)


def test_one_domain_split_in_two_is_not_told_apart():
    """Of 100 random splits of one domain at most 5 are above chance, in which any finding would be wrong."""
    rng = np.random.default_rng(0)
    rows = rng.gamma(1.0, size=(80, 6))
    splits = (rng.permutation(rows) for _ in range(100))
    assert sum(told_apart(mixed[:40], mixed[40:])[1][0] > 0.5 for mixed in splits) <= 5


def test_the_interval_of_the_accuracy_holds_the_truth():
    """60 pairs of domains a gap apart: the folds' classifiers' accuracy on fresh rows is inside in 93 % at least."""
    rng = np.random.default_rng(1)
    fresh, label = rng.normal(size=(8000, 4)), np.repeat([0, 1], 4000)
    fresh[4000:] += 0.5
    inside = []
    for _ in range(60):
        folds, (low, high) = told_apart(rng.normal(size=(30, 4)), rng.normal(size=(30, 4)) + 0.5)
        truth = np.mean([stage.balanced_accuracy(one.distance(fresh) > 0, label) for one in folds.classifiers])
        inside.append(low <= truth <= high)
    assert np.mean(inside) >= 0.93


def test_held_out_places_come_from_the_folds_classifiers():
    """The standardised row times its fold's axes, plus its offset, is the decision of the fold without the row."""
    result = ask(*apart(gap=0.8))
    values = result.values.astype(float)
    standard = (values - values.mean(axis=0)) / values.std(axis=0)
    label = np.repeat([0, 1], [40, 30])
    for fold in range(10):
        out = result.fold == fold
        whole = standard[out] @ result.fold_axes[fold] + result.fold_offset[fold]
        np.testing.assert_allclose(whole, result.decision[out])
        strength = stage.choose_strength(values[~out], label[~out])
        machine = make_pipeline(
            StandardScaler(), LinearSVC(C=strength, dual=False, class_weight="balanced", max_iter=100_000)
        ).fit(values[~out], label[~out])
        alone = machine.decision_function(values[out]) / np.linalg.norm(machine[-1].coef_)
        np.testing.assert_allclose(whole, alone, atol=1e-4)


def planted(seed=0, n=60):
    """Neurons 0 to 7 copies of one that reads the domain, 8 the noise that these carry, 9 to 18 noise of their own.

    Alone, 8 says nothing; together with a copy it takes the noise away.
    """
    rng = np.random.default_rng(seed)
    rows, noise = rng.normal(size=(2 * n, 19)), rng.normal(size=2 * n)
    rows[:, :8] = (noise + 0.2 * rng.normal(size=2 * n) + np.repeat([0.0, 1.0], n))[:, None]
    rows[:, 8] = noise
    return rows[:n], rows[n:]


def test_copies_of_a_neuron_are_equally_domain_specific_and_a_suppressor_is_not():
    """All eight copies lead with one AUC and one stability; the suppressor leads by weight alone."""
    result = ask(*planted())
    assert set(result.by_auc[:8]) == set(range(8))
    assert np.ptp(result.auc[:8]) == np.ptp(result.stability[:8]) == 0
    assert result.ranking[0] == 8
    assert result.auc_low[8] < 0.5 < result.auc_high[8]
    assert result.stability[8] < 0.01
    assert result.auc[0] > 0.7


def test_the_neuron_that_reads_a_marker_leads_reliably():
    """Of 40 neurons that all differ a little between the domains, one reads the marker: a headline of the class."""
    rng = np.random.default_rng(2)
    source, target = rng.normal(size=(50, 40)), rng.normal(size=(50, 40)) + rng.uniform(-0.8, 0.8, 40)
    source[:, 17] += 4
    result = ask(source, target)
    assert result.by_auc[0] == 17
    assert result.stability[17] >= 0.8
    assert result.auc[17] < 0.1
    network = Network("toy", (Layer("a", 1, "conv", 40, (1, 1)),), {}, {}, 1, 1)
    assert findings.most_domain_specific(result, network).neuron == ("target", "a", 17)


def test_a_constant_neuron_is_left_out_and_reported():
    """Neuron 1 is the same everywhere, neuron 3 differs by rounding only: both are out, by name."""
    source, target = apart()
    for rows in (source, target):
        rows[:, 1] = 0.1
        rows[:, 3] = 1 + np.arange(len(rows)) % 2 * 1e-7
    result = ask(source, target)
    assert result.constant == (("a", 1), ("a", 3))
    assert result.neurons == (("a", 0), ("a", 2))
    assert result.values.shape == (70, 2)


def test_only_important_neurons_are_columns():
    """Columns follow the layers' order and the order of importance within them."""
    source, target = apart()
    result = stage.discriminability(
        {"source": {"a": source, "b": source}, "target": {"a": target, "b": target}},
        {"source": np.arange(40), "target": np.arange(30)},
        {"a": np.array([3, 0]), "b": np.array([2])},
        model="target",
        class_name="8",
    )
    assert result.neurons == (("a", 3), ("a", 0), ("b", 2))
    np.testing.assert_array_equal(result.values[:40], source[:, [3, 0, 2]])


@pytest.mark.parametrize(
    ("n_source", "says"), [(0, "no instance in the source"), (1, "only one instance in the source")]
)
def test_too_few_instances_say_so(n_source, says):
    """A domain without two instances gives one sentence that names class and domain."""
    source, target = noise(0, n_source=n_source)
    with pytest.raises(EmptyError, match=f"class '8' has {says}"):
        ask(source, target)


def test_neurons_that_never_vary_say_so():
    with pytest.raises(EmptyError, match="no important neuron of class '8' varies"):
        ask(np.ones((4, 2)), np.ones((5, 2)))


@pytest.mark.parametrize("n_target", [2, 3, 5])
def test_few_instances_mean_fewer_folds(n_target):
    """As many folds as the smaller domain has instances; every instance is held out once."""
    result = ask(*apart(n_target=n_target))
    assert len(result.fold_accuracy) == n_target
    assert np.isfinite(result.decision).all()


def test_the_plane_is_the_papers():
    """Coordinates are A·[u/|u|, g], A standardised; g is the direction of largest variance, its largest entry > 0."""
    result = ask(*apart())
    values = result.values.astype(float)
    standard = (values - values.mean(axis=0)) / values.std(axis=0)
    np.testing.assert_allclose(result.coordinates, standard @ result.axes)
    np.testing.assert_allclose(np.linalg.norm(result.axes, axis=0), 1)
    np.testing.assert_allclose(result.axes[:, 0] * np.linalg.norm(result.weights), result.weights)
    largest = np.linalg.eigvalsh(standard.T @ standard)[-1]
    assert (result.coordinates[:, 1] ** 2).sum() == pytest.approx(largest)


@pytest.mark.parametrize("sign", [1, -1])
def test_the_principal_component_does_not_flip(sign):
    """Whatever sign the decomposition answers with, the largest entry is positive."""
    for seed in range(6):
        component = stage.principal(sign * noise(seed)[0])
        assert component[np.argmax(np.abs(component))] > 0


@settings(max_examples=3, deadline=None)
@given(st.permutations(range(4)), st.lists(st.sampled_from([0.5, 2.0, 64.0]), min_size=4, max_size=4))
def test_units_and_order_of_neurons_do_not_matter(order, scales):
    """Scaling a neuron's conductance or listing the neurons in another order changes only where they stand."""
    source, target = apart(n_source=9, n_target=6)
    plain = ask(source, target)
    other = ask(source[:, order] * scales, target[:, order] * scales)
    np.testing.assert_allclose(other.weights, plain.weights[order], atol=1e-5)
    np.testing.assert_allclose(other.decision, plain.decision, atol=1e-4)
    np.testing.assert_allclose(np.abs(other.coordinates), np.abs(plain.coordinates), atol=1e-4)
    assert other.accuracy == plain.accuracy


def test_asking_twice_gives_the_same_numbers():
    source, target = apart(gap=0.5, n_source=9, n_target=6)
    one, two = ask(source, target), ask(source, target)
    np.testing.assert_array_equal(one.coordinates, two.coordinates)
    np.testing.assert_array_equal(one.decision, two.decision)


def test_a_layer_alone_is_measured_with_all_its_neurons():
    """A layer that differs tells the domains apart, one that does not is at chance, a dead one is exactly at 0.5."""
    source, target = apart(gap=4)
    gap = {"source": source, "target": target}
    same = {name: rows[:, [0, 1, 3]] for name, rows in gap.items()}
    dead = {name: rows * 0 for name, rows in gap.items()}

    def measure(values):
        return stage.layer_gap(values, model="source", layer="a", class_name="8")

    assert measure(gap).accuracy > 0.9
    assert measure(gap).neurons == 4
    assert measure(same).low < 0.5
    assert (measure(dead).accuracy, measure(dead).neurons) == (0.5, 0)
