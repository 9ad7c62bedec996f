"""Masks: drawn on the same grid as their image, they say which slices to look at, and which part of them."""

from math import ceil

import numpy as np

from fusekit.data.images.channels import grid_of, same_grid
from fusekit.data.images.volume import Volume
from fusekit.errors import DataError

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
    marked = mask.data > 0
    if not marked.any():
        raise DataError(f"{mask.path or 'the mask'} marks no voxel of the image (a marked voxel is above 0).")
    edges = []
    for axis, (size, count) in enumerate(zip(mask.spacing, mask.data.shape, strict=True)):
        inside = np.flatnonzero(marked.any(axis=tuple(other for other in range(3) if other != axis)))
        more = ceil(margin / size - 1e-6)  # headers round
        edges.append(slice(max(0, int(inside[0]) - more), min(count, int(inside[-1]) + 1 + more)))
    return edges[0], edges[1], edges[2]


def near(mask: Volume, margin: float) -> np.ndarray:
    """Voxels (X, Y, Z) bool whose centres lie within ``margin`` mm of a marked one's."""
    from scipy import ndimage

    box = mask_box(mask, margin)
    found = np.zeros(mask.data.shape, dtype=bool)
    away = ndimage.distance_transform_edt(~(mask.data[box] > 0), sampling=mask.spacing)
    found[box] = away <= margin + 1e-6
    return found


def largest_slices(mask: Volume, axis: int, count: int) -> list[int]:
    """Return the ``count`` slices along an axis with the most masked (> 0) voxels, in increasing order.

    Of slices with the same area the lower index is taken. Slices without masked voxels are not: a small mask gives
    fewer, and one without any is refused.
    """
    areas = np.count_nonzero(np.moveaxis(mask.data, axis, 0) > 0, axis=(1, 2))  # (n,)
    chosen = [int(index) for index in np.argsort(-areas, kind="stable")[:count] if areas[index]]
    if not chosen:
        raise DataError(
            f"{mask.path or 'the mask'} marks no voxel of the image (a marked voxel is above 0; with slices.crop="
            "brain, within the brain's box). Correct it, or leave the mask of this scan empty to use slices.start to "
            "slices.stop."
        )
    return sorted(chosen)
