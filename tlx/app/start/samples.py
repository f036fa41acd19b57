"""Some images of both domains, one row each: what the case is about, before any number."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
import streamlit as st

from tlx.app import pictures
from tlx.app.layout import beside
from tlx.app.once import once
from tlx.app.text import escape
from tlx.cases import DOMAINS, Case
from tlx.findings import counted
from tlx.results import DomainImages, Thumbnails

SHOWN, CHOSEN = 14, 3  # images of a domain, and of these at most of the chosen class
SIZE = 50  # px


def samples(case: Case, class_name: str, domains: Mapping[str, DomainImages], sheets: Mapping[str, Thumbnails]) -> None:
    """A row of pictures for each domain: the chosen class, then others; as many as there is room for."""
    cut = pictures.uncut(sheets)
    for domain, place in zip(DOMAINS, beside(2, name="samples", least=300), strict=True):
        listed = domains[domain]
        with place:
            sizes = f"{counted(len(listed), 'image')}, {counted(len(listed.present), 'class', 'classes')}"
            st.markdown(f"**{domain.capitalize()}: {escape(case.domain(domain).title)}** · {sizes}")
            rows = once(chosen, listed, domain, class_name)
            st.html(once(pictures.row_html, cut, rows, SIZE))


def chosen(listed: DomainImages, domain: str, class_name: str) -> pd.DataFrame:
    """Rows as `pictures.row_html` takes them: some of the class, spread over its images, then one of each other."""
    first = [at for at, name in enumerate(listed.classes) if name == class_name]
    others = [at for at in np.unique(listed.labels).tolist() if at not in first]
    own = np.flatnonzero(np.isin(listed.labels, first))
    own = own[spread(len(own), CHOSEN)]
    rest = [others[at] for at in spread(len(others), SHOWN - len(own))]
    rest = [int(np.flatnonzero(listed.labels == at)[len(own) % (listed.labels == at).sum()]) for at in rest]
    numbers = [*own.tolist(), *rest]
    labels = [listed.classes[listed.labels[at]] for at in numbers]
    return pd.DataFrame({"domain": domain, "instance": numbers, "name": listed.names[numbers], "label": labels})


def spread(count: int, most: int) -> list[int]:
    """At most so many of `count` places, evenly apart."""
    return [at * count // most for at in range(most)] if count > most else list(range(count))
