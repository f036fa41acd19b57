"""The chosen neuron in pictures: what it looks for, and what activates it most, each crop beside its whole image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import streamlit as st

from tlx.app.once import once
from tlx.figures.neuron_pictures import panel_html
from tlx.figures.pictures import Pictures
from tlx.results import Crop


def pictures_of(image: np.ndarray | None, crops: Mapping[str, Sequence[Crop]], pictures: Pictures) -> None:
    """The feature image (where it is there) beside a row for each domain, of as many as there is room for.

    image: (H, W, 3) uint8; crops: by domain, strongest first; pictures: where the whole images are cut out.
    """
    st.html(once(panel_html, image, crops, pictures))
