"""The feature view's figures: what their sources hold is what the results say."""

from __future__ import annotations

import numpy as np
import pytest

from tlx.figures import discriminability as plot
from tlx.figures import domain_gap, projection, ranking, ranking_layout, silencing
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
        "coordinates": standard @ axes,
        "axes": axes,
        "boundary": 0.5,
        "domain": np.array(["source"] * 4 + ["target"] * 2, dtype=object),
        "instances": np.array([7, 8, 9, 10, 0, 3]),
        "decision": np.array([-1.0, -2, -0.5, 0.5, 1, 2]),
        "values": values,
        "constant": (),
        "regularisation": 0.1,
    }
    return Discriminability(**facts | changes)


def sources(figure):
    return {one.name: one for one in figure.references() if type(one).__name__ == "ColumnDataSource" and one.name}


def test_points_are_the_instances_with_their_domain_in_colour_and_shape():
    """Six marks in the result's order: crosses in red, circles in blue, each with its place and its domain's index."""
    data = sources(plot.biplot(result(), [1, 0], TITLES))["points"].data
    np.testing.assert_array_equal(np.column_stack([data["x"], data["y"]]), result().coordinates)
    assert list(data["marker"]) == ["x"] * 4 + ["circle"] * 2
    assert list(data["colour"]) == ["#d6604d"] * 4 + ["#4393c3"] * 2
    assert list(data["instance"]) == [7, 8, 9, 10, 0, 3]
    assert list(data["verdict"]) == ["✓", "✓", "✓", "✗", "✓", "✓"]


def test_the_boundary_is_drawn_where_the_classifier_has_it():
    assert list(sources(plot.biplot(result(), [0], TITLES))["boundary"].data["x"]) == [0.5]


def test_axes_point_along_the_neurons_rows_and_fit_the_instances():
    """Each axis is its row of [u/|u|, g] times one factor; the longest reaches 90 % of the outermost instance."""
    told = result()
    data = sources(plot.biplot(told, [1, 0], TITLES))["axes"].data
    ends = np.column_stack([data["x"], data["y"]])
    factor = ends[0, 0] / told.axes[1, 0]
    np.testing.assert_allclose(ends, told.axes[[1, 0]] * factor)
    share = np.abs(ends).max(axis=0) / np.abs(told.coordinates).max(axis=0)
    assert share.max() == pytest.approx(0.9)
    assert list(data["label"]) == ["#1  Layer 2 · 2", "#2  Layer 1 · 1"]
    assert list(data["towards"]) == ["source-like", "target-like"]


def test_everything_lies_within_the_axes_ranges():
    drawn = plot.biplot(result(), [0, 1, 2], TITLES)
    data = sources(drawn)
    for name in ("points", "axes"):
        for axis, ends in (("x", drawn.x_range), ("y", drawn.y_range)):
            assert (data[name].data[axis] > ends.start).all()
            assert (data[name].data[axis] < ends.end).all()


def test_no_ticked_neuron_draws_no_axis():
    assert len(sources(plot.biplot(result(), [], TITLES))["axes"].data["x"]) == 0


def test_labels_of_like_axes_are_moved_apart():
    """Three labels at one height end up in their order, at least 1 apart, about the same middle."""
    spread = projection._spread(np.array([0.0, 0.0, 5.0, 0.1]), 1.0)
    assert np.diff(np.sort(spread)).min() >= 1 - 1e-6
    assert spread[2] == pytest.approx(5)
    assert spread[[0, 1, 3]].mean() == pytest.approx(0.033, abs=1e-2)


def test_some_neurons_see_what_is_left_with_the_others_at_their_mean():
    """The projection by neurons 0 and 1 equals the whole one of data whose neuron 2 always has its mean."""
    told = result()
    values = told.values.copy()
    standard = (values - values.mean(axis=0)) / values.std(axis=0)
    standard[:, 2] = 0
    np.testing.assert_allclose(projection.seen_by(told, [0, 1]), standard @ told.axes)
    np.testing.assert_allclose(projection.seen_by(told, [2, 0, 1]), told.coordinates)


def test_agreement_counts_the_sides_of_the_boundary():
    """Of six instances one is moved across the boundary: five sixths agree."""
    told = result()
    moved = told.coordinates.copy()
    moved[0, 0] = 2 * told.boundary - moved[0, 0]
    assert projection.agreement(told, told.coordinates) == 1
    assert projection.agreement(told, moved) == pytest.approx(5 / 6)


def test_the_projection_by_the_ticked_neurons_is_drawn_on_request():
    data = sources(plot.biplot(result(), [0], TITLES, only_active=True))["points"].data
    np.testing.assert_allclose(data["x"], projection.seen_by(result(), [0])[:, 0])


def test_the_ranking_names_every_neuron_by_weight():
    """The neuron of largest |weight| comes first; each row says its layer, place for the class and direction."""
    table = ranking_layout.ranking_table(result(), NETWORK, CLASS_RANKS, CONTRIBUTION)
    assert list(zip(table["place"], table["layer"], table["neuron"], strict=True)) == [
        (1, "b", 2),
        (2, "a", 1),
        (3, "b", 0),
    ]
    assert list(table["weight"]) == [-0.8, 0.6, 0.0]
    assert list(table["class_rank"]) == [2, 1, 1]
    assert list(table["units"]) == [3, 2, 3]
    assert list(table["column"]) == [1, 0, 2]
    assert list(table["contribution"]) == [2.0, -0.25, 0.5]


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
    assert bars[bars["row"] == 0][["left", "right"]].agg({"left": "min", "right": "max"}).tolist() == [0, 3]


def test_weights_are_bars_to_their_domains_side():
    table = ranking_layout.ranking_table(result(), NETWORK, CLASS_RANKS, CONTRIBUTION)
    bars = ranking_layout.weight_table(table, result())
    assert list(bars["x1"] - bars["x0"]) == pytest.approx([-48, 36, 0])
    assert list(bars["label"]) == ["−0.800", "+0.600", "+0.000"]


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
    assert list(found["rows"].data["tick"]) == ["✓", "", ""]
    assert list(found["rows"].data["what"]) == ["neuron 2", "neuron 1 ▼", "neuron 0"]  # which lowers the score
    assert list(found["weights"].data["contribution"]) == [2.0, -0.25, 0.5]
    assert list(found["rows"].data["short_title"]) == ["Layer 2: linear", "Layer 1: conv", "Layer 2: linear"]
    assert list(np.asarray(found["rows"].data["band"]) > 0) == [False, False, True]
    assert list(found["images"].data["y"]) == [1.5]


def test_feature_images_are_sent_small_and_right_side_up():
    """A picture whose top row is red: Bokeh wants the bottom row first, as 0xAABBGGRR; a large one is scaled down."""
    picture = np.zeros((2, 2, 3), dtype=np.uint8)
    picture[0] = (255, 0, 0)
    np.testing.assert_array_equal(ranking.rgba(picture), [[0xFF000000] * 2, [0xFF0000FF] * 2])
    assert ranking.rgba(np.zeros((224, 224, 3), dtype=np.uint8)).shape == (128, 128)


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


def silenced():
    """Class 3 exists in both domains, class 8 in the target domain only."""
    return Silenced(
        model="target",
        neurons=(("a", 1),),
        classes=("3", "8"),
        n={"source": np.array([10, 0]), "target": np.array([5, 4])},
        before={"source": np.array([0.5, np.nan]), "target": np.array([0.8, 1.0])},
        after={"source": np.array([0.4, np.nan]), "target": np.array([0.8, 0.25])},
        random={
            "source": np.array([[0.5, np.nan], [0.7, np.nan]]),
            "target": np.array([[0.8, 0.75], [0.6, 0.5]]),
        },
    )


def test_silencing_is_shown_beside_random_neurons():
    """Class 8 loses 75 points of the target domain where random neurons lose 25 to 50; no bar without instances."""
    table = silencing.change_table(silenced()).set_index(["domain", "class_name"])
    assert len(table) == 3
    row = table.loc[("target", "8")]
    assert row[["change_points", "random_points", "low_points", "high_points"]].tolist() == [-75, -37.5, -50, -25]
    data = sources(silencing.silencing(silenced()))
    assert list(data["source"].data["class_name"]) == ["3"]
    assert list(data["target"].data["change"]) == pytest.approx([0, -0.75])
