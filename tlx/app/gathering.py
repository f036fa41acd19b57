"""Instances described in a few words: by class, domain, split and what one model or both say of them (5.2).

A description is a setting of the view, `instances.gather`, so that links carry it: `Gathering(...).text` is its text.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import unquote

import numpy as np
import pandas as pd

from tlx.app.selection import joined
from tlx.cases import DOMAINS, MODELS
from tlx.text import escape

SETTING = "instances.gather"
BOTH, BOTH_DOMAINS = "both", "any"
_WRONG_TEXT = "*"  # as no class is written: a name's own is %2A
WRONG = ""  # the answer that is any class but the right one

# What both models say of an instance: a name of its own for each, and words.
GROUPS = {
    "right": "both right",
    "gained": "gained: only the target model is right",
    "lost": "lost: only the source model is right",
    "wrong": "both wrong",
}
Pair = tuple[str, int]


@dataclass(frozen=True)
class Gathering:
    """What instances have in common.

    says: the model whose answer counts, or "both"; class_name: None for any; answer: a class, WRONG, or None for any;
    of both models a name of GROUPS, or None where none is chosen yet, which gathers nothing; domain: None for both;
    split: None for any.
    """

    says: str = "target"
    class_name: str | None = None
    answer: str | None = None
    domain: str | None = "target"
    split: str | None = None

    @property
    def is_open(self) -> bool:
        """Whether it says which instances are meant, but not yet which of them to gather."""
        return self.says == BOTH and self.answer is None

    @property
    def text(self) -> str:
        """As a setting: model, class, answer, then domain (of the target unless it is said) and split."""
        answer = _WRONG_TEXT if self.answer == WRONG else joined([self.answer or ""])
        domain = BOTH_DOMAINS if self.domain is None else "" if self.domain == "target" else self.domain
        parts = [self.says, joined([self.class_name or ""]), answer, domain, joined([self.split or ""])]
        return ",".join(parts[: max(3, *(at + 1 for at, part in enumerate(parts) if part))])


def read(text: str | None) -> Gathering | None:
    """What a setting's text describes; None for none, and for what is no description."""
    says, class_name, answer, domain, split = [*(text or "").split(","), *[""] * 5][:5]
    if says not in (*MODELS, BOTH) or domain not in ("", *DOMAINS, BOTH_DOMAINS):
        return None
    wanted = WRONG if answer == _WRONG_TEXT else unquote(answer) or None
    if says == BOTH and wanted not in (None, *GROUPS):
        return None
    of = None if domain == BOTH_DOMAINS else domain or "target"
    return Gathering(says, unquote(class_name) or None, wanted, of, unquote(split) or None)


def matching(instances: pd.DataFrame, wanted: Gathering) -> list[Pair]:
    """(domain, index) of the instances described. instances: `pipeline.instances`."""
    if wanted.is_open:
        return []
    fits = _among(instances, wanted)
    if wanted.says == BOTH:
        fits &= groups(instances) == wanted.answer
    elif wanted.answer is not None:
        said = instances["prediction" if wanted.says == "target" else "source_prediction"]
        fits &= said != instances["label"] if wanted.answer == WRONG else said == wanted.answer
    rows = instances[fits]
    return [(str(name), int(at)) for name, at in zip(rows["domain"], rows["instance"], strict=True)]


def counts(instances: pd.DataFrame, wanted: Gathering) -> dict[str, int]:
    """How many instances of this class, domain and split are in each group."""
    found = groups(instances)[_among(instances, wanted)]
    return {name: int((found == name).sum()) for name in GROUPS}


def groups(instances: pd.DataFrame) -> np.ndarray:
    """(N,) the group of each instance."""
    target, source = (instances["label"] == instances[said] for said in ("prediction", "source_prediction"))
    return np.select([target & source, target, source], list(GROUPS)[:3], "wrong")


def _among(instances: pd.DataFrame, wanted: Gathering) -> np.ndarray:
    """(N,) whether an instance is of the class, domain and split."""
    asked = (("label", wanted.class_name), ("domain", wanted.domain), ("split", wanted.split))
    fits = np.ones(len(instances), dtype=bool)
    for column, value in asked:
        if value is not None:
            fits &= (instances[column] == value).to_numpy()
    return fits


def words(wanted: Gathering) -> str:
    """What is gathered (Markdown), to stand behind a number: "target images of class 8 that …"."""
    kinds = " ".join(filter(None, (wanted.domain, wanted.split and escape(wanted.split), "images")))
    of = f"{kinds} of class **{escape(wanted.class_name)}**" if wanted.class_name else f"{kinds} of any class"
    if wanted.says == BOTH:
        told = {
            "right": "that both models get right",
            "gained": "that only the target model gets right (gained)",
            "lost": "that only the source model gets right (lost)",
            "wrong": "that both models get wrong",
        }
        return f"{of} {told[wanted.answer]}" if wanted.answer else of
    if wanted.answer is None:
        return of
    if wanted.answer == WRONG:
        return f"{of} that the {wanted.says} model gets wrong"
    verb = "takes for" if wanted.answer != wanted.class_name else "rightly calls"
    return f"{of} that the {wanted.says} model {verb} **{escape(wanted.answer)}**"
