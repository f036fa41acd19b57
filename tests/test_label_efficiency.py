"""The label-efficiency curve: few images by class and seed, as many steps, the headline split, dots and means."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import small_case
from streamlit_help import app, run_to_end, source_of

from tlx import load_case, pipeline
from tlx.cases import Training
from tlx.figures.label_efficiency import label_efficiency
from tlx.images import splits
from tlx.results import LabelEfficiency
from tlx.training import label_efficiency as stage


def test_few_are_so_many_of_each_class_and_a_part_of_more() -> None:
    """Of five, three and one training instances of a class two, two and one; none that is held out."""
    labels = np.array([0] * 6 + [1] * 3 + [2])
    among = np.array([True] * 5 + [False] + [True] * 4)
    two, three = (splits.few(labels, among, count, seed=0) for count in (2, 3))
    assert np.bincount(labels[two]).tolist() == [2, 2, 1]
    assert set(two) <= set(three)
    assert 5 not in three
    assert splits.few(labels, among, 0, seed=0).tolist() == np.flatnonzero(among).tolist()
    assert any((splits.few(labels, among, 1, seed) != splits.few(labels, among, 1, 0)).any() for seed in range(1, 9))


def test_fewer_images_have_as_many_steps() -> None:
    """Twelve epochs of seven batches are 84 steps: 84 epochs of 10 images, 21 of 100; a third of them for the head."""
    how = Training(epochs=12, batch_size=32, head_epochs=4, seed=5)
    few, more, everything = (stage.shortened(how, 199, count, 2) for count in (10, 100, 199))
    assert (few.epochs, few.head_epochs, few.seed) == (84, 28, 7)
    assert (more.epochs, more.head_epochs) == (21, 7)
    assert (everything.epochs, everything.head_epochs) == (12, 4)
    assert stage.shortened(Training(strategy="scratch"), 10, 10, 0).strategy == "all"
    assert stage.shortened(Training(strategy="head"), 10, 10, 0).strategy == "head"


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Twelve images of two classes, four steps a training; a test split of two images."""
    monkeypatch.setenv("TLX_CACHE", str(tmp_path / "store"))
    made = small_case.write(tmp_path, per_class=12)
    text = made.read_text().replace('path = "thin"', 'path = "thin"\ntraining_share = 0.5\ntest_share = 0.5')
    made.write_text(text + "[target_model.training]\nepochs = 4\n")
    return made


def test_the_curve_has_a_dot_for_each_seed_and_way(path: Path) -> None:
    """Of 6 training images a class: 1, 2, 5 and all; judged on the six test images; stored one by one."""
    case = load_case(path)
    curve = pipeline.label_efficiency(case)
    assert (curve.n, curve.split) == (6, "test")
    assert curve.table.groupby("labels")["images"].first().to_dict() == {0: 12, 1: 2, 2: 4, 5: 10}
    assert len(curve.table) == 4 * 2 * 3
    assert set(curve.table["how"]) == {"fine-tuned", "from scratch"}
    assert ((curve.table["accuracy"] * 6) % 1).max() < 1e-9
    assert pipeline.few_labels.is_stored(case, 1, 2, "from scratch")


def test_all_labels_from_scratch_are_the_controls_last_epoch(path: Path) -> None:
    """With every image, the same seed and the same steps: the network that the control has after its last epoch."""
    case = load_case(path.rename(path.with_name("again.toml")))
    images = pipeline.images(case, "target")
    table = pipeline.scratch(case).history.query("domain == 'target' and split == 'validation'")
    assert len(table) == 5
    swapped = np.array([{"test": "validation", "validation": "test"}.get(one, one) for one in images.split])
    accuracy = stage.accuracy(case, replace(images, split=swapped), None, labels=0, seed=0)
    assert accuracy == pytest.approx(table.set_index("epoch")["accuracy"][4])


def test_the_figure_draws_dots_and_means() -> None:
    rows = [(1, 2, "fine-tuned", 0, 0.5), (1, 2, "fine-tuned", 1, 0.75), (0, 8, "fine-tuned", 0, 1.0)]
    table = pd.DataFrame(rows, columns=["labels", "images", "how", "seed", "accuracy"])
    scratch = table.assign(how="from scratch", accuracy=table["accuracy"] / 2)
    plot = label_efficiency(LabelEfficiency(pd.concat([table, scratch], ignore_index=True), 40, "test"))
    line, dots = (plot.select_one({"name": f"{kind} fine-tuned"}).data for kind in ("line", "dots"))
    assert (line["images"].tolist(), line["accuracy"].tolist()) == ([2, 8], [0.625, 1.0])
    assert dots["accuracy"].tolist() == [0.5, 0.75, 1.0]
    assert dots["each"].tolist() == ["1 of each class", "1 of each class", "all"]
    assert plot.select_one({"name": "line from scratch"}).data["accuracy"].tolist() == [0.3125, 0.5]
    assert plot.yaxis[0].axis_label == "accuracy on 40 test images"


def test_the_page_offers_the_curve_with_its_cost(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TLX_CASES", str(path))
    page = run_to_end(app("pages/1_Statistics.py", case="bars"))
    (offer,) = [button for button in page.button if "efficiency curve (about" in button.label]
    offer.click()
    run_to_end(page)
    assert not page.exception
    assert len(source_of(page, "label efficiency", "dots fine-tuned")["accuracy"]) == 12
