"""Results of many classes summed up in their means, by layer or pair of layers: what cases are compared by."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from tlx.results import Discriminability, LayerGap, Reuse


def of_reuse(by_class: Mapping[str, Reuse]) -> pd.DataFrame:
    """Every measure of reuse: measure, first, second (layers, second empty for one layer), value, chance, classes."""
    if not by_class:
        return pd.DataFrame(columns=["measure", "first", "second", "value", "chance", "classes"])
    rows = pd.concat([of.table for of in by_class.values()], ignore_index=True)
    means = rows.groupby(["measure", "first", "second"], sort=False)[["value", "chance"]].mean().reset_index()
    return means.assign(classes=len(by_class))


def of_gaps(by_class: Mapping[str, tuple[LayerGap, ...]]) -> pd.DataFrame:
    """The proxy A-distance of each layer: model, layer, value, classes."""
    rows = [(gap.model, gap.layer, 4 * gap.accuracy - 2) for of in by_class.values() for gap in of]
    table = pd.DataFrame(rows, columns=["model", "layer", "value"])
    return table.groupby(["model", "layer"], sort=False)["value"].mean().reset_index().assign(classes=len(by_class))


def of_distances(by_model: Mapping[str, Mapping[str, Discriminability]]) -> pd.DataFrame:
    """The proxy A-distance by the important neurons of each model that has any: model, value, classes."""
    rows = [
        (model, sum(of.a_distance for of in by_class.values()) / len(by_class), len(by_class))
        for model, by_class in by_model.items()
        if by_class
    ]
    return pd.DataFrame(rows, columns=["model", "value", "classes"])
