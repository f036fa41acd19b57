"""Where networks run and with how many threads: what `$TLX_DEVICE` and `$TLX_THREADS` ask for, if it can be had."""

from __future__ import annotations

import os
from functools import lru_cache

import torch

from tlx.errors import ModelError, first_line

# A card's shortcut for float32, on by default for convolutions, would make its numbers others than a processor's, under
# one key in the store; who wants speed has precision = "bfloat16".
torch.backends.cudnn.allow_tf32 = False


def default() -> torch.device:
    """`$TLX_DEVICE`, or a GPU where there is one. Raises ModelError where that device is not here."""
    if asked := os.environ.get("TLX_DEVICE", "").strip():
        return _here(asked)
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


@lru_cache(maxsize=8)
def _here(asked: str) -> torch.device:
    """The device of this name, after a number was put there and taken back."""
    try:
        device = torch.device(asked)
        torch.zeros(1, device=device).cpu()
    except Exception as error:  # torch has a kind of exception for each kind of device
        cards = [f"cuda:{at}" for at in range(torch.cuda.device_count())]
        apple = ["mps"] if torch.backends.mps.is_available() else []
        raise ModelError(
            f"TLX_DEVICE is {asked!r}, and torch has no such device here ({first_line(error)[:100]}); give one of "
            f"{', '.join(['cpu', *cards, *apple])}, or leave it out"
        ) from None
    return device


def use_threads() -> None:
    """Has torch use `$TLX_THREADS` threads; otherwise its own choice, $OMP_NUM_THREADS or one for each core.

    Raises ModelError where that is no number from 1 on.
    """
    if not (asked := os.environ.get("TLX_THREADS", "").strip()):
        return
    if not (asked.isdecimal() and asked.isascii() and 0 < int(asked) < 10_000):
        raise ModelError(f"TLX_THREADS is {asked!r}; give how many threads to compute with, 1 or more, or leave it out")
    torch.set_num_threads(int(asked))
