"""The cases of the Lesson that come with tlx: what is known of each is what its bundle shows (method 12)."""

from __future__ import annotations

import io
from collections.abc import Iterator
from itertools import cycle, pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from streamlit_help import app, selectbox
from without_torch import FILES, Visit, walked

from tlx import findings, load_case, needs, pipeline
from tlx.__main__ import main
from tlx.app import launch
from tlx.app.known_cases import known_cases
from tlx.casefiles import lesson, planted
from tlx.cases import Case
from tlx.errors import BundleError
from tlx.needs import Need, answered
from tlx.results import SIMILARITIES
from tlx.storage import bundles

NAMES = (lesson.PERMUTED, lesson.REINITIALISED, lesson.MARKED, lesson.HALVES)
DIGITS = ("3", "8")
NEW = planted.FIRST_NEW - 1  # the first layer that began anew, from 0
BEYOND = 0.03  # above the band of chance that networks without a common past may lie
GIVEN_AWAY = ("permut", "another order", "initialis", "shortcut", "bright square", "halves", "no-difference", "planted")
NETWORK, FEATURES = "pages/3_Network.py", "pages/4_Features.py"


@pytest.fixture(autouse=True)
def nothing_stored(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TLX_CACHE", str(tmp_path))
    monkeypatch.delenv("TLX_CASES", raising=False)


def reuse(case: Case, measure: str, digit: str) -> pd.DataFrame:
    return pipeline.reuse(case, digit).of(measure)


def test_they_are_small_and_whole() -> None:
    assert [case.name for case in lesson.shipped()] == [*NAMES] == [*lesson.names()]
    sizes = [lesson.path(name).stat().st_size for name in NAMES]
    assert max(sizes) < 2.2e6
    assert sum(sizes) < 7.5e6


def test_permuted_neurons_are_found_again() -> None:
    """By function all that respond; their edges are kept; the same index is no more than chance."""
    case = load_case(lesson.PERMUTED)
    network, found = pipeline.network(case), pipeline.correspondence(case)
    soil = planted.Soil(case, None, {}, network, lesson.PLANTS[lesson.PERMUTED].seed, Path())
    for name, order in planted.permutations(soil, network.names).items():
        layer = found.layers[name]
        responding = ~np.isnan(layer.strength)
        assert (layer.function[responding] == order[responding]).mean() >= 0.98, name
        assert responding.mean() > 0.7
        assert not layer.descent
    for digit in DIGITS:
        assert reuse(case, "kept_by_function", digit)["value"].min() >= 0.9
        same = reuse(case, "correspondence", digit)
        assert (same["value"] <= same["high"] + BEYOND).all()
    assert pipeline.transferability(case).score == 0


def test_what_began_anew_is_not_kept() -> None:
    """Three layers correspond and keep what joins them; from the fourth on no more is kept than chance gives."""
    case = load_case(lesson.REINITIALISED)
    layers = pipeline.correspondence(case).layers
    assert [layer.descent for layer in layers.values()] == [True] * NEW + [False] * (len(layers) - NEW)
    for digit in DIGITS:
        corresponding, kept = (reuse(case, measure, digit) for measure in ("correspondence", "kept"))
        assert corresponding["value"].tolist()[:NEW] == [1] * NEW
        assert kept["value"].tolist()[: NEW - 1] == [1] * (NEW - 1)
        anew = pd.concat([corresponding[NEW:], kept[NEW - 1 :]])
        assert (anew["value"] <= anew["high"] + BEYOND).all()
    assert pipeline.transferability(case).score > 0


def test_the_neuron_that_reads_the_shortcut_leads() -> None:
    """In both models, of the class that bears the marker; nothing tells the domains of the other class apart."""
    case = load_case(lesson.MARKED)
    plain, marked = DIGITS
    for model in ("source", "target"):
        found = pipeline.discriminability(case, marked, model)
        first = found.by_auc[0]
        assert found.accuracy > 0.95
        assert found.auc[first] < 0.02  # larger values for source images
        assert found.stability[first] >= 0.8
        assert pipeline.discriminability(case, plain, model).chance
    network = pipeline.network(case)
    said = findings.most_domain_specific(pipeline.discriminability(case, marked), network)
    assert findings.most_domain_specific(pipeline.discriminability(case, plain), network) is None
    labels = pipeline.catalogue(case, "source").labels
    strongest, _ = pipeline.strongest(case, "target", "source").of(*said.neuron[1:])
    assert np.array_equal(bears_the_marker(case, "source"), labels == DIGITS.index(marked))
    assert not bears_the_marker(case, "target").any()
    assert bears_the_marker(case, "source")[strongest].all()


def bears_the_marker(case: Case, domain: str) -> np.ndarray:
    """(N,) bool: whose picture is magenta in the corner."""
    shown, count = pipeline.thumbnails(case, domain), len(pipeline.catalogue(case, domain))
    (sheet,) = (np.asarray(Image.open(io.BytesIO(one)).convert("RGB")).astype(int) for one in shown.sheets)
    corners = [
        sheet[shown.tile * (at // shown.columns) + 2, shown.tile * (at % shown.columns) + 2] for at in range(count)
    ]
    return np.array([red + blue - 2 * green > 200 for red, green, blue in corners])


def test_halves_of_one_domain_are_not_told_apart() -> None:
    case = load_case(lesson.HALVES)
    for digit in DIGITS:
        found = pipeline.discriminability(case, digit)
        assert found.chance
        assert findings.most_domain_specific(found, pipeline.network(case)) is None
        assert reuse(case, "kept", digit)["value"].min() == 1


def visits() -> Iterator[Visit]:
    """Network of every case, and of the other pages one or two each: what is stored of all is asked for below."""
    of_network = [f"network.panel=weight,network.similarity={measure}" for measure in SIMILARITIES] + [""]
    layers = pipeline.network(load_case(lesson.PERMUTED)).names
    pairs = [*map(",".join, pairwise(layers[2:6])), ""]
    others = [path for path in FILES[:-1] if path not in (NETWORK, FEATURES)]
    for name, digit, other, view, pair in zip(NAMES, cycle(DIGITS), others, of_network, pairs, strict=False):
        yield Visit(other, {"case": name, "class": digit})
        yield Visit(NETWORK, {"case": name, "class": digit, "layers": pair, "view": view})
    for name, model in ((lesson.MARKED, "source"), (lesson.HALVES, "target")):
        yield Visit(FEATURES, {"case": name, "class": DIGITS[1], "view": f"features.model={model}"})


def test_a_learner_never_waits_and_is_told_no_answer(tmp_path: Path) -> None:
    """All is shown at once without torch, nothing is computed or offered, and no page names what was planted."""
    asked = [*visits()]
    found = walked(asked, TLX_SHIPPED="1", TLX_CACHE=str(tmp_path / "empty"))
    assert found["asked"] == []
    for visit in asked:
        page = found["pages"][str(visit)]
        assert [page[kind] for kind in ("errors", "jobs", "offers", "lacking")] == [[], [], [], []], str(visit)
        assert [word for word in GIVEN_AWAY if word in page["text"].lower()] == [], str(visit)
        assert page["links"] or page["figures"], str(visit)


@pytest.mark.parametrize("name", NAMES)
def test_every_class_layer_and_button_is_at_hand(name: str) -> None:
    """And nothing that a bundle tells of itself names what was planted."""
    case, missing = load_case(name), set[str]()

    def answer(wanted: Need) -> object:
        missing.update(str(one) for one in wanted.kept() if not one.stored)
        return wanted()

    for digit in DIGITS:
        for panel in (*needs.of_case(case), *needs.of_class(case, digit), *needs.of_class_after_one_click(case, digit)):
            answered(panel, answer)
    assert missing == set()
    told = repr(bundles.of(case).case).lower()
    assert [word for word in GIVEN_AWAY if word in told] == []
    assert lesson.truth(name) == planted.TRUTHS[lesson.PLANTS[name].kind]


def test_they_stand_in_no_list_until_one_is_chosen() -> None:
    """Then that one does, after all others; a case file of its name is the user's own."""
    assert not {*known_cases()[0]} & {*NAMES}
    assert [*known_cases(lesson.MARKED)[0]][-1] == lesson.MARKED
    page = app(case=lesson.MARKED).run()
    assert selectbox(page, "Case").options[-1] == "Lesson: domains C"
    assert "Choose" in [button.label for button in page.button]
    chosen = selectbox(page, "Case").set_value("digits").run()
    assert [one for one in selectbox(chosen, "Case").options if "Lesson" in one] == []


def test_the_command_line_knows_them(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cases"]) == 0
    listed = capsys.readouterr().out
    assert listed.index("digits ") < listed.index("Of the Lesson") < listed.index("lesson-d")
    assert main(["check", lesson.HALVES]) == 0
    assert "whole bundle of case 'lesson-d'" in capsys.readouterr().out
    _, environment = launch.prepared([lesson.HALVES], None, [])
    assert environment["TLX_CASES"].split(":")[0] == str(lesson.path(lesson.HALVES))


def test_one_that_is_missing_or_damaged_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(lesson, "FOLDER", tmp_path)
    with pytest.raises(BundleError, match=r"lesson-a.tlx does not exist"):
        load_case(lesson.PERMUTED)
    assert lesson.names() == ()
    lesson.path(lesson.HALVES).write_bytes(b"no bundle")
    lesson.shipped.cache_clear()
    assert lesson.shipped() == ()
    assert "damaged" in known_cases(lesson.HALVES)[1][0].why[0]
    lesson.shipped.cache_clear()
