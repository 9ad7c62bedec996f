"""Masks: drawn on the same grid as their image, they say which slices to look at."""

from itertools import product

import numpy as np

from fusekit.data.images.volume import Volume
from fusekit.errors import DataError

#: A mask's voxels may lie so far from the image's, as a share of a voxel: headers round.
TOLERANCE = 0.1
#: A number so close to a whole one is rounded.
_WHOLE = 1e-3
FRACTIONAL = (
    "the mask is fractional (resampled, or a probability): voxels of half of its maximum or more count as marked"
)


def is_fractional(mask: Volume) -> bool:
    """Whether a mask has values between whole numbers, by more than rounding: resampling leaves 0.9 and 0.000001."""
    return bool(np.abs(mask.data - np.rint(mask.data)).max() > _WHOLE)


def marked(mask: Volume) -> np.ndarray:
    """Voxels (X, Y, Z) bool that are marked: by any number above 0; in a fractional mask by half of its maximum."""
    if is_fractional(mask):
        return np.asarray((mask.data >= mask.data.max() / 2) & (mask.data > 0))
    return np.asarray(mask.data > _WHOLE)


def refuse_other_grid(volume: Volume, mask: Volume) -> None:
    """Refuse a mask that has another shape than the image, or corners a tenth of a voxel away from the image's."""
    if volume.data.shape == mask.data.shape:
        corners = np.array([[*corner, 1] for corner in product(*[(0, count - 1) for count in volume.data.shape])])
        apart = np.abs((corners @ (volume.affine - mask.affine).T)[:, :3]).max()
        if apart <= TOLERANCE * min(volume.spacing):
            return
    raise DataError(
        f"{mask.path or 'the mask'} is not drawn on the grid of {volume.path or 'its image'}: {_grid(mask)}; the image "
        f"has {_grid(volume)}. Resample the mask to the image."
    )


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


def _grid(volume: Volume) -> str:
    rows = "; ".join(" ".join(f"{value:.6g}" for value in row) for row in volume.affine[:3])
    return f"{' x '.join(map(str, volume.data.shape))} voxels with the affine [{rows}]"
