"""Domains kept as tensors, `kind = "tensors"`: images, labels and splits in one .safetensors file.

`pixels` (N, H, W, channels) uint8; `inputs` of the same shape, float32, where the networks are given other numbers than
the pixels after normalisation; `labels` (N,) index into the class names, which stand in the file's metadata; `split`
(N,) index into `results.SPLITS`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from tlx.errors import DataError, first_line
from tlx.results import SPLITS, DomainImages

_REMARK = "tlx"  # one key, since the order of several differs from one writing to the next


@dataclass(frozen=True, eq=False)
class Stored:
    """Who is in a file: labels (N,) index into classes; split: (N,) of SPLITS; shape: of an image, (H, W, channels)."""

    path: Path
    labels: np.ndarray
    classes: tuple[str, ...]
    split: np.ndarray
    shape: tuple[int, ...]
    has_inputs: bool

    def pixels(self, size: int, channels: int) -> np.ndarray:
        """(N, H, W, channels) uint8. Raises DataError where a case asks for images of another shape."""
        if self.shape != (size, size, channels):
            raise DataError(
                f"the images of {self.path.name} have the shape {self.shape}, and the case has image_size = {size} and "
                f"channels = {channels}; leave these keys as they were written"
            )
        with _refusing(self.path), safe_open(self.path, framework="np") as file:
            pixels: np.ndarray = file.get_tensor("pixels")
            return pixels

    def inputs(self) -> np.ndarray | None:
        """(N, H, W, channels) float32, or None where networks are given the pixels, normalised."""
        if not self.has_inputs:
            return None
        with _refusing(self.path), safe_open(self.path, framework="np") as file:
            inputs: np.ndarray = file.get_tensor("inputs")
            return inputs


def write(path: Path, images: DomainImages) -> None:
    """Writes a domain's images; the same images always make the same file."""
    parts = {
        "pixels": images.pixels,
        "labels": images.labels.astype(np.int64),
        "split": np.array([SPLITS.index(name) for name in images.split], dtype=np.uint8),
    }
    if images.inputs is not None:
        parts["inputs"] = images.inputs
    remark = json.dumps({"classes": list(images.classes)})
    save_file({name: np.ascontiguousarray(one) for name, one in parts.items()}, path, metadata={_REMARK: remark})


def read(path: Path) -> Stored:
    """What a file holds, its images apart. Raises DataError for any other file."""
    if not path.is_file():
        raise DataError(f"tensors {path} do not exist; tlx.case writes such a file for images of a notebook")
    with _refusing(path), safe_open(path, framework="np") as file:
        names, remark = set(file.keys()), json.loads((file.metadata() or {})[_REMARK])
        shapes = {name: tuple(file.get_slice(name).get_shape()) for name in names}
        kinds = {name: str(file.get_slice(name).get_dtype()) for name in names}
        labels, places = file.get_tensor("labels"), file.get_tensor("split")
        classes = tuple(map(_text, remark["classes"]))
        if kinds != {"pixels": "U8", "labels": "I64", "split": "U8"} | ({"inputs": "F32"} if "inputs" in names else {}):
            raise ValueError("its tensors are others")
        if len(shapes["pixels"]) != 4 or shapes.get("inputs", shapes["pixels"]) != shapes["pixels"]:
            raise ValueError("its images have no shape (N, H, W, channels)")
        if not labels.shape == places.shape == shapes["pixels"][:1] or not len(labels):
            raise ValueError("it does not hold one label and one split for each image")
        if labels.min() < 0 or labels.max() >= len(classes) or places.max() >= len(SPLITS):
            raise ValueError("a label or a split in it has no name")
        return Stored(path, labels, classes, np.array(SPLITS)[places], shapes["pixels"][1:], "inputs" in names)


def _text(name: Any) -> str:
    if not isinstance(name, str):
        raise TypeError("a class name is no text")
    return name


@contextmanager
def _refusing(path: Path) -> Iterator[None]:
    """Whatever is wrong with a file becomes one sentence."""
    try:
        yield
    except (SafetensorError, OSError, ValueError, TypeError, LookupError) as error:
        raise DataError(
            f"{path} holds no images as tlx.case writes them ({first_line(error)}); make the case again"
        ) from None
