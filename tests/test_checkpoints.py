"""Checkpoints are tensors, in whatever usual wrapping, or refused in one sentence; nothing in a file is ever run."""

from __future__ import annotations

import argparse
import os
import pickle
import zipfile
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from tlx.errors import ModelError
from tlx.networks import architectures, checkpoints, models
from tlx.results import TrainedModel
from tlx.training import initial_weights


def network(classes: int = 2, seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(
        OrderedDict(conv=nn.Conv2d(3, 4, 3), norm=nn.BatchNorm2d(4), flat=nn.Flatten(), head=nn.Linear(4 * 36, classes))
    )


STATE = network().state_dict()


def taken(path: Path) -> dict[str, Tensor]:
    """What a network of other random weights is filled with."""
    other = network(seed=1)
    checkpoints.complete(other, path)
    return other.state_dict()


def same(found: dict[str, Tensor], wanted: dict[str, Tensor] = STATE) -> bool:
    return all(torch.equal(found[name], one) for name, one in wanted.items())


@pytest.mark.parametrize("key", [*checkpoints.WRAPPERS, ""])
def test_common_wrappings_are_opened(tmp_path: Path, key: str) -> None:
    """With an epoch, a rate and an optimiser's state beside the tensors."""
    optimiser = torch.optim.AdamW(network().parameters()).state_dict()
    inside = {key: STATE, "epoch": 7, "lr": 1e-3, "optimizer": optimiser} if key else STATE
    torch.save(inside, tmp_path / "m.pth")
    assert same(taken(tmp_path / "m.pth"))


@pytest.mark.parametrize("prefix", ["module.", "_orig_mod.", "model.", "backbone.", "module._orig_mod.model."])
def test_prefixes_of_wrappers_are_taken_off(tmp_path: Path, prefix: str) -> None:
    torch.save({f"{prefix}{name}": one for name, one in STATE.items()}, tmp_path / "m.pt")
    assert same(taken(tmp_path / "m.pt"))


def test_a_prefix_on_a_part_of_the_names_is_taken_off_there(tmp_path: Path) -> None:
    named = {name if name.startswith("head") else f"backbone.{name}": one for name, one in STATE.items()}
    save_file(named, tmp_path / "m.safetensors")
    assert same(taken(tmp_path / "m.safetensors"))


def test_a_data_parallel_save_is_read(tmp_path: Path) -> None:
    torch.save({"state_dict": nn.DataParallel(network()).state_dict()}, tmp_path / "m.tar")
    assert same(taken(tmp_path / "m.tar"))


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16, torch.float64])
@pytest.mark.parametrize("suffix", ["pt", "safetensors"])
def test_other_number_formats_become_ours(tmp_path: Path, kind: torch.dtype, suffix: str) -> None:
    held = {name: one.to(kind) if one.is_floating_point() else one for name, one in STATE.items()}
    (save_file if suffix == "safetensors" else torch.save)(held, tmp_path / f"m.{suffix}")
    found = taken(tmp_path / f"m.{suffix}")
    assert {one.dtype for one in found.values()} == {torch.float32, torch.int64}
    assert same(found, {name: one.float() if one.is_floating_point() else one for name, one in held.items()})


def test_an_older_checkpoint_without_batch_counters_fits(tmp_path: Path) -> None:
    torch.save({name: one for name, one in STATE.items() if "num_batches" not in name}, tmp_path / "m.pt")
    assert same(taken(tmp_path / "m.pt"))


@pytest.mark.parametrize("suffix", [".safetensors", ".pt"])
def test_what_is_written_is_read(tmp_path: Path, suffix: str) -> None:
    model = TrainedModel({n: one.numpy() for n, one in STATE.items()}, ("a", "b c"), 5, pd.DataFrame())
    checkpoints.write(model, tmp_path / "new" / f"m{suffix}")
    found = checkpoints.read(tmp_path / "new" / f"m{suffix}")
    assert same(found.tensors)
    assert (found.epoch, found.classes) == ((5, ("a", "b c")) if suffix == ".safetensors" else (0, ()))


class Bomb:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, ("was-executed",)


@pytest.mark.parametrize("content", [Bomb(), {"weight": Bomb()}, {"state_dict": STATE, "args": Bomb()}])
@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
def test_a_pickle_that_would_run_code_is_refused_and_never_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: object, suffix: str
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / f"bad{suffix}"
    for save in (torch.save, lambda what, where: where.write_bytes(pickle.dumps(what))):
        save(content, path)
        refused(path, "not a file of tensors only")
    assert not (tmp_path / "was-executed").exists()
    pickle.loads(pickle.dumps(Bomb()))  # the bomb is live
    assert (tmp_path / "was-executed").exists()


def refused(path: Path, said: str) -> None:
    with pytest.raises(ModelError, match=said) as caught:
        checkpoints.read(path)
    assert "\n" not in str(caught.value)
    assert path.name in str(caught.value)


def test_a_whole_model_or_other_objects_are_refused_by_name(tmp_path: Path) -> None:
    torch.save(network(), tmp_path / "whole.pt")
    refused(tmp_path / "whole.pt", r"it would need torch\.nn\.modules\.\S+, and only tensors are read")
    torch.save({"model": STATE, "args": argparse.Namespace(lr=1)}, tmp_path / "args.pt")
    refused(tmp_path / "args.pt", r"it would need argparse\.Namespace")


@pytest.mark.parametrize("suffix", [".safetensors", ".pt"])
def test_a_damaged_file_is_one_sentence(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"m{suffix}"
    refused(path, "does not exist")
    path.write_bytes(b"")
    refused(path, "is empty")
    for content in (b"\x00" * 64, b"\xff\xff\xff\xff\xff\xff\xff\x7f" * 9, b"GIF89a, not tensors"):
        path.write_bytes(content)
        refused(path, "is not a file of tensors only")
    (save_file if suffix == ".safetensors" else torch.save)(dict(STATE), path)
    path.write_bytes(path.read_bytes()[:-200])
    refused(path, "damaged or cut off")
    path.unlink()
    path.mkdir()
    refused(path, "is a folder")


def test_other_kinds_of_files_are_told_apart(tmp_path: Path) -> None:
    np.savez(tmp_path / "arrays.npz", conv=np.zeros(3))
    refused(tmp_path / "arrays.npz", "is a NumPy archive; give a .safetensors file or a state dict")
    with zipfile.ZipFile(tmp_path / "scripted.pt", "w") as archive:  # the members that torch.jit.save writes
        for member in ("data.pkl", "constants.pkl", "code/__torch__.py"):
            archive.writestr(f"scripted/{member}", b"")
    refused(tmp_path / "scripted.pt", r"is a TorchScript archive, a program; save its state_dict\(\)")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({}, "holds no tensors; save"),
        ({"epoch": 3, "optimizer": {}}, "holds no tensors but epoch, optimizer; save"),
        ([1, 2], "holds list and no state dict"),
        (torch.zeros(3), "holds Tensor and no state dict"),
    ],
)
def test_a_file_without_named_tensors_is_refused(tmp_path: Path, content: object, said: str) -> None:
    torch.save(content, tmp_path / "m.pt")
    refused(tmp_path / "m.pt", said)


def test_weights_that_are_no_numbers_are_named(tmp_path: Path) -> None:
    wrong = STATE["conv.weight"].clone()
    wrong[0, 0, 0, :2] = torch.tensor([float("nan"), float("inf")])
    torch.save(STATE | {"conv.weight": wrong}, tmp_path / "m.pt")
    for load in (checkpoints.complete, initial_weights.from_checkpoint):
        with pytest.raises(
            ModelError, match=r"tensor 'conv.weight' of checkpoint .*m\.pt holds 2 value\(s\) that are NaN"
        ):
            load(network(), tmp_path / "m.pt")


def test_a_tensor_that_promises_more_than_the_file_holds_costs_nothing(tmp_path: Path) -> None:
    """A hundred million million numbers in a file of a kilobyte are never unfolded."""
    torch.save(dict(STATE) | {"conv.bias": torch.zeros(1).expand(10**14)}, tmp_path / "m.pt")
    with pytest.raises(
        ModelError, match=r"tensor 'conv.bias' has shape \(100000000000000,\) and in the network \(4,\)"
    ):
        checkpoints.complete(network(), tmp_path / "m.pt")


def test_what_does_not_fit_is_named_with_both_shapes() -> None:
    with pytest.raises(ModelError, match=r"'conv.weight' has shape \(4, 3, 7, 7\) and in the network \(4, 3, 3, 3\)"):
        models.fill(network(), STATE | {"conv.weight": torch.zeros(4, 3, 7, 7)})
    with pytest.raises(ModelError, match=r"lacks 1 tensor.*'head.bias'"):
        models.fill(network(), {name: one for name, one in STATE.items() if name != "head.bias"})
    with pytest.raises(ModelError, match=r"has unknown 1 tensor.*'more'"):
        models.fill(network(), STATE | {"more": torch.zeros(1)})


def test_a_head_of_another_size_is_said_in_classes() -> None:
    with pytest.raises(ModelError, match=r"the head 'head.weight' has 1000 classes, but the domain has 2 .*`initial`"):
        models.fill(network(), network(1000).state_dict())


def test_second_heads_that_serve_training_only_are_left_out() -> None:
    torch.manual_seed(0)
    given = {"conv.weight": torch.zeros(1), "aux1.fc1.weight": torch.zeros(1), "other": torch.zeros(1)}
    found = checkpoints.named_for(network(), checkpoints.Checkpoint(given, {}, "checkpoint x"))
    assert found.keys() == {"conv.weight", "other"}


def test_a_partial_checkpoint_says_what_was_taken_and_what_not(tmp_path: Path) -> None:
    held = {name: one for name, one in STATE.items() if name.startswith("conv")} | {"head.weight": torch.zeros(10, 144)}
    torch.save({"state_dict": {f"module.{name}": one for name, one in held.items()}}, tmp_path / "part.pt")
    start = network(seed=1)
    assert initial_weights.from_checkpoint(start, tmp_path / "part.pt") == (
        "2 of 9 tensors taken from checkpoint part.pt, not norm.weight, norm.bias, norm.running_mean, "
        "norm.running_var and 2 more"
    )
    found = start.state_dict()
    assert {name for name, one in found.items() if torch.equal(one, STATE[name])} >= {"conv.weight", "conv.bias"}
    assert torch.equal(found["head.weight"], network(seed=1).state_dict()["head.weight"])
    said = initial_weights.take(network(3), dict(STATE), "it")
    assert (
        said
        == "7 of 9 tensors taken from it, not head.weight (2 x 144 there, 3 x 144 here), head.bias (2 there, 3 here)"
    )


def test_a_checkpoint_of_another_network_says_the_names_of_both(tmp_path: Path) -> None:
    torch.save({"layer1.weight": torch.zeros(2)}, tmp_path / "m.pt")
    with pytest.raises(
        ModelError, match=r"no tensor of checkpoint m\.pt fits.*has layer1\.weight, the network conv\.wei"
    ):
        initial_weights.from_checkpoint(network(), tmp_path / "m.pt")


def test_a_module_saved_from_an_optimised_copy_fits_the_compact_network(tmp_path: Path) -> None:
    compact = architectures.compact_alexnet(2, image_size=16)
    torch.save({"model": {f"_orig_mod.module.{n}": one for n, one in compact.state_dict().items()}}, tmp_path / "m.pt")
    other = architectures.compact_alexnet(2, image_size=16)
    checkpoints.complete(other, tmp_path / "m.pt")
    assert same(other.state_dict(), compact.state_dict())


@pytest.mark.parametrize("suffix", [".safetensors", ".pt"])
def test_an_array_that_does_not_lie_row_by_row_is_written_as_it_reads(tmp_path: Path, suffix: str) -> None:
    """A transposed weight, say, whose memory is column after column."""
    weight = np.arange(6, dtype=np.float32).reshape(2, 3).T
    model = TrainedModel({"weight": weight}, ("a",), 0, pd.DataFrame())
    checkpoints.write(model, tmp_path / f"model{suffix}")
    assert np.array_equal(np.asarray(checkpoints.read(tmp_path / f"model{suffix}").tensors["weight"]), weight)


def test_of_several_state_dicts_the_one_that_was_read_is_named_and_another_can_be_chosen(tmp_path: Path) -> None:
    """Raw and averaged weights in one file, beside an optimiser, whose tensors are no weights."""
    average = network(seed=5).state_dict()
    optimiser = torch.optim.AdamW(network().parameters()).state_dict()
    held = {"model": STATE, "extra": {"ema": average}, "optimizer": optimiser, "epoch": 3}
    torch.save(held, tmp_path / "m.pt")
    found = checkpoints.read(tmp_path / "m.pt")
    assert (found.key, found.others) == ("model", ("extra.ema",))
    assert same(found.tensors)
    chosen = checkpoints.read(tmp_path / "m.pt", "extra.ema")
    assert (chosen.key, chosen.others) == ("extra.ema", ("model",))
    assert same(chosen.tensors, average)
    with pytest.raises(ModelError, match=r"has nothing under 'ema'; keys that hold weights: 'model', 'extra\.ema'"):
        checkpoints.read(tmp_path / "m.pt", "ema")


def test_a_file_without_keys_refuses_one(tmp_path: Path) -> None:
    """A key that would be passed over in silence might be a mistake in the file's name."""
    save_file(dict(STATE), tmp_path / "m.safetensors")
    with pytest.raises(ModelError, match="has one set of tensors and no keys; leave checkpoint_key = 'ema' out"):
        checkpoints.read(tmp_path / "m.safetensors", "ema")


def test_a_file_of_one_state_dict_has_nothing_to_choose(tmp_path: Path) -> None:
    torch.save({"state_dict": STATE, "epoch": 3}, tmp_path / "m.pt")
    found = checkpoints.read(tmp_path / "m.pt")
    assert (found.key, found.others) == ("state_dict", ())
