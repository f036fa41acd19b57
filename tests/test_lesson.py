"""The lesson: nothing is revealed before a prediction, and what is revealed is what is stored and in the sheet."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qsl

import numpy as np
import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest
from streamlit_help import app, source_of, spaced, text_of

from tlx import load_case, pipeline
from tlx.__main__ import main
from tlx.app import selection
from tlx.app.lesson import looking
from tlx.app.selection import Facts
from tlx.casefiles import lesson, planted
from tlx.cases import DOMAINS, Case
from tlx.figures.revealed import mark, revealed
from tlx.lessons import steps, terminal
from tlx.lessons.of_plants import CORNER
from tlx.lessons.told import OneOf, Share, Told, rows

SHEET = Path(__file__).parent.parent / "docs" / "lesson.md"
NUMBERS = range(1, len(steps.STEPS) + 1)
PAGE = "pages/6_Lesson.py"


@pytest.fixture(scope="module", autouse=True)
def shipped(tmp_path_factory: pytest.TempPathFactory):
    """The results that come with tlx, and nothing else."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TLX_SHIPPED", "1")
        patch.setenv("TLX_CACHE", str(tmp_path_factory.mktemp("empty")))
        yield


def told(number: int) -> Told:
    step = steps.STEPS[number - 1]
    return steps.told(step, load_case(step.case))


def press(page: AppTest, label: str) -> AppTest:
    return next(button for button in page.button if button.label.startswith(label)).click().run()


def predict(page: AppTest, content: Told, prediction: float | str) -> AppTest:
    if isinstance(content.predicted, Share):
        page.slider[0].set_value(round(100 * float(prediction)))
    else:
        page.radio[0].set_value(prediction)
    return press(page, "Change" if "You said" in text_of(page) else "Keep")


def said(page: AppTest) -> str:
    """All words of the page without the marks of Markdown."""
    return text_of(page).replace("\\", "")


@pytest.mark.parametrize("number", NUMBERS)
def test_predicted_looked_up_and_revealed(number: int) -> None:
    """A wrong prediction and then the right one; the answer is nowhere before either and before it is asked for."""
    content = told(number)
    right = content.answer
    if isinstance(content.predicted, OneOf):
        wrong: float | str = next(one for one in content.predicted.options if one != right)
    else:
        right = round(float(right), 2)
        wrong = 0.3 if right > 0.5 else 0.9
    page = app(PAGE, view=f"lesson.step={number}").run()
    answer = spaced(content.said)
    assert spaced(content.question) in said(page)
    assert answer not in said(page)
    assert "Reveal the answer" not in [button.label for button in page.button]
    if isinstance(content.predicted, OneOf):
        assert "You said" not in said(press(page, "Keep"))  # nothing is chosen, so nothing is kept

    predict(page, content, wrong)
    assert answer not in said(page)
    press(page, "Reveal")
    assert not page.exception
    assert answer in said(page)
    written = wrong if isinstance(wrong, str) else f"{100 * wrong:.0f} %"
    assert f"You said {written}; it is " in said(page)
    assert spaced(content.misread) in said(page)
    drawn = source_of(page, "lesson", "truth")
    assert list(drawn["value"]) == pytest.approx(content.table["value"].tolist())
    predict(page, content, right)
    assert ("and so it is" if isinstance(right, str) else f"You said {100 * right:.0f} %") in said(page)
    assert answer not in said(press(page, "Hide"))


def test_the_truths_are_those_of_the_stored_results() -> None:
    """Each number beside the result that it comes from, asked for here in another way."""
    digits, cases = load_case("digits"), {name: load_case(name) for name in lesson.PLANTS}
    assert told(1).answer == pipeline.control(digits, "budget").accuracy
    table = pipeline.class_table(digits).set_index("class_name")
    assert told(2).answer == table["difference"].idxmax()
    assert told(3).answer == pipeline.discriminability(digits, "8", "target").accuracy

    neurons = pipeline.correspondence(cases[lesson.PERMUTED]).layers.values()
    known = [(one.function, np.flatnonzero(~np.isnan(one.strength))) for one in neurons]
    own, count = (
        sum(map(len, some)) for some in ([at[function[at] == at] for function, at in known], [at for _, at in known])
    )
    assert told(4).answer == pytest.approx(own / count)
    assert f"{own} of {count} neurons" in told(4).said

    network = pipeline.network(cases[lesson.REINITIALISED])
    assert told(5).answer == network.layers[planted.FIRST_NEW - 1].title

    assert told(6).answer == CORNER
    marked = {domain: [_bears_a_mark(one) for one in images] for domain, images in _leader_sees(cases[lesson.MARKED])}
    assert {domain: (all(found), any(found)) for domain, found in marked.items()} == {
        "source": (True, True),
        "target": (False, False),
    }

    halves = pipeline.discriminability(cases[lesson.HALVES], "8", "target")
    assert told(7).answer == halves.accuracy
    assert halves.chance
    strategies = pipeline.strategies(digits)
    best = strategies.loc[strategies["accuracy"].idxmax(), "title"]
    assert told(8).answer == best == "all layers"


def _leader_sees(case: Case) -> Iterator[tuple[str, list[np.ndarray]]]:
    """The pictures that excite the neuron of the sixth step most, by domain."""
    result = pipeline.discriminability(case, "8", "target")
    layer, neuron = result.neurons[result.by_auc[0]]
    for domain in DOMAINS:
        sheets = pipeline.thumbnails(case, domain)
        sheet = np.asarray(Image.open(io.BytesIO(sheets.sheets[0])).convert("RGB"))
        instances, _ = pipeline.strongest(case, "target", domain).of(layer, neuron)
        places = [np.array(divmod(int(at), sheets.columns)) * sheets.tile for at in instances]
        yield domain, [sheet[y : y + sheets.tile, x : x + sheets.tile] for y, x in places]


def _bears_a_mark(picture: np.ndarray) -> bool:
    """Whether its corner is magenta, which handwriting is not."""
    red, green, blue = picture[1:4, 1:4].reshape(-1, 3).mean(axis=0)
    return bool(min(red, blue) > green + 100)


def test_every_look_is_at_something_that_exists() -> None:
    """Its address reads back as the case, class, layers and settings that the step asks for, and the step."""
    for number, step in enumerate(steps.STEPS, 1):
        content, case = told(number), load_case(step.case)
        page, _, asked = looking.address(step.case, content.look, number).partition("?")
        assert page in ("", "Statistics", "Instances", "Network", "Features", "Compare")
        choice, notices = selection.parse(dict(parse_qsl(asked)))
        facts = Facts(pipeline.classes(case), pipeline.network(case), {})
        settled, dropped = selection.settle(choice, facts)
        assert (notices, dropped) == ([], [])
        assert settled.case == step.case
        assert settled.class_name == (content.look.class_name or settled.class_name)
        assert dict(settled.view) == {**dict(content.look.view), "lesson.step": str(number)}


def test_a_step_has_an_address() -> None:
    assert looking.address_of_step(5) == "Lesson?view=lesson.step=5"
    page = app(PAGE, view="lesson.step=5").run()
    assert f"5 of {len(steps.STEPS)}: {steps.STEPS[4].title}" in said(page)
    press(page, "Next")
    assert f"6 of {len(steps.STEPS)}" in said(page)
    press(page, "Back")
    assert f"5 of {len(steps.STEPS)}" in said(page)


def test_the_frame_does_not_give_an_answer_away() -> None:
    """Elsewhere the class that gains most is chosen where nobody chose: that is what the second step asks for."""
    page = app(PAGE, case="digits").run()
    assert next(box for box in page.selectbox if box.label == "Class").value == "0"


def test_the_sheet_is_the_key(capsys: pytest.CaptureFixture[str]) -> None:
    """docs/lesson.md holds what `python -m tlx lesson --answers` prints, between its two marks."""
    assert main(["lesson", "--answers"]) == 0
    printed = capsys.readouterr().out.strip()
    held = SHEET.read_text(encoding="utf-8").split("<!-- answers -->")[1].strip()
    assert held == printed, "the answers have changed: put what `python -m tlx lesson --answers` prints into the sheet"


def test_the_lesson_in_a_terminal(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """What is no prediction is asked for again; without one nothing is told."""
    content, given = told(1), iter(["many", "80 %"])

    def typed(_: str) -> str:
        try:
            return next(given)
        except StopIteration:
            raise EOFError from None

    monkeypatch.setattr("builtins.input", typed)
    assert main(["lesson", "--step", "1", "--app", "http://there/tlx/"]) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "'many' is no prediction here; give a number from 0 to 100." in out
    assert "You said 80 %; it is " in out
    assert terminal.plain(content.said) in out
    assert "http://there/tlx/Statistics?case=digits&class=8&view=lesson.step=1,statistics.lines=" in out
    assert main(["lesson", "--step", "1"]) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert terminal.plain(content.said) not in out
    assert "the answer stays hidden" in out
    assert main(["lesson", "--step", "9"]) == 1


def test_what_is_typed_as_a_prediction() -> None:
    """An option by its text, also where that is a number, or by its place."""
    digits, layers = OneOf("", tuple("0123")), OneOf("", ("Layer 1: conv (32)", "Layer 2: conv (64)"))
    assert terminal.understood("1", digits) == "1"
    assert terminal.understood("layer 2: CONV (64)", layers) == terminal.understood("2", layers) == layers.options[1]
    assert [terminal.understood(line, layers) for line in ("0", "3", "")] == [None] * 3
    assert [terminal.understood(line, Share("", 0.5)) for line in ("101", "-1", "nan", "x")] == [None] * 4
    assert terminal.understood("7.5%", Share("", 0.5)) == pytest.approx(0.075)


def test_prediction_and_truth_stand_on_one_axis() -> None:
    """A number is a line across all rows, an option the band of its row, and chance the band that it is given as."""
    table = rows([{"title": "a", "value": 0.2, "chance_low": 0.0, "chance_high": 0.1}, {"title": "b", "value": 0.9}])
    drawn = revealed(table, x="share", unit="share", ends=(0, 1), guess=0.5, guessing="guessing", said="line")
    sources = {name: drawn.select({"name": name}) for name in ("truth", "chance", "guess", "said", "chosen")}
    data = {
        name: next(one.data for one in found if hasattr(one, "data") and not hasattr(one, "glyph"))
        for name, found in sources.items()
    }
    assert list(data["truth"]["value"]) == [0.2, 0.9]
    assert list(data["chance"]["chance_high"]) == [0.1]
    assert list(data["guess"]["x"]) == [0.5]
    assert {name: list(column) for name, column in mark(table, 0.7)["said"].items()}["x"] == [0.7]
    assert mark(table, "a")["chosen"]["y"] == [1.0] == list(data["truth"]["place"])[:1]
    assert mark(table, "elsewhere")["chosen"]["y"] == []


def test_no_sentence_holds_an_unfilled_number() -> None:
    for number in NUMBERS:
        content = told(number)
        texts = (content.question, content.said, content.why, content.misread, content.about, *content.discuss)
        assert not re.search(r"\bnan\b|\{|\}", " ".join(texts)), number
