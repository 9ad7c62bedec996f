"""What is measured of every volume while it is in memory anyway: the audit compares volumes by it."""

import hashlib
from math import ceil
from typing import Any

import numpy as np

from fusekit.data.images.volume import Volume
from fusekit.data.slices.percentiles import as_stored

#: Edge length of a thumbnail.
EDGE = 16
#: Grey levels are measured on every k-th voxel of an axis, k such that no axis gives more than so many.
SAMPLED = 100

_BINS = 256


def measure(volume: Volume) -> tuple[dict[str, Any], np.ndarray]:
    """Measure a volume in closest-canonical orientation, and make its thumbnail.

    Grey levels are measured on a regular grid of at most 100 x 100 x 100 voxels: all of them in smaller volumes.

    Returns:
        ``shape_x``, ``shape_y``, ``shape_z`` (voxels) and ``spacing_x``, ... (mm), after the turn to canonical axes;
        ``orientation`` as it was on disk, empty where the file does not say; ``low``, ``median``, ``high``: 1st, 50th
        and 99th percentile of the foreground, in the image's units; ``foreground``: the share of voxels brighter than
        Otsu's threshold; ``digest``: SHA-256 of shape and float32 voxels, x fastest. And the thumbnail (16, 16, 16)
        uint8: the mean over the voxels whose centres lie in each sixteenth of each axis (the nearest voxel where there
        are fewer), low to high becoming 0 to 255.
    """
    data = volume.data
    some = as_stored(data[tuple(slice(None, None, ceil(count / SAMPLED)) for count in data.shape)])
    bright = some[some > otsu(some)]
    low, median, high = (float(value) for value in np.percentile(bright if bright.size else some, [1, 50, 99]))
    digest, means = _look_through(data)
    facts: dict[str, Any] = {
        **{f"shape_{axis}": int(count) for axis, count in zip("xyz", data.shape, strict=True)},
        **{f"spacing_{axis}": size for axis, size in zip("xyz", volume.spacing, strict=True)},
        "orientation": volume.orientation,
        "low": low,
        "median": median,
        "high": high,
        "foreground": bright.size / some.size,
        "digest": digest,
    }
    width = high - low
    grey = (np.clip(means, low, high) - low) / width if width > 0 else (means >= high).astype(np.float32)
    return facts, np.rint(grey * 255).astype(np.uint8)


def otsu(values: np.ndarray) -> float:
    """Otsu's threshold (1979): the grey value that parts two classes with the largest variance between them.

    It is the centre of one of 256 equal bins from the lowest to the highest value; of equal values, their value.
    """
    if values.min() == values.max():
        return float(values.flat[0])
    counts, edges = np.histogram(values, _BINS)
    centres = (edges[:-1] + edges[1:]) / 2
    dark = np.cumsum(counts)
    total, sums = dark[-1], np.cumsum(counts * centres)
    bright = total - dark
    with np.errstate(all="ignore"):  # a class may be empty
        between = dark * bright * (sums / dark - (sums[-1] - sums) / bright) ** 2
    return float(centres[int(np.nanargmax(between[:-1]))])


def _look_through(data: np.ndarray) -> tuple[str, np.ndarray]:
    """Digest, and the mean over every block: one look at every axial plane, so no copy of the volume is made."""
    from PIL import Image

    seen = hashlib.sha256(" ".join(map(str, data.shape)).encode())
    planes = np.empty((data.shape[2], EDGE * EDGE), dtype=np.float32)
    for z, plane in enumerate(np.moveaxis(data, 2, 0)):
        rows = np.ascontiguousarray(plane.T, dtype="<f4")  # (Y, X)
        seen.update(rows.data)
        # Pillow's box filter: a mean, in one thread and without the interpreter's lock.
        planes[z] = np.asarray(Image.fromarray(rows).resize((EDGE, EDGE), Image.Resampling.BOX)).ravel()
    stack = Image.fromarray(planes).resize((EDGE * EDGE, EDGE), Image.Resampling.BOX)
    return seen.hexdigest(), np.asarray(stack).reshape(EDGE, EDGE, EDGE).transpose(2, 1, 0)
