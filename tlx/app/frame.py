"""The frame of every page: page settings, the sidebar with the shared selection, title, help, downloads and guard.

A page has `selection = frame.page(...)` first, then results by `jobs.require` or `jobs.result`, which turn every
UserError of the pipeline into one sentence. What a page does beside that and may raise one (reading a layer or drawing
a figure by a name somebody chose) stands in `with frame.guard():`, which does the same. Parts in which a click changes
nothing else are fragments, which run again alone; they begin with `frame.now(selection)`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial

import pandas as pd
import streamlit as st

import tlx
from tlx import cases, findings, glossary, needs
from tlx.app import bokeh_view, figure_files, jobs, looks, navigation, selection
from tlx.app.known_cases import known_cases
from tlx.app.navigation import link as link  # a part of the frame that pages and panels use
from tlx.app.once import once
from tlx.app.selection import Choice, Facts, Selection, choose
from tlx.cases import Case
from tlx.errors import UserError
from tlx.figures.key import Entry
from tlx.results import present_in_either
from tlx.storage import limit
from tlx.storage.incidents import recent
from tlx.text import csv, escape, file_name, sentence

ICON = "🔀"  # an emoji: a Material icon would be fetched from a font server
ABOUT = f"**tlx {tlx.__version__}** explains and diagnoses transfer learning between two neural networks."


def page(title: str, how_to_read: str, terms: Sequence[str] = (), *, telling: bool = True) -> Selection:
    """Draws the frame and answers with what is selected; the first call of every page.

    title: of the page (plain text); how_to_read: three sentences (Markdown) behind the help button; terms: of the
    glossary, listed below them; telling: whether the class that changes most is chosen where nobody chose one. Ends the
    page with one sentence where the case cannot be used.
    """
    navigation.follow()
    icon_title = title if title == "tlx" else f"{title} · tlx"
    st.set_page_config(page_title=icon_title, page_icon=ICON, layout="wide", menu_items={"About": ABOUT})
    with guard():  # nothing is computed under a setting that cannot be obeyed
        limit.given()
    looks.sheet()
    links = st.sidebar.empty()  # first of all: the sidebar takes its room before there is anything that it could move
    first_run = selection.is_first_run()
    asked = selection.current()
    navigation.links(links, asked)
    head = st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute", key="tlx head")
    head.title(escape(title), anchor=False)
    beside = head.container(horizontal=True, width="content", vertical_alignment="center")
    with beside:
        bokeh_view.code()  # in a row that has its height anyway: a grey line stands in its place until it is loaded
        navigation.way_back(title, asked)
    with beside.popover("How to read this", icon=":material/help:"):
        st.markdown(how_to_read)
        if terms:
            st.markdown(once(glossary.entries, tuple(terms)))
    case, choice = _case(asked, first_run)
    facts = _facts(case, telling)
    choice, dropped = selection.settle(choice, facts)
    notices = [*selection.take_notices(), *dropped]
    if notices:
        st.warning("  \n".join(notices), icon=":material/link_off:")
    for incident in recent():
        st.warning(escape(incident, 600), icon=":material/save:")
    completion = selection.mirror(choice, links=True)
    if choice != asked:
        navigation.links(links, choice)
    _sidebar(choice, facts, first_run)
    with st.sidebar:
        navigation.give_back(title, choice)
        if completion is not None:
            navigation.complete_address(*completion)
    assert choice.class_name is not None  # `settle` chose one
    with beside:
        figure_files.all_figures(file_name(f"{title}-{case.name}-{choice.class_name}"))
    return Selection(case, choice.class_name, choice.layers, choice.neuron, choice.instance, choice.view)


def now(drawn: Selection) -> Selection:
    """The selection as it is now, at the beginning of a fragment: its neuron or instance may just have been chosen.

    drawn: what the page was drawn with. Where its case, class or layers were chosen anew, the whole page runs again.
    """
    choice = selection.chosen()
    if (choice.case, choice.class_name, choice.layers) != (drawn.case.name, drawn.class_name, drawn.layers):
        st.rerun()
    selection.mirror(choice)
    return replace(drawn, neuron=choice.neuron, instance=choice.instance, view=choice.view)


@contextmanager
def guard() -> Iterator[None]:
    """Within the block a UserError is shown as one sentence and ends the page."""
    try:
        yield
    except UserError as error:
        st.error(sentence(error))
        st.stop()


def downloads(
    figures: str | Sequence[str],
    table: pd.DataFrame | Callable[[], pd.DataFrame],
    *,
    name: str,
    key: Sequence[Entry] = (),
) -> None:
    """A row of buttons: the numbers as CSV, and the figures as HTML that works without a network, as PNG and as SVG.

    figures: keys of the `bokeh_view`s that show them; table: of `numbers`, or a function that puts them together when
    they are asked for; key: of the figures, where they have none in them.
    """
    row = st.container(horizontal=True)
    with row:
        numbers_file(table, name=name)
    keys = [figures] if isinstance(figures, str) else figures
    with row:
        figure_files.forms(keys, name=file_name(name), key=key)


def numbers_file(table: pd.DataFrame | Callable[[], pd.DataFrame], *, name: str, label: str = "Numbers (CSV)") -> None:
    """The button of a CSV file alone. table: of `numbers`, or a function that puts them together then."""
    st.download_button(
        label,
        partial(_csv, table),
        file_name=file_name(name, "csv"),
        mime="text/csv",
        on_click="ignore",
        icon=":material/download:",
        key=f"csv {name}",
    )


def _csv(table: pd.DataFrame | Callable[[], pd.DataFrame]) -> bytes:
    return csv(table if isinstance(table, pd.DataFrame) else table())


def _case(choice: Choice, first_run: bool) -> tuple[Case, Choice]:
    """The chosen case, or the first one if there is none of that name, with its selectbox."""
    by_name, _ = known_cases(choice.case)
    name = choice.case if choice.case in by_name else next(iter(by_name))
    if choice.case not in (None, name):
        have = ", ".join(escape(known, 40) for known in by_name)
        selection.notice(f"There is no case {escape(repr(choice.case), 80)}, so it was left out; there is {have}.")
        choice = Choice(view=choice.view)
    with st.sidebar:
        _select("Case", list(by_name), name, "case", lambda known: by_name[known].title, first_run)
    return by_name[name], replace(choice, case=name)


def _facts(case: Case, telling: bool) -> Facts:
    """What the case has to choose from; ends the page where that cannot be found out."""
    network, domains = jobs.require(needs.frame, case)
    classes = present_in_either(domains)
    if not classes or not network.layers:
        st.error(f"The case {escape(case.name)} has no {'class' if not classes else 'layer'} to look at.")
        st.stop()
    counts = {domain: len(domains[domain]) for domain in cases.DOMAINS}
    both = {name: [domain for domain in cases.DOMAINS if name in domains[domain].classes] for name in classes}
    only = {name: having[0] for name, having in both.items() if len(having) == 1}
    return Facts(classes, network, counts, _most_changed(case) if telling else None, only)


def _most_changed(case: Case) -> str | None:
    """The class whose accuracy differs most between the models, if that is known already."""
    try:
        table = jobs.stored(needs.class_table, case)
    except UserError:
        return None
    return None if table is None else once(findings.most_changed_class, table)


def _sidebar(choice: Choice, facts: Facts, first_run: bool) -> None:
    with st.sidebar:
        marked = {name: f"{name} (only {domain})" for name, domain in facts.only.items()}
        classes = list(facts.classes)
        _select("Class", classes, choice.class_name, "class_name", lambda name: marked.get(name, name), first_run)
        if (has := facts.only.get(choice.class_name or "")) is not None:
            lacks = cases.DOMAINS[1 - cases.DOMAINS.index(has)]
            st.caption(
                f"Only the {has} domain has this class. The {lacks} model never learned it: for its instances that "
                "model's own prediction is explained. Views that need the class in both domains are empty."
            )
        titles = {layer.name: layer.title for layer in facts.network.layers}
        key, layers = "tlx widget layers", list(choice.layers)
        if not first_run:
            st.session_state[key] = layers
        chosen = st.multiselect(
            "Layers",
            facts.network.names,
            layers if first_run else None,
            key=key,
            format_func=titles.__getitem__,
            on_change=_take_layers,
            args=(facts.network.names,),
            help="The layers that the network view shows, in network order.",
        )
        if chosen != layers:
            _take_layers(facts.network.names)
            st.rerun()
        st.caption("The address of this page holds these choices: copy it to share this view.")
        st.caption(f"tlx {tlx.__version__}")


def _select(
    label: str, options: list[str], value: str | None, name: str, shown: Callable[[str], str], first_run: bool
) -> None:
    """A selectbox that shows one part of the shared selection and changes it.

    In a session's first run the browser may hold another value than the address: somebody chose it in a page that was
    open when the server restarted. It counts, so it must not be written over before it is read.
    """
    key = f"tlx widget {name}"

    def take() -> None:
        choose(**{name: st.session_state[key]})

    if not first_run:
        st.session_state[key] = value
    index = options.index(value) if first_run and value is not None else 0
    chosen = st.selectbox(label, options, index, key=key, format_func=shown, on_change=take)
    if chosen != value:
        take()
        st.rerun()


def _take_layers(names: tuple[str, ...]) -> None:
    chosen = st.session_state["tlx widget layers"]
    if chosen:
        choose(layers=tuple(name for name in names if name in chosen))
    else:
        selection.notice("At least one layer stays chosen.")
