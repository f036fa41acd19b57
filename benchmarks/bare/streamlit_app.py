"""What `load.py` compares with: a page that shows as many blocks, elements and bytes as one of tlx's, and does nothing.

The address says which page (`?like=Network`), the file named in $BARE_SHAPES how it is made up.
"""

import json
import os
from pathlib import Path

import streamlit as st


@st.cache_resource
def shapes() -> dict[str, list[int]]:
    """Per page the bytes of each element in order; -1 for a block."""
    return json.loads(Path(os.environ["BARE_SHAPES"]).read_text())


for at, size in enumerate(shapes()[st.query_params["like"]]):
    if size < 0:
        st.container()
    else:
        st.text(f"{at} ".ljust(size, "x"))
