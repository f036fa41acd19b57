"""What a picture of instances shows and how far it can be trusted, in sentences (5.2)."""

from __future__ import annotations

import pandas as pd

from tlx.figures.density import SHARES
from tlx.figures.scatter import NAMED
from tlx.findings import percent
from tlx.results import Embedding, Network
from tlx.text import escape

HARDLY = 0.01  # of their length, by which vectors must lie apart for groups of them to mean something


def about(embedding: Embedding, network: Network, marks: pd.DataFrame, shown: pd.DataFrame) -> str:
    """What the vectors are, how far the picture can be trusted, and which instances it leaves out.

    marks: `scatter.points`; shown: those of them that are drawn.
    """
    entered = f", {network.embedding_units:,} values into {escape(network.embedding_layer)}"
    read = f"Vectors are what enters the classifier head{entered if network.embedding_layer else ''}."
    read = "" if embedding.layer else read
    kept, count = (embedding.method.get(name) for name in ("kept", "neighbours"))
    trust = ""
    if kept is not None:
        trust = f"The picture keeps {percent(kept)} of each image's {count:.0f} nearest neighbours by activations."
    alike = embedding.method.get("spread", 1.0) < HARDLY
    flat = "" if not alike else "**These vectors hardly vary**: groups here mean nothing, so choose another layer."
    drawn = len(set(embedding.label.tolist()))
    names = f"The plot names {NAMED} of the {drawn} classes; hover for the others." if drawn > NAMED else ""
    return " ".join(filter(None, (read, flat, trust, embedding.sampled, _dense(marks, shown), names)))


def _dense(marks: pd.DataFrame, shown: pd.DataFrame) -> str:
    """What stands for the instances that have no mark of their own."""
    if len(marks) == len(shown):
        return ""
    wrong, shares = int(marks["wrong"].sum()), [percent(share) for share in SHARES]
    return (
        f"Of the {len(marks):,} instances the {wrong:,} that this model mispredicts have a mark, and "
        f"{len(shown) - wrong:,} of the others, drawn at random; contours, red for source and blue for target, hold "
        f"{', '.join(shares[:-1])} and {shares[-1]} of a domain's instances."
    )
