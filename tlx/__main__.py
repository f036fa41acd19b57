"""`python -m tlx`: the same pipeline without a browser.

    cases               the cases at hand and what each still needs
    run CASE            computes everything a case's pages show, with progress; stopped and started again it goes on
    train CASE          trains the source and target models and the control anew and writes them as files
    export CASE FILE    writes everything a case's pages show into one file (.tlx), which tlx opens without torch
    check FILE          says whether a case file will work, and if not, why
    cache               how much stored results take, case by case; --clear removes what is asked for

CASE is a built-in name or the path of a case file.
"""

from __future__ import annotations

import argparse
import itertools
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import joblib
from tqdm import tqdm

from tlx import pipeline, progress
from tlx.casefiles import builtin, loading
from tlx.cases import DOMAINS, MODELS, Case
from tlx.errors import EmptyError, UserError
from tlx.storage import bundles, inventory, memory

FEATURES = 8  # feature images computed ahead for each class and model
Step = tuple[str, Callable[[], object]]


def main(arguments: list[str] | None = None) -> int:
    """Runs one command; 0 when all went well, 1 after sentences on what the user can mend."""
    given = _parser().parse_args(arguments)
    command: Callable[[argparse.Namespace], int | None] = given.command
    try:
        with _bars():
            return command(given) or 0
    except UserError as error:
        print(f"tlx: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("tlx: stopped; what is finished is kept, and the same command goes on from there", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tlx", description="Explains and diagnoses transfer learning.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    commands.add_parser("cases", help="list the cases and what each still needs").set_defaults(command=_cases)
    run = commands.add_parser("run", help="compute everything a case's pages show")
    run.add_argument("case", metavar="CASE", help="a built-in name or the path of a case file")
    run.add_argument("--classes", nargs="+", metavar="CLASS", help="only these classes (default: all)")
    run.add_argument("--jobs", type=int, default=1, help="processes for the sharded stages (default: 1)")
    run.add_argument("--backend", choices=("loky", "dask"), default="loky", help="what runs the shards")
    run.add_argument("--scheduler", metavar="ADDRESS", help="of the dask.distributed cluster, for --backend dask")
    run.add_argument("--no-features", action="store_true", help="leave out the feature visualisations")
    run.set_defaults(command=_run)
    train = commands.add_parser("train", help="train a case's models anew")
    train.add_argument("case", metavar="CASE", help="a built-in name or the path of a case file")
    train.add_argument("--out", type=Path, help="folder for the files (default: where the case's checkpoints are)")
    train.set_defaults(command=_train)
    export = commands.add_parser("export", help="write a case's results into one file that tlx opens without torch")
    export.add_argument("case", metavar="CASE", help="a built-in name or the path of a case file")
    export.add_argument("file", metavar="FILE", type=Path, help="the bundle to write, ending in .tlx")
    export.add_argument("--classes", nargs="+", metavar="CLASS", help="only these classes (default: all)")
    export.add_argument("--stored-only", action="store_true", help="compute nothing: only what is stored already")
    export.add_argument("--whole", type=int, metavar="N", help="everything for the N most telling classes only")
    export.set_defaults(command=_export)
    check = commands.add_parser("check", help="say whether a case file will work")
    check.add_argument("case", metavar="FILE", help="the path of a case file, or a built-in name")
    check.set_defaults(command=_check)
    cache = commands.add_parser("cache", help="show what stored results take, or clear them")
    what = cache.add_mutually_exclusive_group()
    what.add_argument("--clear", metavar="CASE", help="remove the results of this case that no other case uses")
    what.add_argument("--clear-old", action="store_true", help="remove what other versions of tlx stored")
    what.add_argument("--clear-all", action="store_true", help="remove all results")
    cache.set_defaults(command=_cache)
    return parser


def _cases(_: argparse.Namespace) -> None:
    for name, built in builtin.cases().items():
        if why := builtin.missing(built):
            print(f"{name:12} {built.title}: {why}")
            continue
        case = loading.load_case(name)
        missing = [label for label, done in _state(case) if not done]
        print(f"{name:12} {case.title}: {'still to compute: ' + ', '.join(missing) if missing else 'ready'}")


def _state(case: Case) -> Iterator[tuple[str, bool]]:
    yield "images", all(pipeline.images.is_stored(case, domain) for domain in DOMAINS)
    yield "models", all(pipeline.trained.is_stored(case, model) for model in MODELS)
    for model in MODELS:
        yield f"conductance of the {model} model", pipeline.conductance.is_stored(case, model, "target")


def _run(given: argparse.Namespace) -> None:
    case, began = _computable(given.case), time.perf_counter()
    spent: dict[str, float] = {}
    with _backend(given):
        for stage, step in _steps(case, given.classes, features=not given.no_features):
            at = time.perf_counter()
            step()
            spent[stage] = spent.get(stage, 0.0) + time.perf_counter() - at
    for stage, seconds in spent.items():
        print(f"{stage:24} {seconds:8.1f} s")
    print(f"{'everything':24} {time.perf_counter() - began:8.1f} s")


@contextmanager
def _backend(given: argparse.Namespace) -> Iterator[None]:
    """Within the block the sharded stages run where the user said: here, in processes, or on a cluster."""
    if given.backend != "dask":
        with joblib.parallel_config("loky", n_jobs=given.jobs):
            yield
        return
    try:
        from distributed import Client
    except ImportError:
        raise UserError("--backend dask needs dask.distributed; install it with: pip install distributed") from None
    if not given.scheduler:
        raise UserError("--backend dask needs --scheduler ADDRESS, such as tcp://127.0.0.1:8786")
    try:
        client = Client(given.scheduler, timeout="20s")  # type: ignore[no-untyped-call]
    except OSError as error:
        raise UserError(
            f"no dask scheduler answers at {given.scheduler} ({error}); start one or mend the address"
        ) from None
    with client, joblib.parallel_config("dask", n_jobs=-1):
        yield


def _steps(case: Case, class_names: list[str] | None, *, features: bool) -> Iterator[Step]:
    """Every stage in the order in which pages would ask for it."""
    for domain in DOMAINS:
        yield "images", partial(pipeline.images, case, domain)
    for model in MODELS:
        yield "models", partial(pipeline.trained, case, model)
    yield "network", partial(pipeline.network, case)
    for model in MODELS:
        for domain in DOMAINS:
            yield "responses", partial(pipeline.responses, case, model, domain)
    for model in MODELS:
        for domain in reversed(DOMAINS):
            yield "conductance", partial(pipeline.conductance, case, model, domain)
    for domain in DOMAINS:
        yield "thumbnails", partial(pipeline.thumbnails, case, domain)
    names = class_names or pipeline.classes(case)
    for name in progress.track(names, "classes"):
        for stage, step in _class_steps(case, name):
            yield stage, partial(_unless_empty, step)
    if features:
        for model in MODELS:
            yield "feature images", partial(_ranked_first, case, names, model)


def _class_steps(case: Case, name: str) -> Iterator[Step]:
    for model in MODELS:
        yield "abstraction", partial(pipeline.abstraction, case, model, name)
    yield "comparison", partial(pipeline.comparison, case, name)
    yield "reuse", partial(pipeline.reuse, case, name)
    for model in MODELS:
        yield "discriminability", partial(pipeline.discriminability, case, name, model)


def _ranked_first(case: Case, names: Sequence[str], model: str) -> None:
    """The feature images of the neurons at the top of the classes' ranking lists; others are drawn when looked at.

    Of all classes together: many neurons of a layer in one batch take half the time.
    """
    wanted: list[tuple[str, int]] = []
    for name in names:
        with suppress(EmptyError):  # said already
            found = pipeline.discriminability(case, name, model)
            wanted += [found.neurons[at] for at in found.ranking[:FEATURES]]
    pipeline.neuron_images(case, model, list(dict.fromkeys(wanted)))


def _unless_empty(step: Callable[[], object]) -> None:
    """Runs a step; that one domain lacks its class is said, and no reason to stop."""
    try:
        step()
    except EmptyError as error:
        tqdm.write(f"tlx: {error}", file=sys.stderr)


def _train(given: argparse.Namespace) -> None:
    from tlx.training import loop

    case = _computable(given.case)
    folder = given.out or _home(case)
    both = {domain: pipeline.images(case, domain) for domain in DOMAINS}
    for path in loop.train_all(case, both, folder, kept=pipeline.unfinished(case), told=_say_epoch):
        print(f"written: {path}")


def _export(given: argparse.Namespace) -> None:
    case = _computable(given.case)
    if given.file.suffix != bundles.SUFFIX:
        raise UserError(f"a bundle's name ends in {bundles.SUFFIX}, and {given.file.name!r} does not")
    try:
        with bundles.Writer(given.file, case, memory.CACHE_VERSION) as writer:
            for request in _requests(case, given):
                if (request.at_once and not given.stored_only) or (request.stored and given.whole is None):
                    request.export(writer)
            count = len(writer)
    except OSError as error:
        raise UserError(f"{given.file} cannot be written ({error.strerror or error})") from None
    print(f"{given.file}: {count:,} results, {given.file.stat().st_size / 1e6:.1f} MB")


def _requests(case: Case, given: argparse.Namespace) -> Iterator[Any]:
    """What to export, each result once, in an order in which every one finds what it is made of."""
    from tlx.app import shown

    seen: set[Any] = set()
    names = given.classes or pipeline.classes(case)
    for name in names:
        pipeline.instances_of(case, "target", name)  # names the valid classes where this one is unknown
    parts = [shown.of_case(case), *(shown.of_class(case, name) for name in names), shown.on_click(case)]
    if given.whole is not None:
        names = [name for name in shown.by_interest(case) if name in names]
        parts[1:] = [shown.of_class(case, name) for name in names[: given.whole]]
        parts += [shown.of_class_in_brief(case, name) for name in names[given.whole :]]
    for request in progress.track(itertools.chain.from_iterable(parts), "exporting"):
        if (key := (request.name, *request.arguments[1:])) not in seen:
            seen.add(key)
            yield request


def _computable(name: str) -> Case:
    """The case, if it is one that something can be computed for. Raises UserError for a bundle."""
    case = loading.load_case(name)
    if case.bundle:
        raise UserError(f"{name} is a bundle: it holds results, and nothing can be computed from it")
    return case


def _say_epoch(rows: list[dict[str, Any]]) -> None:
    """One line for an epoch: the accuracy on the training and the validation split of both domains."""
    said = ", ".join(f"{row['domain']} {row['split']} {row['accuracy']:.3f}" for row in rows)
    tqdm.write(f"{rows[0]['model']:8} epoch {rows[0]['epoch']:3}: {said}")


def _home(case: Case) -> Path | None:
    """The folder of a built-in case's models; None where the case itself names the files."""
    if replace(case, files=()) == builtin.cases().get(case.name):
        return builtin.models_folder(case.name)
    if not all(case.plan(model).checkpoint for model in MODELS):
        raise UserError(f"case {case.name!r} names no checkpoint to write to; give a folder with --out")
    return None


def _check(given: argparse.Namespace) -> int:
    if Path(given.case).suffix == bundles.SUFFIX:
        held = bundles.of(loading.load_case(given.case))
        print(f"{given.case}: a whole bundle of case {held.case.name!r} with {len(held.results):,} results")
        return 0
    from tlx import checking

    found = checking.inspect(given.case)
    for said in found.facts:
        print(said)
    for said in found.warnings:
        print(f"tlx: warning: {said}", file=sys.stderr)
    for said in found.fatal:
        print(f"tlx: {said}", file=sys.stderr)
    if not found.fatal:
        print("the case will work")
    return int(bool(found.fatal))


def _cache(given: argparse.Namespace) -> None:
    here = memory.location()
    if given.clear:
        print(f"{inventory.clear_case(here, given.clear) / 1e6:.1f} MB of case {given.clear!r} removed")
    elif given.clear_old or given.clear_all:
        print(f"{inventory.clear_versions(here, others_only=given.clear_old) / 1e6:.1f} MB removed")
    else:
        print(*inventory.report(here), sep="\n")


class _Bars:
    """One progress bar for each kind of work, as reports name it."""

    def __init__(self) -> None:
        self._bars: dict[str, tqdm] = {}  # type: ignore[type-arg]

    def __call__(self, label: str, done: int, total: int) -> None:
        bar = self._bars.get(label)
        if bar is None or bar.n > done:
            if bar is not None:
                bar.close()
            bar = self._bars[label] = tqdm(total=total, desc=label, leave=False, file=sys.stderr)
        bar.update(done - bar.n)
        if done >= total:
            bar.close()
            del self._bars[label]

    def close(self) -> None:
        for bar in self._bars.values():
            bar.close()


@contextmanager
def _bars() -> Iterator[None]:
    bars = _Bars()
    with progress.listening(bars):
        try:
            yield
        finally:
            bars.close()


if __name__ == "__main__":
    sys.exit(main())
