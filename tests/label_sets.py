"""Cases whose domains have different label sets: 16 px pictures as files, compact networks with random weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from PIL import Image

from tlx.casefiles.loading import load_case
from tlx.cases import Case
from tlx.networks import models

TEXT = """
title = "Shapes"
architecture = "compact_alexnet"
image_size = 16
channels = {channels}
mean = {half}
std = {half}
n_steps = 2
[source]
kind = "folder"
title = "drawn"
path = "drawn"
[target]
kind = "folder"
title = "photographed"
path = "photographed"
[source_model]
checkpoint = "source.pt"
[target_model]
checkpoint = "target.pt"
[target_model.training]
epochs = 1
"""


def write(
    home: Path, source: tuple[str, ...], target: tuple[str, ...], *, channels: int = 3, head: tuple[str, ...] = ()
) -> Case:
    """Six pictures of each class in its domain, grey ones in the source and coloured ones in the target.

    head: what the source model's outputs mean, where it has learned more classes than the source domain shows.
    """
    every = sorted({*source, *target})
    for domain, names, shape in (("drawn", source, (16, 16)), ("photographed", target, (16, 16, 3))):
        for name in names:
            (home / domain / name).mkdir(parents=True)
            for at in range(6):
                pixels = np.random.default_rng((at, len(shape))).integers(0, 80, shape).astype(np.uint8)
                pixels[every.index(name) * 3 : every.index(name) * 3 + 3, at : at + 9] = 240
                Image.fromarray(pixels).save(home / domain / name / f"{at}.png")
    path = home / "shapes.toml"
    text = TEXT.format(channels=channels, half=[0.5] * channels)
    path.write_text(text.replace("[target]", f"classes = {list(head)}\n[target]", 1))
    for seed, (model, names) in enumerate((("source", head or source), ("target", target))):
        torch.manual_seed(seed)
        torch.save(models.build(load_case(path), len(names)).state_dict(), home / f"{model}.pt")
    return load_case(path)
