"""What the words of the views mean, for who never saw the paper: a sentence or two each, and where it is defined.

`help_for("conductance")` stands as help where a term does, `entries` lists a page's terms. Texts are Markdown.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib import metadata

from tlx.places import PACKAGE

DATA = "Data and models (5.1)"
CONDUCTANCE = "Layer conductance"
IMPORTANT = "Important neurons and edges (5.3.1)"
COMPARISON = "Comparison (5.3.2)"
DOMAINS = "Domain discriminability (5.4.1)"
FREEZING = "What to freeze?"
INSTANCES = "Instances (5.2)"
FEATURES = "Feature visualisation"
CRITERIA = "Which criterion?"
METHOD = "docs/method.md"


@dataclass(frozen=True)
class Term:
    """A definition of one or two sentences, and the section of docs/method.md that has all of it."""

    means: str
    section: str


TERMS = {
    "transferability score": Term(
        "The target model's accuracy on the target's images minus that of the source model, in points of a hundred: "
        "what the transfer gained.",
        DATA,
    ),
    "from scratch": Term(
        "The same network trained on the same target images from random weights, without the source model. It says "
        "what could have been had without a transfer.",
        DATA,
    ),
    "bootstrap interval": Term(
        "The range in which 95 of 100 results would lie if the images were drawn anew, found by drawing from them "
        "many times. A gain whose interval holds 0 may be chance.",
        DATA,
    ),
    "test images": Term(
        "Images that neither a training nor a choice has seen; accuracies are of these where there are any, else of "
        "the validation images, which chose the epochs.",
        DATA,
    ),
    "linear probe": Term(
        "A simple classifier fit on what the source model computes from an image. It says what that model knows of "
        "the target's classes where it has no names for them.",
        DATA,
    ),
    "conductance": Term(
        "How much of the score that a model gives to an image's class flows through a neuron. High conductance "
        "means that the model used this neuron for the class.",
        CONDUCTANCE,
    ),
    "contribution": Term(
        "The conductance of all places of a neuron's map added up: what the neuron adds to the class's score, or "
        "takes from it where it is below zero.",
        CONDUCTANCE,
    ),
    "completeness": Term(
        "What all neurons of a layer carry should add up to the score. The error of that sum says how well it does "
        "here.",
        CONDUCTANCE,
    ),
    "rank score": Term(
        "On each image of the class the neurons of a layer are ranked by conductance, and the ranks are added up. "
        "The higher, the more the class rests on the neuron.",
        IMPORTANT,
    ),
    "important neuron": Term(
        "One of the tenth of a layer's neurons with the highest rank scores on a class.",
        IMPORTANT,
    ),
    "important edge": Term(
        "One of the tenth of the weights between two layers that carry most on most images of the class.",
        IMPORTANT,
    ),
    "inactive": Term(
        "A neuron that carries nothing on any image of the class. It is never important, and like no other.",
        IMPORTANT,
    ),
    "similarity": Term(
        "How alike two neurons respond to the same images: 1 in step, 0 not at all.",
        COMPARISON,
    ),
    "correspondence": Term(
        "Which neuron of the source model each neuron of the target model goes with: that of the same place where "
        "the weights show its descent, else the one that responds most alike.",
        COMPARISON,
    ),
    "counterpart": Term(
        "The neuron of the other model that a neuron corresponds to.",
        COMPARISON,
    ),
    "kept": Term(
        "An important edge of the target model that is important between the counterparts in the source model, too: "
        "this part of the wiring was taken over.",
        COMPARISON,
    ),
    "match": Term(
        "The source neuron that is most like a target neuron on the class. Several neurons may share one.",
        COMPARISON,
    ),
    "inherited": Term(
        "The paper's name for an important edge whose ends' matches are joined by an important edge of the source "
        "model. As neurons share matches, it counts too much as taken over; kept edges do not.",
        COMPARISON,
    ),
    "rank agreement": Term(
        "Whether both models hold the same neurons of a layer to be important: 1 in the same order, 0 unrelated.",
        COMPARISON,
    ),
    "weight cosine": Term(
        "How little the weights into a neuron were turned by the training: 1 not at all, 0 as if drawn anew.",
        COMPARISON,
    ),
    "attribution criterion": Term(
        "A way to say how much of a class's score each neuron accounts for. Conductance is the one that all pages use.",
        CRITERIA,
    ),
    "deletion curve": Term(
        "Accuracy as more and more neurons are silenced, those first that a criterion ranks first: the steeper it "
        "falls, the better the criterion names what the model needs.",
        CRITERIA,
    ),
    "chance band": Term(
        "The range in which a number would lie by chance alone, here in 95 of 100 draws. What lies in it says "
        "nothing about reuse.",
        COMPARISON,
    ),
    "AUC": Term(
        "How well a neuron alone tells the domains apart: the chance that its value is larger for a target image "
        "than for a source image. 0.5 says nothing, 0 and 1 say everything.",
        DOMAINS,
    ),
    "domain-specific": Term(
        "A neuron whose values differ between the domains, on images of the same class: its AUC is far from 0.5.",
        DOMAINS,
    ),
    "domain-invariant": Term(
        "A neuron whose values are alike in both domains, so that what it has learned holds in both: its AUC is "
        "near 0.5.",
        DOMAINS,
    ),
    "A-distance": Term(
        "How far the domains are apart for a classifier that has to tell them: 0 if it can only guess, 2 if it is "
        "never wrong.",
        DOMAINS,
    ),
    "decision value": Term(
        "How source-like (left of 0) or target-like (right of it) a classifier finds an image that it has not "
        "learned from.",
        DOMAINS,
    ),
    "pull": Term(
        "How hard the target's images pull at a block of the network once the head has learned them, beside how hard "
        "held-out images of the source do: 1 is no harder.",
        FREEZING,
    ),
    "regret": Term(
        "The accuracy that a choice gives away against the best one that was tried.",
        FREEZING,
    ),
    "silencing": Term(
        "Neurons are made to answer the same to every image, and the model is judged again: what it can no longer "
        "do, it did with them.",
        DOMAINS,
    ),
    "embedding": Term(
        "A map of images in two dimensions on which those that a model finds alike lie near one another.",
        INSTANCES,
    ),
    "neighbours kept": Term(
        "The share of an image's nearest neighbours in the model that are its neighbours on the map, too. A low "
        "share means that the map cannot be trusted in detail.",
        INSTANCES,
    ),
    "feature image": Term(
        "An image made so that a neuron responds as strongly as possible: what it looks for, not an image of the data.",
        FEATURES,
    ),
}

# The terms that a page lists.
# fmt: off
OF_PAGE = {
    "Start": (
        "transferability score", "from scratch", "bootstrap interval", "test images", "linear probe",
        "important edge", "kept", "chance band", "domain-specific", "AUC",
    ),
    "Statistics": (
        "transferability score", "from scratch", "bootstrap interval", "test images", "linear probe",
    ),
    "Instances": (
        "embedding", "neighbours kept", "decision value",
    ),
    "Network": (
        "conductance", "contribution", "completeness", "rank score", "important neuron", "inactive", "important edge",
        "similarity", "correspondence", "counterpart", "kept", "match", "inherited", "rank agreement",
        "weight cosine", "chance band", "feature image", "attribution criterion", "deletion curve",
    ),
    "Features": (
        "conductance", "completeness", "AUC", "domain-specific", "domain-invariant", "decision value", "A-distance",
        "silencing", "feature image", "bootstrap interval",
    ),
    "Compare": (
        "transferability score", "from scratch", "kept", "correspondence", "inherited", "A-distance", "chance band",
        "pull", "regret",
    ),
    "Lesson": (
        "transferability score", "from scratch", "bootstrap interval", "decision value", "correspondence", "kept",
        "chance band", "AUC", "domain-specific", "pull",
    ),
}
# fmt: on


def help_for(*names: str) -> str:
    """What stands behind a question mark beside these terms. Raises KeyError for one that is none."""
    return "\n\n".join(_entry(name, with_name=len(names) > 1) for name in names)


def entries(names: Iterable[str]) -> str:
    """A page's terms as a list, and where all of it is written. Raises KeyError for one that is none."""
    listed = "\n".join(f"- {_entry(name, with_name=True)}" for name in names)
    where = address()
    more = f"[{METHOD}]({where})" if where else f"`{METHOD}`"
    return f"{listed}\n\nAll of it is defined in {more}."


def _entry(name: str, *, with_name: bool) -> str:
    means = TERMS[name].means
    return f"**{name[0].upper()}{name[1:]}**: {means}" if with_name else means


@cache
def address() -> str | None:
    """Where docs/method.md stands on the project's pages; None where the project names no repository."""
    for repository in filter(None, (_of_package(), _of_checkout())):
        return f"{repository.rstrip('/')}/blob/main/{METHOD}"
    return None


def _of_package() -> str | None:
    try:
        named = metadata.metadata("tlx").get_all("Project-URL") or []
    except metadata.PackageNotFoundError:
        return None
    urls = dict(re.split(r",\s*", one, maxsplit=1) for one in named)
    return urls.get("Repository")


def _of_checkout() -> str | None:
    file = PACKAGE.parent / "pyproject.toml"
    if not file.is_file():
        return None
    urls = tomllib.loads(file.read_text(encoding="utf-8")).get("project", {}).get("urls", {})
    return str(urls["Repository"]) if "Repository" in urls else None
