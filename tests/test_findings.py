"""The findings of the start page, from results small enough to check by eye."""

from __future__ import annotations

import numpy as np
import pandas as pd
from streamlit_help import spaced

from tlx.findings import (
    Images,
    alike,
    counted,
    most_changed,
    most_confused,
    most_domain_specific,
    percent,
    points,
    points_between,
    read_before,
    rewiring,
    worst,
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
    assert "10 %" in spaced(found.text)
    assert "few images" not in found.text
    assert "6 of 19 validation" in (few := most_confused(table(("a", 19, 0.5, 0.9, (("b", 6),)))).text)
    assert few.endswith("That is few images: one of them moves it by 5.3 points.")


def test_the_worst_class_is_the_target_models():
    """The lowest accuracy under the target model, whatever the source model did."""
    assert worst_class(table(("a", 9, 0.1, 0.9, ()), ("b", 9, 0.8, 0.7, ()), ("c", 9, 0.9, 0.7, ()))) == "b"


def test_the_worst_class_says_what_it_is_taken_for():
    """Its accuracy under both models, its most frequent mistake, and all of its mistakes to be gathered."""
    rows = table(("a", 80, 0.5, 0.9, (("b", 8),)), ("b", 80, 0.9, 0.825, (("a", 9), ("c", 5))), ("c", 9, 1.0, 1.0, ()))
    found = worst(rows)
    assert (found.title, found.page, found.class_name) == ("Class b is the worst after the transfer", "Instances", "b")
    assert spaced(found.text) == (
        "82.5 % under the target model (90 % under the source model), on 80 target validation images. Most often taken "
        "for a (9 of 14 mistakes)."
    )
    assert found.images == Images("b", None, "validation", 14)
    lone = worst(table(("a", 1, np.nan, 0.0, (("b", 1),)))).text
    assert spaced(lone).startswith("0 % under the target model, on 1 target validation image. Most often")
    assert "(1 of 1 mistake)" in lone


def test_no_class_is_worst_where_nothing_is_wrong():
    assert worst(table(("a", 9, 0.5, 1.0, ()))) is None
    assert worst(table(("c", 0, np.nan, np.nan, ()))) is None


def test_confusion_gathers_its_images():
    found = most_confused(table(("a", 60, 0.5, 0.9, (("b", 6), ("c", 1)))))
    assert found.images == Images("a", "b", "validation", 6)


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
    assert spaced(found.text) == (
        "It keeps 25 % of its 100 important edges between Layer 2: conv (4) and Layer 3: conv (4): no more than chance "
        "(by chance 20 %, 15 % to 25 %)."
    )


def test_beyond_chance_the_lowest_share_is_named():
    found = rewiring(NETWORK, kept(0.8, 0.5, 0.6))
    assert found.title == "Class 5 keeps least into Layer 3: conv (4)"
    assert "It keeps 50 % of its 100 important edges" in spaced(found.text)
    assert found.layers == ("conv2", "conv3")


def test_where_all_edges_are_kept_nothing_is_called_rewired():
    """Only the head was retrained, say: the finding says that the wiring stayed."""
    found = rewiring(NETWORK, kept(1.0, 0.97, 0.99))
    assert found.title == "Class 5 keeps its wiring"
    assert spaced(found.text).startswith("Even where it keeps least, it keeps 97 % of its 100 important edges")


def test_pairs_without_edges_are_passed_over():
    """A residual block has no edges, or none of two active neurons."""
    assert rewiring(NETWORK, kept(float("nan"), 0.8, 0.2)).layers == ("conv3", "conv4")
    assert rewiring(NETWORK, kept()) is None


def told(areas, low=0.8, stability=1.0, images=40, width=0.04):
    """Neurons of these AUC, whose intervals reach `width` to either side; weights in the opposite order."""
    areas = np.array(areas)
    blank = np.zeros(0)
    return Discriminability(
        class_name="5",
        model="target",
        neurons=tuple((f"conv{i + 1}", i) for i in range(len(areas))),
        weights=0.5 - areas,
        ranking=np.argsort(np.abs(areas - 0.5)),
        auc=areas,
        auc_low=areas - width,
        auc_high=areas + width,
        stability=np.full(len(areas), stability),
        accuracy=0.9,
        low=low,
        high=0.95,
        fold_accuracy=blank,
        a_distance=1.6,
        coordinates=blank,
        axes=blank,
        boundary=0.0,
        domain=np.repeat(["source", "target"], [images, 40]),
        instances=blank,
        decision=blank,
        fold=blank,
        fold_axes=blank,
        fold_offset=blank,
        values=blank,
        constant=(),
        regularisation=1.0,
    )


def test_the_most_domain_specific_neuron():
    """The AUC farthest from 0.5 to either side, whatever the weights, with where its values are larger."""
    finding = most_domain_specific(told([0.6, 0.13, 0.8]), NETWORK)
    assert finding.neuron == ("target", "conv2", 1)
    assert finding.title == "Neuron 1 of Layer 2: conv (4) is the most domain-specific of class 5"
    assert "AUC 0.13 (95 % interval 0.09 to 0.17), larger values for source images" in finding.text
    assert "among the first 1 of 3 important neurons in 200 of 200 bootstraps" in finding.text
    assert "few" not in finding.text
    assert "larger values for target images" in most_domain_specific(told([0.6, 0.4, 0.8]), NETWORK).text


def test_a_neuron_that_leads_by_luck_is_no_headline():
    """Below 80 % of the bootstraps, or with an interval that holds 0.5, the finding names numbers and leads to none."""
    assert most_domain_specific(told([0.7, 0.6], stability=0.8), NETWORK).neuron is not None
    for result in (told([0.7, 0.6], stability=0.79), told([0.7, 0.6], width=0.2)):
        finding = most_domain_specific(result, NETWORK)
        assert (finding.neuron, finding.page, finding.class_name) == (None, "Features", "5")
        assert finding.title == "No single neuron of class 5 leads in telling the domains apart"
        assert "Neuron 0 of Layer 1: conv (4) comes first, with AUC 0.70" in finding.text
    assert "in 158 of 200 bootstraps" in most_domain_specific(told([0.7, 0.6], stability=0.79), NETWORK).text


def test_few_images_are_said():
    """19 images of one domain are said beside those of the other; 20 are enough."""
    few = most_domain_specific(told([0.9], images=19), NETWORK).text
    assert "few images: 19 of the source domain and 40 of the target domain" in few
    assert "few images" not in most_domain_specific(told([0.9], images=20), NETWORK).text


def test_no_difference_is_no_finding():
    """Neither at chance nor where the best AUC is written as 0.50; a sentence says why."""
    by_chance, by_rounding = told([0.2, 0.7], low=0.5), told([0.5, 0.504, 0.496])
    assert most_domain_specific(by_chance, NETWORK) is None
    assert "not tell the domains apart better than chance: held-out accuracy 90 %, 95 % interval 50 %" in spaced(
        alike(by_chance)
    )
    assert most_domain_specific(by_rounding, NETWORK) is None
    assert "every AUC is 0.50" in alike(by_rounding)
    assert most_domain_specific(told([0.5, 0.506, 0.496]), NETWORK) is not None


def test_numbers_in_words():
    """Whole numbers lose their zero, signs are true minus signs, one point is singular."""
    assert (percent(0.5), percent(0.9336)) == ("50\N{NO-BREAK SPACE}%", "93.4\N{NO-BREAK SPACE}%")
    assert [points(x) for x in (0.225, -0.03, 0.01, -0.01, 0.0001)] == [
        "+22.5 points",
        "−3 points",
        "+1 point",
        "−1 point",
        "0 points",
    ]


def test_none_one_two_and_a_thousand():
    """Shares and differences at their ends, and where a number needs a comma."""
    assert [spaced(percent(share)) for share in (0, 0.01, 1, 10)] == ["0 %", "1 %", "100 %", "1,000 %"]
    assert [points(share) for share in (0, 0.01, 0.02, 10)] == ["0 points", "+1 point", "+2 points", "+1,000 points"]
    assert points_between(-0.01, 0.01) == "−1 to +1 point"


def test_counts_have_their_plural():
    """One of a thing is singular, none and a thousand are not; thousands have a comma."""
    assert [counted(n, "image") for n in (0, 1, 2, 1_000)] == ["0 images", "1 image", "2 images", "1,000 images"]
    assert [counted(n, "class", "classes") for n in (1, 2)] == ["1 class", "2 classes"]


def test_layers_read_before_an_activation_are_named() -> None:
    assert read_before([]) == ""
    assert read_before(["conv1"]).startswith("conv1 is read before an activation: none that can be read")
    assert read_before(["a", "b", "c"]).startswith("a, b and c are read before")
