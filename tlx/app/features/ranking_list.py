"""The feature ranking list with its controls: order, layers, page, ticks; the ticked neurons are the plot's axes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import numpy as np
import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from tlx import defaults, glossary
from tlx.app import settings
from tlx.app.bokeh_view import Event, bokeh_view
from tlx.app.navigation import pages
from tlx.app.once import once
from tlx.app.selection import choose
from tlx.cases import MODELS
from tlx.figures.ranking import ranking, states
from tlx.figures.ranking_layout import LOWERS, by_weight, hit, ranking_table
from tlx.findings import counted
from tlx.results import Abstraction, Contribution, Discriminability, Network, NeuronRef

_TICKS = "features.ticks"
_WORDS = (
    glossary.help_for("domain-specific", "domain-invariant", "AUC", "feature image")
    + "\n\nThe joint weight is that in one classifier of all these neurons; of those that say the same, one takes the "
    "weight of all."
)
_ORDERS = {
    "specific": "most domain-specific first",
    "invariant": "most domain-invariant first",
    "weight": "joint weight",
}


def table_of(
    result: Discriminability, network: Network, abstraction: Abstraction, contribution: Contribution
) -> pd.DataFrame:
    """All ranked neurons, as `ranking_table` lists them."""
    ranks = {layer: abstraction.rank(layer) for layer in abstraction.important}
    return ranking_table(result, network, ranks, contribution)


def model_control(row: DeltaGenerator) -> str:
    """Asks whose neurons are ranked."""
    return settings.one_of(
        row.segmented_control,
        "Neurons of",
        MODELS,
        "features.model",
        default="target",
        format_func=lambda model: f"{model} model",
        required=True,
    )


def ordered(table: pd.DataFrame, row: DeltaGenerator) -> tuple[pd.DataFrame, pd.DataFrame, str]:
    """The table with places as the chosen order counts them, its rows as listed, and what the controls say.

    table: `ranking_table`; row: where the controls go.
    """
    order = settings.one_of(
        row.segmented_control,
        "Order",
        list(_ORDERS),
        "features.order",
        default="specific",
        format_func=_ORDERS.__getitem__,
        required=True,
        wrap=True,
        help=_WORDS,
    )
    titles = dict(zip(table["layer"], table["title"], strict=True))
    layers = settings.some_of(
        row.multiselect,
        "Only these layers",
        list(titles),
        "features.layers",
        default=[],
        format_func=lambda layer: titles[layer].partition(":")[0],  # several find room
        placeholder="all layers",
        width=200,
    )
    placed = once(by_weight, table) if order == "weight" else table
    return placed, once(_rows, placed, tuple(layers), order == "invariant"), f"{order} {layers}"


def _rows(placed: pd.DataFrame, layers: tuple[str, ...], reverse: bool) -> pd.DataFrame:
    kept = placed[placed["layer"].isin(layers)] if layers else placed
    return kept.iloc[::-1] if reverse else kept


def ticks(placed: pd.DataFrame, rows: pd.DataFrame) -> list[int]:
    """The ticked columns: the first five rows until somebody changes them; the multiselect is the keyboard's way.

    placed: all ranked neurons; rows: those listed.
    """
    names, columns = once(_tick_names, placed)
    chosen = settings.some_of(
        st.multiselect,
        "Ticked neurons, drawn as axes",
        list(names),
        _TICKS,
        default=first_ticks(rows),
        format_func=names.__getitem__,
        help="The same as the boxes in the list.",
    )
    return [columns[one] for one in chosen]


def _tick_names(placed: pd.DataFrame) -> tuple[dict[str, str], dict[str, int]]:
    """What the box calls each neuron, and its column, by the neuron's name in a setting."""
    texts = once(_texts, placed)
    titles, numbers = placed["title"].str.partition(":")[0], placed["neuron"]
    told = [f"#{at} {title} · {n}" for at, title, n in zip(placed["place"], titles, numbers, strict=True)]
    return dict(zip(texts, told, strict=True)), dict(zip(texts, placed["column"].astype(int).tolist(), strict=True))


def _texts(rows: pd.DataFrame) -> list[str]:
    return [f"{layer}:{neuron}" for layer, neuron in zip(rows["layer"], rows["neuron"], strict=True)]


def first_ticks(rows: pd.DataFrame) -> list[str]:
    """The neurons ticked where nobody has chosen."""
    return once(_texts, rows)[: defaults.TICKED]


def page_of(rows: pd.DataFrame) -> pd.DataFrame:
    """One page of the rows, and the control that turns the pages."""
    count = -(-len(rows) // defaults.ROWS)
    if count <= 1:
        return rows
    at = settings.one_of(_turner, "Page", range(1, count + 1), "features.page", default=1)
    return once(_page, rows, at)


def _turner(_label: str, numbers: range, *, key: str, on_change: Callable[[], None]) -> int:
    return st.pagination(len(numbers), key=key, on_change=on_change)


def _page(rows: pd.DataFrame, at: int) -> pd.DataFrame:
    return rows.iloc[(at - 1) * defaults.ROWS : at * defaults.ROWS]


def ranking_list(
    rows: pd.DataFrame,
    result: Discriminability,
    looks: Mapping[NeuronRef, np.ndarray],
    *,
    active: list[int],
    about: str,
    first: Sequence[str],
    chosen: tuple[str, int] | None,
) -> None:
    """Draws one page of rows; a tap on a box ticks or unticks it, a tap elsewhere in a row chooses the neuron.

    active: columns ticked; about: what the list belongs to; first: names of the neurons ticked at first.
    """
    images = {(neuron.layer, neuron.index): image for neuron, image in looks.items()}
    bokeh_view(
        partial(ranking, rows, result, images, active=()),
        key="ranking",
        label=f"Feature ranking list, {counted(len(rows), 'neuron')}; the boxes below and beside it do the same",
        on_tap=taker(rows, result, active, first),
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


def taker(
    rows: pd.DataFrame, result: Discriminability, active: Sequence[int], first: Sequence[str]
) -> Callable[[Event], None]:
    """Handles a tap on the list."""

    def take(event: Event) -> None:
        tapped = hit(float(event["x"]), float(event["y"]), len(rows))
        if tapped is None:
            return
        row = rows.iloc[tapped.row]
        if not tapped.tick:
            choose(neuron=NeuronRef(result.model, str(row["layer"]), int(row["neuron"])))
            return
        column = int(row["column"])
        now = [one for one in active if one != column] if column in active else [*active, column]
        texts = [f"{layer}:{index}" for layer, index in (result.neurons[one] for one in now)]
        settings.put(_TICKS, None if texts == list(first) else settings.joined(texts))

    return take


def neuron_picker(
    row: DeltaGenerator, table: pd.DataFrame, rows: pd.DataFrame, chosen: NeuronRef | None, *, model: str, about: str
) -> NeuronRef:
    """The chosen neuron, by default the first of those listed, and the keyboard's way to another.

    row: where the choice goes; rows: those listed, of `table`; about: what the list belongs to, with the order whose
    places the choices tell.
    """
    first = (str(rows["layer"].iloc[0]), int(rows["neuron"].iloc[0]))
    pairs = list(zip(table["layer"], table["neuron"].astype(int), strict=True))
    labels = [f"#{place} {title}, neuron {n}" for place, title, n in table[["place", "title", "neuron"]].to_numpy()]
    words = dict(zip(pairs, labels, strict=True))
    picked = chosen_in(chosen, model)
    if picked is not None and picked not in words:
        pairs, words = [picked, *pairs], {picked: f"{picked[0]}, neuron {picked[1]} (not ranked)", **words}
    key = f"features neuron {about}"
    st.session_state[key] = picked or first

    def take() -> None:
        layer, index = st.session_state[key]
        choose(neuron=NeuronRef(model, layer, index))

    layer, index = row.selectbox(
        "Chosen neuron",
        pairs,
        key=key,
        format_func=words.__getitem__,
        on_change=take,
        label_visibility="collapsed",
    )
    return NeuronRef(model, layer, index)


def neurons_of(rows: pd.DataFrame, model: str) -> list[NeuronRef]:
    """The rows' neurons."""
    return [
        NeuronRef(model, str(layer), int(index)) for layer, index in zip(rows["layer"], rows["neuron"], strict=True)
    ]


def chosen_in(neuron: NeuronRef | None, model: str) -> tuple[str, int] | None:
    """(layer, index) of the shared neuron, if it belongs to this model."""
    return (neuron.layer, neuron.index) if neuron is not None and neuron.model == model else None


def network_link(row: DeltaGenerator, neuron: NeuronRef, names: tuple[str, ...], layers: tuple[str, ...]) -> None:
    """A button that opens the Network page with this neuron chosen, its layer among neighbours."""
    words = "Opens the network view with this neuron chosen, its layer among neighbours."
    if row.button("Network view", icon=":material/hub:", key="features to network", help=words):
        choose(neuron=neuron, layers=defaults.layers_around(names, neuron.layer, layers))
        st.switch_page(pages()["Network"])
