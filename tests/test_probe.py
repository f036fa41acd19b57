"""The linear probe: what activations know of classes, judged on rows that chose nothing."""

from __future__ import annotations

import numpy as np
import pytest

from tlx.analysis import probe
from tlx.errors import EmptyError
from tlx.results import DomainImages


def images(labels: np.ndarray, split: np.ndarray) -> DomainImages:
    return DomainImages(np.zeros((len(labels), 0, 0, 0), np.uint8), labels, ("a", "b", "c"), split, labels.astype(str))


def test_a_probe_learns_from_training_and_is_judged_on_the_headline_split() -> None:
    """Three classes on a line each of its own; in the test split one label of four is wrong: 0.75 on n = 4."""
    labels = np.array([0, 1, 2] * 10 + [0, 1, 2, 0])
    vectors = np.eye(3)[labels] + np.random.default_rng(0).normal(0, 0.01, (len(labels), 3))
    split = np.array(["training"] * 24 + ["validation"] * 6 + ["test"] * 4)
    vectors[24:30] = 7.0  # validation tells nothing and must not matter
    vectors[33] = [0, 1, 0]
    found = probe.probe(vectors, images(labels, split))
    assert (found.accuracy, found.n, found.split) == (0.75, 4, "test")
    assert found.low < 0.75 < found.high
    assert found.regularisation in probe.PENALTIES


def test_noise_is_told_at_the_rate_of_chance() -> None:
    """40 activations of 60 training rows could be learned by heart; held-out rows show that nothing was."""
    rng = np.random.default_rng(0)
    labels, split = rng.integers(0, 2, 460), np.array(["training"] * 60 + ["validation"] * 400)
    found = probe.probe(rng.normal(size=(460, 40)), images(labels, split))
    assert found.low < 0.5 < found.high


def test_nothing_to_learn_from_is_said_in_words() -> None:
    labels, split = np.zeros(4, int), np.array(["training"] * 3 + ["validation"])
    with pytest.raises(EmptyError, match="training images of two classes"):
        probe.probe(np.zeros((4, 2)), images(labels, split))
