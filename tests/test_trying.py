"""`check` tries both models on a few images of every class, and says where one is no better than guessing."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import small_case
import torch

from tlx import load_case
from tlx.checking import inspect
from tlx.images import domains
from tlx.networks import models
from tlx.trying import Tried

# Tells lying bars from upright ones by where brightness changes: no training is needed to be right.
NETWORK = """
import torch
from torch import nn

class Bars(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 1)
        self.second = nn.Conv2d(4, 4, 1)
        for part in (self.conv, self.second):
            nn.init.ones_(part.weight)
            nn.init.constant_(part.bias, 4)
        self.sign = nn.Parameter(torch.ones(1))

    def forward(self, x):
        grey = self.second(self.conv(x).relu()).relu().mean(1)
        return 50 * self.sign * torch.stack([grey.mean(2).var(1), grey.mean(1).var(1)], 1)

def bars(classes):
    return Bars()
"""


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TLX_CACHE", str(tmp_path / "store"))
    path = small_case.write(tmp_path, per_class=30)
    (tmp_path / "own.py").write_text(NETWORK)
    path.write_text(path.read_text().replace("compact_alexnet", "own:bars"))
    for model in ("source", "target"):
        torch.save(models.build(load_case(path), 2).state_dict(), tmp_path / f"{model}.pt")
    return path


def told(path: Path) -> tuple[list[str], list[str]]:
    found = inspect(path)
    assert not found.fatal
    return list(map(str, found.facts)), [str(one) for one in found.warnings if "guessing" in one]


def test_models_that_are_right_are_said_to_be_and_what_each_output_means(path: Path) -> None:
    facts, doubts = told(path)
    assert "source model: output 0 = lying, 1 = upright" in facts
    assert "source model right on 40 of 40 source images and 40 of 40 target images" in facts
    assert "target model right on 40 of 40 source images and 40 of 40 target images" in facts
    assert not doubts


def test_outputs_in_another_order_are_seen_before_a_run_is_spent_on_them(path: Path) -> None:
    text = path.read_text()
    path.write_text(text.replace("[target]\n", '[target]\nclasses = ["upright", "lying"]\n'))
    facts, doubts = told(path)
    assert "target model: output 0 = upright, 1 = lying" in facts
    assert "target model right on 0 of 40 source images and 0 of 40 target images" in facts
    assert len(doubts) == 1
    assert doubts[0].startswith("the target model is right on 0 of 40 target images only, as good as guessing one of 2")
    assert "the order of its outputs" in doubts[0]


def test_weights_that_turn_every_answer_round_are_doubted(path: Path) -> None:
    state = torch.load(path.with_name("source.pt"))
    torch.save(state | {"sign": -state["sign"]}, path.with_name("source.pt"))
    assert [one.partition(" is ")[0] for one in told(path)[1]] == ["the source model"]


def test_the_sample_has_images_of_every_class_held_out_where_there_are_some(path: Path) -> None:
    domain = load_case(path).target
    whole = domains.load(domain, load_case(path).preprocessing)
    sample = domains.of_each(domain, load_case(path).preprocessing, 3)
    assert Counter(sample.labels.tolist()) == {0: 3, 1: 3}
    assert set(sample.names) <= set(whole.names[~whole.training])
    for name, pixels in zip(sample.names, sample.pixels, strict=True):
        assert np.array_equal(whole.pixels[list(whole.names).index(name)], pixels)
    more = domains.of_each(domain, load_case(path).preprocessing, 10)
    assert Counter(more.labels.tolist()) == {0: 10, 1: 10}
    assert set(whole.names[~whole.training]) <= set(more.names)


@pytest.mark.parametrize(
    ("right", "n", "classes", "near"),
    [(20, 40, 2, True), (25, 40, 2, True), (28, 40, 2, False), (0, 0, 2, False), (4, 40, 10, True), (9, 40, 10, False)],
)
def test_near_chance_is_what_guessing_reaches_one_time_in_twenty(right: int, n: int, classes: int, near: bool) -> None:
    one = Tried("source", "source", right, n, classes)
    assert one.near_chance is near
    drawn = np.random.default_rng(0).binomial(n, 1 / classes, 200_000)
    assert one.chance == pytest.approx((drawn >= right).mean(), abs=0.005)
