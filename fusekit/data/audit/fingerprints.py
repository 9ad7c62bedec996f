"""Whether two small volumes are one image: a perceptual hash for organs, which all look alike.

A hash of a photograph says whether two pictures show the same; all heads do. What counts here is how a volume differs
from the cohort's mean, after everything that saving again may change has been fitted away: scale and offset, gamma
(the mean's square), a smooth bias field (the mean times low polynomials) and a small shift (the mean's gradient).

1. Fast, for all pairs: the correlation of two residuals. Two people's are independent, two copies' the same.
2. For the pairs that are left: how much of one volume's residual is explained if the other, with its own square,
   shading and shift, stands in for the mean. Another person explains less than the mean does.

Measured on synthetic brains: see docs/explanation/audit.md.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

#: Fewer volumes than this have no mean that could be told from one of them.
FEWEST = 8

#: Correlation of residuals from which a pair is looked at closely.
CANDIDATE = 0.5

#: Share of the residual explained (1 is a copy; among brains a stranger explains less than 0.3) above which two are one
#: image, and above which they may be one.
SAME, ALIKE = 0.85, 0.4

#: Volumes that are compared with all others at once: a chunk of the matrix of pairs takes 4 bytes times this times n.
CHUNK = 256


def near_pairs(thumbnails: np.ndarray, owners: np.ndarray) -> Iterator[tuple[float, int, int]]:
    """Find pairs of different owners that are one image (above ``SAME``), or may be (above ``ALIKE``).

    Args:
        thumbnails: (n, D, H, W), any scale; blank ones are left out.
        owners: (n,) whose each is.

    Yields:
        Share of the residual explained, and the two places, the lower first.
    """
    count, *shape = thumbnails.shape
    flat = thumbnails.reshape(count, -1).astype(np.float32)
    places = np.flatnonzero(flat.std(axis=1) > 0)
    if len(places) < FEWEST:
        return
    flat, owners = flat[places], owners[places]
    scale = np.float32(flat.std())
    volumes = flat / scale  # (m, V)
    mean = volumes.mean(axis=0).reshape(shape)
    residual = _without(volumes, _changes(mean))
    energy = (residual**2).sum(axis=1)
    unlike = residual - residual.mean(axis=0)
    unlike /= np.maximum(np.linalg.norm(unlike, axis=1, keepdims=True), 1e-6)
    for start in range(0, len(unlike), CHUNK):
        alike = unlike[start : start + CHUNK] @ unlike[start:].T  # (chunk, m - start)
        for a, b in np.argwhere(np.triu(alike, 1) > CANDIDATE) + start:
            if owners[a] == owners[b]:
                continue
            explained = max(
                1 - float((_without(volumes[[i]], _changes(volumes[j].reshape(shape))) ** 2).sum() / energy[i])
                for i, j in ((a, b), (b, a))
            )
            if explained > ALIKE:
                yield explained, int(places[a]), int(places[b])


def _changes(volume: np.ndarray) -> np.ndarray:
    """What saving a volume (D, H, W) again may add to it: an orthonormal basis (V, k)."""
    axes = np.meshgrid(*(np.linspace(-1, 1, n, dtype=np.float32) for n in volume.shape), indexing="ij")
    shades = [axes[i] * axes[j] for i in range(len(axes)) for j in range(i, len(axes))]
    fields = [
        np.ones_like(volume),
        volume,
        volume**2,
        *(volume * field for field in (*axes, *shades)),
        *(np.gradient(volume, axis=axis) for axis in range(volume.ndim) if volume.shape[axis] > 1),
    ]
    basis: np.ndarray = np.linalg.qr(np.stack([field.ravel() for field in fields], axis=1))[0]
    return basis


def _without(volumes: np.ndarray, basis: np.ndarray) -> np.ndarray:
    """Volumes (n, V) less their projection on a basis (V, k)."""
    left: np.ndarray = volumes - (volumes @ basis) @ basis.T
    return left
