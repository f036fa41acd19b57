"""Two models that were trained on other inputs: each is given its own everywhere, and the pages show the case's."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from captum.attr import LayerConductance
from PIL import Image
from torch import nn

from tlx import checking, pipeline
from tlx.analysis import attribution
from tlx.casefiles import reading
from tlx.casefiles.loading import load_case
from tlx.cases import DOMAINS, MODELS, Case
from tlx.errors import DataError
from tlx.networks import models
from tlx.networks.torchvision_import import datasets, transforms

NET = """
from collections import OrderedDict
from torch import nn

def make(classes):
    return nn.Sequential(OrderedDict([
        ("first", nn.Conv2d(3, 6, 3, stride=2)), ("relu1", nn.ReLU()), ("second", nn.Conv2d(6, 5, 3)),
        ("relu2", nn.ReLU()), ("pool", nn.AdaptiveAvgPool2d(2)), ("flat", nn.Flatten()),
        ("third", nn.Linear(20, 8)), ("relu3", nn.ReLU()), ("last", nn.Linear(8, classes)),
    ]))
"""
TEXT = """
architecture = "net:make"
image_size = 20
mean = [0.5, 0.4, 0.3]
std = [0.25, 0.3, 0.35]
interpolation = "bicubic"
n_steps = 4
[source]
kind = "folder"
title = "wide"
path = "source"
training_share = 0.6
[target]
kind = "folder"
title = "high"
path = "target"
training_share = 0.6
[source_model]
{source}
image_size = 24
resize = "crop"
resize_to = 27
mean = [0.1, 0.2, 0.3]
interpolation = "bilinear"
[target_model]
{target}
std = [0.5, 0.5, 0.5]
"""
TRAINED = "training = { epochs = 2, batch_size = 4, learning_rate = 0.01 }"
THEIRS = {
    "source": transforms.Compose(
        [
            transforms.Resize(27),
            transforms.CenterCrop(24),
            transforms.ToTensor(),
            transforms.Normalize([0.1, 0.2, 0.3], [0.25, 0.3, 0.35]),
        ]
    ),
    "target": transforms.Compose(
        [
            transforms.Resize((20, 20), transforms.InterpolationMode.BICUBIC),
            transforms.ToTensor(),
            transforms.Normalize([0.5, 0.4, 0.3], [0.5, 0.5, 0.5]),
        ]
    ),
}


def write(home: Path, source: str = 'checkpoint = "source.pt"', target: str = 'checkpoint = "target.pt"') -> Path:
    """Noise with a light bar in files of two shapes; two networks with random weights."""
    for domain, size in (("source", (41, 29)), ("target", (26, 33))):
        for turned, label in enumerate(("lying", "upright")):
            (home / domain / label).mkdir(parents=True)
            for at in range(5):
                pixels = np.random.default_rng((at, turned, size[0])).integers(0, 120, (size[1], size[0], 3))
                place = slice(6 + at, 12 + at)
                pixels[(slice(None), place) if turned else (place, slice(None))] += 120
                Image.fromarray(pixels.astype(np.uint8)).save(home / domain / label / f"{at}.png")
    (home / "net.py").write_text(NET)
    path = home / "case.toml"
    path.write_text(TEXT.format(source=source, target=target), encoding="utf-8")
    for seed, model in enumerate(MODELS):
        torch.manual_seed(seed)
        torch.save(models.build(reading.examined(path)[0], 2, model).state_dict(), home / f"{model}.pt")
    return path


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Case:
    return load_case(write(tmp_path_factory.mktemp("two")))


def raw(case: Case, model: str) -> nn.Module:
    """The network itself with the weights of its file, without tlx's ways."""
    space: dict[str, object] = {}
    exec(NET, space)
    network: nn.Module = space["make"](2)  # type: ignore[operator]
    network.load_state_dict(torch.load(case.plan(model).checkpoint, weights_only=True))
    return network.eval()


def files(case: Case, model: str, domain: str) -> tuple[torch.Tensor, torch.Tensor]:
    """The tensors and labels that its author's own loader gives a model of a domain's files."""
    folder = datasets.ImageFolder(case.domain(domain).path, THEIRS[model])
    return torch.stack([picture for picture, _ in folder]), torch.tensor(folder.targets)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("domain", DOMAINS)
def test_answers_are_the_raw_networks_on_its_own_inputs(case: Case, model: str, domain: str) -> None:
    network, (inputs, _) = raw(case, model), files(case, model, domain)
    with torch.inference_mode():
        confidence, said = network(inputs).softmax(1).max(1)
        entered = network[:6](inputs)
        maps = network[:4](inputs)
    table = pipeline.predictions(case, model, domain)
    assert np.allclose(table["confidence"], confidence, atol=1e-6)
    assert table["prediction"].tolist() == [("lying", "upright")[at] for at in said]
    assert np.allclose(pipeline.vectors(case, model, domain), entered, atol=1e-6)
    found = pipeline.activations(case, model, domain)
    assert np.allclose(found.layer("second"), maps.amax((2, 3)), atol=1e-6)
    assert (found.layer_positions("second") == maps.flatten(2).argmax(2).numpy()).all()


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("domain", DOMAINS)
def test_conductance_is_captums_on_its_own_inputs(case: Case, model: str, domain: str) -> None:
    """The pipeline's is the engine's on the author's own tensors, and at equal steps the engine's is Captum's."""
    network, (inputs, labels) = raw(case, model), files(case, model, domain)
    found = pipeline.conductance(case, model, domain)
    expected = attribution.layer_conductance(network, found.layers, inputs, labels, n_steps=case.n_steps)
    equal = attribution.layer_conductance(network, found.layers, inputs, labels, n_steps=4, rule="left", power=1)
    for name, module in (("first", network.relu1), ("second", network.relu2), ("third", network.relu3)):
        assert np.allclose(found.layer(name), expected[name], rtol=1e-4, atol=1e-7)
        maps = LayerConductance(network, module).attribute(
            inputs, baselines=torch.zeros_like(inputs), target=labels, n_steps=4, method="riemann_trapezoid"
        )
        captum = maps.detach().flatten(2).amax(2) if maps.ndim > 2 else maps.detach()
        assert torch.allclose(equal[name], captum, rtol=1e-3, atol=1e-7)


@pytest.mark.parametrize("model", MODELS)
def test_an_edge_answers_to_the_models_own_input(case: Case, model: str) -> None:
    network, (inputs, _) = raw(case, model), files(case, model, "target")
    found = pipeline.kernel_response(case, model, ("first", "second"), (2, 3), 7)
    with torch.inference_mode():
        entering = network[:2](inputs[7:8])
        answer = nn.functional.conv2d(entering[:, 2:3], network.second.weight[3, 2][None, None])
    assert np.allclose(found.entering, entering[0, 2], atol=1e-5)
    assert np.allclose(found.response, answer[0, 0], atol=1e-5)


SPACES = {
    "source": {(24, (0.1, 0.2, 0.3), (0.25, 0.3, 0.35))},
    "target": {(20, (0.5, 0.4, 0.3), (0.5, 0.5, 0.5))},
}


@pytest.fixture
def spaces(monkeypatch: pytest.MonkeyPatch) -> set[tuple[object, ...]]:
    """(side, mean, std) of all that is made a network's input from now on."""
    seen: set[tuple[object, ...]] = set()
    real = models.normalised

    def normalised(pixels: np.ndarray, case: Case) -> torch.Tensor:
        seen.add((pixels.shape[1], case.mean, case.std))
        return real(pixels, case)

    monkeypatch.setattr(models, "normalised", normalised)
    return seen


@pytest.mark.parametrize("model", MODELS)
def test_silencing_asks_about_the_models_own_inputs(case: Case, model: str, spaces: set[tuple[object, ...]]) -> None:
    """With nothing silenced the share of right answers is that of the predictions on held-out images."""
    pipeline.abstraction(case, model, "upright")
    pipeline.activations(case, model, "target")
    spaces.clear()
    found = pipeline.silenced(case, "upright", model, (("second", 1),))
    assert spaces == SPACES[model]
    for domain in DOMAINS:
        table = pipeline.predictions(case, model, domain)
        held_out = table[table["split"] == "validation"]
        assert found.n[domain][1] == len(held_out)
        assert found.before[domain][1] == pytest.approx((held_out["label"] == held_out["prediction"]).mean())


@pytest.mark.parametrize(("model", "size"), [("source", 24), ("target", 20)])
def test_crops_and_feature_images_are_in_the_models_own_pixels(
    case: Case, model: str, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the neuron sees all, the crop is the whole input, as `displayed` shows it."""
    seen = case.seen_by(model)
    for domain, crops in pipeline.crops(case, model, "third", 0).items():
        shown = models.displayed(files(case, model, domain)[0], seen)
        for crop in crops:
            assert crop.pixels.shape == (size, size, 3)
            assert (crop.pixels == shown[crop.instance]).all()
    answers = pipeline.activations(case, model, "target").layer("second").max(axis=0)
    first = pipeline.crops(case, model, "second", int(answers.argmax()))["target"][0]
    field = pipeline.network_of(case, model).layer("second").field
    assert field is not None
    assert first.pixels.shape == (field[0], field[0], 3)
    monkeypatch.setattr("tlx.analysis.feature_visualisation.STEPS", 2)
    assert pipeline.feature_image(case, model, "third", 0).shape == (size, size, 3)


def test_the_networks_have_maps_of_their_own_size(case: Case) -> None:
    assert [pipeline.network_of(case, model).layer("first").positions for model in MODELS] == [(11, 11), (9, 9)]
    assert pipeline.comparison(case, "upright").similarity["second"].shape == (5, 5)


def test_what_the_pages_show_is_the_cases(case: Case) -> None:
    """Its own size and interpolation; pixels that both have in common are stored once."""
    assert pipeline.images(case, "target").pixels.shape == (10, 20, 20, 3)
    assert (pipeline.images_for(case, "target", "target").pixels == pipeline.images(case, "target").pixels).all()
    assert (
        case.seen_by("target").fingerprint("data")
        == case.fingerprint("data")
        != case.seen_by("source").fingerprint("data")
    )
    assert pipeline.images_for(case, "source", "target").pixels.shape == (10, 24, 24, 3)


def test_a_trained_pair_is_judged_on_what_each_was_trained_on(tmp_path: Path, spaces: set[tuple[object, ...]]) -> None:
    """The history's last accuracies are those of the predictions, which the raw network gives on its own tensors."""
    case = load_case(write(tmp_path, TRAINED, TRAINED))
    for model in MODELS:
        spaces.clear()
        trained = pipeline.trained(case, model)
        assert spaces == SPACES[model]
        torch.save(
            {name: torch.from_numpy(np.array(one)) for name, one in trained.tensors.items()}, tmp_path / "kept.pt"
        )
        kept = replace(case, **{f"{model}_model": replace(case.plan(model), checkpoint=str(tmp_path / "kept.pt"))})
        for domain in DOMAINS:
            inputs, labels = files(case, model, domain)
            with torch.inference_mode():
                right = (raw(kept, model)(inputs).argmax(1) == labels).numpy()
            table = pipeline.predictions(case, model, domain)
            assert ((table["label"] == table["prediction"]) == right).all()
            rows = trained.history.set_index(["domain", "split", "epoch"])["accuracy"]
            held_out = (table["split"] == "validation").to_numpy()
            assert rows[domain, "validation", trained.epoch] == pytest.approx(right[held_out].mean())
    spaces.clear()
    assert 0 <= pipeline.control(case).accuracy <= 1
    assert 0 <= pipeline.few_labels(case, 1, 0, "fine-tuned") <= 1
    assert spaces == SPACES["target"]


def test_planted_cases_see_what_the_source_model_sees(case: Case, tmp_path: Path) -> None:
    """The identical target model answers as the source model, on the planted case's images."""
    from tlx.casefiles import planted

    both = {domain: pipeline.images_for(case, "source", domain) for domain in DOMAINS}
    soil = planted.Soil(case, pipeline.trained(case, "source"), both, pipeline.network(case), 0, tmp_path)
    same = load_case(planted.plant("identical", replace(soil, home=_beside(tmp_path / "same"))))
    expected = pipeline.predictions(case, "source", "target")["confidence"]
    for model in MODELS:
        assert np.allclose(pipeline.predictions(same, model, "target")["confidence"], expected, atol=1e-6)
    halves = load_case(planted.plant("no-difference", replace(soil, home=_beside(tmp_path / "halves"))))
    known = {picture.tobytes() for picture in both["source"].pixels}
    assert {picture.tobytes() for side in DOMAINS for picture in pipeline.images(halves, side).pixels} == known
    marked = load_case(planted.plant("marked", replace(soil, home=_beside(tmp_path / "marked"))))
    drawn = {picture.tobytes() for picture in pipeline.images(marked, "target").pixels}
    assert drawn == {picture.tobytes() for picture in both["target"].pixels}


def _beside(home: Path) -> Path:
    """A folder with the network's module in it."""
    home.mkdir()
    (home / "net.py").write_text(NET)
    return home


def test_check_and_its_pictures_show_each_models_inputs(case: Case, tmp_path: Path) -> None:
    found = checking.inspect(write(tmp_path / "here"))
    assert not found.fatal
    told = [str(fact) for fact in found.facts if fact.topic == "preprocessing"]
    assert told == [
        "the source model sees images so: shorter side to 27 px, the middle 24 x 24 px taken, bilinear; mean 0.1, 0.2, "
        "0.3, std 0.25, 0.3, 0.35",
        "the target model sees images so: squeezed to 20 x 20 px, bicubic; mean 0.5, 0.4, 0.3, std 0.5, 0.5, 0.5",
    ]
    assert [(one.domain, one.class_name, one.pixels.shape[0]) for one in found.seen] == [
        ("source", "lying", 24),
        ("source", "upright", 24),
        ("target", "lying", 20),
        ("target", "upright", 20),
    ]
    shown = models.displayed(files(case, "source", "source")[0], case.seen_by("source"))
    assert (found.seen[1].pixels == shown[5]).all()


def test_a_size_of_its_own_has_a_resize_to_of_its_own(case: Case) -> None:
    """The case's shorter side of 256 px is not held against another size."""
    plain = replace(
        case, resize="crop", resize_to=256, image_size=224, source_model=replace(case.source_model, resize_to=0)
    )
    assert plain.seen_by("source").resize_to == 0
    assert plain.seen_by("source").image_size == 24
    assert plain.seen_by("target").resize_to == 256
    assert plain.seen_by("target").seen_by("target") == plain.seen_by("target")


def test_cases_whose_models_say_nothing_are_as_they_were(case: Case) -> None:
    plain = replace(
        case, source_model=replace(case.source_model, image_size=0, resize="", resize_to=0, mean=(), interpolation="")
    )
    assert plain.seen_by("source") is plain
    assert plain.fingerprint("source") != case.fingerprint("source")
    assert plain.fingerprint("data") == case.fingerprint("data")


@pytest.mark.parametrize(
    ("given", "said", "key"),
    [
        ("image_size = 4", "[source_model] image_size must be from 8 to 2048, not 4", "image_size"),
        ("mean = [0.5]", "[source_model] mean needs one number for each of the 3 channels", "mean"),
        ("std = [0.5, 0.5, 0]", "[source_model] mean must be finite and std above 0", "std"),
        ("std = [58, 57, 57]", "[source_model] std = [58.0, 57.0, 57.0] is of levels from 0 to 255", "std"),
        ('resize = "fit"', "[source_model] resize 'fit' is unknown; one of squash, crop", "resize"),
        ('interpolation = "cubic"', "[source_model] interpolation 'cubic' is unknown", "interpolation"),
        ("resize_to = 5000", "[source_model] resize_to must be from 0 to 4096", "resize_to"),
    ],
)
def test_a_wrong_value_of_a_model_is_told_with_its_key(tmp_path: Path, given: str, said: str, key: str) -> None:
    path = write(tmp_path)
    text = path.read_text(encoding="utf-8").partition("[source_model]")
    path.write_text(f"{text[0]}[source_model]\n{given}\n[target_model]\n", encoding="utf-8")
    (problem,) = reading.examined(path)[1]
    assert problem.startswith(said)
    assert getattr(problem, "key", "") == f"source_model.{key}"


def test_images_that_only_one_model_can_be_given_are_refused(tmp_path: Path) -> None:
    """A thread cannot be cropped to the source model's size; leaving it out would shift all that follows."""
    path = write(tmp_path)
    Image.new("RGB", (100_000_000 // 27, 1)).save(tmp_path / "target" / "lying" / "thread.png")
    path.write_text(path.read_text().replace('path = "target"', 'path = "target"\nunreadable = "skip"'))
    (told,) = (str(one) for one in checking.inspect(path).warnings if "thread.png" in one)
    assert "too long and thin to be resized to 27 px" in told
    case = load_case(path)
    with pytest.raises(DataError, match="some images of high can be resized for the source model only, or for the"):
        pipeline.predictions(case, "source", "target")
