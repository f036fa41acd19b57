"""What conductance says of a class: rounding is no activity, sums beside maxima, medians of what does not add up."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import small_case
import torch
import toy
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from tlx import load_case, pipeline
from tlx.analysis import attribution, discriminability, of_class
from tlx.cases import DOMAINS, MODELS, Case
from tlx.networks import models, tracing
from tlx.results import Conductance, ShortFloats

ROUNDED = {"conv3": 5, "fc6": 7}  # a neuron of each layer whose conductance is nothing but rounding


def test_values_below_a_millionth_of_the_largest_are_zero() -> None:
    """The largest magnitude is 2, a negative one: 1e-6 is below 2e-6, 3e-6 and 2e-6 itself are not."""
    values = np.array([[1e-6, -1e-6, 3e-6], [-2.0, 0.0, -2e-6]], dtype=np.float32)
    cleaned = of_class.without_rounding(values)
    assert cleaned.dtype == np.float32
    assert np.array_equal(cleaned, np.array([[0, 0, 3e-6], [-2.0, 0.0, -2e-6]], dtype=np.float32))
    assert np.array_equal(of_class.without_rounding(np.zeros((3, 2))), np.zeros((3, 2)))
    assert of_class.without_rounding(np.zeros((0, 2))).shape == (0, 2)


@given(
    arrays.arrays(np.float32, (6, 5), elements=st.floats(-(2.0**20), 2.0**20, width=32)),
    st.lists(st.sampled_from([0.0, 1e-30, -3e-12, float("nan"), float("inf"), 3e38]), max_size=4),
    st.sampled_from([0, -100, 100]),
)
def test_short_floats_are_read_as_they_were(values: np.ndarray, odd: list[float], exponent: int) -> None:
    """To the bit, whole, in part and one by one, also those that are too small for two bytes."""
    shown = of_class.as_shown(np.ldexp(values, exponent))
    shown.flat[: len(odd)] = odd
    short = ShortFloats.of(shown)
    assert short.shape == shown.shape
    assert np.array_equal(np.asarray(short), shown, equal_nan=True)
    pairs = np.array([0, 5, 2, 0]), np.array([1, 4, 0, 0])
    for key in (pairs, np.ix_([0, 3], [4, 1]), slice(1, 3), 0, (0, 2), (slice(None), 1)):
        assert np.array_equal(short[key], shown[key], equal_nan=True)
    largest = short.max(initial=0.0)
    assert np.array_equal(largest, shown.max(initial=0.0), equal_nan=True)


def test_short_floats_take_half_the_room_and_full_ones_stay() -> None:
    """Numbers of 11 bits are short, but for a few; of numbers with more bits there would be too many others."""
    values = np.random.default_rng(0).normal(size=(300, 300)).astype(np.float32)
    short = ShortFloats.of(of_class.as_shown(values))
    assert isinstance(short, ShortFloats)
    assert (short.half.nbytes, len(short.at)) == (values.nbytes / 2, 0)
    assert ShortFloats.of(values) is values


def measured(values: np.ndarray, **changes: object) -> Conductance:
    """Two layers, of two neurons and one."""
    rows = len(values)
    facts = {"scored": np.zeros(rows, int), "own_class": np.ones(rows, bool), "n_steps": 8}
    facts |= {"summed": values, "completeness_error": np.zeros((rows, 2)), "layers": ("a", "b"), "units": (2, 1)}
    return Conductance(values=values, **facts | changes)  # type: ignore[arg-type]


def test_each_layer_has_its_own_largest_magnitude_among_the_instances_of_the_class() -> None:
    """1e-5 is rounding beside 100, not beside 1; what other classes' instances have does not matter."""
    values = np.array([[100, 1e-5, 1e-5], [100, 1e-5, 1.0], [1e9, 1e9, 1e9]])
    on_class = of_class.on_class(measured(values), np.array([0, 1]))
    np.testing.assert_allclose(on_class.values, [[100, 0, 1e-5], [100, 0, 1.0]], rtol=1 / 2048)
    assert on_class.of("b", 0).tolist() == on_class.layer("b")[:, 0].tolist() == on_class.values[:, 2].tolist()
    assert {name: values.tolist() for name, values in of_class.by_layer(measured(values), np.array([0])).items()} == {
        "a": [[100, 0]],
        "b": [[1e-5]],
    }


def test_contributions_are_means_and_errors_are_medians_over_the_class() -> None:
    """Of three instances, the last of another class: means of the sums, medians of the errors that are known."""
    summed = np.array([[1, -2, 0.5], [3, -1, 1e-9], [99, 99, 99]])
    errors = np.array([[0.1, np.nan], [0.3, np.nan], [0.9, 0.9]])
    values = measured(np.zeros((3, 3)), summed=summed, completeness_error=errors, own_class=np.array([1, 1, 0]) > 0)
    result = of_class.contribution(values, np.array([0, 1]))
    assert result.layer("a").tolist() == [2, -1.5]
    assert result.layer("b").tolist() == [0.25]
    assert result.error("a") == pytest.approx(0.2)
    assert np.isnan(result.error("b"))
    assert (result.own_class, result.n_steps) == (True, 8)
    assert not of_class.contribution(values, np.array([2])).own_class


def test_sums_stand_beside_the_largest_values(tmp_path: Path) -> None:
    """What `layer_conductance` gives at every position, summed; a linear layer's neuron has one position."""
    case = load_case(small_case.write(tmp_path))
    both = pipeline.conductance(case, "source", "target")
    images = pipeline.images(case, "target")
    maps = attribution.layer_conductance(
        pipeline.load_model(case, "source"),
        both.layers,
        models.normalised(images.pixels, case),
        torch.from_numpy(np.array(images.labels)),
        n_steps=case.n_steps,
        reduce=None,
    )
    assert both.summed.dtype == np.float32
    for name in ("conv2", "conv5"):
        expected = maps[name].sum((2, 3)).numpy()
        assert np.allclose(both.layer_summed(name), expected, rtol=1e-3, atol=1e-5)
        assert not np.allclose(both.layer_summed(name), both.layer(name), rtol=1e-2, atol=1e-4)
    for name in ("fc6", "fc7"):
        assert np.array_equal(both.layer_summed(name), both.layer(name))
    chosen = pipeline.instances_of(case, "target", "upright")
    adds = pipeline.contribution_on(case, "source", "upright")
    assert np.allclose(adds.layer("conv2"), both.layer_summed("conv2")[chosen].mean(0), rtol=1e-4, atol=1e-6)
    assert adds.error("conv2") == pytest.approx(np.median(both.completeness_error[chosen, 1]))


def test_sums_of_a_block_leave_its_neurons() -> None:
    """Channels on the last axis, as a transformer's: of (n, 9, 8) maps (n, 8) sums."""
    model = toy.seeded(toy.Transformer)
    images, targets = torch.randn(2, 3, 12, 12), torch.tensor([0, 3])
    (read,) = tracing.readouts(model, ["block"], images[:1])
    maps = attribution.layer_conductance(model, ["block"], images, targets, reduce=None)["block"]
    assert torch.equal(attribution._summed(maps, read.axis), maps.sum(1))


@pytest.fixture(scope="module")
def rounded(tmp_path_factory: pytest.TempPathFactory) -> Case:
    """A case whose conductance is stored with ±1e-10 for two neurons of either model, in both domains."""
    case = load_case(small_case.write(tmp_path_factory.mktemp("rounded")))
    for model in MODELS:
        for domain in DOMAINS:
            whole = pipeline.conductance.__wrapped__(case, model, domain)
            values, start = whole.values.copy(), 0
            for name, units in zip(whole.layers, whole.units, strict=True):
                if name in ROUNDED:
                    values[:, start + ROUNDED[name]] = 1e-10 * (-1.0) ** np.arange(len(values))
                start += units
            pipeline.conductance.put(replace(whole, values=values), case, model, domain)
    return case


@pytest.mark.parametrize("layer", ROUNDED)
def test_a_neuron_of_nothing_but_rounding_is_inactive_everywhere(rounded: Case, layer: str) -> None:
    """Inactive and never important, undefined in similarity, 0 on the page, and it tells no domains apart."""
    neuron = ROUNDED[layer]
    for model in MODELS:
        structure = pipeline.abstraction(rounded, model, "upright")
        assert not structure.active[layer][neuron]
        assert neuron not in structure.important[layer]
        assert (pipeline.conductance_on(rounded, model, "upright").of(layer, neuron) == 0).all()
        assert (layer, neuron) not in pipeline.discriminability(rounded, "upright", model).neurons
    similarity = pipeline.comparison(rounded, "upright").similarity[layer]
    assert np.isnan(similarity[neuron]).all()
    assert np.isnan(similarity[:, neuron]).all()
    assert pipeline.comparison(rounded, "upright").match[layer][neuron] == -1


@pytest.mark.parametrize("layer", ROUNDED)
def test_rounding_does_not_tell_the_domains_apart(rounded: Case, layer: str) -> None:
    """Of the neurons whose stored conductance varies the one with ±1e-10 does not count."""
    columns = [
        pipeline.conductance(rounded, "target", domain).layer(layer)[pipeline.instances_of(rounded, domain, "upright")]
        for domain in DOMAINS
    ]
    varies = discriminability.varying(np.concatenate(columns))
    assert varies[ROUNDED[layer]]
    (gap,) = (gap for gap in pipeline.domain_gap(rounded, "upright") if (gap.model, gap.layer) == ("target", layer))
    assert gap.neurons == varies.sum() - 1


@given(st.floats(-(2.0**99), 2.0**99, width=32, allow_subnormal=False))
def test_what_is_shown_is_exact_to_three_digits(value):
    """Half a unit in the eleventh bit; zero stays zero, so that nothing becomes inactive or active by it."""
    (shown,) = of_class.as_shown(np.array([value], np.float32))
    assert abs(shown - np.float32(value)) <= abs(value) / 2048
    assert (shown == 0) == (value == 0)
    assert shown.dtype == np.float32
