"""What the transfer was worth, in sentences and as the table of its accuracies (5.1, method 2)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd

from tlx.analysis.intervals import wilson
from tlx.findings import counted, few, percent, points, points_between
from tlx.results import Control, DomainImages, LabelEfficiency, Probe, Transferability


def against_scratch(control: Control) -> str:
    """What the target model gains over training from scratch; without a break between a number and its unit."""
    how = {"budget": "From scratch at the same budget", "end": "From scratch to its own end"}[control.length]
    return f"{how} ({counted(control.epochs, 'epoch')}): **{unbroken(points(control.difference))}**."


def labels(result: LabelEfficiency) -> str:
    """What the fewest and the most labels teach either way, means over the seeds."""
    means = result.table.groupby(["images", "how"])["accuracy"].mean()
    ends = dict.fromkeys([int(result.table["images"].min()), int(result.table["images"].max())])
    parts = []
    for images in ends:
        ways = means.loc[images].sort_index()
        said = ", ".join(f"{how} {percent(float(share))}" for how, share in ways.items())
        parts.append(f"from {counted(images, 'labelled image')} {said}")
    return f"{'; '.join(parts).capitalize()}. {LABELS}"


def judged_on(target: DomainImages) -> str:
    """Which of the target's images the numbers are of, and what that is worth."""
    count = int(target.judged.sum())
    if target.headline == "test":
        return f"Accuracies are of {counted(count, 'test image')} of the target, on which nothing was chosen."
    return (
        f"The target has no test images: accuracies are of its {counted(count, 'validation image')}, on which epochs "
        "and checkpoints may have been chosen, so that they may be somewhat high."
    )


def partial(result: Transferability) -> str:
    """That the score rests on a part of the images, where it does; else ""."""
    if not result.partial:
        return ""
    return (
        f"The score rests on {result.n:,} of {counted(result.all_n, 'image')}: those of the {result.classes} of "
        f"{counted(result.all_classes, 'class', 'classes')} that the source model can name."
    )


def verdict(control: Control) -> str:
    """What the interval of the target model's difference to a control says; for the two lengths never the same."""
    end = control.length == "end"
    if control.low > 0:
        sentence = f"{'Even then' if end else 'At this budget'} the target model is better, beyond chance."
    elif control.high < 0:
        sentence = f"{'Then' if end else 'Even at this budget'} training from scratch is better, beyond chance."
    else:
        sentence = f"{'Then' if end else 'At this budget'} neither is better beyond chance."
    return sentence + few(control.n) + (f" Yet {control.note}." if control.note else "")


def details(result: Transferability, probe: Probe | None, controls: Mapping[str, Control]) -> Iterator[str]:
    """The accuracies behind the score, each with what it is of, as paragraphs."""
    yield f"Target model: **{percent(result.target_accuracy)}**{_epoch(result.target_epoch)}."
    if result.known:
        yield f"Source model: **{percent(result.source_accuracy)}**{_epoch(result.source_epoch)}."
    else:
        yield f"Always the largest class: **{percent(result.majority)}**."
    if probe is not None:
        yield (
            f"Linear probe of the source model: **{percent(probe.accuracy)}** (95 % interval {percent(probe.low)} to "
            f"{percent(probe.high)}): a linear classifier on the source model's activations, fit on the target's "
            "training images."
        )
    for control in controls.values():
        yield (
            f"From scratch, {counted(control.epochs, 'epoch')}: **{percent(control.accuracy)}** on n = {control.n:,} "
            f"{control.split} images. Target model: {unbroken(points(control.difference))} (95 % interval "
            f"{unbroken(points_between(control.low, control.high))})."
        )
    if result.uneven:
        source = f", source model {percent(result.source_balanced)}" if result.known else ""
        yield (
            f"Every class counted alike: target model {percent(result.target_balanced)}{source}. The largest class has "
            "more than twice the images of the smallest."
        )
    if result.partial:
        yield f"On all {result.all_n:,} images the target model reaches {percent(result.overall)}."
    if result.known and (best := result.best):
        yield (
            f"Best epochs (paper): {points(best.score)}. Over the epochs the target model reaches "
            f"{percent(best.target_accuracy)} on n = {best.n:,} validation images (epoch {best.target_epoch}), the "
            f"source model {percent(best.source_accuracy)} (epoch {best.source_epoch})."
        )


def _epoch(number: int) -> str:
    """Nothing where it is unknown: a checkpoint need not say from which epoch it is."""
    return f", epoch {number}" if number else ""


def between(result: Transferability) -> str:
    """The interval of the score and what it is of, on two lines (Markdown)."""
    interval = points_between(result.low, result.high)
    return unbroken(f"{interval}  \n95 % interval, n = {result.n:,} {result.split} images")


def unbroken(text: str) -> str:
    """Numbers stay on the line of their units; only line ends of the text itself break it."""
    return "  \n".join(line.replace(" ", "\N{NO-BREAK SPACE}") for line in text.split("  \n"))


def meaning(result: Transferability) -> str:
    """What the sign of the whole interval says about the target model; a negative transfer is called one.

    "The model it started from" is said only where that is known.
    """
    if not result.known:
        return f"No score: the source model can name none of the target's classes.{few(result.n)}"
    other = "the model it started from" if result.descended else "the source model"
    helped = "The transfer helped" if result.descended else "The target model is better"
    worse = "Negative transfer" if result.descended else "The target model is worse"
    if result.negative:
        sentence = f"{worse}: on the target domain it does less well than {other}, beyond chance."
    elif result.low > 0:
        sentence = f"{helped}: on the target domain it beats {other}, beyond chance."
    else:
        sentence = "No clear gain or loss: the interval holds 0, so chance alone may have made the difference."
    return f"{sentence}{few(result.n)}"


LABELS = (
    "Each dot is one training on so many images of each class, chosen by its seed, with as many steps as the "
    "case's own training; the last epoch counts, so that no further label is used. Lines are means over the seeds."
)
_SCRATCH = {
    "budget": "From scratch, {epochs} (same budget)",
    "end": "From scratch, {epochs} (to its end)",
}


def accuracies(result: Transferability, probe: Probe | None, controls: Mapping[str, Control]) -> pd.DataFrame:
    """title, model, accuracy, low, high, n, split; Wilson intervals, none for what was not measured on images.

    The source model comes first and the target model last. Where there is no score the source model has no accuracy:
    always naming the largest class and a probe of the source model stand in its place.
    """
    rows = []
    if result.known:
        rows.append(_row("Source model", "source", result.source_accuracy, result.n, result.split))
    else:
        rows.append(("Always the largest class", "none", result.majority, np.nan, np.nan, result.n, result.split))
        if probe is not None:
            of_probe = probe.accuracy, probe.low, probe.high, probe.n, probe.split
            rows.append(("Linear probe of the source model", "probe", *of_probe))
    for length, control in controls.items():
        title = _SCRATCH[length].format(epochs=counted(control.epochs, "epoch"))
        rows.append(_row(title, "scratch", control.accuracy, control.n, control.split))
    rows.append(_row("Target model", "target", result.target_accuracy, result.n, result.split))
    return pd.DataFrame(rows, columns=["title", "model", "accuracy", "low", "high", "n", "split"])


def _row(title: str, model: str, accuracy: float, n: int, split: str) -> tuple[str, str, float, float, float, int, str]:
    return title, model, accuracy, *wilson(accuracy, n), n, split
