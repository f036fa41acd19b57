"""The report of the chosen case as a file: made when somebody asks for it, of stored results, once for all sessions."""

from __future__ import annotations

import gc
import gzip
import io
from contextlib import suppress
from functools import partial

import streamlit as st

from tlx import findings, needs
from tlx.app import jobs
from tlx.app.once import once
from tlx.cases import Case
from tlx.errors import UserError
from tlx.figures import galleries
from tlx.networks import heap
from tlx.text import file_name

ABOUT = (
    "One file that holds everything: findings, figures and numbers of this case, its chosen class and its worst one, "
    "to send, keep or print. It needs no network. Making it takes some seconds."
)


def report_button(case: Case, class_name: str) -> None:
    """Offers the page; `tlx report` writes it for other classes, and as a notebook."""
    st.download_button(
        "Report of this case (HTML)",
        partial(_page, case, _classes(case, class_name)),
        file_name=file_name(f"report-{case.name}-{class_name}", "html"),
        mime="text/html",
        on_click="ignore",
        icon=":material/description:",
        key="report",
        help=ABOUT,
    )


def _classes(case: Case, class_name: str) -> tuple[str, ...]:
    """The chosen class and, where it is known already, the worst."""
    worst = None
    with suppress(UserError):
        table = jobs.stored(needs.class_table, case)
        worst = None if table is None else once(findings.worst_class, table)
    return (class_name,) if worst in (None, class_name) else (class_name, worst)


def _page(case: Case, class_names: tuple[str, ...]) -> bytes:
    return gzip.decompress(once(_packed, case, class_names))


def _packed(case: Case, class_names: tuple[str, ...]) -> bytes:
    """The page as gzip has it, a third of its size; it is packed as it is written, so that it is never whole here."""
    from tlx.reports import writing  # a page that offers it is drawn without

    packed = io.BytesIO()
    with gzip.open(packed, "wt", 6, encoding="utf-8", newline="\n") as stream:
        stream.writelines(writing.pieces(case, class_names))
    galleries.forget()
    gc.collect()  # figures' parts know each other, so that none goes by itself
    heap.give_back()
    return packed.getvalue()
