"""All that a case's pages show, as `needs` says it: computed ahead, or written into a bundle."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from tlx import findings, needs, pipeline
from tlx.cases import Case
from tlx.errors import EmptyError, SelectionError
from tlx.needs import Need, Panel, answered
from tlx.progress import track
from tlx.storage.bundles import Writer
from tlx.storage.memory import NotStoredError

ONE_PASS = ("predictions", "activations", "vectors")  # of a model and a domain, told by `pipeline.responses`
IN_BATCHES = "neuron_images"  # computes what it is made of itself, many of a layer at once, which takes half the time


Finished = Callable[[str, float], None]  # (what was done, seconds)


def run(
    case: Case,
    class_names: Sequence[str],
    *,
    features: bool = True,
    told: Callable[[str], None],
    finished: Finished | None = None,
) -> dict[str, float]:
    """Computes what the pages show of these classes; seconds by what was computed.

    features: whether feature images are drawn; told: hears once why something cannot be computed; finished: hears of
    each stage when it is over, which is a result of the whole case, all of a class, or the feature images of a model.
    """
    work = _Run(told, finished)
    work.settle_all(needs.of_case(case))
    for at, name in enumerate(track(class_names, "classes"), start=1):
        with work.stage(f"Class {name}, {at} of {len(class_names)}"):
            work.settle_all(needs.of_class(case, name))
    if features:
        work.draw(case)
    return work.spent


def export(
    case: Case,
    writer: Writer,
    class_names: Sequence[str],
    *,
    whole: int | None,
    clicks: bool = False,
    compute: bool,
    told: Callable[[str], None],
) -> None:
    """Writes what the pages show of these classes and, unless `whole` says less, what was ever clicked.

    whole: so many classes at most, the most telling ones, are written whole, the others in brief; clicks: whether what
    the pages show after one click is written, too; compute: whether what is not stored is computed.
    """
    if whole is None:
        panels = _everything(case, class_names)
    else:
        ordered = [name for name in by_interest(case) if name in class_names]
        panels = _everything(case, ordered[:whole], brief=ordered[whole:])
    write(writer, panels, compute=compute, told=told)
    if clicks:
        write(writer, needs.after_one_click(case, class_names), compute=compute, told=told)
    if whole is None:
        write(writer, needs.on_click(case, class_names), compute=False, told=told)


def write(writer: Writer, panels: Iterable[Panel[Any]], *, compute: bool, told: Callable[[str], None]) -> None:
    """Writes what these panels need. compute: whether what is not stored is computed."""
    _Export(told, writer, compute=compute).settle_all(panels)


def by_interest(case: Case) -> list[str]:
    """All classes: first the one the pages choose and the one that the start page looks into, then by their change."""
    table = pipeline.class_table(case)
    first = findings.most_changed_class(table), findings.worst_class(table)
    return list(dict.fromkeys([*filter(None, first), *findings.by_change(table), *pipeline.classes(case)]))


def _everything(case: Case, class_names: Sequence[str], brief: Sequence[str] = ()) -> Iterator[Panel[Any]]:
    yield from needs.of_case(case)
    for name in track(class_names, "classes"):
        yield from needs.of_class(case, name)
    for name in brief:
        yield from needs.of_class_in_brief(case, name)


class _Run:
    """Answers needs by computing them, what they are made of first, so that the seconds of each are its own."""

    def __init__(self, told: Callable[[str], None], finished: Finished | None = None) -> None:
        self.spent: dict[str, float] = defaultdict(float)
        self._told, self._said, self._finished = told, set[str](), finished
        self._neurons: dict[str, dict[tuple[str, int], None]] = defaultdict(dict)

    @contextmanager
    def stage(self, label: str) -> Iterator[None]:
        """What is computed within the block is one stage, and no result a stage of its own."""
        began, finished = time.perf_counter(), self._finished
        self._finished = None
        try:
            yield
        finally:
            self._finished = finished
        if finished:
            finished(label, time.perf_counter() - began)

    def settle_all(self, panels: Iterable[Panel[Any]]) -> None:
        """Settles each panel as far as it goes: that one domain lacks a class is said, and no reason to stop."""
        for panel in panels:
            try:
                answered(panel, self.answer)
            except (EmptyError, SelectionError) as error:
                if str(error) not in self._said:
                    self._said.add(str(error))
                    self._told(str(error))

    def answer(self, wanted: Need) -> Any:
        """The result; feature images are drawn at the end, those of all classes together."""
        if wanted.name != IN_BATCHES:
            return self.settled(wanted)
        _, model, places = wanted.arguments
        self._neurons[model] |= dict.fromkeys(places)
        return {}

    def draw(self, case: Case) -> None:
        """Draws the feature images that panels asked for."""
        for model, places in self._neurons.items():
            with self.stage(f"Feature images of the {model} model"):
                self.settled(needs.need(pipeline.neuron_images, case, model, tuple(places)))

    def settled(self, wanted: Need) -> Any:
        missing = not wanted.stored
        parts = wanted.made_of() if missing and wanted.name != IN_BATCHES else []
        for part in parts:
            if not part.stored:
                self.settled(part)
        began = time.perf_counter()
        try:
            case, *place = wanted.arguments
            if wanted.name in ONE_PASS and place[2:] in ([], [None]) and not wanted.stored:
                pipeline.responses(case, *place[:2])
            result = wanted()
        finally:
            self.spent[wanted.name] += time.perf_counter() - began
        if missing and self._finished and wanted.label not in [part.label for part in parts]:  # the part's line says it
            self._finished(wanted.label, time.perf_counter() - began)
        return result


class _Export(_Run):
    """Answers needs like a run, or from what is stored only, and writes each result once."""

    def __init__(self, told: Callable[[str], None], writer: Writer, *, compute: bool) -> None:
        super().__init__(told)
        self._writer, self._compute = writer, compute

    def settle_all(self, panels: Iterable[Panel[Any]]) -> None:
        for panel in panels:
            try:
                super().settle_all([panel])
            except NotStoredError:
                continue

    def answer(self, wanted: Need) -> Any:
        if not (self._compute or wanted.stored):
            raise NotStoredError(wanted.name)
        try:
            result = self.settled(wanted)
        except (EmptyError, SelectionError):  # the sentence is written in the result's place
            self._write(wanted)
            raise
        self._write(wanted)
        return result

    def _write(self, wanted: Need) -> None:
        for kept in wanted.kept():
            kept.function.export(self._writer, *kept.arguments)
