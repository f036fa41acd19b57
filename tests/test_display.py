"""Results and cases in a notebook: small HTML tables of what they hold, whatever classes are called."""

from __future__ import annotations

import re
from dataclasses import is_dataclass, replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import notebook_case
import numpy as np
import pandas as pd
import pytest

import tlx
from tlx import pipeline, results
from tlx.cases import Case

HOSTILE = ("<script>alert(1)</script>", 'b"><img src=x onerror=alert(1)>', "c&amp;")


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Case:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TLX_DATA", str(tmp_path_factory.mktemp("data")))
        return notebook_case.made(classes=HOSTILE, title="<b>title</b>", source_title="<i>s</i>", name="<u>n</u>")


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.text = ""

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data: str) -> None:
        self.text += data + " "


def read(result: Any) -> Tags:
    html = result._repr_html_()
    assert len(html) < 20_000
    parser = Tags()
    parser.feed(html)
    return parser


ASKED: dict[str, Any] = {
    "a case": lambda case: case,
    "images": lambda case: pipeline.images(case, "target"),
    "network": pipeline.network,
    "model": lambda case: pipeline.trained(case, "target"),
    "score": pipeline.transferability,
    "conductance": lambda case: pipeline.conductance(case, "target", "target"),
    "activations": lambda case: pipeline.activations(case, "target", "target"),
    "contribution": lambda case: pipeline.contribution_on(case, "target", HOSTILE[0]),
    "abstraction": lambda case: pipeline.abstraction(case, "target", HOSTILE[0]),
    "correspondence": pipeline.correspondence,
    "comparison": lambda case: pipeline.comparison(case, HOSTILE[0]),
    "scales": lambda case: pipeline.similarity_scales(case, HOSTILE[0]),
    "reuse": lambda case: pipeline.reuse(case, HOSTILE[0]),
    "discriminability": lambda case: pipeline.discriminability(case, HOSTILE[0]),
    "embedding": lambda case: pipeline.embedding(case, HOSTILE),
    "silenced": lambda case: pipeline.silenced(case, HOSTILE[0], "target", (("third", 0),)),
    "gap": lambda case: pipeline.domain_gap(case, HOSTILE[0])[0],
}


@pytest.mark.parametrize("asked", ASKED.values(), ids=ASKED)
def test_a_result_is_a_small_table_and_no_name_becomes_a_tag(case: Case, asked: Any) -> None:
    result = asked(case)
    found = read(result)
    assert found.tags <= {"div", "p", "b", "table", "thead", "tbody", "tr", "th", "td"}
    assert found.attributes <= {"border", "class", "style"}
    assert type(result).__name__ in found.text


def test_numbers_and_names_stand_in_it(case: Case) -> None:
    score = pipeline.transferability(case)
    assert re.search(rf"\bn\s+{score.n}\s+source_accuracy\s+{score.source_accuracy:.4g}\s", read(score).text)
    assert HOSTILE[0] in read(pipeline.reuse(case, HOSTILE[0])).text
    images = read(pipeline.images(case, "target")).text
    assert re.search(re.escape(HOSTILE[0]) + r"\s+10\b", images)
    assert "uint8 of shape (30, 16, 16, 1)" in images
    shown = read(case).text
    for said in (case.fingerprint(), "<b>title</b>", "<i>s</i>", "Net"):
        assert said in shown
    assert case.home not in shown


def test_the_most_telling_neuron_comes_first(case: Case) -> None:
    found = pipeline.discriminability(case, HOSTILE[0])
    layer, index = found.neurons[found.ranking[0]]
    assert re.search(rf"stability\s+{layer}\s+{index}\b", read(found).text)


def test_long_tables_are_cut_and_say_so() -> None:
    table = pd.DataFrame({"measure": ["kept"] * 500, "value": np.arange(500.0)})
    text = read(results.Reuse("a", table)).text
    assert "20 of 500 rows" in text
    assert "19" in text
    assert "499" not in text


def test_every_result_has_one(case: Case) -> None:
    known = [one for one in vars(results).values() if isinstance(one, type) and is_dataclass(one)]
    assert len(known) > 30
    assert all(hasattr(one, "_repr_html_") for one in [*known, Case])


def test_numbers_that_are_not_there_are_empty() -> None:
    assert tlx.display._told(None) == ""
    assert tlx.display._told(float("nan")) == "nan"


def test_a_case_of_a_file_is_shown_by_what_it_is(case: Case, tmp_path: Path) -> None:
    other = replace(case, architecture="alexnet", layers=("features.0", "features.3"))
    assert "features.0, features.3" in read(other).text
