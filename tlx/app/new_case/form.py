"""The form in which a case file is put together: a field for each key, kept until the session ends.

Fields are data: what is in them is known before they are drawn, so that the check's sentences can stand at them.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import streamlit as st

from tlx.app.layout import beside
from tlx.app.text import escape
from tlx.cases import (
    AUGMENTS,
    BASELINES,
    DOMAINS,
    INTERPOLATIONS,
    LEVELS,
    MODELS,
    PLACED,
    PRECISIONS,
    SPLITS,
    STRATEGIES,
    TRANSPARENCIES,
    UNREADABLE,
    Case,
    Domain,
    ModelPlan,
    Training,
    default,
)
from tlx.networks import names

KINDS = {
    "files": "Image folder, or a CSV (by its name)",
    "torchvision": "torchvision dataset",
    "handwritten-digits": "Handwritten digits (built in)",
    "printed-digits": "Printed digits (built in)",
}
_PARTS = {
    "source": Domain,
    "target": Domain,
    "source_model": ModelPlan,
    "target_model": ModelPlan,
    "training": Training,
}
_ORDER_WORDS = {"": "by name, unless the checkpoint says", "natural": "2 before 10", "alphabetical": "10 before 2"}
_SPLIT_WORDS = {"given": "as the data say, else random", "random": "random", "groups": "by groups of one object"}
_RESIZE_WORDS = {"squash": "whole picture to a square", "crop": "shorter side, then the middle"}
_ORIENTATION_WORDS = {"turned": "turned upright", "ignored": "left as they lie"}
_READ = "torchvision's ImageFolder"
_LEAST = 200  # pixels of a column


@dataclass(frozen=True)
class Field:
    """One widget of the form.

    key: of the case file, with its tables; kind: what is said in it: "text", "path", "network", "names", "numbers" or
    "pairs" between commas, "whole", "number", "choice" of `options` (value -> words), or "switch"; least: of numbers.
    """

    key: str
    label: str
    hint: str
    kind: str = "text"
    options: Mapping[Any, str] | None = None
    least: float = 0
    placeholder: str = ""


@dataclass(frozen=True)
class Section:
    """Fields that belong together, in columns beside each other, each with a caption where it has one."""

    title: str
    columns: tuple[tuple[Field, ...], ...]
    captions: tuple[str, ...] = ()


def first() -> list[Section]:
    """What everybody is asked: two folders, two checkpoints, and the network."""
    network = _NETWORK, Field("title", "Title", "What the pages call this case.", placeholder="the file's name")
    return [
        Section("folders", tuple((_place(side),) for side in DOMAINS)),
        Section("checkpoints", tuple((_checkpoint(side),) for side in MODELS)),
        Section("network", tuple((one,) for one in network)),
    ]


def folded() -> list[Section]:
    """What most people leave as it is."""
    return [
        Section("Images and classes", tuple(_images(side) for side in DOMAINS)),
        Section("Splits and broken images", tuple(_splits(side) for side in DOMAINS)),
        Section("Preprocessing", _preprocessing()),
        Section("Checkpoints in detail", tuple(_checkpoint_details(side) for side in MODELS)),
        Section("Training", tuple(map(_training, MODELS)), tuple(map(_training_caption, MODELS))),
        Section("Analysis and description", _analysis()),
    ]


def shown() -> dict[str, Field]:
    """All fields that the form has as it stands now, by key."""
    return {one.key: one for section in (*first(), *folded()) for column in section.columns for one in column}


def said() -> dict[str, Any]:
    """Key -> what the form says, as the case file would have it; keys left at their defaults stay out."""
    values = {key: _value(one) for key, one in shown().items()}
    values |= {f"{side}.kind": _kind(side) for side in DOMAINS}
    values |= {key: value or key.partition(".")[0] for key, value in values.items() if key.endswith(".title")}
    values |= {f"{side}.path": "" for side in DOMAINS if _is_built_in(side)}
    return {key: value for key, value in values.items() if value not in ("", {}, _plain(usual(key)))}


def table() -> dict[str, Any]:
    """The table of the case file, its keys in the order of the documentation."""
    made: dict[str, Any] = {}
    for key, value in said().items():
        *tables, name = key.split(".")
        place = made
        for one in tables:
            place = place.setdefault(one, {})
        place[name] = value
    return _ordered(made, Case)


def draw(problems: Mapping[str, Sequence[str]], home: Path) -> None:
    """Draws all fields, each with what is wrong with it below.

    problems: key -> sentences (Markdown); home: the folder that relative paths start at.
    """
    for section in first():
        _columns(section, problems, home)
    opened: set[str] = st.session_state.setdefault("new case opened", set())
    for section in folded():
        wrong = sum(one.key in problems for column in section.columns for one in column)
        if wrong:
            opened.add(section.title)  # for good: it must not close while somebody mends what is in it
        label = section.title + (f" :red[({wrong} to mend)]" if wrong else "")
        with st.expander(label, expanded=section.title in opened):
            _columns(section, problems, home)


def usual(key: str) -> Any:
    """The default of a key of the case file; MISSING where there is none."""
    *tables, name = key.split(".")
    part = _PARTS[tables[-1]] if tables else Case
    return next(default(one) for one in fields(part) if one.name == name)


def listed(text: str) -> list[str]:
    """Names between commas, without the spaces around them."""
    return [name for part in text.split(",") if (name := part.strip())]


def numbers(text: str) -> list[float] | str:
    """Numbers between commas; the text as it is where one of them is none, for the check to name."""
    try:
        return [float(part) for part in listed(text)]
    except ValueError:
        return text


def pairs(text: str) -> dict[str, Any] | str:
    """`train = true, split = letters` as a table; the text as it is where a part is no such pair, for the check."""
    parts = [part.partition("=") for part in listed(text)]
    if not all(name.strip() and equals for name, equals, _ in parts):
        return text
    return {name.strip(): _scalar(value.strip()) for name, _, value in parts}


def _scalar(text: str) -> Any:
    with suppress(tomllib.TOMLDecodeError):
        return tomllib.loads(f"x = {text}")["x"]
    return text


_NETWORK = Field(
    "architecture",
    "Network",
    "Of both models. Type to search torchvision's networks (and timm's, where it is installed), or type "
    "package.module:function for one of your own: a function of the number of classes, which may lie beside the file.",
    "network",
    placeholder="Choose, or type its name",
)


def _place(side: str) -> Field:
    key, kind = f"{side}.path", _said(f"{side}.kind", "files")
    if kind == "torchvision":
        hint = "Folder (root) in which torchvision finds the dataset; nothing is downloaded."
        return Field(key, f"{side.capitalize()} root", hint, "path", placeholder="folder above the dataset")
    hint = "A folder with a folder of images for each class, or a CSV with the columns path and label. A relative path "
    hint += "starts at the case file's folder. For other data, see “Images and classes” below."
    waits = "folder of class folders, or a .csv" if kind == "files" else "built in, nothing to name"
    return Field(key, f"{side.capitalize()} folder", hint, "path", placeholder=waits)


def _checkpoint(side: str) -> Field:
    hint = "State dict (.pt, .pth) or .safetensors; only tensors are read. Without one the model is trained here."
    return Field(
        f"{side}_model.checkpoint",
        f"{side.capitalize()} checkpoint",
        hint,
        "path",
        placeholder="none: it is trained here",
    )


def _images(side: str) -> tuple[Field, ...]:
    kind = _said(f"{side}.kind", "files")
    named = [
        Field(f"{side}.kind", f"Kind of {side}", "Where its labelled images come from.", "choice", KINDS),
        Field(f"{side}.title", f"Name of {side}", "Of the domain, as the pages say it.", placeholder=side),
    ]
    if kind == "torchvision":
        named += [
            Field(f"{side}.dataset", "Dataset", "Its name in torchvision, such as MNIST or SVHN."),
            Field(f"{side}.options", "Options", "Of its class, such as: split = letters, train = true.", "pairs"),
        ]
    return (
        *named,
        Field(
            f"{side}.classes",
            "Classes",
            "These only, in this order, between commas; or a .txt file with one a line. Empty takes all.",
            "names",
            placeholder="all",
        ),
        Field(
            f"{side}.order",
            "Order of the classes",
            "Which output is which class, where the classes are not listed and the checkpoint does not say.",
            "choice",
            _ORDER_WORDS,
        ),
        Field(
            f"{side}.rename",
            "Rename",
            "So that names match between the domains: theirs = ours, between commas.",
            "pairs",
            placeholder="theirs = ours",
        ),
        Field(f"{side}.per_class", "Images per class", "At most; 0 takes all there are.", "whole"),
    )


def _splits(side: str) -> tuple[Field, ...]:
    shares = (
        Field(f"{side}.training_share", "Share for training", "Of a random split, or one by groups.", "number"),
        Field(
            f"{side}.test_share", "Share for test", "Of the held-out images; 0: none but what the data bring.", "number"
        ),
        Field(f"{side}.seed", "Seed", "Of the split and the choice of images.", "whole"),
    )
    if _said(f"{side}.kind", "files") not in ("files", "torchvision"):
        return shares
    split = (
        "Given: split folders or the CSV's column, where there are some. Groups: all images of one object on one side."
    )
    return (
        Field(f"{side}.split", f"Split of {side}", split, "choice", {one: _SPLIT_WORDS[one] for one in SPLITS}),
        *shares,
        Field(f"{side}.unreadable", "Broken images", "Fail, or skip and count them.", "choice", _same(UNREADABLE)),
    )


def _preprocessing() -> tuple[tuple[Field, ...], ...]:
    return (
        (
            Field("image_size", "Image size", "Side in pixels of the squares that the networks see.", "whole", least=8),
            Field("resize", "Resizing", "Before the middle is taken.", "choice", _RESIZE_WORDS),
            Field(
                "resize_to", "Resized to", "Pixels of the square or of the shorter side; 0: the image size.", "whole"
            ),
            Field("interpolation", "Interpolation", "PIL's filter.", "choice", _same(INTERPOLATIONS)),
            Field("channels", "Channels", "Whatever the files are.", "choice", {3: "3: colour", 1: "1: grey"}),
        ),
        (
            Field("mean", "Mean", "Of each channel, taken off the images (0 to 1).", "numbers"),
            Field("std", "Standard deviation", "Of each channel; images are divided by it.", "numbers"),
            Field("transparency", "Transparent parts", f"{_READ} drops alpha.", "choice", _same(TRANSPARENCIES)),
            Field("orientation", "Turned photos", f"{_READ} ignores the camera's entry.", "choice", _ORIENTATION_WORDS),
            Field("levels", "16-bit levels", f"{_READ} clips them at 255.", "choice", _same(LEVELS)),
        ),
    )


def _checkpoint_details(side: str) -> tuple[Field, ...]:
    table, own = f"{side}_model", f"Of the {side} model alone, where it is another one than the case's."
    network = Field(f"{table}.architecture", f"Network of the {side} model", own, "network", placeholder="the same")
    key = Field(f"{table}.checkpoint_key", "Key in the file", "Where in it the weights lie, such as model_ema.")
    if _said(f"{table}.checkpoint"):
        return (
            key,
            Field(f"{table}.history", "History", "CSV of accuracies that belongs to it; may stay empty.", "path"),
            network,
        )
    if side == "source":
        hint = "Checkpoint that initialises the parts it fits; empty: random."
        start = Field(f"{table}.initial", "Training starts from", hint, "path", placeholder="random weights")
        return (start, key, network) if _said(start.key) else (start, network)
    return (network,)


def _training_caption(side: str) -> str:
    if not _said(f"{side}_model.checkpoint"):
        return f"Of the {side} model."
    if side == "target" and _said("control"):
        return "Of the control from scratch: the target model itself is read from its checkpoint."
    return f"The {side} model is read from its checkpoint; nothing is trained."


def _training(side: str) -> tuple[Field, ...]:
    at = f"{side}_model.training"
    if _said(f"{side}_model.checkpoint") and not (side == "target" and _said("control")):
        return ()
    strategy = "All layers, the last one only, or all from random weights."
    plan = (
        Field(f"{at}.strategy", "Strategy", strategy, "choice", _same(STRATEGIES)),
        Field(f"{at}.epochs", "Epochs", "Passes over the training images.", "whole", least=1),
        Field(f"{at}.batch_size", "Batch size", "Images of one step.", "whole", least=1),
        Field(f"{at}.learning_rate", "Learning rate", "Highest of the schedule; it falls to 0.", "number", least=1e-7),
        Field(f"{at}.weight_decay", "Weight decay", "Of AdamW.", "number"),
        Field(
            f"{at}.augment", "Augmentation", "Digits: shifts, turns. Photos: crops, flips.", "choice", _same(AUGMENTS)
        ),
        Field(f"{at}.seed", "Seed", "Of weights, batches and augmentation.", "whole"),
    )
    if _said(f"{at}.strategy", "all") != "all":
        return plan
    return (
        *plan,
        Field(f"{at}.freeze_until", "Frozen up to", "Name of the last layer that stays as it was; empty: none."),
        Field(f"{at}.head_epochs", "Head first", "So many of the epochs train the last layer only.", "whole"),
    )


def _analysis() -> tuple[tuple[Field, ...], ...]:
    every = "Names to analyse, between commas; empty: every convolution and linear layer but the last."
    steps = "Of conductance; more is more exact and takes longer."
    scratch = "The target model's training from random weights, to hold the transfer against, without being asked for."
    return (
        (
            Field("about", "About", "One or two sentences for whoever opens the case."),
            Field("layers", "Layers", every, "names", placeholder="all but the last"),
            Field("control", "Train from scratch, too", scratch, "switch"),
        ),
        (
            Field("baseline", "Baseline", "Where conductance's path starts.", "choice", _same(BASELINES)),
            Field("n_steps", "Path steps", steps, "whole", least=1),
            Field(
                "precision", "Precision", "bfloat16 is faster where the processor has it.", "choice", _same(PRECISIONS)
            ),
            Field("seed", "Seed", "Of embeddings and feature images.", "whole"),
        ),
    )


def _same(options: Sequence[str]) -> dict[str, str]:
    return {one: one for one in options}


def _key(key: str) -> str:
    return f"new case {key}"


def _said(key: str, unless: Any = "") -> Any:
    """What a widget holds, whether it is drawn in this run already or not."""
    return st.session_state.get(_key(key)) or unless


def _kind(side: str) -> str:
    kind = str(_said(f"{side}.kind", "files"))
    if kind != "files":
        return kind
    return "csv" if str(_said(f"{side}.path")).strip().casefold().endswith(".csv") else "folder"


def _is_built_in(side: str) -> bool:
    return _kind(side) not in PLACED


def _value(one: Field) -> Any:
    """What the case file would say for a field."""
    held = st.session_state.get(_key(one.key), _start(one))
    if one.kind not in ("text", "path", "network", "names", "numbers", "pairs"):
        return held
    text = str(held or "").strip()
    if one.kind == "path":
        with suppress(RuntimeError):  # no home of that name
            return str(Path(text).expanduser()) if text.startswith("~") else text
    if one.kind == "names" and text.casefold().endswith(".txt"):
        return text
    return {"names": listed, "numbers": numbers, "pairs": pairs}.get(one.kind, str)(text)


def _start(one: Field) -> Any:
    """What a widget shows before anybody changed it."""
    if one.key.endswith(".kind"):
        return "files"
    value = usual(one.key)
    if one.kind == "numbers":
        return ", ".join(map(str, value))
    if one.kind in ("whole", "number"):
        return max(value, type(value)(one.least))
    return value if one.kind in ("choice", "switch") else ""


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _ordered(made: dict[str, Any], part: type) -> dict[str, Any]:
    known = {one.name: _PARTS.get(one.name) for one in fields(part)}
    return {name: _ordered(made[name], inner) if inner else made[name] for name, inner in known.items() if name in made}


def _columns(section: Section, problems: Mapping[str, Sequence[str]], home: Path) -> None:
    places = beside(len(section.columns), name=f"form {section.title}", least=_LEAST)
    captions = section.captions or ("",) * len(places)
    for column, caption, place in zip(section.columns, captions, places, strict=True):
        with place:
            if caption:
                st.caption(caption)
            for one in column:
                _widget(one)
                if one.kind == "path":
                    _whence(one, home)
                for sentence in problems.get(one.key, ()):
                    st.markdown(f":red[:material/error: {sentence}]")


def _whence(one: Field, home: Path) -> None:
    """Where a relative path starts, since it is not the folder the app was started in."""
    path = _value(one)
    if path and not Path(path).is_absolute():
        st.caption(f"Relative to the case file’s folder: {escape(home / path)}")


def _widget(one: Field) -> None:
    common: dict[str, Any] = {"key": _key(one.key), "persist_state": "session", "help": one.hint}
    start = _start(one)
    if one.kind == "choice":
        options = one.options or {}
        at = list(options).index(start)
        st.selectbox(one.label, list(options), at, format_func=options.__getitem__, **common)
    elif one.kind == "network":
        st.selectbox(one.label, names.known(), None, accept_new_options=True, placeholder=one.placeholder, **common)
    elif one.kind == "switch":
        st.toggle(one.label, start, **common)
    elif one.kind == "whole":
        st.number_input(one.label, int(one.least), None, start, step=1, **common)
    elif one.kind == "number":
        st.number_input(one.label, float(one.least), None, start, format="%g", **common)
    else:
        idle = one.key.endswith(".path") and _is_built_in(one.key.partition(".")[0])
        st.text_input(one.label, start, placeholder=one.placeholder, disabled=idle, **common)
