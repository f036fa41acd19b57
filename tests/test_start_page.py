"""The start page: facts, score and findings of a toy case, links that carry the selection, bad cases in words."""

from __future__ import annotations

import re
from dataclasses import replace
from urllib.parse import parse_qs

import fakes
import numpy as np
import pytest
import statistics_case
import toy_results
from streamlit_help import app, run_to_end, source_of, text_of

from tlx import needs
from tlx.analysis.intervals import wilson
from tlx.app import costs, selection
from tlx.casefiles import builtin
from tlx.errors import DataError


@pytest.fixture(autouse=True)
def toy(monkeypatch, tmp_path):
    monkeypatch.setenv("TLX_CACHE", str(tmp_path))
    monkeypatch.delenv("TLX_CASES", raising=False)
    fakes.install(monkeypatch, toy_results.FACE)


def links(page):
    """Label -> address of every link to a page."""
    return {link.proto.label: link.proto.page + "?" + link.proto.query_string for link in page.get("page_link")}


def test_facts_score_and_what_it_means():
    """Images per domain, parameters and layers, the score with its interval, and the sentence about it."""
    page = app().run()
    assert not page.exception
    metrics = {metric.label: (metric.value, metric.delta) for metric in page.metric}
    assert metrics["Source images: printed"] == ("10", "2 classes, 2 for validation")
    assert metrics["Network: compact alexnet"] == ("1,234", "parameters")
    assert metrics["Analysed layers"] == ("4", "16 neurons")
    assert metrics["Transferability score"][0] == "+22.5 points"
    said = text_of(page)
    assert "+15 to +30 points  \n95 % interval, n = 299 validation images" in said
    assert "The transfer helped: on the target domain it beats the model it started from" in said


def test_images_of_both_domains_come_first():
    """Pictures of both, those of the chosen class first, its hostile name as text, and how many there are."""
    page = app().run()
    strips = [html.value for html in page.get("html") if "<img" in html.value]
    assert [strip.count("<img") for strip in strips] == [4, 4]  # of ten and six images: three of the class, one other
    for domain, strip in zip(("source", "target"), strips, strict=True):
        shown = re.findall(r'title="([^"]*)"', strip)
        assert [name.endswith("class &lt;b&gt;dog&lt;/b&gt;") for name in shown] == [True, True, True, False]
        assert all(f"{domain} domain" in name for name in shown)
    assert "**Target: handwritten** · 6 images, 2 classes" in text_of(page)


def test_images_that_are_not_there_are_offered(monkeypatch):
    """On an empty store, where reading them takes minutes, a button says so and the page goes on."""
    monkeypatch.setattr(costs, "seconds", lambda asked, *_: 130 if asked is needs.samples else 0)
    fakes.install(monkeypatch, {"thumbnails": toy_results.waiting})
    page = run_to_end(app())
    assert "Show some images of both domains (about 2 min)" in [button.label for button in page.button]
    assert "is the worst after the transfer" in text_of(page)


def test_the_accuracies_stand_in_a_chart(monkeypatch):
    """Source model, from scratch by both lengths, target model, each with its Wilson interval."""
    fakes.install(monkeypatch, {"control": statistics_case.control})
    data = source_of(app().run(), "outcome", "accuracies")
    assert list(data["model"]) == ["source", "scratch", "scratch", "target"]
    assert list(data["accuracy"]) == [0.7, 0.45, 0.76, 0.925]
    assert list(data["n"]) == [299, 60, 60, 299]
    assert (data["low"][3], data["high"][3]) == pytest.approx(wilson(0.925, 299))


def test_the_worst_class_is_the_first_finding_and_leads_to_its_images():
    """9 of 99 dogs are called cats: the link gathers what the target model gets wrong of them, on the judged split."""
    page = app().run()
    said = [one.value.replace("\\", "") for one in page.markdown if one.value.startswith("**Class")]
    assert said[0].startswith("**Class <b>dog</b> is the worst after the transfer**")
    address = parse_qs(links(page)["See the 9 mistakes"].partition("?")[2])
    assert address["class"] == ["<b>dog</b>"]
    assert selection.parse({"view": address["view"][0]})[0].view == (
        ("instances.gather", "target,%3Cb%3Edog%3C/b%3E,*,,validation"),
    )


def test_the_class_that_changes_most_is_selected_first():
    """Nobody chose a class: the one with the largest difference is shown, its hostile name as text."""
    page = app().run()
    assert page.sidebar.selectbox[1].value == "<b>dog</b>"
    assert r"Class \<b\>dog\</b\> gains most" in text_of(page)


def test_what_is_not_computed_is_offered_with_its_cost(monkeypatch):
    """Work of minutes waits for its button, which says what it costs; then the finding is there."""
    monkeypatch.setattr(costs, "seconds", lambda asked, *_: 130 if asked in (needs.rewiring, needs.worst_class) else 0)
    page = app().run()
    offers = [button for button in page.button if "about 2 min" in button.label]
    assert len(offers) == 2
    assert "is wired anew" not in text_of(page)
    offers[0].click()
    run_to_end(page)
    said = text_of(page).replace("\\", "")
    assert "Class <b>dog</b> is wired anew from Layer 4: conv (4) on" in said
    assert "20 % of its 10 important edges" in said
    assert "domain-specific" not in said


def test_work_of_a_moment_is_not_asked_for(monkeypatch):
    """What takes seconds is computed at once, and the finding about the worst class names its neuron."""
    monkeypatch.setattr(costs, "seconds", lambda *_: 3)
    page = run_to_end(app())
    said = text_of(page).replace("\\", "")
    assert "Neuron 3 of Layer 1: conv (4) is the most domain-specific of class <b>dog</b>" in said


def test_a_neuron_that_does_not_lead_reliably_has_no_card(monkeypatch):
    """Where another draw of images would name another neuron, one line says that none leads."""

    def unstable(case, class_name, model="target"):
        return replace(toy_results.discriminability(case, class_name, model), stability=np.array([0.5, 0.5]))

    monkeypatch.setattr(costs, "seconds", lambda *_: 3)
    fakes.install(monkeypatch, {"discriminability": unstable})
    page = run_to_end(app())
    said = [one.value.replace("\\", "") for one in page.caption]
    assert "No single neuron of class <b>dog</b> leads in telling the domains apart." in said
    assert "See it in Features" not in links(page)


def test_an_unknown_case_is_named():
    """A link to a case that is not here shows the first one and says so."""
    page = app(case="nowhere").run()
    assert "There is no case 'nowhere'" in page.warning[0].value.replace("\\", "")
    assert page.sidebar.selectbox[0].value == "digits"


def test_a_broken_case_file_is_named_and_the_others_work(monkeypatch, tmp_path):
    """A file of $TLX_CASES that cannot be read costs a sentence, not the page."""
    bad = tmp_path / "bad.toml"
    bad.write_text("architecture = [", encoding="utf-8")
    monkeypatch.setenv("TLX_CASES", str(bad))
    page = app().run()
    assert not page.exception
    assert any("bad" in warning.value for warning in page.main.warning)
    other = app("pages/2_Instances.py").run()
    assert "bad" not in "".join(warning.value for warning in other.warning)  # a notice for one page, not for all


def test_every_mistake_of_a_case_file_is_named(monkeypatch, tmp_path):
    """The same sentences as `python -m tlx check` has, each on its own."""
    bad = tmp_path / "bad.toml"
    table = 'kind = "folder"\ntitle = "t"\npath = "p"\n'
    bad.write_text(f"architecture = 3\nn_step = 4\n[source]\n{table}[target]\n{table}", encoding="utf-8")
    monkeypatch.setenv("TLX_CASES", str(bad))
    (told,) = [warning.value.replace("\\", "") for warning in app().run().warning]
    lines = told.splitlines()
    assert lines[0] == "**The case file bad.toml cannot be used:**"
    assert lines[2] == "- In the case: architecture must be a text, not 3."
    assert "key 'n_step' is unknown" in lines[3]
    assert f"Mend it at {bad}, then look again" in lines[-1]


def test_a_mended_case_file_is_offered_again(monkeypatch, tmp_path):
    """The button looks at once, and the notice is gone."""
    path = tmp_path / "<b>later.toml"
    path.write_text("", encoding="utf-8")
    monkeypatch.setenv("TLX_CASES", str(path))
    page = app().run()
    assert r"\<b\>later\.toml" in page.warning[0].value
    kind = 'kind = "handwritten-digits"\ntitle = "t"\n'
    path.write_text(f'title = "Later"\narchitecture = "compact_alexnet"\n[source]\n{kind}[target]\n{kind}')
    next(button for button in page.button if button.label == "Look again").click()
    page.run()
    assert not page.warning
    assert "Later" in page.sidebar.selectbox[0].options


def test_built_in_cases_without_data_say_what_to_fetch(monkeypatch, tmp_path):
    """They are told of, and cannot be chosen; with their folders there they can."""
    monkeypatch.setenv("TLX_DATA", str(tmp_path))
    page = app().run()
    said = text_of(page).replace("\\", "")
    assert "Office-31: amazon to webcam" in said
    assert "in office31/amazon/<class>/ and Office-31's webcam photos" in said.replace("\n", " ")
    assert page.sidebar.selectbox[0].options == [builtin.cases()["digits"].title]
    for name in ("amazon", "webcam"):
        (tmp_path / "office31" / name).mkdir(parents=True)
    assert len(app().run().sidebar.selectbox[0].options) == 2


def test_a_case_without_data_ends_in_one_sentence(monkeypatch):
    """Images that are not there: the sentence of the pipeline, and nothing below it."""

    def catalogue(case, domain):
        raise DataError("folder 'amazon' does not exist")

    fakes.install(monkeypatch, {"catalogue": catalogue})
    page = run_to_end(app())
    assert not page.exception
    assert [error.value.replace("\\", "") for error in page.error] == ["Folder 'amazon' does not exist."]
    assert not page.metric


def test_links_carry_the_selection():
    """Every link to a page holds the whole choice, so that it also works in a new tab."""
    page = run_to_end(app(**{"class": "cat", "layers": "conv2,conv4"}))
    addresses = links(page)
    assert {"Start", "Statistics"} <= set(addresses)
    assert "class=cat" in addresses["Statistics"]
    assert "layers=conv2%2Cconv4" in addresses["Statistics"]
