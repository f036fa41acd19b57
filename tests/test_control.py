"""The control: trained from scratch to its own end, judged beside the target model, a verdict of its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import small_case
import statistics_case as toy
from streamlit_help import app, figure_of, run_to_end, source_of, text_of

from tlx import load_case, pipeline
from tlx.analysis import statistics
from tlx.app.statistics import controls
from tlx.casefiles import builtin
from tlx.errors import EmptyError, SelectionError
from tlx.figures.accuracy import accuracy
from tlx.results import TrainedModel
from tlx.training import control, loop
from tlx.words import score

PAGE = "pages/1_Statistics.py"
BOTH = {name: toy.images(None, name) for name in ("source", "target")}
CASE = builtin.cases()["digits"]  # twelve epochs


def model(epochs: int, best: float) -> TrainedModel:
    """As if so many epochs had reached this accuracy on target validation in the last one."""
    rows = [("scratch", "target", "validation", at, best * at / epochs, 10) for at in range(epochs + 1)]
    table = pd.DataFrame(rows, columns=["model", "domain", "split", "epoch", "accuracy", "n"])
    return TrainedModel({}, ("a",), epochs, table)


@pytest.fixture
def reaching(monkeypatch: pytest.MonkeyPatch) -> Callable[[list[float]], TrainedModel]:
    """The control to its end where the budget and each doubling reach these accuracies on validation."""

    def run(accuracies: list[float]) -> TrainedModel:
        lengths = {12 * 2**at: one for at, one in enumerate(accuracies)}

        def train(case, name, both, *, start, called, kept_at):  # type: ignore[no-untyped-def]
            assert (name, start, called, list(both)) == ("target", None, "scratch", ["target"])
            epochs = case.target_model.training.epochs
            return model(epochs, lengths[epochs])

        monkeypatch.setattr(loop, "train", train)
        return control.to_its_end(CASE, BOTH, model(12, accuracies[0]))

    return run


def test_epochs_are_doubled_until_they_bring_less_than_half_a_point(
    reaching: Callable[[list[float]], TrainedModel],
) -> None:
    """0.6, 0.8, 0.9, 0.904: the third doubling is not tried again, and is kept as it is better all the same."""
    assert reaching([0.6, 0.8, 0.9, 0.904]).epoch == 96
    assert reaching([0.6, 0.8, 0.79]).epoch == 24
    assert reaching([0.6, 0.6]).epoch == 12


def test_there_is_a_bound_and_it_is_said(reaching: Callable[[list[float]], TrainedModel]) -> None:
    """Still rising at sixteen times the budget: that is the end, with a note; one that has stopped there has none."""
    rising = reaching([0.1, 0.2, 0.3, 0.4, 0.5])
    assert (rising.epoch, rising.notes) == (16 * 12, (control.RISING,))
    assert reaching([0.1, 0.2, 0.3, 0.4, 0.4]).notes == ()


def test_without_validation_nobody_knows_the_end() -> None:
    with pytest.raises(EmptyError, match="without validation images"):
        control.to_its_end(CASE, BOTH, model(12, float("nan")))


def told(answers: str, labels: str = "aabb", split: str = "test") -> pd.DataFrame:
    return pd.DataFrame({"split": split, "label": list(labels), "prediction": list(answers)})


def test_the_control_is_judged_on_the_same_instances() -> None:
    """Of four test instances the target model has four right and the control one: 0.75; validation does not count."""
    answers = pd.concat([told("bbaa", split="validation"), told("aabb")])
    found = statistics.control(answers, np.array([True, False, False, False]), model(24, 0.5), "end", "a note")
    assert (found.difference, found.accuracy, found.target_accuracy, found.n) == (0.75, 0.25, 1.0, 4)
    assert (found.split, found.epochs, found.epoch, found.length, found.note) == ("test", 24, 24, "end", "a note")
    assert found.low <= 0.75 <= found.high <= 1


def test_the_pipeline_judges_what_it_trained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """For a case with checkpoints as well: the answers are those of the network with the control's tensors."""
    monkeypatch.setenv("TLX_CACHE", str(tmp_path / "store"))
    path = small_case.write(tmp_path, per_class=10)
    path.write_text(path.read_text() + "[target_model.training]\nepochs = 3\n")
    case = load_case(path)
    found, trained = pipeline.control(case), pipeline.scratch(case)
    own = trained.history.query("domain == 'target' and split == 'validation'").set_index("epoch")["accuracy"]
    assert found.accuracy == pytest.approx(own[trained.epoch])
    table = pipeline.predictions(case, "target", "target").query("split == 'validation'")
    assert found.target_accuracy == pytest.approx((table["label"] == table["prediction"]).mean())
    assert (found.epochs, set(found.history["model"])) == (3, {"scratch"})
    with pytest.raises(SelectionError, match="one of budget, end"):
        pipeline.control(case, "forever")


def test_a_key_of_the_case_changes_no_stored_result() -> None:
    assert replace(CASE, control=False).fingerprint() == replace(CASE, control=True).fingerprint()


@pytest.mark.parametrize(
    ("length", "low", "high", "words"),
    [
        ("budget", 0.1, 0.2, "At this budget the target model is better, beyond chance."),
        ("budget", -0.1, 0.2, "At this budget neither is better beyond chance."),
        ("budget", -0.2, -0.1, "Even at this budget training from scratch is better, beyond chance."),
        ("end", 0.1, 0.2, "Even then the target model is better, beyond chance."),
        ("end", -0.1, 0.2, "Then neither is better beyond chance."),
        ("end", -0.2, -0.1, "Then training from scratch is better, beyond chance."),
    ],
)
def test_each_length_has_its_own_verdict(length: str, low: float, high: float, words: str) -> None:
    one = replace(toy.control(None, length), low=low, high=high)
    assert score.verdict(one) == words
    assert score.verdict(replace(one, note="it still rose")).endswith(" Yet it still rose.")
    assert "few images" in score.verdict(replace(one, n=19))


def test_both_controls_stand_beside_the_score(monkeypatch: pytest.MonkeyPatch) -> None:
    """Their accuracies, differences and verdicts, apart from the score; the chart has the control's line when asked."""
    toy.install(monkeypatch)
    page = run_to_end(app(PAGE, view="statistics.lines=scratch target validation"))
    said = text_of(page)
    assert not page.exception
    for part in (
        "The transfer helped: on the target domain it beats the model it started from",
        "From scratch at the same budget (3 epochs): **+30 points**. At this budget the target model is better, beyond",
        "From scratch, 3 epochs: **45 %** on n = 60 validation images.",
        "From scratch to its own end (24 epochs): **−1 point**. Then neither is better beyond chance",
        "From scratch, 24 epochs: **76 %**",
    ):
        assert part in said
    assert source_of(page, "accuracy", "scratch target validation")["accuracy"].tolist() == [
        0,
        0.2,
        0.4,
        0.6000000000000001,
    ]
    assert not [button.label for button in page.button if "scratch" in button.label]


@pytest.mark.parametrize(("strategy", "offered"), [("all", True), ("scratch", False)])
def test_what_is_not_trained_is_offered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, strategy: str, offered: bool
) -> None:
    """With its cost; a target model that comes from scratch needs no control. Once trained it is shown."""
    path = small_case.write(tmp_path, per_class=10)
    path.write_text(f'{path.read_text()}[target_model.training]\nepochs = 1\nstrategy = "{strategy}"\n')
    monkeypatch.setenv("TLX_CACHE", str(tmp_path / "store"))
    monkeypatch.setenv("TLX_CASES", str(path))
    page = run_to_end(app(PAGE, case="bars"))
    offers = [button for button in page.button if "From scratch" in button.label]
    assert ["about" in button.label for button in offers] == [True] * offered
    if offered:
        offers[0].click()
        run_to_end(page)
        assert "From scratch at the same budget (1 epoch)" in text_of(page)
        assert [button.label for button in page.button if button.label.startswith("To its own end (about ")]
        assert figure_of(page, "accuracy")


def test_the_controls_line_is_seen_where_there_is_no_other() -> None:
    """A case of checkpoints has no history; the control's own is drawn, elsewhere it waits until it is asked for."""
    line = {"name": "line scratch target validation"}
    assert accuracy(toy.control(None).history).select_one(line) is not None
    both = pd.concat([toy.history(None), toy.control(None).history])
    assert accuracy(both).select_one(line) is None
    assert accuracy(both, ["scratch target validation"]).select_one(line) is not None


def test_a_case_asks_for_its_control(monkeypatch: pytest.MonkeyPatch) -> None:
    """`control = true`: a moment's training needs no button, at its own budget; without the key there is a button."""
    begun: list[object] = []
    offered: list[object] = []
    monkeypatch.setattr(controls.costs, "ask", lambda _, __, case, *rest: begun.append((case.control, *rest)))
    monkeypatch.setattr(controls.costs, "offer", lambda _, __, case, *rest: offered.append((case.control, *rest)))
    for case in (CASE, replace(CASE, control=False)):
        controls.offers(case, {})
    controls.offers(CASE, {"budget": toy.control(CASE)})
    assert (begun, offered) == ([(True, "budget")], [(False, "budget"), (True, "end")])
