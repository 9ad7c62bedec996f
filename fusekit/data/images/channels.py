"""Channels: several images of a scan, red, green and blue, a mask: on one grid, that of the first image."""

import re
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import NamedTuple

import numpy as np

from fusekit.data.images import volume as reader
from fusekit.data.images.volume import Volume
from fusekit.errors import DataError

#: Column of a cohort's scans, or of a table of patients, that holds the path of a scan's first image; what the only
#: image of a scan is called. Column of a scan's mask.
IMAGE, MASK = "image", "mask"
COLOURS = ("red", "green", "blue")
#: ITU-R BT.601: what the colours add to a grey value, as Pillow and television have it.
LUMA = (0.299, 0.587, 0.114)
#: Voxels of two images on one grid lie so far apart at most, as a share of a voxel: headers round.
TOLERANCE = 0.1
#: The least share of the first image's field of view that the others cover: less is another part of the body.
LEAST_COVERED = 0.01
#: Share of a voxel by which an edge may be missed: headers round.
_EDGE = 1e-3
#: Where fields of view are compared, on so many places along each axis.
_PLACES = 48


class Channel(NamedTuple):
    """A channel of what a network reads."""

    name: str  # t1, red, mask
    image: str  # the image that it is of, e.g. t1; "mask" of a mask


#: The channel of one grey image.
ONE = (Channel(IMAGE, IMAGE),)


class Scan(NamedTuple):
    """A scan's files as they were read, and brought together."""

    files: tuple[Volume, ...]  # as they are on disk, in the order of the images; grey
    images: tuple[Volume, ...]  # one or three per file, on the first one's grid
    mask: Volume | None  # likewise
    notes: tuple[str, ...]


def columns_of(images: Sequence[str]) -> dict[str, str]:
    """Image -> column of its paths: ``image`` of the first, ``image:NAME`` of the others."""
    return {name: f"{IMAGE}:{name}" if number else IMAGE for number, name in enumerate(images)}


def check_names(images: Sequence[str]) -> None:
    """Refuse, by DataError, names of images that cannot be part of columns and of ``--image NAME=PATH``."""
    sound = all(re.fullmatch(r"[\w.-]+", name) for name in images)
    if not images or not sound or MASK in images or len(set(images)) < len(images):
        raise DataError(
            f"a scan's images are called {', '.join(map(repr, images)) or 'nothing'}: each takes a name of its own, of "
            f"letters, digits, '.', '-' and '_', and not {MASK!r}."
        )


def image_columns(columns: Iterable[Hashable]) -> list[str]:
    """Those among columns that hold paths of images, the first image's first."""
    return [IMAGE, *(name for name in map(str, columns) if name.startswith(f"{IMAGE}:"))]


def channels_of(images: Sequence[str], *, coloured: bool, masked: bool) -> tuple[Channel, ...]:
    """The channels that images give, ``coloured`` ones three each, and the mask's after them if it is one."""
    found = [Channel(name, name) for name in images]
    if coloured:
        alone = list(images) == [IMAGE]
        found = [Channel(one if alone else f"{name} {one}", name) for name in images for one in COLOURS]
    return (*found, *[Channel(MASK, MASK)] * masked)


def read_scan(paths: Mapping[str, Path], mask: Path | None, colour: str) -> Scan:
    """Read the images of a scan (name -> path) and its mask, and bring all to the grid of the first image.

    Images of other grids are resampled by their affines: linearly, background where they do not reach; nothing is
    registered. ``colour`` is that of a ``SlicePolicy``.

    Raises:
        DataError: an image cannot be read; fields of view do not overlap; grids differ and a file does not say where
            it lies in the body; the mask is on no grid of the scan's images.
    """
    names, files = list(paths), [reader.read(path) for path in paths.values()]
    notes = [note for volume in files for note in volume.notes]
    first, images = files[0], list[Volume]()
    for name, volume in zip(names, files, strict=True):
        own, said = _onto(volume, first, name, names[0])
        images += _colours(own, colour)
        notes += said
        if is_coloured(volume) and colour == "grey":
            notes.append("a colour picture was turned to grey")
        elif colour == "rgb" and not is_coloured(volume):
            notes.append("a grey image has equal red, green and blue")
    drawn = None if mask is None else _mask(reader.read(mask), files, notes)
    grey = tuple(replace(volume, data=_luma(volume.data)) for volume in files)
    return Scan(grey, tuple(images), drawn, tuple(dict.fromkeys(notes)))


def is_coloured(volume: Volume) -> bool:
    """Whether an image is in colour: (X, Y, Z, 3)."""
    return volume.data.ndim == 4


def same_grid(one: Volume, other: Volume) -> bool:
    """Whether two images have one shape, and corners that lie no farther apart than a tenth of a voxel."""
    if one.data.shape[:3] != other.data.shape[:3]:
        return False
    apart = (_corners(one) @ (one.affine - other.affine).T)[:, :3]
    return bool(np.abs(apart).max() <= TOLERANCE * min(one.spacing))


def grid_of(volume: Volume) -> str:
    """A grid as messages have it."""
    rows = "; ".join(" ".join(f"{value:.6g}" for value in row) for row in volume.affine[:3])
    return f"{' x '.join(map(str, volume.data.shape[:3]))} voxels with the affine [{rows}]"


def covered(first: Volume, other: Volume) -> float:
    """Share of the first image's field of view that lies inside another's, 0 to 1."""
    at = [(np.arange(n) + 0.5) * count / n - 0.5 for count in first.data.shape[:3] for n in (min(count, _PLACES),)]
    places = np.stack([*np.meshgrid(*at, indexing="ij"), np.ones([len(axis) for axis in at])])  # (4, x, y, z)
    there = np.tensordot(np.linalg.inv(other.affine) @ first.affine, places, axes=1)[:3]
    ends = np.array(other.data.shape[:3]).reshape(3, 1, 1, 1) - 0.5
    return float(((there >= -0.5 - 1e-6) & (there <= ends + 1e-6)).all(axis=0).mean())


def resampled(volume: Volume, grid: Volume, order: int = 1) -> Volume:
    """A volume at the voxels of another: linear (``order`` 1) or nearest (0), its darkest value where it has none.

    A voxel has its value as far as its faces: between the outermost centres and the edge of the field of view lies no
    background, as in SimpleITK.
    """
    from scipy import ndimage

    matrix, shape = np.linalg.inv(volume.affine) @ grid.affine, grid.data.shape[:3]
    data: np.ndarray = ndimage.affine_transform(volume.data, matrix, output_shape=shape, order=order, mode="nearest")
    steps = np.ogrid[tuple(slice(count) for count in shape)]
    for row, count in zip(matrix, volume.data.shape[:3], strict=False):
        place = sum((scale * step for scale, step in zip(row, steps, strict=False)), row[3])
        data[(place < -0.5 - _EDGE) | (place > count - 0.5 + _EDGE)] = volume.data.min()
    return replace(volume, data=data, affine=grid.affine, orientation=grid.orientation)


def _onto(volume: Volume, first: Volume, name: str, first_name: str) -> tuple[Volume, list[str]]:
    """An image on the grid of the first, and notes."""
    if volume is first or same_grid(first, volume):
        return volume, []
    if not (volume.orientation and first.orientation) or is_coloured(volume) or is_coloured(first):
        raise DataError(
            f"{volume.path} ({name}) and {first.path} ({first_name}) have different grids ({_size(volume)} and "
            f"{_size(first)} voxels), and where they lie in the body is not recorded in both. Bring them to one grid."
        )
    share = covered(first, volume)
    if share < LEAST_COVERED:
        apart = np.linalg.norm(_centre(volume) - _centre(first))
        raise DataError(
            f"{volume.path} ({name}) and {first.path} ({first_name}) do not show the same part of the body: their "
            f"fields of view overlap by {share:.1%}, and their centres lie {apart:.0f} mm apart. Are both of this "
            "scan? Correct the headers, or register the images."
        )
    notes = [f"{name} was brought to the grid of {first_name} by their headers (linear; no registration)"]
    if share < 0.5:
        notes.append(f"{name} covers less than half of the field of view of {first_name}; it is background elsewhere")
    return resampled(volume, first), notes


def _mask(mask: Volume, files: Sequence[Volume], notes: list[str]) -> Volume:
    """The mask on the first image's grid; it may have been drawn on that of another."""
    first = files[0]
    if not same_grid(first, mask) and any(same_grid(other, mask) for other in files[1:]):
        notes.append("the mask was drawn on another image of the scan, and brought to the first one's grid (nearest)")
        return resampled(mask, first, order=0)
    return mask  # looked at where it is used


def _colours(volume: Volume, colour: str) -> list[Volume]:
    if colour == "rgb":
        bands = [volume.data[..., k] for k in range(3)] if is_coloured(volume) else [volume.data] * 3
        return [replace(volume, data=band) for band in bands]
    if is_coloured(volume) and colour == "auto":
        raise DataError(
            f"{volume.path}: the picture is in colour; grey values are needed, since this cohort's first image is grey "
            "or the model was trained on grey ones. For three channels of every image: -o slices.colour=rgb; to turn "
            "colours to grey: -o slices.colour=grey."
        )
    return [replace(volume, data=_luma(volume.data))]


def _luma(data: np.ndarray) -> np.ndarray:
    """A colour (..., 3) as one grey value; grey as it is."""
    return data if data.ndim == 3 else np.asarray(data @ np.array(LUMA, dtype=np.float32))


def _corners(volume: Volume) -> np.ndarray:
    return np.array([[*corner, 1] for corner in product(*[(0, count - 1) for count in volume.data.shape[:3]])])


def _centre(volume: Volume) -> np.ndarray:
    return np.asarray(_corners(volume).mean(axis=0) @ volume.affine.T)[:3]


def _size(volume: Volume) -> str:
    return " x ".join(map(str, volume.data.shape[:3]))
