"""Feature images of networks whose weights are set by hand, so that what a neuron looks for is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from tlx import pipeline
from tlx.analysis import feature_visualisation
from tlx.casefiles.loading import load_case
from tlx.errors import SelectionError
from tlx.images.thumbnails import enlarged
from tlx.networks import tracing

SIZE = 28


@pytest.fixture(autouse=True)
def few_steps(monkeypatch):
    monkeypatch.setattr(feature_visualisation, "STEPS", 32)


def case_of(channels=3, size=SIZE):
    return replace(
        load_case("digits"), channels=channels, image_size=size, mean=(0.5,) * channels, std=(0.5,) * channels
    )


def small(channels=3, size=SIZE):
    """conv 5x5 -> ReLU -> pool 4 -> linear -> ReLU -> classes; neuron 0 a step from dark to bright, 1 red without blue.

    Neuron 2 is neuron 0 with a bias that silences it for good; linear neuron 0 sums the map of neuron 0.
    """
    model = nn.Sequential()
    model.add_module("conv", nn.Conv2d(channels, 3, 5, padding=2))
    model.add_module("relu", nn.ReLU(inplace=True))
    model.add_module("pool", nn.AvgPool2d(4))
    model.add_module("flatten", nn.Flatten())
    model.add_module("fc", nn.Linear(3 * (size // 4) ** 2, 2))
    model.add_module("fc_relu", nn.ReLU())
    model.add_module("head", nn.Linear(2, 2))
    with torch.no_grad():
        model.conv.weight.zero_()
        model.conv.bias.zero_()
        for neuron in (0, 2):
            model.conv.weight[neuron, :, :, :2] = -1
            model.conv.weight[neuron, :, :, 3:] = 1
        model.conv.weight[1, 0] = 1
        model.conv.weight[1, -1] = -1
        model.conv.bias[2] = -1e3
        model.fc.weight.zero_()
        model.fc.weight[0, : (size // 4) ** 2] = 1
    return model.eval().requires_grad_(False)


def network_of(model, case):
    torch.manual_seed(0)
    example = torch.randn(1, case.channels, case.image_size, case.image_size)
    return tracing.network(model, example, (), "small")


def draw(neurons, layer="conv", channels=3, size=SIZE, model=None, precision="float32"):
    case = replace(case_of(channels, size), precision=precision)
    model = model or small(channels, size)
    return feature_visualisation.feature_images(model, network_of(model, case), layer, neurons, case=case)


def test_an_edge_neuron_shows_its_edge():
    """The neuron that subtracts its left half from its right half gets an image that is bright on the right only."""
    image = draw([0])[0].astype(float)
    third = image.shape[1] // 3
    assert image[:, -third:].mean() > image[:, :third].mean() + 100
    assert abs(image[:third].mean() - image[-third:].mean()) < 40


def test_a_colour_neuron_shows_its_colour():
    image = draw([1])[1].astype(float)
    assert image[..., 0].mean() > image[..., 2].mean() + 100


def test_a_silent_neuron_shows_what_it_would_need():
    """Its rectified answer never moves, so the image must come from before the activation: that of its awake twin."""
    image = draw([2])[2].astype(float)
    third = image.shape[1] // 3
    assert image[:, -third:].mean() > image[:, :third].mean() + 100


def test_a_linear_neuron_shows_the_whole_image():
    """It sums edges everywhere, so its image is striped: neighbouring columns differ more than neighbouring rows."""
    image = draw([0], layer="fc")[0].astype(float).mean(axis=2)
    assert image.shape == (28, 28)
    assert np.abs(np.diff(image, axis=1)).mean() > 1.5 * np.abs(np.diff(image, axis=0)).mean()


@pytest.mark.parametrize(("channels", "size"), [(1, 28), (3, 32), (3, 224)])
def test_images_come_in_colour_bytes_at_every_size(channels, size):
    """(H, W, 3) uint8, the 5 x 5 pixels that a first-layer neuron sees; one channel gives a grey image."""
    image = draw([0], channels=channels, size=size)[0]
    assert image.shape == (5, 5, 3)
    assert image.dtype == np.uint8
    assert (np.ptp(image, axis=2).max() == 0) == (channels == 1)


def test_an_image_does_not_depend_on_its_batch():
    """Alone, among others, in another order: the same image up to rounding; and the same numbers when asked again."""
    alone = draw([1])[1]
    np.testing.assert_array_equal(alone, draw([1])[1])
    for neurons in ([0, 1, 2], [2, 1]):
        assert np.abs(draw(neurons)[1].astype(int) - alone).max() <= 2


def test_different_neurons_start_differently():
    case = case_of()
    first, second = (feature_visualisation._start(case, "conv", neuron, 8) for neuron in (0, 1))
    assert not torch.equal(first, second)


def test_the_clean_image_activates_more_than_noise():
    """What is returned raises the neuron far above a random image of the same contrast."""
    case = case_of()
    model = small()
    layer = network_of(model, case).layer("fc")
    with feature_visualisation.reading(model, "fc", case) as probe:
        canvas = feature_visualisation.choose_canvas(probe, layer, case)
        image = feature_visualisation.optimise(probe, canvas, [0], layer="fc", case=case, steps=iter(()))
        noise = 0.5 + image.std() * torch.randn(20, *image.shape[1:], generator=torch.Generator().manual_seed(0))
        noise = noise.clamp(0, 1)
        best, rest = (
            feature_visualisation.reached(probe, canvas, batch, [0] * len(batch), case) for batch in (image, noise)
        )
    assert float(best) > 1.5 * float(rest.max())


def test_the_canvas_holds_the_receptive_field():
    """Outside the shown part nothing moves the neuron at the canvas's position; inside all of it does."""
    case = case_of(size=96)
    model = small(size=96)
    layer = network_of(model, case).layer("conv")
    assert layer.field == (5, 1, -2)
    with feature_visualisation.reading(model, "conv", case) as probe:
        canvas = feature_visualisation.choose_canvas(probe, layer, case)
        image = torch.randn(1, 3, canvas.edge, canvas.edge).requires_grad_()
        with torch.enable_grad():
            probe(image)[0, :2, canvas.position, canvas.position].sum().backward()
    seen = image.grad.abs().amax(dim=(0, 1)) > 0
    inside = slice(canvas.start, canvas.start + canvas.size)
    assert seen[inside, inside].any(dim=1).all()
    assert seen.sum() == seen[inside, inside].sum()
    assert canvas.edge < 96


class Fixed(nn.Module):
    """A network that insists on its own image size, as vision transformers do."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 2, 3)
        self.head = nn.Linear(2, 2)

    def forward(self, images):
        assert images.shape[-1] == SIZE, "wrong size"
        return self.head(torch.relu(self.conv(images)).mean(dim=(2, 3)))


def test_a_network_that_refuses_other_sizes_gets_its_own():
    torch.manual_seed(0)
    assert draw([0], model=Fixed().eval())[0].shape == (3, 3, 3)  # what one of its neurons sees


def test_no_hook_is_left_and_nothing_is_changed():
    """After success and after failure the network has no hook and its modes and gradients are as before."""
    model = small()
    draw([0], model=model)
    with pytest.raises(SelectionError, match="neuron 3 is not in Layer 1: conv \\(3\\); its neurons are 0 to 2"):
        draw([0, 3], model=model)
    with pytest.raises(RuntimeError, match="boom"), feature_visualisation.reading(model, "conv", case_of()):
        raise RuntimeError("boom")
    for module in model.modules():
        assert not module._forward_hooks
        assert not module._forward_pre_hooks
    assert not any(parameter.requires_grad for parameter in model.parameters())


def test_several_images_are_drawn_together_and_kept_one_by_one(monkeypatch, tmp_path):
    """Three neurons of which one is stored: the other two in one batch; more than a batch holds, in several."""
    monkeypatch.setenv("TLX_CACHE", str(tmp_path))
    monkeypatch.setattr(pipeline, "load_model", lambda *_: None)
    monkeypatch.setattr(pipeline, "network", lambda *_: None)
    asked = []

    def fake(model, network, layer, neurons, *, case):
        asked.append(list(neurons))
        return {neuron: np.full((2, 2, 3), neuron, dtype=np.uint8) for neuron in neurons}

    monkeypatch.setattr(feature_visualisation, "feature_images", fake)
    case = case_of()
    assert pipeline.feature_image(case, "target", "conv", 1)[0, 0, 0] == 1
    images = pipeline.feature_images(case, "target", "conv", [0, 1, 2])
    assert asked == [[1], [0, 2]]
    assert [int(images[neuron][0, 0, 0]) for neuron in (0, 1, 2)] == [0, 1, 2]
    both = pipeline.neuron_images(case, "target", (("conv", 2), ("fc", 5)))
    assert asked[2:] == [[5]]
    monkeypatch.setattr(pipeline, "DRAWN", 2)
    pipeline.feature_images(case, "source", "conv", [4, 5, 6])
    assert asked[3:] == [[4, 5], [6]]
    assert {pair: int(image[0, 0, 0]) for pair, image in both.items()} == {("conv", 2): 2, ("fc", 5): 5}


def test_small_images_are_enlarged_to_be_seen():
    """By a whole number, smoothly and without a shift; one that is large enough stays as it is."""
    ramp = np.tile(np.arange(0, 250, 50, dtype=np.uint8)[None, :, None], (5, 1, 3))
    image = enlarged(ramp)
    assert image.shape == (100, 100, 3)
    assert (np.diff(image[0, :, 0].astype(int)) >= 0).all()
    np.testing.assert_allclose(image[50, 10::20, 0], ramp[0, :, 0], atol=8)
    assert enlarged(image) is image


def test_bfloat16_paints_the_same_picture():
    """A case in bfloat16 gets nearly the same image, of a copy: the model itself keeps its precision."""
    model = small()
    model.conv.weight += 0.3 * torch.randn(model.conv.weight.shape, generator=torch.Generator().manual_seed(0))
    exact, rough = (
        draw([0], model=model, precision=precision)[0].astype(float) for precision in ("float32", "bfloat16")
    )
    assert 0 < np.abs(exact - rough).mean() < 8
    assert exact.std() > 40
    assert model.conv.weight.dtype == torch.float32
