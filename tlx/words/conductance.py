"""What the Network and Features pages say beside conductance: what neurons add to the score, how well it adds up."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from tlx.figures.ranking_layout import LOWERS
from tlx.findings import percent
from tlx.results import Contribution, Layer

_NONE = "layers beside a skip connection have none"


def contribution(values: Contribution, layer: Layer, index: int) -> str:
    """What a neuron adds to the score in the mean, marked where it lowers the score (Markdown)."""
    of_layer = values.layer(layer.name)
    score = ("the class score" if values.own_class else "the score of the model's own predictions") + " in the mean"
    if not values.counts(layer.name)[index]:
        return f"Contributes next to nothing to {score}."
    share = (
        f"**{signed(of_layer[index])}** to {score}, of {signed(of_layer.sum(dtype=np.float64))} from its whole layer"
    )
    if not values.lowers(layer.name)[index]:
        return f"Contributes {share}."
    why = "" if layer.positions == (1, 1) else " Ranks go by the largest conductance on its map, this by the sum."
    return f"**{LOWERS}** Contributes {share}: it **lowers** the score.{why}"


def completeness(values: Mapping[str, Contribution], layer: str) -> str:
    """How well one layer's conductance adds up, under each of the models named."""
    errors = {model: of_model.error(layer) for model, of_model in values.items()}
    known = [f"{_share(error)} under the {model} model" for model, error in errors.items() if not np.isnan(error)]
    if not known:
        return f"No completeness error is known of this layer; {_NONE}."
    steps = next(iter(values.values())).n_steps
    return (
        f"The layer's conductance sums to the change of the score within {' and '.join(known)} (median of the class's "
        f"target instances, {steps} path steps)."
    )


def completeness_by_layer(values: Contribution) -> str:
    """How well the conductance of all layers adds up, from the best to the worst of them."""
    errors = values.completeness_error[~np.isnan(values.completeness_error)]
    if len(errors) == 0:
        return f"No completeness error is known of these layers; {_NONE}."
    ends = list(dict.fromkeys(_share(error) for error in (errors.min(), errors.max())))
    missing = f"; {_NONE}" if len(errors) < len(values.layers) else ""
    return (
        f"By layer, conductance sums to the change of the score within {' to '.join(ends)} (medians of the class's "
        f"target instances, {values.n_steps} path steps{missing})."
    )


def _share(error: float) -> str:
    """An error that is named as a bound: never "0 %"."""
    return percent(max(error, 0.001))


def signed(value: float) -> str:
    """ "−0.41", "+12.30", and "+0.0021" where two places would say little."""
    return f"{value:+.2f}".replace("-", "−") if abs(value) >= 0.1 else f"{value:+.2g}".replace("-", "−")
