"""Two jobs at once: each comes to the numbers it comes to alone, on one model, beside a training, and in its draws."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import small_case
import torch
from torch import nn

from tlx import pipeline
from tlx.analysis import abstraction, activations, attribution
from tlx.casefiles.loading import load_case
from tlx.cases import Case, ModelPlan, Training
from tlx.networks import hooks, models
from tlx.networks.draws import Draws
from tlx.training import loop

FORGETFUL = """
import time
from torch import nn

class Forgetful(nn.Module):
    \"\"\"Hands what it has seen from one part to the next by way of itself, as many do, and takes its time.\"\"\"

    def __init__(self, classes):
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1)
        self.relu, self.head = nn.ReLU(), nn.Linear(4, classes)

    def forward(self, images):
        self.seen = self.relu(self.first(images))
        time.sleep(0.002)
        self.seen = self.relu(self.second(self.seen))
        time.sleep(0.002)
        return self.head(self.seen.mean((2, 3)))

def make(classes):
    return Forgetful(classes)
"""


@pytest.fixture
def case(tmp_path, monkeypatch) -> Case:
    monkeypatch.setenv("TLX_CACHE", str(tmp_path / "cache"))
    path = small_case.write(tmp_path)
    (tmp_path / "forgetful.py").write_text(FORGETFUL)
    path.write_text(path.read_text().replace('"compact_alexnet"', '"forgetful:make"'))
    made = load_case(path)
    for seed, model in enumerate(("source", "target")):
        torch.manual_seed(seed)
        torch.save(models.build(made, 2).state_dict(), tmp_path / f"{model}.pt")
    return load_case(path)


def together(*works: Callable[[], Any]) -> list[Any]:
    """The results of works that begin at the same moment, each in a thread of its own."""
    begin = threading.Barrier(len(works))

    def begun(work: Callable[[], Any]) -> Any:
        begin.wait(20)
        return work()

    with ThreadPoolExecutor(len(works)) as pool:
        return [future.result(120) for future in [pool.submit(begun, work) for work in works]]


def test_two_jobs_on_one_model_each_get_the_numbers_of_one_alone(case: Case) -> None:
    """Conductance, edges and activations of one model at the same time, the model keeping its passes in itself."""
    images, network = pipeline.images(case, "target"), pipeline.network(case)
    chosen = np.arange(len(images))

    def conductance() -> np.ndarray:
        model = pipeline.load_model(case, "target")
        return attribution.of_instances(model, network, images, chosen, case=case, outputs=images.classes).values

    def edges() -> np.ndarray:
        model = pipeline.load_model(case, "target")
        found = [abstraction.edges(model, network, pair, images, chosen, case=case) for pair in network.joins]
        return np.concatenate([np.asarray(one.counts).ravel() for one in found])

    def values() -> np.ndarray:
        return activations.of_domain(pipeline.load_model(case, "target"), network, images, case).values

    works = (conductance, edges, values)
    alone = [work() for work in works]
    for _ in range(3):
        for one, both in zip(alone, together(*works), strict=True):
            np.testing.assert_array_equal(one, both)


def test_each_thread_has_its_own_modules_and_all_the_same_tensors(case: Case) -> None:
    mine = pipeline.load_model(case, "target")
    assert pipeline.load_model(case, "target") is mine
    (other,) = together(lambda: pipeline.load_model(case, "target"))
    assert other is not mine
    assert all(one is another for one, another in zip(mine.parameters(), other.parameters(), strict=True))


def test_copies_go_with_what_they_are_copies_of(case: Case) -> None:
    """A thread that lives on keeps no model that the process has let go of."""
    pipeline.load_model(case, "target")
    assert len(models._here.copies) > 0
    models._loaded.cache_clear()
    assert len(models._here.copies) == 0


def test_a_model_that_cannot_be_copied_is_shared_and_its_hooks_take_turns() -> None:
    """One block of hooks on a model at a time, of other models at the same time."""

    class Locked(nn.Linear):
        def __init__(self) -> None:
            super().__init__(2, 2)
            self.lock = threading.Lock()  # which nobody can copy

    shared = Locked()
    assert models._sharing(shared) is shared
    with hooks.captured(shared, []):
        assert together(lambda: hooks.lock_of(shared).acquire(timeout=0.05)) == [False]
        assert together(lambda: hooks.lock_of(nn.Linear(2, 2)).acquire(timeout=20)) == [True]


def test_what_enters_a_module_in_another_threads_pass_is_not_heard() -> None:
    model = nn.Sequential(nn.Linear(2, 2))
    with hooks.entering(model, "0") as entered:
        model(torch.ones(1, 2))
        together(lambda: model(torch.zeros(3, 2)))
        assert [one.shape for one in entered] == [(1, 2)]


def test_a_training_comes_to_the_same_weights_whatever_is_built_and_trained_beside_it(case: Case) -> None:
    """Dropout, augmentation and the first weights are drawn from the training's own stream."""
    plan = ModelPlan(training=Training(epochs=3, batch_size=2, augment="photos"))
    images = {name: pipeline.images(case, name) for name in ("source", "target")}
    learned = replace(case, architecture="compact_alexnet", source_model=plan, target_model=plan)

    def trained() -> dict[str, np.ndarray]:
        return dict(loop.train(learned, "source", images, start=None).tensors)

    def building() -> None:
        for _ in range(60):
            models.network(learned, 2)
            models.build(learned, 2)

    alone = trained()
    for beside in together(trained, building, trained)[::2]:
        for name, tensor in alone.items():
            np.testing.assert_array_equal(tensor, beside[name])


def test_who_draws_leaves_the_processs_stream_as_it_was() -> None:
    torch.manual_seed(3)
    expected = torch.rand(4)
    torch.manual_seed(3)
    draws = Draws(7)
    with draws:
        first = torch.rand(2)
    with draws:
        second = torch.rand(2)
    assert torch.equal(torch.rand(4), expected)
    torch.manual_seed(7)
    assert torch.equal(torch.cat([first, second]), torch.rand(4))
