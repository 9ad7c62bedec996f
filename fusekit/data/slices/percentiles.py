"""Percentiles of the voxels above a threshold: exact, and fast enough for whole volumes."""

from collections.abc import Sequence
from math import floor, sqrt

import numpy as np

#: Every so many voxels are looked at first; a prime, so that no row or slice length is a multiple of it.
_STRIDE = 61
#: With fewer sampled voxels than this, sorting all of them is as fast.
_FEW = 2000
#: Voxels looked at in one go: they stay in the processor's cache.
_BLOCK = 2**16


def percentiles_above(data: np.ndarray, threshold: float, percents: Sequence[float]) -> np.ndarray:
    """Return ``np.percentile(data[data > threshold], percents)``, the same to the last bit; some values lie above.

    A sample says between which two values each percentile lies; the voxels between them are sorted, those below them
    counted. Should the sample mislead, everything is sorted.
    """
    flat = as_stored(data)
    sample = flat[::_STRIDE]
    sample = np.sort(sample[sample > threshold])
    if len(sample) >= _FEW and flat.dtype.kind == "f":
        found = _from_sample(flat, flat.dtype.type(threshold), sample, [percent / 100 for percent in percents])
        if found is not None:
            return found
    return np.asarray(np.percentile(flat[flat > threshold], percents, overwrite_input=True))


def as_stored(data: np.ndarray) -> np.ndarray:
    """Return all values in the order of memory, without a copy where turned or flipped axes are all that is odd."""
    forwards = data[tuple(slice(None, None, -1 if step < 0 else 1) for step in data.strides)]
    order = sorted(range(data.ndim), key=lambda axis: -forwards.strides[axis])
    return np.ascontiguousarray(forwards.transpose(order)).reshape(-1)


def _from_sample(
    flat: np.ndarray, threshold: np.floating, sample: np.ndarray, shares: list[float]
) -> np.ndarray | None:
    limits = [_limits(sample, share, threshold) for share in shares]
    count, below = 0, [0] * len(shares)  # of the voxels above the threshold: all, and those not above a lower limit
    parts: list[list[np.ndarray]] = [[] for _ in shares]
    for start in range(0, flat.size, _BLOCK):
        block = flat[start : start + _BLOCK]
        block = block[block > threshold]
        count += block.size
        for place, (low, high) in enumerate(limits):
            above = block > low
            below[place] += block.size - int(np.count_nonzero(above))
            parts[place].append(block[above & (block <= high)])
    found = []
    for share, less, part in zip(shares, below, parts, strict=True):
        values = np.concatenate(part)
        position = share * (count - 1)
        lower, upper = floor(position) - less, min(floor(position) + 1, count - 1) - less
        if lower < 0 or upper >= len(values):
            return None
        values.partition((lower, upper))
        # numpy's own way from the one value to the other, so that the last bit agrees.
        rest, step = np.float64(position - floor(position)), values[upper] - values[lower]
        found.append(values[lower] + step * rest if rest < 0.5 else values[upper] - step * (1 - rest))
    return np.array(found)


def _limits(sample: np.ndarray, share: float, threshold: np.floating) -> tuple[np.floating, np.floating]:
    """Two values: the percentile is above the first, and not above the second."""
    # Eight standard deviations of the rank that the percentile has within a random sample.
    margin = 8 * sqrt(len(sample) * share * (1 - share)) + 8
    first, last = floor(share * len(sample) - margin), floor(share * len(sample) + margin)
    low = threshold if first < 0 else max(threshold, np.nextafter(sample[first], sample.dtype.type(-np.inf)))
    return low, sample[last] if last < len(sample) else sample.dtype.type(np.inf)
