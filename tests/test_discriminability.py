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

from tlx.analysis import discriminability as stage
from tlx.analysis import intervals
from tlx.errors import EmptyError


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
    standard = (result.values - result.values.mean(axis=0)) / result.values.std(axis=0)
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
