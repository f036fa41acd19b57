from dataclasses import replace
from itertools import chain, pairwise, permutations

import numpy as np
import pandas as pd
import pytest
import zigzag_case as toy
from scipy.stats import spearmanr
from streamlit_help import spaced

from tlx.analysis import comparison, reuse
from tlx.figures import reuse as chart
from tlx.results import (
    MEASURES,
    Abstraction,
    Comparison,
    Correspondence,
    Edges,
    Layer,
    LayerCorrespondence,
    Network,
    Reuse,
)
from tlx.words import reuse as reuse_words

UNITS = 40
PAIR = ("one", "two")
NETWORK = Network("net", (Layer("one", 1, "conv", UNITS, (2, 2)), Layer("two", 2, "conv", UNITS, (2, 2))), {}, {}, 1, 1)


SAME = np.arange(UNITS)


def structure(model, scores, important):
    edges = Edges(np.zeros((UNITS, UNITS), np.int32), np.zeros((UNITS, UNITS), np.float32), important)
    return Abstraction(model, "cup", 9, dict.fromkeys(PAIR, scores), {}, {}, {PAIR: edges})


def neurons(source=SAME, function=SAME, strength=None, cosine=0.5):
    """The same correspondence for both layers."""
    strength = np.ones(len(function)) if strength is None else strength
    layer = LayerCorrespondence(True, source, function, strength, np.full(len(source), cosine), (0.0, -0.25, 0.25))
    return Correspondence(dict.fromkeys(PAIR, layer))


def compared(source_edges, target_edges, match=SAME, known=None, active=None):
    """The comparison as the stage before makes it, from these edges alone."""
    known = known or neurons()
    counterparts = {
        "kept": {layer: known.layers[layer].source for layer in PAIR},
        "kept_by_function": {layer: known.layers[layer].function for layer in PAIR},
        "inherited": dict.fromkeys(PAIR, match),
    }
    marks = {
        mark: {PAIR: comparison.shared(target_edges, source_edges, which, PAIR)} for mark, which in counterparts.items()
    }
    active = np.ones(len(target_edges), dtype=bool) if active is None else active
    return Comparison("cup", {}, dict.fromkeys(PAIR, match), **marks, active={PAIR: active})


def answer(source_edges, target_edges, *, match=SAME, scores=(SAME, SAME), known=None, active=None):
    known = known or neurons()
    both = {
        "source": structure("source", scores[0] * 1.0, source_edges),
        "target": structure("target", scores[1] * 1.0, target_edges),
    }
    return reuse.reuse(NETWORK, compared(source_edges, target_edges, match, known, active), known, both)


@pytest.fixture(scope="module")
def important():
    return np.stack(np.unravel_index(np.random.default_rng(1).choice(UNITS**2, 160, replace=False), (UNITS, UNITS)), 1)


def test_a_model_compared_with_itself_reuses_everything(important):
    """Every share is 1, ranks agree fully, and chance stays far below."""
    table = answer(important, important, known=neurons(cosine=1.0)).table
    assert set(table["measure"]) == set(MEASURES)
    assert table["value"].tolist() == pytest.approx([1] * len(table))
    assert (table["high"] < 0.5).all()


def test_chance_is_what_the_numbers_say_it_must_be(important):
    """One of 40 neurons keeps its place or its function; of edges about the density, 10 %, is there by chance."""
    found = answer(important, important)
    for measure in ("same_index", "correspondence"):
        assert found.of(measure)["chance"].to_numpy() == pytest.approx([1 / 40] * 2, abs=0.01)
    for measure in ("kept", "kept_by_function", "inherited"):
        assert found.of(measure)["chance"].to_numpy() == pytest.approx([0.12], abs=0.03)
    assert found.of("rank_agreement")["chance"].to_numpy() == pytest.approx([0, 0], abs=0.05)
    assert found.of("weight_cosine")[["chance", "low", "high"]].to_numpy().tolist() == [[0, -0.25, 0.25]] * 2
    table = found.table
    assert ((table["low"] <= table["chance"]) & (table["chance"] <= table["high"])).all()


def test_chance_of_matches_and_ranks_is_the_brute_force_permutation_of_the_source_neurons(monkeypatch):
    """All 4! trades of a layer: similarities and ranks trade places, and all is compared anew."""
    rng, orders = np.random.default_rng(5), list(permutations(range(4)))
    likeness, source, target = rng.random((4, 4)), rng.permutation(4) * 1.0, rng.permutation(4) * 1.0

    def measured(trade):
        """With source neuron i standing where `trade` says."""
        moved, ranks = np.empty_like(likeness), np.empty_like(source)
        moved[list(trade)], ranks[list(trade)] = likeness, source
        return [np.mean(moved.argmax(axis=0) == np.arange(4)), spearmanr(ranks, target).statistic]

    monkeypatch.setattr(reuse, "_trades", lambda _, units: [np.arange(units), *map(np.array, orders)])
    layer = Layer("one", 1, "conv", 4, (2, 2))
    both = {
        model: Abstraction(model, "cup", 9, {"one": scores}, {}, {}, {})
        for model, scores in (("source", source), ("target", target))
    }
    nobody = Comparison("cup", {}, {"one": likeness.argmax(axis=0)}, {}, {}, {}, {})
    known = neurons(np.arange(4), np.arange(4))
    table = reuse.reuse(Network("net", (layer,), {}, {}, 1, 1), nobody, known, both).table.set_index("measure")
    brute = np.array([measured(order) for order in orders])
    table = table.loc[["same_index", "rank_agreement"]]
    np.testing.assert_allclose(table["value"], measured(range(4)))
    np.testing.assert_allclose(table["chance"], brute.mean(axis=0), atol=1e-12)
    np.testing.assert_allclose(table["low"], np.quantile(brute, 0.025, axis=0), atol=1e-12)
    np.testing.assert_allclose(table["high"], np.quantile(brute, 0.975, axis=0), atol=1e-12)
    assert brute.std(axis=0).min() > 0.05  # both do depend on the trades


def test_unrelated_models_lie_within_chance(important):
    """Random counterparts and unrelated scores and edges are not mistaken for reuse."""
    rng = np.random.default_rng(3)
    other = np.stack(np.unravel_index(rng.choice(UNITS**2, 160, replace=False), (UNITS, UNITS)), 1)
    known = neurons(rng.permutation(UNITS), rng.permutation(UNITS), cosine=0.1)
    scores = rng.normal(size=UNITS), rng.normal(size=UNITS)
    table = answer(important, other, match=rng.permutation(UNITS), scores=scores, known=known).table
    inside = (table["low"] <= table["value"]) & (table["value"] <= table["high"])
    assert inside.sum() >= len(table) - 1  # one of these may leave a 95 % range


def test_kept_edges_follow_descent_and_those_by_function_follow_function(important):
    """Counterparts by index keep everything; those by function, all moved by one place, find other edges."""
    known = neurons(SAME, np.roll(SAME, 1))
    found = answer(important, important, known=known)
    moved = {((i - 1) % UNITS, (j - 1) % UNITS) for i, j in important.tolist()}
    share = len(moved & {tuple(edge) for edge in important.tolist()}) / len(important)
    assert found.of("kept")["value"].tolist() == [1]
    assert found.of("kept_by_function")["value"].tolist() == pytest.approx([share])
    assert found.of("correspondence")["value"].tolist() == [0, 0]


def test_neurons_that_never_respond_have_no_function(important):
    """Ten of forty are left out, the others keep theirs."""
    strength = np.where(SAME < 10, np.nan, 0.9)
    found = answer(
        important, important, known=neurons(function=np.where(SAME < 10, SAME[::-1], SAME), strength=strength)
    )
    assert found.of("correspondence")[["n", "value"]].to_numpy().tolist() == [[30, 1]] * 2


def test_edges_of_inactive_neurons_are_counted_nowhere(important):
    active = np.arange(len(important)) % 4 != 0
    found = answer(important, important, active=active)
    assert found.of("kept")["n"].tolist() == [active.sum()]
    assert found.of("kept")["value"].tolist() == [1]


def test_rank_agreement_is_spearmans_correlation(important):
    """Equal to SciPy's, ties included."""
    rng = np.random.default_rng(0)
    one, two = rng.integers(0, 9, UNITS), rng.integers(0, 9, UNITS)
    found = answer(important, important, scores=(one, two))
    assert found.of("rank_agreement")["value"][0] == pytest.approx(spearmanr(one, two).statistic)


def test_the_shares_of_edges_are_those_of_the_comparison():
    """By hand: three of four edges of the first pair, two of three of the second."""
    for measure in ("kept", "kept_by_function", "inherited"):
        found = toy.compared(None, "cup").of(measure)
        assert found["value"].tolist() == pytest.approx([3 / 4, 2 / 3])
        assert found["n"].tolist() == [4, 3]


def test_undefined_matches_are_no_matches(important):
    """A neuron without a match is not counted among matches, its edges count as not inherited."""
    match = SAME.copy()
    match[:10] = -1
    found = answer(important, important, match=match)
    assert found.of("same_index")["n"].tolist() == [30, 30]
    assert found.of("same_index")["value"].tolist() == [1, 1]
    assert found.of("inherited")["value"][0] == pytest.approx((important >= 10).all(axis=1).mean())


def test_nothing_to_measure_is_nan(important):
    """No match, no response, scores without spread, no weights and no edge give NaN instead of a number."""
    none, nobody = np.empty((0, 2), dtype=np.int32), np.full(UNITS, -1)
    layer = LayerCorrespondence(False, nobody, nobody, np.full(UNITS, np.nan), np.empty(0), (np.nan,) * 3)
    known = Correspondence(dict.fromkeys(PAIR, layer))
    flat = np.ones(UNITS)
    table = answer(important, none, match=nobody, scores=(flat, flat), known=known).table
    assert table[["value", "chance", "low", "high"]].isna().all(axis=None)


def test_the_same_numbers_come_out_again():
    """The trades are seeded."""
    one, two = toy.compared(None, "cup").table, toy.compared(None, "cup").table
    assert one.equals(two)


def test_the_words_name_most_and_least_beside_chance():
    """Kept are 75 % and 67 % of the edges; all responding neurons of conv2 have their function, none of fc3."""
    said = [
        spaced(reuse_words.spoken(toy.compared(None, "cup"), toy.NETWORK, measure))
        for measure in ("kept", "correspondence")
    ]
    edges, functions = said
    assert edges.startswith("Important target edges that are important between the same neurons")
    assert "most, 75 % (" in edges
    assert "from layer 1 to 2; least, 67 %" in edges
    assert "most, 100 % (by chance: 20 %, 0 % to 60 %) in layer 2; least, 0 % (no more than chance" in functions


def test_the_words_name_where_two_classes_differ_most():
    """The other class keeps 25 % of what enters layer 2 instead of 75 %; elsewhere the classes are alike."""
    ours = toy.compared(None, "cup")
    table = ours.table.copy()
    table.loc[(table["measure"] == "kept") & (table["first"] == "conv1"), "value"] = 0.25
    said = spaced(reuse_words.difference(ours, replace(ours, class_name="<b>", table=table), toy.NETWORK))
    assert said.startswith("Classes cup and \\<b\\> differ most: ")
    assert "kept edges in layer 1 to 2 (**75 %** and **25 %**)" in said


def test_the_words_are_empty_when_nothing_is_defined():
    """No number, no sentence about one."""
    empty = toy.compared(None, "cup").table.iloc[:0]
    assert reuse_words.spoken(Reuse("cup", empty), toy.NETWORK, "kept") == "Kept edges: nothing to measure."


@pytest.mark.parametrize(
    ("measure", "place", "ends"),
    [
        ("correspondence", 0.4, ("conv1",)),
        ("correspondence", 2.9, ("fc3",)),
        ("kept", 1.2, ("conv2", "fc3")),
        ("kept", 2.1, None),
        ("kept", -0.1, None),
    ],
)
def test_a_tap_on_a_chart_means_a_layer_or_a_pair(measure, place, ends):
    """Beside all places it means nothing; each place is found where it is drawn, whichever chart comes first."""
    reused = toy.compared(None, "cup")
    for measures in (("kept", "correspondence"), ("correspondence", "kept")):
        places = 2 if measure == "kept" else 3
        x = _between(_ends(reused, measures, measure), place / places)
        assert chart.tapped(toy.NETWORK, reused, measures, x) == ends


def _ends(reused, measures, measure):
    """Where a chart begins and ends along the figure: the lower one of its axes."""
    strokes = chart.reuse(toy.NETWORK, {"cup": reused}, "cup", measures).select_one({"name": "strokes"}).data
    level = strokes["y0"] == strokes["y1"]
    bottom = level & (strokes["y0"] == strokes["y0"][level].min())
    at = measures.index(measure)
    return strokes["x0"][bottom][at], strokes["x1"][bottom][at]


def _between(ends, share):
    return ends[0] + share * (ends[1] - ends[0])


@pytest.mark.parametrize("x", [-0.5, 2.5, 1e9])
def test_a_tap_beside_all_charts_means_nothing(x):
    assert chart.tapped(toy.NETWORK, toy.compared(None, "cup"), ("kept", "correspondence"), x) is None


def test_the_charts_show_which_layers_are_open():
    """Conv2 and fc3 are places 2 and 3 of three; of pairs only the one between them, the second of two."""
    reused, measures = toy.compared(None, "cup"), ("kept", "correspondence")
    shown = chart.shown(toy.NETWORK, reused, measures, ("conv2", "fc3"))
    pairs, layers = (_ends(reused, measures, measure) for measure in measures)
    wanted = [_between(pairs, 3 / 4), _between(layers, 3 / 6), _between(layers, 5 / 6)]
    assert shown["x"] == pytest.approx(wanted)
    wide = [(pairs[1] - pairs[0]) / 2, *[(layers[1] - layers[0]) / 3] * 2]
    assert shown["width"] == pytest.approx(wide)


@pytest.mark.parametrize(
    ("places", "kept"), [(["1", "2", "3"], 3), (["1→2", "2→3", "3→4", "4→5", "5→6", "6→7"], 3), (["1→2"] * 24, 4)]
)
def test_names_along_the_axis_do_not_run_into_each_other(places, kept):
    """The first place is named, then as many as there is room for, at equal distances."""
    written = chart._thinned(places)
    assert len(written) == kept
    assert min(written) == 0.5
    assert len({round(b - a, 3) for a, b in pairwise(sorted(written))}) == 1
    assert chart._thinned([]) == {}  # layers without edges between them


def test_the_charts_draw_the_chosen_class_over_the_others():
    """One line a class, the chosen one in colour and last; the band is the chosen class's chance."""
    known = {name: toy.compared(None, name) for name in ("pen", "cup")}
    figure = chart.reuse(toy.NETWORK, known, "cup")
    data = pd.DataFrame(figure.select_one({"name": "points"}).data)
    ours = data[(data["class_name"] == "cup") & (data["measure"] == "kept")]
    assert ours["place"].tolist() == ["1→2", "2→3"]
    assert ours["value"].tolist() == pytest.approx([3 / 4, 2 / 3])
    lines = pd.DataFrame(figure.select_one({"name": "lines"}).data)
    assert len(lines) == 2 * len(MEASURES)
    assert lines["name"].tolist() == ["pen"] * len(MEASURES) + ["cup"] * len(MEASURES)
    assert dict(zip(lines["name"], lines["width"], strict=True)) == {"pen": 1.0, "cup": 2.5}
    chance = figure.select_one({"name": "chance"}).data
    assert chance["measure"] == list(dict.fromkeys(known["cup"].table["measure"]))


def test_marks_and_chance_stand_at_their_values():
    """A chart's 0 and 1 are where its axis says; three quarters are three quarters of the way up, also the band's."""
    reused = toy.compared(None, "cup")
    figure = chart.reuse(toy.NETWORK, {"cup": reused}, "cup", ("correspondence", "kept"))
    words = pd.DataFrame(figure.select_one({"name": "words"}).data)
    for at, measure in enumerate(("correspondence", "kept")):
        own = words[(words["x"] >= at) & (words["x"] < at + 1) & (words["align"] == "right")].set_index("text")["y"]
        rows = reused.of(measure)
        points = pd.DataFrame(figure.select_one({"name": "points"}).data)
        ends = _ends(reused, ("correspondence", "kept"), measure)
        middles = [_between(ends, (place + 0.5) / len(rows)) for place in range(len(rows))]
        assert points[points["measure"] == measure]["x"].tolist() == pytest.approx(middles)
        drawn = points[points["measure"] == measure]["value_y"]
        assert (drawn - own["0"]).tolist() == pytest.approx((rows["value"] * (own["1"] - own["0"])).tolist())
        chance = figure.select_one({"name": "chance"}).data
        band = np.array(chance["band_ys"][chance["measure"].index(measure)])
        wanted = np.concatenate([rows["low"], rows["high"][::-1]]) * (own["1"] - own["0"]) + own["0"]
        np.testing.assert_allclose(band, wanted)


def test_a_value_below_zero_is_drawn_below_zero():
    """And its chart alone reaches down to -1; what chance gives ends where a chart of shares does."""
    reused = toy.compared(None, "cup")
    table = reused.table.copy()
    table.loc[table["measure"] == "rank_agreement", "value"] = -0.5
    table.loc[table["measure"].isin(["rank_agreement", "weight_cosine"]), "low"] = -0.9
    figure = chart.reuse(toy.NETWORK, {"cup": replace(reused, table=table)}, "cup", ("weight_cosine", "rank_agreement"))
    words = pd.DataFrame(figure.select_one({"name": "words"}).data)
    lowest = words[words["align"] == "right"].groupby(words["x"].astype(int))["text"].first()
    assert lowest.tolist() == ["0", "-1"]
    points = pd.DataFrame(figure.select_one({"name": "points"}).data)
    ranks = points[points["measure"] == "rank_agreement"]["value_y"]
    ticks = words[(words["align"] == "right") & (words["x"] > 1)].set_index("text")["y"]
    assert ranks.tolist() == pytest.approx([(ticks["-1"] + ticks["0"]) / 2] * len(ranks))
    strokes = figure.select_one({"name": "strokes"}).data
    chance = figure.select_one({"name": "chance"}).data
    bottom = strokes["y0"][strokes["y0"] == strokes["y1"]].min()
    assert min(chance["band_ys"][chance["measure"].index("weight_cosine")]) == pytest.approx(bottom)


def test_a_chart_without_places_stands_empty_beside_the_others():
    """Of a network whose layers have no edges between them."""
    reused = toy.compared(None, "cup")
    without = replace(reused, table=reused.table[reused.table["measure"] != "kept"])
    for measures in (("kept", "correspondence"), ("kept",)):
        figure = chart.reuse(toy.NETWORK, {"cup": without}, "cup", measures)
        titles = pd.DataFrame(figure.select_one({"name": "words"}).data).query("font_style == 'bold'")
        assert len(titles) == len(measures)
        assert set(figure.select_one({"name": "points"}).data["measure"]) == set(measures) - {"kept"}
    assert chart.shown(toy.NETWORK, without, ("kept",), toy.NETWORK.names) == {"x": [], "width": []}
    assert chart.tapped(toy.NETWORK, without, ("kept",), 0.5) is None


def test_measures_are_drawn_in_groups_as_equal_as_can_be():
    """Each once, in their order."""
    assert [*chain(*chart.GROUPS)] == [*MEASURES]
    assert [len(group) for group in chart.GROUPS] == [3, 2, 2]
