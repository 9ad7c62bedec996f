"""Cut slices out of a volume: which ones, how bright, which way up, how large."""

from __future__ import annotations

import numpy as np

from fusekit.data.images import Volume
from fusekit.data.percentiles import as_stored, percentiles_above
from fusekit.data.policy import SlicePolicy
from fusekit.errors import DataError

#: Percentiles of the foreground that become black and white.
BLACK, WHITE = 0.5, 99.5

_DIRECTIONS = (("left", "right"), ("posterior", "anterior"), ("inferior", "superior"))


def cut(volume: Volume, policy: SlicePolicy, size: int) -> tuple[np.ndarray, list[int]]:
    """Cut the slices that a policy names, as a hospital workstation shows them.

    Radiological display: coronal slices have superior up and the patient's left on the viewer's right; axial slices
    anterior up and the patient's left on the viewer's right; sagittal slices superior up and anterior to the left.

    Brightness: the 0.5th and 99.5th percentiles of the volume's foreground become black and white, with the values
    beyond them clipped. The foreground is every voxel brighter than the darkest value, which in skull-stripped, masked
    and CT volumes is the background's fill. The scale is one for the whole volume, so slices compare.

    Size: a bilinear filter as wide as the shrinkage (no aliasing); see ``SlicePolicy.fit`` for the proportions.

    Args:
        volume: in closest-canonical orientation.
        policy: which slices.
        size: height and width of the result in pixels.

    Returns:
        Images (n, size, size) uint8 and the n indices along the volume's axis, in increasing order.

    Raises:
        DataError: the range is not inside the volume, or holds no slice; the message names file and extent.
    """
    indices = choose(volume, policy)
    black, white = grey_window(volume.data)
    slab = np.moveaxis(volume.data, policy.axis, 0)[indices]  # (n, A, B)
    # RAS arrays run to the right, to the front and upwards; rows run down and columns to the viewer's right.
    upright = slab.transpose(0, 2, 1)[:, ::-1, ::-1]  # (n, B, A)
    grey = (np.clip(upright, black, white) - black) / np.float32(white - black)
    across, down = (volume.spacing[axis] for axis in range(3) if axis != policy.axis)
    pixels = np.stack([_fit(image, size, down, across, policy) for image in grey])
    return np.rint(pixels * 255).astype(np.uint8), indices


def choose(volume: Volume, policy: SlicePolicy) -> list[int]:
    """Return the indices of a policy's slices along its axis.

    Raises:
        DataError: as ``cut``.
    """
    count = volume.data.shape[policy.axis]
    if policy.space == "voxel":
        places, low, high, unit = np.arange(count, dtype=float), 0.0, float(count), ""
    elif policy.space == "fraction":
        places, low, high, unit = (np.arange(count) + 0.5) / count, 0.0, 1.0, ""
    else:
        places, low, high, unit = *_in_mm(volume, policy.axis), " mm"
    start, end = _DIRECTIONS[policy.axis]
    extent = (
        f"the volume reaches from {low:g} to {high:g}{unit} ({start} to {end}, {count} slices of "
        f"{volume.spacing[policy.axis]:g} mm)"
    )
    asked = f"{policy.plane} slices from {policy.start:g} to {policy.stop:g}{unit} in {policy.space} space"
    where = f"{volume.path}: " if volume.path else ""
    if policy.start < low or policy.stop > high:
        raise DataError(
            f"{where}{asked} are not all inside: {extent}. Change slices.start, slices.stop or slices.space."
        )
    chosen = np.flatnonzero((places >= policy.start) & (places < policy.stop))[:: policy.step]
    if not len(chosen):
        raise DataError(f"{where}there are no {asked}: {extent}. Widen the range.")
    return [int(index) for index in chosen]


def grey_window(data: np.ndarray) -> tuple[float, float]:
    """Return the grey values that become black and white; ``data`` is not constant."""
    darkest = as_stored(data).min()
    black, white = percentiles_above(data, darkest, (BLACK, WHITE))
    # A mask has one foreground value: it is white, and the background black.
    return (float(black), float(white)) if white > black else (float(darkest), float(white))


def _in_mm(volume: Volume, axis: int) -> tuple[np.ndarray, float, float]:
    """World coordinate of every slice's centre, and of the volume's two outer faces."""
    count = volume.data.shape[axis]
    centre = (np.array(volume.data.shape) - 1) / 2
    line = np.append(centre, 1.0) * np.ones((count, 1))
    line[:, axis] = np.arange(count)
    # A micrometre's rounding: headers store single precision, and 3.9999998 mm means 4 mm.
    places = np.round(line @ volume.affine[axis], 3)
    half = abs(volume.affine[axis, axis]) / 2
    return places, round(float(places[0] - half), 3), round(float(places[-1] + half), 3)


def _fit(image: np.ndarray, size: int, down: float, across: float, policy: SlicePolicy) -> np.ndarray:
    """Resize one slice (B, A) to (size, size); ``down`` and ``across`` are a pixel's height and width in mm."""
    if policy.fit == "stretch":
        return _resize(image, size, size)
    height, width = image.shape[0] * down, image.shape[1] * across
    longest = max(height, width)
    rows, columns = (max(1, round(size * extent / longest)) for extent in (height, width))
    square = np.zeros((size, size), dtype=np.float32)
    top, left = (size - rows) // 2, (size - columns) // 2
    square[top : top + rows, left : left + columns] = _resize(image, rows, columns)
    return square


def _resize(image: np.ndarray, rows: int, columns: int) -> np.ndarray:
    from PIL import Image

    # Pillow works in one thread and without the interpreter's lock, so that a pool of threads fills all cores.
    small = Image.fromarray(np.ascontiguousarray(image)).resize((columns, rows), Image.Resampling.BILINEAR)
    return np.asarray(small, dtype=np.float32)
