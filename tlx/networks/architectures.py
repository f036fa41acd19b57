"""Networks by name: ours for small images, torchvision's, timm's where it is installed, or a function of the user's.

`package.module:function` is called with the number of classes and returns a module; the module may be a file beside the
case file. It is code that the author of the case chose and runs with all rights of this process, so open a case file
only where you would run a script of its author: a public host shows no others than those it was started with.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import re
import sys
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from tlx.errors import ModelError, first_line, unknown
from tlx.networks import answers, kept
from tlx.networks.names import OURS

# Their second heads only serve training by their authors' recipe, and would make them answer with tuples.
_ONE_ANSWER = {"aux_logits": False, "init_weights": True}
_OPTIONS = {"googlenet": _ONE_ANSWER, "inception_v3": _ONE_ANSWER}
_OURS = {
    **dict.fromkeys(("num_classes", "classes"), "the domain's classes"),
    **dict.fromkeys(("in_chans", "channels"), "channels"),
    **dict.fromkeys(("image_size", "img_size", "input_size"), "image_size"),
    **dict.fromkeys(("weights", "pretrained", "weights_backbone", "pretrained_backbone"), "checkpoint or initial"),
    # These would load or fetch files, of which nothing but tensors may be read.
    **dict.fromkeys(("checkpoint_path", "pretrained_cfg", "pretrained_cfg_overlay"), "checkpoint or initial"),
    **dict.fromkeys(("pretrained_strict", "pretrained_filter_fn", "cache_dir"), "checkpoint or initial"),
    **dict.fromkeys(("progress", "scriptable", "exportable", "no_jit"), "tlx"),
}
"""Options of torchvision's and timm's constructors that are said elsewhere, and where."""
_lock = threading.RLock()  # the import path is the process's


def build(
    name: str,
    *,
    classes: int,
    channels: int = 3,
    image_size: int = 224,
    home: str = "",
    options: Mapping[str, Any] | None = None,
    output: str = "",
) -> nn.Module:
    """The network with random weights and `classes` outputs, in training mode.

    home: the folder of the case file, where the module of `package.module:function` is looked for first; options: what
    its constructor is given besides; output: which part of an answer of several tensors holds the class scores. Raises
    ModelError when the name or an option is unknown, or the network cannot be built for such images.
    """
    prefix, _, rest = name.partition(":")
    options = dict(options or {})
    if rest and prefix != "timm":
        # Noise of its own generator: what is drawn after this does not depend on it.
        noise = torch.randn(2, channels, image_size, image_size, generator=torch.Generator().manual_seed(0))
        made = kept.build(name) if prefix == kept.PREFIX else _own(name, classes, home, options)
        return answers.scored(made, name, classes, noise, output)
    for key in options:
        if key in _OURS:
            raise ModelError(
                f"the option {key!r} of architecture {name!r} is set by {_OURS[key]}; leave it out of "
                "architecture_options",
                key="architecture_options",
            )
    if name == "compact_alexnet":
        for key in options:
            raise _unknown_option(name, key, [])
        if image_size % 8:
            why = f"compact_alexnet needs an image_size that is a multiple of 8, not {image_size}"
            raise ModelError(why, key="image_size")
        return compact_alexnet(classes, channels, image_size)
    if name == "row_lstm":
        for key in options:
            raise _unknown_option(name, key, [])
        return RowLSTM(classes, channels, image_size)
    with _as_model_error(name, f"{classes} classes and {channels} x {image_size} x {image_size} images"):
        if not rest and name in torchvision_names():
            return _torchvision(name, classes, channels, image_size, options)
        return answers.scored(_timm(name, classes, channels, image_size, options), name, classes, None, output)


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


class RowLSTM(nn.Module):
    """Reads an image row by row, from above: two LSTMs of 96 hidden channels, then a hidden linear layer.

    A step is one row, channels * image_size numbers. What the second LSTM says after the last row is classified.
    """

    def __init__(self, classes: int, channels: int = 3, image_size: int = 32) -> None:
        super().__init__()
        self.lstm1 = nn.LSTM(channels * image_size, 96, batch_first=True)
        self.lstm2 = nn.LSTM(96, 96, batch_first=True)
        self.fc3, self.relu3, self.fc4 = nn.Linear(96, 64), nn.ReLU(), nn.Linear(64, classes)

    def forward(self, images: Tensor) -> Tensor:
        """(n, channels, H, W) to (n, classes) scores."""
        steps, _ = self.lstm1(images.movedim(2, 1).flatten(2))
        steps, _ = self.lstm2(steps)
        scores: Tensor = self.fc4(self.relu3(self.fc3(steps[:, -1])))
        return scores


def torchvision_names() -> list[str]:
    """Torchvision's classification networks."""
    from tlx.networks.torchvision_import import models

    names: list[str] = models.list_models(module=models)
    return names


def _torchvision(name: str, classes: int, channels: int, image_size: int, options: dict[str, Any]) -> nn.Module:
    from tlx.networks.torchvision_import import models

    ours: dict[str, Any] = dict(_OPTIONS.get(name, {}))
    if name.startswith("vit_"):
        ours["image_size"] = image_size
    if name.startswith("maxvit_"):
        ours["input_size"] = (image_size, image_size)
    made = _constructed(
        name, options, lambda given: models.get_model(name, weights=None, num_classes=classes, **given), ours
    )
    _take_channels(made, channels)
    return answers.scored(made, name, classes, None) if options.get("aux_logits") else made


def _constructed(
    name: str, options: dict[str, Any], make: Callable[[dict[str, Any]], nn.Module], ours: dict[str, Any]
) -> nn.Module:
    """What `make` makes of the options and ours; one that it does not know is told with those that it knows.

    The names are read off the class of the network without options: builders hand on whatever they are given.
    """
    try:
        return make(ours | options)
    except TypeError as error:
        found = re.search(r"(unexpected|multiple values for) (?:keyword )?argument '(\w+)'", str(error))
        if not found or (key := found[2]) not in options:
            raise
        if found[1] != "unexpected":
            raise ModelError(
                f"the option {key!r} of architecture {name!r} is part of what the name says; leave it out, or build "
                "the network in a function of your own and name that, package.module:function",
                key="architecture_options",
            ) from None
        parameters = inspect.signature(type(make(ours))).parameters.values()
        known = [one.name for one in parameters if one.default is not one.empty and one.name not in _OURS]
        raise _unknown_option(name, key, known) from None


def _unknown_option(name: str, key: str, known: list[str]) -> ModelError:
    if known:
        sentence = unknown(f"option of architecture {name!r}", key, known, shown=30)
    else:
        sentence = f"architecture {name!r} takes no options, and architecture_options gives {key!r}; leave it out"
    return ModelError(sentence, key="architecture_options")


def _take_channels(network: nn.Module, channels: int) -> None:
    """Exchanges the first convolution for one that takes so many channels, with random weights."""
    name, first = next((name, part) for name, part in network.named_modules() if isinstance(part, nn.Conv2d))
    if first.in_channels == channels:
        return
    parent, _, own = name.rpartition(".")
    like = {at: getattr(first, at) for at in ("kernel_size", "stride", "padding", "dilation")}
    made = nn.Conv2d(channels, first.out_channels, bias=first.bias is not None, **like)
    setattr(network.get_submodule(parent), own, made)


def _timm(name: str, classes: int, channels: int, image_size: int, options: dict[str, Any]) -> nn.Module:
    wanted = name.removeprefix("timm:")
    if importlib.util.find_spec("timm") is None:
        if wanted == name:
            raise ModelError(unknown("architecture", name, [*OURS, *torchvision_names()]))
        raise ModelError(f"architecture {name!r} needs timm, which is not installed; run: pip install timm")
    importlib.import_module("tlx.networks.torchvision_import")  # timm imports torchvision, which may need mending first
    timm = importlib.import_module("timm")
    if not timm.is_model(wanted):
        prefix = name.removesuffix(wanted)  # what is proposed can be written as it stands
        others = [] if prefix else [*OURS, *torchvision_names()]
        raise ModelError(unknown("architecture", name, [*others, *(f"{prefix}{one}" for one in timm.list_models())]))

    def made(given: dict[str, Any]) -> nn.Module:
        network: nn.Module
        try:  # transformers are built for one size; convolutional networks do not know the option
            network = timm.create_model(wanted, img_size=image_size, **given)
        except TypeError:
            network = timm.create_model(wanted, **given)
        return network

    return _constructed(name, options, made, {"pretrained": False, "num_classes": classes, "in_chans": channels})


def _own(name: str, classes: int, home: str, options: dict[str, Any]) -> nn.Module:
    module, _, function = name.partition(":")
    with _import_path(home):
        try:
            make: Callable[..., nn.Module] = getattr(importlib.import_module(module), function)
        except (ImportError, AttributeError, ValueError, TypeError) as error:
            raise ModelError(
                f"architecture {name!r} cannot be imported ({first_line(error)}); give package.module:function"
            ) from None
        except Exception as error:
            raise ModelError(f"architecture {name!r} cannot be imported ({_named(error)}); mend its module") from None
        with _as_model_error(name, f"{classes} classes"):
            _check_options(name, make, options)
            made = make(classes, **options)
    if not isinstance(made, nn.Module):
        raise ModelError(f"architecture {name!r} must return a torch module, not {type(made).__name__}")
    return made


def _check_options(name: str, make: Callable[..., nn.Module], options: dict[str, Any]) -> None:
    """Raises ModelError for an option that the user's function does not take, before it is called."""
    if not options:
        return
    _, *others = inspect.signature(make).parameters.values()  # the first is the number of classes
    if any(one.kind is one.VAR_KEYWORD for one in others):
        return
    known = [one.name for one in others if one.kind in (one.POSITIONAL_OR_KEYWORD, one.KEYWORD_ONLY)]
    for key in options:
        if key not in known:
            raise _unknown_option(name, key, known)


@contextmanager
def _import_path(home: str) -> Iterator[None]:
    """Within the block modules beside the case file come first; they are forgotten afterwards.

    Another case may have another module of the same name, and an edited one must be read anew.
    """
    if not home:
        yield
        return
    with _lock:
        before, writes = set(sys.modules), sys.dont_write_bytecode
        sys.path.insert(0, home)
        sys.dont_write_bytecode = True
        importlib.invalidate_caches()
        try:
            yield
        finally:
            sys.dont_write_bytecode = writes
            sys.path.remove(home)
            for name in set(sys.modules) - before:
                if str(getattr(sys.modules[name], "__file__", None) or "").startswith(str(Path(home)) + "/"):
                    del sys.modules[name]


@contextmanager
def _as_model_error(name: str, asked: str) -> Iterator[None]:
    """Whatever goes wrong in somebody else's code becomes one sentence."""
    try:
        yield
    except ModelError:
        raise
    except Exception as error:
        raise ModelError(f"architecture {name!r} cannot be built for {asked}: {_named(error)}") from None


def _named(error: Exception) -> str:
    return f"{type(error).__name__}: {first_line(error)}"
