"""What a result is expected to cost, in words, before anybody asks for it.

A rough model, good to a factor of two or three: what is missing of a result and of those it is made of, times measured
seconds of each, which grow with the image's area. Measured with the `compact_alexnet` at 32 px on two processor cores;
AlexNet at 224 px takes 17 ms forward and back where this says 37.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from tlx import needs
from tlx.app import jobs
from tlx.app.job_queue import Key
from tlx.cases import MODELS, Case
from tlx.errors import UserError
from tlx.needs import Need, answered, panel_of
from tlx.results import DomainImages, Network

BEGIN = 2.0  # seconds before anything is computed: torch is imported, a model is loaded
FORWARD = 0.25e-3  # for one image of 32 x 32 through the network
BACKWARD = 0.75e-3  # and forward and back again
EDGES = 20e-3  # and to value all edges of one model on it
FIT = 10e-6  # and to tell two domains apart, for one neuron and instance
CLASSIFIER = 1.0  # and by the important neurons of a class
LENGTHS = 2 + 4 + 8  # budgets that a control to its own end takes as a rule; 16 more at most
RUNS = 203  # of a network to silence neurons: before; after and a hundred times others, with either replacement
ASKED = 150, 100  # held-out images of a domain asked about it at most: of the class, and of all classes
SILENCED = 0.1e-3  # for one of them through the network
REFERENCE = 32 * 32
MOMENT = 15  # seconds a person may be made to wait without having asked


def ask(label: str, asked: Callable[..., Any], *args: Any) -> Any:
    """Computes at once what takes a moment; anything longer is offered as a button that says what it costs.

    label: of that button; asked, args: a panel of `needs` or a function of the pipeline, the case first.
    """
    expected = seconds(asked, *args)
    return jobs.result(asked, *args) if expected <= MOMENT else jobs.offered(label, words(expected), asked, *args)


def offer(label: str, asked: Callable[..., Any], *args: Any) -> Any:
    """Offers it as a button that says what it costs, however little that is."""
    return jobs.offered(label, words(seconds(asked, *args)), asked, *args)


def words(expected: float) -> str:
    """ "about 20 s": as much as can be promised."""
    return f"about {jobs.duration(_rounded(expected))}"


def seconds(asked: Callable[..., Any], *args: Any) -> float:
    """The expected time; counts only what is missing, each result once."""
    missing: dict[Key, Need] = {}
    with suppress(_MissingError, UserError):  # what a panel needs next may depend on what is not known yet
        answered(panel_of(asked, *args), lambda wanted: _at_hand(wanted, missing))
    network, domains = jobs.require(needs.frame, args[0])
    return BEGIN + sum(_own(wanted, network, domains) for wanted in missing.values())


class _MissingError(Exception):
    """A panel needs what is not there."""


def _at_hand(wanted: Need, missing: dict[Key, Need]) -> Any:
    if not wanted.stored:
        _add(wanted, missing)
        raise _MissingError
    return jobs.stored(wanted.function, *wanted.arguments)


def _add(wanted: Need, missing: dict[Key, Need]) -> None:
    key = jobs.key_of(wanted)
    if key not in missing and not wanted.stored:
        missing[key] = wanted
        for part in wanted.made_of():
            _add(part, missing)


def _own(wanted: Need, network: Network, domains: dict[str, DomainImages]) -> float:
    """The seconds of a result alone, once everything it is made of is there; 0 for what takes no time to speak of."""
    case: Case = wanted.arguments[0]
    area = max(case.seen_by(model).image_size for model in MODELS) ** 2 / REFERENCE
    match wanted.name, list(wanted.arguments[1:]):
        case "trained", [model]:
            return _epochs(case, model) * len(domains[model]) * BACKWARD * area
        case "scratch", _:
            return case.plan("target").training.epochs * len(domains["target"]) * BACKWARD * area
        case "scratch_to_end", _:
            return LENGTHS * case.plan("target").training.epochs * len(domains["target"]) * BACKWARD * area
        case "few_labels", [labels, *_]:
            return _few_labels(case, domains["target"], labels) * area
        case (("predictions" | "activations" | "vectors"), [_, domain, *_]):
            return len(domains[domain]) * FORWARD * area
        case "conductance", [_, domain]:
            return len(domains[domain]) * (case.n_steps + 1) * BACKWARD * area
        case "abstraction", [_, class_name]:
            return len(domains["target"].of_class(class_name)) * EDGES * area
        case (("discriminability" | "linear_probe"), _):
            return CLASSIFIER
        case "domain_gap", [class_name]:
            rows = sum(len(listed.of_class(class_name)) for listed in domains.values())
            return len(MODELS) * sum(min(layer.units, rows) * rows * FIT for layer in network.layers)
        case "silenced", [class_name, *_]:
            return RUNS * sum(_asked(listed, class_name) for listed in domains.values()) * SILENCED * area
    return 0.0


def _few_labels(case: Case, listed: DomainImages, labels: int) -> float:
    """Seconds of one training on few labels: its steps are the case's own, its batches may be smaller."""
    how, learned = case.plan("target").training, int(listed.training.sum())
    steps = how.epochs * -(-learned // how.batch_size)
    batch = min(how.batch_size, learned, labels * len(listed.classes) or learned)
    return steps * batch * BACKWARD + int(listed.judged.sum()) * FORWARD


def _asked(listed: DomainImages, class_name: str) -> int:
    """How many held-out images silencing asks the model about, at most."""
    counts = listed.judged[listed.of_class(class_name)].sum(), listed.judged.sum()
    return sum(min(int(count), most) for count, most in zip(counts, ASKED, strict=True))


def _epochs(case: Case, model: str) -> int:
    plan = case.plan(model)
    return 0 if plan.checkpoint and Path(plan.checkpoint).exists() else plan.training.epochs


def _rounded(time: float) -> float:
    """To one or two figures: more would promise too much."""
    for step in (1, 5, 10, 60, 300, 600):
        if time < 12 * step:
            return max(step * round(time / step), 1)
    return 1800 * max(round(time / 1800), 1)
