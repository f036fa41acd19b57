"""The benchmark of published networks calls those whole that are read right, and finds every planted fault."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional

from benchmarks import architectures as benchmark
from benchmarks.recorded import Truth
from tlx.analysis import abstraction, activations, attribution
from tlx.networks import architectures, models, tracing

NETWORKS = """
from torch import nn

def plain(classes):
    return nn.Sequential(
        nn.Conv2d(3, 6, 3, padding=1), nn.BatchNorm2d(6), nn.ReLU(inplace=True), nn.MaxPool2d(2), nn.Conv2d(6, 8, 3),
        nn.Hardswish(), nn.Flatten(), nn.Linear(8 * 36, 10), nn.ReLU(), nn.Linear(10, classes),
    )

class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv_a, self.norm_a = nn.Conv2d(6, 6, 3, padding=1), nn.BatchNorm2d(6)
        self.conv_b, self.relu = nn.Conv2d(6, 6, 3, padding=1), nn.ReLU(inplace=True)

    def forward(self, x):
        out = self.conv_b(self.relu(self.norm_a(self.conv_a(x))))
        out += x
        return self.relu(out)

def residual(classes):
    return nn.Sequential(
        nn.Conv2d(3, 6, 3, stride=2), nn.ReLU(inplace=True), Block(), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
        nn.Linear(6, classes),
    )

def square(classes):
    return nn.Sequential(nn.Flatten(), nn.Linear(3 * 20 * 20, 8), nn.ReLU(), nn.Linear(8, classes))
"""


@pytest.fixture
def row(tmp_path: Path) -> Callable[[str], benchmark.Row]:
    """Measures one of NETWORKS."""
    (tmp_path / "nets.py").write_text(NETWORKS)

    def measured(name: str) -> benchmark.Row:
        def raw(size: int) -> nn.Module:
            torch.manual_seed(0)
            return architectures.build(f"nets:{name}", classes=5, image_size=size, home=str(tmp_path))

        return benchmark.measured(f"nets:{name}", (12, 16), raw=raw, home=str(tmp_path))

    return measured


@pytest.mark.parametrize(("name", "layers", "joins"), [("plain", 3, 2), ("residual", 2, 0)])
def test_a_network_that_is_read_right_is_whole(row: Callable[..., Any], name: str, layers: int, joins: int) -> None:
    found = row(name)
    assert (found.verdict, found.layers, found.joins) == ("whole", layers, joins)
    assert found.image_size == (16 if name == "plain" else 12)
    assert found.captum < benchmark.CLOSE


def test_a_network_that_takes_no_size_is_told_in_a_sentence(row: Callable[..., Any]) -> None:
    verdict = row("square").verdict
    assert verdict.startswith("architecture 'nets:square' fails on images of 3 x 16 x 16")
    assert "image_size" in verdict


def _before(read: Callable[..., Any], *rest: Any) -> Any:
    return tuple(replace(one, module=one.layer, call=0) for one in read(*rest))


def _trapezoid(conductance: Callable[..., Any], *rest: Any, **options: Any) -> Any:
    return conductance(*rest, **{**options, "rule": "trapezoid"})


def _louder(made: Callable[..., Any], *rest: Any, **options: Any) -> Any:
    return replace(edges := made(*rest, **options), value=edges.value * 1.01)


def _unnormalised(_inputs: Callable[..., Any], _model: nn.Module, pixels: Any, _case: Any) -> torch.Tensor:
    return torch.from_numpy(pixels).permute(0, 3, 1, 2).float().div_(255)


def _softened(predict: Callable[..., Any], *rest: Any) -> Any:
    return functional.softmax(torch.from_numpy(predict(*rest)), 1).numpy()


FAULTS: dict[str, tuple[Any, str, Callable[..., Any], str]] = {
    "read before its activation": (tracing, "readouts", _before, "layer 0 is read behind conv2d (before its place"),
    "another rule": (attribution, "layer_conductance", _trapezoid, "conductance of layer"),
    "other edges": (abstraction, "edges", _louder, "edge"),
    "other images": (models, "inputs", _unnormalised, "images enter the network changed"),
    "other weights": (models, "fill", lambda _f, model, *_rest: model, "scores differ"),
    "softened twice": (activations, "predict", _softened, "predictions differ"),
    "other vectors": (activations, "vectors", lambda f, *rest: f(*rest)[:, ::-1].copy(), "the embedding is not what"),
    "one vector for all": (activations, "vectors", lambda f, *rest: f(*rest) * 0 + 1, "the embedding's vectors are"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_found(row: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, fault: str) -> None:
    module, name, wrong, said = FAULTS[fault]
    right = getattr(module, name)
    monkeypatch.setattr(module, name, lambda *rest, **options: wrong(right, *rest, **options))
    assert row("plain").verdict.startswith(f"WRONG: {said}")


def test_a_completeness_that_is_not_so_is_found(row: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    def network(*rest: Any) -> Any:
        found = right(*rest)
        return replace(found, layers=tuple(replace(layer, complete=False) for layer in found.layers))

    right = models.network
    monkeypatch.setattr(models, "network", network)
    assert row("residual").verdict == "WRONG: layer 0 is called beside a path and is not"


def test_what_is_no_users_error_is_a_traceback(row: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(models, "network", lambda *_: {}["absent"])
    assert row("plain").verdict.startswith("TRACEBACK: KeyError: 'absent' (test_architectures_benchmark.py:")


class _Ways(nn.Module):
    """A convolution before each kind of activation function that a forward may write down."""

    def __init__(self, activation: Callable[[torch.Tensor], torch.Tensor]) -> None:
        super().__init__()
        self.conv, self.norm, self.head = nn.Conv2d(3, 4, 3), nn.GroupNorm(2, 4), nn.Linear(4, 2)
        self.activation = activation

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.activation(self.norm(self.conv(x))).mean((2, 3)))


@pytest.mark.parametrize(
    "activation",
    [
        torch.relu,
        lambda x: functional.relu(x, inplace=True),
        lambda x: x * torch.sigmoid(x),
        lambda x: x * functional.relu6(x + 3) / 6,
        lambda x: x.clamp(min=0),
    ],
)
def test_where_a_layers_value_is_final_is_found_however_it_is_written(activation: Callable[..., Any]) -> None:
    network, image = _Ways(activation).eval(), torch.randn(1, 3, 8, 8)
    truth = Truth(network, image.clone().requires_grad_())
    places, follows = truth.final(truth.answer("conv"))
    assert follows
    right = activation(network.norm(network.conv(image)))
    kept = truth.values(places)
    assert any(torch.allclose(kept[at], right, atol=1e-6) for at in places)
    assert not any(torch.allclose(kept[at], network.norm(network.conv(image))) for at in places)
    assert truth.complete(places[0])


def test_where_nothing_follows_a_layer_is_read_at_its_own_output_or_its_norm() -> None:
    truth = Truth(_Ways(nn.Identity()).eval(), torch.randn(1, 3, 8, 8).requires_grad_())
    places, follows = truth.final(truth.answer("conv"))
    assert places == [truth.answer("conv"), truth.answer("norm")]
    assert follows


def test_without_timm_its_networks_are_left_out_and_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", dict[str, object]().get)
    assert benchmark.wanted(timm=True, only=[]) == []
    assert "timm is not installed" in capsys.readouterr().err
    found = benchmark.measured("timm:resnet10t", (12,))
    assert (found.library, found.family) == ("timm", "")
    assert found.verdict.startswith("architecture 'timm:resnet10t' needs timm, which is not installed")


def test_a_networks_process_that_dies_is_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(benchmark, "measured", lambda _name: os._exit(9))
    assert benchmark.in_a_process("alexnet", memory=4, seconds=60).verdict.startswith("TRACEBACK: the process died")


def test_rows_are_kept_and_told_by_family(tmp_path: Path) -> None:
    file = tmp_path / "rows.tsv"
    rows = [
        benchmark.Row("one", "torchvision", "few", layers=3, joins=2, captum=2e-7, verdict="whole"),
        benchmark.Row("two", "torchvision", "few", layers=5, verdict="a | b"),
    ]
    for one in rows:
        benchmark.write_row(file, one)
    read = benchmark.read_rows(file)
    assert [one.network for one in read] == ["one", "two"]
    told = "\n".join(benchmark.table(read))
    assert "1 of 2 whole.** By family: few 1 of 2." in told
    assert "3 analysed layers, 2 pairs of them with edges" in told
    assert "largest value: 2e-07 in the median network" in told
    assert "| `two` | a \\| b |" in told
