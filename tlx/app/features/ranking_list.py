"""The feature ranking list with its controls: order, layers, page, ticks; the ticked neurons are the plot's axes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

import numpy as np
import pandas as pd
import streamlit as st

from tlx import defaults
from tlx.app.bokeh_view import Event, bokeh_view
from tlx.app.navigation import pages
from tlx.app.once import once
from tlx.app.selection import choose
from tlx.figures.ranking import ranking, states
from tlx.figures.ranking_layout import LOWERS, by_weight, hit, ranking_table
from tlx.results import Abstraction, Contribution, Discriminability, Network, NeuronRef

_SPECIFIC, _INVARIANT, _WEIGHT = (
    "most domain-specific first",
    "most domain-invariant first",
    "weight in the joint classifier",
)


def table_of(
    result: Discriminability, network: Network, abstraction: Abstraction, contribution: Contribution
) -> pd.DataFrame:
    """All ranked neurons, as `ranking_table` lists them."""
    ranks = {layer: abstraction.rank(layer) for layer in abstraction.important}
    return ranking_table(result, network, ranks, contribution)


def ordered(table: pd.DataFrame, about: str) -> tuple[pd.DataFrame, pd.DataFrame, str]:
    """The table with places as the chosen order counts them, its rows as listed, and what they are about.

    table: `ranking_table`; about: what the list belongs to (case, class, model), extended by what the controls say;
    ticks and page are kept for each such text.
    """
    row = st.container(horizontal=True, vertical_alignment="bottom")
    order = row.segmented_control(
        "Order",
        [_SPECIFIC, _INVARIANT, _WEIGHT],
        default=_SPECIFIC,
        required=True,
        wrap=True,
        key="features order",
        persist_state="session",
        help="Domain-specific is a neuron whose values alone tell the domains apart (AUC far from 0.5). Its weight in "
        "the joint classifier may differ: of neurons that say the same, one takes the weight of all.",
    )
    titles = dict(zip(table["layer"], table["title"], strict=True))
    layers = row.multiselect(
        "Only these layers",
        list(titles),
        format_func=titles.__getitem__,
        placeholder="all layers",
        key="features layers",
        persist_state="session",
    )
    placed = once(by_weight, table) if order == _WEIGHT else table
    return placed, once(_rows, placed, tuple(layers), order == _INVARIANT), f"{about} {order} {layers}"


def _rows(placed: pd.DataFrame, layers: tuple[str, ...], reverse: bool) -> pd.DataFrame:
    kept = placed[placed["layer"].isin(layers)] if layers else placed
    return kept.iloc[::-1] if reverse else kept


def ticks(rows: pd.DataFrame, about: str) -> list[int]:
    """The ticked columns: the first five rows until somebody changes them; the multiselect is the keyboard's way."""
    key = f"features ticks {about}"
    kept = st.session_state.setdefault("features ticked", {})
    kept.setdefault(about, [int(column) for column in rows["column"].head(defaults.TICKED)])
    names = {
        int(column): f"#{place} {title.partition(':')[0]} · {neuron}"
        for column, place, title, neuron in zip(
            rows["column"], rows["place"], rows["title"], rows["neuron"], strict=True
        )
    }
    st.session_state[key] = [column for column in kept[about] if column in names]

    def take() -> None:
        st.session_state["features ticked"][about] = list(st.session_state[key])

    st.multiselect(
        "Ticked neurons, drawn as axes",
        list(names),
        key=key,
        format_func=names.__getitem__,
        on_change=take,
        help="The same as the boxes in the list.",
    )
    return list(st.session_state[key])


def page_of(rows: pd.DataFrame, about: str) -> pd.DataFrame:
    """One page of the rows, and the control that turns the pages."""
    pages = -(-len(rows) // defaults.ROWS)
    at = 1
    if pages > 1:
        at = st.pagination(pages, key=f"features page {about}", persist_state="session")
    return once(_page, rows, at)


def _page(rows: pd.DataFrame, at: int) -> pd.DataFrame:
    return rows.iloc[(at - 1) * defaults.ROWS : at * defaults.ROWS]


def ranking_list(
    rows: pd.DataFrame,
    result: Discriminability,
    looks: Mapping[NeuronRef, np.ndarray],
    *,
    active: list[int],
    about: str,
    chosen: tuple[str, int] | None,
) -> None:
    """Draws one page of rows; a tap on a box ticks or unticks it, a tap elsewhere in a row chooses the neuron."""
    images = {(neuron.layer, neuron.index): image for neuron, image in looks.items()}
    bokeh_view(
        partial(ranking, rows, result, images, active=()),
        key="ranking",
        label=f"Feature ranking list, {len(rows)} neurons; the multiselect above and the selectbox below do the same",
        on_tap=taker(rows, result.model, about),
        overlay=once(states, rows, active, chosen),
        layout=f"{about} {len(rows)} {len(looks)}",
    )


def marks(rows: pd.DataFrame) -> None:
    """What the mark beside some of the neurons means; nothing where none has it."""
    if rows["lowers"].any():
        st.caption(
            f"{LOWERS} marks neurons that lower the class score in the mean of its target instances: importance goes "
            "by the largest conductance on a neuron's map, this by the sum."
        )


def taker(rows: pd.DataFrame, model: str, about: str) -> Callable[[Event], None]:
    """Handles a tap on the list."""

    def take(event: Event) -> None:
        tapped = hit(float(event["x"]), float(event["y"]), len(rows))
        if tapped is None:
            return
        row = rows.iloc[tapped.row]
        if tapped.tick:
            ticked = st.session_state["features ticked"][about]
            column = int(row["column"])
            st.session_state["features ticked"][about] = (
                [one for one in ticked if one != column] if column in ticked else [*ticked, column]
            )
        else:
            choose(neuron=NeuronRef(model, str(row["layer"]), int(row["neuron"])))

    return take


def neuron_picker(table: pd.DataFrame, model: str, chosen: NeuronRef | None, about: str) -> NeuronRef:
    """The chosen neuron, by default the first of the ranking, and the keyboard's way to another.

    about: what the list belongs to; places, which the choices tell, are those of its order.
    """
    pairs = list(zip(table["layer"], table["neuron"].astype(int), strict=True))
    labels = [f"#{place} {title}, neuron {n}" for place, title, n in table[["place", "title", "neuron"]].to_numpy()]
    words = dict(zip(pairs, labels, strict=True))
    picked = chosen_in(chosen, model)
    if picked is not None and picked not in words:
        pairs, words = [picked, *pairs], {picked: f"{picked[0]}, neuron {picked[1]} (not ranked)", **words}
    key = f"features neuron {about}"
    st.session_state[key] = picked or pairs[0]

    def take() -> None:
        layer, index = st.session_state[key]
        choose(neuron=NeuronRef(model, layer, index))

    layer, index = st.selectbox("Neuron", pairs, key=key, format_func=words.__getitem__, on_change=take)
    return NeuronRef(model, layer, index)


def neurons_of(rows: pd.DataFrame, model: str) -> list[NeuronRef]:
    """The rows' neurons."""
    return [
        NeuronRef(model, str(layer), int(index)) for layer, index in zip(rows["layer"], rows["neuron"], strict=True)
    ]


def chosen_in(neuron: NeuronRef | None, model: str) -> tuple[str, int] | None:
    """(layer, index) of the shared neuron, if it belongs to this model."""
    return (neuron.layer, neuron.index) if neuron is not None and neuron.model == model else None


def network_link(neuron: NeuronRef, names: tuple[str, ...], layers: tuple[str, ...]) -> None:
    """A button that opens the Network page with this neuron chosen and its layer among those shown."""
    if st.button("See it in the network view", icon=":material/hub:", key="features to network"):
        choose(neuron=neuron, layers=tuple(name for name in names if name in {*layers, neuron.layer}))
        st.switch_page(pages()["Network"])
