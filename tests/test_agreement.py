"""How far criteria agree, what silencing says of them, and what they say of reuse: by hand, and on a small case."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import small_case

from tlx import load_case, pipeline
from tlx.analysis import agreement as stage
from tlx.analysis import criteria as methods
from tlx.cases import CRITERIA, MODELS, Case
from tlx.errors import ModelError
from tlx.results import Abstraction, Criteria

CLASS = "upright"


def ranked(*first: int, units: int = 10, active: Sequence[bool] | None = None) -> Abstraction:
    """A layer "fc" whose neurons are ranked in this order, then by index; the first tenth is important."""
    order = [*first, *(at for at in range(units) if at not in first)]
    scores = np.zeros(units)
    scores[order] = np.arange(units, 0, -1)
    told = np.ones(units, dtype=bool) if active is None else np.array(active)
    return Abstraction("target", "cup", 3, {"fc": scores}, {"fc": np.array(order[: units // 10])}, {"fc": told}, {})


def test_agreement_by_hand() -> None:
    """Of 20 neurons two are important: one shared of three in either; the chance is p / (2 - p)."""
    one, other = ranked(0, 1, units=20), ranked(1, 0, 2, units=20)
    third = replace(one, important={"fc": np.array([1, 5])}, rank_score={"fc": -one.rank_score["fc"]})
    table = stage.agreement({"a": one, "b": other, "c": third}).set_index(["first", "second"])
    assert table.loc[("a", "b"), "overlap"] == 1
    assert table.loc[("a", "c"), "overlap"] == pytest.approx(1 / 3)
    assert table.loc[("a", "c"), "rank"] == pytest.approx(-1)
    assert table.loc[("a", "b"), "rank"] == pytest.approx(1 - 6 * 2 / (20 * 399))  # two neighbours trade places
    assert table["chance"].unique() == pytest.approx([0.1 / 1.9])
    assert round(0.1 / 1.9, 3) == 0.053


def test_the_chance_of_the_overlap_is_that_of_random_choices() -> None:
    rng = np.random.default_rng(0)
    draws = [stage.jaccard(*(rng.choice(400, 40, replace=False) for _ in range(2))) for _ in range(2000)]
    assert np.mean(draws) == pytest.approx(0.1 / 1.9, abs=0.002)


def test_what_has_no_spread_has_no_agreement() -> None:
    assert np.isnan(stage.jaccard(np.array([]), np.array([])))
    assert np.isnan(stage.spearman(np.ones(4), np.arange(4)))
    assert np.isnan(stage.spearman(np.arange(3), np.arange(4)))


def needs_neuron(index: int, asked: list[tuple[tuple[str, int], ...]]) -> stage.Right:
    """A model that is right of nine of ten images while this neuron answers, and of none without it."""

    def right(choices: Sequence[tuple[tuple[str, int], ...]]) -> np.ndarray:
        asked.extend(choices)
        rows = [False, *(("fc", index) in choice for choice in choices)]
        return np.array([[not without and at > 0 for at in range(10)] for without in rows])

    return right


def test_a_deletion_curve_falls_where_what_is_needed_is_silenced() -> None:
    """Criterion "good" ranks the one neuron that is needed first, "bad" last; random ones lie between."""
    asked: list[tuple[tuple[str, int], ...]] = []
    both = {"good": ranked(3, units=20), "bad": ranked(*range(3), *range(4, 20), 3, units=20)}
    table = stage.deletion(both, needs_neuron(3, asked), seed=0)
    curve = {of: rows.sort_values("k")["accuracy"].tolist() for of, rows in table.groupby(["criterion", "order"])}
    assert curve["good", "first"] == pytest.approx([0.9, 0, 0, 0, 0, 0])
    assert curve["bad", "first"] == curve["good", "last"] == pytest.approx([0.9] * 6)
    assert curve["bad", "last"] == pytest.approx([0.9, 0, 0, 0, 0, 0])
    random = table[table["order"] == "random"].set_index("k")
    assert random.loc[10, "accuracy"] < random.loc[0, "accuracy"]
    assert (random["low"] <= random["accuracy"] + 1e-9).all()
    assert (random["accuracy"] <= random["high"] + 1e-9).all()
    assert sorted(table["k"].unique()) == [0, 1, 2, 4, 6, 10]
    assert {len(set(choice)) == len(choice) for choice in asked} == {True}


def test_random_neurons_are_important_ones() -> None:
    """Of k at random, all are among the 2 k that the criteria rank first together."""
    asked: list[tuple[tuple[str, int], ...]] = []
    stage.deletion({"a": ranked(units=40), "b": ranked(units=40)}, needs_neuron(0, asked), seed=0)
    draws = asked[-5 * stage.DRAWS :]
    assert {len(choice) for choice in draws} == {2, 4, 8, 12, 20}
    for choice in draws:
        assert max(index for _, index in choice) < 2 * len(choice)
    assert len(set(draws[: stage.DRAWS])) > 1


def test_without_a_held_out_image_nothing_is_known() -> None:
    table = stage.deletion({"a": ranked()}, lambda choices: np.ones((1 + len(choices), 0), dtype=bool), seed=0)
    assert table["accuracy"].isna().all()


def test_inactive_neurons_are_silenced_last() -> None:
    assert stage.order(ranked(2, 0, units=4, active=[True, True, False, True]), "fc").tolist() == [0, 1, 3, 2]


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Case:
    return load_case(small_case.write(tmp_path_factory.mktemp("bars")))


@pytest.fixture(scope="module")
def found(case: Case) -> Criteria:
    return pipeline.criteria(case, CLASS)


def test_all_criteria_run_on_the_networks_of_the_built_in_cases(found: Criteria) -> None:
    assert (found.names, found.left_out) == (CRITERIA, {})
    assert (found.n, found.split) == (6, "validation")
    assert found.held_out == 1
    assert len(found.agreement) == 7 * 15
    assert np.isfinite(found.deletion["accuracy"]).all()


@pytest.mark.parametrize("criterion", ["conductance", "internal_influence"])
def test_a_criterion_is_that_of_a_case_measured_by_it(case: Case, found: Criteria, criterion: str) -> None:
    """Important neurons, ranks and shares are those that the pages of `replace(case, criterion=…)` would show."""
    other = replace(case, criterion=criterion)
    both = {name: pipeline.abstraction(one, "target", CLASS) for name, one in (("o", other), ("g", by_gradient(case)))}
    rows = found.agreement.set_index(["layer", "first", "second"])
    pair = (criterion, "gradient_activation") if criterion == "conductance" else ("gradient_activation", criterion)
    for layer in both["o"].important:
        expected = stage.jaccard(both["o"].important[layer], both["g"].important[layer])
        assert rows.loc[(layer, *pair), "overlap"] == pytest.approx(expected, nan_ok=True)
    comparison, read = pipeline.comparison(other, CLASS), found.reading
    for measure in ("kept", "inherited"):
        for edge in comparison.active:
            row = read[(read["criterion"] == criterion) & (read["measure"] == measure) & (read["first"] == edge[0])]
            assert row["value"].item() == pytest.approx(comparison.share(measure, edge), abs=0.02, nan_ok=True)
    ranks = pipeline.reuse(other, CLASS).of("rank_agreement")
    ours = read[(read["criterion"] == criterion) & (read["measure"] == "rank_agreement")]
    assert ours["value"].tolist() == pytest.approx(ranks["value"].tolist(), abs=1e-3, nan_ok=True)


def by_gradient(case: Case) -> Case:
    return replace(case, criterion="gradient_activation")


def test_a_criterion_that_cannot_run_is_left_out_with_its_reason(
    case: Case, monkeypatch: pytest.MonkeyPatch, tmp_path: pytest.TempPathFactory
) -> None:
    def refused(*_: object) -> None:
        raise ModelError("LRP cannot run here: 'relu' is called 2 times in one pass")

    monkeypatch.setenv("TLX_CACHE", str(tmp_path))
    monkeypatch.setitem(methods.CRITERIA, "lrp", refused)
    result = pipeline.criteria(case, CLASS)
    assert result.names == CRITERIA[:-1]
    assert result.left_out == {"lrp": "LRP cannot run here: 'relu' is called 2 times in one pass"}
    assert set(result.deletion["criterion"]) == {*CRITERIA[:-1], ""}


def test_what_conductance_itself_cannot_do_is_an_error(
    case: Case, monkeypatch: pytest.MonkeyPatch, tmp_path: pytest.TempPathFactory
) -> None:
    def refused(*_: object) -> None:
        raise ModelError("layer 'conv1' gives values that are not finite")

    monkeypatch.setenv("TLX_CACHE", str(tmp_path))
    for model in MODELS:
        pipeline.abstraction(case, model, CLASS)  # stored: only what is of the class alone is measured anew
    monkeypatch.setitem(methods.CRITERIA, "conductance", refused)
    with pytest.raises(ModelError, match="not finite"):
        pipeline.criteria(case, CLASS)


def test_tables_are_written_and_read_back_whole(case: Case, found: Criteria) -> None:
    """From the store, as a page has them."""
    again = pipeline.criteria(case, CLASS)
    for name in ("agreement", "deletion", "reading"):
        pd.testing.assert_frame_equal(getattr(again, name), getattr(found, name))
