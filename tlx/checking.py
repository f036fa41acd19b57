"""Whether a case will work: everything that can be found wrong with it at once, one sentence each.

Nothing is computed or stored. Sentences are those that the stage concerned would raise one after the other.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import MISSING, dataclass, field, fields, is_dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import numpy as np

from tlx import cases, estimates, findings, trying
from tlx.casefiles import builtin, loading, reading
from tlx.cases import DOMAINS, MODELS, Case, Preprocessing, default, renamed
from tlx.errors import Told, UserError, key_of, some, unknown
from tlx.images import domains
from tlx.networks import checkpoints, devices, models, recipes
from tlx.training import loop

NAMED = 10  # problems of one kind that are told one by one
LARGE = 4e9  # bytes of pixels worth a warning
_TABLES = {*DOMAINS, *(f"{model}_model" for model in MODELS)}


TOPICS = {
    "data": "Images",
    "classes": "Classes",
    "preprocessing": "Preprocessing",
    "models": "Models",
    "layers": "Layers",
    "cost": "Cost",
}
"""What facts and warnings are about -> how a page heads them, in the order in which they are shown."""


@dataclass(frozen=True, eq=False)
class Seen:
    """An image as a network sees it: pixels (height, width, 3) uint8, with the normalisation taken back."""

    domain: str
    class_name: str
    pixels: np.ndarray
    name: str = ""  # of its file


@dataclass
class Inspection:
    """What a case is (facts), what keeps it from working (fatal), and what should be known before (warnings).

    Each sentence is a `Told`: a fact or a warning has a topic, and what is about a key of the file carries the key.
    seen: a few images of each domain as its model's network sees them.
    """

    facts: list[Told] = field(default_factory=list)
    fatal: list[Told] = field(default_factory=list)
    warnings: list[Told] = field(default_factory=list)
    seen: list[Seen] = field(default_factory=list)

    def fact(self, topic: str, sentence: str) -> None:
        """Adds a fact under one of TOPICS."""
        self.facts.append(Told(sentence, topic=topic))

    def warn(self, topic: str, sentence: str, key: str = "") -> None:
        """Adds a warning under one of TOPICS; key: of the file, where it is about one."""
        self.warnings.append(Told(sentence, topic=topic, key=key))

    def wrong(self, sentence: str, key: str = "") -> None:
        """Adds what keeps the case from working; key: of the file, where it is about one."""
        if sentence not in self.fatal:  # two models of one network have its faults in common
            self.fatal.append(Told(sentence, key=key))

    @contextmanager
    def collecting(self, key: str = "", table: str | None = None) -> Iterator[None]:
        """Within the block a UserError ends the block and becomes a fatal sentence.

        key: which it is about unless it says so itself; table: in which the key stands that it says itself, by default
        the one of `key`.
        """
        try:
            yield
        except UserError as error:
            within = key.rpartition(".")[0] if table is None else table
            self.wrong(str(error), _whole(error.key, within) if error.key else key)

    def several(self, sentences: Sequence[str], *, key: str = "") -> None:
        """Adds problems of one kind; beyond the first few only their number."""
        for sentence in _first(sentences):
            self.wrong(sentence, key)

    def several_warnings(self, topic: str, sentences: Sequence[str], *, key: str = "") -> None:
        """Adds warnings of one kind; beyond the first few only their number."""
        for sentence in _first(sentences):
            self.warn(topic, sentence, key)


def _first(sentences: Sequence[str]) -> list[str]:
    more = len(sentences) - NAMED
    return [*sentences[:NAMED], *([f"and {more} more of this kind"] if more > 0 else [])]


def _whole(key: str, table: str) -> str:
    """A key with its tables: one that names a table of the case is whole already, another stands in `table`."""
    return key if key.partition(".")[0] in _TABLES or not table else f"{table}.{key}"


def inspect(name: str | Path) -> Inspection:
    """Looks at the case of this built-in name or file: its keys, every image, networks, layers and checkpoints."""
    inspection = Inspection()
    case = _case(name, inspection)
    if case is None:
        return inspection
    with inspection.collecting():
        devices.default()
    classes = {side: _domain(case, side, inspection) for side in DOMAINS}
    _compare(classes["source"], classes["target"], inspection)
    built = bool(case.architecture) and _networks(
        case, {side: len(classes[side] or ("one", "two")) for side in DOMAINS}, inspection
    )
    if built:
        for sentence in recipes.sentences(case):
            inspection.fact("preprocessing", sentence)
    for model in MODELS:
        names = classes[model]
        if built and names is not None:
            _model(case, model, names, inspection)
        else:
            _files(case, model, inspection)
    if not inspection.fatal:
        with inspection.collecting():
            inspection.fact("cost", _estimate(case).sentence)
    return inspection


def _estimate(case: Case) -> estimates.Estimate:
    """What a run of the case will take, from a few of its images."""
    listed = {side: domains.catalogue(case.domain(side)) for side in DOMAINS}
    both = {model: models.network(case, len(listed[model].classes), model) for model in MODELS}
    network = models.meeting(*both.values()) if case.two_networks else both["source"]
    return estimates.of_run(case, network, listed)


def _case(name: str | Path, inspection: Inspection) -> Case | None:
    """The case as far as its file can be understood; None where it cannot at all."""
    if str(name) in builtin.cases() or Path(name).suffix != ".toml":
        with inspection.collecting():
            return loading.load_case(name)
        return None
    with inspection.collecting():
        case, problems = reading.examined(Path(name))
        for problem in problems:
            inspection.wrong(problem, key_of(problem))
            case = _without(case, key_of(problem).split("."))
        return case
    return None


def _without(part: Any, key: list[str]) -> Any:
    """A case or a part of one with the default at a key whose value was refused, so that the rest can be looked at."""
    known = {one.name: default(one) for one in fields(part)}
    if known.get(key[0], MISSING) is MISSING and not key[1:]:
        return part
    inner = getattr(part, key[0], None)
    if key[1:]:
        return replace(part, **{key[0]: _without(inner, key[1:])}) if is_dataclass(inner) else part
    return replace(part, **{key[0]: known[key[0]]})


def _domain(case: Case, side: str, inspection: Inspection) -> tuple[str, ...] | None:
    """A domain's classes; None where they cannot be found out."""
    domain, classes = case.domain(side), None
    if domain.kind not in cases.DOMAIN_KINDS or (domain.kind in cases.PLACED and not domain.path):
        return None  # said already; no path is not the folder that the app was started in
    with inspection.collecting(f"{side}.path"):
        listed = domains.catalogue(domain)
        classes = listed.classes
        broken = domains.unreadable(domain, _most_asked(case))
        if domain.unreadable == "fail" or len(broken) == len(listed):
            inspection.several(broken, key=f"{side}.unreadable")
        else:
            inspection.several_warnings("data", broken, key=f"{side}.unreadable")
        if narrow := domains.narrow(domain):
            inspection.warn("data", narrow, f"{side}.path")
        inspection.seen += _pictures(case, side)
        counts = f"{len(listed) - len(broken)} images, {len(classes)} classes"
        inspection.fact("data", f"{side} domain: {counts}, {listed.held_out}")
        learned = int(listed.training.sum())
        inspection.fact("data", f"{side} domain: {learned} for training, split {domains.how_split(domain)}")
        for skipped in listed.skipped:
            inspection.warn("data", skipped, f"{side}.path")
        if len(classes) < 2:
            inspection.warn(
                "classes", f"the {side} domain has only the class {classes[0]!r}: there is nothing to tell apart"
            )
        for split, members in (("training", listed.training), ("validation", listed.validation)):
            if not members.any():
                lacking = f"the {side} domain has no {split} image; give it more images or another split"
                inspection.wrong(lacking, f"{side}.split")
        pixels = max(one.image_size for one in (case, *map(case.seen_by, MODELS))) ** 2
        if (size := len(listed) * pixels * case.channels) > LARGE:
            large = f"the {side} domain's pixels take {size / 1e9:.0f} GB of memory; per_class takes fewer images"
            inspection.warn("cost", large, f"{side}.per_class")
    return classes


def _most_asked(case: Case) -> Preprocessing:
    """Of what the pages and the models ask of an image the most: not every one can be cropped to any size."""
    asked = [case.preprocessing, *(case.seen_by(model).preprocessing for model in MODELS)]
    return max(asked, key=lambda how: (how.resize == "crop", how.resize_to or how.image_size))


def _pictures(case: Case, side: str) -> list[Seen]:
    """A few images of a domain as the network of its model is given them."""
    seen = case.seen_by(side)
    images = domains.sample(case.domain(side), seen.preprocessing)
    shown = models.displayed(models.normalised(images.given, seen), seen)
    labels = [images.classes[label] for label in images.labels]
    return [
        Seen(side, label, picture, str(name)) for label, picture, name in zip(labels, shown, images.names, strict=True)
    ]


def _compare(source: tuple[str, ...] | None, target: tuple[str, ...] | None, inspection: Inspection) -> None:
    """Warns of classes that only one domain has, and of names that may mean the same."""
    if source is None or target is None or set(source) == set(target):
        return
    only = [name for name in target if name not in source], [name for name in source if name not in target]
    lower = {name.casefold(): name for name in only[1]}
    alike = ((name, get_close_matches(name.casefold(), lower, n=1, cutoff=0.75)) for name in only[0])
    hints = [f"{name!r} = {lower[near[0]]!r}" for name, near in alike if near][:3]
    shared = len(target) - len(only[0])
    sentence = (
        f"{shared or 'none'} of the target's {len(target)} classes {'is' if shared < 2 else 'are'} in the source too"
    )
    sentence += f" ({', '.join(map(repr, only[0][:3]))} not)" if only[0] and shared else ""
    inspection.warn(
        "classes",
        f"{sentence}; views that need a class in both domains are empty for the others; names that mean the same can "
        f"be mapped in [target.rename]" + (f", perhaps {', '.join(hints)}" if hints else ""),
    )


def _networks(case: Case, counts: dict[str, int], inspection: Inspection) -> bool:
    """Whether both networks can be built; each layer to analyse that is not among their modules is told."""
    names: dict[str, list[str]] = {}
    for model, n in counts.items():
        plan = case.plan(model)
        own = f"{model}_model." if plan.architecture else ""
        options = f"{model}_model" if plan.architecture or plan.architecture_options else ""
        with inspection.collecting(f"{own}architecture", options):
            names[model] = [name for name, _ in models.build(case, n, model).named_modules()]
    if len(names) < len(counts):
        return False
    with inspection.collecting("architecture"):
        strange = [
            unknown("layer", layer, names["source"][1:]) for layer in case.layers if layer not in names["source"]
        ]
        inspection.several(strange, key="layers")
        known = tuple(layer for layer in case.layers if layer in names["source"])
        network = models.network(replace(case, layers=known), counts["source"])
        pairs = case.plan("target").layers
        apart = [
            unknown("layer", own, names["target"][1:])
            for layer in network.names
            if (own := renamed(layer, pairs)) not in names["target"]
        ]
        inspection.several(
            [f"the target model's {case.architecture_of('target')} lacks a layer: {problem}" for problem in apart],
            key="target_model.architecture",
        )
        if not apart and case.two_networks:
            network = models.meeting(network, models.network(replace(case, layers=known), counts["target"], "target"))
        if not strange:
            layers = ", ".join(network.names)
            inspection.fact("layers", f"network: {case.architecture}, {len(network.layers)} analysed layers: {layers}")
            if others := [f"{one} = {own}" for one in network.names if (own := renamed(one, pairs)) != one]:
                inspection.fact("layers", f"in the target's {case.architecture_of('target')}: {', '.join(others)}")
            if before := findings.read_before([layer.name for layer in network.unactivated]):
                inspection.fact("layers", before.removesuffix("."))
            entered = f"what enters {network.embedding_layer or 'the classifier head'}"
            inspection.fact("layers", f"vectors of the Instances page: {entered}, {network.embedding_units:,} values")
        return True
    return False


def _model(case: Case, model: str, classes: tuple[str, ...], inspection: Inspection) -> None:
    """Whether the model's checkpoint and history can be read and fit, or else its training can begin."""
    plan = case.plan(model)
    table, role = f"{model}_model", "checkpoint" if plan.checkpoint else "initial"
    if unsaid := recipes.unsaid(case, model):
        inspection.warn("models", unsaid, f"{table}." * bool(plan.architecture) + "architecture_options")
    with inspection.collecting(f"{table}.{role}" if getattr(plan, role) else "architecture", table):
        if not plan.checkpoint:
            network, notes = loop.begun(case, model, classes, None, plan.training)
            models.check_answers(network, case, model)
            inspection.fact("models", "; ".join((f"{model} model: will be trained", *notes)))
            return
        network = models.build(case, len(classes), model)
        wrong = checkpoints.faults(network, Path(plan.checkpoint), plan.checkpoint_key)
        inspection.several(wrong, key=f"{model}_model.checkpoint")
        if wrong:
            return
        read = loop.read(case, model, classes)
        inspection.fact("models", "; ".join((f"{model} model: checkpoint fits", *read.notes)))
        file = Path(plan.checkpoint)
        under = checkpoints.read(file, plan.checkpoint_key).key
        where = f"{file.name}, under {under!r}" if under else file.name
        inspection.fact("models", f"{model} model: {len(read.tensors)} tensors of {where}")
        named = [f"{at} = {name}" for at, name in enumerate(read.classes)]
        inspection.fact("classes", f"{model} model: output {some(named, 12)}")
        results = trying.tried(case, model, models.fill(network, read.tensors), read.classes)
        inspection.fact("models", trying.sentence(results))
        for doubt in filter(None, map(trying.warning, results)):
            inspection.warn("models", doubt, f"{table}.checkpoint")


def _files(case: Case, model: str, inspection: Inspection) -> None:
    """Whether the model's checkpoints hold tensors, where more cannot be said."""
    plan = case.plan(model)
    for key in ("checkpoint", "initial"):
        if path := getattr(plan, key):
            with inspection.collecting(f"{model}_model.{key}"):
                checkpoints.read(Path(path), plan.checkpoint_key)
