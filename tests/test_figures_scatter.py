from dataclasses import replace

import numpy as np
import pytest
import statistics_case as toy
from bokeh.models import GlyphRenderer, HoverTool, Legend

from tlx import pipeline
from tlx.figures import labels, theme
from tlx.figures.pictures import Pictures
from tlx.figures.scatter import MARKS, points, scatter

PICTURES = Pictures({"source": ("s0.webp", "s1.webp"), "target": ("t0.webp",)}, tile=8, columns=2)


@pytest.fixture
def drawn(monkeypatch):
    """The embedding of two classes, all instances, and the colours of the classes."""
    case = toy.install(monkeypatch)
    chosen = toy.CLASSES[:2]
    return toy.embedded(case, chosen), pipeline.instances(case), theme.class_colours(chosen)


def _data(plot, name):
    found = [model for model in plot.select({"name": name}) if hasattr(model, "data")]
    return found[0].data


def test_every_instance_stands_at_its_place(drawn):
    """Coordinates, domain and index of each mark are those of the embedding."""
    embedding, instances, colours = drawn
    data = _data(scatter(embedding, instances, colours), "points")
    found = {
        (domain, int(at)): (x, y)
        for domain, at, x, y in zip(data["domain"], data["instance"], data["x"], data["y"], strict=True)
    }
    for row in range(len(embedding.label)):
        assert found[embedding.domain[row], int(embedding.instance[row])] == tuple(embedding.coordinates[row])
    assert len(found) == 14


def test_face_shape_and_border_say_class_domain_and_prediction(drawn):
    """Face = class, turned cross = source, circle = target, dark border = mispredicted by the plot's model."""
    embedding, instances, colours = drawn
    data = points(embedding, instances, colours)
    assert (data["fill"] == data["label"].map(colours)).all()
    assert set(zip(data["domain"], data["marker"], strict=True)) == {("source", "plus"), ("target", "circle")}
    assert set(data.loc[data["domain"] == "source", "angle"]) == {np.pi / 4}
    wrong = data[data["border"] == theme.MISPREDICTED]
    assert wrong[["domain", "instance"]].to_numpy().tolist() == [["target", 0]]
    assert wrong["width"].iloc[0] > 1.5 * data.loc[~data["wrong"], "width"].max()


def test_each_plot_marks_the_errors_of_its_own_model(drawn):
    """The source model errs elsewhere: its plot has other borders, verdicts and tops."""
    embedding, instances, colours = drawn
    instances = instances.assign(source_prediction=instances["label"].where(instances["instance"] != 3, "book"))
    of = {}
    for model, said in (("target", "prediction"), ("source", "source_prediction")):
        data = points(replace(embedding, model=model), instances, colours)
        wrong = data["label"] != data[said]
        assert (data["wrong"] == wrong).all()
        assert ((data["border"] == theme.MISPREDICTED) == wrong).all()
        assert data["wrong"].is_monotonic_increasing
        of[model] = {(one.domain, one.instance) for one in data[wrong].itertuples()}
        verdicts = {"target": data["verdict"], "source": data["source_verdict"]}[model]
        assert (verdicts.map({"✓": False, "✗": True}) == wrong).all()
    assert of["source"] != of["target"]
    assert of["source"]


def test_circles_lie_on_crosses_and_errors_on_both(drawn):
    """What is drawn last is seen; a cross covers little and lets shine through."""
    data = points(*drawn)
    kinds = [(bool(wrong), domain == "target") for wrong, domain in zip(data["wrong"], data["domain"], strict=True)]
    assert kinds == sorted(kinds)
    assert data["wrong"].tolist() == [False] * 13 + [True]
    assert MARKS["source"][2] <= MARKS["target"][2]
    assert MARKS["source"][3] < 0.6


def test_each_class_is_named_among_its_target_instances(drawn):
    """The name stands on an instance of its class, of the target domain where it has any."""
    plot = scatter(*drawn)
    data, names = points(*drawn), _data(plot, "names")
    for name, x, y in zip(names["name"], names["x"], names["y"], strict=True):
        here = data[(data["x"] == x) & (data["y"] == y)]
        assert here[["label", "domain"]].to_numpy().tolist() == [[name, "target"]]


def test_names_keep_off_one_another_and_off_the_marks():
    """Thirty-one groups crowded on one spot: no two labels overlap, and few marks lie under them."""
    rng = np.random.default_rng(0)
    anchors = rng.normal(size=(31, 2))
    marks = np.concatenate([anchors + rng.normal(scale=0.1, size=(31, 2)) for _ in range(40)])
    marks = np.concatenate([marks, [[-15.0, -9.0], [15.0, 9.0]]])  # elsewhere there is room
    names = [f"class {at}" for at in range(31)]
    moved = labels.offsets(anchors, names, marks, 760)
    unit = labels._scale(marks, 760)
    middles, half = anchors / unit + moved, np.array([8 * labels.LETTER + labels.PADDING, labels.LINE]) / 2
    apart = np.abs(middles[:, None] - middles[None])
    overlap = (apart < 2 * half - 5).all(axis=2) & ~np.eye(31, dtype=bool)  # one name has a letter less
    assert not overlap.any()
    covered = [(np.abs(marks / unit - middle) < half).all(axis=1).sum() for middle in middles]
    unmoved = [(np.abs(marks / unit - middle) < half).all(axis=1).sum() for middle in anchors / unit]
    assert sum(covered) < sum(unmoved) / 3


def test_names_stay_in_the_frame():
    """A group in each corner: every label lies within 330 x 470 px around the marks' middle."""
    corners = np.array([[0.0, 0.0], [330.0, 0.0], [0.0, 470.0], [330.0, 470.0]]) / 1.1
    moved = labels.offsets(corners, ["a long name here"] * 4, corners, 330)
    middles = corners / labels._scale(corners, 330) + moved - corners.mean(axis=0) / labels._scale(corners, 330)
    half = np.array([16 * labels.LETTER + labels.PADDING, labels.LINE]) / 2
    assert (np.abs(middles) + half <= np.array([165, 235]) + 1e-9).all()


def test_a_lonely_name_stands_beside_its_group():
    """A free group's label covers none of its marks and is less than 40 px away."""
    marks = np.array([[0.0, 0.0], [0.1, 0.1], [100.0, 0.0]])
    (moved,) = labels.offsets(marks[:1], ["cup"], marks, 760)
    assert 10 < np.linalg.norm(moved) < 40


def test_the_picked_instance_is_ringed(drawn):
    """The ring stands around the picked instance; one that is not drawn has none."""
    ring = _data(scatter(*drawn, picked=("target", 1)), "picked")
    assert (ring["domain"].tolist(), ring["instance"].tolist()) == (["target"], [1])
    assert len(_data(scatter(*drawn, picked=("target", 2)), "picked")["x"]) == 0


def test_the_legend_has_classes_shapes_and_border(drawn):
    """Beside the plot stand the two shapes, the border and each class in its colour, in the order chosen."""
    plot = scatter(*drawn)
    legend = plot.select_one({"type": Legend})
    assert legend in plot.right
    assert [item.label.value for item in legend.items][3:] == list(toy.CLASSES[:2])
    assert not list(scatter(*drawn, legend=False).select({"type": Legend}))


def test_a_picture_is_a_window_on_its_sheet():
    """Four tiles a sheet: instance 6 of source is on its second sheet, row 1, column 0; target sheets come after."""
    assert PICTURES.place(6) == (1, 0, 1)
    assert PICTURES.place(1) == (0, 1, 0)
    columns = PICTURES.columns_of(np.array(["source", "target"]), np.array([6, 1]), size=50)
    assert {name: values.tolist() for name, values in columns.items()} == {
        "sheet": [1, 2],
        "left": [0, 50],
        "top": [50, 0],
    }
    tooltip = PICTURES.tooltip(50)
    assert "url('@{sheet}{url}')" in tooltip
    assert "background-position:-@{left}px -@{top}px" in tooltip
    assert "background-size:100px" in tooltip


def test_tooltips_show_the_image_and_escape_names(drawn):
    """The tooltip's picture is the instance's window; names are columns, which Bokeh escapes, never HTML."""
    pictures = Pictures({"source": ("s0.webp", "s1.webp"), "target": ("t0.webp",)}, tile=8, columns=3)
    plot = scatter(*drawn, pictures=pictures)
    hover = plot.select_one({"type": HoverTool})
    assert "@{sheet}{url}" in hover.tooltips
    assert hover.formatters["@{sheet}"].args["urls"] == ["s0.webp", "s1.webp", "t0.webp"]
    assert "safe" not in hover.tooltips
    assert "pen" not in hover.tooltips
    data = _data(plot, "points")
    assert data["sheet"].max() == 2
    for name in ("@label", "@domain", "@prediction", "@confidence", "@source_prediction"):
        assert name in hover.tooltips


def test_the_rim_of_mispredicted_marks_fades_with_them(drawn):
    """The light rim that shows a dark border on a dark page is drawn from the marks' own source, and only there."""
    plot = scatter(*drawn)
    rim, marks = (plot.select_one({"name": name, "type": GlyphRenderer}) for name in ("halo", "marks"))
    assert rim.data_source is marks.data_source
    sizes = rim.data_source.data["halo"]
    assert (sizes[:-1] == 0).all()
    assert sizes[-1] > marks.data_source.data["size"][-1]
