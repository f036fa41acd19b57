"""A network with one output for two classes is told what to do, and what it is told gives the same probabilities."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import small_case
import torch
from torch import nn

from tlx import load_case, pipeline
from tlx.errors import ModelError
from tlx.networks import architectures, checkpoints, models

WRAPPED = """
import torch
from tlx.networks import architectures

class TwoScores(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.model = architectures.compact_alexnet(1, image_size=16)

    def forward(self, images):
        z = self.model(images)
        return torch.cat([-z, z], 1) / 2

def two_scores(classes):
    return TwoScores()

def one_score(classes):
    return architectures.compact_alexnet(1, image_size=16)

def flat(classes):
    return torch.nn.Sequential(architectures.compact_alexnet(1, image_size=16), torch.nn.Flatten(0))
"""


def one_output() -> nn.Module:
    torch.manual_seed(3)
    return architectures.compact_alexnet(1, image_size=16)


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small case whose checkpoints have one output."""
    monkeypatch.setenv("TLX_CACHE", str(tmp_path / "store"))
    path = small_case.write(tmp_path)
    (tmp_path / "mine_of_one.py").write_text(WRAPPED)
    for model in ("source", "target"):
        torch.save(one_output().state_dict(), tmp_path / f"{model}.pt")
    return path


def test_a_checkpoint_with_one_output_says_which_scores_to_give(path: Path) -> None:
    network = models.build(load_case(path), 2)
    said = r"the head 'fc8.weight' has one output for the domain's two classes; .*torch\.cat\(\[-z, z\], 1\) / 2"
    with pytest.raises(ModelError, match=said):
        checkpoints.complete(network, path.with_name("source.pt"))


@pytest.mark.parametrize("function", ["one_score", "flat"])
def test_a_network_that_answers_with_one_output_does_too(path: Path, function: str) -> None:
    path.write_text(path.read_text().replace("compact_alexnet", f"mine_of_one:{function}"))
    with pytest.raises(ModelError, match=r"answers with one output for two classes; .*torch\.cat\(\[-z, z\], 1\) / 2"):
        pipeline.network(load_case(path))


def test_the_wrapped_network_gives_the_sigmoid_and_explains_both_classes(path: Path) -> None:
    path.write_text(path.read_text().replace("compact_alexnet", "mine_of_one:two_scores"))
    case = load_case(path)
    answers = pipeline.predictions(case, "target", "target")
    with torch.no_grad():
        z = one_output().eval()(models.normalised(pipeline.images(case, "target").pixels, case))
    second = torch.sigmoid(z[:, 0]).numpy()
    assert np.allclose(answers["confidence"], np.maximum(second, 1 - second), atol=1e-6)
    assert list(answers["prediction"]) == ["upright" if one > 0.5 else "lying" for one in second]
    measured = pipeline.conductance(case, "target", "target")
    labels = pipeline.catalogue(case, "target").labels
    for label in (0, 1):
        assert np.abs(measured.values[labels == label]).max() > 0
