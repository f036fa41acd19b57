"""What a run will take is told before it: what it counts, and that nothing is stored for it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import small_case

from tlx import checking, estimates, load_case, pipeline
from tlx.cases import Case, Training
from tlx.estimates import Estimate, Speed, _Measured
from tlx.results import DomainImages, Network

SPEEDS = {"source": Speed(1.0, 0.0, 0.0, 0.0), "target": Speed(0.0, 100.0, 10_000.0, 0.0)}


@pytest.fixture
def case(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Case:
    monkeypatch.setenv("TLX_CACHE", str(tmp_path / "store"))
    return load_case(small_case.write(tmp_path))


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(estimates, "_measured", lambda _, model, __: _Measured(SPEEDS[model], 10**6, 10**5, 10**4))


def frame(case: Case) -> tuple[Network, dict[str, DomainImages]]:
    return pipeline.network(case), {side: pipeline.catalogue(case, side) for side in ("source", "target")}


@pytest.mark.usefixtures("measured")
def test_a_run_is_counted_by_what_it_passes(case: Case) -> None:
    """12 images in either domain. Source model: 24 images, forward, for all that it answers. Target model: conductance
    of 24 at both ends of four steps, edges of 12, and feature images of two classes. The rest is of each class.
    """
    network, domains = frame(case)
    found = estimates.of_run(case, network, domains)
    steps = 2 * estimates.DRAWN * estimates.STEPS
    passes = 24 * 1.0 + (24 * 5 + steps * estimates.REACHED) * 100.0 + 12 * 10_000.0 + steps * estimates.PAINTED
    constant = estimates.BEGIN + 2 * (2 * estimates.CLASSIFIER + estimates.PICTURE)
    assert found.seconds == pytest.approx(passes + constant, rel=1e-6, abs=1.0)


@pytest.mark.usefixtures("measured")
def test_a_checkpoint_is_not_trained_and_not_stored(case: Case) -> None:
    network, domains = frame(case)
    plan = replace(case.source_model, checkpoint="", training=Training(epochs=7, batch_size=512))
    read, learned = (estimates.of_run(one, network, domains) for one in (case, replace(case, target_model=plan)))
    assert learned.seconds - read.seconds == pytest.approx(7 * 12 * 100.0)
    assert learned.disk - read.disk == 10**6
    assert learned.memory > read.memory


@pytest.mark.usefixtures("measured")
def test_only_what_is_missing_is_counted(case: Case) -> None:
    network, domains = frame(case)
    before = estimates.of_run(case, network, domains)
    pipeline.conductance(case, "target", "target")
    after = estimates.of_run(case, network, domains)
    assert before.seconds - after.seconds == pytest.approx(12 * 5 * 100.0)
    assert before.disk > after.disk


def test_check_tells_it_and_stores_nothing(case: Case, tmp_path: Path) -> None:
    inspection = checking.inspect(tmp_path / "bars.toml")
    told = [fact for fact in inspection.facts if fact.topic == "cost"]
    assert len(told) == 1
    assert "of memory: measured on a few images" in told[0]
    assert not list((tmp_path / "store").rglob("output.pkl"))


def test_it_is_told_in_round_numbers() -> None:
    assert Estimate(130.0, 1.234e9, 4.4e7).sentence == (
        "a run takes about 2 min here, 1.2 GB on the disk and up to 40 MB of memory: measured on a few images, and "
        "good to a factor of two"
    )
    assert Estimate(0.0, 0.0, 5e8).sentence == "everything that a run computes is stored already"
