"""torch's random numbers: one stream for the whole process, of which a training has one of its own.

Two jobs at once would draw from each other's stream, and a training beside them would come to other weights each time.
"""

from __future__ import annotations

import threading

import torch
from torch import Tensor

ALONE = threading.RLock()
"""Whoever draws from the process's stream, as each new network does, holds this: nobody is in `Draws` meanwhile."""


class Draws:
    """A stream of its own: within `with draws:` this thread alone draws, going on where it stopped the last time.

    Afterwards the process's stream is as it was. Blocks should be short, a batch for instance: others wait meanwhile.
    """

    def __init__(self, seed: int) -> None:
        with ALONE:
            before = _state()
            torch.manual_seed(seed)
            self.state = _state()
            _go_on(before)

    def __enter__(self) -> None:
        ALONE.acquire()
        self._before = _state()
        _go_on(self.state)

    def __exit__(self, *_: object) -> None:
        self.state = _state()
        _go_on(self._before)
        ALONE.release()


def _state() -> list[Tensor]:
    """Of the processor's generator, then of each card's."""
    return [torch.get_rng_state(), *(torch.cuda.get_rng_state_all() if torch.cuda.is_available() else ())]


def _go_on(state: list[Tensor]) -> None:
    first, *cards = state
    torch.set_rng_state(first)
    if cards and torch.cuda.is_available():
        torch.cuda.set_rng_state_all(cards)
