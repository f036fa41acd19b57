import numpy as np
import pandas as pd
import pytest
import statistics_case as toy
from bokeh.models import HoverTool, Text

from tlx.figures import theme
from tlx.figures.accuracy import (
    FRAME,
    GAP,
    LETTER_LINE,
    LINES,
    TOP,
    accuracy,
    drawn_at_first,
    lines_of,
    places,
)
from tlx.figures.confusion import confusion
from tlx.figures.domain_score import domain_score

HISTORY = toy.history(None)
COUNTS = pd.DataFrame([[3, 1, 0], [0, 0, 0], [2, 2, 4]], index=list("abc"), columns=list("abc"))


def named(plot, name):
    return next(iter(plot.select({"name": name})), None)


def shown(plot):
    """Names of the lines that are drawn, as the axis beside the plot has them."""
    return list(named(plot, "name of lines").data["name"])


def test_the_two_lines_of_the_score_and_six_of_the_paper_are_shown():
    """Both models on target validation, then both training sets and the own validation set for each of the models."""
    assert shown(accuracy(HISTORY)) == [
        "target validation (T)",
        "target validation (S)",
        "source training (S)",
        "target training (S)",
        "source validation (S)",
        "source training (T)",
        "target training (T)",
    ]
    widths = {line: named(accuracy(HISTORY), f"line {' '.join(line)}").glyph.line_width for line in {*GAP, *LINES}}
    assert {line for line, width in widths.items() if width == max(widths.values())} == set(GAP)


def test_every_name_stands_at_its_lines_end_and_none_on_another():
    """Eight lines that end at one accuracy, at the top: names are a line of text apart and inside the plot."""
    plot = accuracy(HISTORY.assign(accuracy=1.0), list(lines_of(HISTORY)))
    names = named(plot, "name of lines").data
    heights = np.sort(names["height"])
    assert len(heights) == 8
    assert np.diff(heights).min() >= LETTER_LINE / FRAME * TOP - 1e-9
    assert heights.max() <= TOP
    axis = named(plot, "names")
    assert axis in plot.right
    assert axis.major_label_overrides == dict(zip(names["height"], names["name"], strict=True))
    np.testing.assert_allclose(names["y"], 1.0)
    np.testing.assert_allclose(names["x"], 3)


def test_names_with_room_stand_where_their_lines_end():
    np.testing.assert_allclose(places(np.array([0.2, 0.9, 0.5]), 0.06), [0.2, 0.9, 0.5])
    low = np.sort(places(np.zeros(3), 0.06))
    np.testing.assert_allclose(low, [0.03, 0.09, 0.15])


def test_colour_dashes_and_marker_say_data_split_and_model():
    """Colour is the data's domain, dashes are validation, a cross is the source model and a circle the target model."""
    plot = accuracy(HISTORY)
    for model, domain, split in LINES:
        line = named(plot, f"line {model} {domain} {split}").glyph
        points = named(plot, f"points {model} {domain} {split}").glyph
        assert line.line_color == points.line_color == theme.COLOURS[domain]
        assert bool(line.line_dash) == (split == "validation")
        assert points.marker == {"source": "x", "target": "circle"}[model]


def test_lines_hold_the_history_in_epoch_order():
    """The data are the history's rows by epoch, whatever their order."""
    source = named(accuracy(HISTORY.iloc[::-1]), "target target validation")
    assert source.data["epoch"].tolist() == [0, 1, 2, 3]
    assert source.data["accuracy"].tolist() == pytest.approx([0.5, 0.6, 0.7, 0.8])


def test_the_accuracy_axis_runs_from_zero_to_one():
    """The whole range of accuracies is shown, so that differences keep their size."""
    plot = accuracy(HISTORY)
    assert plot.y_range.start == 0
    assert 1 <= plot.y_range.end < 1.05


def test_other_lines_wait_until_they_are_asked_for():
    """The target model on source validation is offered, and drawn when it is asked for, alone."""
    asked = "target source validation"
    assert named(accuracy(HISTORY), f"line {asked}") is None
    assert lines_of(HISTORY)[asked] == "source validation (T)"
    assert asked not in drawn_at_first(HISTORY)
    assert shown(accuracy(HISTORY, [asked])) == ["source validation (T)"]
    assert shown(accuracy(HISTORY, [])) == []


def test_a_control_alone_is_drawn():
    """Without the models' histories there is nothing else to see."""
    rows = toy.control(None).history
    assert shown(accuracy(rows)) == ["target validation (from scratch)"]


def test_lines_without_rows_are_left_out():
    """A history of one model alone gives that model's lines."""
    assert shown(accuracy(HISTORY[HISTORY["model"] == "source"])) == [
        "target validation (S)",
        "source training (S)",
        "target training (S)",
        "source validation (S)",
    ]


def test_confusion_cells_are_shares_of_their_row_on_a_fixed_scale():
    """Row a: three quarters right, one quarter taken for b; a class without instances stays empty."""
    plot = confusion(COUNTS, model="target")
    cells = named(plot, "cells").data
    expected = [[0.75, 0.25, 0], [0, 0, 0], [0.25, 0.25, 0.5]]
    np.testing.assert_allclose(cells["image"][0], expected)
    np.testing.assert_array_equal(cells["count"][0], COUNTS.to_numpy())
    mapper = named(plot, "matrix").glyph.color_mapper
    assert (mapper.low, mapper.high) == (0, 1)


def test_the_first_class_stands_on_top():
    """The matrix reads like a table: rows downwards, columns to the right, image row 0 at the top."""
    plot = confusion(COUNTS, model="source")
    assert (plot.y_range.start, plot.y_range.end) == (3, 0)
    assert named(plot, "matrix").glyph.y == 0
    assert plot.yaxis[0].major_label_overrides[0.5] == "a"


def test_numbers_are_written_into_the_cells_that_have_some():
    """Counts stand at the middle of their cell, in an ink that reads on it."""
    data = named(confusion(COUNTS, model="target"), "counts").data
    written = {(x, y): count for x, y, count in zip(data["x"], data["y"], data["count"], strict=True)}
    assert written == {(0.5, 0.5): "3", (1.5, 0.5): "1", (0.5, 2.5): "2", (1.5, 2.5): "2", (2.5, 2.5): "4"}
    assert data["colour"][0] == "#ffffff"
    assert data["colour"][1] == theme.INK


def test_many_classes_have_no_numbers_in_their_cells():
    """Beyond sixteen classes the numbers would not fit; the tooltip has them."""
    names = [f"class {at}" for at in range(31)]
    plot = confusion(pd.DataFrame(np.eye(31, dtype=int), names, names), model="target")
    assert not [renderer for renderer in plot.renderers if isinstance(renderer.glyph, Text)]
    assert plot.select_one({"type": HoverTool})


def test_the_chosen_class_is_framed():
    """The row of the chosen class has a frame; an unknown class has none."""
    assert named(confusion(COUNTS, model="target", chosen="c"), "chosen").data["y"] == [2.5]
    assert named(confusion(COUNTS, model="target", chosen="z"), "chosen") is None


def test_domain_scores_are_counted_on_either_side_of_zero():
    """Bars hold every instance once, source above and target below, and none straddles the boundary."""
    plot = domain_score(toy.domain_scores())
    for domain, side, left_of_zero in (("source", 1, 2), ("target", -1, 1)):
        data = next(model.data for model in plot.select({"name": domain}) if hasattr(model, "data"))
        np.testing.assert_array_equal(data["top"], side * data["count"])
        assert data["count"][data["right"] <= 1e-9].sum() == left_of_zero
        assert data["count"].sum() == {"source": 2, "target": 3}[domain]
        assert not ((data["left"] < -1e-9) & (data["right"] > 1e-9)).any()


def test_the_picked_instance_is_marked_at_its_score():
    """Target instance 6 stands at -0.5; source instance 6 is another one and not of this class."""
    assert named(domain_score(toy.domain_scores(), ("target", 6)), "picked").data["x"].tolist() == [-0.5]
    assert len(named(domain_score(toy.domain_scores(), ("source", 6)), "picked").data["x"]) == 0


def test_class_colours_are_told_apart():
    """All colours of the palette differ, also from both domains' colours, and none is near white or near black."""
    colours = list(theme.class_colours(map(str, range(36))).values())
    assert len({*colours, theme.SOURCE, theme.TARGET}) == 38
    assert min(_distances(colours)) > 0.08
    assert all(0.03 < theme._luminance(colour) < 0.8 for colour in colours)


def _distances(colours):
    """Distances of all pairs in OKLab (Ottosson 2020)."""
    share = np.array([[int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)] for colour in colours])
    linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    cones = [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
    turn = [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
    lab = np.cbrt(linear @ np.array(cones).T) @ np.array(turn).T
    return np.linalg.norm(lab[:, None] - lab[None], axis=2)[np.triu_indices(len(colours), 1)]


def test_text_on_a_colour_reads():
    """White on dark, ink on light."""
    assert theme.text_on("#0d4370") == "#ffffff"
    assert theme.text_on(theme.PAPER) == theme.INK


def test_a_ramp_runs_from_paper_to_the_darkest():
    """The scale starts on paper, passes the model's colour at one half and ends at its darkest."""
    ramp = theme.ramp("source", 3)
    assert ramp == [theme.PAPER, theme.SOURCE, theme.DARKEST["source"]]
