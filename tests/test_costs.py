"""What a result is said to cost: what is missing of it, each part once, at measured seconds."""

from __future__ import annotations

from dataclasses import replace

import fakes
import numpy as np
import pytest
import toy_results
from streamlit_help import script

from tlx import estimates, needs, pipeline
from tlx.analysis import silencing
from tlx.app import costs, jobs
from tlx.casefiles import builtin
from tlx.cases import MODELS, Case, ModelPlan, Training
from tlx.results import REPLACEMENTS, NeuronRef
from tlx.storage import paces

PLAN = ModelPlan(training=Training(epochs=20))
EPOCHS = 20 * (10 + 6) * estimates.BACKWARD  # over 10 source and 6 target images
PASSES = 2 * 6 * 17 * estimates.BACKWARD  # the target images through both models, at both ends of 16 steps each
ONCE = 2 * 6 * estimates.FORWARD  # and once for what they respond
EDGES = 2 * 3 * estimates.EDGES  # of both models on the three target cats
READ = {"target": 6 * estimates.READING[0], "both": 16 * estimates.READING[0]}  # the images, which have no files here


def about(seconds: float) -> object:
    """But for the pairs of neurons that are assigned and the chance of edges: next to nothing in a network of 16."""
    return pytest.approx(seconds, abs=1e-4)


@pytest.fixture
def case(monkeypatch: pytest.MonkeyPatch, tmp_path) -> Case:
    """Nothing is trained and nothing is stored; only who is in the domains is known, and the network."""
    monkeypatch.setenv("TLX_CACHE", str(tmp_path))
    jobs.forget_jobs()
    fakes.install(monkeypatch, {"network": toy_results.network, "catalogue": toy_results.catalogue})
    return replace(builtin.cases()["digits"], source_model=PLAN, target_model=PLAN, image_size=32, n_steps=16)


def test_the_score_costs_the_training_and_a_pass_through_both_models(case: Case) -> None:
    assert costs.seconds(needs.score, case) == about(
        estimates.BEGIN + READ["both"] + EPOCHS + 2 * 6 * estimates.FORWARD
    )


def test_a_comparison_costs_conductance_and_edges_of_both_models(case: Case) -> None:
    expected = estimates.BEGIN + READ["both"] + EPOCHS + PASSES + ONCE + EDGES
    assert costs.seconds(needs.rewiring, case, "cat") == about(expected)
    assert costs.seconds(pipeline.comparison, case, "cat") == about(expected)


def test_all_that_a_panel_surely_needs_is_counted(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    """And not the first result that is missing alone: the ranking needs the other domain's conductance, too."""
    fakes.install(monkeypatch, {"trained": lambda *_: None, "images": lambda *_: None})
    of_one = (10 + 6) * 17 * estimates.BACKWARD + 3 * estimates.EDGES + estimates.CLASSIFIER
    assert costs.seconds(needs.ranking, case, "cat") == about(estimates.BEGIN + of_one)
    expected = estimates.BEGIN + PASSES + ONCE + EDGES
    assert costs.seconds(needs.compared, case, "cat") == about(expected)
    assert costs.seconds(needs.default_edge, case, "cat") == about(expected)


def test_feature_images_are_counted(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each once, by the steps that draw it."""
    fakes.install(monkeypatch, {"trained": lambda *_: None})
    neurons = [NeuronRef(model, "conv1", at) for model in MODELS for at in (0, 1, 1)]
    each = estimates.STEPS * (estimates.PAINTED + estimates.REACHED * estimates.BACKWARD)
    assert costs.seconds(needs.looks, case, neurons) == about(estimates.BEGIN + 4 * each)


def test_the_seconds_grow_with_the_area_of_the_images(case: Case) -> None:
    larger = costs.seconds(needs.rewiring, replace(case, image_size=64), "cat")
    assert larger == about(estimates.BEGIN + READ["both"] + 4 * (EPOCHS + PASSES + ONCE + EDGES))


def test_what_many_results_are_made_of_counts_once(case: Case) -> None:
    """Reuse of both classes: the conductance is measured once, the edges are valued for either class."""
    expected = estimates.BEGIN + READ["both"] + EPOCHS + PASSES + ONCE + 2 * EDGES
    assert costs.seconds(pipeline.reuse_by_class, case) == about(expected)


def test_what_is_stored_costs_nothing(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where both models are there, and then where the comparison is."""
    fakes.install(monkeypatch, {"trained": lambda *_: None})
    assert costs.seconds(needs.rewiring, case, "cat") == about(estimates.BEGIN + READ["target"] + PASSES + ONCE + EDGES)
    fakes.install(monkeypatch, {"reuse": lambda *_: None})
    assert costs.seconds(needs.rewiring, case, "cat") == estimates.BEGIN


def test_shards_that_are_stored_cost_nothing(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was computed before somebody cancelled is not promised again."""
    fakes.install(monkeypatch, {"trained": lambda *_: None, "images": lambda *_: None})
    whole = costs.seconds(pipeline.conductance, case, "target", "source")
    monkeypatch.setattr(pipeline, "SHARD", 4)
    there = {("source", 0), ("source", 4)}
    monkeypatch.setattr(
        pipeline._conductance_shard, "is_stored", lambda _, __, domain, first, ___: (domain, first) in there
    )
    assert whole == about(estimates.BEGIN + 10 * 17 * estimates.BACKWARD)
    assert costs.seconds(pipeline.conductance, case, "target", "source") == about(
        estimates.BEGIN + 2 * 17 * estimates.BACKWARD
    )


def test_estimates_learn_from_what_work_took(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of this kind and network; another network's is the first guess for one that was never seen."""
    fakes.install(monkeypatch, {"trained": lambda *_: None, "images": lambda *_: None})
    asked = pipeline.conductance, case, "target", "source"
    before = costs.seconds(*asked) - estimates.BEGIN
    paces.learn("conductance", "other", expected=1, measured=3)
    assert costs.seconds(*asked) == about(estimates.BEGIN + 3 * before)
    paces.learn("conductance", case.architecture_of("target"), expected=1, measured=5)
    assert costs.seconds(*asked) == about(estimates.BEGIN + 5 * before)
    assert costs.seconds(needs.score, replace(case, n_steps=4)) > 0  # other kinds know nothing of it
    assert paces.factor("predictions", case.architecture_of("target")) == 1


def test_other_work_before_it_is_spoken_of(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where it is more than nothing to speak of."""

    class Busy:
        ahead_of = 61.0

        def ahead(self, expected: float, _: str) -> float:
            return self.ahead_of if expected > costs.MOMENT else 0.0

    monkeypatch.setattr(jobs, "queue", Busy)
    assert costs._cost(30) == "about 30 s, after about 1 min of other work"
    assert costs._cost(10) == "about 10 s"
    Busy.ahead_of = 2.0
    assert costs._cost(30) == "about 30 s"


def test_silencing_and_the_domain_gap_are_counted_by_what_they_pass(case: Case, monkeypatch) -> None:
    """203 runs over 4 held-out images, 2 of them cats; and 4 neurons of 4 layers of both models on the 8 cats."""
    known = ("trained", "activations", "images", "conductance", "abstraction")
    fakes.install(monkeypatch, {name: lambda *_: None for name in known})
    expected = estimates.BEGIN + 203 * (4 + 2) * estimates.SILENCED
    assert costs.seconds(pipeline.silenced, case, "cat", "target", ()) == about(expected)
    assert costs.seconds(pipeline.domain_gap, case, "cat") == about(estimates.BEGIN + 2 * 4 * 4 * 8 * estimates.FIT)


@pytest.mark.parametrize(
    ("seconds", "said"), [(2.2, "about 2 s"), (41, "about 40 s"), (130, "about 2 min"), (5000, "about 1 h 20 min")]
)
def test_no_more_is_promised_than_can_be_kept(seconds: float, said: str) -> None:
    assert costs.words(seconds) == said


def test_the_cost_of_silencing_follows_what_it_does() -> None:
    """The numbers stand beside each other here because a page must not import torch to know them."""
    assert len(REPLACEMENTS) * (1 + silencing.DRAWS) + 1 == estimates.RUNS
    assert (silencing.OF_CLASS, silencing.OF_ALL) == estimates.ASKED


def test_reading_images_and_placing_many_of_them_are_counted(case: Case, monkeypatch, tmp_path) -> None:
    """Files of 1 MB take longer to read than the moment that an image takes; a picture takes longer with more in it."""
    (tmp_path / "large.png").write_bytes(bytes(1_000_000))
    listed = toy_results.catalogue(case, "target")
    named = replace(listed, names=np.array(["large.png"] * len(listed)))
    owner = replace(case, target=replace(case.target, path=str(tmp_path)))
    domains = {"source": listed, "target": named}
    speed = estimates.rough(case)
    read = estimates.seconds(needs.need(pipeline.images, owner, "target"), toy_results.network(case), domains, speed)
    assert read == pytest.approx(6 * (estimates.READING[0] + 1e6 * estimates.READING[1]))
    drawn = {
        names: estimates.seconds(needs.need(pipeline.embedding, case, names), toy_results.network(case), domains, speed)
        for names in (("cat",), toy_results.CLASSES)
    }
    assert estimates.PICTURE < drawn["cat",] < drawn[toy_results.CLASSES]


def test_images_smaller_than_32_px_are_not_said_to_be_quicker(case: Case) -> None:
    """At that size a pass takes what its layers take beside their arithmetic."""
    assert estimates.rough(replace(case, image_size=8)) == estimates.rough(replace(case, image_size=32))


def test_a_page_ends_where_what_it_requires_takes_long(case: Case) -> None:
    """Nothing is begun by opening a page: there is a button that says what it costs, and nothing below it."""

    def requiring() -> None:
        from dataclasses import replace

        import streamlit as st

        from tlx import needs
        from tlx.app import costs
        from tlx.casefiles import builtin
        from tlx.cases import ModelPlan, Training

        plan = ModelPlan(training=Training(epochs=200_000))
        costs.require("Score <it>", needs.score, replace(builtin.cases()["digits"], target_model=plan))
        st.markdown("below")

    page = script(requiring).run()
    assert [button.label.partition(" (about")[0] for button in page.button] == [r"Score \<it\>"]
    assert not page.markdown
    assert not jobs.queue().busy()
