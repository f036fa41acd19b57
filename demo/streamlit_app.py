"""The demo's entry: the same pages, where what lies beside it in requirements.txt is installed and nothing is computed.

Streamlit Community Cloud installs the requirements beside the entry script; those of the app hold torch, 5 GB.
"""

import os
import sys
from pathlib import Path

os.environ.setdefault("TLX_PUBLIC", "1")
os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")  # pyarrow's own keeps what it was given
ROOT = str(Path(__file__).parent.parent)
if ROOT not in sys.path:  # Streamlit adds the folder of its entry only
    sys.path.append(ROOT)

import streamlit as st  # noqa: E402

from tlx.app.navigation import pages  # noqa: E402
from tlx.storage.held import Held  # noqa: E402

Held.share = 1 / 32  # 8 MB of results, those of two classes, and 2 MB of what is made of them
start, *others = pages().values()
st.navigation([st.Page(start, default=True), *map(st.Page, others)], position="hidden").run()
