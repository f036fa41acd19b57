from dataclasses import replace

import numpy as np
import pytest
import zigzag_case as toy
from bokeh.models import ColumnDataSource, HoverTool
from hypothesis import given, settings
from hypothesis import strategies as some

from tlx.errors import EmptyError
from tlx.figures import shades, theme
from tlx.figures.zigzag import margin_bars, matrices, weights
from tlx.figures.zigzag.figure import _source, zigzag
from tlx.figures.zigzag.layout import LOOK, CellHit, EdgeHit, NeuronHit, Shown, arrange, locate, stops
from tlx.figures.zigzag.subject import Options, layout_of
from tlx.results import Network, NeuronRef, SimilarityScales

LAYERS = tuple(toy.UNITS)


@pytest.fixture(scope="module")
def subject():
    return toy.subject()


@pytest.fixture(scope="module")
def layout(subject):
    return layout_of(subject, LAYERS, Options())


@pytest.fixture(scope="module")
def drawn(subject):
    return zigzag(subject, LAYERS)


def source(figure, name):
    (found,) = [one for one in figure.select({"type": ColumnDataSource}) if one.name == name]
    return found.data


# --- where things lie


def test_blocks_stand_in_the_papers_order(layout):
    """Matrices on the diagonal, target weights 1→2 below, source weights above it, and swapped after each layer."""
    found = {(block.row, block.column): (block.kind, block.rows.model, block.columns.model) for block in layout.blocks}
    assert found == {
        (0, 0): ("similarity", "source", "target"),
        (0, 1): ("weights", "source", "source"),
        (1, 0): ("weights", "target", "target"),
        (1, 1): ("similarity", "target", "source"),
        (1, 2): ("weights", "target", "target"),
        (2, 1): ("weights", "source", "source"),
        (2, 2): ("similarity", "source", "target"),
    }


def test_the_keyboard_stops_where_a_tap_would_choose(layout, drawn):
    """Every stop lies on what its words say: an index, a cell, or a weight; and each of them has one."""
    titles = {layer: f"layer {layer}" for layer in LAYERS}
    found = []
    for grid in stops(layout, titles):
        for x, column in zip(grid["x"], grid["across"], strict=True):
            for y, row in zip(grid["y"], grid["down"], strict=True):
                if not (row or column):
                    continue
                hit = locate(layout, x, y)
                found.append(hit)
                if isinstance(hit, NeuronHit):
                    assert f"{hit.model} neuron {hit.neuron}" == row + column
                    assert grid["title"] == f"layer {hit.layer}, similarity"
                elif isinstance(hit, CellHit):
                    assert {row, column} == {f"source neuron {hit.source}", f"target neuron {hit.target}"}
                else:
                    assert grid["title"] == f"{hit.model} weights, layer {hit.pair[0]} to layer {hit.pair[1]}"
                    assert {row, column} == {f"{hit.model} neuron {end}" for end in (hit.first, hit.second)}
    assert len(set(found)) == len(found)
    weights = sum(
        len(block.rows.shown.neurons) * len(block.columns.shown.neurons) for block in layout.of_kind("weights")
    )
    assert sum(isinstance(hit, EdgeHit) for hit in found) == weights
    assert drawn.tags[0]["stops"][0]["title"].endswith("similarity")


def test_rows_and_columns_of_neighbouring_blocks_are_aligned(drawn, subject):
    """In the drawn images, all blocks of a row share top and height, all of a column share left and width."""
    matrices, blue, red = (source(drawn, f"{name}") for name in ("similarity", "target_weights", "source_weights"))
    lying = {
        (0, 0): (matrices, 0), (1, 1): (matrices, 1), (2, 2): (matrices, 2),
        (0, 1): (red, 0), (2, 1): (red, 1), (1, 0): (blue, 0), (1, 2): (blue, 1),
    }  # fmt: skip
    for (row, column), (data, at) in lying.items():
        assert (data["y"][at], data["dh"][at]) == (matrices["y"][row], matrices["dh"][row])
        assert (data["x"][at], data["dw"][at]) == (matrices["x"][column], matrices["dw"][column])
        assert data["image"][at].shape == (
            len(layout_of(subject, LAYERS, Options()).rows[row].shown.neurons),
            len(layout_of(subject, LAYERS, Options()).columns[column].shown.neurons),
        )


def test_indices_stand_beside_their_rows_and_columns(drawn, layout):
    """Each index is level with the middle of its cells, in its model's colour."""
    data = source(drawn, "indices")
    at = {(m, t, n): i for i, (m, t, n) in enumerate(zip(data["model"], data["layer"], data["neuron"], strict=True))}
    row = at["source", "Layer 1: conv (4)", 0]
    column = at["target", "Layer 1: conv (4)", 0]
    assert data["y"][row] == layout.rows[0].centre(1)
    assert data["x"][column] == layout.columns[0].centre(1)
    assert (data["model"][row], data["model"][column]) == ("source", "target")
    assert (data["text"][row], data["rank"][row], data["rank_there"][row]) == ("0", 2, 2)
    assert (data["twin"][row], data["similarity"][row]) == (0, pytest.approx(0.9))


def test_names_stand_again_at_the_far_ends_of_weights(drawn, layout):
    """Source weights 1 → 2 have layer 2's columns on top, target weights their rows on the left; a tap finds them."""
    data = source(drawn, "indices")
    places = list(zip(data["layer"], data["model"], data["neuron"], data["x"], data["y"], strict=True))
    mine = [place[3:] for place in places if place[:3] == ("Layer 2: conv (5)", "source", 4)]
    assert sorted(x for x, _ in mine)[-1] == layout.columns[1].centre(0)
    assert {x for x, _ in mine} == {layout.columns[1].centre(0)}
    assert len(mine) == 2
    above = min(y for _, y in mine)
    assert layout.rows[0].head < above < layout.rows[0].start
    assert locate(layout, layout.columns[1].centre(0), above - 2) == NeuronHit("source", "conv2", 4)
    assert locate(layout, layout.columns[0].start - 8, layout.rows[1].centre(1)) == NeuronHit("target", "conv2", 4)


def test_feature_images_stand_at_the_heads_where_there_is_room(subject):
    """One for each row and column that has one, level with its cells, before the bar; without any nothing moves."""
    options = Options(looks=True)
    layout = layout_of(subject, LAYERS, options)
    looks = {NeuronRef("source", "conv1", 0): "data:a", NeuronRef("target", "conv1", 0): "data:b"}
    data = source(zigzag(subject, LAYERS, options, looks=looks), "heads")
    assert data["url"] == ["data:a", "data:b"]
    assert (data["y"][0], data["x"][1]) == (layout.rows[0].centre(1), layout.columns[0].centre(1))
    assert layout.columns[0].head < data["x"][0] + data["side"][0] / 2 < layout.columns[0].start
    assert layout_of(subject, LAYERS, Options()).columns[0].start == layout.columns[0].start - LOOK
    many = {(model, "l"): Shown(tuple(range(60)), 0) for model in ("source", "target")}
    crowded = arrange(many, ["l"], others=False, source=True, looks=True)
    assert crowded.rows[0].look == 0.0


def test_counterparts_of_another_index_are_linked_to_their_names(drawn, layout):
    """Target 2 of conv1 descends from source 3: a line from its row to the cell and up; the others have none."""
    data = source(drawn, "matches")
    columns = (data[name] for name in ("source", "target", "link_x", "link_y"))
    linked = {(source, target): (xs, ys) for source, target, xs, ys in zip(*columns, strict=True)}
    for (there, here), (xs, ys) in linked.items():
        assert bool(xs) == bool(ys) == (there != here)
    moved = [line for line in linked.values() if line[0]]
    assert moved
    for xs, ys in moved:
        assert xs[1] == xs[2]
        assert ys[0] == ys[1]
        assert (xs[0], ys[2]) in [(layout.columns[at].start, layout.rows[at].start) for at in range(3)]


def test_without_other_neurons_or_source_weights_their_places_vanish(subject, layout):
    """The two switches: bands go and the view shrinks; the source model's weights go and nothing moves."""
    small = layout_of(subject, LAYERS, Options(others=False))
    assert small.width < layout.width
    assert small.height < layout.height
    assert all(strip.band == 0 for strip in (*small.rows, *small.columns))
    blue = layout_of(subject, LAYERS, Options(source=False))
    assert {block.model for block in blue.of_kind("weights")} == {"target"}
    assert (blue.width, blue.height) == (layout.width, layout.height)


def test_a_tap_finds_cells_edges_indices_and_boxes(layout):
    """Middles of cells, indices and boxes lead back to what they show; gaps and histograms lead to nothing."""
    rows, columns = layout.rows, layout.columns
    assert locate(layout, columns[0].centre(0), rows[0].centre(1)) == CellHit("conv1", source=0, target=2)
    assert locate(layout, columns[1].centre(0), rows[1].centre(1)) == CellHit("conv2", source=4, target=4)
    assert locate(layout, columns[0].centre(1), rows[1].centre(0)) == EdgeHit("target", toy.FIRST, 0, 1)
    assert locate(layout, columns[1].centre(0), rows[0].centre(0)) == EdgeHit("source", toy.FIRST, 3, 4)
    assert locate(layout, columns[2].centre(0), rows[1].centre(1)) == EdgeHit("target", toy.SECOND, 4, 0)
    assert locate(layout, columns[1].start - 15, rows[1].centre(1)) == NeuronHit("target", "conv2", 4)
    assert locate(layout, columns[1].centre(0), rows[1].start - 15) == NeuronHit("source", "conv2", 4)
    assert locate(layout, columns[0].band_start + 5, rows[1].centre(0)) == NeuronHit("target", "conv2", 1)
    assert locate(layout, columns[0].band_start + 5, rows[0].centre(0)) is None  # a histogram of many neurons
    assert locate(layout, -1, -1) is None
    assert locate(layout, columns[2].centre(0), rows[0].centre(0)) is None  # an empty corner of the grid


@settings(max_examples=40, deadline=None)
@given(
    sizes=some.lists(some.tuples(some.integers(1, 60), some.integers(1, 60)), min_size=1, max_size=6), data=some.data()
)
def test_every_cell_leads_back_to_itself_whatever_the_sizes(sizes, data):
    """The middle of any cell of any block is located as that cell."""
    shown = {
        (model, f"l{at}"): Shown(tuple(range(100 * at, 100 * at + count)), 3)
        for at, pair in enumerate(sizes)
        for model, count in zip(("source", "target"), pair, strict=True)
    }
    layout = arrange(shown, [f"l{at}" for at in range(len(sizes))], others=True, source=True)
    block = data.draw(some.sampled_from(layout.blocks))
    row = data.draw(some.integers(0, len(block.rows.shown.neurons) - 1))
    column = data.draw(some.integers(0, len(block.columns.shown.neurons) - 1))
    hit = locate(layout, block.columns.centre(column), block.rows.centre(row))
    here = {block.rows.shown.neurons[row], block.columns.shown.neurons[column]}
    assert here == ({hit.source, hit.target} if isinstance(hit, CellHit) else {hit.first, hit.second})


# --- which neurons, in which order


@pytest.mark.parametrize(
    ("order", "targets", "sources"),
    [("rank", (2, 0), (3, 0)), ("index", (0, 2), (0, 3)), ("match", (2, 0), (3, 0))],
)
def test_neurons_stand_in_the_order_asked_for(subject, order, targets, sources):
    """By rank, by index, or each source neuron beside its counterpart in the target model."""
    layout = layout_of(subject, LAYERS, Options(order=order))
    assert (layout.columns[0].shown.neurons, layout.rows[0].shown.neurons) == (targets, sources)


def test_counterparts_side_by_side_put_the_counterpart_first(subject):
    """Target neurons 1 and 4 of conv2 lead, so do their counterparts; source neuron 2 is neither's and is last."""
    important = {**subject.source.important, "conv2": np.array([2, 4, 1])}
    more = replace(subject, source=replace(subject.source, important=important))
    layout = layout_of(more, LAYERS, Options(order="match"))
    assert layout.rows[1].shown.neurons == (1, 4)
    assert layout.columns[1].shown.neurons == (1, 4, 2)
    assert layout_of(more, LAYERS, Options()).columns[1].shown.neurons == (2, 4, 1)


def test_only_so_many_neurons_are_shown_and_the_rest_are_counted(subject):
    """With one neuron a layer, the others of conv1 are three."""
    strip = layout_of(subject, LAYERS, Options(shown=1)).columns[0]
    assert strip.shown == Shown((2,), 3)


def test_no_layer_is_one_sentence():
    """Nothing chosen is the user's to mend."""
    with pytest.raises(EmptyError, match="choose at least one"):
        layout_of(toy.subject(), (), Options())


# --- similarity matrices


def test_a_matrix_shows_the_similarities_of_the_important_neurons(drawn):
    """Rows source and columns target in the first matrix, the other way round in the second."""
    data = source(drawn, "similarity")
    np.testing.assert_allclose(data["image"][0], [[950, 500], [200, 900]])
    np.testing.assert_allclose(data["image"][1], [[300, 900], [900, 200]])
    assert data["source"][0].tolist() == [[3, 3], [0, 0]]
    assert data["target"][0].tolist() == [[2, 0], [2, 0]]
    assert data["target_rank"][1].tolist() == [[1, 1], [2, 2]]
    assert [[matrices.RELATIONS[code] for code in row] for row in data["relation"][0]] == [
        ["counterparts", ""],
        ["", "counterparts, and best match by the cosine of conductance"],
    ]


def test_brightness_is_one_fixed_scale_and_the_undefined_let_the_hatch_through(drawn):
    """0 is paper, 1 the darkest shade, in every matrix; the undefined is transparent over hatched paper."""
    (cells,) = [one for one in drawn.renderers if one.name == "similarity"]
    mapper = cells.glyph.color_mapper
    assert (mapper.low, mapper.high, mapper.high_color) == (0, 1000, "#00000000")
    assert (mapper.palette[0], mapper.palette[-1]) == (theme.PAPER, theme.INK)
    assert "/" in source(drawn, "papers")["hatch"]


def test_shades_are_evenly_spaced_in_lightness():
    """Equal steps of value are equal steps of CIE lightness, falling."""
    lightness = [shades._lab(shade)[0] for shade in shades.shades(shades.NEUTRAL_INK, 5)]
    np.testing.assert_allclose(np.diff(lightness), np.diff(lightness)[0], atol=0.4)
    assert np.diff(lightness)[0] < -15
    assert shades.shade(shades.NEUTRAL_INK, -0.4) == theme.PAPER


def test_an_inactive_neuron_is_undefined_in_its_matrix(subject):
    """If the inactive source neuron were shown, its whole row would be undefined."""
    important = {**subject.source.important, "conv1": np.array([1, 0])}
    shown = replace(subject, source=replace(subject.source, important=important))
    data = source(zigzag(shown, LAYERS), "similarity")
    assert (data["image"][0][0] == matrices.UNDEFINED).all()
    assert (data["image"][0][1] <= 1000).all()


def test_values_travel_in_thousandths_and_many_of_them_in_hundredths():
    """Rounded, signed, the undefined apart; a large matrix has coarser steps, so that it is sent in few bytes."""
    values = np.array([[0.1234, -0.5, np.nan, 1.0]], dtype=np.float32)
    assert matrices.thousandths(values).tolist() == [[123, -500, matrices.UNDEFINED, 1000]]
    many = matrices.thousandths(np.tile(values, (1000, 1)))
    assert many[-1].tolist() == [120, -500, matrices.UNDEFINED, 1000]


def test_long_columns_are_packed_without_moving_anything():
    """As compressed arrays numbers keep their value to a thirtieth of a pixel, NaN stays NaN, words stay words."""
    places = [at * 10.123 for at in range(300)] + [float("nan")]
    packed = _source({"x": places, "neuron": list(range(301)), "model": ["source"] * 301}, "long").data
    np.testing.assert_allclose(packed["x"], places, atol=1 / 30)
    assert packed["neuron"].tolist() == list(range(301))
    assert packed["model"] == ["source"] * 301
    assert _source({"x": [1.5, 2.5]}, "short").data["x"] == [1.5, 2.5]


def test_counterparts_are_framed_and_cornered_where_they_are_most_similar(drawn, layout):
    """Target 2 of conv1 corresponds to source 3 but is most similar to source 2; target 0 and source 0 are both."""
    data = source(drawn, "matches")
    found = list(zip(data["layer"], data["source"], data["target"], data["best"], strict=True))
    assert ("Layer 1: conv (4)", 3, 2, False) in found
    assert ("Layer 1: conv (4)", 0, 0, True) in found
    assert ("Layer 3: linear (3)", 2, 0, True) in found
    at = found.index(("Layer 1: conv (4)", 0, 0, True))
    assert (data["x"][at], data["y"][at]) == (layout.columns[0].centre(1), layout.rows[0].centre(1))
    assert [len(corner) == 3 for corner in data["corner_x"]] == data["best"]


def test_the_three_histograms_and_the_cells_count_every_pair_once(subject, layout):
    """Each region's counts equal a plain histogram of its pairs; the undefined are counted apart."""
    block = layout.of_kind("similarity")[0]
    regions = matrices.regions(block, subject)
    matrix = toy.SIMILARITY["conv1"]
    rest = {"right": matrix[[3, 0]][:, [1, 3]], "below": matrix[[1, 2]][:, [2, 0]], "corner": matrix[[1, 2]][:, [1, 3]]}
    for region, values in rest.items():
        plain = np.histogram(values[np.isfinite(values)], np.linspace(-1, 1, 21))[0]
        assert regions[region][:-1].tolist() == plain.tolist(), region
        assert regions[region][-1] == np.isnan(values).sum(), region


def test_histogram_bars_say_what_they_count(drawn):
    """The bar of the undefined pairs is hatched and counts two of four."""
    data = source(drawn, "similarity_bars")
    rows = list(zip(data["about"], data["span"], data["count"], data["share"], data["hatch"], strict=True))
    assert ("Layer 1: conv (4), other source neurons with important target neurons", "undefined", 2, 0.5, "/") in rows


# --- weights


def test_weight_cells_hold_values_counts_states_and_counterparts(drawn):
    """Rows are conv2's target neurons 1 and 4, columns conv1's 2 and 0; the darkest shade is the largest of all."""
    data = source(drawn, "target_weights")
    np.testing.assert_allclose(data["image"][0] * 3.4 / 1000, [[2.1, 0.1], [2.4, 0.4]], atol=0.5 * 3.4 / 1000)
    assert data["count"][0].tolist() == [[3, 1], [6, 4]]
    assert [[weights.STATES[code] for code in row] for row in data["state"][0]] == [
        ["yes, kept", "no"],
        ["no", "yes, kept"],
    ]
    assert data["match_first"][0].tolist() == [[3, 0], [3, 0]]
    assert data["match_second"][0].tolist() == [[1, 1], [4, 4]]
    assert data["darkest"][0] == pytest.approx(3.4)


def test_one_scale_holds_for_the_weights_of_both_models(subject):
    """The larger model's largest value is the darkest of both, however few neurons are shown."""
    edges = {pair: replace(held, value=2 * held.value) for pair, held in subject.source.edges.items()}
    larger = replace(subject, source=replace(subject.source, edges=edges))
    for options in (Options(), Options(shown=1, source=True)):
        blue, red = (source(zigzag(larger, LAYERS, options), f"{model}_weights") for model in ("target", "source"))
        assert blue["darkest"] == red["darkest"] == pytest.approx([6.8, 2 * (4 + 0.2)])


def test_red_dots_mark_kept_target_edges_only(drawn, layout):
    """Important edges are outlined in both models; only kept ones of the target model have a dot."""
    data = source(drawn, "marks")
    dotted = {(x, y) for x, y, dot in zip(data["x"], data["y"], data["dot"], strict=True) if dot > 0}
    rows, columns = layout.rows, layout.columns
    assert dotted == {
        (columns[0].centre(0), rows[1].centre(0)),
        (columns[0].centre(1), rows[1].centre(1)),
        (columns[2].centre(0), rows[1].centre(0)),
    }
    assert data["model"].count("source") == 3
    assert not any(np.isfinite(dot) for dot, model in zip(data["dot"], data["model"], strict=True) if model == "source")


def test_boxes_summarise_important_edges_to_other_neurons_with_their_kept_share(drawn):
    """Target neuron 0 of conv1 has one such edge, (0, 0); neuron 1 of conv2 has (3, 1), which is kept."""
    data = source(drawn, "boxes")
    rows = {
        (model, layer, neuron, other): (count, median, kept)
        for model, layer, neuron, other, count, median, kept in zip(
            *(data[name] for name in ("model", "layer", "neuron", "other", "count", "median", "kept")), strict=True
        )
        if model == "target"
    }
    one, two, three = "Layer 1: conv (4)", "Layer 2: conv (5)", "Layer 3: linear (3)"
    assert rows == {
        ("target", one, 0, two): (1, pytest.approx(0.0), 0),
        ("target", two, 1, one): (1, pytest.approx(3.1), 1),
        ("target", two, 4, three): (1, pytest.approx(4.2), 0),
    }


def test_a_box_is_as_thick_as_it_has_edges():
    """Three edges of one neuron make a box three times as thick as one edge of another."""
    subject = toy.subject()
    important = np.array([(2, 0), (2, 2), (2, 3), (0, 0)])
    edges = replace(subject.target.edges[toy.FIRST], important=important)
    target = replace(subject.target, edges={toy.FIRST: edges})
    compared = replace(subject.comparison, kept={toy.FIRST: np.array([True, False, False, True])})
    data = source(zigzag(replace(subject, target=target, comparison=compared), ("conv1", "conv2")), "boxes")
    blue = [at for at, model in enumerate(data["model"]) if model == "target"]
    thick = {data["neuron"][at]: data["right"][at] - data["left"][at] for at in blue}
    assert thick[2] == pytest.approx(3 * thick[0])
    at = data["neuron"].index(2)
    assert [data[name][at] for name in ("least", "lower", "median", "upper", "most")] == pytest.approx(
        [2.0, 2.1, 2.2, 2.25, 2.3]
    )
    assert data["share"][at] == pytest.approx(1 / 3)


def test_the_source_side_has_no_pies(drawn):
    """Pies have a size on the target side only."""
    data = source(drawn, "boxes")
    assert {model: bool(radius > 0) for model, radius in zip(data["model"], data["pie_radius"], strict=True)} == {
        "source": False,
        "target": True,
    }


def test_the_fourth_region_counts_important_edges_between_other_neurons(drawn):
    """(2, 1) from conv2 to fc3 joins two other neurons: one edge in the target's histogram of that pair."""
    data = source(drawn, "weight_bars")
    counted = [n for n, about in zip(data["count"], data["about"], strict=True) if "target model" in about]
    assert counted == [1]


def test_marks_of_large_blocks_become_one_image(subject, monkeypatch):
    """Above a limit dots are points of an image: corners for important edges, a red middle for kept ones."""
    monkeypatch.setattr(weights, "MANY", 3)
    figure = zigzag(subject, LAYERS)
    assert source(figure, "many_marks")["image"][1].tolist() == [
        [2, 0, 2, 0, 0, 0],
        [0, 3, 0, 0, 0, 0],
        [2, 0, 2, 0, 0, 0],
        [0, 0, 0, 2, 0, 2],
        [0, 0, 0, 0, 3, 0],
        [0, 0, 0, 2, 0, 2],
    ]
    assert len(source(figure, "marks")["x"]) == 2  # what the small blocks to fc3 keep, one in each model


def test_layers_that_are_not_joined_say_why(subject):
    """No single module between them, or layers between them left out: one sentence in the gap, matrices stay."""
    skipping = source(zigzag(subject, ("conv1", "fc3")), "gaps")
    assert "layers 1 and 3 are not neighbours" in " ".join(skipping["text"][0].split())
    why = "a residual block adds another path"
    network = Network("toy", toy.LAYERS, {toy.SECOND: "fc3"}, {toy.FIRST: why}, 20, 99)
    bare = {
        model: replace(subject.model(model), edges={toy.SECOND: subject.model(model).edges[toy.SECOND]})
        for model in ("source", "target")
    }
    figure = zigzag(replace(subject, network=network, **bare), LAYERS)
    assert why in " ".join(source(figure, "gaps")["text"][0].split())
    assert len(source(figure, "similarity")["image"]) == 3
    assert len(source(figure, "target_weights")["image"]) == 1


def test_the_chosen_neuron_is_framed_along_its_row(subject, layout):
    """Target neuron 4 of conv2 is the second row of the second strip, across three blocks."""
    data = source(zigzag(subject, LAYERS, chosen=("target", "conv2", 4)), "focus")
    assert len(data["top"]) == 3
    assert set(data["top"]) == {layout.rows[1].start + layout.rows[1].pitch}
    assert source(zigzag(subject, LAYERS, chosen=("target", "conv2", 3)), "focus")["top"] == []


def test_the_chosen_edge_and_its_counterpart_are_framed(subject, layout):
    """Target edge 2 → 1 lies in the first cell of the blue block, source edge 3 → 1 in its own of the red block."""
    edges = (EdgeHit("target", toy.FIRST, 2, 1), EdgeHit("source", toy.FIRST, 3, 1))
    data = source(zigzag(subject, LAYERS, edges=edges), "edge_focus")
    sides = zip(*(data[name] for name in ("model", "left", "right", "top", "bottom")), strict=True)
    middles = {model: ((left + right) / 2, (top + low) / 2) for model, left, right, top, low in sides}
    assert middles == {
        "target": (layout.columns[0].centre(0), layout.rows[1].centre(0)),
        "source": (layout.columns[1].centre(1), layout.rows[0].centre(0)),
    }
    assert source(zigzag(subject, LAYERS, edges=[EdgeHit("target", toy.FIRST, 3, 1)]), "edge_focus")["top"] == []


def test_each_matrix_says_how_alike_counterparts_and_others_are(drawn, subject):
    """The medians stand above the matrix, "–" for what is unknown."""
    assert source(drawn, "titles")["range"][:2] == [
        "counterparts 0.95, others 0.40",
        "counterparts 0.95, others 0.30",
    ]
    table = subject.scales.table.assign(counterparts=np.nan)
    silent = replace(subject, scales=SimilarityScales("cup", table))
    assert source(zigzag(silent, LAYERS), "titles")["range"][0].startswith("counterparts –, others 0.40")


def test_the_scale_beyond_other_pairs_starts_at_their_median(subject, drawn):
    """White is the layer's median of other pairs, darkest is 1 still, and the tooltip's number is what it was."""
    data, fixed = (source(one, "similarity") for one in (zigzag(subject, LAYERS, Options(scale="beyond")), drawn))
    assert data["white"] == pytest.approx([0.4, 0.3, 0.2])
    assert fixed["white"] == [0, 0, 0]
    for at, white in enumerate(data["white"]):
        told = white + data["image"][at] / 1000 * (1 - white)
        np.testing.assert_allclose(told, fixed["image"][at] / 1000, atol=1e-3)
    assert data["image"][0][0, 0] == round(1000 * (0.95 - 0.4) / 0.6)


def test_a_scale_that_starts_near_one_still_tells_the_lowest_similarity():
    """-1 seen from a white of 0.97 lies 65 lengths of the scale below it, more than two bytes hold."""
    image = matrices.thousandths(matrices.beyond(np.array([[-1.0, 0.97, 1.0]]), 0.97))
    assert 0.97 + image[0] / 1000 * 0.03 == pytest.approx([-1, 0.97, 1], abs=1e-4)


def test_the_scale_is_the_results_where_nobody_chose_one(subject):
    """From 0 to 1 unless most pairs of others would be darker than the middle of that scale."""
    assert subject.scale(Options()) == "fixed"
    pale = replace(subject, scales=SimilarityScales("cup", subject.scales.table.assign(others=0.8)))
    assert pale.scale(Options()) == "beyond"
    assert pale.scale(Options(scale="fixed")) == "fixed"


def test_another_measure_is_drawn_counted_and_named(subject):
    """Cells, marks, indices, histograms and tooltips follow the measure; the paper's match does not."""
    half = replace(subject, measure="activations", alike=toy.of_activations())
    figure = zigzag(half, LAYERS)
    np.testing.assert_allclose(source(figure, "similarity")["image"][0], [[475, 250], [100, 450]])
    assert source(figure, "matches")["similarity"][0] == pytest.approx(0.475)
    assert source(figure, "matches")["best"] == source(zigzag(subject, LAYERS), "matches")["best"]
    assert "0.4 to 0.5" in source(figure, "similarity_bars")["span"]
    tips = "".join(str(tool.tooltips) for tool in figure.select({"type": HoverTool}))
    assert "correlation of activations @relation{value}" in tips
    assert "correlation of activations @similarity{0.00}" in tips


def test_each_target_block_says_how_much_of_it_is_kept(drawn):
    """Three of four edges and two of three, as the comparison has it; the source side says nothing of the kind."""
    held = source(drawn, "captions")
    said = dict(zip(held["text"], held["short"], strict=True))
    assert said == {
        "source weights 1 → 2": "1 → 2",
        "target weights 1 → 2, 75\N{NO-BREAK SPACE}% kept": "1 → 2, 75\N{NO-BREAK SPACE}% kept",
        "target weights 2 → 3, 67\N{NO-BREAK SPACE}% kept": "2 → 3, 67\N{NO-BREAK SPACE}% kept",
        "source weights 2 → 3": "2 → 3",
    }


def test_a_whole_matrix_is_counted_once(subject, layout, monkeypatch):
    """Drawn again with other options, only the parts that are shown are counted."""
    zigzag(subject, LAYERS)
    counted = []
    monkeypatch.setattr(
        matrices, "tally", lambda values, *rest: counted.append(values.shape) or margin_bars.tally(values, *rest)
    )
    zigzag(subject, LAYERS, Options(order="index"))
    assert counted
    assert toy.SIMILARITY["conv1"].shape not in counted


def test_every_kind_of_mark_has_a_tooltip(drawn):
    """Cells, weights of both models, bars, boxes with pies, frames and indices answer to the pointer."""
    told = {one.data_source.name for tool in drawn.select({"type": HoverTool}) for one in tool.renderers}
    assert told == {
        "similarity", "similarity_bars", "source_weights", "target_weights", "weight_bars", "boxes", "bars", "indices",
            "heads",
    }  # fmt: skip


def test_one_layer_alone_is_one_matrix(subject):
    """A single layer has a matrix and no weights."""
    figure = zigzag(subject, ("conv2",))
    assert len(source(figure, "similarity")["image"]) == 1
    assert source(figure, "target_weights")["image"] == []
