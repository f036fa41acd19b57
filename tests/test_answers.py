"""Networks that answer with probabilities or several tensors, or by more than one image; and modules of odd make."""

from __future__ import annotations

import re
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
import small_case
import torch
from captum.attr import LayerConductance
from torch import Tensor, nn

from tlx import load_case, pipeline
from tlx.analysis import attribution
from tlx.cases import Case
from tlx.checking import inspect
from tlx.errors import ModelError, UserError
from tlx.networks import answers, checkpoints, models

NETWORK = """
import collections, dataclasses, torch, warnings
from torch import nn
from torch.nn import functional

class Net(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.conv = nn.Conv2d(3, 6, 3, stride=2)
        self.bn = {bn}
        self.conv2 = nn.Conv2d(6, 8, 3)
        self.head = {head}
        self.other = nn.Linear(8, classes)
        self.act = nn.ReLU()

    def trunk(self, x):
        x = functional.relu(self.bn(self.conv(x)))
        return self.act(self.conv2(x)).mean((2, 3))

    def forward(self, x):
{forward}

class Whole(Net):
    def eval(self):
        super().eval()

    def train(self, mode=True):
        super().train(mode)

Pair = collections.namedtuple("Pair", "features logits")

@dataclasses.dataclass
class Output:
    features: torch.Tensor
    logits: torch.Tensor

def make(classes):
    torch.manual_seed(5)
    warnings.simplefilter("ignore")
    net = Net(classes)
    return {made}
"""
HEAD, SCORES = "nn.Linear(8, classes)", "self.head(self.trunk(x))"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TLX_CACHE", str(tmp_path / "store"))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    small_case.write(tmp_path)
    return tmp_path


def case_of(
    home: Path, forward: str, *, bn: str = "nn.BatchNorm2d(6)", head: str = HEAD, made: str = "net", keys: str = ""
) -> Case:
    """A case whose network runs this forward, with checkpoints of random weights that its pupil saved himself."""
    lines = "\n".join(f"        {line}" for line in (forward if "\n" in forward else f"return {forward}").splitlines())
    (home / "own.py").write_text(NETWORK.format(forward=lines, bn=bn, head=head, made=made))
    path = home / "bars.toml"
    text = small_case.TEXT.format(steps=4).replace(
        'architecture = "compact_alexnet"', f'architecture = "own:make"\n{keys}'
    )
    path.write_text(text)
    for seed, model in enumerate(("source", "target")):
        network = raw(home)
        network(torch.randn(4, 3, 16, 16))  # materialises what is lazy, and moves running statistics
        torch.manual_seed(seed)
        for parameter in network.parameters():
            parameter.data.normal_(0, 0.5)
        torch.save(network.state_dict(), home / f"{model}.pt")
    return load_case(path)


def raw(home: Path) -> nn.Module:
    """The network as its author makes it."""
    space: dict[str, object] = {}
    exec(compile((home / "own.py").read_text(), "own.py", "exec"), space)
    network: nn.Module = space["make"](2)  # type: ignore[operator]
    return network


def filled(home: Path, model: str = "target") -> nn.Module:
    network = raw(home)
    network.load_state_dict(torch.load(home / f"{model}.pt"))
    return network.eval().requires_grad_(False)


def pictures(case: Case) -> Tensor:
    return models.normalised(pipeline.images(case, "target").pixels, case)


def probabilities(case: Case) -> np.ndarray:
    """(n, 2) what tlx says of the target images under the target model."""
    table = pipeline.predictions(case, "target", "target")
    classes = pipeline.trained(case, "target").classes
    first = np.where(table["prediction"] == classes[0], table["confidence"], 1 - table["confidence"])
    return np.stack([first, 1 - first], 1)


def close(one: np.ndarray | Tensor, other: np.ndarray | Tensor) -> bool:
    return np.allclose(np.asarray(one), np.asarray(other), atol=1e-5)


@pytest.mark.parametrize("softmax", ["torch.softmax({}, 1)", "functional.softmax({}, dim=-1)"])
def test_a_softmax_inside_is_not_softened_again(home: Path, softmax: str) -> None:
    case = case_of(home, softmax.format(SCORES))
    theirs = filled(home)(pictures(case))
    assert close(probabilities(case), theirs)
    said = "the network answers with probabilities; their logarithm is taken as class scores"
    assert said in pipeline.trained(case, "target").notes
    assert any(said in fact for fact in inspect(home / "bars.toml").facts)


def test_the_score_of_probabilities_that_is_attributed_is_their_logarithm(home: Path) -> None:
    case = case_of(home, f"torch.softmax({SCORES}, 1)")

    class Logarithm(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = filled(home)

        def forward(self, x: Tensor) -> Tensor:
            return self.net(x).log()

    twin, listed = Logarithm().eval(), pipeline.images(case, "target")
    images, wanted = pictures(case), torch.from_numpy(np.array(listed.labels))
    start = models.baseline(case).expand_as(images)
    how = {"target": wanted, "n_steps": 6, "method": "riemann_trapezoid"}
    theirs = LayerConductance(twin, twin.net.act).attribute(images, baselines=start, **how).detach()
    ours = attribution.layer_conductance(
        models.loaded(case, "target", pipeline.trained), ["conv2"], images, wanted, baselines=start, n_steps=6,
        rule="left", power=1, reduce=None,
    )["conv2"]  # fmt: skip
    assert float((ours - theirs).abs().max()) < 1e-5 * float(theirs.abs().max())


def test_log_probabilities_and_scores_are_taken_as_they_are(home: Path) -> None:
    case = case_of(home, f"torch.log_softmax({SCORES}, 1)")
    assert close(probabilities(case), filled(home)(pictures(case)).exp())
    assert pipeline.trained(case, "target").notes == ()


def test_of_two_equal_outputs_the_first_is_read_and_that_is_said(home: Path) -> None:
    case = case_of(home, "h = self.trunk(x)\nreturn self.head(h), self.other(h)")
    theirs = filled(home)(pictures(case))
    assert close(probabilities(case), theirs[0].softmax(1))
    said = "answers with 2 tensors, of which output = '0' is read; '1' could be class scores, too"
    assert any(said in note for note in pipeline.trained(case, "target").notes)


@pytest.mark.parametrize(
    ("answer", "key", "place"),
    [
        ("(self.head(h), self.other(h))", "1", lambda parts: parts[1]),
        ("{'aux': self.head(h), 'logits': self.other(h)}", "logits", lambda parts: parts["logits"]),
        ("[h, (self.head(h), self.other(h))]", "1.1", lambda parts: parts[1][1]),
    ],
)
def test_a_key_chooses_the_output(home: Path, answer: str, key: str, place: object) -> None:
    before = case_of(home, f"h = self.trunk(x)\nreturn {answer}")
    case = case_of(home, f"h = self.trunk(x)\nreturn {answer}", keys=f'output = "{key}"\n')
    theirs = place(filled(home)(pictures(case)))  # type: ignore[operator]
    assert close(probabilities(case), theirs.softmax(1))
    assert before.fingerprint("models") != case.fingerprint("models")
    assert before.fingerprint("data") == case.fingerprint("data")


@pytest.mark.parametrize("kind", ["Pair", "Output"])
@pytest.mark.parametrize("keys", ["", 'output = "logits"\n'])
def test_named_parts_of_an_answer_are_known_by_name(home: Path, kind: str, keys: str) -> None:
    case = case_of(home, f"h = self.trunk(x)\nreturn {kind}(h, self.head(h))", keys=keys)
    assert close(probabilities(case), filled(home)(pictures(case)).logits.softmax(1))
    assert any("of which output = 'logits' is read" in note for note in pipeline.trained(case, "target").notes)


@pytest.mark.parametrize(
    ("answer", "key", "said"),
    [
        ("(self.head(h), self.other(h))", "2", r"output '2' is unknown; .*0.* 1"),
        ("self.head(h)", "logits", r"answers with one tensor; leave output = 'logits' out"),
    ],
)
def test_an_output_that_is_not_there_is_a_sentence(home: Path, answer: str, key: str, said: str) -> None:
    case = case_of(home, f"h = self.trunk(x)\nreturn {answer}", keys=f'output = "{key}"\n')
    with pytest.raises(ModelError, match=said) as caught:
        models.build(case, 2)
    assert caught.value.key == "output"


FAULTS = [
    (
        "self.head(functional.dropout(self.trunk(x)))",
        "nn.Identity()",
        "otherwise each time: its forward applies dropout",
    ),
    ("self.head(self.trunk(x + 0.1 * torch.randn_like(x)))", "nn.Identity()", r"each time: .*\(randn_like\)"),
    (SCORES, "nn.BatchNorm2d(6, track_running_stats=False)", "beside other images: its batch norm keeps no running"),
    ("self.head(self.trunk(x - x.mean(0)))", "nn.Identity()", "beside other images: something in its forward mixes"),
]


@pytest.mark.parametrize(("forward", "bn", "said"), FAULTS)
def test_a_network_that_is_no_function_of_one_image_is_refused_with_the_cause(
    home: Path, forward: str, bn: str, said: str
) -> None:
    case = case_of(home, forward, bn=bn)
    with pytest.raises(ModelError, match=said):
        pipeline.predictions(case, "target", "target")
    assert any(re.search(said, one) for one in inspect(home / "bars.toml").fatal)


def test_a_sound_network_is_accepted_whatever_it_draws_in_training(home: Path) -> None:
    case = case_of(home, "self.head(functional.dropout(self.trunk(x), training=self.training))")
    assert close(probabilities(case), filled(home)(pictures(case)).softmax(1))
    answers.check(filled(home), "own", pictures(case)[:4])


# Modules of every make


@pytest.mark.parametrize(
    "forward",
    [
        "with torch.no_grad():\n    h = self.trunk(x)\nreturn self.head(h).detach()",
        "with torch.no_grad():\n    return self.head(self.trunk(x))",
    ],
)
def test_a_network_without_gradient_is_told_what_to_take_out(home: Path, forward: str) -> None:
    case = case_of(home, forward)
    with pytest.raises(ModelError, match=r"lets no gradient through to its image.*take torch.no_grad\(\)"):
        pipeline.network(case)


def test_a_backbone_without_gradient_is_named_where_one_of_its_layers_is_asked_for(home: Path) -> None:
    forward = "with torch.no_grad():\n    h = self.trunk(x)\nreturn self.head(h + 0 * x.mean((2, 3))[:, :1])"
    case = case_of(home, forward, keys='layers = ["conv2"]\n')
    with pytest.raises(ModelError, match=r"no gradient reaches the image through layer 'conv2'"):
        pipeline.network(case)


def test_lazy_modules_come_into_being(home: Path) -> None:
    case = case_of(home, SCORES, head="nn.LazyLinear(classes)")
    assert pipeline.network(case).names == ("conv", "conv2")
    assert close(probabilities(case), filled_lazy(home)(pictures(case)).softmax(1))


def filled_lazy(home: Path) -> nn.Module:
    network = raw(home).eval()
    network(torch.zeros(1, 3, 16, 16))
    network.load_state_dict(torch.load(home / "target.pt"))
    return network.requires_grad_(False)


def test_a_compiled_network_is_read_as_it_was(home: Path) -> None:
    case = case_of(home, SCORES)
    plain = probabilities(case)
    (home / "own.py").write_text((home / "own.py").read_text().replace("return net\n", "return torch.compile(net)\n"))
    compiled = load_case(home / "bars.toml")
    assert compiled.fingerprint() != case.fingerprint()
    assert close(probabilities(compiled), plain)
    assert pipeline.network(compiled).names == ("conv", "conv2")


def test_a_scripted_network_is_a_sentence(home: Path) -> None:
    case_of(home, SCORES)
    text = (
        (home / "own.py")
        .read_text()
        .replace("return net\n", "return torch.jit.trace(net, torch.zeros(2, 3, 16, 16))\n")
    )
    (home / "own.py").write_text(text)
    with pytest.raises(ModelError, match="is a scripted module, inside which nothing can be read: give the module"):
        models.build(load_case(home / "bars.toml"), 2)


@pytest.mark.parametrize(
    ("layers", "said"),
    [
        ('["conv", "conv"]', "`layers` lists 'conv' twice"),
        ('["conv2", "conv"]', "`layers` must be in the order in which they run: 'conv', 'conv2'"),
    ],
)
def test_layers_twice_or_in_another_order_are_a_sentence(home: Path, layers: str, said: str) -> None:
    case = case_of(home, SCORES, keys=f"layers = {layers}\n")
    with pytest.raises(UserError, match=said):
        pipeline.network(case)
    assert any(said in one for one in inspect(home / "bars.toml").fatal)


def test_checkpoints_of_compiled_networks_fit(home: Path) -> None:
    case = case_of(home, SCORES)
    tensors = {f"_orig_mod.{name}": one for name, one in torch.load(home / "target.pt").items()}
    torch.save(tensors, home / "target.pt")
    network = models.build(case, 2)
    checkpoints.complete(network, home / "target.pt")


@pytest.mark.parametrize(
    ("forward", "made"),
    [
        ("self.head(self.trunk(x)).squeeze()", "net"),  # one image's answer has one axis
        ("self.head(self.trunk(x.mul_(2).sub_(0.1)))", "net"),  # the images are changed in place
        (
            "x = self.bn(self.conv(input=x)).relu()\nreturn self.head(input=self.conv2(input=x).relu().mean((2, 3)))",
            "net",
        ),
        (SCORES, "Whole(classes)"),  # whose eval() answers nothing
        (SCORES, "nn.DataParallel(net)"),
    ],
)
def test_odd_ways_of_a_forward_are_taken_as_they_are(home: Path, forward: str, made: str) -> None:
    case = case_of(home, forward, made=made)
    theirs = filled_anyhow(home)(pictures(case))
    assert close(probabilities(case), theirs.softmax(1))
    assert pipeline.network(case).names == ("conv", "conv2")
    assert not inspect(home / "bars.toml").fatal
    assert set(pipeline.comparison(case, "lying").match) == {"conv", "conv2"}


def filled_anyhow(home: Path) -> nn.Module:
    network = raw(home)
    network.load_state_dict(torch.load(home / "target.pt"))
    network.eval()
    return network.requires_grad_(False)


def test_a_network_in_half_precision_is_computed_in_single(home: Path) -> None:
    case_of(home, SCORES)
    (home / "own.py").write_text((home / "own.py").read_text().replace("return net\n", "return net.half()\n"))
    case = load_case(home / "bars.toml")
    network = raw(home).float()
    network.load_state_dict(torch.load(home / "target.pt"))
    assert close(probabilities(case), network.eval()(pictures(case)).detach().softmax(1))


REFUSED = [
    (
        "assert len(x) > 1, 'give me more'\nreturn self.head(self.trunk(x))",
        "fails on one image alone \\(AssertionError: give me more\\), though not on two",
    ),
    ("self.head(self.trunk(x).view(2, 8))", "fails on one image alone \\(RuntimeError: "),
    ("self.head(self.trunk(x)).argmax(1)", "answers with numbers of type torch.int64, as argmax gives them"),
    ("self.head(self.trunk(x))[..., None, None]", r"shape \(2, 2, 1, 1\), .*let its forward end with flatten\(1\)"),
    ("self.head(self.trunk(x.permute(0, 3, 1, 2)))", "takes images with channels last, so let a function of your own"),
    ("self.head(self.trunk(x.expand(-1, 3, -1, -1) if x.shape[1] == 1 else x[:, :2]))", "it takes 1 channel;"),
    (
        "with torch.autocast('cpu', torch.bfloat16):\n    scores = self.head(self.trunk(x))\nreturn scores.float()",
        "layer 'conv' answers in torch.bfloat16 where images are torch.float32",
    ),
    (
        "h = torch.utils.checkpoint.checkpoint(self.trunk, x, use_reentrant=True)\nreturn self.head(h)",
        "runs parts of itself by torch.utils.checkpoint, .* give it use_reentrant=False",
    ),
]


@pytest.mark.parametrize(("forward", "said"), REFUSED)
def test_what_cannot_be_read_is_told_with_what_to_do(home: Path, forward: str, said: str) -> None:
    case = case_of(home, "self.head(self.trunk(x))")
    lines = "\n".join(f"        {line}" for line in (forward if "\n" in forward else f"return {forward}").splitlines())
    (home / "own.py").write_text(NETWORK.format(forward=lines, bn="nn.BatchNorm2d(6)", head=HEAD, made="net"))
    case = load_case(home / "bars.toml")
    with pytest.raises(ModelError, match=said):
        pipeline.network(case)
    assert any(re.search(said, one) for one in inspect(home / "bars.toml").fatal)


def test_a_quantised_network_is_told_by_name() -> None:
    with warnings.catch_warnings(action="ignore"):
        network = torch.ao.quantization.quantize_dynamic(nn.Sequential(nn.Flatten(), nn.Linear(12, 2)), {nn.Linear})
    with pytest.raises(ModelError, match=r"'own' has quantised modules \(Linear\), through which no gradient runs"):
        answers.scored(network, "own", 2, torch.zeros(2, 3, 2, 2))


@pytest.mark.parametrize("last", [nn.Sigmoid(), nn.Identity()])
def test_only_what_never_leaves_0_to_1_is_called_a_sigmoid(last: nn.Module) -> None:
    """Scores of a network that was never trained lie there, too, on most images."""
    torch.manual_seed(0)
    network = nn.Sequential(nn.Flatten(), nn.Linear(12, 2), last)
    nn.init.constant_(network[1].bias, 0.5)
    network[1].weight.data *= 0.01
    told = answers.notes(answers.scored(network, "own", 2, torch.randn(2, 3, 2, 2)))
    assert any("as sigmoids give" in one for one in told) == isinstance(last, nn.Sigmoid)


def test_a_softmax_in_evaluation_only_leaves_the_training_its_scores(home: Path) -> None:
    case = case_of(home, f"return ({SCORES}).softmax(1) if not self.training else {SCORES}\n")
    assert close(probabilities(case), filled(home)(pictures(case)))
    network = models.fill(models.build(case, 2), torch.load(home / "target.pt")).requires_grad_(False)
    theirs = raw(home)
    theirs.load_state_dict(torch.load(home / "target.pt"))
    with torch.no_grad():
        assert close(network.train()(pictures(case)), theirs.train()(pictures(case)))


def test_a_network_that_does_not_run_in_the_precision_is_told_before(home: Path) -> None:
    case = case_of(home, f"({SCORES}).double() + torch.fft.rfft(x).abs().mean()", keys='precision = "bfloat16"\n')
    with pytest.raises(ModelError, match=r"does not run in bfloat16 \(RuntimeError: .*; leave precision out") as caught:
        pipeline.network(case)
    assert caught.value.key == "precision"


UNTRAINED = "[source_model.training]\nepochs = 1\n[target_model.training]\nepochs = 1\n"


@pytest.mark.parametrize(("forward", "made"), [(SCORES, "Whole(classes)"), (FAULTS[0][0], "net")])
def test_check_and_training_agree_on_a_network_of_odd_make(home: Path, forward: str, made: str) -> None:
    """One whose train() answers nothing is trained; one that drops neurons always is refused by both."""
    case_of(home, forward, made=made, bn="nn.BatchNorm2d(6)" if made == "net" else "nn.Identity()")
    path = home / "bars.toml"
    text = path.read_text()
    for model in ("source", "target"):
        text = text.replace(f'checkpoint = "{model}.pt"\n', "")
    path.write_text(text + UNTRAINED)
    refused = any("applies dropout" in one for one in inspect(path).fatal)
    assert refused == (made == "net")
    if refused:
        with pytest.raises(ModelError, match="applies dropout"):
            pipeline.predictions(load_case(path), "source", "target")
    else:
        assert len(pipeline.predictions(load_case(path), "source", "target"))


def test_a_scripted_part_is_passed_through(home: Path) -> None:
    """Nothing in it is read; check and the pipeline take the network all the same."""
    made = "setattr(net, 'bn', torch.jit.trace(nn.ReLU(), torch.zeros(2, 6, 7, 7))) or net"
    case = case_of(home, SCORES, made=made)
    assert not inspect(home / "bars.toml").fatal
    assert close(probabilities(case), filled(home)(pictures(case)).softmax(1))
    assert pipeline.network(case).names == ("conv", "conv2")
    assert set(pipeline.comparison(case, "lying").match) == {"conv", "conv2"}
