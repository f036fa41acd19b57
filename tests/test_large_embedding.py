"""16,500 instances in 31 classes: the instance view samples them, says so, and sends a page's worth of bytes."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from bokeh.models import HoverTool

from tlx.analysis import embedding
from tlx.figures import density, theme
from tlx.figures.pictures import Pictures
from tlx.figures.scatter import DENSE, SAMPLE, points, ring, sampled, scatter
from tlx.figures.written import figure_json
from tlx.results import DomainImages, Embedding
from tlx.words import embedding as words

CLASSES = tuple(f"class {at}" for at in range(31))
COUNTS = {"source": 9_000, "target": 7_500}


@pytest.fixture(scope="module")
def large():
    """Made-up domains with classes of very different sizes, and all 31 classes chosen."""
    rng = np.random.default_rng(0)
    images = {}
    for domain, count in COUNTS.items():
        labels = np.sort(rng.choice(31, count, p=np.arange(1, 32) / np.arange(1, 32).sum()))
        blank = np.empty((count, 0, 0, 0), np.uint8)
        images[domain] = DomainImages(blank, labels, CLASSES, np.full(count, "validation"), labels.astype(str))
    return images, {domain: embedding.choose(images[domain], CLASSES, 0) for domain in COUNTS}


def test_small_classes_stay_whole_and_a_sentence_tells_the_rest(large):
    """At most 1,500 of a domain; a class below the common size keeps all its instances."""
    images, chosen = large
    for domain, rows in chosen.items():
        total, kept = (
            np.bincount(labels, minlength=31) for labels in (images[domain].labels, images[domain].labels[rows])
        )
        assert 1_450 < len(rows) <= embedding.LIMIT
        assert (kept == np.minimum(total, kept.max())).all()
        assert kept.min() > 0
    counts = {domain: len(rows) for domain, rows in chosen.items()}
    said = embedding._sampled(images, chosen, counts, 0)
    assert f"{sum(counts.values()):,} of the 16,500 instances" in said


def test_the_others_are_put_amid_their_nearest(large, monkeypatch):
    """All instances are drawn, by domain and number, those of t-SNE where it put them, and the rest near their like."""
    monkeypatch.setattr(embedding, "project", lambda values, _: (values[:, :2] * 10.0, {}))
    images, chosen = large
    rng = np.random.default_rng(4)
    centres = rng.normal(size=(31, 8)) * 20
    vectors = {domain: centres[of.labels] + rng.normal(size=(len(of), 8)) for domain, of in images.items()}
    rest = {
        domain: (embedding.others(images[domain], CLASSES, rows, 0), vectors[domain]) for domain, rows in chosen.items()
    }
    found = embedding.embedding(
        images, chosen, {domain: vectors[domain][rows] for domain, rows in chosen.items()},
        model="target", layer=None, seed=0, rest=rest,
    )  # fmt: skip
    assert found.instance.tolist() == [*range(9_000), *range(7_500)]
    assert found.domain.tolist() == ["source"] * 9_000 + ["target"] * 7_500
    labels = np.concatenate([of.labels for of in images.values()])
    assert (found.label == np.array(CLASSES, object)[labels]).all()
    away = np.linalg.norm(found.coordinates - 10 * centres[labels][:, :2], axis=1)
    assert np.quantile(away, 0.99) < 60  # 10 times the spread of a class; classes lie hundreds apart
    kept = np.isin(found.instance, chosen["source"]) & (found.domain == "source")
    np.testing.assert_allclose(found.coordinates[kept], 10 * vectors["source"][chosen["source"]][:, :2], rtol=1e-5)
    usual = sum(map(len, chosen.values()))
    assert found.sampled.startswith(f"t-SNE placed {usual:,} of the 16,500 drawn")
    assert "are drawn" not in found.sampled


def test_more_than_can_be_drawn_are_sampled(large, monkeypatch):
    monkeypatch.setattr(embedding, "MOST", 4_000)
    images, chosen = large
    rest = embedding.others(images["source"], CLASSES, chosen["source"], 0)
    assert len(rest) + len(chosen["source"]) == 4_000
    assert not set(rest) & set(chosen["source"])
    assert (
        len(embedding.others(images["source"], ["class 3"], embedding.choose(images["source"], ["class 3"], 0), 0)) == 0
    )


def test_the_figure_stays_small_and_shows_one_tooltip(large):
    """Every drawn mark once, one tooltip under the pointer, at most 0.6 MB to the browser."""
    images, chosen = large
    told = pd.concat([_instances(domain, images[domain]) for domain in COUNTS], ignore_index=True)
    rows = np.concatenate(list(chosen.values()))
    domains = np.repeat(list(COUNTS), [len(of) for of in chosen.values()])
    labels = np.concatenate([images[domain].labels[of] for domain, of in chosen.items()])
    places = np.random.default_rng(1).normal(size=(len(rows), 2))
    found = Embedding(places, domains, rows, np.array(CLASSES, object)[labels], "target", "")
    sheets = {domain: tuple(f"media/{domain}{at}.webp" for at in range(9)) for domain in COUNTS}
    plot = scatter(found, told, theme.class_colours(CLASSES), pictures=Pictures(sheets, 64, 32), legend=False)
    source = next(model for model in plot.select({"name": "points"}) if hasattr(model, "data"))
    assert len(source.data["x"]) == len(rows) <= 2 * embedding.LIMIT
    assert [len(tool.filters) for tool in plot.select({"type": HoverTool})] == [1]
    assert len(figure_json(plot)) < 600_000


@pytest.fixture(scope="module")
def crowd():
    """20,000 made-up instances, all of them placed, a fifteenth of them mispredicted: marks as `points` has them."""
    rng = np.random.default_rng(2)
    groups, labels = rng.normal(size=(10, 2)) * 40, rng.integers(10, size=20_000)
    domain = np.repeat(["source", "target"], 10_000)
    places = groups[labels] + rng.normal(size=(20_000, 2)) * 6 + np.where(domain == "target", 9, 0)[:, None]
    names = np.array(CLASSES, object)[labels]
    told = pd.DataFrame({"domain": domain, "instance": [*range(10_000)] * 2, "name": "a", "split": "test"})
    told = told.assign(label=names, prediction=np.where(rng.random(20_000) < 1 / 15, "other", names), confidence=0.9)
    told = told.assign(source_prediction=names, source_confidence=0.5, mispredicted=told["prediction"] != names)
    return Embedding(places, domain, told["instance"].to_numpy(), names, "target", ""), told


def test_of_many_instances_all_errors_and_a_sample_are_marked(crowd):
    """Marks stay few enough to read; which others are drawn is the same each time, and the caption says how many."""
    found, told = crowd
    marks = points(found, told, theme.class_colours(CLASSES))
    shown = sampled(marks)
    assert int(shown["wrong"].sum()) == int(told["mispredicted"].sum()) > 1_200
    assert len(shown) == max(SAMPLE, int(told["mispredicted"].sum()) + SAMPLE // 3)
    assert shown.equals(sampled(marks))
    others = shown[~shown["wrong"]]
    assert abs((others["domain"] == "target").mean() - 0.5) < 0.1  # as they come
    assert sampled(marks.head(DENSE)) is not shown
    assert len(sampled(marks.head(DENSE))) == DENSE
    said = words.about(found, SimpleNamespace(embedding_units=4, embedding_layer=""), marks, shown)
    assert f"Of the 20,000 instances the {int(told['mispredicted'].sum()):,} that this model mispredicts" in said
    assert f"{len(others):,} of the others, drawn at random" in said
    assert words.about(found, SimpleNamespace(embedding_units=4, embedding_layer=""), shown, shown).count("random") == 0


def test_an_instance_without_a_mark_is_drawn_when_it_is_picked(crowd):
    """In its place, with its own look, in the ring."""
    found, told = crowd
    marks = points(found, told, theme.class_colours(CLASSES))
    missing = set(marks["instance"][marks["domain"] == "target"]) - set(sampled(marks)["instance"])
    (x,), (y,), (fill,) = (ring(marks, ("target", min(missing)))["picked"][name] for name in ("x", "y", "fill"))
    row = found.coordinates[10_000 + min(missing)]
    assert (x, y) == tuple(row)
    assert fill == theme.class_colours(CLASSES)[found.label[10_000 + min(missing)]]


def test_contours_hold_the_shares_of_a_domain(crowd):
    """Half, three quarters and 95 % of its instances lie within them, about; few instances have none."""
    found, told = crowd
    own = found.coordinates[found.domain == "source"]
    x, y, height = density.density(own, found.coordinates)
    columns, rows = (np.abs(own[:, [at]] - axis).argmin(axis=1) for at, axis in enumerate((x, y)))
    for level, share in zip(density.levels_of(own, x, y, height), density.SHARES[::-1], strict=True):
        assert abs((height[rows, columns] >= level).mean() - share) < 0.01
    plot = scatter(found, told, theme.class_colours(CLASSES), legend=False)
    assert {one.name for one in plot.renderers if "density" in str(one.name)} == {"density source", "density target"}
    assert len(figure_json(plot)) < 900_000
    few = Embedding(
        *(one[:200] for one in (found.coordinates, found.domain, found.instance, found.label)), "target", ""
    )
    plain = scatter(few, told, theme.class_colours(CLASSES), legend=False)
    assert not [one for one in plain.renderers if "density" in str(one.name)]


def _instances(domain, images):
    labels = np.array(CLASSES, object)[images.labels]
    return pd.DataFrame(
        {
            "domain": domain,
            "instance": np.arange(len(images)),
            "name": [f"{label}/frame_{at:04}.jpg" for at, label in enumerate(labels)],
            "split": "validation",
            "label": labels,
            "prediction": labels,
            "confidence": 0.9,
            "source_prediction": CLASSES[0],
            "source_confidence": 0.5,
            "mispredicted": images.labels % 7 == 0,
        }
    )
