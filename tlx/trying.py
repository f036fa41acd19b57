"""Both models tried on a few images of every class, before a run is spent on them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import binom
from torch import nn

from tlx.cases import DOMAINS, Case
from tlx.images import domains
from tlx.networks import answers, devices, models
from tlx.training import loop

IMAGES = 40  # of a domain, or more where that is less than LEAST of each class, but at most MOST
LEAST, MOST = 4, 200
_CHANCE = 0.05  # how often guessing does as well, above which a model is called near chance


@dataclass(frozen=True)
class Tried:
    """On how many images of a domain a model was right.

    chance: how often guessing among the model's classes is right as often, or more often.
    """

    model: str
    domain: str
    right: int
    n: int
    classes: int

    @property
    def chance(self) -> float:
        """P(X >= right), X binomial of n guesses among the classes."""
        return float(binom.sf(self.right - 1, self.n, 1 / self.classes))

    @property
    def near_chance(self) -> bool:
        """Whether guessing is right as often more than one time in twenty; never of too few images to tell."""
        return (1 / self.classes) ** self.n < _CHANCE < self.chance

    def __str__(self) -> str:
        return f"{self.right} of {self.n} {self.domain} images"


def tried(case: Case, model: str, network: nn.Module, outputs: tuple[str, ...]) -> list[Tried]:
    """What a filled network says of a sample of both domains; outputs: the class that each of its outputs means.

    Raises ModelError where the network is no function of one image.
    """
    seen = case.seen_by(model)
    network = models.evaluating(network).to(devices.default())
    results = []
    for domain in DOMAINS:
        count = len(domains.catalogue(case.domain(domain)).present)
        each = min(max(LEAST, -(-IMAGES // count)), max(1, MOST // count))
        images = domains.of_each(case.domain(domain), seen.preprocessing, each)
        if domain == model and len(images) > 1:
            few = np.linspace(0, len(images) - 1, 3).round().astype(int)  # of different classes
            answers.check(network, case.architecture_of(model), models.inputs(network, images.given[few], seen))
        right = loop.right_answers(network, outputs, images, np.arange(len(images)), seen)
        results.append(Tried(model, domain, int(right.sum()), len(right), len(outputs)))
    return results


def sentence(results: list[Tried]) -> str:
    """ "source model right on 31 of 40 source images and 12 of 40 target images"."""
    return f"{results[0].model} model right on {' and '.join(map(str, results))}"


def warning(one: Tried) -> str:
    """What to look at where a model is no better than guessing on its own domain; "" where it is."""
    if one.domain != one.model or not one.near_chance:
        return ""
    return (
        f"the {one.model} model is right on {one} only, as good as guessing one of {one.classes} classes; likely "
        "causes: the order of its outputs is another (see which class each output means), it was trained with another "
        "preprocessing (mean, std, resize, image_size, channels), its file holds other weights as well "
        "(checkpoint_key), or its constructor took options (architecture_options)"
    )
