"""What the zig-zag shows: the results it reads, the reader's options, and which neurons stand where."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tlx.errors import EmptyError
from tlx.figures.zigzag.layout import Layout, Shown, arrange
from tlx.results import SIMILARITIES, Abstraction, Comparison, Correspondence, Network, Similarity, SimilarityScales

ORDERS = ("rank", "index", "match")
SCALES = ("fixed", "beyond")
USUAL = 24  # important neurons of a layer that are shown one by one unless the reader asks for more


@dataclass(frozen=True, eq=False)
class Subject:
    """The results of one class: the shared structure, how the models compare, and each model's abstraction.

    correspondence: of the two models' neurons, which is the case's and no class's; measure, alike: how similarity is
    measured here, of `SIMILARITIES`, and the matrices; scales: what each measure makes of the class.
    """

    network: Network
    comparison: Comparison
    source: Abstraction
    target: Abstraction
    correspondence: Correspondence
    scales: SimilarityScales
    measure: str
    alike: Similarity | Comparison

    @property
    def measured_by(self) -> str:
        """The measure of similarity as keys and tooltips write it."""
        return SIMILARITIES[self.measure].title

    def similarity(self, layer: str) -> np.ndarray:
        """(U_source, U_target) of a layer, NaN where undefined."""
        return self.alike.similarity[layer]

    def scale(self, options: Options) -> str:
        """The scale of the shades: the reader's, else the one on which not all is of one shade."""
        return options.scale or ("beyond" if self.scales.one_shade(self.measure) else "fixed")

    def white(self, layer: str, options: Options) -> float:
        """The similarity of a layer that is drawn white, and all below it."""
        return self.scales.others(self.measure, layer) if self.scale(options) == "beyond" else 0.0

    def model(self, name: str) -> Abstraction:
        return {"source": self.source, "target": self.target}[name]

    def counterpart(self, layer: str) -> np.ndarray:
        """(U_target,) the source neuron that each target neuron corresponds to, -1 where there is none."""
        return self.correspondence.layers[layer].source

    def title(self, layer: str) -> str:
        """As every view writes the layer: "Layer 3: conv (64)"."""
        return self.network.layer(layer).title


@dataclass(frozen=True)
class Options:
    """The reader's choices.

    shown: at most this many important neurons of a layer and model, 0 for all; order: "rank" (most important first),
    "index", or "match" (target neurons by rank, each source neuron beside its counterpart in the target model); others:
    whether the regions of the other neurons are drawn; source: whether the source model's weights are drawn; scale: of
    similarities, "fixed" from 0 to 1 or "beyond", from the median of neurons that do not correspond to 1; "" leaves it
    to the results; looks: whether feature images stand at the heads of rows and columns that have room for them.
    """

    shown: int = USUAL
    order: str = "rank"
    others: bool = True
    source: bool = True
    scale: str = ""
    looks: bool = False


def layout_of(subject: Subject, layers: Sequence[str], options: Options) -> Layout:
    """Where everything lies for these layers, shallow first. Raises EmptyError when no layer is chosen."""
    if not layers:
        raise EmptyError("no layer is chosen; choose at least one in the sidebar")
    shown = {}
    for layer in layers:
        for model, neurons in _neurons(subject, layer, options).items():
            units = len(subject.model(model).rank_score[layer])
            shown[model, layer] = Shown(tuple(int(neuron) for neuron in neurons), units - len(neurons))
    return arrange(shown, layers, others=options.others, source=options.source, looks=options.looks)


def _neurons(subject: Subject, layer: str, options: Options) -> dict[str, np.ndarray]:
    """The important neurons each model shows, in drawing order."""
    limit = options.shown or None
    best = {model: subject.model(model).important[layer][:limit] for model in ("source", "target")}
    if options.order == "index":
        return {model: np.sort(neurons) for model, neurons in best.items()}
    if options.order == "match":
        wanted = subject.counterpart(layer)[best["target"]]
        beside = dict.fromkeys(int(neuron) for neuron in wanted if neuron in best["source"])
        rest = [int(neuron) for neuron in best["source"] if int(neuron) not in beside]
        best["source"] = np.array([*beside, *rest], dtype=np.int64)
    return best
