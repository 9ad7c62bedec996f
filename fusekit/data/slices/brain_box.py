"""The bounding box of the brain, found by its shape alone: no template, no registration."""

from dataclasses import replace

import numpy as np

from fusekit.data.images.facts import otsu
from fusekit.data.images.masks import Box
from fusekit.data.images.volume import Volume

#: The box is sought on a copy with voxels of about this size, in mm.
COARSE = 2.0
#: Half the width, in mm, of what is cut through to part the brain from the rest of the head: tried in this order.
RADII = (4.0, 5.0, 6.0, 7.0, 8.0, 10.0, 12.0)
#: A brain with its sulci is not larger, in mm³; what is larger still holds the scalp or the neck.
LARGEST_BRAIN = 2.2e6
#: Grown back beyond what the cut left, in mm: the crowns of gyri are thinner than the cut.
REGROWN = 3.0


def brain_box(volume: Volume) -> Box:
    """Find the bounding box of the brain in a T1-weighted head, or in a brain whose skull was stripped.

    Otsu's threshold parts tissue from air, skull and fluid. What is thinner than twice a radius is cut away, which
    frees the brain from scalp, meninges, optic nerves and spinal cord; the largest piece that is left is the brain,
    and it is grown back by the radius and ``REGROWN`` within the tissue that it touches. The radius starts small, and
    grows until the piece is no larger than a human brain. The box has a margin of one coarse voxel on each side.

    The brain stem stays with the brain, and as much of the cord as is thicker than the cut. Where no radius parts
    brain and scalp the box is that of the head.
    """
    from scipy import ndimage

    steps = [max(1, round(COARSE / size)) for size in volume.spacing]
    spacing = [step * size for step, size in zip(steps, volume.spacing, strict=True)]
    coarse = _averaged(volume.data, steps)
    tissue = coarse > otsu(_capped(coarse))
    depth = ndimage.distance_transform_edt(tissue, sampling=spacing)  # mm to the nearest voxel that is no tissue
    brain = tissue
    deepest = float(depth.max())  # half of it where all radii are too large, as in an animal's brain
    for radius in [radius for radius in RADII if radius < deepest] or [deepest / 2]:
        labels, _ = ndimage.label(depth > radius)
        core = labels == np.bincount(labels[labels > 0]).argmax()  # the largest piece
        away = ndimage.distance_transform_edt(~core, sampling=spacing)
        opened = away <= radius
        labels, _ = ndimage.label((away <= radius + REGROWN) & tissue)
        brain = labels == labels[tuple(np.argwhere(core)[0])]  # the piece that holds the core
        if np.count_nonzero(opened & tissue) * np.prod(spacing) <= LARGEST_BRAIN:
            break
    edges = []
    for axis, (step, count) in enumerate(zip(steps, volume.data.shape, strict=True)):
        inside = np.flatnonzero(brain.any(axis=tuple(other for other in range(3) if other != axis)))
        edges.append(slice(max(0, (int(inside[0]) - 1) * step), min(count, (int(inside[-1]) + 2) * step)))
    return edges[0], edges[1], edges[2]


def crop(volume: Volume, box: Box) -> Volume:
    """Cut a volume down to a box; its affine keeps every voxel where it is in the world."""
    affine = volume.affine.copy()
    affine[:3, 3] += affine[:3, :3] @ [part.start for part in box]
    return replace(volume, data=volume.data[box], affine=affine)


def _capped(data: np.ndarray) -> np.ndarray:
    """Fat is far brighter than brain in some sequences, and would be the bright class by itself: cap it."""
    darkest, bright = float(data.min()), float(np.percentile(data, 98))
    tissue = data[data > darkest + 0.1 * (bright - darkest)]
    capped: np.ndarray = np.minimum(data, darkest + 1.5 * (float(np.median(tissue)) - darkest)) if tissue.size else data
    return capped


def _averaged(data: np.ndarray, steps: list[int]) -> np.ndarray:
    """Means over blocks of ``steps`` voxels; the last block of an axis may be smaller."""
    for axis, step in enumerate(steps):
        if step > 1:
            starts = np.arange(0, data.shape[axis], step)
            widths = np.diff([*starts, data.shape[axis]]).reshape([-1 if other == axis else 1 for other in range(3)])
            data = np.add.reduceat(data, starts, axis=axis) / widths.astype(np.float32)
    return data
