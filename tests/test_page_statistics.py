from dataclasses import replace

import fakes
import numpy as np
import pandas as pd
import pytest
import statistics_case as toy
from streamlit_help import app, figure_of, fire, run_to_end, source_of, text_of

from tlx.app import gathering, navigation, selection
from tlx.app.statistics import confusion_matrices
from tlx.results import BestEpochs, Transferability
from tlx.words import classes
from tlx.words import score as score_words

CONFUSION = "tlx setting statistics.confusion"
PAGE = "pages/1_Statistics.py"


@pytest.fixture
def page(monkeypatch):
    toy.install(monkeypatch)
    return run_to_end(app(PAGE, **{"class": "cup"}))


def test_the_page_shows_score_interval_and_meaning(page):
    """Score, interval, n, both accuracies and what they mean stand on the page."""
    said = text_of(page)
    assert not page.exception
    for part in ("+25 points", "+10 to +40 points", "n = 60", "75 %", "The transfer helped"):
        assert part in said


def test_the_chart_holds_the_history(page):
    """The accuracy chart's data are the history's."""
    data = source_of(page, "accuracy", "target target validation")
    np.testing.assert_allclose(data["accuracy"], [0.5, 0.6, 0.7, 0.8])


def test_without_a_history_the_page_says_so(monkeypatch):
    """A case without a history, not even the control's, has no chart, a sentence, and still its table."""
    toy.install(monkeypatch)
    fakes.install(monkeypatch, {"history": lambda case: toy.history(case).iloc[:0]})
    for module in ("score_card", "statistics.controls"):
        monkeypatch.setattr(f"tlx.app.{module}.CONTROLS", ())
    page = run_to_end(app(PAGE))
    assert "without an accuracy history" in text_of(page)
    assert len(page.dataframe) == 1


def test_the_table_has_every_class_and_its_mistakes(page):
    """One row a class; the one mistake of the target model is counted and named."""
    table = page.dataframe[0].value
    assert table["class_name"].tolist() == list(toy.CLASSES)
    assert table["misclassified_as"].tolist() == ["<b>pen</b> (1×)", "", ""]
    assert table["target_accuracy"].tolist() == pytest.approx([200 / 3, 100, 100])


def test_few_instances_are_warned_about_and_names_are_escaped(page):
    """Classes under twenty instances are named in a warning, as plain text whatever they are called."""
    warnings = [element.value for element in page.warning]
    assert any(said.startswith("Fewer than 20 validation instances: 3 of 3 classes (") for said in warnings)
    assert not any("<b>pen" in said for said in warnings)


def test_confusion_matrices_come_on_demand_and_a_tap_chooses_the_true_class(page):
    """The matrices are hidden until asked for; a tap on the diagonal, or on an empty cell, chooses the row."""
    with pytest.raises(LookupError):
        figure_of(page, "confusion target")
    page.toggle(key=CONFUSION).set_value(True)
    run_to_end(page)
    np.testing.assert_array_equal(
        source_of(page, "confusion target", "cells")["count"][0], [[2, 1, 0], [0, 3, 0], [0, 0, 3]]
    )
    fire(page, "confusion target", "tap", {"x": 0.4, "y": 2.7})
    assert page.query_params["class"] == "book"
    assert page.sidebar.selectbox(key="tlx widget class_name").value == "book"
    assert "gather" not in page.query_params["view"]
    fire(page, "confusion target", "tap", {"x": 0.4, "y": 0.7})
    assert page.query_params["class"] == "cup"
    assert "gather" not in page.query_params["view"]


@pytest.mark.parametrize("model", ["source", "target"])
def test_a_tap_on_a_mistake_opens_its_images(page, monkeypatch, model):
    """The cup that a model calls a pen: its class is chosen, these images are gathered, and Instances is opened."""
    opened = []
    monkeypatch.setattr(navigation, "pages", lambda: {"Instances": "instances"})
    monkeypatch.setattr(navigation.st, "page_link", lambda *_, **__: None)
    monkeypatch.setattr(navigation.st, "switch_page", opened.append)
    page.sidebar.selectbox(key="tlx widget class_name").set_value("book")
    page.toggle(key=CONFUSION).set_value(True)
    run_to_end(page)
    fire(page, f"confusion {model}", "tap", {"x": 1.4, "y": 0.7})
    assert page.query_params["class"] == "cup"
    choice, _ = selection.parse({"view": page.query_params["view"]})
    assert gathering.read(dict(choice.view)[gathering.SETTING]) == gathering.Gathering(
        model, "cup", "<b>pen</b>", split="validation"
    )
    assert opened == ["instances"]


def test_of_many_classes_the_most_confused_are_shown_and_the_chosen_one(page, monkeypatch):
    """With room for two: a pen, which a cup is taken for, stands beside the chosen book; a tap chooses what it hits."""
    monkeypatch.setattr(confusion_matrices, "BESIDE", 2)
    monkeypatch.setattr(confusion_matrices, "SIZES", (2,))
    page.sidebar.selectbox(key="tlx widget class_name").set_value("book")
    page.toggle(key=CONFUSION).set_value(True)
    run_to_end(page)
    np.testing.assert_array_equal(source_of(page, "confusion target", "cells")["count"][0], [[2, 0], [0, 3]])
    assert "0 of the 1 mistakes" in text_of(page)
    fire(page, "confusion target", "tap", {"x": 1.4, "y": 0.7})
    assert page.query_params["class"] == "cup"
    page.selectbox(key="tlx setting statistics.confused").set_value(0)
    run_to_end(page)
    assert source_of(page, "confusion target", "cells")["count"][0].shape == (3, 3)


@pytest.mark.parametrize(("x", "y"), [(-0.1, 0.5), (0.5, 3.2), (5.0, 0.5), (0.5, -1.0)])
def test_a_tap_beside_the_matrix_chooses_nothing(monkeypatch, x, y):
    """Only cells choose a class."""
    monkeypatch.setattr(confusion_matrices, "choose", lambda **_: pytest.fail("nothing may be chosen"))
    counts = pd.DataFrame(1, list("abc"), list("abc"))
    confusion_matrices.taker(counts, list("abc"), "target", "test")({"x": x, "y": y})


def test_a_mistakes_class_and_count_cannot_be_confused():
    """Classes may be called like numbers: the count stands in brackets. Largest first, as the table has them."""
    assert classes.mistakes((("9", 9), ("5", 1))) == "9 (9×), 5 (1×)"
    assert classes.mistakes(()) == ""


def test_a_note_tells_classes_of_one_domain():
    """The note column is there when it says something."""
    table = toy.class_table(None).assign(small=False)
    assert "note" not in classes.shown(table)
    noted = classes.shown(table.assign(domains=["both", "target", "source"]))
    assert noted["note"].tolist() == ["", "target domain only", "source domain only"]


def test_confusion_downloads_as_one_row_a_cell():
    """The CSV has true class, predicted class and count."""
    counts = pd.DataFrame([[1, 2], [0, 3]], index=["a", "b"], columns=["a", "b"])
    rows = confusion_matrices.long_form(counts)
    assert sorted(rows.itertuples(index=False, name=None)) == [
        ("a", "a", 1),
        ("a", "b", 2),
        ("b", "a", 0),
        ("b", "b", 3),
    ]


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [(0.1, 0.2, "The transfer helped"), (-0.2, -0.1, "Negative transfer"), (-0.1, 0.1, "No clear gain or loss")],
)
def test_the_meaning_follows_the_whole_interval(low, high, words):
    """Only an interval that lies on one side of 0 is called a gain or a negative transfer."""
    assert score_words.meaning(Transferability(0, low, high, 50, 0.5, 0.5, 1, 1, descended=True)).startswith(words)


@pytest.mark.parametrize(("low", "high"), [(0.1, 0.2), (-0.2, -0.1), (-0.1, 0.1)])
def test_where_the_target_model_came_from_is_said_only_where_it_is_known(low, high):
    """A model from scratch, or one whose history is unknown, did not start from the source model."""
    score = Transferability(0, low, high, 50, 0.5, 0.5, 1, 1)
    said = {known: score_words.meaning(replace(score, descended=known)) for known in (True, False)}
    assert "started from" not in said[False]
    assert "transfer helped" not in said[False]
    assert ("started from" in said[True]) == (low * high > 0)


def test_a_finding_from_few_images_says_so():
    """Twelve images: one of them is 8.3 points."""
    score = Transferability(0.5, 0.1, 0.9, 12, 0.25, 0.75, 1, 1)
    assert score_words.meaning(score).endswith("That is few images: one of them moves it by 8.3 points.")
    assert "few images" not in score_words.meaning(replace(score, n=20))


def test_the_card_says_what_the_score_rests_on(monkeypatch):
    """The split, the part of it that can be judged, classes counted alike, and the paper's definition by its name."""
    best = BestEpochs(0.3, 0.6, 0.9, 2, 7, 80)
    more = {"split": "test", "classes": 4, "all_n": 75, "all_classes": 5, "overall": 0.68, "best": best}
    uneven = {"uneven": True, "source_balanced": 0.41, "target_balanced": 0.72}
    toy.install(monkeypatch)
    fakes.install(monkeypatch, {"transferability": lambda _: replace(toy.SCORE, **more, **uneven)})
    said = text_of(run_to_end(app(PAGE)))
    assert "n = 60 test images" in said
    assert "rests on 60 of 75 images: those of the 4 of 5 classes" in said
    assert "On all 75 images the target model reaches 68 %" in said
    assert "Every class counted alike: target model 72 %, source model 41 %" in said
    assert "Best epochs (paper): +30 points" in said
    assert "reaches 90 % on n = 80 validation images (epoch 7), the source model 60 % (epoch 2)" in said
