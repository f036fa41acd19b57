"""The keyboard's way to gather instances: by domain, class and what the target model says (5.2)."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from tlx.app.gathered_instances import Pair, gather
from tlx.app.layout import beside
from tlx.app.once import once
from tlx.cases import DOMAINS

WRONG = ("wrong",)  # no class name


def by_description(instances: pd.DataFrame, drawn: list[str]) -> None:
    """Three choices and a button that gathers what fits them among the classes drawn."""
    with st.popover("Gather by class and prediction", icon=":material/filter_alt:"):
        places = beside(3, name="gathering", least=130)
        domain = places[0].selectbox("Domain", [None, *DOMAINS], format_func=_shown, key="gather domain")
        label = places[1].selectbox("Class", [None, *drawn], format_func=_shown, key="gather class")
        answers = [None, WRONG, *once(_said, instances)]
        prediction = places[2].selectbox("Target model says", answers, format_func=_shown, key="gather prediction")
        pairs = once(_among, instances, drawn, domain, label, prediction)
        st.button(f"Gather {len(pairs):,} instances", disabled=not pairs, on_click=gather, args=(pairs,))
        if not pairs:
            st.caption("No instance of the classes drawn fits all three.")


def _said(instances: pd.DataFrame) -> list[str]:
    return sorted(set(instances["prediction"]))


def _among(instances: pd.DataFrame, drawn: list[str], *description: Any) -> list[Pair]:
    return matching(instances[instances["label"].isin(drawn)], *description)


def _shown(choice: object) -> str:
    return "any" if choice is None else "a wrong class" if choice == WRONG else str(choice)


def matching(
    instances: pd.DataFrame, domain: str | None, label: str | None, prediction: str | tuple[str] | None
) -> list[Pair]:
    """(domain, index) of the instances that fit; None fits all, WRONG those that the target model mispredicts."""
    fits = pd.Series(True, index=instances.index)
    if domain is not None:
        fits &= instances["domain"] == domain
    if label is not None:
        fits &= instances["label"] == label
    if prediction == WRONG:
        fits &= instances["mispredicted"]
    elif prediction is not None:
        fits &= instances["prediction"] == prediction
    rows = instances[fits]
    return [(str(name), int(at)) for name, at in zip(rows["domain"], rows["instance"], strict=True)]
