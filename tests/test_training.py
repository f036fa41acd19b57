"""Training keeps its history and its promises; each strategy moves what it says and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
import toy

from tlx.casefiles.loading import load_case
from tlx.cases import DOMAINS, Case, Domain, ModelPlan, Training
from tlx.errors import DataError, ModelError, UserError
from tlx.networks import checkpoints, models
from tlx.networks.draws import Draws
from tlx.networks.torchvision_import import models as zoo
from tlx.progress import listening
from tlx.results import DomainImages, TrainedModel
from tlx.training import histories, loop, state, strategies

KINDS = ("weight", "bias")
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
    return DomainImages(
        pixels, labels, ("lying", "upright"), np.where(np.arange(count) % 5, "training", "validation"), np.arange(count)
    )


@pytest.fixture(scope="module")
def both() -> dict[str, DomainImages]:
    return {"source": bars(0), "target": bars(1)}


@pytest.fixture(scope="module")
def few() -> dict[str, DomainImages]:
    """Twelve images of each domain, none for validation."""
    return {name: replace(bars(seed, 12), split=np.full(12, "training")) for seed, name in enumerate(DOMAINS)}


HEARD: list[tuple[str, int, int]] = []


@pytest.fixture(scope="module")
def trained(both: dict[str, DomainImages]) -> TrainedModel:
    with listening(lambda *told: HEARD.append(told)):
        return loop.train(CASE, "source", both, start=None)


def test_history_has_every_epoch_domain_and_split(trained: TrainedModel) -> None:
    history = trained.history
    assert list(history.columns) == list(loop.COLUMNS)
    assert len(history) == 4 * 2 * 2
    assert set(history["epoch"]) == {0, 1, 2, 3}
    assert (history.groupby(["domain", "split"])["n"].first() == [48, 12, 48, 12]).all()
    assert history["accuracy"].between(0, 1).all()


def test_the_kept_epoch_is_the_best_on_own_validation(trained: TrainedModel, both: dict[str, DomainImages]) -> None:
    own = trained.history.query("domain == 'source' and split == 'validation'").set_index("epoch")["accuracy"]
    assert own[trained.epoch] == own[1:].max() == 1.0
    network = models.fill(models.build(CASE, 2), trained.tensors)
    rows = loop.accuracies(network, trained.classes, both, CASE)
    assert {(row["domain"], row["split"]): row["accuracy"] for row in rows}["source", "validation"] == 1.0


def test_training_is_reproducible_from_its_seed(trained: TrainedModel, both: dict[str, DomainImages]) -> None:
    again = loop.train(CASE, "source", both, start=None)
    assert all(np.allclose(again.tensors[name], tensor, atol=1e-5) for name, tensor in trained.tensors.items())


def test_a_transfer_starts_from_the_source_model(trained: TrainedModel, both: dict[str, DomainImages]) -> None:
    """Epoch 0 of the target model is the source model on both domains."""
    target = loop.train(CASE, "target", both, start=trained)
    network = models.fill(models.build(CASE, 2), trained.tensors)
    before = [row["accuracy"] for row in loop.accuracies(network, trained.classes, both, CASE)]
    assert target.history.query("epoch == 0")["accuracy"].tolist() == before


def moved(before: dict[str, np.ndarray], after: dict[str, np.ndarray]) -> set[str]:
    return {name for name, tensor in after.items() if not np.array_equal(tensor, before[name])}


def planned(case: Case, **training: object) -> Case:
    """The case with other training settings of the target model."""
    return replace(case, target_model=replace(PLAN, training=replace(case.target_model.training, **training)))


ALL = {f"{layer}.{kind}" for layer in (*(f"conv{at}" for at in range(1, 6)), "fc6", "fc7", "fc8") for kind in KINDS}
NORMS = """
from torch import nn

def make(classes):
    return nn.Sequential(nn.Conv2d(3, 4, 16), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(4, classes))
"""
EARLY = {f"conv{at}.{kind}" for at in (1, 2, 3) for kind in KINDS}
HEAD = {"fc8.weight", "fc8.bias"}
CONV2 = {"conv2.weight", "conv2.bias"}


@pytest.mark.parametrize(
    ("settings", "unmoved"),
    [
        ({}, set()),
        ({"strategy": "head"}, ALL - HEAD),
        ({"freeze_until": "conv3"}, EARLY),
        ({"freeze_until": "conv3", "head_epochs": 1}, EARLY),
        ({"head_epochs": 1}, set()),
        ({"train_only": ("conv2",)}, ALL - HEAD - CONV2),
        ({"train_only": ("conv2", "head"), "head_epochs": 1}, ALL - HEAD - CONV2),
        ({"train_only": ("head",)}, ALL - HEAD),
    ],
)
def test_a_strategy_moves_exactly_what_it_says(
    trained: TrainedModel,
    few: dict[str, DomainImages],
    settings: dict[str, object],
    unmoved: set[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    every_epoch(monkeypatch)
    first: dict[str, np.ndarray] = {}

    def look(rows: loop.Rows) -> None:
        if rows[0]["epoch"] == 1:
            first.update({name: one.numpy() for name, one in torch.load(tmp_path / "kept.pt")["network"].items()})

    case = planned(CASE, epochs=2, batch_size=6, **settings)
    target = loop.train(case, "target", few, start=trained, kept_at=tmp_path / "kept.pt", told=look)
    assert target.epoch == 2  # without a validation split the last epoch is kept
    assert ALL - moved(trained.tensors, target.tensors) == unmoved
    assert ALL - moved(trained.tensors, first) == (ALL - HEAD if "head_epochs" in settings else unmoved)


def test_from_scratch_takes_nothing_over(trained: TrainedModel, few: dict[str, DomainImages]) -> None:
    """It is the control: the same training from random weights, whatever the plan of the transfer holds."""
    quick = planned(CASE, epochs=1, batch_size=6)
    scratch = loop.train(planned(quick, strategy="scratch"), "target", few, start=trained)
    control = loop.train(planned(quick, freeze_until="conv3"), "target", few, start=None, called="scratch")
    assert moved(scratch.tensors, control.tensors) == set()
    assert set(control.history["model"]) == {"scratch"}
    assert set(scratch.history["model"]) == {"target"}
    assert scratch.notes == ()


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"learning_rate": 1e30, "batch_size": 6}, r"went astray in epoch 1: .* choose a learning_rate below 1e\+30"),
        ({"batch_size": 1}, r"cannot learn from a batch of one image; choose a batch_size of 2 or more"),
    ],
)
def test_a_training_that_cannot_go_on_says_why(
    few: dict[str, DomainImages], settings: dict[str, float], said: str, tmp_path: Path
) -> None:
    (tmp_path / "norms.py").write_text(NORMS)
    case = replace(planned(CASE, epochs=2, **settings), architecture="norms:make", home=str(tmp_path))
    with pytest.raises(ModelError, match=said):
        loop.train(case, "target", few, start=None)


def test_a_domain_without_training_images_is_named(few: dict[str, DomainImages]) -> None:
    nobody = few | {"target": replace(few["target"], split=np.full(12, "validation"))}
    with pytest.raises(DataError, match="the target domain has no image for training"):
        loop.train(CASE, "target", nobody, start=None)


def test_models_are_written_where_the_case_expects_them(
    few: dict[str, DomainImages], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each under its name in its format, with its history; nothing is left of the unfinished trainings."""
    every_epoch(monkeypatch)
    plan = replace(PLAN, training=replace(PLAN.training, epochs=1, batch_size=12))
    case = replace(
        CASE,
        source_model=replace(plan, checkpoint=str(tmp_path / "a" / "one.pt"), history=str(tmp_path / "both.csv")),
        target_model=replace(
            plan, checkpoint=str(tmp_path / "b" / "two.safetensors"), history=str(tmp_path / "both.csv")
        ),
    )
    told: list[tuple[str, int]] = []
    kept = tmp_path / "kept"
    written = loop.train_all(
        case,
        {"source": few, "target": few},
        None,
        kept=kept,
        told=lambda rows: told.append((rows[0]["model"], rows[0]["epoch"])),
    )
    assert told == [(model, epoch) for model in ("source", "target", "scratch") for epoch in (0, 1)]
    assert {str(path.relative_to(tmp_path)) for path in written} == {"a/one.pt", "both.csv", "b/two.safetensors"}
    assert list(kept.iterdir()) == []
    source, target = (loop.read(case, model, ("lying", "upright")) for model in DOMAINS)
    assert set(source.history["model"]) == {"source"}
    assert set(target.history["model"]) == {"target", "scratch"}
    assert (source.epoch, target.epoch) == (0, 1)  # a plain state dict does not say its epoch


def test_a_checkpoint_of_other_classes_is_refused_and_of_another_order_is_understood(
    trained: TrainedModel, tmp_path: Path
) -> None:
    checkpoints.write(trained, tmp_path / "m.safetensors")
    case = replace(CASE, source_model=ModelPlan(checkpoint=str(tmp_path / "m.safetensors")))
    assert loop.read(case, "source", ("upright", "lying")).classes == ("lying", "upright")
    with pytest.raises(ModelError, match=r"other classes than .* only it has upright; only the domain has tilted"):
        loop.read(case, "source", ("lying", "tilted"))


def test_what_is_held_keeps_its_batch_norm_statistics() -> None:
    """Held up to the first of two residual blocks, only the second block and the head learn and see statistics."""
    network = toy.residual()
    strategies.hold(network, strategies.held(network, Training(freeze_until="2"), 1, torch.zeros(1, 3, 8, 8)))
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    network(torch.randn(4, 3, 8, 8)).square().sum().backward()
    assert {name.partition(".")[0] for name, one in network.named_parameters() if one.grad is not None} == {"3", "6"}
    assert {name for name, one in network.state_dict().items() if not torch.equal(one, before[name])} == {
        f"3.norm_a.{what}" for what in ("running_mean", "running_var", "num_batches_tracked")
    }


def twice() -> torch.nn.Module:
    """Two convolutions, whose parent calls an activation function as its last."""

    class Two(torch.nn.Sequential):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.relu(super().forward(x))

    convolutions = (torch.nn.Conv2d(3, 4, 3), torch.nn.Conv2d(4, 4, 3))
    return torch.nn.Sequential(Two(*convolutions), torch.nn.Flatten(), torch.nn.Linear(4 * 144, 2))


@pytest.mark.parametrize(
    ("build", "layer", "learns"),
    [
        (toy.plain, "3", {"3.weight", "3.bias"}),
        (toy.grouped, "3", {f"{at}.{kind}" for at in (3, 4) for kind in KINDS}),  # with its batch norm
        (toy.residual, "2.conv_a", {f"2.{part}.{kind}" for part in ("conv_a", "norm_a") for kind in KINDS}),
        (toy.residual, "2", {f"2.{part}.{kind}" for part in ("conv_a", "norm_a", "conv_b") for kind in KINDS}),
        (toy.Functional, "first.conv", {f"first.{part}.{kind}" for part in ("conv", "norm") for kind in KINDS}),
        (toy.Transformer, "patches", {"patches.weight", "patches.bias"}),
        (twice, "0.1", {"0.1.weight", "0.1.bias"}),  # read where its parent is left, whose other parts came before
    ],
)
def test_a_block_is_what_runs_from_its_layer_to_where_its_neurons_are_read(
    build: Callable[[], torch.nn.Module], layer: str, learns: set[str]
) -> None:
    """Its own norm learns with it, and sees statistics; everything else but the head is held."""
    network = toy.seeded(build)
    one = torch.zeros(1, 3, *(12, 12) if build is toy.plain else (16, 16))
    strategies.hold(network, strategies.held(network, Training(train_only=(layer,)), 1, one))
    head = strategies.head(network, one)
    assert {name for name, one in network.named_parameters() if one.requires_grad} - learns == {
        f"{head}.weight", f"{head}.bias"
    }  # fmt: skip
    assert len(strategies.parameters(network, layer, one)) == len(learns)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    network(torch.randn(4, *one.shape[1:]))
    seen = {name.rpartition(".")[0] for name, one in network.state_dict().items() if not torch.equal(one, before[name])}
    assert seen == {name.rpartition(".")[0] for name in before if name.endswith("mean")} & {
        name.rpartition(".")[0] for name in learns
    }


def test_layers_learn_at_their_rates(trained: TrainedModel, few: dict[str, DomainImages]) -> None:
    """The first step of Adam is as long as the rate, whatever the gradient; the schedule keeps the ratio at each."""
    case = planned(CASE, epochs=10, batch_size=12, weight_decay=0.0, layer_rates=(("conv2", 0.1), ("head", 2.0)))
    network, _ = loop.begun(CASE, "target", ("lying", "upright"), trained, case.target_model.training)
    how = case.target_model.training
    run = state.Run(network, how, 12, "target", Draws(0), strategies.groups(network, how, models.example(CASE)))
    run.learn(few["target"], case, 1)
    rates = [group["lr"] for group in run.optimiser.param_groups]
    assert sorted(rate / max(rates) for rate in rates) == pytest.approx([0.05, 0.5, 1.0])
    start = how.learning_rate / 25  # of the schedule
    moves = {
        name: np.abs(one.detach().numpy() - trained.tensors[name]).max() for name, one in network.named_parameters()
    }
    for name, factor in (("conv2.weight", 0.1), ("conv1.weight", 1.0), ("fc8.weight", 2.0)):
        assert moves[name] == pytest.approx(factor * start, rel=0.01), name


def test_position_codes_are_held_with_the_blocks_they_feed() -> None:
    network = zoo.VisionTransformer(32, 16, num_layers=3, num_heads=2, hidden_dim=8, mlp_dim=16, num_classes=2)
    plan = Training(freeze_until="encoder.layers.encoder_layer_0")
    strategies.hold(network, strategies.held(network, plan, 1, torch.zeros(1, 3, 32, 32)))
    learns = {name for name, one in network.named_parameters() if one.requires_grad}
    later = {
        name for name in learns if name.startswith(("encoder.layers.encoder_layer_1", "encoder.layers.encoder_layer_2"))
    }
    assert learns - later == {"encoder.ln.weight", "encoder.ln.bias", "heads.head.weight", "heads.head.bias"}
    assert len(later) == 24


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"train_only": ("conv9",)}, "layer 'conv9' is unknown; did you mean conv"),
        ({"layer_rates": (("conv9", 0.1),)}, "layer 'conv9' is unknown; did you mean conv"),
        ({"freeze_until": "conv9"}, "layer 'conv9' is unknown; did you mean conv"),
        ({"freeze_until": "fc8"}, "freeze_until = 'fc8' leaves nothing to train"),
    ],
)
def test_a_layer_that_cannot_be_frozen_is_named(
    trained: TrainedModel, both: dict[str, DomainImages], settings: dict[str, object], said: str
) -> None:
    with pytest.raises(UserError, match=said):
        loop.train(planned(CASE, **settings), "target", both, start=trained)


def test_what_a_training_took_over_and_holds_is_said(trained: TrainedModel) -> None:
    plan = Training(epochs=3, freeze_until="conv3", head_epochs=1)
    _, notes = loop.begun(CASE, "target", ("lying", "upright", "tilted"), trained, plan)
    assert notes == (
        "16 of 16 tensors taken from the source model; of the head 2 of 3 classes, by name",
        "what runs up to conv3 is held and only the head, fc8, is trained in the first epoch "
        "(387 of 193,827 parameters learn)",
    )


def test_which_layers_learn_and_at_what_rates_is_said() -> None:
    network = models.build(CASE, 2)
    plan = Training(train_only=("conv2", "head"), layer_rates=(("conv2", 0.1),))
    assert strategies.notes(network, plan, models.example(CASE)) == (
        "only conv2 and the head, fc8, are trained (18,754 of 193,698 parameters learn)",
        "layers learn at these factors of the learning rate: conv2 0.1",
    )


def test_a_head_is_taken_over_class_by_class(trained: TrainedModel) -> None:
    """Of classes in another order each row follows its name; a class of its own starts anew."""
    network, _ = loop.begun(CASE, "target", ("upright", "tilted", "lying"), trained, PLAN.training)
    head = network.fc8.weight.detach().numpy()
    assert np.array_equal(head[[0, 2]], trained.tensors["fc8.weight"][[1, 0]])
    assert not np.isin(head[1], trained.tensors["fc8.weight"]).any()
    assert np.array_equal(network.conv1.weight.detach().numpy(), trained.tensors["conv1.weight"])


def test_a_killed_training_goes_on_to_the_same_result(
    few: dict[str, DomainImages], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To the last bit: batches, augmentation, dropout, rates and the optimiser's memory are those of one go."""
    every_epoch(monkeypatch)
    rates = (("conv2", 0.1),)
    case, kept_at = planned(CASE, batch_size=6, head_epochs=1, layer_rates=rates), tmp_path / "kept" / "target.pt"

    def kill(rows: loop.Rows) -> None:
        if rows[0]["epoch"] == 2:
            raise KeyboardInterrupt

    at_once = loop.train(case, "target", few, start=None)
    with pytest.raises(KeyboardInterrupt):
        loop.train(case, "target", few, start=None, kept_at=kept_at, told=kill)
    assert [path.name for path in kept_at.parent.iterdir()] == ["target.pt"]
    epochs: list[int] = []
    torch.manual_seed(99)  # whatever else drew random numbers meanwhile
    found = loop.train(
        case, "target", few, start=None, kept_at=kept_at, told=lambda rows: epochs.append(rows[0]["epoch"])
    )
    assert epochs == [3]
    pd.testing.assert_frame_equal(found.history, at_once.history)
    assert found.epoch == at_once.epoch == 3
    assert moved(at_once.tensors, found.tensors) == set()


def every_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Has what a training remembers written after each, however short they are."""
    monkeypatch.setattr("tlx.training.state.SECONDS", 0.0)
    monkeypatch.setattr("tlx.training.state.SHARE", float("inf"))


def test_short_epochs_are_not_each_written(
    few: dict[str, DomainImages], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of epochs of 10 s each fourth one is, of which a writing takes 1 s each second; the last one never is."""
    clock, kept_at, written = [0.0], tmp_path / "target.pt", []
    monkeypatch.setattr(state, "time", SimpleNamespace(monotonic=lambda: clock[0]))
    save = torch.save

    def slowly(content: dict[str, object], *rest: object) -> None:
        written.append(content["epoch"])
        clock[0] += 4.0
        save(content, *rest)

    def look(_: loop.Rows) -> None:
        clock[0] += 10.0

    monkeypatch.setattr(torch, "save", slowly)
    loop.train(planned(CASE, epochs=11, batch_size=12), "target", few, start=None, kept_at=kept_at, told=look)
    assert written == [3, 7]  # at 30 s; then 40 s later, as a writing of 4 s is a tenth of those
    assert torch.load(kept_at)["epoch"] == 7


def test_a_kept_training_that_cannot_be_read_begins_anew(few: dict[str, DomainImages], tmp_path: Path) -> None:
    (tmp_path / "target.pt").write_bytes(b"half a file")
    epochs: list[int] = []
    case = planned(CASE, epochs=1, batch_size=12)
    loop.train(
        case, "target", few, start=None, kept_at=tmp_path / "target.pt", told=lambda r: epochs.append(r[0]["epoch"])
    )
    assert epochs == [0, 1]


def test_progress_is_told_batch_by_batch(trained: TrainedModel) -> None:
    assert ("epoch 1 of 3", 2, 3) in HEARD
    assert ("training the source model", 4, 4) in HEARD


def test_the_shipped_digits_models_show_the_papers_pattern() -> None:
    """Each model good on its own domain, the source model clearly worse on the target, the transfer best there."""
    path = Path(load_case("digits").source_model.history)
    history = pd.concat([histories.read(path, model) for model in ("source", "target")])
    best = history.query("split == 'validation' and epoch > 0").groupby(["model", "domain"])["accuracy"].max()
    assert best["source", "source"] >= 0.95
    assert best["source", "target"] <= best["source", "source"] - 0.2
    assert best["target", "target"] >= max(best["source", "target"], best["scratch", "target"]) + 0.1
    kept = history.query("model == 'target' and domain == 'source' and split == 'validation'").set_index("epoch")
    assert kept["accuracy"].iloc[-1] < best["source", "source"] - 0.02
