"""The steps of the lesson, in the order in which the paper would have a case looked at (section 7).

First the score, then a class, the instances, the network and the features, and advice at the end. Each step has a panel
of the results that it tells of and a function that says what they are: no number is written here.
"""

from __future__ import annotations

from tlx import needs
from tlx.casefiles import lesson
from tlx.cases import Case
from tlx.lessons import of_digits, of_plants
from tlx.lessons.told import Step, Told

DIGITS = "digits"

STEPS: tuple[Step, ...] = (
    Step("What is a transfer worth?", DIGITS, of_digits.worth_needs, of_digits.worth),
    Step("Which class gains most?", DIGITS, of_digits.classes_needs, of_digits.classes),
    Step("Where do two domains lie?", DIGITS, of_digits.domains_needs, of_digits.domains),
    Step("Is the same index the same neuron?", lesson.PERMUTED, of_plants.index_needs, of_plants.index),
    Step("Which layers began anew?", lesson.REINITIALISED, of_plants.anew_needs, of_plants.anew),
    Step("What gives the domain away?", lesson.MARKED, of_plants.marker_needs, of_plants.marker),
    Step("When does chance look like a finding?", lesson.HALVES, of_plants.halves_needs, of_plants.halves),
    Step("What to freeze?", DIGITS, of_digits.freeze_needs, of_digits.freeze),
)


def told(step: Step, case: Case) -> Told:
    """What a step says, from results that are stored, or computed now."""
    return step.tell(*needs.answered(step.needs(case), lambda wanted: wanted()))
