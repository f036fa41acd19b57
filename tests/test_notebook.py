"""Cases of modules and data in memory: the raw module's numbers, keyed by content, nothing of the user's changed."""

from __future__ import annotations

import copy
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import notebook_case
import numpy as np
import pytest
import torch
from captum.attr import LayerConductance
from notebook_case import CLASSES, Net, entering, made, pixels, trained
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset, Subset, TensorDataset

import tlx
from tlx import pipeline
from tlx.analysis import attribution
from tlx.casefiles.loading import load_case
from tlx.cases import Case
from tlx.errors import CaseError, ModelError, SelectionError, UserError
from tlx.networks import models


@pytest.fixture(autouse=True)
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TLX_DATA", str(tmp_path / "data"))
    return tmp_path / "data"


def answers(model: nn.Module, images: Tensor) -> Tensor:
    """What the raw module says, in evaluation mode, and the module as it was."""
    was = model.training
    with torch.inference_mode():
        scores = model.eval()(images).softmax(1)
    model.train(was)
    return scores


def agree(case: Case, model: nn.Module, images: Tensor, domain: str = "target", classes: Any = CLASSES) -> None:
    told, raw = pipeline.predictions(case, "target", domain), answers(model, images)
    assert told["prediction"].tolist() == [classes[at] for at in raw.argmax(1)]
    assert np.abs(told["confidence"] - raw.amax(1).numpy()).max() < 1e-6


def test_predictions_are_the_raw_modules_own_on_the_same_levels() -> None:
    source, target = trained(), trained(1)
    case = made(source, target)
    agree(case, target, entering(pixels(seed=1)[0]))
    agree(case, target, entering(pixels()[0]), "source")
    told = pipeline.predictions(case, "source", "source")
    right = answers(source, entering(pixels()[0])).argmax(1).numpy() == pixels()[1]
    assert (told["prediction"] == told["label"]).tolist() == right.tolist()
    assert right.mean() > 0.8  # so that a wrong order of labels would show


def test_floats_that_are_normalised_levels_are_kept_as_levels() -> None:
    """In every bit what torchvision's usual transforms make."""
    (images, labels), target = pixels(seed=1), trained(1)
    both = made(target_model=target), made(target_model=target, target=(entering(images), labels))
    assert both[0].fingerprint() == both[1].fingerprint()
    assert pipeline.images(both[1], "target").inputs is None


def test_other_floats_enter_the_networks_as_they_are() -> None:
    """In every bit, in each stage that feeds a network; the pixels are what they look like."""
    target, rng = trained(1), np.random.default_rng(0)
    images = rng.uniform(0.1, 0.9, (30, 1, 16, 16)).astype(np.float32)
    case = made(target_model=target, source=(images, pixels()[1]), target=(images, pixels()[1]), mean=0.0, std=1.0)
    kept = pipeline.images(case, "target")
    assert np.array_equal(kept.given, images.transpose(0, 2, 3, 1))
    assert np.array_equal(kept.pixels, np.rint(images * 255).astype(np.uint8).transpose(0, 2, 3, 1))
    agree(case, target, torch.from_numpy(images))
    copied, network = pipeline.load_model(case, "target"), pipeline.network(case)
    assert torch.equal(models.inputs(copied, kept.given, case), torch.from_numpy(images))
    measured = attribution.of_instances(
        copied, network, kept, np.arange(4), case=case, outputs=pipeline.trained(case, "target").classes
    )
    direct = tlx.attribution.layer_conductance(
        copied, ["third"], torch.from_numpy(images[:4]), torch.from_numpy(pixels()[1][:4]), n_steps=3
    )
    assert np.allclose(measured.layer("third"), direct["third"].numpy(), atol=1e-6)
    assert pipeline.silenced(case, "lying", "target", (("third", 0),)).before["target"][1] == pytest.approx(
        float((answers(target, torch.from_numpy(images)).argmax(1).numpy() == pixels()[1]).mean())
    )


def test_conductance_equals_captums_at_the_same_place() -> None:
    """Of the raw module on the raw tensors, for every analysed layer."""
    target = trained(1)
    case, labels = made(target_model=target, n_steps=400), torch.from_numpy(pixels(seed=1)[1])
    images, raw = entering(pixels(seed=1)[0]), copy.deepcopy(target).eval()
    measured = pipeline.conductance(case, "target", "target")
    assert measured.layers == ("first", "second", "third")
    for name, read in zip(measured.layers, raw.acts, strict=True):
        theirs = LayerConductance(raw, read).attribute(
            images, baselines=torch.zeros_like(images), target=labels, n_steps=800, method="riemann_trapezoid"
        )
        largest = theirs.flatten(2).amax(2) if theirs.ndim > 2 else theirs
        expected = largest.detach().numpy()
        assert np.abs(measured.layer(name) - expected).max() < 0.005 * np.abs(expected).max()


def test_the_users_modules_are_left_as_they_are() -> None:
    source, target = trained(), trained(1)
    target.eval()
    target.first.weight.requires_grad_(False)
    before = {name: one.clone() for name, one in target.state_dict().items()}
    case = made(source, target)
    pipeline.conductance(case, "target", "target")
    pipeline.feature_image(case, "target", "third", 0)
    assert source.training
    assert not target.training
    assert [one.requires_grad for one in target.parameters()] == [False, *[True] * 7]
    assert all(torch.equal(one, before[name]) for name, one in target.state_dict().items())
    assert not any(one._forward_hooks or one._forward_pre_hooks or one._backward_hooks for one in target.modules())
    assert {one.device.type for one in target.parameters()} == {"cpu"}
    assert pipeline.load_model(case, "target") is not target


def test_the_same_content_is_the_same_case() -> None:
    """Also of copies, by another name; nothing is computed twice, and no second folder made."""
    source, target = trained(), trained(1)
    case = made(source, target)
    pipeline.predictions(case, "target", "target")
    again = made(copy.deepcopy(source).eval(), copy.deepcopy(target), name="another")
    assert again.fingerprint() == case.fingerprint()
    assert pipeline.predictions.is_stored(again, "target", "target")
    assert made(source, target) == case
    assert load_case(Path(case.home, "case.toml")) == case


def test_a_later_training_step_changes_no_case_that_was_made() -> None:
    """And makes another of the next one; also of what is computed only then."""
    target, images = trained(1), entering(pixels(seed=1)[0])
    case, before = made(target_model=target), copy.deepcopy(target)
    notebook_case.step(target, *pixels(seed=5), times=20)
    assert float((answers(target, images) - answers(before, images)).abs().max()) > 0.01
    agree(case, before, images)
    later = made(target_model=target)
    assert later.fingerprint() != case.fingerprint()
    assert later.fingerprint("data") == case.fingerprint("data")
    agree(later, target, images)


def changed_weight(model: nn.Module) -> None:
    with torch.no_grad():
        model.last.bias[0] += 1e-3


def changed_setting(model: nn.Module) -> None:
    model.slope = 0.5


def changed_hook(model: nn.Module) -> None:
    model.last.register_forward_hook(lambda _, __, output: output + 1)


@pytest.mark.parametrize("change", [changed_weight, changed_setting, changed_hook])
def test_one_change_is_another_case(change: Any) -> None:
    source, target = trained(), trained(1)
    other = copy.deepcopy(target)
    change(other)
    case, changed = made(source, target), made(source, other)
    assert case.fingerprint("models") != changed.fingerprint("models")
    assert case.fingerprint("source") == changed.fingerprint("source")
    agree(changed, other, entering(pixels(seed=1)[0]))


def test_one_changed_image_label_split_or_class_is_another_case() -> None:
    images, labels = pixels(seed=1)
    brighter, other = images.copy(), labels.copy()
    brighter[3, 0, 0] += 1
    other[3] = (other[3] + 1) % 3
    source, target = trained(), trained(1)
    changes: list[dict[str, Any]] = [
        {},
        {"target": (brighter, labels)},
        {"target": (images, other)},
        {"target_split": "test"},
        {"classes": ("a", "b", "c")},
        {"std": 0.5},
        {"n_steps": 4},
    ]
    assert len({made(source, target, **change).fingerprint() for change in changes}) == len(changes)


def test_an_edited_forward_is_another_network() -> None:
    """Though class, name and weights are the same, as after a cell was run again."""

    def defined(power: int) -> type[nn.Module]:
        class Edited(Net):
            def forward(self, images: Tensor) -> Tensor:
                return super().forward(images) ** 1 if power == 1 else super().forward(images) * 2

        return Edited

    one, two = defined(1)(), defined(2)()
    two.load_state_dict(one.state_dict())
    case, again, other = made(one, one), made(defined(1)(), one), made(one, two)
    assert case.architecture == again.architecture
    assert case.architecture_of("target") != other.architecture_of("target")
    agree(other, two, entering(pixels(seed=1)[0]))


class Items(Dataset[Any]):
    """A map-style dataset with class names, whose items are tensors and numbers."""

    classes = ("zero", "one", "two")

    def __init__(self, *, noise: bool = False) -> None:
        self.images, self.labels = entering(pixels(seed=1)[0]), pixels(seed=1)[1]
        self.noise = noise

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, at: int) -> tuple[Tensor, int]:
        return self.images[at] + (torch.rand(()) if self.noise else 0), int(self.labels[at])


def as_pictures() -> tuple[list[Image.Image], list[int]]:
    images, labels = pixels(seed=1)
    return [Image.fromarray(one[..., 0]) for one in images], labels.tolist()


TARGETS: dict[str, Any] = {
    "uint8 tensor, channels first": lambda: (
        torch.from_numpy(pixels(seed=1)[0]).permute(0, 3, 1, 2),
        pixels(seed=1)[1],
    ),
    "grey without channels": lambda: (pixels(seed=1)[0][..., 0], torch.from_numpy(pixels(seed=1)[1])),
    "PIL images": as_pictures,
    "names as labels": lambda: (pixels(seed=1)[0], [CLASSES[at] for at in pixels(seed=1)[1]]),
    "pairs of pictures": lambda: list(zip(*as_pictures(), strict=True)),
    "dataset": Items,
    "subset": lambda: Subset(Items(), range(30)),
    "loader": lambda: DataLoader(Items(), batch_size=7),
    "generator": lambda: iter(DataLoader(Items(), batch_size=7)),
    "double tensors": lambda: TensorDataset(entering(pixels(seed=1)[0]).double(), torch.from_numpy(pixels(seed=1)[1])),
}


@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)
def test_the_same_images_in_any_form_are_the_same_case(target: Any) -> None:
    model = trained(1)
    case = made(target_model=model, target=target())
    assert case.fingerprint() == made(target_model=model).fingerprint()


def test_a_datasets_own_class_names_are_used() -> None:
    case = made(target=Items(), source=DataLoader(Items()), classes=None)
    assert pipeline.classes(case) == ("zero", "one", "two")


def test_outputs_without_names_are_numbers() -> None:
    assert pipeline.classes(made(classes=None)) == ("0", "1", "2")


def test_the_two_models_may_have_other_classes_and_heads() -> None:
    """Classes match by name."""
    images, labels = pixels(seed=1)
    model = trained(1, classes=4)
    given = {"source": CLASSES, "target": ("dotted", "lying", "none", "upright")}
    case = made(target_model=model, target=(images, [CLASSES[at] for at in labels]), classes=given)
    agree(case, model, entering(images), classes=given["target"])
    table = pipeline.class_table(case).set_index("class_name")
    assert set(table.index) == set(CLASSES)
    right = pipeline.predictions(case, "source", "target").query("label == 'dotted'")
    assert table.loc["dotted", "source_accuracy"] == (right["prediction"] == "dotted").mean()


def test_splits_are_as_given_and_else_said() -> None:
    case = made(target_split=["train"] * 12 + ["val"] * 9 + ["test"] * 9)
    assert pipeline.catalogue(case, "target").held_out == "9 for validation, 9 for test"
    assert pipeline.catalogue(case, "source").held_out == "30 for validation"
    assert "Nothing said which images of source the models had learned from" in case.about


def test_settings_are_those_of_a_case_file() -> None:
    case = made(
        layers=["second", "third"], baseline="black", n_steps=np.int64(5), seed=3, title="Bars", name="bars & co"
    )
    assert pipeline.network(case).names == ("second", "third")
    assert (case.baseline, case.n_steps, case.seed, case.title, case.name) == ("black", 5, 3, "Bars", "bars & co")


class Fails(Net):
    def forward(self, _: Tensor) -> Tensor:
        raise RuntimeError("no such luck")


class Pair(Net):
    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        scores = super().forward(images)
        return scores, torch.zeros(len(images), 7)


class Random(Net):
    def forward(self, images: Tensor) -> Tensor:
        return super().forward(nn.functional.dropout(images))


class Company(Net):
    def forward(self, images: Tensor) -> Tensor:
        return super().forward(images) - super().forward(images).mean(0)


class Lazy(Net):
    def __init__(self) -> None:
        super().__init__()
        self.third = nn.LazyLinear(12)


class Softmax(Net):
    def forward(self, images: Tensor) -> Tensor:
        return super().forward(images).softmax(1)


class Maps(Net):
    def forward(self, images: Tensor) -> Tensor:
        return self.first(images)


class Uncopied(Net):
    def __deepcopy__(self, _: Any) -> Any:
        raise RuntimeError("cannot be copied, really")


def not_a_number() -> nn.Module:
    model = trained(1)
    with torch.no_grad():
        model.last.bias[0] = torch.nan
    return model


def scripted() -> nn.Module:
    with warnings.catch_warnings(action="ignore"):  # that torch advises others now
        return torch.jit.trace(Net(), entering(pixels(seed=1)[0]))


IMAGES, LABELS = pixels(seed=1)
FLOATS = entering(IMAGES)
WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "more labels": ({"target": (IMAGES, LABELS[:-1])}, "target has 30 images and 29 labels"),
    "label beyond": (
        {"target": (IMAGES, LABELS + 1)},
        "labels of target go from 1 to 3, and the outputs .* are 0 to 2",
    ),
    "unknown name": ({"target": (IMAGES, ["cat"] * 30)}, "label 'cat' of target is none of the classes lying, "),
    "names, unnamed": (
        {"target": (IMAGES, ["lying", "dotted"] * 15), "classes": None},
        r"labels of target are names; say with classes=\[…\] which output",
    ),
    "one class": ({"target": (IMAGES, np.zeros(30, int))}, "all images of target are of class 'lying'"),
    "one-hot": ({"target": (IMAGES, np.eye(3)[LABELS])}, r"of the shape \(30, 3\); .* take argmax\(1\)"),
    "mixed labels": ({"target": (IMAGES, [0, "lying"] * 15)}, "labels of target are names and numbers"),
    "few classes": ({"classes": ("a", "b")}, "source_model has 3 outputs, and 2 classes are named: a, b"),
    "same classes": ({"classes": ("a", "b", "a")}, "classes must be different names"),
    "no list": ({"classes": "abc"}, "classes must be a list of names, not 'abc'"),
    "other order": ({"target": Items(), "classes": ("one", "zero", "two")}, "classes gives the order one, zero, two"),
    "other heads": (
        {"target_model": Net(4), "classes": None},
        "the models have 3 and 4 outputs; name those of each with classes=",
    ),
    "no normalisation": (
        {"mean": None, "std": None},
        "images of source are levels from 0 to 255; say with mean and std",
    ),
    "floats unexplained": (
        {"source": (FLOATS, LABELS), "target": (FLOATS, LABELS), "mean": None, "std": None},
        r"images of source are numbers from -\d.* take as they are; give mean and std",
    ),
    "wrong normalisation": (
        {"target": (FLOATS, LABELS), "mean": 0.1, "std": 1.5},
        r"images of target times std plus mean go from -.* were normalised with",
    ),
    "levels of 255": ({"mean": 127.5, "std": 60}, r"so divide \[127.5\] and \[60.0\] by 255"),
    "std of zero": ({"std": 0}, "std above 0"),
    "three means": ({"mean": (0.5, 0.5, 0.5)}, "mean must be one number, or one for each of 1 channels"),
    "int64 images": ({"target": (IMAGES.astype(int), LABELS)}, "images of target are int64; give uint8"),
    "NaN": ({"target": (FLOATS * torch.nan, LABELS)}, "images of target hold values that are NaN"),
    "axes": ({"target": (np.zeros((30, 16, 16, 4), np.uint8), LABELS)}, r"shape \(30, 16, 16, 4\); expected \(n, H"),
    "no squares": ({"target": (IMAGES[:, :12], LABELS)}, "images of target are 12 x 16 pixels; squares"),
    "two sizes": ({"target": (IMAGES[:, :12, :12], LABELS)}, "source are 16 x 16 x 1 and those of target 12 x 12 x 1"),
    "two sizes in one": (
        {"target": ([Image.new("L", (16, 16)), Image.new("L", (20, 16))], [0, 1])},
        "image 1 of target is 16 x 20 x 1 uint8, and the first one is 16 x 16 x 1 uint8",
    ),
    "palette": ({"target": ([Image.new("P", (16, 16))], [0])}, 'image of mode \'P\'; convert all to "RGB" or "L"'),
    "nothing": ({"target": ([], [])}, "target holds no images"),
    "meta": ({"target": (torch.empty(30, 1, 16, 16, device="meta"), LABELS)}, "device meta, which holds no numbers"),
    "a path": ({"target": "photos"}, r"target is of type str; give \(images, labels\)"),
    "dicts": ({"target": [{"image": 1}]}, "target has items of type dict"),
    "random": ({"target": Items(noise=True)}, "target gives other images each time it is read"),
    "shuffled": ({"target": DataLoader(Items(), batch_size=5, shuffle=True)}, "target gives other images each time"),
    "split word": ({"target_split": "holdout"}, "target_split has 'holdout'; each image is for training, "),
    "split count": ({"target_split": ["test"] * 3}, "target_split has 3 entries, and there are 30 images"),
    "all training": ({"target_split": "training"}, "target_split leaves no image for validation or test"),
    "no module": ({"target_model": "net"}, "target_model is of type str; give a torch module"),
    "fails": ({"target_model": Fails()}, r"target_model fails on images of 1 x 16 x 16 \(RuntimeError: no such luck\)"),
    "two answers": (
        {"target_model": Pair(), "classes": None},
        "target_model answers with tensors of 3 and 7 numbers; name as many classes as the scores are, or",
    ),
    "no such answer": (
        {"source_model": Pair(), "output": "logits"},
        "source_model: output 'logits' is unknown; one of 0, 1",
    ),
    "one answer": ({"output": "0"}, "source_model: it answers with one tensor; leave output='0' out"),
    "maps": ({"target_model": Maps()}, r"target_model answers images with \(4, 6, 8, 8\); \(n, classes\) scores"),
    "random answers": (
        {"target_model": Random()},
        "target_model answers the same image otherwise each time: its forward",
    ),
    "company": ({"target_model": Company()}, "target_model answers an image otherwise beside other images"),
    "lazy": ({"target_model": Lazy()}, "target_model has a lazy module that was never run"),
    "one output": ({"target_model": Net(1)}, "target_model has one output"),
    "script": ({"target_model": scripted()}, "target_model is a TorchScript program"),
    "no copy": ({"target_model": Uncopied()}, r"target_model cannot be copied \(RuntimeError: cannot be copied"),
    "not finite": ({"target_model": not_a_number()}, r"target_model has 1 value\(s\) in 'last.bias' that are NaN"),
    "layer": ({"layers": ["fifth"]}, "layer 'fifth' is unknown"),
    "steps": ({"n_steps": 0}, "n_steps must be from 1 to 10000, not 0"),
    "steps of text": ({"n_steps": "8"}, "n_steps must be a whole number, not '8'"),
    "a None": ({"n_steps": None}, "a parameter is of a type that no case has"),
    "baseline": ({"baseline": "white"}, "baseline 'white' is unknown"),
    "taken name": ({"name": "digits"}, "name 'digits' is that of a case that comes with tlx"),
    "no name": ({"name": " "}, "name must not be empty"),
}


@pytest.mark.parametrize(("changed", "said"), WRONG.values(), ids=WRONG)
def test_a_wrong_input_is_one_sentence(changed: dict[str, Any], said: str, data: Path) -> None:
    with pytest.raises(UserError, match=said) as caught:
        made(**changed)
    assert "\n" not in str(caught.value)
    left = [*data.glob("notebook/*")]
    assert not [path for path in left if path.name.startswith(".")]
    assert not left or isinstance(caught.value, SelectionError)  # a layer is known once the case can be traced


def test_a_data_folder_that_cannot_be_written_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("TLX_DATA", str(tmp_path / "file"))
    with pytest.raises(CaseError, match=r"cannot be written below .*set TLX_DATA to a folder that can"):
        made()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of torch.compile's own imports
@pytest.mark.parametrize("wrapped", [nn.DataParallel, torch.compile], ids=["parallel", "compiled"])
def test_wrapped_modules_are_unwrapped(wrapped: Any) -> None:
    model = trained(1)
    assert made(target_model=wrapped(model)).fingerprint() == made(target_model=model).fingerprint()


def test_the_part_of_an_answer_that_has_the_classes_is_read() -> None:
    """And said; `output` chooses another."""
    model = Pair()
    model.load_state_dict(trained(1).state_dict())
    case = made(target_model=model)
    agree(case, trained(1), entering(pixels(seed=1)[0]))
    assert "of which output = '0' is read" in pipeline.notes(case, "target")[0]
    with pytest.raises(CaseError, match="source_model has 7 outputs, and 3 classes are named"):
        made(model, model, output="1")


def test_probabilities_are_not_softened_again() -> None:
    model = Softmax()
    model.load_state_dict(trained(1).state_dict())
    agree(made(target_model=model), trained(1), entering(pixels(seed=1)[0]))


def test_tied_weights_are_kept_under_both_names() -> None:
    model = trained(1)
    model.again = nn.Linear(12, 3)
    model.again.weight = model.last.weight
    agree(made(target_model=model), model, entering(pixels(seed=1)[0]))


def test_no_module_of_a_notebook_is_trained() -> None:
    """Its weights would be somebody's, where a control needs random ones."""
    case = made(target_split=["training", "validation", "test"] * 10)
    for asked in (pipeline.control, lambda one: pipeline.few_labels(one, 1, 0, "from scratch")):
        with pytest.raises(ModelError, match="made in a notebook and are explained as they are"):
            asked(case)


@pytest.mark.parametrize("content", [b"", b"no tensors", b"\x08\0\0\0\0\0\0\0{}      "])
def test_a_damaged_file_of_images_is_a_sentence(content: bytes) -> None:
    case = made()
    Path(case.target.path).write_bytes(content)
    with pytest.raises(UserError, match=r"holds no images as tlx\.case writes them"):
        pipeline.catalogue(load_case(Path(case.home, "case.toml")), "target")


def test_importing_tlx_needs_no_torch() -> None:
    code = "import sys, tlx; assert 'torch' not in sys.modules; assert {'case', 'show'} <= {*dir(tlx)}"
    subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parent.parent, check=True)


def test_the_readmes_example_is_true(monkeypatch: pytest.MonkeyPatch) -> None:
    """With two classes of colour images."""
    text = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")
    code = text.partition("## From a notebook")[2].partition("```python\n")[2].partition("```")[0]
    images, shown = np.random.default_rng(0).integers(0, 256, (12, 3, 16, 16), dtype=np.uint8), []
    network = nn.Sequential(
        nn.Conv2d(3, 4, 3, 2), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 49, 5), nn.ReLU(), nn.Linear(5, 2)
    )
    floats = torch.from_numpy(images).float().div(255)
    for channel, (mean, std) in enumerate(zip((0.485, 0.456, 0.406), (0.229, 0.224, 0.225), strict=True)):
        floats[:, channel].sub_(mean).div_(std)
    labels = np.arange(12) % 2
    names = {"images": images, "labels": labels, "source_model": network, "target_model": network}
    names["source_dataset"] = TensorDataset(floats, torch.from_numpy(labels))
    monkeypatch.setattr(tlx, "show", shown.append, raising=False)
    exec(code, names)
    assert shown == [names["case"]]
    assert pipeline.images(shown[0], "source").inputs is None
