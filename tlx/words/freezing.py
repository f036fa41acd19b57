"""What to freeze? The advice in sentences, and the blocks as a table (method 11)."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from tlx import pipeline
from tlx.analysis import advice_words, freezing
from tlx.cases import Case
from tlx.results import BlockGradients, Network, Reuse
from tlx.text import escape

_HOW = (
    "Every strategy has the same images, batches, epochs and seeds, and that of {rates} times the case's learning rate "
    "which is best on the target's validation images; the last epoch counts. Judged on the {target} split of the "
    "target and the {source} split of the source."
)


def words(gradients: BlockGradients, strategies: pd.DataFrame | None) -> str:
    """The advice and what it is worth, a point each (Markdown)."""
    return "\n".join(
        f"- {one}" for one in advice_words.what_to_freeze(gradients, strategies, lambda title: f"**{escape(title)}**")
    )


def how(splits: Mapping[str, str]) -> str:
    """How the strategies were trained and judged; splits: the headline split of either domain."""
    chosen = " The target's also chose the rates." * (splits["target"] == "validation")
    rates = ", ".join(f"{rate:g}" for rate in pipeline.RATES[:-1]) + f" or {pipeline.RATES[-1]:g}"
    return _HOW.format(rates=rates, **splits) + chosen


def shown(case: Case, gradients: BlockGradients, strategies: pd.DataFrame | None, compared: int) -> pd.DataFrame:
    """The blocks as a person reads them; compared: what is stored of the reuse of all classes, which may grow."""
    return _table(gradients, strategies, pipeline.kept_edges(case) if compared else {})


def of_class(
    network: Network, reused: Reuse, gradients: BlockGradients, strategies: pd.DataFrame | None
) -> pd.DataFrame:
    """The same beside the edges that one class keeps."""
    table = reused.table[(reused.table["measure"] == "kept") & (reused.table["second"] != "")]
    modules = {layer.name: layer.module for layer in network.layers}
    kept = {modules[layer]: float(value) for layer, value in zip(table["second"], table["value"], strict=True)}
    return _table(gradients, strategies, kept)


def _table(gradients: BlockGradients, strategies: pd.DataFrame | None, kept: Mapping[str, float]) -> pd.DataFrame:
    """Shares in per cent; without the column of accuracies where no strategy was run."""
    table = freezing.table(gradients, kept, strategies)[["block", "advised", "pull", "gradient", "reuse", "alone"]]
    table[["reuse", "alone"]] *= 100
    table["advised"] = table["advised"].map({True: "✓", False: ""})
    return table if strategies is not None else table.drop(columns="alone")
