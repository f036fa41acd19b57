"""How similarity is measured and drawn in the zig-zag, and which measure tells counterparts best, in a sentence."""

from __future__ import annotations

from math import isnan

from tlx.figures.zigzag.subject import Options, Subject
from tlx.findings import percent
from tlx.results import SIMILARITIES


def caption(subject: Subject, options: Options) -> str:
    """What is drawn, and what there is to know of it (Markdown)."""
    measure = SIMILARITIES[subject.measure]
    start = "the median of other pairs in its layer" if subject.scale(options) == "beyond" else "0"
    drawn = f"Similarity is the **{measure.title}** over {measure.of}, from {start} (white) to 1 (darkest)."
    return " ".join(filter(None, (drawn, _best(subject), _circular(subject))))


def _best(subject: Subject) -> str:
    """Which measure separates, with its number beside the others'."""
    scales = subject.scales
    best, *others = sorted(SIMILARITIES, key=lambda name: (name != scales.best, -scales.separation(name)))
    if isnan(scales.separation(best)):
        return "No measure can tell counterparts from other neurons of this class."
    known = [(name, scales.separation(name)) for name in others if not isnan(scales.separation(name))]
    beside = ", ".join(f"{SIMILARITIES[name].title} {percent(share)}" for name, share in known)
    subject_of = "It" if best == subject.measure else f"The {SIMILARITIES[best].title}"
    return (
        f"{subject_of} tells counterparts from other neurons best: in {percent(scales.separation(best))} of all draws "
        f"a pair of counterparts is more alike than a pair of others{f' (by the {beside})' if known else ''}."
    )


def _circular(subject: Subject) -> str:
    """Where the measure itself chose the counterparts."""
    by_function = [
        str(layer.index) for layer in subject.network.layers if not subject.correspondence.layers[layer.name].descent
    ]
    if subject.measure != "activations" or not by_function:
        return ""
    layers = f"layer {by_function[0]}" if len(by_function) == 1 else f"layers {', '.join(by_function)}"
    return f"In {layers} counterparts were found by function, that is by this measure, which favours it there."
