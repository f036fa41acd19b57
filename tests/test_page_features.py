"""The Features page on hand-made results: what is ranked, drawn, ticked, chosen and offered."""

from __future__ import annotations

import base64
import io
import re

import fakes
import numpy as np
import pandas as pd
import pytest
import statistics_case as toy
from PIL import Image
from streamlit_help import app, fire, run_to_end, selectbox, source_of, text_of

from tlx import defaults
from tlx.analysis import statistics
from tlx.analysis.crops import Crop
from tlx.app import pictures
from tlx.errors import EmptyError
from tlx.figures import galleries, neuron_pictures
from tlx.figures.pictures import Pictures
from tlx.results import Abstraction, Contribution, Discriminability, LayerGap, NeuronRef, Silenced, Strongest
from tlx.storage import memory
from tlx.words import silencing as silencing_words

PAGE = "pages/4_Features.py"
LAYERS = {"conv1": 4, "fc2": 6}
NEURONS = tuple((layer, index) for layer, units in LAYERS.items() for index in range(units))
ROWS = {"source": [0, 3, 6, 9], "target": [0, 3, 6]}  # the instances of class cup
LOW = {"low": 0.8}
TITLES = {layer.name: layer.title for layer in toy.NETWORK.layers}


def discriminability(case, class_name, model="target"):
    """Ten neurons; column k has weight -(k + 1) / 10 for even k and (k + 1) / 10 for odd, and an AUC 0.056 below k - 1.

    By AUC the first one leads and the ninth says least, by weight the last one leads.
    """
    if class_name == "book":
        raise EmptyError("class 'book' has no instance in the source domain")
    rng = np.random.default_rng(0)
    values = rng.normal(size=(7, len(NEURONS)))
    weights = np.array([(-1) ** (k + 1) * (k + 1) / 10 for k in range(len(NEURONS))])
    axes = np.stack([weights / np.linalg.norm(weights), np.full(len(NEURONS), len(NEURONS) ** -0.5)], axis=1)
    auc = np.linspace(0.95, 0.45, len(NEURONS))
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
        auc=auc,
        auc_low=auc - 0.04,
        auc_high=auc + 0.04,
        stability=np.linspace(1, 0.1, len(NEURONS)),
        coordinates=standard @ axes,
        axes=axes,
        boundary=0.25,
        domain=np.array(["source"] * 4 + ["target"] * 3, dtype=object),
        instances=np.array(ROWS["source"] + ROWS["target"]),
        decision=np.linspace(-1, 1, 7),
        fold=np.arange(7) % 2,
        fold_axes=np.stack([axes[:, 0], axes[:, 0] / 2]),
        fold_offset=np.array([-0.25, -0.2]),
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


def silenced(case, class_name, model, neurons):
    """Class cup loses half of its accuracy on the target domain, by other neurons at most a tenth."""
    not_at_hand()
    return silenced_result(class_name, model, neurons)


def silenced_result(class_name, model, neurons, drawn=0.5, filled=()):
    """drawn: accuracy on the class's target images where neurons answer what they answer to another image."""
    ones = np.ones((2, 2))
    controls = np.tile(np.linspace(0.9, 1, 11)[:, None], (2, 1, 2))
    return Silenced(
        model=model,
        class_name=class_name,
        neurons=neurons,
        n={"source": np.array([4, 12]), "target": np.array([3, 9])},
        before={"source": ones[0], "target": ones[0]},
        after={"source": 0.95 * ones, "target": np.array([[0.5, 0.95], [drawn, 0.95]])},
        low={"source": -0.1 * ones, "target": np.array([[-0.7, -0.1], [drawn - 1.2, -0.1]])},
        high={"source": 0.01 * ones, "target": np.array([[-0.3, 0.01], [drawn - 0.8, 0.01]])},
        controls={"source": controls, "target": controls},
        filled=filled,
    )


def domain_gap(case, class_name):
    not_at_hand()
    return tuple(LayerGap(model, layer, 4, 0.75, 0.6, 0.9) for model in ("source", "target") for layer in LAYERS)


def serve(sheets):
    buffer = io.BytesIO()
    Image.new("RGB", (256, 256), "green").save(buffer, "WEBP")
    of_both = dict.fromkeys(ROWS, (buffer.getvalue(),))
    return Pictures({"source": ("s.webp",), "target": ("t.webp",)}, 8, 32, of_both)


def strongest(case, model, domain):
    """Instances 0 and 3, of every neuron."""
    best = np.tile(np.array([[0], [3]]), len(NEURONS))
    return Strongest(best, 2.0 - best / 3, tuple(LAYERS), tuple(LAYERS.values()))


def install(monkeypatch):
    toy.install(monkeypatch)
    made = (discriminability, abstraction, contribution_on, neuron_images, feature_image, crops, instances)
    fakes.install(monkeypatch, {function.__name__: function for function in (*made, silenced, domain_gap, strongest)})
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


def test_the_ranking_starts_with_the_best_auc_and_five_axes(untouched):
    """Ten neurons on two pages of the list: the first eight by |AUC - 0.5|, of which five are ticked and drawn."""
    assert not untouched.exception
    assert listed(untouched) == list(NEURONS[:8])
    assert axes(untouched) == listed(untouched)[:5]
    assert list(source_of(untouched, "ranking", "rows")["tick"]) == ["✓"] * 5 + [""] * 3
    assert len(source_of(untouched, "ranking", "images")["y"]) == 8


def test_the_defaults_are_the_lists(untouched):
    """What `run` computes ahead are the rows that the page shows and the neurons that it ticks."""
    result = discriminability(None, "cup")
    assert list(defaults.ranked(result)) == listed(untouched)
    assert sorted(defaults.ticked(result)) == sorted(axes(untouched))


def test_the_accuracy_is_told_in_words(untouched):
    words = text_of(untouched)
    assert "90 % (95 % interval 80 % to 95 %)" in words
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
    page.multiselect(key="tlx setting features.layers").set_value(["fc2"])
    run_to_end(page)
    assert "▼ marks" not in text_of(page)


def test_a_ranking_at_chance_is_called_noise(monkeypatch):
    """An interval that holds 50 % makes the ranking noise, and the page says so."""
    install(monkeypatch)
    monkeypatch.setitem(LOW, "low", 0.45)
    again = run_to_end(app(PAGE, **{"class": "cup"}))
    assert "the ranking is noise" in text_of(again)


def test_the_order_can_be_reversed(page):
    """Most domain-invariant first: the AUC nearest to 0.5 leads, and its first five are ticked."""
    page.segmented_control(key="tlx setting features.order").set_value("invariant")
    run_to_end(page)
    assert listed(page)[:2] == [("fc2", 4), ("fc2", 5)]
    assert list(source_of(page, "ranking", "rows")["rank"])[:2] == ["#10", "#9"]
    assert axes(page) == listed(page)[:5]


def test_the_weight_is_an_order_of_its_own(page):
    """The largest |u| comes first and is called #1, in the list, in its axis's label and in the neuron's box."""
    page.segmented_control(key="tlx setting features.order").set_value("weight")
    run_to_end(page)
    assert listed(page) == list(NEURONS[:1:-1])
    assert list(source_of(page, "ranking", "rows")["rank"])[:2] == ["#1", "#2"]
    assert source_of(page, "biplot", "axes")["label"][0] == "#1  Layer 2 · 5"
    assert selectbox(page, "Chosen neuron").options[0] == "#1 Layer 2: linear (6), neuron 5"


def test_a_tap_on_a_box_ticks_and_unticks(page):
    """The box of row 6 adds its axis, the box of row 1 takes its axis away."""
    fire(page, "ranking", "tap", {"x": 16, "y": 5.5})
    run_to_end(page)
    assert ("fc2", 1) in axes(page)
    fire(page, "ranking", "tap", {"x": 16, "y": 0.5})
    run_to_end(page)
    assert ("conv1", 0) not in axes(page)
    assert len(axes(page)) == 5


def test_a_tap_on_a_row_chooses_the_neuron_for_all_pages(page):
    """The address names it, its row stands out, and its pictures are shown below."""
    fire(page, "ranking", "tap", {"x": 300, "y": 6.5})
    run_to_end(page)
    assert page.query_params["neuron"] in (["target:fc2:2"], "target:fc2:2")
    assert list(np.asarray(source_of(page, "ranking", "rows")["band"]) > 0).index(True) == 6
    assert selectbox(page, "Chosen neuron").value == ("fc2", 2)


def test_the_keyboard_ticks_and_chooses_too(page):
    """The multiselect holds the ticks, the selectbox the neuron."""
    ticks = next(box for box in page.multiselect if box.label == "Ticked neurons, drawn as axes")
    ticks.set_value(["conv1:0", "conv1:3"])
    run_to_end(page)
    assert axes(page) == [("conv1", 0), ("conv1", 3)]
    selectbox(page, "Chosen neuron").set_value(("conv1", 1))
    run_to_end(page)
    assert "target:conv1:1" in page.query_params["neuron"]


def test_the_boundary_stays_in_both_projections(page):
    """Both show held-out places; those by the ticked neurons alone differ, but the boundary is where it was, at 0."""
    assert "Positions are held out" in text_of(page)
    whole = source_of(page, "biplot", "points")["x"]
    page.segmented_control(key="tlx setting features.projection").set_value("ticked")
    run_to_end(page)
    alone = source_of(page, "biplot", "points")["x"]
    assert not np.allclose(whole, alone)
    assert list(source_of(page, "biplot", "boundary")["x"]) == [0]
    assert "Projected by 5 of 10 neurons" in text_of(page)
    assert "held out from its classifier" in text_of(page)


def test_a_link_opens_what_its_sender_saw(page):
    """Model, order, layers, page, ticks and projection, in another session."""
    page.segmented_control(key="tlx setting features.order").set_value("weight")
    run_to_end(page)
    page.multiselect(key="tlx setting features.layers").set_value(["fc2", "conv1"])
    page.segmented_control(key="tlx setting features.projection").set_value("ticked")
    run_to_end(page)
    page.multiselect(key="tlx setting features.ticks").set_value(["fc2:1", "conv1:3"])
    run_to_end(page)
    page.query_params["view"] += ",features.page=2"  # AppTest has no hand for it
    there = run_to_end(app(PAGE, forget=False, **page.query_params))
    run_to_end(page)
    assert there.query_params == page.query_params
    assert text_of(there) == text_of(page)
    for one in (page, there):
        assert listed(one) == [("conv1", 1), ("conv1", 0)]
        assert axes(one) == [("fc2", 1), ("conv1", 3)]
        assert "Projected by 2 of 10 neurons" in text_of(one)


def test_what_is_toggled_stays_so(page):
    """Four times in a row, each value is kept; ticks outlive another order, not another model."""
    page.multiselect(key="tlx setting features.ticks").set_value(["fc2:1"])
    run_to_end(page)
    for at in range(4):
        for name, values in (("order", ["weight", "specific"]), ("projection", ["ticked", "all"])):
            page.segmented_control(key=f"tlx setting features.{name}").set_value(values[at % 2])
            run_to_end(page)
            assert page.segmented_control(key=f"tlx setting features.{name}").value == values[at % 2]
        assert axes(page) == [("fc2", 1)]
    for model in ("source", "target", "source", "target"):
        page.segmented_control(key="tlx setting features.model").set_value(model)
        run_to_end(page)
        assert page.segmented_control(key="tlx setting features.model").value == model
        assert axes(page) == list(NEURONS[:5])
    assert "view" not in page.query_params


@pytest.mark.parametrize(
    ("layer", "shown", "around"),
    [
        ("c", "abc", "abc"),
        ("d", "abc", "cde"),
        ("a", "cd", "abc"),
        ("g", "abc", "efg"),
        ("c", "ac", "bcd"),
        ("c", "c", "bcd"),
        ("c", "bcdef", "bcdef"),
        ("c", "", "bcd"),
    ],
)
def test_the_network_view_is_opened_on_layers_in_a_row(layer, shown, around):
    """So that there are edges to see; those shown stay where they have the neuron's layer and are in a row."""
    assert "".join(defaults.layers_around("abcdefg", layer, shown)) == around


def test_two_layers_are_all_there_is():
    assert defaults.layers_around("ab", "b") == ("a", "b")


def test_what_a_class_is_called_cannot_become_code(untouched):
    """A class name with tags is shown as it is written."""
    bodies = "\n".join(element.proto.body for element in untouched.get("html"))
    assert "&lt;script&gt;pen" in bodies
    assert "<script>" not in bodies
    assert "It is silent on every instance" in bodies


def test_a_neuron_that_sees_all_of_an_image_is_shown_whole_ones():
    """The strongest instances of either domain, cut out of their sheets; none on which it is silent."""
    sheet = np.zeros((8, 16, 3), dtype=np.uint8)
    sheet[:, 8:] = (0, 0, 255)
    buffer = io.BytesIO()
    Image.fromarray(sheet).save(buffer, "WEBP", lossless=True)
    served = Pictures({"source": ("s",), "target": ("t",)}, 8, 2, dict.fromkeys(ROWS, (buffer.getvalue(),)))
    told = Strongest(np.array([[0, 1], [1, 0]]), np.array([[1.0, 3.0], [0.5, 0.0]]), ("fc2",), (2,))
    table = pd.DataFrame({"domain": ["source"] * 2 + ["target"] * 2, "instance": [0, 1, 0, 1], "label": list("abcd")})
    found = neuron_pictures.whole_images(dict.fromkeys(ROWS, told), table, served, NeuronRef("target", "fc2", 1))
    assert {domain: [(one.instance, one.label, one.activation) for one in row] for domain, row in found.items()} == {
        "source": [(1, "b", 3.0)],
        "target": [(1, "d", 3.0)],
    }
    assert found["source"][0].pixels.reshape(-1, 3).mean(axis=0).tolist() == [0, 0, 255]
    assert found["source"][0].pixels.base is None  # who keeps it keeps no decoded sheet


def test_each_crop_stands_beside_its_whole_image():
    """What is all of an image stands alone; names are escaped; a neuron that is silent in a domain says so."""
    sheet = np.zeros((8, 16, 3), dtype=np.uint8)
    sheet[:, 8:] = (0, 0, 255)
    buffer = io.BytesIO()
    Image.fromarray(sheet).save(buffer, "WEBP", lossless=True)
    served = Pictures({"source": ("s",), "target": ("t",)}, 8, 2, dict.fromkeys(ROWS, (buffer.getvalue(),)))
    part, whole = Crop(np.full((5, 5, 3), 200, np.uint8), 1, "<b>", 2.5), galleries.cut_out(served, "source", 1)
    found = neuron_pictures.panel_html(None, {"source": [part], "target": []}, served)
    shown = [np.asarray(Image.open(io.BytesIO(base64.b64decode(at)))) for at in re.findall('base64,([^"]+)', found)]
    assert [one.shape for one in shown] == [(5, 5, 3), (8, 8, 3)]
    assert (shown[0] == 200).all()
    assert (shown[1] == whole).all()
    assert "the part it sees: source domain, instance 1, class &lt;b&gt;" in found
    assert "<b>:" not in found
    assert found.index("target domain") < found.index("It is silent on every instance")
    alone = neuron_pictures.panel_html(whole, {"source": [Crop(whole, 1, "x", 2.5)]}, served)
    assert re.findall('alt="([^":]+)', alone) == ["what the neuron looks for", "the whole image"]


def test_the_first_of_the_list_is_shown_until_one_is_chosen(page):
    """In the other order it is the most domain-invariant neuron, whose row stands out; a chosen one stays."""
    assert selectbox(page, "Chosen neuron").value == ("conv1", 0)
    page.segmented_control(key="tlx setting features.order").set_value("invariant")
    run_to_end(page)
    assert selectbox(page, "Chosen neuron").value == listed(page)[0] == ("fc2", 4)
    assert list(np.asarray(source_of(page, "ranking", "rows")["band"]) > 0) == [True] + [False] * 7
    assert "neuron" not in page.query_params
    fire(page, "ranking", "tap", {"x": 300, "y": 2.5})
    run_to_end(page)
    page.segmented_control(key="tlx setting features.order").set_value("specific")
    run_to_end(page)
    assert f"target:{':'.join(map(str, selectbox(page, 'Chosen neuron').value))}" in page.query_params["neuron"]


def test_silencing_is_offered_and_told(page):
    """The button says what it costs; afterwards the words say of each mark what the chart shows."""
    next(button for button in page.button if button.label.startswith("Silence 5 ticked neurons")).click()
    run_to_end(page)
    words = text_of(page)
    assert "the 5 ticked ones and, drawn 11 times, as many other important neurons of the same layers" in words
    assert "class cup, target domain** (3 images): 100 % → 50 %, a change of −50 points" in words
    assert words.count("they matter no more than others") == 3
    shown = source_of(page, "silencing", "target")
    assert list(shown["filled"]) == [1, 1, 0, 0]
    assert min(shown["change"]) == -0.5


def test_the_words_say_every_verdict_of_the_chart():
    """By others −9.7 to −0.3 points: −50 is more; the drawn values leave all intact, which is less; two are no more."""
    words = silencing_words.silenced_words(silenced_result("<b>", "target", NEURONS[:1], drawn=1.0), TITLES)
    assert "the ticked one and, drawn 11 times" in words
    assert "(95 % interval −70 to −30 points); by others −9.7 to −0.3 points: **they matter more than others**" in words
    assert "1 of 4 verdicts differ: class \\<b\\>, target domain, they matter less than others." in words
    assert "important neuron:" not in words
    same = silencing_words.silenced_words(silenced_result("cup", "target", NEURONS[:2]), TITLES)
    assert "every verdict is the same" in same


def test_a_layer_with_too_few_important_neurons_is_named():
    result = silenced_result("cup", "target", NEURONS[:2], filled=(("conv1", 1, 3), ("fc2", 0, 5)))
    words = silencing_words.silenced_words(result, TITLES)
    assert "has only 1 other important neuron: there the draws are from the 3 next by rank." in words
    assert "has no other important neuron: there the draws are from the 5 next by rank." in words


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
