"""How well each model does: the transferability score, the class table, confusion counts and their uncertainty (5.1).

Everything is read off predictions and accuracy histories; intervals are at the 95 % level. See method 2.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
import pandas as pd

from tlx.analysis.intervals import wilson
from tlx.errors import EmptyError
from tlx.findings import FEW
from tlx.results import BestEpochs, Control, TrainedModel, Transferability, headline

RESAMPLES = 10_000
UNEVEN = 2  # times the smallest class's instances: beyond, an accuracy tells mostly of the largest


def transferability(
    source_predictions: pd.DataFrame,
    target_predictions: pd.DataFrame,
    history: pd.DataFrame,
    *,
    nameable: Collection[str],
    epochs: tuple[int, int],
    descended: bool = False,
) -> Transferability:
    """The kept target model's accuracy minus the kept source model's, on the target's headline split (method 2).

    nameable: the classes that the source model can name; it is judged on these alone, and so is the score. epochs: of
    the kept models; descended: whether the target model is known to have started from the source model. The interval
    is the 95 % percentile interval of a paired bootstrap over the instances.

    Raises EmptyError where the target domain has no held-out instance.
    """
    target = judged(target_predictions)
    if len(target) == 0:
        raise EmptyError("the target domain has no validation instance, so there is nothing to score the transfer on")
    named = target["label"].isin(list(nameable)).to_numpy()
    rests = named if named.any() else ~named
    labels, right = target["label"].to_numpy()[rests], _right(target)[rests]
    unknown = dict.fromkeys(("score", "low", "high", "source_accuracy", "source_balanced"), float("nan"))
    counts = pd.Series(labels).value_counts()
    return Transferability(
        **(_against(_right(judged(source_predictions))[rests], right, labels) if named.any() else unknown),
        n=len(labels),
        target_accuracy=float(right.mean()),
        target_balanced=balanced(right, labels),
        source_epoch=epochs[0],
        target_epoch=epochs[1],
        split=headline(target_predictions["split"]),
        classes=len(counts),
        all_n=len(target),
        all_classes=int(target["label"].nunique()),
        overall=float(_right(target).mean()),
        majority=_majority(target_predictions),
        uneven=bool(counts.max() > UNEVEN * counts.min()),
        descended=descended,
        best=_best_epochs(history) if named.all() else None,
    )


def _against(source: np.ndarray, target: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """The score's parts that need both models' answers, (n,) bool each, to the same instances."""
    low, high = paired_interval(source, target)
    return {
        "score": float(target.mean() - source.mean()),
        "low": float(low),
        "high": float(high),
        "source_accuracy": float(source.mean()),
        "source_balanced": balanced(source, labels),
    }


def balanced(right: np.ndarray, labels: np.ndarray) -> float:
    """The mean over classes of the share of right answers, so that each class counts alike."""
    return float(pd.Series(right, dtype=float).groupby(labels).mean().mean())


def _majority(predictions: pd.DataFrame) -> float:
    """The accuracy of always naming the class most frequent in training; NaN without training instances."""
    counts = predictions.loc[predictions["split"] == "training", "label"].value_counts().sort_index()
    return float((judged(predictions)["label"] == counts.idxmax()).mean()) if len(counts) else float("nan")


def control(
    target_predictions: pd.DataFrame, right: np.ndarray, model: TrainedModel, length: str, note: str = ""
) -> Control:
    """The target model's accuracy minus the control's, on the target's headline split (method 2).

    right: (n,) bool, the control's answers to its instances in their order; model: the control.
    """
    target = _right(judged(target_predictions))
    if len(target) == 0:
        raise EmptyError("the target domain has no validation instance, so there is nothing to judge the control on")
    low, high = paired_interval(right, target)
    return Control(
        length=length,
        difference=float(target.mean() - right.mean()),
        low=float(low),
        high=float(high),
        accuracy=float(right.mean()),
        target_accuracy=float(target.mean()),
        n=len(target),
        split=headline(target_predictions["split"]),
        epochs=int(model.history["epoch"].max()),
        epoch=model.epoch,
        history=model.history.reset_index(drop=True),
        note=note,
    )


def paired_interval(source: np.ndarray, target: np.ndarray, seed: int = 0) -> np.ndarray:
    """(2,) 95 % bootstrap interval of mean(target) - mean(source), resampling instances with both their answers.

    source, target: (N,) bool, right or wrong. An instance moves the difference by +1, -1 or 0, so that resampling N
    of them is one multinomial draw of the three counts, which is exact and needs no (resamples, N) array.
    """
    n = len(target)
    gained, lost = np.sum(target & ~source), np.sum(source & ~target)
    draws = np.random.default_rng(seed).multinomial(n, [gained / n, lost / n, (n - gained - lost) / n], RESAMPLES)
    return np.quantile((draws[:, 0] - draws[:, 1]) / n, [0.025, 0.975])


def _right(predictions: pd.DataFrame) -> np.ndarray:
    """(n,) bool."""
    return (predictions["label"] == predictions["prediction"]).to_numpy(dtype=bool)


def judged(predictions: pd.DataFrame) -> pd.DataFrame:
    """The rows of the headline split: test where there is one, else validation (method 2)."""
    return predictions[predictions["split"] == headline(predictions["split"])]


def _best_epochs(history: pd.DataFrame) -> BestEpochs | None:
    """The paper's score; None where the history lacks one of the models."""
    source, target = (_best(history, model) for model in ("source", "target"))
    if source is None or target is None:
        return None
    score = float(target["accuracy"] - source["accuracy"])
    return BestEpochs(
        score=score,
        source_accuracy=float(source["accuracy"]),
        target_accuracy=float(target["accuracy"]),
        source_epoch=int(source["epoch"]),
        target_epoch=int(target["epoch"]),
        n=int(target["n"]),
    )


def _best(history: pd.DataFrame, model: str) -> pd.Series[Any] | None:
    """The first row of a model's highest accuracy on target validation.

    Epoch 0 is before training: there the target model is still the source model, and would hide a negative transfer.
    """
    rows = history[
        (history["model"] == model)
        & (history["domain"] == "target")
        & (history["split"] == "validation")
        & (history["epoch"] > 0)
        & history["accuracy"].notna()
    ].sort_values("epoch", ignore_index=True)
    return None if rows.empty else rows.iloc[int(rows["accuracy"].to_numpy(dtype=np.float64).argmax())]


def class_table(
    source_predictions: pd.DataFrame, target_predictions: pd.DataFrame, classes: Mapping[str, tuple[str, ...]]
) -> pd.DataFrame:
    """The confusion table (5.1), on the target's headline split; one row for each class that either domain has.

    classes: the class names of each domain. Columns class_name, n, source_accuracy, target_accuracy, difference,
    misclassified_as (tuple of (class name, count) under the target model, largest first), errors (their sum),
    source_low, source_high, target_low, target_high (Wilson intervals), small (0 < n < 20), domains ("both",
    "source" or "target": who has the class) and split (of all rows). What cannot be known is NaN: the source model has
    no answer for a class that only the target domain has, and without instances there is no accuracy.
    """
    source, target = judged(source_predictions), judged(target_predictions)
    names = dict.fromkeys([*classes["target"], *classes["source"]])
    rows = pd.DataFrame([_class_row(name, source, target, classes) for name in names])
    return rows.assign(split=headline(target_predictions["split"]))


def _class_row(
    name: str, source: pd.DataFrame, target: pd.DataFrame, classes: Mapping[str, tuple[str, ...]]
) -> dict[str, object]:
    predictions = target.loc[target["label"] == name, "prediction"]
    n = len(predictions)
    wrong = predictions[predictions != name].value_counts(sort=False)
    mistakes = sorted(zip(wrong.index, wrong.tolist(), strict=True), key=lambda pair: (-pair[1], pair[0]))
    right = {
        "source": (source.loc[source["label"] == name, "prediction"] == name).sum(),
        "target": (predictions == name).sum(),
    }
    known = {model: n > 0 and name in classes[model] for model in right}
    accuracy = {model: right[model] / n if known[model] else np.nan for model in right}
    ends = {model: wilson(right[model] / n, n) if known[model] else (np.nan, np.nan) for model in right}
    return {
        "class_name": name,
        "n": n,
        "source_accuracy": accuracy["source"],
        "target_accuracy": accuracy["target"],
        "difference": accuracy["target"] - accuracy["source"],
        "misclassified_as": tuple(mistakes),
        "errors": sum(count for _, count in mistakes),
        **{f"{model}_{end}": ends[model][at] for model in ends for at, end in enumerate(("low", "high"))},
        "small": 0 < n < FEW,
        "domains": "both" if name in classes["source"] and name in classes["target"] else _only(name, classes),
    }


def _only(name: str, classes: Mapping[str, tuple[str, ...]]) -> str:
    return "source" if name in classes["source"] else "target"


def confusion(predictions: pd.DataFrame, classes: tuple[str, ...]) -> pd.DataFrame:
    """(C, C) counts on the headline split: rows true classes, columns what the model said, both in this order."""
    rows = judged(predictions)
    counts = pd.crosstab(rows["label"], rows["prediction"])
    return counts.reindex(index=list(classes), columns=list(classes), fill_value=0).astype(np.int64)


def instance_table(
    predictions: Mapping[tuple[str, str], pd.DataFrame], names: Mapping[str, np.ndarray]
) -> pd.DataFrame:
    """Every instance of both domains with what either model says about it (5.2); source instances first.

    predictions: by (model, domain); names: per domain (N,). Columns domain, instance, name, split, label, prediction
    and confidence (target model), source_prediction and source_confidence, mispredicted (by the target model).
    """
    parts = []
    for domain, called in names.items():
        target_rows = predictions["target", domain]
        source_rows = predictions["source", domain][["prediction", "confidence"]].add_prefix("source_")
        parts.append(pd.concat([target_rows.reset_index(drop=True), source_rows.reset_index(drop=True)], axis=1))
        parts[-1] = parts[-1].assign(domain=domain, name=called)
    table = pd.concat(parts, ignore_index=True)
    table["mispredicted"] = table["label"] != table["prediction"]
    first = ["domain", "instance", "name"]
    return table[first + [column for column in table.columns if column not in first]]
