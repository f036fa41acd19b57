"""Where things lie, the app's pages and the folders of results and of downloaded data, and what this process may do.

In a checkout all of them are beside the package. An installed package has the pages in its own `site/`, where
pyproject.toml puts them in a wheel; results and data then lie in the user's own folders.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from platformdirs import user_cache_path, user_data_path

ENTRY = "streamlit_app.py"
PACKAGE = Path(__file__).parent


def site() -> Path:
    """The folder of the entry script, with `pages/` and `.streamlit/`, which Streamlit reads beside the script."""
    return PACKAGE / "site" if _installed() else PACKAGE.parent


def results() -> Path:
    """The folder of results: `$TLX_CACHE`, or `cache/` in a checkout, or one in the user's cache folder."""
    return _folder("TLX_CACHE", "cache", user_cache_path)


def data() -> Path:
    """The folder of downloaded data: `$TLX_DATA`, or `data/` in a checkout, or one in the user's data folder."""
    return _folder("TLX_DATA", "data", user_data_path)


def is_public() -> bool:
    """Whether visitors of this server are strangers: `$TLX_PUBLIC` is set, to whatever text."""
    return bool(os.environ.get("TLX_PUBLIC"))


@cache
def computes() -> bool:
    """Whether this process can compute results; where torch is not installed it only shows what is stored."""
    return find_spec("torch") is not None


def _folder(variable: str, beside: str, of_the_user: Callable[[str, Literal[False]], Path]) -> Path:
    if given := os.environ.get(variable):
        return Path(given)
    return of_the_user("tlx", False) if _installed() else PACKAGE.parent / beside  # False: no author's folder above


def _installed() -> bool:
    """Whether this package came in a wheel; what else lies beside it says nothing, that may be anybody's."""
    return (PACKAGE / "site").is_dir()
