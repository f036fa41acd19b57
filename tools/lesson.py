"""Plants, computes and writes the cases of the Lesson that come with tlx, for `make lesson-results`.

    python tools/lesson.py [FOLDER] [NAME …]

FOLDER takes images and models of the planted cases, and keeps them; NAMEs are those to write, all unless given.
Everything is computed in the store that `TLX_CACHE` names and goes on where it was interrupted; what is written are
bundles in tlx/data/lesson. The networks learned from all images of `digits`; a bundle shows a few images of two digits,
and the networks' answers for these, so that it is small and whole: every page opens for each of its classes.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from PIL import Image

from tlx import needs, pipeline, running
from tlx.casefiles import fingerprints, lesson, planted
from tlx.casefiles.loading import load_case
from tlx.cases import DOMAINS, MODELS, Case, Domain, ModelPlan
from tlx.networks import checkpoints
from tlx.results import CONTROLS, DomainImages, TrainedModel
from tlx.storage import bundles, memory

DIGITS = ("3", "8")
IMAGES = 40  # of each digit in each domain, as many of each split where there are
HEAD = "fc8"  # of the network of `digits`
ALIKE = ("shortcut", "no-difference")  # plants in halves of one domain


def grown(name: str, folder: Path) -> Case:
    """The planted case with all images of `digits`.

    Domains that the answer is about are halves of the handwritten digits: nothing but what is planted tells them apart.
    """
    plant, case = lesson.PLANTS[name], load_case("digits")
    if plant.kind in ALIKE:
        case = replace(case, source=case.target, source_model=case.target_model, files=())
        case = replace(case, files=fingerprints.of_case(case))
    if plant.kind == "shortcut":
        case = load_case(planted.plant("no-difference", soil(case, plant.seed, folder / "halves")))
    return load_case(planted.plant(plant.kind, soil(case, plant.seed, folder)))


def soil(case: Case, seed: int, home: Path) -> planted.Soil:
    images = {domain: pipeline.images(case, domain) for domain in DOMAINS}
    return planted.Soil(case, pipeline.trained(case, "source"), images, pipeline.network(case), seed, home)


def shown(name: str, case: Case, folder: Path) -> Case:
    """The case as its bundle has it: some of the images, and words that give nothing away."""
    plant = lesson.PLANTS[name]
    titles = ("first", "second") if plant.kind in ALIKE else (case.source.title, case.target.title)
    changes: dict[str, Any] = {
        side: few(pipeline.images(case, side), title, folder / side)
        for side, title in zip(DOMAINS, titles, strict=True)
    }
    for model in MODELS:
        path = folder / f"{model}.safetensors"
        if not path.is_file():  # anew it would have another digest, and what was computed would count no more
            checkpoints.write(of_few(pipeline.trained(case, model)), path)
        changes[f"{model}_model"] = ModelPlan(checkpoint=str(path))
    case = replace(case, name=name, title=plant.title, about=plant.about, control=False, home="", files=(), **changes)
    return replace(case, files=fingerprints.of_case(case))


def few(images: DomainImages, title: str, folder: Path) -> Domain:
    """The first images of the digits shown, in split folders; what is there already stays, as checkpoints do."""
    splits = [one for one in ("training", "validation", "test") if (images.split == one).any()]
    for name in DIGITS:
        for split in splits:
            home = folder / split / name
            home.mkdir(parents=True, exist_ok=True)
            of_split = [at for at in images.of_class(name).tolist() if images.split[at] == split]
            for at in of_split[: IMAGES // len(splits)]:
                path = home / f"{at:05d}.png"
                if not path.is_file():
                    Image.fromarray(images.pixels[at]).save(path)
    return Domain("folder", title, str(folder))


def of_few(model: TrainedModel) -> TrainedModel:
    """The network with the outputs of the digits shown alone: their scores are what they were."""
    rows = [model.classes.index(name) for name in DIGITS]
    head = {name: value[rows] for name, value in model.tensors.items() if name.startswith(f"{HEAD}.")}
    return replace(model, classes=DIGITS, tensors={**model.tensors, **head})


def panels(case: Case) -> Iterator[needs.Panel[Any]]:
    """What the pages show of the case: at once, and after a click on any button, layer or pair of neighbouring layers.

    Without what they show of any neuron that may be clicked: the pictures of all of them are as large as the rest.
    """
    yield from needs.of_case(case)
    for length in CONTROLS:
        yield needs.control(case, length)
    yield needs.label_efficiency(case)
    yield needs.block_gradients(case)
    yield needs.strategies(case)
    for name in DIGITS:
        yield from needs.of_class(case, name)
        yield from needs.of_class_after_one_click(case, name)


def written(case: Case) -> Path:
    path = lesson.path(case.name)
    path.parent.mkdir(exist_ok=True)
    with bundles.Writer(path, case, memory.CACHE_VERSION) as writer:
        running.write(writer, panels(case), compute=True, told=print)
    return path


def main() -> None:
    home, *names = sys.argv[1:] or [".venv/lesson-results"]
    for name in names or lesson.PLANTS:
        began, folder = time.perf_counter(), Path(home) / name
        path = written(shown(name, grown(name, folder), folder / "shown"))
        print(f"{name}: {time.perf_counter() - began:.0f} s, {path.stat().st_size / 1e6:.2f} MB", flush=True)


if __name__ == "__main__":
    main()
