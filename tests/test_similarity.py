"""Which measure of similarity tells counterparts from other neurons: its numbers by hand and against scikit-learn."""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import pytest
import zigzag_case as toy
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from tlx import pipeline
from tlx.analysis import similarity as stage
from tlx.casefiles import loading
from tlx.errors import SelectionError
from tlx.results import SIMILARITIES, SimilarityScales
from tlx.storage.held import Held

BOTH = {"source": toy.structure("source"), "target": toy.structure("target")}


@pytest.fixture
def scales():
    """Of the toy case: three measures, of which the correlation is the cosine and activations are noise."""
    noise = {layer: np.random.default_rng(1).random(values.shape) for layer, values in toy.SIMILARITY.items()}
    matrices = {"cosine": toy.SIMILARITY, "correlation": toy.SIMILARITY, "activations": noise}
    return stage.scales(matrices, toy.correspondence(), BOTH)


def of(scales, measure, layer):
    table = scales.table
    return table[(table["measure"] == measure) & (table["layer"] == layer)].iloc[0]


def test_medians_are_of_important_neurons_by_hand(scales):
    """Conv1 shows (3, 2) and (0, 0) as counterparts, 0.95 and 0.9, and (3, 0) and (0, 2) as others, 0.5 and 0.2."""
    row = of(scales, "cosine", "conv1")
    assert (row["counterparts"], row["others"]) == (pytest.approx(0.925), pytest.approx(0.35))
    assert scales.medians("cosine", "conv1") == (row["counterparts"], row["others"])
    assert np.isnan(of(scales, "cosine", "fc3")["others"])  # one important neuron in each model, and they correspond
    assert scales.others("cosine", "fc3") == 0


@pytest.mark.parametrize("layer", ["conv1", "conv2", "fc3"])
def test_separation_is_scikit_learns_area_under_the_curve(scales, layer):
    """Of all pairs of the layer that are defined, counterparts against the others."""
    values, twin = toy.SIMILARITY[layer], toy.COUNTERPART[layer]
    corresponds = twin[None, :] == np.arange(len(values))[:, None]
    known = ~np.isnan(values)
    row = of(scales, "cosine", layer)
    assert row["separation"] == pytest.approx(roc_auc_score(corresponds[known], values[known]))
    assert row["n"] == (corresponds & known).sum()


@settings(deadline=None, max_examples=30)
@given(st.integers(2, 300), st.integers(0, 5))
def test_a_sample_of_a_large_layer_says_what_all_its_pairs_say(units, seed):
    """However large, separation stays within sampling error of that of all pairs."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(units, units)) + 1.5 * np.eye(units)
    count, separation = stage._separation(values, np.arange(units))
    assert count == units
    assert separation == pytest.approx(roc_auc_score(np.eye(units, dtype=bool).ravel(), values.ravel()), abs=0.05)


def test_the_best_measure_separates_most_and_of_equal_ones_has_most_between(scales):
    """Noise is never the best; of two that separate alike the one whose medians lie further apart."""
    assert scales.best == "correlation"  # the first of two equal ones
    wider = scales.table["counterparts"].where(scales.table["measure"] != "cosine", 1.0)
    assert SimilarityScales("cup", scales.table.assign(counterparts=wider)).best == "cosine"


def test_where_nothing_is_known_a_measure_is_shown_all_the_same():
    """No counterpart, no separation: the first measure, on the scale from 0."""
    rows = [(measure, "conv1", 0, np.nan, np.nan, np.nan) for measure in SIMILARITIES]
    unknown = SimilarityScales("cup", pd.DataFrame(rows, columns=stage._COLUMNS))
    assert unknown.best == "activations"
    assert not unknown.one_shade("cosine")
    assert unknown.others("cosine", "conv1") == 0


@pytest.fixture
def case(monkeypatch):
    toy.install(monkeypatch)
    return loading.load_case("digits")


def test_the_pipeline_answers_with_the_matrices_of_each_measure(case):
    """The comparison's cosine, NumPy's correlation of conductance on the class, the case's of activations."""
    assert pipeline.similarity(case, "cup", "cosine").similarity is toy.SIMILARITY
    assert pipeline.similarity(case, "cup", "activations").similarity["fc3"][0, 1] == np.float32(0.45)
    values = pipeline.conductance_on(case, "source", "cup").layer("conv2")
    expected = np.corrcoef(values.T)
    found = pipeline.similarity(case, "cup", "correlation").similarity["conv2"]
    np.testing.assert_allclose(found, expected, atol=1e-5)
    with pytest.raises(SelectionError, match="measure of similarity"):
        pipeline.similarity(case, "cup", "euclid")


def test_matrices_are_kept_as_what_they_are_made_of_where_that_is_smaller() -> None:
    """Of 5 instances and 90 neurons that is a ninth; of 50 instances and 3 neurons it is the matrix itself."""
    rng = np.random.default_rng(0)
    wide, tall = (tuple(rng.random(shape).astype(np.float32) for _ in range(2)) for shape in ((5, 90), (50, 3)))
    for measure in (stage.cosine, stage.correlation):
        matrices = stage.Matrices(measure, {"wide": wide, "tall": tall})
        stored = pickle.dumps(matrices)
        assert len(stored) < 90 * 90 * 4 / 2
        for found in (matrices, pickle.loads(stored)):
            assert list(found) == ["wide", "tall"]
            for layer, both in (("wide", wide), ("tall", tall)):
                assert np.array_equal(found[layer], measure(*both))
    with pytest.raises(ValueError, match="read-only"):  # as what is read from the disk
        matrices["wide"][0, 0] = 1


def test_a_matrix_is_made_once_and_no_other_one_is_taken_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    made = []

    def measure(source: np.ndarray, target: np.ndarray) -> np.ndarray:
        made.append(float(source[0, 0]))
        return source.T @ target

    def matrices(number: int) -> stage.Matrices:
        return stage.Matrices(measure, {"fc": (np.full((1, 9), number, np.float32), np.ones((1, 9), np.float32))})

    monkeypatch.setattr(stage, "_MADE", Held())
    one, other = matrices(1), matrices(2)
    assert [float(each["fc"][0, 0]) for each in (one, other, one, other)] == [1, 2, 1, 2]
    assert made == [1, 2]
