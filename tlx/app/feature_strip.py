"""A neuron in pictures: what activates it most in each domain, cropped to what it sees."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd
import streamlit as st

from tlx import needs
from tlx.app import costs, jobs
from tlx.app.once import once
from tlx.cases import DOMAINS, Case
from tlx.errors import NotExportedError
from tlx.figures import theme
from tlx.figures.galleries import address
from tlx.figures.neuron_pictures import whole_images
from tlx.figures.pictures import Pictures
from tlx.results import Crop, NeuronRef
from tlx.storage.memory import NotStoredError
from tlx.text import escape_html

SMALL = 48  # pixels of a feature image that stands among many
SIZE = 50  # of a picture, in CSS pixels


def small_looks(case: Case, neurons: Sequence[NeuronRef]) -> dict[NeuronRef, str]:
    """Feature images small enough for many of them: a kilobyte each, as data addresses.

    None while they are drawn, or where they are not to be had: they stand beside what is looked at.
    """
    try:
        return once(_small_looks, case, tuple(neurons))
    except NotExportedError:
        return {}
    except NotStoredError:
        costs.ask("Draw what the neurons look for", needs.looks, case, neurons)
        return {}


def _small_looks(case: Case, neurons: tuple[NeuronRef, ...]) -> dict[NeuronRef, str]:
    """Raises NotStoredError where one is not drawn yet: what is made once has to be whole."""
    looks = jobs.stored(needs.looks, case, neurons)
    if looks is None:
        raise NotStoredError("feature images")
    return {neuron: address(image, SMALL) for neuron, image in looks.items()}


def what_it_sees(
    case: Case, neuron: NeuronRef, instances: pd.DataFrame, pictures: Pictures
) -> Mapping[str, Sequence[Crop]]:
    """Crops by domain, as far as they are known: of a neuron that sees all of an image its whole pictures."""
    crops: dict[str, list[Crop]] | None = costs.ask("Find what the neuron sees", needs.seen_by, case, neuron)
    if crops != {}:
        return crops or {}
    finding = f"Find what activates each neuron of the {neuron.model} model most in the {{}} domain"
    found = {name: costs.ask(finding.format(name), needs.strongest, case, neuron.model, name) for name in DOMAINS}
    return once(whole_images, {name: one for name, one in found.items() if one}, instances, pictures, neuron)


def crop_row(domain: str, crops: Sequence[Crop], *, head: str = "What it sees of them", size: int = SIZE) -> None:
    """A row of crops under `head` (HTML), or a sentence where the neuron is silent."""
    st.html(f'<div style="font-size:13px;margin-bottom:4px">{head}</div>{once(_tiles, domain, crops, size)}')


def _tiles(domain: str, crops: Sequence[Crop], size: int) -> str:
    if not crops:
        return "<div style='font-size:13px;margin-bottom:10px'>It is silent on every instance.</div>"
    tiles = "".join(_tile(domain, crop, size) for crop in crops)
    return f'<div style="display:flex;flex-wrap:wrap;gap:8px;margin-bottom:12px">{tiles}</div>'


def _tile(domain: str, crop: Crop, size: int) -> str:
    what = escape_html(
        f"{domain} domain, instance {crop.instance}, class {crop.label}: activation {crop.activation:.3g}"
    )
    source = address(crop.pixels, 3 * SIZE, exact=True)
    return (
        f'<div style="width:{size}px;font-size:12px;line-height:1.3;text-align:center" title="{what}">'
        f'<img alt="{what}" src="{source}" width="{size}" height="{size}" style="border-radius:4px;'
        f'image-rendering:pixelated;border-bottom:4px solid {theme.COLOURS[domain]}"/>'
        f"<div style='overflow-wrap:anywhere'>{escape_html(crop.label)}: {crop.activation:.2g}</div></div>"
    )
