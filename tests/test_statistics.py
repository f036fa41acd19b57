import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from tlx.analysis import intervals, statistics
from tlx.errors import EmptyError

CLASSES = {"source": ("a", "b", "c"), "target": ("a", "b", "d")}


def told(labels, said, split="validation"):
    return pd.DataFrame(
        {
            "instance": np.arange(len(labels)),
            "split": split,
            "label": list(labels),
            "prediction": list(said),
            "confidence": 0.9,
        }
    )


def line(model, accuracies, domain="target", split="validation"):
    return pd.DataFrame(
        {
            "model": model,
            "domain": domain,
            "split": split,
            "epoch": range(len(accuracies)),
            "accuracy": accuracies,
            "n": 10,
        }
    )


NOTHING = line("source", []).iloc[:0]


def score_of(source, target, history=NOTHING, nameable=("a", "b", "c"), **more):
    return statistics.transferability(source, target, history, nameable=nameable, epochs=(3, 5), **more)


def test_the_score_is_of_the_kept_models():
    """Four instances, two right before and all after: +0.5; what the history's best epochs reached is no part of it."""
    history = pd.concat([line("source", [0, 0.9]), line("target", [0, 0.95])])
    score = score_of(told("abab", "aaaa"), told("abab", "abab"), history)
    assert (score.source_accuracy, score.target_accuracy, score.score, score.n) == (0.5, 1.0, 0.5, 4)
    assert (score.source_epoch, score.target_epoch, score.split, score.known) == (3, 5, "validation", True)


def test_the_papers_score_stands_beside_it():
    """Maxima over the epochs on target validation; epoch 0 and other lines do not count."""
    history = pd.concat(
        [
            line("source", [0.9, 0.3, 0.5, 0.4]),
            line("target", [0.99, 0.6, 0.7, 0.8]),
            line("scratch", [0.1, 0.85]),
            line("target", [1.0, 1.0], domain="source"),
            line("target", [1.0, 1.0], split="training"),
        ]
    )
    best = score_of(told("ab", "ab"), told("ab", "ab"), history).best
    assert best.score == pytest.approx(0.8 - 0.5)
    assert (best.source_epoch, best.target_epoch, best.n) == (2, 3, 10)


def test_the_first_of_equally_good_epochs_is_named():
    """Of two epochs with the same best accuracy the earlier one is reported, whatever the order of the rows."""
    history = pd.concat([line("target", [0.1, 0.7, 0.9, 0.9]).iloc[::-1], line("source", [0, 0.5])])
    assert score_of(told("ab", "ab"), told("ab", "ab"), history).best.target_epoch == 2


def test_without_a_history_of_both_models_there_is_no_best_epoch():
    """The score is there all the same."""
    for history in (NOTHING, line("target", [0.1, 0.7])):
        score = score_of(told("ab", "aa"), told("ab", "ab"), history)
        assert (score.best, score.score) == (None, 0.5)


@pytest.mark.parametrize("split", ["validation", "test"])
def test_headline_numbers_are_of_the_test_split_where_there_is_one(split):
    """Score, class table and confusion counts pass the other splits by, and say which one they are of."""
    source = pd.concat([told("aa", "ab", split=split), told("aaaa", "bbbb", split="training")])
    target = pd.concat([told("aa", "aa", split=split), told("aaaa", "bbbb", split="training")])
    if split == "test":
        source, target = (pd.concat([rows, told("aaa", "bbb")]) for rows in (source, target))
    score = score_of(source, target)
    assert (score.n, score.source_accuracy, score.target_accuracy, score.split) == (2, 0.5, 1.0, split)
    table = statistics.class_table(source, target, CLASSES)
    assert (table["n"].tolist(), set(table["split"])) == ([2, 0, 0, 0], {split})
    assert statistics.confusion(target, ("a", "b")).to_numpy().tolist() == [[2, 0], [0, 0]]


def test_no_held_out_instance_is_said_in_words():
    """A target domain without held-out instances has no score, and the error says so."""
    rows = told("ab", "ab", split="training")
    with pytest.raises(EmptyError, match="no validation instance"):
        score_of(rows, rows)


def test_disjoint_label_sets_have_no_score():
    """A source model that cannot name the classes is not wrong about them; the target model stands by itself."""
    history = pd.concat([line("source", [0, 0]), line("target", [0, 0.95])])
    training = told("aab", "aab", split="training")
    target = pd.concat([told("aaab", "aaaa"), training])
    score = score_of(pd.concat([told("aaab", "xxxx"), training]), target, history, nameable=("x", "y"))
    assert np.isnan([score.score, score.low, score.high, score.source_accuracy, score.source_balanced]).all()
    assert (score.known, score.negative, score.partial, score.best) == (False, False, False, None)
    assert (score.target_accuracy, score.n, score.majority, score.target_balanced) == (0.75, 4, 0.75, 0.5)


def test_the_score_rests_on_the_classes_that_the_source_model_can_name():
    """Of six instances four are of a and b: 2 right before, 3 after; the two of d count for the target model alone."""
    labels = "aabbdd"
    score = score_of(told(labels, "abbaab"), told(labels, "aabadd"), line("source", [0, 1]), nameable=("a", "b"))
    assert (score.n, score.all_n, score.classes, score.all_classes, score.partial) == (4, 6, 2, 3, True)
    assert (score.source_accuracy, score.target_accuracy, score.score) == (0.5, 0.75, 0.25)
    assert (score.overall, score.best) == (5 / 6, None)


def test_uneven_classes_have_a_balanced_accuracy():
    """Five a and two b: always saying a is right on 5/7, or 0.5 with classes alike. Four and two are even."""
    score = score_of(told("aaaaabb", "aaaaaaa"), told("aaaaabb", "aaaaabb"))
    assert (score.uneven, score.source_balanced, score.target_balanced) == (True, 0.5, 1.0)
    assert score.source_accuracy == pytest.approx(5 / 7)
    assert not score_of(told("aaaabb", "aaaabb"), told("aaaabb", "aaaabb")).uneven


def test_interval_matches_a_bootstrap_that_resamples_instances():
    """The multinomial draw gives the same interval as resampling the paired answers one by one."""
    rng = np.random.default_rng(1)
    source, target = rng.random(200) < 0.6, rng.random(200) < 0.9
    picked = rng.integers(0, 200, (10_000, 200))
    slow = np.quantile(target[picked].mean(axis=1) - source[picked].mean(axis=1), [0.025, 0.975])
    np.testing.assert_allclose(statistics.paired_interval(source, target), slow, atol=0.006)


def test_interval_is_paired():
    """Two models right on the same instances but one leave a much narrower interval than two unrelated ones."""
    source = np.arange(200) % 2 == 0
    twin = source.copy()
    twin[1] = True
    unrelated = np.arange(200) // 2 % 2 == 0
    paired = np.ptp(statistics.paired_interval(source, twin))
    assert paired < 0.25 * np.ptp(statistics.paired_interval(source, unrelated))


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=60))
def test_interval_holds_the_difference_and_mirrors_when_the_models_are_swapped(pairs):
    """The interval holds the observed difference; swapping the models turns it around up to resampling noise."""
    source, target = (np.array(side) for side in zip(*pairs, strict=True))
    low, high = statistics.paired_interval(source, target)
    assert -1 <= low <= target.mean() - source.mean() <= high <= 1
    assert statistics.paired_interval(target, source) == pytest.approx([-high, -low], abs=2.1 / len(pairs))


def test_negative_transfer_has_its_interval_below_zero():
    """A target model that unlearns what the source model knew is a negative transfer."""
    labels = "ab" * 30
    score = score_of(told(labels, labels), told(labels, "aa" * 30))
    assert score.negative
    assert score.score == -0.5


@given(st.integers(0, 60), st.integers(1, 60))
def test_wilson_interval_is_that_of_scipy(right, more):
    """The Wilson interval agrees with SciPy's."""
    n = right + more
    expected = binomtest(right, n).proportion_ci(0.95, method="wilson")
    assert intervals.wilson(right / n, n) == pytest.approx((expected.low, expected.high), abs=1e-6)


def test_no_instances_leave_everything_possible():
    """With no instance at all the accuracy may be anything."""
    assert intervals.wilson(0, 0) == (0.0, 1.0)


def test_class_table_counts_what_each_class_was_taken_for():
    """Misclassifications are counted under the target model, largest first."""
    labels = "aaaaaaa" + "b"
    table = statistics.class_table(told(labels, "abbbbbb" + "b"), told(labels, "addbccc" + "b"), CLASSES)
    row = table.set_index("class_name").loc["a"]
    assert row["misclassified_as"] == (("c", 3), ("d", 2), ("b", 1))
    assert (row["n"], row["errors"]) == (7, 6)
    assert (row["source_accuracy"], row["target_accuracy"], row["difference"]) == pytest.approx((1 / 7, 1 / 7, 0))
    assert table["n"].sum() == 8


def test_class_table_does_not_invent_what_it_cannot_know():
    """Classes of one domain are listed; the source model has no accuracy on a class it never saw."""
    table = statistics.class_table(told("ad", "aa"), told("ad", "ad"), CLASSES).set_index("class_name")
    assert list(table.index) == ["a", "b", "d", "c"]
    assert table["domains"].to_dict() == {"a": "both", "b": "both", "d": "target", "c": "source"}
    assert np.isnan(table.loc["d", "source_accuracy"])
    assert table.loc["d", "target_accuracy"] == 1
    assert table.loc[["b", "c"], ["source_accuracy", "target_accuracy", "difference"]].isna().all(axis=None)


def test_few_instances_are_flagged():
    """A class with 1 to 19 validation instances is marked small; one with none is not."""
    table = statistics.class_table(told("a" * 19 + "b" * 20, "a" * 39), told("a" * 19 + "b" * 20, "a" * 39), CLASSES)
    assert table.set_index("class_name")["small"].to_dict() == {"a": True, "b": False, "d": False, "c": False}


def test_class_table_agrees_with_the_confusion_matrix():
    """The diagonal over the row sum is the class's accuracy."""
    rng = np.random.default_rng(0)
    labels, said = rng.choice(list("abd"), 300), rng.choice(list("abd"), 300)
    counts = statistics.confusion(told(labels, said), ("a", "b", "d"))
    table = statistics.class_table(told(labels, said), told(labels, said), {"source": (), "target": ("a", "b", "d")})
    assert list(np.diag(counts) / counts.sum(axis=1)) == pytest.approx(table["target_accuracy"].tolist())
    assert counts.to_numpy().sum() == 300


def test_confusion_rows_are_true_classes():
    """Two a taken for b stand in row a, column b; classes nobody met stay as empty rows."""
    counts = statistics.confusion(told("aab", "bbb"), ("a", "b", "c"))
    assert counts.to_numpy().tolist() == [[0, 2, 0], [0, 1, 0], [0, 0, 0]]


def test_instance_table_joins_both_models_answers():
    """Every instance once, source first; mispredicted is about the target model."""
    both = {
        ("source", "source"): told("ab", "ab"),
        ("target", "source"): told("ab", "bb"),
        ("source", "target"): told("b", "a"),
        ("target", "target"): told("b", "b"),
    }
    names = {"source": np.array(["s0", "s1"]), "target": np.array(["t0"])}
    table = statistics.instance_table(both, names)
    assert table[["domain", "instance", "name"]].to_numpy().tolist() == [
        ["source", 0, "s0"],
        ["source", 1, "s1"],
        ["target", 0, "t0"],
    ]
    assert table["mispredicted"].tolist() == [True, False, False]
    assert table["source_prediction"].tolist() == ["a", "b", "a"]
