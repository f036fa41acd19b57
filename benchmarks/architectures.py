"""Which published networks tlx reads right: torchvision's and a choice of timm's, held against the raw networks.

    PYTHONPATH=. python benchmarks/architectures.py [--timm] [--only NAME …] [--rows FILE] [--memory GB] [--again]
    PYTHONPATH=. python benchmarks/architectures.py --table

Each network gets a process of its own and a row in a table of tab-separated values; a run that was stopped goes on
after the last row. Weights are random. Every parameter and every running statistic is drawn away from where its
constructor put it, since a gamma of zero, a layer scale of 1e-6 or a head of zeros would hide half of the network;
batch norm is given the statistics of random images, strong and faint, so that nothing vanishes or explodes.

A network is *whole* when, on a few small images:
- it is built, filled from a file of the raw network's tensors and analysed as `check` does, and its scores are the raw
  network's on images that were normalised by hand;
- each analysed layer, and a few inside blocks, is read where its value is final: behind the normalisation and the
  activation function that follow it. What follows is found without tlx and without autograd, from the torch functions
  that the raw network calls (`Record`);
- conductance is that of Captum's `LayerConductance` at the place so found, for a few layers, early and late;
- a layer is called complete where every path of those calls runs through it, and what enters an edge's kernel from a
  neuron is that neuron's channel alone;
- what is shown as the embedding enters the first linear layer that every path runs through.
Otherwise its row says in one sentence what tlx refuses and why, or begins with WRONG or TRACEBACK, which none should.
"""

from __future__ import annotations

import argparse
import csv
import importlib
import importlib.util
import multiprocessing
import resource
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from captum.attr import LayerConductance
from torch import Tensor, nn

from benchmarks.recorded import Truth
from tlx.analysis import abstraction, activations, attribution
from tlx.cases import Case, Domain
from tlx.errors import UserError, first_line
from tlx.networks import checkpoints, hooks, models, recipes, tracing
from tlx.networks.torchvision_import import models as zoo
from tlx.networks.torchvision_import import torchvision
from tlx.results import DomainImages, Network

SIZES = (64, 96, 128, 224, 240, 256, 299)  # the first that a network takes; below 64 most deep layers have one position
CLASSES = tuple("abcde")
IMAGES = 2
STEPS = 4  # of the path that is compared with Captum's: a power of two, so that both take exactly the same points
SAMPLE = 3  # layers compared with Captum's, pairs of layers whose edges are counted, and layers asked for in blocks
# Of a layer's largest conductance. Sums of float32 differ by their order: by 1e-7 of the largest in the median network,
# by less than 1e-4 in all but one in twenty. There ReLUs or maxima switch within that rounding, and single values jump;
# the passes are then made in float64, whose rounding switches nothing (the sums stay float32). A layer read before its
# activation is off by 5e-3 at the least.
CLOSE = 1e-4

# One or two of nearly every module of timm's: the smallest, and what is unlike the others; small ones first.
TIMM = """\
test_efficientnet_evos test_efficientnet_gn test_efficientnet_ln lcnet_035 mobilenetv2_035 starnet_s050 lcnet_050
dla46x_c mnasnet_small mobilevit_xxs repghostnet_050 mobilevitv2_050 edgenext_xx_small ghostnet_050
ese_vovnet19b_slim_dw tf_mobilenetv3_small_100 convnext_zepto_rms efficientvit_b0 ghostnetv3_050 efficientvit_m0
regnetx_002 cspnext_tiny mobilenetv4_conv_small fasternet_t0 iformer_t cs3darknet_focus_s lcnetv2_small
xcit_nano_12_p16_224 xcit_nano_12_p8_224 swiftformer_xs efficientformerv2_s0 inception_next_atto fastvit_t8
convnext_atto convnextv2_atto pvt_v2_b0 rexnet_100 mobileone_s1 hardcorenas_b hgnetv2_b0 mobileone_s0 pit_ti_224
repvit_m1 cpubone_nano ghostnetv2_100 resnet10t tiny_vit_5m_224 coat_tiny coat_lite_tiny convit_tiny
deit_tiny_distilled_patch16_224 deit_tiny_patch16_224 eva02_tiny_patch14_224 vit_tiny_patch16_224
vit_tiny_patch16_dinov3_qkvb efficientvim_m1 gmlp_ti16_224 shvit_s1 regnetz_005 vit_tiny_r_s16_p8_224
mambaout_femto gernet_s crossvit_tiny_240 densenet121 levit_128s levit_conv_128s maxvit_pico_rw_256 halonet_h1
nf_regnet_b0 repvgg_a0 regnetz_b16_evos dpn48b crossvit_9_dagger_240 gcresnext26ts resnest14d bat_resnext26ts
lambda_resnet26t visformer_tiny botnet26t_256 csatv2 hrnet_w18_small resnetblur18 resnetv2_18 legacy_seresnet18
efficientformer_l1 poolformer_s12 poolformerv2_s12 skresnet18 gcvit_xxtiny cait_xxs24_224 gmixer_12_224
lowformer_b0 hgnet_tiny darknet17 ecaresnet26t nf_resnet26 resnet26d coatnet_nano_rw_224 seresnext26t_32x4d
resmlp_12_224 vit_pwee_patch16_reg1_gap_256 maxxvit_rmlp_nano_rw_256 nest_tiny mixer_s16_224 dla60_res2net
efficientnet_b0 fbnetc_100 mixnet_s spnasnet_100 tf_efficientnet_b0 convmixer_768_32 cspresnet50 legacy_xception
vit_small_patch16_rope_224 vit_srelpos_small_patch16_224 deit3_small_patch16_224 inception_v3 eca_nfnet_l0
vitamin_small_224 res2next50 rdnet_tiny mvitv2_tiny tnt_s_legacy_patch16_224 resnetv2_50d_gn ese_vovnet39b_evos
resnetv2_50d_evos resnetv2_50d_frn twins_pcpvt_small twins_svt_small caformer_s18 convformer_s18 xception41p
volo_d1_224 sam2_hiera_tiny hiera_tiny_224 sequencer2d_s swin_tiny_patch4_window7_224 davit_tiny swin_s3_tiny_224
swinv2_cr_tiny_224 swinv2_tiny_window16_256 focalnet_tiny_srf selecsls42 tresnet_m nextvit_small inception_v4
efficientvit_l1 inception_resnet_v2 mobilenetv5_base pnasnet5large nasnetalarge naflexvit_base_patch16_parfac_gap
samvit_base_patch16_224 beit_base_patch16_224 vit_base_mci_224 qwen3_vit_88m vgg11
""".split()  # noqa: SIM905


class WrongError(Exception):
    """Something that tlx shows and that is not so."""


@dataclass
class Row:
    """What is known of one network. `followed`: layers that a normalisation or activation function follows."""

    network: str
    library: str = ""
    family: str = ""
    parameters: int = 0
    image_size: int = 0
    layers: int = 0
    joins: int = 0
    followed: int = 0
    captum: float = float("nan")
    captum_double: float = float("nan")
    completeness: float = float("nan")
    verdict: str = ""
    seconds: float = 0.0


# --- the raw network, and what it does, without tlx ------------------------------------------------------------------


def raw_network(name: str, image_size: int, classes: int) -> nn.Module:
    """The network as its library makes it for somebody who trains it, seeded."""
    torch.manual_seed(0)
    if name.startswith("timm:"):
        import timm

        name = name.removeprefix("timm:")
        try:
            return timm.create_model(name, num_classes=classes, img_size=image_size)
        except TypeError:
            return timm.create_model(name, num_classes=classes)
    options: dict[str, Any] = dict(recipes.IMPLIED.get(name, {}))
    if name.startswith("vit_"):
        options["image_size"] = image_size
    if name.startswith("maxvit"):
        options["input_size"] = (image_size, image_size)
    if name in ("googlenet", "inception_v3"):
        options["init_weights"] = True
    return zoo.get_model(name, weights=None, num_classes=classes, **options)


@torch.no_grad()
def stirred(network: nn.Module, images: Tensor) -> nn.Module:
    """The network with no parameter and no statistic where its constructor put it, and evaluated.

    Statistics are those of a batch, as far from 0 and 1 as its layers make them; noise on them would add up over the
    depth, until scores hang on the last digit of a pixel.
    """
    draws = torch.Generator().manual_seed(1)
    for parameter in network.parameters():
        noise = torch.randn(parameter.shape, generator=draws)
        if parameter.ndim < 2:
            small = parameter.abs() < 0.1  # zeros, and layer scales, which would shut their branches
            parameter.copy_(
                torch.where(small, 0.4 * noise + (0.5 if _scales(parameter) else 0), parameter + 0.1 * noise)
            )
        elif parameter.std() < 0.1 * parameter[0].numel() ** -0.5:  # zeros, and heads that begin with nearly none
            parameter.copy_(noise * parameter[0].numel() ** -0.5)
        else:
            parameter.mul_(1 + 0.1 * noise)
    norms = [part for part in network.eval().modules() if isinstance(part, nn.modules.batchnorm._BatchNorm)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.train().momentum = 1.0
    if norms:
        network(torch.cat([images, images / 4, images / 16, images[:1] * 0]))  # as along the path from the baseline
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.eval().momentum = momentum
        if norm.running_var is not None:  # a channel that hardly moves would be turned up a thousand times
            norm.running_var.clamp_min_(0.1 * float(norm.running_var.mean()) + 1e-3)
    return network


def _scales(parameter: Tensor) -> bool:
    """Whether all values are one and the same small number, as a layer scale's are."""
    return bool(parameter.numel()) and float(parameter.flatten()[0]) != 0 and float(parameter.std()) == 0


# --- one network -----------------------------------------------------------------------------------------------------


def measured(
    name: str, sizes: Sequence[int] = SIZES, *, raw: Callable[[int], nn.Module] | None = None, home: str = ""
) -> Row:
    """The row of one network. raw: makes it for an image size; by default as its library does."""
    began, row = time.perf_counter(), Row(name)
    row.library, row.family = origin(name)
    try:
        with warnings.catch_warnings(action="ignore"):
            _measure(row, sizes, raw or (lambda size: raw_network(name, size, len(CLASSES))), home)
        row.verdict = "whole"
    except UserError as error:
        row.verdict = str(error)
    except WrongError as error:
        row.verdict = f"WRONG: {error}"
    except Exception as error:
        if isinstance(error, MemoryError) or "can't allocate memory" in str(error):
            raise MemoryError from None  # of the benchmark's process
        at = traceback.extract_tb(error.__traceback__)[-1]
        row.verdict = (
            f"TRACEBACK: {type(error).__name__}: {first_line(error)[:200]} ({Path(at.filename).name}:{at.lineno})"
        )
    row.seconds = round(time.perf_counter() - began, 1)
    return row


def _measure(row: Row, sizes: Sequence[int], raw: Callable[[int], nn.Module], home: str) -> None:
    domain = Domain("folder", "images")
    options = tuple(recipes.IMPLIED.get(row.network, {}).items())  # as published weights have them
    case = Case("case", "case", domain, domain, row.network, home=home, architecture_options=options)
    case = fitting(case, sizes)
    row.image_size = case.image_size
    network = models.network(case, len(CLASSES))
    row.parameters, row.layers, row.joins = network.parameters, len(network.layers), len(network.joins)
    drawn = np.random.default_rng(0)
    pixels = drawn.integers(0, 256, (IMAGES, case.image_size, case.image_size, 3), dtype=np.uint8)
    labels = np.arange(IMAGES) % len(CLASSES)
    images = DomainImages(pixels, labels, CLASSES, np.full(IMAGES, "training"), np.arange(IMAGES).astype(str))
    entering = torch.from_numpy(by_hand(pixels, case))
    theirs = stirred(raw(case.image_size), entering)
    ours = as_a_case(theirs, case)

    entering = _inputs(ours, images, entering, case)
    _predictions(ours, theirs, images, entering, case)
    # On several images: of one alone some axes may be exchanged without a copy, so that other functions are called.
    truth = Truth(theirs, entering.clone().requires_grad_())
    inside = beside(ours, truth, network)
    places = _readouts(row, ours, network, inside, truth)
    _embedding(ours, truth, images, case)
    compared = [name for name in spread(network.names, SAMPLE) + inside if _instances_first(truth, places[name])]
    row.captum, row.captum_double = _conductance(ours, truth, compared, places, entering)
    row.completeness = _all_layers(ours, network, images, case)
    for pair in spread(list(network.joins), SAMPLE):
        _edges(ours, network, pair, truth, places, images, case)


def fitting(case: Case, sizes: Sequence[int]) -> Case:
    """The case at the first image size that its network takes. Raises ModelError where it takes none."""
    for size in sizes:
        sized = replace(case, image_size=size)
        try:
            models.probe(models.build(sized, len(CLASSES)), sized, len(CLASSES))
        except UserError:
            if size == sizes[-1]:
                raise
        else:
            return sized
    raise AssertionError


def by_hand(pixels: np.ndarray, case: Case) -> np.ndarray:
    """As everybody writes it: to 0 … 1, minus mean, by deviation, channels first."""
    scaled = (pixels.astype(np.float64) / 255 - np.array(case.mean)) / np.array(case.std)
    return np.ascontiguousarray(scaled.transpose(0, 3, 1, 2)).astype(np.float32)


def as_a_case(theirs: nn.Module, case: Case) -> nn.Module:
    """The network of the case, filled from a file of the raw network's tensors."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "model.pt"
        torch.save(theirs.state_dict(), file)
        ours = models.build(case, len(CLASSES))
        checkpoints.complete(ours, file)
    return ours.eval().requires_grad_(False)


def beside(ours: nn.Module, truth: Truth, network: Network) -> list[str]:
    """A few layers inside blocks, which are analysed only where asked for, as far as tlx agrees to read them."""
    weighted = [name for name, part in truth.network.named_modules() if isinstance(part, tracing.WEIGHTED)]
    used = [name for name in weighted if truth.answer(name) >= 0]
    agreed = []
    for name in spread([name for name in used[:-1] if name not in network.names], SAMPLE):
        with suppress(UserError):
            tracing.readouts(ours, [name], truth.image[:1].detach())
            agreed.append(name)
    return agreed


def spread(some: Sequence[Any], count: int) -> list[Any]:
    """A few of many, the first and the last among them."""
    return [some[at] for at in dict.fromkeys(np.linspace(0, len(some) - 1, min(count, len(some))).round().astype(int))]


def distance(one: Tensor, other: Tensor) -> float:
    """The largest difference, as a share of the largest magnitude of `other`."""
    if one.shape != other.shape:
        raise WrongError(f"shape {tuple(one.shape)} stands where {tuple(other.shape)} is right")
    return float((one - other).abs().max() / other.abs().max().clamp_min(1e-30))


def _inputs(ours: nn.Module, images: DomainImages, by_own_hand: Tensor, case: Case) -> Tensor:
    """What tlx makes of the images, which are the same as by hand but for rounding.

    Both networks are given these from here on: random weights of a hundred layers make anything of a last digit.
    """
    made = models.inputs(ours, images.pixels, case)
    if (off := distance(made, by_own_hand)) > CLOSE:
        raise WrongError(f"images enter the network changed by {off:.1e} of the largest value")
    return made


def _predictions(ours: nn.Module, theirs: nn.Module, images: DomainImages, entering: Tensor, case: Case) -> None:
    with torch.no_grad():
        right, found = theirs(entering), ours(entering)
    if not torch.isfinite(right).all() or float(right.std(0).mean()) < 1e-4 * float(right.abs().mean()):
        raise ArithmeticError("the benchmark's random weights make this network constant or infinite")
    if (off := distance(found, right)) > CLOSE:
        raise WrongError(f"scores differ from the raw network's by {off:.1e} of the largest")
    chances = torch.from_numpy(activations.predict(ours, images, case))
    if (off := float((chances - right.softmax(1)).abs().max())) > CLOSE:
        raise WrongError(f"predictions differ from the raw network's by {off:.1e}")


def _readouts(row: Row, ours: nn.Module, network: Network, inside: Sequence[str], truth: Truth) -> dict[str, int]:
    """Holds where tlx reads each layer against where its value is final; the number of each layer's value."""
    image, names = truth.image.detach(), [*network.names, *inside]
    reads = tracing.readouts(ours, names, image[:1])
    with hooks.captured(ours, reads) as outputs, torch.no_grad():
        ours(image)
        read = {name: value.clone() for name, value in outputs.items()}
    allowed = {}
    for name, one in zip(names, reads, strict=True):
        own, weighted = truth.answer(name, one.part), isinstance(ours.get_submodule(name), tracing.WEIGHTED)
        if own < 0:
            raise WrongError(f"layer {name} is analysed but gave no value in the raw network")
        if own in truth.entered[name]:
            raise WrongError(f"layer {name} is read where it hands on what it was given")
        final, follows = truth.final(own)
        allowed[name] = (final, follows) if weighted else ([own, *final], False)  # a block has an end of its own
    unactivated = [layer.name for layer in network.layers if not layer.activated]
    every = {value for values, _ in allowed.values() for value in values}
    kept = truth.values(every)
    places = {}
    for name, one in zip(names, reads, strict=True):
        values, follows = allowed[name]
        row.followed += follows
        right = {at: kept[at].movedim(one.batch, 0) for at in values if kept[at].ndim > one.batch}
        same = [at for at in right if right[at].shape == read[name].shape and distance(read[name], right[at]) < CLOSE]
        if not same:
            told = f"layer {name} is read {_elsewhere(truth, name, read[name], values)}"
            if one.layer in unactivated:
                raise UserError(f"{told}; the pages say that it is read before an activation function")
            raise WrongError(told)
        places[name] = same[0]
        if (rows := kept[same[0]].shape[one.batch]) != len(image):
            raise WrongError(f"layer {name} is read though it has {rows} rows for {IMAGES} images")
        axis = _axis(ours.get_submodule(name), truth, same[0], read[name].ndim)
        if axis is not None and axis != one.axis:
            raise WrongError(f"the neurons of layer {name} lie along axis {axis} of {read[name].ndim}, not {one.axis}")
    for layer in network.layers:
        if layer.complete != truth.complete(places[layer.name]):
            raise WrongError(
                f"layer {layer.name} is called {'complete' if layer.complete else 'beside a path'} and is not"
            )
    return places


def _instances_first(truth: Truth, value: int) -> bool:
    """Whether Captum, which takes the first axis for that of the instances, can say anything here."""
    return truth.values([value])[value].shape[0] == len(truth.image)


def _axis(module: nn.Module, truth: Truth, value: int, ndim: int) -> int | None:
    if isinstance(module, nn.Linear):
        return ndim - 1
    return 1 if isinstance(module, tracing.WEIGHTED) else truth.axis(value, ndim)


def _elsewhere(truth: Truth, name: str, read: Tensor, values: Sequence[int]) -> str:
    """Where a layer is read that is not read where it should be, in words."""
    steps = truth.values(range(1, max(truth.maker) + 1))
    found = [at for at, value in steps.items() if value.shape == read.shape and distance(value, read) < CLOSE]
    right = truth.maker[values[0]].name
    if not found:
        return f"as a value that the raw network does not have, not behind {right}"
    after = truth.maker[found[0]].name
    return f"behind {after} ({'before' if found[0] < values[0] else 'after'} its place behind {right})"


def _embedding(ours: nn.Module, truth: Truth, images: DomainImages, case: Case) -> None:
    vectors = activations.vectors(ours, images, case)
    if float(vectors.std(0).max()) <= 1e-6 * float(np.abs(vectors).max()):
        raise WrongError("the embedding's vectors are the same for every image")
    heads = [one for one in truth.operations if one.name == "linear" and truth.complete(one.outputs[0])]
    kept = truth.values([one.inputs[0] for one in heads])
    flat = next((kept[one.inputs[0]] for one in heads if kept[one.inputs[0]].ndim == 2), None)
    if flat is None:
        return  # a head of convolutions: nothing is said about which vector is right
    right = torch.from_numpy(activations.shortened(flat.numpy()))
    if right.shape != vectors.shape or distance(torch.from_numpy(vectors), right) > CLOSE:
        raise WrongError("the embedding is not what enters the first linear layer that every path runs through")


def _conductance(
    ours: nn.Module, truth: Truth, names: Sequence[str], places: dict[str, int], entering: Tensor
) -> tuple[float, float]:
    """The largest difference from Captum's over some layers, in float32 and, where that rounds too far, in float64."""
    targets = torch.arange(len(entering)) % len(CLASSES)
    worst = [0.0, float("nan")]
    for name in dict.fromkeys(names):
        off = _from_captum(ours, truth, name, places[name], entering, targets)
        worst[0] = max(worst[0], off)
        if off > CLOSE:
            off = _from_captum(ours.double(), truth, name, places[name], entering.double(), targets)
            ours.float()
            worst[1] = max(off, np.nan_to_num(worst[1]))
            if not off <= CLOSE:
                raise WrongError(f"conductance of layer {name} differs from Captum's by {off:.1e} of the largest")
    return worst[0], worst[1]


def _from_captum(ours: nn.Module, truth: Truth, name: str, value: int, entering: Tensor, targets: Tensor) -> float:
    options: dict[str, Any] = {"n_steps": STEPS, "rule": "left", "power": 1, "reduce": None}
    found = attribution.layer_conductance(ours, [name], entering, targets, **options)[name]
    tapped = truth.tapped(value).to(entering.dtype)
    try:
        right = LayerConductance(tapped, tapped.tap).attribute(
            entering, target=targets, n_steps=STEPS, method="riemann_trapezoid"
        )
    finally:
        tapped.float()
    return distance(found, right.detach().float())


def _all_layers(ours: nn.Module, network: Network, images: DomainImages, case: Case) -> float:
    """Conductance of every analysed layer, as a case asks for it; the median completeness error of complete layers.

    It is told and not judged: that is how far 8 steps follow the path, not whether a layer is read right. The images
    are faint, since along a long path the score of random weights jumps more often than it is looked at.
    """
    faint = np.array(case.mean) * 255 + (images.pixels - 128.0) / 16
    images = replace(images, pixels=faint.round().astype(np.uint8))
    found = attribution.of_instances(ours, network, images, np.arange(IMAGES), case=case, outputs=CLASSES)
    errors = found.completeness_error[np.isfinite(found.completeness_error)]
    if not np.isfinite(found.values).all() or (len(errors) and not found.values.any()):
        raise WrongError("conductance is not finite, or 0 everywhere")
    return float(np.median(errors)) if len(errors) else float("nan")


def _edges(
    ours: nn.Module,
    network: Network,
    pair: tuple[str, str],
    truth: Truth,
    places: dict[str, int],
    images: DomainImages,
    case: Case,
) -> None:
    """Holds a few edges against the kernel's response to one channel alone, and the channel against its neuron."""
    join = network.joins[pair]
    module, made = ours.get_submodule(join), truth.maker[truth.answer(join)]
    value = abstraction.edges(ours, network, pair, images, np.arange(IMAGES), case=case).value
    before, after = network.layer(pair[0]).units, network.layer(pair[1]).units
    entered = made.inputs[0]
    whole = truth.values([entered])[entered]
    drawn = np.random.default_rng(1)
    for i, j in zip(drawn.integers(0, before, 4), drawn.integers(0, after, 4), strict=True):
        right = float(response(module, whole, int(i), int(j), before).mean())
        if abs(right - value[i, j]) > CLOSE * np.abs(value).max():
            raise WrongError(f"edge {i} to {j} of {' to '.join(pair)} is {value[i, j]:.4g} and should be {right:.4g}")
        moved = truth.values([entered], places[pair[0]], lambda made, i=int(i): _louder(made, i, truth, pair[0]))[
            entered
        ]
        changed = channels((moved - whole).abs(), module, before).nonzero().flatten().tolist()
        if changed not in ([], [int(i)]):
            raise WrongError(f"neuron {i} of {pair[0]} enters {join} as channels {changed[:5]}")


def _louder(made: Tensor, neuron: int, truth: Truth, layer: str) -> Tensor:
    axis = made.ndim - 1 if isinstance(truth.network.get_submodule(layer), nn.Linear) else 1
    factor = torch.ones(made.shape[axis]).index_fill_(0, torch.tensor(neuron), 2.0)
    return made * factor.view([-1 if at == axis else 1 for at in range(made.ndim)])


def channels(values: Tensor, module: nn.Module, count: int) -> Tensor:
    """(n, …) values that enter a convolution or linear layer, the largest of each of `count` channels."""
    parted = values if isinstance(module, nn.Conv2d) else values.reshape(len(values), count, -1)
    return parted.flatten(2).amax((0, 2)) if parted.ndim > 2 else parted.amax(0)


def response(module: nn.Module, entered: Tensor, i: int, j: int, count: int) -> Tensor:
    """(n,) what kernel (j, i) alone makes of channel i, at its largest; for a linear layer the channel's sum."""
    if isinstance(module, nn.Linear):
        parted, weight = entered.reshape(len(entered), count, -1), module.weight.view(module.out_features, count, -1)
        return (parted[:, i] * weight[j, i]).sum(1)
    assert isinstance(module, nn.Conv2d)
    each, outs = module.in_channels // module.groups, module.out_channels // module.groups
    if i // each != j // outs:
        return torch.zeros(len(entered))
    alone = nn.Conv2d(1, 1, module.kernel_size, module.stride, module.padding, module.dilation, bias=False)
    alone.padding_mode = module.padding_mode
    alone.weight = nn.Parameter(module.weight[j : j + 1, i % each : i % each + 1].detach().clone())
    with torch.no_grad():
        responses: Tensor = alone(entered[:, i : i + 1]).flatten(1).amax(1)
    return responses


# --- many networks ---------------------------------------------------------------------------------------------------


def origin(name: str) -> tuple[str, str]:
    """(library, family) of a network; the family is the module that makes it."""
    if name.startswith("timm:"):
        timm = importlib.import_module("timm") if importlib.util.find_spec("timm") else None
        known = timm is not None and timm.is_model(name := name.removeprefix("timm:"))
        return "timm", timm.model_entrypoint(name).__module__.rpartition(".")[2] if known else ""
    if ":" in name or name not in zoo.list_models(module=zoo):
        return "own", name.partition(":")[0]
    return "torchvision", zoo.get_model_builder(name).__module__.rpartition(".")[2]


def wanted(*, timm: bool, only: Sequence[str]) -> list[str]:
    """Names of the networks, small ones first."""
    if only:
        return list(only)
    if not timm:
        return sorted(zoo.list_models(module=zoo), key=lambda name: weight(zoo.get_model_builder(name)))
    if importlib.util.find_spec("timm") is None:
        print("timm is not installed, so none of its networks is tried; pip install timm", file=sys.stderr)
        return []
    return [f"timm:{name}" for name in TIMM]


def weight(builder: Callable[..., Any]) -> int:
    """Parameters of a torchvision network, as its published weights say."""
    kind = builder.__annotations__["weights"]
    options = zoo.get_model_weights(builder)
    return min(int(one.meta["num_params"]) for one in options) if kind else 0


def in_a_process(name: str, memory: float, seconds: float) -> Row:
    """The row, measured in a process of its own: whatever that dies of becomes a row, too."""
    here, there = (ends := multiprocessing.get_context("fork")).Pipe(duplex=False)
    child = ends.Process(target=_send, args=(there, name, memory))
    child.start()
    there.close()
    try:
        row: Row = (
            here.recv()
            if here.poll(seconds)
            else Row(name, *origin(name), verdict=f"not measured within {seconds:.0f} s")
        )
    except EOFError:
        row = Row(name, *origin(name), verdict=f"TRACEBACK: the process died within {memory:g} GB")
    child.kill()
    child.join()
    return row


def _send(pipe: Any, name: str, memory: float) -> None:
    resource.setrlimit(resource.RLIMIT_DATA, (int(memory * 2**30),) * 2)
    try:
        row = measured(name)
    except MemoryError:
        row = Row(name, *origin(name), verdict=f"not measured within {memory:g} GB")
    pipe.send(row)


def read_rows(file: Path) -> list[Row]:
    if not file.is_file():
        return []
    kinds = {field.name: {"str": str, "int": int, "float": float}[str(field.type)] for field in fields(Row)}
    with file.open(newline="") as lines:
        return [Row(**{k: kinds[k](v) for k, v in one.items()}) for one in csv.DictReader(lines, delimiter="\t")]


def write_row(file: Path, row: Row) -> None:
    new = not file.is_file()
    with file.open("a", newline="") as lines:
        writer = csv.DictWriter(lines, [field.name for field in fields(Row)], delimiter="\t")
        if new:
            writer.writeheader()
        writer.writerow(asdict(row))


def table(rows: Sequence[Row]) -> Iterator[str]:
    """Markdown: for each library how many are whole, by family, how near Captum they come, and why others are not."""
    versions = {"torchvision": torchvision.__version__}
    if importlib.util.find_spec("timm") is not None:
        versions["timm"] = importlib.import_module("timm").__version__
    for library in dict.fromkeys(row.library for row in rows):
        some = [row for row in rows if row.library == library]
        whole = [row for row in some if row.verdict == "whole"]
        families = {row.family: [one for one in some if one.family == row.family] for row in some}
        counts = []
        for family, ours in sorted(families.items()):
            right = sum(row in whole for row in ours)
            counts.append(f"{family} {right}" + (f" of {len(ours)}" if right < len(ours) else ""))
        given = f"{library} {versions.get(library, '')}".partition("+")[0].strip()
        yield f"**{given}: {len(whole)} of {len(some)} whole.** By family: {', '.join(counts)}."
        yield from _nearness(whole)
        yield ""
        if others := [row for row in some if row not in whole]:
            yield "| not whole | why |"
            yield "| --- | --- |"
            yield from (f"| `{row.network}` | {row.verdict.replace('|', chr(92) + '|')} |" for row in others)
            yield ""


def _nearness(rows: Sequence[Row]) -> Iterator[str]:
    """Their sizes, and how far their conductance is from Captum's."""
    if not rows:
        return
    off, further = sorted(row.captum for row in rows), [row.captum_double for row in rows if row.captum > CLOSE]
    also = f" but {len(further)}, which agree to {max(further):.0e} in float64" if further else ""
    layers, joins = (sum(getattr(row, name) for row in rows) for name in ("layers", "joins"))
    yield (
        f"{layers:,} analysed layers, {joins:,} pairs of them with edges. Largest difference from Captum, as a share "
        f"of a layer's largest value: {off[len(off) // 2]:.0e} in the median network, "
        f"{off[-1 - len(further)]:.0e} in the furthest{also}."
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", default=[], help="these networks; timm's as timm:NAME")
    parser.add_argument("--timm", action="store_true", help="a choice of timm's instead of torchvision's")
    parser.add_argument("--rows", type=Path, default=Path("cache/architectures.tsv"))
    parser.add_argument("--again", action="store_true", help="also networks that have a row")
    parser.add_argument("--memory", type=float, default=5, help="GB that a network's process may take")
    parser.add_argument("--seconds", type=float, default=900, help="that a network may take")
    parser.add_argument("--largest", type=float, default=float("inf"), help="millions of parameters of torchvision's")
    parser.add_argument("--table", action="store_true", help="print what the rows say as Markdown")
    given = parser.parse_args()
    if given.table:
        print("\n".join(table(read_rows(given.rows))))
        return
    torch.set_num_threads(1)
    known = set() if given.again else {row.network for row in read_rows(given.rows)}
    for name in wanted(timm=given.timm, only=given.only):
        if name in known or (
            not given.timm and not given.only and weight(zoo.get_model_builder(name)) > given.largest * 1e6
        ):
            continue
        row = in_a_process(name, given.memory, given.seconds)
        write_row(given.rows, row)
        print(f"{row.seconds:7.1f} s  {row.network:32} {row.verdict}", flush=True)


if __name__ == "__main__":
    main()
