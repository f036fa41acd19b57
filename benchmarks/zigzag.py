"""How heavy the zig-zag is and how fast a real browser draws it: made-up results as large as AlexNet's and larger.

Prints a table: layers, neurons shown, seconds to build the figure and its text, megabytes sent, seconds in headless
Chromium until it is drawn, and milliseconds for one redraw while panning. Needs playwright and Chromium.

    PYTHONPATH=. python benchmarks/zigzag.py
"""

from __future__ import annotations

import shutil
import time
from itertools import pairwise
from pathlib import Path

import bokeh
import numpy as np
import pandas as pd
from playwright.sync_api import Page, sync_playwright

from tlx.app.bokeh_view import figure_json
from tlx.figures.zigzag.figure import zigzag
from tlx.figures.zigzag.subject import Options, Subject
from tlx.results import (
    Abstraction,
    Comparison,
    Correspondence,
    Edges,
    Layer,
    LayerCorrespondence,
    Network,
    SimilarityScales,
)

ALEXNET = (64, 192, 384, 256, 256, 4096, 4096)
SETTINGS = (
    ("3 layers, up to 24", ALEXNET[:3], Options()),
    ("7 layers, up to 24", ALEXNET, Options()),
    ("7 layers, up to 24, no other regions", ALEXNET, Options(others=False)),
    ("2 layers of 4096, all 410", ALEXNET[-2:], Options(shown=0)),
    ("7 layers, all of up to 410", ALEXNET, Options(shown=0)),
)
ARGUMENTS = ("--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage")


def made_up(units: tuple[int, ...]) -> Subject:
    """Results of these sizes with random numbers: 10 % of neurons and of edges are important, a third of them kept."""
    rng = np.random.default_rng(0)
    layers = tuple(Layer(f"l{at}", at, "conv", count, (1, 1)) for at, count in enumerate(units, start=1))
    pairs = [(one.name, two.name) for one, two in pairwise(layers)]
    network = Network("made up", layers, {pair: pair[1] for pair in pairs}, {}, 1, 1)
    similarity = {layer.name: rng.random((layer.units, layer.units), dtype=np.float32) for layer in layers}
    match = {name: values.argmax(axis=0) for name, values in similarity.items()}
    models = {model: structure(rng, model, layers, pairs) for model in ("source", "target")}
    kept = {pair: rng.random(len(models["target"].edges[pair].important)) < 1 / 3 for pair in pairs}
    active = {pair: np.ones(len(marks), dtype=bool) for pair, marks in kept.items()}
    comparison = Comparison("made up", similarity, match, kept, kept, kept, active)
    rows = [("cosine", layer.name, layer.units, 0.9, 0.9, 0.5) for layer in layers]
    columns = ["measure", "layer", "n", "separation", "counterparts", "others"]
    scales = SimilarityScales("made up", pd.DataFrame(rows, columns=columns))
    return Subject(network, comparison, *models.values(), correspondence(layers), scales, "cosine", comparison)


def correspondence(layers: tuple[Layer, ...]) -> Correspondence:
    """Every neuron corresponds to the one of its index."""
    found = {}
    for layer in layers:
        own, ones = np.arange(layer.units), np.ones(layer.units, dtype=np.float32)
        found[layer.name] = LayerCorrespondence(True, own, own, ones, ones, (0.0, -0.1, 0.1))
    return Correspondence(found)


def structure(
    rng: np.random.Generator, model: str, layers: tuple[Layer, ...], pairs: list[tuple[str, str]]
) -> Abstraction:
    """One model's neurons and edges."""
    scores = {layer.name: rng.random(layer.units) for layer in layers}
    important = {name: np.argsort(-values)[: max(1, len(values) // 10)] for name, values in scores.items()}
    active = {layer.name: np.ones(layer.units, dtype=bool) for layer in layers}
    return Abstraction(
        model, "made up", 40, scores, important, active, {pair: edges(rng, scores, pair) for pair in pairs}
    )


def edges(rng: np.random.Generator, scores: dict[str, np.ndarray], pair: tuple[str, str]) -> Edges:
    """Random values that favour important neurons, as real ones do."""
    value = (rng.random((len(scores[pair[0]]), len(scores[pair[1]])), dtype=np.float32)) * scores[pair[1]]
    counts = (value * 40).astype(np.int32)
    top = np.argpartition(-value, value.size // 10, axis=None)[: value.size // 10]
    return Edges(counts, value.astype(np.float32), np.stack(np.unravel_index(top, value.shape), axis=1))


def page_of(item: str) -> str:
    """A page that draws one figure and says when it is done."""
    script = (Path(bokeh.__file__).parent / "server/static/js/bokeh.min.js").read_text(encoding="utf-8")
    return f"""<!doctype html><div id="here" style="width:1100px"></div><script>{script}</script><script>
    const item = {item}
    const start = performance.now()
    Bokeh.embed.embed_item({{...item, target_id: "here"}}).then((views) => requestAnimationFrame(() => {{
      window.drawn = (performance.now() - start) / 1000
      window.plot = views.roots[0].model
    }}))</script>"""


def pan(page: Page) -> float:
    """Milliseconds for one redraw after the view moved a little, the middle of nine."""
    return float(
        page.evaluate("""async () => {
          const took = []
          for (let i = 0; i < 9; i++) {
            const start = performance.now()
            plot.x_range.setv({start: plot.x_range.start + 5, end: plot.x_range.end + 5})
            await new Promise((done) => requestAnimationFrame(() => setTimeout(done)))
            took.push(performance.now() - start)
          }
          return took.sort((a, b) => a - b)[4]
        }""")
    )


def main() -> None:
    """Measures each setting in a fresh page."""
    print(f"{'view':40}{'build s':>9}{'text s':>8}{'MB':>7}{'drawn s':>9}{'pan ms':>8}")
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=list(ARGUMENTS))
        for name, units, options in SETTINGS:
            subject = made_up(units)
            start = time.perf_counter()
            figure = zigzag(subject, subject.network.names, options)
            built = time.perf_counter()
            item = figure_json(figure)
            told = time.perf_counter()
            page = browser.new_page(viewport={"width": 1200, "height": 900})
            page.set_content(page_of(item))
            page.wait_for_function("window.drawn", timeout=120_000)
            numbers = f"{built - start:9.2f}{told - built:8.2f}{len(item) / 1e6:7.2f}"
            print(f"{name:40}{numbers}{page.evaluate('window.drawn'):9.2f}{pan(page):8.0f}", flush=True)
            page.close()
        browser.close()


if __name__ == "__main__":
    main()
