"""The one family of errors that are the user's to mend.

Every message is one sentence or two that a page or the command line shows as it is: what was given,
what was expected, what to do. Anything that is not a `UserError` is a defect of tlx.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches


class UserError(ValueError):
    """Something the user gave does not work; the message says what to do about it.

    key: of the case file that the message is about, where whoever raises it knows ("path", within the domain looked at;
    "source.classes", whatever is looked at); "" where that is not known.
    """

    def __init__(self, message: object = "", *, key: str = "") -> None:
        super().__init__(message)
        self.key = key


class CaseError(UserError):
    """A case or its file cannot be used."""


class RoomError(UserError):
    """Something needs more memory than there is."""


class DataError(UserError):
    """A domain's images cannot be read."""


class ModelError(UserError):
    """A network or its checkpoint cannot be used."""


class AstrayError(ModelError):
    """A training whose loss is no number any more."""


class SelectionError(UserError):
    """A class, layer, neuron or instance that does not exist was asked for."""


class EmptyError(UserError):
    """The question is sound, but there is nothing to answer it with (a class without instances, say)."""


class BundleError(UserError):
    """A file is no bundle of this tlx, or a damaged one."""


class NotExportedError(EmptyError):
    """A result was asked for that is not stored, of a bundle or in a process that computes none."""


def unknown(kind: str, given: object, valid: Iterable[object], shown: int = 8) -> str:
    """Says `kind 'given' is unknown; did you mean …; one of a, b, c, …` for any choice from a list."""
    names = list(dict.fromkeys(str(name) for name in valid))
    near = get_close_matches(str(given), names, n=3)
    hint = f"; did you mean {' or '.join(near)}?" if near and len(names) > shown else ""
    rest = ", …" if len(names) > shown else ""
    return f"{kind} {str(given)!r} is unknown{hint or ';'} one of {', '.join(names[:shown])}{rest}"


def some(names: Sequence[str], shown: int = 6) -> str:
    """The first few of many names, for a sentence."""
    return ", ".join(names[:shown]) + (", …" if len(names) > shown else "")


def first_line(error: BaseException) -> str:
    """What an exception of another library says, as part of a sentence of ours: its first line, or its kind."""
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(" .:") if lines else type(error).__name__


def lacks_memory(error: BaseException) -> bool:
    """Whether an exception says that memory ran out: Python's, numpy's or torch's, which is not imported here."""
    words = ("can't allocate memory", "not enough memory", "out of memory")
    return isinstance(error, MemoryError) or (
        isinstance(error, RuntimeError) and any(word in str(error).lower() for word in words)
    )


class Told(str):
    """A sentence that knows what it is about; printed and compared, it is its words.

    topic: one of `checking.TOPICS`; key: of the case file, with the tables that it stands in ("source.path",
    "target_model.training.epochs"). Each is "" where it is not known or there is none.
    """

    topic: str
    key: str

    def __new__(cls, sentence: str, *, topic: str = "", key: str = "") -> Told:
        told = super().__new__(cls, sentence)
        told.topic, told.key = topic, key
        return told


def key_of(sentence: str) -> str:
    """The key of the case file that a sentence is about, "" where it is a plain one."""
    return sentence.key if isinstance(sentence, Told) else ""
