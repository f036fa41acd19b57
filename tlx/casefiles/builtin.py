"""The cases that come with tlx: `digits` needs nothing else, the others wait for their data in `$TLX_DATA`.

`$TLX_DATA` is `data/` beside the app, or a folder of the user's, unless set. A case's models lie in
`$TLX_DATA/<case>/models/` as `source.safetensors` and `target.safetensors` with their `history.csv`; until then they
are trained.
"""

from __future__ import annotations

from pathlib import Path

from tlx import places
from tlx.cases import Case, Domain, ModelPlan, Training

SHIPPED = places.PACKAGE / "data"
_HALVES = (0.5, 0.5, 0.5)
_MNIST = "MNIST/raw/train-images-idx3-ubyte"

# What to fetch, by the title of a domain: where it is looked for below the root (one place is enough), and in words.
_FETCH = {
    "amazon": (("office31/amazon",), "Office-31's amazon photos (Saenko et al. 2010) in office31/amazon/<class>/"),
    "webcam": (("office31/webcam",), "Office-31's webcam photos (Saenko et al. 2010) in office31/webcam/<class>/"),
    "MNIST-M": (("mnist_m",), "MNIST-M (Ganin et al. 2016) as images in mnist_m/<digit>/"),
    "SVHN": (("svhn/train_32x32.mat",), "SVHN's train_32x32.mat (torchvision's datasets.SVHN fetches it) in svhn/"),
    "MNIST": (
        tuple(
            f"{place}{end}"
            for place in (_MNIST, f"mnist/{_MNIST}", f"mnist/{Path(_MNIST).name}")
            for end in ("", ".gz")
        ),
        "MNIST's four idx files (torchvision's datasets.MNIST fetches them) in MNIST/raw/",
    ),
}


def cases() -> dict[str, Case]:
    """The built-in cases by name, without file facts: it looks whether a few files exist and reads none."""
    return {case.name: case for case in (digits(), _office31(), _mnistm(), _svhn())}


def root() -> Path:
    """The folder of downloaded data."""
    return places.data().absolute()


def missing(case: Case) -> str:
    """One sentence on what a built-in case still needs and where to put it; "" when it is here."""
    absent = [
        words
        for places, words in (_FETCH[domain.title] for domain in (case.source, case.target) if domain.title in _FETCH)
        if not any((root() / place).exists() for place in places)
    ]
    if not absent:
        return ""
    return f"the images of case {case.name!r} are not here: put {' and '.join(absent)} below {root()} (or set TLX_DATA)"


def models_folder(name: str) -> Path:
    """Where the models of the built-in case of this name lie, or will."""
    return SHIPPED / "digits" if name == "digits" else root() / name / "models"


def _plan(name: str, model: str, training: Training, initial: Path | None = None) -> ModelPlan:
    """Read from its file where there is one, else trained."""
    home = models_folder(name)
    start = str(initial) if initial is not None and initial.is_file() else ""
    if not (home / f"{model}.safetensors").is_file():
        return ModelPlan(initial=start, training=training)
    history = str(home / "history.csv") if (home / "history.csv").is_file() else ""
    return ModelPlan(str(home / f"{model}.safetensors"), history, start, training)


def digits() -> Case:
    """The case that needs nothing else: printed digits to handwritten ones."""
    return Case(
        name="digits",
        title="Digits: printed to handwritten",
        about=(
            "Coloured printed digits on clutter (source) and real handwritten digits (target). A stand-in for the "
            "paper's SVHN to MNIST that needs no download."
        ),
        source=Domain("printed-digits", "printed", per_class=300, test_share=0.5),
        target=Domain("handwritten-digits", "handwritten", training_share=1 / 9, test_share=0.5),
        architecture="compact_alexnet",
        image_size=32,
        mean=_HALVES,
        std=_HALVES,
        control=True,
        source_model=_plan("digits", "source", Training(epochs=24, augment="digits")),
        target_model=_plan("digits", "target", Training(12, batch_size=32, learning_rate=5e-4, augment="digits")),
    )


def _office31() -> Case:
    def photos(name: str) -> Domain:
        home = root() / "office31" / name
        inner = home / "images"  # as the original archive has them
        return Domain("folder", name, str(inner if inner.is_dir() else home))

    source = Training(epochs=16, learning_rate=2e-4, augment="photos")
    target = Training(epochs=12, batch_size=32, learning_rate=1e-4, augment="photos")
    convolutions = root() / "weights" / "alexnet_imagenet_features.pth"
    return Case(
        name="office31",
        title="Office-31: amazon to webcam",
        about=(
            "The paper's first case study: photos of 31 kinds of office things from a shop (source) and from a webcam "
            "(target), AlexNet with ImageNet convolutions where they are here."
        ),
        source=photos("amazon"),
        target=photos("webcam"),
        architecture="alexnet",
        source_model=_plan("office31", "source", source, convolutions),
        target_model=_plan("office31", "target", target),
        precision="bfloat16",
    )


def _mnistm() -> Case:
    source = Domain("folder", "MNIST-M", str(root() / "mnist_m"), per_class=1500)
    return _to_mnist("mnistm-mnist", "MNIST-M to MNIST", "Handwritten digits on photo backgrounds", source)


def _svhn() -> Case:
    source = Domain("torchvision", "SVHN", str(root() / "svhn"), "SVHN", per_class=1500)
    return _to_mnist(
        "svhn-mnist", "SVHN to MNIST", "The paper's second case study: house numbers in street photos", source
    )


def _to_mnist(name: str, title: str, about: str, source: Domain) -> Case:
    """From a noisy domain of digits to MNIST at the paper's sizes: 1,500 and 150 images of a class."""
    beside = root() / "mnist"
    return Case(
        name=name,
        title=title,
        about=f"{about} (source) and 150 of each of MNIST's digits (target).",
        source=source,
        target=Domain("torchvision", "MNIST", str(beside if beside.is_dir() else root()), "MNIST", per_class=150),
        architecture="compact_alexnet",
        image_size=32,
        mean=_HALVES,
        std=_HALVES,
        source_model=_plan(name, "source", Training(epochs=12, augment="digits")),
        target_model=_plan(name, "target", Training(12, batch_size=32, learning_rate=5e-4, augment="digits")),
    )
