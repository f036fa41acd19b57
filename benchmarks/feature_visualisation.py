"""Feature images against plain gradient ascent on pixels: activation reached, how robust and smooth, how fast.

    PYTHONPATH=. python benchmarks/feature_visualisation.py [CASE] [--model target] [--neurons 16] [--picture FILE]

Both methods take as many steps on the same canvas. "moved" is the activation kept when the finished image is shifted,
scaled and turned a little, as a share of the clean one: noise that only fits one alignment loses it.
"variation" is the mean absolute difference of neighbouring pixels (0 to 1): noise is rough, a stroke is not.
The picture shows both for the first neurons of every layer: plain ascent on the left, feature images on the right.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from tlx import load_case, pipeline
from tlx.analysis import feature_visualisation as ascent
from tlx.cases import Case
from tlx.images.thumbnails import enlarged


def pixel_ascent(probe: ascent.Probe, canvas: ascent.Canvas, neurons: list[int], case: Case) -> Tensor:
    """(n, channels, edge, edge) in [0, 1]: Adam on the pixels themselves, nothing else."""
    shape = (len(neurons), case.channels, canvas.edge, canvas.edge)
    pixels = 0.5 + 0.01 * torch.randn(shape, generator=torch.Generator().manual_seed(case.seed))
    pixels.requires_grad_()
    adam = torch.optim.Adam([pixels], lr=0.02)
    for _ in range(ascent.STEPS):
        with torch.enable_grad():
            adam.zero_grad()
            (-ascent.reached(probe, canvas, pixels, neurons, case)).sum().backward()
        adam.step()
        pixels.data.clamp_(0, 1)
    return pixels.detach()


def measure(
    probe: ascent.Probe,
    canvas: ascent.Canvas,
    images: Tensor,
    neurons: list[int],
    case: Case,
) -> dict:
    """Means over the neurons: clean activation, its share kept when moved, and the roughness of what is shown."""
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        clean = ascent.reached(probe, canvas, images, neurons, case)
        moved = [ascent.reached(probe, canvas, ascent.moved(images, generator), neurons, case) for _ in range(20)]
    part = images[..., canvas.start : canvas.start + canvas.size, canvas.start : canvas.start + canvas.size]
    return {
        "clean": float(clean.mean()),
        "moved": float(torch.stack(moved).mean() / clean.mean()),
        "variation": float((part.diff(dim=-1).abs().mean() + part.diff(dim=-2).abs().mean()) / 2),
    }


def sheet(rows: dict[str, list[list[np.ndarray]]], edge: int = 88) -> Image.Image:
    """A row for each layer: its name, then the images of either method.

    rows: by layer title, for each method a list of (H, W, 3) uint8.
    """
    left, top, gap = 150, 30, 24
    count = max(len(images) for methods in rows.values() for images in methods)
    page = Image.new("RGB", (left + 2 * count * (edge + 4) + gap, top + len(rows) * (edge + 4)), "white")
    pen, font = ImageDraw.Draw(page), ImageFont.load_default(size=15)
    columns = [left + method * (count * (edge + 4) + gap) for method in range(2)]
    for x, words in zip(columns, ("plain gradient ascent on pixels", "feature images"), strict=True):
        pen.text((x, 6), words, "black", font)
    for y, (title, methods) in zip(range(top, page.height, edge + 4), rows.items(), strict=False):
        pen.text((6, y + edge // 2 - 9), title, "black", font)
        for x, images in zip(columns, methods, strict=True):
            for at, image in enumerate(images):
                page.paste(Image.fromarray(image).resize((edge, edge)), (x + at * (edge + 4), y))
    return page


def main() -> None:
    """Prints the table, and draws the picture where one is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("case", nargs="?", default="digits")
    parser.add_argument("--model", default="target")
    parser.add_argument("--neurons", type=int, default=16)
    parser.add_argument("--picture", type=Path)
    options = parser.parse_args()
    case = load_case(options.case)
    network, model = pipeline.network(case), pipeline.load_model(case, options.model)
    print(f"{case.name}, {options.model} model, {ascent.STEPS} steps, {torch.get_num_threads()} thread(s)")
    print(f"{'layer':22} {'method':14} {'clean':>8} {'moved':>7} {'variation':>10} {'s/neuron':>9} {'per minute':>11}")
    drawn: dict[str, list[list[np.ndarray]]] = {}
    for layer in network.layers:
        neurons = list(range(min(options.neurons, layer.units)))
        with ascent.reading(model, layer.name, case) as probe:
            canvas = ascent.choose_canvas(probe, layer, case)
            methods = {
                "pixel ascent": lambda p=probe, c=canvas, n=neurons: pixel_ascent(p, c, n, case),
                "feature image": lambda p=probe, c=canvas, n=neurons, name=layer.name: ascent.optimise(
                    p, c, n, layer=name, case=case, steps=iter(())
                ),
            }
            for name, method in methods.items():
                began = time.perf_counter()
                images = method()
                seconds = (time.perf_counter() - began) / len(neurons)
                told = measure(probe, canvas, images, neurons, case)
                drawn.setdefault(layer.title, []).append([enlarged(one) for one in ascent.shown(images[:4], canvas)])
                print(
                    f"{layer.title:22} {name:14} {told['clean']:8.2f} {told['moved']:7.0%} {told['variation']:10.3f} "
                    f"{seconds:9.3f} {60 / seconds:11.0f}"
                )
    if options.picture is not None:
        sheet(drawn).save(options.picture, quality=80)


if __name__ == "__main__":
    main()
