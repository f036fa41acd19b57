"""Networks: built by name, filled with a case's tensors, fed with normalised images.

An architecture is `compact_alexnet` (ours, for small images), any classification network of torchvision by name, or
`package.module:function`, which is called with the number of classes and returns a module.
"""

from __future__ import annotations

import importlib
import os
from collections import OrderedDict
from collections.abc import Callable, Mapping
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor, nn

from tlx import structure
from tlx.cases import Case
from tlx.errors import ModelError, unknown
from tlx.results import Network, TrainedModel

if os.environ.get("TLX_THREADS"):  # otherwise torch's own choice: $OMP_NUM_THREADS, or one for each core
    torch.set_num_threads(int(os.environ["TLX_THREADS"]))


def compact_alexnet(classes: int, channels: int = 3, image_size: int = 32) -> nn.Sequential:
    """AlexNet's plan, much narrower, for images of about 32 px: five convolutions, two hidden linear layers.

    `image_size` must be a multiple of 8; the last map is image_size / 8 in each direction.
    """
    edge = image_size // 8
    parts: list[tuple[str, nn.Module]] = [
        ("conv1", nn.Conv2d(channels, 32, 5, stride=2, padding=2)),
        ("relu1", nn.ReLU()),
        ("conv2", nn.Conv2d(32, 64, 3, padding=1)),
        ("relu2", nn.ReLU()),
        ("pool2", nn.MaxPool2d(2)),
        ("conv3", nn.Conv2d(64, 64, 3, padding=1)),
        ("relu3", nn.ReLU()),
        ("conv4", nn.Conv2d(64, 64, 3, padding=1)),
        ("relu4", nn.ReLU()),
        ("conv5", nn.Conv2d(64, 64, 3, padding=1)),
        ("relu5", nn.ReLU()),
        ("pool5", nn.MaxPool2d(2)),
        ("flatten", nn.Flatten()),
        ("drop6", nn.Dropout(0.3)),
        ("fc6", nn.Linear(64 * edge * edge, 160)),
        ("relu6", nn.ReLU()),
        ("drop7", nn.Dropout(0.3)),
        ("fc7", nn.Linear(160, 128)),
        ("relu7", nn.ReLU()),
        ("fc8", nn.Linear(128, classes)),
    ]
    model = nn.Sequential(OrderedDict(parts))
    for module in model:
        if isinstance(module, nn.Conv2d | nn.Linear):  # torch's default is too small for seven layers without norms
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            nn.init.zeros_(module.bias)  # type: ignore[arg-type]
    return model


def build(case: Case, classes: int) -> nn.Module:
    """The case's network with random weights and `classes` outputs, in training mode.

    Raises ModelError when the architecture is unknown or cannot be built for the case's images.
    """
    if ":" in case.architecture:
        return _imported(case.architecture)(classes)
    if case.architecture == "compact_alexnet":
        if case.image_size % 8:
            raise ModelError(f"compact_alexnet needs an image_size that is a multiple of 8, not {case.image_size}")
        return compact_alexnet(classes, case.channels, case.image_size)
    from tlx._vision import models

    if case.architecture not in models.list_models(module=models):
        raise ModelError(
            unknown("architecture", case.architecture, ["compact_alexnet", *models.list_models(module=models)])
        )
    if case.channels != 3:
        raise ModelError(f"torchvision's {case.architecture} takes 3 channels; set channels = 3, not {case.channels}")
    made: nn.Module = models.get_model(case.architecture, weights=None, num_classes=classes)
    return made


def _imported(name: str) -> Callable[[int], nn.Module]:
    module, _, function = name.partition(":")
    try:
        made: Callable[[int], nn.Module] = getattr(importlib.import_module(module), function)
    except (ImportError, AttributeError) as error:
        raise ModelError(f"architecture {name!r} cannot be imported ({error}); give package.module:function") from None
    return made


def head(model: nn.Module) -> str:
    """Name of the last linear layer, whose outputs are the class scores."""
    linear: list[str] = [name for name, module in model.named_modules() if isinstance(module, nn.Linear)]
    if not linear:
        raise ModelError(f"{type(model).__name__} has no linear layer, so its class scores cannot be found")
    return linear[-1]


def fill(model: nn.Module, tensors: Mapping[str, np.ndarray | Tensor]) -> nn.Module:
    """Copies a full set of tensors into the model. Raises ModelError naming what is missing, left over or misshapen."""
    ours = model.state_dict()
    given = {name: torch.as_tensor(np.array(tensor)) for name, tensor in tensors.items()}
    for name in ours.keys() & given.keys():
        if ours[name].shape != given[name].shape:
            raise ModelError(
                f"tensor {name!r} has shape {tuple(given[name].shape)} in the checkpoint and "
                f"{tuple(ours[name].shape)} in the network; use the checkpoint of this architecture and class count"
            )
    for said, names in (("lacks", ours.keys() - given.keys()), ("has unknown", given.keys() - ours.keys())):
        if names:
            raise ModelError(f"the checkpoint {said} {len(names)} tensor(s) of this network, such as {min(names)!r}")
    model.load_state_dict(given)
    return model


def network(case: Case, classes: int) -> Network:
    """The analysed layers of the case's architecture (weights do not matter)."""
    torch.manual_seed(0)
    model = build(case, classes).eval()
    return structure.network(
        model, torch.randn(1, case.channels, case.image_size, case.image_size), case.layers, case.architecture
    )


def loaded(case: Case, model: str, trained: Callable[[Case, str], TrainedModel]) -> nn.Module:
    """The case's model with its weights, evaluated, its parameters frozen; one per process and model."""
    return _loaded(case, model, trained)


@lru_cache(maxsize=4)
def _loaded(case: Case, model: str, trained: Callable[[Case, str], TrainedModel]) -> nn.Module:
    found = trained(case, model)
    network = fill(build(case, len(found.classes)), found.tensors)
    return network.eval().requires_grad_(False).to(default_device())


def default_device() -> torch.device:
    """`$TLX_DEVICE`, or a GPU where there is one."""
    asked = os.environ.get("TLX_DEVICE")
    if asked:
        return torch.device(asked)
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def device_of(model: nn.Module) -> torch.device:
    """Where the model's parameters lie."""
    return next(model.parameters()).device


def inputs(model: nn.Module, pixels: np.ndarray, case: Case) -> Tensor:
    """(n, H, W, channels) uint8 as the model takes them: normalised, on its device."""
    return normalised(pixels, case).to(device_of(model))


def normalised(pixels: np.ndarray, case: Case) -> Tensor:
    """(n, H, W, channels) uint8 to the network's input space: (n, channels, H, W) float32."""
    images = torch.from_numpy(np.array(pixels)).permute(0, 3, 1, 2).float().div_(255)
    mean, std = (torch.tensor(numbers).view(1, -1, 1, 1) for numbers in (case.mean, case.std))
    return images.sub_(mean).div_(std).contiguous()


def baseline(case: Case) -> Tensor:
    """(1, channels, 1, 1): where the path of layer conductance starts, in the network's input space (method 3)."""
    if case.baseline == "black":
        return normalised(np.zeros((1, 1, 1, case.channels), dtype=np.uint8), case)
    return torch.zeros(1, case.channels, 1, 1)
