"""How published weights take their images, offered by name as one choice that fills in the fields of preprocessing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import streamlit as st

from tlx.app import jobs
from tlx.app.new_case import entries
from tlx.errors import some
from tlx.networks import names
from tlx.storage.derived import derived
from tlx.storage.memory import takes_long
from tlx.text import escape

_CHOSEN = "new case recipe"


@dataclass(frozen=True)
class Offer:
    """One recipe: what it is called, what it does in words (plain text), and the keys of a case file that follow it."""

    title: str
    words: str
    keys: Mapping[str, Any]


@derived("Reading how the published weights of {architecture} take their images")
def offers(architecture: str) -> tuple[Offer, ...]:
    """The recipes of an architecture of torchvision or timm; a job, since both must be imported."""
    takes_long("offers")
    from tlx.networks import recipes

    return tuple(
        Offer(f"{architecture}: {some(one.weights, 3)}", recipes.in_words(one), one.keys)
        for one in recipes.of(architecture)
    )


def draw() -> None:
    """The choice among the recipes of the network that is chosen; nothing where none is published for it."""
    architecture = str(entries.said().get("architecture", ""))
    own = architecture in names.OURS or (":" in architecture and not architecture.startswith("timm:"))
    offered: tuple[Offer, ...] | None = None if own or not architecture else jobs.result(offers, architecture)
    if not offered:
        return
    # The fields say which recipe is followed, whoever filled them in.
    followed = next((at for at, one in enumerate(offered) if entries.says(_asked(one))), None)
    st.session_state[_CHOSEN] = followed
    st.selectbox(
        "As published weights",
        range(len(offered)),
        None,
        format_func=lambda at: offered[at].title,
        key=_CHOSEN,
        placeholder="Choose to fill in the fields below",
        on_change=_fill,
        args=(offered,),
        help="Most models begin with published weights and keep their preprocessing; nothing in a checkpoint tells it.",
    )
    if followed is not None:
        st.caption(escape(offered[followed].words))


def _asked(offer: Offer) -> dict[str, Any]:
    """The keys of a recipe that concern the case: of grey images its mean and deviation say nothing."""
    grey = entries.said().get("channels") == 1
    return {key: value for key, value in offer.keys.items() if not (grey and key in ("mean", "std"))}


def _fill(offered: tuple[Offer, ...]) -> None:
    at = st.session_state[_CHOSEN]
    if at is not None:
        entries.fill(_asked(offered[at]))
