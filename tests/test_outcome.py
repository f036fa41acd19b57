"""The chart of what the transfer came to: every model's accuracy with its interval, named where it stands."""

from __future__ import annotations

import numpy as np
import pytest
from bokeh.models import Text
from streamlit_help import spaced

from tlx.figures.outcome import outcome
from tlx.results import Control, Probe, Transferability
from tlx.words.score import accuracies

SCORE = Transferability(0.25, 0.1, 0.4, 60, 0.5, 0.75, 3, 4)


def control(length, accuracy):
    return Control(length, 0.1, 0.0, 0.2, accuracy, 0.75, 60, "validation", 12, 3, None)


def drawn(score=SCORE, probe=None, controls=()):
    plot = outcome(accuracies(score, probe, {one.length: one for one in controls}))
    return plot, next(iter(plot.select({"name": "accuracies"}))).data


def test_every_model_has_a_row_with_its_name_and_number():
    """From the source model on top to the target model below, each name and number once, in its model's looks."""
    plot, data = drawn(controls=[control("budget", 0.6), control("end", 0.8)])
    assert list(data["model"]) == ["source", "scratch", "scratch", "target"]
    assert list(data["place"]) == [3, 2, 1, 0]
    assert [spaced(number) for number in data["number"]] == ["50 %", "60 %", "80 %", "75 %"]
    assert len(set(data["title"])) == 4
    assert (data["marker"][0], data["marker"][3]) == ("x", "circle")
    assert {renderer.glyph.text for renderer in plot.renderers if isinstance(renderer.glyph, Text)} == {
        "number",
        "title",
    }
    assert plot.title.text == "Accuracy on the target's 60 validation images, 95 % intervals"


def test_intervals_are_wilsons():
    """Of 30 of 60: 0.377 to 0.623."""
    _, data = drawn()
    assert (data["low"][0], data["high"][0]) == pytest.approx((0.377, 0.623), abs=0.001)


@pytest.mark.parametrize(("accuracy", "first"), [(0.99, 0.8), (0.5, 0.3), (0.02, 0.0)])
def test_the_axis_begins_below_the_lowest_whisker_and_ends_behind_100(accuracy, first):
    """A number beside a dot at 100 % has room, and no tick stands beyond it."""
    score = Transferability(0.01, 0.0, 0.1, 60, accuracy, 1.0, 3, 4)
    plot, data = drawn(score)
    assert plot.x_range.start == pytest.approx(first)
    assert plot.x_range.start <= data["low"].min()
    assert plot.x_range.end > 1.02
    assert max(plot.xaxis.ticker.ticks) == 1


def test_without_a_score_the_target_model_is_held_against_what_there_is():
    """The largest class has no whisker, the probe of the source model has its own."""
    unknown = Transferability(float("nan"), *[float("nan")] * 2, 60, float("nan"), 0.75, 0, 4, majority=0.1)
    _, data = drawn(unknown, Probe(0.4, 0.3, 0.5, 60, "validation", 1.0))
    assert list(data["title"]) == ["Always the largest class", "Linear probe of the source model", "Target model"]
    assert np.isnan(data["low"][0])
    assert (data["low"][1], data["high"][1]) == (0.3, 0.5)


def test_models_judged_on_different_images_say_no_one_number():
    """The tooltips say each one's."""
    plot, data = drawn(controls=[Control("budget", 0.1, 0, 0.2, 0.6, 0.75, 75, "validation", 12, 3, None)])
    assert plot.title.text == "Accuracy on the target's validation images, 95 % intervals"
    assert list(data["n"]) == [60, 75, 60]
