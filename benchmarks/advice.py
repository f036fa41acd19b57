"""What to freeze, where the answer is known: shifts planted into small handwritten digits, and what the advice says.

    python benchmarks/advice.py [--prove]

One half of the digits teaches the source model, the other is the target, shifted. First, of six source models: which
block each shift calls for by the pull, and by the relative gradient norm as it is. With --prove every strategy is then
run on a few of the shifts (100 training images, three rates, three seeds; five minutes on a core), and the advice held
against it. docs/advice.md has the numbers.
"""

from __future__ import annotations

import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import product

import numpy as np
from scipy.ndimage import gaussian_filter

from tlx.analysis import advice, freezing
from tlx.cases import DOMAINS, Case, Domain, ModelPlan, Preprocessing, Training
from tlx.images import domains
from tlx.pipeline import RATES, SEEDS
from tlx.results import DomainImages, TrainedModel
from tlx.training import loop

BLOCKS = ("conv1", "conv2", "conv3", "conv4", "conv5", "fc6", "fc7", "head")
EPOCHS = 12
PROVED = ("colours, second way", "darkened", "labels permuted")
PLACES = {"training": 100, "validation": 150, "test": 150}  # target images of the runs


def case_of(seed: int, augment: str) -> Case:
    how = Training(epochs=EPOCHS, batch_size=32, learning_rate=2e-3, seed=seed, augment=augment)
    plan = ModelPlan(training=how)
    return Case(
        "planted", "planted", Domain("folder", "source"), Domain("folder", "target"), "compact_alexnet", image_size=16,
        mean=(0.5,) * 3, std=(0.5,) * 3, source_model=plan, target_model=plan,
    )  # fmt: skip


def shifted(target: DomainImages, seed: int) -> Iterator[tuple[str, DomainImages]]:
    """Each shift by name, of pixels from 0 to 255 or of labels."""
    tint, light, red = np.array([0.2, 1.0, 0.5]), np.array([90, 0, 60]), np.array([1.0, 0.3, 0.3])
    of_pixels: dict[str, Callable[[np.ndarray], np.ndarray]] = {
        "colours, first way": lambda pixels: np.clip(pixels * tint + light, 0, 255),
        "colours, second way": lambda pixels: pixels * red,
        "blurred": lambda pixels: gaussian_filter(pixels, (0, 1.5, 1.5, 0)),
        "darkened": lambda pixels: pixels * 0.3,
        "black for white": lambda pixels: 255 - pixels,
    }
    for name, shift in of_pixels.items():
        yield name, replace(target, pixels=shift(target.pixels.astype(float)).astype(np.uint8))
    yield "labels moved by 3", replace(target, labels=(target.labels + 3) % 10)
    yield "labels permuted", replace(target, labels=np.random.default_rng(seed).permutation(10)[target.labels])


def halves() -> dict[str, DomainImages]:
    """The source's half is for training; the target's is what the source model has not learned from."""
    of = Domain("handwritten-digits", "handwritten", per_class=80, training_share=0.5)
    source = domains.load(of, Preprocessing(image_size=16))
    others = np.where(source.split == "training", "validation", "training")
    return {"source": source, "target": replace(source, split=others)}


def advised(both: dict[str, DomainImages]) -> None:
    """Prints how often each block is advised for each shift."""
    told: dict[str, dict[str, Counter[str]]] = defaultdict(lambda: {"pull": Counter(), "gradient": Counter()})
    for augment, seed in product(("none", "digits"), range(SEEDS)):
        case = case_of(seed, augment)
        source = loop.train(case, "source", both, start=None)
        for name, target in shifted(both["target"], seed):
            found = _asked(case, both["source"], target, source)
            for by, counts in told[name].items():
                counts[freezing.advised(found, by)] += 1
    for name, by in told.items():
        print(f"{name:22}", *(f"{how}: {dict(counts.most_common())}" for how, counts in by.items()), flush=True)


def proved(both: dict[str, DomainImages]) -> None:
    """Prints what every strategy comes to on a few of the shifts, and what the advice gives away."""
    case, rng = case_of(0, "digits"), np.random.default_rng(0)
    source = loop.train(case, "source", both, start=None)
    half = both["target"].of(rng.permutation(np.flatnonzero(both["target"].training)))
    few = replace(half, split=np.repeat([*PLACES], [*PLACES.values()]))
    none, *others = freezing.strategies(BLOCKS, EPOCHS)
    for name, target in shifted(few, 0):
        if name not in PROVED:
            continue
        domains_of = {"source": both["source"], "target": target}
        runs = [(none, 1.0, 0), *product(others, RATES, range(SEEDS))]
        found = {run: advice.tuned(case, domains_of, source, run[0], rate=run[1], seed=run[2]) for run in runs}
        table = freezing.compared(found, SEEDS)
        print(f"\n{name}\n{table[['title', 'rate', 'accuracy', 'source']].round(3).to_string(index=False)}")
        print(freezing.judged(table, freezing.advised(_asked(case, both["source"], target, source))), flush=True)


def _asked(case: Case, own: DomainImages, target: DomainImages, source: TrainedModel) -> advice.BlockGradients:
    return advice.gradients(case, {"source": own, "target": target}, source, dict.fromkeys(DOMAINS, BLOCKS))


if __name__ == "__main__":
    images = halves()
    advised(images)
    if "--prove" in sys.argv[1:]:
        proved(images)
