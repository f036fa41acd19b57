"""Columns that stand beside each other while there is room, and below each other where there is not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

_STICKY = """<style>
@media (min-width: 1100px) {{
  :is(.st-key-{name} > *, .st-key-{name} > * > *) > [data-testid="stColumn"]:last-child {{
    position: sticky; top: 3.5rem; align-self: flex-start;
  }}
}}
</style>"""
# Streamlit stacks its columns on telephones only; half a laptop's screen would squeeze a figure to a strip.
_RULE = """<style>
:is(.st-key-{name} > *, .st-key-{name} > * > *) > [data-testid="stColumn"] {{
  min-width: min(100%, {least}px);
}}
</style>"""


def beside(
    shares: int | Sequence[float],
    *,
    name: str,
    least: int = 360,
    align: Literal["top", "center", "bottom"] = "top",
    gap: Literal["small", "medium"] = "medium",
    sticky: bool = False,
) -> tuple[DeltaGenerator, ...]:
    """Columns of these shares of the width, none narrower than `least` pixels: what does not fit wraps.

    name: unique on the page; align: of their contents; gap: between them; sticky: the last one stays in sight while the
    others scroll.
    """
    key = f"beside {name}".replace(" ", "-")  # as Streamlit writes it into a class
    place = st.container(key=key)
    place.html(_RULE.format(name=key, least=least) + (_STICKY.format(name=key) if sticky else ""))
    return tuple(place.columns(shares, gap=gap, vertical_alignment=align))
