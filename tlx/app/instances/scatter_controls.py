"""The parts of the instance view around its scatterplots: class choice, view options, lasso and gallery (5.2).

What was chosen by lasso lives in the session under one key of ours, as (domain, index) pairs of a case: it holds in
both models' plots and outlives a change of layer, as long as its instances are drawn; another case has none of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pandas as pd
import streamlit as st

from tlx.app import pictures as views
from tlx.app.bokeh_view import Event
from tlx.app.layout import beside
from tlx.app.selection import InstanceRef, case_name, choose
from tlx.app.text import csv, escape_html
from tlx.cases import DOMAINS
from tlx.figures.pictures import Pictures
from tlx.results import Network

_CLASSES, _FOR, _LASSO = "instances classes", "instances classes for", "instances lasso"
SIGNS = {"source": "✕", "target": "●"}
Pair = tuple[str, int]


def default_classes(table: pd.DataFrame, class_name: str) -> list[str]:
    """The class and the one it is most confused with under the target model; if none, the one most taken for it."""
    row = table.loc[table["class_name"] == class_name, "misclassified_as"].iloc[0]
    if row:
        return [class_name, row[0][0]]
    into = {
        name: dict(wrong).get(class_name, 0)
        for name, wrong in zip(table["class_name"], table["misclassified_as"], strict=True)
    }
    most = max(into, key=lambda name: into[name])
    return [class_name, most] if into[most] else [class_name]


def class_selector(case_name: str, table: pd.DataFrame, instances: pd.DataFrame, class_name: str) -> list[str]:
    """The chosen classes in the order they were picked; a new class of the shared selection starts them afresh."""
    options = table["class_name"].tolist()
    if st.session_state.get(_FOR) != (case_name, class_name):
        st.session_state[_FOR] = (case_name, class_name)
        kept = [name for name in st.session_state.get(_CLASSES, []) if name in options]
        st.session_state[_CLASSES] = kept if class_name in kept else default_classes(table, class_name)
    counts = class_counts(instances)
    key = "instances widget classes"
    st.session_state[key] = st.session_state[_CLASSES]

    def take() -> None:
        st.session_state[_CLASSES] = st.session_state[key]

    chosen: list[str] = st.multiselect(
        "Classes",
        options,
        key=key,
        on_change=take,
        format_func=lambda name: f"{name} ({counts[name]['source']} source, {counts[name]['target']} target)",
    )
    if not chosen:
        st.info("Choose at least one class.")
        st.stop()
    return chosen


def view_options(network: Network) -> tuple[str | None, tuple[str, ...]]:
    """The layer whose activations are embedded (None: before the first fully connected one) and the models to show."""
    titles = {"": "before the fully connected layers"} | {layer.name: layer.title for layer in network.layers}
    left, right = beside([5, 3], name="view options", least=150, align="bottom")
    layer = left.selectbox(
        "Activations",
        list(titles),
        format_func=titles.__getitem__,
        key="instances layer",
        persist_state="session",
        help="Where in the network the vectors are taken that the plot arranges.",
    )
    both = right.toggle(
        "Both models", key="instances both", persist_state="session", help="The source model's plot beside it."
    )
    return layer or None, ("target", "source") if both else ("target",)


def class_counts(instances: pd.DataFrame) -> dict[str, dict[str, int]]:
    """How many instances of each class either domain has."""
    found = instances.groupby(["label", "domain"]).size()
    labels = instances["label"].unique()
    counts = {name: {domain: int(found.get((name, domain), 0)) for domain in DOMAINS} for name in labels}
    return _Counts(counts)


class _Counts(dict[str, dict[str, int]]):
    """A class without instances has none in either domain."""

    def __missing__(self, key: str) -> dict[str, int]:
        return dict.fromkeys(DOMAINS, 0)


def class_list(instances: pd.DataFrame, colours: Mapping[str, str]) -> None:
    """The legend: each class's colour, how many instances either domain has, how many are mispredicted."""
    counts = class_counts(instances)
    wrong = instances[instances["mispredicted"]].groupby(["label", "domain"]).size()
    parts = []
    for name, colour in colours.items():
        told = " ".join(
            f"{SIGNS[domain]} {counts[name][domain]:,} ({int(wrong.get((name, domain), 0)):,})" for domain in DOMAINS
        )
        dot = f'<span style="width:14px;height:14px;border-radius:4px;background:{colour};flex:none"></span>'
        said = f'<span style="overflow-wrap:anywhere"><b>{escape_html(name)}</b> {told}</span>'
        parts.append(f'<span style="display:flex;align-items:center;gap:7px">{dot}{said}</span>')
    marks = "✕ source · ● target · in brackets and with a dark grey border: mispredicted by the target model"
    st.html(
        '<div style="display:grid;grid-template-columns:repeat(auto-fill,minmax(230px,1fr));gap:3px 16px;'
        f'font-size:14px">{"".join(parts)}</div><div style="font-size:14px;opacity:.75;margin-top:4px">{marks}</div>'
    )


def lasso() -> list[Pair]:
    """The instances of the case last chosen by lasso or box, in the order of the plot."""
    case: str | None
    pairs: list[Pair]
    case, pairs = st.session_state.get(_LASSO, (None, []))
    return pairs if case == case_name() else []


def indices_of(points: pd.DataFrame, pairs: list[Pair]) -> list[int]:
    """Rows of `scatter.points` that show these instances."""
    wanted = set(pairs)
    drawn = zip(points["domain"], points["instance"].tolist(), strict=True)
    return [at for at, pair in enumerate(drawn) if pair in wanted]


def gather(pairs: list[Pair]) -> None:
    """Makes these instances the ones the gallery shows and the plots mark."""
    st.session_state[_LASSO] = (case_name(), pairs)


def take_points(points: pd.DataFrame) -> Callable[[Event], None]:
    """What to do with a selection in a scatterplot: one mark is the shared instance, several are the gallery."""

    def take(event: Event) -> None:
        rows = points.iloc[[at for at in event["indices"] if 0 <= at < len(points)]]
        pairs = [(str(domain), int(at)) for domain, at in zip(rows["domain"], rows["instance"], strict=True)]
        gather(pairs if len(pairs) > 1 else [])
        if len(pairs) == 1:
            choose(instance=InstanceRef(*pairs[0]))

    return take


def gallery(pictures: Pictures, instances: pd.DataFrame) -> None:
    """The lassoed instances as pictures, with their table as a download."""
    pairs = lasso()
    if not pairs:
        st.caption("Draw a lasso around marks, or gather by class and prediction, to see their pictures here.")
        return
    rows = instances.set_index(["domain", "instance"]).loc[pairs].reset_index()
    rows = rows.sort_values("mispredicted", ascending=False, kind="stable")  # what went wrong is seen first
    wrong = int(rows["mispredicted"].sum())
    counts = rows["domain"].value_counts()
    said = ", ".join(f"{int(counts.get(domain, 0)):,} {domain}" for domain in DOMAINS)
    st.markdown(f"**{len(rows):,} instances** ({said}); the target model mispredicts {wrong:,} of them.")
    views.gallery(pictures, rows)
    head = st.container(horizontal=True)
    head.download_button(
        "Selection (CSV)",
        lambda: csv(rows),
        file_name="instances.csv",
        mime="text/csv",
        on_click="ignore",
        icon=":material/download:",
    )
    head.button("Clear the selection", on_click=lambda: st.session_state.pop(_LASSO, None))
