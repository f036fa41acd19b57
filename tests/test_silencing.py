"""Silencing neurons of networks whose weights are set by hand."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from tlx.analysis import intervals, silencing
from tlx.casefiles.loading import load_case
from tlx.networks import hooks, tracing
from tlx.networks.architectures import compact_alexnet
from tlx.results import Abstraction, Activations, DomainImages

SIZE = 28
CASE = replace(load_case("digits"), image_size=SIZE)
MEANS = Activations(
    np.zeros((1, 3), np.float32), np.zeros((1, 3), np.int32), np.array([1.6, 0, 0], np.float32), ("fc",), (3,)
)


class Brightness(nn.Module):
    """Neuron 0 says how bright the image is, the others nothing; class "bright" wins where neuron 0 is above 1."""

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


def shades(values, validation):
    pixels = np.array(values, dtype=np.uint8)[:, None, None, None] * np.ones((1, 28, 28, 3), dtype=np.uint8)
    labels = (np.array(values) > 128).astype(int)
    split = np.where(validation, "validation", "training")
    return DomainImages(pixels, labels, ("dark", "bright"), split, np.array(["i"] * len(values)))


def pictures(target_validation=(True, True, False)):
    """Source: 2 dark and 2 bright images; target: 1 dark, 1 bright, and 1 bright one that is no validation instance."""
    return {
        "source": shades([0, 20, 250, 255], [True] * 4),
        "target": shades([10, 240, 255], list(target_validation)),
    }


def abstraction(scores, important, active=None):
    """Of some layers, by their neurons' rank scores; all neurons are active."""
    scores = {layer: np.asarray(given, dtype=float) for layer, given in scores.items()}
    active = active or {layer: np.ones(len(given), dtype=bool) for layer, given in scores.items()}
    return Abstraction("target", "dark", 3, scores, {layer: np.array(n) for layer, n in important.items()}, active, {})


def silence(neurons, **changes):
    model = Brightness().eval()
    result = silencing.silenced(
        model,
        abstraction({"fc": [3, 2, 1]}, {"fc": [0]}),
        pictures(**changes),
        neurons,
        means=MEANS,
        outputs=("dark", "bright"),
        case=CASE,
    )
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())
    return result


def test_silencing_the_only_neuron_that_knows_ruins_its_class():
    """Fixed at its mean, 1.6, the net calls everything bright: dark falls from 1 to 0; the others change nothing."""
    result = silence((("fc", 0),))
    assert [list(result.n[domain]) for domain in ("source", "target")] == [[2, 4], [1, 2]]
    for domain in ("source", "target"):
        assert list(result.before[domain]) == [1, 1]
        assert list(result.after[domain][0]) == [0, 0.5]
        assert result.controls[domain].shape == (2, 2, 2)
        assert (result.controls[domain] == 1).all()
    assert result.filled == (("fc", 0, 2),)


def test_the_interval_is_of_the_same_instances_before_and_after():
    """Two dark source images of two are lost, of all four source images two."""
    result = silence((("fc", 0),))
    ends = [(result.low["source"][0, scope], result.high["source"][0, scope]) for scope in (0, 1)]
    right, lost, half = np.ones(4, bool), np.zeros(4, bool), np.array([True, True, False, False])
    assert ends == [intervals.paired(right[:2], lost[:2]), intervals.paired(right, half)]


def test_values_of_another_image_are_those_of_the_one_before():
    """With every neuron of its one layer silenced so, the net says of each image what it says of the one before."""
    images = pictures()
    asked = silencing.instances_asked(images, "dark", seed=CASE.seed)
    batch, _ = silencing._pictures(images, asked)
    bright = batch.mean(axis=(1, 2, 3)) > 128
    result = silence((("fc", 0),))
    for domain in ("source", "target"):
        rows = asked.domain == domain
        expected = (np.roll(bright, 1) == bright)[rows]
        assert result.after[domain][1, 1] == expected.mean()
        assert result.after[domain][1, 0] == expected[~bright[rows]].mean()


def test_silencing_a_neuron_that_knows_nothing_changes_nothing():
    result = silence((("fc", 1),))
    assert (result.after["source"] == 1).all()
    assert (result.low["source"] < 0).all()
    assert (result.high["source"] > 0).all()


def test_controls_are_other_important_neurons_of_the_same_layers():
    """A hundred different choices, as many in a layer as silenced, never a silenced one, none that is not important."""
    important = {"a": range(12), "b": range(8), "c": [0]}
    whole = abstraction({"a": range(40, 0, -1), "b": range(20, 0, -1), "c": [1]}, important)
    neurons = (("a", 0), ("a", 3), ("b", 1))
    pools = silencing.others(whole, neurons)
    draws = silencing.draws(pools, neurons, seed=0)
    assert len(set(draws)) == silencing.DRAWS == 100
    assert not any(pool.filled for pool in pools)
    for draw_ in draws:
        assert [layer for layer, _ in draw_] == ["a", "a", "b"]
        assert len(set(draw_)) == 3
        assert not set(draw_) & set(neurons)
        assert all(index in important[layer] for layer, index in draw_)
    assert {neuron for draw_ in draws for neuron in draw_} == {
        *(("a", index) for index in set(range(12)) - {0, 3}),
        *(("b", index) for index in set(range(8)) - {1}),
    }


def test_where_too_few_are_important_the_next_ranks_are_drawn_from():
    """Of neurons 39, 38 and 36 two are silenced; 15 others by rank give 105 choices of two, 14 would give 91.

    The inactive neuron 37 comes last, whatever its rank.
    """
    active = {"a": np.arange(40) != 37}
    whole = abstraction({"a": range(40)}, {"a": [39, 38, 36]}, active)
    (pool,) = silencing.others(whole, (("a", 39), ("a", 36)))
    assert pool.told == ("a", 1, 15)
    assert pool.filled
    assert list(pool.ranked[: pool.size]) == [38, *range(35, 21, -1)]
    assert pool.ranked[-1] == 37


def test_a_small_layer_gives_all_its_choices_once():
    """Two of four others: six choices; a layer without others gives none."""
    whole = abstraction({"a": range(6)}, {"a": [5, 4]})
    neurons = (("a", 5), ("a", 4))
    draws = silencing.draws(silencing.others(whole, neurons), neurons, seed=0)
    assert len(draws) == len({frozenset(draw_) for draw_ in draws}) == 6
    alone = abstraction({"a": [1]}, {"a": [0]})
    assert silencing.draws(silencing.others(alone, (("a", 0),)), (("a", 0),), seed=0) == []


def test_instances_asked_are_a_sample_of_those_held_out():
    """Of 800 images every other one is held out; 150 of the class's and 100 of all count, the same by the same seed."""
    rng = np.random.default_rng(0)
    pixels, held_out = np.zeros((800, 2, 2, 3), np.uint8), np.arange(800) % 2 == 0
    domain = DomainImages(
        pixels,
        rng.integers(2, size=800),
        ("dark", "bright"),
        np.where(held_out, "validation", "training"),
        np.array(["i"] * 800),
    )
    images = {"source": domain, "target": domain}
    asked = silencing.instances_asked(images, "dark", seed=0)
    for name in images:
        rows = asked.domain == name
        assert list(asked.scopes[:, rows].sum(axis=1)) == [silencing.OF_CLASS, silencing.OF_ALL]
        assert held_out[asked.index[rows]].all()
        assert (domain.labels[asked.index[rows & asked.scopes[0]]] == 0).all()
        assert 0.3 < domain.labels[asked.index[rows & asked.scopes[1]]].mean() < 0.7
    again, other = (silencing.instances_asked(images, "dark", seed=seed) for seed in (0, 1))
    np.testing.assert_array_equal(again.index, asked.index)
    assert not np.array_equal(other.index, asked.index)


def test_where_there_is_a_test_split_its_instances_are_asked():
    """Validation has chosen the epoch, so it does not judge where test images were set aside."""
    split = np.array(["training", "validation", "test", "test"])
    domain = DomainImages(np.zeros((4, 2, 2, 3), np.uint8), np.zeros(4, int), ("dark",), split, np.array(["i"] * 4))
    asked = silencing.instances_asked({"source": domain, "target": domain}, "dark", seed=0)
    assert set(asked.index.tolist()) == {2, 3}


def test_a_domain_without_validation_instances_says_nothing():
    """Its counts are 0 and its accuracies unknown; the other domain is measured all the same."""
    result = silence((("fc", 0),), target_validation=[False] * 3)
    assert list(result.n["target"]) == [0, 0]
    assert np.isnan(result.after["target"]).all()
    assert np.isnan(result.low["target"]).all()
    assert list(result.after["source"][0]) == [0, 0.5]


# The way through the network


def means_of(layers, units, value=0.5):
    total = sum(units)
    return Activations(np.zeros((1, total)), np.zeros((1, total)), np.full(total, value, np.float32), layers, units)


def literally(model, batch, neurons, instead: Callable):
    """What the model answers with plain hooks on whole modules: `instead(layer, output)` gives the values."""
    handles = []
    for layer in dict.fromkeys(layer for layer, _ in neurons):
        chosen = [index for at, index in neurons if at == layer]

        def hook(_module, _inputs, output, layer=layer, chosen=chosen):
            changed = output.clone()
            changed[:, chosen] = instead(layer, output)[:, chosen]
            return changed

        handles.append(model.get_submodule(layer).register_forward_hook(hook))
    with torch.inference_mode():
        said = model(batch).argmax(1).numpy()
    for handle in handles:
        handle.remove()
    return said


@pytest.fixture
def network():
    """A small AlexNet with relu modules of their own, and a batch."""
    torch.manual_seed(0)
    model = compact_alexnet(10).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(1.7)
    return model, torch.randn(40, 3, 32, 32)


LAYERS = ("conv1", "conv2", "conv3", "conv4", "conv5", "fc6", "fc7")
UNITS = (32, 64, 64, 64, 64, 160, 128)
CHOICES = ((("conv3", 3), ("conv3", 9), ("fc6", 5)), (("conv3", 0), ("conv3", 1), ("fc6", 90)))


def test_only_what_follows_the_first_silenced_layer_runs_for_all(network):
    """The first two convolutions see one image instead of 40 for each choice, and the answers are those of hooks."""
    model, batch = network
    seen = []
    model.conv2.register_forward_hook(lambda _module, inputs, _output: seen.append(len(inputs[0])))
    answers = list(silencing._answers(model, batch, CHOICES, means_of(LAYERS, UNITS)))
    assert seen[-5:] == [1] * 5  # tried out once, then two choices twice
    behind = {"conv3": "relu3", "fc6": "relu6"}
    with hooks.captured(model, tracing.readouts(model, ["conv3", "fc6"], batch[:1])) as outputs, torch.inference_mode():
        plain = model(batch).argmax(1).numpy()
    maps = {behind[layer]: output for layer, output in outputs.items()}
    expected = [plain]
    for instead in (lambda _, output: torch.full_like(output, 0.5), lambda layer, _: maps[layer].roll(1, 0)):
        for choice in CHOICES:
            neurons = tuple((behind[layer], index) for layer, index in choice)
            expected.append(literally(model, batch, neurons, instead))
    assert (expected[1] != plain).any()
    np.testing.assert_array_equal([*answers[:3], *answers[4:]], expected)
    np.testing.assert_array_equal(answers[3], plain)


class Around(nn.Module):
    """A layer with a way around it; `whole`: it counts its images where they come in."""

    def __init__(self, whole=False):
        super().__init__()
        self.whole = whole
        self.first, self.relu, self.head = nn.Linear(12, 6), nn.ReLU(), nn.Linear(6, 5)
        self.around = nn.Linear(12, 6)

    def forward(self, images):
        count = len(images)
        flat = images.flatten(1)
        inside = self.relu(self.first(flat))
        if self.whole:
            return self.head(inside.view(count, -1))
        return self.head(inside + self.around(flat))


@pytest.mark.parametrize("whole", [False, True])
def test_a_network_that_needs_all_images_everywhere_gets_them(whole):
    """One image is not enough where a way leads around the layer, or where images are counted at the entrance."""
    torch.manual_seed(0)
    model, batch = Around(whole).eval(), torch.randn(30, 3, 2, 2)
    choice = (("first", 2), ("first", 4))
    answers = list(silencing._answers(model, batch, [choice], means_of(("first",), (6,))))
    expected = literally(
        model, batch, tuple(("relu", index) for _, index in choice), lambda _, output: torch.full_like(output, 0.5)
    )
    np.testing.assert_array_equal(answers[1], expected)


def test_a_module_called_twice_is_changed_where_its_layer_is_read():
    """One relu serves two layers; silencing the second leaves the first as it is."""

    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.one, self.two, self.relu, self.head = nn.Linear(12, 4), nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 3)

        def forward(self, images):
            return self.head(self.relu(self.two(self.relu(self.one(images.flatten(1))))))

    torch.manual_seed(0)
    model, batch = Twice().eval(), torch.randn(5, 3, 2, 2)
    entered = []
    model.two.register_forward_pre_hook(lambda _module, inputs: entered.append(inputs[0].clone()))
    model.head.register_forward_pre_hook(lambda _module, inputs: entered.append(inputs[0].clone()))
    with hooks.changed(model, tracing.readouts(model, ["two"], batch[:1])) as changes:
        model(batch)
        changes["two"] = torch.zeros_like
        model(batch)
    before, _, after, head = entered[-4:]
    torch.testing.assert_close(before, after)
    assert (head == 0).all()


def test_another_thread_sees_no_change(network):
    """Its run of the same model is the plain one, and does not count as one of ours."""
    model, batch = network
    plain, others = model(batch), []
    with hooks.changed(model, tracing.readouts(model, ["conv3"], batch[:1])) as changes:
        changes["conv3"] = torch.zeros_like
        thread = threading.Thread(target=lambda: others.append(model(batch)))
        thread.start()
        thread.join()
        assert not torch.allclose(model(batch), plain)
    torch.testing.assert_close(others[0], plain)
    torch.testing.assert_close(model(batch), plain)


def test_no_hook_is_left_when_the_network_fails(network):
    model, batch = network

    def fail(_output):
        raise ZeroDivisionError

    def run():
        with hooks.changed(model, tracing.readouts(model, ["conv3"], batch[:1])) as changes:
            changes["conv3"] = fail
            model(batch)

    with pytest.raises(ZeroDivisionError):
        run()
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())


# Intervals of a change


def test_the_paired_interval_is_bonett_and_prices():
    """8 of 40 lost and 2 gained: (3 - 9) / 42 ± 1.96 sqrt((12/42 - (6/42)²) / 42)."""
    before = np.repeat([True, False, True, False], [8, 2, 20, 10])
    after = np.repeat([False, True, True, False], [8, 2, 20, 10])
    half = 1.959964 * np.sqrt((12 / 42 - (6 / 42) ** 2) / 42)
    assert intervals.paired(before, after) == pytest.approx((-6 / 42 - half, -6 / 42 + half), abs=1e-6)
    assert intervals.paired(np.zeros(0, bool), np.zeros(0, bool)) == (-1, 1)


@pytest.mark.parametrize(("lost", "gained", "n"), [(0.1, 0.02, 45), (0.05, 0.05, 100), (0.3, 0.05, 20)])
def test_the_paired_interval_holds_the_truth(lost, gained, n):
    """2,000 samples of n pairs: the true change is inside in about 95 %."""
    rng = np.random.default_rng(0)
    inside = []
    for fate in rng.choice(3, p=[lost, gained, 1 - lost - gained], size=(2000, n)):
        low, high = intervals.paired(fate != 1, fate != 0)
        inside.append(low <= gained - lost <= high)
    assert 0.935 < np.mean(inside) < 0.995


def test_of_some_instances_alone_neurons_answer_with_their_mean():
    """Rows: as it is, then without neuron 0, when the net calls everything bright, and without one that knows nothing.

    In any order of the instances: a mean is nobody's answer.
    """
    images, chosen = pictures()["target"], np.array([2, 0, 1])
    choices = [(("fc", 0),), (("fc", 1),)]
    told = {"means": MEANS, "outputs": ("dark", "bright"), "case": CASE}
    right = silencing.right_without(Brightness().eval(), images, chosen, choices, **told)
    assert right.tolist() == [[True, True, True], [True, False, True], [True, True, True]]
