"""What went wrong beside the work and was made good: said once in the log, and on every page for a while.

The store says here that an entry was damaged or that nothing can be written; nobody's work ends for it. The frame of
the pages shows `recent`, the command line prints the log (Python does so by itself for whoever sets up no logging).
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass

_log = logging.getLogger("tlx")


@dataclass(frozen=True)
class _Notice:
    sentence: str
    until: float


_notices: dict[str, _Notice] = {}


def say(topic: str, sentence: str, *, seconds: float = 60.0) -> None:
    """Has this sentence (plain text) shown for so long, in place of what was last said on the topic."""
    last = _notices.get(topic)
    if last is None or last.sentence != sentence or last.until < time.monotonic():
        _log.warning(sentence)
    _notices[topic] = _Notice(sentence, time.monotonic() + seconds)


def recent() -> list[str]:
    """The sentences still to be shown, in the order in which their topics first came up."""
    now = time.monotonic()
    return [notice.sentence for notice in [*_notices.values()] if notice.until >= now]
