"""A neuron in pictures as HTML: what it looks for, and what activates it most, each crop beside its whole image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from tlx.cases import DOMAINS
from tlx.figures import theme
from tlx.figures.galleries import address, cut_out
from tlx.figures.pictures import Pictures
from tlx.results import Crop, NeuronRef, Strongest
from tlx.text import escape_html

SIDE, LOOK = 38, 96  # px: of a crop or an image, and of the feature image
_GAP = 8


def panel_html(image: np.ndarray | None, crops: Mapping[str, Sequence[Crop]], pictures: Pictures) -> str:
    """The same as HTML; everything that came with the data is escaped."""
    look = ""
    if image is not None:
        look = (
            f'<figure style="flex:none;width:{LOOK}px;margin:0"><img alt="what the neuron looks for" '
            f'src="{address(image, 3 * LOOK)}" width="{LOOK}" height="{LOOK}" style="border-radius:6px;display:block">'
            f"<figcaption>what it looks for</figcaption></figure>"
        )
    rows = "".join(_row(domain, crops.get(domain, ()), pictures) for domain in DOMAINS if domain in crops)
    return (
        f'<div style="display:flex;gap:14px;font-size:13px;line-height:1.35">{look}'
        f'<div style="flex:1;min-width:0">{rows}</div></div>'
    )


def _row(domain: str, crops: Sequence[Crop], pictures: Pictures) -> str:
    head = f"<b>{domain} domain</b>: what activates it most"
    if not crops:
        return f"<div style='margin-bottom:8px'>{head}<br>It is silent on every instance.</div>"
    tiles = "".join(_tile(domain, crop, pictures) for crop in crops)
    width = SIDE * (1 if any(_is_whole(crop, pictures, domain) for crop in crops) else 2) + 2
    # One line: what finds no room in it lies in further ones, which have no height.
    grid = f"display:grid;grid-template-columns:repeat(auto-fill,{width}px);grid-auto-rows:0;column-gap:{_GAP}px"
    return (
        f'<div style="margin-bottom:6px"><div>{head}</div>'
        f'<div style="{grid};grid-template-rows:auto;overflow:hidden">{tiles}</div></div>'
    )


def _is_whole(crop: Crop, pictures: Pictures, domain: str) -> bool:
    """Whether a crop is all of its image, as of a neuron that sees all of it."""
    whole = cut_out(pictures, domain, crop.instance)
    return crop.pixels.shape == whole.shape and bool((crop.pixels == whole).all())


def _tile(domain: str, crop: Crop, pictures: Pictures) -> str:
    what = escape_html(
        f"{domain} domain, instance {crop.instance}, class {crop.label}: activation {crop.activation:.3g}"
    )
    whole = cut_out(pictures, domain, crop.instance)
    parts = {"the whole image": address(whole, 3 * SIDE)}
    if not _is_whole(crop, pictures, domain):  # of few pixels each as it is, of more a few kilobytes
        seen = address(crop.pixels, 3 * SIDE, exact=max(crop.pixels.shape[:2]) <= SIDE)
        parts = {"the part it sees": seen, **parts}
    images = "".join(
        f'<img alt="{name}: {what}" src="{source}" width="{SIDE}" height="{SIDE}" '
        f'style="image-rendering:pixelated;display:block">'
        for name, source in parts.items()
    )
    return (
        f'<div title="{what}" style="min-width:0"><div style="display:flex;gap:2px;border-radius:4px;overflow:hidden;'
        f'border-bottom:4px solid {theme.COLOURS[domain]}">{images}</div>'
        f'<div style="font-size:12px;text-align:center;overflow:hidden;text-overflow:ellipsis;white-space:nowrap">'
        f"{escape_html(crop.label)}: {crop.activation:.2g}</div></div>"
    )


WHOLE = 6  # pictures of a domain, as many as crops


def whole_images(
    strongest: Mapping[str, Strongest], instances: pd.DataFrame, pictures: Pictures, neuron: NeuronRef
) -> dict[str, list[Crop]]:
    """What activates a neuron most that sees all of an image, as if it were cropped: whole pictures, by domain.

    strongest: by domain; instances: of the pipeline.
    """
    return {
        domain: [
            Crop(cut_out(pictures, domain, int(at)), int(at), label, float(value))
            for at, value, label in zip(*_first(found, instances, neuron, domain), strict=True)
            if value > 0
        ]
        for domain, found in strongest.items()
    }


def _first(
    found: Strongest, instances: pd.DataFrame, neuron: NeuronRef, domain: str
) -> tuple[np.ndarray, np.ndarray, list[str]]:
    best, values = (one[:WHOLE] for one in found.of(neuron.layer, neuron.index))
    labels = instances[instances["domain"] == domain].set_index("instance")["label"]
    return best, values, labels.loc[best].tolist()
