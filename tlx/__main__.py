"""`tlx` or `python -m tlx`: the app, and the same pipeline without a browser.

    app [CASE…]         opens the app, which offers these cases beside the built-in ones
    cases               the cases at hand and what each still needs
    run CASE            computes everything a case's pages show, with progress; stopped and started again it goes on
    train CASE          trains the source and target models and the control anew and writes them as files
    export CASE FILE    writes everything a case's pages show into one file (.tlx), which tlx opens without torch
    report CASE FILE    writes a page (.html) with findings, figures and numbers, or a notebook (.ipynb) that reads them
    sources CASE…       which of several cases' sources is most promising for their target; --prove fine-tunes from each
    advise CASE         what of a case's network to train and what to freeze; --prove trains by every strategy
    lesson              eight questions to predict and look up, answered from stored results; --answers for teachers
    plant CASE FOLDER   makes cases whose answer is known out of a case: permuted, re-initialised, independent networks
    check FILE          says whether a case file will work, and if not, why
    cache               how much stored results take, case by case; --clear removes what is asked for

CASE is a built-in name or the path of a case file.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import joblib
from tqdm import tqdm

from tlx import estimates, pipeline, progress, running
from tlx.casefiles import builtin, lesson, loading
from tlx.cases import DOMAINS, MODELS, Case
from tlx.errors import SelectionError, UserError, unknown
from tlx.storage import bundles, inventory, limit, memory

if TYPE_CHECKING:
    from tlx.lessons.told import Step, Told


def main(arguments: list[str] | None = None) -> int:
    """Runs one command; 0 when all went well, 1 after sentences on what the user can mend."""
    given = _parsed(sys.argv[1:] if arguments is None else arguments)
    command: Callable[[argparse.Namespace], int | None] = given.command
    try:
        limit.given()  # a nonsense value is said now, not when the first result is stored
        with _bars():
            return command(given) or 0
    except UserError as error:
        print(f"tlx: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("tlx: stopped; what is finished is kept, and the same command goes on from there", file=sys.stderr)
        return 130


def _parsed(words: list[str]) -> argparse.Namespace:
    """What was given; what follows `app … --` is Streamlit's, as `options`."""
    end = words.index("--") if words[:1] == ["app"] and "--" in words else len(words)
    return _parser().parse_args(words[:end], argparse.Namespace(options=words[end + 1 :]))


def _parser() -> argparse.ArgumentParser:
    called = "python -m tlx" if Path(sys.argv[0]).name == "__main__.py" else "tlx"
    parser = argparse.ArgumentParser(prog=called, description="Explains and diagnoses transfer learning.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    app = commands.add_parser("app", help="open the app", epilog="What follows -- goes to `streamlit run` as it is.")
    app.add_argument("cases", nargs="*", metavar="CASE", help="a case file to offer beside the built-in cases")
    app.add_argument("--port", type=int, help="where it listens (default: 8501, or the next that is free)")
    app.set_defaults(command=_app)
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
    export.add_argument("--clicks", action="store_true", help="with what the pages show after one click")
    export.set_defaults(command=_export)
    report = commands.add_parser("report", help="write a case's report: a page that holds everything, or a notebook")
    report.add_argument("case", metavar="CASE", help="a built-in name, the path of a case file, or a bundle")
    report.add_argument("file", metavar="FILE", type=Path, help="the page (.html) or the notebook (.ipynb) to write")
    report.add_argument(
        "--classes", nargs="+", default=(), metavar="CLASS", help="to look at closely (default: the most telling)"
    )
    report.add_argument("--compute", action="store_true", help="compute first what is not stored of these classes")
    report.add_argument("--force", action="store_true", help="replace a file that is no report")
    report.set_defaults(command=_report)
    sources = commands.add_parser("sources", help="which of several cases' sources is most promising for their target")
    sources.add_argument("cases", nargs="+", metavar="CASE", help="cases with one target: names, paths, or a bundle")
    sources.add_argument(
        "--prove", action="store_true", help="fine-tune from each by three seeds, and judge the measures"
    )
    sources.set_defaults(command=_sources)
    advise = commands.add_parser("advise", help="what of a case's network to train and what to freeze")
    advise.add_argument("case", metavar="CASE", help="a built-in name, the path of a case file, or a bundle")
    advise.add_argument(
        "--prove",
        action="store_true",
        help="train by every strategy, at three rates by three seeds, and judge the advice",
    )
    advise.set_defaults(command=_advise)
    taught = commands.add_parser("lesson", help="eight questions to predict, look up in the app and have answered")
    taught.add_argument("--step", type=int, metavar="N", help="this step only (default: all)")
    taught.add_argument("--answers", action="store_true", help="print the teacher's key and ask nothing")
    taught.add_argument(
        "--app", default="http://localhost:8501", metavar="ADDRESS", help="where the app is open (default: %(default)s)"
    )
    taught.set_defaults(command=_lesson)
    plant = commands.add_parser("plant", help="make cases whose answer is known out of a case")
    plant.add_argument("case", metavar="CASE", help="a built-in name or the path of a case file")
    plant.add_argument("folder", metavar="FOLDER", type=Path, help="where a folder for each planted case is made")
    plant.add_argument("--kinds", nargs="+", metavar="KIND", help="only these (default: all)")
    plant.add_argument("--seed", type=int, default=0, help="of what is random in them (default: 0)")
    plant.set_defaults(command=_plant)
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


def _app(given: argparse.Namespace) -> int:
    from tlx.app import launch

    return launch.start(given.cases, given.port, given.options)


def _cases(_: argparse.Namespace) -> None:
    for name, built in builtin.cases().items():
        if why := builtin.missing(built):
            print(f"{name:12} {built.title}: {why}")
            continue
        case = loading.load_case(name)
        missing = [label for label, done in _state(case) if not done]
        print(f"{name:12} {case.title}: {'still to compute: ' + ', '.join(missing) if missing else 'ready'}")
    if lesson.names():
        print("\nOf the Lesson, whose answers are known:")
    for name in lesson.names():
        print(f"{name:12} {lesson.PLANTS[name].title}: ready")


def _state(case: Case) -> Iterator[tuple[str, bool]]:
    yield "images", all(pipeline.images.is_stored(case, domain) for domain in DOMAINS)
    yield "models", all(pipeline.trained.is_stored(case, model) for model in MODELS)
    for model in MODELS:
        yield f"conductance of the {model} model", pipeline.conductance.is_stored(case, model, "target")


def _run(given: argparse.Namespace) -> None:
    case, began = _computable(given.case), time.perf_counter()
    names = _classes(case, given)
    _ready(case)
    alone = given.jobs == 1 and not given.scheduler  # with others the seconds would not be this process's
    with _backend(given), estimates.learning(estimates.work_of_run(case, names) if alone else ()):
        spent = running.run(case, names, features=not given.no_features, told=_say, finished=_say_stage)
    for what, seconds in spent.items():
        print(f"{what.replace('_', ' '):24} {seconds:8.1f} s")
    print(f"{'everything':24} {time.perf_counter() - began:8.1f} s")


def _classes(case: Case, given: argparse.Namespace) -> tuple[str, ...]:
    """The classes asked for. Raises SelectionError that names the valid ones before anything is computed."""
    known = pipeline.classes(case)
    for name in given.classes or ():
        if name not in known:
            raise SelectionError(unknown("class", name, known))
    return tuple(given.classes or known)


def _ready(case: Case) -> None:
    """Raises UserError for a device, layers or a network that would stop the work once hours have gone into it."""
    from tlx.networks import devices
    from tlx.training import loop

    devices.default()
    pipeline.network(case)
    for model in MODELS:
        if case.plan(model).checkpoint:
            pipeline.trained(case, model)
        elif not pipeline.trained.is_stored(case, model):
            loop.begun(case, model, pipeline.catalogue(case, model).classes, None, case.plan(model).training)


def _say(sentence: str) -> None:
    tqdm.write(f"tlx: {sentence}", file=sys.stderr)


def _say_stage(label: str, seconds: float) -> None:
    """One line where nobody looks at bars: what a file or another program reads has no other sign of progress."""
    if not (sys.stdout.isatty() and sys.stderr.isatty()):
        print(f"{' '.join(label.split())}: {seconds:.1f} s", flush=True)


@contextmanager
def _backend(given: argparse.Namespace) -> Iterator[None]:
    """Within the block the sharded stages run where the user said: here, in processes, or on a cluster."""
    if given.jobs == 0:
        raise UserError("--jobs must be the number of processes, 1 or more (-1: one for each core), not 0")
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


def _train(given: argparse.Namespace) -> None:
    from tlx.training import loop

    case = _computable(given.case)
    folder = given.out or _home(case)
    _ready(case)
    images = {model: {domain: pipeline.images_for(case, model, domain) for domain in DOMAINS} for model in MODELS}
    for path in loop.train_all(case, images, folder, kept=pipeline.unfinished(case), told=_say_epoch):
        print(f"written: {path}")


def _export(given: argparse.Namespace) -> None:
    case = _computable(given.case)
    if given.file.suffix != bundles.SUFFIX:
        raise UserError(f"a bundle's name ends in {bundles.SUFFIX}, and {given.file.name!r} does not")
    names, compute = _classes(case, given), not given.stored_only
    if compute:
        _ready(case)
    try:
        with bundles.Writer(given.file, case, memory.CACHE_VERSION) as writer:
            running.export(case, writer, names, whole=given.whole, clicks=given.clicks, compute=compute, told=_say)
            count = len(writer)
    except OSError as error:
        raise UserError(f"{given.file} cannot be written ({error.strerror or error})") from None
    print(f"{given.file}: {count:,} results, {given.file.stat().st_size / 1e6:.1f} MB")


def _report(given: argparse.Namespace) -> None:
    from tlx.reports import writing

    case = loading.load_case(given.case)
    path = writing.report(
        case, given.file, given.classes, compute=given.compute, force=given.force, name=given.case, told=_say
    )
    print(f"{path}: {path.stat().st_size / 1e3:,.0f} kB")


def _computable(name: str) -> Case:
    """The case, if it is one that something can be computed for. Raises UserError for a bundle."""
    case = loading.load_case(name)
    if case.bundle:
        raise UserError(f"{name} is a bundle: it holds results, and nothing can be computed from it")
    return case


def _say_epoch(rows: list[dict[str, Any]]) -> None:
    """One line for an epoch: the accuracy on the training and the validation split of both domains."""
    accuracies = ", ".join(f"{row['domain']} {row['split']} {row['accuracy']:.3f}" for row in rows)
    tqdm.write(f"{rows[0]['model']:8} epoch {rows[0]['epoch']:3}: {accuracies}")


def _home(case: Case) -> Path | None:
    """The folder of a built-in case's models; None where the case itself names the files."""
    if replace(case, files=()) == builtin.cases().get(case.name):
        return builtin.models_folder(case.name)
    if not all(case.plan(model).checkpoint for model in MODELS):
        raise UserError(f"case {case.name!r} names no checkpoint to write to; give a folder with --out")
    return None


def _sources(given: argparse.Namespace) -> None:
    from tlx.analysis import regret

    every = [loading.load_case(name) for name in given.cases]
    table = pipeline.sources(every, run=given.prove)
    seeds = [name for name in table.columns if name.startswith("accuracy")]
    print(table.drop(columns="title").round(3).to_string(index=False, na_rep="–"))
    if table[seeds].notna().any(axis=None):
        print(regret.judged(table).round(3).to_string(index=False, na_rep="–"))
    elif not given.prove:
        print("Not fine-tuned: --prove does that and says which measure was right.")


def _advise(given: argparse.Namespace) -> None:
    from tlx.analysis import advice_words

    case = loading.load_case(given.case)
    table = pipeline.advice(case, run=given.prove)
    strategies = pipeline.strategies(case) if pipeline.strategies.is_stored(case) else None
    if strategies is not None:
        print(strategies.drop(columns="strategy").round(3).to_string(index=False, na_rep="–"))
    print(table.round(3).to_string(index=False, na_rep="–"))
    print(*advice_words.what_to_freeze(pipeline.block_gradients(case), strategies), sep="\n")
    if strategies is None:
        print("Not trained: --prove does that and says what the advice is worth.")


def _lesson(given: argparse.Namespace) -> None:
    from tlx.app.lesson import looking
    from tlx.lessons import terminal

    def link(number: int, step: Step, told: Told) -> str:
        return f"{home}/{looking.address(step.case, told.look, number)}"

    def read(prompt: str) -> str | None:
        try:
            return input(prompt)
        except EOFError:
            return None
        finally:
            print("" if sys.stdin.isatty() else "\n", end="")  # a line from a file ends no line here

    home, steps, load = given.app.rstrip("/"), terminal.chosen(given.step), cache(loading.load_case)
    if given.answers:
        said = terminal.key(steps, load, link, lambda number: f"{home}/{looking.address_of_step(number)}")
    else:
        said = terminal.walk(steps, load, link, read, pause=sys.stdin.isatty())
    for part in said:
        print(part, end="\n\n", flush=True)


def _plant(given: argparse.Namespace) -> None:
    from tlx.casefiles import planted

    for kind in given.kinds or ():
        if kind not in planted.PLANTS:
            raise SelectionError(unknown("plant", kind, planted.PLANTS))
    case = _computable(given.case)
    both = {domain: pipeline.images_for(case, "source", domain) for domain in DOMAINS}
    source, network = pipeline.trained(case, "source"), pipeline.network(case)
    for kind in given.kinds or planted.PLANTS:
        soil = planted.Soil(case, source, both, network, given.seed, given.folder / kind)
        print(f"written: {planted.plant(kind, soil)}")


def _check(given: argparse.Namespace) -> int:
    if given.case in lesson.PLANTS or Path(given.case).suffix == bundles.SUFFIX:
        held = bundles.of(loading.load_case(given.case))
        print(f"{given.case}: a whole bundle of case {held.case.name!r} with {len(held.results):,} results")
        return 0
    from tlx import checking

    inspection = checking.inspect(given.case)
    for fact in inspection.facts:
        print(fact)
    for warning in inspection.warnings:
        print(f"tlx: warning: {warning}", file=sys.stderr)
    for problem in inspection.fatal:
        print(f"tlx: {problem}", file=sys.stderr)
    if not inspection.fatal:
        print("the case will work")
    return int(bool(inspection.fatal))


def _cache(given: argparse.Namespace) -> None:
    here = memory.location()
    if given.clear:
        print(f"{inventory.clear_case(here, given.clear) / 1e6:.1f} MB of case {given.clear!r} removed")
    elif given.clear_old or given.clear_all:
        print(f"{inventory.clear_versions(here, others_only=given.clear_old) / 1e6:.1f} MB removed")
    else:
        print(*inventory.report(here), sep="\n")
        if most := limit.given():
            print(limit.sentence(here) or f"No limit was reached: {limit.written(most)} ({limit.LIMIT}).")


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
    """Within the block progress is drawn, on a terminal: in a file or pipe bars would be carriage returns."""
    if not sys.stderr.isatty():
        yield
        return
    bars = _Bars()
    with progress.listening(bars):
        try:
            yield
        finally:
            bars.close()


if __name__ == "__main__":
    sys.exit(main())
