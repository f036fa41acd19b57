"""What `load.py` compares with: pages of as many blocks, elements and bytes as those of tlx, which do nothing.

The file named in $BARE_SHAPES says how each is made up: the bytes of each element in order, -1 for a block.
"""

import json
import os
from functools import partial
from pathlib import Path

import streamlit as st

st.set_page_config(layout="wide")


@st.cache_resource
def shapes() -> dict[str, list[int]]:
    return json.loads(Path(os.environ["BARE_SHAPES"]).read_text())


def show(name: str) -> None:
    for at, size in enumerate(shapes()[name][len(shapes()) :]):
        if size < 0:
            st.container()
        else:
            st.text(f"{at} ".ljust(size, "x"))


def page(name: str) -> st.Page:
    return st.Page(
        partial(show, name),
        title=name.replace("_", " "),
        url_path="" if name == "Start" else name,
        default=name == "Start",
    )


pages = [page(name) for name in sorted(shapes(), key=lambda name: name != "Start")]
chosen = st.navigation(pages, position="hidden")
for one in pages:  # the links of tlx's sidebar are among the elements, and are left out below
    st.sidebar.page_link(one)
chosen.run()
