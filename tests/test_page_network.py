from dataclasses import replace
from xml.etree import ElementTree

import fakes
import numpy as np
import pandas as pd
import pytest
import zigzag_case as toy
from streamlit_help import app, fire, run_to_end, selectbox, sent, source_of, spaced, text_of

from tlx import defaults, pipeline
from tlx.app.network import controls, neuron_panel, weight_panel
from tlx.errors import EmptyError
from tlx.figures import reuse
from tlx.figures.zigzag import legend
from tlx.figures.zigzag.layout import EdgeHit
from tlx.figures.zigzag.subject import Options, layout_of
from tlx.results import MEASURES, Correspondence, NeuronRef, Similarity, Strongest
from tlx.words import conductance as conductance_words

PAGE = "pages/3_Network.py"
LAYERS = tuple(toy.UNITS)


@pytest.fixture
def page(monkeypatch):
    toy.install(monkeypatch)
    return run_to_end(app(PAGE, **{"class": "cup"}))


@pytest.fixture(scope="module")
def layout():
    return layout_of(toy.subject(), LAYERS, Options(looks=True))


def address(page, name):
    """A parameter of the page's address; AppTest gives it alone or in a list."""
    value = page.query_params[name]
    return value[0] if isinstance(value, list) else value


def weight(page):
    """Opens the weight's panel beside the view."""
    page.segmented_control(key="tlx setting network.panel").set_value("weight")
    return run_to_end(page)


def tap(page, x, y):
    return run_to_end(fire(page, "zigzag", "tap", {"x": x, "y": y}))


def test_the_page_shows_the_zigzag_of_the_chosen_layers(page):
    """The figure sent holds three matrices with the similarities of the class."""
    assert not page.exception
    data = source_of(page, "zigzag", "similarity")
    assert len(data["image"]) == 3
    np.testing.assert_allclose(data["image"][0], [[950, 500], [200, 900]])


def test_the_page_says_what_the_eye_should_find(page):
    """Shares of kept edges and of neurons with the same function are charts above the view, with chance, and said."""
    assert "10 target instances of every split" in text_of(page)
    said = sent(page, "reuse kept")["label"]
    assert "between the same neurons of the source model: most, 75 % (" in spaced(said)
    assert "median cosine of the incoming weights" in spaced(said).lower()
    points = pd.DataFrame(source_of(page, "reuse kept", "points"))
    low = points[(points["measure"] == "kept") & (points["class_name"] == "cup")]["low"]
    assert low.tolist() == toy.compared(None, "cup").of("kept")["low"].tolist()


def test_tapping_an_index_chooses_the_neuron_everywhere(page, layout):
    """The index of target neuron 4 of conv2: the address, the panel's words and the frame in the view follow."""
    tap(page, layout.columns[1].start - 15, layout.rows[1].centre(1))
    assert address(page, "neuron") == "target:conv2:4"
    assert "**2nd** of 5 here, 1st in the source model" in text_of(page)
    assert len(source_of(page, "zigzag", "focus")["top"]) == 3


def test_tapping_a_cell_chooses_its_target_neuron(page, layout):
    """Source 0 with target 2 of conv1."""
    tap(page, layout.columns[0].centre(0), layout.rows[0].centre(1))
    assert address(page, "neuron") == "target:conv1:2"


def test_tapping_a_weight_shows_both_edges_and_what_became_of_it(page, layout):
    """Target edge 2 → 1 with its counterpart 3 → 1, which is important too, so it is kept."""
    tap(page, layout.columns[0].centre(0), layout.rows[1].centre(0))
    said = text_of(page)
    assert "**target edge #2 → #1**: among the top 10 % in 3 of 10 instances (important), mean value 2.1." in said
    assert "**source edge #3 → #1**: among the top 10 % in 4 of 10 instances (important), mean value 3.1." in said
    assert "it is **kept**" in said
    np.testing.assert_allclose(source_of(page, "network edge kernel", "map")["image"][0], [[1, -2], [0.5, 0]])


def test_the_weight_panel_draws_what_all_four_neurons_look_for(page, layout, monkeypatch):
    """Both ends of the tapped edge, then those of its source counterpart."""
    shown = []
    monkeypatch.setattr(weight_panel, "images", lambda _, neurons, drawn: shown.append((neurons, drawn)))
    tap(page, layout.columns[0].centre(0), layout.rows[1].centre(0))
    neurons, drawn = shown[-1]
    wanted = [("target", "conv1", 2), ("target", "conv2", 1), ("source", "conv1", 3), ("source", "conv2", 1)]
    assert neurons == [NeuronRef(*place) for place in wanted]
    assert {neuron: int(image[0, 0, 0]) for neuron, image in drawn.items()} == {one: 10 * one.index for one in neurons}


def test_the_kernel_answers_to_the_instance_that_is_chosen(page):
    """The class's instances are offered, most active first; the choice is everyone's."""
    weight(page)
    box = selectbox(page, "Its kernel's response on target instance")
    assert box.options[0].startswith("18 (#2 is active with 2.18")
    box.set_value(4)
    run_to_end(page)
    assert address(page, "instance") == "target:4"
    assert "on target instance 4" in text_of(page)


def test_the_tapped_weight_and_its_counterpart_are_framed_in_the_view(page, layout):
    """Target edge 2 → 1 and source edge 3 → 1, one frame in each model's block."""
    assert list(source_of(page, "zigzag", "edge_focus")["model"]) == []
    tap(page, layout.columns[0].centre(0), layout.rows[1].centre(0))
    assert sorted(source_of(page, "zigzag", "edge_focus")["model"]) == ["source", "target"]


def test_a_second_class_is_drawn_beside_the_chosen_one(page):
    """It gets diamonds in all charts, and the caption names it as text."""
    page.selectbox(key="tlx setting network.second").set_value("<b>pen</b>")
    run_to_end(page)
    assert "class \\<b\\>pen" in text_of(page)
    assert address(page, "view") == "network.second=%3Cb%3Epen%3C/b%3E"
    points = pd.concat(pd.DataFrame(source_of(page, f"reuse {group[0]}", "points")) for group in reuse.GROUPS)
    assert set(points[points["marker"] == "diamond"]["measure"]) == set(MEASURES)


def test_how_many_neurons_is_asked_only_where_some_can_be_left_out(page, monkeypatch):
    """Two important neurons a layer leave nothing to choose; with limits of one there is a choice, and it is kept."""
    assert "Important neurons shown" not in [box.label for box in page.selectbox]
    monkeypatch.setattr(controls, "SIZES", (1,))
    run_to_end(page)
    (box,) = [box for box in page.selectbox if box.label == "Important neurons shown"]
    box.set_value(1)
    run_to_end(page)
    assert source_of(page, "zigzag", "similarity")["target"][0].tolist() == [[2]]


def test_a_tap_beside_everything_changes_nothing(page):
    """The gap between blocks belongs to nothing."""
    before = dict(page.query_params)
    tap(page, -3, -3)
    assert dict(page.query_params) == before
    assert not page.exception


def test_the_keyboard_chooses_neurons_and_weights_too(page):
    """Every pick of the mouse is a widget's as well."""
    page.selectbox(key="network neuron layer").set_value("fc3")
    page.number_input(key="network neuron index").set_value(1)
    run_to_end(page)
    assert address(page, "neuron") == "target:fc3:1"
    weight(page)
    page.selectbox(key="network edge pair").set_value(toy.SECOND)
    run_to_end(page)
    page.number_input(key="network edge first").set_value(4)
    page.number_input(key="network edge second").set_value(2)
    run_to_end(page)
    assert "**target edge #4 → #2**" in text_of(page)
    assert "**not kept**" in text_of(page)


def test_switches_and_order_change_the_view(page):
    """Without other regions there are no boxes, without source weights no red blocks, by index neurons ascend."""
    page.toggle[0].set_value(False)
    page.toggle[1].set_value(False)
    page.segmented_control[0].set_value("index")
    run_to_end(page)
    assert len(source_of(page, "zigzag", "boxes")["neuron"]) == 0
    assert len(source_of(page, "zigzag", "source_weights")["image"]) == 0
    assert source_of(page, "zigzag", "similarity")["target"][0].tolist() == [[0, 2], [0, 2]]


def test_another_class_keeps_the_living_figure(page):
    """A neuron is chosen: only data change, so that zoom and tools stay."""
    before = sent(page, "zigzag")["layout"]
    page.number_input(key="network neuron index").set_value(0)
    run_to_end(page)
    assert sent(page, "zigzag")["layout"] == before


def test_every_switch_shows_every_state(page):
    """Toggled four times, each of them shows what it says: nothing is lost on every second change."""
    for at in range(4):
        page.toggle(key="tlx setting network.others").set_value(at % 2 == 1)
        run_to_end(page)
        assert bool(source_of(page, "zigzag", "boxes")["neuron"]) == (at % 2 == 1)
        page.toggle(key="tlx setting network.source").set_value(at % 2 == 1)
        run_to_end(page)
        assert bool(source_of(page, "zigzag", "source_weights")["image"]) == (at % 2 == 1)
        page.segmented_control(key="tlx setting network.order").set_value(["index", "rank"][at % 2])
        run_to_end(page)
        first = source_of(page, "zigzag", "similarity")["target"][0].tolist()
        assert first == [[[0, 2], [0, 2]], [[2, 0], [2, 0]]][at % 2]


def test_a_link_opens_the_view_that_its_sender_saw(page, layout, monkeypatch):
    """Order, switches, scale, second class, the chosen weight and its panel come back in a session of their own."""
    page.segmented_control(key="tlx setting network.order").set_value("index")
    page.toggle(key="tlx setting network.others").set_value(False)
    page.segmented_control(key="tlx setting network.scale").set_value("beyond")
    page.selectbox(key="tlx setting network.second").set_value("<b>pen</b>")
    run_to_end(page)
    weight(page)
    page.number_input(key="network edge first").set_value(2)
    run_to_end(page)
    opened = {name: address(page, name) for name in page.query_params}
    there = run_to_end(app(PAGE, forget=False, **opened))
    assert text_of(there) == text_of(page)
    assert sent(there, "zigzag") == sent(page, "zigzag")
    assert not there.session_state["tlx setting network.others"]


def test_a_tap_on_a_chart_opens_its_layers(page):
    """Place 3 of the layers: conv2 and fc3 come with it, all that the toy has."""
    points = pd.DataFrame(source_of(page, "reuse kept", "points"))
    third = points[(points["measure"] == "correspondence") & (points["place"] == "3")].iloc[0]
    fire(page, "reuse kept", "tap", {"x": third["x"], "y": third["value_y"]})
    run_to_end(page)
    assert address(page, "layers") == "conv1,conv2,fc3"


def test_a_class_without_target_instances_is_one_sentence(monkeypatch):
    """The pipeline's EmptyError ends the page in words."""
    toy.install(monkeypatch)

    def refuse(case, model, class_name):
        raise EmptyError("class 'ink' has no instance in the target domain")

    fakes.install(monkeypatch, {"abstraction": refuse})
    page = run_to_end(app(PAGE, **{"class": "ink"}))
    assert not page.exception
    assert any("no instance in the target domain" in info.value for info in page.info)


def test_names_of_classes_are_shown_as_text(monkeypatch):
    """A class name that is HTML appears escaped."""
    toy.install(monkeypatch)
    page = run_to_end(app(PAGE, **{"class": "<b>pen</b>"}))
    assert not page.exception
    assert "\\<b\\>pen\\</b\\>" in text_of(page)


def test_layers_without_edges_leave_the_weight_panel_with_a_sentence(monkeypatch):
    """Conv1 and fc3 are not neighbours."""
    toy.install(monkeypatch)
    page = run_to_end(app(PAGE, **{"class": "cup", "layers": "conv1,fc3", "view": "network.panel=weight"}))
    assert not page.exception
    assert "no edges between them" in text_of(page)


# --- the panels' numbers


def test_the_most_similar_neurons_come_best_first_without_the_undefined():
    """Target neuron 0 of conv1: source 0 (0.9), 3 (0.5), 2 (0.0); source 1 is inactive. Rows for a source neuron."""
    found = defaults.similar(toy.subject(), NeuronRef("target", "conv1", 0))
    assert [(index, round(similarity, 3)) for index, similarity in found] == [(0, 0.9), (3, 0.5), (2, 0.0)]
    assert defaults.similar(toy.subject(), NeuronRef("source", "conv1", 3))[0][0] == 2
    assert defaults.similar(toy.subject(), NeuronRef("source", "conv1", 1)) == []


def test_an_inactive_neuron_is_called_inactive():
    """Source neuron 1 of conv1 is 0 everywhere."""
    adds = toy.contribution()
    assert "Inactive" in neuron_panel.facts(toy.subject(), NeuronRef("source", "conv1", 1), adds)
    assert "Inactive" not in neuron_panel.facts(toy.subject(), NeuronRef("target", "conv1", 1), adds)


def test_the_panel_says_what_a_neuron_adds_to_the_score(page):
    """Neuron 0 of conv1: the mean of 3 (k + instance / 100) over the even instances, 0.27; all four: 9.68 + ... ."""
    page.number_input(key="network neuron index").set_value(0)
    run_to_end(page)
    assert "Contributes **+0.27** to the class score in the mean, of +12.40 from its whole layer." in text_of(page)
    assert "lowers" not in text_of(page)


def test_a_neuron_that_lowers_the_score_is_marked(page):
    """Neuron 2 of conv1 leads the layer by rank and takes 0.41 from the score."""
    said = text_of(page)
    assert "**1st** of 4 here" in said
    assert "**▼** Contributes **−0.41** to the class score in the mean" in said
    assert "it **lowers** the score. Ranks go by the largest conductance on its map" in said


def test_the_score_of_a_class_that_the_model_lacks_is_not_called_its_own():
    adds = replace(toy.contribution(), own_class=False)
    assert "to the score of the model's own predictions" in conductance_words.contribution(adds, toy.LAYERS[0], 0)


def test_next_to_nothing_is_not_called_a_contribution():
    """A negative 1e-6 beside 12 marks no neuron."""
    adds = toy.contribution()
    adds = replace(adds, mean=np.where(np.arange(12) == 2, -1e-6, adds.mean))
    words = conductance_words.contribution(adds, toy.LAYERS[0], 2)
    assert words == "Contributes next to nothing to the class score in the mean."
    assert not adds.lowers("conv1").any()


def test_errors_are_bounds():
    """A layer whose error rounds to nothing adds up within 0.1 %, not within 0 %; where all are so there is one."""
    adds = replace(toy.contribution(), completeness_error=np.array([0.0, 1e-5, 0.0]))
    assert "within 0.1 % (medians" in spaced(conductance_words.completeness_by_layer(adds))
    assert "within 0.1 % under the source model (" in spaced(conductance_words.completeness({"source": adds}, "conv1"))
    beside_a_skip = replace(adds, completeness_error=np.array([0.02, np.nan, 0.05]))
    words = spaced(conductance_words.completeness_by_layer(beside_a_skip))
    assert "within 2 % to 5 % (medians" in words
    assert words.endswith("8 path steps; layers beside a skip connection have none).")


def test_the_histogram_says_how_well_conductance_adds_up(page):
    """2.1 % in conv1 for both models; fc3 has no error."""
    said = "The layer's conductance sums to the change of the score within 2.1 % under the target model and 2.1 % under"
    assert f"{said} the source model (median of the class's target instances, 8 path steps)." in text_of(page)
    page.selectbox(key="network neuron layer").set_value("fc3")
    run_to_end(page)
    assert "No completeness error is known of this layer; layers beside a skip connection have none." in text_of(page)


@pytest.mark.parametrize(
    ("number", "written"),
    [(-0.414, "−0.41"), (12.3, "+12.30"), (0.00214, "+0.0021"), (-3e-05, "−3e−05"), (1234.5, "+1234.50")],
)
def test_contributions_are_written_with_their_sign(number, written):
    assert conductance_words.signed(number) == written


@pytest.mark.parametrize(
    ("number", "said"), [(1, "1st"), (2, "2nd"), (3, "3rd"), (11, "11th"), (23, "23rd"), (1112, "1,112th")]
)
def test_places_are_said_as_ordinals(number, said):
    """English ordinals, the teens included."""
    assert neuron_panel.ordinal(number) == said


def test_the_top_instances_are_those_of_the_largest_activation():
    """Activations grow with the instance's number, so the last ones lead."""
    neuron = NeuronRef("target", "conv2", 1)
    values = toy.activations(None, "target", "target")
    best = np.argsort(-values.values, axis=0, kind="stable")[: pipeline.STRONGEST]
    strongest = Strongest(best, np.take_along_axis(values.values, best, axis=0), values.layers, values.units)
    rows = neuron_panel.top_instances(strongest, toy.instances(None), neuron, "target")
    assert rows["instance"].tolist() == list(range(19, 19 - pipeline.STRONGEST, -1))
    assert rows["caption"].iloc[0] == "<b>pen</b>: 5.2"


def test_an_edge_without_a_counterpart_says_why():
    """-1 leaves no source edge to compare with."""
    subject = toy.subject()
    source = subject.counterpart("conv1")
    source[0] = -1
    try:
        assert defaults.counterpart(subject, EdgeHit("target", toy.FIRST, 0, 4)) is None
        assert "No source counterpart" in weight_panel.facts(subject, EdgeHit("target", toy.FIRST, 0, 4))
    finally:
        source[0] = 0


def test_the_figures_files_bring_its_key(page):
    """They are made of the living figure, and have below it the key that the page keeps beside it."""
    run_to_end(page)
    wanted = sent(page, "files network-digits-cup")
    assert wanted["figures"] == ["zigzag"]
    words = [line.text for line in legend.lines(toy.subject(), Options())]
    assert [entry["text"] for entry in wanted["key"]] == words
    for entry in wanted["key"]:
        assert len(ElementTree.fromstring(entry["sample"])) > 0


def test_the_table_holds_every_number_shown(layout):
    """4 + 4 + 1 similarities and, for each model, 4 + 2 weights, with the important and kept ones marked."""
    table = controls.table(layout, toy.subject())
    assert table["kind"].value_counts().to_dict() == {"similarity": 9, "weight": 12}
    row = table[
        (table["kind"] == "weight") & (table["model"] == "target") & (table["first"] == 2) & (table["second"] == 1)
    ]
    assert row[["value", "count", "important", "kept"]].iloc[0].tolist() == [pytest.approx(2.1), 3, True, True]


def measure(page):
    (box,) = [box for box in page.selectbox if box.label == "Similarity"]
    return box


def test_similarity_is_the_measure_that_tells_counterparts_best_and_another_can_be_had(page):
    """The cosine by default, said with its number beside the others'; another is drawn and named, and back."""
    assert measure(page).value == "cosine"
    said = text_of(page)
    assert "Similarity is the **cosine of conductance (paper)**" in said
    assert "in 90 % of all draws" in said
    assert "(by the correlation of conductance 80 %, correlation of activations 70 %)" in said
    measure(page).set_value("activations")
    run_to_end(page)
    np.testing.assert_allclose(source_of(page, "zigzag", "similarity")["image"][0], [[475, 250], [100, 450]])
    assert "The cosine of conductance (paper) tells counterparts" in text_of(page)
    measure(page).set_value("cosine")
    assert "It tells counterparts from other neurons best" in text_of(run_to_end(page))


def test_the_darkness_can_begin_at_the_other_pairs(page):
    """The control changes what is white, the key says from where to where, and the caption, too."""
    (control,) = [one for one in page.segmented_control if one.label == "Darkness"]
    control.set_value("beyond")
    run_to_end(page)
    assert source_of(page, "zigzag", "similarity")["white"] == pytest.approx([0.4, 0.3, 0.2])
    said = text_of(page)
    assert "from the median of other pairs in its layer (white) to 1" in said
    assert any("similarity, other pairs' median to 1" in part.value for part in page.markdown)


def test_where_counterparts_were_found_by_function_the_measure_that_found_them_says_so(monkeypatch):
    """Correlation of activations chose them in conv2, so that it cannot but separate them there."""
    toy.install(monkeypatch)
    layers = toy.correspondence().layers
    layers["conv2"] = replace(layers["conv2"], descent=False)
    fakes.install(monkeypatch, {"correspondence": lambda _: Correspondence(layers)})
    opened = run_to_end(app(PAGE, **{"class": "cup"}))
    assert "by function, that is by this measure" not in text_of(opened)
    measure(opened).set_value("activations")
    run_to_end(opened)
    assert "In layer 2 counterparts were found by function, that is by this measure" in text_of(opened)


def test_of_equally_similar_neurons_that_of_the_same_index_comes_first():
    """As for matches: within rounding of the largest, so that an unmoved neuron is not shown as moved."""
    values = np.full((4, 4), 0.5, np.float32)
    values[0, 2] += 5e-7
    subject = replace(toy.subject(), alike=Similarity({"conv1": values}))
    assert [index for index, _ in defaults.similar(subject, NeuronRef("target", "conv1", 2))] == [2, 0, 1, 3]
    assert [index for index, _ in defaults.similar(subject, NeuronRef("source", "conv1", 3))] == [3, 0, 1, 2]
