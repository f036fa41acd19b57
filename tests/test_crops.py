"""Receptive-field crops, counted out on an 8 x 8 image."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tlx.analysis import crops
from tlx.results import Activations, DomainImages, Layer


def images_of(pixels, labels=(0,), classes=("a",)):
    count = len(pixels)
    return DomainImages(
        pixels,
        np.array(labels),
        classes,
        np.full(count, "validation"),
        np.array([f"image {at}" for at in range(count)]),
    )


def test_a_crop_is_what_the_position_sees():
    """Field 3, stride 2, offset -1 on a 4 x 4 map: position (1, 2) sees rows 1 to 3 and columns 3 to 5."""
    pixels = np.arange(64, dtype=np.uint8).reshape(8, 8, 1)
    layer = Layer("conv", 1, "conv", 1, (4, 4), field=(3, 2, -1))
    np.testing.assert_array_equal(crops.crop(pixels, layer, 6), pixels[1:4, 3:6])


def test_a_crop_beyond_the_edge_is_grey_there():
    pixels = np.arange(64, dtype=np.uint8).reshape(8, 8, 1)
    layer = Layer("conv", 1, "conv", 1, (4, 4), field=(3, 2, -1))
    corner = crops.crop(pixels, layer, 0)[..., 0]
    np.testing.assert_array_equal(corner, [[128, 128, 128], [128, 0, 1], [128, 8, 9]])
    far = crops.crop(pixels, replace(layer, field=(5, 2, 0)), 15)[..., 0]
    np.testing.assert_array_equal(far[:2, :2], pixels[6:, 6:, 0])
    assert (far[2:] == 128).all()


def test_a_neuron_that_sees_everything_gets_the_whole_image():
    pixels = np.zeros((8, 8, 3), dtype=np.uint8)
    assert crops.crop(pixels, Layer("fc", 1, "linear", 1, (1, 1)), 0) is pixels


def test_the_strongest_instances_come_first_and_silent_ones_not_at_all():
    """Activations 0, 3, 1 of neuron 1: instances 1 and 2 in this order, with their classes."""
    values = np.array([[9, 0], [9, 3], [9, 1]], dtype=np.float32)
    told = Activations(values, np.zeros((3, 2), dtype=np.int32), values.mean(axis=0), ("fc",), (2,))
    images = images_of(np.arange(3, dtype=np.uint8).reshape(3, 1, 1, 1), labels=(0, 1, 0), classes=("a", "b"))
    found = crops.strongest(told, images, Layer("fc", 1, "linear", 2, (1, 1)), 1)
    assert [(one.instance, one.label, one.activation) for one in found] == [(1, "b", 3.0), (2, "a", 1.0)]
    assert [int(one.pixels[0, 0, 0]) for one in found] == [1, 2]
