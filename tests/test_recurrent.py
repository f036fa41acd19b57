"""Networks that read an image as a sequence: a neuron is a hidden channel, its positions are the time steps."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import small_case
import torch
from captum.attr import LayerConductance
from streamlit_help import app, run_to_end
from torch import Tensor, nn

from tlx import load_case, pipeline
from tlx.analysis import attribution, correspondence
from tlx.cases import Case
from tlx.networks import architectures, hooks, models, tracing
from tlx.results import Layer, Network

IMAGES, TARGETS = torch.randn(4, 3, 12, 12, generator=torch.Generator().manual_seed(1)), torch.tensor([0, 1, 2, 0])
PATH = {"n_steps": 6, "rule": "left", "power": 1}


class Part(nn.Module):
    """One tensor of what a recurrent layer answers, instances first, so that Captum can read it."""

    def __init__(self, layer: nn.Module, take: Callable[[object], Tensor]) -> None:
        super().__init__()
        self.layer, self.take = layer, take

    def forward(self, x: Tensor) -> Tensor:
        return self.take(self.layer(x))


class Rows(nn.Module):
    """Rows of an image through a recurrent layer; `read` makes of its answer what the head sees."""

    def __init__(self, layer: nn.Module, read: Callable[[object], Tensor], width: int, *, first: bool = True) -> None:
        super().__init__()
        self.layer, self.read, self.first, self.head = layer, read, first, nn.Linear(width, 3)

    def forward(self, x: Tensor) -> Tensor:
        rows = x.movedim(2, 1).flatten(2)
        return self.head(self.read(self.layer(rows if self.first else rows.transpose(0, 1))))


def built(make: Callable[[], nn.Module]) -> nn.Module:
    torch.manual_seed(0)
    return make().eval()


def captum(network: nn.Module, module: nn.Module) -> Tensor:
    how = {"target": TARGETS, "n_steps": 6, "method": "riemann_trapezoid"}
    return LayerConductance(network, module).attribute(IMAGES, baselines=torch.zeros_like(IMAGES), **how).detach()


def equal(one: Tensor, other: Tensor) -> bool:
    return one.shape == other.shape and float((one - other).abs().max()) < 1e-5 * float(other.abs().max())


def sequence(answer: Any) -> Tensor:
    return answer[0]


def states(answer: Any) -> Tensor:
    """The last states, instances first, of an LSTM or a GRU."""
    return (answer[1][0] if isinstance(answer[1], tuple) else answer[1]).transpose(0, 1)


def mean(steps: Tensor) -> Tensor:
    return steps.mean(1)


def last(steps: Tensor) -> Tensor:
    return steps[:, -1]


Kind = tuple[Callable[[], nn.RNNBase], Callable[[Any], Tensor], Callable[[Tensor], Tensor], int, bool, int]
KINDS: dict[
    str, Kind
] = {  # how it is made, what is taken of its answer and made of that; width, instances first, steps
    "lstm": (lambda: nn.LSTM(36, 7, batch_first=True), sequence, mean, 7, True, 12),
    "gru, both ways": (lambda: nn.GRU(36, 5, batch_first=True, bidirectional=True), sequence, mean, 10, True, 12),
    "rnn of two layers": (lambda: nn.RNN(36, 6, 2, batch_first=True), sequence, last, 6, True, 12),
    "steps first": (lambda: nn.LSTM(36, 7), lambda out: out[0].transpose(0, 1), mean, 7, False, 12),
    "the last state": (lambda: nn.LSTM(36, 7, batch_first=True), states, last, 7, True, 1),
    "the last state of a gru": (lambda: nn.GRU(36, 7), states, last, 7, False, 1),
}


@pytest.mark.parametrize("kind", KINDS)
def test_conductance_equals_captum(kind: str) -> None:
    """Of the sequence, or of the last state where only that is read; whichever axis the instances lie on."""
    make, take, rest, width, first, steps = KINDS[kind]
    network = built(lambda: Rows(make(), lambda out: rest(take(out)), width, first=first))
    twin = built(lambda: Rows(Part(make(), take), rest, width, first=first))
    theirs = captum(twin, twin.layer)
    ours = attribution.layer_conductance(network, ["layer"], IMAGES, TARGETS, reduce=None, **PATH)["layer"]
    assert equal(ours, theirs)
    found = tracing.network(network, IMAGES[:1], (), "own").layers[0]
    assert (found.name, found.kind, found.units, found.activated) == ("layer", "recurrent", width, True)
    assert found.positions == (steps, 1)
    assert found.complete
    reduced = attribution.layer_conductance(network, ["layer"], IMAGES, TARGETS, **PATH)["layer"]
    assert torch.allclose(reduced, theirs.amax(1))


def test_row_lstm_equals_captum_in_every_layer() -> None:
    network = built(lambda: architectures.build("row_lstm", classes=3, image_size=12))
    names = tracing.network(network, IMAGES[:1], (), "row_lstm").names
    assert names == ("lstm1", "lstm2", "fc3")
    ours = attribution.layer_conductance(network, names, IMAGES, TARGETS, reduce=None, **PATH)

    def twin(name: str) -> Tensor:
        other = built(lambda: architectures.build("row_lstm", classes=3, image_size=12))
        seen = Part(getattr(other, name), sequence)
        wrapped = Seen(other, name, seen)
        return captum(wrapped, seen)

    assert equal(ours["lstm1"], twin("lstm1"))
    assert equal(ours["lstm2"], twin("lstm2"))
    assert equal(ours["fc3"], captum(network, network.relu3))
    assert ours["lstm2"][:, :-1].abs().max() == 0  # only its last step is classified
    assert ours["lstm1"][:, :-1].abs().max() > 0


class Seen(nn.Module):
    """A row LSTM that asks a module of one tensor in place of one of its layers."""

    def __init__(self, network: nn.Module, name: str, seen: nn.Module) -> None:
        super().__init__()
        self.network, self.seen = network, seen
        setattr(network, name, Pair(seen))

    def forward(self, x: Tensor) -> Tensor:
        return self.network(x)


class Pair(nn.Module):
    def __init__(self, seen: nn.Module) -> None:
        super().__init__()
        self.seen = seen

    def forward(self, x: Tensor) -> tuple[Tensor, None]:
        return self.seen(x), None


def test_silencing_a_hidden_channel_changes_it_at_every_step() -> None:
    network = built(lambda: Rows(nn.LSTM(36, 7), lambda out: out[0].mean(0), 7, first=False))
    (read,) = tracing.readouts(network, ["layer"], IMAGES[:1])
    with torch.no_grad(), hooks.changed(network, [read]) as changes:
        changes["layer"] = lambda steps: torch.cat([torch.zeros_like(steps[..., :2]), steps[..., 2:]], -1)
        silenced = network(IMAGES)
        network.head.weight[:, :2] = 0
        changes.clear()
        assert torch.allclose(network(IMAGES), silenced, atol=1e-6)


def test_no_edges_join_recurrent_layers_and_that_is_said() -> None:
    network = built(lambda: architectures.build("row_lstm", classes=3, image_size=12))
    found = tracing.network(network, IMAGES[:1], (), "row_lstm")
    assert not found.joins
    assert all("is a recurrent layer, whose weights act at every step" in why for why in found.apart.values())


def test_weights_of_the_gates_belong_to_their_neuron() -> None:
    """A fine-tuned LSTM descends from its source; one with its hidden channels permuted does not."""
    lstm = built(lambda: nn.LSTM(6, 16))
    layer = Layer("l", 1, "recurrent", 16, (4, 1))
    described = Network("own", (layer,), {}, {}, 1, 1)
    tensors = {f"l.{name}": one.detach().numpy() for name, one in lstm.named_parameters()}
    rows = correspondence.incoming(tensors, described)["l"]
    assert rows.shape == (16, 4 * (6 + 16))
    gates = tensors["l.weight_ih_l0"].reshape(4, 16, 6)
    assert np.array_equal(rows[3, :24].reshape(4, 6), gates[:, 3])
    moved = {name: one + 0.01 for name, one in tensors.items()}
    assert correspondence.is_descent(
        *correspondence.weight_cosines(rows, correspondence.incoming(moved, described)["l"])
    )
    mixed = {n: one.reshape(4, 16, *one.shape[1:])[:, ::-1].reshape(one.shape) for n, one in tensors.items()}
    assert not correspondence.is_descent(
        *correspondence.weight_cosines(rows, correspondence.incoming(mixed, described)["l"])
    )


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Case:
    """Bars read row by row; the target model is the source model, moved a little."""
    home = tmp_path_factory.mktemp("rows")
    path = small_case.write(home, per_class=10)
    path.write_text(path.read_text().replace("compact_alexnet", "row_lstm"))
    torch.manual_seed(0)
    network = models.build(load_case(path), 2)
    torch.save(network.state_dict(), home / "source.pt")
    torch.save({n: one + 0.02 * torch.randn_like(one) for n, one in network.state_dict().items()}, home / "target.pt")
    return load_case(path)


def test_every_view_shows_a_network_that_reads_rows(
    case: Case, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TLX_CASES", str(Path(case.home) / "bars.toml"))
    monkeypatch.setenv("TLX_CACHE", str(tmp_path / "store"))
    for page in ("1_Statistics", "2_Instances", "3_Network", "4_Features"):
        shown = run_to_end(app(f"pages/{page}.py", case="bars"))
        assert not shown.exception, page
        assert not shown.error, (page, shown.error)
    assert pipeline.network(case).layers[0].title == "Layer 1: recurrent (96)"
    kept = pipeline.correspondence(case)
    assert kept.layers["lstm1"].descent
    image = pipeline.feature_image(case, "target", "lstm1", 3)
    assert image.shape == (16, 16, 3)
