"""Names of the networks there are to choose from, found in the sources of torchvision and timm without importing them.

An import takes seconds and needs torch, and pages do without. What a name means is known to `architectures`.
"""

from __future__ import annotations

import re
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

OURS = ("compact_alexnet", "row_lstm")
USUAL = (
    "alexnet",
    "resnet18",
    "resnet50",
    "vgg16",
    "mobilenet_v3_small",
    "efficientnet_b0",
    "convnext_tiny",
    "vit_b_16",
)
"""Those that people ask for most, which stand first in a list."""

# Both libraries put a decorator before each function that makes a network, and call the network as the function.
_MAKER = re.compile(r"^@register_model\b[^\n]*\n(?:@[^\n]*\n)*def (\w+)\(", re.MULTILINE)


@lru_cache(maxsize=1)
def known() -> tuple[str, ...]:
    """Ours and the usual ones, all others of torchvision, and timm's as `timm:NAME` where timm is installed."""
    ours = [*OURS, *(name for name in USUAL if name in registered("torchvision"))]
    return tuple(dict.fromkeys([*ours, *registered("torchvision"), *(f"timm:{name}" for name in registered("timm"))]))


def registered(package: str) -> list[str]:
    """The classification networks of an installed package, by name; none where it is not installed."""
    try:
        folder = Path(str(distribution(package).locate_file(f"{package}/models")))
    except PackageNotFoundError:
        return []
    texts = (file.read_text(encoding="utf-8", errors="replace") for file in sorted(folder.glob("*.py")))
    return sorted({name for text in texts for name in _MAKER.findall(text)})
