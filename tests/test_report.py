"""The report of a case: every number is a stored result, nothing is asked for, and no name is taken for markup."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import nbformat
import pytest
import statistics_case as toy
from nbclient import NotebookClient
from reported import Page
from without_torch import HEAVY

import tlx
from tlx import findings, glossary, load_case, needs, pipeline
from tlx.__main__ import main
from tlx.analysis.intervals import wilson
from tlx.cases import MODELS
from tlx.findings import percent
from tlx.needs import Need, answered
from tlx.reports import markup, page, writing
from tlx.reports.reading import Reader
from tlx.results import MEASURES

ROOT = Path(__file__).parent.parent
CLASSES = ("8", "3")
WITHOUT_TORCH = f"""
import sys
from tlx import places
from without_torch import Refusing
places.computes()
sys.meta_path.insert(0, Refusing({HEAVY!r}))
from tlx.__main__ import main
done = main(sys.argv[1:])
print(*Refusing.asked)
sys.exit(done)
"""


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[pytest.MonkeyPatch]:
    """The results that tlx ships are used, and nothing is stored."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TLX_SHIPPED", "1")
        patch.setenv("TLX_CACHE", str(tmp_path_factory.mktemp("store")))
        yield patch


@pytest.fixture(scope="module")
def written(shipped: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of digits, by the command, where no torch is."""
    file = tmp_path_factory.mktemp("report") / "digits.html"
    paths = os.pathsep.join([str(ROOT), str(Path(__file__).parent)])
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_TORCH, "report", "digits", str(file), "--classes", *CLASSES],
        env=os.environ | {"PYTHONPATH": paths},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr, done.stdout.splitlines()[-1]) == (0, "", "")
    return file


@pytest.fixture(scope="module")
def read(written: Path) -> Page:
    return Page(written.read_text(encoding="utf-8"))


def test_its_accuracies_are_the_stored_ones(read: Page) -> None:
    case = load_case("digits")
    score, table = pipeline.transferability(case), pipeline.class_table(case)
    rows = {row[0]: row for row in read.tables["Accuracy of each model on the target's images"]}
    assert rows["Target model"][1] == percent(score.target_accuracy)
    interval = " to ".join(map(percent, wilson(score.source_accuracy, score.n)))
    assert rows["Source model"][1:] == [percent(score.source_accuracy), interval, str(score.n), score.split]
    for row, (_, stored) in zip(read.tables["Classes, on the target's test images"][1:], table.iterrows(), strict=True):
        accuracies = [percent(stored[f"{model}_accuracy"]) for model in MODELS]
        assert row[:5] == [stored["class_name"], str(stored["n"]), *accuracies, findings.points(stored["difference"])]
    assert f"{findings.points(score.low)[:-7]} to {findings.points(score.high)}" in read.said.replace("\xa0", " ")


@pytest.mark.parametrize("name", CLASSES)
def test_what_is_reused_stands_beside_chance(read: Page, name: str) -> None:
    stored = pipeline.reuse(load_case("digits"), name).of("kept")
    rows = read.tables[f"Important edges of class {name} that were kept"][1:]
    share = MEASURES["kept"].written
    for row, (_, one) in zip(rows, stored.iterrows(), strict=True):
        interval = f"{share(one['low'])} to {share(one['high'])}"
        assert row[1:] == [f"{one['n']:,}", share(one["value"]), share(one["chance"]), interval]


@pytest.mark.parametrize("name", CLASSES)
def test_the_ranking_is_the_stored_one(read: Page, name: str) -> None:
    stored = pipeline.discriminability(load_case("digits"), name, "target")
    rows = read.tables[f"The neurons of the list of class {name}"][1:]
    assert [row[2] for row in rows] == [f"{stored.auc[column]:.2f}" for column in stored.by_auc[: len(rows)]]
    assert percent(stored.accuracy) in "".join(read.words)


def test_its_findings_are_those_of_the_start_page(read: Page) -> None:
    case = load_case("digits")
    table = pipeline.class_table(case)
    network = pipeline.network(case)
    told = [findings.worst(table), findings.most_changed(table), findings.rewiring(network, pipeline.reuse(case, "8"))]
    told.append(findings.leading_neuron(pipeline.discriminability(case, "9", "target"), network)[0])
    for finding in told:
        assert finding is not None
        assert " ".join(f"{finding.title}. {finding.text}".split()) in read.said


def test_it_asks_for_nothing(read: Page, written: Path) -> None:
    """Whatever an element names is in the file, and the file's own policy forbids the rest."""
    assert read.asked() == []
    assert not [tag for tag, of in read.tags if tag in ("link", "iframe", "object", "base") or "onclick" in of]
    policy = next(of["content"] for tag, of in read.tags if of.get("http-equiv") == "Content-Security-Policy")
    assert policy is not None
    assert "default-src 'none'" in policy
    assert "unsafe-inline" not in policy.partition("script-src")[2].partition(";")[0]
    assert written.stat().st_size < 6e6


def test_it_can_be_read_without_seeing(read: Page) -> None:
    """Headings go down by one level, tables name their cells, pictures and figures say what they show."""
    levels = [level for level, _ in read.headings]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    assert all(of.get("scope") for tag, of in read.tags if tag == "th")
    assert all("alt" in of for tag, of in read.tags if tag == "img")
    drawn = [of for tag, of in read.tags if of.get("class") == "drawn"]
    assert len(drawn) == len(read.figures) > 30
    assert all(of.get("role") == "img" and of.get("aria-label") for of in drawn)
    assert sum(tag == "figcaption" for tag, _ in read.tags) >= len(drawn)
    assert read.unclosed == []


def test_words_are_defined(read: Page) -> None:
    assert glossary.TERMS["kept"].means in "".join(read.words)
    assert "Fingerprint" in read.said
    assert load_case("digits").fingerprint() in read.said


def test_a_report_replaces_a_report_and_nothing_else(
    shipped: pytest.MonkeyPatch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page, "written", lambda *_: iter([f"<meta content='{page.MARK} 1'>"]))
    case, mine, text = load_case("digits"), tmp_path / "report.html", tmp_path / "notes.html"
    assert tlx.report(case, mine) == tlx.report(case, mine) == mine
    text.write_text("mine")
    with pytest.raises(tlx.UserError, match="no report of tlx; choose another name, or --force replaces it"):
        tlx.report(case, text)
    tlx.report(case, text, force=True)
    assert page.MARK in text.read_text()
    assert {*tmp_path.iterdir()} == {mine, text}


def test_a_failure_leaves_the_former_report(
    shipped: pytest.MonkeyPatch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> Iterator[str]:
        yield "half"
        raise OSError(28, "No space left on device")

    (mine := tmp_path / "report.html").write_text(page.MARK)
    monkeypatch.setattr(page, "written", broken)
    with pytest.raises(tlx.UserError, match="cannot be written \\(No space left on device\\)"):
        tlx.report(load_case("digits"), mine)
    assert [mine] == [*tmp_path.iterdir()]
    assert mine.read_text() == page.MARK


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["report.pdf"], "a report's name ends in .html or .ipynb, and 'report.pdf' does not"),
        (["."], "is a folder; name a file in it"),
        (["nowhere/report.html"], "there is no folder"),
        (["report.html", "--classes", "8", "eight"], "class 'eight' is unknown; one of 0, 1"),
    ],
)
def test_what_cannot_be_is_one_sentence(
    shipped: pytest.MonkeyPatch,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    said: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["report", "digits", *words]) == 1
    told = capsys.readouterr().err.splitlines()
    assert len(told) == 1
    assert said in told[0]
    assert [*tmp_path.iterdir()] == []


def test_of_what_is_not_stored_it_says_what_computes_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TLX_CACHE", str(tmp_path))
    monkeypatch.setenv("TLX_SHIPPED", "0")
    with pytest.raises(tlx.UserError, match=r"nothing is stored of case 'digits' yet.* tlx run digits"):
        tlx.report(load_case("digits"), tmp_path / "report.html")
    case = toy.install(monkeypatch)
    found = Page("".join(writing.pieces(case, ("cup",))))
    assert "Not computed yet" in found.said
    assert "tlx run digits --classes cup does that." in found.said
    assert found.tables["Classes, on the target's validation images"][1][0] == "cup"
    assert "has no test images" in found.said


NAME = "</script><b>x</b>$$&\"'"


def test_names_are_words(monkeypatch: pytest.MonkeyPatch) -> None:
    """Classes, titles and captions stand as they are, in elements, in attributes and in the figures' data."""
    monkeypatch.setattr(toy, "CLASSES", (NAME, "=1+1", "book"))
    case = toy.install(monkeypatch)
    object.__setattr__(case, "title", NAME)
    text = "".join(writing.pieces(case, (NAME,)))
    found = Page(text)
    assert "<b>x" not in text.replace("<\\/script><b>", "")
    assert found.headings[0] == (1, NAME)
    assert (3, f"Class {NAME}") in found.headings
    assert [row[0] for row in found.tables["Classes, on the target's validation images"][1:]] == [NAME, "=1+1", "book"]
    assert found.unclosed == []
    assert [tag for tag, _ in found.tags].count("b") == 0


def test_markdown_of_the_views_becomes_html() -> None:
    said = markup.html(r"**A \<b\>** of `x<y` [there](https://e.org/a)  " + "\nnext <i> & \\*one\\*")
    assert said == (
        "<strong>A &lt;b&gt;</strong> of <code>x&lt;y</code> "
        '<a href="https://e.org/a">there</a><br>next &lt;i&gt; &amp; *one*'
    )
    assert markup.html("[x](javascript:alert)") == "[x](javascript:alert)"
    assert markup.html("**open") == "<strong>open</strong>"


# Shown where they are stored, after a click on a page that says what they cost.
ON_DEMAND = {
    "control", "criteria", "block_gradients", "tuned", "strategies", "few_labels", "domain_gap", "reuse_means", "crops",
}  # fmt: skip


def test_it_asks_for_what_the_pages_ask_for(shipped: pytest.MonkeyPatch, monkeypatch: pytest.MonkeyPatch) -> None:
    """So after `tlx run` nothing is missing in it."""
    case, asked, shown = load_case("digits"), set[Need](), set[Need]()
    read = Reader(case, "")
    for section in page.sections(read, ("8",)):
        assert [*section.pieces()]

    def answer(wanted: Need) -> object:
        shown.update(wanted.kept())
        return wanted()

    asked = {one for wanted in read.asked for one in wanted.kept() if one.name not in ON_DEMAND}
    for panel in (*needs.of_case(case), *needs.of_class(case, "8")):
        answered(panel, answer)
    assert asked - shown == set()


def test_a_result_is_read_once(shipped: pytest.MonkeyPatch, monkeypatch: pytest.MonkeyPatch) -> None:
    read = Reader(load_case("digits"), "tlx run digits")
    assert read(needs.class_table) is read(needs.class_table)


def test_the_notebook_reads_what_is_stored(shipped: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """It is valid, has no outputs, and runs from its beginning to its end."""
    file = tlx.report(load_case("digits"), tmp_path / "digits.ipynb", ["8"])
    assert tlx.report(load_case("digits"), file, ["8"]) == file
    notebook = nbformat.read(file, as_version=4)
    nbformat.validate(notebook)
    assert not [cell for cell in notebook.cells if cell.get("outputs")]
    shipped.setenv("IPYTHONDIR", str(tmp_path))
    client = NotebookClient(notebook, timeout=60, kernel_name="python3", resources={"metadata": {"path": str(ROOT)}})
    client.execute()
    outputs = json.dumps([cell.outputs for cell in notebook.cells if cell.cell_type == "code"])
    kept = pipeline.reuse(load_case("digits"), "8").of("kept")["value"][0]
    assert f"{kept:.6f}" in outputs
    assert len(re.findall(r"application/vnd\.bokehjs_exec", outputs)) >= 4
