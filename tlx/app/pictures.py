"""Serving the thumbnail sheets for tooltips, and galleries of single pictures cut out of them."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
import streamlit as st
from streamlit import runtime

from tlx.app.once import once
from tlx.figures import theme
from tlx.figures.galleries import SHOWN, address_of, box, gallery_html
from tlx.figures.pictures import Pictures
from tlx.results import Thumbnails


def serve(thumbnails: Mapping[str, Thumbnails]) -> Pictures:
    """Hands the sheets of both domains to Streamlit's media server; call it in every run that shows them.

    The server forgets files no page of a session has asked for in its last run. The addresses are relative, so that
    they hold under a base path too.
    """
    files = runtime.get_instance().media_file_mgr
    urls = {
        domain: tuple(
            files.add(sheet, "image/webp", f"tlx sheet {domain} {at}").lstrip("/") for at, sheet in enumerate(of.sheets)
        )
        for domain, of in thumbnails.items()
    }
    first = next(iter(thumbnails.values()))
    return Pictures(urls, first.tile, first.columns, {domain: of.sheets for domain, of in thumbnails.items()})


def gallery(pictures: Pictures, rows: pd.DataFrame, *, size: int = 72) -> None:
    """Instances as pictures with their class and, where it is wrong, what the target model said.

    rows: of `pipeline.instances`; a column `caption` replaces the words below a picture. At most 96 are shown.
    """
    st.html(once(gallery_html, pictures, rows, size))
    if len(rows) > SHOWN:
        st.caption(f"The first {SHOWN} of {len(rows):,}; the CSV file has all of them.")


def picture(pictures: Pictures, domain: str, instance: int, *, size: int = 160) -> None:
    """One instance, large, framed in its domain's colour."""
    frame = f"border:4px solid {theme.COLOURS[domain]};border-radius:6px;box-sizing:content-box"
    description = f"instance {instance} of the {domain} domain"
    cut = once(address_of, pictures, domain, instance)
    st.html(f'<img alt="{description}" style="{box(pictures, size)};{frame}" src="{cut}">')
