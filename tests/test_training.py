"""Training keeps its history and its promises; checkpoints are tensors or refused."""

from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from tlx import models, training
from tlx.cases import Case, Domain, ModelPlan, Training, load_case
from tlx.errors import DataError, ModelError
from tlx.results import DomainImages

PLAN = ModelPlan(training=Training(epochs=3, batch_size=16, learning_rate=3e-3, augment="digits"))
CASE = Case(
    "bars", "bars", Domain("folder", "s"), Domain("folder", "t"), "compact_alexnet", image_size=16,
    mean=(0.5,) * 3, std=(0.5,) * 3, source_model=PLAN, target_model=PLAN,
)  # fmt: skip


def bars(seed: int, count: int = 60) -> DomainImages:
    """Upright and lying bars: two classes a network learns in a moment."""
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % 2
    pixels = rng.integers(0, 60, (count, 16, 16, 3)).astype(np.uint8)
    for at, label in enumerate(labels):
        place = slice(6, 10)
        pixels[at][(slice(None), place) if label else (place, slice(None))] = 250
    return DomainImages(pixels, labels, ("lying", "upright"), np.arange(count) % 5 == 0, np.arange(count))


@pytest.fixture(scope="module")
def both() -> dict[str, DomainImages]:
    return {"source": bars(0), "target": bars(1)}


@pytest.fixture(scope="module")
def trained(both: dict[str, DomainImages]) -> training.TrainedModel:
    return training.train(CASE, "source", both, start=None)


def test_history_has_every_epoch_domain_and_split(trained: training.TrainedModel) -> None:
    history = trained.history
    assert list(history.columns) == list(training.COLUMNS)
    assert len(history) == 4 * 2 * 2
    assert set(history["epoch"]) == {0, 1, 2, 3}
    assert (history.groupby(["domain", "split"])["n"].first() == [48, 12, 48, 12]).all()
    assert history["accuracy"].between(0, 1).all()


def test_the_kept_epoch_is_the_best_on_own_validation(
    trained: training.TrainedModel, both: dict[str, DomainImages]
) -> None:
    own = trained.history.query("domain == 'source' and split == 'validation'").set_index("epoch")["accuracy"]
    assert own[trained.epoch] == own[1:].max() == 1.0
    network = models.fill(models.build(CASE, 2), trained.tensors)
    rows = training.accuracies(network, trained.classes, both, CASE)
    assert {(row["domain"], row["split"]): row["accuracy"] for row in rows}["source", "validation"] == 1.0


def test_training_is_reproducible_from_its_seed(trained: training.TrainedModel, both: dict[str, DomainImages]) -> None:
    again = training.train(CASE, "source", both, start=None)
    assert all(np.allclose(again.tensors[name], tensor, atol=1e-5) for name, tensor in trained.tensors.items())


def test_a_transfer_starts_from_the_source_model(trained: training.TrainedModel, both: dict[str, DomainImages]) -> None:
    """Epoch 0 of the target model is the source model on both domains."""
    target = training.train(CASE, "target", both, start=trained.tensors)
    network = models.fill(models.build(CASE, 2), trained.tensors)
    before = [row["accuracy"] for row in training.accuracies(network, trained.classes, both, CASE)]
    assert target.history.query("epoch == 0")["accuracy"].tolist() == before


def test_head_only_leaves_the_features_alone(trained: training.TrainedModel, both: dict[str, DomainImages]) -> None:
    case = replace(CASE, target_model=replace(PLAN, training=replace(PLAN.training, strategy="head")))
    target = training.train(case, "target", both, start=trained.tensors)
    moved = {name for name, tensor in target.tensors.items() if not np.array_equal(tensor, trained.tensors[name])}
    assert moved == {"fc8.weight", "fc8.bias"}


def test_a_head_of_another_size_starts_anew(trained: training.TrainedModel) -> None:
    network = models.build(CASE, 5)
    taken = training.initialise(network, trained.tensors)
    assert len(taken) == len(trained.tensors) - 2
    assert np.array_equal(network.conv1.weight.detach().numpy(), trained.tensors["conv1.weight"])


@pytest.mark.parametrize("suffix", [".safetensors", ".pt"])
def test_checkpoints_round_trip(trained: training.TrainedModel, tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"model{suffix}"
    if suffix == ".pt":
        torch.save({name: torch.from_numpy(tensor) for name, tensor in trained.tensors.items()}, path)
    else:
        training.write(trained, path)
    found, _ = training.read_tensors(path)
    assert found.keys() == trained.tensors.keys()
    assert all(np.array_equal(found[name], tensor) for name, tensor in trained.tensors.items())


class Bomb:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (open, ("was-executed", "w"))


def test_a_pickled_object_is_refused_and_never_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "bad.pt"
    for content in (Bomb(), {"weight": Bomb()}):
        torch.save(content, path)
        with pytest.raises(ModelError, match=r"bad\.pt is not a file of tensors only"):
            training.read_tensors(path)
        path.write_bytes(pickle.dumps(content))
        with pytest.raises(ModelError, match="not a file of tensors only"):
            training.read_tensors(path)
    assert not (tmp_path / "was-executed").exists()


@pytest.mark.parametrize("content", [b"", b"\x00" * 64, b"\xff\xff\xff\xff\xff\xff\xff\x7f" * 9])
@pytest.mark.parametrize("suffix", [".safetensors", ".pt"])
def test_a_damaged_checkpoint_is_one_sentence(tmp_path: Path, suffix: str, content: bytes) -> None:
    path = tmp_path / f"damaged{suffix}"
    path.write_bytes(content)
    with pytest.raises(ModelError, match="damaged") as caught:
        training.read_tensors(path)
    assert "\n" not in str(caught.value)


def test_a_misshapen_tensor_is_named_with_both_shapes(trained: training.TrainedModel) -> None:
    wrong = trained.tensors | {"conv1.weight": np.zeros((32, 3, 7, 7), np.float32)}
    with pytest.raises(ModelError, match=r"'conv1.weight' has shape \(32, 3, 7, 7\).*\(32, 3, 5, 5\)"):
        models.fill(models.build(CASE, 2), wrong)
    fewer = {name: tensor for name, tensor in trained.tensors.items() if name != "fc7.bias"}
    with pytest.raises(ModelError, match=r"lacks 1 tensor.*'fc7.bias'"):
        models.fill(models.build(CASE, 2), fewer)


def test_a_history_without_its_columns_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "history.csv"
    pd.DataFrame({"epoch": [1], "accuracy": [0.5]}).to_csv(path)
    with pytest.raises(DataError, match=r"lacks the column\(s\) model, domain, split, n"):
        training.read_history(path, "source")


def test_the_shipped_digits_models_show_the_papers_pattern() -> None:
    """Each model good on its own domain, the source model clearly worse on the target, the transfer best there."""
    path = Path(load_case("digits").source_model.history)
    history = pd.concat([training.read_history(path, model) for model in ("source", "target")])
    best = history.query("split == 'validation' and epoch > 0").groupby(["model", "domain"])["accuracy"].max()
    assert best["source", "source"] >= 0.95
    assert best["source", "target"] <= best["source", "source"] - 0.2
    assert best["target", "target"] >= max(best["source", "target"], best["scratch", "target"]) + 0.1
    kept = history.query("model == 'target' and domain == 'source' and split == 'validation'").set_index("epoch")
    assert kept["accuracy"].iloc[-1] < best["source", "source"] - 0.02
