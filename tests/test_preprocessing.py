"""Images as models were trained on them: the pixels are torchvision's to the last level."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import small_case
import torch
from PIL import Image

from tlx import checking
from tlx.casefiles import reading
from tlx.cases import INTERPOLATIONS, LEVELS, ORIENTATIONS, RESIZES, TRANSPARENCIES, Domain, Preprocessing
from tlx.errors import DataError
from tlx.images import decoding, domains
from tlx.networks.torchvision_import import datasets, transforms

IMAGE_FOLDER = {"transparency": "dropped", "orientation": "ignored", "levels": "clipped"}
SIZES = [(37, 53), (53, 37), (48, 48), (101, 33), (9, 61), (21, 20), (5, 5)]  # width, height


def noise(size: tuple[int, int], channels: int = 3, seed: int = 0) -> np.ndarray:
    return np.random.default_rng((seed, *size)).integers(0, 256, (size[1], size[0], channels)).astype(np.uint8)


def torchvisions(size: int, to: int | tuple[int, int], interpolation: str = "bilinear", grey: bool = False):  # type: ignore[no-untyped-def]
    """What people write: Resize, CenterCrop, perhaps Grayscale; (H, W, channels) of a PIL image."""
    mode = transforms.InterpolationMode(interpolation)
    steps = [transforms.Grayscale()] if grey else []
    whole = transforms.Compose([*steps, transforms.Resize(to, mode), transforms.CenterCrop(size)])
    return lambda picture: np.asarray(whole(picture)).reshape(size, size, 1 if grey else 3)


@pytest.mark.parametrize("interpolation", INTERPOLATIONS)
@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize(("to", "side"), [(32, 24), (33, 24), (32, 23), (24, 0), (17, 24), (16, 23), (24, 24)])
def test_crops_are_torchvisions(size: tuple[int, int], to: int, side: int, interpolation: str) -> None:
    """Smaller and larger images of both orientations; crops with odd margins, and larger than the resized image."""
    how = Preprocessing(side or 24, resize="crop", resize_to=to if side else 0, interpolation=interpolation)
    picture = Image.fromarray(noise(size))
    assert (decoding.pixels(picture, how) == torchvisions(how.image_size, to, interpolation)(picture)).all()


@pytest.mark.parametrize("to", [0, 32, 15])
@pytest.mark.parametrize("size", SIZES, ids=str)
def test_squashed_images_are_torchvisions(size: tuple[int, int], to: int) -> None:
    """Resize((n, n)), and where `resize_to` says another n, with a centre crop behind it."""
    picture = Image.fromarray(noise(size))
    found = decoding.pixels(picture, Preprocessing(24, resize_to=to))
    assert (found == torchvisions(24, (to or 24, to or 24))(picture)).all()


def test_one_channel_is_resized_after_it_is_made() -> None:
    picture = Image.fromarray(noise((37, 53)))
    how = Preprocessing(24, 1, resize="crop", resize_to=30)
    assert (decoding.pixels(picture, how) == torchvisions(24, 30, grey=True)(picture)).all()


def test_a_thread_is_refused_before_it_fills_the_memory() -> None:
    """One pixel by 200,000 resized to 224 would be 45 million pixels wide."""
    with pytest.raises(ValueError, match="1 x 200000 px are too long and thin to be resized to 224 px"):
        decoding.pixels(Image.new("RGB", (1, 200_000)), Preprocessing(224, resize="crop"))


def written(home: Path) -> Path:
    """An image folder with files of every kind that becomes RGB in more than one way."""
    folder = home / "files" / "thing"
    folder.mkdir(parents=True)
    colours, alpha = noise((31, 22)), noise((31, 22), 1, seed=1)
    Image.fromarray(np.concatenate([colours, alpha], 2)).save(folder / "transparent.png")
    Image.fromarray(np.concatenate([alpha, noise((31, 22), 1)], 2), "LA").save(folder / "grey_alpha.png")
    palette = Image.fromarray(colours).quantize(16)
    palette.save(folder / "palette.png")
    palette.save(folder / "palette_hole.png", transparency=3)
    palette.save(folder / "palette_alpha.png", transparency=bytes(range(0, 256, 16)))
    Image.fromarray(colours).save(folder / "colour_key.png", transparency=tuple(int(v) for v in colours[0, 0]))
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[0x0112] = orientation
        Image.fromarray(colours).save(folder / f"turned_{orientation}.jpg", exif=exif, quality=95)
    deep = np.random.default_rng(2).integers(0, 65_536, (22, 31)).astype(np.uint16)
    Image.fromarray(deep).save(folder / "deep.png")
    Image.fromarray(deep).save(folder / "deep.tif")
    Image.fromarray((deep // 256).astype(np.uint16)).save(folder / "deep_and_dark.png")
    Image.fromarray((deep / 300).astype(np.float32)).save(folder / "float.tif")
    Image.fromarray(colours).convert("CMYK").save(folder / "print.jpg")
    Image.fromarray(colours).convert("1").save(folder / "two_levels.png")
    Image.fromarray(colours[..., 0]).save(folder / "grey.png")
    Image.fromarray(colours).save(folder / "moving.gif", save_all=True, append_images=[Image.fromarray(colours[::-1])])
    return folder.parent


@pytest.mark.filterwarnings("ignore:Palette images with Transparency:UserWarning")  # of their loader
@pytest.mark.parametrize("channels", [3, 1])
def test_files_become_rgb_as_image_folder_has_them(tmp_path: Path, channels: int) -> None:
    """Its default loader under the three switches; without them most of these files are others."""
    home = written(tmp_path)
    theirs = datasets.ImageFolder(str(home), torchvisions(16, 20, grey=channels == 1), is_valid_file=lambda _: True)
    how = Preprocessing(16, channels, resize="crop", resize_to=20, **IMAGE_FOLDER)  # type: ignore[arg-type]
    found = domains.load(Domain("folder", "things", str(home)), how)
    assert len(found) == len(theirs) == 22
    for at, name in enumerate(found.names):
        assert Path(theirs.samples[at][0]).name == Path(name).name
        assert (found.pixels[at] == theirs[at][0]).all(), name


@pytest.mark.parametrize(
    ("switch", "files"),
    [
        ("transparency", {"transparent", "grey_alpha", "palette_hole", "palette_alpha", "colour_key"}),
        ("orientation", {f"turned_{at}" for at in range(2, 9)}),
        ("levels", {"deep", "deep_and_dark"}),
    ],
)
def test_each_switch_changes_its_own_files_only(tmp_path: Path, switch: str, files: set[str]) -> None:
    folder = written(tmp_path) / "thing"
    (folder / "float.tif").unlink()  # which only one choice of `levels` reads
    plain, switched = (
        domains.load(Domain("folder", "things", str(tmp_path / "files")), how)
        for how in (Preprocessing(16), replace(Preprocessing(16), **{switch: IMAGE_FOLDER[switch]}))
    )
    others = [at for at in range(len(plain)) if (plain.pixels[at] != switched.pixels[at]).any()]
    assert {Path(plain.names[at]).stem for at in others} == files


def test_floating_point_levels_are_refused_unless_they_are_clipped(tmp_path: Path) -> None:
    path = tmp_path / "float.tif"
    Image.new("F", (8, 8), 77.0).save(path)
    with pytest.raises(DataError, match="floating-point numbers"):
        decoding.read(path, Preprocessing(8))
    assert (decoding.read(path, Preprocessing(8, levels="clipped")) == 77).all()


def test_a_large_photo_is_decoded_whole(tmp_path: Path) -> None:
    """A JPEG of 18 million pixels is what torchvision makes of it, not of an eighth of it."""
    path = tmp_path / "large.jpg"
    Image.fromarray(noise((60, 50))).resize((4_608, 3_840), Image.Resampling.BICUBIC).save(path, quality=80)
    with Image.open(path) as picture:
        theirs = np.asarray(picture.resize((32, 32), Image.Resampling.BILINEAR))
    assert (decoding.read(path, Preprocessing(32)) == theirs).all()


def test_rendered_digits_are_cropped_too() -> None:
    """They are drawn at `resize_to`, and their middle is taken."""
    for kind in ("printed-digits", "handwritten-digits"):
        domain = Domain(kind, "digits", per_class=1)
        whole = domains.load(domain, Preprocessing(32)).pixels
        cropped = domains.load(domain, Preprocessing(24, resize="crop", resize_to=32)).pixels
        assert (cropped == whole[:, 4:28, 4:28]).all()


CASE = """
architecture = "resnet18"
{keys}
[source]
kind = "folder"
title = "a"
path = "a"
[target]
kind = "folder"
title = "b"
path = "b"
"""


def case_of(home: Path, keys: str = ""):  # type: ignore[no-untyped-def]
    path = home / "case.toml"
    path.write_text(CASE.format(keys=keys), encoding="utf-8")
    return reading.examined(path)


def test_a_case_file_says_it(tmp_path: Path) -> None:
    keys = {"resize": "crop", "interpolation": "bicubic", **IMAGE_FOLDER}
    text = "\n".join([*(f'{key} = "{value}"' for key, value in keys.items()), "resize_to = 256"])
    case, problems = case_of(tmp_path, text)
    assert problems == []
    assert case.preprocessing == Preprocessing(224, 3, "crop", 256, "bicubic", "dropped", "ignored", "clipped")


@pytest.mark.parametrize(
    ("key", "valid"),
    [
        ("resize", RESIZES),
        ("interpolation", INTERPOLATIONS),
        ("transparency", TRANSPARENCIES),
        ("orientation", ORIENTATIONS),
        ("levels", LEVELS),
    ],
)
@pytest.mark.parametrize("given", ["stretch", ""])
def test_a_wrong_word_is_told_with_the_right_ones(tmp_path: Path, key: str, valid: tuple[str, ...], given: str) -> None:
    (problem,) = case_of(tmp_path, f'{key} = "{given}"')[1]
    assert problem.startswith(f"{key} {given!r} is unknown" if given else f"{key} must not be empty")
    assert all(word in problem for word in valid)


def test_a_side_out_of_range_is_told(tmp_path: Path) -> None:
    assert case_of(tmp_path, "resize_to = -1")[1] == ["resize_to must be from 0 to 4096, not -1"]


def test_only_what_differs_changes_the_key(tmp_path: Path) -> None:
    """Cases without the new keys keep their results; each key changes that of the images and all that follows."""
    plain = case_of(tmp_path)[0]
    for change in (
        {"resize": "crop"},
        {"resize_to": 256},
        {"interpolation": "bicubic"},
        *({k: v} for k, v in IMAGE_FOLDER.items()),
    ):
        other = replace(plain, **change)
        for part in ("data", "source", "models", "analysis"):
            assert other.fingerprint(part) != plain.fingerprint(part)
    said = 'resize = "squash"\nresize_to = 0\ninterpolation = "bilinear"\nlevels = "scaled"'
    assert case_of(tmp_path, said)[0].fingerprint() == plain.fingerprint()


def test_the_network_is_given_torchvisions_tensor(tmp_path: Path) -> None:
    """ToTensor and Normalize behind Resize and CenterCrop, bit for bit."""
    from tlx.networks import models

    case = replace(case_of(tmp_path)[0], image_size=24, resize="crop", resize_to=27)
    picture = Image.fromarray(noise((37, 53)))
    steps = [transforms.Resize(27), transforms.CenterCrop(24), transforms.ToTensor()]
    theirs = transforms.Compose([*steps, transforms.Normalize(case.mean, case.std)])(picture)
    ours = models.normalised(decoding.pixels(picture, case.preprocessing)[None], case)
    assert torch.equal(ours[0], theirs)


# Levels, and what is shown


def folder_of(home: Path, pictures: list[Image.Image], suffix: str = "png") -> Domain:
    for at, picture in enumerate(pictures):
        (home / "scans" / "abc"[at % 3]).mkdir(parents=True, exist_ok=True)
        picture.save(home / "scans" / "abc"[at % 3] / f"{at:02d}.{suffix}")
    return Domain("folder", "scans", str(home / "scans"))


@pytest.mark.parametrize(
    ("highest", "kind", "suffix", "said"),
    [
        (
            4_095,
            np.uint16,
            "png",
            r"9 of 9 images of scans .* levels from \d+ to 4,0\d\d only, where 65,535 is white, so",
        ),
        (4_095, np.uint16, "tif", r"levels from \d+ to 4,0\d\d only, where 65,535 is white, so .* nearly black"),
        (1, np.uint8, "png", "levels from 0 to 1 only, where 255 is white, so the networks see them nearly black"),
    ],
)
def test_levels_that_fill_a_small_part_of_their_range_are_told(
    tmp_path: Path, highest: int, kind: type, suffix: str, said: str
) -> None:
    """12 bits in files of 16, and levels 0 to 1 saved as 8 bits."""
    rng = np.random.default_rng(0)
    deep = [Image.fromarray(rng.integers(0, highest + 1, (24, 24)).astype(kind)) for _ in range(9)]
    assert re.search(said, domains.narrow(folder_of(tmp_path, deep, suffix)))


def test_grey_fog_is_told_in_other_words_and_good_images_are_not(tmp_path: Path) -> None:
    """Colour with alpha; a plain picture, a palette and two colours say nothing, one dark image of many little."""
    good = [Image.fromarray(noise((9, 9), 4, seed=at)) for at in range(20)]
    good += [Image.new("RGB", (9, 9), (7, 7, 7)), good[0].convert("RGB").quantize(4), Image.new("1", (9, 9))]
    dark = Image.fromarray((noise((9, 9)) // 10).astype(np.uint8))
    assert domains.narrow(folder_of(tmp_path / "good", [*good, dark])) == ""
    fog = [Image.fromarray((noise((9, 9), seed=at) // 10 + 180).astype(np.uint8)) for at in range(4)]
    told = domains.narrow(folder_of(tmp_path / "fog", [*good, *fog]))
    assert "4 of 27 images of scans that were looked at have levels from 180 to 205 only" in told
    assert "with hardly any contrast" in told
    assert domains.narrow(Domain("handwritten-digits", "digits")) == ""


def test_check_warns_of_such_levels(tmp_path: Path) -> None:
    home = small_case.write(tmp_path)
    for path in (tmp_path / "thin").rglob("*.png"):
        Image.fromarray((np.asarray(Image.open(path)) // 255).astype(np.uint8) + noise((16, 16)) // 128).save(path)
    warned = checking.inspect(home).warnings
    assert [(one.topic, one.key) for one in warned if "nearly black" in one] == [("data", "target.path")]


@pytest.mark.parametrize("channels", [3, 1])
def test_what_is_displayed_is_what_was_normalised(tmp_path: Path, channels: int) -> None:
    """Normalisation taken back, to the level; grey pictures have three equal channels."""
    from tlx.networks import models

    numbers = {"mean": (0.485, 0.456, 0.406)[:channels], "std": (0.229, 0.224, 0.225)[:channels]}
    case = replace(case_of(tmp_path)[0], channels=channels, **numbers)
    levels = np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1).repeat(channels, 3)
    shown = models.displayed(models.normalised(levels, case), case)
    assert shown.shape == (1, 16, 16, 3)
    assert (shown == levels).all()


def test_a_sample_is_one_image_of_a_few_classes(tmp_path: Path) -> None:
    """Spread over the classes, as `load` has them; broken files are left out."""
    domain = folder_of(tmp_path, [Image.fromarray(noise((20, 30), seed=at)) for at in range(9)])
    how = Preprocessing(12, resize="crop", resize_to=14)
    whole, few = domains.load(domain, how), domains.sample(domain, how)
    assert few.names.tolist() == ["a/00.png", "b/01.png", "c/02.png"]
    assert [few.classes[label] for label in few.labels] == ["a", "b", "c"]
    assert (few.pixels == whole.pixels[[0, 3, 6]]).all()
    assert domains.sample(domain, how, 2).names.tolist() == ["a/00.png", "c/02.png"]
    (tmp_path / "scans" / "b" / "01.png").write_bytes(b"no image")
    assert domains.sample(domain, how).names.tolist() == ["a/00.png", "c/02.png"]
    for path in (tmp_path / "scans").rglob("*.png"):
        path.write_bytes(b"no image")
    assert domains.sample(domain, how).pixels.shape == (0, 12, 12, 3)
    printed = Domain("printed-digits", "digits", per_class=3)
    assert (domains.sample(printed, how, 10).pixels == domains.load(printed, how).pixels[:10]).all()
