"""What stands above the scatterplots of the instance view: the choice of classes, the view's options, the legend."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
import streamlit as st

from tlx import defaults
from tlx.app import settings
from tlx.app.layout import beside
from tlx.app.once import once
from tlx.cases import DOMAINS
from tlx.figures import theme
from tlx.results import Network
from tlx.text import escape_html

LEGEND = 150  # px that the list of classes is high at most
_RIM = "box-shadow:inset 0 0 0 1.5px "
SIGNS = {"source": "✕", "target": "●"}


def class_selector(table: pd.DataFrame, class_name: str) -> list[str]:
    """The chosen classes in the order they were picked; a new class of the shared selection starts them afresh."""
    chosen = settings.some_of(
        st.multiselect,
        "Classes",
        table["class_name"].tolist(),
        "instances.classes",
        default=once(defaults.classes_drawn, table, class_name),
    )
    if not chosen:
        st.info("Choose at least one class.")
        st.stop()
    return chosen


def view_options(network: Network) -> tuple[str | None, tuple[str, ...]]:
    """The layer whose activations are embedded (None: what enters the classifier head) and the models to show."""
    titles = {"": "before the classifier head"} | {layer.name: layer.title for layer in network.layers}
    left, right = beside([5, 3], name="view options", least=150, align="bottom")
    layer = settings.one_of(
        left.selectbox,
        "Activations",
        list(titles),
        "instances.layer",
        default="",
        format_func=titles.__getitem__,
        help="Where in the network the vectors are taken that the plot arranges.",
    )
    both = settings.switch(right.toggle, "Both models", "instances.both", help="The source model's plot beside it.")
    return layer or None, ("target", "source") if both else ("target",)


def class_counts(instances: pd.DataFrame) -> dict[str, dict[str, int]]:
    """How many instances of each class either domain has."""
    sizes = instances.groupby(["label", "domain"]).size()
    labels = instances["label"].unique()
    counts = {name: {domain: int(sizes.get((name, domain), 0)) for domain in DOMAINS} for name in labels}
    return _Counts(counts)


class _Counts(dict[str, dict[str, int]]):
    """A class without instances has none in either domain."""

    def __missing__(self, key: str) -> dict[str, int]:
        return dict.fromkeys(DOMAINS, 0)


def class_list(instances: pd.DataFrame, colours: Mapping[str, str]) -> None:
    """The legend: each class's colour, how many instances either domain has, how many are mispredicted."""
    st.html(once(_listed, instances, colours))


def _listed(instances: pd.DataFrame, colours: Mapping[str, str]) -> str:
    counts = class_counts(instances)
    wrong = instances[instances["mispredicted"]].groupby(["label", "domain"]).size()
    parts = []
    for name, colour in colours.items():
        numbers = " ".join(
            f"{SIGNS[domain]} {counts[name][domain]:,} ({int(wrong.get((name, domain), 0)):,})" for domain in DOMAINS
        )
        rim = theme.rim(colour)
        dot = (
            f'<span style="width:14px;height:14px;border-radius:4px;background:{colour};{_RIM}{rim};flex:none"></span>'
        )
        label = f'<span style="overflow-wrap:anywhere"><b>{escape_html(name)}</b> {numbers}</span>'
        parts.append(f'<span style="display:flex;align-items:center;gap:7px">{dot}{label}</span>')
    marks = (
        "✕ source · ● target, images of every split, learned ones too · in brackets: mispredicted by the target model"
        " · outlined: mispredicted by the plot's model"
    )
    listed = (  # of many classes it is scrolled, so that the plot stays in sight
        '<div tabindex="0" style="display:grid;grid-template-columns:repeat(auto-fill,minmax(230px,1fr));gap:3px 16px;'
        f'font-size:14px;max-height:{LEGEND}px;overflow:auto">{"".join(parts)}</div>'
    )
    return f'{listed}<div style="font-size:14px;opacity:.8;margin-top:4px">{marks}</div>'
