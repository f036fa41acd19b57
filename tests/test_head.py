"""What an image's vector is: what enters the classifier head, found by running the network (5.2)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
import toy
from torch import Tensor, nn

from tlx.analysis import embedding
from tlx.networks import tracing
from tlx.results import Embedding, Network
from tlx.words import embedding as words

IMAGE = torch.randn(1, 3, 12, 12, generator=torch.Generator().manual_seed(0))


class ClassAttention(nn.Module):
    """The class token looks at the others: its query is a linear layer of one vector, beside the way of the others."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, 8, 4, stride=4)
        self.token = nn.Parameter(torch.zeros(1, 1, 8))
        self.query, self.key = nn.Linear(8, 8), nn.Linear(8, 8)
        self.project, self.norm, self.head = nn.Linear(8, 8), nn.LayerNorm(8), nn.Linear(8, 4)

    def forward(self, x: Tensor) -> Tensor:
        tokens = self.patches(x).flatten(2).transpose(1, 2)
        tokens = torch.cat([self.token.expand(len(x), -1, -1), tokens], 1)
        query = self.query(tokens[:, 0])
        seen = (self.key(tokens) * query[:, None]).softmax(1)
        token = tokens[:, 0] + self.project((seen * tokens).sum(1))
        return self.head(self.norm(token))


class Squeezed(nn.Module):
    """Squeeze and excitation by linear layers."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.squeeze, self.excite = nn.Conv2d(3, 8, 3), nn.Linear(8, 2), nn.Linear(2, 8)
        self.hidden, self.head = nn.Linear(8, 5), nn.Linear(5, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x).relu()
        gate = self.excite(self.squeeze(x.mean((2, 3))).relu()).sigmoid()
        return self.head(self.hidden((x * gate[:, :, None, None]).mean((2, 3))).relu())


def dense() -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(432, 7), nn.ReLU(), nn.Linear(7, 5), nn.ReLU(), nn.Linear(5, 4))


def convolutional() -> nn.Module:
    """SqueezeNet's plan: the scores are the mean of a convolution's maps."""
    last = (nn.Dropout(), nn.Conv2d(6, 4, 1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    return nn.Sequential(nn.Conv2d(3, 6, 3), nn.ReLU(), *last)


HEADS = [
    (toy.plain, "7", 72),
    (toy.residual, "6", 6),
    (toy.Transformer, "head", 8),
    (ClassAttention, "head", 8),
    (Squeezed, "hidden", 8),
    (dense, "3", 7),  # not the pixels, which no layer has made
    (convolutional, "3", 600),
    (lambda: nn.Sequential(nn.Flatten(), nn.Linear(432, 4)), "1", 432),
]


@pytest.mark.parametrize(("build", "layer", "units"), HEADS)
def test_the_head_begins_where_everything_runs_through(build: Callable[[], nn.Module], layer: str, units: int) -> None:
    model = toy.seeded(build)
    assert tracing.head(model, IMAGE) == layer
    names = [name for name, part in model.named_modules() if isinstance(part, (nn.Linear, nn.Conv2d))]
    found = tracing.network(model, IMAGE, names[:1], "own")
    assert (found.embedding_layer, found.embedding_units) == (layer, units)


def test_the_spread_of_vectors_is_of_their_length() -> None:
    rng = np.random.default_rng(0)
    assert embedding.spread(np.full((5, 3), 7.0)) == 0
    assert embedding.spread(np.zeros((5, 3))) == 0
    assert embedding.spread(rng.normal(size=(5_000, 4))) == pytest.approx(1, abs=0.02)
    assert embedding.spread(rng.normal(size=(5_000, 4)) + 1_000) == pytest.approx(0.001, rel=0.05)


def test_the_page_names_what_was_read_and_says_where_it_hardly_varies() -> None:
    places = np.zeros((4, 2), np.float32)
    drawn = Embedding(places, *(np.zeros(4, object),) * 3, model="target", layer="", method={"spread": 0.4})  # type: ignore[arg-type]
    network = Network("own", (), {}, {}, embedding_units=72, parameters=1, embedding_layer="head.<b>")
    marks = pd.DataFrame({"wrong": [False] * 4})  # all are drawn

    def about(embedding: Embedding, of: Network) -> str:
        return words.about(embedding, of, marks, marks)

    assert about(drawn, network).startswith("Vectors are what enters the classifier head, 72 values ")
    assert "<b>" not in about(drawn, network).replace("\\<", "")
    assert "hardly vary" not in about(drawn, network)
    assert "hardly vary" in about(replace(drawn, method={"spread": 0.001}), network)
    assert about(replace(drawn, layer="conv1"), network) == ""
    assert "into" not in about(drawn, replace(network, embedding_layer=""))
