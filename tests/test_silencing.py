"""Silencing neurons of networks whose weights are set by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import nn

from tlx.analysis import silencing
from tlx.casefiles.loading import load_case
from tlx.results import Activations, DomainImages, Layer, Network

SIZE = 28


class Brightness(nn.Module):
    """Neuron 0 says how bright the image is, neuron 1 nothing; class "bright" wins where neuron 0 is above 1."""

    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(1, 3)
        self.relu = nn.ReLU()
        self.head = nn.Linear(3, 2)
        with torch.no_grad():
            self.fc.weight[:] = torch.tensor([[1.0], [0.0], [0.0]])
            self.fc.bias[:] = torch.tensor([1.0, 0.0, 0.0])
            self.head.weight[:] = torch.tensor([[0.0, 0, 0], [1.0, 0, 0]])
            self.head.bias[:] = torch.tensor([0.0, -1.0])

    def forward(self, images):
        return self.head(self.relu(self.fc(images.mean(dim=(1, 2, 3))[:, None])))


def silence(neurons, target_validation=(True, True, False)):
    """Source: 2 dark and 2 bright images; target: 1 dark, 1 bright, and 1 bright one that is no validation instance."""
    case = replace(load_case("digits"), image_size=SIZE)
    layer = Layer("fc", 1, "linear", 3, (1, 1))
    network = Network("toy", (layer,), {}, {}, 1, 10)

    def shades(values, validation):
        pixels = np.array(values, dtype=np.uint8)[:, None, None, None] * np.ones((1, 28, 28, 3), dtype=np.uint8)
        labels = (np.array(values) > 128).astype(int)
        return DomainImages(
            pixels,
            labels,
            ("dark", "bright"),
            np.where(validation, "validation", "training"),
            np.array(["i"] * len(values)),
        )

    images = {
        "source": shades([0, 20, 250, 255], [True] * 4),
        "target": shades([10, 240, 255], list(target_validation)),
    }
    means = Activations(
        np.zeros((1, 3), np.float32), np.zeros((1, 3), np.int32), np.array([1.6, 0, 0], np.float32), ("fc",), (3,)
    )
    model = Brightness().eval()
    told = silencing.silenced(
        model, network, images, neurons, means=means, outputs=("dark", "bright"), case=case, name="target"
    )
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())
    return told


def test_silencing_the_only_neuron_that_knows_ruins_its_class():
    """Fixed at its mean, 1.6, the net calls everything bright: dark falls from 1 to 0; the others change nothing."""
    told = silence((("fc", 0),))
    assert told.classes == ("dark", "bright")
    assert [list(told.n[domain]) for domain in ("source", "target")] == [[2, 2], [1, 1]]
    for domain in ("source", "target"):
        assert list(told.before[domain]) == [1, 1]
        assert list(told.after[domain]) == [0, 1]
        assert (told.random[domain] == 1).all()
        assert told.random[domain].shape == (silencing.DRAWS, 2)


def test_silencing_a_neuron_that_knows_nothing_changes_nothing():
    told = silence((("fc", 1),))
    assert list(told.after["source"]) == [1, 1]


def test_random_neurons_are_others_of_the_same_layers():
    """As many per layer as silenced, never the silenced ones, and all others where the layer has no more."""
    layers = (Layer("a", 1, "conv", 5, (2, 2)), Layer("b", 2, "linear", 3, (1, 1)))
    network = Network("toy", layers, {}, {}, 1, 1)
    draws = silencing.random_others(network, (("a", 0), ("b", 0), ("b", 2)), seed=0)
    assert len(set(draws)) > 1
    for draw_ in draws:
        assert [layer for layer, _ in draw_] == ["a", "b"]
        assert draw_[0][1] in {1, 2, 3, 4}
        assert draw_[1] == ("b", 1)


def test_a_convolution_is_silenced_at_every_position():
    """Channel 1 of the map becomes its mean everywhere; channel 0 stays."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 2, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(2, 2)).eval()
    case = replace(load_case("digits"), image_size=SIZE)
    means = Activations(np.zeros((1, 2)), np.zeros((1, 2)), np.array([0, 7], np.float32), ("0",), (2,))
    images, seen = torch.randn(2, 3, SIZE, SIZE), []
    model[2].register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].clone()))
    model(images)
    with silencing.silencing(model, (("0", 1),), means, case):
        model(images)
    assert (seen[-1][:, 1] == 7).all()
    torch.testing.assert_close(seen[-1][:, 0], seen[0][:, 0])


def test_a_domain_without_validation_instances_says_nothing():
    """Its counts are 0 and its accuracies unknown; the other domain is measured all the same."""
    told = silence((("fc", 0),), target_validation=[False] * 3)
    assert list(told.n["target"]) == [0, 0]
    assert np.isnan(told.after["target"]).all()
    assert list(told.after["source"]) == [0, 1]
