"""What people have in a notebook, read as arrays: arrays and tensors, PIL images, datasets and loaders.

Nothing is resized, converted between colours or guessed: models are explained on the very numbers they are given.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
from PIL import Image
from torch import Tensor

from tlx.errors import DataError, first_line

_EXPECTED = "give (images, labels), or a dataset or loader of (image, label)"
_ARRAYS = "(n, H, W, channels) or (n, channels, H, W) with 1 or 3 channels"
_MODES = {"L": "grey", "RGB": "colour"}
_LOOKS = 8  # items of a dataset that are read twice


@dataclass(frozen=True, eq=False)
class Given:
    """One side's data. images: (N, H, W, channels), uint8 levels or float32; labels: (N,) int64 or texts.

    classes: the names that a dataset brings, or ().
    """

    images: np.ndarray
    labels: np.ndarray
    classes: tuple[str, ...] = ()

    @property
    def size(self) -> tuple[int, ...]:
        """(H, W, channels)."""
        return self.images.shape[1:]


def read(source: Any, side: str) -> Given:
    """The images and labels of one side, "source" or "target". Raises DataError for what is neither."""
    if isinstance(source, tuple) and len(source) == 2:
        images, labels, classes = *source, _classes(None)
    elif isinstance(source, str | bytes | Mapping | Tensor | np.ndarray) or not (_counted(source) or _goes_on(source)):
        raise DataError(f"{side} is of type {type(source).__name__}; {_EXPECTED}")
    else:
        images, labels = _items(source, side)
        classes = _classes(source)
    pictures, known = _images(images, side), _labels(labels, side)
    if len(pictures) != len(known):
        raise DataError(f"{side} has {len(pictures):,} images and {len(known):,} labels; give one label for each image")
    return Given(pictures, known, classes)


def _classes(dataset: Any) -> tuple[str, ...]:
    """The class names a dataset brings, also where it is within a loader or a subset."""
    while dataset is not None:
        names = getattr(dataset, "classes", None)
        if isinstance(names, list | tuple) and names and all(isinstance(name, str) for name in names):
            return tuple(names)
        dataset = getattr(dataset, "dataset", None)
    return ()


def _items(dataset: Any, side: str) -> tuple[list[Any], list[Any]]:
    """All images and labels, in order. Raises DataError where reading again gives others."""
    images: list[Any] = []
    labels: list[Any] = []
    try:
        for item in _each(dataset):
            image, label = _pair(item, side)
            if _is_batch(image, label):
                images += list(image)
                labels += list(label)
            else:
                images.append(image)
                labels.append(label)
        _check_steady(dataset, side)
    except DataError:
        raise
    except Exception as error:  # somebody else's dataset
        raise DataError(f"reading {side} fails ({type(error).__name__}: {first_line(error)}); {_EXPECTED}") from None
    return images, labels


def _goes_on(dataset: Any) -> bool:
    """Whether it is read from its beginning to its end, as a loader is."""
    return hasattr(dataset, "__iter__")


def _counted(dataset: Any) -> bool:
    """Whether its items can be asked for by number."""
    return isinstance(dataset, list | tuple) or (
        hasattr(dataset, "__getitem__") and hasattr(dataset, "__len__") and not _goes_on(dataset)
    )


def _each(dataset: Any) -> Iterator[Any]:
    return (dataset[at] for at in range(len(dataset))) if _counted(dataset) else iter(dataset)


def _pair(item: Any, side: str) -> tuple[Any, Any]:
    if not isinstance(item, tuple | list) or len(item) != 2:
        found = f"{len(item)} parts" if isinstance(item, tuple | list) else f"type {type(item).__name__}"
        raise DataError(f"{side} has items of {found}; {_EXPECTED}")
    return item[0], item[1]


def _is_batch(image: Any, label: Any) -> bool:
    return getattr(image, "ndim", 0) == 4 and (getattr(label, "ndim", 0) == 1 or isinstance(label, list | tuple))


def _check_steady(dataset: Any, side: str) -> None:
    """Reads a few items twice: what differs was drawn at random, and no result of it would hold again."""
    if _counted(dataset):
        places = np.unique(np.linspace(0, len(dataset) - 1, _LOOKS).astype(int)).tolist() if len(dataset) else []
        looks = [[dataset[at] for at in places] for _ in range(2)]
    elif iter(dataset) is dataset:
        return  # a generator can be read once
    else:
        looks = [list(islice(dataset, 1)) for _ in range(2)]
    for first, second in zip(*looks, strict=True):
        pairs = zip(_pair(first, side), _pair(second, side), strict=True)
        if not all(np.array_equal(_array(one), _array(other)) for one, other in pairs):
            raise DataError(
                f"{side} gives other images each time it is read, so no result would hold for them again: turn off "
                "shuffling and random transforms, as for an evaluation"
            )


def _array(value: Any) -> np.ndarray:
    if isinstance(value, Tensor):
        value = value.detach().cpu()
        return np.asarray(value.float() if value.dtype.is_floating_point else value)
    return np.asarray(value)


def _images(images: Any, side: str) -> np.ndarray:
    """(N, H, W, channels) uint8 or float32."""
    if isinstance(images, Tensor | np.ndarray) and images.dtype != object:
        return _arranged(_array_of(images, side), side)
    if not isinstance(images, Iterable) or isinstance(images, str | bytes | Mapping):
        raise DataError(f"the images of {side} are of type {type(images).__name__}; give an array, a tensor or a list")
    pictures = [_picture(image, side) for image in images]
    if not pictures:
        raise DataError(f"{side} holds no images")
    for at, picture in enumerate(pictures):
        if (picture.shape, picture.dtype) != (pictures[0].shape, pictures[0].dtype):
            raise DataError(
                f"image {at} of {side} is {_said(picture)}, and the first one is {_said(pictures[0])}; make them alike "
                "as the training of the models did (resize, crop, convert)"
            )
    return _arranged(np.stack(pictures), side)


def _said(picture: np.ndarray) -> str:
    return f"{' x '.join(map(str, picture.shape))} {picture.dtype}"


def _picture(image: Any, side: str) -> np.ndarray:
    if isinstance(image, Image.Image):
        if image.mode not in _MODES:
            raise DataError(
                f'{side} has an image of mode {image.mode!r}; convert all to "RGB" or "L" as the models\' training did'
            )
        pixels = np.asarray(image)
        return pixels if pixels.ndim == 3 else pixels[..., None]
    if not isinstance(image, Tensor | np.ndarray):
        raise DataError(f"{side} has an image of type {type(image).__name__}; give arrays, tensors or PIL images")
    return _array_of(image, side)


def _array_of(images: Tensor | np.ndarray, side: str) -> np.ndarray:
    """The same numbers as uint8 or float32. Raises DataError for others, and for what is no number."""
    if isinstance(images, Tensor) and images.is_meta:
        raise DataError(f"the images of {side} lie on torch's device meta, which holds no numbers")
    array = _array(images)
    if array.dtype == np.uint8:
        return array
    if array.dtype.kind != "f":
        raise DataError(
            f"the images of {side} are {array.dtype}; give uint8 levels from 0 to 255, or float32 as the "
            "models take them"
        )
    if not np.isfinite(array).all():
        raise DataError(f"the images of {side} hold values that are NaN or infinite")
    return array.astype(np.float32)


def _arranged(images: np.ndarray, side: str) -> np.ndarray:
    """(N, H, W, channels). Raises DataError where axes cannot be told, or images are no squares of a useful size."""
    if images.ndim == 3:
        images = images[..., None]
    first, last = (images.ndim == 4 and images.shape[axis] in (1, 3) for axis in (1, 3))
    if first == last:
        raise DataError(f"the images of {side} have the shape {images.shape}; expected {_ARRAYS}")
    arranged = images.transpose(0, 2, 3, 1) if first else images
    height, width = arranged.shape[1:3]
    if not len(arranged):
        raise DataError(f"{side} holds no images")
    if height != width or not 8 <= height <= 2048:
        raise DataError(
            f"the images of {side} are {height} x {width} pixels; squares of 8 to 2048 are needed, so pad or crop them "
            "if the models take that"
        )
    return np.ascontiguousarray(arranged)


def _labels(labels: Any, side: str) -> np.ndarray:
    """(N,) int64, or an array of texts."""
    if isinstance(labels, Sequence) and not isinstance(labels, str | bytes):
        labels = [
            one.item() if isinstance(one, Tensor | np.generic) and not getattr(one, "ndim", 0) else one
            for one in labels
        ]
        if any(isinstance(one, str) for one in labels) and not all(isinstance(one, str) for one in labels):
            raise DataError(f"the labels of {side} are names and numbers; give one or the other")
    try:
        array = _array(labels)
    except (ValueError, TypeError, RuntimeError) as error:
        raise DataError(f"the labels of {side} cannot be read ({first_line(error)}); give one for each image") from None
    if array.dtype.kind in "iu" and array.ndim == 1:
        return array.astype(np.int64)
    if array.dtype.kind in "OUT" and array.ndim == 1 and all(isinstance(one, str) for one in array.tolist()):
        return np.array(array.tolist(), dtype=object)
    hint = "; of scores or one-hot rows take argmax(1)" if array.ndim == 2 else ""
    raise DataError(
        f"the labels of {side} are {array.dtype} of the shape {array.shape}; give one class name or whole number for "
        f"each image{hint}"
    )
