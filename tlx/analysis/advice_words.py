"""What to freeze, in sentences: the advice, and what it is worth where strategies were run (method 11)."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd

from tlx.analysis import freezing
from tlx.findings import counted, percent, points
from tlx.results import BlockGradients

LEAST = 3  # batches, from which on resampling them says something


def what_to_freeze(
    gradients: BlockGradients, strategies: pd.DataFrame | None, named: Callable[[str], str] = str
) -> list[str]:
    """Sentences on what is advised to be trained, and on what the advice is worth where strategies were run.

    strategies: of `pipeline.strategies`; named: what is made of a strategy's title, which holds names of layers.
    """
    block, pulls = freezing.advised(gradients), gradients.pull
    at = gradients.blocks.index(block)
    others = {name: pull for name, pull in zip(gradients.blocks, pulls, strict=True) if name != block}
    second = max(others, key=others.__getitem__, default="")
    own = freezing.strategy_of(block)
    next_one = f", at the next one, {named(second)}, {others[second]:.1f} times" if others else ""
    pulled = (
        f"With the head trained, the target's images pull at this block {pulls[at]:.1f} times as hard as held-out "
        f"images of the source do{next_one}"
    )
    if pulls[at] <= 1:
        pulled += "; no block is pulled harder than by images that the source model knows, so that little has to change"
    batches = len(gradients.fitted)
    share = percent(round(freezing.steadiness(gradients), 2))
    steady = f"it is the first in {share} of resamples of this source model's batches"
    if batches < LEAST:
        steady = f"from {counted(batches, 'batch', 'batches')} nobody can say how steady that is"
    said = [f"Advised to be trained: {named(freezing.title(own))}. {pulled}; {steady}."]
    if strategies is None:
        return said
    found, titles = (
        freezing.judged(strategies, block),
        dict(zip(strategies["strategy"], strategies["title"], strict=True)),
    )
    gains = ", ".join(points(gain) for gain in found.gains)
    said.append(
        f"The target is learned best by {named(titles[found.best])}: {percent(found.most)}; the advised strategy "
        f"comes to {percent(found.accuracy)}. It gives away {lost(found.regret)}, a block drawn at random "
        f"{lost(found.random)}, training all layers {lost(found.everything)}."
    )
    worth = "beats" if found.beats_all else "does not beat"
    said.append(f"The advice {worth} training all layers (by seed {gains}).")
    by_gradient = freezing.advised(gradients, "gradient")
    if by_gradient != block:
        other = freezing.judged(strategies, by_gradient)
        said.append(
            f"By the relative gradient norm as it is, {named(freezing.title(other.advised))} would be advised, which "
            f"gives away {lost(other.regret)}."
        )
    known = strategies.set_index("strategy")["source"].astype(float)
    said.append(
        f"On the source's images the source model has {percent(known[freezing.NONE])}; after the training that is best "
        f"on the target {percent(known[found.best])} are left, after the advised one {percent(known[own])}."
    )
    return said


def lost(regret: float) -> str:
    """Accuracy given away, in points without a sign: "7.3 points"."""
    return points(regret).lstrip("+−")
