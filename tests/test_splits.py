"""The held-out split: stratified shares of images, or whole groups of images of one object."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tlx.images import splits


@settings(deadline=None, max_examples=50)
@given(st.lists(st.integers(0, 3), min_size=1, max_size=60), st.floats(0.05, 0.95), st.integers(0, 3))
def test_the_split_is_stratified_and_leaves_no_class_untrained(labels: list[int], share: float, seed: int) -> None:
    """Of every class the training share within one instance; a class's only instance is for training."""
    array = np.array(labels)
    validation = splits.stratified(array, share, seed)
    for label in np.unique(array):
        members = array == label
        trained = (members & ~validation).sum()
        assert trained >= 1
        assert members.sum() == 1 or (members & validation).sum() >= 1
        assert abs(trained - share * members.sum()) <= 1
    assert (validation == splits.stratified(array, share, seed)).all()


def test_eighty_five_to_fifteen() -> None:
    """Of two classes with 100 and 20 instances 85 and 17 are for training."""
    labels = np.repeat([0, 1], [100, 20])
    validation = splits.stratified(labels, 0.85, 0)
    assert (~validation)[labels == 0].sum() == 85
    assert (~validation)[labels == 1].sum() == 17


@settings(deadline=None, max_examples=100)
@given(
    st.lists(st.tuples(st.integers(0, 2), st.integers(0, 5)), min_size=1, max_size=60),
    st.floats(0.05, 0.95),
    st.integers(0, 3),
)
def test_a_group_lies_on_one_side_and_no_class_is_untrained(
    members: list[tuple[int, int]], share: float, seed: int
) -> None:
    """Even where groups hold images of several classes; of two or more groups of its own a class has some held out."""
    labels, groups = np.array(members).T
    validation = splits.grouped(labels, np.array([f"object {at}" for at in groups]), share, seed)
    for at in np.unique(groups):
        assert len(set(validation[groups == at])) == 1
    for label in np.unique(labels):
        assert not validation[labels == label].all()
        own = np.unique(groups[labels == label])
        pure = all(set(labels[groups == at]) == {label} for at in own)
        assert validation[labels == label].any() or not pure or len(own) < 2


def test_groups_come_near_the_share() -> None:
    """20 objects with 5 images each at 0.8: exactly 4 objects are held out, others with another seed."""
    labels, groups = np.zeros(100, dtype=int), np.repeat([f"object {at}" for at in range(20)], 5)
    first, other = (splits.grouped(labels, groups, 0.8, seed) for seed in (0, 1))
    assert first.sum() == other.sum() == 20
    assert (first != other).any()


def test_of_two_large_groups_the_smaller_is_held_out() -> None:
    """10 and 9 images at 0.85: holding out 9 is far from 3, but none would be further from a validation split."""
    labels, groups = np.zeros(19, dtype=int), np.repeat(["large", "small"], [10, 9])
    assert set(groups[splits.grouped(labels, groups, 0.85, 0)]) == {"small"}


@settings(deadline=None, max_examples=200)
@given(st.lists(st.integers(0, 50), min_size=3, max_size=3), st.integers(1, 160))
def test_a_part_of_given_splits_keeps_their_proportions(counts: list[int], total: int) -> None:
    """Each part within one of its exact share where no part has to be helped to its one."""
    taken = splits.shares(counts, total)
    there = sum(count > 0 for count in counts)
    assert sum(taken) == min(total, sum(counts))
    assert all(0 <= n <= count for n, count in zip(taken, counts, strict=True))
    if total >= there:
        assert all(n >= 1 for n, count in zip(taken, counts, strict=True) if count)
    exact = [total * count / max(1, sum(counts)) for count in counts]
    if total <= sum(counts) and all(share >= 1 or not share for share in exact):
        assert all(abs(n - share) < 1 for n, share in zip(taken, exact, strict=True))


def test_the_proportions_of_given_splits_by_hand() -> None:
    assert splits.shares([70, 20, 10], 10) == [7, 2, 1]
    assert splits.shares([70, 20, 10], 4) == [2, 1, 1]
    assert splits.shares([70, 20, 10], 2) == [1, 1, 0]
    assert splits.shares([5, 0, 1], 100) == [5, 0, 1]
    assert splits.shares([50, 1, 1], 3) == [1, 1, 1]
