"""Image files of every kind become the same square of pixels; what cannot is one sentence."""

from __future__ import annotations

import struct
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tlx.cases import Preprocessing
from tlx.errors import DataError
from tlx.images import decoding


def saved(path: Path, picture: Image.Image, **how: object) -> Path:
    picture.save(path, **how)
    return path


def centre(path: Path, channels: int = 3) -> list[int]:
    return decoding.read(path, Preprocessing(8, channels))[4, 4].tolist()


def test_sixteen_bits_are_scaled_not_cut(tmp_path: Path) -> None:
    """257 times an 8-bit level is that level; PIL's own conversion would make all of them white."""
    ramp = (np.arange(256, dtype=np.uint16).reshape(16, 16) * 257).astype(np.uint16)
    for name in ("deep.png", "deep.tif"):
        found = decoding.read(saved(tmp_path / name, Image.fromarray(ramp)), Preprocessing(16, 1))[..., 0]
        assert (found == np.arange(256).reshape(16, 16)).all()


def test_transparent_parts_are_white(tmp_path: Path) -> None:
    """In a palette, in grey and in colour; what is opaque keeps its colour."""
    clear = Image.new("RGBA", (8, 8), (200, 0, 0, 0))
    assert centre(saved(tmp_path / "rgba.png", clear)) == [255, 255, 255]
    assert centre(saved(tmp_path / "la.png", Image.new("LA", (8, 8), (0, 0)))) == [255, 255, 255]
    palette = Image.new("P", (8, 8), 1)
    palette.putpalette([0, 0, 0, 10, 20, 30])
    assert centre(saved(tmp_path / "clear.png", palette, transparency=1)) == [255, 255, 255]
    assert centre(saved(tmp_path / "bytes.png", palette, transparency=b"\xff\x00")) == [255, 255, 255]
    assert centre(saved(tmp_path / "opaque.png", palette, transparency=0)) == [10, 20, 30]


def test_a_photo_is_turned_as_its_camera_was(tmp_path: Path) -> None:
    """Orientation 6: the stored left column is the top row."""
    stored = np.zeros((8, 8, 3), np.uint8)
    stored[:, :2] = 255
    exif = Image.Exif()
    exif[0x0112] = 6
    found = decoding.read(saved(tmp_path / "turned.png", Image.fromarray(stored), exif=exif), Preprocessing(8))
    assert (found[:2] == 255).all()
    assert (found[2:] == 0).all()


def test_print_colours_are_converted(tmp_path: Path) -> None:
    found = centre(saved(tmp_path / "print.jpg", Image.new("CMYK", (8, 8), (0, 255, 255, 0)), quality=100))
    assert np.allclose(found, [255, 0, 0], atol=3)


@pytest.mark.parametrize(("mode", "channels"), [("L", 3), ("RGB", 1), ("1", 3), ("I;16", 3), ("RGBA", 1), ("P", 1)])
def test_grey_and_colour_meet(tmp_path: Path, mode: str, channels: int) -> None:
    path = saved(tmp_path / "white.png", Image.new(mode, (9, 5), 65_535 if mode == "I;16" else "white"))
    assert (decoding.read(path, Preprocessing(8, channels)) == np.full((8, 8, channels), 255)).all()


def test_a_bomb_is_refused_in_one_sentence(tmp_path: Path) -> None:
    """20,000 px squared, and half of that each way: refused by the header alone, before a pixel is decoded."""
    for side in (20_000, 10_000):
        parts = (b"IHDR" + struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0), b"IDAT" + zlib.compress(b"\0"))
        chunks = (struct.pack(">I", len(part) - 4) + part + struct.pack(">I", zlib.crc32(part)) for part in parts)
        path = tmp_path / "bomb.png"
        path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(chunks))
        with (
            warnings.catch_warnings(action="ignore"),  # as outside of tests, where PIL's warning is no error
            pytest.raises(DataError, match=r"bomb\.png has more than 89 million pixels.*make it smaller"),
        ):
            decoding.read(path, Preprocessing(8))


@pytest.mark.parametrize("content", [b"", b"not an image", b"\x89PNG\r\n\x1a\n" + b"\0" * 40, b"<svg/>"])
def test_what_is_no_image_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "<b>x.png"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"<b>x\.png cannot be read as an image") as caught:
        decoding.read(path, Preprocessing(8))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("suffix", ["png", "jpg", "gif", "tif", "webp", "bmp"])
def test_a_truncated_image_is_named(tmp_path: Path, suffix: str) -> None:
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3)).astype(np.uint8))
    path = saved(tmp_path / f"half.{suffix}", noise)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(DataError, match="cannot be read as an image"):
        decoding.read(path, Preprocessing(8))


def test_floating_point_pixels_are_refused(tmp_path: Path) -> None:
    path = saved(tmp_path / "float.tif", Image.new("F", (8, 8), 0.5))
    with pytest.raises(DataError, match="floating-point numbers"):
        decoding.read(path, Preprocessing(8))
