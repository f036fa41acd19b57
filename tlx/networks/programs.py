"""What a module computes, apart from its weights, as a digest: so that an edited `forward` is another network.

Two modules of one digest answer alike once they hold the same state dict. In it are the modules by name and class,
their settings (strides, rates, lists of them), tensors that no state dict holds, hooks, and the compiled code of all
classes and functions that do not belong to an installed package, with the globals that this code uses. Packages are
taken by name. Not seen is what an object of another language hides.
"""

from __future__ import annotations

import dis
import functools
import hashlib
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

_PLAIN = (
    bool, int, float, complex, str, bytes, type(None), type(...), torch.dtype, torch.device, torch.memory_format,
    torch.Size, range, slice,
)  # fmt: skip
_OF_CLASSES = (types.FunctionType, staticmethod, classmethod, property, functools.cached_property, *_PLAIN)
_UNSAID = {"__module__", "__doc__", "__firstlineno__", "__static_attributes__"}
_STATE = {"_parameters", "_buffers", "_modules", "_non_persistent_buffers_set", "training", "_is_full_backward_hook"}
_DEEPEST = 40  # objects within objects; beyond that the kind alone says what they are


class _Within(NamedTuple):
    """A value that is a part of another."""

    value: Any


def digest(module: nn.Module) -> str:
    """Sixteen hex digits of everything about a module but its parameters and persistent buffers."""
    inner = dict(module.named_modules())
    places = {id(part): name for name, part in inner.items()}
    state = module.state_dict(keep_vars=True)
    # Kept alive while their identities stand for them; what is met again is not told again.
    known: dict[int, Any] = {id(one): one for one in (*inner.values(), *state.values())}
    seen = hashlib.sha256()
    for name, part in module.named_modules(remove_duplicate=False):
        first = places[id(part)]
        for word in (name, first, *(_told(_of_module(part), known, 0) if name == first else ())):
            seen.update(word.encode("utf-8", "surrogatepass") + b"\0")
    return seen.hexdigest()[:16]


def _told(parts: Iterator[str | _Within], known: dict[int, Any], depth: int) -> Iterator[str]:
    for part in parts:
        yield from [part] if isinstance(part, str) else _words(part.value, known, depth + 1)
    yield "."


def _words(value: Any, known: dict[int, Any], depth: int) -> Iterator[str]:
    """The value as a sequence of words."""
    if isinstance(value, _PLAIN):
        yield repr(value)
        return
    yield _named(type(value))
    if id(value) not in known and depth < _DEEPEST:
        known[id(value)] = value
        yield from _told(_parts(value), known, depth)


def _parts(value: Any) -> Iterator[str | _Within]:
    if isinstance(value, Tensor | np.ndarray):
        yield from _of_array(value)
    elif isinstance(value, list | tuple):
        yield from map(_Within, value)
    elif isinstance(value, set | frozenset):
        yield from sorted(map(repr, value))
    elif isinstance(value, dict):
        for key, one in value.items():
            yield from (_Within(key), _Within(one))
    elif isinstance(value, types.CodeType):
        yield value.co_code.hex()
        yield from value.co_names
        yield from map(_Within, value.co_consts)
    elif isinstance(value, type):
        yield from _of_class(value)
    elif isinstance(value, staticmethod | classmethod | types.MethodType):
        yield from (_Within(value.__func__), _Within(getattr(value, "__self__", None)))
    elif isinstance(value, property):
        yield _Within(value.fget)
    elif isinstance(value, types.FunctionType):
        yield from _of_function(value)
    elif isinstance(value, functools.partial):
        yield from (_Within(value.func), _Within(value.args), _Within(value.keywords))
    elif isinstance(value, types.ModuleType):
        yield value.__name__
    else:
        yield str(getattr(value, "__name__", ""))
        yield _Within(type(value))
        yield _Within(dict(getattr(value, "__dict__", {})))


def _of_array(value: Tensor | np.ndarray) -> Iterator[str]:
    yield f"{value.dtype} {tuple(value.shape)}"
    if isinstance(value, np.ndarray):
        yield hashlib.sha256(value.tobytes() if value.dtype != object else repr(value.tolist()).encode()).hexdigest()
    elif value.numel():
        flat = value.detach().cpu().contiguous().reshape(-1)
        yield hashlib.sha256(flat.view(torch.uint8).numpy().data).hexdigest()


def _of_module(module: nn.Module) -> Iterator[str | _Within]:
    """Its class and settings, and the kind of its parameters and buffers; not the modules within it."""
    yield _Within(type(module))
    for name, one in (*module._parameters.items(), *module._buffers.items()):
        yield f"{name} {None if one is None else (one.dtype, tuple(one.shape))}"
    for name in sorted(module._non_persistent_buffers_set):
        yield _Within(module._buffers[name])
    for name, setting in vars(module).items():
        if name.endswith("_hooks") and isinstance(setting, dict):
            yield from map(_Within, setting.values())  # under numbers that this process has counted
        elif name not in _STATE and not (name.startswith("_") and name.endswith(("_with_kwargs", "_always_called"))):
            yield from (name, _Within(setting))


def _of_class(kind: type) -> Iterator[str | _Within]:
    """Its own code and that of the classes it is made from."""
    for one in kind.__mro__:
        yield _named(one)
        if not _is_of_a_package(one.__module__):
            for name, part in vars(one).items():
                if isinstance(part, _OF_CLASSES) and name not in _UNSAID:
                    yield from (name, _Within(part))


def _of_function(function: types.FunctionType) -> Iterator[str | _Within]:
    yield _named(function)
    if _is_of_a_package(function.__module__):
        return
    yield from (_Within(function.__code__), _Within(function.__defaults__), _Within(function.__kwdefaults__))
    for cell in function.__closure__ or ():
        try:
            yield _Within(cell.cell_contents)
        except ValueError:  # nothing was assigned to it yet
            yield ""
    for name in sorted(_globals(function.__code__)):
        yield from (name, _Within(function.__globals__.get(name)))


def _globals(code: types.CodeType) -> set[str]:
    """The names of globals that code and the code within it use."""
    own = {one.argval for one in dis.get_instructions(code) if one.opname in ("LOAD_GLOBAL", "LOAD_NAME")}
    return own.union(*(_globals(one) for one in code.co_consts if isinstance(one, types.CodeType)))


def _named(one: Any) -> str:
    return f"{getattr(one, '__module__', '')}.{getattr(one, '__qualname__', '')}"


def _is_of_a_package(module: str | None) -> bool:
    """Whether a module is torch, another installed package or Python's own, and not somebody's notebook or file."""
    root = str(module).partition(".")[0]
    if root == "__main__":
        return False
    if root in sys.stdlib_module_names or root in ("torch", "tlx"):
        return True
    file = getattr(sys.modules.get(str(module)), "__file__", None)
    return file is not None and not {"site-packages", "dist-packages"}.isdisjoint(Path(file).parts)
