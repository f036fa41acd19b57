"""What to freeze: gradients against autograd written out, planted shifts, strategies, what the advice gives away."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import small_case
import torch
import toy

from tlx import load_case, pipeline
from tlx.__main__ import main
from tlx.analysis import advice, advice_words, freezing
from tlx.cases import Case, Domain, ModelPlan, Preprocessing, Training
from tlx.errors import AstrayError, EmptyError
from tlx.images import domains
from tlx.results import BlockGradients, DomainImages, TrainedModel, Tuned
from tlx.training import loop, strategies
from tlx.training.state import Run

LAYERS = ("conv1", "conv2", "conv3", "conv4", "conv5", "fc6", "fc7", "head")


@pytest.mark.parametrize(
    ("build", "layers", "size"),
    [(toy.plain, ("0", "3", "7"), 12), (toy.grouped, ("0", "3", "6"), 16), (toy.residual, ("0", "2", "3"), 16)],
)
def test_the_norm_is_autograds_written_out(build: object, layers: tuple[str, ...], size: int) -> None:
    """Tensor by tensor: the root of all squared gradients over the root of all squared parameters, in evaluation."""
    network = toy.seeded(build)
    network.train()
    pictures, labels = torch.randn(5, 3, size, size), torch.tensor([0, 3, 1, 2, 2])
    members = {name: strategies.parameters(network, name, pictures[:1]) for name in (*layers, "head")}
    found = advice.relative(network, members, pictures, labels)
    assert network.training
    network.eval()
    for name, value in zip(members, found, strict=True):
        above = below = 0.0
        for parameter in members[name]:
            scores = network(pictures)
            loss = -torch.log_softmax(scores, 1)[torch.arange(5), labels].mean()
            (gradient,) = torch.autograd.grad(loss, parameter)
            above += float((gradient**2).sum())
            below += float((parameter.detach() ** 2).sum())
        assert value == pytest.approx((above / below) ** 0.5, rel=1e-4)


def test_a_block_of_zeros_has_no_norm() -> None:
    network = toy.hand_set()
    for parameter in network[3].parameters():
        torch.nn.init.zeros_(parameter)
    members = {"1": [*network[1].parameters()], "3": [*network[3].parameters()]}
    first, last = advice.relative(network, members, torch.ones(2, 1, 1, 2), torch.tensor([0, 1]))
    assert first == 0  # nothing comes through a head of zeros
    assert np.isnan(last)


# Small handwritten digits, of which one half teaches the source model and the other is the target's, shifted.
PLAN = ModelPlan(training=Training(epochs=12, batch_size=32, learning_rate=2e-3, augment="digits"))
PLANTED = Case(
    "digits", "d", Domain("folder", "s"), Domain("folder", "t"), "compact_alexnet", image_size=16,
    mean=(0.5,) * 3, std=(0.5,) * 3, source_model=PLAN, target_model=PLAN,
)  # fmt: skip


@pytest.fixture(scope="module")
def halves() -> dict[str, DomainImages]:
    source = domains.load(
        Domain("handwritten-digits", "h", per_class=80, training_share=0.5), Preprocessing(image_size=16)
    )
    others = np.where(source.split == "training", "validation", "training")
    return {"source": source, "target": replace(source, split=others)}


@pytest.fixture(scope="module")
def source(halves: dict[str, DomainImages]) -> TrainedModel:
    return loop.train(PLANTED, "source", halves, start=None)


def asked(halves: dict[str, DomainImages], source: TrainedModel, target: DomainImages) -> BlockGradients:
    both = {"source": halves["source"], "target": target}
    return advice.gradients(PLANTED, both, source, dict.fromkeys(both, LAYERS))


def test_other_colours_call_for_the_first_block(halves: dict[str, DomainImages], source: TrainedModel) -> None:
    """Only the input was shifted."""
    target = halves["target"]
    tinted = (target.pixels * np.array([1.0, 0.3, 0.3])).astype(np.uint8)
    found = asked(halves, source, replace(target, pixels=tinted))
    assert freezing.advised(found) == "conv1"
    assert freezing.steadiness(found) > 0.9


def test_permuted_labels_call_for_the_head(halves: dict[str, DomainImages], source: TrainedModel) -> None:
    target = halves["target"]
    found = asked(halves, source, replace(target, labels=(target.labels + 3) % 10))
    assert freezing.advised(found) == "head"
    assert list(np.argsort(found.pull))[-3:] == [5, 6, 7]  # the nearer to the head, the harder


def test_the_domain_itself_pulls_no_harder(halves: dict[str, DomainImages], source: TrainedModel) -> None:
    found = asked(halves, source, halves["target"])
    assert (found.pull[:-1] < 1.1).all()


def test_the_advice_is_the_same_each_time(halves: dict[str, DomainImages], source: TrainedModel) -> None:
    first, again = (asked(halves, source, halves["target"]) for _ in range(2))
    np.testing.assert_array_equal(first.fitted, again.fitted)
    assert first.raw.shape == first.fitted.shape == (8, 8)
    assert len(first.own) == 8


def test_strategies_are_the_cases_training_otherwise() -> None:
    how = Training(epochs=9, learning_rate=1e-3, seed=4, strategy="head", freeze_until="")
    names = freezing.strategies(("a", "b", "head"), 9)
    assert names == ("none", "all", "head", "head-first", "only a", "only b", "faster a b")
    assert "head-first" not in freezing.strategies(("a", "head"), 1)
    plain = Training(epochs=9, learning_rate=3e-3, seed=6)
    made = {name: freezing.training(how, name, rate=3.0, seed=2) for name in names}
    assert made == {
        "none": replace(plain, epochs=0),
        "all": plain,
        "head": replace(plain, strategy="head"),
        "head-first": replace(plain, head_epochs=4),
        "only a": replace(plain, train_only=("a",)),
        "only b": replace(plain, train_only=("b",)),
        "faster a b": replace(plain, layer_rates=(("a", 0.1), ("b", 0.3162))),
    }


def results() -> dict[tuple[str, float, int], Tuned]:
    """Two seeds: "all" is best on validation at rate 3, and on the target at rate 1, which may not count."""
    found = {("none", 1.0, 0): Tuned(0.2, 0.3, 0.9)}
    for seed in range(2):
        aside = 0.02 * seed
        found[("all", 1.0, seed)] = Tuned(0.5, 0.95, 0.8)
        found[("all", 3.0, seed)] = Tuned(0.6, 0.80 + aside, 0.5)
        for name, target in (("head", 0.40), ("only a", 0.70), ("only b", 0.90)):
            found[(name, 1.0, seed)] = Tuned(0.7, target - aside, 0.85)
            found[(name, 3.0, seed)] = Tuned(0.1, 0.1, 0.1)
    return found


def test_validation_chooses_the_rate_of_each_strategy() -> None:
    table = freezing.compared(results(), 2).set_index("strategy")
    assert table["rate"].to_dict() == {"none": 1.0, "all": 3.0, "head": 1.0, "only a": 1.0, "only b": 1.0}
    assert table.loc["all", ["accuracy", "accuracy_0", "accuracy_1"]].tolist() == pytest.approx([0.81, 0.80, 0.82])
    assert table.loc["all", ["source", "source_0", "validation"]].tolist() == pytest.approx([0.5, 0.5, 0.6])
    assert table.loc["none", ["accuracy_0", "accuracy_1"]].tolist() == [0.3, 0.3]
    with pytest.raises(EmptyError, match="strategies need validation images"):
        freezing.compared({("none", 1.0, 0): Tuned(float("nan"), 0.3, 0.9)}, 2)


def gradients(pull: list[float], raw: list[float], batches: int = 3) -> BlockGradients:
    one = np.ones((batches, 3))
    return BlockGradients(("a", "b", "head"), one * raw, one * pull, one)


def test_regret_is_counted_against_the_best_a_random_block_and_everything() -> None:
    """The best is b with 0.89; blocks alone come to 0.39, 0.69 and 0.89; all to 0.81."""
    table = freezing.compared(results(), 2)
    found = freezing.judged(table, "a")
    assert (found.advised, found.best, found.beats_all) == ("only a", "only b", False)
    assert [found.accuracy, found.most, found.regret] == pytest.approx([0.69, 0.89, 0.2])
    assert [found.random, found.everything] == pytest.approx([0.89 - (0.39 + 0.69 + 0.89) / 3, 0.08])
    assert found.gains == pytest.approx((-0.1, -0.14))
    assert freezing.judged(table, "b").beats_all


def test_what_the_advice_is_worth_is_said() -> None:
    table = freezing.compared(results(), 2)
    worse = " ".join(advice_words.what_to_freeze(gradients([3.0, 2.0, 1.0], [1.0, 2.0, 3.0]), table))
    worse = worse.replace("\N{NO-BREAK SPACE}", " ")
    assert "Advised to be trained: a and head." in worse
    assert "pull at this block 3.0 times as hard" in worse
    assert "at the next one, b, 2.0 times; it is the first in 100 % of resamples" in worse
    assert "learned best by b and head: 89 %; the advised strategy comes to 69 %. It gives away 20 points" in worse
    assert "does not beat training all layers (by seed −10 points, −14 points)" in worse
    assert "as it is, head only would be advised, which gives away 50 points" in worse
    assert "the source model has 90 %" in worse
    better = " ".join(advice_words.what_to_freeze(gradients([1.0, 2.0, 1.0], [1.0, 2.0, 1.0]), table))
    assert "The advice beats training all layers" in better
    assert "as it is" not in better
    assert "little has to change" not in better


def test_what_the_advice_rests_on_is_said() -> None:
    """Where nothing pulls, and where there are too few batches to say how steady it is."""
    (said,) = advice_words.what_to_freeze(gradients([0.5, 0.9, 1.0], [1.0, 2.0, 1.0]), None)
    assert "so that little has to change; it is the first in 100" in said
    (said,) = advice_words.what_to_freeze(gradients([0.5, 2.0, 1.0], [1.0, 2.0, 1.0], batches=1), None)
    assert said.endswith("1.0 times; from 1 batch nobody can say how steady that is.")


def test_how_steady_the_advice_is_comes_from_its_batches() -> None:
    one = np.ones((4, 2))
    found = BlockGradients(("a", "head"), one, np.array([[3.0, 1], [1, 2.5], [1, 2.5], [3, 1]]), one)
    assert freezing.advised(found) == "a"
    assert 0.5 < freezing.steadiness(found) < 0.9


def test_the_table_has_a_row_for_each_block_and_the_truth_where_it_is_known() -> None:
    given = gradients([3.0, 2.0, 1.0], [1.0, 2.0, 3.0])
    table = freezing.table(given, {"b": 0.8}, freezing.compared(results(), 2))
    assert table["block"].tolist() == ["a", "b", "head"]
    assert table["advised"].tolist() == [True, False, False]
    assert table["reuse"].tolist()[1] == 0.8
    assert table["reuse"].isna().tolist() == [True, False, True]
    assert table["alone"].tolist() == pytest.approx([0.69, 0.89, 0.39])
    assert table["all"].tolist() == pytest.approx([0.81] * 3)
    assert freezing.table(given, {})[["alone", "all", "head_first", "faster"]].isna().all(axis=None)


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Twelve images of two classes, with a test split; one seed, two rates, two epochs."""
    monkeypatch.setenv("TLX_CACHE", str(tmp_path / "store"))
    monkeypatch.setattr(pipeline, "RATES", (1.0, 3.0))
    monkeypatch.setattr(pipeline, "SEEDS", 1)
    made = small_case.write(tmp_path, per_class=12)
    split = "training_share = 0.5\ntest_share = 0.5"
    text = made.read_text().replace('path = "thin"', f'path = "thin"\n{split}')
    made.write_text(f'layers = ["conv1", "fc6"]\n{text}[target_model.training]\nepochs = 2\n')
    return made


def test_advice_is_put_together_of_what_is_stored(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """On the command line, too; without --prove nothing is trained."""
    assert main(["advise", str(path)]) == 0
    assert "Not trained: --prove" in capsys.readouterr().out
    case = load_case(path)
    table = pipeline.advice(case)
    assert table["block"].tolist() == ["conv1", "fc6", "head"]
    assert table["alone"].isna().all()
    assert not pipeline.tuned.is_stored(case, "all", 1.0, 0)
    assert main(["advise", str(path), "--prove"]) == 0
    proved = capsys.readouterr().out
    assert "training all layers" in proved
    assert "Not trained" not in proved
    assert "source model as it is" in proved
    known = pipeline.strategies(case).set_index("strategy")
    assert known.index.tolist() == ["none", "all", "head", "head-first", "only conv1", "only fc6", "faster conv1 fc6"]
    again = pipeline.advice(case)
    assert again["alone"].tolist() == known.loc[["only conv1", "only fc6", "head"], "accuracy"].tolist()
    best = {rate: pipeline.tuned(case, "all", rate, 0) for rate in (1.0, 3.0)}[known.loc["all", "rate"]]
    assert known.loc["all", ["accuracy", "source"]].tolist() == [best.target, best.source]


def test_the_source_model_as_it_is_is_judged_on_both_domains(path: Path) -> None:
    case = load_case(path)
    found = pipeline.tuned(case, "none", 1.0, 0)
    told = {domain: pipeline.predictions(case, "source", domain) for domain in ("source", "target")}
    splits = {"target": "test", "source": "validation"}
    shares = {
        domain: float((rows["label"] == rows["prediction"])[rows["split"] == splits[domain]].mean())
        for domain, rows in told.items()
    }
    assert (found.target, found.source) == pytest.approx((shares["target"], shares["source"]))


def test_kept_edges_are_those_into_each_block(path: Path) -> None:
    """Of the classes that are stored; the first layer and the head have no pair that enters them."""
    case = replace(load_case(path), layers=("fc6", "fc7"))
    assert pipeline.kept_edges(case) == {}
    stored = pipeline.reuse(case, "lying").table
    kept = stored[(stored["measure"] == "kept") & (stored["second"] == "fc7")]["value"].iloc[0]
    assert pipeline.kept_edges(case) == pytest.approx({"fc7": kept})
    assert pipeline.advice(case)["reuse"].isna().tolist() == [True, False, True]


def test_a_rate_that_leads_astray_is_passed_over(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def astray(*_: object) -> None:
        raise AstrayError("its loss is not a number")

    monkeypatch.setattr(Run, "learn", astray)
    assert pipeline.tuned(load_case(path), "all", 10.0, 0) == Tuned(0.0, 0.0, 0.0)


def test_a_target_without_training_images_is_said(halves: dict[str, DomainImages], source: TrainedModel) -> None:
    nobody = replace(halves["target"], split=np.full(len(halves["target"]), "test"))
    with pytest.raises(EmptyError, match="no training image"):
        asked(halves, source, nobody)


def test_strategies_of_a_bundle_are_a_table(path: Path) -> None:
    """It is one small result of text and numbers."""
    assert isinstance(pipeline.strategies(load_case(path)), pd.DataFrame)
