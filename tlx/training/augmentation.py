"""Training pictures varied at random: shifts, turns, scalings, crops and flips; see `cases.Training`."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def augmented(pictures: Tensor, how: str) -> Tensor:
    """(n, channels, H, W) in and out, where they lie; the random numbers are the processor's on every device."""
    if how == "none":
        return pictures
    count = len(pictures)
    turn = torch.randn(count) * (0.1 if how == "digits" else 0.05)
    scale = torch.empty(count).uniform_(0.9, 1.1) if how == "digits" else torch.empty(count).uniform_(0.6, 1.0)
    room = 0.12 if how == "digits" else 1 - scale
    shift = (torch.rand(count, 2) * 2 - 1) * (room if how == "digits" else room[:, None])  # type: ignore[index]
    flip = torch.where(torch.rand(count) < 0.5, -1.0, 1.0) if how == "photos" else torch.ones(count)
    cos, sin = torch.cos(turn) * scale, torch.sin(turn) * scale
    rows = (torch.stack([cos * flip, -sin, shift[:, 0]], 1), torch.stack([sin * flip, cos, shift[:, 1]], 1))
    grid = functional.affine_grid(torch.stack(rows, 1).to(pictures.device), list(pictures.shape), align_corners=False)
    return functional.grid_sample(pictures, grid, padding_mode="border", align_corners=False)
