"""A whole case in a few hundred milliseconds: 16 px bars drawn as files, a compact network with random weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from PIL import Image

from tlx.casefiles.loading import load_case
from tlx.networks import models

TEXT = """
title = "Bars"
architecture = "compact_alexnet"
image_size = 16
mean = [0.5, 0.5, 0.5]
std = [0.5, 0.5, 0.5]
n_steps = {steps}
[source]
kind = "folder"
title = "thick"
path = "thick"
[target]
kind = "folder"
title = "thin"
path = "thin"
[source_model]
checkpoint = "source.pt"
[target_model]
checkpoint = "target.pt"
"""


def write(home: Path, *, per_class: int = 6, steps: int = 4, classes: tuple[str, ...] = ("lying", "upright")) -> Path:
    """Writes images, two checkpoints and the case file; returns the file's path."""
    for domain, width in (("thick", 6), ("thin", 2)):
        for turned, label in enumerate(classes):
            (home / domain / label).mkdir(parents=True)
            for at in range(per_class):
                rng = np.random.default_rng((at, turned, width))
                pixels = rng.integers(0, 80, (16, 16, 3)).astype(np.uint8)
                place = slice(3 + at % 4, 3 + at % 4 + width)
                pixels[(slice(None), place) if turned else (place, slice(None))] = 240
                Image.fromarray(pixels).save(home / domain / label / f"{at}.png")
    path = home / "bars.toml"
    path.write_text(TEXT.format(steps=steps))
    for seed, model in enumerate(("source", "target")):
        torch.manual_seed(seed)
        torch.save(models.build(load_case(path), len(classes)).state_dict(), home / f"{model}.pt")
    return path
