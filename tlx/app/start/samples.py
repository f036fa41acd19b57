"""Some images of both domains, one row each: what the case is about, before any number."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from tlx.app.layout import beside
from tlx.app.once import once
from tlx.cases import DOMAINS, Case
from tlx.figures.galleries import row_html, uncut
from tlx.figures.samples import chosen
from tlx.findings import counted
from tlx.results import DomainImages, Thumbnails
from tlx.text import escape

SIZE = 50  # px


def samples(case: Case, class_name: str, domains: Mapping[str, DomainImages], sheets: Mapping[str, Thumbnails]) -> None:
    """A row of pictures for each domain: the chosen class, then others; as many as there is room for."""
    cut = uncut(sheets)
    for domain, place in zip(DOMAINS, beside(2, name="samples", least=300), strict=True):
        listed = domains[domain]
        with place:
            sizes = f"{counted(len(listed), 'image')}, {counted(len(listed.present), 'class', 'classes')}"
            st.markdown(f"**{domain.capitalize()}: {escape(case.domain(domain).title)}** · {sizes}")
            rows = once(chosen, listed, domain, class_name)
            st.html(once(row_html, cut, rows, SIZE))
