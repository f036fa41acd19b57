"""What a result is expected to cost, in words, before anybody asks for it.

A rough model, good to a factor of two or three: passes through the network times a measured time for one pass of one
image, which grows with the image's area. Measured with the `compact_alexnet` at 32 px on two processor cores; AlexNet
at 224 px takes 17 ms forward and back where this says 37.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from tlx import pipeline
from tlx.app import jobs
from tlx.cases import DOMAINS, MODELS, Case
from tlx.results import DomainImages

FORWARD = 0.25e-3  # seconds for one image of 32 x 32 through the network
BACKWARD = 0.75e-3  # and forward and back again
EDGES = 20e-3  # and to value all edges of one model on it
FIT = 10e-6  # and to tell two domains apart, for one neuron and instance
RUNS = 12  # of a network to silence neurons: before, after, and ten times others
REFERENCE = 32 * 32
MOMENT = 15  # seconds a person may be made to wait without having asked

R = TypeVar("R")


def ask(what: str, label: str, function: Callable[..., R], case: Case, *args: Any) -> R | None:
    """Computes at once what takes a moment; anything longer is offered as a button that says what it costs.

    what: "score", "comparison" or "discriminability"; label: of the button and the progress bar.
    """
    expected = seconds(case, what)
    if expected <= MOMENT:
        return jobs.result(label, function, case, *args)
    return jobs.offered(label, words(expected), function, case, *args)


def words(expected: float) -> str:
    """ "about 20 s": as much as can be promised."""
    return f"about {jobs.duration(_rounded(expected))}"


def of_reuse(case: Case) -> float:
    """The expected seconds to compare the two models for every class; counts only what is missing."""
    target = _domains(case)["target"]
    images = sum(
        len(target.of_class(name))
        for name in target.classes
        for model in MODELS
        if not pipeline.abstraction.is_stored(case, model, name)
    )
    return seconds(case, "comparison") + images * EDGES * case.image_size**2 / REFERENCE


def of_silencing(case: Case) -> float:
    """The expected seconds to silence neurons: validation instances with them, without them, and without others."""
    held_out = sum(int(found.validation.sum()) for found in _domains(case).values())
    return 1.0 + RUNS * held_out * FORWARD * case.image_size**2 / REFERENCE


def of_domain_gap(case: Case, class_name: str) -> float:
    """The expected seconds to tell a class's domains apart by each layer of both models; counts what is missing."""
    layers = jobs.require("Reading the network", pipeline.network, case).layers
    rows = sum(len(found.of_class(class_name)) for found in _domains(case).values())
    return seconds(case, "domain gap") + len(MODELS) * sum(min(layer.units, rows) * rows * FIT for layer in layers)


def of_domain_gaps(case: Case) -> float:
    """The same for every class, of which the conductance is computed once."""
    names = [name for name in pipeline.in_both_domains(case) if not pipeline.domain_gap.is_stored(case, name)]
    passes = seconds(case, "domain gap")
    return passes + sum(of_domain_gap(case, name) - passes for name in names)


def of_discriminability(case: Case) -> float:
    """The expected seconds to tell the domains apart by every class's important neurons, under both models."""
    target, names = _domains(case)["target"], pipeline.in_both_domains(case)
    images = sum(
        len(target.of_class(name))
        for name in names
        for model in MODELS
        if not pipeline.abstraction.is_stored(case, model, name)
    )
    return seconds(case, "domain gap") + images * EDGES * case.image_size**2 / REFERENCE + len(names)


def seconds(case: Case, what: str) -> float:
    """The expected time; counts only what is missing."""
    counts = {domain: len(found) for domain, found in _domains(case).items()}
    area = case.image_size**2 / REFERENCE
    total = 2.0 + _training(case, counts) * area
    if what == "score":
        missing = [model for model in MODELS if not pipeline.predictions.is_stored(case, model, "target")]
        return total + len(missing) * counts["target"] * FORWARD * area
    domains = ["target"] if what == "comparison" else list(DOMAINS)
    models = ("target",) if what == "discriminability" else MODELS
    passes = sum(
        counts[domain] * case.n_steps
        for model in models
        for domain in domains
        if not pipeline.conductance.is_stored(case, model, domain)
    )
    return total + passes * BACKWARD * area


def _domains(case: Case) -> dict[str, DomainImages]:
    return {domain: jobs.require("Reading the domains", pipeline.catalogue, case, domain) for domain in DOMAINS}


def _training(case: Case, counts: dict[str, int]) -> float:
    missing = [model for model in MODELS if not pipeline.trained.is_stored(case, model)]
    epochs = {
        model: case.plan(model).training.epochs
        for model in missing
        if not (case.plan(model).checkpoint and Path(case.plan(model).checkpoint).exists())
    }
    return sum(number * counts[model] * BACKWARD for model, number in epochs.items())


def _rounded(time: float) -> float:
    """To one or two figures: more would promise too much."""
    for step in (1, 5, 10, 60, 300, 600):
        if time < 12 * step:
            return max(step * round(time / step), 1)
    return 1800 * max(round(time / 1800), 1)
