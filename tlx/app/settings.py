"""What each view is set to: order, switches, drawn classes, ticks. It is kept with the selection, so links carry it.

A setting has a name (`network.order`) and, unless it is what the view begins with, a short text in the session's choice
and in the address. `setting` draws a widget that shows and changes one; what an address asks for and the view does not
offer is the default.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar, cast

import streamlit as st

from tlx.app.selection import Choice, choose, chosen
from tlx.app.selection import joined as joined  # how a text holds several
from tlx.app.selection import parted as parted

T = TypeVar("T")

_SWITCH = {"on": True, "off": False}
# What a setting takes along when it changes: the others would mean something else then.
_DROPS = {
    "instances.classes": ("instances.histograms",),
    "features.model": ("features.ticks", "features.page"),
    "features.order": ("features.page",),
    "features.layers": ("features.page",),
}


def get(name: str) -> str | None:
    """The text of a setting; None where it is what the view begins with."""
    return dict(chosen().view).get(name)


def put(name: str, text: str | None) -> None:
    """Changes a setting; None: what the view begins with. Call it in a callback."""
    choose(view=with_setting(chosen(), name, text))


def with_setting(choice: Choice, name: str, text: str | None) -> tuple[tuple[str, str], ...]:
    """The choice's settings with this one changed, for a link that opens a view set to something."""
    others = {one: value for one, value in choice.view if one not in (name, *_DROPS.get(name, ()))}
    return tuple(sorted(others.items() if text is None else {**others, name: text}.items()))


def switch(make: Callable[..., bool], label: str, name: str, *, default: bool = False, **look: Any) -> bool:
    """A toggle or checkbox that is kept. make: `st.toggle`, or a place's; look: what else it is made with."""
    value = _SWITCH.get(get(name) or "", default)
    words = {state: word for word, state in _SWITCH.items()}
    return bool(_drawn(make, (label,), name, value, lambda new: None if new == default else words[bool(new)], look))


def one_of(make: Callable[..., Any], label: str, options: Sequence[T], name: str, *, default: T, **look: Any) -> T:
    """A box or row of buttons of which one is chosen, kept by the option's text."""
    by_text = {str(option): option for option in options}
    value = by_text.get(get(name) or "", default)
    shown = _drawn(make, (label, options), name, value, lambda new: None if new in (None, default) else str(new), look)
    return value if shown is None else cast(T, shown)


def some_of(
    make: Callable[..., Any], label: str, options: Sequence[T], name: str, *, default: Sequence[T], **look: Any
) -> list[T]:
    """A box of which several may be chosen, in the order in which they were; none of them is a choice as well."""
    by_text, asked = {str(option): option for option in options}, get(name)
    value = list(default) if asked is None else [by_text[text] for text in parted(asked) if text in by_text]

    def text(new: list[T]) -> str | None:
        return None if list(new) == list(default) else joined(str(one) for one in new)

    return list(_drawn(make, (label, options), name, value, text, look))


def _drawn(
    make: Callable[..., Any],
    content: tuple[Any, ...],
    name: str,
    value: Any,
    text: Callable[[Any], str | None],
    look: dict[str, Any],
) -> Any:
    key = f"tlx setting {name}"
    st.session_state[key] = value
    return make(*content, key=key, on_change=lambda: put(name, text(st.session_state[key])), **look)
