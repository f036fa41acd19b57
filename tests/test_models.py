"""Networks by name: torchvision's, timm's, ours and the user's own; whatever does not work is one sentence."""

from __future__ import annotations

import importlib.util
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest
import torch
from torch import nn

from tlx.casefiles.loading import load_case
from tlx.cases import Case, Domain, ModelPlan
from tlx.errors import ModelError
from tlx.networks import architectures, models
from tlx.training import strategies

CASE = Case(
    "nets", "nets", Domain("folder", "s"), Domain("folder", "t"), "net:make", image_size=16,
    mean=(0.5,) * 3, std=(0.5,) * 3,
)  # fmt: skip
NET = """
import torch
from torch import nn
from helper import WIDTH

class Net(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.conv, self.head = nn.Conv2d(3, WIDTH, 3), nn.Linear(WIDTH, classes)
    def forward(self, x):
        return {answer}

def make(classes):
    return Net(classes)

def broken(classes):
    raise RuntimeError("no such\\nthing")

def nothing(classes):
    return classes
"""
SCORES = "self.head(torch.relu(self.conv(x)).mean((2, 3)))"


def own(home: Path, answer: str = SCORES, architecture: str = "net:make", width: int = 5) -> Case:
    """A case with a module of its own, and one that this imports, beside the case file."""
    (home / "net.py").write_text(NET.replace("{answer}", answer))
    (home / "helper.py").write_text(f"WIDTH = {width}\n")
    return replace(CASE, architecture=architecture, home=str(home))


def probed(case: Case, classes: int = 4) -> nn.Module:
    return models.probe(models.build(case, classes), case, classes)


def named(name: str, **settings: object) -> Case:
    return replace(CASE, architecture=name, **settings)


@pytest.mark.parametrize(
    ("name", "image_size", "head"),
    [
        ("squeezenet1_1", 32, "classifier.1"),
        ("mobilenet_v3_small", 32, "classifier.3"),
        ("vit_b_32", 32, "heads.head"),
    ],
)
def test_networks_of_torchvision_answer_with_the_classes_of_the_case(name: str, image_size: int, head: str) -> None:
    """Those whose head is a convolution and those built for one image size, too."""
    case = named(name, image_size=image_size)
    network = probed(case)
    assert strategies.head(network, models.example(case)) == head


def test_a_network_that_asks_for_its_dicts_version_is_filled() -> None:
    """MNASNet refuses a state dict that does not say its version; the same weights give the same answers."""
    one, other = (architectures.build("mnasnet0_5", classes=3, image_size=32).eval() for _ in range(2))
    models.fill(other, dict(one.state_dict()))
    images = torch.rand(2, 3, 32, 32)
    assert torch.equal(one(images), other(images))
    models.load(other, {"classifier.1.bias": torch.full((3,), 7.0)})
    assert (other.state_dict()["classifier.1.bias"] == 7).all()


@pytest.mark.parametrize(("name", "size"), [("googlenet", 32), ("inception_v3", 75)])
def test_second_heads_are_not_built(name: str, size: int) -> None:
    network = architectures.build(name, classes=3, image_size=size)
    assert not any(part.lower().startswith("aux") for part, _ in network.named_children())
    assert network.train()(torch.zeros(2, 3, size, size)).shape == (2, 3)


def test_a_network_for_colour_takes_gray_images_by_another_first_convolution() -> None:
    case = named("squeezenet1_1", channels=1, mean=(0.5,), std=(0.5,), image_size=32)
    network = probed(case)
    first = network.get_submodule("features.0")
    assert (first.in_channels, first.out_channels, first.stride, first.bias is None) == (1, 64, (2, 2), False)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("alxnet", r"architecture 'alxnet' is unknown; did you mean alexnet"),
        (
            "alexnet",
            r"'alexnet' fails on images of 3 x 16 x 16 \(RuntimeError: .*\); it takes 64 x 64; change image_size",
        ),
        ("vit_b_32", r"architecture 'vit_b_32' cannot be built for 4 classes and 3 x 16 x 16 images: \w+: "),
        ("timm:resnet10t", r"architecture 'timm:resnet10t' needs timm, which is not installed; run: pip install timm"),
        ("no_such_module:make", r"'no_such_module:make' cannot be imported \(No module named 'no_such_module'\); give"),
        ("toy:nothing", r"'toy:nothing' cannot be imported \(module 'toy' has no attribute 'nothing'\)"),
        (":make", r"':make' cannot be imported"),
    ],
)
def test_a_network_that_cannot_be_had_is_one_sentence(name: str, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", dict[str, object]().get)
    with pytest.raises(ModelError, match=said) as caught:
        probed(named(name))
    assert "\n" not in str(caught.value)


def test_a_module_beside_the_case_file_is_found_and_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two cases may each have a net.py, an edited one is read anew, and nothing is written beside it."""
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    (tmp_path / "other").mkdir()
    path = list(sys.path)
    cases = [own(tmp_path), own(tmp_path / "other", width=7)]
    widths = [probed(case).get_submodule("head").in_features for case in cases]
    assert widths == [5, 7]
    assert probed(own(tmp_path, width=9)).get_submodule("head").in_features == 9
    assert sys.path == path
    assert not {"net", "helper"} & sys.modules.keys()
    assert not list(tmp_path.rglob("*.pyc"))


def test_a_case_file_names_a_module_beside_it_and_its_content_counts(tmp_path: Path) -> None:
    own(tmp_path)
    text = 'architecture = "net:make"\nimage_size = 16\n'
    for side in ("source", "target"):
        (tmp_path / side / "a").mkdir(parents=True)
        text += f'[{side}]\nkind = "folder"\ntitle = "{side}"\npath = "{side}"\n'
    (tmp_path / "case.toml").write_text(text)
    before = load_case(tmp_path / "case.toml")
    assert probed(before).get_submodule("head").in_features == 5
    (tmp_path / "net.py").write_text((tmp_path / "net.py").read_text() + "# another\n")
    after = load_case(tmp_path / "case.toml")
    assert before.fingerprint("data") == after.fingerprint("data")
    assert before.fingerprint("models") != after.fingerprint("models")


@pytest.mark.parametrize("answer", [f"({SCORES}, x)", f"{{'features': x, 'logits': {SCORES}}}", f"[x, {SCORES}]"])
def test_scores_are_found_in_tuples_and_dicts(tmp_path: Path, answer: str) -> None:
    case = own(tmp_path, answer)
    network = probed(case)
    assert network(models.example(case, 3)).shape == (3, 4)
    assert models.network(case, 4).names == ("conv",)


@pytest.mark.parametrize(
    ("answer", "architecture", "said"),
    [
        ("(x, x)", "net:make", r"answers with tuple that holds no \(n, 4\) scores"),
        ("x", "net:make", r"answers 2 images with an array of shape \(2, 3, 16, 16\), not with the \(2, 4\) scores"),
        (f"{SCORES}[:, :2]", "net:make", r"array of shape \(2, 2\), not .* \(2, 4\) scores of the source domain's 4"),
        ("self.gone", "net:make", r"fails on images of 3 x 16 x 16 \(AttributeError: 'Net' object has no attribute"),
        (SCORES, "net:broken", r"'net:broken' cannot be built for 4 classes: RuntimeError: no such$"),
        (SCORES, "net:nothing", r"'net:nothing' must return a torch module, not int"),
        ("\n    syntax error", "net:make", r"'net:make' cannot be imported \(SyntaxError: .*; mend its module"),
    ],
)
def test_what_goes_wrong_in_a_users_network_is_one_sentence(
    tmp_path: Path, answer: str, architecture: str, said: str
) -> None:
    with pytest.raises(ModelError, match=said) as caught:
        probed(own(tmp_path, answer, architecture))
    assert "\n" not in str(caught.value)


def fake_timm(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, object]]:
    """A timm of two networks, one of which is built for one image size; returns what it is asked for."""
    asked: list[dict[str, object]] = []

    def create_model(name: str, **options: object) -> nn.Module:
        if name == "any_size" and "img_size" in options:
            raise TypeError("unexpected keyword argument 'img_size'")
        asked.append({"name": name, **options})
        network = nn.Sequential(nn.Conv2d(int(str(options["in_chans"])), 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten())
        return network.append(nn.Linear(4, int(str(options["num_classes"]))))

    module = ModuleType("timm")
    vars(module).update(
        create_model=create_model, is_model=("one_size", "any_size").__contains__,
        list_models=lambda: ["one_size", "any_size", "resnet18"],
    )  # fmt: skip
    module.__spec__ = importlib.util.spec_from_loader("timm", loader=None)
    monkeypatch.setitem(sys.modules, "timm", module)
    return asked


@pytest.mark.parametrize("prefix", ["timm:", ""])
def test_networks_of_timm_are_built_where_it_is_installed(prefix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = fake_timm(monkeypatch)
    gray = {"channels": 1, "mean": (0.5,), "std": (0.5,)}
    probed(named(f"{prefix}one_size", **gray))
    probed(named(f"{prefix}any_size", **gray))
    usual = {"pretrained": False, "num_classes": 4, "in_chans": 1}
    assert asked == [{"name": "one_size", "img_size": 16, **usual}, {"name": "any_size", **usual}]
    with pytest.raises(ModelError, match=rf"architecture '{prefix}one_sise' is unknown; .*{prefix}one_size"):
        probed(named(f"{prefix}one_sise"))


def test_a_network_of_both_libraries_is_proposed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    fake_timm(monkeypatch)
    with pytest.raises(ModelError, match=r"'resnett18' is unknown; did you mean ") as caught:
        probed(named("resnett18"))
    proposed = str(caught.value).partition("did you mean ")[2].partition("?")[0].split(" or ")
    assert proposed[0] == "resnet18"
    assert len(proposed) == len(set(proposed)) > 1
    with pytest.raises(
        ModelError, match=r"'timm:resnett18' is unknown; one of timm:one_size, timm:any_size, timm:resnet18"
    ):
        probed(named("timm:resnett18"))


def test_each_model_may_have_a_network_of_its_own(tmp_path: Path) -> None:
    case = replace(own(tmp_path), target_model=ModelPlan(architecture="compact_alexnet"))
    assert "conv5" in dict(models.build(case, 2, "target").named_modules())
    assert "conv5" not in dict(models.build(case, 2, "source").named_modules())
