"""Strategies of a transfer beside each other: what each holds, and what the advice gives away (method 11).

Neither torch nor scikit-learn is needed here, so that stored results can be shown without them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from tlx.cases import HEAD, Training
from tlx.errors import EmptyError
from tlx.results import BlockGradients, Tuned

NONE = "none"  # the source model as it is
ALL = "all"
FIRST = "head-first"
DRAWS = 1_000  # bootstraps of batches
SLOWEST = 0.1  # of the learning rate, at which the first layer learns where deeper ones are faster


def strategies(blocks: Sequence[str], epochs: int) -> tuple[str, ...]:
    """The strategies that are held against each other, each as one text: a word and the layers that it is about.

    blocks: layers in network order, "head" last. First the source model as it is, then "all", the head, head first,
    each layer alone with the head, and all layers, deeper ones faster.
    """
    *layers, _ = blocks
    first = (FIRST,) if epochs > 1 else ()
    return (NONE, ALL, HEAD, *first, *(f"only {layer}" for layer in layers), " ".join(["faster", *layers]))


def training(how: Training, strategy: str, *, rate: float, seed: int) -> Training:
    """The case's training by another strategy, with the same budget and batches as every other of this seed."""
    plain = replace(how.plain(), learning_rate=rate * how.learning_rate, seed=how.seed + seed)
    word, *layers = strategy.split()
    match word:
        case "none":
            return replace(plain, epochs=0)
        case "head":
            return replace(plain, strategy="head")
        case "head-first":
            return replace(plain, head_epochs=how.epochs // 2)
        case "only":
            return replace(plain, train_only=tuple(layers))
        case "faster":
            slower = SLOWEST ** (1 / len(layers)) if layers else 1.0
            rates = [(layer, round(slower ** (len(layers) - at), 4)) for at, layer in enumerate(layers)]
            return replace(plain, layer_rates=tuple(sorted(rates)))
    return plain


def title(strategy: str) -> str:
    """A strategy in a few words (plain text)."""
    word, *layers = strategy.split()
    words = {
        NONE: "source model as it is",
        ALL: "all layers",
        HEAD: "head only",
        FIRST: "head first, then all",
        "faster": "all, deeper ones faster",
    }
    return words[word] if word != "only" else f"{' and '.join(layers)} and head"


def strategy_of(block: str) -> str:
    """The strategy that trains a block alone with the head."""
    return HEAD if block == HEAD else f"only {block}"


def compared(found: Mapping[tuple[str, float, int], Tuned], seeds: int) -> pd.DataFrame:
    """One row for each strategy, at the rate whose mean accuracy on validation is the highest.

    found: (strategy, rate, seed) -> what that training came to. Columns strategy, title, rate (times the case's own),
    validation (mean), accuracy (mean on the target's headline split), accuracy_0 … by seed, source and source_0 …, the
    same on the source's. Raises EmptyError without validation images.
    """
    rows = []
    for strategy in dict.fromkeys(name for name, _, _ in found):
        rates = list(dict.fromkeys(rate for name, rate, _ in found if name == strategy))
        runs = {
            rate: [found.get((strategy, rate, seed), found[strategy, rate, 0]) for seed in range(seeds)]
            for rate in rates
        }
        validated = {rate: float(np.mean([one.validation for one in some])) for rate, some in runs.items()}
        if any(value != value for value in validated.values()):
            raise EmptyError("strategies need validation images of the target, which choose each one's learning rate")
        best = max(rates, key=lambda rate: (validated[rate], -abs(np.log(rate))))
        rows.append(
            {"strategy": strategy, "title": title(strategy), "rate": best, "validation": validated[best]}
            | _by_seed("accuracy", runs[best], lambda one: one.target)
            | _by_seed("source", runs[best], lambda one: one.source)
        )
    return pd.DataFrame(rows)


def _by_seed(name: str, runs: Sequence[Tuned], read: Callable[[Tuned], float]) -> dict[str, float]:
    values = [read(one) for one in runs]
    return {name: float(np.mean(values))} | {f"{name}_{seed}": value for seed, value in enumerate(values)}


def advised(gradients: BlockGradients, by: str = "pull") -> str:
    """The block that is pulled at most: it is advised to be trained, alone with the head.

    by: "pull", or "gradient" for the relative gradient norm as it is, which says more of a block's size than of it.
    """
    return gradients.blocks[int(np.nanargmax(getattr(gradients, by)))]


def steadiness(gradients: BlockGradients, seed: int = 0) -> float:
    """In which share of bootstraps of the batches the advised block is the one that is pulled at most."""
    rng, first = np.random.default_rng(seed), gradients.blocks.index(advised(gradients))
    fitted, own = (
        values[rng.integers(0, len(values), (DRAWS, len(values)))].mean(axis=1)
        for values in (gradients.fitted, gradients.own)
    )
    return float((np.nanargmax(fitted / own, axis=1) == first).mean())


def table(gradients: BlockGradients, kept: Mapping[str, float], strategies: pd.DataFrame | None = None) -> pd.DataFrame:
    """One row for each block, in network order, the head last.

    kept: block -> share of the edges into it that were kept, for those where it is known; strategies: of `compared`.
    Columns block, gradient and pull (see `BlockGradients`), reuse, advised (bool), then accuracy on the target's
    headline split where strategies were run: alone (this block with the head), and the same in every row, all,
    head_first, faster.
    """
    best = advised(gradients)
    by_strategy: dict[str, float] = {}
    if strategies is not None:
        by_strategy = dict(zip(strategies["strategy"].str.split().str[0], strategies["accuracy"], strict=True))
        by_strategy |= dict(zip(strategies["strategy"], strategies["accuracy"], strict=True))
    missing = float("nan")
    rows = [
        {
            "block": block,
            "gradient": float(gradient),
            "pull": float(pull),
            "reuse": kept.get(block, missing),
            "advised": block == best,
            "alone": by_strategy.get(strategy_of(block), missing),
            "all": by_strategy.get(ALL, missing),
            "head_first": by_strategy.get(FIRST, missing),
            "faster": by_strategy.get("faster", missing),
        }
        for block, gradient, pull in zip(gradients.blocks, gradients.gradient, gradients.pull, strict=True)
    ]
    return pd.DataFrame(rows)


@dataclass(frozen=True)
class Judged:
    """What the advice gives away, in accuracy on the target's headline split.

    advised, best: strategies; accuracy: of the advised one, most: of the best; regret: the difference; random: the mean
    regret of a block drawn at random; everything: the regret of "all"; gains: by seed, of the advised one over "all".
    """

    advised: str
    best: str
    accuracy: float
    most: float
    regret: float
    random: float
    everything: float
    gains: tuple[float, ...]

    @property
    def beats_all(self) -> bool:
        """Whether the advised strategy is better than training everything, in the mean of the seeds."""
        return self.regret < self.everything


def judged(strategies: pd.DataFrame, block: str) -> Judged:
    """Of the advice to train this block; strategies: of `compared`."""
    run = strategies[strategies["strategy"] != NONE]
    mean = dict(zip(run["strategy"], run["accuracy"].astype(float), strict=True))
    by_seed = run.set_index("strategy").filter(like="accuracy_").T
    own, best = strategy_of(block), max(mean, key=mean.__getitem__)
    alone = [value for name, value in mean.items() if name == HEAD or name.startswith("only ")]
    return Judged(
        advised=own,
        best=best,
        accuracy=mean[own],
        most=mean[best],
        regret=mean[best] - mean[own],
        random=mean[best] - float(np.mean(alone)),
        everything=mean[best] - mean[ALL],
        gains=tuple(float(gain) for gain in by_seed[own] - by_seed[ALL]),
    )
