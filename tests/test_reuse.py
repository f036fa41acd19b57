from dataclasses import replace
from itertools import permutations, product

import numpy as np
import pytest
import zigzag_case as toy
from scipy.stats import spearmanr

from tlx.analysis import reuse
from tlx.app.network import reuse_words
from tlx.figures import reuse as chart
from tlx.results import Abstraction, Comparison, Edges, Layer, Network, Reuse

UNITS = 40
PAIR = ("one", "two")
NETWORK = Network("net", (Layer("one", 1, "conv", UNITS, (2, 2)), Layer("two", 2, "conv", UNITS, (2, 2))), {}, {}, 1, 1)


def structure(model, scores, important):
    edges = Edges(np.zeros((UNITS, UNITS), np.int32), np.zeros((UNITS, UNITS), np.float32), important)
    return Abstraction(model, "cup", 9, dict.fromkeys(PAIR, scores), {}, {}, {PAIR: edges})


def answer(match, source_scores, target_scores, source_edges, target_edges):
    inherited = {PAIR: np.zeros(len(target_edges), dtype=bool)}
    compared = Comparison("cup", {}, dict.fromkeys(PAIR, match), inherited)
    source, target = structure("source", source_scores, source_edges), structure("target", target_scores, target_edges)
    return reuse.reuse(NETWORK, compared, source, target)


@pytest.fixture(scope="module")
def important():
    return np.stack(np.unravel_index(np.random.default_rng(1).choice(UNITS**2, 160, replace=False), (UNITS, UNITS)), 1)


def test_a_model_compared_with_itself_reuses_everything(important):
    """Every match has the same index, ranks agree fully, every edge is inherited; chance stays far below."""
    scores = np.arange(UNITS) ** 2.0
    found = answer(np.arange(UNITS), scores, scores, important, important)
    assert found.of("same_index")["value"].tolist() == [1, 1]
    assert found.of("rank_agreement")["value"].tolist() == pytest.approx([1, 1])
    assert found.of("inherited")["value"].tolist() == [1]
    assert (found.table["high"] < 0.5).all()


def test_chance_is_what_the_numbers_say_it_must_be(important):
    """Trading 40 neurons at random keeps 1/40 in place and finds 10 % of edges, and no rank agreement."""
    scores = np.arange(UNITS) * 1.0
    found = answer(np.arange(UNITS), scores, scores, important, important)
    assert found.of("same_index")["chance"].to_numpy() == pytest.approx([1 / 40] * 2, abs=0.01)
    assert found.of("inherited")["chance"].to_numpy() == pytest.approx([0.1], abs=0.01)
    assert found.of("rank_agreement")["chance"].to_numpy() == pytest.approx([0, 0], abs=0.05)
    ordered = found.table
    assert ((ordered["low"] <= ordered["chance"]) & (ordered["chance"] <= ordered["high"])).all()


def test_chance_is_the_brute_force_permutation_of_the_source_neurons(monkeypatch):
    """All 4! 3! trades: rows of the similarities and the ranks trade places, edges stay, and all is compared anew."""
    rng = np.random.default_rng(5)
    sizes, orders = {"one": 4, "two": 3}, list(product(permutations(range(4)), permutations(range(3))))
    layers = tuple(Layer(name, at, "conv", units, (2, 2)) for at, (name, units) in enumerate(sizes.items(), 1))
    likeness = {name: rng.random((units, units)) for name, units in sizes.items()}
    scores = {model: {name: rng.permutation(units) * 1.0 for name, units in sizes.items()} for model in "st"}
    important = {model: rng.permutation(list(np.ndindex(4, 3)))[:5] for model in "st"}

    def measured(first, second):
        """With source neuron i standing where `first` or `second` says."""
        trades = dict(zip(sizes, (np.array(first), np.array(second)), strict=True))
        moved = {name: np.empty_like(values) for name, values in likeness.items()}
        ranks = {name: np.empty_like(values) for name, values in scores["s"].items()}
        for name, trade in trades.items():
            moved[name][trade], ranks[name][trade] = likeness[name], scores["s"][name]
        match = {name: values.argmax(axis=0) for name, values in moved.items()}
        same = [np.mean(match[name] == np.arange(units)) for name, units in sizes.items()]
        agreed = [spearmanr(ranks[name], scores["t"][name]).statistic for name in sizes]
        kept = [[match["one"][i], match["two"][j]] in important["s"].tolist() for i, j in important["t"]]
        return [*same, *agreed, np.mean(kept)]

    models = {}
    for model in "st":
        edges = Edges(np.zeros((4, 3), np.int32), np.zeros((4, 3), np.float32), important[model])
        models[model] = Abstraction(model, "cup", 9, scores[model], {}, {}, {PAIR: edges})
    compared = Comparison("cup", likeness, {name: values.argmax(axis=0) for name, values in likeness.items()}, {})
    place = {4: 0, 3: 1}
    monkeypatch.setattr(
        reuse, "_trades", lambda _, units: [np.arange(units), *(np.array(order[place[units]]) for order in orders)]
    )
    found = reuse.reuse(Network("net", layers, {}, {}, 1, 1), compared, models["s"], models["t"]).table
    found = found.sort_values(
        "measure", key=lambda held: held.map({"same_index": 0, "rank_agreement": 1, "inherited": 2}), kind="stable"
    )
    brute = np.array([measured(*order) for order in orders])
    np.testing.assert_allclose(found["value"], measured(range(4), range(3)))
    np.testing.assert_allclose(found["chance"], brute.mean(axis=0), atol=1e-12)
    np.testing.assert_allclose(found["low"], np.quantile(brute, 0.025, axis=0), atol=1e-12)
    np.testing.assert_allclose(found["high"], np.quantile(brute, 0.975, axis=0), atol=1e-12)
    assert brute.std(axis=0).min() > 0.05  # every measure does depend on the trades


def test_unrelated_models_lie_within_chance(important):
    """A random match and unrelated scores and edges are not mistaken for reuse."""
    rng = np.random.default_rng(3)
    other = np.stack(np.unravel_index(rng.choice(UNITS**2, 160, replace=False), (UNITS, UNITS)), 1)
    found = answer(rng.permutation(UNITS), rng.normal(size=UNITS), rng.normal(size=UNITS), important, other).table
    inside = (found["low"] <= found["value"]) & (found["value"] <= found["high"])
    assert inside.sum() >= 4  # of five measurements, one may leave a 95 % range


def test_rank_agreement_is_spearmans_correlation(important):
    """Equal to SciPy's, ties included."""
    rng = np.random.default_rng(0)
    one, two = rng.integers(0, 9, UNITS) * 1.0, rng.integers(0, 9, UNITS) * 1.0
    found = answer(np.arange(UNITS), one, two, important, important)
    assert found.of("rank_agreement")["value"][0] == pytest.approx(spearmanr(one, two).statistic)


def test_the_share_of_inherited_edges_is_that_of_the_comparison():
    """By hand: three of four edges of the first pair, two of three of the second."""
    found = toy.compared(None, "cup").of("inherited")
    assert found["value"].tolist() == pytest.approx([3 / 4, 2 / 3])
    assert found["n"].tolist() == [4, 3]
    assert found["value"].tolist() == pytest.approx([toy.INHERITED[pair].mean() for pair in (toy.FIRST, toy.SECOND)])


def test_undefined_matches_are_no_matches(important):
    """A neuron without a match is not counted among matches, its edges count as not inherited."""
    match = np.arange(UNITS)
    match[:10] = -1
    scores = np.arange(UNITS) * 1.0
    found = answer(match, scores, scores, important, important)
    assert found.of("same_index")["n"].tolist() == [30, 30]
    assert found.of("same_index")["value"].tolist() == [1, 1]
    assert found.of("inherited")["value"][0] == pytest.approx((important >= 10).all(axis=1).mean())


def test_nothing_to_measure_is_nan(important):
    """No match at all, scores without spread and no important edge give NaN instead of a number."""
    none = np.empty((0, 2), dtype=np.int32)
    found = answer(np.full(UNITS, -1), np.ones(UNITS), np.ones(UNITS), important, none).table
    assert found[["value", "chance", "low", "high"]].isna().all(axis=None)


def test_the_same_numbers_come_out_again():
    """The trades are seeded."""
    one, two = toy.compared(None, "cup").table, toy.compared(None, "cup").table
    assert one.equals(two)


def test_the_words_name_most_and_least_beside_chance():
    """Conv1 has one match in four of the same index, conv2 all five; inherited are 75 % and 67 %."""
    said = reuse_words.summary(toy.compared(None, "cup"), toy.NETWORK)
    assert "most, **100%** (by chance" in said
    assert "in layer 2; least, **0%**" in said  # fc3: matches 2, 0, 0
    assert "**75%**" in said
    assert "from layer 1 to 2; least, **67%**" in said


def test_the_words_say_how_far_the_models_agree_on_what_matters():
    """Spearman's correlation by SciPy, to two places, beside chance."""
    said = reuse_words.summary(toy.compared(None, "cup"), toy.NETWORK)
    source, target = (toy.structure(model).rank_score for model in ("source", "target"))
    agreed = [spearmanr(source[layer], target[layer]).statistic for layer in toy.UNITS]
    assert f"(Spearman's ρ): most, **{max(agreed):.2f}** (by chance" in said


def test_the_words_name_where_two_classes_differ_most():
    """The other class inherits 25 % of what enters layer 2 instead of 75 %; elsewhere the classes are alike."""
    ours = toy.compared(None, "cup")
    table = ours.table.copy()
    table.loc[(table["measure"] == "inherited") & (table["first"] == "conv1"), "value"] = 0.25
    said = reuse_words.difference(ours, replace(ours, class_name="<b>", table=table), toy.NETWORK)
    assert said.startswith("Classes cup and \\<b\\> differ most: ")
    assert "inherited edges in layer 1 to 2 (**75%** and **25%**)" in said


def test_the_words_are_empty_when_nothing_is_defined():
    """No number, no sentence."""
    empty = toy.compared(None, "cup").table.iloc[:0]
    assert reuse_words.summary(Reuse("cup", empty), toy.NETWORK) == ""


def test_the_chart_draws_the_chosen_class_over_the_others():
    """One line a class, the chosen one in colour; the band is the chosen class's chance."""
    known = {name: toy.compared(None, name) for name in ("pen", "cup")}
    figure = chart.reuse(toy.NETWORK, known, "cup", "inherited")
    data = figure.select_one({"name": "points"}).data
    ours = [at for at, name in enumerate(data["class_name"]) if name == "cup"]
    assert [data["place"][at] for at in ours] == ["1→2", "2→3"]
    assert [data["value"][at] for at in ours] == pytest.approx([3 / 4, 2 / 3])
    lines = figure.select_one({"name": "lines"}).data
    assert dict(zip(lines["name"], lines["width"], strict=True)) == {"pen": 1.0, "cup": 2.5}
    band = figure.select_one({"name": "chance"}).data
    assert list(band["low"]) == known["cup"].of("inherited")["low"].tolist()
