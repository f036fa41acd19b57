"""What a report is made of: stored results alone, as the pages' panels ask for them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from tlx.cases import Case
from tlx.errors import EmptyError, NotExportedError, SelectionError
from tlx.needs import Need, answered, panel_of
from tlx.reports.pieces import Piece, Words
from tlx.storage.memory import NotStoredError, reading_only
from tlx.text import escape, sentence


class LackingError(Exception):
    """A panel needs a result that is not stored; label: what would have to be done."""

    def __init__(self, label: str) -> None:
        super().__init__(label)
        self.label = label


class Reader:
    """Reads panels of `needs`, or results of the pipeline, of one case; each result once.

    command: what computes what is not stored, as it is typed.
    """

    def __init__(self, case: Case, command: str) -> None:
        self.case, self.command = case, command
        self._read: dict[Need, Any] = {}

    def __call__(self, asked: Callable[..., Any], *args: Any) -> Any:
        """What the panel returns. Raises LackingError, or EmptyError where there is nothing to answer with."""
        return answered(panel_of(asked, self.case, *args), self._answer)

    def has(self, asked: Callable[..., Any], *args: Any) -> bool:
        """Whether it is stored and says something."""
        try:
            self(asked, *args)
        except (LackingError, EmptyError, SelectionError):
            return False
        return True

    @property
    def asked(self) -> tuple[Need, ...]:
        """The results that it has read."""
        return tuple(self._read)

    def _answer(self, wanted: Need) -> Any:
        if wanted not in self._read:
            try:
                with reading_only():
                    self._read[wanted] = wanted()
            except (NotStoredError, NotExportedError):
                raise LackingError(wanted.label) from None
        return self._read[wanted]

    def settled(self, parts: Iterable[Iterator[Piece]]) -> Iterator[Piece]:
        """The pieces of each part as far as they can be had; in place of the rest of it a sentence that says why not.

        Parts may not yield anything before they have read what they need.
        """
        for part in parts:
            try:
                yield from part
            except LackingError as lacking:
                yield Words(self._lacking(lacking.label))
            except (EmptyError, SelectionError) as error:
                yield Words(sentence(error), "small")

    def _lacking(self, label: str) -> str:
        """What is not there and what would make it (Markdown)."""
        what = escape(label[:1].lower() + label[1:])
        if self.case.bundle:
            return f"The bundle does not hold this: {what}."
        return f"Not computed yet ({what}): **{escape(self.command, 600)}** does that."
