"""A class's network results small enough to check by eye: three layers of 4, 5 and 3 neurons, a few edges.

Source neuron 1 of conv1 is inactive. Target neuron 2 of conv1 corresponds to source neuron 3 and is most similar to
source neuron 2; elsewhere counterparts are best matches.

Of the important target edges from conv1 to conv2 the counterparts are, in order,
(3, 1), (0, 4), (0, 0) and (3, 1), of which (0, 0) is not important in the source model; from conv2 to fc3 they are
(1, 2), (4, 0) and (2, 0), of which (4, 0) is not.
"""

from __future__ import annotations

import fakes
import numpy as np
import pandas as pd

from tlx import pipeline
from tlx.analysis import of_class, reuse, statistics
from tlx.analysis.crops import Crop
from tlx.casefiles import loading
from tlx.figures.zigzag.subject import Subject
from tlx.images import thumbnails
from tlx.results import (
    Abstraction,
    Activations,
    Comparison,
    Conductance,
    Correspondence,
    DomainImages,
    Edges,
    KernelResponse,
    Layer,
    LayerCorrespondence,
    Network,
    Similarity,
    SimilarityScales,
)

CLASSES = ("cup", "<b>pen</b>")
N = 10
UNITS = {"conv1": 4, "conv2": 5, "fc3": 3}
LAYERS = (
    Layer("conv1", 1, "conv", 4, (4, 4), field=(3, 2, -1)),
    Layer("conv2", 2, "conv", 5, (2, 2)),
    Layer("fc3", 3, "linear", 3, (1, 1)),
)
FIRST, SECOND = ("conv1", "conv2"), ("conv2", "fc3")
NETWORK = Network("toy", LAYERS, {FIRST: "conv2", SECOND: "fc3"}, {}, 20, 99)
NAN = float("nan")
SIMILARITY = {
    "conv1": np.array([[0.9, 0.1, 0.2, 0.0], [NAN] * 4, [0.0, -0.4, 0.7, 0.2], [0.5, 0.6, 0.95, 0.3]], np.float32),
    "conv2": (0.8 * np.eye(5) + 0.1).astype(np.float32),  # and 0.3 and 0.2 where neurons 1 and 4 meet, see below
    "fc3": np.array([[0.2, 0.9, 0.1], [0.4, 0.3, 0.0], [0.6, 0.1, -0.5]], np.float32),
}
SIMILARITY["conv2"][4, 1], SIMILARITY["conv2"][1, 4] = 0.3, 0.2
MATCH = {"conv1": np.array([0, 3, 2, 3]), "conv2": np.arange(5), "fc3": np.array([2, 0, 0])}
KEPT = {FIRST: np.array([True, True, False, True]), SECOND: np.array([True, False, True])}
ACTIVE = {pair: np.ones(len(kept), dtype=bool) for pair, kept in KEPT.items()}
COUNTERPART = {"conv1": np.array([0, 3, 3, 3]), "conv2": np.arange(5), "fc3": np.array([2, 0, 0])}


def edges(shape, important):
    """Edge (i, j) has value i + j / 10 and was kept in i + j instances."""
    first, second = np.indices(shape)
    return Edges((first + second).astype(np.int32), (first + second / 10).astype(np.float32), np.array(important))


def structure(model):
    target = model == "target"
    important = (
        {"conv1": [2, 0], "conv2": [1, 4], "fc3": [0]} if target else {"conv1": [3, 0], "conv2": [4, 1], "fc3": [2]}
    )
    first = [(2, 1), (0, 4), (0, 0), (3, 1)] if target else [(3, 1), (0, 4), (1, 1)]
    second = [(1, 0), (4, 2), (2, 1)] if target else [(1, 2), (2, 0)]
    scores = {}
    for layer, units in UNITS.items():
        rest = [neuron for neuron in range(units) if neuron not in important[layer]]
        scores[layer] = np.zeros(units)
        scores[layer][important[layer] + rest] = np.arange(units, 0, -1) * 10.0
    active = {layer: np.ones(units, dtype=bool) for layer, units in UNITS.items()}
    active["conv1"][1] = target
    return Abstraction(
        model,
        "cup",
        N,
        scores,
        {layer: np.array(neurons) for layer, neurons in important.items()},
        active,
        {FIRST: edges((4, 5), first), SECOND: edges((5, 3), second)},
    )


def comparison():
    """What is inherited is what is kept, for the eye's sake."""
    return Comparison("cup", SIMILARITY, MATCH, KEPT, KEPT, KEPT, ACTIVE)


def correspondence(case=None):
    """By descent, with counterparts that are not one to one; all but conv1's neuron 1 respond."""
    layers = {}
    for layer, source in COUNTERPART.items():
        strength = np.linspace(0.9, 0.5, len(source)).astype(np.float32)
        if layer == "conv1":
            strength[1] = np.nan
        cosine = np.full(len(source), 0.75, np.float32)
        layers[layer] = LayerCorrespondence(True, source, source, strength, cosine, (0.0, -0.25, 0.25))
    return Correspondence(layers)


def scales(case=None, class_name=None):
    """The cosine separates best, by measures' names and layers: 0.9, 0.8, 0.7; medians 0.95 and 0.4, 0.3, 0.2."""
    rows = [
        (measure, layer, units, 0.9 - 0.1 * at, 0.95, 0.4 - 0.1 * place)
        for at, measure in enumerate(("cosine", "correlation", "activations"))
        for place, (layer, units) in enumerate(UNITS.items())
    ]
    columns = ["measure", "layer", "n", "separation", "counterparts", "others"]
    return SimilarityScales("cup", pd.DataFrame(rows, columns=columns))


def of_activations(case=None):
    """Half of the cosine's, so that it can be told from it."""
    return Similarity({layer: values / 2 for layer, values in SIMILARITY.items()})


def subject():
    both = structure("source"), structure("target")
    return Subject(NETWORK, comparison(), *both, correspondence(), scales(), "cosine", comparison())


def images(case, domain):
    labels = np.arange(2 * N) % 2
    names = np.array([f"{domain} {at}" for at in range(2 * N)])
    pixels = np.full((2 * N, 8, 8, 3), 100, dtype=np.uint8)
    return DomainImages(
        pixels,
        labels,
        CLASSES if domain == "target" else (*CLASSES, "ink"),
        np.where(labels == 0, "validation", "training"),
        names,
    )


def predictions(case, model, domain):
    said = np.array(CLASSES, dtype=object)[np.arange(2 * N) % 2]
    numbers = {"instance": np.arange(2 * N), "split": "validation", "confidence": 0.875}
    return pd.DataFrame(numbers | {"label": said, "prediction": said})


def measured(case, model, domain):
    """Neuron k, counted over all layers, has k + instance / 100."""
    return (np.arange(2 * N)[:, None] / 100 + np.arange(12)).astype(np.float32)


def conductance(case, model, domain):
    one = np.ones(2 * N, dtype=bool)
    error = np.tile([0.021, 0.048, np.nan], (2 * N, 1))
    values = measured(case, model, domain)
    summed = np.where(np.arange(12) == 2, -0.41, 3 * values).astype(np.float32)  # the third of conv1 lowers the score
    return Conductance(values, summed, tuple(UNITS), tuple(UNITS.values()), one * 0, one, error, 8)


def contribution():
    """Of either model, for the class "cup"; the pages ask the pipeline's own function."""
    return of_class.contribution(conductance(None, "target", "target"), np.arange(0, 2 * N, 2))


def activations(case, model, domain):
    values = measured(case, model, domain)
    return Activations(values, np.zeros(values.shape, np.int32), values.mean(0), tuple(UNITS), tuple(UNITS.values()))


def neuron_images(case, model, neurons):
    return {(layer, neuron): np.full((8, 8, 3), 10 * neuron, dtype=np.uint8) for layer, neuron in neurons}


def crops(case, model, layer, neuron, count=6):
    """One part of a source image; silent on the target domain."""
    pixels = np.full((3, 3, 3), 10 * neuron, dtype=np.uint8)
    return {"source": [Crop(pixels, 4, CLASSES[1], 0.5)], "target": []}


def kernel_response(case, model, pair, edge, instance):
    kernel = np.array([[1.0, -2.0], [0.5, 0.0]], np.float32)
    return KernelResponse(kernel, np.ones((3, 3), np.float32), np.full((2, 2), -0.5, np.float32), -0.5)


def compared(case, class_name):
    both = {model: structure(model) for model in ("source", "target")}
    return reuse.reuse(NETWORK, comparison(), correspondence(), both)


def instances(case):
    told = {
        (model, domain): predictions(case, model, domain)
        for model in ("source", "target")
        for domain in ("source", "target")
    }
    return statistics.instance_table(told, {domain: images(case, domain).names for domain in ("source", "target")})


def network(case):
    return NETWORK


def class_table(case):
    return pd.DataFrame({"class_name": CLASSES, "difference": [0.5, 0.1]})


def structure_of(case, model, class_name):
    return structure(model)


def comparison_of(case, class_name):
    return comparison()


def sheets(case, domain):
    return thumbnails.thumbnails(images(case, domain))


# The pipeline's own, without its store: they read the conductance and activations above.
STRONGEST, CONDUCTANCE_ON, CONTRIBUTION_ON, ACTIVATION_ON = (
    function.__wrapped__
    for function in (pipeline.strongest, pipeline.conductance_on, pipeline.contribution_on, pipeline.activation_on)
)


def install(monkeypatch):
    """Puts these results in place of the pipeline's, all of them at hand."""
    replaced = {
        "images": images,
        "catalogue": images,
        "network": network,
        "predictions": predictions,
        "instances": instances,
        "class_table": class_table,
        "abstraction": structure_of,
        "comparison": comparison_of,
        "correspondence": correspondence,
        "similarity_scales": scales,
        "activation_similarity": of_activations,
        "reuse": compared,
        "conductance": conductance,
        "activations": activations,
        "strongest": STRONGEST,
        "conductance_on": CONDUCTANCE_ON,
        "contribution_on": CONTRIBUTION_ON,
        "activation_on": ACTIVATION_ON,
        "neuron_images": neuron_images,
        "crops": crops,
        "kernel_response": kernel_response,
        "thumbnails": sheets,
    }
    fakes.install(monkeypatch, replaced)
    return loading.load_case("digits")
