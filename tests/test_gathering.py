"""Descriptions of instances: as text in an address, in words, and what fits them."""

from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tlx.app import gathering
from tlx.app.gathering import BOTH, GROUPS, WRONG, Gathering

ROWS = pd.DataFrame(
    [
        ("source", 4, "validation", "a", "b", "a"),  # lost
        ("target", 5, "training", "a", "a", "a"),  # right
        ("target", 6, "validation", "a", "b", "b"),  # wrong
        ("target", 7, "validation", "b", "b", "a"),  # gained
        ("target", 8, "test", "a", "c", "a"),  # lost
    ],
    columns=["domain", "instance", "split", "label", "prediction", "source_prediction"],
)


@pytest.mark.parametrize(
    ("wanted", "fits"),
    [
        (Gathering(), [5, 6, 7, 8]),
        (Gathering(domain=None), [4, 5, 6, 7, 8]),
        (Gathering(answer=WRONG, domain=None), [4, 6, 8]),
        (Gathering("source", answer=WRONG), [6, 7]),
        (Gathering("target", "a", "b"), [6]),
        (Gathering("target", "a", "b", None), [4, 6]),
        (Gathering("source", "a", "a"), [5, 8]),
        (Gathering("target", "a", WRONG, split="test"), [8]),
        (Gathering("target", "nobody"), []),
        (Gathering(BOTH, "a"), []),  # none of the groups is chosen yet
        (Gathering(BOTH, None, "right"), [5]),
        (Gathering(BOTH, None, "gained"), [7]),
        (Gathering(BOTH, None, "lost"), [8]),
        (Gathering(BOTH, None, "lost", None), [4, 8]),
        (Gathering(BOTH, "a", "wrong"), [6]),
    ],
)
def test_what_is_gathered_fits_the_description(wanted, fits):
    assert [at for _, at in gathering.matching(ROWS, wanted)] == fits


def test_the_groups_part_the_images_of_a_class():
    """Each image is in one of them."""
    assert gathering.counts(ROWS, Gathering(BOTH, "a")) == {"right": 1, "gained": 0, "lost": 1, "wrong": 1}
    assert gathering.groups(ROWS).tolist() == ["lost", "right", "wrong", "gained", "lost"]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("target,8,9", Gathering("target", "8", "9")),
        ("source,8,", Gathering("source", "8")),
        ("target,,*", Gathering("target", None, WRONG)),
        ("target,,%2A", Gathering("target", None, "*")),
        ("both,8,gained", Gathering(BOTH, "8", "gained")),
        ("target,8,9,any,test", Gathering("target", "8", "9", None, "test")),
        ("target,8,9,,test", Gathering("target", "8", "9", "target", "test")),
        ("target,8,9,source", Gathering("target", "8", "9", "source")),
        *((text, None) for text in ("", ",", "<b>", "nobody,8,9", "both,8,9", "target,8,9,sea")),
        (None, None),
    ],
)
def test_a_text_is_a_description(text, wanted):
    """Short where the rest is usual; what cannot be read describes nothing."""
    assert gathering.read(text) == wanted
    if wanted:
        assert wanted.text == text


NAMES = st.one_of(st.none(), st.text(min_size=1, max_size=8), st.sampled_from(["*", ",", "%2A", "any", "target,a"]))


@given(
    st.sampled_from(["source", "target"]),
    NAMES,
    st.one_of(NAMES, st.just(WRONG)),
    st.sampled_from(["source", "target", None]),
    NAMES,
)
def test_any_names_are_read_as_they_were_written(says, name, answer, domain, split):
    wanted = Gathering(says, name, answer, domain, split)
    assert gathering.read(wanted.text) == wanted


def test_words_say_what_is_meant_and_escape_names():
    """Of every kind of description."""
    assert gathering.words(Gathering("target", "<b>", "9", split="test")) == (
        "target test images of class **\\<b\\>** that the target model takes for **9**"
    )
    assert gathering.words(Gathering("source", "8", "8", None)) == (
        "images of class **8** that the source model rightly calls **8**"
    )
    assert gathering.words(Gathering("source", None, WRONG)).endswith("of any class that the source model gets wrong")
    told = {gathering.words(Gathering(BOTH, "8", group)) for group in GROUPS}
    assert len(told) == len(GROUPS)
    assert gathering.words(Gathering(BOTH, "8")) == "target images of class **8**"
