"""Layers that correspond under other names: every number is that of the same network with the same names."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import small_case
import torch
from torch import nn

from tlx import pipeline
from tlx.casefiles import writing
from tlx.casefiles.loading import load_case
from tlx.cases import MODELS, Case, renamed
from tlx.checking import inspect
from tlx.errors import CaseError, ModelError
from tlx.networks import models
from tlx.running import run

NETS = """
from collections import OrderedDict
from torch import nn

def net(first, block, conv, norm, third):
    def made(classes):
        inner = [(conv, nn.Conv2d(8, 11, 3)), (norm, nn.BatchNorm2d(11)), ("relu", nn.ReLU())]
        return nn.Sequential(OrderedDict([
            (first, nn.Conv2d(3, 8, 3, stride=2)), ("relu1", nn.ReLU()), (block, nn.Sequential(OrderedDict(inner))),
            ("flat", nn.Flatten()), (third, nn.Linear(275, 9)), ("relu3", nn.ReLU()), ("last", nn.Linear(9, classes)),
        ]))
    return made

usual = net("first", "block", "conv", "norm", "third")
again = net("first", "block", "conv", "norm", "third")
other = net("stem", "body", "conv", "norm", "first")
"""
# One of the other names is a name of the source's, of another layer.
NAMES = {"first": "stem", "block": "body", "third": "first"}
LAYERS = ("first", "block.conv", "third")
LINE = "layers = { first = 'stem', block = 'body', third = 'first' }"


def written(home: Path, target: str, line: str = "", layers: tuple[str, ...] = ()) -> Path:
    """A small case of two networks, whose weights are the same whatever their layers are called."""
    path = small_case.write(home)
    (home / "nets_by_name.py").write_text(NETS)
    text = path.read_text().replace('"compact_alexnet"', '"nets_by_name:usual"')
    text = text.replace("n_steps", f"layers = {list(layers)}\nn_steps")
    path.write_text(text.replace("[target_model]", f'[target_model]\narchitecture = "nets_by_name:{target}"\n{line}'))
    for seed, model in enumerate(MODELS):
        torch.manual_seed(seed)
        built = models.build(load_case(path), 2, model)
        for part in built.modules():
            if isinstance(part, nn.BatchNorm2d):
                part.running_mean.normal_(0, 0.2)
        torch.save(built.state_dict(), home / f"{model}.pt")
    return path


@pytest.fixture(scope="module", params=[(), LAYERS[:2]], ids=["all layers", "chosen layers"])
def both(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Case, Case]:
    """The same networks, the target's with the same names and with others."""
    home = tmp_path_factory.mktemp
    same = written(home("same"), "again", layers=request.param)
    return load_case(same), load_case(written(home("others"), "other", LINE, layers=request.param))


def equal(one: Any, other: Any) -> None:
    """Asserts that two results hold the same, to the bit."""
    assert type(one) is type(other)
    if dataclasses.is_dataclass(one):
        for part in dataclasses.fields(one):
            equal(getattr(one, part.name), getattr(other, part.name))
    elif isinstance(one, Mapping):
        assert list(one) == list(other)
        for key in one:
            equal(one[key], other[key])
    elif isinstance(one, list | tuple):
        assert len(one) == len(other)
        for pair in zip(one, other, strict=True):
            equal(*pair)
    elif isinstance(one, pd.DataFrame):
        pd.testing.assert_frame_equal(one, other)
    elif isinstance(one, np.ndarray):
        assert np.array_equal(one, other, equal_nan=one.dtype.kind == "f")
    elif isinstance(one, float):
        assert np.array_equal(one, other, equal_nan=True)
    else:
        assert one == other


QUESTIONS: dict[str, Callable[[Case], Any]] = {
    "predictions": lambda case: pipeline.predictions(case, "target", "target"),
    "conductance": lambda case: pipeline.conductance(case, "target", "target"),
    "contribution": lambda case: pipeline.contribution_on(case, "target", "upright"),
    "activations": lambda case: pipeline.activations(case, "target", "source"),
    "abstraction": lambda case: pipeline.abstraction(case, "target", "upright"),
    "correspondence": lambda case: pipeline.correspondence(case),
    "comparison": lambda case: pipeline.comparison(case, "upright"),
    "scales": lambda case: pipeline.similarity_scales(case, "upright"),
    "reuse": lambda case: pipeline.reuse(case, "upright").table,
    "kernel": lambda case: pipeline.kernel_response(case, "target", ("first", "block.conv"), (2, 3), 0),
    "discriminability": lambda case: pipeline.discriminability(case, "upright"),
    "gap": lambda case: pipeline.domain_gap(case, "upright"),
    "vectors": lambda case: pipeline.vectors(case, "target", "target", "block.conv"),
    "vectors before the head": lambda case: pipeline.vectors(case, "target", "target"),
    "silenced": lambda case: pipeline.silenced(case, "upright", "target", (("block.conv", 1), ("first", 0))),
    "criteria": lambda case: pipeline.criteria(case, "upright"),
    "drawn": lambda case: pipeline.feature_image(case, "target", "block.conv", 1),
    "crops": lambda case: pipeline.crops(case, "target", "first", 1),
    "in short precision": lambda case: pipeline.conductance(
        dataclasses.replace(case, precision="bfloat16"), "target", "target"
    ),
    "pulls": lambda case: pipeline.block_gradients(case).pull,
    "edges kept into blocks": lambda case: [*pipeline.kept_edges(case).values()],
    "a block alone": lambda case: pipeline.tuned(case, f"only {pipeline.block_gradients(case).blocks[1]}", 1.0, 0),
    "deeper ones faster": lambda case: pipeline.tuned(case, " ".join(["faster", *_own(case)]), 1.0, 0),
}


def _own(case: Case) -> tuple[str, ...]:
    """The analysed layers as the target model's own network calls them."""
    return tuple(layer.module for layer in pipeline.network_of(case, "target").layers)


@pytest.mark.parametrize("question", QUESTIONS)
def test_every_number_is_that_of_the_same_names(both: tuple[Case, Case], question: str) -> None:
    equal(*(QUESTIONS[question](case) for case in both))


def test_the_networks_are_called_as_the_sources_is(both: tuple[Case, Case]) -> None:
    same, others = (pipeline.network(case) for case in both)
    assert dataclasses.replace(others, architecture="") == dataclasses.replace(same, architecture="")
    own = pipeline.network_of(both[1], "target")
    assert [layer.module for layer in own.layers] == [renamed(name, NAMES.items()) for name in own.names]
    assert own.names == same.names
    assert own.joins["first", "block.conv"] == "body.conv"


def test_everything_that_the_pages_show_can_be_computed(both: tuple[Case, Case]) -> None:
    """Also what no question above asks for."""
    run(both[1], ("upright",), features=True, told=pytest.fail)


def test_what_lies_in_a_block_goes_along_with_it() -> None:
    names = (("layer1", "stage.0"), ("layer1.conv2", "stage.0.second"))
    assert renamed("layer1.conv1.weight", names) == "stage.0.conv1.weight"
    assert renamed("layer1.conv2.weight", names) == "stage.0.second.weight"
    assert renamed("layer10.conv", names) == "layer10.conv"


def test_a_target_that_is_trained_starts_from_the_sources_weights(tmp_path: Path) -> None:
    path = written(tmp_path, "other", LINE)
    path.write_text(path.read_text().replace('checkpoint = "target.pt"', "[target_model.training]\nepochs = 1"))
    assert pipeline.notes(load_case(path), "target")[0] == "13 of 13 tensors taken from the source model"


def test_a_case_with_such_names_is_written_as_it_is_read(tmp_path: Path) -> None:
    case = load_case(written(tmp_path, "other", LINE))
    (tmp_path / "again.toml").write_text(writing.written(writing.described(case)))
    again = load_case(tmp_path / "again.toml")
    assert again.target_model.layers == case.target_model.layers == tuple(sorted(NAMES.items()))
    assert again.fingerprint() == case.fingerprint()


def test_check_says_which_layers_correspond(tmp_path: Path) -> None:
    found = inspect(written(tmp_path, "other", LINE))
    assert not found.fatal
    assert "in the target's nets_by_name:other: first = stem, block.conv = body.conv, third = first" in found.facts


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (
            "",
            r"do not correspond by name: .*; list in `layers` those that both have, .*or say in \[target_model\] which",
        ),
        (LINE.replace("'stem'", "'stam'"), r"\[target_model\] layers: in nets_by_name:other, layer 'stam' is unknown"),
        (LINE.replace("block", "blok"), r"\[target_model\] layers: in nets_by_name:usual, layer 'blok' is unknown"),
    ],
)
def test_layers_that_do_not_correspond_are_named(tmp_path: Path, line: str, said: str) -> None:
    path = written(tmp_path, "other", LINE)
    path.write_text(path.read_text().replace(LINE, line))
    with pytest.raises(ModelError, match=said):
        pipeline.network(load_case(path))
    assert inspect(path).fatal


@pytest.mark.parametrize(
    ("target", "line", "said"),
    [
        ("usual", LINE, r"\[target_model\] layers has no effect, since both models are nets_by_name:usual"),
        ("other", "layers = { first = 'stem', third = 'stem' }", "gives 'stem' for 'first' and 'third'; each layer"),
        ("other", "layers = ['first']", "layers must be a table of texts"),
    ],
)
def test_names_that_cannot_be_meant_are_refused(tmp_path: Path, target: str, line: str, said: str) -> None:
    path = written(tmp_path, "again")
    path.write_text(path.read_text().replace('again"\n', f'{target}"\n{line}'))
    with pytest.raises(CaseError, match=said):
        load_case(path)


def test_names_stand_in_the_targets_table(tmp_path: Path) -> None:
    path = written(tmp_path, "again")
    path.write_text(path.read_text().replace("[source_model]", f"[source_model]\n{LINE}"))
    with pytest.raises(CaseError, match=r"\[source_model\] layers has no effect"):
        load_case(path)
