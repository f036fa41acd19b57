"""The form in which a case file is put together: one widget for each key, kept until the session ends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import MISSING, fields
from typing import Any

import streamlit as st

from tlx.app.layout import beside
from tlx.cases import AUGMENTS, BASELINES, DOMAINS, PRECISIONS, SPLITS, STRATEGIES, UNREADABLE, Case, Domain, Training

KINDS = {
    "folder": "image folder (class/image)",
    "csv": "CSV of paths and labels",
    "torchvision": "torchvision dataset",
    "handwritten-digits": "handwritten digits (built in)",
    "printed-digits": "printed digits (built in)",
}
ARCHITECTURES = ("compact_alexnet", "alexnet", "resnet18", "resnet50", "vgg16", "mobilenet_v3_small", "vit_b_16")
_TRAINED, _GIVEN = "train here", "read a checkpoint"
_PLACES = ("folder", "csv", "torchvision")


def form() -> dict[str, Any]:
    """Draws the form; answers with the table a case file holds, without the keys left at their defaults."""
    st.subheader("Experiment", anchor=False)
    table = _experiment()
    st.subheader("Domains", anchor=False)
    for side, column in zip(DOMAINS, beside(2, name="form domains", least=230), strict=True):
        with column:
            table[side] = _domain(side)
    st.subheader("Models", anchor=False)
    for side, column in zip(DOMAINS, beside(2, name="form models", least=230), strict=True):
        with column:
            if plan := _model(side):
                table[f"{side}_model"] = plan
    with st.expander("Analysis"):
        table |= _analysis()
    order = [f.name for f in fields(Case)]  # tables come last in TOML whatever the order; the rest reads well in it
    return {key: table[key] for key in order if key in table}


def listed(text: str) -> list[str]:
    """Names between commas, without the spaces around them."""
    return [name for part in text.split(",") if (name := part.strip())]


def numbers(text: str) -> list[float] | str:
    """Numbers between commas; the text as it is where one of them is none, for the check to name."""
    try:
        return [float(part) for part in listed(text)]
    except ValueError:
        return text


def _experiment() -> dict[str, Any]:
    left, right = beside(2, name="form experiment", least=230)
    with left:
        title = _text("title", "Title", "What the pages call this case.", "My transfer")
        about = _text("about", "About", "One or two sentences for whoever opens the case.")
        architecture = _text(
            "architecture",
            "Network",
            f"{', '.join(ARCHITECTURES)} or another of torchvision, timm:name, or package.module:function.",
            ARCHITECTURES[1],
        )
    with right:
        size = _number("image_size", "Image size", "Images are resized to squares of so many pixels.", 224, least=8)
        channels = _choice("channels", "Channels", "3 for colour, 1 for grey images.", (3, 1), str)
        mean = _text("mean", "Mean", "Of each channel, taken off the images (0 to 1).", "0.485, 0.456, 0.406")
        std = _text("std", "Standard deviation", "Of each channel; images are divided by it.", "0.229, 0.224, 0.225")
    entries = {"title": title, "about": about, "architecture": architecture, "image_size": size, "channels": channels}
    entries |= {"mean": numbers(mean), "std": numbers(std)}
    return {"title": title, "architecture": architecture} | _unlike(entries, Case)


def _domain(side: str) -> dict[str, Any]:
    kind = _choice(
        f"{side}.kind", f"{side.capitalize()} domain", "Where its labelled images come from.", KINDS, KINDS.get
    )
    entries: dict[str, Any] = {
        "kind": kind,
        "title": _text(f"{side}.title", "Name", "Of the domain, as pages say it.", side),
    }
    if kind in _PLACES:
        entries["path"] = _text(
            f"{side}.path",
            "Path",
            {
                "folder": "Folder with a folder of images for each class; may start at the case file's folder.",
                "csv": "File with a path and a label in each row; paths in it start at its folder.",
                "torchvision": "Folder (root) in which torchvision finds the dataset; nothing is downloaded.",
            }[kind],
        )
    if kind == "torchvision":
        entries["dataset"] = _text(
            f"{side}.dataset", "Dataset", "Its name in torchvision, such as MNIST or SVHN.", "MNIST"
        )
    least = int(kind == "printed-digits")
    entries["per_class"] = _number(
        f"{side}.per_class", "Images per class", "At most; 0 takes all.", 300 * least, least=least
    )
    entries["test_share"] = (
        _number(f"{side}.test_share", "For test, %", "Of the held-out images; 0: none but what the data bring.", 0)
        / 100
    )
    entries["classes"] = listed(_text(f"{side}.classes", "Classes", "These only, between commas; empty takes all."))
    if kind in _PLACES:
        entries["split"] = _choice(
            f"{side}.split",
            "Split",
            "Given: the split folders or the CSV's column where there are "
            "some, else random. Groups: all images of one object on one side.",
            SPLITS,
            str,
        )
        entries["unreadable"] = _choice(
            f"{side}.unreadable", "Broken images", "Fail, or skip and count them.", UNREADABLE, str
        )
    return {"kind": kind, "title": entries["title"]} | _unlike(entries, Domain)


def _model(side: str) -> dict[str, Any]:
    how = _choice(
        f"{side}.how", f"{side.capitalize()} model", "Train it here, or bring its weights.", (_TRAINED, _GIVEN), str
    )
    if how == _GIVEN:
        entries = {
            "checkpoint": _text(
                f"{side}.checkpoint", "Checkpoint", "State dict (.pt, .pth) or .safetensors; only tensors are read."
            ),
            "history": _text(f"{side}.history", "History", "CSV of accuracies that belongs to it; may stay empty."),
        }
        return {key: value for key, value in entries.items() if value}
    initial = (
        _text(f"{side}.initial", "Starts from", "Checkpoint that initialises the parts it fits; empty: random.")
        if side == "source"
        else ""
    )
    training = _training(side)
    return ({"initial": initial} if initial else {}) | ({"training": training} if training else {})


def _training(side: str) -> dict[str, Any]:
    entries: dict[str, Any] = {
        "strategy": _choice(
            f"{side}.strategy",
            "Strategy",
            "All layers, the last one only, or all from random weights.",
            STRATEGIES,
            str,
        ),
        "epochs": _number(f"{side}.epochs", "Epochs", "Passes over the training images.", 20, least=1),
        "batch_size": _number(f"{side}.batch_size", "Batch size", "Images of one step.", 64, least=1),
        "learning_rate": st.number_input(
            "Learning rate",
            min_value=1e-7,
            value=1e-3,
            format="%g",
            key=_key(f"{side}.rate"),
            persist_state="session",
            help="Of the first step; it falls to 0 as a cosine.",
        ),
        "augment": _choice(
            f"{side}.augment", "Augmentation", "None, digits (shifts, rotations), photos (crops, flips).", AUGMENTS, str
        ),
    }
    if entries["strategy"] == "all":
        entries["freeze_until"] = _text(
            f"{side}.freeze", "Frozen up to", "Name of the last layer that stays as it was; empty: none."
        )
        entries["head_epochs"] = _number(
            f"{side}.head", "Head first", "So many of the epochs train the last layer only.", 0
        )
    return _unlike(entries, Training)


def _analysis() -> dict[str, Any]:
    left, right = beside(2, name="form analysis", least=230)
    with left:
        layers = _text(
            "layers",
            "Layers",
            "Names to analyse, between commas; empty: every convolution and linear layer but the last.",
        )
        baseline = _choice(
            "baseline", "Baseline", "Where conductance's path starts: the mean colour, or black.", BASELINES, str
        )
    with right:
        more = "Of conductance; more is more exact and takes longer."
        steps = _number("n_steps", "Path steps", more, Case.n_steps, least=1)
        precision = _choice("precision", "Precision", "bfloat16 is faster on processors that have it.", PRECISIONS, str)
    control = st.toggle(
        "Train from scratch, too",
        key=_key("control"),
        persist_state="session",
        help="The target model's training from random weights, to hold the transfer against, without being asked for.",
    )
    entries = {"layers": listed(layers), "baseline": baseline, "n_steps": steps, "precision": precision}
    return _unlike(entries | {"control": control}, Case)


def _unlike(entries: dict[str, Any], kind: type) -> dict[str, Any]:
    """What differs from the defaults of this part of a case."""
    defaults = {f.name: f.default for f in fields(kind) if f.default is not MISSING}
    plain = {key: list(value) if isinstance(value, tuple) else value for key, value in defaults.items()}
    return {key: value for key, value in entries.items() if key not in plain or value != plain[key]}


def _key(name: str) -> str:
    return f"new case {name}"


def _text(name: str, label: str, hint: str, default: str = "") -> str:
    return str(st.text_input(label, default, key=_key(name), persist_state="session", help=hint))


def _number(name: str, label: str, hint: str, default: int, *, least: int = 0) -> int:
    key = _key(f"{name} {least}")
    return int(
        st.number_input(label, min_value=least, value=default, step=1, key=key, persist_state="session", help=hint)
    )


def _choice(name: str, label: str, hint: str, options: Sequence[Any] | dict[str, str], shown: Any) -> Any:
    return st.selectbox(label, list(options), format_func=shown, key=_key(name), persist_state="session", help=hint)
