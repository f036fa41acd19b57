"""Options of a network's constructor, and what published weights imply, offered by the architecture's name."""

from __future__ import annotations

import importlib.util
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
import small_case
import torch
from PIL import Image

from tlx import checking, pipeline
from tlx.casefiles import reading, writing
from tlx.casefiles.loading import load_case
from tlx.cases import Case, Domain, ModelPlan
from tlx.errors import ModelError
from tlx.networks import architectures, models, recipes
from tlx.networks.torchvision_import import datasets, transforms
from tlx.networks.torchvision_import import models as theirs
from tlx.storage import codec

GOOGLENET = """
architecture = "googlenet"
image_size = 64
resize = "crop"
resize_to = 70
layers = ["conv1.conv", "inception3a"]
{options}
[source]
kind = "folder"
title = "thick"
path = "thick"
[target]
kind = "folder"
title = "thin"
path = "thin"
[source_model]
checkpoint = "source.pt"
[target_model]
checkpoint = "target.pt"
"""
TRANSFORM = "architecture_options = { transform_input = true }"


def case_of(architecture: str, **settings: object) -> Case:
    return replace(Case("c", "c", Domain("folder", "s"), Domain("folder", "t"), architecture), **settings)  # type: ignore[arg-type]


# Options


def googlenet(home: Path, options: str, transform_input: bool = True) -> torch.nn.Module:
    """A case of a network that torchvision builds with `transform_input`; returns the network itself."""
    small_case.write(home, per_class=3)
    torch.manual_seed(3)
    raw: torch.nn.Module = theirs.googlenet(
        weights=None, num_classes=2, aux_logits=False, init_weights=False, transform_input=transform_input
    )
    for module in raw.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = None
    raw(torch.randn(8, 3, 64, 64))  # statistics of random images, without which no answer depends on the image
    raw.eval()
    for model in ("source", "target"):
        torch.save(raw.state_dict(), home / f"{model}.pt")
    (home / "google.toml").write_text(GOOGLENET.format(options=options), encoding="utf-8")
    return raw


def test_googlenet_with_its_option_answers_as_the_raw_network(tmp_path: Path) -> None:
    """The same files through torchvision's own pieces; without the option the answers are others."""
    raw = googlenet(tmp_path, TRANSFORM)
    case = load_case(tmp_path / "google.toml")
    how = [transforms.Resize(70), transforms.CenterCrop(64), transforms.ToTensor()]
    files = datasets.ImageFolder(
        str(tmp_path / "thin"), transforms.Compose([*how, transforms.Normalize(case.mean, case.std)])
    )
    with torch.inference_mode():
        expected = raw(torch.stack([picture for picture, _ in files])).softmax(1)
    table = pipeline.predictions(case, "target", "target")
    assert np.allclose(table["confidence"], expected.max(1).values, atol=1e-6)
    assert table["prediction"].tolist() == [files.classes[at] for at in expected.argmax(1)]
    plain = replace(case, architecture_options=())
    assert not np.allclose(
        pipeline.predictions(plain, "target", "target")["confidence"], table["confidence"], atol=1e-4
    )


def test_options_reach_every_kind_of_constructor(tmp_path: Path) -> None:
    assert architectures.build("resnet18", classes=2, options={"width_per_group": 64}).fc.out_features == 2
    wide = architectures.build("densenet121", classes=2, image_size=32, options={"drop_rate": 0.25})
    assert wide.features.denseblock1.denselayer1.drop_rate == 0.25
    made = architectures.build("inception_v3", classes=3, image_size=299, options={"aux_logits": True})
    assert any(name.startswith("AuxLogits") for name in made.state_dict())
    assert made.train()(torch.zeros(2, 3, 299, 299)).shape == (2, 3)  # the first of two answers
    (tmp_path / "net.py").write_text(
        "from torch import nn\n"
        "def make(classes, width=4, *, sizes=()):\n"
        "    return nn.Sequential(nn.Flatten(), nn.Linear(12, width * len(sizes)), nn.Linear(8, classes))\n"
    )
    own = architectures.build(
        "net:make", classes=2, image_size=2, home=str(tmp_path), options={"width": 4, "sizes": (1, 2)}
    )
    assert own[1].out_features == 8


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("googlenet", {"transform": True}, "option of .* 'transform' is unknown; one of aux_logits, transform_input, "),
        ("compact_alexnet", {"width": 2}, "architecture 'compact_alexnet' takes no options, and .* gives 'width'"),
        ("net:make", {"depth": 2}, "option of architecture 'net:make' 'depth' is unknown; one of width"),
        (
            "net:plain",
            {"depth": 2},
            "architecture 'net:plain' takes no options, and architecture_options gives 'depth'",
        ),
        ("resnet18", {"weights": "DEFAULT"}, "the option 'weights' of .* 'resnet18' is set by checkpoint or initial"),
        ("timm:x", {"checkpoint_path": "/x"}, "the option 'checkpoint_path' of .* is set by checkpoint or initial"),
        ("vit_b_32", {"image_size": 64}, "the option 'image_size' of .* is set by image_size"),
        ("resnet18", {"num_classes": 9}, "the option 'num_classes' of .* is set by the domain's classes"),
        ("densenet121", {"growth_rate": 8}, "the option 'growth_rate' of .* is part of what the name says"),
        ("resnet18", {"replace_stride_with_dilation": (True,)}, "cannot be built .*ValueError"),
    ],
)
def test_an_option_that_is_not_known_is_one_sentence(
    tmp_path: Path, name: str, options: dict[str, object], said: str
) -> None:
    (tmp_path / "net.py").write_text(
        "def make(classes, width=4):\n    raise RuntimeError\ndef plain(classes):\n    raise RuntimeError\n"
    )
    with pytest.raises(ModelError, match=said) as caught:
        architectures.build(name, classes=2, image_size=32, home=str(tmp_path), options=options)
    assert "\n" not in str(caught.value)


def test_a_case_file_gives_options_and_they_are_written_back(tmp_path: Path) -> None:
    """Texts, numbers, true or false and lists; they change the key, and a bundle keeps them as they are."""
    options = '{ name = "a", deep = true, width = 3, rate = 0.5, steps = [false, true], sizes = [1, 2] }'
    path = tmp_path / "case.toml"
    googlenet(tmp_path, f"architecture_options = {options}")
    path.write_text((tmp_path / "google.toml").read_text(encoding="utf-8"), encoding="utf-8")
    case, problems = reading.examined(path)
    assert problems == []
    expected = {"name": "a", "deep": True, "width": 3, "rate": 0.5, "steps": (False, True), "sizes": (1, 2)}
    assert dict(case.architecture_options) == expected
    assert case.fingerprint("source") != replace(case, architecture_options=()).fingerprint("source")
    assert case.fingerprint("data") == replace(case, architecture_options=()).fingerprint("data")
    path.write_text(writing.written(writing.described(case)), encoding="utf-8")
    assert reading.read(path).architecture_options == case.architecture_options
    case = replace(case, source=replace(case.source, options=(("train", True), ("year", 2019))))  # a bool is an int
    stored = codec.encode(case, Case, lambda *_: "")
    again = codec.decode(stored, Case, lambda _: b"")
    assert again == case
    assert [type(value) for _, value in again.architecture_options] == [
        type(value) for _, value in case.architecture_options
    ]


@pytest.mark.parametrize("value", ["7", "{ when = 2026-01-01 }", "{ deep = [[1]] }", "{ deep = { a = 1 } }"])
def test_other_options_are_refused(tmp_path: Path, value: str) -> None:
    googlenet(tmp_path, f"architecture_options = {value}")
    (problem,) = reading.examined(tmp_path / "google.toml")[1]
    assert "architecture_options must be a table of texts, numbers, true or false, or lists of these" in problem


def test_each_model_has_options_of_its_own() -> None:
    """A model's own take the place of the case's, which a network of the model's own is never given."""
    case = case_of("googlenet", architecture_options=(("transform_input", True),))
    assert case.options_of("source") == (("transform_input", True),)
    other = replace(case, source_model=ModelPlan(architecture_options=(("dropout", 0.1),)))
    assert (other.options_of("source"), other.options_of("target")) == ((("dropout", 0.1),), case.architecture_options)
    own = replace(case, target_model=ModelPlan(architecture="resnet18"))
    assert own.options_of("target") == ()
    assert models.build(case, 2).transform_input is True
    assert not hasattr(models.build(own, 2, "target"), "transform_input")
    assert other.two_networks
    assert not case.two_networks


# Recipes


def test_torchvisions_recipes_are_those_of_its_weights() -> None:
    first, second = recipes.of("resnet50")
    assert first.weights == ("IMAGENET1K_V1",)
    assert (first.keys["resize_to"], second.keys["resize_to"]) == (256, 232)
    (google,) = recipes.of("googlenet")
    assert google.keys == {
        "image_size": 224, "resize": "crop", "resize_to": 256, "interpolation": "bilinear",
        "mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225),
    }  # fmt: skip
    assert recipes.of("efficientnet_b0")[0].interpolation == "bicubic"
    assert [recipes.of(name) for name in ("compact_alexnet", "net:make", "no_such")] == [()] * 3


@pytest.mark.parametrize("name", ["resnet18", "inception_v3", "efficientnet_b0", "swin_v2_t"])
def test_a_case_that_follows_a_recipe_gives_the_pixels_of_its_transforms(name: str) -> None:
    """The tensor that the weights' own `transforms()` makes, bit for bit."""
    from tlx.images import decoding

    (recipe,) = recipes.of(name)
    case = case_of(name, **recipe.keys)
    assert recipe.differences(case) == {}
    noise = np.random.default_rng(0).integers(0, 256, (37, 53, 3)).astype(np.uint8)
    picture = Image.fromarray(noise).resize((530, 371), Image.Resampling.BICUBIC)
    expected = theirs.get_model_weights(name)["DEFAULT"].transforms()(picture)
    ours = models.normalised(decoding.pixels(picture, case.preprocessing)[None], case)[0]
    assert torch.equal(ours, expected)


def test_what_differs_from_a_recipe_is_told_as_keys() -> None:
    (recipe,) = recipes.of("resnet18")
    assert recipes.as_keys(recipe.differences(case_of("resnet18"))) == 'resize = "crop", resize_to = 256'
    grey = case_of("resnet18", channels=1, mean=(0.5,), std=(0.5,), resize="crop", resize_to=256)
    assert recipe.differences(grey) == {}
    rounded = case_of("resnet18", mean=(0.4850001, 0.456, 0.406), resize="crop", resize_to=256)
    assert recipe.differences(rounded) == {}
    assert recipe.differences(replace(rounded, std=(0.5,) * 3)) == {"std": (0.229, 0.224, 0.225)}


def configuration(**how: object) -> SimpleNamespace:
    usual = {"input_size": (3, 224, 224), "interpolation": "bicubic", "crop_pct": 0.95, "crop_mode": "center"}
    return SimpleNamespace(**usual | {"mean": (0.5,) * 3, "std": (0.25,) * 3} | how)


def test_timms_recipes_are_those_of_its_configurations(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of one tag or of all; the shorter side is rounded down; what no case file can say is left out."""
    known = {
        "net.a": configuration(),
        "net.b": configuration(),
        "net.c": configuration(input_size=(3, 300, 300), crop_pct=1.0, crop_mode="squash", interpolation="bilinear"),
        "net.d": configuration(crop_mode="border"),
        "net.e": configuration(input_size=(3, 224, 160)),
        "bare": configuration(crop_pct=None),
    }
    module = ModuleType("timm")
    vars(module).update(
        is_model=lambda name: name in known or name == "net",
        list_pretrained=lambda pattern: [name for name in known if name.startswith(pattern.removesuffix("*"))],
        get_pretrained_cfg=known.get,
    )
    module.__spec__ = importlib.util.spec_from_loader("timm", loader=None)
    monkeypatch.setitem(sys.modules, "timm", module)
    first, second = recipes.of("timm:net")
    assert (first.weights, first.resize, first.resize_to) == (("a", "b"), "crop", 235)
    assert (second.weights, second.resize, second.resize_to, second.image_size) == (("c",), "squash", 300, 300)
    assert recipes.of("net.b") == (replace(first, weights=("b",)),)
    assert recipes.of("bare")[0].resize_to == 256
    assert recipes.of("timm:other") == ()


# What check says


def facts(path: Path) -> list[str]:
    return [str(fact) for fact in checking.inspect(path).facts if fact.topic == "preprocessing"]


def test_check_shows_the_recipe_beside_the_case(tmp_path: Path) -> None:
    googlenet(tmp_path, TRANSFORM)
    own, published = facts(tmp_path / "google.toml")
    assert own.startswith(
        "both models see images so: shorter side to 70 px, the middle 64 x 64 px taken, bilinear; mean 0.485"
    )
    assert published.startswith(
        "the published weights of googlenet (IMAGENET1K_V1) see them so: shorter side to 256 px"
    )
    assert published.endswith("to follow them in the source and target models, write image_size = 224, resize_to = 256")


def test_check_says_where_a_recipe_is_followed(tmp_path: Path) -> None:
    googlenet(tmp_path, TRANSFORM)
    path = tmp_path / "google.toml"
    path.write_text(
        path.read_text()
        .replace("= 64", "= 224")
        .replace("= 70", "= 256")
        .replace("[target_model]", "[target_model]\nresize = 'squash'")
    )
    assert facts(path)[2] == "so do the published weights of googlenet (IMAGENET1K_V1)"


def test_check_says_which_option_published_weights_imply(tmp_path: Path) -> None:
    """With a checkpoint whose case is silent; never once it is said, either way."""
    googlenet(tmp_path, "")
    warned = checking.inspect(tmp_path / "google.toml").warnings
    said = [str(one) for one in warned if "transform_input" in one]
    assert len(said) == 2
    assert (
        "if source.pt was trained from them, write architecture_options = { transform_input = true }, else" in said[0]
    )
    for said_so in ("true", "false"):
        googlenet(tmp_path / said_so, f"architecture_options = {{ transform_input = {said_so} }}")
        assert not [
            one for one in checking.inspect(tmp_path / said_so / "google.toml").warnings if "transform_input" in one
        ]


def test_check_names_the_key_of_a_wrong_option(tmp_path: Path) -> None:
    googlenet(tmp_path, "architecture_options = { transform = true }")
    fatal = checking.inspect(tmp_path / "google.toml").fatal
    assert [(one.key, "'transform' is unknown" in one) for one in fatal] == [("architecture_options", True)]
