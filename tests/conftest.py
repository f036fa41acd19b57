"""Every test run keeps its results in a folder of its own, so that nothing stored earlier can hide a defect."""

from __future__ import annotations

import os
import tempfile

os.environ["TLX_CACHE"] = os.environ.get("TLX_TEST_CACHE") or tempfile.mkdtemp(prefix="tlx-tests-")
os.environ["TLX_SHIPPED"] = "0"  # nor what tlx ships
os.environ.setdefault("OMP_NUM_THREADS", "1")
