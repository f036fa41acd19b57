"""What each stage answers with: frozen values of NumPy arrays and pandas tables, nothing alive inside.

Axis names are the shapes: `N` instances, `C` classes, `U` neurons of a layer (`U_source`, `U_target` where two models
meet), `K` chosen ones. Rows are source and columns are target wherever both meet. Models and domains are named by the
strings "source" and "target". A layer is named as `Network` lists it. Nothing here imports torch, Streamlit or Bokeh.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from tlx.errors import SelectionError, unknown

Pair = tuple[str, str]
"""Two consecutive analysed layers, shallow first."""

RESAMPLES = 200
"""Bootstrap resamples behind `Discriminability.stability`."""


SPLITS = ("training", "validation", "test")
"""What instances are for: to learn from, to choose epochs by, to judge by. Test chooses nothing (method 2)."""


def headline(split: Any) -> str:
    """The split that headline numbers are of: test where there is one, else validation. split: names, one each."""
    return "test" if np.any(np.asarray(split) == "test") else "validation"


@dataclass(frozen=True, eq=False)
class DomainImages:
    """The labelled images of one domain, as the networks see them before normalisation.

    pixels: (N, H, W, channels) uint8; labels: (N,) index into `classes`; split: (N,) one of `SPLITS` each; names: (N,)
    a short human name of each instance (a file's relative path, or "printed 17").
    skipped: sentences about images or classes that had to be left out or deserve a warning. inputs: (N, H, W, channels)
    float32, what the networks take as it is, where that is not the pixels after normalisation; the pixels then show it.
    """

    pixels: np.ndarray
    labels: np.ndarray
    classes: tuple[str, ...]
    split: np.ndarray
    names: np.ndarray
    skipped: tuple[str, ...] = ()
    inputs: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def given(self) -> np.ndarray:
        """(N, H, W, channels): what `models.inputs` makes the networks' inputs of."""
        return self.pixels if self.inputs is None else self.inputs

    @property
    def training(self) -> np.ndarray:
        """(N,) bool: what a model learns from."""
        return np.asarray(self.split == "training")

    @property
    def validation(self) -> np.ndarray:
        """(N,) bool: what epochs, thresholds and strategies are chosen on."""
        return np.asarray(self.split == "validation")

    @property
    def test(self) -> np.ndarray:
        """(N,) bool: what nothing is chosen on; none where the domain has no such split."""
        return np.asarray(self.split == "test")

    @property
    def held_out(self) -> str:
        """How many instances are for what: "799 for validation, 799 for test"."""
        counts = [(int((self.split == name).sum()), name) for name in SPLITS[1:]]
        return ", ".join(f"{count:,} for {name}" for count, name in counts if count or name == "validation")

    @property
    def headline(self) -> str:
        """The split that headline numbers are of (method 2)."""
        return headline(self.split)

    @property
    def judged(self) -> np.ndarray:
        """(N,) bool: the instances of the headline split."""
        return np.asarray(self.split == self.headline)

    @property
    def present(self) -> tuple[str, ...]:
        """The classes that have instances, in order: a model may have learned more than a domain shows."""
        return tuple(self.classes[at] for at in np.unique(self.labels))

    def of(self, chosen: np.ndarray) -> DomainImages:
        """These instances (indices) alone."""
        parts = {name: getattr(self, name)[chosen] for name in ("pixels", "labels", "split", "names")}
        return replace(self, **parts, inputs=None if self.inputs is None else self.inputs[chosen])

    def of_class(self, class_name: str) -> np.ndarray:
        """The instances (indices, ascending) that carry this label; none if the domain lacks the class."""
        if class_name not in self.classes:
            return np.empty(0, dtype=np.int64)
        return np.flatnonzero(self.labels == self.classes.index(class_name))


@dataclass(frozen=True)
class Nothing:
    """In a result's place: that there is none, and why (one sentence, see `EmptyError`)."""

    why: str


def present_in_either(domains: Mapping[str, DomainImages]) -> tuple[str, ...]:
    """The classes that have instances in either domain, the target's first, matched by name (method 2)."""
    return tuple(dict.fromkeys([*domains["target"].present, *domains["source"].present]))


@dataclass(frozen=True)
class NeuronRef:
    """A neuron of one model: written `target:conv3:17`."""

    model: str
    layer: str
    index: int

    def __str__(self) -> str:
        return f"{self.model}:{self.layer}:{self.index}"


@dataclass(frozen=True)
class InstanceRef:
    """An instance of one domain: written `target:120`."""

    domain: str
    index: int

    def __str__(self) -> str:
        return f"{self.domain}:{self.index}"


@dataclass(frozen=True)
class Layer:
    """One analysed layer.

    name: its module's `named_modules()` name; index: position among the analysed layers, from 1; kind: "conv",
    "linear", "recurrent" or "block"; units: U, its neurons; positions: (height, width) of its map, (1, 1) for a linear
    layer, (time steps, 1) for a recurrent one; complete: whether every path from input to score runs through it
    (completeness holds only then, method 3); field: (size, stride, offset) of a position's receptive field in input
    pixels, None where it is the whole image; target_units: of the target network where it is another one with another
    number of neurons here, else 0; activated: whether it is read after an activation function, as blocks and recurrent
    layers always count; own_name: of its module in this network, where that is the target model's and `name` the source
    network's.
    """

    name: str
    index: int
    kind: str
    units: int
    positions: tuple[int, int]
    complete: bool = True
    field: tuple[int, int, int] | None = None
    target_units: int = 0
    activated: bool = True
    own_name: str = ""

    @property
    def module(self) -> str:
        """The name of its module in this network."""
        return self.own_name or self.name

    @property
    def title(self) -> str:
        """As every view writes it: "Layer 3: conv (64)", or "(64, 32)" where the two networks differ."""
        return f"{self.short_title} ({self.units}{f', {self.target_units}' if self.target_units else ''})"

    @property
    def short_title(self) -> str:
        """Where the number of neurons stands beside it already: "Layer 3: conv"."""
        return f"Layer {self.index}: {self.kind}"

    def count(self, model: str) -> int:
        """The neurons of the layer in the network of the model called "source" or "target"."""
        return (self.target_units or self.units) if model == "target" else self.units


@dataclass(frozen=True)
class Network:
    """The analysed structure both models share, or that of one of them where each has a network of its own.

    layers: shallow to deep; joins: for each pair of consecutive layers the name of the one convolution or linear
    module that joins them; apart: for each pair that has no such module, one sentence saying why it has no edges;
    embedding_layer: what enters it is an image's vector, of embedding_units values (5.2; "" in results of before it was
    kept); parameters: count.
    """

    architecture: str
    layers: tuple[Layer, ...]
    joins: dict[Pair, str]
    apart: dict[Pair, str]
    embedding_units: int
    parameters: int
    embedding_layer: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(layer.name for layer in self.layers)

    @property
    def unactivated(self) -> tuple[Layer, ...]:
        """Those that are read before an activation function."""
        return tuple(layer for layer in self.layers if not layer.activated)

    def layer(self, name: str) -> Layer:
        """The layer of this name. Raises SelectionError with the valid names."""
        for layer in self.layers:
            if layer.name == name:
                return layer
        raise SelectionError(unknown("layer", name, self.names))

    @property
    def pairs(self) -> tuple[Pair, ...]:
        return tuple(zip(self.names, self.names[1:], strict=False))


@dataclass(frozen=True, eq=False)
class TrainedModel:
    """A model's tensors and how it came to be.

    tensors: state dict as arrays, those of a checkpoint read when they are first looked at; classes: what its outputs
    mean, in order; epoch: the epoch they were taken from;
    history: columns model, domain, split, epoch (0 = before training), accuracy, n (method 2); empty where unknown.
    """

    tensors: Mapping[str, np.ndarray]
    classes: tuple[str, ...]
    epoch: int
    history: pd.DataFrame
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class BestEpochs:
    """The paper's score (5.1): each model's best accuracy over the epochs on target validation, target minus source.

    score in [-1, 1]; epochs: the first that reached the best, from 1; n: validation instances.
    """

    score: float
    source_accuracy: float
    target_accuracy: float
    source_epoch: int
    target_epoch: int
    n: int


@dataclass(frozen=True)
class Transferability:
    """What the kept target model gains over the kept source model on the target's headline split (method 2).

    score: target minus source accuracy, in [-1, 1]; NaN, with low, high and what is said of the source model, where the
    source model can name none of the target's classes; low, high: its 95 % paired bootstrap interval; n: the instances
    that all of these are of: those whose class the source model can name, or all where there is no score;
    source_epoch, target_epoch: of the kept models, 0 where unknown; split: "test" or "validation"; classes: of the n
    instances; all_n, all_classes: of the whole split; overall: the target model's accuracy on all of it; majority: that
    of always naming the class that is most frequent in training; source_balanced, target_balanced: means over classes
    of each one's accuracy; uneven: whether the largest class has more than twice the instances of the smallest;
    descended: whether the target model is known to have started from the source model; best: the paper's score, None
    where it is not known.
    """

    score: float
    low: float
    high: float
    n: int
    source_accuracy: float
    target_accuracy: float
    source_epoch: int
    target_epoch: int
    split: str = "validation"
    classes: int = 0
    all_n: int = 0
    all_classes: int = 0
    overall: float = float("nan")
    majority: float = float("nan")
    source_balanced: float = float("nan")
    target_balanced: float = float("nan")
    uneven: bool = False
    descended: bool = False
    best: BestEpochs | None = None

    @property
    def known(self) -> bool:
        """Whether there is a score: a model that cannot name a class is not wrong about it."""
        return not np.isnan(self.score)

    @property
    def partial(self) -> bool:
        """Whether the score rests on a part of the split only."""
        return self.known and self.n < self.all_n

    @property
    def negative(self) -> bool:
        """A negative transfer: the whole interval lies below 0."""
        return self.high < 0


@dataclass(frozen=True)
class Probe:
    """A linear classifier of the target's classes on the source model's activations: what it knows without their names.

    Fit on training instances, judged on the n of `split`; low, high: 95 % Wilson interval of its accuracy;
    regularisation: its ridge penalty, chosen by leave-one-out cross-validation within training.
    """

    accuracy: float
    low: float
    high: float
    n: int
    split: str
    regularisation: float


@dataclass(frozen=True)
class Promise:
    """How promising a source is for the target, before anything is fine-tuned, by `PROMISES` (method 10).

    From the source model's activations before its head on the target's training images, n of them; NaN where a measure
    is not defined.
    """

    log_me: float
    h_score: float
    leep: float
    neighbours: float
    linear_probe: float
    a_distance: float
    source_accuracy: float
    parameters: float
    n: int


@dataclass(frozen=True)
class PromiseMeasure:
    """What one number of a `Promise` is.

    title: as charts write it; words: what it says, in a sentence; baseline: whether it looks at no label of the target,
    so that no measure may do worse; better: 1 where larger is more promising, -1 where smaller is.
    """

    title: str
    words: str
    baseline: bool = False
    better: int = 1


PROMISES = {
    "log_me": PromiseMeasure("LogME", "How well a Bayesian linear model on the activations explains the labels."),
    "h_score": PromiseMeasure("H-score", "How much of the activations' variance lies between the target's classes."),
    "leep": PromiseMeasure("LEEP", "How well the source model's own answers predict the target's labels."),
    "neighbours": PromiseMeasure("Nearest neighbours", "Accuracy of the vote of the five nearest training images."),
    "linear_probe": PromiseMeasure("Linear probe", "Accuracy of a linear classifier on the activations."),
    "a_distance": PromiseMeasure("A-distance", "How well the domains' activations are told apart.", True, -1),
    "source_accuracy": PromiseMeasure("Source accuracy", "Accuracy of the source model on its own domain.", True),
    "parameters": PromiseMeasure("Parameters", "Size of the network.", True),
}
"""The measures of a source's promise by name: those that look at the target's labels, then baselines."""


@dataclass(frozen=True, eq=False)
class BlockGradients:
    """How hard the target's images pull at each block of the network before it is fine-tuned (method 11).

    blocks: analysed layers by the target model's own names, in network order, then "head"; raw, fitted, own: (batches,
    blocks) relative gradient norms, ||gradient|| / ||parameters||, of the source model on target images, of the same
    after its head alone was trained, and of the source model on its own held-out images.
    """

    blocks: tuple[str, ...]
    raw: np.ndarray
    fitted: np.ndarray
    own: np.ndarray

    @property
    def gradient(self) -> np.ndarray:
        """(blocks,) relative gradient norm of the source model on the target, mean over the batches."""
        return np.asarray(self.raw.mean(axis=0))

    @property
    def pull(self) -> np.ndarray:
        """(blocks,) with the head trained, times what the source's own images pull; 1: no harder than those."""
        return np.asarray(self.fitted.mean(axis=0) / self.own.mean(axis=0))


@dataclass(frozen=True)
class Tuned:
    """Accuracy after one training: on the target's validation split, and on the headline split of either domain."""

    validation: float
    target: float
    source: float


CONTROLS = ("budget", "end")
"""How long a control is trained: at the transfer's own budget, or to its own end."""


@dataclass(frozen=True, eq=False)
class Control:
    """The target model against the same network trained from random weights on the same target images (method 2).

    length: of `CONTROLS`; difference: accuracy of the target model minus that of the control, in [-1, 1], on the n
    instances of `split`; low, high: its 95 % paired bootstrap interval; epochs: of the control's training; epoch: the
    one kept, by validation; history: its accuracies, as `TrainedModel.history`; note: what has to be said, or "".
    """

    length: str
    difference: float
    low: float
    high: float
    accuracy: float
    target_accuracy: float
    n: int
    split: str
    epochs: int
    epoch: int
    history: pd.DataFrame
    note: str = ""


@dataclass(frozen=True, eq=False)
class LabelEfficiency:
    """Accuracy over the number of target labels, with the source model to start from and without it (method 2).

    table: columns labels (of each class, 0 for all), images (learned from), how ("fine-tuned" or "from scratch"),
    seed, accuracy (on the n instances of `split`).
    """

    table: pd.DataFrame
    n: int
    split: str


@dataclass(frozen=True, eq=False)
class Conductance:
    """Layer conductance of every analysed layer for all instances of one domain under one model (method 3).

    values: (N, sum of U) float32, the largest over a neuron's positions, the layers side by side in network order;
    summed: (N, sum of U) float32, the sum over its positions, what the neuron adds to the score (signed, in units of
    the logit); layers, units: their names and sizes; scored: (N,) output index whose logit was explained; own_class:
    (N,) bool, False where the model lacks the instance's class and its own prediction was explained instead;
    completeness_error: (N, layers) as a fraction, NaN where completeness does not apply; n_steps: S of the path.
    """

    values: np.ndarray
    summed: np.ndarray
    layers: tuple[str, ...]
    units: tuple[int, ...]
    scored: np.ndarray
    own_class: np.ndarray
    completeness_error: np.ndarray
    n_steps: int

    def layer(self, name: str) -> np.ndarray:
        """(N, U) of one layer. Raises SelectionError with the valid names."""
        return layer_columns(self.values, self.layers, self.units, name)

    def layer_summed(self, name: str) -> np.ndarray:
        """(N, U) summed over the positions."""
        return layer_columns(self.summed, self.layers, self.units, name)


@dataclass(frozen=True, eq=False)
class Activations:
    """Largest activation of every neuron on every instance of one domain under one model.

    values: (N, sum of U) float32; positions: (N, sum of U) int32, flat index (row * width + column) of that maximum
    in the neuron's map (0 for linear layers); means: (sum of U,) mean over instances and positions.
    """

    values: np.ndarray
    positions: np.ndarray
    means: np.ndarray
    layers: tuple[str, ...]
    units: tuple[int, ...]

    def layer(self, name: str) -> np.ndarray:
        return layer_columns(self.values, self.layers, self.units, name)

    def layer_positions(self, name: str) -> np.ndarray:
        return layer_columns(self.positions, self.layers, self.units, name)

    def layer_means(self, name: str) -> np.ndarray:
        """(U,) of one layer."""
        means: np.ndarray = layer_columns(self.means[None], self.layers, self.units, name)[0]
        return means


@dataclass(frozen=True, eq=False)
class Responses:
    """What one pass of a domain's N instances through a model tells; its parts are stored apart."""

    probabilities: np.ndarray  # (N, classes of the model) after softmax
    vectors: np.ndarray  # (N, D) what enters the classifier head
    activations: Activations


@dataclass(frozen=True, eq=False)
class Strongest:
    """The instances of one domain that activate each neuron of one model most, strongest first.

    instances: (K, sum of U) int32 index in the domain; values: (K, sum of U) float32 their activations.
    """

    instances: np.ndarray
    values: np.ndarray
    layers: tuple[str, ...]
    units: tuple[int, ...]

    def of(self, layer: str, neuron: int) -> tuple[np.ndarray, np.ndarray]:
        """(K,) instances and (K,) activations of one neuron."""
        both = [layer_columns(one, self.layers, self.units, layer)[:, neuron] for one in (self.instances, self.values)]
        return both[0], both[1]


@dataclass(frozen=True, eq=False)
class Nearest:
    """Of each instance of a domain the K instances of the other one whose activations are nearest, nearest first.

    instances: (N, K) int32 index in the other domain; distances: (N, K) float32 Euclidean distances.
    """

    instances: np.ndarray
    distances: np.ndarray


@dataclass(frozen=True, eq=False)
class OnClass:
    """One number for each neuron of one model on each target instance of a class: conductance, or activation.

    instances: (n,) ascending index in the target domain; values: (n, sum of U) float32, exact to three digits.
    """

    instances: np.ndarray
    values: np.ndarray
    layers: tuple[str, ...]
    units: tuple[int, ...]

    def layer(self, name: str) -> np.ndarray:
        """(n, U) of one layer."""
        return layer_columns(self.values, self.layers, self.units, name)

    def of(self, layer: str, neuron: int) -> np.ndarray:
        """(n,) of one neuron."""
        numbers: np.ndarray = self.layer(layer)[:, neuron]
        return numbers


@dataclass(frozen=True, eq=False)
class Contribution:
    """What each neuron of one model adds to the score of a class, and how well that adds up (method 3).

    mean: (sum of U,) float32, conductance summed over a neuron's positions, in the mean of the class's target
    instances, in units of the logit; negative where the neuron lowers the score; completeness_error: (layers,) median
    over these instances of |sum - dF| / |dF|, NaN where completeness does not apply; own_class: whether the score is
    that of the class itself, False where the model lacks it and its own predictions were explained; n_steps: of the
    path.
    """

    mean: np.ndarray
    completeness_error: np.ndarray
    layers: tuple[str, ...]
    units: tuple[int, ...]
    own_class: bool
    n_steps: int

    def layer(self, name: str) -> np.ndarray:
        """(U,) of one layer."""
        means: np.ndarray = layer_columns(self.mean[None], self.layers, self.units, name)[0]
        return means

    def counts(self, layer: str) -> np.ndarray:
        """(U,) bool: which neurons add or take more than next to nothing, a ten-thousandth of what all of them move."""
        moved = np.abs(self.layer(layer))
        return np.asarray(moved > 1e-4 * moved.sum(dtype=np.float64))

    def lowers(self, layer: str) -> np.ndarray:
        """(U,) bool: which of those take from the score."""
        return np.asarray(self.counts(layer) & (self.layer(layer) < 0))

    def error(self, layer: str) -> float:
        """The completeness error of one layer, as a fraction; NaN where it has none."""
        return float(layer_columns(self.completeness_error[None], self.layers, (1,) * len(self.layers), layer)[0, 0])


@dataclass(frozen=True, eq=False)
class Crop:
    """A part of an instance's image and the neuron's largest activation there.

    pixels: (h, w, channels) uint8; instance: index in its domain; label: class name; activation: no unit.
    """

    pixels: np.ndarray
    instance: int
    label: str
    activation: float


def layer_columns(values: np.ndarray, layers: tuple[str, ...], units: tuple[int, ...], name: str) -> np.ndarray:
    """The columns of `values` (N, sum of units) that belong to one layer."""
    if name not in layers:
        raise SelectionError(unknown("layer", name, layers))
    at = layers.index(name)
    start = sum(units[:at])
    return values[:, start : start + units[at]]


@dataclass(frozen=True, eq=False)
class ShortFloats:
    """A float32 array whose numbers have 11 significant bits, in two bytes each instead of four, and read as it was.

    half: float16, the numbers divided by 2 ** exponent, NaN where that is too narrow for one; at, exact: flat index,
    ascending, and float32 of those; largest: of all, -inf of none. `array[key]` is read as of an array.
    """

    half: np.ndarray
    exponent: int
    at: np.ndarray
    exact: np.ndarray
    largest: float

    @staticmethod
    def of(values: np.ndarray) -> np.ndarray:
        """These numbers, short where they can be; as they are where not, and where one is no number."""
        if not np.isfinite(values).all():
            return values
        exponent = int(np.frexp(np.abs(values).max(initial=0))[1]) - _HALF_EXPONENT
        half, odd = np.empty(values.shape, np.float16), [np.empty(0, np.int64)]
        for row, numbers in enumerate(values):  # row by row, so that what is made on the way stays small
            half[row] = np.ldexp(numbers, -exponent)
            lost = np.flatnonzero(_lengthened(half[row], exponent) != numbers)
            half[row].flat[lost] = np.nan
            odd.append(lost + row * numbers.size)
        at = np.concatenate(odd)
        if 6 * len(at) > values.size:
            return values
        short = ShortFloats(half, exponent, at, values.flat[at], float(values.max(initial=-np.inf)))
        return short  # type: ignore[return-value]  # to whoever reads it, it is an array

    @property
    def shape(self) -> tuple[int, ...]:
        return self.half.shape

    def __getitem__(self, key: Any) -> np.ndarray:
        numbers = np.array(_lengthened(self.half[key], self.exponent))
        odd = np.isnan(numbers)
        if odd.any():
            places = np.ogrid[tuple(slice(size) for size in self.shape)]  # no larger than a row and a column
            where = [np.asarray(np.broadcast_to(place, self.shape)[key])[odd] for place in places]
            numbers[odd] = self.exact[np.searchsorted(self.at, np.ravel_multi_index(tuple(where), self.shape))]
        return numbers

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.asarray(self[...], dtype=dtype)

    def max(self, initial: float) -> float:
        return max(self.largest, initial)


_HALF_EXPONENT = 16  # what 11 bits below 2 ** 16 are is float16's largest number


def _lengthened(half: np.ndarray, exponent: int) -> np.ndarray:
    numbers: np.ndarray = np.ldexp(np.asarray(half, dtype=np.float32), exponent)
    return numbers


@dataclass(frozen=True, eq=False)
class Edges:
    """The kernels between the neurons of two consecutive layers, for one class and model (5.3.1 B).

    counts: (U_l, U_m) in how many instances the edge was among its instance's top 10 %; value: (U_l, U_m) float32,
    the edge's value (maximal response of the kernel alone) averaged over the instances, to three digits, an array or
    `ShortFloats`; important: (K, 2) pairs (i, j), largest count first, ties by value.
    """

    counts: np.ndarray
    value: np.ndarray
    important: np.ndarray


@dataclass(frozen=True, eq=False)
class Abstraction:
    """The important structure of one model for one class, on the target instances of the class (5.3.1).

    rank_score: per layer (U,) ranks summed over instances (ascending, ties averaged); important: per layer the top
    10 % of neurons, best first, never an inactive one; active: per layer (U,) bool, conductance not 0 on every
    instance; edges: per pair of consecutive layers; n: instances used.
    """

    model: str
    class_name: str
    n: int
    rank_score: dict[str, np.ndarray]
    important: dict[str, np.ndarray]
    active: dict[str, np.ndarray]
    edges: dict[Pair, Edges]

    def rank(self, layer: str) -> np.ndarray:
        """(U,) place of each neuron in its layer by rank score, 1 = most important; ties take the lower index first."""
        order = np.argsort(-self.rank_score[layer], kind="stable")
        places = np.empty(len(order), dtype=np.int64)
        places[order] = np.arange(1, len(order) + 1)
        return places


@dataclass(frozen=True, eq=False)
class LayerCorrespondence:
    """Which source neuron each target neuron of a layer corresponds to, one to one (method 4).

    descent: whether the layer's weights evidently come from the source's, so that a neuron corresponds to the one of
    its index; source: (U_target,) the counterpart, by descent or else by function, -1 where there is none; function:
    (U_target,) that by function alone; strength: (U_target,) correlation of the activations of a neuron and its
    counterpart by function over all target instances, NaN where either never changes; weight_cosine: (U,) cosine of the
    incoming weights of same-index neurons, empty where the layers' shapes differ; others: median and 95 % range of
    that cosine over other pairs.
    """

    descent: bool
    source: np.ndarray
    function: np.ndarray
    strength: np.ndarray
    weight_cosine: np.ndarray
    others: tuple[float, float, float]


@dataclass(frozen=True, eq=False)
class Correspondence:
    """Which neurons of the two models correspond, by layer; of the case, not of a class."""

    layers: dict[str, LayerCorrespondence]


@dataclass(frozen=True, eq=False)
class Comparison:
    """How the neurons and edges of the two models relate for one class (5.3.2, method 4).

    similarity: per layer (U_source, U_target) float32 cosine over the class's target instances, NaN where either
    neuron is inactive; match: per layer (U_target,) most similar source neuron, -1 where undefined. Per pair (K,) bool
    aligned with the *target* model's `Edges.important`: kept, whether the edge between its ends' counterparts is
    important in the source model; kept_by_function, the same by function alone; inherited, the same by match; active,
    whether both ends are: other edges are counted nowhere.
    """

    class_name: str
    similarity: Mapping[str, np.ndarray]
    match: dict[str, np.ndarray]
    kept: dict[Pair, np.ndarray]
    kept_by_function: dict[Pair, np.ndarray]
    inherited: dict[Pair, np.ndarray]
    active: dict[Pair, np.ndarray]

    def share(self, mark: str, pair: Pair) -> float:
        """Share of a pair's active important edges that bear a mark ("kept", "inherited", …); NaN of none."""
        active = self.active[pair]
        return float(getattr(self, mark)[pair][active].mean()) if active.any() else float("nan")


@dataclass(frozen=True)
class SimilarityMeasure:
    """One way to say how alike two neurons are; `analysis.similarity` has its number.

    title: as a control and a key write it; of: what it is taken over, the end of a sentence.
    """

    title: str
    of: str


SIMILARITIES = {
    "activations": SimilarityMeasure("correlation of activations", "all target instances"),
    "correlation": SimilarityMeasure("correlation of conductance", "the target instances of the class"),
    "cosine": SimilarityMeasure("cosine of conductance (paper)", "the target instances of the class"),
}
"""The measures of similarity by name, in the order in which views offer them."""


@dataclass(frozen=True, eq=False)
class Similarity:
    """How alike the neurons of the two models are by one of `SIMILARITIES`.

    similarity: per layer (U_source, U_target) float32 in [-1, 1], NaN where a neuron never changes.
    """

    similarity: Mapping[str, np.ndarray]


@dataclass(frozen=True, eq=False)
class SimilarityScales:
    """What each measure of similarity makes, for one class, of neurons that correspond and of others (method 4).

    table: columns measure (of `SIMILARITIES`), layer, n (neurons with a counterpart), separation (chance that a
    counterpart is more alike than a pair of neurons that do not correspond, over all of the layer: the area under the
    ROC curve), counterparts and others (median similarity of such pairs among the important neurons of both models);
    NaN where there are none.
    """

    class_name: str
    table: pd.DataFrame

    def separation(self, measure: str) -> float:
        """Mean over layers; NaN where no layer has one."""
        return float(self._by_measure["separation"]["mean"].get(measure, np.nan))

    @cached_property
    def best(self) -> str:
        """The measure that tells counterparts from others best; of equal ones the one with more between the two."""
        means = self.table.assign(apart=self.table["counterparts"] - self.table["others"]).groupby("measure")
        order = means[["separation", "apart"]].mean().reindex(list(SIMILARITIES)).round(3).fillna(-1)
        return str(order.sort_values(["separation", "apart"], ascending=False, kind="stable").index[0])

    def others(self, measure: str, layer: str) -> float:
        """Median similarity of important neurons that do not correspond, where they are 0 or more; else 0."""
        return max(float(np.nan_to_num(self._of(measure, layer)["others"])), 0.0)

    def medians(self, measure: str, layer: str) -> tuple[float, float]:
        """Of counterparts, and of other pairs, among the important neurons; NaN where there are none."""
        row = self._of(measure, layer)
        return float(row["counterparts"]), float(row["others"])

    def one_shade(self, measure: str) -> bool:
        """Whether a scale from 0 to 1 draws most pairs of most layers darker than its middle."""
        return float(self._by_measure["others"]["median"].get(measure, np.nan)) > 0.5

    @cached_property
    def _by_measure(self) -> pd.DataFrame:
        return self.table.groupby("measure")[["separation", "others"]].agg(["mean", "median"])

    def _of(self, measure: str, layer: str) -> pd.Series:
        table = self.table
        return table[(table["measure"] == measure) & (table["layer"] == layer)].iloc[0]


@dataclass(frozen=True)
class Measure:
    """One way to say how much of the source model the target model reuses; `analysis.reuse` has its number.

    title: of its chart; unit: of its axis; sentence: what its share is a share of, before a colon; short: in a list;
    edges: whether it is of pairs of layers rather than of layers; lowest: value it can take, below 0 for what is no
    share; compared: what Compare's column says of it, "" where cases are not compared by it.
    """

    title: str
    unit: str
    sentence: str
    short: str
    edges: bool = False
    lowest: float = 0.0
    compared: str = ""

    def written(self, value: float) -> str:
        """A value as views write it: "94 %", which no line end parts, or "0.94" of what is no share."""
        return f"{100 * value:.0f}\N{NO-BREAK SPACE}%" if self.lowest == 0 else f"{value:.2f}"

    @property
    def counted(self) -> str:
        """What it counts."""
        return "important edges" if self.edges else "neurons"


MEASURES = {
    "kept": Measure(
        "Kept edges",
        "share of important edges",
        "Important target edges that are important between the same neurons of the source model",
        "kept edges",
        edges=True,
        compared="Important target edges whose counterpart is important in the source model; mean over layers and "
        "classes.",
    ),
    "correspondence": Measure(
        "Same function, same index",
        "share of target neurons",
        "Target neurons whose counterpart by function is the source neuron of the same index",
        "neurons that kept their function",
        compared="Target neurons whose counterpart by function has their own index; mean over layers.",
    ),
    "weight_cosine": Measure(
        "Weight cosine",
        "median cosine of incoming weights",
        "Median cosine of the incoming weights of neurons of the same index",
        "weight cosine",
        lowest=-1.0,
    ),
    "kept_by_function": Measure(
        "Kept edges, by function",
        "share of important edges",
        "Important target edges that are important between the source neurons of the same function",
        "kept edges by function",
        edges=True,
    ),
    "inherited": Measure(
        "Inherited edges (paper)",
        "share of important edges",
        "Important target edges that are inherited in the paper's sense, between best matches",
        "inherited edges",
        edges=True,
        compared="The paper's share: important target edges whose ends' most similar source neurons are joined by an "
        "important edge; mean over layers and classes.",
    ),
    "same_index": Measure(
        "Same-index matches (paper)",
        "share of target neurons",
        "Target neurons whose most similar source neuron, the paper's match, has the same index",
        "same-index matches",
    ),
    "rank_agreement": Measure(
        "Rank agreement",
        "Spearman's ρ of rank scores",
        "Agreement of the two models on which neurons matter (Spearman's ρ)",
        "rank agreement",
        lowest=-1.0,
    ),
}
"""The measures of reuse by name, in the order in which views show them."""


@dataclass(frozen=True, eq=False)
class Reuse:
    """How much of the source model the target model reuses for one class, beside chance.

    table: columns measure (of `MEASURES`, per layer or per pair), first, second (layer names, second empty for a
    layer), n (neurons or edges counted), value, chance (its mean by chance), low, high (95 % range by chance); shares
    in [0, 1], cosines and rank agreement in [-1, 1]; NaN where undefined. What chance is differs: `analysis.reuse`.
    """

    class_name: str
    table: pd.DataFrame

    def of(self, measure: str) -> pd.DataFrame:
        """The rows of one measure, shallow first."""
        return self.table[self.table["measure"] == measure].reset_index(drop=True)


@dataclass(frozen=True)
class Criterion:
    """One way to attribute a score to neurons; `analysis.criteria` has its numbers.

    title: as charts and sentences write it; words: what it says of a neuron, in a sentence.
    """

    title: str
    words: str


CRITERIA = {
    "conductance": Criterion("conductance", "How much of the score flows through the neuron on the way to the image."),
    "gradient_activation": Criterion("gradient × activation", "The score's slope at the image times what it answers."),
    "activation": Criterion("activation", "What the neuron answers, whatever the class."),
    "internal_influence": Criterion("internal influence", "The score's mean slope on the way to the image."),
    "deep_lift": Criterion("DeepLift", "How far the score moves with the neuron's change from the baseline."),
    "lrp": Criterion("LRP", "The share of the score that is handed back to the neuron, layer by layer."),
}
"""The attribution criteria by the names of `cases.CRITERIA`, the case's own first."""


@dataclass(frozen=True, eq=False)
class Criteria:
    """Attribution criteria compared on the target instances of one class (method 9).

    names: of `CRITERIA`, those that could be asked; left_out: why another could not, by name; n: the class's target
    instances; held_out: those of them that the curves are of, of `split`.
    agreement: of the target model; columns layer, first, second (criteria), overlap (Jaccard of their important
    neurons), chance (of that), rank (Spearman's ρ of their rank scores); NaN where undefined.
    deletion: accuracy of the target model with k neurons of a layer silenced; columns layer, criterion, order ("first",
    those it ranks first; "last"; "random", of important ones, whose criterion is ""), k, share (of the layer),
    accuracy, low, high (of the draws; else NaN).
    reading: how much is reused under each; columns criterion, measure ("kept", "inherited", "rank_agreement"), first,
    second (layers, as in `Reuse.table`), value.
    """

    class_name: str
    names: tuple[str, ...]
    left_out: dict[str, str]
    n: int
    held_out: int
    split: str
    agreement: pd.DataFrame
    deletion: pd.DataFrame
    reading: pd.DataFrame


@dataclass(frozen=True, eq=False)
class KernelResponse:
    """One edge on one instance (5.3.3): kernel (h, w), entering (H, W), response (H', W') of that kernel alone.

    For a linear module all three lie over the channel's positions. value: the edge's value on this instance.
    """

    kernel: np.ndarray
    entering: np.ndarray
    response: np.ndarray
    value: float


@dataclass(frozen=True, eq=False)
class Discriminability:
    """How the important neurons of one class tell the two domains apart: together, and each alone (5.4.1, method 5).

    Together, by a linear classifier: neurons: (P,) tuples (layer, index), in column order; weights: (P,) u, positive
    towards target; ranking: (P,) columns by |u|, largest first; accuracy, low, high: held out and balanced (0.5 is
    chance whatever the domains' sizes), with 95 % interval; fold_accuracy: (F,) per fold; a_distance: 2 (1 - 2 error);
    regularisation: C of the classifier.
    Alone: auc, auc_low, auc_high: (P,) area under the ROC curve, above 0.5 where values of target instances are larger,
    with 95 % interval; stability: (P,) share of RESAMPLES bootstraps in which it is among the `first` by |AUC - 0.5|.
    Instances: domain: (N,) "source" or "target"; instances: (N,) index in that domain; values: (N, P) raw conductance;
    constant: neurons left out because their column is constant.
    The plane: coordinates: (N, 2) = A [u/|u|, g] of the whole fit, A standardised; axes: (P, 2) rows of [u/|u|, g];
    boundary: horizontal place where the decision value is 0; decision: (N,) out-of-fold signed distance from the
    boundary, in the unit of `coordinates`, positive = target-like; fold: (N,) which fold held the instance out;
    fold_axes: (F, P), fold_offset: (F,): decision = A fold_axes[fold] + fold_offset[fold], row by row.
    """

    class_name: str
    model: str
    neurons: tuple[tuple[str, int], ...]
    weights: np.ndarray
    ranking: np.ndarray
    accuracy: float
    low: float
    high: float
    fold_accuracy: np.ndarray
    a_distance: float
    auc: np.ndarray
    auc_low: np.ndarray
    auc_high: np.ndarray
    stability: np.ndarray
    coordinates: np.ndarray
    axes: np.ndarray
    boundary: float
    domain: np.ndarray
    instances: np.ndarray
    decision: np.ndarray
    fold: np.ndarray
    fold_axes: np.ndarray
    fold_offset: np.ndarray
    values: np.ndarray
    constant: tuple[tuple[str, int], ...]
    regularisation: float

    @property
    def chance(self) -> bool:
        """Whether the classifier is no better than a coin: the ranking is then noise."""
        return self.low <= 0.5

    @property
    def by_auc(self) -> np.ndarray:
        """(P,) columns by |AUC - 0.5|, largest first; the larger weight first where several are alike."""
        return self.ranking[np.argsort(-distinctness(self.auc)[self.ranking], kind="stable")]

    @property
    def first(self) -> int:
        """Among how many first neurons `stability` counts one."""
        return first_places(len(self.neurons))

    def count(self, domain: str) -> int:
        """How many instances of this domain there are."""
        return int(np.sum(self.domain == domain))


def distinctness(auc: np.ndarray) -> np.ndarray:
    """|AUC - 0.5|, rounded so far that 0.3 and 0.7 are alike: how well a neuron alone tells the domains apart."""
    return np.round(np.abs(auc - 0.5), 9)


def first_places(neurons: int) -> int:
    """Five; fewer where five were more than a fourth of all, so that no neuron is among the first by chance."""
    return max(1, min(5, neurons // 4))


@dataclass(frozen=True)
class LayerGap:
    """How well all neurons of one layer alone tell the domains apart, for one class under one model.

    neurons: those whose conductance varies; accuracy, low, high: held out and balanced, with 95 % interval.
    """

    model: str
    layer: str
    neurons: int
    accuracy: float
    low: float
    high: float


SCOPES = ("class", "all classes")
REPLACEMENTS = {"mean": "their mean", "drawn": "what they answer to another image"}
"""What silenced neurons answer instead."""


@dataclass(frozen=True, eq=False)
class Silenced:
    """What silencing some neurons does to a model's accuracy, beside other important neurons of the same layers.

    Axes: S of SCOPES, whose accuracy it is, the class's or that of all classes; R of REPLACEMENTS; D draws of other
    neurons, in every layer as many as silenced. neurons: (layer, index); n: per domain (S,) instances asked, a sample
    of the headline split; before: per domain (S,) accuracy, NaN where n is 0; after: per domain (R, S); low, high: per
    domain (R, S) 95 % paired interval of the change; controls: per domain (R, D, S) accuracy with other neurons
    silenced; filled: (layer, other important neurons, neurons drawn from) where there were too few important ones for D
    different draws, so that those of next rank were drawn from, too.
    """

    model: str
    class_name: str
    neurons: tuple[tuple[str, int], ...]
    n: dict[str, np.ndarray]
    before: dict[str, np.ndarray]
    after: dict[str, np.ndarray]
    low: dict[str, np.ndarray]
    high: dict[str, np.ndarray]
    controls: dict[str, np.ndarray]
    filled: tuple[tuple[str, int, int], ...]


@dataclass(frozen=True, eq=False)
class Embedding:
    """2-D coordinates for drawing (5.2): PCA to 50, then t-SNE, of the activations of the chosen layer.

    coordinates: (N, 2); domain: (N,) "source" or "target"; instance: (N,) index in that domain; label: (N,) class
    name; sampled: sentence saying which share of the instances is shown, empty when all are; method: its numbers, among
    them kept, the share of each instance's nearest `neighbours` by activations that are its nearest in the picture, and
    spread, how far vectors lie from their mean (root mean square) as a share of their length.
    """

    coordinates: np.ndarray
    domain: np.ndarray
    instance: np.ndarray
    label: np.ndarray
    model: str
    layer: str
    sampled: str = ""
    method: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Thumbnails:
    """Small pictures of all instances of a domain on a few sheets.

    tile: side of a picture in pixels; columns: pictures in a row, a full sheet has as many rows; sheets: WebP files.
    Instance i lies on sheet i // columns², row by row.
    """

    tile: int
    columns: int
    sheets: tuple[bytes, ...]
