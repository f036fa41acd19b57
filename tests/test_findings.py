"""The findings of the start page, from results small enough to check by eye."""

from __future__ import annotations

import numpy as np
import pandas as pd

from tlx.findings import (
    most_changed,
    most_confused,
    most_domain_specific,
    percent,
    points,
    rewiring,
    worst_class,
)
from tlx.results import Discriminability, Layer, Network, Reuse

NETWORK = Network("toy", tuple(Layer(f"conv{i}", i, "conv", 4, (4, 4)) for i in range(1, 5)), {}, {}, 8, 100)


def table(*rows):
    """Rows (class, n, source accuracy, target accuracy, mistakes)."""
    columns = ["class_name", "n", "source_accuracy", "target_accuracy", "misclassified_as"]
    frame = pd.DataFrame([list(row) for row in rows], columns=columns)
    return frame.assign(difference=frame["target_accuracy"] - frame["source_accuracy"], split="validation")


def test_the_class_that_changes_most():
    """The largest change wins, a loss as well as a gain; classes without images or answers do not count."""
    found = most_changed(
        table(
            ("a", 10, 0.5, 0.6, ()),
            ("b", 10, 0.9, 0.4, (("a", 6),)),
            ("c", 0, np.nan, np.nan, ()),
            ("d", 9, np.nan, 1.0, ()),
        )
    )
    assert (found.title, found.class_name, found.page) == ("Class b loses most", "b", "Statistics")
    assert "−50 points" in found.text
    assert (
        "10 target validation images: −50 points. That is few images: one of them moves it by 10 points." in found.text
    )


def test_a_number_that_rounds_to_nothing_is_no_finding():
    """A change of 0.04 points is no gain; neither is one of twenty images and more called few."""
    found = most_changed(table(("a", 2500, 0.5, 0.5004, ())))
    assert found.title == "No class gains or loses"
    assert "few images" not in found.text


def test_nothing_to_compare_is_no_finding():
    """Without validation images there is no class to name."""
    empty = table(("c", 0, np.nan, np.nan, ()))
    assert (most_changed(empty), most_confused(empty), worst_class(empty)) == (None, None, None)


def test_no_change_is_said_so():
    """Where no accuracy differs, no class is said to gain."""
    assert most_changed(table(("a", 10, 0.5, 0.5, ()))).title == "No class gains or loses"


def test_the_most_confused_pair_is_by_count():
    """Six of sixty outweigh one of two."""
    found = most_confused(
        table(("a", 60, 0.5, 0.9, (("b", 6),)), ("b", 2, 0.5, 0.5, (("a", 1),)), ("c", 5, 1.0, 1.0, ()))
    )
    assert (found.title, found.class_name) == ("Class a is most often taken for b", "a")
    assert "6 of 60" in found.text
    assert "10 %" in found.text
    assert "few images" not in found.text
    assert "6 of 19 validation" in (few := most_confused(table(("a", 19, 0.5, 0.9, (("b", 6),)))).text)
    assert few.endswith("That is few images: one of them moves it by 5.3 points.")


def test_the_worst_class_is_the_target_models():
    """The lowest accuracy under the target model, whatever the source model did."""
    assert worst_class(table(("a", 9, 0.1, 0.9, ()), ("b", 9, 0.8, 0.7, ()), ("c", 9, 0.9, 0.7, ()))) == "b"


def kept(*values, high=0.25):
    """Of a hundred important edges of each pair the given shares are kept; chance reaches up to `high`."""
    rows = [("kept", *pair, 100, value, 0.2, 0.15, high) for pair, value in zip(NETWORK.pairs, values, strict=False)]
    columns = ["measure", "first", "second", "n", "value", "chance", "low", "high"]
    return Reuse("5", pd.DataFrame(rows, columns=columns))


def test_rewiring_begins_where_no_more_is_kept_than_chance_gives():
    """The first pair within the range of chance, whatever comes after it."""
    found = rewiring(NETWORK, kept(0.8, 0.25, 0.1))
    assert found.layers == ("conv2", "conv3")
    assert found.title == "Class 5 is wired anew from Layer 3: conv (4) on"
    assert found.text == (
        "It keeps 25 % of its 100 important edges between Layer 2: conv (4) and Layer 3: conv (4): no more than chance "
        "(by chance 20 %, 15 % to 25 %)."
    )


def test_beyond_chance_the_lowest_share_is_named():
    found = rewiring(NETWORK, kept(0.8, 0.5, 0.6))
    assert found.title == "Class 5 keeps least into Layer 3: conv (4)"
    assert "It keeps 50 % of its 100 important edges" in found.text
    assert found.layers == ("conv2", "conv3")


def test_where_all_edges_are_kept_nothing_is_called_rewired():
    """Only the head was retrained, say: the finding says that the wiring stayed."""
    found = rewiring(NETWORK, kept(1.0, 0.97, 0.99))
    assert found.title == "Class 5 keeps its wiring"
    assert found.text.startswith("Even where it keeps least, it keeps 97 % of its 100 important edges")


def test_pairs_without_edges_are_passed_over():
    """A residual block has no edges, or none of two active neurons."""
    assert rewiring(NETWORK, kept(float("nan"), 0.8, 0.2)).layers == ("conv3", "conv4")
    assert rewiring(NETWORK, kept()) is None


def told(weights, low=0.8):
    weights = np.array(weights)
    blank = np.zeros(0)
    return Discriminability(
        class_name="5",
        model="target",
        neurons=tuple((f"conv{i + 1}", i) for i in range(len(weights))),
        weights=weights,
        ranking=np.argsort(-np.abs(weights)),
        accuracy=0.9,
        low=low,
        high=0.95,
        fold_accuracy=blank,
        a_distance=1.6,
        coordinates=blank,
        axes=blank,
        boundary=0.0,
        domain=blank,
        instances=blank,
        decision=blank,
        values=blank,
        constant=(),
        regularisation=1.0,
    )


def test_the_most_domain_specific_neuron():
    """The largest weight by size, with its sign as the domain it points to."""
    found = most_domain_specific(told([0.2, -0.7, 0.5]), NETWORK)
    assert found.neuron == ("target", "conv2", 1)
    assert "source domain is 0.70" in found.text
    assert "90 %" in found.text
    assert "target domain is 0.80" in most_domain_specific(told([0.2, -0.7, 0.8]), NETWORK).text


def test_a_guessing_classifier_names_no_neuron():
    """Held-out accuracy at chance makes the ranking noise, and no neuron is singled out."""
    found = most_domain_specific(told([0.2, -0.7], low=0.5), NETWORK)
    assert found.neuron is None
    assert found.title.startswith("No neuron")
    assert most_domain_specific(told([]), NETWORK) is None


def test_numbers_in_words():
    """Whole numbers lose their zero, signs are true minus signs, one point is singular."""
    assert (percent(0.5), percent(0.9336)) == ("50 %", "93.4 %")
    assert [points(x) for x in (0.225, -0.03, 0.01, -0.01, 0.0001)] == [
        "+22.5 points",
        "−3 points",
        "+1 point",
        "−1 point",
        "0 points",
    ]
