"""How well each model does: the transferability score, the class table, confusion counts and their uncertainty (5.1).

Everything is read off predictions and accuracy histories; intervals are at the 95 % level. See method 2.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from tlx.analysis.intervals import wilson
from tlx.errors import EmptyError
from tlx.results import Transferability, headline

RESAMPLES = 10_000
SMALL = 20  # below so many instances an accuracy moves by more than 5 points with each one


def transferability(
    source_predictions: pd.DataFrame,
    target_predictions: pd.DataFrame,
    history: pd.DataFrame,
    *,
    epochs: tuple[int, int],
) -> Transferability:
    """The best accuracy of the target model minus the best of the source model, on target validation (5.1).

    The score takes each model's maximum over the trained epochs of `history`; a model without such rows takes the
    accuracy of its predictions, at its epoch in `epochs`. The interval is the 95 % percentile interval of a paired
    bootstrap over the validation instances. Instance by instance only the kept models are known, so the difference
    that is resampled is theirs, and the interval is moved by what the score differs from it: by nothing where both
    models were kept at their best epoch on target validation.

    Raises EmptyError where the target domain has no validation instance.
    """
    source, target = (_right(of) for of in (source_predictions, target_predictions))
    if len(target) == 0:
        raise EmptyError("the target domain has no validation instance, so there is nothing to score the transfer on")
    source_accuracy, source_epoch = _best(history, "source") or (float(source.mean()), epochs[0])
    target_accuracy, target_epoch = _best(history, "target") or (float(target.mean()), epochs[1])
    scratch = _best(history, "scratch")
    score = target_accuracy - source_accuracy
    low, high = paired_interval(source, target) + score - (target.mean() - source.mean())
    return Transferability(
        score=score,
        low=max(-1.0, float(low)),
        high=min(1.0, float(high)),
        n=len(target),
        source_accuracy=source_accuracy,
        target_accuracy=target_accuracy,
        source_epoch=source_epoch,
        target_epoch=target_epoch,
        scratch_accuracy=scratch[0] if scratch else None,
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
    held_out = predictions[predictions["split"] == "validation"]
    return (held_out["label"] == held_out["prediction"]).to_numpy(dtype=bool)


def judged(predictions: pd.DataFrame) -> pd.DataFrame:
    """The rows of the headline split: test where there is one, else validation (method 2)."""
    return predictions[predictions["split"] == headline(predictions["split"])]


def _best(history: pd.DataFrame, model: str) -> tuple[float, int] | None:
    """A model's highest accuracy on target validation and the first epoch that reached it.

    Epoch 0 is before training: there the target model is still the source model, and would hide a negative transfer.
    """
    if history.empty:
        return None
    rows = history[
        (history["model"] == model)
        & (history["domain"] == "target")
        & (history["split"] == "validation")
        & (history["epoch"] > 0)
    ].sort_values("epoch")
    if rows["accuracy"].notna().sum() == 0:
        return None
    at = int(np.nanargmax(rows["accuracy"].to_numpy(dtype=np.float64)))
    return float(rows["accuracy"].iloc[at]), int(rows["epoch"].iloc[at])


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
        "small": 0 < n < SMALL,
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
