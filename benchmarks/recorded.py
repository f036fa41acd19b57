"""What a network does with an image, found without tlx and without autograd: the torch functions that it calls.

The independent side of `benchmarks/architectures.py`: where a layer's value is final, through what every path to the
scores runs, and the network with any of these values in Captum's hands.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

# What follows a layer is told by the names of torch's functions, without underscores and reflections (`__rsub__`).
NORMS = {"batch_norm", "group_norm", "instance_norm", "layer_norm", "rms_norm"}
MOVED = {"permute", "transpose", "movedim", "contiguous", "to", "float", "type_as", "clone", "alias"}
LINEAR = {"add", "sub", "mul", "div", "truediv", "neg"}
CURVED = {
    "relu", "relu6", "hardtanh", "leaky_relu", "prelu", "rrelu", "elu", "selu", "celu", "gelu", "silu", "mish",
    "hardswish", "hardsigmoid", "sigmoid", "tanh", "softplus", "softsign", "log_sigmoid", "threshold", "clamp",
    "clamp_min", "clamp_max", "clip", "abs", "exp", "expm1", "log1p", "pow", "square", "erf", "maximum",
    "minimum", "where", "hardshrink", "softshrink",
}  # fmt: skip


@dataclass(frozen=True)
class Operation:
    """A torch function that was called: with which values, and which came out; image: value 0."""

    name: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


class Record(TorchFunctionMode):
    """Within the block, every torch function called on what depends on the image, in order, and its values by number.

    tapped: the value that `tap` exchanges when it is made; kept: values of which a copy is kept.
    """

    def __init__(self, image: Tensor, tapped: int = -1, tap: Callable[[Tensor], Tensor] | None = None) -> None:
        super().__init__()
        self.operations: list[Operation] = []
        self.kept: dict[int, Tensor] = {}
        self.wanted: set[int] = set()
        self.calls: dict[str, list[int]] = {}  # the values that each module answered with at its last call
        self.entered: dict[str, list[int]] = {}  # the values that entered each module then
        self.norms: dict[int, int] = {}  # what a module called a norm makes of a value, whatever it is made of
        self._tapped, self._tap = tapped, tap
        self._numbers, self._alive = {id(image): 0}, [image]  # kept alive, so that no identity is given twice

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        given = [*tensors(args), *tensors((kwargs or {}).values())]
        before = {id(one): one._version for one in given}
        inputs = tuple(dict.fromkeys(self._numbers[id(one)] for one in given if id(one) in self._numbers))
        result = func(*args, **(kwargs or {}))
        if not inputs:
            return result
        if func.__name__ == "__setitem__":
            made = [args[0]]
        else:
            made = [one for one in tensors([result]) if before.get(id(one)) != one._version]
        if not made:
            return result  # nothing was done: dropout that is off, say
        first = len(self._alive)
        if self._tap is not None and first == self._tapped and made[0] is result:
            result = self._tap(result)
            made = [result]
        self._alive += made
        for at, one in enumerate(made, first):
            self._numbers[id(one)] = at
            if at in self.wanted:
                self.kept[at] = one.detach().clone()
        self.operations.append(Operation(_plain(func.__name__), inputs, tuple(range(first, len(self._alive)))))
        return result

    def number(self, value: Any) -> int:
        """Of a value made within the block; -1 where it is none."""
        return self._numbers.get(id(value), -1)

    def run(self, network: nn.Module, image: Tensor) -> int:
        """Runs the network within the block; the scores' number."""

        def answered(name: str) -> Callable[..., None]:
            def hook(module: nn.Module, _inputs: Any, output: Any) -> None:
                self.calls[name] = [self.number(one) for one in tensors([output])]
                self.entered[name] = entering.pop()
                first, left = self.entered[name][:1], self.number(output)
                if _is_norm(module) and min([left, *first]) >= 0:
                    self.norms.update((at, left) for at in first)

            return hook

        def enter(_module: nn.Module, inputs: Any) -> None:
            entering.append([self.number(one) for one in tensors(inputs)])

        entering: list[list[int]] = []  # of the modules not yet left; taken then, since one may be changed in place
        handles = []
        for name, part in network.named_modules():
            if name:
                handles += [part.register_forward_pre_hook(enter), part.register_forward_hook(answered(name))]
        try:
            with self, torch.enable_grad():
                return self.number(network(image))
        finally:
            for handle in handles:
                handle.remove()


def _is_norm(module: nn.Module) -> bool:
    """By its name, unless it is a block of several modules (`ConvNormAct`)."""
    weighted = any(getattr(part, "weight", None) is not None and part.weight.ndim > 1 for part in module.modules())
    return "norm" in type(module).__name__.lower() and not weighted


def tensors(values: Iterable[Any]) -> Iterator[Tensor]:
    """Those among arguments or results, also in lists and dicts."""
    for value in values:
        if isinstance(value, Tensor):
            yield value
        elif isinstance(value, dict):
            yield from tensors(value.values())
        elif isinstance(value, list | tuple):
            yield from tensors(value)


def _plain(name: str) -> str:
    plain = name.strip("_")
    return (
        plain[1:] if name.startswith("__") and plain in ("radd", "rsub", "rmul", "rtruediv", "rdiv", "rpow") else plain
    )


class Truth:
    """What one recorded pass of the raw network says about its layers."""

    def __init__(self, network: nn.Module, image: Tensor) -> None:
        self.network, self.image = network, image
        network(image)  # what is made once and kept, such as tables of positions, is made before
        record = Record(image)
        self.score = record.run(network, image)
        self.calls, self.entered, self.norms = record.calls, record.entered, record.norms
        self.operations = record.operations
        self.maker = {value: one for one in self.operations for value in one.outputs}
        self.users: dict[int, list[Operation]] = {}
        for one in self.operations:
            for value in one.inputs:
                self.users.setdefault(value, []).append(one)

    def answer(self, module: str, part: int = 0) -> int:
        """The value that a module answered with at its last call, or one of several; -1 where it gave none."""
        values = self.calls.get(module, [])
        return values[part] if part < len(values) else -1

    def final(self, value: int) -> tuple[list[int], bool]:
        """Where a layer whose own output is `value` may be read, and whether a normalisation or activation follows.

        Behind its activation function, scaled by constants or not; where none follows, at its output or behind its
        normalisation.
        """
        chain = self._unmixed(value)
        for before in chain:
            after = self._curved(before)
            if after is not None:
                return self._unmixed(after, norms=False), True
        return chain, any(self.maker[at].name in NORMS for at in chain[1:])

    def _unmixed(self, value: int, *, norms: bool = True) -> list[int]:
        """A value and what normalisations and constants make of it, as long as nothing else uses what they had."""
        chain = [value]
        while True:
            users = self.users.get(chain[-1], [])
            passed = len(users) == 1 and (users[0].name in LINEAR | MOVED or (norms and users[0].name in NORMS))
            further = [self.norms[at] for at in chain if norms and self.norms.get(at, -1) > chain[-1]]
            if passed and users[0].inputs == (chain[-1],):
                chain.append(users[0].outputs[0])
            elif further:
                chain.append(further[0])
            else:
                break
        return chain

    def _curved(self, value: int) -> int | None:
        """What the activation function makes of a value: the first of its functions that nothing else goes around."""
        region, bent = {value}, set()
        for one in self.operations:
            if not any(at in region for at in one.inputs):
                continue
            if not set(one.inputs) <= region or one.name not in LINEAR | CURVED | MOVED:
                if value in one.inputs:
                    return None
                continue
            region.update(one.outputs)
            bends = one.name in CURVED or len(one.inputs) > 1 or any(at in bent for at in one.inputs)
            bent.update(one.outputs if bends else ())
            users = [user for at in region - set(one.outputs) for user in self.users.get(at, ())]
            if bends and all(set(user.outputs) <= region for user in users):
                return one.outputs[0]
        return None

    def complete(self, value: int) -> bool:
        """Whether every path from the image to the scores runs through a value."""
        seen, waiting = {value}, [self.score]
        while waiting:
            at = waiting.pop()
            if at in seen:
                continue
            if at == 0:
                return False
            seen.add(at)
            waiting += self.maker[at].inputs
        return True

    def axis(self, value: int, ndim: int) -> int | None:
        """Along which axis the neurons lie, by the first function after it that tells; None where none does."""
        waiting, seen = [(value, tuple(range(ndim)))], set()
        while waiting:
            at, axes = waiting.pop(0)
            for one in self.users.get(at, ()):
                if one.name in ("conv2d", "batch_norm", "group_norm", "adaptive_avg_pool2d") and len(axes) == 4:
                    return axes[1]
                if one.name in ("linear", "layer_norm"):
                    return axes[-1]
                if one.name in LINEAR | CURVED and one.outputs[0] not in seen:
                    seen.add(one.outputs[0])
                    waiting.append((one.outputs[0], axes))
        return None

    def values(self, wanted: Iterable[int], tapped: int = -1, tap: Any = None) -> dict[int, Tensor]:
        """Copies of these values, with one of them exchanged on the way."""
        record = Record(self.image, tapped, tap)
        record.wanted = set(wanted)
        record.run(self.network, self.image)
        return record.kept

    def tapped(self, value: int) -> Tapped:
        return Tapped(self.network, value)


class Tapped(nn.Module):
    """The network with a module that one of its values passes through, for Captum to hook: any value, of any call."""

    def __init__(self, network: nn.Module, value: int) -> None:
        super().__init__()
        self.network, self.value, self.tap = network, value, nn.Identity()

    def forward(self, image: Tensor) -> Tensor:
        # The copy is for in-place functions, which would change what Captum has been given.
        with Record(image, self.value, lambda made: self.tap(made).clone()):
            scores: Tensor = self.network(image)
        return scores
