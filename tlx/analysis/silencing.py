"""Silencing neurons: what a model still knows once they answer with their mean, whatever they see.

A causal check of a ranking (an ablation study): if the neurons that tell the domains apart matter for what the model
says, silencing them changes its accuracy more than silencing as many others of the same layers.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from tlx.analysis import activations
from tlx.cases import DOMAINS, Case
from tlx.networks import hooks, tracing
from tlx.progress import track
from tlx.results import Activations, DomainImages, Network, Silenced

DRAWS = 10  # random choices of other neurons; their spread is what chance does

Neurons = tuple[tuple[str, int], ...]


def silenced(
    model: nn.Module,
    network: Network,
    images: Mapping[str, DomainImages],
    neurons: Neurons,
    *,
    means: Activations,
    outputs: Sequence[str],
    case: Case,
    name: str,
) -> Silenced:
    """Accuracy per class on both domains' validation instances, before and after, and for random neurons instead.

    neurons: (layer, index) to silence; means: of the target domain under this model; outputs: the classes the model's
    outputs stand for; name: "source" or "target" model. Validation instances only: a model may know those it was
    trained on by heart.
    """
    held_out = {domain: _validation(images[domain]) for domain in DOMAINS}
    classes = tuple(dict.fromkeys(name for domain in DOMAINS for name in held_out[domain].classes))
    choices = [(), neurons, *random_others(network, neurons, seed=case.seed)]
    accuracies: dict[str, list[np.ndarray]] = {domain: [] for domain in DOMAINS}
    for choice in track(choices, "silencing neurons"):
        with silencing(model, choice, means, case):
            for domain in DOMAINS:
                accuracies[domain].append(class_accuracy(model, held_out[domain], outputs, classes, case=case))
    return Silenced(
        model=name,
        neurons=neurons,
        classes=classes,
        n={domain: _counts(held_out[domain], classes) for domain in DOMAINS},
        before={domain: accuracies[domain][0] for domain in DOMAINS},
        after={domain: accuracies[domain][1] for domain in DOMAINS},
        random={domain: np.array(accuracies[domain][2:]) for domain in DOMAINS},
    )


@contextmanager
def silencing(model: nn.Module, neurons: Neurons, means: Activations, case: Case) -> Iterator[None]:
    """Within the block these neurons answer with their mean at every position; afterwards no hook is left."""
    layers = list(dict.fromkeys(layer for layer, _ in neurons))
    example = torch.zeros(1, case.channels, case.image_size, case.image_size)
    with hooks.captured(model, ()):  # no other thread may hook this model meanwhile
        handles = []
        try:
            for readout in tracing.readouts(model, layers, example):
                chosen = torch.tensor([index for layer, index in neurons if layer == readout.layer])
                values = torch.from_numpy(np.array(means.layer_means(readout.layer)))[chosen]
                module = model.get_submodule(readout.module)
                handles.append(module.register_forward_hook(_replacing(chosen, values, readout.axis)))
            yield
        finally:
            for handle in handles:
                handle.remove()


def _replacing(chosen: Tensor, values: Tensor, axis: int) -> Callable[..., Tensor | None]:
    owner = threading.get_ident()

    def hook(_module: nn.Module, _inputs: Any, output: Tensor) -> Tensor | None:
        if threading.get_ident() != owner:  # somebody else's run of the same model
            return None
        replaced = output.clone().movedim(axis, -1)
        replaced[..., chosen] = values.to(output.dtype)
        return replaced.movedim(-1, axis)

    return hook


def random_others(network: Network, neurons: Neurons, *, seed: int, draws: int = DRAWS) -> list[Neurons]:
    """As many other neurons of the same layers, `draws` times; all others where a layer has no more."""
    rng = np.random.default_rng(seed)
    given: dict[str, list[int]] = {}
    for layer, index in neurons:
        given.setdefault(layer, []).append(index)
    others = {layer: np.setdiff1d(np.arange(network.layer(layer).units), chosen) for layer, chosen in given.items()}
    return [
        tuple(
            (layer, int(index))
            for layer, chosen in given.items()
            for index in rng.choice(others[layer], min(len(chosen), len(others[layer])), replace=False)
        )
        for _ in range(draws)
    ]


def class_accuracy(
    model: nn.Module, images: DomainImages, outputs: Sequence[str], classes: Sequence[str], *, case: Case
) -> np.ndarray:
    """(C,) share of each class's instances whose largest score belongs to that class by name; NaN without instances."""
    if len(images) == 0:
        return np.full(len(classes), np.nan)
    says = np.array(outputs, dtype=object)[activations.predict(model, images, case).argmax(axis=1)]
    right = says == np.array(images.classes, dtype=object)[images.labels]
    chosen = [images.of_class(name) for name in classes]
    return np.array([right[indices].mean() if len(indices) else np.nan for indices in chosen])


def _counts(images: DomainImages, classes: Sequence[str]) -> np.ndarray:
    return np.array([len(images.of_class(name)) for name in classes])


def _validation(images: DomainImages) -> DomainImages:
    kept = np.flatnonzero(images.validation)
    return DomainImages(
        images.pixels[kept], images.labels[kept], images.classes, images.split[kept], images.names[kept]
    )
