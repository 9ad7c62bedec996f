"""A mean map on a template, roughly: images are not registered, so the template's most similar slice is looked for."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from fusekit.data import SlicePolicy, Volume, cut
from fusekit.data.slices.policy import Plane
from fusekit.errors import DataError

#: Height and width of what is shown, and of what is searched with.
SHOWN, SEARCHED = 128, 48

#: Step of the search along the template's axis, in mm.
STEP_MM = 4

#: Sizes of the template in the image that are tried, as shares of the image's height and width; a head with skull and
#: neck around it holds a smaller brain than a stripped one.
SIZES = (0.6, 0.7, 0.8, 0.9, 1.0, 1.1)

#: Shifts that are tried along each axis, in shares of the image.
SHIFTS = (-0.16, -0.08, 0.0, 0.08, 0.16)


class Laid(NamedTuple):
    """A map on a slice of a template."""

    mm: float  # where the slice lies along the template's axis
    likeness: float  # correlation of the mean image with the slice, -1 to 1
    image: np.ndarray  # (128, 128) grey levels of the slice, 0 to 255
    map: np.ndarray  # (128, 128)


@dataclass(frozen=True)
class Template:
    """A template's slices of one plane."""

    mm: np.ndarray  # (n,) where they lie along the template's axis
    images: np.ndarray  # (n, 128, 128) grey levels 0 to 255, proportions as a stretching slice policy makes them


@cache
def load_template(name: str, plane: Plane) -> Template:
    """The slices of a template without skull, every 4 mm, that hold a good part of the brain.

    Raises:
        DataError: there is none of that name.
    """
    if name != "mni152":
        raise DataError(f"there is no template {name!r}; there is: mni152.")
    from nilearn.datasets import load_mni152_template

    image: Any = load_mni152_template(resolution=2)
    volume = Volume(np.asarray(image.dataobj, dtype=np.float32), np.asarray(image.affine))
    axis = SlicePolicy(plane=plane).axis
    low, step = volume.affine[axis, 3], volume.affine[axis, axis]
    every = SlicePolicy(plane=plane, start=0, stop=volume.data.shape[axis], step=max(1, round(STEP_MM / step)))
    pixels, indices = cut(volume, every, SHOWN)
    filled = (pixels > 0).mean(axis=(1, 2))
    good = filled > filled.max() / 5
    return Template((low + step * np.array(indices))[good], pixels[good].astype(np.float64))


def lay_on(template: Template, images: np.ndarray, maps: np.ndarray) -> list[Laid]:
    """Find the slice, the size and the place of the template that correlate best with each image; move the maps there.

    Every slice, six sizes of each axis and five shifts of each are tried: what comes out is a place to look at, good to
    a few millimetres at best, and no registration.

    Args:
        images: (g, H, W) means of slices.
        maps: (g, H, W), on the same grid.
    """
    wanted = _unit(np.stack([_resized(image, SEARCHED) for image in images]).reshape(len(images), -1))
    along = [(size, shift) for size in SIZES for shift in SHIFTS]  # the same choices down and across
    grid = (np.arange(SEARCHED) + 0.5) / SEARCHED - 0.5
    weights = np.stack([_weights((grid - shift) / size, SEARCHED) for size, shift in along])  # (a, S, S)
    likeness = np.empty((len(template.mm), len(along) ** 2, len(images)))
    for number, slice_ in enumerate(template.images):
        down = weights @ _resized(slice_, SEARCHED)  # (a, S, S)
        looks = down[:, None] @ weights.transpose(0, 2, 1)[None]  # (a, a, S, S)
        likeness[number] = _unit(looks.reshape(len(along) ** 2, -1)) @ wanted.T
    grid = (np.arange(SHOWN) + 0.5) / SHOWN - 0.5
    laid = []
    for number, map_ in enumerate(maps):
        slice_number, frame = np.unravel_index(int(likeness[..., number].argmax()), likeness.shape[:2])
        (height, top), (width, left) = along[frame // len(along)], along[frame % len(along)]
        # What lies at u in the template's frame lies at size * u + shift in the image's.
        down, across = grid * height + top, grid * width + left
        moved = np.asarray(_weights(down, map_.shape[0]) @ map_ @ _weights(across, map_.shape[1]).T)
        best = float(likeness[slice_number, frame, number])
        laid.append(Laid(float(template.mm[slice_number]), best, template.images[slice_number], moved))
    return laid


def _unit(vectors: np.ndarray) -> np.ndarray:
    """Vectors (n, p) with mean 0 and length 1, so that their product is a correlation; constant ones are 0."""
    centred = vectors - vectors.mean(axis=1, keepdims=True)
    lengths = np.linalg.norm(centred, axis=1, keepdims=True)
    return np.asarray(centred / np.where(lengths > 0, lengths, 1.0))


def _weights(places: np.ndarray, count: int) -> np.ndarray:
    """(n, count): linear interpolation at n places of an axis."""
    at = (places + 0.5) * count - 0.5
    distance = np.abs(at[:, None] - np.arange(count)[None])
    inside = (places >= -0.5) & (places <= 0.5)
    weights = np.clip(1 - distance, 0, None)
    total = weights.sum(axis=1, keepdims=True)
    return np.where(inside[:, None], weights / np.where(total > 0, total, 1.0), 0.0)


def _resized(image: np.ndarray, size: int) -> np.ndarray:
    from PIL import Image

    picture = Image.fromarray(np.ascontiguousarray(image, dtype=np.float32))
    return np.asarray(picture.resize((size, size), Image.Resampling.BILINEAR), dtype=np.float64)
