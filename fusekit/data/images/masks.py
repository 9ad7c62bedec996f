"""Masks: drawn on the same grid as their image, they say which slices to look at, and which part of them."""

from math import ceil

import numpy as np

from fusekit.data.images.channels import grid_of, same_grid
from fusekit.data.images.volume import Volume
from fusekit.errors import DataError

#: A number so close to a whole one is rounded.
_WHOLE = 1e-3
FRACTIONAL = (
    "the mask is fractional (resampled, or a probability): voxels of half of its maximum or more count as marked"
)

EVERYWHERE = "the mask marks every voxel of the image (a marked voxel is above 0), so that it chooses nothing"


def is_fractional(mask: Volume) -> bool:
    """Whether a mask has values between whole numbers, by more than rounding: resampling leaves 0.9 and 0.000001."""
    return bool(np.abs(mask.data - np.rint(mask.data)).max() > _WHOLE)


def marked(mask: Volume) -> np.ndarray:
    """Voxels (X, Y, Z) bool that are marked: by any number above 0; in a fractional mask by half of its maximum."""
    if is_fractional(mask):
        return np.asarray((mask.data >= mask.data.max() / 2) & (mask.data > 0))
    return np.asarray(mask.data > _WHOLE)


#: The voxels of a volume along its three axes.
Box = tuple[slice, slice, slice]


def refuse_other_grid(volume: Volume, mask: Volume) -> None:
    """Refuse a mask that has another shape than the image, or corners a tenth of a voxel away from the image's."""
    if not same_grid(volume, mask):
        raise DataError(
            f"{mask.path or 'the mask'} is not drawn on the grid of {volume.path or 'its image'}: {grid_of(mask)}; the "
            f"image has {grid_of(volume)}. Resample the mask to the image."
        )


def mask_box(mask: Volume, margin: float) -> Box:
    """The box of the marked voxels (> 0) and at least ``margin`` mm on each side, as far as the volume reaches."""
    inside = marked(mask)
    if not inside.any():
        raise DataError(f"{mask.path or 'the mask'} marks no voxel of the image (a marked voxel is above 0).")
    edges = []
    for axis, (size, count) in enumerate(zip(mask.spacing, mask.data.shape, strict=True)):
        along = np.flatnonzero(inside.any(axis=tuple(other for other in range(3) if other != axis)))
        more = ceil(margin / size - 1e-6)  # headers round
        edges.append(slice(max(0, int(along[0]) - more), min(count, int(along[-1]) + 1 + more)))
    return edges[0], edges[1], edges[2]


def near(mask: Volume, margin: float) -> np.ndarray:
    """Voxels (X, Y, Z) bool whose centres lie within ``margin`` mm of a marked one's."""
    from scipy import ndimage

    box = mask_box(mask, margin)
    found = np.zeros(mask.data.shape, dtype=bool)
    away = ndimage.distance_transform_edt(~marked(mask)[box], sampling=mask.spacing)
    found[box] = away <= margin + 1e-6
    return found


def largest_slices(mask: Volume, axis: int, count: int) -> list[int]:
    """Return the ``count`` slices along an axis with the most ``marked`` voxels, in increasing order.

    Of slices with the same area the lower index is taken. Slices without masked voxels are not: a small mask gives
    fewer, and one without any is refused.
    """
    areas = np.count_nonzero(np.moveaxis(marked(mask), axis, 0), axis=(1, 2))  # (n,)
    chosen = [int(index) for index in np.argsort(-areas, kind="stable")[:count] if areas[index]]
    if not chosen:
        raise DataError(
            f"{mask.path or 'the mask'} marks no voxel of the image (a marked voxel is above 0; with slices.crop="
            "brain, within the brain's box). Correct it, or leave the mask of this scan empty to use slices.start to "
            "slices.stop."
        )
    return sorted(chosen)
