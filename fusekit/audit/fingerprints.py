"""Whether two small volumes are one image: a perceptual hash for organs, which all look alike.

A hash of a photograph says whether two pictures show the same; all heads do. What counts here is how a volume differs
from the cohort's mean, after everything that saving again may change has been fitted away: scale and offset, gamma
(the mean's square), a smooth bias field (the mean times low polynomials) and a small shift (the mean's gradient).

1. Fast, for all pairs: the correlation of two residuals. Two people's are independent, two copies' the same.
2. For the pairs that are left: how much of one volume's residual is explained if the other, with its own square,
   shading and shift, replaces the mean. Another person explains less than the mean does.

Measured on synthetic brains: see docs/explanation/audit.md.
"""

from collections.abc import Iterator

import numpy as np

#: Fewer volumes than this have no mean that differs enough from each of them.
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

    Thumbnails are (n, D, H, W) on any scale; blank ones are left out. Yields the share of the residual explained, and
    the two places, the lower first.
    """
    count, *shape = thumbnails.shape
    flat = thumbnails.reshape(count, -1)
    places = np.flatnonzero(flat.max(axis=1) > flat.min(axis=1))
    if len(places) < FEWEST:
        return
    owners = owners[places]
    # In chunks: of all volumes at once there is one array of numbers, what they are unlike in, and no other.
    chunks = [places[start : start + CHUNK] for start in range(0, len(places), CHUNK)]
    total = sum(flat[chunk].sum(axis=0, dtype=np.float64) for chunk in chunks)
    squares = sum((flat[chunk].astype(np.float64) ** 2).sum() for chunk in chunks)
    number = len(places) * flat.shape[1]
    scale = np.float32(np.sqrt(squares / number - (np.sum(total) / number) ** 2))

    def volumes(chosen: np.ndarray) -> np.ndarray:
        scaled: np.ndarray = flat[chosen].astype(np.float32) / scale  # (n, V)
        return scaled

    basis = _changes((total / len(places) / scale).astype(np.float32).reshape(shape))
    unlike = np.empty((len(places), flat.shape[1]), dtype=np.float32)
    energy = np.empty(len(places))
    for k, chunk in enumerate(chunks):
        rows = slice(k * CHUNK, k * CHUNK + len(chunk))
        unlike[rows] = _without(volumes(chunk), basis)
        energy[rows] = (unlike[rows] ** 2).sum(axis=1)
    unlike -= unlike.mean(axis=0)
    for k in range(len(chunks)):
        part = unlike[k * CHUNK : (k + 1) * CHUNK]
        part /= np.maximum(np.linalg.norm(part, axis=1, keepdims=True), 1e-6)
    for start in range(0, len(unlike), CHUNK):
        alike = unlike[start : start + CHUNK] @ unlike[start:].T  # (chunk, m - start)
        for a, b in np.argwhere(np.triu(alike, 1) > CANDIDATE) + start:
            if owners[a] == owners[b]:
                continue
            one, other = volumes(places[[a]]), volumes(places[[b]])
            explained = max(
                1 - float((_without(mine, _changes(theirs.reshape(shape))) ** 2).sum() / energy[i])
                for i, mine, theirs in ((a, one, other), (b, other, one))
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
