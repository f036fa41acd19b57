"""The face of tlx: case in, result out, every function memoized by names and the case's fingerprint.

Each function asks the ones above it and hands arrays and modules to one pure stage. Stages are imported where they are
called: a page that shows stored results starts without torch.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from itertools import product
from pathlib import Path

import joblib
import numpy as np
import pandas as pd

from tlx import errors, places
from tlx.analysis import freezing
from tlx.casefiles.fingerprints import check_unchanged
from tlx.cases import CRITERIA, DOMAINS, HEAD, MODELS, Case
from tlx.results import (
    CONTROLS,
    SIMILARITIES,
    Abstraction,
    Activations,
    BlockGradients,
    Comparison,
    Conductance,
    Contribution,
    Control,
    Correspondence,
    Criteria,
    Crop,
    Discriminability,
    DomainImages,
    Edges,
    Embedding,
    KernelResponse,
    LabelEfficiency,
    LayerGap,
    Nearest,
    Network,
    OnClass,
    Pair,
    Probe,
    Promise,
    Reuse,
    Silenced,
    Similarity,
    SimilarityScales,
    Strongest,
    Thumbnails,
    TrainedModel,
    Transferability,
    Tuned,
    present_in_either,
)
from tlx.storage import spent
from tlx.storage.derived import Call, derived
from tlx.storage.memory import location, memoized
from tlx.storage.on_demand import OnDemand

STRONGEST = 6  # instances kept for each neuron
SHARD = 64  # instances whose conductance is computed and stored together; what a killed run loses at most
LABELS = (1, 2, 5, 10, 20)  # of each class, from which the label-efficiency curve learns, and all
SEEDS = 3  # of each of its trainings
WAYS = ("fine-tuned", "from scratch")
RATES = (1.0, 3.0, 10.0)  # times the case's own learning rate, of which each strategy has its best
DRAWN = 32  # neurons whose feature images are; more saves little time and costs memory


@memoized("Reading the images of the {domain} domain", part="data", held=True)
def images(case: Case, domain: str) -> DomainImages:
    """The labelled images of one domain, read or rendered, in the case's size (method 2)."""
    from tlx.images import domains

    read = domains.load(case.domain(domain), case.preprocessing)
    check_unchanged(case, domain)
    return read


@derived(
    "Reading the images of the {domain} domain",
    of=lambda case, model, domain: [(images, (case.seen_by(model), domain))],
)
def images_for(case: Case, model: str, domain: str) -> DomainImages:
    """The same as a model takes them, for whoever feeds it; other than the case's where its plan says so."""
    own = images(case.seen_by(model), domain)
    if own.names.tolist() != catalogue(case, domain).names.tolist():
        raise errors.DataError(
            f"some images of {case.domain(domain).title} can be resized for the {model} model only, or for the pages "
            "only; remove those that `check` cannot read"
        )
    return own


@memoized("Reading who is in the {domain} domain", part="data", held=True)
def catalogue(case: Case, domain: str) -> DomainImages:
    """Who is in a domain (labels, classes, split, names) without its pixels, at hand long before `images`."""
    from tlx.images import domains

    if case.domain(domain).unreadable == "skip":  # who is left is known once all were read
        return domains.without_pixels(images(case, domain))
    listed = domains.catalogue(case.domain(domain))
    check_unchanged(case, domain)
    return listed


def _needed_to_train(case: Case, model: str) -> Iterator[Call]:
    """Nothing where there is a checkpoint; a target model starts from the source model."""
    if not case.plan(model).checkpoint:
        yield from ((images_for, (case, model, domain)) for domain in DOMAINS)
        if model == "target":
            yield trained, (case, "source")


def _without_tensors(result: TrainedModel, case: Case, model: str) -> TrainedModel:
    """Without what lies elsewhere: in the checkpoint, or, for all cases with this source model, `_source_trained`."""
    return replace(result, tensors={}) if case.plan(model).checkpoint or model == "source" else result


def _with_tensors(stored: TrainedModel, case: Case, model: str) -> TrainedModel:
    if stored.tensors:
        return stored
    if not case.plan(model).checkpoint:
        return replace(stored, tensors=_source_trained(case).tensors)
    return replace(stored, tensors=OnDemand(partial(_tensors_of_checkpoint, case, model)))


def _tensors_of_checkpoint(case: Case, model: str) -> Mapping[str, np.ndarray]:
    from tlx.training import loop

    tensors = loop.read(case, model, catalogue(case, model).classes).tensors
    check_unchanged(case, f"{model}_model.checkpoint")
    return tensors


@memoized(
    "Preparing the {model} model",
    part="models",
    of=_needed_to_train,
    reduced=_without_tensors,
    completed=_with_tensors,
)
def trained(case: Case, model: str) -> TrainedModel:
    """The source or target model: read from its checkpoint, or trained with its history (method 2)."""
    from tlx.training import loop

    plan, classes = case.plan(model), catalogue(case, model).classes
    if plan.checkpoint:
        model_read = loop.read(case, model, classes)
        for role in ("checkpoint", "history"):
            check_unchanged(case, f"{model}_model.{role}")
        return model_read
    check_unchanged(case, f"{model}_model.initial")  # read at once; hours of training do not hang on it later
    return _source_trained(case) if model == "source" else _trained_here(case, model, trained(case, "source"), model)


@memoized("Training the source model", part="source", of="images_for source *domain")
def _source_trained(case: Case) -> TrainedModel:
    """Once for all cases that differ in the target model alone, in its strategy for instance."""
    return _trained_here(case, "source", None, "source")


@memoized("Reading how the {model} model came to be", part="models", of="trained model")
def notes(case: Case, model: str) -> tuple[str, ...]:
    """Sentences on how a model came to be, apart from its tensors, which pages do not read."""
    return trained(case, model).notes


@memoized("Training the control", part="models", of="images_for target *domain")
def scratch(case: Case) -> TrainedModel:
    """The control: the target model's training from random weights on the same target images."""
    return _trained_here(case, "target", None, "scratch")


@memoized("Training the control to its own end", part="models", of="scratch | images_for target target")
def scratch_to_end(case: Case) -> TrainedModel:
    """The control with twice the epochs, and twice again, until its validation accuracy no longer rises (method 2)."""
    from tlx.training import control as stage

    return stage.to_its_end(
        case, {"target": images_for(case, "target", "target")}, scratch(case), folder=unfinished(case)
    )


def unfinished(case: Case) -> Path:
    """Folder of the trainings of this case that were stopped, `source.pt` and so on; they are gone on with."""
    return location() / "training" / case.fingerprint("models")


def _trained_here(case: Case, model: str, start: TrainedModel | None, called: str) -> TrainedModel:
    from tlx.training import loop

    both = {name: images_for(case, model, name) for name in DOMAINS}
    kept_at = unfinished(case) / f"{called}.pt"
    result = loop.train(case, model, both, start=start, called=called, kept_at=kept_at)
    loop.forget(kept_at)
    return result


@memoized("Reading the network")
def network(case: Case) -> Network:
    """The analysed layers and what joins them, as both models have them (method 1 and 4).

    Raises ModelError where each model has a network of its own and their layers do not correspond by name.
    """
    from tlx.networks import models

    if not case.two_networks:
        return models.network(case, len(catalogue(case, "source").classes))
    return models.meeting(*(_own_network(case, model) for model in MODELS))


def network_of(case: Case, model: str) -> Network:
    """The same of one model; it differs from the other's where each has a network of its own."""
    return _own_network(case, model) if case.two_networks else network(case)


@memoized("Reading the {model} model's network")
def _own_network(case: Case, model: str) -> Network:
    from tlx.networks import models

    return models.network(case, len(catalogue(case, model).classes), model)


@memoized("Reading the accuracy histories", part="models", of="trained *model")
def history(case: Case) -> pd.DataFrame:
    """Accuracy by model ("source", "target", and "scratch" where the control was run), domain, split and epoch.

    Columns model, domain, split ("training" | "validation"), epoch (0 = before training), accuracy, n. Empty where a
    case brings checkpoints without a history.
    """
    parts = [trained(case, model).history for model in MODELS]
    return pd.concat(parts).drop_duplicates(["model", "domain", "split", "epoch"]).reset_index(drop=True)


def _with_names(table: pd.DataFrame, case: Case, model: str, domain: str) -> pd.DataFrame:
    """Predictions with each instance's name, which the catalogue keeps."""
    named = table.copy(deep=False)
    named.insert(1, "name", catalogue(case, domain).names)
    return named


@memoized(
    "Predicting the {domain} domain with the {model} model",
    part="models",
    of="trained model | images_for model domain",
    completed=_with_names,
)
def predictions(case: Case, model: str, domain: str) -> pd.DataFrame:
    """What a model says about every instance.

    Columns instance, name (the image's file, from the domain's folder), split, label, prediction (class names),
    confidence.
    """
    from tlx.analysis import activations

    given = images_for(case, model, domain), case.seen_by(model)
    return _answers(case, model, domain, activations.predict(load_model(case, model), *given))


def _answers(case: Case, model: str, domain: str, probabilities: np.ndarray) -> pd.DataFrame:
    listed = catalogue(case, domain)
    return pd.DataFrame(
        {
            "instance": np.arange(len(listed)),
            "split": listed.split.astype(object),
            "label": np.array(listed.classes, dtype=object)[listed.labels],
            "prediction": np.array(trained(case, model).classes, dtype=object)[probabilities.argmax(axis=1)],
            "confidence": probabilities.max(axis=1),
        }
    )


@memoized("Scoring the transfer", part="models", of="predictions *model target | history")
def transferability(case: Case) -> Transferability:
    """The kept target model's accuracy minus the source model's on the target's headline split (method 2)."""
    from tlx.analysis import statistics

    lines, plan = history(case), case.plan("target")
    known = not plan.checkpoint or bool((lines["model"] == "target").any())
    return statistics.transferability(
        predictions(case, "source", "target"),
        predictions(case, "target", "target"),
        lines,
        nameable=trained(case, "source").classes,
        epochs=(trained(case, "source").epoch, trained(case, "target").epoch),
        descended=known and plan.training.strategy != "scratch",
    )


def _of_control(case: Case, length: str) -> Iterator[Call]:
    yield (scratch if length == "budget" else scratch_to_end), (case,)
    yield predictions, (case, "target", "target")
    yield images_for, (case, "target", "target")


@memoized("Training from scratch", part="models", of=_of_control)
def control(case: Case, length: str = "budget") -> Control:
    """The target model against training from scratch, at the same "budget" or to its own "end" (method 2)."""
    from tlx.analysis import statistics
    from tlx.training import control as stage

    if length not in CONTROLS:
        raise errors.SelectionError(errors.unknown("length of the control", length, CONTROLS))
    model = scratch(case) if length == "budget" else scratch_to_end(case)
    right = stage.right(case, model, images_for(case, "target", "target"))
    note = stage.RISING if stage.RISING in model.notes else ""
    return statistics.control(predictions(case, "target", "target"), right, model, length, note)


def _of_few(case: Case, labels: int, seed: int, how: str) -> Iterator[Call]:
    yield images_for, (case, "target", "target")
    if how == "fine-tuned":
        yield trained, (case, "source")


@memoized("Training {how} on {labels} labels of each class", part="models", of=_of_few)
def few_labels(case: Case, labels: int, seed: int, how: str) -> float:
    """Accuracy on the target's headline split after learning from so many images of each class, 0 for all."""
    from tlx.training import label_efficiency as stage

    start = trained(case, "source") if how == "fine-tuned" else None
    return stage.accuracy(case, images_for(case, "target", "target"), start, labels=labels, seed=seed)


def _each_few_labels(case: Case) -> list[Call]:
    listed = catalogue(case, "target")
    most = int(np.bincount(listed.labels[listed.training], minlength=1).max())
    counts = [count for count in LABELS if count < most] + [0]
    return [(few_labels, (case, *one)) for one in product(counts, range(SEEDS), WAYS)]


@derived("Training on few labels", of=_each_few_labels)
def label_efficiency(case: Case) -> LabelEfficiency:
    """Accuracy over the number of target labels, fine-tuned and from scratch, by seed (method 2)."""
    from tlx.images import splits
    from tlx.progress import track

    listed, rows = catalogue(case, "target"), []
    if not listed.training.any():
        raise errors.EmptyError("the target domain has no training image, so there are no labels to learn from")
    for _, (_, labels, seed, how) in track(_each_few_labels(case), "trainings"):
        learned = len(splits.few(listed.labels, listed.training, labels, seed))
        rows.append((labels, learned, how, seed, few_labels(case, labels, seed, how)))
    table = pd.DataFrame(rows, columns=["labels", "images", "how", "seed", "accuracy"])
    return LabelEfficiency(table, int(listed.judged.sum()), listed.headline)


@memoized("Probing what the source model knows of the target", part="models", of="vectors source target")
def linear_probe(case: Case) -> Probe:
    """How well a linear classifier on the source model's activations tells the target's classes (method 2)."""
    from tlx.analysis import probe as stage

    return stage.probe(vectors(case, "source", "target"), catalogue(case, "target"))


def _of_promise(case: Case) -> Iterator[Call]:
    for domain in DOMAINS:
        yield vectors, (case, "source", domain)
    yield predictions, (case, "source", "source")
    yield trained, (case, "source")
    yield images_for, (case, "source", "target")


@memoized("Measuring how promising the source is", part="models", of=_of_promise)
def promise(case: Case) -> Promise:
    """Measures of the source's promise for the target, and baselines, from training images (method 10)."""
    from tlx.analysis import activations, statistics
    from tlx.analysis import promise as stage

    listed = {domain: catalogue(case, domain) for domain in DOMAINS}
    rows = {domain: np.flatnonzero(of.training) for domain, of in listed.items()}
    target = images_for(case, "source", "target").of(rows["target"])
    answers = activations.predict(load_model(case, "source"), target, case.seen_by("source"))
    held = statistics.judged(predictions(case, "source", "source"))
    return stage.promise(
        {domain: vectors(case, "source", domain)[rows[domain]] for domain in DOMAINS},
        listed["target"].labels[rows["target"]],
        answers,
        accuracy=float((held["label"] == held["prediction"]).mean()),
        parameters=network_of(case, "source").parameters,
    )


def _each_seed(case: Case) -> list[Call]:
    return [(few_labels, (case, 0, seed, "fine-tuned")) for seed in range(SEEDS)]


@derived("Fine-tuning from the source", of=_each_seed)
def fine_tuned(case: Case) -> tuple[float, ...]:
    """Accuracy on the target's headline split after fine-tuning on all its training images, by seed (method 10)."""
    return tuple(function(*asked) for function, asked in _each_seed(case))


def sources(cases: Case | Sequence[Case], *, run: bool = False) -> pd.DataFrame:
    """Candidates for one target, most promising by LogME first: what measures say, and what fine-tuning comes to.

    Columns candidate (the case's name), title, those of `PROMISES`, accuracy (mean over seeds, NaN where it was not
    run) and accuracy_0 … by seed. run: whether fine-tunings that are not stored are run.

    Raises SelectionError where a candidate is the target itself, or the cases have different targets.
    """
    from tlx.analysis import regret as stage

    every = [cases] if isinstance(cases, Case) else list(cases)
    stage.comparable(every)
    rows = []
    for case in every:
        known = run or all(function.is_stored(*asked) for function, asked in _each_seed(case))
        accuracies = fine_tuned(case) if known else (float("nan"),) * SEEDS
        rows.append(stage.row(case, promise(case), accuracies))
    return pd.DataFrame(rows).sort_values("log_me", ascending=False, kind="stable").reset_index(drop=True)


@memoized(
    "Asking which block the target pulls at",
    of="trained source | images_for source source | images_for target target | network",
)
def block_gradients(case: Case) -> BlockGradients:
    """Relative gradient norm of each analysed layer's block and of the head before fine-tuning (method 11)."""
    from tlx.analysis import advice as stage

    both = {model: images_for(case, model, model) for model in MODELS}
    return stage.gradients(case, both, trained(case, "source"), {model: _blocks(case, model) for model in MODELS})


def _blocks(case: Case, model: str = "target") -> tuple[str, ...]:
    """A model's analysed layers by the names of its own modules, and the head."""
    return (*(layer.module for layer in network_of(case, model).layers), HEAD)


@memoized("Fine-tuning by one strategy", part="models", of="trained source | images_for target *domain")
def tuned(case: Case, strategy: str, rate: float, seed: int) -> Tuned:
    """What fine-tuning by one of `freezing.strategies` comes to, at so many times the case's learning rate."""
    from tlx.analysis import advice as stage

    both = {domain: images_for(case, "target", domain) for domain in DOMAINS}
    return stage.tuned(case, both, trained(case, "source"), strategy, rate=rate, seed=seed)


def _each_tuned(case: Case) -> list[Call]:
    none, *others = freezing.strategies(_blocks(case), case.plan("target").training.epochs)
    runs = [(none, 1.0, 0), *product(others, RATES, range(SEEDS))]
    return [(tuned, (case, *one)) for one in runs]


@memoized("Fine-tuning by every strategy", of=_each_tuned)
def strategies(case: Case) -> pd.DataFrame:
    """Strategies with the same seeds and budget, each at the rate that validation chose; see `freezing.compared`."""
    from tlx.progress import track

    asked = [one for _, (_, *one) in _each_tuned(case)]
    found = {(name, rate, seed): tuned(case, name, rate, seed) for name, rate, seed in track(asked, "trainings")}
    return freezing.compared(found, SEEDS)


def kept_edges(case: Case) -> dict[str, float]:
    """Block -> share of the important edges into it that were kept, mean over the classes where that is stored."""
    from tlx.analysis import means

    if reuse_means.is_stored(case):
        table = reuse_means(case)
    else:
        names = [name for name in catalogue(case, "target").present if reuse.is_stored(case, name)]
        table = means.of_reuse({name: reuse(case, name) for name in names})
    kept = table[(table["measure"] == "kept") & (table["second"] != "")]
    by_layer = dict(zip(kept["second"], kept["value"].astype(float), strict=True))
    return {layer.module: by_layer[layer.name] for layer in network_of(case, "target").layers if layer.name in by_layer}


def advice(case: Case, *, run: bool = False) -> pd.DataFrame:
    """Which block to train, beside what training each comes to where that was run; see `freezing.table` (method 11).

    run: whether the strategies are run where they are not stored.
    """
    known = strategies(case) if run or strategies.is_stored(case) else None
    return freezing.table(block_gradients(case), kept_edges(case), known)


@derived("Comparing the models class by class", of="predictions *model target")
def class_table(case: Case) -> pd.DataFrame:
    """Per class on the target's headline split: n, accuracies, difference, misclassified_as (5.1).

    Column class_name first; `misclassified_as` is a tuple of (class name, count), largest count first. Classes that
    only one domain has are listed too, with NaN for what cannot be known; see `statistics.class_table`.
    """
    from tlx.analysis import statistics

    of_domain = {domain: catalogue(case, domain).classes for domain in DOMAINS}
    both = {model: predictions(case, model, "target") for model in MODELS}
    table = statistics.class_table(both["source"], both["target"], of_domain)
    return table[table["class_name"].isin(classes(case))].reset_index(drop=True)


@derived("Counting the {model} model's confusions", of="predictions model domain")
def confusion(case: Case, model: str, domain: str = "target") -> pd.DataFrame:
    """(C, C) counts on a domain's headline split: rows true classes, columns what the model said."""
    from tlx.analysis import statistics

    answers = predictions(case, model, domain)
    return statistics.confusion(
        answers, tuple(dict.fromkeys([*classes(case), *sorted(answers["prediction"].unique())]))
    )


@derived("Predicting every instance", of="predictions *model *domain")
def instances(case: Case) -> pd.DataFrame:
    """Every instance of both domains: domain, instance, name, split, label, the two models' predictions (5.2)."""
    from tlx.analysis import statistics

    told = {(model, domain): predictions(case, model, domain) for model in MODELS for domain in DOMAINS}
    return statistics.instance_table(told, {domain: catalogue(case, domain).names for domain in DOMAINS})


@memoized("Making thumbnails of the {domain} domain", part="data", of="images domain")
def thumbnails(case: Case, domain: str) -> Thumbnails:
    """Small pictures of all instances of a domain, for tooltips and galleries."""
    from tlx.images import thumbnails as stage

    return stage.thumbnails(images(case, domain))


def load_model(case: Case, model: str):  # type: ignore[no-untyped-def]  # a torch module; torch stays unimported here
    """The network with its weights, in evaluation mode, shared by this process: leave it as you found it."""
    from tlx.networks import models

    return models.loaded(case, model, trained)


def shards(count: int) -> list[tuple[int, int]]:
    """The first instance of each shard of a domain's conductance, and the first one behind it."""
    return [(first, min(first + SHARD, count)) for first in range(0, count, SHARD)]


@memoized("Measuring conductance", of="trained model | images_for model domain | network")
def _conductance_shard(case: Case, model: str, domain: str, first: int, end: int) -> Conductance:
    from tlx.analysis import attribution

    listed = images_for(case, model, domain)
    model_classes = trained(case, model).classes
    return attribution.of_instances(
        load_model(case, model),
        network_of(case, model),
        listed,
        np.arange(first, end),
        case=case.seen_by(model),
        outputs=model_classes,
    )


@memoized(
    "Measuring the {model} model's conductance on the {domain} domain",
    of="trained model | images_for model domain | network",
)
def conductance(case: Case, model: str, domain: str) -> Conductance:
    """Layer conductance of all analysed layers on all instances of a domain, in one pass (method 3)."""
    from tlx.analysis import attribution
    from tlx.networks import heap
    from tlx.progress import track

    bounds = shards(len(images_for(case, model, domain)))
    label = f"conductance of the {model} model on the {domain} domain"
    # One shard after the other in this process, unless the caller chose a backend with joblib.parallel_config.
    parts = joblib.Parallel(return_as="generator")(
        joblib.delayed(_conductance_shard)(case, model, domain, *bound) for bound in bounds
    )
    joined = attribution.join(list(track(parts, label, total=len(bounds))))
    heap.give_back()
    return joined


@memoized(
    "Measuring the {model} model's activations on the {domain} domain",
    of="trained model | images_for model domain | network",
)
def activations(case: Case, model: str, domain: str) -> Activations:
    """Largest activation and its place, of every neuron on every instance of a domain."""
    from tlx.analysis import activations as stage

    return stage.of_domain(
        load_model(case, model), network_of(case, model), images_for(case, model, domain), case.seen_by(model)
    )


def responses(case: Case, model: str, domain: str) -> None:
    """Stores `predictions`, `activations` and `vectors` after one pass through the network instead of three.

    For who needs them all; each computes what it needs alone, so that a page waits for no other page's numbers.
    """
    from tlx.analysis import activations as stage

    if all(part.is_stored(case, model, domain) for part in (predictions, activations, vectors)):
        return
    given = images_for(case, model, domain), case.seen_by(model)
    passed = stage.respond(load_model(case, model), network_of(case, model), *given)
    predictions.put(_answers(case, model, domain, passed.probabilities), case, model, domain)
    activations.put(passed.activations, case, model, domain)
    vectors.put(passed.vectors, case, model, domain)


@memoized("Finding what activates each neuron of the {model} model most", of="activations model domain")
def strongest(case: Case, model: str, domain: str) -> Strongest:
    """The few instances of a domain that activate each neuron most (method 7)."""
    maxima = activations(case, model, domain)
    best = np.argsort(-maxima.values, axis=0, kind="stable")[:STRONGEST].astype(np.int32)
    return Strongest(best, np.take_along_axis(maxima.values, best, axis=0), maxima.layers, maxima.units)


@memoized("Reading the conductance of class {class_name}", of="conductance model target")
def conductance_on(case: Case, model: str, class_name: str) -> OnClass:
    """Conductance on the target instances of one class: what pages show of it, a small part of the whole."""
    from tlx.analysis import of_class as stage

    return stage.on_class(conductance(case, model, "target"), _chosen(case, class_name))


@memoized("Adding up the conductance of class {class_name}", of="conductance model target")
def contribution_on(case: Case, model: str, class_name: str) -> Contribution:
    """What each neuron adds to the class's score in the mean of its target instances, and how well that adds up."""
    from tlx.analysis import of_class as stage

    return stage.contribution(conductance(case, model, "target"), _chosen(case, class_name))


@memoized("Reading the activations of class {class_name}", of="activations model target")
def activation_on(case: Case, model: str, class_name: str) -> OnClass:
    """Largest activations on the target instances of one class."""
    from tlx.analysis import of_class as stage

    measured, chosen = activations(case, model, "target"), _chosen(case, class_name)
    return OnClass(chosen, stage.as_shown(measured.values[chosen]), measured.layers, measured.units)


def _conductance_of(case: Case, model: str, domain: str, chosen: np.ndarray) -> dict[str, np.ndarray]:
    """Per layer (n, U): what every stage takes for the conductance of a class, by its instances in a domain."""
    from tlx.analysis import of_class as stage

    return stage.by_layer(conductance(case, model, domain), chosen)


def classes(case: Case) -> tuple[str, ...]:
    """The classes that have instances in either domain, the target's first, matched by name (method 2)."""
    return present_in_either({domain: catalogue(case, domain) for domain in DOMAINS})


def instances_of(case: Case, domain: str, class_name: str) -> np.ndarray:
    """Indices of a class's instances in a domain. Raises SelectionError for a class neither domain has."""
    everywhere = classes(case)
    if class_name not in everywhere:
        raise errors.SelectionError(errors.unknown("class", class_name, everywhere))
    return catalogue(case, domain).of_class(class_name)


def _edges(case: Case, model: str, class_name: str, first: str, second: str) -> Edges:
    from tlx.analysis import abstraction as stage

    chosen = _chosen(case, class_name)
    return stage.edges(
        load_model(case, model),
        network_of(case, model),
        (first, second),
        images_for(case, model, "target"),
        chosen,
        case=case.seen_by(model),
    )


@memoized(
    "Finding the important neurons and edges of class {class_name}",
    of="conductance model target | images_for model target",
)
def abstraction(case: Case, model: str, class_name: str) -> Abstraction:
    """Important neurons and edges of a model for a class, on the target instances of the class (5.3.1).

    Raises EmptyError when the target domain has no instance of the class.
    """
    from tlx.analysis import abstraction as stage
    from tlx.progress import track

    chosen = _chosen(case, class_name)
    values = _conductance_of(case, model, "target", chosen)
    pairs = [pair for pair in network(case).pairs if pair in network(case).joins]
    edges: dict[Pair, Edges] = {
        pair: _edges(case, model, class_name, *pair)
        for pair in track(pairs, f"edges of the {model} model for class {class_name}")
    }
    return stage.abstraction(values, edges, model=model, class_name=class_name)


def _chosen(case: Case, class_name: str) -> np.ndarray:
    chosen = instances_of(case, "target", class_name)
    if len(chosen) == 0:
        raise errors.EmptyError(
            f"class {class_name!r} has no instance in the target domain; the network views compare the two models on "
            "target instances, so choose a class that the target domain has"
        )
    return chosen


@memoized(
    "Finding which neurons of the two models correspond", of="trained *model | activations *model target | network"
)
def correspondence(case: Case) -> Correspondence:
    """Which source neuron each target neuron corresponds to, by descent or by function (method 4)."""
    from tlx.analysis import correspondence as stage

    layers = network(case).names
    return stage.correspondence(
        {model: stage.incoming(trained(case, model).tensors, network_of(case, model)) for model in MODELS},
        {model: {name: activations(case, model, "target").layer(name) for name in layers} for model in MODELS},
    )


@memoized(
    "Comparing the neurons of class {class_name}",
    of="conductance *model target | abstraction *model class_name | correspondence",
)
def comparison(case: Case, class_name: str) -> Comparison:
    """Similarity, match, kept and inherited edges of the two models for a class (5.3.2, method 4)."""
    from tlx.analysis import comparison as stage

    chosen = _chosen(case, class_name)
    values = {model: _conductance_of(case, model, "target", chosen) for model in MODELS}
    return stage.comparison(
        {name: values["source"][name] for name in network(case).names},
        {name: values["target"][name] for name in network(case).names},
        {model: abstraction(case, model, class_name) for model in MODELS},
        correspondence(case),
    )


@memoized("Comparing the activations of the two models", of="activations *model target | network")
def activation_similarity(case: Case) -> Similarity:
    """Correlation of the activations of every two neurons of a layer, over all target instances (method 4)."""
    from tlx.analysis import similarity as stage

    both = [activations(case, model, "target") for model in MODELS]
    pairs = {name: tuple(np.ascontiguousarray(one.layer(name)) for one in both) for name in network(case).names}
    return Similarity(stage.Matrices(stage.correlation, pairs))


def _of_similarity(case: Case, class_name: str, measure: str) -> Iterator[Call]:
    if measure == "correlation":
        yield from ((conductance_on, (case, model, class_name)) for model in MODELS)
    else:
        yield (activation_similarity, (case,)) if measure == "activations" else (comparison, (case, class_name))


@derived("Comparing the neurons of class {class_name}", of=_of_similarity)
def similarity(case: Case, class_name: str, measure: str) -> Similarity | Comparison:
    """How alike the neurons of the two models are by one of `SIMILARITIES` (method 4).

    Raises SelectionError for another measure.
    """
    from tlx.analysis import similarity as stage

    if measure not in SIMILARITIES:
        raise errors.SelectionError(errors.unknown("measure of similarity", measure, list(SIMILARITIES)))
    if measure == "activations":
        return activation_similarity(case)
    if measure == "cosine":
        return comparison(case, class_name)
    both = [conductance_on(case, model, class_name) for model in MODELS]
    return Similarity({name: stage.correlation(*(one.layer(name) for one in both)) for name in network(case).names})


def _of_scales(case: Case, class_name: str) -> Iterator[Call]:
    yield from ((abstraction, (case, model, class_name)) for model in MODELS)
    yield from ((similarity, (case, class_name, measure)) for measure in SIMILARITIES)
    yield correspondence, (case,)


@memoized("Finding how counterparts of class {class_name} are told from other neurons", of=_of_scales)
def similarity_scales(case: Case, class_name: str) -> SimilarityScales:
    """What each measure of similarity makes of neurons that correspond and of others (method 4)."""
    from tlx.analysis import similarity as stage

    both = {model: abstraction(case, model, class_name) for model in MODELS}
    matrices = {measure: similarity(case, class_name, measure).similarity for measure in SIMILARITIES}
    return stage.scales(matrices, correspondence(case), both)


@memoized(
    "Measuring the reuse of class {class_name}",
    of="abstraction *model class_name | comparison class_name | correspondence",
)
def reuse(case: Case, class_name: str) -> Reuse:
    """How much of the source model is reused, by depth and by every measure, each beside chance (5.3.2, method 4)."""
    from tlx.analysis import reuse as stage

    both = {model: abstraction(case, model, class_name) for model in MODELS}
    return stage.reuse(network(case), comparison(case, class_name), correspondence(case), both)


def _each_reuse(case: Case) -> list[Call]:
    return [(reuse, (case, name)) for name in catalogue(case, "target").present]


@derived("Comparing all classes", of=_each_reuse)
def reuse_by_class(case: Case) -> dict[str, Reuse]:
    """The same for every class that the target domain has instances of."""
    from tlx.progress import track

    names = catalogue(case, "target").present
    return {name: reuse(case, name) for name in track(names, "reuse, class by class")}


@memoized("Summing up the reuse of all classes", of=_each_reuse)
def reuse_means(case: Case) -> pd.DataFrame:
    """Means over all these classes, in one result instead of one for each class; see `means.of_reuse`."""
    from tlx.analysis import means as stage

    return stage.of_reuse(reuse_by_class(case))


@memoized("Attributing the score of class {class_name}", of="trained model | images_for model target | network")
def attributed(case: Case, model: str, class_name: str) -> OnClass:
    """By the case's criterion, on the target instances of one class alone and as exact as it is measured (method 9).

    Raises ModelError where the criterion cannot run on the model's network.
    """
    from tlx.analysis import attribution
    from tlx.analysis import of_class as stage

    chosen, structure = _chosen(case, class_name), network_of(case, model)
    measured = attribution.of_instances(
        load_model(case, model),
        structure,
        images_for(case, model, "target"),
        chosen,
        case=case.seen_by(model),
        outputs=trained(case, model).classes,
    )
    by_layer = stage.by_layer(measured, np.arange(len(chosen)))
    return OnClass(chosen, np.concatenate([*by_layer.values()], axis=1), measured.layers, measured.units)


def _of_criteria(case: Case, class_name: str) -> Iterator[Call]:
    for model in MODELS:
        yield abstraction, (case, model, class_name)
        yield from ((attributed, (replace(case, criterion=one), model, class_name)) for one in CRITERIA)
    yield correspondence, (case,)
    yield activations, (case, "target", "target")
    yield images_for, (case, "target", "target")
    yield trained, (case, "target")


@memoized("Comparing attribution criteria on class {class_name}", of=_of_criteria)
def criteria(case: Case, class_name: str) -> Criteria:
    """Which neurons each attribution criterion calls important, what silencing these does, and what becomes of reuse.

    On the target instances of the class; a criterion that a network's modules do not allow is left out (method 9).
    """
    from tlx.analysis import agreement as stage
    from tlx.analysis import silencing
    from tlx.progress import track

    measured: dict[str, dict[str, OnClass]] = {}
    left_out: dict[str, str] = {}
    for name in track(CRITERIA, "attribution, criterion by criterion"):
        by_it = replace(case, criterion=name)
        try:
            measured[name] = {model: attributed(by_it, model, class_name) for model in MODELS}
        except errors.ModelError as error:
            if name == "conductance":
                raise
            left_out[name] = str(error)
    own = {model: abstraction(case, model, class_name) for model in MODELS}
    both = {name: stage.structures(of, own) for name, of in measured.items()}
    target = {name: of["target"] for name, of in both.items()}
    listed = images_for(case, "target", "target")
    asked = stage.held_out(listed, class_name, seed=case.seed)
    right = partial(
        silencing.right_without,
        load_model(case, "target"),
        listed,
        asked,
        means=activations(case, "target", "target"),
        outputs=trained(case, "target").classes,
        case=case.seen_by("target"),
    )
    return Criteria(
        class_name=class_name,
        names=tuple(measured),
        left_out=left_out,
        n=own["target"].n,
        held_out=len(asked),
        split=listed.headline,
        agreement=stage.agreement(target),
        deletion=stage.deletion(target, right, seed=case.seed),
        reading=stage.reading(measured, both, correspondence(case)),
    )


@memoized("Measuring the kernel's response", of="trained model | images_for model target | network")
def kernel_response(case: Case, model: str, pair: Pair, edge: tuple[int, int], instance: int) -> KernelResponse:
    """An edge's kernel and what it alone answers to a target instance (5.3.3). Raises SelectionError without edges."""
    from tlx.analysis import kernels

    structure = network_of(case, model)
    if pair not in structure.joins:
        why = structure.apart.get(pair, "they are not neighbouring analysed layers")
        raise errors.SelectionError(f"{pair[0]} and {pair[1]} have no edges: {why}")
    units = structure.layer(pair[0]).units, structure.layer(pair[1]).units
    target_images = images_for(case, model, "target")
    for kind, given, count in (
        ("neuron", edge[0], units[0]),
        ("neuron", edge[1], units[1]),
        ("instance", instance, len(target_images)),
    ):
        if not 0 <= given < count:
            raise errors.SelectionError(f"{kind} {given} does not exist; choose from 0 to {count - 1}")
    return kernels.response(
        load_model(case, model),
        structure.joins[pair],
        edge,
        units,
        target_images,
        instance,
        case=case.seen_by(model),
    )


@memoized(
    "Telling the domains of class {class_name} apart", of="abstraction model class_name | conductance model *domain"
)
def discriminability(case: Case, class_name: str, model: str = "target") -> Discriminability:
    """How well the class's important neurons tell the two domains apart (5.4.1, Algorithm 1)."""
    from tlx.analysis import discriminability as stage

    important = abstraction(case, model, class_name).important
    chosen = {domain: instances_of(case, domain, class_name) for domain in DOMAINS}
    values = {domain: _conductance_of(case, model, domain, chosen[domain]) for domain in DOMAINS}
    return stage.discriminability(values, chosen, important, model=model, class_name=class_name)


def in_both_domains(case: Case, least: int = 2) -> tuple[str, ...]:
    """Classes with at least so many instances in either domain: what telling the domains apart needs."""
    domains = [catalogue(case, domain) for domain in DOMAINS]
    return tuple(name for name in classes(case) if all(len(one.of_class(name)) >= least for one in domains))


def _each_discriminability(case: Case) -> list[Call]:
    return [(discriminability, (case, name, model)) for name in in_both_domains(case) for model in MODELS]


@derived("Measuring the domain gap of all classes", of=_each_discriminability)
def discriminability_by_class(case: Case) -> dict[str, dict[str, Discriminability]]:
    """Class name -> model -> discriminability, for every class that can have one."""
    from tlx.progress import track

    by_class: dict[str, dict[str, Discriminability]] = {}
    for name in track(in_both_domains(case), "domain gap, class by class"):
        with suppress(errors.EmptyError):  # no neuron's conductance varies
            by_class[name] = {model: discriminability(case, name, model) for model in MODELS}
    return by_class


@memoized("Summing up the domain gap of all classes", of=_each_discriminability)
def discriminability_means(case: Case) -> pd.DataFrame:
    """Means over all these classes, in one result; see `means.of_distances`."""
    from tlx.analysis import means as stage

    by_class = discriminability_by_class(case)
    return stage.of_distances({model: {name: of[model] for name, of in by_class.items()} for model in MODELS})


@memoized("Embedding the instances under the {model} model", of="vectors model *domain layer")
def embedding(
    case: Case, class_names: Sequence[str], model: str = "target", layer: str | None = None, seed: int = 0
) -> Embedding:
    """2-D t-SNE of both domains' instances of the chosen classes under a model (5.2, method 6)."""
    from tlx.analysis import embedding as stage

    both = {domain: images(case, domain) for domain in DOMAINS}
    for name in class_names:
        instances_of(case, "target", name)  # names the valid classes where this one is unknown
    chosen = {domain: stage.choose(both[domain], class_names, seed) for domain in DOMAINS}
    every = {domain: vectors(case, model, domain, layer) for domain in DOMAINS}
    activations_of = {domain: every[domain][chosen[domain]] for domain in DOMAINS}
    rest = {
        domain: (stage.others(both[domain], class_names, chosen[domain], seed), every[domain]) for domain in DOMAINS
    }
    return stage.embedding(both, chosen, activations_of, model=model, layer=layer, seed=seed, rest=rest)


@memoized(
    "Measuring the {model} model's activations on the {domain} domain",
    part="models",
    of="trained model | images_for model domain",
)
def vectors(case: Case, model: str, domain: str, layer: str | None = None) -> np.ndarray:
    """(N, D) activations of all instances of a domain, before the classifier head by default (5.2)."""
    from tlx.analysis import activations as stage

    return stage.vectors(load_model(case, model), images_for(case, model, domain), case.seen_by(model), layer)


@memoized("Finding the nearest instances", part="models", of="vectors model *domain layer")
def nearest(case: Case, domain: str, model: str = "target", layer: str | None = None) -> Nearest:
    """Of each of a domain's instances those of the other domain whose activations are nearest."""
    from tlx.analysis import embedding as stage

    there = DOMAINS[1 - DOMAINS.index(domain)]
    return stage.nearest(vectors(case, model, domain, layer), vectors(case, model, there, layer))


@derived("Finding the nearest instances", of="nearest domain model layer | catalogue *domain")
def neighbours(case: Case, domain: str, instance: int, model: str = "target", layer: str | None = None) -> pd.DataFrame:
    """The other domain's instances whose activations are nearest to this one's: domain, instance, label, distance."""
    found, there = nearest(case, domain, model, layer), DOMAINS[1 - DOMAINS.index(domain)]
    if not 0 <= instance < len(found.instances):
        raise errors.SelectionError(
            f"the {domain} domain has no instance {instance}; they run from 0 to {len(found.instances) - 1}"
        )
    rows, other = found.instances[instance], catalogue(case, there)
    labels = np.array(other.classes, dtype=object)[other.labels[rows]]
    return pd.DataFrame({"domain": there, "instance": rows, "label": labels, "distance": found.distances[instance]})


@memoized("Measuring every layer on class {class_name}", of="conductance *model *domain")
def domain_gap(case: Case, class_name: str) -> tuple[LayerGap, ...]:
    """How well each layer alone tells the domains apart, before transfer (source model) and after (target model)."""
    from tlx.analysis import discriminability as stage
    from tlx.progress import track

    chosen = {domain: instances_of(case, domain, class_name) for domain in DOMAINS}
    values = {
        (model, domain): _conductance_of(case, model, domain, chosen[domain]) for model in MODELS for domain in DOMAINS
    }
    places = [(model, layer) for model in MODELS for layer in network(case).names]
    return tuple(
        stage.layer_gap(
            {domain: values[model, domain][layer] for domain in DOMAINS},
            model=model,
            layer=layer,
            class_name=class_name,
        )
        for model, layer in track(places, f"domain gap of class {class_name}, layer by layer")
    )


def _each_domain_gap(case: Case) -> list[Call]:
    return [(domain_gap, (case, name)) for name in in_both_domains(case)]


@memoized("Summing up the domain gap of all layers", of=_each_domain_gap)
def domain_gap_means(case: Case) -> pd.DataFrame:
    """Means over all these classes, in one result; see `means.of_gaps`."""
    from tlx.analysis import means as stage

    return stage.of_gaps(domain_gap_by_class(case))


@derived("Measuring every layer on all classes", of=_each_domain_gap)
def domain_gap_by_class(case: Case) -> dict[str, tuple[LayerGap, ...]]:
    """The same for every class with at least two instances in either domain."""
    from tlx.progress import track

    return {name: domain_gap(case, name) for name in track(in_both_domains(case), "domain gap, class by class")}


@memoized(
    "Silencing neurons",
    of="trained model | images_for model *domain | activations model target | abstraction model class_name",
)
def silenced(case: Case, class_name: str, model: str, neurons: tuple[tuple[str, int], ...]) -> Silenced:
    """What silencing these neurons, (layer, index) each, does to the model's accuracy on a class and on all."""
    from tlx.analysis import silencing

    return silencing.silenced(
        load_model(case, model),
        abstraction(case, model, class_name),
        {domain: images_for(case, model, domain) for domain in DOMAINS},
        neurons,
        means=activations(case, model, "target"),
        outputs=trained(case, model).classes,
        case=case.seen_by(model),
    )


@memoized("Drawing what a neuron looks for", of="trained model | network")
def feature_image(case: Case, model: str, layer: str, neuron: int) -> np.ndarray:
    """(H, W, 3) uint8: an input that activates the neuron strongly, as far as the neuron sees it (method 7)."""
    return _drawn(case, model, layer, [neuron])[neuron]


def _each_image_of_a_layer(case: Case, model: str, layer: str, neurons: Sequence[int]) -> list[Call]:
    return [(feature_image, (case, model, layer, neuron)) for neuron in neurons]


@derived("Drawing what neurons look for", of=_each_image_of_a_layer)
def feature_images(case: Case, model: str, layer: str, neurons: Sequence[int]) -> dict[int, np.ndarray]:
    """The same for several neurons of a layer, enlarged to be seen; those not stored yet are drawn in batches."""
    from tlx.images.thumbnails import enlarged

    missing = [neuron for neuron in neurons if not feature_image.is_stored(case, model, layer, neuron)]
    for neuron in missing if case.bundle or not places.computes() else ():
        feature_image(case, model, layer, neuron)  # says in a sentence that it is not to be had here
    for at in range(0, len(missing), DRAWN):
        some = missing[at : at + DRAWN]
        with spent.computing("feature_image", len(some)):
            drawn = _drawn(case, model, layer, some)
        for neuron, image in drawn.items():
            feature_image.put(image, case, model, layer, neuron)
    return {neuron: enlarged(feature_image(case, model, layer, neuron)) for neuron in neurons}


def _drawn(case: Case, model: str, layer: str, neurons: list[int]) -> dict[int, np.ndarray]:
    from tlx.analysis import feature_visualisation as stage

    return stage.feature_images(
        load_model(case, model), network_of(case, model), layer, neurons, case=case.seen_by(model)
    )


def _each_layer(case: Case, model: str, neurons: Sequence[tuple[str, int]]) -> list[Call]:
    layers = dict.fromkeys(layer for layer, _ in neurons)
    return [(feature_images, (case, model, layer, [n for at, n in neurons if at == layer])) for layer in layers]


@derived("Drawing what neurons look for", of=_each_layer)
def neuron_images(case: Case, model: str, neurons: Sequence[tuple[str, int]]) -> dict[tuple[str, int], np.ndarray]:
    """The same for neurons of several layers, (layer, index) each."""
    drawn = {layer: function(*rest, layer, few) for function, (*rest, layer, few) in _each_layer(case, model, neurons)}
    return {(layer, index): drawn[layer][index] for layer, index in neurons}


@memoized("Finding what the neuron sees", of="activations model *domain | images_for model *domain")
def crops(case: Case, model: str, layer: str, neuron: int, count: int = 6) -> dict[str, list[Crop]]:
    """What activates a neuron most in each domain, cropped to the receptive field, strongest first (method 7)."""
    from tlx.analysis import crops as stage

    known = network_of(case, model).layer(layer)
    return {
        domain: stage.strongest(
            activations(case, model, domain), images_for(case, model, domain), known, neuron, count=count
        )
        for domain in DOMAINS
    }
