"""The feature view's figures: what their sources hold is what the results say."""

from __future__ import annotations

import base64
import io
from dataclasses import replace

import numpy as np
import pytest
from bokeh.models import HoverTool
from PIL import Image

from tlx.figures import discriminability as plot
from tlx.figures import domain_gap, labels, projection, ranking, ranking_layout, silencing, theme
from tlx.results import Contribution, Discriminability, Layer, LayerGap, Network, Silenced

TITLES = {"a": "Layer 1: conv (2)", "b": "Layer 2: linear (3)"}
NETWORK = Network(
    architecture="toy",
    layers=(Layer("a", 1, "conv", 2, (4, 4)), Layer("b", 2, "linear", 3, (1, 1))),
    joins={},
    apart={},
    embedding_units=2,
    parameters=10,
)
CLASS_RANKS = {"a": np.array([2, 1]), "b": np.array([1, 3, 2])}
CONTRIBUTION = Contribution(np.array([1.5, -0.25, 0.5, 0, 2.0]), np.array([0.04, 0.09]), ("a", "b"), (2, 3), True, 8)


def result(**changes):
    """Four source and two target instances of three neurons; u = (0.6, -0.8, 0), boundary at 0.5."""
    values = np.array([[0.0, 3, 1], [0, 3, 2], [0, 2, 3], [1, 2, 1], [4, 0, 2], [6, 2, 3]])
    weights = np.array([0.6, -0.8, 0.0])
    axes = np.stack([weights, [0.0, 0.6, 0.8]], axis=1)
    standard = (values - values.mean(axis=0)) / values.std(axis=0)
    fold, fold_offset = np.array([0, 1, 0, 1, 0, 1]), np.array([-0.5, -0.25])
    fold_axes = np.stack([weights, weights[::-1]])
    facts = {
        "class_name": "8",
        "model": "target",
        "neurons": (("a", 1), ("b", 2), ("b", 0)),
        "weights": weights,
        "ranking": np.array([1, 0, 2]),
        "accuracy": 0.9,
        "low": 0.7,
        "high": 0.97,
        "fold_accuracy": np.array([1.0, 0.8]),
        "a_distance": 1.6,
        "auc": np.array([0.9, 0.4, 0.75]),
        "auc_low": np.array([0.8, 0.3, 0.6]),
        "auc_high": np.array([0.95, 0.5, 0.85]),
        "stability": np.array([0.99, 0.3, 0.7]),
        "coordinates": standard @ axes,
        "axes": axes,
        "boundary": 0.5,
        "domain": np.array(["source"] * 4 + ["target"] * 2, dtype=object),
        "instances": np.array([7, 8, 9, 10, 0, 3]),
        "decision": (standard * fold_axes[fold]).sum(axis=1) + fold_offset[fold],
        "fold": fold,
        "fold_axes": fold_axes,
        "fold_offset": fold_offset,
        "values": values,
        "constant": (),
        "regularisation": 0.1,
    }
    return Discriminability(**facts | changes)


def sources(figure):
    return {one.name: one for one in figure.references() if type(one).__name__ == "ColumnDataSource" and one.name}


def test_points_are_the_instances_with_their_domain_in_colour_and_shape():
    """Six marks in the result's order: crosses in red, circles in blue, across where they were held out."""
    data = sources(plot.biplot(result(), [1, 0], TITLES))["points"].data
    np.testing.assert_array_equal(data["x"], result().decision)
    np.testing.assert_array_equal(data["y"], result().coordinates[:, 1])
    assert list(data["marker"]) == ["x"] * 4 + ["circle"] * 2
    assert list(data["colour"]) == ["#d6604d"] * 4 + ["#4393c3"] * 2
    assert list(data["instance"]) == [7, 8, 9, 10, 0, 3]
    right = (data["x"] > 0) == (np.array(data["domain"]) == "target")
    assert list(data["verdict"]) == ["✓" if one else "✗" for one in right]


def test_the_boundary_is_drawn_where_the_decision_value_is_0():
    assert list(sources(plot.biplot(result(), [0], TITLES))["boundary"].data["x"]) == [0]


def test_axes_point_along_the_neurons_rows_and_fit_the_instances():
    """Each axis begins at the mean instance, 0.5 left of the boundary, and is its row of [u/|u|, g] times one factor.

    The longest reaches 90 % of the way to the outermost instance.
    """
    told = result()
    data = sources(plot.biplot(told, [1, 0], TITLES))["axes"].data
    ends = np.column_stack([data["x"], data["y"]]) - [-0.5, 0]
    factor = ends[0, 0] / told.axes[1, 0]
    np.testing.assert_allclose(ends, told.axes[[1, 0]] * factor)
    share = np.abs(ends).max(axis=0) / np.abs(projection.held_out(told) - [-0.5, 0]).max(axis=0)
    assert share.max() == pytest.approx(0.9)
    assert list(data["label"]) == ["#3  Layer 2 · 2", "#1  Layer 1 · 1"]
    assert list(data["towards"]) == ["source-like", "target-like"]
    by_weight = sources(plot.biplot(told, [1, 0], TITLES, order=told.ranking))["axes"].data
    assert list(by_weight["label"]) == ["#1  Layer 2 · 2", "#2  Layer 1 · 1"]


def test_no_ticked_neuron_draws_no_axis():
    assert len(sources(plot.biplot(result(), [], TITLES))["axes"].data["x"]) == 0


def test_labels_of_like_axes_are_moved_apart():
    """Three labels at one height end up in their order, at least 1 apart, about the same middle."""
    spread = labels.apart(np.array([0.0, 0.0, 5.0, 0.1]), 1.0)
    assert np.diff(np.sort(spread)).min() >= 1 - 1e-6
    assert spread[2] == pytest.approx(5)
    assert spread[[0, 1, 3]].mean() == pytest.approx(0.033, abs=1e-2)
    crowd = labels.apart(np.zeros(30), 1.0)
    np.testing.assert_allclose(crowd, np.arange(30) - 14.5)
    sides = np.array([True, False, True])
    np.testing.assert_allclose(projection._on_both_sides(np.zeros(3), sides, 1.0), [-0.5, 0, 0.5])


def test_one_tooltip_where_marks_lie_on_one_another():
    """Axis ends go before instances, these before axes, and the boundary comes last; each tool shows one mark."""
    drawn = plot.biplot(result(), [0, 1], TITLES)
    tools = list(drawn.select({"type": HoverTool}))
    names = [tool.renderers[0].name for tool in drawn.tools if isinstance(tool, HoverTool)]
    assert names == ["axis ends", "points", "axes", "boundary"]
    above = {tool.renderers[0].name: [one.name for one in tool.filters["$index"][0].args["above"]] for tool in tools}
    assert above == {name: names[:at] for at, name in enumerate(names)}


def test_some_neurons_see_what_is_left_with_the_others_at_their_mean():
    """All neurons give the held-out places; neurons 0 and 1 those of data whose neuron 2 always has its mean."""
    told = result()
    np.testing.assert_allclose(projection.seen_by(told, [2, 0, 1]), projection.held_out(told))
    standard = (told.values - told.values.mean(axis=0)) / told.values.std(axis=0)
    standard[:, 2] = 0
    for row, fold in enumerate(told.fold):
        across = standard[row] @ told.fold_axes[fold] + told.fold_offset[fold]
        np.testing.assert_allclose(projection.seen_by(told, [0, 1])[row], [across, standard[row] @ told.axes[:, 1]])


def test_agreement_counts_the_sides_of_the_boundary():
    """Of six instances one is moved across the boundary: five sixths agree."""
    told = result()
    moved = projection.held_out(told)
    assert projection.agreement(told, moved) == 1
    moved[0, 0] *= -1
    assert projection.agreement(told, moved) == pytest.approx(5 / 6)


def test_the_projection_by_the_ticked_neurons_is_drawn_on_request():
    data = sources(plot.biplot(result(), [0], TITLES, only_active=True))["points"].data
    np.testing.assert_allclose(data["x"], projection.seen_by(result(), [0])[:, 0])


def test_the_ranking_names_every_neuron_by_what_it_tells_alone():
    """The AUC farthest from 0.5 comes first; each row has its interval, stability, weight and place for the class."""
    table = ranking_layout.ranking_table(result(), NETWORK, CLASS_RANKS, CONTRIBUTION)
    assert list(zip(table["place"], table["layer"], table["neuron"], strict=True)) == [
        (1, "a", 1),
        (2, "b", 0),
        (3, "b", 2),
    ]
    assert list(table["auc"]) == [0.9, 0.75, 0.4]
    assert list(table["auc_low"]) == [0.8, 0.6, 0.3]
    assert list(table["auc_high"]) == [0.95, 0.85, 0.5]
    assert list(table["stability"]) == [0.99, 0.7, 0.3]
    assert list(table["weight"]) == [0.6, 0.0, -0.8]
    assert list(table["class_rank"]) == [1, 1, 2]
    assert list(table["units"]) == [2, 3, 3]
    assert list(table["column"]) == [0, 2, 1]
    assert list(table["contribution"]) == [-0.25, 0.5, 2.0]


def test_the_weight_orders_the_same_rows():
    """Neuron 2 of layer b weighs most, that of weight 0 comes last; places count in this order."""
    table = ranking_layout.by_weight(ranking_layout.ranking_table(result(), NETWORK, CLASS_RANKS, CONTRIBUTION))
    assert list(zip(table["place"], table["column"], table["weight"], strict=True)) == [
        (1, 1, -0.8),
        (2, 0, 0.6),
        (3, 2, 0),
    ]
    assert list(table["column"]) == list(result().ranking)


def test_histograms_are_mirrored_on_one_scale():
    """Source bars go up, target bars down, counts add up to the instances and equal shares are equally high."""
    table = ranking_layout.ranking_table(result(), NETWORK, CLASS_RANKS, CONTRIBUTION)
    bars = ranking_layout.bar_table(table, result())
    for row in range(3):
        for domain, n in (("source", 4), ("target", 2)):
            part = bars[(bars["row"] == row) & (bars["domain"] == domain)]
            assert part["count"].sum() == n
            assert part["share"].sum() == pytest.approx(1)
            height = part["y1"] - part["y0"]
            assert (height <= 0).all() if domain == "source" else (height >= 0).all()
        part = bars[bars["row"] == row]
        scale = ((part["y1"] - part["y0"]).abs() / part["share"])[part["share"] > 0]
        assert scale.max() == pytest.approx(scale.min())
    assert bars[bars["row"] == 2][["left", "right"]].agg({"left": "min", "right": "max"}).tolist() == [0, 3]


def test_numbers_are_bars_to_their_domains_side():
    """AUC 0.9 reaches 80 % of the way to the right, 0.4 20 % to the left; the largest weight all the way."""
    table = ranking_layout.ranking_table(result(), NETWORK, CLASS_RANKS, CONTRIBUTION)
    bars = ranking_layout.number_table(table, result())
    assert list(bars["x1"] - bars["x0"]) == pytest.approx([44.8, 28, -11.2, 42, 0, -56])
    assert list(bars["label"]) == ["AUC 0.90", "AUC 0.75", "AUC 0.40", "u +0.600", "u +0.000", "u −0.800"]
    assert list(bars["colour"][[0, 2]]) == [theme.TARGET, theme.SOURCE]


def test_each_row_says_how_often_it_leads():
    """Shares of 200 bootstraps as counts."""
    table = ranking_layout.ranking_table(result(), NETWORK, CLASS_RANKS, CONTRIBUTION)
    rows = ranking_layout.row_table(table, [], None)
    assert ranking_layout.first_words(rows, 5) == ["first 5: 198/200", "first 5: 140/200", "first 5: 60/200"]
    assert list(rows["larger"]) == ["target", "target", "source"]


def test_a_tap_means_the_box_or_the_row():
    """Left of 70 it is the row's box, elsewhere the row; the head, a row too many and the margins mean nothing."""
    assert ranking_layout.hit(16, 0.5, 3) == ranking_layout.Hit(0, tick=True)
    assert ranking_layout.hit(300, 2.9, 3) == ranking_layout.Hit(2, tick=False)
    assert [ranking_layout.hit(*at, 3) for at in ((300, -0.2), (300, 3.0), (-1, 1), (641, 1))] == [None] * 4


def test_the_list_shows_ticks_choice_and_the_images_that_are_there():
    """Of three rows the ticked one has its mark, the chosen one its band; only the image that is there is drawn."""
    table = ranking_layout.ranking_table(result(), NETWORK, CLASS_RANKS, CONTRIBUTION)
    image = np.zeros((8, 8, 3), dtype=np.uint8)
    drawn = ranking.ranking(table, result(), {("a", 1): image}, active=[1], chosen=("b", 0))
    found = sources(drawn)
    assert list(found["rows"].data["tick"]) == ["", "", "✓"]
    assert list(found["rows"].data["what"]) == ["neuron 1 ▼", "neuron 0", "neuron 2"]  # ▼: lowers the score
    assert list(found["rows"].data["short_title"]) == ["Layer 1: conv", "Layer 2: linear", "Layer 2: linear"]
    assert list(np.asarray(found["rows"].data["band"]) > 0) == [False, True, False]
    assert list(found["images"].data["y"]) == [0.5]


def test_feature_images_are_sent_small_and_right_side_up():
    """A picture whose upper half is red stays one; a large one is scaled down."""
    picture = np.zeros((64, 64, 3), dtype=np.uint8)
    picture[:32] = (255, 0, 0)
    seen = np.asarray(read(ranking.address(picture))).astype(int)
    assert np.abs(seen - picture).mean() < 4
    assert read(ranking.address(np.zeros((224, 224, 3), dtype=np.uint8))).size == (120, 120)


def read(address):
    return Image.open(io.BytesIO(base64.b64decode(address.removeprefix("data:image/webp;base64,"))))


def gaps():
    return [
        LayerGap("source", "a", 2, 0.9, 0.8, 0.95),
        LayerGap("source", "b", 3, 1.0, 0.9, 1.0),
        LayerGap("target", "a", 2, 0.5, 0.4, 0.6),
    ]


def test_the_gap_over_depth_has_a_line_for_each_model():
    data = {name: one.data for name, one in sources(domain_gap.domain_gap(gaps(), NETWORK)).items()}
    assert list(data["source"]["accuracy"]) == [0.9, 1.0]
    assert list(np.round(data["source"]["x"])) == [1, 2]
    assert list(data["target"]["a_distance"]) == pytest.approx([0])


def silenced(**changes):
    """Class 8: of 4 target images 3 are lost with the mean, of 10 source ones none; of all as many as by others.

    Others, five draws: on the class -0.5 to 0 in the target domain and -0.2 to -0.1 in the source domain.
    """
    on_target, on_source = np.linspace(0.5, 1, 5)[:, None], np.linspace(0.6, 0.7, 5)[:, None]
    facts = {
        "model": "target",
        "class_name": "8",
        "neurons": (("a", 1),),
        "n": {"source": np.array([10, 20]), "target": np.array([4, 9])},
        "before": {"source": np.array([0.8, 0.8]), "target": np.array([1.0, 1.0])},
        "after": {"source": np.array([[0.8, 0.65]] * 2), "target": np.array([[0.25, 0.75], [0.25, 0.75]])},
        "low": {"source": np.full((2, 2), -0.3), "target": np.array([[-1, -0.5], [-1, -0.5]])},
        "high": {"source": np.full((2, 2), 0.3), "target": np.array([[-0.3, 0.1], [0.01, 0.1]])},
        "controls": {
            "source": np.tile(on_source, (2, 1, 2)),
            "target": np.tile(on_target, (2, 1, 2)),
        },
        "filled": (),
    }
    return Silenced(**facts | changes)


def verdicts(result):
    table = silencing.change_table(result)
    return table.set_index(["scope", "domain", "replacement"])["verdict"].to_dict()


def test_silencing_is_read_beside_other_important_neurons():
    """Below the band and surely below 0 is more, above the band is less; inside, or perhaps no change, is no more."""
    result = silenced()
    row = silencing.change_table(result).set_index(["scope", "domain", "replacement"]).loc["class 8", "target", "mean"]
    assert row[["n", "before", "after", "change", "low", "high"]].tolist() == [4, 1, 0.25, -0.75, -1, -0.3]
    assert row[["control_low", "control", "control_high"]].tolist() == pytest.approx([-0.4875, -0.25, -0.0125])
    assert verdicts(result) == {
        ("class 8", "target", "mean"): "more",
        ("class 8", "target", "drawn"): "no more",
        ("class 8", "source", "mean"): "less",
        ("class 8", "source", "drawn"): "less",
        **{("all classes", domain, name): "no more" for domain in ("source", "target") for name in ("mean", "drawn")},
    }


def test_the_verdicts_are_the_charts():
    """Filled marks lie outside their bands; a mark's place and whisker are the table's."""
    table = silencing.change_table(silenced())
    for domain, data in ((name, one.data) for name, one in sources(silencing.silencing(silenced())).items()):
        rows = table[table["domain"] == domain]
        assert list(data["verdict"]) == list(rows["verdict"])
        outside = (data["change"] < data["control_low"]) | (data["change"] > data["control_high"])
        assert (outside[data["filled"] > 0]).all()
        assert list(data["filled"] > 0) == [verdict in ("more", "less") for verdict in rows["verdict"]]
        assert list(data["x"]) == [(row.scope, domain, silencing.ASIDE[row.replacement]) for row in rows.itertuples()]


def test_a_change_of_the_bands_end_is_no_more():
    """All draws change as much as the neurons do: the band is a line, the mark lies on it."""
    one = np.full((2, 3, 2), 0.7)
    result = silenced(
        after={name: np.full((2, 2), 0.7) for name in ("source", "target")}, controls={"source": one, "target": one}
    )
    assert set(verdicts(result).values()) == {"no more"}


def test_no_images_no_mark_and_no_others_no_verdict():
    nothing = np.empty((2, 0, 2))
    result = silenced(
        n={"source": np.zeros(2, int), "target": np.array([4, 9])}, controls={"source": nothing, "target": nothing}
    )
    assert set(silencing.change_table(result)["domain"]) == {"target"}
    assert set(verdicts(result).values()) == {""}
    assert list(sources(silencing.silencing(result))["target"].data["filled"]) == [0, 0, 0, 0]


def test_the_silencing_chart_holds_its_intervals_and_bands_whole():
    """Whiskers and bands end within the chart, however wide an interval is; without any number it stands around 0."""
    result = silenced()
    wide = replace(result, high={domain: values + 0.4 for domain, values in result.high.items()})
    plot = silencing.silencing(wide)
    rows = silencing.change_table(wide)
    ends = rows[["low", "high", "control_low", "control_high"]].to_numpy()
    assert plot.y_range.start < np.nanmin(ends)
    assert plot.y_range.end > np.nanmax(ends)
    assert plot.y_range.start < 0 < plot.y_range.end
