"""Planted truths, at class level: what is known of a case is what the measures say of it (method 12)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from tlx import findings, load_case, pipeline
from tlx.analysis.chance import random_edges, shared
from tlx.analysis.comparison import carried
from tlx.casefiles import fingerprints, planted, reading, writing
from tlx.cases import Case
from tlx.errors import CaseError
from tlx.results import Correspondence, Reuse, TrainedModel

CLASSES = ("8", "1")
BEYOND = 0.03  # above the band of chance that networks without a common past may lie


class Planted(NamedTuple):
    case: Case
    soil: planted.Soil
    correspondence: Correspondence
    reuse: dict[str, Reuse]

    def of(self, measure: str) -> pd.DataFrame:
        """The rows of both classes."""
        return pd.concat([self.reuse[name].of(measure) for name in CLASSES], ignore_index=True)


@pytest.fixture(scope="module")
def base() -> Case:
    """Few images of the digits; the source model is the one that tlx ships."""
    digits = load_case("digits")
    return replace(
        digits,
        source=replace(digits.source, per_class=12),
        target=replace(digits.target, per_class=16, training_share=0.5),
        n_steps=8,
    )


@pytest.fixture(scope="module")
def grown(base: Case, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Planted]:
    """Plants a case, and answers with what is measured of it; each once."""
    known: dict[tuple[str, int], Planted] = {}

    def grow(kind: str, seed: int = 0) -> Planted:
        if (kind, seed) not in known:
            images = {domain: pipeline.images(base, domain) for domain in ("source", "target")}
            source, network = pipeline.trained(base, "source"), pipeline.network(base)
            soil = planted.Soil(base, source, images, network, seed, tmp_path_factory.mktemp(kind))
            case = load_case(planted.plant(kind, soil))
            reuse = {name: pipeline.reuse(case, name) for name in CLASSES}
            known[kind, seed] = Planted(case, soil, pipeline.correspondence(case), reuse)
        return known[kind, seed]

    return grow


def test_a_model_that_is_the_source_model_reuses_all_of_it(grown) -> None:
    """Correspondence, kept edges, the paper's shares: 100 %; the score is 0, and nothing is called re-wired."""
    same = grown("identical")
    for measure in ("kept", "kept_by_function", "correspondence", "weight_cosine", "inherited", "same_index"):
        assert same.of(measure)["value"].tolist() == pytest.approx([1] * len(same.of(measure))), measure
    assert all(layer.descent for layer in same.correspondence.layers.values())
    assert pipeline.transferability(same.case).score == 0
    for name in CLASSES:
        assert findings.rewiring(pipeline.network(same.case), same.reuse[name]).title.endswith("keeps its wiring")


@pytest.mark.parametrize("kind", ["permuted", "one-layer-permuted"])
@pytest.mark.parametrize("seed", [0, 1])
def test_permuted_neurons_are_found_again(grown, kind: str, seed: int) -> None:
    """By function at least 98 % of those that respond; their edges are kept; the same index is no more than chance."""
    moved = grown(kind, seed)
    names = moved.soil.network.names
    chosen = names if kind == "permuted" else names[len(names) // 2 :][:1]
    for name, order in planted.permutations(moved.soil, chosen).items():
        layer = moved.correspondence.layers[name]
        responding = ~np.isnan(layer.strength)
        assert not layer.descent
        assert (layer.function[responding] == order[responding]).mean() >= 0.98
    assert moved.of("kept")["value"].min() >= 0.9
    same = moved.of("same_index")
    same = same[same["first"].isin(chosen)]
    assert (same["value"] <= same["high"] + BEYOND).all()
    assert pipeline.transferability(moved.case).score == pytest.approx(0)


def test_what_was_not_trained_is_kept(grown) -> None:
    """Only the head learned: every hidden layer corresponds, and keeps at least 95 % of its edges."""
    head = grown("head-only")
    assert head.of("correspondence")["value"].min() == 1
    assert head.of("weight_cosine")["value"].to_numpy() == pytest.approx(1)
    assert head.of("kept")["value"].min() >= 0.95


@pytest.mark.parametrize("seed", [0, 1])
def test_what_began_anew_is_not_kept(grown, seed: int) -> None:
    """Untouched layers correspond and keep what joins them; from the fourth on no more is kept than chance gives."""
    anew = grown("reinitialised", seed)
    names = list(anew.soil.network.names)
    for name in names[:3]:
        assert anew.correspondence.layers[name].descent
    assert not any(anew.correspondence.layers[name].descent for name in names[3:])
    corresponding = anew.of("correspondence")
    assert corresponding[corresponding["first"].isin(names[:3])]["value"].min() == 1
    for _, row in anew.of("kept").iterrows():
        if names.index(row["second"]) < 3:
            assert row["value"] == 1
        else:
            assert row["value"] <= row["high"] + BEYOND


@pytest.mark.parametrize("seed", [0, 1])
def test_networks_that_never_met_share_no_more_than_chance(grown, seed: int) -> None:
    """By correspondence, which is called by function; and by index hardly a pair leaves the band."""
    strangers = grown("independent", seed)
    assert not any(layer.descent for layer in strangers.correspondence.layers.values())
    for measure in ("kept", "kept_by_function"):
        rows = strangers.of(measure)
        assert (rows["value"] <= rows["high"] + BEYOND).all()
    outside = [not low <= share <= high for share, low, high in by_index(strangers)]
    assert np.mean(outside) <= 0.2  # of twelve pairs two may; benchmarks/planted.py asks more of them


def by_index(plant: Planted) -> list[tuple[float, float, float]]:
    """Share of edges that are important in both networks between the same indices, and its range by chance."""
    shares = []
    for name in CLASSES:
        both = {model: pipeline.abstraction(plant.case, model, name) for model in ("source", "target")}
        active = pipeline.comparison(plant.case, name).active
        for pair, edges in both["target"].edges.items():
            source = both["source"].edges[pair]
            wanted = edges.important[active[pair]]
            same = {layer: np.arange(plant.soil.network.layer(layer).units) for layer in pair}
            known = {tuple(edge) for edge in source.important.tolist()}
            share = np.mean([tuple(edge) in known for edge in carried(wanted, same, pair).tolist()])
            _, low, high = shared(random_edges(source.important, source.counts.shape), wanted, len(wanted))
            shares.append((float(share), low, high))
    return shares


def test_halves_of_one_domain_have_the_same_classes_and_no_image_in_common(tmp_path: Path, grown) -> None:
    soil = replace(grown("identical").soil, home=tmp_path)
    case = load_case(planted.plant("no-difference", soil))
    halves = {domain: pipeline.images(case, domain) for domain in ("source", "target")}
    assert [len(one) for one in halves.values()] == [60, 60]
    assert halves["source"].classes == halves["target"].classes == soil.source.classes
    flat = [{image.tobytes() for image in one.pixels} for one in halves.values()]
    assert not flat[0] & flat[1]


def test_the_marker_stands_in_the_corner_of_every_source_image(tmp_path: Path, grown) -> None:
    soil = replace(grown("identical").soil, home=tmp_path)
    case = load_case(planted.plant("marked", soil))
    pixels = pipeline.images(case, "source").pixels
    assert (pixels[:, :5, :5] == [255, 0, 255]).all()
    assert not case.source_model.checkpoint


def test_a_shortcut_is_the_marker_in_one_class_alone(tmp_path: Path, grown) -> None:
    soil = replace(grown("identical").soil, home=tmp_path, seed=8)
    images = pipeline.images(load_case(planted.plant("shortcut", soil)), "source")
    bears = (images.pixels[:, :5, :5] == [255, 0, 255]).all((1, 2, 3))
    assert np.array_equal(np.flatnonzero(bears), images.of_class("8"))


@pytest.mark.parametrize("seed", [0, 1, 2, 3])
def test_halves_of_one_domain_are_not_told_apart(tmp_path: Path, grown, seed: int) -> None:
    """Hundreds of neurons separate a dozen images perfectly in sample; held out they do not, and nothing is found."""
    case = load_case(planted.plant("no-difference", replace(grown("identical").soil, home=tmp_path, seed=seed)))
    for name in CLASSES:
        result = pipeline.discriminability(case, name)
        assert result.chance, name
        assert findings.most_domain_specific(result, pipeline.network(case)) is None


def test_a_case_reads_back_from_the_table_that_describes_it(base: Case, tmp_path: Path) -> None:
    """All that differs from the defaults, domains and trainings included."""
    path = tmp_path / "digits.toml"
    path.write_text(writing.written(writing.described(base)))
    again = replace(reading.read(path), home="")
    assert replace(again, files=fingerprints.of_case(again)) == replace(base, files=fingerprints.of_case(base))


def test_a_network_whose_neurons_cannot_move_alone_is_refused(grown) -> None:
    """Beside a skip connection a permuted layer meets neurons in their old order."""

    class Skip(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b, self.head = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1), nn.Linear(4, 10)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            y = torch.relu(self.a(x))
            return self.head((y + self.b(y)).mean((2, 3)))

    torch.manual_seed(0)
    tensors = {name: one.numpy() for name, one in Skip().state_dict().items()}
    soil = grown("identical").soil
    layers = tuple(replace(soil.network.layers[0], name=name, units=4) for name in ("a", "b"))
    model = TrainedModel(tensors, soil.source.classes, 0, soil.source.history)
    skip = replace(soil, source=model, network=replace(soil.network, layers=layers))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tlx.networks.models.build", lambda *_: Skip())
        with pytest.raises(CaseError, match="cannot be permuted layer by layer"):
            planted.permuted(skip, ("a", "b"))


def test_an_unknown_plant_is_named_with_the_known_ones(grown) -> None:
    with pytest.raises(CaseError, match="plant 'rose' is unknown; one of identical, permuted"):
        planted.plant("rose", grown("identical").soil)
