"""Resize slices and whole volumes: square or cubic, without aliasing."""

import numpy as np

from fusekit.data.slices.policy import Fit


def fit_slice(image: np.ndarray, size: int, spacing: tuple[float, float], fit: Fit) -> np.ndarray:
    """Resize a slice (B, A) float32 to (size, size); ``spacing`` is a pixel's height and width in mm.

    ``stretch`` fills the square; ``pad`` keeps the proportions in mm and fills with 0.
    """
    rows, columns = _extents(image.shape, size, spacing, fit)
    return _centred(_resize(image, rows, columns), (size, size))


def fit_volume(data: np.ndarray, size: int, spacing: tuple[float, float, float], fit: Fit) -> np.ndarray:
    """Resize a volume (D, B, A) float32 to (size, size, size): plane by plane, then along the first axis.

    A bilinear filter is separable, so this is the trilinear one, as wide along each axis as that axis shrinks.
    """
    depth, rows, columns = _extents(data.shape, size, spacing, fit)
    planes = np.stack([_resize(plane, rows, columns) for plane in data])  # (D, rows, columns)
    resized = _resize(planes.reshape(len(planes), -1), depth, rows * columns)
    return _centred(resized.reshape(depth, rows, columns), (size, size, size))


def _extents(shape: tuple[int, ...], size: int, spacing: tuple[float, ...], fit: Fit) -> list[int]:
    if fit == "stretch":
        return [size] * len(shape)
    lengths = [count * apart for count, apart in zip(shape, spacing, strict=True)]
    return [max(1, round(size * length / max(lengths))) for length in lengths]


def _centred(array: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    if array.shape == shape:
        return array
    whole = np.zeros(shape, dtype=np.float32)
    starts = [(outer - inner) // 2 for outer, inner in zip(shape, array.shape, strict=True)]
    whole[tuple(slice(start, start + inner) for start, inner in zip(starts, array.shape, strict=True))] = array
    return whole


def _resize(image: np.ndarray, rows: int, columns: int) -> np.ndarray:
    from PIL import Image

    # Pillow works in one thread and without the interpreter's lock, so that a pool of threads fills all cores.
    small = Image.fromarray(np.ascontiguousarray(image)).resize((columns, rows), Image.Resampling.BILINEAR)
    return np.asarray(small, dtype=np.float32)
