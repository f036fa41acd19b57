"""One instance in detail (5.2): chosen by keyboard or mouse, large, with both models' answers and its neighbours."""

from __future__ import annotations

import numpy as np
import pandas as pd
import streamlit as st

from tlx.app import pictures as views
from tlx.app.layout import beside
from tlx.app.selection import choose
from tlx.cases import DOMAINS
from tlx.figures.pictures import Pictures
from tlx.findings import percent
from tlx.results import InstanceRef
from tlx.text import escape


def picker(instances: pd.DataFrame, picked: InstanceRef | None) -> None:
    """The keyboard's way to an instance: its domain and its number."""
    left, right = beside(2, name="instance picker", least=150)
    counts = instances["domain"].value_counts()
    domains, number = "instances widget domain", "instances widget number"
    if picked is not None:
        st.session_state[domains] = picked.domain
    st.session_state[number] = picked.index if picked else None  # another case may have fewer than the last number

    def take() -> None:
        name = st.session_state[domains]
        at = st.session_state[number]
        if name is not None and at is not None:
            choose(instance=InstanceRef(name, min(int(at), int(counts[name]) - 1)))

    domain = left.selectbox("Domain", [name for name in DOMAINS if name in counts], key=domains, on_change=take)
    most = int(counts[domain]) - 1 if domain else 0
    right.number_input(
        f"Instance (0 to {most:,})", min_value=0, max_value=most, value=None, step=1, key=number, on_change=take
    )


def detail(pictures: Pictures, row: pd.Series, drawn: list[str]) -> None:
    """One instance large, with its label and what both models say; drawn: the classes in the plot."""
    left, right = beside([2, 3], name="instance", least=150)
    with left:
        views.picture(pictures, str(row["domain"]), int(row["instance"]), size=128)
    lines = [
        f"**{escape(row['name'])}**",
        f"{str(row['domain']).capitalize()} domain, instance {row['instance']}, {row['split']} split",
        f"Class **{escape(row['label'])}**",
        *(
            f"{model.capitalize()} model: **{escape(prediction)}** ({percent(confidence)}) "
            f"{'✓' if prediction == row['label'] else '✗'}"
            for model, prediction, confidence in (
                ("target", row["prediction"], row["confidence"]),
                ("source", row["source_prediction"], row["source_confidence"]),
            )
        ),
    ]
    right.markdown("  \n".join(lines))
    if row["label"] not in drawn:
        right.caption("Its class is not among those drawn.")


def row_of(instances: pd.DataFrame, picked: InstanceRef) -> pd.Series:
    """The picked instance's row of `pipeline.instances`."""
    here = np.flatnonzero((instances["domain"] == picked.domain) & (instances["instance"] == picked.index))
    return instances.iloc[int(here[0])]


def nearest(pictures: Pictures, neighbours: pd.DataFrame, instances: pd.DataFrame, picked: InstanceRef) -> None:
    """The other domain's instances that the model sees as most alike, with their distances."""
    there = str(neighbours["domain"].iloc[0])
    rows = neighbours.merge(instances.drop(columns="label"), on=["domain", "instance"], how="left")
    rows["caption"] = [
        f"{label} · {distance:.3g}" for label, distance in zip(rows["label"], rows["distance"], strict=True)
    ]
    own = str(row_of(instances, picked)["label"])
    same = int((rows["label"] == own).sum())
    st.markdown(
        f"**Nearest {there} instances** by the distance of their activations: {same} of {len(rows)} are of its class "
        f"{escape(own)}."
    )
    views.gallery(pictures, rows)
