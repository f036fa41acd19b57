"""One selection for all pages: case, class, layers, neuron and instance, mirrored in the page's address.

`Choice` is what a person (or a link) asked for; `settle` holds it against what the case has and answers with a choice
in which everything exists, and a sentence for each thing that had to be dropped. `write` and `parse` are the address's
two directions. Only the last part of the module knows Streamlit: `current`, `choose` and `mirror`.

The truth lives in the session under one key that is no widget's, so that no page change drops it. Where the address
disagrees with what was last mirrored there (a pasted link, Back, Forward), the address wins; an address without any of
our parameters takes over the session's choice, and so does that of a link to another page which was drawn before the
choice was made (a fragment runs again without them).
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote, unquote

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from tlx import defaults
from tlx.cases import DOMAINS, MODELS, Case
from tlx.results import InstanceRef, Network, NeuronRef
from tlx.text import escape

PARAMETERS = ("case", "class", "layers", "neuron", "instance", "view")
# Settings that mean nothing for another class.
OF_CLASS = ("features.ticks", "features.page", "instances.classes", "instances.histograms")
LONGEST = 4_000  # characters of one parameter; longer ones are no link of ours
LAG = 1.0  # seconds in which the browser may still report the address it had before we changed it
_CHOICE, _CHANGED, _MIRRORED, _LINKED = "tlx choice", "tlx changed", "tlx mirrored", "tlx linked"
_NOTICES = "tlx notices"


@dataclass(frozen=True)
class _Mirrored:
    """What was last written to the address, what stood there before, and when."""

    wanted: dict[str, str]
    before: dict[str, str]
    at: float


@dataclass(frozen=True)
class Choice:
    """What was asked for; None (or no layers) leaves the choice to `settle`.

    view: what views are set to, sorted pairs of a setting's name and its text; see `settings`.
    """

    case: str | None = None
    class_name: str | None = None
    layers: tuple[str, ...] = ()
    neuron: NeuronRef | None = None
    instance: InstanceRef | None = None
    view: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Selection:
    """What every page shows: all of it exists in `case`, with at least one layer, in network order."""

    case: Case
    class_name: str
    layers: tuple[str, ...]
    neuron: NeuronRef | None = None
    instance: InstanceRef | None = None
    view: tuple[tuple[str, str], ...] = ()

    def choice(self, **changes: Any) -> Choice:
        """What a link to another view takes along, with changes."""
        own = Choice(self.case.name, self.class_name, self.layers, self.neuron, self.instance, self.view)
        return replace(own, **_with_view(own, changes))


@dataclass(frozen=True)
class Facts:
    """What a case has to choose from: classes, its network, and how many instances each domain holds."""

    classes: tuple[str, ...]
    network: Network
    instances: Mapping[str, int]
    first_class: str | None = None  # where nobody chose one
    only: Mapping[str, str] = field(default_factory=dict)  # class -> the domain that alone has it


def write(choice: Choice) -> dict[str, str]:
    """The address parameters of a choice; what is None has none."""
    parameters = {
        "case": choice.case,
        "class": choice.class_name,
        "layers": joined(choice.layers) or None,
        "neuron": None if choice.neuron is None else str(choice.neuron),
        "instance": None if choice.instance is None else str(choice.instance),
        "view": joined(f"{name}={text}" for name, text in choice.view) or None,
    }
    return {name: value for name, value in parameters.items() if value is not None}


def parse(parameters: Mapping[str, str]) -> tuple[Choice, list[str]]:
    """The choice an address asks for, and a sentence (Markdown) for each parameter that cannot be read."""
    notices: list[str] = []
    given = {}
    for name in PARAMETERS:
        value = parameters.get(name)
        if value is not None and len(value) > LONGEST:
            notices.append(f"The link's {name} is too long and was left out.")
        elif value:
            given[name] = value
    neuron, instance = read_neuron(given.get("neuron", "")), read_instance(given.get("instance", ""))
    for name, read in (("neuron", neuron), ("instance", instance)):
        if name in given and read is None:
            notices.append(f"The link's {name} {escape(repr(given[name]), 80)} cannot be read and was left out.")
    layers = tuple(dict.fromkeys(parted(given.get("layers", ""))))
    settings = (part.partition("=") for part in parted(given.get("view", "")))
    view = tuple(sorted({name: text for name, _, text in settings}.items()))
    return Choice(given.get("case"), given.get("class"), layers, neuron, instance, view), notices


def joined(parts: Iterable[str]) -> str:
    """Several texts as one."""
    return ",".join(quote(part, safe="/:@ ()[]=") for part in parts)


def parted(text: str) -> list[str]:
    """The texts that `joined` made one of."""
    return [unquote(part) for part in text.split(",") if part]


def read_neuron(text: str) -> NeuronRef | None:
    """`target:conv3:17`; the layer's name may hold colons. None for anything else."""
    match = re.fullmatch(r"(source|target):(.+):([0-9]{1,9})", text, flags=re.DOTALL)
    return NeuronRef(match[1], match[2], int(match[3])) if match else None


def read_instance(text: str) -> InstanceRef | None:
    """`target:120`. None for anything else."""
    match = re.fullmatch(r"(source|target):([0-9]{1,9})", text)
    return InstanceRef(match[1], int(match[2])) if match else None


def settle(choice: Choice, facts: Facts) -> tuple[Choice, list[str]]:
    """The choice with everything that does not exist dropped, and a sentence (Markdown) for each thing dropped."""
    notices: list[str] = []
    class_name = choice.class_name
    if class_name not in facts.classes:
        if class_name is not None:
            notices.append(_dropped("class", class_name, facts.classes))
        class_name = facts.first_class if facts.first_class in facts.classes else facts.classes[0]
    names = facts.network.names
    notices += [_dropped("layer", name, names) for name in choice.layers if name not in names][:3]
    layers = tuple(name for name in names if name in choice.layers) or names[: defaults.LAYERS]
    neuron, instance = choice.neuron, choice.instance
    if neuron is not None and not _has_neuron(neuron, facts.network):
        notices.append(f"This case has no neuron {escape(neuron, 80)}; it was left out.")
        neuron = None
    if instance is not None and not _has_instance(instance, facts.instances):
        notices.append(f"This case has no instance {escape(instance, 80)}; it was left out.")
        instance = None
    return Choice(choice.case, class_name, layers, neuron, instance, choice.view), notices


def _dropped(kind: str, given: str, valid: Sequence[str]) -> str:
    some = ", ".join(escape(name, 40) for name in valid[:8])
    more = f" and {len(valid) - 8} more" if len(valid) > 8 else ""
    return f"This case has no {kind} {escape(repr(given), 80)}, so it was left out; it has {some}{more}."


def _has_neuron(neuron: NeuronRef, network: Network) -> bool:
    units = {layer.name: layer.count(neuron.model) for layer in network.layers}
    return neuron.model in MODELS and 0 <= neuron.index < units.get(neuron.layer, 0)


def _has_instance(instance: InstanceRef, instances: Mapping[str, int]) -> bool:
    return instance.domain in DOMAINS and 0 <= instance.index < instances.get(instance.domain, 0)


def current() -> Choice:
    """The session's choice; read anew from the address when that was changed by hand, by a link or by Back."""
    address, last = _address(), st.session_state.get(_MIRRORED)
    chosen_now = st.session_state.pop(_CHANGED, False)
    late = last and address == last.before and time.monotonic() - last.at < LAG
    known = last and (address == last.wanted or late or _by_link(address))
    if address and not known and not chosen_now:
        st.session_state[_CHOICE], notices = parse(address)
        notice(*notices)
    choice: Choice = st.session_state.setdefault(_CHOICE, Choice())
    return choice


def chosen() -> Choice:
    """The session's choice as it is, whatever the address says."""
    choice: Choice = st.session_state[_CHOICE]
    return choice


def _by_link(address: dict[str, str]) -> bool:
    """Whether somebody has followed a link that the frame drew on another page of this session."""
    page, linked = st.session_state.get(_LINKED, ("", {}))
    return bool(address == linked and page != _page())


def _page() -> str:
    context = get_script_run_ctx()
    return context.page_script_hash if context else ""


def is_first_run() -> bool:
    """Whether no page of this session has been drawn yet."""
    return _MIRRORED not in st.session_state


def case_name() -> str | None:
    """The name of the session's case as it is now; None before any page was drawn."""
    choice: Choice = st.session_state.get(_CHOICE, Choice())
    return choice.case


def choose(**changes: Any) -> None:
    """Changes the shared selection: any part of a `Choice`. Call it in a callback.

    Another case drops what belonged to the old one, another class what views were set to for the old one; None lets the
    page choose (or nothing be chosen).
    """
    choice: Choice = st.session_state.get(_CHOICE, Choice())
    if changes.get("case", choice.case) != choice.case:
        choice = Choice(view=choice.view)
    changes = _with_view(choice, changes)
    if "layers" in changes:
        changes["layers"] = tuple(changes["layers"] or ())
    st.session_state[_CHOICE] = replace(choice, **changes)
    st.session_state[_CHANGED] = True


def _with_view(choice: Choice, changes: dict[str, Any]) -> dict[str, Any]:
    """The changes, and with another class what views are set to without what was meant for the old one."""
    another = any(changes[name] != getattr(choice, name) for name in ("case", "class_name") if name in changes)
    if not another or "view" in changes:
        return changes
    return changes | {"view": tuple(one for one in choice.view if one[0] not in OF_CLASS)}


def mirror(choice: Choice, *, links: bool = False) -> tuple[dict[str, str], dict[str, str]] | None:
    """Keeps the settled choice and writes it to the address; links: the frame's links are drawn with it, too.

    An address that names anything of ours gets a new history entry when the choice changes, so that Back steps
    through choices. One without our parameters must not (Back would have to be pressed twice), nor that of a link
    followed: for these the address and what is wanted instead are returned, for the browser to put in place.
    """
    wanted, address, last = write(choice), _address(), st.session_state.get(_MIRRORED)
    st.session_state[_CHOICE] = choice
    if last is None or last.wanted != wanted:
        st.session_state[_MIRRORED] = _Mirrored(wanted, address, time.monotonic())
    followed = _by_link(address)
    if links:
        st.session_state[_LINKED] = (_page(), wanted)
    else:  # a fragment ran: what was chosen in it is known now, and a link that is followed next is another choice
        st.session_state.pop(_CHANGED, None)
    if not address or (followed and address != wanted):
        return address, wanted
    if address != wanted:
        others: dict[str, Any] = {
            name: st.query_params.get_all(name) for name in st.query_params if name not in PARAMETERS
        }
        st.query_params.from_dict(others | wanted)
    return None


def _address() -> dict[str, str]:
    return {name: st.query_params[name] for name in PARAMETERS if name in st.query_params}


def notice(*sentences: str) -> None:
    """Has the frame say these sentences (Markdown) once, in the next run of any page."""
    if sentences:
        st.session_state[_NOTICES] = [*st.session_state.get(_NOTICES, []), *sentences]


def take_notices() -> list[str]:
    """The sentences still to be said; they are forgotten by this call."""
    notices: list[str] = st.session_state.pop(_NOTICES, [])
    return notices
