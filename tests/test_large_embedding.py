"""16,500 instances in 31 classes: the instance view samples them, says so, and sends a page's worth of bytes."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from bokeh.models import HoverTool

from tlx.analysis import embedding
from tlx.app.bokeh_view import figure_json
from tlx.figures import theme
from tlx.figures.pictures import Pictures
from tlx.figures.scatter import scatter
from tlx.results import DomainImages, Embedding

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
    said = embedding._sampled(images, chosen, 0)
    assert f"{sum(map(len, chosen.values())):,} of the 16,500 instances" in said


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
