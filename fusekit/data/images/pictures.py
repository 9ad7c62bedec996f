"""Pictures: PNG, JPEG, TIFF and BMP files as volumes of one slice, values as they were stored."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fusekit.data.images.contents import what_is
from fusekit.data.images.volume import DEFLATE_LIMIT, Volume, canonical, first_bytes, refuse_overclaimed
from fusekit.errors import DataError

PICTURE_SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp")
#: The tag of TIFF files that says whether 0 is black or white.
_PHOTOMETRIC = 262
NO_SPACING = "a picture records no place in the body: pixels are taken as 1 mm, and no figure names the patient's sides"

#: What a file begins with, its format's name, and the module and class of Pillow that read it. The classes are called
#: by themselves: ``Image.open`` warns of large pictures, and tries formats that are not wanted.
_KINDS = (
    (b"\x89PNG\r\n\x1a\n", "PNG", "PngImagePlugin", "PngImageFile"),
    (b"\xff\xd8\xff", "JPEG", "JpegImagePlugin", "JpegImageFile"),
    (b"II*\0", "TIFF", "TiffImagePlugin", "TiffImageFile"),
    (b"MM\0*", "TIFF", "TiffImagePlugin", "TiffImageFile"),
    (b"BM", "BMP", "BmpImagePlugin", "BmpImageFile"),
)


def read_picture(path: Path) -> Volume | None:
    """Read a picture as a volume (X, Y, 1), or (X, Y, 1, 3) in colour; None if it has none of ``PICTURE_SUFFIXES``.

    ``plane="axial"`` cuts the picture as every viewer shows it; which side of a patient is where, it does not say. A
    rotation that a camera noted (EXIF) is applied. Values are those of the file: 0 to 255, 0 to 65535, or floats. A
    colour picture whose three channels are equal is grey; an alpha channel that is the same everywhere is dropped.

    Refused are files that are empty, damaged or far smaller than what they claim to hold, pictures larger than Pillow
    allows, with varying transparency, several pages, or one value only.
    """
    if path.suffix.lower() not in PICTURE_SUFFIXES or path.is_dir():
        return None
    magic = first_bytes(path, 8)
    kind = next((kind for kind in _KINDS if magic.startswith(kind[0])), None)
    if kind is None:
        what = what_is(path)
        raise DataError(
            f"{path}: the file is no PNG, JPEG, TIFF or BMP picture, whatever its name says{': ' * bool(what)}{what}."
        )
    try:
        values, notes = _values(path, kind)
    except DataError:
        raise
    except Exception as error:  # a damaged file can make Pillow raise anything
        raise DataError(
            f"{path}: the {kind[1]} picture cannot be read; it is truncated or damaged. Get it again. "
            f"({type(error).__name__}: {error})"
        ) from error
    return as_shown(path, values, notes)


def as_shown(path: Path, values: np.ndarray, notes: Sequence[str], spacing: tuple[float, float] = (1.0, 1.0)) -> Volume:
    """A volume of one slice, which ``plane="axial"`` shows as viewers show the picture, with no word on sides.

    Args:
        path: for messages.
        values: (rows, columns), or (rows, columns, 3) in colour, float32.
        notes: on the file.
        spacing: from row to row and from column to column, in mm.
    """
    # As DICOM places an axial slice, so that this plane shows rows and columns as they are.
    affine = np.diag([-spacing[1], -spacing[0], 1.0, 1.0])
    return canonical(path, lambda: values.swapaxes(0, 1)[:, :, None], affine, notes, oriented=False)


def _values(path: Path, kind: tuple[bytes, str, str, str]) -> tuple[np.ndarray, tuple[str, ...]]:
    """The picture's values, (rows, columns) or (rows, columns, 3) float32, and notes on it."""
    from importlib import import_module

    from PIL import Image, ImageOps

    reader = getattr(import_module(f"PIL.{kind[2]}"), kind[3])
    # A stream, not a name: of a named file Pillow maps the memory, and gets a turned TIFF's rows wrong.
    with path.open("rb") as file, reader(file) as picture:
        (width, height), limit = picture.size, Image.MAX_IMAGE_PIXELS
        if limit is not None and width * height > limit:
            claim = f"the header claims {width:,} x {height:,} pixels; more than {limit:,} are not read"
            raise DataError(f"{path}: {claim}.")
        bits = {"1": 1, "I": 32, "F": 32}.get(picture.mode, 16 if ";16" in picture.mode else 8)
        refuse_overclaimed(path, width * height * len(picture.getbands()) * bits // 8, DEFLATE_LIMIT)
        pages = int(getattr(picture, "n_frames", 1))
        if pages > 1:
            raise DataError(f"{path}: the file holds {pages} pictures; give one file each, or a NIfTI volume.")
        deep = any(";16" in str(tile[3]) for tile in picture.tile) and picture.mode in ("LA", "RGB", "RGBA")
        picture.load()  # first: Pillow turns a TIFF while it loads it, and would turn it twice
        upright = ImageOps.exif_transpose(picture)
        # Of grey TIFFs whose 0 is white Pillow inverts those of 8 bits.
        inverted = kind[1] == "TIFF" and picture.tag_v2.get(_PHOTOMETRIC) == 0 and picture.mode.startswith("I;16")
    if inverted:
        notes: tuple[str, ...] = (NO_SPACING, "0 is white in the file (WhiteIsZero): the values are inverted")
        return np.float32(65535) - _channels(upright), notes
    notes = (NO_SPACING, "16 bits a channel are read as 8, as Pillow does") if deep else (NO_SPACING,)
    return grey_or_colours(path, _channels(upright)), notes


def _channels(picture: Any) -> np.ndarray:
    """The picture's values float32: (rows, columns), or (rows, columns, channels) with colours, opacity, or both."""
    if picture.mode == "1":
        picture = picture.convert("L")
    elif picture.mode in ("P", "PA"):
        picture = picture.convert("RGBA")
    elif picture.mode in ("CMYK", "YCbCr", "RGBX", "La", "RGBa", "HSV", "LAB"):
        picture = picture.convert("LA" if picture.mode == "La" else "RGBA" if picture.mode == "RGBa" else "RGB")
    return np.asarray(picture, dtype=np.float32)


def grey_or_colours(path: Path, pixels: np.ndarray) -> np.ndarray:
    """Values (rows, columns) of a picture whose colours are equal, else (rows, columns, 3); refuse varying opacity.

    ``pixels`` is (rows, columns), or (rows, columns, n) with grey or three colours, and opacity if n is 2 or 4.
    """
    if pixels.ndim == 2:
        return pixels
    channels = pixels.shape[2]
    if channels in (2, 4):
        alpha = pixels[:, :, -1]
        if alpha.min() != alpha.max():
            raise DataError(
                f"{path}: the picture's transparency varies from {alpha.min():g} to {alpha.max():g}, so its "
                "values depend on what lies behind. Save it without an alpha channel."
            )
    colours = pixels[:, :, : 3 if channels >= 3 else 1]
    return colours if (colours != colours[:, :, :1]).any() else colours[:, :, 0]
