"""The demo's entry: the same pages, where what lies beside it in requirements.txt is installed and nothing is computed.

As the app's own entry it is imported to know what to serve, and run for each visitor. Streamlit Community Cloud
installs the requirements beside the entry script; those of the app hold torch, 5 GB.
"""

import ctypes
import os
import sys
from pathlib import Path

os.environ.setdefault("TLX_PUBLIC", "1")
os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")  # pyarrow's own keeps what it was given
if sys.platform == "linux" and hasattr(ctypes.CDLL(None), "mallopt"):
    ctypes.CDLL(None).mallopt(-3, 2**17)  # M_MMAP_THRESHOLD: what is large goes back to the system when it is freed
ROOT = str(Path(__file__).parent.parent)
if ROOT not in sys.path:  # Streamlit adds the folder of its entry only
    sys.path.append(ROOT)

import streamlit as st  # noqa: E402
from starlette.middleware import Middleware  # noqa: E402

from tlx.app import looks  # noqa: E402
from tlx.app.navigation import pages  # noqa: E402
from tlx.storage.held import Held  # noqa: E402

Held.share = 1 / 64  # 4 MB of results, those of a class, and 1 MB of what is made of them
if __name__ == "__main__":
    start, *others = pages().values()
    st.navigation([st.Page(start, default=True), *map(st.Page, others)], position="hidden").run()
else:  # `streamlit run` finds these words in the file, not what they make
    app = st.App(__file__, middleware=[Middleware(looks.InHead)])
