"""Networks of this process: modules that somebody made in a notebook, by the digest of what they compute.

Weights are in a case's files; what a module does with them is a program, and no program is ever written to a file or
read from one. Another process therefore shows what was computed of such a network, and can compute no more of it.
"""

from __future__ import annotations

import copy

import torch
from torch import nn
from torch.nn.parameter import is_lazy

from tlx.errors import ModelError, first_line
from tlx.networks import answers, programs

PREFIX = "notebook"
_kept: dict[str, nn.Module] = {}


def copied(module: nn.Module) -> nn.Module:
    """A copy of the module as tlx reads it: out of the wrappings of training, evaluated, frozen, on the CPU.

    Raises ModelError where there can be none. The module itself is left as it is.
    """
    if isinstance(module, nn.DataParallel | nn.parallel.DistributedDataParallel):
        return copied(module.module)
    if isinstance(module, torch.jit.ScriptModule):
        raise ModelError("is a TorchScript program, inside which nothing can be read; give the module it was made from")
    if any(map(is_lazy, [*module.parameters(), *module.buffers()])):
        raise ModelError("has a lazy module that was never run; run it once on images")
    try:
        made = answers.uncompiled(copy.deepcopy(module)).cpu().float()
        made.eval()
        return made.requires_grad_(False)
    except Exception as error:  # somebody else's __deepcopy__, __getstate__ or a tensor within a graph
        raise ModelError(
            f"cannot be copied ({type(error).__name__}: {first_line(error)}); keep tensors in parameters and buffers, "
            "and open files, locks and results of passes outside of the module"
        ) from None


def keep(copied: nn.Module) -> str:
    """Keeps what `copied` made for as long as the process lives; the name that `build` knows it by."""
    name = f"{PREFIX}:{programs.digest(copied)}:{type(copied).__name__}"
    _kept.setdefault(name, copied)
    return name


def build(name: str) -> nn.Module:
    """A copy of the module that was kept under this name. Raises ModelError where another process kept it."""
    if name not in _kept:
        raise ModelError(
            "the network of this case is a module of the notebook that made the case, and only there more can be "
            "computed of it: ask for it there, by tlx.show(case) or a function of tlx.pipeline, and it is shown here; "
            "after a restart of the notebook call tlx.case again"
        )
    return copy.deepcopy(_kept[name])
