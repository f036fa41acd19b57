"""New case in a browser: from an empty form by four questions to a saved case whose pages open."""

from __future__ import annotations

import pytest
import small_case
import torch
from e2e.conftest import running

from tlx import cases
from tlx.casefiles import loading
from tlx.networks import models

pytestmark = pytest.mark.e2e
NETWORK = """
from torch import nn

def make(classes):
    first, second = nn.Conv2d(3, 4, 5, stride=4), nn.Conv2d(4, 4, 3, padding=1)
    head = nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(16, classes)
    return nn.Sequential(first, nn.ReLU(), second, nn.ReLU(), *head)
"""
CLASSES = ("lying", "upright")


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """Two folders, two checkpoints and a module with the network, and no case file: all that a person has."""
    home = tmp_path_factory.mktemp("theirs")
    path = small_case.write(home, classes=CLASSES)
    (home / "mine.py").write_text(NETWORK)
    path.write_text(path.read_text().replace('"compact_alexnet"', '"mine:make"'))
    case = loading.load_case(path)
    for model in cases.MODELS:
        torch.save(models.build(case, len(CLASSES), model).state_dict(), home / f"{model}.pt")
    path.unlink()
    return home


@pytest.fixture(scope="module")
def server(home, tmp_path_factory):
    folder = tmp_path_factory.mktemp("server")
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("TLX_CASES", raising=False)
        patch.delenv("TLX_PUBLIC", raising=False)
        with running(folder, TLX_CACHE=str(folder / "cache")) as address:
            yield address


def type_in(opened, label, text):
    box = opened.page.get_by_label(label, exact=True).and_(opened.page.locator("input"))
    box.click()
    box.fill(text)
    box.press("Enter")
    opened.settle()


def press(opened, label):
    opened.page.get_by_role("button", name=label, exact=True).click()


def test_four_questions_lead_to_a_case(tab, home):
    """The form fits the screen; a mistake is said at its field; mended, checked and saved, its pages open."""
    opened = tab().open("/New_case").ready()
    folded = opened.page.locator("[data-testid=stMain] [data-testid=stExpander]")
    boxes = [folded.nth(at).bounding_box() for at in range(folded.count())]
    assert max(box["y"] + box["height"] for box in boxes) <= 900

    type_in(opened, "Save as", str(home / "mine.toml"))
    for side, folder in (("Source", "thikc"), ("Target", "thin")):
        type_in(opened, f"{side} folder", folder)
        type_in(opened, f"{side} checkpoint", f"{side.lower()}.pt")
    type_in(opened, "Network", "mine:make")
    save = opened.page.get_by_role("button", name="Save", exact=True)
    press(opened, "Check")
    said = opened.page.get_by_text(f"Image folder {home / 'thikc'} does not exist")
    said.wait_for(timeout=60_000)
    field = opened.page.get_by_label("Source folder", exact=True).and_(opened.page.locator("input")).bounding_box()
    box = said.bounding_box()
    assert abs(box["x"] - field["x"]) < 40
    assert 0 < box["y"] - field["y"] < 150
    assert save.is_disabled()

    type_in(opened, "Source folder", "thick")
    assert said.count() == 0
    press(opened, "Check")
    opened.page.get_by_text("The case will work.").wait_for(timeout=60_000)
    opened.settle()
    save.click()
    opened.page.get_by_text("Saved to").wait_for(timeout=30_000)
    opened.page.get_by_role("link", name="Open the case").click()
    opened.wait_for_parameter("case", "mine")
    assert loading.load_case(home / "mine.toml").architecture == "mine:make"
    for title in ("Statistics", "Instances", "Network", "Features"):
        opened.go_to(title)
        assert opened.parameter("case") == "mine"
        assert opened.page.locator("[data-testid=stMain] [data-testid=stAlertContentError]").count() == 0
