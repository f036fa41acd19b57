"""Checkpoints are tensors, in whatever usual wrapping, or refused in one sentence; nothing in a file is ever run."""

from __future__ import annotations

import argparse
import os
import pickle
import zipfile
from collections import OrderedDict
from collections.abc import Callable
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
    (told,) = initial_weights.from_checkpoint(start, tmp_path / "part.pt")
    assert told == (
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
    said = (
        r"nothing under 'ema'; the names of its tensors begin with 'conv\.', 'head\.', 'norm\.'; leave checkpoint_key"
    )
    with pytest.raises(ModelError, match=said):
        checkpoints.read(tmp_path / "m.safetensors", "ema")


def test_a_file_of_one_state_dict_has_nothing_to_choose(tmp_path: Path) -> None:
    torch.save({"state_dict": STATE, "epoch": 3}, tmp_path / "m.pt")
    found = checkpoints.read(tmp_path / "m.pt")
    assert (found.key, found.others) == ("state_dict", ())


BESIDE = {"criterion.weight": torch.ones(2), "ema_steps": torch.tensor(7), "head2.weight": torch.zeros(3, 144)}


def complete(path: Path, key: str = "") -> checkpoints.Checkpoint:
    return checkpoints.complete(network(seed=1), path, key)


@pytest.mark.parametrize("prefix", ["", "module."])
def test_tensors_beside_a_complete_set_are_passed_by_counted_and_named(tmp_path: Path, prefix: str) -> None:
    """Weights of a loss, a counter, a second head: none of the network's own parts has more than it should."""
    torch.save({f"{prefix}{name}": one for name, one in (STATE | BESIDE).items()}, tmp_path / "m.pt")
    assert same(taken(tmp_path / "m.pt"))
    assert complete(tmp_path / "m.pt").notes == (
        "3 tensors beside the network's are passed by, such as 'criterion.weight'",
    )


def test_where_tensors_are_missing_and_others_there_the_error_shows_both(tmp_path: Path) -> None:
    lacking = {name: one for name, one in (STATE | BESIDE).items() if not name.startswith("head.")}
    torch.save(lacking, tmp_path / "m.pt")
    said = (
        r"m\.pt lacks 2 of this network's 9 tensors, such as 'head.weight', and has 3 that it does not, such as "
        r"'criterion.weight'; the names in it are 'conv.weight', 'conv.bias', 'norm.weight', "
    )
    with pytest.raises(ModelError, match=said):
        complete(tmp_path / "m.pt")


def test_more_tensors_in_a_part_of_the_network_are_of_a_larger_network(tmp_path: Path) -> None:
    """A ResNet-34 has every tensor of a ResNet-18, in the same shapes; read as that it would be another network."""
    torch.manual_seed(0)
    larger, smaller = (architectures.build(name, classes=5) for name in ("resnet34", "resnet18"))
    torch.save(larger.state_dict(), tmp_path / "m.pt")
    said = (
        r"has \d+ tensor\(s\) more in parts of this network than the network has there, such as "
        r"'layer1.2.conv1.weight'; it comes from a larger one; the nearest of torchvision's networks is resnet34, 216 "
        r"of the 218 tensors of which fit"
    )
    with pytest.raises(ModelError, match=said):
        checkpoints.complete(smaller, tmp_path / "m.pt")


@pytest.mark.parametrize("name", ["3.weight", "conv.lora.weight"])
def test_one_more_layer_of_a_sequence_or_a_part_is_not_passed_by(tmp_path: Path, name: str) -> None:
    torch.save(STATE | {name: torch.zeros(2)}, tmp_path / "m.pt")
    with pytest.raises(ModelError, match=f"more in parts of this network .* such as '{name}'"):
        complete(tmp_path / "m.pt")


def test_counters_within_a_part_of_the_network_are_passed_by(tmp_path: Path) -> None:
    torch.save(STATE | {"conv.calls": torch.tensor(3)}, tmp_path / "m.pt")
    assert complete(tmp_path / "m.pt").passed == ("conv.calls",)


def test_a_prefix_of_the_users_own_is_taken_off_where_it_alone_gives_the_whole_network(tmp_path: Path) -> None:
    torch.save({f"student.{name}": one for name, one in STATE.items()} | BESIDE, tmp_path / "m.pt")
    assert same(taken(tmp_path / "m.pt"))
    assert complete(tmp_path / "m.pt").passed == tuple(BESIDE)


@pytest.mark.parametrize("suffix", ["pt", "safetensors"])
def test_of_two_networks_in_one_state_dict_one_has_to_be_chosen(tmp_path: Path, suffix: str) -> None:
    other = network(seed=5).state_dict()
    held = {f"student.{name}": one for name, one in STATE.items()}
    held |= {f"teacher.{name}": one.clone() for name, one in other.items()}
    path = tmp_path / f"m.{suffix}"
    (save_file if suffix == "safetensors" else torch.save)(held, path)
    said = r"2 times, with names that begin with 'student\.', 'teacher\.'; choose with checkpoint_key = 'student' or"
    with pytest.raises(ModelError, match=said):
        complete(path)
    assert same(checkpoints.read(path, "teacher").tensors, other)
    assert checkpoints.read(path, "teacher").key == "teacher"


def test_an_average_beside_the_weights_under_names_of_its_own_is_told(tmp_path: Path) -> None:
    """Lightning's way: `model.…` and `ema.…` in one state dict. What was read, and what else could have been."""
    held = {f"model.{name}": one for name, one in STATE.items()}
    held |= {f"ema.{name}": one for name, one in network(seed=5).state_dict().items()}
    torch.save({"state_dict": held}, tmp_path / "m.pt")
    assert same(taken(tmp_path / "m.pt"))
    found = complete(tmp_path / "m.pt")
    assert (found.key, found.others, found.passed) == ("state_dict.model", ("state_dict.ema",), ())
    assert same(checkpoints.read(tmp_path / "m.pt", "state_dict.ema").tensors, network(seed=5).state_dict())


def test_another_key_whose_weights_fit_is_named(tmp_path: Path) -> None:
    torch.save({"model": {"projector.weight": torch.zeros(2)}, "probe": STATE}, tmp_path / "m.pt")
    with pytest.raises(ModelError, match="its weights under 'probe' fit, so say checkpoint_key = 'probe'"):
        complete(tmp_path / "m.pt")
    assert complete(tmp_path / "m.pt", "probe").key == "probe"


def test_a_file_of_another_network_shows_its_names_and_is_told_from_its_shapes(tmp_path: Path) -> None:
    torch.manual_seed(0)
    held = {
        f"learner.{name}": one for name, one in architectures.build("squeezenet1_1", classes=3).state_dict().items()
    }
    torch.save(held, tmp_path / "m.pt")
    with pytest.raises(ModelError, match=r"all beginning with 'learner\.'") as caught:
        complete(tmp_path / "m.pt")
    assert "lacks 8 of this network's 9 tensors, such as 'conv.weight'; the names in it are 'learner." in str(
        caught.value
    )
    assert str(caught.value).endswith(
        "; the nearest of torchvision's networks is squeezenet1_1, 50 of the 52 tensors of which fit"
    )


def test_initial_weights_say_which_key_was_read_and_which_could_be(tmp_path: Path) -> None:
    average = network(seed=5).state_dict()
    torch.save({"model": STATE, "model_ema": average}, tmp_path / "m.pt")
    start = network(seed=1)
    assert initial_weights.from_checkpoint(start, tmp_path / "m.pt") == (
        "9 of 9 tensors taken from checkpoint m.pt",
        "the weights under 'model' of its file were read, and others lie under 'model_ema'; the key checkpoint_key "
        "chooses",
    )
    assert same(start.state_dict())
    initial_weights.from_checkpoint(start, tmp_path / "m.pt", "model_ema")
    assert same(start.state_dict(), average)


def test_a_network_that_wraps_the_saved_one_takes_its_weights(tmp_path: Path) -> None:
    """Names with one more part in front; what is passed by or not is as without it."""
    for file, beside in (("m.pt", BESIDE), ("more.pt", {"conv.lora.weight": torch.zeros(2)})):
        torch.save({f"module.{name}": one for name, one in (STATE | beside).items()}, tmp_path / file)
    wrapped = nn.ModuleDict({"inner": network(seed=1)})
    assert len(checkpoints.complete(wrapped, tmp_path / "m.pt").passed) == 3
    assert same(wrapped["inner"].state_dict())
    with pytest.raises(ModelError, match="more in parts of this network"):
        checkpoints.complete(wrapped, tmp_path / "more.pt")


@pytest.mark.parametrize("suffix", ["pt", "safetensors"])
def test_a_pointer_of_large_file_storage_is_named(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"m.{suffix}"
    path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:4d7a214614ab2935\nsize 12345\n")
    refused(path, "is a pointer of Git LFS, not the file itself; run git lfs pull")


@pytest.mark.parametrize(
    "inside",
    [
        {"state": STATE},
        {"net": {"module": STATE}, "epoch": 3},
        {"module": STATE, "optimizer": {"state": {"exp_avg": torch.zeros(2)}}},
    ],
)
def test_weights_under_the_only_key_that_holds_some_are_read(tmp_path: Path, inside: dict[str, object]) -> None:
    torch.save(inside, tmp_path / "m.pt")
    assert same(taken(tmp_path / "m.pt"))


def test_of_several_unusual_keys_one_is_asked_for(tmp_path: Path) -> None:
    torch.save({"netG": network(seed=3).state_dict(), "netD": STATE, "optimizerD": {"state": {}}}, tmp_path / "m.pt")
    refused(tmp_path / "m.pt", "holds weights under 'netG', 'netD'; choose with checkpoint_key")
    assert same(checkpoints.read(tmp_path / "m.pt", "netD").tensors)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda one: (100 * one).to(torch.int8), "numbers of type torch.int8, as quantisation leaves them"),
        (lambda one: one.to("meta"), "a shape without numbers"),
        (lambda one: one.to_sparse(), "numbers in the layout torch.sparse_coo"),
    ],
)
def test_tensors_without_plain_numbers_are_named(tmp_path: Path, change: Callable[[Tensor], Tensor], said: str) -> None:
    torch.save(STATE | {"conv.weight": change(STATE["conv.weight"])}, tmp_path / "m.pt")
    with pytest.raises(ModelError, match=f"tensor 'conv.weight' of checkpoint .* holds {said}"):
        checkpoints.complete(network(), tmp_path / "m.pt")


@pytest.mark.parametrize("name", ["m.pt", "m.bin", "m.SAFETENSORS"])
def test_a_file_is_known_by_how_it_begins(tmp_path: Path, name: str) -> None:
    save_file(dict(STATE), tmp_path / name)
    assert same(taken(tmp_path / name))
    torch.save(dict(STATE), tmp_path / "m.safetensors")
    assert same(taken(tmp_path / "m.safetensors"))


@pytest.mark.parametrize(
    "content", [b"\x89HDF\r\n\x1a\n" + bytes(99), b"\x08\x07pytorch" + bytes(99), b"\x1f\x8b" + bytes(99)]
)
def test_files_of_other_programs_are_no_files_of_tensors(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "m.h5").write_bytes(content)
    refused(tmp_path / "m.h5", r"is not a file of tensors only \(it is none that torch.save or safetensors writes\)")


def test_an_archive_of_something_else_says_what_it_holds(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "m.zip", "w") as archive:
        archive.writestr("best.pt", b"")
    refused(tmp_path / "m.zip", "is an archive that torch.save did not write, which holds best.pt")
