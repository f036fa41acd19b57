import base64
import io
import re

import fakes
import numpy as np
import pandas as pd
import pytest
import statistics_case as toy
from PIL import Image
from streamlit_help import app, fire, run_to_end, sent, source_of, text_of

from tlx import defaults, pipeline
from tlx.analysis import statistics
from tlx.app import gathering
from tlx.app.gathering import Gathering
from tlx.errors import EmptyError
from tlx.figures import galleries
from tlx.figures.pictures import Pictures

PAGE = "pages/2_Instances.py"


@pytest.fixture
def page(monkeypatch):
    toy.install(monkeypatch)
    return run_to_end(app(PAGE, **{"class": "cup"}))


def html_of(page):
    return "\n".join(element.proto.body for element in page.get("html"))


def marks(page, model="target"):
    data = source_of(page, f"scatter {model}", "points")
    return list(zip(data["domain"], map(int, data["instance"]), strict=True))


def test_the_class_and_the_one_it_is_taken_for_are_drawn(page):
    """The page starts with the chosen class and the class it is most confused with, from both domains."""
    assert not page.exception
    assert page.multiselect(key="tlx setting instances.classes").value == ["cup", "<b>pen</b>"]
    assert len(marks(page)) == 14


def test_another_class_can_be_added(page):
    """Classes are chosen on the page; the plot follows."""
    page.multiselect(key="tlx setting instances.classes").set_value(["cup", "<b>pen</b>", "book"])
    run_to_end(page)
    assert len(marks(page)) == 21


def test_no_class_is_asked_for_in_words(page):
    """Without any class the page asks for one."""
    page.multiselect(key="tlx setting instances.classes").set_value([])
    run_to_end(page)
    assert "Choose at least one class" in text_of(page)
    assert not page.exception


def test_a_new_class_of_the_selection_starts_the_choice_afresh(page):
    """Choosing another class in the sidebar shows that class."""
    page.sidebar.selectbox(key="tlx widget class_name").set_value("book")
    run_to_end(page)
    assert page.multiselect(key="tlx setting instances.classes").value == ["book"]


def test_tapping_a_mark_picks_the_instance_for_all_pages(page):
    """One selected mark becomes the shared instance: it is shown large, ringed, and stands in the address."""
    at = marks(page).index(("target", 3))
    fire(page, "scatter target", "select", {"name": "points", "indices": [at]})
    run_to_end(page)
    assert page.query_params["instance"] == "target:3"
    assert source_of(page, "scatter target", "picked")["instance"].tolist() == [3]
    assert "target 3" in text_of(page)
    assert "Nearest source instances" in text_of(page)
    assert "1 of 2 are of its class cup" in text_of(page)


def test_the_keyboard_picks_an_instance_too(page):
    """Domain and number choose an instance without a mouse."""
    page.selectbox(key="instances widget domain").set_value("source")
    page.number_input(key="instances widget number").set_value(4)
    run_to_end(page)
    assert page.query_params["instance"] == "source:4"
    assert "source 4" in text_of(page)


def test_a_lasso_gathers_pictures_and_a_table(page):
    """Several selected marks become the gallery; mispredicted ones are counted, and the plot keeps them selected."""
    rows = [marks(page).index(pair) for pair in (("target", 0), ("source", 0), ("target", 3))]
    fire(page, "scatter target", "select", {"name": "points", "indices": rows})
    run_to_end(page)
    said = text_of(page)
    assert "3 instances" in said
    assert "mispredicts 1 of them" in said
    assert sorted(sent(page, "scatter target")["selected"]["points"]) == sorted(rows)
    assert html_of(page).count("data:image/webp") >= 3


def test_instances_are_gathered_without_a_mouse(page):
    """A class, a domain and what the model says choose instances, which the plot then marks too."""
    page.selectbox(key="gather class").set_value(("any",))
    run_to_end(page)
    assert "Draw a lasso" in text_of(page)  # only an answer gathers
    page.selectbox(key="gather answer").set_value((gathering.WRONG, "target"))
    run_to_end(page)
    assert "1 instance** (0 source, 1 target): target images of any class that the target model gets wrong" in text_of(
        page
    )
    assert sent(page, "scatter target")["selected"]["points"] == [marks(page).index(("target", 0))]
    assert page.query_params["view"] == "instances.gather=target%2C%2C%2A"
    next(button for button in page.button if button.label == "Clear the selection").click()
    run_to_end(page)
    assert sent(page, "scatter target")["selected"]["points"] == []
    assert "view" not in page.query_params


def test_instances_are_gathered_by_what_both_models_say(page):
    """Four groups with their counts; one click gathers a group, the next another, and again lets it go."""
    groups = next(one for one in page.button_group if one.key == "gather groups")
    assert "What both models say of target images of class **cup**" in groups.label
    found = gathering.counts(pipeline.instances(None), Gathering("both", "cup"))
    assert sum(found.values()) == 3
    assert groups.options == [f"{words} ({found[name]})" for name, words in gathering.GROUPS.items()]
    for name in (*found, None):
        next(one for one in page.button_group if one.key == "gather groups").set_value(name)
        run_to_end(page)
        pairs = gathering.matching(pipeline.instances(None), Gathering("both", "cup", name))
        assert len(pairs) == found.get(name, 0)
        assert sent(page, "scatter target")["selected"]["points"] == sorted(map(marks(page).index, pairs))


def test_a_link_opens_with_images_gathered(monkeypatch):
    """Whatever classes are drawn: the gallery says what it shows, and the boxes hold the same."""
    toy.install(monkeypatch)
    page = run_to_end(
        app(PAGE, **{"class": "book", "view": "instances.gather=target%2Ccup%2C%253Cb%253Epen%253C/b%253E"})
    )
    assert page.multiselect(key="tlx setting instances.classes").value == ["book"]
    assert "1 instance** (0 source, 1 target): target images of class **cup** that the target model takes for " in (
        text_of(page)
    )
    assert page.selectbox(key="gather class").value == "cup"
    assert page.selectbox(key="gather answer").value == ("<b>pen</b>", "target")


def test_a_lasso_takes_the_place_of_a_description(page):
    """And a description that of a lasso: what came last counts; to pick one of those gathered keeps them."""
    fire(page, "scatter target", "select", {"name": "points", "indices": [0, 1]})
    run_to_end(page)
    next(one for one in page.button_group if one.key == "gather groups").set_value("right")
    run_to_end(page)
    assert "that both models get right" in text_of(page)
    kept = sent(page, "scatter target")["selected"]["points"]
    fire(page, "scatter target", "select", {"name": "points", "indices": [kept[0]]})
    run_to_end(page)
    assert sent(page, "scatter target")["selected"]["points"] == kept
    fire(page, "scatter target", "select", {"name": "points", "indices": [2, 3]})
    run_to_end(page)
    assert sent(page, "scatter target")["selected"]["points"] == [2, 3]
    assert "that both models get right" not in text_of(page).replace("What both", "")
    assert "view" not in page.query_params


def test_a_link_opens_what_its_sender_saw(page, monkeypatch):
    """Drawn classes, layer, both models, histograms and what is gathered, in another session."""
    page.multiselect(key="tlx setting instances.classes").set_value(["cup", "book"])
    run_to_end(page)
    page.selectbox(key="tlx setting instances.layer").set_value("fc2")
    page.toggle(key="tlx setting instances.both").set_value(True)
    run_to_end(page)
    for key, value in (("tlx setting instances.histograms", ["book"]), ("gather groups", "right")):
        next(one for one in page.button_group if one.key == key).set_value(value)
        run_to_end(page)
    there = run_to_end(app(PAGE, forget=False, **page.query_params))
    assert there.query_params == page.query_params
    for one in (page, there):
        assert one.multiselect(key="tlx setting instances.classes").value == ["cup", "book"]
        assert one.selectbox(key="tlx setting instances.layer").value == "fc2"
        assert one.toggle(key="tlx setting instances.both").value
        assert [group.value for group in one.button_group] == ["right", ["book"]]
        assert len(marks(one, "source")) == len(marks(one)) == 14
    assert text_of(there) == text_of(page)


def test_what_is_toggled_stays_so(page):
    """Four times in a row, each value is kept."""
    for at in range(4):
        page.toggle(key="tlx setting instances.both").set_value(at % 2 == 0)
        run_to_end(page)
        page.selectbox(key="tlx setting instances.layer").set_value(["fc2", ""][at % 2])
        run_to_end(page)
        assert page.toggle(key="tlx setting instances.both").value is (at % 2 == 0)
        assert page.selectbox(key="tlx setting instances.layer").value == ["fc2", ""][at % 2]
    assert "view" not in page.query_params


def test_names_are_escaped_in_the_gallery_and_the_list(page):
    """A class called like a tag is shown, not obeyed."""
    rows = list(range(len(marks(page))))
    fire(page, "scatter target", "select", {"name": "points", "indices": rows})
    run_to_end(page)
    assert "&lt;b&gt;pen&lt;/b&gt;" in html_of(page)
    assert "<b>pen</b>" not in html_of(page)


def test_both_models_stand_side_by_side_with_one_selection(page):
    """The source model's plot shows the same instances in the same rows, ringed and selected alike."""
    page.toggle(key="tlx setting instances.both").set_value(True)
    run_to_end(page)
    assert marks(page, "source") == marks(page)
    fire(page, "scatter source", "select", {"name": "points", "indices": [0, 1]})
    run_to_end(page)
    assert sent(page, "scatter target")["selected"]["points"] == [0, 1]
    fire(page, "scatter source", "select", {"name": "points", "indices": [2]})
    run_to_end(page)
    ring = source_of(page, "scatter target", "picked")
    assert list(zip(ring["domain"], ring["instance"].tolist(), strict=True)) == [marks(page)[2]]


def test_another_layer_is_asked_of_the_pipeline(page, monkeypatch):
    """The layer chosen is the one whose activations are embedded."""
    asked = []
    fakes.install(monkeypatch, {"embedding": lambda *args: asked.append(args) or toy.embedded(*args)})
    page.selectbox(key="tlx setting instances.layer").set_value("fc2")
    run_to_end(page)
    assert {args[3] for args in asked} == {"fc2"}


def test_an_embedding_that_fails_is_a_sentence(monkeypatch):
    """What the pipeline cannot embed is said in words, and the rest of the page stays."""
    toy.install(monkeypatch)

    def nothing(*args):
        raise EmptyError("no instance of the chosen classes")

    fakes.install(monkeypatch, {"embedding": nothing})
    page = run_to_end(app(PAGE))
    assert any("No instance of the chosen classes" in element.value for element in page.info)
    assert page.number_input(key="instances widget number")
    assert not page.exception


def test_domain_scores_are_shown_when_at_hand(page):
    """The histogram holds the decision values, with how far to trust them."""
    assert source_of(page, "domain score cup", "source")["count"].sum() == 2
    assert "accuracy 90 %" in text_of(page)


def test_every_chosen_class_has_its_histogram(page, monkeypatch):
    """The first two of the chosen classes are drawn, each from a classifier of its own."""
    asked = []
    fakes.install(monkeypatch, {"discriminability": lambda *args: asked.append(args[1]) or toy.domain_scores(args[1])})
    page.multiselect(key="tlx setting instances.classes").set_value(["cup", "book", "<b>pen</b>"])
    run_to_end(page)
    assert set(asked) == {"cup", "book"}
    for name in ("cup", "book"):
        assert source_of(page, f"domain score {name}", "target")["count"].sum() == 3


def test_noise_is_called_noise(monkeypatch):
    """Where the domains cannot be told apart the scores are called noise."""
    toy.install(monkeypatch)
    fakes.install(monkeypatch, {"discriminability": lambda *_: toy.domain_scores("cup", 0.52, 0.45)})
    page = run_to_end(app(PAGE, **{"class": "cup"}))
    assert any("the scores are noise" in element.value for element in page.warning)


def test_classes_start_with_the_most_confused_pair():
    """What the class is taken for comes first, then what is taken for it; a clean class stands alone."""
    classes = ("a", "b", "c", "d")
    labels, said = list("aabcd"), list("abaca")
    rows = pd.DataFrame({"split": "validation", "label": labels, "prediction": said})
    table = statistics.class_table(rows, rows, {"source": classes, "target": classes})
    assert defaults.classes_drawn(table, "a") == ["a", "b"]
    assert defaults.classes_drawn(table, "b") == ["b", "a"]
    assert defaults.classes_drawn(table, "c") == ["c"]
    without = table[table["class_name"] != "b"]  # a class that the model learned, and of which there are no images
    assert defaults.classes_drawn(without, "a") == ["a", "d"]


def test_the_gallery_is_cut_and_says_so():
    """A tile names its instance, class and prediction, and shows its picture; wrong ones show the arrow."""
    sheet = np.zeros((8, 16, 3), dtype=np.uint8)
    sheet[:, 8:] = (255, 0, 0)  # the second tile is red
    sheets = {"source": (webp(sheet),), "target": (webp(sheet),)}
    served = Pictures({"source": ("s.webp",), "target": ("t.webp",)}, 8, 2, sheets)
    rows = pd.DataFrame(
        {
            "domain": ["target", "source"],
            "instance": [0, 1],
            "name": ['"><script>', "x"],
            "label": ["a", "b"],
            "prediction": ["b", "b"],
            "mispredicted": [True, False],
        }
    )
    found = galleries.gallery_html(served, rows, 64)
    shown = [pixels_of(address) for address in re.findall(r'src="data:image/webp;base64,([^"]+)"', found)]
    assert [one.shape for one in shown] == [(8, 8, 3)] * 2
    np.testing.assert_allclose([one.mean(axis=(0, 1)) for one in shown], [[0, 0, 0], [255, 0, 0]], atol=10)
    assert "a → b" in found
    assert "<script>" not in found


def webp(pixels):
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "WEBP", lossless=True)
    return buffer.getvalue()


def pixels_of(address):
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(address))).convert("RGB")).astype(float)


def test_under_the_picture_stands_how_much_it_keeps(page):
    """The share of nearest neighbours, for each picture."""
    assert text_of(page).count("The picture keeps 36.6 % of each image's 15 nearest neighbours by activations.") == 1
