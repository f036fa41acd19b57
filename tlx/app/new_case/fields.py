"""What the form of a new case asks for: a field for each key of a case file, in the order in which they are drawn.

Which fields there are depends on what is said in others: of the kind of a domain, or whether a checkpoint is given.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import streamlit as st

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
)

PREPROCESSING = "Preprocessing"
KINDS = {
    "files": "Image folder, or a CSV (by its name)",
    "torchvision": "torchvision dataset",
    "handwritten-digits": "Handwritten digits (built in)",
    "printed-digits": "Printed digits (built in)",
}
_ORDER_WORDS = {"": "by name, unless the checkpoint says", "natural": "2 before 10", "alphabetical": "10 before 2"}
_SPLIT_WORDS = {"given": "as the data say, else random", "random": "random", "groups": "by groups of one object"}
_RESIZE_WORDS = {"squash": "whole picture to a square", "crop": "shorter side, then the middle"}
_ORIENTATION_WORDS = {"turned": "turned upright", "ignored": "left as they lie"}
_READ = "torchvision's ImageFolder"


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
        Section(PREPROCESSING, _preprocessing()),
        Section("Networks and checkpoints in detail", ((*_details("source"), _OPTIONS, _OUTPUT), _details("target"))),
        Section(
            "Inputs of one model alone",
            tuple(map(_inputs, MODELS)),
            tuple(
                f"Only where the {side} model was trained on other inputs than “Preprocessing” says." for side in MODELS
            ),
        ),
        Section("Training", tuple(map(_training, MODELS)), tuple(map(_training_caption, MODELS))),
        Section("Analysis and description", _analysis()),
    ]


def shown() -> dict[str, Field]:
    """All fields that the form has as it stands now, by key."""
    return {one.key: one for section in (*first(), *folded()) for column in section.columns for one in column}


def widget_key(key: str) -> str:
    """Under which a field's widget is known to the session."""
    return f"new case {key}"


def held(key: str, unless: Any = "") -> Any:
    """What a widget holds, whether it is drawn in this run already or not."""
    return st.session_state.get(widget_key(key)) or unless


def kind_of(side: str) -> str:
    """The kind of a domain as its case file says it."""
    kind = str(held(f"{side}.kind", "files"))
    if kind != "files":
        return kind
    return "csv" if str(held(f"{side}.path")).strip().casefold().endswith(".csv") else "folder"


def is_built_in(side: str) -> bool:
    """Whether a domain's images lie at no path."""
    return kind_of(side) not in PLACED


_OPTIONS = Field(
    "architecture_options",
    "Options of both networks",
    "What its constructor takes besides, such as transform_input = true, between commas.",
    "pairs",
    placeholder="transform_input = true",
)
_PART = "Where a network answers with several tensors, which one holds the class scores: a place (1) or a key (logits)."
_OUTPUT = Field("output", "Output of both networks", _PART, placeholder="the first of the right shape")
_NETWORK = Field(
    "architecture",
    "Network",
    "Of both models. Type to search torchvision's networks (and timm's, where it is installed), or type "
    "package.module:function for one of your own: a function of the number of classes, which may lie beside the file.",
    "network",
    placeholder="Choose, or type its name",
)


def _place(side: str) -> Field:
    key, kind = f"{side}.path", held(f"{side}.kind", "files")
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
    kind = held(f"{side}.kind", "files")
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
    if held(f"{side}.kind", "files") not in ("files", "torchvision"):
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


def _inputs(side: str) -> tuple[Field, ...]:
    table, same = f"{side}_model", {"": "as the case says"}
    resize, interpolation = same | _RESIZE_WORDS, same | _same(INTERPOLATIONS)
    return (
        Field(f"{table}.image_size", "Image size", "Side in pixels; 0: the case's.", "whole"),
        Field(f"{table}.resize", "Resizing", "Before the middle is taken.", "choice", resize),
        Field(f"{table}.resize_to", "Resized to", "Pixels; 0: the case's, or its own image size.", "whole"),
        Field(f"{table}.interpolation", "Interpolation", "PIL's filter.", "choice", interpolation),
        Field(f"{table}.mean", "Mean", "Of each channel.", "numbers", placeholder="the case's"),
        Field(f"{table}.std", "Standard deviation", "Of each channel.", "numbers", placeholder="the case's"),
    )


def _details(side: str) -> tuple[Field, ...]:
    table, own = f"{side}_model", f"Of the {side} model alone, where it is another one than the case's."
    network: tuple[Field, ...] = (
        Field(f"{table}.architecture", f"Network of the {side} model", own, "network", placeholder="the same"),
        Field(f"{table}.architecture_options", f"Options of the {side} model", own, "pairs", placeholder="the case's"),
        Field(f"{table}.output", f"Output of the {side} model", _PART, placeholder="the case's"),
    )
    if side == "target" and held(f"{table}.architecture"):
        hint = "Of layers that correspond under other names: the source's = its own, between commas."
        network += (Field(f"{table}.layers", "Layers of the target model", hint, "pairs", placeholder="by name"),)
    key = Field(f"{table}.checkpoint_key", "Key in the file", "Where in it the weights lie, such as model_ema.")
    if held(f"{table}.checkpoint"):
        return (
            key,
            Field(f"{table}.history", "History", "CSV of accuracies that belongs to it; may stay empty.", "path"),
            *network,
        )
    if side == "source":
        hint = "Checkpoint that initialises the parts it fits; empty: random."
        start = Field(f"{table}.initial", "Training starts from", hint, "path", placeholder="random weights")
        return (start, key, *network) if held(start.key) else (start, *network)
    return network


def _training_caption(side: str) -> str:
    if not held(f"{side}_model.checkpoint"):
        return f"Of the {side} model."
    if side == "target" and held("control"):
        return "Of the control from scratch: the target model itself is read from its checkpoint."
    return f"The {side} model is read from its checkpoint; nothing is trained."


def _training(side: str) -> tuple[Field, ...]:
    at = f"{side}_model.training"
    if held(f"{side}_model.checkpoint") and not (side == "target" and held("control")):
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
    if held(f"{at}.strategy", "all") != "all":
        return plan
    return (
        *plan,
        Field(f"{at}.freeze_until", "Frozen up to", "Name of the last layer that stays as it was; empty: none."),
        Field(f"{at}.head_epochs", "Head first", "So many of the epochs train the last layer only.", "whole"),
        Field(
            f"{at}.train_only",
            "Only these layers learn",
            "And always the head; between commas. Everything else stays as it was.",
            "names",
            placeholder="all",
        ),
        Field(
            f"{at}.layer_rates",
            "Rates of layers",
            "Factors of the learning rate, such as conv1 = 0.1, between commas; head is the last layer.",
            "pairs",
            placeholder="1 for all",
        ),
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
