"""The only place that imports torchvision.

PyPI's torchvision wheel is built against a CUDA torch. Beside a CPU build of torch its compiled operators cannot load,
and the plain import then fails because two of them were never declared. Declaring those two after the failure (never
before: on a healthy install that would abort the process) lets everything but detection operators work.
"""

from __future__ import annotations

import torch

_SCHEMA = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
_declared: torch.library.Library | None = None  # must stay referenced: a Library drops its operators when collected

try:
    import torchvision
except RuntimeError as error:
    if "operator torchvision::nms does not exist" not in str(error):
        raise
    _declared = torch.library.Library("torchvision", "FRAGMENT")  # type: ignore[no-untyped-call]
    for _name in ("nms", "qnms"):
        _declared.define(_name + _SCHEMA)  # type: ignore[no-untyped-call]
    import torchvision

from torchvision import datasets, models, transforms

__all__ = ["datasets", "models", "torchvision", "transforms"]
