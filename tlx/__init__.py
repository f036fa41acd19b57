"""tlx explains and diagnoses transfer learning between two neural networks.

    import tlx
    case = tlx.load_case("digits")
    print(tlx.pipeline.transferability(case))

`tlx.pipeline` computes everything, memoized; `tlx.attribution.layer_conductance` is the engine alone. `tlx.case` makes
a case of modules and data in memory, `tlx.show` opens the app on it, and `tlx.report` writes its report.
"""

from __future__ import annotations

import importlib
import os
from typing import Any

from tlx import display as display  # gives results their look in notebooks
from tlx import pipeline
from tlx.casefiles.loading import load_case
from tlx.cases import Case
from tlx.errors import UserError

__version__ = "0.1.0"
__all__ = ["Case", "UserError", "attribution", "case", "load_case", "pipeline", "report", "show"]
_LATER = {
    "attribution": "tlx.attribution", "case": "tlx.notebook.making", "report": "tlx.reports.writing",
    "show": "tlx.notebook.showing",
}  # fmt: skip

if "OMP_WAIT_POLICY" not in os.environ:
    # Threads that share a product wait for each other on their cores, by default for longer than most products take:
    # two processes on the same cores then take several times as long as one after the other. Read once, with torch.
    os.environ.setdefault("GOMP_SPINCOUNT", "10000")  # rounds of waiting before a core is given away; GNU's
    os.environ.setdefault("KMP_BLOCKTIME", "1")  # milliseconds; LLVM's and Intel's


def __getattr__(name: str) -> Any:
    """What needs torch or figures, on first use: most users of stored results need neither."""
    if name not in _LATER:
        raise AttributeError(f"module 'tlx' has no attribute {name!r}")
    module = importlib.import_module(_LATER[name])
    return getattr(module, name, module)


def __dir__() -> list[str]:
    return [*globals(), *_LATER]
