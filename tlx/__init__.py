"""tlx explains and diagnoses transfer learning between two neural networks.

    import tlx
    case = tlx.load_case("digits")
    print(tlx.pipeline.transferability(case))

`tlx.pipeline` computes everything, memoized; `tlx.attribution.layer_conductance` is the engine alone.
"""

from __future__ import annotations

import importlib
import os
from types import ModuleType

from tlx import pipeline
from tlx.casefiles.loading import load_case
from tlx.cases import Case
from tlx.errors import UserError

__version__ = "0.1.0"
__all__ = ["Case", "UserError", "attribution", "load_case", "pipeline"]

if "OMP_WAIT_POLICY" not in os.environ:
    # Threads that share a product wait for each other on their cores, by default for longer than most products take:
    # two processes on the same cores then take several times as long as one after the other. Read once, with torch.
    os.environ.setdefault("GOMP_SPINCOUNT", "10000")  # rounds of waiting before a core is given away; GNU's
    os.environ.setdefault("KMP_BLOCKTIME", "1")  # milliseconds; LLVM's and Intel's


def __getattr__(name: str) -> ModuleType:
    """`tlx.attribution` on first use: it needs torch, which most users of stored results do not."""
    if name == "attribution":
        return importlib.import_module("tlx.attribution")
    raise AttributeError(f"module 'tlx' has no attribute {name!r}")
