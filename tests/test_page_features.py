"""The Features page on hand-made results: what is ranked, drawn, ticked, chosen and offered."""

from __future__ import annotations

import fakes
import numpy as np
import pytest
import statistics_case as toy
from streamlit_help import app, fire, run_to_end, source_of, text_of

from tlx.analysis import statistics
from tlx.analysis.crops import Crop
from tlx.app import pictures
from tlx.app.features import discriminability_panel
from tlx.errors import EmptyError
from tlx.figures.pictures import Pictures
from tlx.results import Abstraction, Contribution, Discriminability, LayerGap, Silenced
from tlx.storage import memory

PAGE = "pages/4_Features.py"
LAYERS = {"conv1": 4, "fc2": 6}
NEURONS = tuple((layer, index) for layer, units in LAYERS.items() for index in range(units))
ROWS = {"source": [0, 3, 6, 9], "target": [0, 3, 6]}  # the instances of class cup
LOW = {"low": 0.8}


def discriminability(case, class_name, model="target"):
    """Ten neurons; column k has weight -(k + 1) / 10 for even k and (k + 1) / 10 for odd: the last one leads."""
    if class_name == "book":
        raise EmptyError("class 'book' has no instance in the source domain")
    rng = np.random.default_rng(0)
    values = rng.normal(size=(7, len(NEURONS)))
    weights = np.array([(-1) ** (k + 1) * (k + 1) / 10 for k in range(len(NEURONS))])
    axes = np.stack([weights / np.linalg.norm(weights), np.full(len(NEURONS), len(NEURONS) ** -0.5)], axis=1)
    standard = (values - values.mean(axis=0)) / values.std(axis=0)
    return Discriminability(
        class_name=class_name,
        model=model,
        neurons=NEURONS,
        weights=weights,
        ranking=np.argsort(-np.abs(weights)),
        accuracy=0.9,
        low=LOW["low"],
        high=0.95,
        fold_accuracy=np.ones(4),
        a_distance=1.6,
        coordinates=standard @ axes,
        axes=axes,
        boundary=0.25,
        domain=np.array(["source"] * 4 + ["target"] * 3, dtype=object),
        instances=np.array(ROWS["source"] + ROWS["target"]),
        decision=np.linspace(-1, 1, 7),
        values=values,
        constant=(),
        regularisation=0.1,
    )


def abstraction(case, model, class_name):
    scores = {layer: np.arange(units, dtype=float) for layer, units in LAYERS.items()}
    return Abstraction(model, class_name, 3, scores, {name: np.arange(n) for name, n in LAYERS.items()}, {}, {})


def contribution_on(case, model, class_name):
    """Of conv1 neuron 3, and no other, lowers the score."""
    mean = np.where(np.arange(10) == 3, -0.41, 1.5).astype(np.float32)
    return Contribution(mean, np.array([0.012, 0.094]), tuple(LAYERS), tuple(LAYERS.values()), True, 8)


def neuron_images(case, model, neurons):
    return {pair: np.full((8, 8, 3), 10 * pair[1], dtype=np.uint8) for pair in neurons}


def feature_image(case, model, layer, neuron):
    return np.zeros((8, 8, 3), dtype=np.uint8)


def crops(case, model, layer, neuron, count=6):
    return {
        "source": [Crop(np.zeros((5, 5, 3), dtype=np.uint8), 3, "<script>pen</script>", 2.5)],
        "target": [],
    }


def instances(case):
    told = {(model, domain): toy.predictions(case, model, domain) for model in ROWS for domain in ROWS}
    return statistics.instance_table(told, {domain: toy.images(case, domain).names for domain in ROWS})


def not_at_hand():
    """As for a result that is not stored: within `reading_only` it would have to be computed."""
    if memory._reading_only.get():
        raise memory.NotStoredError("asked for")


def silenced(case, model, neurons):
    """Class cup loses half of its accuracy on the target domain, random neurons nothing."""
    not_at_hand()
    ones = np.ones(3)
    return Silenced(
        model,
        neurons,
        toy.CLASSES,
        {"source": 4 * ones, "target": 3 * ones},
        {"source": ones, "target": ones},
        {"source": ones, "target": np.array([0.5, 1, 1])},
        {"source": np.ones((2, 3)), "target": np.ones((2, 3))},
    )


def domain_gap(case, class_name):
    not_at_hand()
    return tuple(LayerGap(model, layer, 4, 0.75, 0.6, 0.9) for model in ("source", "target") for layer in LAYERS)


def serve(sheets):
    return Pictures({"source": ("s.webp",), "target": ("t.webp",)}, 8, 32)


def install(monkeypatch):
    toy.install(monkeypatch)
    made = (discriminability, abstraction, contribution_on, neuron_images, feature_image, crops, instances)
    fakes.install(monkeypatch, {function.__name__: function for function in (*made, silenced, domain_gap)})
    monkeypatch.setattr(pictures, "serve", serve)


@pytest.fixture
def page(monkeypatch):
    install(monkeypatch)
    return run_to_end(app(PAGE, **{"class": "cup"}))


@pytest.fixture(scope="module")
def untouched():
    """One page for the tests that only look."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        install(monkeypatch)
        yield run_to_end(app(PAGE, **{"class": "cup"}))


def listed(page):
    data = source_of(page, "ranking", "rows")
    return list(zip(data["layer"], map(int, data["neuron"]), strict=True))


def axes(page):
    data = source_of(page, "biplot", "axes")
    return list(zip(data["layer"], map(int, data["neuron"]), strict=True))


def test_the_ranking_starts_with_the_largest_weight_and_five_axes(untouched):
    """Ten neurons on two pages of the list: the first eight by |weight|, of which five are ticked and drawn as axes."""
    assert not untouched.exception
    assert listed(untouched) == [
        ("fc2", 5),
        ("fc2", 4),
        ("fc2", 3),
        ("fc2", 2),
        ("fc2", 1),
        ("fc2", 0),
        ("conv1", 3),
        ("conv1", 2),
    ]
    assert axes(untouched) == listed(untouched)[:5]
    assert list(source_of(untouched, "ranking", "rows")["tick"]) == ["✓"] * 5 + [""] * 3
    assert len(source_of(untouched, "ranking", "images")["y"]) == 8


def test_the_accuracy_is_told_in_words(untouched):
    words = text_of(untouched)
    assert "90.0% (95 % interval 80.0% to 95.0%)" in words
    assert "1.60" in words
    assert "noise" not in words
    assert "few instances (4 of the source domain and 3 of the target domain)" in words


def test_how_well_conductance_adds_up_is_told(untouched):
    """From the best to the worst layer of the model."""
    said = "By layer, conductance sums to the change of the score within 1.2 % to 9.4 % (medians of the class's target "
    assert said + "instances, 8 path steps)." in text_of(untouched)


def test_a_neuron_that_lowers_the_score_is_marked(page):
    """Conv1's neuron 3 alone; the words stand below the list as long as it is on the page shown."""
    data = source_of(page, "ranking", "rows")
    assert [what for what in data["what"] if "▼" in what] == ["neuron 3 ▼"]
    assert [layer for layer, what in zip(data["layer"], data["what"], strict=True) if "▼" in what] == ["conv1"]
    assert "▼ marks neurons that lower the class score" in text_of(page)
    page.multiselect(key="features layers").set_value(["fc2"])
    run_to_end(page)
    assert "▼ marks" not in text_of(page)


def test_a_ranking_at_chance_is_called_noise(monkeypatch):
    """An interval that holds 50 % makes the ranking noise, and the page says so."""
    install(monkeypatch)
    monkeypatch.setitem(LOW, "low", 0.45)
    again = run_to_end(app(PAGE, **{"class": "cup"}))
    assert "the ranking is noise" in text_of(again)


def test_the_order_can_be_reversed(page):
    """Most domain-invariant first: the smallest weight leads, and its first five are ticked."""
    page.segmented_control(key="features order").set_value("most domain-invariant first")
    run_to_end(page)
    assert listed(page)[:2] == [("conv1", 0), ("conv1", 1)]
    assert axes(page) == listed(page)[:5]


def test_a_tap_on_a_box_ticks_and_unticks(page):
    """The box of row 6 adds its axis, the box of row 1 takes its axis away."""
    fire(page, "ranking", "tap", {"x": 16, "y": 5.5})
    run_to_end(page)
    assert ("fc2", 0) in axes(page)
    fire(page, "ranking", "tap", {"x": 16, "y": 0.5})
    run_to_end(page)
    assert ("fc2", 5) not in axes(page)
    assert len(axes(page)) == 5


def test_a_tap_on_a_row_chooses_the_neuron_for_all_pages(page):
    """The address names it, its row stands out, and its pictures are shown below."""
    fire(page, "ranking", "tap", {"x": 300, "y": 6.5})
    run_to_end(page)
    assert page.query_params["neuron"] == ["target:conv1:3"] or page.query_params["neuron"] == "target:conv1:3"
    assert list(np.asarray(source_of(page, "ranking", "rows")["band"]) > 0).index(True) == 6
    assert page.selectbox(key="features neuron").value == ("conv1", 3)


def test_the_keyboard_ticks_and_chooses_too(page):
    """The multiselect holds the ticks, the selectbox the neuron."""
    ticks = next(box for box in page.multiselect if box.label == "Ticked neurons, drawn as axes")
    ticks.set_value([0, 3])
    run_to_end(page)
    assert axes(page) == [("conv1", 0), ("conv1", 3)]
    page.selectbox(key="features neuron").set_value(("conv1", 1))
    run_to_end(page)
    assert "target:conv1:1" in page.query_params["neuron"]


def test_the_boundary_stays_in_both_projections(page):
    """The ticked neurons alone give other places to the instances, but the boundary is where it was."""
    whole = source_of(page, "biplot", "points")["x"]
    page.segmented_control(key="features projection").set_value("the ticked ones only")
    run_to_end(page)
    alone = source_of(page, "biplot", "points")["x"]
    assert not np.allclose(whole, alone)
    assert list(source_of(page, "biplot", "boundary")["x"]) == [0.25]
    assert "Projected by 5 of 10 neurons" in text_of(page)


def test_what_a_class_is_called_cannot_become_code(untouched):
    """A class name with tags is shown as it is written."""
    bodies = "\n".join(element.proto.body for element in untouched.get("html"))
    assert "&lt;script&gt;pen" in bodies
    assert "<script>" not in bodies
    assert "It is silent on every instance" in bodies


def test_silencing_is_offered_and_told(page):
    """The button says what it costs; afterwards the class that changes most stands beside random neurons."""
    next(button for button in page.button if button.label.startswith("Silence the 5 ticked neurons")).click()
    run_to_end(page)
    words = text_of(page)
    assert "from 100.0% to 50.0%" in words
    assert "more than chance does" in words
    assert min(source_of(page, "silencing", "target")["change"]) == -0.5


def test_the_largest_change_is_compared_with_the_largest_by_chance():
    """Class cup loses 50 points and random neurons cost it nothing, but once another class 60: chance."""
    ones = np.ones(3)
    one = {"source": ones, "target": np.array([0.5, 1, 1])}
    chance = {"source": np.ones((2, 3)), "target": np.array([[1, 1, 1], [1, 0.4, 1]])}
    counts = {"source": 4 * ones, "target": 3 * ones}
    result = Silenced("target", NEURONS[:2], toy.CLASSES, counts, {"source": ones, "target": ones}, one, chance)
    words = discriminability_panel.silenced_words(result)
    assert "no class by more than 60.0 in 2 draws, so this is within chance" in words


def test_the_gap_over_depth_is_offered(page):
    next(button for button in page.button if button.label.startswith("Measure every layer")).click()
    run_to_end(page)
    assert list(source_of(page, "domain gap", "target")["accuracy"]) == [0.75, 0.75]


def test_a_class_without_instances_says_so(monkeypatch):
    """One sentence instead of a traceback."""
    install(monkeypatch)
    again = run_to_end(app(PAGE, **{"class": "book"}))
    assert not again.exception
    assert "no instance in the source domain" in text_of(again)
