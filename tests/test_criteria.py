"""Attribution criteria against Captum, against what must hold of each, and where one cannot run, the reason."""

from __future__ import annotations

import pytest
import torch
import toy
from captum.attr import InternalInfluence, LayerActivation, LayerDeepLift, LayerGradientXActivation, LayerLRP
from torch import Tensor, nn

from tlx.analysis import attribution, criteria
from tlx.analysis.criteria import CRITERIA
from tlx.analysis.walking import Path
from tlx.cases import CRITERIA as NAMES
from tlx.errors import ModelError
from tlx.networks import hooks, tracing
from tlx.results import CRITERIA as DESCRIBED

LAYERS = {"0": "1", "3": "4", "7": "8"}  # of `toy.plain`: the activation functions after which they are read
TARGETS = torch.tensor([0, 1, 2, 3, 0])
STEPS = 4


def maps_by(
    criterion: str, model: nn.Module, layers: list[str], images: Tensor, targets: Tensor = TARGETS
) -> tuple[dict[str, Tensor], Tensor | None]:
    """The maps of one batch, and what they are to add up to."""
    reads = tracing.readouts(model, layers, images[:1])
    ((maps, delta, _),) = attribution._batches(
        model, reads, images, targets, path=Path(STEPS, power=1), baselines=None, criterion=criterion
    )
    return maps, delta


def relative(found: Tensor, expected: Tensor) -> float:
    return float((found - expected).abs().max() / expected.abs().max())


@pytest.fixture
def images() -> Tensor:
    return torch.randn(5, 3, 12, 12, generator=torch.Generator().manual_seed(1))


def by_captum(criterion: str, model: nn.Module, read: str, images: Tensor) -> Tensor:
    """Captum itself, on a network in which nothing works in place."""
    layer, images = model.get_submodule(read), images.clone().requires_grad_()
    match criterion:
        case "activation":
            found = LayerActivation(model, layer).attribute(images)
        case "gradient_activation":
            found = LayerGradientXActivation(model, layer).attribute(images, target=TARGETS)
        case "internal_influence":  # its weights of STEPS + 1 points add up to STEPS / (STEPS + 1)
            options = {"n_steps": STEPS + 1, "method": "riemann_trapezoid"}
            found = InternalInfluence(model, layer).attribute(images, target=TARGETS, **options) * (STEPS + 1) / STEPS
        case "deep_lift":
            found = LayerDeepLift(model, layer).attribute(images, torch.zeros_like(images), target=TARGETS)
    return found.detach()


@pytest.mark.filterwarnings("ignore:Setting forward, backward hooks")
@pytest.mark.parametrize("criterion", ["activation", "gradient_activation", "internal_influence", "deep_lift"])
def test_each_criterion_is_captums(criterion: str, images: Tensor) -> None:
    """In-place activation functions, which Captum's hooks cannot have, change nothing."""
    ours, _ = maps_by(criterion, toy.seeded(toy.plain), [*LAYERS], images)
    theirs = toy.seeded(lambda: toy.plain(inplace=False))
    for layer, read in LAYERS.items():
        assert relative(ours[layer], by_captum(criterion, theirs, read, images)) < 1e-5, layer


def test_lrp_is_captums(images: Tensor) -> None:
    """Where Captum can be asked: a network whose flattening it does not see. Relevance passes a ReLU unchanged."""

    class Unseen(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.relu = nn.Conv2d(3, 4, 3, stride=3), nn.ReLU()
            self.pool, self.head = nn.MaxPool2d(2), nn.Linear(16, 4)

        def forward(self, x: Tensor) -> Tensor:
            return self.head(self.pool(self.relu(self.conv(x))).flatten(1))

    model = toy.seeded(Unseen)
    theirs = LayerLRP(model, model.conv).attribute(images.clone().requires_grad_(), target=TARGETS).detach()
    ours, _ = maps_by("lrp", model, ["conv"], images)
    assert relative(ours["conv"], theirs) < 1e-5


def test_relevance_goes_back_through_flattening(images: Tensor) -> None:
    """The last hidden layer's is what each neuron puts into the score, and no layer loses any without biases."""
    model = toy.seeded(lambda: toy.plain(inplace=False))
    with torch.no_grad():
        for part in model:
            if isinstance(part, (nn.Conv2d, nn.Linear)):
                part.bias.zero_()
        score = model(images).gather(1, TARGETS[:, None])[:, 0]
        parts = model[:9](images) * model[9].weight[TARGETS]
    found, delta = maps_by("lrp", model, [*LAYERS], images)
    assert delta is None
    assert relative(found["7"], parts) < 1e-4
    for layer in LAYERS:
        assert torch.allclose(found[layer].flatten(1).sum(1), score, atol=1e-4)


def test_deeplift_adds_up_to_the_change_of_the_score(images: Tensor) -> None:
    """At every layer, through maxima and flattening."""
    model = toy.seeded(toy.plain)
    maps, delta = maps_by("deep_lift", model, [*LAYERS], images)
    with torch.no_grad():
        scores = [model(end).gather(1, TARGETS[:, None])[:, 0] for end in (torch.zeros_like(images), images)]
    assert torch.allclose(delta, scores[1] - scores[0], atol=1e-6)
    for layer in LAYERS:
        assert torch.allclose(maps[layer].flatten(1).sum(1), delta, atol=1e-5)


@pytest.mark.parametrize("criterion", NAMES)
def test_in_a_linear_network_all_that_multiply_are_one(criterion: str) -> None:
    """Without biases and from a zero baseline a neuron's part is its activation times its weight to the score.

    Activation is the one factor, internal influence the other.
    """
    torch.manual_seed(0)
    model = nn.Sequential(*(nn.Linear(n, m, bias=False) for n, m in ((6, 5), (5, 4), (4, 3))))
    images, targets = torch.randn(7, 6), torch.tensor([0, 1, 2, 0, 1, 2, 0])
    maps, _ = maps_by(criterion, model, ["0", "1"], images, targets)
    with torch.no_grad():
        first = model[0](images)
        values = {"0": first, "1": model[1](first)}
        weights = {"0": model[2].weight[targets] @ model[1].weight, "1": model[2].weight[targets]}
    factors = {"activation": (1, 0), "internal_influence": (0, 1)}.get(criterion, (1, 1))
    for layer in ("0", "1"):
        expected = values[layer] ** factors[0] * weights[layer] ** factors[1]
        assert relative(maps[layer], expected) < 1e-5


def test_on_paper() -> None:
    """`toy.hand_set` for pixels (2, 3): hidden (2, 3, 0); score 0 weighs them 2, 1, 5, and h2 = relu(-x0) is off."""
    images, targets = torch.tensor([[[[2.0, 3.0]]]]), torch.tensor([0])
    found = {
        name: [round(float(value), 4) for value in maps_by(name, toy.hand_set(), ["1"], images, targets)[0]["1"][0]]
        for name in NAMES
    }
    assert found.pop("activation") == [2, 3, 0]
    assert found.pop("internal_influence")[:2] == [2, 1]
    assert all(values == [4, 3, 0] for values in found.values()), found


class Twice(nn.Module):
    """One module called twice."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.relu = nn.Linear(4, 4), nn.Linear(4, 4), nn.ReLU()
        self.head = nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.relu(self.second(self.relu(self.first(x)))))


class Called(nn.Module):
    """An activation function without a module."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.head = nn.Conv2d(3, 4, 3, stride=3), nn.Linear(64, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(torch.relu(self.conv(x)).flatten(1))


def overlapping() -> nn.Sequential:
    parts = nn.Conv2d(3, 4, 3), nn.ReLU(), nn.MaxPool2d(3, stride=2), nn.Flatten(), nn.Linear(64, 4)
    return nn.Sequential(*parts)


PIXELS = (1, 3, 12, 12)


@pytest.mark.parametrize("criterion", ["deep_lift", "lrp"])
@pytest.mark.parametrize(
    ("build", "layer", "shape", "why"),
    [
        (Twice, "first", (1, 4), "'relu' is called 2 times in one pass"),
        (toy.grouped, "0", PIXELS, r"'2' is a ReLU6, for which Captum has no rule"),
        (toy.residual, "0", PIXELS, "forward calls 'add' itself, and Captum sees modules alone"),
        (toy.Functional, "first", PIXELS, "forward calls 'relu' itself"),
        (Called, "conv", PIXELS, "layer 'conv' is read where no module of its own answers"),
    ],
)
def test_where_it_cannot_run_one_sentence_says_why(
    criterion: str, build: object, layer: str, shape: tuple[int, ...], why: str
) -> None:
    model = toy.seeded(build)
    with pytest.raises(ModelError, match=f"(DeepLift|LRP) cannot run here: .*{why}"):
        maps_by(criterion, model, [layer], torch.randn(shape), torch.tensor([0]))
    assert not any(part._forward_hooks or part._backward_hooks for part in model.modules())


def test_overlapping_maxima_have_no_deeplift() -> None:
    images = torch.randn(PIXELS)
    with pytest.raises(ModelError, match="the windows of '2' overlap"):
        maps_by("deep_lift", overlapping(), ["0"], images, torch.tensor([0]))
    assert set(maps_by("lrp", overlapping(), ["0"], images, torch.tensor([0]))[0]) == {"0"}


def test_captum_leaves_the_network_as_it_was(images: Tensor) -> None:
    model = toy.seeded(toy.plain)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    for criterion in ("deep_lift", "lrp"):
        maps_by(criterion, model, [*LAYERS], images)
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    for part in model.modules():
        assert not any((part._forward_hooks, part._forward_pre_hooks, part._backward_hooks, hasattr(part, "rule")))


def test_every_criterion_has_its_method_and_its_words() -> None:
    assert tuple(CRITERIA) == NAMES == tuple(DESCRIBED)


def test_captum_gets_a_copy_that_shares_tensors_and_none_of_our_hooks() -> None:
    """What somebody else hooked stays: it may be part of what the network computes."""
    model = toy.seeded(toy.plain)
    model[0].register_forward_pre_hook(lambda _, inputs: inputs)
    reads = tracing.readouts(model, [*LAYERS], torch.zeros(1, 3, 12, 12))
    with hooks.captured(model, reads):
        twin = criteria._twin(model)
    counts = [(len(part._forward_hooks), len(part._forward_pre_hooks)) for part in twin.modules()]
    assert (sum(one for one, _ in counts), sum(other for _, other in counts)) == (0, 1)
    assert all(one is other for one, other in zip(twin.parameters(), model.parameters(), strict=True))
