"""Columns that stand beside each other while there is room, and below each other where there is not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

Least = Literal[84, 120, 130, 150, 200, 220, 270, 290, 300, 330, 340, 358, 360, 400]
# Streamlit stacks its columns on telephones only; half a laptop's screen would squeeze a figure to a strip.
_RULE = """:is([class*="-least{0}"] > *, [class*="-least{0}"] > * > *) > [data-testid="stColumn"] {{
  min-width: min(100%, {0}px);
}}
"""
RULES = "".join(map(_RULE.format, get_args(Least)))  # style sheet of all columns


def beside(
    shares: int | Sequence[float],
    *,
    name: str,
    least: Least = 360,
    align: Literal["top", "center", "bottom"] = "top",
    gap: Literal["small", "medium"] = "medium",
    sticky: bool = False,
) -> tuple[DeltaGenerator, ...]:
    """Columns of these shares of the width, none narrower than `least` pixels: what does not fit wraps.

    name: unique on the page; align: of their contents; gap: between them; sticky: the last one stays in sight while the
    others scroll.
    """
    place = st.container(key=f"beside {name} least{least}{' sticky' if sticky else ''}")
    return tuple(place.columns(shares, gap=gap, vertical_alignment=align))
