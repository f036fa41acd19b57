"""Other sources for the handwritten target of `digits`, whose promise and whose fine-tuning come with tlx (method 10).

Eight sources of printed characters, and a ladder: the source model of `digits` with its last layers drawn anew, whose
order is known beforehand. `make digits-sources` trains and measures them and writes a small bundle of each; the app
opens those and needs neither torch nor a checkpoint.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path

from tlx.casefiles import builtin
from tlx.cases import Case, Domain, ModelPlan
from tlx.errors import BundleError
from tlx.images import rendered_digits
from tlx.storage import bundles, memory

FOLDER = builtin.SHIPPED / "sources"
HALF = 8  # epochs of 24 after which the source model is half trained: it has begun to learn, see its history
LADDER = "ladder"
_log = logging.getLogger("tlx.candidates")


@cache
def shipped() -> tuple[Case, ...]:
    """The candidates as bundles with what was measured of them, in the order of their names; damaged ones are not."""
    found = []
    for path in sorted(FOLDER.glob("*.tlx")):
        try:
            found.append(bundles.load(path, memory.CACHE_VERSION))
        except BundleError as error:
            _log.warning("%s; this source is left out", error)
    return tuple(found)


def beside(case: Case) -> tuple[Case, ...]:
    """The candidates that come with tlx for this case's target; none for any other than the one of `digits`."""
    return shipped() if replace(case.target, title="") == replace(builtin.digits().target, title="") else ()


def printed() -> Iterator[Case]:
    """The eight sources: six kinds of printed characters, random weights, and a training cut short."""
    digits = builtin.digits()
    training = digits.source_model.training
    for kind, words in rendered_digits.KINDS.items():
        source = replace(digits.source, title=words, dataset=kind) if kind else digits.source
        # The clutter of `digits` is trained here like the others, not read from the checkpoint that comes with tlx.
        title = f"{words[0].upper()}{words[1:]}"
        yield _candidate(digits, kind or "cluttered", title, source, ModelPlan(training=training))
    for name, title, epochs in (("random", "Random weights", 0), ("half", "Coloured on clutter, half trained", HALF)):
        plan = ModelPlan(training=replace(training, epochs=epochs))
        yield _candidate(digits, name, title, digits.source, plan)


def ladder(checkpoints: list[Path]) -> Iterator[Case]:
    """Cases whose source models are these, the last 0, 1, 2 … layers of each drawn anew."""
    for count, path in enumerate(checkpoints):
        title = "Source model of digits" if count == 0 else f"Its last {count} layers drawn anew"
        title = title.replace("last 1 layers", "last layer")
        yield _candidate(
            builtin.digits(), f"{LADDER}-{count}", title, builtin.digits().source, ModelPlan(checkpoint=str(path))
        )


def _candidate(digits: Case, name: str, title: str, source: Domain, plan: ModelPlan) -> Case:
    about = "A source for the handwritten digits; see which is most promising on the page Compare."
    return replace(
        digits, name=name, title=title, about=about, source=source, source_model=plan,
        target_model=ModelPlan(training=digits.target_model.training), control=False,
    )  # fmt: skip
