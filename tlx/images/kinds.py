"""Which files are images that can be read here: by what Pillow has learned to open, and what is left out by name."""

from __future__ import annotations

import importlib
import importlib.util
import os
from collections import Counter
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

from PIL import Image

COMMON = {".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm"}

# What Pillow opens, at least in part, and nobody keeps photos in: pages, drawings, films, icons, tables of numbers,
# files with layers. EPS would have Ghostscript run what is in the file.
_NO_PHOTOS = {
    "BUFR", "CUR", "EPS", "FITS", "FLI", "GBR", "GRIB", "HDF5", "ICNS", "ICO", "IPTC", "MPEG", "PALM", "PDF", "PSD",
    "WMF",
}  # fmt: skip
_PLUG_INS = {
    "pillow_heif": "register_heif_opener",
    "pillow_avif": "",
    "pillow_jxl": "",
}  # module -> what has it join in
_UNREAD = {
    ".heic", ".heif", ".hif", ".avif", ".avifs", ".jxl", ".jxr", ".wdp", ".hdp", ".jls", ".bpg", ".flif", ".exr",
    ".hdr", ".dcm", ".dicom",
    ".raw", ".dng", ".cr2", ".cr3", ".crw", ".nef", ".nrw", ".arw", ".srf", ".sr2", ".raf", ".orf", ".rw2", ".pef",
    ".srw", ".x3f", ".3fr", ".iiq", ".kdc", ".dcr", ".mrw",
    ".svg", ".svgz", ".pdf", ".ps", ".eps", ".ai", ".wmf", ".emf", ".psd", ".psb", ".xcf",
}  # fmt: skip  # those that a plug-in may read, raw files of cameras, and pages, drawings and files with layers


def is_image(name: str) -> bool:
    """Whether a file of this name is an image by the end of its name."""
    suffix = _suffix(name)
    return suffix in COMMON or (bool(suffix) and suffix in _readable()[1])


def mark(name: str) -> str:
    """Tells a file apart that is read with this Pillow and its plug-ins, and perhaps is not with others."""
    return "\0read" if _suffix(name) not in COMMON and is_image(name) else ""


def formats() -> tuple[str, ...]:
    """Pillow's names of the formats that are read."""
    return _readable()[0]


def is_unread(name: str) -> bool:
    """Whether a file of this name is an image of a kind that cannot be read here."""
    return _suffix(name) in _UNREAD and not is_image(name)


def left_out(names: Iterable[str]) -> str:
    """Counts files of kinds that cannot be read, by kind."""
    kinds = Counter(map(_suffix, names)).most_common()
    several = sum(count for _, count in kinds) > 1
    return (
        f"{sum(count for _, count in kinds)} file{'s' * several} of kinds that Pillow cannot read "
        f"{'are' if several else 'is'} left out ({', '.join(f'{kind} {count}' for kind, count in kinds)}); convert "
        "them or install a plug-in"
    )


def looks_like_an_image(path: Path) -> bool:
    """Whether a file begins as images do, whatever its name."""
    try:
        with path.open("rb") as file:
            head = file.read(16)
    except OSError:
        return False
    return (
        head.startswith((b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF87a", b"GIF89a", b"II*\0", b"MM\0*", b"\xff\x0a"))
        or (head[:4], head[8:12]) == (b"RIFF", b"WEBP")
        or (head[:2], head[6:10]) == (b"BM", b"\0\0\0\0")
        or (head[4:8] == b"ftyp" and head[8:12] in (b"heic", b"heix", b"mif1", b"avif"))
    )


def _suffix(name: str) -> str:
    return os.path.splitext(name)[1].lower()  # noqa: PTH122  # asked of every file, and a Path costs four times as much


@lru_cache(maxsize=1)
def _readable() -> tuple[tuple[str, ...], frozenset[str]]:
    """Formats and ends of names that Pillow reads here, with the plug-ins that are installed."""
    Image.init()
    for module, join in _PLUG_INS.items():
        if importlib.util.find_spec(module) is not None:
            plug_in = importlib.import_module(module)
            if join:
                getattr(plug_in, join)()
    known = {suffix: kind for suffix, kind in Image.registered_extensions().items() if kind not in _NO_PHOTOS}
    # Pictures of several cameras, "MPO", are opened as JPEG and have no opener of their own.
    named = {suffix for suffix, kind in known.items() if kind in Image.OPEN or kind == "MPO"}
    return tuple(kind for kind in Image.ID if kind in known.values()), frozenset(named)
