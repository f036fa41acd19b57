"""The whole pipeline where the domains' label sets differ: partly overlapping, disjoint, and with one channel."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import label_sets
import numpy as np
import pandas as pd
import pytest
from streamlit_help import app, run_to_end, text_of

from tlx import needs, pipeline
from tlx.cases import DOMAINS, MODELS, Case
from tlx.errors import EmptyError
from tlx.needs import answered


@dataclass(frozen=True)
class Labels:
    """A case with the classes of its domains."""

    case: Case
    source: tuple[str, ...]
    target: tuple[str, ...]

    def of(self, side: str) -> tuple[str, ...]:
        return {"source": self.source, "target": self.target}[side]


KINDS = {
    "partly": (("bee", "cat", "dog"), ("ant", "bee", "cat", "fly"), 3),
    "disjoint": (("cat", "dog"), ("ant", "bee", "fly"), 3),
    "grey": (("bee", "cat", "dog"), ("ant", "bee"), 1),
}


@pytest.fixture(scope="module", params=KINDS)
def labels(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Labels:
    source, target, channels = KINDS[request.param]
    case = label_sets.write(tmp_path_factory.mktemp(request.param), source, target, channels=channels)
    return Labels(case, source, target)


def empty(call: Callable[[], object]) -> str:
    """The sentence that says why there is nothing to show."""
    with pytest.raises(EmptyError) as caught:
        call()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_every_class_is_listed_the_targets_first(labels: Labels) -> None:
    expected = [*labels.target, *(name for name in labels.source if name not in labels.target)]
    assert list(pipeline.classes(labels.case)) == expected
    for side in DOMAINS:
        assert (
            pipeline.catalogue(labels.case, side).classes
            == pipeline.images(labels.case, side).classes
            == labels.of(side)
        )
        assert pipeline.images(labels.case, side).pixels.shape[1:] == (16, 16, labels.case.channels)


def test_each_model_has_the_head_of_its_domain(labels: Labels) -> None:
    for model in MODELS:
        found = pipeline.trained(labels.case, model)
        assert found.classes == labels.of(model)
        assert found.tensors["fc8.weight"].shape == (len(labels.of(model)), 128)
        for side in DOMAINS:
            said = pipeline.predictions(labels.case, model, side)
            assert set(said["label"]) == set(labels.of(side))
            assert set(said["prediction"]) <= set(labels.of(model))
    assert pipeline.history(labels.case).empty


def test_a_class_the_model_lacks_is_never_right(labels: Labels) -> None:
    """In the class table its accuracy is unknown, not 0; a class without target instances counts none."""
    table = pipeline.class_table(labels.case).set_index("class_name")
    assert list(table.index) == list(pipeline.classes(labels.case))
    for name, row in table.iterrows():
        assert row["n"] == (1 if name in labels.target else 0)
        assert np.isnan(row["source_accuracy"]) == (name not in labels.source or name not in labels.target)
        assert np.isnan(row["target_accuracy"]) == (name not in labels.target)


def test_the_score_rests_on_the_classes_of_both(labels: Labels) -> None:
    """One held-out picture of each class; without a shared class there is no score, but what a probe can tell."""
    score = pipeline.transferability(labels.case)
    shared = set(labels.source) & set(labels.target)
    assert (score.known, score.all_n) == (bool(shared), len(labels.target))
    assert score.n == score.classes == (len(shared) or len(labels.target))
    assert not score.descended  # checkpoints without a history
    probe = answered(needs.probe(labels.case), lambda wanted: wanted())
    assert (probe is None) == score.known
    if probe is not None:
        assert (probe.n, probe.split) == (len(labels.target), "validation")


def test_a_case_without_a_score_shows_what_else_there_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Start and Statistics show the majority class and the probe, and never 0 %; Compare keeps it out of the chart."""
    case = label_sets.write(tmp_path, ("cat", "dog"), ("ant", "bee", "fly"))
    monkeypatch.setenv("TLX_CASES", str(tmp_path / "shapes.toml"))
    answered(needs.probe(case), lambda wanted: wanted())
    for page in (app(case="shapes"), app("pages/1_Statistics.py", case="shapes")):
        said = text_of(run_to_end(page))
        assert not page.exception
        assert "No score: the source model can name none of the target's classes" in said
        assert "Always the largest class: **33.3 %**" in said
        assert "Linear probe of the source model:" in said
        assert "Transferability score" not in [metric.label for metric in page.metric]
    page = run_to_end(app("pages/5_Compare.py", case="shapes"))
    row = page.dataframe[0].value.set_index("title").loc["Shapes"]
    assert np.isnan(row["score"])
    assert row["note"].startswith("no score")
    assert 0 <= row["target_accuracy"] <= 100


def test_confusion_and_instances_hold_every_class(labels: Labels) -> None:
    everything = pipeline.classes(labels.case)
    for model in MODELS:
        for side in DOMAINS:
            counts = pipeline.confusion(labels.case, model, side)
            assert list(counts.index) == list(counts.columns) == list(everything)
            assert counts.to_numpy().sum() == len(labels.of(side))
    assert len(pipeline.instances(labels.case)) == 6 * (len(labels.source) + len(labels.target))


def test_the_explained_score_is_the_own_class_or_the_own_prediction(labels: Labels) -> None:
    for model in MODELS:
        for side in DOMAINS:
            found = pipeline.conductance(labels.case, model, side)
            said = pipeline.predictions(labels.case, model, side)
            scored = np.array(labels.of(model))[found.scored]
            known = said["label"].isin(labels.of(model)).to_numpy()
            assert (found.own_class == known).all()
            assert (scored == np.where(known, said["label"], said["prediction"])).all()
            assert pipeline.activations(labels.case, model, side).values.shape == found.values.shape


def test_a_class_of_both_domains_has_every_view(labels: Labels) -> None:
    for name in sorted(set(labels.source) & set(labels.target))[:1]:
        assert pipeline.reuse(labels.case, name).class_name == name
        for model in MODELS:
            assert pipeline.discriminability(labels.case, name, model).class_name == name
        assert len(pipeline.domain_gap(labels.case, name)) == 2 * 7


def test_a_class_of_the_target_alone_has_a_structure_but_no_domain_gap(labels: Labels) -> None:
    for name in set(labels.target) - set(labels.source):
        assert pipeline.comparison(labels.case, name).similarity["conv1"].shape == (32, 32)
        assert pipeline.abstraction(labels.case, "source", name).n == 6
        assert set(pipeline.reuse_by_class(labels.case)) == set(labels.target)
        for call in (pipeline.discriminability, pipeline.domain_gap):
            said = empty(lambda call=call, name=name: call(labels.case, name))
            assert said.startswith(f"class {name!r} has no instance in the source domain")


def test_a_class_of_the_source_alone_says_why_its_views_are_empty(labels: Labels) -> None:
    for name in set(labels.source) - set(labels.target):
        for call in (pipeline.comparison, pipeline.reuse, pipeline.discriminability, pipeline.domain_gap):
            said = empty(lambda call=call, name=name: call(labels.case, name))
            assert said.startswith(f"class {name!r} has no instance in the target domain")


def test_instances_of_any_classes_can_be_drawn_together(labels: Labels) -> None:
    drawn = pipeline.embedding(labels.case, pipeline.classes(labels.case))
    assert len(drawn.coordinates) == 6 * (len(labels.source) + len(labels.target))
    alone = pipeline.embedding(labels.case, [labels.source[-1], labels.target[0]], model="source", layer="conv5")
    assert set(alone.label) == {labels.source[-1], labels.target[0]}
    near = pipeline.neighbours(labels.case, "target", 0)
    assert isinstance(near, pd.DataFrame)
    assert set(near["label"]) <= set(labels.source)


def test_neurons_are_silenced_drawn_and_cropped(labels: Labels, monkeypatch: pytest.MonkeyPatch) -> None:
    """Accuracy of a class the model lacks stays 0, whatever is silenced."""
    monkeypatch.setattr("tlx.analysis.feature_visualisation.STEPS", 2)
    for model in MODELS:
        for name in labels.target:
            result = pipeline.silenced(labels.case, name, model, (("conv2", 3), ("fc6", 0)))
            assert result.before.keys() == {"source", "target"}
            if name not in labels.of(model):
                shares = [given[side][..., 0] for given in (result.after, result.controls) for side in DOMAINS]
                assert not any(np.nan_to_num(share).any() for share in shares)
    image = pipeline.neuron_images(labels.case, "target", [("conv2", 3), ("fc7", 1)])["fc7", 1]
    assert image.shape[-1] == 3
    for parts in pipeline.crops(labels.case, "source", "conv2", 3).values():
        assert all(part.pixels.shape[-1] == labels.case.channels for part in parts)
    pair = pipeline.network(labels.case).pairs[0]
    assert pipeline.kernel_response(labels.case, "target", pair, (0, 1), 0).kernel.shape == (3, 3)
    for side in DOMAINS:
        assert pipeline.thumbnails(labels.case, side).sheets


def test_the_control_is_trained_on_the_targets_classes(labels: Labels) -> None:
    assert pipeline.scratch(labels.case).classes == labels.target


@pytest.mark.parametrize("name", ["dog", "ant", "bee"])
def test_a_page_marks_a_class_that_one_domain_alone_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """In the list of classes, and in words on what stands for it in the model that lacks it."""
    label_sets.write(tmp_path, ("bee", "dog"), ("ant", "bee"))
    monkeypatch.setenv("TLX_CASES", str(tmp_path / "shapes.toml"))
    page = run_to_end(app(case="shapes", **{"class": name}))
    assert not page.exception
    assert page.sidebar.selectbox[1].options == ["ant (only target)", "bee", "dog (only source)"]
    has, lacks = {"dog": ("source", "target"), "ant": ("target", "source")}.get(name, ("", ""))
    said = [caption.value for caption in page.sidebar.caption if "has this class" in caption.value]
    assert len(said) == (name != "bee")
    assert all(f"Only the {has} domain" in one and f"The {lacks} model never learned it" in one for one in said)


def test_a_model_of_many_classes_is_transferred_to_few(tmp_path: Path) -> None:
    """As from ImageNet to bees: of 1,000 outputs two have source images and two others target images.

    The other outputs can be predicted, and are in no list to choose from.
    """
    head = tuple(sorted({*(f"kind {at}" for at in range(998)), "cat", "dog"}))
    case = label_sets.write(tmp_path, ("cat", "dog"), ("bumble bee", "honey bee"), head=head)
    assert pipeline.trained(case, "source").classes == head
    assert pipeline.classes(case) == ("bumble bee", "honey bee", "cat", "dog")
    assert list(pipeline.class_table(case)["class_name"]) == list(pipeline.classes(case))
    said = pipeline.predictions(case, "source", "target")["prediction"]
    assert any(name.startswith("kind") for name in said)
    counts = pipeline.confusion(case, "source")
    assert counts.to_numpy().sum() == 2
    assert set(said) <= set(counts.columns)
    assert pipeline.comparison(case, "honey bee").similarity["fc7"].shape == (128, 128)
    assert not pipeline.conductance(case, "source", "target").own_class.any()
