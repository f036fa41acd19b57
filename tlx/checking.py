"""Whether a case will work: everything that can be found wrong with it at once, one sentence each.

Nothing is computed or stored. Sentences are those that the stage concerned would raise one after the other.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from pathlib import Path

from tlx import cases
from tlx.casefiles import builtin, loading, reading
from tlx.cases import DOMAINS, MODELS, Case
from tlx.errors import UserError, unknown
from tlx.images import domains
from tlx.networks import checkpoints, models
from tlx.training import loop

NAMED = 10  # problems of one kind that are told one by one
LARGE = 4e9  # bytes of pixels worth a warning


@dataclass
class Inspection:
    """What a case is (facts), what keeps it from working (fatal), and what should be known before (warnings)."""

    facts: list[str] = field(default_factory=list)
    fatal: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    @contextmanager
    def collecting(self) -> Iterator[None]:
        """Within the block a UserError ends the block and becomes a fatal sentence."""
        try:
            yield
        except UserError as error:
            self.fatal.append(str(error))

    def several(self, sentences: list[str], *, fatal: bool = True) -> None:
        """Adds sentences of one kind; beyond the first few only their number."""
        shown = sentences[:NAMED] + (
            [f"and {len(sentences) - NAMED} more of this kind"] if len(sentences) > NAMED else []
        )
        (self.fatal if fatal else self.warnings).extend(shown)


def inspect(name: str | Path) -> Inspection:
    """Looks at the case of this built-in name or file: its keys, every image, networks, layers and checkpoints."""
    inspection = Inspection()
    case = _case(name, inspection)
    if case is None:
        return inspection
    classes = {side: _domain(case, side, inspection) for side in DOMAINS}
    _compare(classes["source"], classes["target"], inspection)
    built = bool(case.architecture) and _networks(
        case, {side: len(classes[side] or ("one", "two")) for side in DOMAINS}, inspection
    )
    for model in MODELS:
        names = classes[model]
        if built and names is not None:
            _model(case, model, names, inspection)
        else:
            _files(case, model, inspection)
    return inspection


def _case(name: str | Path, inspection: Inspection) -> Case | None:
    """The case as far as its file can be understood; None where it cannot at all."""
    if str(name) in builtin.cases() or Path(name).suffix != ".toml":
        with inspection.collecting():
            return loading.load_case(name)
        return None
    with inspection.collecting():
        case, problems = reading.examined(Path(name))
        inspection.fatal += problems
        return case
    return None


def _domain(case: Case, side: str, inspection: Inspection) -> tuple[str, ...] | None:
    """A domain's classes; None where they cannot be found out."""
    domain, classes = case.domain(side), None
    if domain.kind not in cases.DOMAIN_KINDS:
        return None  # said already
    with inspection.collecting():
        listed = domains.catalogue(domain)
        classes = listed.classes
        broken = domains.unreadable(domain, case.channels)
        inspection.several(broken, fatal=domain.unreadable == "fail" or len(broken) == len(listed))
        counts = f"{len(listed) - len(broken)} images, {len(classes)} classes"
        inspection.facts.append(f"{side} domain: {counts}, {listed.held_out}")
        inspection.warnings += listed.skipped
        if len(classes) < 2:
            inspection.warnings.append(
                f"the {side} domain has only the class {classes[0]!r}: there is nothing to tell apart"
            )
        for split, members in (("training", listed.training), ("validation", listed.validation)):
            if not members.any():
                inspection.fatal.append(f"the {side} domain has no {split} image; give it more images or another split")
        if (size := len(listed) * case.image_size**2 * case.channels) > LARGE:
            inspection.warnings.append(
                f"the {side} domain's pixels take {size / 1e9:.0f} GB of memory; per_class takes fewer images"
            )
    return classes


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
    inspection.warnings.append(
        f"{sentence}; views that need a class in both domains are empty for the others; names that mean the same can "
        f"be mapped in [target.rename]" + (f", perhaps {', '.join(hints)}" if hints else "")
    )


def _networks(case: Case, counts: dict[str, int], inspection: Inspection) -> bool:
    """Whether both networks can be built; each layer to analyse that is not among their modules is told."""
    with inspection.collecting():
        names = {
            model: [name for name, _ in models.build(case, n, model).named_modules()] for model, n in counts.items()
        }
        strange = [
            unknown("layer", layer, names["source"][1:]) for layer in case.layers if layer not in names["source"]
        ]
        inspection.several(strange)
        known = tuple(layer for layer in case.layers if layer in names["source"])
        network = models.network(replace(case, layers=known), counts["source"])
        apart = [
            unknown("layer", layer, names["target"][1:]) for layer in network.names if layer not in names["target"]
        ]
        inspection.several(
            [f"the target model's {case.architecture_of('target')} lacks a layer: {problem}" for problem in apart]
        )
        if not apart and case.architecture_of("target") != case.architecture_of("source"):
            network = models.meeting(network, models.network(replace(case, layers=known), counts["target"], "target"))
        if not strange:
            layers = ", ".join(network.names)
            inspection.facts.append(f"network: {case.architecture}, {len(network.layers)} analysed layers: {layers}")
        return True
    return False


def _model(case: Case, model: str, classes: tuple[str, ...], inspection: Inspection) -> None:
    """Whether the model's checkpoint and history can be read and fit, or else its training can begin."""
    plan = case.plan(model)
    with inspection.collecting():
        if not plan.checkpoint:
            _, notes = loop.begun(case, model, classes, None, plan.training)
            inspection.facts.append("; ".join((f"{model} model: will be trained", *notes)))
            return
        network, file = (
            models.build(case, len(classes), model),
            checkpoints.read(Path(plan.checkpoint), plan.checkpoint_key),
        )
        wrong = models.misfits(network, checkpoints.named_for(network, file))
        inspection.several([f"in {file.called} {one}" for one in wrong])
        if not wrong:
            notes = loop.read(case, model, classes).notes
            inspection.facts.append("; ".join((f"{model} model: checkpoint fits", *notes)))


def _files(case: Case, model: str, inspection: Inspection) -> None:
    """Whether the model's checkpoints hold tensors, where more cannot be said."""
    for path in filter(None, (case.plan(model).checkpoint, case.plan(model).initial)):
        with inspection.collecting():
            checkpoints.read(Path(path))
