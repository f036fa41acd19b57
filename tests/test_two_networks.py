"""Each model may have a network of its own: layers correspond by name, their neurons need not be as many."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import small_case
import torch
from streamlit_help import app, run_to_end, text_of

from tlx import needs, pipeline
from tlx.casefiles.loading import load_case
from tlx.cases import Case
from tlx.errors import ModelError
from tlx.figures.zigzag.subject import Options, layout_of
from tlx.needs import Need, answered
from tlx.networks import models

NETS = """
from collections import OrderedDict
from torch import nn

def net(a, b, c, classes, last="last"):
    return nn.Sequential(OrderedDict([
        ("first", nn.Conv2d(3, a, 3, stride=2)), ("relu1", nn.ReLU()), ("second", nn.Conv2d(a, b, 3)),
        ("relu2", nn.ReLU()), ("flat", nn.Flatten()), ("third", nn.Linear(b * 25, c)), ("relu3", nn.ReLU()),
        (last, nn.Linear(c, classes)),
    ]))

def wide(classes):
    return net(12, 10, 14, classes)

def narrow(classes):
    return net(8, 11, 9, classes)

def other(classes):
    made = net(8, 11, 9, classes)
    return nn.Sequential(OrderedDict((name.replace("second", "middle"), part) for name, part in made.named_children()))
"""
SIZES = {"first": (12, 8), "second": (10, 11), "third": (14, 9)}


def case_at(home: Path, target: str = "narrow") -> Case:
    path = small_case.write(home)
    (home / "nets.py").write_text(NETS)
    text = path.read_text().replace('"compact_alexnet"', '"nets:wide"')
    path.write_text(text.replace("[target_model]", f'[target_model]\narchitecture = "nets:{target}"'))
    for seed, model in enumerate(("source", "target")):
        torch.manual_seed(seed)
        torch.save(models.build(load_case(path), 2, model).state_dict(), home / f"{model}.pt")
    return load_case(path)


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Case:
    return case_at(tmp_path_factory.mktemp("two"))


def test_the_shared_structure_tells_both_counts(case: Case) -> None:
    network = pipeline.network(case)
    assert {layer.name: (layer.units, layer.target_units) for layer in network.layers} == SIZES
    assert {layer.name: (layer.count("source"), layer.count("target")) for layer in network.layers} == SIZES
    assert network.layers[0].title == "Layer 1: conv (12, 8)"
    assert network.joins == {("first", "second"): "second", ("second", "third"): "third"}
    own = [layer.title for layer in pipeline.network_of(case, "target").layers]
    assert own == ["Layer 1: conv (8)", "Layer 2: conv (11)", "Layer 3: linear (9)"]


def test_every_result_has_source_rows_and_target_columns(case: Case) -> None:
    found = pipeline.comparison(case, "upright")
    assert {layer: values.shape for layer, values in found.similarity.items()} == SIZES
    assert {layer: len(match) for layer, match in found.match.items()} == {name: two[1] for name, two in SIZES.items()}
    assert all(match.max() < SIZES[layer][0] for layer, match in found.match.items())
    for model, at in (("source", 0), ("target", 1)):
        edges = pipeline.abstraction(case, model, "upright").edges["second", "third"]
        assert edges.counts.shape == (SIZES["second"][at], SIZES["third"][at])
        assert pipeline.activations(case, model, "target").layer("third").shape == (12, SIZES["third"][at])
        assert pipeline.kernel_response(case, model, ("first", "second"), (7, 9), 0).kernel.shape == (3, 3)
        assert len(pipeline.discriminability(case, "upright", model).neurons) > 0
        assert pipeline.vectors(case, model, "target").shape == (12, SIZES["second"][at] * 25)


def test_ranks_of_different_neurons_are_not_compared(case: Case) -> None:
    found = pipeline.reuse(case, "upright")
    assert found.of("rank_agreement")["value"].isna().all()
    assert found.of("same_index")["value"].notna().any()
    assert found.of("weight_cosine")["value"].isna().any()
    assert not any(layer.descent for layer in pipeline.correspondence(case).layers.values())


def test_the_zigzag_can_be_laid_out(case: Case) -> None:
    subject, _ = answered(needs.compared(case, "upright"), Need.__call__)
    assert np.isfinite(layout_of(subject, tuple(SIZES), Options()).columns[-1].start)


def test_the_network_page_shows_a_neuron_that_the_other_model_lacks(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TLX_CASES", str(Path(case.home, "bars.toml")))
    query = {"case": case.name, "class": "upright", "neuron": "source:first:11"}
    page = run_to_end(app("pages/3_Network.py", **query))
    assert not page.exception
    assert "of 12 here, the target model has none of this index" in text_of(page)


def test_layers_that_do_not_correspond_are_named(tmp_path: Path) -> None:
    case = case_at(tmp_path, "other")
    said = "do not correspond by name: nets:wide has second, but nets:other has middle; list in `layers` those"
    with pytest.raises(ModelError, match=said):
        pipeline.network(case)


def test_criteria_are_compared_where_the_networks_differ(case: Case) -> None:
    """LRP reads what enters each activation function in the target's own network, of its own neurons."""
    found = pipeline.criteria(case, "upright")
    assert found.left_out == {}
    assert set(found.agreement["layer"]) == set(SIZES)
    most = found.deletion.groupby("layer")["k"].max().to_dict()
    assert most == {name: round(0.5 * two[1]) for name, two in SIZES.items()}
    assert set(found.reading["measure"]) == {"kept", "inherited", "rank_agreement"}
    assert found.reading[found.reading["measure"] == "rank_agreement"]["value"].isna().all()
