"""The whole pipeline on a small case: shapes, agreement between stages, and the awkward cases."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import small_case
import torch

from tlx import load_case, pipeline
from tlx.analysis import attribution
from tlx.cases import MODELS, Case
from tlx.errors import EmptyError, SelectionError
from tlx.networks import models


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Case:
    return load_case(small_case.write(tmp_path_factory.mktemp("bars")))


def test_conductance_is_that_of_the_true_class_in_instance_order(case: Case) -> None:
    """Row by row what `layer_conductance` says of that image and its label."""
    found, images = pipeline.conductance(case, "source", "target"), pipeline.images(case, "target")
    assert found.layers == ("conv1", "conv2", "conv3", "conv4", "conv5", "fc6", "fc7")
    order = np.array([11, 0, 5])
    direct = attribution.layer_conductance(
        pipeline.load_model(case, "source"),
        found.layers,
        models.normalised(images.pixels[order], case),
        torch.from_numpy(np.array(images.labels[order])),
        n_steps=case.n_steps,
    )
    for name in found.layers:
        assert np.allclose(found.layer(name)[order], direct[name].numpy(), rtol=1e-4, atol=1e-6)
    assert found.own_class.all()
    assert np.nanmedian(found.completeness_error) < 0.5


def test_abstraction_and_comparison_agree_with_conductance(case: Case) -> None:
    values = {m: pipeline.conductance(case, m, "target") for m in MODELS}
    chosen = pipeline.instances_of(case, "target", "upright")
    found, likeness = pipeline.abstraction(case, "target", "upright"), pipeline.comparison(case, "upright")
    assert found.n == len(chosen) == 6
    for name in found.important:
        assert len(found.important[name]) <= max(1, round(0.1 * values["target"].layer(name).shape[1] + 1e-9))
        source, target = (values[m].layer(name)[chosen].astype(float) for m in MODELS)
        i, j = found.important[name][0] % source.shape[1], found.important[name][0]
        expected = source[:, i] @ target[:, j] / np.linalg.norm(source[:, i]) / np.linalg.norm(target[:, j])
        assert np.isclose(likeness.similarity[name][i, j], expected, atol=1e-5, equal_nan=True)
    assert set(found.edges) == set(likeness.inherited) == set(pipeline.network(case).joins)


def test_the_same_model_twice_inherits_everything(tmp_path: Path) -> None:
    """A model compared with itself: every active neuron matches itself, every important edge is inherited."""
    path = small_case.write(tmp_path)
    shutil.copy(tmp_path / "source.pt", tmp_path / "target.pt")
    case = load_case(path)
    found = pipeline.comparison(case, "lying")
    for name, match in found.match.items():
        active = pipeline.abstraction(case, "target", "lying").active[name]
        assert (match[active] == np.flatnonzero(active)).all()
        assert (match[~active] == -1).all()
    for pair, kept in found.inherited.items():
        i, j = pipeline.abstraction(case, "target", "lying").edges[pair].important.T
        assert (kept == ((found.match[pair[0]][i] >= 0) & (found.match[pair[1]][j] >= 0))).all()


def test_a_class_with_one_target_instance_still_has_a_structure(tmp_path: Path) -> None:
    path = small_case.write(tmp_path)
    for image in list((tmp_path / "thin" / "lying").iterdir())[1:]:
        image.unlink()
    case = load_case(path)
    assert pipeline.abstraction(case, "target", "lying").n == 1
    assert pipeline.comparison(case, "lying").similarity["conv1"].shape == (32, 32)
    with pytest.raises(EmptyError, match="lying"):
        pipeline.discriminability(case, "lying")


def test_an_image_that_is_left_out_is_left_out_everywhere(tmp_path: Path) -> None:
    """The catalogue, which opens no image, agrees with the images, so that indices mean the same instance."""
    path = small_case.write(tmp_path)
    (tmp_path / "thin" / "lying" / "0.png").write_bytes(b"no image")
    path.write_text(path.read_text().replace('path = "thin"', 'path = "thin"\nunreadable = "skip"'))
    case = load_case(path)
    listed, images = pipeline.catalogue(case, "target"), pipeline.images(case, "target")
    assert listed.names.tolist() == images.names.tolist() == list(pipeline.instances(case)["name"][12:])
    assert len(pipeline.instances_of(case, "target", "lying")) == pipeline.abstraction(case, "target", "lying").n == 5
    assert "'lying/0.png'" in listed.skipped[0]


def test_a_class_without_target_instances_says_so(tmp_path: Path) -> None:
    """The class stays listed; only what needs target instances is empty, in one sentence."""
    path = small_case.write(tmp_path)
    shutil.rmtree(tmp_path / "thin" / "lying")
    (tmp_path / "thin" / "lying").mkdir()
    case = load_case(path)
    assert "lying" in pipeline.classes(case)
    with pytest.raises(EmptyError, match="no instance in the target domain"):
        pipeline.comparison(case, "lying")
    assert pipeline.comparison(case, "upright").class_name == "upright"


def test_different_class_sets_explain_the_models_own_prediction(tmp_path: Path) -> None:
    """The source model does not know the target's class: its own prediction is explained, and marked as such."""
    path = small_case.write(tmp_path)
    (tmp_path / "thin" / "lying").rename(tmp_path / "thin" / "tilted")
    case = load_case(path)
    assert set(pipeline.classes(case)) == {"lying", "upright", "tilted"}
    found = pipeline.conductance(case, "source", "target")
    tilted = pipeline.instances_of(case, "target", "tilted")
    said = pipeline.predictions(case, "source", "target")["prediction"].to_numpy()
    assert not found.own_class[tilted].any()
    assert found.own_class.sum() == 6
    outputs = np.array(pipeline.trained(case, "source").classes)
    assert (outputs[found.scored[tilted]] == said[tilted]).all()


def test_another_criterion_is_another_result_of_the_same_models(case: Case) -> None:
    """Asked for beside the case: predictions stay, what neurons are ranked by is measured anew, without a path."""
    other = replace(case, criterion="gradient_activation")
    assert other.fingerprint("models") == case.fingerprint("models")
    found, usual = (pipeline.conductance(one, "source", "target") for one in (other, case))
    assert found.values.shape == usual.values.shape
    assert not np.allclose(found.values, usual.values)
    assert np.isnan(found.completeness_error).all()
    assert pipeline.abstraction(other, "source", "lying").n == 6


def test_an_unknown_class_is_named_with_the_known_ones(case: Case) -> None:
    with pytest.raises(SelectionError, match=r"class 'upside' is unknown.*lying, upright"):
        pipeline.comparison(case, "upside")


def test_activations_hold_each_maps_maximum_and_its_place(case: Case) -> None:
    found, images = pipeline.activations(case, "target", "source"), pipeline.images(case, "source")
    from tlx.analysis import activations

    maps = activations.maps(
        pipeline.load_model(case, "target"), images, np.arange(len(images)), layer="conv2", case=case
    )
    flat = maps.reshape(*maps.shape[:2], -1)
    assert np.allclose(found.layer("conv2"), flat.max(2), atol=1e-6)
    assert np.allclose(np.take_along_axis(flat, found.layer_positions("conv2")[..., None], 2)[..., 0], flat.max(2))
    assert np.allclose(found.means[32:96], flat.mean((0, 2)), atol=1e-5)


def test_predictions_are_the_models(case: Case) -> None:
    table, images = pipeline.predictions(case, "target", "target"), pipeline.images(case, "target")
    with torch.no_grad():
        scores = pipeline.load_model(case, "target")(models.normalised(images.pixels, case))
    assert (table["prediction"] == np.array(images.classes)[scores.argmax(1).numpy()]).all()
    assert np.allclose(table["confidence"], scores.softmax(1).amax(1).numpy(), atol=1e-6)
    assert (table["split"] == images.split).all()
    assert list(table.columns) == ["instance", "name", "split", "label", "prediction", "confidence"]


def test_predictions_name_files_that_their_stored_table_does_not_hold(case: Case) -> None:
    """The names are the catalogue's, so that a store or bundle of before has them, too."""
    table = pipeline.predictions(case, "source", "target")
    assert list(table["name"]) == list(pipeline.images(case, "target").names)
    assert table["name"][0] == "lying/0.png"
    assert "name" not in pipeline.predictions._kept(case, "source", "target")
    assert list(pipeline.instances(case).columns[:3]) == ["domain", "instance", "name"]


def test_one_pass_stores_what_three_would(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`responses` passes the images once; the three results are bit for bit what each computes alone."""
    case = load_case(small_case.write(tmp_path, per_class=80))  # more than one batch
    parts = (pipeline.predictions, pipeline.activations, pipeline.vectors)
    predictions, maxima, vectors = (part(case, "target", "source") for part in parts)
    monkeypatch.setenv("TLX_CACHE", str(tmp_path / "another store"))
    pipeline.network(case)  # found by a pass of its own
    assert not any(part.is_stored(case, "target", "source") for part in parts)

    passed: list[int] = []
    model = pipeline.load_model(case, "target")
    with model.register_forward_hook(lambda _model, inputs, _output: passed.append(len(inputs[0]))):
        pipeline.responses(case, "target", "source")
        pipeline.responses(case, "target", "source")  # at hand now
    assert all(part.is_stored(case, "target", "source") for part in parts)
    assert [size for size in passed if size > 1] == [128, 32]  # the others are example images that trace the network
    pd.testing.assert_frame_equal(pipeline.predictions(case, "target", "source"), predictions)
    np.testing.assert_array_equal(pipeline.vectors(case, "target", "source"), vectors)
    again = pipeline.activations(case, "target", "source")
    for name in ("values", "positions", "means"):
        np.testing.assert_array_equal(getattr(again, name), getattr(maxima, name))
