"""What work is expected to cost, before anybody asks for it: passes counted by what is computed, times their seconds.

Seconds of a pass are rough ones (`rough`) times what this machine was seen to need beside them (`storage.paces`), for
pages, that know no torch; or those of a case's own networks, measured in a moment on this machine, for who is about to
compute everything (`of_run`).
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from tlx import needs, pipeline
from tlx.analysis.embedding import LIMIT as PLACED_AT_MOST
from tlx.analysis.embedding import MOST as DRAWN_AT_MOST
from tlx.cases import DOMAINS, MODELS, Case
from tlx.needs import Need, answered
from tlx.progress import duration
from tlx.results import DomainImages, Network, present_in_either
from tlx.storage import paces, spent

Frame = tuple[Network, Mapping[str, DomainImages]]
"""What both models share, and who is in the domains: what `needs.frame` answers with."""

BEGIN = 2.0  # seconds before anything is computed: torch is imported, a model is loaded
FORWARD = 0.25e-3  # for one image of 32 x 32 through the network
BACKWARD = 0.5e-3  # and forward and back again
EDGES = 14e-3  # and to value all edges of one model on it
FIT = 10e-6  # and to tell two domains apart, for one neuron and instance
CLASSIFIER = 1.0  # and by the important neurons of a class
PICTURE = 1.0  # and to place a class's instances in a picture
PLACED = 6e-3  # and for each instance that is placed
PUT = 5e-4  # and for each of many that is put amid these
READING = 0.25e-3, 30e-9  # seconds to read an image, and for each byte of its file
LOOKED_AT = 8  # files whose size is taken for that of all
DISTANCE = 0.1e-9  # to see how far two instances lie apart, for each number of their vectors
ASSIGNED = 0.4e-6  # to find which neurons correspond, for each pair of a layer
CHANCE = 0.12e-6  # to say what chance is for the edges of a class, for each edge
LENGTHS = 2 + 4 + 8  # budgets that a control to its own end takes as a rule; 16 more at most
RUNS = 203  # of a network to silence neurons: before; after and a hundred times others, with either replacement
ASKED = 150, 100  # held-out images of a domain asked about it at most: of the class, and of all classes
SILENCED = 0.1e-3  # for one of them through the network
DELETIONS = 160  # runs of a layer to compare criteria: six from either end at five counts, and a hundred draws
REFERENCE = 32 * 32
DRAWN, STEPS = 20, 80  # feature images that each class adds, and the steps that each of them takes
PAINTED = 2.5e-3  # seconds of such a step beside the network
REACHED = 0.35  # of a pass: it goes as far as the neuron, with many images at once
TRAININGS = ("trained", "scratch", "scratch_to_end")
SAME_PASS = ("activations", "vectors")  # of what `pipeline.responses` tells with the predictions
PROGRAM = 500e6  # bytes of memory that a program with torch takes before it computes
SHORT = 0.5  # seconds that a measured pass may take, about


@dataclass(frozen=True)
class Speed:
    """Seconds of one image: forward, forward and back again, to value all edges of one model, to be silenced on."""

    forward: float
    backward: float
    edges: float
    silenced: float


@dataclass(frozen=True)
class Estimate:
    """What `run` is expected to take from here on: seconds, bytes on the disk, and bytes of memory at its peak."""

    seconds: float
    disk: float
    memory: float

    @property
    def sentence(self) -> str:
        if self.seconds <= BEGIN:
            return "everything that a run computes is stored already"
        return (
            f"a run takes about {duration(rounded(self.seconds))} here, {_written(self.disk)} on the disk and up to "
            f"{_written(self.memory)} of memory: measured on a few images, and good to a factor of two"
        )


def rough(case: Case) -> Speed:
    """Of any network, by the size of its images: good to a factor of two or three."""
    area = max(
        1.0, max(case.seen_by(model).image_size for model in MODELS) ** 2 / REFERENCE
    )  # smaller ones gain nothing
    return Speed(FORWARD * area, BACKWARD * area, EDGES * area, SILENCED * area)


def missing(wanted: Need, found: dict[Any, Need]) -> None:
    """Adds to `found` what is not stored of a result and of those that it is made of, each once."""
    case, *rest = wanted.arguments
    key = (wanted.name, case.fingerprint(), repr(rest))
    if key not in found and not wanted.stored:
        found[key] = wanted
        for part in wanted.made_of():
            missing(part, found)


@dataclass(frozen=True)
class Piece:
    """Work of one kind: a function, whose network, how many results, their seconds by rough speeds.

    whole: whether all of it is still to be done; what was stopped in the middle teaches nothing.
    """

    kind: str
    network: str
    count: int
    seconds: float
    whole: bool


def pieces(parts: Mapping[Any, Need], frame: Frame) -> list[Piece]:
    """What takes time of the results that `missing` found."""
    found: dict[tuple[str, str], list[Need]] = {}
    for part in parts.values():
        found.setdefault((part.name, part.arguments[0].architecture_of(_model(part))), []).append(part)
    each = []
    for kind, some in found.items():
        alone = sum(seconds(one, *frame, rough(one.arguments[0])) for one in some)
        each.append(Piece(*kind, len(some), alone, all(map(_is_whole, some))))
    return [piece for piece in each if piece.seconds > 0]


def expected(work: Iterable[Piece]) -> float:
    """Seconds until all of it is done, by what this machine was seen to take."""
    return BEGIN + sum(piece.seconds * paces.factor(piece.kind, piece.network) for piece in work)


@contextmanager
def learning(work: Iterable[Piece]) -> Iterator[None]:
    """The block does this work: later estimates go by what it took, as far as it came."""
    heard: dict[str, tuple[int, float]] = {}
    begun = "torch" in sys.modules  # where it is imported meanwhile, short work says nothing

    def hear(kind: str, count: int, seconds: float) -> None:
        before = heard.get(kind, (0, 0.0))
        heard[kind] = before[0] + count, before[1] + seconds

    try:
        with spent.hearing(hear):
            yield
    finally:
        for piece in work:
            count, measured = heard.get(piece.kind, (0, 0.0))
            if count and piece.whole and (begun or measured > 5 * BEGIN):
                share = piece.seconds * count / piece.count
                paces.learn(piece.kind, piece.network, expected=share, measured=measured)


def _is_whole(part: Need) -> bool:
    """Conductance is: only the shards that lack are counted."""
    return part.name not in TRAININGS or not pipeline.unfinished(part.arguments[0]).exists()


def seconds(wanted: Need, network: Network, domains: Mapping[str, DomainImages], speed: Speed) -> float:
    """Of a result alone, once everything it is made of is there; 0 for what takes no time to speak of."""
    case: Case = wanted.arguments[0]
    match wanted.name, list(wanted.arguments[1:]):
        case "trained", [model]:
            return _epochs(case, model) * len(domains[model]) * speed.backward
        case "scratch", _:
            return case.plan("target").training.epochs * len(domains["target"]) * speed.backward
        case "scratch_to_end", _:
            return LENGTHS * case.plan("target").training.epochs * len(domains["target"]) * speed.backward
        case "few_labels", [labels, *_]:
            return _few_labels(case, domains["target"], labels, speed)
        case "tuned", _:
            judged = sum(int((~listed.training).sum()) for listed in domains.values())
            return _few_labels(case, domains["target"], 0, speed) + judged * speed.forward
        case "block_gradients", _:
            return _few_labels(case, domains["target"], 0, speed)
        case (("predictions" | "activations" | "vectors"), [_, domain, *_]):
            return len(domains[domain]) * speed.forward
        case "conductance", [model, domain]:
            return _lacking(case, model, domain, len(domains[domain])) * (case.n_steps + 1) * speed.backward
        case "feature_image", _:
            return STEPS * (PAINTED + REACHED * speed.backward)
        case "abstraction", [_, class_name]:
            return len(domains["target"].of_class(class_name)) * speed.edges
        case (("discriminability" | "linear_probe"), _):
            return CLASSIFIER
        case "domain_gap", [class_name]:
            rows = sum(len(listed.of_class(class_name)) for listed in domains.values())
            return len(MODELS) * sum(min(layer.units, rows) * rows * FIT for layer in network.layers)
        case "attributed", [_, class_name]:
            return len(domains["target"].of_class(class_name)) * _passes(case, network) * speed.backward
        case "criteria", [class_name]:
            asked = min(int(domains["target"].judged[domains["target"].of_class(class_name)].sum()), ASKED[0])
            return DELETIONS * len(network.layers) * asked * speed.silenced
        case "silenced", [class_name, *_]:
            return RUNS * sum(_asked(listed, class_name) for listed in domains.values()) * speed.silenced
        case "images", [domain]:
            return _reading(case, domain, domains[domain])
        case "nearest", [_, model, layer]:
            width = network.layer(layer).count(model) if layer else network.embedding_units
            return len(domains["source"]) * len(domains["target"]) * width * DISTANCE
        case "embedding", [class_names, *_]:
            counts = [sum(len(listed.of_class(name)) for name in class_names) for listed in domains.values()]
            placed = sum(min(count, PLACED_AT_MOST) for count in counts)
            return PICTURE + PLACED * placed + PUT * (sum(min(count, DRAWN_AT_MOST) for count in counts) - placed)
        case "correspondence", _:
            return sum(layer.units**2 for layer in network.layers) * ASSIGNED
        case "reuse", _:
            return _edges(network) * CHANCE
    return 0.0


def _passes(case: Case, network: Network) -> int:
    """Forth and back again, by the case's criterion: along a path, once for each layer, or once."""
    along = {"conductance": case.n_steps + 1, "internal_influence": case.n_steps + 1}
    return along.get(case.criterion, 2 * len(network.layers) if case.criterion == "deep_lift" else 1)


def _lacking(case: Case, model: str, domain: str, count: int) -> int:
    """How many of a domain's instances are in no shard of conductance that is stored already."""
    return sum(
        end - first
        for first, end in pipeline.shards(count)
        if not pipeline._conductance_shard.is_stored(case, model, domain, first, end)
    )


def _reading(case: Case, domain: str, listed: DomainImages) -> float:
    """Seconds to read a domain's images, by the size of a few of their files where these are its own."""
    named = listed.names[np.linspace(0, len(listed) - 1, min(LOOKED_AT, len(listed))).astype(int)]
    files = [Path(case.domain(domain).path, str(name)) for name in named] if case.domain(domain).path else []
    sizes = [file.stat().st_size for file in files if file.is_file()]
    return len(listed) * (READING[0] + READING[1] * sum(sizes) / max(len(sizes), 1))


def _edges(network: Network) -> int:
    """How many there are between all neighbouring layers."""
    return sum(network.layer(first).units * network.layer(second).units for first, second in network.joins)


def _few_labels(case: Case, listed: DomainImages, labels: int, speed: Speed) -> float:
    """Seconds of one training on few labels: its steps are the case's own, its batches may be smaller."""
    how, learned = case.plan("target").training, int(listed.training.sum())
    steps = how.epochs * -(-learned // how.batch_size)
    batch = min(how.batch_size, learned, labels * len(listed.classes) or learned)
    return steps * batch * speed.backward + int(listed.judged.sum()) * speed.forward


def _asked(listed: DomainImages, class_name: str) -> int:
    """How many held-out images silencing asks the model about, at most."""
    counts = listed.judged[listed.of_class(class_name)].sum(), listed.judged.sum()
    return sum(min(int(count), most) for count, most in zip(counts, ASKED, strict=True))


def _epochs(case: Case, model: str) -> int:
    plan = case.plan(model)
    return 0 if plan.checkpoint and Path(plan.checkpoint).exists() else plan.training.epochs


def of_run(case: Case, network: Network, domains: Mapping[str, DomainImages]) -> Estimate:
    """What `run` takes from here on, by a few images of the case's own through its own networks.

    network: what both models share; domains: who is in them, without pixels.
    """
    speeds = {model: _measured(case, model, domains[model]) for model in MODELS}
    parts = _missing_for_run(case, present_in_either(domains))
    told = {one.arguments[1:] for one in parts.values() if one.name == "predictions"}
    spent = BEGIN * bool(parts)
    for one in parts.values():
        if one.name not in SAME_PASS or one.arguments[1:3] not in told:
            spent += seconds(one, network, domains, speeds[_model(one)].speed)
    pictures = DRAWN * sum(one.name == "reuse" for one in parts.values())
    spent += pictures * STEPS * (PAINTED + REACHED * speeds["target"].speed.backward)
    disk = sum(_stored(one, network, domains, speeds) for one in parts.values())
    memory = PROGRAM + sum(_pixels(case, domain, domains[domain]) for domain in DOMAINS)
    memory += 2 * sum(one.weights for one in speeds.values()) + max(
        _working(case, model, speeds[model]) for model in MODELS
    )
    return Estimate(spent, disk, memory)


def work_of_run(case: Case, class_names: Iterable[str]) -> list[Piece]:
    """What `run` still has to do for these classes, feature images left out."""
    return pieces(_missing_for_run(case, class_names), answered(needs.frame(case), Need.__call__))


def _missing_for_run(case: Case, class_names: Iterable[str]) -> dict[Any, Need]:
    parts: dict[Any, Need] = {}
    for wanted in _of_run(case, class_names):
        missing(wanted, parts)
    return parts


def _of_run(case: Case, class_names: Iterable[str]) -> Iterator[Need]:
    """What stands for all that a run computes: the rest is made on the way, or takes no time."""
    yield needs.need(pipeline.transferability, case)
    for model in MODELS:
        for domain in DOMAINS:
            yield needs.need(pipeline.thumbnails, case, domain)
            yield needs.need(pipeline.predictions, case, model, domain)
            yield needs.need(pipeline.strongest, case, model, domain)
            yield needs.need(pipeline.vectors, case, model, domain)
    if case.control:
        yield needs.need(pipeline.control, case, "budget")
    for name in class_names:
        yield needs.need(pipeline.reuse, case, name)
        yield needs.need(pipeline.similarity_scales, case, name)
        yield needs.need(pipeline.embedding, case, (name,))
        for model in MODELS:
            yield needs.need(pipeline.discriminability, case, name, model)


def _model(wanted: Need) -> str:
    """Whose network a result is computed with."""
    return next((one for one in wanted.arguments[1:] if one in MODELS), "target")


@dataclass(frozen=True)
class _Measured:
    """speed: of one image; weights, passing, largest: bytes of the tensors, and of what an image leaves on its way."""

    speed: Speed
    weights: int
    passing: int
    largest: int


def _measured(case: Case, model: str, listed: DomainImages) -> _Measured:
    """A few images through the network with random weights, which takes as long as with any others."""
    import torch

    from tlx.analysis import abstraction, attribution
    from tlx.images import domains
    from tlx.networks import devices, models
    from tlx.networks import hooks as networks

    seen = case.seen_by(model)
    images = domains.sample(case.domain(model), seen.preprocessing)
    network = models.network(case, len(listed.classes), model)
    built = models.evaluating(models.build(case, len(listed.classes), model))
    names = case.plan("target").layers if model == "target" else ()
    built = networks.named_as(built.requires_grad_(False).to(devices.default()), names)
    sizes: list[int] = []
    hooks = [
        part.register_forward_hook(lambda _, __, out: sizes.append(4 * out.numel() if hasattr(out, "numel") else 0))
        for part in built.modules()
        if not any(part.children()) and not isinstance(part, torch.jit.ScriptModule)  # which takes no hooks
    ]

    def forward(count: int) -> None:
        with torch.inference_mode():
            built(models.inputs(built, images.given[np.arange(count) % len(images)], seen))

    def backward(count: int) -> None:
        chosen = np.arange(count) % len(images)
        attribution.of_instances(built, network, images, chosen, case=replace(seen, n_steps=1), outputs=listed.classes)

    forward(1)
    for hook in hooks:
        hook.remove()
    count = int(np.clip(SHORT / 4 / max(_timed(forward, 1), 1e-6), 1, 16))

    def edges(count: int) -> None:
        for pair in network.joins:
            abstraction.edges(built, network, pair, images, np.arange(count), case=seen)

    passed, back = _timed(forward, count) / count, _timed(backward, count) / count / 2  # at both ends of the one step
    speed = Speed(passed, back, _timed(edges, len(images)) / len(images), passed)
    weights = sum(one.nbytes for one in built.state_dict().values())
    return _Measured(speed, weights, sum(sizes), max(sizes, default=0))


def _timed(work: Callable[[int], object], count: int) -> float:
    """Seconds of the second time; the first one has to make room."""
    spent = []
    for _ in range(2):
        began = time.perf_counter()
        work(count)
        spent.append(time.perf_counter() - began)
    return min(spent)


def _stored(
    wanted: Need, network: Network, domains: Mapping[str, DomainImages], measured: Mapping[str, _Measured]
) -> float:
    """Bytes of a result on the disk; 0 for what is small."""
    case: Case = wanted.arguments[0]
    units = sum(layer.units for layer in network.layers)
    match wanted.name, list(wanted.arguments[1:]):
        case "images", [domain]:
            return _pixels(case, domain, domains[domain])
        case (("trained" | "scratch"), [*of]):
            model = of[0] if of else "target"
            return 0 if case.plan(model).checkpoint and of else measured[model].weights
        case "conductance", [_, domain]:
            return 2 * 8 * units * len(domains[domain])  # of shards, and put together
        case "activations", [_, domain]:
            return 8 * units * len(domains[domain])
        case "vectors", [_, domain, *_]:
            return 4 * network.embedding_units * len(domains[domain])
        case "abstraction", _:
            return 4 * _edges(network)  # a value in two bytes, a count in one, a tenth of the edges by their ends
        case "comparison", [class_name]:
            return 0.4 * _edges(network) + 8 * units * len(domains["target"].of_class(class_name))
    return 0.0


def _pixels(case: Case, domain: str, listed: DomainImages) -> float:
    seen = case.seen_by(domain)
    return len(listed) * seen.image_size**2 * seen.channels


def _working(case: Case, model: str, measured: _Measured) -> float:
    """Bytes that the largest piece of work takes beside the models: a pass along the path, or training."""
    from tlx.analysis import attribution
    from tlx.training import loop

    along = 3 * max(min(attribution.BATCH_BYTES, attribution.BATCH_MOST * measured.passing), measured.passing)
    if case.plan(model).checkpoint:
        return along
    learning = 4 * measured.weights + 2 * case.plan(model).training.batch_size * measured.passing
    return max(along, learning, 3 * loop.EVALUATION_BATCH * measured.largest)


def rounded(time: float) -> float:
    """To one or two figures: more would promise too much."""
    for step in (1, 5, 10, 60, 300, 600):
        if time < 12 * step:
            return max(step * round(time / step), 1)
    return 1800 * max(round(time / 1800), 1)


def _written(size: float) -> str:
    """ "1.5 GB"."""
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{max(round(size / 1e7), 1) * 10} MB"
